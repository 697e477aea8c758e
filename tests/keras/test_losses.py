"""Losses beside Keras on JAX: values, gradients, reductions, weights, masks, configs and names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import engine as tf
from engine.keras import losses
from engine.keras.losses.base import REDUCTIONS
from engine.keras.masking import set_mask
from tests.keras.witness import close, jax, keras, same_config

RNG = np.random.default_rng(7)
SHAPE = (4, 3)
PROBABILITIES = RNG.uniform(0.05, 0.95, SHAPE).astype("f")
LOGITS = RNG.normal(0, 3, SHAPE).astype("f")
BITS = np.array([[0, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 1]], "f")
ONE_HOT = np.eye(3, dtype="f")[[2, 0, 1, 1]]
CLASSES = np.array([2, 0, 1, 1])
NUMBERS = RNG.normal(0, 2, SHAPE).astype("f")
WORDS = np.array([[1, 2, 2], [3, 0, 0], [1, 3, 0], [0, 0, 0]], "i")
READ = RNG.normal(0, 2, (4, 6, 4)).astype("f")
UNIT = LOGITS / np.linalg.norm(LOGITS, axis=1, keepdims=True)

# Name, arguments, targets, predictions. No prediction stands on a kink of its loss.
CASES: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("MeanSquaredError", {}, NUMBERS, LOGITS),
    ("MeanAbsoluteError", {}, NUMBERS, LOGITS),
    ("MeanAbsolutePercentageError", {}, NUMBERS, LOGITS),
    ("MeanAbsolutePercentageError", {"name": "percent"}, BITS, LOGITS),
    ("MeanSquaredLogarithmicError", {}, NUMBERS, LOGITS),
    ("Huber", {}, NUMBERS, LOGITS),
    ("LogCosh", {}, NUMBERS, LOGITS),
    ("CosineSimilarity", {}, NUMBERS, LOGITS),
    ("Hinge", {}, BITS, LOGITS),
    ("Hinge", {}, BITS * 2 - 1, LOGITS),
    ("SquaredHinge", {}, BITS, LOGITS),
    ("CategoricalHinge", {}, ONE_HOT, LOGITS),
    ("BinaryCrossentropy", {}, BITS, PROBABILITIES),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, BITS, LOGITS),
    ("BinaryCrossentropy", {"label_smoothing": 0.1, "axis": 0}, BITS, PROBABILITIES),
    ("BinaryFocalCrossentropy", {}, BITS, PROBABILITIES),
    (
        "BinaryFocalCrossentropy",
        {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5, "from_logits": True},
        BITS,
        LOGITS,
    ),
    ("BinaryFocalCrossentropy", {"label_smoothing": 0.2}, BITS, PROBABILITIES),
    ("CategoricalCrossentropy", {}, ONE_HOT, PROBABILITIES),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.3}, ONE_HOT, LOGITS),
    ("CategoricalCrossentropy", {"axis": 0}, np.array(ONE_HOT), PROBABILITIES),
    ("CategoricalFocalCrossentropy", {}, ONE_HOT, PROBABILITIES),
    (
        "CategoricalFocalCrossentropy",
        {"alpha": 0.5, "gamma": 3.0, "from_logits": True, "label_smoothing": 0.1},
        ONE_HOT,
        LOGITS,
    ),
    ("SparseCategoricalCrossentropy", {}, CLASSES, PROBABILITIES),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, CLASSES, LOGITS),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}, CLASSES[:, None], PROBABILITIES),
    (
        "SparseCategoricalCrossentropy",
        {"ignore_class": -1, "from_logits": True},
        np.array([2, -1, 0, -1]),
        LOGITS,
    ),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.3}, CLASSES, PROBABILITIES),
    ("KLDivergence", {}, PROBABILITIES[::-1].copy(), PROBABILITIES),
    ("KLDivergence", {}, BITS, PROBABILITIES),
    ("Poisson", {}, np.abs(NUMBERS), PROBABILITIES),
    ("Dice", {}, BITS, PROBABILITIES),
    ("Dice", {"axis": -1}, BITS, PROBABILITIES),
    ("Tversky", {"alpha": 0.3, "beta": 0.8}, BITS, PROBABILITIES),
    ("Tversky", {"axis": [0]}, BITS, PROBABILITIES),
    ("Circle", {"gamma": 4.0, "margin": 0.3}, CLASSES, UNIT),
    ("Circle", {"gamma": 4.0, "remove_diagonal": False}, CLASSES, UNIT),
    ("CTC", {}, WORDS, READ),
]
NAMES = [f"{name}-{i}" for i, (name, *_) in enumerate(CASES)]


def both(name: str, options: dict[str, Any]) -> tuple[Any, Any]:
    return getattr(losses, name)(**options), getattr(keras.losses, name)(**options)


def gradient(loss: Any, y: Any, p: Any, *weight: Any) -> tuple[Any, Any]:
    predicted = tf.constant(p)
    with tf.GradientTape() as tape:
        tape.watch(predicted)
        value = loss(y, predicted, *weight)
    return value, tape.gradient(value, predicted)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_values_gradients_and_configs_are_those_of_keras(case: Any) -> None:
    name, options, y, p = case
    ours, theirs = both(name, options)
    weights = np.linspace(0.5, 2, len(p) if options.get("axis") not in (0, [0]) else 3).astype("f")
    value, slope = gradient(ours, y, p, weights)
    slopes = jax.value_and_grad(theirs.__call__, 1)
    plain, (expected, their_slope) = jax.jit(lambda *args: (theirs(y, args[1]), slopes(*args)))(
        y, p, weights
    )
    close(value, expected)
    close(slope, np.asarray(their_slope), 2e-5)
    close(ours(y, p), plain)
    same_config(ours, theirs)
    again = losses.deserialize(losses.serialize(ours))
    assert again.get_config() == ours.get_config()
    np.testing.assert_array_equal(again(y, p, weights).numpy(), value.numpy())


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_graph_gives_what_eager_gives(case: Any) -> None:
    name, options, y, p = case
    ours = getattr(losses, name)(reduction="none", **options)
    expected = gradient(ours, y, p)
    unknown = [tf.TensorSpec([None, *x.shape[1:]], x.dtype) for x in (y, p)]
    for signature in (unknown, None):
        traced = tf.function(lambda a, b: gradient(ours, a, b), input_signature=signature)
        found = traced(tf.constant(y), tf.constant(p))
        close(found, [part.numpy() for part in expected], 2e-6)


# --- reductions, weights and masks --------------------------------------------------------------------

STEPS = RNG.normal(size=(2, 3, 4)).astype("f"), RNG.normal(size=(2, 3, 4)).astype("f")
MASK = np.array([[True, True, False], [False, True, False]])
WEIGHTS = {
    "none": None,
    "scalar": np.float32(0.5),
    "one a value": np.array([[1, 2, 3], [4, 0, 6]], "f"),
    "with an axis of its own": np.array([[[1.0], [2], [3]], [[4], [0], [6]]], "f"),
    "one an example": np.array([[3.0], [0.5]], "f"),
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("weight", WEIGHTS)
def test_reductions_of_weighted_and_masked_values(
    reduction: Any, masked: bool, weight: str
) -> None:
    y, p = STEPS
    ours, theirs = both("MeanAbsoluteError", {"reduction": reduction})
    predicted, their_predicted = tf.constant(p), jnp.asarray(p)
    if masked:
        set_mask(predicted, tf.constant(MASK))
        their_predicted = keras.ops.convert_to_tensor(p)
        keras.src.backend.set_keras_mask(their_predicted, jnp.asarray(MASK))
    close(
        ours(y, predicted, WEIGHTS[weight]),
        np.asarray(theirs(jnp.asarray(y), their_predicted, WEIGHTS[weight])),
    )


def test_a_weight_an_example_counts_for_all_of_its_steps() -> None:
    # Keras 3 would broadcast (3,) against (3, 3) from the right, so that it weighed steps.
    y, p = np.zeros((3, 3, 1), "f"), np.ones((3, 3, 1), "f") * np.arange(3)[:, None, None]
    loss = losses.MeanAbsoluteError(reduction="none")(y, p, np.array([0.0, 10.0, 100.0], "f"))
    np.testing.assert_array_equal(loss.numpy(), [[0] * 3, [10] * 3, [200] * 3])


def test_a_mask_of_nothing_gives_0() -> None:
    predicted = tf.constant(STEPS[1])
    set_mask(predicted, tf.zeros([2, 3], tf.bool))
    assert losses.MeanSquaredError()(STEPS[0], predicted).numpy() == 0


def test_ignored_labels_leave_the_mean() -> None:
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    found = loss(np.array([2, -1, 0, -1]), PROBABILITIES).numpy()
    close(loss(np.array([2, 0]), PROBABILITIES[[0, 2]]), found)


@pytest.mark.parametrize(
    ("y_shape", "p_shape"),
    [((4,), (4, 1)), ((4, 1), (4,)), ((2, 3), (2, 3, 1)), ((2, 3, 1), (2, 3))],
)
def test_a_missing_axis_is_added_as_in_keras(y_shape: Any, p_shape: Any) -> None:
    y, p = np.arange(24.0)[: np.prod(y_shape)], np.ones(np.prod(p_shape))
    ours, theirs = both("MeanSquaredError", {"reduction": "none"})
    y, p = y.reshape(y_shape).astype("f"), p.reshape(p_shape).astype("f")
    close(ours(y, p), np.asarray(theirs(y, p)))


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "float32"])
def test_class_numbers_of_any_dtype(dtype: str) -> None:
    loss = losses.SparseCategoricalCrossentropy()
    close(loss(CLASSES.astype(dtype), PROBABILITIES), loss(CLASSES, PROBABILITIES).numpy())


def test_classes_along_another_axis() -> None:
    p = RNG.uniform(0.1, 1, (2, 3, 5)).astype("f")
    y = RNG.integers(0, 3, (2, 5))
    for logits in (False, True):
        options: dict[str, Any] = {"from_logits": logits, "reduction": "none"}
        moved = losses.SparseCategoricalCrossentropy(axis=1, **options)(y, p)
        close(
            losses.SparseCategoricalCrossentropy(**options)(y, p.transpose(0, 2, 1)), moved.numpy()
        )
    one_hot = np.eye(3, dtype="f")[y].transpose(0, 2, 1)
    close(
        losses.CategoricalCrossentropy(axis=1, reduction=None, from_logits=True)(one_hot, p),
        moved.numpy(),
    )


# --- the ends of the numbers --------------------------------------------------------------------------

ENDS: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "binary": (losses.binary_crossentropy, [[1.0, 0.0, 1.0]], [[0.0, 1.0, 1.0]]),
    "categorical": (losses.categorical_crossentropy, [[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]]),
    "sparse": (losses.sparse_categorical_crossentropy, [0], [[0.0, 0.0, 1.0]]),
    "divergence": (losses.kl_divergence, [[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]]),
    "cosine": (losses.cosine_similarity, [[0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0]]),
}


@pytest.mark.parametrize("name", ENDS)
def test_probabilities_of_0_and_1_cost_what_keras_says(name: str) -> None:
    function, y, p = ENDS[name]
    theirs = getattr(keras.losses, function.__name__)
    close(function(y, p), np.asarray(theirs(jnp.array(y), jnp.array(p))), 1e-4)


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (losses.BinaryCrossentropy(from_logits=True), [[1.0, 0.0]]),
        (losses.CategoricalCrossentropy(from_logits=True), [[0.0, 1.0]]),
        (losses.SparseCategoricalCrossentropy(from_logits=True), [1]),
    ],
)
def test_scores_that_no_probability_can_hold_have_exact_losses_and_slopes(
    loss: Any, y: Any
) -> None:
    value, slope = gradient(loss, y, np.array([[1000.0, -1000.0]], "f"))
    if loss.name == "binary_crossentropy":
        assert value.numpy() == 0 and not slope.numpy().any()
    else:
        assert value.numpy() == 2000 and slope.numpy().tolist() == [[1, -1]]


def test_a_word_longer_than_its_steps_is_impossible() -> None:
    value, slope = gradient(losses.CTC(reduction="none"), WORDS[:2], READ[:2, :2])
    assert value.numpy()[0] == np.inf and np.isfinite(value.numpy()[1])
    assert np.isfinite(slope.numpy()).all()


def test_the_graph_of_a_loss_is_that_of_its_formula() -> None:
    def step(loss: Callable[..., Any]) -> list[str]:
        traced = tf.function(lambda y, p: gradient(loss, y, p))
        concrete = traced.get_concrete_function(tf.constant(CLASSES), tf.constant(LOGITS))
        return sorted(node.op for node in concrete.optimized.operations)

    def by_hand(y: Any, p: Any) -> Any:
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, p))

    assert step(losses.SparseCategoricalCrossentropy(from_logits=True)) == step(by_hand)


# --- names --------------------------------------------------------------------------------------------


def test_every_name_of_keras_is_known_and_means_the_same() -> None:
    missing = []
    for name in keras.src.losses.ALL_OBJECTS_DICT:
        if name in ("Loss", "LossFunctionWrapper"):
            continue
        theirs = keras.losses.get(name)
        ours = losses.get(name)
        if theirs.__class__.__name__ != ours.__class__.__name__:
            missing.append(name)
        elif isinstance(ours, losses.Loss):
            assert ours.name == theirs.name
        else:
            assert ours.__name__ == theirs.__name__ and losses.get_function(name) is ours
    assert not missing


def test_a_loss_has_keras_defaults_and_arguments() -> None:
    import inspect

    for cls in losses.CLASSES:
        theirs = getattr(keras.losses, cls.__name__, None) or keras.src.losses.LossFunctionWrapper
        own, other = (inspect.signature(kind.__init__).parameters for kind in (cls, theirs))
        assert [(p.name, p.default) for p in own.values()] == [
            (p.name, p.default) for p in other.values()
        ], cls.__name__


def test_what_keras_forgets_in_a_config_is_kept_and_keras_reads_it() -> None:
    ours = losses.Huber(delta=3.0)
    again = keras.losses.deserialize(losses.serialize(ours))
    close(ours(NUMBERS, LOGITS), np.asarray(again(NUMBERS, LOGITS)))
    assert losses.deserialize(losses.serialize(ours)).delta == 3.0


def test_a_wrapped_function_writes_its_arguments() -> None:
    ours = losses.LossFunctionWrapper(losses.huber, delta=2.0, name="mine")
    again = losses.LossFunctionWrapper.from_config(ours.get_config())
    close(again(NUMBERS, LOGITS), ours(NUMBERS, LOGITS).numpy())
    assert again.name == "mine"


def test_a_loss_of_ones_own_has_control_flow_and_structures() -> None:
    class Larger(losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            if tf.reduce_sum(y_pred["a"]) > 0:
                return tf.abs(y_true - y_pred["a"])
            return tf.abs(y_true - y_pred["b"])

    loss = Larger()
    assert loss.get_config() == {"name": loss.name, "reduction": "sum_over_batch_size"}
    step = tf.function(lambda a: loss(tf.zeros([2]), {"a": a, "b": a * 10.0}))
    assert step(tf.constant([1.0, 2.0])).numpy() == 1.5
    assert step(tf.constant([-1.0, -2.0])).numpy() == 15


def test_dtype_says_what_is_computed_in() -> None:
    loss = losses.MeanSquaredError(dtype="float64")
    assert loss.dtype == "float64" and loss([1.0], [2.0]).dtype == tf.float64
    assert losses.MeanSquaredError()(np.ones(2), np.ones(2)).dtype == tf.float32
    assert losses.MeanSquaredError(dtype="mixed_bfloat16").dtype == "bfloat16"


# --- errors -------------------------------------------------------------------------------------------


def masked(x: Any, mask: Any) -> Any:
    tensor = tf.constant(x)
    set_mask(tensor, tf.constant(mask))
    return tensor


ERRORS: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "class numbers for one-hot": (
        lambda: losses.CategoricalCrossentropy()(CLASSES, PROBABILITIES),
        [
            "(4,)",
            "class numbers",
            "(4, 3)",
            "sparse_categorical_crossentropy",
            "tf.one_hot(labels, 3)",
        ],
    ),
    "class numbers in a column": (
        lambda: losses.categorical_focal_crossentropy(CLASSES[:, None], PROBABILITIES),
        ["(4, 1)", "class numbers", "(4, 3)", "tf.one_hot(labels, 3)"],
    ),
    "one-hot for class numbers": (
        lambda: losses.SparseCategoricalCrossentropy()(ONE_HOT, PROBABILITIES),
        ["(4, 3)", "one-hot", "'categorical_crossentropy'", "tf.argmax"],
    ),
    "a sigmoid unit for several classes": (
        lambda: losses.CategoricalCrossentropy()(BITS[:, :1], PROBABILITIES[:, :1]),
        ["(4, 1)", "one score", "binary_crossentropy", "units"],
    ),
    "a sigmoid unit for class numbers": (
        lambda: losses.SparseCategoricalCrossentropy()(CLASSES, PROBABILITIES[:, :1]),
        ["(4, 1)", "one score", "binary_crossentropy"],
    ),
    "a label too many": (
        lambda: losses.SparseCategoricalCrossentropy()(CLASSES + 1, PROBABILITIES),
        ["sparse_categorical_crossentropy", "label 3", "[0, 3)", "one unit for each class"],
    ),
    "a negative label of scores": (
        lambda: losses.SparseCategoricalCrossentropy(from_logits=True)(CLASSES - 1, LOGITS),
        ["sparse_categorical_crossentropy", "label -1", "[0, 3)"],
    ),
    "a symbol that is no class": (
        lambda: losses.CTC()(WORDS + 1, READ),
        ["4"],
    ),
    "words without an axis": (lambda: losses.CTC()(WORDS[0], READ), ["(batch, length)", "(3,)"]),
    "another number of examples": (
        lambda: losses.SparseCategoricalCrossentropy()(CLASSES[:3], PROBABILITIES),
        ["(3,)", "(4, 3)", "(4,)"],
    ),
    "class numbers for sigmoid units": (
        lambda: losses.BinaryCrossentropy()(CLASSES, PROBABILITIES),
        ["(4,)", "(4, 3)", "sparse_categorical_crossentropy"],
    ),
    "targets that would broadcast": (
        lambda: losses.MeanSquaredError()(NUMBERS[:, :1], NUMBERS),
        ["(4, 1)", "(4, 3)", "Reshape the targets"],
    ),
    "weights of another batch": (
        lambda: losses.MeanSquaredError()(NUMBERS, LOGITS, np.ones(3)),
        ["(3,)", "(4,)", "one weight for each example"],
    ),
    "weights of several for one": (
        lambda: losses.MeanSquaredError()(NUMBERS[:1], LOGITS[:1], np.ones(4)),
        ["(4,)", "(1,)", "one weight for each example"],
    ),
    "weights of more axes": (
        lambda: losses.MeanSquaredError()(NUMBERS, LOGITS, np.ones((4, 3))),
        ["(4, 3)", "(4,)", "one weight for each example"],
    ),
    "targets that lose the masked axis": (
        lambda: losses.MeanSquaredError()(STEPS[0][..., 0], masked(STEPS[1][..., :1], MASK)),
        ["mask of shape (2, 3)", "(2,)", "(batch, steps, 1)", "y[..., None]"],
    ),
    "an unknown reduction": (
        lambda: losses.Huber(reduction="avg"),
        ["'sum_over_batch_size'", "'avg'"],
    ),
    "an unknown name": (lambda: losses.get("mean_sqared_error"), ["'mean_squared_error'"]),
    "a q outside": (
        lambda: losses.CategoricalGeneralizedCrossEntropy(q=1.0),
        ["between 0 and 1", "1.0"],
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_says_what_was_given_what_was_expected_and_what_to_use(name: str) -> None:
    call, parts = ERRORS[name]
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)) as caught:
        call()
    missing = [part for part in parts if part not in str(caught.value)]
    assert not missing, f"{missing} not in: {caught.value}"


def test_a_wrong_label_is_an_error_in_a_graph_too() -> None:
    loss = losses.SparseCategoricalCrossentropy()
    step = tf.function(loss)
    step(tf.constant(CLASSES), tf.constant(PROBABILITIES))
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="sparse_categorical_crossentropy: label 5"
    ):
        step(tf.constant([0, 5, 1, 1]), tf.constant(PROBABILITIES))
