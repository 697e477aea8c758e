"""The functions behind losses, metrics and merging layers give, called by themselves, what Keras's give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.keras.witness import close, keras

RNG = np.random.default_rng(11)
SHAPE = (4, 3)
NUMBERS, OTHERS = (RNG.normal(0, 2, SHAPE).astype("f") for _ in range(2))
SHARES = RNG.uniform(0.05, 0.95, SHAPE).astype("f")
SHARES /= SHARES.sum(1, keepdims=True)
BITS = np.array([[0, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 1]], "f")
SIGNS = BITS * 2 - 1
ONE_HOT = np.eye(3, dtype="f")[[2, 0, 1, 1]]
CLASSES = np.array([2, 0, 1, 1], "i")
UNIT = NUMBERS / np.linalg.norm(NUMBERS, axis=1, keepdims=True)
WORDS = np.array([[1, 2, 2], [3, 0, 0], [1, 3, 0], [2, 1, 0]], "i")
READ = RNG.normal(0, 2, (4, 6, 4)).astype("f")

# Name, targets, predictions, arguments.
LOSSES: list[tuple[str, Any, Any, dict[str, Any]]] = [
    ("binary_crossentropy", BITS, SHARES, {}),
    ("binary_crossentropy", BITS, NUMBERS, {"from_logits": True, "label_smoothing": 0.1}),
    ("binary_focal_crossentropy", BITS, SHARES, {"apply_class_balancing": True, "gamma": 1.5}),
    ("categorical_crossentropy", ONE_HOT, SHARES, {"label_smoothing": 0.2}),
    ("categorical_crossentropy", ONE_HOT, NUMBERS, {"from_logits": True}),
    ("categorical_focal_crossentropy", ONE_HOT, SHARES, {"alpha": 0.5}),
    ("categorical_generalized_cross_entropy", CLASSES, SHARES, {"q": 0.4}),
    ("categorical_hinge", ONE_HOT, NUMBERS, {}),
    ("circle", CLASSES, UNIT, {"gamma": 4.0}),
    ("cosine_similarity", NUMBERS, OTHERS, {}),
    ("cosine_similarity", NUMBERS, OTHERS, {"axis": 0}),
    ("ctc", WORDS, READ, {}),
    ("dice", BITS, SHARES, {}),
    ("dice", BITS, SHARES, {"axis": -1}),
    ("hinge", SIGNS, NUMBERS, {}),
    ("huber", NUMBERS, OTHERS, {"delta": 0.7}),
    ("kl_divergence", SHARES[::-1].copy(), SHARES, {}),
    ("log_cosh", NUMBERS, OTHERS, {}),
    ("mean_absolute_error", NUMBERS, OTHERS, {}),
    ("mean_absolute_percentage_error", NUMBERS, OTHERS, {}),
    ("mean_squared_error", NUMBERS, OTHERS, {}),
    ("mean_squared_logarithmic_error", np.abs(NUMBERS), np.abs(OTHERS), {}),
    ("poisson", np.abs(NUMBERS), SHARES, {}),
    ("sparse_categorical_crossentropy", CLASSES, SHARES, {"ignore_class": 1}),
    ("sparse_categorical_crossentropy", CLASSES, NUMBERS, {"from_logits": True}),
    ("squared_hinge", SIGNS, NUMBERS, {}),
    ("tversky", BITS, SHARES, {"alpha": 0.3, "beta": 0.8}),
]
METRICS: list[tuple[str, Any, Any, dict[str, Any]]] = [
    ("binary_accuracy", BITS, SHARES, {"threshold": 0.3}),
    ("binary_crossentropy", BITS, SHARES, {}),
    ("binary_focal_crossentropy", BITS, SHARES, {}),
    ("categorical_accuracy", ONE_HOT, SHARES, {}),
    ("categorical_crossentropy", ONE_HOT, SHARES, {}),
    ("categorical_focal_crossentropy", ONE_HOT, SHARES, {}),
    ("categorical_hinge", ONE_HOT, NUMBERS, {}),
    ("concordance_correlation", NUMBERS, OTHERS, {}),
    ("hinge", SIGNS, NUMBERS, {}),
    ("huber", NUMBERS, OTHERS, {}),
    ("kl_divergence", SHARES[::-1].copy(), SHARES, {}),
    ("log_cosh", NUMBERS, OTHERS, {}),
    ("mean_absolute_error", NUMBERS, OTHERS, {}),
    ("mean_absolute_percentage_error", NUMBERS, OTHERS, {}),
    ("mean_squared_error", NUMBERS, OTHERS, {}),
    ("mean_squared_logarithmic_error", np.abs(NUMBERS), np.abs(OTHERS), {}),
    ("pearson_correlation", NUMBERS, OTHERS, {}),
    ("poisson", np.abs(NUMBERS), SHARES, {}),
    ("sparse_categorical_accuracy", CLASSES, SHARES, {}),
    ("sparse_categorical_crossentropy", CLASSES, SHARES, {}),
    ("sparse_top_k_categorical_accuracy", CLASSES, SHARES, {"k": 2}),
    ("squared_hinge", SIGNS, NUMBERS, {}),
    ("top_k_categorical_accuracy", ONE_HOT, SHARES, {"k": 2}),
]


def ids(cases: list[tuple[str, Any, Any, dict[str, Any]]]) -> list[str]:
    return [name + "".join(f" {a}={v}" for a, v in given.items()) for name, _, _, given in cases]


@pytest.mark.parametrize(("name", "y", "p", "given"), LOSSES, ids=ids(LOSSES))
def test_loss_functions(name: str, y: Any, p: Any, given: dict[str, Any]) -> None:
    ours = getattr(tf.keras.losses, name)(y, p, **given)
    theirs = getattr(keras.losses, name)(y, p, **given)
    assert np.ptp(np.asarray(theirs)) > 0 or np.ndim(theirs) == 0  # the examples differ
    close(ours, theirs)


@pytest.mark.parametrize(("name", "y", "p", "given"), METRICS, ids=ids(METRICS))
def test_metric_functions(name: str, y: Any, p: Any, given: dict[str, Any]) -> None:
    ours = getattr(tf.keras.metrics, name)(y, p, **given)
    close(ours, getattr(keras.metrics, name)(y, p, **given))
    if name in tf.keras.losses.__all__:
        assert getattr(tf.keras.losses, name) is getattr(tf.keras.metrics, name)


def test_both_tables_are_complete() -> None:
    for space, table in (("losses", LOSSES), ("metrics", METRICS)):
        public = vars(getattr(keras, space))
        small = {name for name in public if name.islower() and callable(public[name])}
        assert small - {"get", "serialize", "deserialize"} == {name for name, *_ in table}


@pytest.mark.parametrize("name", ["maximum", "minimum", "multiply", "add", "average", "subtract"])
def test_merging_functions(name: str) -> None:
    close(
        getattr(tf.keras.layers, name)([NUMBERS, OTHERS]),
        getattr(keras.layers, name)([NUMBERS, OTHERS]),
    )


CALLS: list[tuple[str, tuple[Any, ...]]] = [
    ("pack_x_y_sample_weight", (1,)),
    ("pack_x_y_sample_weight", ([1, 2],)),
    ("pack_x_y_sample_weight", (1, 2)),
    ("pack_x_y_sample_weight", (1, 2, 3)),
    ("unpack_x_y_sample_weight", (1,)),
    ("unpack_x_y_sample_weight", ((1,),)),
    ("unpack_x_y_sample_weight", ((1, 2),)),
    ("unpack_x_y_sample_weight", ((1, 2, 3),)),
]


@pytest.mark.parametrize(("name", "given"), CALLS)
def test_packing_of_batches(name: str, given: tuple[Any, ...]) -> None:
    assert getattr(tf.keras.utils, name)(*given) == getattr(keras.utils, name)(*given)
