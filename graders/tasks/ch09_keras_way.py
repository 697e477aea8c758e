"""Chapter 09: what compile and fit do, in pieces. The truth is what engine.keras and the tape do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import engine as tf
from graders.compare import as_array
from graders.diagnose import Seen, in_check, not_raised, predicts, returned
from graders.tasks.base import Case, Check, Complaint, Draw, Holds, Misconception, Raises, Task

Args = tuple[Any, ...]


def initial(init_dense: Callable[..., Any], fan_in: int, units: int) -> list[Any]:
    """Two results of the function, as [w, b, w of the second]."""
    first, second = init_dense(fan_in, units), init_dense(fan_in, units)
    for result in (first, second):
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise Complaint("it returns something else than the pair (w, b)")
    return [*first, second[0]]


def glorot(fan_in: int, units: int) -> Holds:
    """Weights as Glorot and Bengio (2010), eq. 16, have them: uniform within +-limit."""
    limit = math.sqrt(6 / (fan_in + units))

    def wrong(got: list[Any]) -> str | None:
        w, b, again = (as_array(value) for value in got)
        if w is None or b is None or again is None:
            return "w and b are to be tensors or arrays"
        for name, array, shape in (("w", w, (fan_in, units)), ("b", b, (units,))):
            if array.shape != shape:
                return f"{name} has shape {array.shape}, not {shape}"
            if array.dtype != np.float32:
                return f"{name} has dtype {array.dtype}, not float32"
        if b.any():
            return "b is not zero"
        if np.array_equal(w, again):
            return "two layers get the same weights"
        furthest = float(np.abs(w).max())
        if not furthest <= limit * (1 + 1e-6):
            return f"a weight is {furthest:.4f}, beyond the limit {limit:.4f}"
        if w.size >= 200:
            return _spread(w, limit)
        return None

    return Holds(
        f"w of shape {(fan_in, units)}, random within ±{limit:.4f}; b of shape {(units,)}, zero; "
        "both float32",
        wrong,
    )


def _spread(w: np.ndarray, limit: float) -> str | None:
    """Five standard errors of the mean, and a tenth of the spread, leave no false alarms."""
    spread = limit / math.sqrt(3)
    if abs(float(w.mean())) > 5 * spread / math.sqrt(w.size):
        return f"the weights have mean {float(w.mean()):.4f}, not about 0"
    if not 0.9 < float(w.std()) / spread < 1.1:
        return f"the weights spread by {float(w.std()):.4f}, uniform ones by {spread:.4f}"
    return None


def _says(words: str) -> Callable[[Seen], bool]:
    return lambda seen: words in str(seen.first.wrong)


def small_layers(draw: Draw) -> Iterator[Args]:
    yield from ((1, 1), (3, 2))
    for _ in draw.rounds(3):
        fan_in = draw.random.randint(1, 9)
        yield fan_in, fan_in + draw.random.randint(1, 4)


INIT = Task(
    id="09.keras.init_dense",
    name="init_dense",
    points=2,
    asks="`init_dense(fan_in, units)`: new float32 weights of a Dense layer, as `(w, b)`: w of shape "
    "`(fan_in, units)`, uniform in ±sqrt(6 / (fan_in + units)); b of shape `(units,)`, zero.",
    oracle=glorot,
    use=initial,
    shows=lambda fan_in, units: f"init_dense({fan_in}, {units})",
    checks=(
        Check("small layers", small_layers),
        Check("large layers", lambda draw: [(64, 32), (20, 200), (300, 4)]),
    ),
    misconceptions=(
        Misconception(
            "transposed",
            "w is the wrong way round. Inputs come as rows, and `x @ w` needs one row of w for "
            "every feature.",
            lambda seen: (
                "w has shape" in str(seen.first.wrong)
                and tuple(reversed(seen.first.case.args)) == tuple(seen.first.ran.value[0].shape)
            ),
        ),
        Misconception(
            "bias_shape",
            "There is one bias for every output: a vector of `units` numbers.",
            _says("b has shape"),
        ),
        Misconception(
            "dtype",
            "NumPy draws float64. Everything else in the engine is float32, and two dtypes do not "
            "mix.",
            _says("has dtype"),
        ),
        Misconception(
            "zeros",
            "When all weights start alike, all units of a layer compute the same and learn the "
            "same, for ever. They have to be drawn, and anew for each layer.",
            _says("two layers get the same"),
        ),
        Misconception(
            "bias_random",
            "The bias starts at zero: it is the weights that have to differ.",
            _says("b is not zero"),
        ),
        Misconception(
            "one_sided",
            "The weights are all on one side of 0. They lie between minus the limit and the limit.",
            _says("not about 0"),
        ),
        Misconception(
            "limit",
            "They are random, but not spread as asked: uniform between minus and plus "
            "sqrt(6 / (fan_in + units)).",
            lambda seen: (
                "beyond the limit" in str(seen.first.wrong) or "spread by" in str(seen.first.wrong)
            ),
        ),
    ),
    hints=(
        "Look at `model.layers[0].get_weights()` of a new model: two arrays. Which shapes?",
        "Wide layers add up many products, so their weights have to be smaller: that is what the "
        "limit is for.",
        "Compute the limit from fan_in and units. Draw the weights between minus the limit and "
        "the limit, with `tf.random.uniform` or NumPy, as float32. Make a vector of zeros.",
    ),
)


def dense_truth(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    layer = tf.keras.layers.Dense(w.shape[1])
    layer(tf.constant(x))  # makes the weights that are then replaced
    layer.set_weights([w, b])
    return layer(tf.constant(x)).numpy()


def dense_inputs(batch: int, features: int, units: int, draw: Draw) -> Args:
    return draw.floats((batch, features)), draw.floats((features, units)), draw.floats((units,))


def single_units(draw: Draw) -> Iterator[Args]:
    as_float = np.float32
    yield np.array([[10]], as_float), np.array([[2]], as_float), np.array([-1], as_float)
    for _ in draw.rounds(3):
        yield dense_inputs(draw.random.randint(2, 5), 1, 1, draw)


def many_units(draw: Draw) -> Iterator[Args]:
    yield dense_inputs(1, 2, 3, draw)
    yield dense_inputs(3, 3, 3, draw)
    for _ in draw.rounds(4):
        batch, features, units = draw.shape(3, 6)
        yield dense_inputs(batch, features, units, draw)
    yield dense_inputs(200, 30, 20, draw)


def flat_inputs(draw: Draw) -> Iterator[Case]:
    wrong = Raises(ValueError, ("rank",))
    for features in (1, 3):
        _, w, b = dense_inputs(1, features, 2, draw)
        yield Case((draw.floats((features,)), w, b), wrong)
    yield Case((draw.floats(()), *dense_inputs(1, 1, 1, draw)[1:]), wrong)


FORWARD = Task(
    id="09.keras.dense_forward",
    name="dense_forward",
    points=2,
    asks="`dense_forward(x, w, b)`: what a Dense layer makes of a batch: `(batch, features)` in, "
    "`(batch, units)` out. An x of another rank than 2 raises a ValueError that says `rank`.",
    oracle=dense_truth,
    parameters=("x", "w", "b"),
    tensors=True,
    checks=(
        Check("one feature, one unit", single_units),
        Check("more features and units", many_units),
        Check("x of another rank", flat_inputs, points=1),
    ),
    misconceptions=(
        Misconception(
            "elementwise",
            "`*` multiplies element by element. Each output is a sum over all features: that is "
            "a matrix product, `@`.",
            predicts(lambda x, w, b: np.asarray(x * w + b, np.float32)),
        ),
        Misconception(
            "no_bias",
            "The bias is missing: it is what lets a line miss the origin.",
            predicts(lambda x, w, b: x @ w),
        ),
        Misconception(
            "transposed",
            "x and w are the wrong way round, or one of them is turned: features have to meet "
            "features in the product.",
            lambda seen: seen.first.label != "x of another rank",
        ),
        Misconception(
            "rank_missed",
            "A single example of shape (3,) also gives numbers, with one axis missing from there "
            "on. Somewhere later that broadcasts, silently. Refuse it here.",
            in_check("x of another rank", not_raised),
        ),
        Misconception(
            "rank_error",
            "It is refused, but the message does not help: raise a ValueError that says which "
            "`rank` is expected.",
            in_check("x of another rank"),
        ),
    ),
    hints=(
        "Write down the three shapes. Which two axes have the same size, and have to disappear?",
        "One row of the result belongs to one example. Its entries are weighted sums of the "
        "example's features, each shifted by one bias.",
        "Check `x.ndim`, and raise when it is not 2. Then a matrix product of x and w, plus b: "
        "the bias broadcasts over the batch.",
    ),
)


def loss_truth(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    return float(tf.keras.losses.MeanSquaredError()(y_true, y_pred))


def columns(draw: Draw) -> Iterator[Args]:
    as_float = np.float32
    yield np.array([[1]], as_float), np.array([[3]], as_float)
    yield np.array([[1], [2]], as_float), np.array([[1], [4]], as_float)
    for _ in draw.rounds(3):
        rows = draw.random.randint(2, 6)
        yield draw.floats((rows, 1)), draw.floats((rows, 1))


def tables(draw: Draw) -> Iterator[Args]:
    for _ in draw.rounds(3):
        rows, units = draw.random.randint(2, 5), draw.random.randint(2, 4)
        yield draw.floats((rows, units)), draw.floats((rows, units))
    yield draw.floats((3, 40), 1000.0), draw.floats((3, 40), 1000.0)


def broadcasting(draw: Draw) -> Iterator[Case]:
    wrong = Raises(ValueError, ("shape",))
    for true, pred in (((3,), (3, 1)), ((3, 1), (3,)), ((1, 1), (2, 1)), ((4, 1), (4, 2))):
        yield Case((draw.floats(true), draw.floats(pred)), wrong)


MSE = Task(
    id="09.keras.mse",
    name="mse",
    points=2,
    asks="`mse(y_true, y_pred)`: the mean of the squared differences, over everything. Two different "
    "shapes raise a ValueError that says `shape`.",
    oracle=loss_truth,
    parameters=("y_true", "y_pred"),
    tensors=True,
    checks=(
        Check("columns", columns),
        Check("tables", tables),
        Check("two different shapes", broadcasting, points=1),
    ),
    misconceptions=(
        Misconception(
            "sum",
            "That is the sum. With a mean, the loss and the learning rate do not depend on how "
            "many examples there are.",
            predicts(lambda t, p: float(((t - p) ** 2).sum())),
        ),
        Misconception(
            "absolute",
            "The differences are not squared but taken without their sign: the mean absolute error.",
            predicts(lambda t, p: float(np.abs(t - p).mean())),
        ),
        Misconception(
            "root",
            "The root is one step too many: that is the RMSE.",
            predicts(lambda t, p: float(np.sqrt(((t - p) ** 2).mean()))),
        ),
        Misconception(
            "not_squared",
            "Without squares, differences above and below cancel out.",
            returned(lambda got, t, p: math.isclose(abs(float(got)), abs(float((t - p).mean())),
                                                    rel_tol=1e-4)),
        ),
        Misconception(
            "half",
            "It is half of the mean. The half belongs to another definition; Keras has none.",
            predicts(lambda t, p: float(((t - p) ** 2).mean()) / 2),
        ),
        Misconception(
            "rows_only",
            "It divides by the number of rows. The mean is over everything: rows times columns.",
            in_check("tables"),
        ),
        Misconception(
            "broadcast",
            "(3,) minus (3, 1) is a table of 3 by 3: every prediction is compared with every "
            "label, and the loss looks plausible. Compare the shapes first.",
            in_check("two different shapes", not_raised),
        ),
        Misconception(
            "shape_error",
            "It is refused, but the message does not help: raise a ValueError that says which "
            "`shape` each of the two has.",
            in_check("two different shapes"),
        ),
    ),
    hints=(
        "Compute it on paper for labels 1 and 2, predictions 1 and 4.",
        "Three steps: the differences, their squares, the mean. And one question before: are "
        "there as many predictions as labels, in the same shape?",
        "Compare `y_true.shape` with `y_pred.shape` and raise when they differ. Then "
        "`tf.square` and `tf.reduce_mean`, or what NumPy calls them.",
    ),
)  # fmt: skip

TASKS = (INIT, FORWARD, MSE)
