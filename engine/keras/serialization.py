"""Objects as JSON and back, in Keras 3's own form, so that either reads what the other wrote.

An object becomes `{"module", "class_name", "config", "registered_name"}`. The module is the public place
in Keras: a class of `engine.keras.layers.core` stands as `keras.layers`. Reading a config never imports
a module that it names: classes are looked up by name, among the engine's own and those that were registered
or handed over as `custom_objects`. Code from it, which is what a lambda is, runs only with `safe_mode=False`.
"""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from engine import dtypes
from engine.keras import config as settings
from engine.keras import lambdas
from engine.keras.lookup import by_name, nearest
from engine.spec import TensorShape
from engine.tensor import Tensor
from engine.variable import Variable

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "register_keras_serializable",
    "serialize_keras_object",
]

# Classes that do not stand where their module says.
_PLACES = {
    "engine.keras.dtype_policy": "keras",
    "engine.keras.layer": "keras.layers",
    "engine.keras.operations": "keras.src.ops.numpy",
    "engine.keras.model": "keras",
    "engine.keras.sequential": "keras",
    "engine.keras.functional": "keras.src.models.functional",
    "engine.keras.optimizers.schedules": "keras.optimizers.schedules",
}
# The modules in which the classes that a config may name are looked for; no other is ever opened.
_OPEN = {
    "keras": "engine.keras",
    "keras.src.models.functional": "engine.keras.functional",
    "keras.src.ops.numpy": "engine.keras.operations",
    **{
        f"keras.{family}": f"engine.keras.{family}"
        for family in (
            "constraints", "initializers", "layers", "losses", "metrics", "models", "optimizers",
            "optimizers.schedules", "random", "regularizers",
        )
    },
}  # fmt: skip
_globally: dict[str, Any] = {}
_names: dict[Any, str] = {}


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.stack: list[dict[str, Any]] = []
        self.numbers: dict[int, tuple[Any, int]] | None = None
        self.read: dict[int, Any] | None = None
        self.safe_mode: bool | None = None


_scopes = _Scopes()


# --- names of one's own classes -----------------------------------------------------------------------


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[Any], Any]:
    """Decorator: a class or function of one's own that files may name.

    >>> @register_keras_serializable("course")
    ... def twice(x):
    ...     return 2 * x
    >>> serialize_keras_object(twice)["config"]
    'course>twice'
    """

    def register(item: Any) -> Any:
        full = f"{package}>{name or item.__name__}"
        if isinstance(item, type) and not hasattr(item, "get_config"):
            raise ValueError(
                f"{item.__name__} cannot be registered: it needs a get_config method that returns the "
                "arguments of __init__ as a dict."
            )
        _globally[full] = item
        _names[item] = full
        return item

    return register


def get_custom_objects() -> dict[str, Any]:
    """The classes and functions that every file may name; a dict to add to."""
    return _globally


@contextmanager
def custom_object_scope(custom_objects: dict[str, Any]) -> Iterator[None]:
    """A `with` block in which files may name these classes and functions."""
    _scopes.stack.append(dict(custom_objects))
    try:
        yield
    finally:
        _scopes.stack.pop()


CustomObjectScope = custom_object_scope


@contextmanager
def sharing_scope() -> Iterator[None]:
    """A `with` block in which configs with the same "shared_object_id" are read as one object."""
    before = _scopes.read
    _scopes.read = {}
    try:
        yield
    finally:
        _scopes.read = before


@contextmanager
def safe_mode_scope(safe_mode: bool) -> Iterator[None]:
    """A `with` block in which lambdas are refused or read; a block around it has decided already."""
    before = _scopes.safe_mode
    _scopes.safe_mode = safe_mode if before is None else before
    try:
        yield
    finally:
        _scopes.safe_mode = before


def get_registered_name(item: Any) -> str:
    """The name an object was registered under, else its own."""
    return _names.get(item, item.__name__)


def get_registered_object(
    name: str, custom_objects: dict[str, Any] | None = None, module_objects: Any = None
) -> Any:
    """The class or function with this name among those handed over or registered, or None."""
    for table in [*reversed(_scopes.stack), custom_objects or {}, _globally, module_objects or {}]:
        if name in table:
            return table[name]
    return None


# --- writing ------------------------------------------------------------------------------------------


def _place(module: str) -> str | None:
    """Where Keras keeps what is in this module of the engine; None for a module of someone else's."""
    if module in _PLACES:
        return _PLACES[module]
    parts = module.split(".")
    if parts[:2] != ["engine", "keras"] or len(parts) < 3:
        return None
    return f"keras.{parts[2]}"


