"""Chapter 06, continued: what a signature takes, and predicting how often a function is traced.

The truth is what the engine does.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import engine as tf
from graders.diagnose import in_check, predicts
from graders.tasks.base import Check, Draw, Misconception, Task

Args = tuple[Any, ...]
Signature = list[tuple[str, tuple[int | None, ...] | None]]
DTYPES = ("float32", "int32", "float64", "bool")


def fits(signature: Signature, args: list[np.ndarray]) -> bool:
    """What TensorSpecs of the engine say."""
    specs = [tf.TensorSpec(sizes, dtype) for dtype, sizes in signature]
    if len(specs) != len(args):
        return False
    pairs = zip(specs, args, strict=True)
    return all(spec.is_compatible_with(tf.constant(array)) for spec, array in pairs)


def signature_input(signature: Any, args: Any) -> bool:
    entries = all(
        dtype in DTYPES and (sizes is None or all(size is None or size >= 0 for size in sizes))
        for dtype, sizes in signature
    )
    return entries and all(str(array.dtype) in DTYPES for array in args)


def array(dtype: str, *shape: int) -> np.ndarray:
    return np.ones(shape, dtype)


def exact(draw: Draw) -> Iterator[Args]:
    yield [("float32", ())], [array("float32")]
    yield [("float32", (3,))], [array("float32", 3)]
    yield [("float32", (3,))], [array("float32", 4)]
    yield [("float32", (3,))], [array("int32", 3)]
    yield [("float64", (2, 3))], [array("float32", 2, 3)]
    yield [("float32", (2, 3))], [array("float32", 3, 2)]
    yield [("float32", (2, 3))], [array("float32", 3, 2).T]
    yield [("float32", (3,))], [array("float32")]
    yield [("float32", (3,))], [array("float32", 3, 1)]
    yield [("float32", (3,))], [array("float32", 1)]
    yield [("float32", (2, 3))], [array("float32", 2, 3, 1)]
    yield [("float32", (2, 3))], [array("float32", 1, 3)]
    yield [("int32", (0, 3))], [array("int32", 0, 3)]
    for _ in draw.rounds(3):
        shape, dtype = draw.shape(draw.random.randint(0, 4)), draw.random.choice(DTYPES)
        yield [(dtype, shape)], [array(dtype, *shape)]
        yield [(dtype, shape)], [array(draw.random.choice(DTYPES), *shape[::-1])]


def with_none(draw: Draw) -> Iterator[Args]:
    yield [("float32", (None,))], [array("float32", 5)]
    yield [("float32", (None, 3))], [array("float32", 7, 3)]
    yield [("float32", (None, 3))], [array("float32", 7, 4)]
    yield [("float32", (None, 3))], [array("float32", 3)]
    yield [("float32", (3, None))], [array("float32", 3)]
    yield [("float32", (None,))], [array("float32")]
    yield [("float32", (None, 3))], [array("float32", 2, 7, 3)]
    yield [("float32", (None, 3))], [array("int32", 7, 3)]
    yield [("float32", (None, None))], [array("float32", 0, 9)]
    yield [("float32", (3, None, 2))], [array("float32", 3, 8, 1)]
    for _ in draw.rounds(4):
        shape = draw.shape(draw.random.randint(1, 4))
        sizes = tuple(None if draw.random.random() < 0.5 else size for size in shape)
        other = [*shape]
        other[draw.random.randrange(len(shape))] += 1
        yield [("float32", sizes)], [array("float32", *shape)]
        yield [("float32", sizes)], [array("float32", *other)]


def several(draw: Draw) -> Iterator[Args]:
    image, label = ("float32", (None, 28, 28)), ("int32", (None,))
    yield [image, label], [array("float32", 2, 28, 28), array("int32", 2)]
    yield [image, label], [array("int32", 2), array("float32", 2, 28, 28)]
    yield [image, label], [array("float32", 2, 28, 28), array("int32", 2, 1)]
    yield [image, label], [array("float32", 2, 28, 28), array("float32", 2)]
    yield [image, label], [array("float32", 2, 28, 28)]
    yield [image], [array("float32", 2, 28, 28), array("int32", 2)]
    yield [], []
    yield [], [array("float32")]
    yield [label], []
    for _ in draw.rounds(3):
        shapes = [draw.shape(draw.random.randint(0, 2)) for _ in range(3)]
        signature = [("float32", shape) for shape in shapes]
        yield signature, [array("float32", *shape) for shape in shapes]
        yield signature, [array("float32", *shape) for shape in shapes[:2]] + [array("bool")]


def any_rank(draw: Draw) -> Iterator[Args]:
    for shape in ((), (3,), (2, 1, 2)):
        yield [("float32", None)], [array("float32", *shape)]
    yield [("float32", None)], [array("int32", 3)]
    yield [("float32", None), ("int32", (3,))], [array("float32", 2), array("int32", 3)]
    yield [("float32", None), ("int32", (3,))], [array("float32", 2), array("int32", 4)]
    for _ in draw.rounds(2):
        drawn = draw.shape(draw.random.randint(0, 4))
        yield [("bool", None), ("bool", drawn)], [array("bool", 2), array("bool", *drawn)]


def _model(entry: Callable[[tuple[Any, ...], tuple[int, ...]], bool]) -> Any:
    """A wrong model: right in everything but how the sizes of one argument are compared."""

    def matches(signature: Signature, args: list[np.ndarray]) -> bool:
        pairs = [
            (dtype == array.dtype.name, sizes, array.shape)
            for (dtype, sizes), array in zip(signature, args, strict=False)
        ]
        return len(signature) == len(args) and all(
            same and (sizes is None or entry(sizes, shape)) for same, sizes, shape in pairs
        )

    return predicts(matches)


def _sizes(sizes: tuple[Any, ...], shape: tuple[int, ...]) -> bool:
    return all(w is None or w == g for w, g in zip(sizes, shape, strict=False))


def _from_the_right(sizes: tuple[Any, ...], shape: tuple[int, ...]) -> bool:
    """Missing axes count as fitting where the signature has None."""
    missing = len(sizes) - len(shape)
    return (
        missing >= 0
        and all(s is None for s in sizes[:missing])
        and (_sizes(sizes[missing:], shape))
    )


MATCHES = Task(
    id="06.retracing.matches",
    name="matches",
    points=3,
    asks="`matches(signature, args)`: whether a function with this signature takes these tensors. The "
    "signature has a pair (dtype, sizes) for each argument, as `('float32', (None, 3))`: None is any "
    "size, and None in place of the sizes is any shape. Returns True or False.",
    oracle=fits,
    valid=signature_input,
    parameters=("signature", "args"),
    tensors=True,
    checks=(
        Check("sizes that are given", exact),
        Check("None for a size", with_none),
        Check("several arguments", several),
        Check("None for the whole shape", any_rank, points=1),
    ),
    misconceptions=(
        Misconception(
            "rank",
            "Shapes of different rank are taken for equal: `zip` stops at the shorter one. (None, 3) "
            "is not (3,).",
            _model(_sizes),
        ),
        Misconception(
            "none_missing",
            "None is matched against an axis that is not there. It stands for any size of an axis, "
            "and the axis has to be there.",
            _model(_from_the_right),
        ),
        Misconception(
            "none_is_a_size",
            "None is compared as if it were a size: it fits every size.",
            _model(lambda sizes, shape: tuple(sizes) == tuple(shape)),
        ),
        Misconception(
            "broadcast",
            "A size of 1 is taken for any size. That is broadcasting; a signature lets only None "
            "vary.",
            _model(lambda sizes, shape: len(sizes) == len(shape) and all(
                w is None or w == g or g == 1 for w, g in zip(sizes, shape, strict=True))),
        ),
        Misconception(
            "dtype",
            "The dtype is not looked at. A signature refuses, it does not turn floats into ints.",
            predicts(lambda signature, args: len(signature) == len(args) and all(
                fits([(array.dtype.name, sizes)], [array])
                for (_, sizes), array in zip(signature, args, strict=True))),
        ),
        Misconception(
            "count",
            "There are more arguments than entries in the signature, or fewer, and it says True.",
            predicts(lambda signature, args: all(
                fits([entry], [array]) for entry, array in zip(signature, args, strict=False))),
        ),
        Misconception(
            "first_only",
            "Only one of the arguments is looked at: all of them have to fit.",
            in_check("several arguments"),
        ),
        Misconception(
            "any_shape",
            "The sizes may be None as a whole, and then there is nothing to walk along: every shape "
            "fits, and the dtype still has to.",
            in_check("None for the whole shape"),
        ),
        Misconception(
            "string",
            "`tensor.dtype` is a DType of the engine, and the signature holds its name.",
            in_check("sizes that are given", lambda seen: bool(seen.first.case.expected)),
        ),
    ),
    hints=(
        "Write down what has to be the same: the number of arguments, and for each argument two things.",
        "Look for a reason to say no: a missing argument, another dtype, another rank, a size that is "
        "given and differs. When there is none, the answer is yes.",
        "Compare the two lengths first, then go through both lists together. Compare `tensor.dtype.name`; "
        "if the sizes are None go on; compare the ranks; then each size that is not None.",
    ),
)  # fmt: skip


# --- predicting traces --------------------------------------------------------------------------------


def rows_of(count: int) -> Any:
    return tf.zeros([count, 3])


PASSES: dict[str, Callable[[Any], Any]] = {"number": lambda given: given, "tensor": tf.constant}
OPTIONS: dict[str, dict[str, Any]] = {
    "signature": {"input_signature": [tf.TensorSpec([None, 3], tf.float32)]},
    "reduce": {"reduce_retracing": True},
}


def traced_count(numbers: list[Any], how: str) -> int:
    """How often the engine traces."""
    function = tf.function(lambda argument: None, **OPTIONS.get(how, {}))
    passed = PASSES.get(how, rows_of)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for given in numbers:
            function(passed(given))
    return int(function.experimental_get_tracing_count())


def count_input(numbers: Any, how: str) -> bool:
    plain = how in ("number", "tensor")
    whole = how in ("batch", "signature", "reduce") and all(type(n) is int for n in numbers)
    return (plain or whole) and all(plain or n >= 1 for n in numbers)


def counted(*hows: str) -> Callable[[Draw], Iterator[Args]]:
    def cases(draw: Draw) -> Iterator[Args]:
        for how in hows:
            yield from (([4], how), ([4, 4], how), ([4, 5], how), ([32, 32, 7, 32, 32, 7], how))
            for _ in draw.rounds(2):
                count = draw.random.randint(3, 9)
                yield [draw.random.randint(1, 5) for _ in range(count)], how
            yield [*range(1, 31), *range(1, 31)], how

    return cases


def kinds(draw: Draw) -> Iterator[Args]:
    for how in ("number", "tensor"):
        yield from (([1, 1.0], how), ([1, True], how), ([0, False, 0.0], how))
        yield [2, 2.0, 3, 3.0, 2], how
        for _ in draw.rounds(3):
            yield [draw.random.choice((1, 1.0, True, 2, 2.0, False)) for _ in range(8)], how


def nothing(draw: Draw) -> Iterator[Args]:
    yield from (([], how) for how in ("number", "tensor", "batch", "signature", "reduce"))


COUNT = Task(
    id="06.retracing.count_traces",
    name="count_traces",
    points=4,
    asks="`count_traces(numbers, how)`: how often a fresh `tf.function` is traced when it is called once "
    "for each number. `how` says what is passed: the 'number' itself, a 'tensor' that holds it, a 'batch' "
    "with so many rows; or such a batch to a function with a 'signature' of [None, 3], or with "
    "reduce_retracing=True ('reduce').",
    oracle=traced_count,
    valid=count_input,
    checks=(
        Check("numbers, tensors and batches", counted("number", "tensor", "batch")),
        Check("a signature", counted("signature")),
        Check("no calls", nothing),
        Check("ints, floats and bools", kinds, points=1),
        Check("reduce_retracing", counted("reduce"), points=1),
    ),
    misconceptions=(
        Misconception(
            "every_call",
            "That is one trace for every call. A label that was met before finds its drawer.",
            predicts(lambda numbers, how: len(numbers)),
        ),
        Misconception(
            "once",
            "One trace for everything is too few. Which of these arguments bring another label?",
            predicts(lambda numbers, how: min(len(numbers), 1)),
        ),
        Misconception(
            "tensor_values",
            "The values of tensors are counted. Their label says dtype and shape, and a scalar has "
            "the same shape whatever it holds.",
            predicts(lambda numbers, how: traced_count(numbers, "number" if how == "tensor" else how)),
        ),
        Misconception(
            "neighbours",
            "It counts how often the argument changes. But a drawer stays: when an earlier number comes "
            "again, its graph is still there.",
            in_check("numbers, tensors and batches", predicts(
                lambda numbers, how: _changes(numbers) if how != "tensor" else min(len(numbers), 1))),
        ),
        Misconception(
            "signature_retraces",
            "With a signature there is one drawer. None fits every number of rows.",
            in_check("a signature"),
        ),
        Misconception(
            "no_calls",
            "Nothing is traced before the first call.",
            in_check("no calls"),
        ),
        Misconception(
            "kinds",
            "1, 1.0 and True are equal, so a set keeps one of them. On a label the type stands beside "
            "the value; and as tensors they have three dtypes.",
            in_check("ints, floats and bools"),
        ),
        Misconception(
            "reduce_is_signature",
            "`reduce_retracing` does not know beforehand which size will change: the first batch is "
            "traced with its own shape.",
            in_check("reduce_retracing", predicts(
                lambda numbers, how: min(len(numbers), 1) if how == "reduce"
                else traced_count(numbers, how))),
        ),
        Misconception(
            "reduce_not_at_all",
            "With `reduce_retracing` the second shape leads to a graph with None for the size that "
            "changed. Which later batches does it fit?",
            in_check("reduce_retracing"),
        ),
    ),
    hints=(
        "For each `how` write down the labels of the calls with 4, 5 and 4.",
        "In four of the five the answer is how many different labels there are: so say for each what "
        "its label is. The fifth makes a wider graph at the second label.",
        "Collect the labels in a set: type and value, type alone, the number of rows. A signature has "
        "one label, if it is called at all; `reduce` never has more than two graphs.",
    ),
)  # fmt: skip


def _changes(numbers: list[Any]) -> int:
    pairs = zip(numbers, [None, *numbers], strict=False)
    return sum(number != before for number, before in pairs)


TASKS = (MATCHES, COUNT)
