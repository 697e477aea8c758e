"""Chapter 04: what one line of a tape hands back to its inputs. The truth is the engine's own tape.

The other tasks of the chapter are in ch04_walk.py and ch04_trust.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import engine as tf
from graders.diagnose import in_check, predicts, raised, returned
from graders.tasks.base import Check, Draw, Misconception, Task

Args = tuple[Any, ...]


def unbroadcast_truth(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """What the tape hands back to a variable of this shape that was broadcast by an addition."""
    small = tf.Variable(np.zeros(shape, gradient.dtype))
    with tf.GradientTape() as tape:
        large = small + np.zeros_like(gradient)
    return tape.gradient(large, small, output_gradients=tf.constant(gradient)).numpy()


def same_shape(draw: Draw) -> Iterator[Args]:
    yield np.array([1, 2, 3], np.float32), (3,)
    for rank in (0, 2, 3):
        shape = draw.shape(rank)
        yield draw.floats(shape), shape
    for _ in draw.rounds(1):
        shape = draw.shape(draw.random.randint(1, 4))
        yield draw.floats(shape), shape


def axes_in_front(draw: Draw) -> Iterator[Args]:
    yield np.array([[1, 2, 3], [10, 20, 30]], np.float32), (3,)
    yield draw.floats((3, 3)), (3,)
    yield draw.floats((0, 3)), (3,)  # a batch of no examples hands back zeros
    for _ in draw.rounds(3):
        shape = tuple(size + 1 for size in draw.shape(draw.random.randint(1, 2)))
        more = tuple(size + 1 for size in draw.shape(draw.random.randint(1, 2), 3))
        yield draw.floats((*more, *shape)), shape
    yield draw.floats((3, 2)).T, (3,)  # its columns lie in one piece, and not its rows
    yield draw.floats((2, 3)).astype(np.float64), (3,)
    yield draw.floats((200, 7)), (7,)


def axes_of_one(draw: Draw) -> Iterator[Args]:
    yield np.array([[1, 2, 3], [10, 20, 30]], np.float32), (2, 1)
    yield draw.floats((3, 3)), (1, 3)
    yield draw.floats((2, 3)), (1, 1)
    yield draw.floats((2, 3, 4)), (2, 1, 4)
    for _ in draw.rounds(3):
        shape = tuple(size + 1 for size in draw.shape(draw.random.randint(2, 4), 3))
        ones = [draw.random.choice((size, 1)) for size in shape]
        ones[draw.random.randrange(len(ones))] = 1
        yield draw.floats(shape), tuple(ones)


def to_one_number(draw: Draw) -> Iterator[Args]:
    yield np.array([1, 2, 3], np.float32), ()
    for rank in (1, 2, 3):
        yield draw.floats(tuple(size + 1 for size in draw.shape(rank))), ()


def both_kinds(draw: Draw) -> Iterator[Args]:
    yield np.arange(12, dtype=np.float32).reshape(2, 3, 2), (1, 2)
    yield draw.floats((3, 3, 3)), (3, 1)
    yield draw.floats((2, 2)), (1,)
    for _ in draw.rounds(3):
        shape = tuple(size + 1 for size in draw.shape(draw.random.randint(2, 3), 3))
        at = draw.random.randrange(len(shape))
        ones = tuple(1 if axis == at else size for axis, size in enumerate(shape))
        yield draw.floats((draw.random.randint(2, 3), *shape)), ones


def _valid_unbroadcast(gradient: np.ndarray, shape: tuple[int, ...]) -> bool:
    return np.broadcast_shapes(gradient.shape, shape) == gradient.shape


def _averaged(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    copies = gradient.size // np.zeros(shape).size
    with np.errstate(invalid="ignore"):  # the mean of no copies is no number
        return unbroadcast_truth(gradient, shape) / np.float32(copies)


def _first_copy(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A wrong model: one of the copies is taken for all of them."""
    kept = gradient[(0,) * (gradient.ndim - len(shape))]
    return kept[tuple(slice(0, 1) if size == 1 else slice(None) for size in shape)]


