"""Nested structures: lists, tuples, named tuples and dicts, with anything else as a leaf.

Gradients, function arguments and datasets all speak of "a structure of tensors"; this module is the
one place that knows how to take such a structure apart and put it together again.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

__all__ = ["assert_same_structure", "flatten", "is_nested", "map_structure", "pack_sequence_as"]


def is_nested(seq: Any) -> bool:
    """True for a list, tuple or dict (or a subclass), False for a leaf such as None or a tensor."""
    return isinstance(seq, (list, tuple, Mapping))


def children(structure: Any) -> Iterable[Any]:
    """The parts of a list, tuple or dict, in the order of `flatten`."""
    if isinstance(structure, Mapping):
        return [structure[key] for key in sorted(structure)]
    return structure


def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """The leaves from left to right; dicts are read in the order of their sorted keys.

    >>> flatten({"b": [1, 2], "a": (3, None)})
    [3, None, 1, 2]
    """
    if not is_nested(structure):
        return [structure]
    return [leaf for child in children(structure) for leaf in flatten(child)]


def flatten_up_to(shallow: Any, structure: Any) -> list[Any]:
    """The parts of `structure` that stand where `shallow` has its leaves; they may be nested themselves.

    >>> flatten_up_to([0, {"a": 0}], [[1, 2], {"a": 3}])
    [[1, 2], 3]
    """
    if not is_nested(shallow):
        return [structure]
    assert_same_level(shallow, structure)
    pairs = zip(children(shallow), children(structure), strict=True)
    return [part for one, other in pairs for part in flatten_up_to(one, other)]


def _rebuild(structure: Any, children: list[Any]) -> Any:
    """A structure of the same type and keys as `structure`, holding `children`."""
    if isinstance(structure, Mapping):
        by_key = dict(zip(sorted(structure), children, strict=True))
        ordered = {key: by_key[key] for key in structure}
        if type(structure) is dict:
            return ordered
        if not isinstance(structure, dict):
            return type(structure)(ordered)  # type: ignore[call-arg]
        same_kind = copy.copy(structure)  # a defaultdict is not made from its content alone
        same_kind.update(ordered)
        return same_kind
    if hasattr(structure, "_fields"):  # a named tuple takes its fields one by one
        return type(structure)(*children)
    return type(structure)(children)


def pack_sequence_as(
    structure: Any, flat_sequence: Iterable[Any], expand_composites: bool = False
) -> Any:
    """The inverse of `flatten`: `flat_sequence` arranged like `structure`.

    Raises:
      ValueError: when the number of leaves is not that of the structure.

    >>> pack_sequence_as({"b": [0, 0], "a": 0}, [1, 2, 3])
    {'b': [2, 3], 'a': 1}
    """
    leaves = list(flat_sequence)
    wanted = len(flatten(structure))
    if len(leaves) != wanted:
        raise ValueError(f"The structure has {wanted} leaves, but {len(leaves)} were given.")
    return _fill(structure, iter(leaves))


def _fill(structure: Any, supply: Iterator[Any]) -> Any:
    # Not a function inside pack_sequence_as: one that calls itself would be a reference cycle, and keep
    # the leaves alive until the garbage collector comes.
    if not is_nested(structure):
        return next(supply)
    return _rebuild(structure, [_fill(child, supply) for child in children(structure)])


def assert_same_level(first: Any, second: Any) -> None:
    """Raises ValueError or TypeError unless both are leaves, or both hold the same keys or as many parts."""
    if is_nested(first) != is_nested(second):
        raise ValueError(f"The structures differ: {first!r} against {second!r}.")
    if not is_nested(first):
        return
    if isinstance(first, Mapping) != isinstance(second, Mapping):
        raise TypeError(f"The structures differ in type: {type(first)} against {type(second)}.")
    if isinstance(first, Mapping) and sorted(first) != sorted(second):
        raise ValueError(f"The keys differ: {sorted(first)} against {sorted(second)}.")
    if len(first) != len(second):
        raise ValueError(f"The lengths differ: {len(first)} against {len(second)}.")


def assert_same_structure(
    nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False
) -> None:
    """Raises ValueError or TypeError, naming both, unless the two are nested in the same way.

    With `check_types`, a list does not pass for a tuple. Mappings of any type pass for each other.
    `expand_composites` is accepted: there are no composite tensors here.

    >>> assert_same_structure([1, (2,)], [3, (4,)])
    >>> assert_same_structure([1, (2,)], [3, [4]], check_types=False)
    """
    assert_same_level(nest1, nest2)
    if not is_nested(nest1):
        return
    if check_types and type(nest1) is not type(nest2) and not isinstance(nest1, Mapping):
        raise TypeError(
            f"The structures differ in type: {type(nest1).__name__} {nest1!r} against "
            f"{type(nest2).__name__} {nest2!r}. Use the same type, or check_types=False."
        )
    for one, other in zip(children(nest1), children(nest2), strict=True):
        assert_same_structure(one, other, check_types)


def map_structure(
    func: Callable[..., Any],
    *structure: Any,
    check_types: bool = True,
    expand_composites: bool = False,
) -> Any:
    """Applies `func` leaf by leaf to structures nested alike; the result is nested like the first.

    >>> map_structure(lambda a, b: a + b, {"x": 1, "y": [2]}, {"x": 10, "y": [20]})
    {'x': 11, 'y': [22]}
    """
    for other in structure[1:]:
        assert_same_structure(structure[0], other, check_types)
    rows = zip(*(flatten(one) for one in structure), strict=True)
    return pack_sequence_as(structure[0], [func(*row) for row in rows])
