"""Nested structures: taken apart in one order, and put together again as they were."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import nest

Pair = namedtuple("Pair", "first second")

fixed = settings(derandomize=True, deadline=None, max_examples=50, database=None)
structures = st.recursive(
    st.integers() | st.none() | st.text(max_size=2),
    lambda part: (
        st.lists(part, max_size=3)
        | st.tuples(part, part)
        | st.dictionaries(st.text(max_size=2), part, max_size=3)
        | st.builds(Pair, part, part)
    ),
    max_leaves=8,
)


@fixed
@given(structures)
def test_packing_undoes_flattening(structure: Any):
    leaves = nest.flatten(structure)
    again = nest.pack_sequence_as(structure, leaves)
    assert again == structure and type(again) is type(structure)
    assert nest.flatten(again) == leaves


@fixed
@given(structures)
def test_a_map_changes_leaves_and_nothing_else(structure: Any):
    mapped = nest.map_structure(lambda leaf: (), structure)
    assert nest.flatten(nest.map_structure(str, structure)) == [
        str(leaf) for leaf in nest.flatten(structure)
    ]
    assert len(nest.flatten(nest.map_structure(lambda leaf: 0, structure))) == len(
        nest.flatten(structure)
    )
    assert nest.flatten(mapped) == []


def test_dicts_are_read_in_the_order_of_their_keys_and_keep_their_own():
    structure = {"b": [1, 2], "a": (3, None)}
    assert nest.flatten(structure) == [3, None, 1, 2]
    assert list(nest.pack_sequence_as(structure, "wxyz")) == ["b", "a"]
    assert nest.pack_sequence_as(structure, "wxyz") == {"b": ["y", "z"], "a": ("w", "x")}


@pytest.mark.parametrize(
    "structure",
    [
        Pair(1, [2]),
        OrderedDict([("b", 1), ("a", 2)]),
        defaultdict(list, {"b": 1, "a": 2}),
        MappingProxyType({"b": 1, "a": 2}),
    ],
)
def test_the_types_of_containers_are_kept(structure: Any):
    doubled = nest.map_structure(lambda n: 2 * n, structure)
    assert type(doubled) is type(structure)
    assert nest.flatten(doubled) == [2 * n for n in nest.flatten(structure)]
    if isinstance(structure, defaultdict):
        assert doubled["new"] == [] and "new" not in structure


def test_strings_and_none_are_leaves():
    assert nest.flatten("text") == ["text"] and nest.flatten(None) == [None]
    assert not nest.is_nested("text") and nest.is_nested([])


def test_the_number_of_leaves_must_be_right():
    for leaves in ([1], [1, 2, 3]):
        with pytest.raises(ValueError, match=f"2 leaves, but {len(leaves)}"):
            nest.pack_sequence_as([0, (0,)], leaves)


@pytest.mark.parametrize(
    ("first", "second", "error", "words"),
    [
        ([1], 1, ValueError, "differ"),
        ([1, 2], [1], ValueError, "lengths differ: 2 against 1"),
        ({"a": 1}, {"b": 1}, ValueError, "keys differ"),
        ({"a": 1}, [1], TypeError, "differ in type"),
        ([1, [2, 3]], [1, [2]], ValueError, "lengths differ"),
        ([1, [2]], [1, (2,)], TypeError, "list .* against tuple .* check_types=False"),
    ],
)
def test_structures_that_differ_are_refused(
    first: Any, second: Any, error: type[Exception], words: str
):
    with pytest.raises(error, match=words):
        nest.assert_same_structure(first, second)
    with pytest.raises(error, match=words):
        nest.map_structure(lambda a, b: a, first, second)


def test_lists_and_tuples_mix_without_check_types():
    pair = nest.map_structure(lambda a, b: a + b, [1, (2,)], (3, [4]), check_types=False)
    assert pair == [4, (6,)]


def test_flattening_up_to_another_structure_leaves_what_is_below():
    assert nest.flatten_up_to([0, {"a": 0}], [[1, 2], {"a": (3, 4)}]) == [[1, 2], (3, 4)]
    assert nest.flatten_up_to(0, [1]) == [[1]]
    with pytest.raises(ValueError, match="lengths"):
        nest.flatten_up_to([0, 0], [1])
