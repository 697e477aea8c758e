"""tf.function and autograph against TensorFlow's: the same small programs, and what TensorFlow saw.

The programs stand in `tests/oracle/functions_*.py`. Where TensorFlow's autograph refuses a program, the
engine may do what Python does, which TensorFlow recorded too, by running the program eagerly.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

import engine as tf
from tests.oracle.programs import agrees, observed
from tests.oracle.tensorflow_functions import PROGRAMS, RECORDED

KNOWN: dict[str, Any] = json.loads(RECORDED.read_text("utf-8"))


def differences(ours: Any, graph: Any, eager: Any, path: str = "") -> list[str]:
    """Where we saw something else than TensorFlow: the paths into what was seen."""
    if agrees(ours, graph):
        return []
    if isinstance(graph, dict) and "error" in graph:  # refused by TensorFlow
        refused = isinstance(ours, dict) and "error" in ours
        return [] if refused or agrees(ours, eager) else [path]
    several = isinstance(ours, list) and isinstance(graph, list) and len(ours) == len(graph)
    if several and ours[:1] != ["returned"]:
        same = isinstance(eager, list) and len(eager) == len(graph)
        parts = zip(ours, graph, eager if same else [None] * len(graph), strict=True)
        return [d for i, part in enumerate(parts) for d in differences(*part, f"{path}/{i}")]
    if isinstance(ours, dict) and isinstance(graph, dict) and ours.keys() == graph.keys():
        theirs = eager if isinstance(eager, dict) else {}
        return [
            d for k in ours for d in differences(ours[k], graph[k], theirs.get(k), f"{path}/{k}")
        ]
    return [path]


# Where the engine means to differ, with the reason.
DIFFERENT: dict[str, tuple[list[str], str]] = {
    "traces_by_dtype_shape_and_python_value": (
        ["/7", "/8"],
        "TensorFlow runs the graph made for 1 when 1.0 or True is given; types are told apart here",
    ),
    "traces_by_nesting": (["/9"], "an OrderedDict is told apart from a dict: it may be returned"),
    "traces_by_types_dtypes_and_shapes_as_arguments": (
        ["/8", "/13", "/14"],
        "int and float are two classes; a slice may be an argument",
    ),
    "objects_are_told_apart_by_identity_unless_they_compare_equal": (
        ["/4"],
        "equal objects may compute different things, if they are not of a kind that never changes",
    ),
    "reduced_retracing": (
        [""],
        "sizes become unknown, ranks do not: most operations want to know the rank",
    ),
    "concrete_functions_from_specs": (
        ["/1/3"],
        "TensorFlow does not check the shapes that a concrete function is given",
    ),
    "concrete_functions_with_python_arguments": (
        ["/1", "/2"],
        "a Python value that a graph was traced for may be repeated in a call",
    ),
    "prints_come_in_order": ([""], "loops print in program order here"),
    "private_names_and_super": ([""], "TensorFlow loses the class that super() needs"),
    "for_loops_over_ranges": (
        ["/an_index_without_a_start/0"],
        "a name that no step has bound is an error, as it is in Python",
    ),
    "what_only_the_body_makes": (
        ["/the_best_so_far/0", "/the_best_so_far/1"],
        "TensorFlow lets a name that holds None begin as 0, whatever `is None` asks; here that is an error",
    ),
    "loop_options": (
        ["/at_most_with_break/3"],
        "TensorFlow refuses a loop that becomes one on a tensor after its first step",
    ),
}


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore:coroutine:RuntimeWarning")
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_sees_what_tensorflow_saw(name: str):
    ours = json.loads(json.dumps(observed(PROGRAMS[name], tf)))
    recorded = KNOWN[name]
    found = differences(ours, recorded["graph"], recorded["eager"])
    expected = DIFFERENT[name][0] if name in DIFFERENT else []
    assert found == expected, f"{name}: ours {ours}, TensorFlow's {recorded['graph']}"


def test_every_program_is_recorded_and_every_difference_is_of_a_program():
    assert PROGRAMS.keys() | {"versions"} == KNOWN.keys()
    assert DIFFERENT.keys() <= PROGRAMS.keys()
    assert all(paths and reason for paths, reason in DIFFERENT.values())
