"""Add, Concatenate, Dot, ... against Keras: values, masks, broadcasting, and what does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.keras.masking import get_mask, set_mask
from tests.keras.layer_witness import check_layer, floats, make_both
from tests.keras.witness import close, jax, keras

A, B, C = floats(2, 3, 4), floats(2, 3, 4, seed=1), floats(2, 3, 4, seed=2)
ROW = floats(2, 4, seed=3)
ELEMENTWISE = ("Add", "Average", "Maximum", "Minimum", "Multiply")
CASES: dict[str, tuple[str, dict[str, Any], list[np.ndarray]]] = {
    **{f"{name} of three, stretched": (name, {}, [A, ROW, B[:, :1]]) for name in ELEMENTWISE},
    "add of three": ("Add", {}, [A, B, C]),
    "subtract": ("Subtract", {}, [A, B]),
    "subtract, stretched": ("Subtract", {}, [A, ROW]),
    "add of one": ("Add", {}, [A]),
    "concatenate": ("Concatenate", {}, [A, B[:, :, :2]]),
    "concatenate, axis 1": ("Concatenate", {"axis": 1}, [A, B[:, :1]]),
    "dot": ("Dot", {"axes": 1}, [ROW, A[:, 0]]),
    "dot of steps": ("Dot", {"axes": -1}, [A, B[:, :2]]),
    "dot, two axes": ("Dot", {"axes": (2, 1)}, [A, floats(2, 4, 5, seed=4)]),
    "dot, negative axes": ("Dot", {"axes": [-2, -1]}, [A, floats(2, 5, 3, seed=4)]),
    "dot of a row and steps": ("Dot", {"axes": (1, 2)}, [ROW, A]),
    "dot of rank 4": ("Dot", {"axes": (2, 1)}, [floats(2, 2, 4, 3), floats(2, 4, 2, 2, seed=1)]),
    "cosine": ("Dot", {"axes": 2, "normalize": True}, [A, B]),
}


@pytest.mark.parametrize("case", CASES)
def test_the_layer_is_the_one_of_keras(case: str) -> None:
    name, arguments, inputs = CASES[case]
    check_layer((name, arguments), inputs)


MASKS = [np.array([[1, 1, 0], [0, 1, 0]], bool), np.array([[1, 0, 0], [1, 1, 0]], bool)]


@pytest.mark.parametrize("masks", ["both", "first", "second"])
@pytest.mark.parametrize("name", [*ELEMENTWISE, "Subtract", "Concatenate", "Dot"])
def test_masks_travel_as_in_keras(name: str, masks: str) -> None:
    used = [m if masks in ("both", ("first", "second")[i]) else None for i, m in enumerate(MASKS)]
    arguments = {"axes": -1} if name == "Dot" else {}
    ours, theirs = make_both((name, arguments))
    own = [tf.constant(x) for x in (A, B)]
    other = [jax.numpy.asarray(x) for x in (A, B)]
    for tensor, array, mask in zip(own, other, used, strict=True):
        if mask is not None:
            set_mask(tensor, tf.constant(mask))
            keras.src.backend.set_keras_mask(array, jax.numpy.asarray(mask))
    found, expected = ours(own), theirs(other)
    close(found, expected)
    mask, wanted = get_mask(found), keras.src.backend.get_keras_mask(expected)
    assert (mask is None) == (wanted is None)
    if mask is not None:
        np.testing.assert_array_equal(mask.numpy(), np.asarray(wanted))


def test_concatenated_masks_follow_the_axis() -> None:
    own = [tf.constant(x) for x in (A, B)]
    set_mask(own[0], tf.constant(MASKS[0]))
    out = tf.keras.layers.Concatenate(axis=1)(own)
    expected = np.concatenate([MASKS[0], np.ones((2, 3), bool)], 1)
    np.testing.assert_array_equal(get_mask(out).numpy(), expected)


FUNCTIONS = {
    "add": A + B, "subtract": A - B, "average": (A + B) / 2, "multiply": A * B, "maximum": np.maximum(A, B),
    "minimum": np.minimum(A, B), "concatenate": np.concatenate([A, B], -1),
    "dot": np.einsum("abc,adc->abd", A, B),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    close(getattr(tf.keras.layers, name)([A, B]), FUNCTIONS[name])


def test_the_mean_of_integers_has_a_fraction() -> None:
    mean = tf.keras.layers.average([tf.constant([[1, 4]]), tf.constant([[2, 4]])])
    assert mean.dtype == tf.float32 and mean.numpy().tolist() == [[1.5, 4.0]]


def test_concatenate_and_dot_take_their_axes_by_position() -> None:
    close(tf.keras.layers.concatenate([A, B], 1), np.concatenate([A, B], 1))
    close(tf.keras.layers.dot([A, B], 1), np.einsum("acb,acd->abd", A, B))


def test_cosine_of_nothing_is_zero_and_has_a_gradient() -> None:
    x = tf.constant(np.zeros((1, 3), np.float32))
    with tf.GradientTape() as tape:
        tape.watch(x)
        out = tf.keras.layers.dot([x, x], 1, normalize=True)
    assert out.numpy().tolist() == [[0.0]] and np.isfinite(tape.gradient(out, x).numpy()).all()


ERRORS: dict[str, tuple[str, dict[str, Any], Any, str]] = {
    "one tensor": ("Add", {}, A, "a list of tensors"),
    "one tensor to Concatenate": ("Concatenate", {}, A, "a list of tensors"),
    "three for two": ("Subtract", {}, [A, B, C], "takes 2 inputs, but 3"),
    "three for Dot": ("Dot", {"axes": 1}, [A, B, C], "takes 2 inputs, but 3"),
    "other batch sizes": ("Add", {}, [A, B[:1]], "batch sizes differ"),
    "other sizes": ("Multiply", {}, [A, B[:, :2]], "do not fit together"),
    "sizes of Concatenate": ("Concatenate", {}, [A, B[:, :2]], "differ along axis 1"),
    "ranks of Concatenate": ("Concatenate", {}, [A, ROW], "one rank"),
    "axis of Concatenate": ("Concatenate", {"axis": 3}, [A, B], "one rank"),
    "sizes of Dot": ("Dot", {"axes": (1, 2)}, [A, B], "have 3 and 4"),
    "axes of Dot": ("Dot", {"axes": 2}, [A, ROW], "3 and 2 axes"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_what_does_not_fit_is_explained(case: str) -> None:
    name, arguments, inputs, words = ERRORS[case]
    with pytest.raises(ValueError, match=words):
        getattr(tf.keras.layers, name)(**arguments)(inputs)


@pytest.mark.parametrize("axes", ["12", (1, 2, 3), (1, 2.0), 0, (1, 0)])
def test_dot_refuses_axes(axes: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="axes"):
        tf.keras.layers.Dot(axes)
