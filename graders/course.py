"""The course as nbgrader sees it: its folders and its configuration, and nobody else's.

nbgrader is driven through its own API in this process. Its command line costs seconds to start,
and silently falls back to its defaults when it is run in another folder.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from nbgrader.apps.api import NbGraderAPI
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader
from traitlets.utils.importstring import import_item

from graders.errors import CourseError
from graders.sandbox.preprocess import SandboxedExecute
from graders.store import project_root

CONFIG = "nbgrader_config.py"
SANITIZE = ["Rebuilt", "ClearOutput", "DeduplicateIds", "OverwriteKernelspec", "OverwriteCells",
            "CheckCellMetadata"]  # fmt: skip
AUTOGRADE = ["SandboxedExecute", "HarmlessOutput", "IgnorePattern", "ClearMetadataPreprocessor",
             "LimitOutput", "SaveAutoGrades", "AssignLatePenalties",
             "CheckCellMetadata"]  # fmt: skip
SUBMITTED = "grading/submitted"
"""Where submissions are handed in. nbgrader never sees it: it reads what graders/intake.py made."""
FOLDERS = {
    "source_directory": "solutions",
    "release_directory": "exercises",
    "submitted_directory": "grading/intake",
    "autograded_directory": "grading/autograded",
    "feedback_directory": "grading/feedback",
}


class Course:
    """One course: where it is, and nbgrader set up for it.

    Without a root it is the course that the working directory lies in, or else this one.
    """

    def __init__(self, root: Path | None = None, **changes: Any) -> None:
        self.root = (root or _nearest()).resolve()
        file = self.root / CONFIG
        if not file.exists():
            raise CourseError(f"{self.root} is not the course: it has no {CONFIG}")
        self.config: Config = PyFileConfigLoader(file.name, path=str(self.root)).load_config()
        for name, value in changes.items():
            setattr(self.config.CourseDirectory, name, value)
        _find_tools()
        self.directory = CourseDirectory(config=self.config)
        self.api = NbGraderAPI(coursedir=self.directory, config=self.config)

    @property
    def grading(self) -> Path:
        """The folder of submissions, gradebook, feedback and grades. Git does not see it."""
        return self.root / "grading"

    def folder(self, step: str) -> Path:
        """The folder of one step: "source", "release", "submitted", "intake", "autograded", ...

        "submitted" is what learners handed in, as it came. nbgrader takes "intake" for that.
        """
        if step == "submitted":
            return self.root / SUBMITTED
        name = "submitted" if step == "intake" else step
        return self.root / getattr(self.directory, f"{name}_directory")

    def assignments(self) -> list[str]:
        """The names of the assignments, in order."""
        return sorted(notebook.parent.name for notebook in self.folder("source").glob("*/*.ipynb"))

    def assignment(self, given: str) -> str:
        """The assignment with this name, or the only one whose name starts with it."""
        every = self.assignments()
        found = [name for name in every if name == given] or [
            name for name in every if name.startswith(given)
        ]
        if len(found) != 1:
            known = ", ".join(every) or "none"
            what = "is the beginning of several" if found else "is none"
            raise CourseError(f"{given!r} {what} of the assignments: {known}")
        return found[0]

    def assert_active(self) -> None:
        """Raise unless nbgrader would use exactly the folders and classes that are meant.

        A typo in the configuration leaves a default in place without a word.
        """
        converter = Autograde(coursedir=self.directory, parent=self.api)
        checks = {
            "CourseDirectory.root": (Path(self.directory.root), self.root),
            "CourseDirectory.ignore": (self.directory.ignore, ["*"]),
            "Autograde.sanitize_preprocessors": (_names(converter.sanitize_preprocessors), SANITIZE),
            "Autograde.autograde_preprocessors": (
                _names(converter.autograde_preprocessors), AUTOGRADE),
            "SandboxedExecute": (
                SandboxedExecute in map(_class, converter.autograde_preprocessors), True),
        }  # fmt: skip
        for name, folder in FOLDERS.items():
            checks[f"CourseDirectory.{name}"] = (getattr(self.directory, name), folder)
        for name, (active, meant) in checks.items():
            if active != meant:
                raise CourseError(f"{CONFIG}: {name} is {active!r}, and should be {meant!r}")


def _nearest() -> Path:
    here = Path.cwd()
    return next((f for f in (here, *here.parents) if (f / CONFIG).exists()), project_root())


def _find_tools() -> None:
    """nbgrader makes a new gradebook with the command `alembic`, which it looks for on the PATH.
    It lies beside this Python, where the PATH does not lead when .venv was not activated."""
    tools, path = str(Path(sys.executable).parent), os.environ.get("PATH", "")
    if tools not in path.split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([tools, path])


def _class(step: Any) -> Any:
    """nbgrader's steps are classes or their names."""
    return import_item(step) if isinstance(step, str) else step


def _names(steps: list[Any]) -> list[str]:
    return [_class(step).__name__ for step in steps]