def serialize_keras_object(obj: Any) -> Any:
    """An object, a function or a structure of them as what JSON can hold.

    Raises:
      TypeError: for an object without `get_config`.
    """
    if obj is None or isinstance(obj, (bool, int, float, str)):
        return obj
    if isinstance(obj, (list, tuple)):
        items = [serialize_keras_object(item) for item in obj]
        return tuple(items) if isinstance(obj, tuple) else items
    if isinstance(obj, dict):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    plain = _plain(obj)
    if plain is not None:
        return plain
    if hasattr(obj, "get_config") and not isinstance(obj, type):
        return _serialize_instance(obj)
    if isinstance(obj, functools.partial) or not callable(obj):
        raise TypeError(
            f"{obj!r} of type {type(obj).__name__} cannot be written to a config: it is neither a "
            "number, a string or a structure of them, nor has it a get_config method."
        )
    if lambdas.is_lambda(obj):
        return lambdas.as_value(obj)
    if isinstance(obj, type):
        raise TypeError(f"A config holds objects, not classes: write {obj.__name__}(...).")
    return {
        "module": "builtins",
        "class_name": "function",
        "config": get_registered_name(obj),
        "registered_name": "function",
    }


def _plain(obj: Any) -> Any:
    """Tensors, arrays, shapes, dtypes, slices and bytes; None for anything else."""
    if isinstance(obj, TensorShape):
        return obj.as_list()
    if isinstance(obj, (dtypes.DType, np.dtype)):
        return obj.name
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, (Tensor, Variable)):
        value = {"value": obj.numpy().tolist(), "dtype": obj.dtype.name}
        return {"class_name": "__tensor__", "config": value}
    if isinstance(obj, np.ndarray) and not obj.ndim:
        return obj.item()
    if isinstance(obj, np.ndarray):
        value = {"value": obj.tolist(), "dtype": obj.dtype.name}
        return {"class_name": "__numpy__", "config": value}
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode("utf-8")}}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(obj, slice):
        parts = [serialize_keras_object(part) for part in (obj.start, obj.stop, obj.step)]
        config = dict(zip(("start", "stop", "step"), parts, strict=True))
        return {"class_name": "__slice__", "config": config}
    return None


def _serialize_instance(obj: Any) -> dict[str, Any]:
    cls = type(obj)
    place = _place(cls.__module__)
    # Classes that are not public in Keras stand with their own name where others have null.
    internal = place is not None and place.startswith("keras.src")
    registered = cls.__name__ if internal else _names.get(cls)
    if place is None:
        place = None if cls.__module__ == "__main__" else cls.__module__
        registered = get_registered_name(cls)
    result = {
        "module": place,
        "class_name": cls.__name__,
        "config": serialize_keras_object(obj.get_config()),
        "registered_name": registered,
    }
    for extra in ("build_config", "compile_config"):
        read = getattr(obj, f"get_{extra}", None)
        found = read() if read else None
        if found is not None:
            result[extra] = serialize_keras_object(found)
    if _scopes.numbers is not None and hasattr(cls, "variables"):
        # The object is kept: a number of one that is gone could come again.
        result["shared_object_id"] = _scopes.numbers.setdefault(id(obj), (obj, id(obj)))[1]
    return result


def serialize_shared(obj: Any) -> Any:
    """As `serialize_keras_object`, with a "shared_object_id" in the configs of a layer that is met twice."""
    before = _scopes.numbers
    _scopes.numbers = {}
    try:
        config = serialize_keras_object(obj)
    finally:
        _scopes.numbers = before
    met: dict[int, int] = {}

    def count(part: Any) -> None:
        if isinstance(part, dict):
            if "shared_object_id" in part:
                met[part["shared_object_id"]] = met.get(part["shared_object_id"], 0) + 1
            part = list(part.values())
        for inner in part if isinstance(part, (list, tuple)) else ():
            count(inner)

    def pruned(part: Any) -> Any:
        if isinstance(part, dict):
            alone = met.get(part.get("shared_object_id", 0)) == 1
            return {
                k: pruned(v) for k, v in part.items() if not (alone and k == "shared_object_id")
            }
        return type(part)(map(pruned, part)) if isinstance(part, (list, tuple)) else part

    count(config)
    return pruned(config)


# --- reading ------------------------------------------------------------------------------------------


def deserialize_keras_object(
    config: Any,
    custom_objects: dict[str, Any] | None = None,
    safe_mode: bool = True,
    module_objects: Any = None,
) -> Any:
    """The inverse of `serialize_keras_object`.

    Args:
      config: what it returned, perhaps by way of JSON.
      custom_objects: names to classes and functions that the config may mention.
      safe_mode: refuse lambdas, which are Python code. Where one config is read inside another, the outer
        call decides.
      module_objects: names to classes and functions for a config that says no module.

    Raises:
      TypeError: for a class or function that is not known, or a config that is not one.
      ValueError: for a lambda, unless `safe_mode=False`; then for one that this Python cannot read.
    """
    if not isinstance(config, (dict, list, tuple)):
        return config  # a number, a string, or an object already
    with custom_object_scope(custom_objects or {}), safe_mode_scope(safe_mode):
        if isinstance(config, (list, tuple)):
            return type(config)(deserialize_keras_object(item) for item in config)
        if "class_name" not in config or "config" not in config:
            return {key: deserialize_keras_object(value) for key, value in config.items()}
        return _deserialize_named(config, module_objects)


