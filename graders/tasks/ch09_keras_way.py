"""Chapter 09: what compile and fit do, in pieces. The truth is what engine.keras and the tape do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import engine as tf
from graders.compare import as_array
from graders.diagnose import Seen, in_check, not_raised, predicts, returned
from graders.show import show
from graders.tasks.base import Case, Check, Complaint, Draw, Holds, Misconception, Raises, Task

Args = tuple[Any, ...]


class Weights(list[Any]):
    """w, b and the w of a second call. Large ones are shown by what they are to be told by."""

    def __repr__(self) -> str:
        return "\n".join(map(self._line, ("w", "b"), self))

    @staticmethod
    def _line(name: str, value: Any) -> str:
        array = as_array(value)
        if array is None or array.size <= 6:
            return f"{name} = {show(value)}".replace("\n", "\n" + " " * 4)
        ends = f"from {array.min():.4f} to {array.max():.4f}"
        return f"{name} of shape {array.shape}, {array.dtype}, {ends}"


def initial(init_dense: Callable[..., Any], fan_in: int, units: int) -> Weights:
    """Two results of the function."""
    first, second = init_dense(fan_in, units), init_dense(fan_in, units)
    for result in (first, second):
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise Complaint("it returns something else than the pair (w, b)")
    return Weights([*first, second[0]])


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
        if w.size > 1 and np.array_equal(w, again):  # two single numbers may meet
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
    """What uniform weights do not show once in a hundred million layers: a mean beyond six
    standard errors, an end that no weight comes near (the chance of a gap of 50/n is e^-25), or a
    share in the inner half that six standard errors do not explain."""
    errors = 6 / math.sqrt(w.size)
    if abs(float(w.mean())) > errors * limit / math.sqrt(3):
        return f"the weights have mean {float(w.mean()):.4f}, not about 0"
    for end in (-w.min(), w.max()):
        if end < limit * (1 - 50 / w.size):
            return f"the weights spread to ±{float(end):.4f}, and should to ±{limit:.4f}"
    inner = float((np.abs(w) < limit / 2).mean())
    if abs(inner - 0.5) > errors / 2:
        return f"the weights spread unevenly: {inner:.0%} of them lie in the inner half"
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
                "beyond the limit" in str(seen.first.wrong) or "spread" in str(seen.first.wrong)
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


def by_columns(draw: Draw, rows: int, columns: int) -> np.ndarray:
    """A table that lies in memory column by column, as a transposed one does: not contiguous."""
    return draw.floats((columns, rows)).T


def only_by_columns(seen: Seen) -> bool:
    """Is it wrong for no input but those that do not lie in memory row by row?"""
    failed = [outcome.case.args for outcome in seen.wrong if outcome.label == seen.first.label]
    return all(any(map(_column_by_column, args)) for args in failed)


def _column_by_column(value: Any) -> bool:
    if type(value) is list:
        return any(map(_column_by_column, value))
    return isinstance(value, np.ndarray) and not value.flags.c_contiguous


MEMORY_ORDER = Misconception(
    "memory_order",
    "It goes wrong for tables that lie in memory column by column, as a transposed one does. A "
    "number belongs to its index, not to its place in memory.",
    only_by_columns,
)


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
    yield by_columns(draw, 3, 2), by_columns(draw, 2, 3), draw.floats((3,))
    yield dense_inputs(200, 30, 20, draw)


def other_ranks(draw: Draw) -> Iterator[Case]:
    wrong = Raises(ValueError, ("rank",))
    for shape in ((1,), (3,), (1, 2, 2)):
        _, w, b = dense_inputs(1, shape[-1], 2, draw)
        yield Case((draw.floats(shape), w, b), wrong)
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
        Check(
            "no example", lambda draw: [dense_inputs(0, 1, 1, draw), dense_inputs(0, 3, 2, draw)]
        ),
        Check("x of another rank", other_ranks, points=1),
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
            "no_example",
            "A batch may hold no example at all, as when a filter lets none through. Then no row "
            "comes out, and the axis of the units is there all the same: `(0, units)`.",
            in_check("no example"),
        ),
        MEMORY_ORDER,
        Misconception(
            "transposed",
            "x and w are the wrong way round, or one of them is turned: features have to meet "
            "features in the product.",
            lambda seen: seen.first.label != "x of another rank",
        ),
        Misconception(
            "rank_missed",
            "x of another rank gives numbers too, with an axis too few or too many from there on. "
            "Somewhere later that broadcasts, silently. Refuse it here.",
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
    """Keras' loss; it asks for an axis, and for plain numbers the mean is the square itself."""
    rows = (y_true.reshape(-1, 1), y_pred.reshape(-1, 1)) if y_true.ndim == 0 else (y_true, y_pred)
    return float(tf.keras.losses.MeanSquaredError()(*rows))


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
    yield by_columns(draw, 4, 3), draw.floats((4, 3))
    yield draw.floats((3, 40), 1000.0), draw.floats((3, 40), 1000.0)
    yield draw.floats((500, 20)), draw.floats((500, 20))


def other_shapes(draw: Draw) -> Iterator[Args]:
    for shape in ((), (3,), (2, 3, 2), draw.shape(4, 3)):
        yield draw.floats(shape), draw.floats(shape)


def broadcasting(draw: Draw) -> Iterator[Case]:
    wrong = Raises(ValueError, ("shape",))
    for true, pred in (((3,), (3, 1)), ((3, 1), (3,)), ((1, 1), (2, 1)), ((4, 1), (4, 2)),
                       ((), (3,)), ((1,), ()), ((2, 3), (3, 2)), ((0, 1), (1, 1))):  # fmt: skip
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
        Check("any other shape", other_shapes),
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
            returned(lambda got, t, p: t.shape == p.shape and math.isclose(
                abs(float(got)), abs(float((t - p).mean())), rel_tol=1e-4)),
        ),
        Misconception(
            "half",
            "It is half of the mean. The half belongs to another definition; Keras has none.",
            predicts(lambda t, p: float(((t - p) ** 2).mean()) / 2),
        ),
        MEMORY_ORDER,
        Misconception(
            "rows_only",
            "It divides by the number of rows. The mean is over everything: rows times columns.",
            in_check("tables"),
        ),
        Misconception(
            "two_axes",
            "It is right for a table and not beyond. The mean is over every number, however many "
            "axes they are laid out on, one number without any among them.",
            in_check("any other shape"),
        ),
        Misconception(
            "broadcast",
            "The smaller one is stretched: (3,) minus (3, 1) is a table of 3 by 3, every prediction "
            "is compared with every label, and the loss looks plausible. Compare the shapes first.",
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
