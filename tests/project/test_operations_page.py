"""docs/operations.md: what is committed is what the generator writes, and nothing public is left out."""

from __future__ import annotations

import re

import pytest

import engine as tf
from docs import operations
from docs.operations import (
    COMMAND,
    PAGE,
    Entry,
    absent,
    differences,
    entries,
    lacks,
    namespaces,
    page,
    public,
    tensorflow_trials,
)
from docs.trials import GROUPS

WRITTEN = PAGE.read_text(encoding="utf-8")
ENTRIES = entries()


def test_the_page_is_up_to_date():
    made = page().splitlines()
    old = [line for line in WRITTEN.splitlines() if line not in set(made)]
    new = [line for line in made if line not in set(WRITTEN.splitlines())]
    assert "\n".join(made) + "\n" == WRITTEN, f"run `{COMMAND}`; old: {old[:3]}, new: {new[:3]}"


@pytest.mark.parametrize("space", namespaces())
def test_everything_public_is_on_the_page(space: str):
    names = [f"{space}.{name}" for name in public(namespaces()[space])]
    assert names, space
    missing = [name for name in names if not re.search(rf"`{re.escape(name)}[`(]", WRITTEN)]
    assert missing == []


def test_every_error_is_public():
    found = [
        v for v in vars(tf.errors).values() if isinstance(v, type) and issubclass(v, Exception)
    ]
    assert sorted(error.__name__ for error in found) == sorted(tf.errors.__all__)


def test_there_are_at_least_250_operations_and_the_page_counts_them():
    rows = [line for line in WRITTEN.splitlines() if line.startswith("| `tf.")]
    signatures = {re.match(r"\| `([\w.]+)", row).group(1) for row in rows}
    assert len(rows) == len(signatures) == len(ENTRIES)
    count = sum(entry.kind == "operation" for entry in ENTRIES)
    assert count >= 250 and f"**{count} operations**" in WRITTEN


def test_the_namespaces_are_those_of_tensorflow():
    assert {"tf", "tf.math", "tf.linalg", "tf.nn", "tf.random", "tf.train"} <= set(namespaces())
    assert "tf.dispatch" not in namespaces() and "tf.keras" not in namespaces()


def test_what_is_absent_is_said():
    missing = absent(
        ENTRIES, {"tf.concat": [["values", None]], "tf.math.sobol": [], "tf.io": "namespace"}
    )
    assert missing["tf.math"] == ["sobol"] and missing["tf"] == []
    assert "`LinearOperator`" in WRITTEN.split("## What TensorFlow has")[1]


def test_every_operation_says_what_it_does_and_was_tried():
    for entry in ENTRIES:
        assert len(operations.first_line(entry.thing)) > 1, entry.name
        if entry.kind == "operation":
            assert entry.trial.dtypes, f"{entry.name}: add a call of it to docs/calls.py"


def test_no_operation_counts_as_a_plain_function():
    """What takes or gives tensors has a call somewhere: what has none is one of these, on purpose."""
    plain = {entry.name for entry in ENTRIES if entry.kind == "function"}
    others = (
        "tf.config.",
        "tf.data.",
        "tf.debugging.",
        "tf.nest.",
        "tf.train.",
        "tf.dtypes.",
        "tf.autograph.",
    )
    assert {name for name in plain if not name.startswith(others)} == {
        "tf.Assert",
        "tf.as_dtype",
        "tf.broadcast_static_shape",
        "tf.custom_gradient",
        "tf.device",
        "tf.control_dependencies",
        "tf.executing_eagerly",
        "tf.function",
        "tf.get_static_value",
        "tf.grad_pass_through",
        "tf.group",
        "tf.init_scope",
        "tf.inside_function",
        "tf.is_symbolic_tensor",
        "tf.is_tensor",
        "tf.name_scope",
        "tf.no_op",
        "tf.print",
        "tf.random.get_global_generator",
        "tf.random.set_global_generator",
        "tf.random.set_seed",
        "tf.recompute_grad",
        "tf.signal.inverse_stft_window_fn",
    }


# Where TensorFlow takes more than the engine; the page says so, too. Take out what is mended.
INTEGERS = {*GROUPS["int"], *GROUPS["uint"]}
COMPLEX = set(GROUPS["complex"])
TAKES_MORE: dict[str, set[str]] = {
    "tf.add": {"string"},
    "tf.scatter_nd": {"string"},
    "tf.saturate_cast": COMPLEX,
    "tf.sequence_mask": {"bool"} | COMPLEX,
    "tf.math.bincount": {"bool", *GROUPS["float"]} | COMPLEX,  # cuts fractions off, without a word
    "tf.math.confusion_matrix": {"bool", *GROUPS["float"]} | COMPLEX,  # the same
    "tf.math.reduce_euclidean_norm": INTEGERS,  # cuts the root off, too
    "tf.math.segment_mean": COMPLEX,
    "tf.nn.dilation2d": INTEGERS,
    "tf.nn.erosion2d": set(GROUPS["int"]),
    "tf.nn.log_poisson_loss": COMPLEX,
}
DERIVES_MORE: dict[str, list[str]] = {}


def test_operations_take_the_dtypes_that_tensorflow_takes():
    theirs = tensorflow_trials()
    found = {entry.name: lacks(entry, theirs) for entry in ENTRIES}
    assert {name: dtypes for name, (dtypes, _) in found.items() if dtypes} == TAKES_MORE
    assert {name: by for name, (_, by) in found.items() if by} == DERIVES_MORE
    assert sum(any(name in theirs for name in entry.names) for entry in ENTRIES) > 300


@pytest.mark.parametrize(
    ("name", "dtypes", "derivative"),
    [
        ("tf.concat", "all", "`values`"),
        ("tf.bitwise.invert", "int, uint", "no"),
        ("tf.logical_and", "bool", "no"),
        ("tf.math.log1p", "float, complex", "`x`"),
        ("tf.where", "all", "`x`, `y`"),
        ("tf.floor", "float", "no"),
        ("tf.gather", "all", "`params`"),
        ("tf.clip_by_value", "int, uint, float", "`t`, `clip_value_min`, `clip_value_max`"),
        ("tf.complex", "float32, float64", "`real`, `imag`"),
    ],
)
def test_what_is_tried_out_is_what_is_true(name: str, dtypes: str, derivative: str):
    row = next(line for line in WRITTEN.splitlines() if line.startswith(f"| `{name}("))
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)]
    assert cells[3:5] == [dtypes, derivative]


def test_differences_are_the_sentences_that_name_tensorflow():
    def function() -> None:
        """Does it. TensorFlow's `old` is
        not there. As in TensorFlow, it does it.

        Args:
          x: a number.
          y: another. Where TensorFlow has two, here is one.
        """

    assert (
        differences(function)
        == "TensorFlow's `old` is not there. Where TensorFlow has two, here is one."
    )
    assert operations.signature(lambda a, b=1, *c, d=tf.float32, **e: 0) == (
        "(a, b=1, *c, d=tf.float32, **e)"
    )
    assert operations.signature(lambda a, *, b: 0) == "(a, *, b)"
    assert Entry(tf.Tensor, ["tf.Tensor"]).kind == "class"
