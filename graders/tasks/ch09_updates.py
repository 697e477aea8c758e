"""Chapter 09, continued: gradients, the update, and the loop that makes fit. The truth is the tape,
Keras' own optimizer, and Keras' own fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import engine as tf
from graders.diagnose import in_check, predicts, raised, returned
from graders.tasks.base import Check, Draw, Misconception, Task
from graders.tasks.ch09_keras_way import MEMORY_ORDER, by_columns

Args = tuple[Any, ...]


def gradient_truth(x: np.ndarray, y_true: np.ndarray, y_pred: np.ndarray) -> Any:
    """From the tape. The weights do not matter: only x and the predictions do."""
    w, b = tf.Variable(tf.zeros((x.shape[1], y_true.shape[1]))), tf.Variable(y_true[0] * 0)
    rest = tf.constant(y_pred)  # what the layer would have given with the weights it had
    with tf.GradientTape() as tape:
        predicted = tf.constant(x) @ w + b + rest
        loss = tf.reduce_mean(tf.square(tf.constant(y_true) - predicted))
    dw, db = tape.gradient(loss, [w, b])
    return (dw.numpy(), db.numpy())


def gradient_inputs(rows: int, features: int, units: int, draw: Draw) -> Args:
    return draw.floats((rows, features)), draw.floats((rows, units)), draw.floats((rows, units))


def one_example(draw: Draw) -> Iterator[Args]:
    as_float = np.float32
    yield np.array([[3]], as_float), np.array([[5]], as_float), np.array([[4]], as_float)
    for _ in draw.rounds(2):
        yield gradient_inputs(1, 1, 1, draw)


def batches(draw: Draw) -> Iterator[Args]:
    for rows in (2, 6):
        yield gradient_inputs(rows, 1, 1, draw)
    for _ in draw.rounds(3):
        yield gradient_inputs(draw.random.randint(2, 8), draw.random.randint(1, 4), 1, draw)
    yield by_columns(draw, 4, 3), draw.floats((4, 1)), draw.floats((4, 1))
    yield gradient_inputs(200, 8, 1, draw)


def more_units(draw: Draw) -> Iterator[Args]:
    for _ in draw.rounds(3):
        rows, features, units = draw.random.randint(2, 6), *draw.shape(2)
        yield gradient_inputs(rows, features, units + 1, draw)
    yield by_columns(draw, 4, 3), by_columns(draw, 4, 2), draw.floats((4, 2))
    yield gradient_inputs(100, 6, 5, draw)


def _scaled(factor: Any) -> Any:
    """A wrong model: the right gradients, each times a number that depends on the shapes."""

    def model(x: np.ndarray, y_true: np.ndarray, y_pred: np.ndarray) -> Any:
        dw, db = gradient_truth(x, y_true, y_pred)
        by = np.float32(factor(*y_true.shape))
        return (dw * by, db * by)

    return predicts(model)


def _reshaped(x: np.ndarray, y_true: np.ndarray, y_pred: np.ndarray) -> Any:
    """A wrong model: x in the shape of its transpose, with its numbers in the old order."""
    errors = np.float32(2 / y_true.size) * (y_pred - y_true)
    return (x.reshape(x.shape[::-1]) @ errors, errors.sum(axis=0))


def _bias_per_example(got: Any, x: np.ndarray, y_true: np.ndarray, y_pred: np.ndarray) -> bool:
    return np.shape(got[1]) == y_true.shape


def _dw_turned(got: Any, x: np.ndarray, y_true: np.ndarray, y_pred: np.ndarray) -> bool:
    right = (x.shape[1], y_true.shape[1])
    return np.shape(got[0]) == right[::-1] != right


GRADIENTS = Task(
    id="09.keras.mse_gradients",
    name="mse_gradients",
    points=3,
    asks="`mse_gradients(x, y_true, y_pred)`: how the mean squared error of a Dense layer changes with "
    "its weights, as `(dw, db)`, in the shapes of w and b. y_pred is what the layer gave for x.",
    oracle=gradient_truth,
    parameters=("x", "y_true", "y_pred"),
    tensors=True,
    tolerance=1e-4,
    checks=(
        Check("one example", one_example),
        Check("batches", batches),
        Check("more than one unit", more_units, points=1),
    ),
    misconceptions=(
        Misconception(
            "sign",
            "The sign is wrong: the gradient points to where the loss grows. A prediction that is "
            "too high has a positive error.",
            _scaled(lambda rows, units: -1),
        ),
        Misconception(
            "factor_two",
            "A factor of 2 is missing: the derivative of a square is twice what was squared.",
            _scaled(lambda rows, units: 0.5),
        ),
        Misconception(
            "not_mean",
            "It is not divided by how many numbers the mean is over, so more examples make larger "
            "steps.",
            _scaled(lambda rows, units: rows * units),
        ),
        Misconception(
            "by_rows",
            "It divides by the number of rows. The mean is over everything: rows times units.",
            _scaled(lambda rows, units: units),
        ),
        Misconception(
            "reshaped",
            "`reshape` leaves the numbers in their order and only begins the rows elsewhere. To "
            "turn rows into columns, transpose.",
            predicts(_reshaped),
        ),
        MEMORY_ORDER,
        Misconception(
            "bias_not_summed",
            "db has one row for every example. All examples share one bias: their errors add up.",
            returned(_bias_per_example),
        ),
        Misconception(
            "dw_turned",
            "dw is turned: it has to have the shape of w, one row for every feature.",
            returned(_dw_turned),
        ),
        Misconception(
            "no_input",
            "The error alone is the gradient for the bias. A weight's share in the error is the "
            "input it multiplied: dw needs x.",
            in_check("one example"),
        ),
    ),
    hints=(
        "For one example and one weight: loss = (w·x + b - y)². Take the derivative on paper, "
        "once by w, once by b.",
        "First how the loss changes with every prediction: an array of the same shape as y_pred. "
        "Then each weight collects it over all examples, times the input it was multiplied with.",
        "The error is y_pred - y_true; scale it by 2 over its number of elements. For dw: the "
        "matrix product of x, transposed, with it. For db: its sum over the examples.",
    ),
)


def sgd_truth(params: list[np.ndarray], grads: list[np.ndarray], learning_rate: float) -> Any:
    variables = [tf.Variable(value) for value in params]
    gradients = [tf.constant(value) for value in grads]
    optimizer = tf.keras.optimizers.SGD(learning_rate=learning_rate)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return [variable.numpy() for variable in variables]


def sgd_inputs(shapes: list[tuple[int, ...]], draw: Draw) -> Args:
    rate = round(draw.random.uniform(0.01, 0.3), 2)
    return [draw.floats(s) for s in shapes], [draw.floats(s) for s in shapes], rate


def one_parameter(draw: Draw) -> Iterator[Args]:
    yield [np.array([2.0], np.float32)], [np.array([4.0], np.float32)], 0.5
    for _ in draw.rounds(2):
        yield sgd_inputs([draw.shape(2)], draw)
    yield [by_columns(draw, 2, 3)], [draw.floats((2, 3))], 0.1
    yield sgd_inputs([(50, 40)], draw)


def several(draw: Draw) -> Iterator[Args]:
    yield sgd_inputs([(1, 1), (1,)], draw)
    for _ in draw.rounds(3):
        yield sgd_inputs([draw.shape(draw.random.randint(0, 3)) for _ in range(3)], draw)
    yield sgd_inputs([(), (2, 0), (2, 3)], draw)


def _updated(change: Any) -> Any:
    def model(params: list[np.ndarray], grads: list[np.ndarray], learning_rate: float) -> Any:
        rate = np.float32(learning_rate)
        return [np.asarray(change(p, g, rate)) for p, g in zip(params, grads, strict=True)]

    return predicts(model)


def _first_only(params: list[Any], grads: list[Any], learning_rate: float) -> Any:
    """A wrong model: the others stay what they were."""
    return [np.asarray(params[0] - np.float32(learning_rate) * grads[0]), *params[1:]]


def _other_shapes(got: Any, params: list[Any], grads: list[Any], learning_rate: float) -> bool:
    return [np.shape(new) for new in got] != [old.shape for old in params]


SGD = Task(
    id="09.keras.sgd_step",
    name="sgd_step",
    points=2,
    asks="`sgd_step(params, grads, learning_rate)`: one update of plain gradient descent. Takes two "
    "lists of tensors and returns the list of the new parameters.",
    oracle=sgd_truth,
    parameters=("params", "grads", "learning_rate"),
    tensors=True,
    checks=(
        Check("one parameter", one_parameter),
        Check("several parameters of different shapes", several),
        Check("no parameter", lambda draw: [([], [], 0.1)]),
    ),
    misconceptions=(
        Misconception(
            "uphill",
            "It walks uphill: the gradient points to where the loss grows, so it is subtracted.",
            _updated(lambda p, g, rate: p + rate * g),
        ),
        Misconception(
            "no_rate",
            "The learning rate is not used: the step is the whole gradient.",
            _updated(lambda p, g, rate: p - g),
        ),
        Misconception(
            "only_step",
            "That is the step alone. The new parameter is the old one and the step.",
            _updated(lambda p, g, rate: -rate * g),
        ),
        Misconception(
            "shrinks",
            "The learning rate multiplies the gradient only, not the parameter.",
            _updated(lambda p, g, rate: rate * (p - g)),
        ),
        Misconception(
            "first_only",
            "Only the first parameter is updated: every one has a gradient of its own.",
            predicts(_first_only),
        ),
        MEMORY_ORDER,
        Misconception(
            "scalar",
            "A parameter may be a single number, of shape `()`. The new one has the shape of the "
            "old one, and not an axis more.",
            in_check("several parameters of different shapes", returned(_other_shapes)),
        ),
        Misconception(
            "no_parameter",
            "There may be no parameter at all: then there is nothing to step, and the list of the "
            "new ones is empty.",
            in_check("no parameter", raised(Exception)),
        ),
        Misconception(
            "not_a_list",
            "A list of the new parameters is asked for, with as many entries as came in.",
            returned(lambda got, *args: not isinstance(got, list)),
        ),
    ),
    hints=(
        "Follow the one parameter 2.0 with gradient 4.0 and learning rate 0.5 on paper.",
        "Every parameter takes one small step against its own gradient. Nothing else is shared "
        "but the learning rate.",
        "Go through both lists together with `zip`. For each pair, the new parameter is the old "
        "one minus the learning rate times the gradient. Collect them in a list.",
    ),
)


def keras_fit(
    x: list[float],
    y: list[float],
    epochs: int,
    batch: int,
    rate: float,
    w: float,
    b: float,
    loss: Any = "mean_squared_error",
) -> Any:
    """The weights of Sequential([Dense(1)]) after fit, from a given start, in the given order."""
    layer = tf.keras.layers.Dense(1, input_shape=[1])
    model = tf.keras.Sequential([layer])
    layer.set_weights([np.array([[w]], np.float32), np.array([b], np.float32)])
    model.compile(optimizer=tf.keras.optimizers.SGD(learning_rate=rate), loss=loss)
    inputs = np.array(x, np.float32).reshape(-1, 1)
    labels = np.array(y, np.float32).reshape(-1, 1)
    if len(inputs):
        model.fit(inputs, labels, batch, epochs, verbose=0, shuffle=False)
    kernel, bias = layer.get_weights()
    return (float(kernel[0, 0]), float(bias[0]))


def _summed(y_true: Any, y_pred: Any) -> Any:
    return tf.reduce_sum(tf.square(y_true - y_pred))


LINE = ([-1.0, 0.0, 1.0, 2.0, 3.0, 4.0], [-3.0, -1.0, 1.0, 3.0, 5.0, 7.0])


def _points(count: int, draw: Draw) -> tuple[list[float], list[float]]:
    x = [float(round(draw.random.uniform(-2, 2), 1)) for _ in range(count)]
    return x, [float(round(draw.random.uniform(-4, 4), 1)) for _ in x]


def _start(draw: Draw) -> tuple[float, float]:
    return float(draw.random.randint(-2, 2)), float(draw.random.randint(-2, 2))


def one_batch(draw: Draw) -> Iterator[Args]:
    """An epoch is one update."""
    for epochs in (1, 2):
        yield *LINE, epochs, 6, 0.01, 0.0, 0.0
        yield *LINE, epochs, 6, 0.05, 1.5, -0.5
        yield [2.0], [1.0], epochs, 1, 0.1, 1.0, 0.5
        for _ in draw.rounds(2):
            count = draw.random.randint(2, 6)
            yield *_points(count, draw), epochs, count, 0.05, *_start(draw)
        x = [value / 32 for value in range(-20, 20)]
        yield x, [draw.random.randint(-3, 3) + value for value in x], epochs, 40, 0.1, 0.5, 0.0


def several_batches(draw: Draw) -> Iterator[Args]:
    """An epoch is several updates, from batches of one size."""
    for epochs in (1, 2):
        yield [1.0, 1.0], [3.0, 3.0], epochs, 1, 0.5, 0.0, 0.0
        for size in (1, 2, 3):
            yield *LINE, epochs, size, 0.05, 1.5, -0.5
        for _ in draw.rounds(2):
            size = draw.random.randint(1, 3)
            yield *_points(size * draw.random.randint(2, 4), draw), epochs, size, 0.1, *_start(draw)


def smaller_batches(draw: Draw) -> Iterator[Args]:
    """The last batch of an epoch, or the only one, has fewer examples than the batch size."""
    for epochs in (1, 2):
        for size in (4, 5, 32):
            yield *LINE, epochs, size, 0.05, 1.5, -0.5
        yield [2.0], [1.0], epochs, 3, 0.1, 1.0, 0.5
        for _ in draw.rounds(2):
            size = draw.random.randint(2, 4)
            count = size * draw.random.randint(1, 3) + draw.random.randint(1, size - 1)
            yield *_points(count, draw), epochs, size, 0.1, *_start(draw)


def long_runs(draw: Draw) -> Iterator[Args]:
    yield *LINE, 25, 6, 0.01, 0.0, 0.0
    yield *LINE, 60, 2, 0.05, -1.0, 2.0


def _whole(x: list[float], batch: int) -> slice:
    """The examples that fill batches."""
    return slice(0, len(x) // batch * batch)


FIT = Task(
    id="09.keras.fit_line",
    name="fit_line",
    points=4,
    asks="`fit_line(x, y, epochs, batch_size, learning_rate, w, b)`: what `fit` does with one Dense "
    "unit, SGD, MSE and `shuffle=False`, from the start w, b. x and y are lists of floats; each "
    "batch is one update, a smaller last one too. Returns `(w, b)` as two plain floats.",
    oracle=keras_fit,
    tolerance=2e-4,
    valid=lambda x, y, epochs, batch, *rest: len(x) == len(y) > 0 and batch > 0 <= epochs,
    checks=(
        Check("no epoch", lambda draw: [(*LINE, 0, 6, 0.01, 1.5, -0.5), (*LINE, 0, 2, 0.01, 1.0, 2.0)]),
        Check("one batch an epoch", one_batch),
        Check("several batches an epoch", several_batches),
        Check("many epochs", long_runs),
        Check("a smaller batch", smaller_batches, points=1),
    ),
    misconceptions=(
        Misconception(
            "own_start",
            "It starts somewhere else than at the given w and b: without an epoch, they come back "
            "unchanged.",
            in_check("no epoch"),
        ),
        Misconception(
            "uphill",
            "It walks uphill: each update makes the loss larger. The gradient is subtracted.",
            predicts(lambda x, y, n, size, rate, w, b: keras_fit(x, y, n, size, -rate, w, b)),
        ),
        Misconception(
            "half_step",
            "Every step is half as long as Keras': the derivative of the square has a factor of 2.",
            predicts(lambda x, y, n, size, rate, w, b: keras_fit(x, y, n, size, rate / 2, w, b)),
        ),
        Misconception(
            "summed",
            "The steps grow with the number of examples: the loss is a mean, so its gradient is "
            "one too.",
            predicts(lambda x, y, n, size, rate, w, b: keras_fit(
                x, y, n, size, rate, w, b, loss=_summed)),
        ),
        Misconception(
            "whole_epochs",
            "It makes one update an epoch, on all examples, whatever the batch size is. Each batch "
            "is an update of its own.",
            predicts(lambda x, y, n, size, rate, w, b: keras_fit(x, y, n, len(x), rate, w, b)),
        ),
        Misconception(
            "one_by_one",
            "It updates after every example, whatever the batch size is. A batch is one update, "
            "with the mean over its examples.",
            predicts(lambda x, y, n, size, rate, w, b: keras_fit(x, y, n, 1, rate, w, b)),
        ),
        Misconception(
            "first_batch",
            "An epoch ends after its first batch: the other examples are never seen.",
            predicts(lambda x, y, n, size, *rest: keras_fit(x[:size], y[:size], n, size, *rest)),
        ),
        Misconception(
            "one_epoch",
            "The first epoch is right, and no other follows, or each begins again at the start.",
            predicts(lambda x, y, n, *rest: keras_fit(x, y, min(n, 1), *rest)),
        ),
        Misconception(
            "dropped",
            "A last batch that is not full is left out. Its examples count too, and it makes an "
            "update like any other.",
            predicts(lambda x, y, n, size, *rest: keras_fit(
                x[_whole(x, size)], y[_whole(y, size)], n, size, *rest)),
        ),
        Misconception(
            "full_mean",
            "The smaller batch is divided by `batch_size`. The mean is over the examples that a "
            "batch has.",
            predicts(lambda x, y, n, size, rate, w, b: keras_fit(
                x, y, n, size, rate / size, w, b, loss=_summed)),
        ),
        Misconception(
            "w_before_b",
            "b is updated with predictions of the new w. Both gradients belong to one and the same "
            "moment: compute both, then update both.",
            in_check("one batch an epoch"),
        ),
        Misconception(
            "stale",
            "The first batch of an epoch may be right, the ones after it are not. Batches are cut in "
            "the order of the list, and each is predicted with w and b as the batch before left them.",
            in_check("several batches an epoch"),
        ),
        Misconception(
            "smaller_batch",
            "It is right as long as all batches are full. The last one may be smaller, and it is a "
            "batch like any other: follow six examples in batches of 4 on paper.",
            in_check("a smaller batch"),
        ),
    ),
    hints=(
        "Which two loops stand around the four lines of the lesson's own `hand_fit`, and how often "
        "do the lines run in one epoch?",
        "For each batch: predict its examples, find the error of each, take both gradients from "
        "these errors, and only then move w and b, each by its own step.",
        "A loop over the epochs, and in it one over the places at which a batch begins. In that: the "
        "errors w * x + b - y of the batch; the mean of 2 * error * x, and the mean of 2 * error; "
        "then both updates. Return w and b.",
    ),
)  # fmt: skip

TASKS = (GRADIENTS, SGD, FIT)
