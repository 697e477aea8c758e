"""Records the names and arguments of TensorFlow's public functions, classes and methods. Run by hand.

    /tmp/tf/bin/python -m tests.oracle.tensorflow_signatures

from the top of the repository, in an environment with TensorFlow and nothing of this project; it writes
`recorded/tf_signatures.json`. `tests/project/test_operations_page.py` compares the engine with that.
"""

from __future__ import annotations

import enum
import inspect
import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

RECORDED = Path(__file__).parent / "recorded" / "tf_signatures.json"
UNSPECIFIED = "<unspecified>"
# Namespaces that hold what the engine may have. Keras is compared elsewhere.
NAMESPACES = (
    "autodiff", "autograph", "autograph.experimental", "bitwise", "config", "config.experimental",
    "data", "data.experimental",
    "debugging", "debugging.experimental", "dtypes", "errors", "experimental", "io", "linalg",
    "linalg.experimental", "math", "math.special", "nest", "nn", "nn.experimental", "random",
    "random.experimental", "sets", "signal", "strings", "train",
)  # fmt: skip


def default_text(value: Any) -> str:
    """A default as text that does not depend on where TensorFlow lies in memory."""
    if type(value) is object:  # stands for an argument that was left out
        return UNSPECIFIED
    if isinstance(value, enum.Enum):
        return repr(value.value)
    if callable(value) and hasattr(value, "__name__"):
        return f"<{value.__name__}>"
    return repr(value)


def arguments(thing: Any) -> list[list[Any]] | None:
    """[name, default] for each argument, None for no default; None where Python cannot tell."""
    try:
        parameters = list(inspect.signature(thing).parameters.values())
    except (ValueError, TypeError):
        return None
    if isinstance(thing, type) and {p.name for p in parameters} == {"args", "kwargs"}:
        parameters = list(inspect.signature(thing.__init__).parameters.values())[1:]
    found: list[list[Any]] = []
    for p in parameters:
        stars = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        found.append([stars + p.name, None if p.default is p.empty else default_text(p.default)])
    return found


def methods(name: str, kind: type) -> dict[str, Any]:
    """The public methods and properties of a class; of a property only that it is there."""
    found: dict[str, Any] = {}
    for key in dir(kind):
        value = inspect.getattr_static(kind, key)
        if key.startswith("_"):
            continue
        if isinstance(value, (classmethod, staticmethod)):
            found[f"{name}.{key}"] = arguments(getattr(kind, key))
        elif callable(value):
            own = arguments(value)
            found[f"{name}.{key}"] = own[1:] if own and own[0][0] == "self" else own
        else:
            found[f"{name}.{key}"] = "attribute"
    return found


def entries(tf: Any) -> dict[str, Any]:
    """Every public name with its arguments; a namespace, and what is no function, by a word."""
    found: dict[str, Any] = {}
    for space in ("", *NAMESPACES):
        module = tf
        for part in filter(None, space.split(".")):
            module = getattr(module, part)
        for key in sorted(dir(module)):
            name = ".".join(filter(None, ("tf", space, key)))
            value = getattr(module, key)
            if key.startswith("_"):
                continue
            if isinstance(value, ModuleType):
                found[name] = "namespace"
            elif not callable(value) or isinstance(value, tf.DType):
                found[name] = "value"
            else:
                found[name] = arguments(value)
                if isinstance(value, type) and not issubclass(value, BaseException):
                    found.update(methods(name, value))
    return found


def record() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    found = {"about": {"tensorflow": tf.__version__}, **entries(tf)}
    lines = [f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in found.items()]
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{RECORDED.name}: {len(found) - 1} names, {RECORDED.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    record()
