"""Names to objects: 'sgd', 'mean_squared_error', 'relu' - and the nearest name for a slip."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any


def nearest(name: str, names: Iterable[str]) -> str:
    """' Did you mean ...?' with the closest name, or the list of all names."""
    known = sorted(names)
    near = difflib.get_close_matches(name.lower(), [n.lower() for n in known], n=1)
    if near:
        return f" Did you mean {next(n for n in known if n.lower() == near[0])!r}?"
    return f" Known names: {', '.join(known)}."


def find(kind: str, identifier: Any, table: Mapping[str, Any], base: type | None = None) -> Any:
    """What an argument such as `optimizer='sgd'` means.

    Strings are looked up without regard to case and underscores; a class is instantiated; an
    instance or function is returned as it is.

    Raises:
      ValueError: for a name that is not in the table, with the nearest one.
      TypeError: for something that is no `kind`.
    """
    if isinstance(identifier, str):
        plain = {name.lower().replace("_", ""): found for name, found in table.items()}
        found = plain.get(identifier.lower().replace("_", ""))
        if found is None:
            raise ValueError(
                f"There is no {kind} named {identifier!r}.{nearest(identifier, table)}"
            )
        return found() if isinstance(found, type) else found
    if isinstance(identifier, type) and base is not None and issubclass(identifier, base):
        return identifier()
    if (base is not None and isinstance(identifier, base)) or callable(identifier):
        return identifier
    raise TypeError(
        f"A {kind} is given by its name, an instance or a function, not by {identifier!r}."
    )


def snake_case(name: str) -> str:
    """'MeanSquaredError' becomes 'mean_squared_error', which is how Keras names things.

    >>> snake_case("Dense"), snake_case("MeanSquaredError")
    ('dense', 'mean_squared_error')
    """
    parts = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
    return parts.strip("_")


_counts: dict[str, int] = {}


def unique_name(base: str) -> str:
    """'dense', then 'dense_1', 'dense_2', ..."""
    count = _counts.get(base, 0)
    _counts[base] = count + 1
    return f"{base}_{count}" if count else base


def clear_names() -> None:
    """Starts the numbering of names again."""
    _counts.clear()