def _deserialize_lambda(config: Any) -> Any:
    if _scopes.safe_mode is not False and not settings.unsafe_deserialization():
        raise ValueError(
            "The file holds a lambda, which is Python code; loading it would run code from the file. If you "
            "trust whoever made the file, pass safe_mode=False; else rebuild the model in Python and use "
            "load_weights."
        )
    import engine

    known = {"tf": engine, "keras": engine.keras, "np": np}
    for table in (_globally, *_scopes.stack):
        known |= table
    return lambdas.read(config, known)


def _deserialize_named(config: dict[str, Any], module_objects: Any) -> Any:
    kind: Any = config["class_name"]
    inner: Any = config["config"]
    inner = {} if inner is None else inner
    if kind in _READERS:
        return _READERS[kind](inner)
    if kind == "__lambda__":
        return _deserialize_lambda(inner)
    shape = str if kind == "function" else dict
    if not isinstance(inner, shape) or not isinstance(kind, str):
        raise TypeError(
            f"The config of {kind!r} should be a {shape.__name__}, but it is {inner!r}."
        )
    if kind == "function":
        return _find_function(str(inner), config.get("registered_name"))
    shared = config.get("shared_object_id")
    if _scopes.read is not None and shared in _scopes.read:
        return _scopes.read[shared]
    made = _find_class(config, kind, module_objects).from_config(inner)
    build = config.get("build_config")
    if build and hasattr(made, "build_from_config") and not getattr(made, "built", False):
        made.build_from_config(build)
    compiled = config.get("compile_config")
    if compiled and hasattr(made, "compile_from_config"):
        made.compile_from_config(compiled)
    if _scopes.read is not None and shared is not None:
        _scopes.read[shared] = made
    return made


_READERS: dict[str, Callable[[Any], Any]] = {
    "__tensor__": lambda c: Tensor(np.asarray(c["value"], dtypes.as_dtype(c["dtype"]).as_numpy_dtype)),
    "__numpy__": lambda c: np.asarray(c["value"], c["dtype"]),
    "__bytes__": lambda c: c["value"].encode("utf-8"),
    "__ellipsis__": lambda c: Ellipsis,
    "__slice__": lambda c: slice(*(deserialize_keras_object(c[k]) for k in ("start", "stop", "step"))),
}  # fmt: skip
_FUNCTIONS = ("activations", "losses", "metrics", "initializers", "regularizers", "constraints")


def _find_function(name: str, registered: str | None) -> Any:
    """A function of the caller or of the engine, by name."""
    own = get_registered_object(name)
    if own is None and registered not in (None, "function"):
        own = get_registered_object(str(registered))
    if own is not None:
        return own
    for part in _FUNCTIONS:
        read = getattr(importlib.import_module(f"engine.keras.{part}"), "get_function", None)
        function = read(name) if read else None
        if function is not None:
            return function
    raise TypeError(_unknown("function", name))


def _find_class(config: dict[str, Any], name: str, module_objects: Any) -> Any:
    """The class that a config names: one of the caller's, or one that stands in the module it says."""
    module, registered = config.get("module"), config.get("registered_name", name)
    builtin = module in _OPEN and registered is None
    found = None if builtin else get_registered_object(registered or name)
    if found is None and module in _OPEN and not name.startswith("_"):
        found = getattr(importlib.import_module(_OPEN[module]), name, None)
    elif found is None and module is None and module_objects is not None:
        found = by_name(name, module_objects)
    # What a module of the engine imports, such as a type, stands in it too, but has no from_config.
    if isinstance(found, type) and hasattr(found, "from_config"):
        return found
    raise TypeError(_unknown("class", name))


def _unknown(what: str, name: str) -> str:
    known = get_custom_objects()
    return (
        f"The config names the {what} {name!r}, which is not known here."
        f"{nearest(name, known) if known else ''} If it is your own, decorate it with "
        f"@tf.keras.saving.register_keras_serializable(), or pass custom_objects={{{name!r}: ...}}."
    )


def deserialize_settings(config: dict[str, Any]) -> dict[str, Any]:
    """A config with the objects in it made, ready for `__init__`."""
    return {
        name: deserialize_keras_object(value) if isinstance(value, (dict, list, tuple)) else value
        for name, value in config.items()
    }
