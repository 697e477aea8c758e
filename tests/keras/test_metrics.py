"""Metrics beside Keras on JAX: results over three updates and a reset, weights, masks, configs and names."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.keras import losses, metrics
from engine.keras.lookup import clear_names
from engine.keras.masking import set_mask
from tests.keras.witness import close, keras, same_config

RNG = np.random.default_rng(3)
BATCHES, SHAPE = 3, (4, 3)


def drawn(make: Callable[[], Any]) -> list[Any]:
    return [make() for _ in range(BATCHES)]


def one_hot() -> Any:
    return np.eye(3, dtype="f")[RNG.integers(0, 3, 4)]


def rounded() -> Any:
    # Tenths: some predictions stand exactly on thresholds, and some tie.
    return (RNG.integers(0, 11, SHAPE) / 10).astype("f")


NUMBERS, OTHERS = (drawn(lambda: RNG.normal(0, 2, SHAPE).astype("f")) for _ in range(2))
SHARES = drawn(lambda: RNG.uniform(0.05, 0.95, SHAPE).astype("f"))
TENTHS = drawn(rounded)
BITS = drawn(lambda: RNG.integers(0, 2, SHAPE).astype("f"))
CLASSES = drawn(lambda: RNG.integers(0, 3, 4).astype("i"))
ONE_HOT = drawn(one_hot)
MORE = drawn(lambda: RNG.integers(0, 3, SHAPE).astype("i"))
LINE, BIT_LINE = [x[:, 0] for x in TENTHS], [x[:, 0] for x in BITS]
# The second batch, and the one after the reset, have no weights.
SAMPLE = [np.array([0.5, 2.0, 0.0, 1.0], "f"), None, np.array([1.0, 3.0, 1.0, 0.25], "f")]
EACH = drawn(lambda: RNG.uniform(0, 2, SHAPE).astype("f"))

# Name, arguments, targets, predictions; what kinds of weights the metric takes.
PER_EXAMPLE, ALSO_PER_VALUE, NO_WEIGHTS = (SAMPLE,), (SAMPLE, EACH), ()
CASES: list[tuple[str, dict[str, Any], Any, Any, Any]] = [
    ("Accuracy", {}, MORE, MORE[::-1], ALSO_PER_VALUE),
    ("BinaryAccuracy", {}, BITS, TENTHS, ALSO_PER_VALUE),
    ("BinaryAccuracy", {"threshold": 0.3}, BIT_LINE, LINE, PER_EXAMPLE),
    ("CategoricalAccuracy", {}, ONE_HOT, SHARES, PER_EXAMPLE),
    ("SparseCategoricalAccuracy", {}, CLASSES, SHARES, PER_EXAMPLE),
    ("SparseCategoricalAccuracy", {}, [c[:, None] for c in CLASSES], SHARES, PER_EXAMPLE),
    ("TopKCategoricalAccuracy", {"k": 2}, ONE_HOT, TENTHS, PER_EXAMPLE),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, CLASSES, SHARES, PER_EXAMPLE),
    (
        "SparseTopKCategoricalAccuracy",
        {"k": 2, "from_sorted_ids": True},
        CLASSES,
        [m.astype("f") for m in MORE],
        PER_EXAMPLE,
    ),
    ("MeanSquaredError", {}, NUMBERS, OTHERS, PER_EXAMPLE),
    ("MeanAbsoluteError", {}, NUMBERS, OTHERS, PER_EXAMPLE),
    ("MeanAbsolutePercentageError", {}, NUMBERS, OTHERS, PER_EXAMPLE),
    ("MeanSquaredLogarithmicError", {}, NUMBERS, OTHERS, PER_EXAMPLE),
    ("RootMeanSquaredError", {}, NUMBERS, OTHERS, ALSO_PER_VALUE),
    ("LogCoshError", {}, NUMBERS, OTHERS, PER_EXAMPLE),
    ("CosineSimilarity", {}, NUMBERS, OTHERS, PER_EXAMPLE),
    ("R2Score", {}, NUMBERS, OTHERS, ALSO_PER_VALUE),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, NUMBERS, OTHERS, PER_EXAMPLE),
    ("R2Score", {"class_aggregation": None, "num_regressors": 2}, NUMBERS, OTHERS, PER_EXAMPLE),
    ("Hinge", {}, BITS, OTHERS, PER_EXAMPLE),
    ("SquaredHinge", {}, BITS, OTHERS, PER_EXAMPLE),
    ("CategoricalHinge", {}, ONE_HOT, OTHERS, PER_EXAMPLE),
    ("KLDivergence", {}, SHARES[::-1], SHARES, PER_EXAMPLE),
    ("Poisson", {}, SHARES[::-1], SHARES, PER_EXAMPLE),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, BITS, SHARES, PER_EXAMPLE),
    ("CategoricalCrossentropy", {"from_logits": True}, ONE_HOT, OTHERS, PER_EXAMPLE),
    ("SparseCategoricalCrossentropy", {}, CLASSES, SHARES, PER_EXAMPLE),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}, CLASSES, SHARES, PER_EXAMPLE),
    ("PearsonCorrelation", {}, NUMBERS, OTHERS, PER_EXAMPLE),
    ("ConcordanceCorrelation", {"axis": 0}, NUMBERS, OTHERS, NO_WEIGHTS),
    ("TruePositives", {}, BITS, TENTHS, ALSO_PER_VALUE),
    ("FalsePositives", {"thresholds": [0.2, 0.9]}, BITS, TENTHS, ALSO_PER_VALUE),
    ("TrueNegatives", {"thresholds": [0.0, 0.5, 1.0]}, BITS, TENTHS, ALSO_PER_VALUE),
    ("FalseNegatives", {"thresholds": 0.3}, BIT_LINE, LINE, PER_EXAMPLE),
    ("Precision", {}, BITS, TENTHS, ALSO_PER_VALUE),
    ("Precision", {"top_k": 2}, ONE_HOT, SHARES, PER_EXAMPLE),
    ("Precision", {"class_id": 1, "thresholds": [0.1, 0.4]}, BITS, TENTHS, PER_EXAMPLE),
    ("Recall", {"thresholds": [0.0, 0.25, 0.5, 0.75, 1.0]}, BITS, TENTHS, ALSO_PER_VALUE),
    ("Recall", {"top_k": 1, "class_id": 2}, ONE_HOT, SHARES, PER_EXAMPLE),
    ("SensitivityAtSpecificity", {"specificity": 0.5}, BITS, TENTHS, ALSO_PER_VALUE),
    ("SpecificityAtSensitivity", {"sensitivity": 0.6, "num_thresholds": 5}, BIT_LINE, LINE, PER_EXAMPLE),
    ("PrecisionAtRecall", {"recall": 0.4, "num_thresholds": 1}, BIT_LINE, LINE, PER_EXAMPLE),
    ("RecallAtPrecision", {"precision": 0.6, "class_id": 0}, BITS, TENTHS, PER_EXAMPLE),
    ("AUC", {}, BITS, TENTHS, ALSO_PER_VALUE),
    ("AUC", {"curve": "PR", "num_thresholds": 7}, BIT_LINE, LINE, PER_EXAMPLE),
    ("AUC", {"curve": "PR", "summation_method": "minoring"}, BITS, TENTHS, PER_EXAMPLE),
    ("AUC", {"curve": "PRGAIN", "summation_method": "majoring"}, BITS, TENTHS, PER_EXAMPLE),
    ("AUC", {"thresholds": [0.8, 0.1, 0.3]}, BITS, TENTHS, PER_EXAMPLE),
    ("AUC", {"from_logits": True, "summation_method": "majoring"}, BITS, OTHERS, PER_EXAMPLE),
    ("AUC", {"multi_label": True, "num_thresholds": 9}, BITS, TENTHS, PER_EXAMPLE),
    (
        "AUC",
        {"multi_label": True, "num_labels": 3, "thresholds": [0.2, 0.3], "label_weights": [1.0, 2.0, 0.5]},
        BITS,
        TENTHS,
        PER_EXAMPLE,
    ),
    ("AUC", {"label_weights": [1.0, 2.0, 0.5], "num_thresholds": 9}, BITS, TENTHS, PER_EXAMPLE),
    ("IoU", {"num_classes": 3, "target_class_ids": [0, 2]}, MORE, MORE[::-1], NO_WEIGHTS),
    ("IoU", {"num_classes": 3, "target_class_ids": [1], "dtype": "float32"}, MORE, MORE[::-1], (EACH,)),
    ("BinaryIoU", {"target_class_ids": [1], "threshold": 0.3}, BITS, TENTHS, NO_WEIGHTS),
    ("MeanIoU", {"num_classes": 3, "ignore_class": 1}, MORE, MORE[::-1], NO_WEIGHTS),
    ("OneHotIoU", {"num_classes": 3, "target_class_ids": [0, 1]}, ONE_HOT, SHARES, NO_WEIGHTS),
    ("OneHotMeanIoU", {"num_classes": 3, "sparse_y_pred": True}, ONE_HOT, CLASSES[::-1], NO_WEIGHTS),
    ("FBetaScore", {"beta": 2.0}, ONE_HOT, SHARES, PER_EXAMPLE),
    ("FBetaScore", {"average": "micro", "threshold": 0.4}, BITS, TENTHS, PER_EXAMPLE),
    ("F1Score", {"average": "weighted"}, ONE_HOT, SHARES, PER_EXAMPLE),
    ("F1Score", {"average": "macro", "threshold": 0.5, "name": "f"}, BITS, TENTHS, PER_EXAMPLE),
]  # fmt: skip
IDS = [f"{name}-{i}" for i, (name, *_) in enumerate(CASES)]


def fresh(name: str, options: dict[str, Any]) -> tuple[Any, Any]:
    clear_names()
    keras.src.utils.naming.reset_uids()
    return getattr(metrics, name)(**options), getattr(keras.metrics, name)(**options)


def run(metric: Any, ys: Any, ps: Any, weights: Any) -> list[Any]:
    """The results after each of three batches, then after a reset and one batch."""
    found = []
    for y, p, weight in zip(ys, ps, weights, strict=True):
        metric.update_state(y, p, sample_weight=weight)
        found.append(metric.result())
    metric.reset_state()
    found.append(metric(ys[1], ps[1]))
    return [np.asarray(x.numpy() if isinstance(x, tf.Tensor) else x) for x in found]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_three_updates_and_a_reset_give_what_keras_gives(case: Any) -> None:
    name, options, ys, ps, weightings = case
    for weights in weightings or ([None] * BATCHES,):
        ours, theirs = fresh(name, options)
        close(run(ours, ys, ps, weights), run(theirs, ys, ps, weights))
        assert ours.name == theirs.name and ours.dtype == theirs.dtype
        assert [v.shape.as_list() for v in ours.variables] == [
            list(v.shape) for v in theirs.variables
        ]
        for own, other in zip(ours.variables, theirs.variables, strict=True):
            close(own.value(), np.asarray(other))
    assert ours._direction == getattr(theirs, "_direction", None)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_configs_are_those_of_keras_and_make_the_same_metric(case: Any) -> None:
    name, options, ys, ps, _ = case
    ours, theirs = fresh(name, options)
    if "label_weights" not in options:  # Keras writes a tensor, and cannot read it
        same_config(ours, theirs)
    expected = ours(ys[0], ps[0]).numpy()
    for written in (metrics.serialize(ours), keras.metrics.serialize(theirs)):
        again = metrics.deserialize(written)
        assert type(again) is type(ours)
        np.testing.assert_array_equal(again(ys[0], ps[0]).numpy(), expected)
    assert type(keras.metrics.deserialize(metrics.serialize(ours))) is type(theirs)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_graph_gives_what_eager_gives(case: Any) -> None:
    name, options, ys, ps, weightings = case
    weights = weightings[0][0] if weightings else None
    eager, traced = (getattr(metrics, name)(**options) for _ in range(2))
    if eager.variables:
        traced.reset_state()
    shapes = [x[0].shape for x in (ys, ps)]
    signature = [
        tf.TensorSpec([None, *shape[1:]], x[0].dtype)
        for shape, x in zip(shapes, (ys, ps), strict=True)
    ]
    if weights is not None:
        signature.append(tf.TensorSpec([None, *weights.shape[1:]], tf.float32))

    def step(*batch: Any) -> Any:
        traced.update_state(*batch)
        return traced.result()

    compiled = tf.function(step, input_signature=signature)
    for y, p in zip(ys, ps, strict=True):
        batch = [x for x in (y, p, weights) if x is not None]
        eager.update_state(*batch)
        close(compiled(*map(tf.constant, batch)), eager.result().numpy())
    assert compiled.experimental_get_tracing_count() == 1


# --- sums and means -----------------------------------------------------------------------------------

VALUES: dict[str, tuple[Any, Any]] = {
    "scalar": (3.0, None),
    "scalar with a weight": (np.float32(3.0), np.float32(0.5)),
    "vector": (np.arange(4.0, dtype="f"), None),
    "vector, one weight": (np.arange(4.0, dtype="f"), np.float32(2.0)),
    "vector, weights": (np.arange(4.0, dtype="f"), np.array([1.0, 0, 2, 3], "f")),
    "vector, column": (np.arange(4.0, dtype="f"), np.array([[1.0], [0], [2], [3]], "f")),
    "matrix": (NUMBERS[0], None),
    "matrix, weights": (NUMBERS[0], SAMPLE[0]),
    "matrix, column": (NUMBERS[0], np.array([[1.0], [0], [2], [3]], "f")),
    "matrix, each": (NUMBERS[0], EACH[0]),
    "integers": (np.arange(4, dtype="i"), np.array([1, 0, 2, 1], "i")),
    "bools": (np.array([True, False, True]), None),
}


@pytest.mark.parametrize("kind", ["Mean", "Sum"])
@pytest.mark.parametrize("name", VALUES)
def test_sums_and_means_of_any_shape(kind: str, name: str) -> None:
    values, weight = VALUES[name]
    ours, theirs = fresh(kind, {})
    for _ in range(2):
        ours.update_state(values, sample_weight=weight)
        theirs.update_state(values, sample_weight=weight)
    close(ours.result(), np.asarray(theirs.result()))
    same_config(ours, theirs)
    assert [v.name.split("/")[-1].split(":")[0] for v in ours.variables] == [
        v.name for v in theirs.variables
    ]


@pytest.mark.parametrize("weight", [None, np.array([1.0, 0.5], "f"), np.ones((2, 3), "f") * 2])
def test_masked_steps_do_not_count(weight: Any) -> None:
    y, p = RNG.normal(size=(2, 3, 2)).astype("f"), RNG.normal(size=(2, 3, 2)).astype("f")
    mask = np.array([[True, False, True], [False, True, False]])
    ours = metrics.MeanAbsoluteError()
    predicted = tf.constant(p)
    set_mask(predicted, tf.constant(mask))
    ours.update_state(y, predicted, weight)
    if weight is not None and weight.ndim == 1:
        weight = np.broadcast_to(weight[:, None], mask.shape)  # Keras takes one a step alone here
    theirs = keras.metrics.MeanAbsoluteError()
    their_predicted = keras.ops.convert_to_tensor(p)
    keras.src.backend.set_keras_mask(their_predicted, keras.ops.convert_to_tensor(mask))
    theirs.update_state(y, their_predicted, weight)
    close(ours.result(), np.asarray(theirs.result()))


# --- names --------------------------------------------------------------------------------------------


def test_every_name_of_keras_is_known_and_means_the_same() -> None:
    takes_none = []
    for name, cls in keras.src.metrics.ALL_OBJECTS_DICT.items():
        if name.lower() in ("metric", "meanmetricwrapper", "mean_metric_wrapper"):
            continue
        assert metrics._TABLE[name].__name__ == cls.__name__
        if all(p.default is not p.empty for p in list(inspect.signature(cls).parameters.values())):
            ours, theirs = metrics.get(name), keras.metrics.get(name)
            assert type(ours).__name__ == type(theirs).__name__
            takes_none.append(name)
    assert len(takes_none) > 70


def test_every_function_of_keras_is_there() -> None:
    for name, function in vars(keras.metrics).items():
        if inspect.isfunction(function):
            own, other = (
                inspect.signature(f).parameters for f in (getattr(metrics, name), function)
            )
            if name in ("get", "serialize", "deserialize"):
                continue
            assert [(p.name, p.default) for p in own.values()] == [
                (p.name, p.default) for p in other.values()
            ], name
            assert metrics.get_function(name) is getattr(metrics, name)


def test_a_metric_has_keras_defaults_and_arguments() -> None:
    for cls in metrics.CLASSES:
        own, other = (
            inspect.signature(kind.__init__).parameters
            for kind in (cls, getattr(keras.metrics, cls.__name__))
        )
        assert [(p.name, p.default) for p in own.values()] == [
            (p.name, p.default) for p in other.values()
        ], cls.__name__


def test_a_wrapped_function_writes_its_arguments() -> None:
    ours = metrics.MeanMetricWrapper(losses.huber, name="h", delta=2.0)
    theirs = keras.metrics.MeanMetricWrapper(keras.losses.huber, name="h", delta=2.0)
    same_config(ours, theirs)
    again = metrics.deserialize(metrics.serialize(ours))
    close(again(NUMBERS[0], OTHERS[0]), np.asarray(theirs(NUMBERS[0], OTHERS[0])))


def test_a_metric_of_ones_own_tracks_what_it_is_made_of_and_may_branch() -> None:
    class Both(metrics.Metric):
        def __init__(self, name: str = "both", **options: Any):
            super().__init__(name=name, **options)
            self.inner = metrics.Mean()
            self.largest = self.add_weight(name="largest")
            self.steps = tf.Variable(0.0, trainable=False)

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.inner.update_state(y_pred)
            self.steps.assign_add(1.0)
            if tf.reduce_max(y_pred) > self.largest:
                self.largest.assign(tf.reduce_max(y_pred))

        def result(self) -> dict[str, Any]:
            return {
                "mean": self.inner.result(),
                "largest": self.largest.value(),
                "steps": self.steps.value(),
            }

    both = Both()
    assert len(both.variables) == 4 and both.get_config() == {"name": "both", "dtype": "float32"}
    step = tf.function(both)
    for values in ([1.0, 3.0], [2.0, 2.0]):
        found = step(tf.zeros([2]), tf.constant(values))
    assert {key: value.numpy() for key, value in found.items()} == {
        "mean": 2,
        "largest": 3,
        "steps": 2,
    }
    both.reset_state()
    assert [variable.numpy() for variable in both.variables] == [0, 0, 0, 0]


def test_weights_with_a_fraction_in_a_matrix_of_counts_are_told() -> None:
    iou = metrics.MeanIoU(num_classes=3)
    with pytest.warns(UserWarning, match="dtype='float32'"):
        iou.update_state(MORE[0], MORE[1], EACH[0])


# --- errors -------------------------------------------------------------------------------------------

ERRORS: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "class numbers": (
        lambda: metrics.CategoricalAccuracy()(CLASSES[0], SHARES[0]),
        ["(4,)", "(4, 3)", "sparse_categorical_accuracy"],
    ),
    "one-hot": (
        lambda: metrics.SparseCategoricalAccuracy()(ONE_HOT[0], SHARES[0]),
        ["(4, 3)", "one class number", "use categorical_accuracy"],
    ),
    "class numbers, top k": (
        lambda: metrics.TopKCategoricalAccuracy()(CLASSES[0], SHARES[0]),
        ["(4,)", "sparse_top_k_categorical_accuracy"],
    ),
    "class numbers, binary": (
        lambda: metrics.BinaryAccuracy()(CLASSES[0], SHARES[0]),
        ["(4,)", "(4, 3)", "sparse_categorical_accuracy"],
    ),
    "class numbers, precision": (
        lambda: metrics.Precision(name="p")(CLASSES[0], SHARES[0]),
        ["p:", "(4,)", "(4, 3)", "tf.one_hot"],
    ),
    "weights": (
        lambda: metrics.MeanSquaredError()(NUMBERS[0], OTHERS[0], np.ones(3)),
        ["(3,)", "(4,)", "one weight for each example"],
    ),
    "weights of a count": (
        lambda: metrics.Recall()(BITS[0], TENTHS[0], np.ones(3)),
        ["(3,)", "(4, 3)", "one weight for each example"],
    ),
    "threshold": (lambda: metrics.Precision(thresholds=[0.5, 2.0]), ["[2.0]", "between 0 and 1"]),
    "class_id of a line": (lambda: metrics.Recall(class_id=1)(BIT_LINE[0], LINE[0]), ["class_id=1", "(4,)"]),
    "curve": (lambda: metrics.AUC(curve="RCO"), ["ROC", "'RCO'"]),
    "points": (lambda: metrics.AUC(num_thresholds=1), ["2 or more", "1"]),
    "labels": (lambda: metrics.AUC(num_labels=2), ["multi_label=True"]),
    "specificity": (lambda: metrics.SensitivityAtSpecificity(1.5), ["between 0 and 1", "1.5"]),
    "class": (lambda: metrics.IoU(2, [0, 2]), ["class 2", "0 to 1"]),
    "average": (lambda: metrics.F1Score(average="mean"), ["'micro'", "'mean'"]),
    "beta": (lambda: metrics.FBetaScore(beta=2), ["float", "2"]),
    "line of scores": (lambda: metrics.F1Score()(BIT_LINE[0], LINE[0]), ["(batch, classes)", "(4,)"]),
    "line of numbers": (lambda: metrics.R2Score()(LINE[0], LINE[1]), ["(batch, 1)", "(4,)"]),
    "aggregation": (lambda: metrics.R2Score("mean"), ["'uniform_average'", "'mean'"]),
    "name": (lambda: metrics.get("binary_acuracy"), ["'binary_acuracy'", "'binary_accuracy'"]),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_says_what_was_given_and_what_to_use(name: str) -> None:
    call, parts = ERRORS[name]
    with pytest.raises(ValueError) as caught:
        call()
    missing = [part for part in parts if part not in str(caught.value)]
    assert not missing, f"{missing} not in: {caught.value}"


def test_variables_before_super_are_told() -> None:
    class Late(metrics.Metric):
        def __init__(self) -> None:
            self.total = tf.Variable(0.0)
            super().__init__()

    with pytest.raises(RuntimeError, match=r"super\(\).__init__"):
        Late()
