"""Names to objects: 'sgd', 'mean_squared_error', 'relu' - and the nearest name for a slip."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any


def nearest(name: str, names: Iterable[str], also: Iterable[str] = ()) -> str:
    """' Did you mean ...?' with the closest of the names and of those that mean the same, or all names.

    >>> nearest("max_nrom", ["MaxNorm", "NonNeg"], also=["max_norm", "non_neg"])
    " Did you mean 'max_norm'?"
    """
    known = sorted(names)
    spelled = [*known, *also]
    near = difflib.get_close_matches(name.lower(), [n.lower() for n in spelled], n=1)
    if near:
        return f" Did you mean {next(n for n in spelled if n.lower() == near[0])!r}?"
    return f" Known names: {', '.join(known)}."


def find(kind: str, identifier: Any, table: Mapping[str, Any], base: type | None = None) -> Any:
    """What an argument such as `optimizer='sgd'` means.

    Strings are looked up without regard to case and underscores, those that are registered or in a
    `custom_object_scope` first. A class is instantiated, a config is read, and an instance or function is
    returned as it is.

    Raises:
      ValueError: for a name that is not in the table, with the nearest one.
      TypeError: for something that is no `kind`.
    """
    from engine.keras.serialization import deserialize_keras_object, get_registered_object

    found = identifier
    if isinstance(identifier, str):
        found = get_registered_object(identifier) or by_name(identifier, table)
        if found is None:
            near = nearest(identifier, table, also=[snake_case(name) for name in table])
            raise ValueError(f"There is no {kind} named {identifier!r}.{near}")
    elif isinstance(identifier, dict):
        found = deserialize_keras_object(identifier, module_objects=table)
    if isinstance(found, type):
        return found()
    if (base is not None and isinstance(found, base)) or callable(found):
        return found
    raise TypeError(
        f"A {kind} is given by its name, an instance or a function, not by {identifier!r}."
    )


def by_name(name: str, table: Mapping[str, Any]) -> Any:
    """The entry with this name, whatever its case and underscores; None if there is none."""
    plain = name.lower().replace("_", "")
    return next((table[key] for key in table if key.lower().replace("_", "") == plain), None)


def snake_case(name: str) -> str:
    """'MeanSquaredError' becomes 'mean_squared_error', which is how Keras names things.

    >>> snake_case("MeanSquaredError"), snake_case("Conv2DTranspose"), snake_case("SimpleRNN")
    ('mean_squared_error', 'conv2d_transpose', 'simple_rnn')
    """
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


_counts: dict[str, int] = {}


def unique_name(base: str) -> str:
    """'dense', then 'dense_1', 'dense_2', ..."""
    count = _counts.get(base, 0)
    _counts[base] = count + 1
    return f"{base}_{count}" if count else base


def clear_names() -> None:
    """Starts the numbering of names again."""
    _counts.clear()
