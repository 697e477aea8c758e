"""What `import graders.grade` says where only the learner's side of this package is.

The archive that a learner gets has the checks and hints, and nothing that releases or grades
(graders/archive.py). This names what is missing and who has it, instead of "No module named ...".
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

PACKAGE = Path(__file__).parent


class _LearnersCopy(MetaPathFinder):
    """Asked last, so it only hears of modules that nobody else has found."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, module = name.partition(".")
        if package != "graders" or not module or (PACKAGE / "instructor").is_dir():
            return None
        # No ModuleNotFoundError: `from graders import grade` would turn that into its own message.
        raise ImportError(
            f"there is no {name} here: this is the learner's copy of the course. It has the checks "
            "and hints of the exercises; what releases exercises and grades a class is in the "
            "course's repository, which instructors have.",
            name=name,
        )


def explain() -> None:
    """Have an import that fails in a learner's copy say why; in the repository nothing changes."""
    if not any(isinstance(finder, _LearnersCopy) for finder in sys.meta_path):
        sys.meta_path.append(_LearnersCopy())
