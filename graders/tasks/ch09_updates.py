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
    x: list[float], y: list[float], epochs: int, rate: float, w: float, b: float, batch: int = 0
) -> Any:
    """The weights of Sequential([Dense(1)]) after fit, from a given start. Without a batch size, an
    epoch is one update on all examples."""
    layer = tf.keras.layers.Dense(1, input_shape=[1])
    model = tf.keras.Sequential([layer])
    layer.set_weights([np.array([[w]], np.float32), np.array([b], np.float32)])
    model.compile(optimizer=tf.keras.optimizers.SGD(learning_rate=rate), loss="mean_squared_error")
    inputs = np.array(x, np.float32).reshape(-1, 1)
    labels = np.array(y, np.float32).reshape(-1, 1)
    model.fit(inputs, labels, batch or len(x), epochs, verbose=0, shuffle=False)
    kernel, bias = layer.get_weights()
    return (float(kernel[0, 0]), float(bias[0]))


LINE = ([-1.0, 0.0, 1.0, 2.0, 3.0, 4.0], [-3.0, -1.0, 1.0, 3.0, 5.0, 7.0])


def first_epochs(count: int, draw: Draw) -> Iterator[Args]:
    yield *LINE, count, 0.01, 0.0, 0.0
    yield *LINE, count, 0.05, 1.5, -0.5
    yield [2.0], [1.0], count, 0.1, 1.0, 0.5
    for _ in draw.rounds(2):
        x = [float(round(draw.random.uniform(-2, 2), 1)) for _ in range(draw.random.randint(2, 6))]
        y = [float(round(draw.random.uniform(-4, 4), 1)) for _ in x]
        yield (
            x,
            y,
            count,
            0.05,
            float(draw.random.randint(-2, 2)),
            float(draw.random.randint(-2, 2)),
        )
    x = [value / 32 for value in range(-20, 20)]
    yield x, [draw.random.randint(-3, 3) + value for value in x], count, 0.1, 0.5, 0.0


def long_runs(draw: Draw) -> Iterator[Args]:
    yield *LINE, 25, 0.01, 0.0, 0.0
    yield *LINE, 60, 0.05, -1.0, 2.0


FIT = Task(
    id="09.keras.fit_line",
    name="fit_line",
    points=4,
    asks="`fit_line(x, y, epochs, learning_rate, w, b)`: what `fit` does with one Dense unit, SGD and "
    "MSE, from the start w, b. x and y are lists of floats, each epoch is one update on all of "
    "them. Returns `(w, b)` as two plain floats.",
    oracle=keras_fit,
    tolerance=2e-4,
    checks=(
        Check("no epoch", lambda draw: [(*LINE, 0, 0.01, 1.5, -0.5)]),
        Check("one epoch", lambda draw: first_epochs(1, draw)),
        Check("two epochs", lambda draw: first_epochs(2, draw)),
        Check("many epochs", long_runs),
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
            "It walks uphill: each epoch makes the loss larger. The gradient is subtracted.",
            predicts(lambda x, y, n, rate, w, b: keras_fit(x, y, n, -rate, w, b)),
        ),
        Misconception(
            "half_step",
            "Every step is half as long as Keras': the derivative of the square has a factor of 2.",
            predicts(lambda x, y, n, rate, w, b: keras_fit(x, y, n, rate / 2, w, b)),
        ),
        Misconception(
            "summed",
            "The steps grow with the number of examples: the loss is a mean, so its gradient is "
            "one too.",
            predicts(lambda x, y, n, rate, w, b: keras_fit(x, y, n, rate * len(x), w, b)),
        ),
        Misconception(
            "one_by_one",
            "It updates after every example. Here a batch is all examples: one update an epoch.",
            predicts(lambda x, y, n, rate, w, b: keras_fit(x, y, n, rate, w, b, batch=1)),
        ),
        Misconception(
            "small_batches",
            "It is right for a few examples and not for more than 32: that is the size of a batch "
            "when nobody tells `fit` another. Here all examples are one batch.",
            lambda seen: all(len(outcome.case.args[0]) > 32 for outcome in seen.wrong),
        ),
        Misconception(
            "one_epoch",
            "The first epoch is right, and no other follows, or each begins again at the start.",
            in_check("two epochs", returned(
                lambda got, x, y, n, rate, w, b: np.allclose(got, keras_fit(x, y, 1, rate, w, b),
                                                             rtol=1e-3, atol=1e-4))),
        ),
        Misconception(
            "w_before_b",
            "b is updated with predictions of the new w. Both gradients belong to one and the same "
            "moment: compute both, then update both.",
            in_check("one epoch"),
        ),
    ),
    hints=(
        "Which four things happen in one epoch of the lesson's own loop, and in which order?",
        "Predict all, find the error of each, take both gradients from these errors, and only "
        "then move w and b, each by its own step.",
        "A loop over the epochs. In it: the errors w * x + b - y for all examples; the mean of "
        "2 * error * x, and the mean of 2 * error; then both updates. Return w and b.",
    ),
)  # fmt: skip

TASKS = (GRADIENTS, SGD, FIT)