def _from_behind(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A wrong model: the axes that are too many are taken away at the end."""
    total = gradient.sum(axis=tuple(range(len(shape), gradient.ndim)))
    return total.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def _lost_ones(got: Any, gradient: np.ndarray, shape: tuple[int, ...]) -> bool:
    return 1 in shape and np.shape(got) == tuple(size for size in shape if size > 1)


UNBROADCAST = Task(
    id="04.tape.unbroadcast",
    name="unbroadcast",
    points=3,
    asks="`unbroadcast(gradient, shape)`: the gradient of a tensor of this shape that was copied, by "
    "broadcasting, to the shape that the gradient has. Every copy hands its share back, and the "
    "result has the given shape.",
    oracle=unbroadcast_truth,
    parameters=("gradient", "shape"),
    tensors=True,
    valid=_valid_unbroadcast,
    tolerance=1e-4,
    checks=(
        Check("nothing was broadcast", same_shape),
        Check("axes were put in front", axes_in_front),
        Check("axes of size 1 were stretched", axes_of_one),
        Check("one number was copied everywhere", to_one_number),
        Check("both at once", both_kinds, points=1),
    ),
    misconceptions=(
        Misconception(
            "mean",
            "It averages over the copies. Each copy moved the result on its own account, so what "
            "they hand back is added: a + a has the slope 2, not 1.",
            predicts(_averaged),
        ),
        Misconception(
            "first_copy",
            "It takes what one copy hands back and forgets the others. Every copy counts: add them.",
            predicts(_first_copy),
        ),
        Misconception(
            "from_behind",
            "It takes the surplus axes away at the end of the shape. Broadcasting aligns shapes at "
            "the right, so new axes come in front: those are the ones to sum over.",
            predicts(_from_behind),
        ),
        Misconception(
            "lost_ones",
            "The numbers may be right, but the axes of size 1 are gone: a gradient has exactly the "
            "shape of what it belongs to. Sum with keepdims.",
            returned(_lost_ones),
        ),
        Misconception(
            "all_summed",
            "Everything is added up to one number. Sum only over the axes along which there are "
            "copies.",
            returned(lambda got, gradient, shape: np.shape(got) == () != shape),
        ),
        Misconception(
            "reshaped",
            "`reshape` moves numbers and adds none: there are more of them in the gradient than the "
            "shape has room for. Sum first.",
            raised(tf.errors.OpError, ValueError, says="reshape"),
        ),
        Misconception(
            "not_in_front",
            "The axes that broadcasting put in front are still there. The shape is shorter than the "
            "gradient's: sum over as many of the first axes as are too many.",
            in_check("axes were put in front"),
        ),
        Misconception(
            "not_stretched",
            "An axis of size 1 in the shape was stretched over the gradient's axis: it collects the "
            "sum along it.",
            in_check("axes of size 1 were stretched"),
        ),
        Misconception(
            "one_of_both",
            "Each kind alone works. When axes were put in front *and* stretched, an axis of the shape "
            "stands further right in the gradient: sum away those in front first, or count from the "
            "right.",
            in_check("both at once"),
        ),
    ),
    hints=(
        "Print `np.zeros((3,)) + np.zeros((2, 3))`: how often does each of the three numbers occur in "
        "the result?",
        "A number that was copied is a number that was used several times. What the uses hand back "
        "is added: sum over exactly those axes along which there are copies.",
        "First sum over the axes in front that the shape does not have, without keeping them. Then, "
        "for every axis where the shape has 1 and the gradient more, sum and keep the axis.",
    ),
)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": tf.add,
    "mul": tf.multiply,
    "sum": tf.reduce_sum,
    "matmul": tf.matmul,
    "softmax": tf.nn.softmax,
}


def vjp_truth(
    operation: str, inputs: list[np.ndarray], output: np.ndarray, g: np.ndarray
) -> list[np.ndarray]:
    """What the engine's tape hands back to each input."""
    watched = [tf.constant(array) for array in inputs]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        result = OPERATIONS[operation](*watched)
    given = tape.gradient(result, watched, output_gradients=tf.constant(g))
    return [part.numpy() for part in given]


def line(draw: Draw, operation: str, *shapes: tuple[int, ...], by_columns: bool = False) -> Args:
    """One line of a tape: its inputs, its output, and a gradient that arrives at the output."""
    inputs = [draw.floats(shape) for shape in shapes]
    if by_columns:  # the same numbers, laid out column after column
        inputs = [np.asfortranarray(array) for array in inputs]
    output = np.asarray(OPERATIONS[operation](*map(tf.constant, inputs)).numpy())
    return operation, inputs, output, draw.floats(output.shape)


def adding(draw: Draw) -> Iterator[Args]:
    for shape in ((), (2,), *(draw.shape(draw.random.randint(1, 3)) for _ in draw.rounds(2))):
        yield line(draw, "add", shape, shape)
    yield line(draw, "add", (0, 3), (0, 3))


def multiplying(draw: Draw) -> Iterator[Args]:
    three, five = np.float32(3), np.float32(5)
    yield "mul", [np.array(three), np.array(five)], np.array(three * five), np.array(np.float32(2))
    for shape in ((2,), *(draw.shape(draw.random.randint(1, 3)) for _ in draw.rounds(3))):
        yield line(draw, "mul", shape, shape)


def summing(draw: Draw) -> Iterator[Args]:
    for shape in ((2,), (2, 3), *(draw.shape(draw.random.randint(1, 3)) for _ in draw.rounds(2))):
        yield line(draw, "sum", shape)
    yield line(draw, "sum", (0,))


def products(draw: Draw) -> Iterator[Args]:
    yield line(draw, "matmul", (1, 2), (2, 1))
    yield line(draw, "matmul", (3, 3), (3, 3))
    yield line(draw, "matmul", (3, 2), (2, 3), by_columns=True)
    yield line(draw, "matmul", (40, 30), (30, 20))
    for _ in draw.rounds(3):
        rows, inner, columns = draw.shape(3)
        yield line(draw, "matmul", (rows, inner + 1), (inner + 1, columns))


def softmaxes(draw: Draw) -> Iterator[Args]:
    yield line(draw, "softmax", (2,))
    yield line(draw, "softmax", (2, 3))
    for _ in draw.rounds(3):
        yield line(draw, "softmax", tuple(size + 1 for size in draw.shape(2)))
    yield line(draw, "softmax", (2, 3, 4))
    sure = np.array([[90, -90, 0], [0, 0, 0]], np.float32)  # a row that is sure hands back zeros
    yield "softmax", [sure], tf.nn.softmax(tf.constant(sure)).numpy(), draw.floats((2, 3))


def _valid_line(operation: str, inputs: Any, output: Any, g: np.ndarray) -> bool:
    result = np.asarray(OPERATIONS[operation](*map(tf.constant, inputs)).numpy())
    same = result.shape == np.shape(output) == g.shape
    return same and np.allclose(result, output, rtol=1e-3, atol=1e-5)


def _but(**wrong: Callable[..., Any]) -> Any:
    """A wrong model: right, but for the operations given here."""

    def model(operation: str, inputs: list[Any], output: np.ndarray, g: np.ndarray) -> Any:
        if operation not in wrong:
            return vjp_truth(operation, inputs, output, g)
        return [np.asarray(part) for part in wrong[operation](g, output, *inputs)]

    return predicts(model)


def _number_for_tensor(got: Any, operation: str, inputs: Any, output: Any, g: Any) -> bool:
    return len(got) == 1 and np.shape(got[0]) != inputs[0].shape


VJP = Task(
    id="04.tape.vjp",
    name="vjp",
    points=5,
    asks="`vjp(operation, inputs, output, g)`: the list of what one operation hands back to its inputs, "
    "given the gradient `g` of its output. The operation is add, mul, sum, matmul or softmax; no "
    "broadcasting happened, sum is over everything, softmax along the last axis.",
    oracle=vjp_truth,
    parameters=("operation", "inputs", "output", "g"),
    tensors=True,
    valid=_valid_line,
    tolerance=1e-4,
    checks=(
        Check("add", adding),
        Check("mul", multiplying),
        Check("sum", summing),
        Check("matmul", products, points=1),
        Check("softmax", softmaxes, points=2),
    ),
    misconceptions=(
        Misconception(
            "not_a_list",
            "A list is asked for, with one gradient for each input, also when there is only one.",
            returned(lambda got, *args: not isinstance(got, list)),
        ),
        Misconception(
            "add_inputs",
            "The slope of a + b is 1 for both inputs, whatever they are: g is handed on unchanged.",
            _but(add=lambda g, y, a, b: (g * a, g * b)),
        ),
        Misconception(
            "add_halved",
            "Nothing is shared out: when the output moves by 1, each input alone could have moved it "
            "by 1. Both get all of g.",
            _but(add=lambda g, y, a, b: (g / 2, g / 2)),
        ),
        Misconception(
            "own_factor",
            "Each input is handed g times itself. When a moves by 1, a * b moves by b: the slope is "
            "the *other* factor.",
            _but(mul=lambda g, y, a, b: (g * a, g * b)),
        ),
        Misconception(
            "no_chain",
            "That is the slope of this operation alone. What the output's own gradient g says has to "
            "be multiplied in: that is the chain rule.",
            _but(mul=lambda g, y, a, b: (b, a)),
        ),
        Misconception(
            "sum_times_input",
            "The slope of a sum is 1 for every element, whatever its value is.",
            _but(sum=lambda g, y, a: (g * a,)),
        ),
        Misconception(
            "sum_averaged",
            "Every element moves the sum by as much as it moves itself: each gets all of g. Dividing "
            "by their number belongs to the mean.",
            _but(sum=lambda g, y, a: (np.full_like(a, g / max(1, a.size)),)),
        ),
        Misconception(
            "sum_number",
            "g is one number, and every element of the input needs a gradient: copy it to the shape "
            "of the input.",
            in_check("sum", returned(_number_for_tensor)),
        ),
        Misconception(
            "matmul_turned",
            "For square matrices it computes something, but the wrong product: order and transposes "
            "matter. The shapes of non-square ones leave a single way.",
            _but(matmul=lambda g, y, a, b: (b.T @ g, g @ a.T)),
        ),
        Misconception(
            "matmul_shapes",
            "The shapes do not fit. Write them down: g is (rows, columns), a is (rows, inner), b is "
            "(inner, columns). Only one product of g and the other one, transposed, has the shape of a.",
            in_check("matmul"),
        ),
        Misconception(
            "like_sigmoid",
            "y * (1 - y) is right for a sigmoid, where each output depends on its own input. In a "
            "softmax an input moves all outputs of its row.",
            _but(softmax=lambda g, y, x: (g * y * (1 - y),)),
        ),
        Misconception(
            "no_mean",
            "The outputs of a row always add up to 1: when all of g is the same, nothing may be handed "
            "back. The row's average of g, weighted by y, has to be taken away first.",
            _but(softmax=lambda g, y, x: (g * y,)),
        ),
        Misconception(
            "whole_sum",
            "The sum runs over everything. Each row is a softmax of its own: sum along the last axis.",
            _but(softmax=lambda g, y, x: (y * (g - np.sum(g * y)),)),
        ),
        Misconception(
            "row_sum_axis",
            "The sum over a row has lost its axis, and is then subtracted along the wrong one, or not "
            "at all: keep it, with keepdims.",
            in_check("softmax"),
        ),
    ),
    hints=(
        "Move one input by 1 on paper. By how much does the output move? That, times g, is what the "
        "input is handed.",
        "add: 1. mul: the other factor. sum: 1 for every element. matmul: g times the other matrix, "
        "transposed, so that the shapes fit. softmax: with one g for the whole row nothing comes back.",
        "softmax: take the product of g and y, sum it along the last axis and keep that axis; subtract "
        "it from g; multiply by y. For matmul transpose b for a's gradient, and a for b's.",
    ),
)

TASKS = (UNBROADCAST, VJP)
