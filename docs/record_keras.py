"""Records the public names of Keras, for `docs/keras.md`. Run by hand, with Keras installed:

    KERAS_BACKEND=jax python -m docs.record_keras

It writes `docs/keras_names.json`: for each namespace its functions and classes.
"""

from __future__ import annotations

import json
import pkgutil
from importlib import import_module
from pathlib import Path

PATH = Path(__file__).with_name("keras_names.json")
PRIVATE = {"src", "_tf_keras", "legacy"}


def record() -> None:
    """Walks through the namespaces."""
    import keras

    found: dict[str, list[str]] = {}

    def visit(space: str, folder: list[str]) -> None:
        module = import_module(space)
        public = {name: value for name, value in vars(module).items() if not name.startswith("_")}
        inner = {info.name for info in pkgutil.iter_modules(folder)} - PRIVATE
        found[space] = sorted(
            name for name, value in public.items() if callable(value) and name not in inner
        )
        for name in sorted(inner):
            child = import_module(f"{space}.{name}")
            visit(f"{space}.{name}", list(getattr(child, "__path__", [])))

    visit("keras", list(keras.__path__))
    written = {"about": {"keras": keras.__version__}, "names": found}
    PATH.write_text(json.dumps(written, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
