"""Which classes of inputs each task draws: 0-d, empty, broadcast, non-contiguous, large, dtypes.

A class that a task leaves out has its reason here. What is covered is measured on the inputs that
are drawn, in the notebook and at submission, and has to be exactly what this table says.
"""

import math

import numpy as np
import pytest

from graders import tasks
from graders.tasks.base import Case, Code, Draw

TASKS = tasks.all_tasks()
CLASSES = ("0-d", "empty", "broadcast", "non-contiguous", "large", "dtypes")
LISTS = "lists have no layout in memory that could be another one"
ONE = "there is one argument, and nothing to stretch it to"
WHOLE = "a shape and an index are whole numbers, of which Python has one type"
TEXT = "a program is names, operations and numbers: nothing in it has a shape"
FLOAT32 = "the exercise promises float32 tensors"
NUMBERS = "single numbers go in, and no array"
TOGETHER = "the exercise promises arrays that belong together; sizes of 1 are drawn"

LINE = "plain numbers and lists of one length go in, and nothing is stretched"
PLAIN = "the chapter has plain numbers and lists, and no tensor yet; a list of one is drawn"

LEFT_OUT = {
    "00.win.predict_line": {"0-d": PLAIN, "broadcast": LINE, "non-contiguous": LISTS},
    "00.win.how_wrong": {
        "0-d": PLAIN,
        "empty": "the mean over no point is no number",
        "broadcast": LINE,
        "non-contiguous": LISTS,
    },
    "00.win.turn_knob": {
        "0-d": PLAIN,
        "empty": "the mean over no point is no number",
        "broadcast": LINE,
        "non-contiguous": LISTS,
        "dtypes": "that whole numbers will do is checked by the tasks before it",
    },
    "00.win.first_close": {
        "0-d": PLAIN,
        "broadcast": LINE,
        "non-contiguous": LISTS,
        "dtypes": "losses are floats, as `fit` keeps them",
    },
    "01.rank.rank_of": {"broadcast": ONE, "non-contiguous": LISTS},
    "01.rank.shape_of": {"broadcast": ONE, "non-contiguous": LISTS},
    "01.rank.size_of": {"broadcast": ONE, "non-contiguous": LISTS, "dtypes": WHOLE},
    "01.rank.dtype_of": {
        "empty": "the exercise promises at least one value",
        "broadcast": ONE,
        "non-contiguous": LISTS,
    },
    "01.rank.flat_index": {"non-contiguous": LISTS, "dtypes": WHOLE},
    "01.rank.shape_gate": {"non-contiguous": LISTS, "dtypes": WHOLE},
    "02.shapes.reshaped": {"broadcast": ONE, "non-contiguous": LISTS, "dtypes": WHOLE},
    "02.shapes.indexed": {
        "broadcast": ONE,
        "non-contiguous": "strides in every order are drawn, as numbers; there is no array",
        "dtypes": WHOLE,
    },
    "02.shapes.broadcast_shape": {"non-contiguous": LISTS, "dtypes": WHOLE},
    "02.shapes.stretched": {
        "non-contiguous": "strides in every order are drawn, as numbers; there is no array",
        "dtypes": WHOLE,
    },
    "02.shapes.safe_mse": {
        "empty": "the mean over nothing is no number",
        "dtypes": FLOAT32,
    },
    "03.derivatives.variable": {},
    "03.derivatives.differences": {
        "0-d": NUMBERS,
        "empty": NUMBERS,
        "broadcast": NUMBERS,
        "non-contiguous": NUMBERS,
        "large": NUMBERS,
    },
    "03.derivatives.best_step": {
        "0-d": NUMBERS,
        "empty": NUMBERS,
        "broadcast": NUMBERS,
        "non-contiguous": NUMBERS,
        "large": NUMBERS,
    },
    "03.derivatives.numeric_gradient": {
        "broadcast": ONE,
        "dtypes": "the exercise promises an array of float64",
    },
    "03.derivatives.descend": {
        "0-d": NUMBERS,
        "broadcast": NUMBERS,
        "non-contiguous": NUMBERS,
        "dtypes": "the exercise promises floats",
    },
    "04.tape.unbroadcast": {},
    "04.tape.vjp": {
        "broadcast": "the exercise promises that nothing was broadcast; its first task is about that",
        "dtypes": FLOAT32,
    },
    "04.tape.topological_order": {
        "0-d": "a dictionary of names goes in, and no array",
        "empty": "the target at least is there",
        "broadcast": "a dictionary of names goes in, and no array",
        "non-contiguous": LISTS,
        "dtypes": "names are text, and have one type",
    },
    "04.tape.backward": {
        "0-d": "lines and numbers go in, and no array",
        "broadcast": "lines and numbers go in, and no array",
        "non-contiguous": LISTS,
        "dtypes": "the exercise promises floats",
    },
    "04.tape.wrong_entries": {
        "0-d": "the exercise promises arrays of one axis; one entry is drawn",
        "broadcast": "x and the claimed gradient are equally long",
        "dtypes": "the exercise promises arrays of float64",
    },
    "04.tape.predicted_gradient": {
        "0-d": "the steps are names; the number they are done with is the check's own",
        "empty": "without a step there is no y to ask for",
        "broadcast": "names go in, and nothing is stretched",
        "non-contiguous": LISTS,
        "dtypes": "names are text, and have one type",
    },
    "05.tracing.tracer": {
        "0-d": TEXT,
        "empty": "an expression without an operation asks nothing of a tracer",
        "broadcast": TEXT,
        "non-contiguous": TEXT,
    },
    "05.tracing.trace": {"0-d": TEXT, "broadcast": TEXT, "non-contiguous": TEXT},
    "05.tracing.to_python": {"0-d": TEXT, "broadcast": TEXT, "non-contiguous": TEXT},
    "05.tracing.count_prints": {
        "0-d": "the calls are names; the tensors they are made with are the check's own",
        "broadcast": ONE,
        "non-contiguous": LISTS,
        "dtypes": "the exercise promises tensors of one shape and dtype",
    },
    "05.tracing.frozen_outputs": {
        "broadcast": "a number times a number has nothing to stretch",
        "non-contiguous": LISTS,
        "dtypes": "the exercise promises floats",
    },
    "06.retracing.leaf_key": {},
    "06.retracing.structure_key": {
        "broadcast": "structures are compared, and nothing is stretched",
        "non-contiguous": LISTS,
    },
    "06.retracing.cabinet": {
        "0-d": "the calls are a list of labels",
        "empty": "a cabinet that is not called is asked nothing",
        "broadcast": "a size and a list go in, and nothing is stretched",
        "non-contiguous": LISTS,
        "dtypes": "a label is text here, and what it is made of does not matter",
    },
    "06.retracing.matches": {},
    "06.retracing.count_traces": {
        "0-d": "the numbers are a list; the tensors made of them are the check's own",
        "broadcast": ONE,
        "non-contiguous": LISTS,
    },
    "07.compiler.fold": {
        "0-d": TEXT,
        "broadcast": TEXT,
        "non-contiguous": TEXT,
        "dtypes": "the numbers of a program are floats",
    },
    "07.compiler.share": {
        "0-d": TEXT,
        "broadcast": TEXT,
        "non-contiguous": TEXT,
        "dtypes": "the numbers of a program are floats",
    },
    "07.compiler.drop_dead": {
        "0-d": TEXT,
        "broadcast": TEXT,
        "non-contiguous": TEXT,
        "dtypes": "the numbers of a program are floats",
    },
    "07.compiler.kernels": {
        "0-d": TEXT,
        "broadcast": TEXT,
        "non-contiguous": TEXT,
        "dtypes": "the numbers of a program are floats",
    },
    "07.compiler.buffers": {
        "0-d": TEXT,
        "broadcast": TEXT,
        "non-contiguous": TEXT,
        "dtypes": "the numbers of a program are floats",
    },
    "08.hand.line_loss": {
        "0-d": "the exercise promises one entry a point; a single point is drawn",
        "empty": "the mean over no point is no number",
        "dtypes": FLOAT32,
    },
    "08.hand.line_gradients": {
        "0-d": "the exercise promises vectors; a single point is drawn",
        "empty": "the mean over no point has no slope",
        "broadcast": "the exercise promises two vectors of one length",
        "dtypes": FLOAT32,
    },
    "08.hand.train_step": {
        "0-d": "the exercise promises vectors; that the knobs are scalars is a part of it",
        "empty": "the mean over no point has no slope",
        "broadcast": "the exercise promises two vectors of one length",
        "dtypes": FLOAT32,
    },
    "08.hand.descend": {
        "0-d": "x and y are lists; the knobs are plain numbers",
        "empty": "the mean over no point has no slope",
        "broadcast": "x and y are lists of one length",
        "non-contiguous": LISTS,
        "dtypes": "the exercise promises floats",
    },
    "08.hand.largest_stable_rate": {
        "0-d": "x is a list; a single input is drawn",
        "empty": "the mean over no point has no curvature",
        "broadcast": ONE,
        "non-contiguous": LISTS,
        "dtypes": "the exercise promises floats",
    },
    "08.hand.epochs_until": {
        "0-d": "x is a list of two different values at least",
        "empty": "the mean over no point has no curvature",
        "broadcast": "one list and two numbers go in, and nothing is stretched",
        "non-contiguous": LISTS,
        "dtypes": "the exercise promises floats",
    },
    "09.keras.init_dense": {
        "0-d": "a layer's weights have two axes and its bias one",
        "empty": "a layer has at least one feature and one unit",
        "broadcast": "two sizes go in, and no array",
        "non-contiguous": "two sizes go in, and no array",
        "dtypes": "two sizes go in; that the weights are float32 is checked",
    },
    "09.keras.dense_forward": {"dtypes": FLOAT32},
    "09.keras.mse": {"dtypes": FLOAT32},
    "09.keras.mse_gradients": {
        "0-d": "the exercise promises batches: what is no batch is refused by dense_forward",
        "empty": "the mean over no example has no gradient",
        "broadcast": TOGETHER,
        "dtypes": FLOAT32,
    },
    "09.keras.sgd_step": {"broadcast": TOGETHER, "dtypes": FLOAT32},
    "09.keras.fit_line": {
        "0-d": "x and y are lists; a single example is drawn",
        "empty": "the mean over no example has no gradient",
        "broadcast": "x and y are lists of one length",
        "non-contiguous": LISTS,
        "dtypes": "the exercise promises floats",
    },
}

LARGE = {
    "00": 200,
    "01": 1000,
    "02": 1000,
    "03": 100,
    "04": 1000,
    "05": 12,
    "06": 50,
    "07": 12,
    "08": 200,
    "09": 1000,
}
"""From how many elements on an input is large; for a program, from how many steps or inputs."""


def shape_of_lists(value):
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def leaves(value):
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def arrays(value):
    return [leaf for leaf in leaves(value) if isinstance(leaf, np.ndarray)]


def labelled(text):
    from graders.tasks.ch06_labels import value_of

    return value_of(text)


def shapes(task, args):
    """The shapes that an input is about."""
    if task.id in ("01.rank.rank_of", "01.rank.shape_of", "01.rank.dtype_of"):
        return [shape_of_lists(args[0])]
    if task.id in ("01.rank.size_of", "01.rank.flat_index"):
        return [args[0]]
    if task.id == "01.rank.shape_gate":
        return [tuple(size for size in args[0] if size is not None), args[1]]
    if task.id.startswith("02.") and not arrays(args):
        about = {"reshaped": (0,), "indexed": (1,), "broadcast_shape": (0, 1), "stretched": (0, 2)}
        return [args[place] for place in about[task.name]]
    if task.id == "05.tracing.frozen_outputs":
        return [(), (len(args[0]),)] if args[0] else [(0,)]
    if task.id == "05.tracing.count_prints":
        return [(len(args[0]),)]
    if task.id == "03.derivatives.variable":
        return [args[0].shape, *(array.shape for _, array in args[1] if array is not None)]
    if task.id == "03.derivatives.descend":
        return [(args[3],)]
    if task.id in ("06.retracing.leaf_key", "06.retracing.structure_key"):
        return [
            np.shape(value) if hasattr(value, "numpy") else shape_of_lists(value)
            for value in map(labelled, args)
        ]
    if task.id.startswith("00.") or task.id in (
        "06.retracing.cabinet",
        "06.retracing.count_traces",
    ):
        return [(len(part),) for part in args if type(part) is list]
    if task.id in ("04.tape.topological_order", "04.tape.backward") or task.id.startswith("07."):
        return [(len(args[0]),)]
    if task.id == "04.tape.predicted_gradient":
        return [(len(args[1]),)]
    if task.id == "09.keras.init_dense":
        return [args]
    if task.id == "09.keras.fit_line" or (task.id.startswith("08.") and type(args[0]) is list):
        return [(len(args[0]),)]
    return [array.shape for array in arrays(args)]


def program(task, args):
    """How many steps and inputs a program has, and the types of the numbers in it."""
    from graders.tasks.ch05_tracing import program_of

    if task.id == "05.tracing.tracer":
        steps, inputs = program_of(args[0])[0], 2
    elif task.id == "05.tracing.trace":
        assert isinstance(args[0], Code)
        body = args[0].source.partition(": ")[2]
        steps, inputs = (
            (program_of(body)[0] if "x0" in args[0].source and "append" not in body else []),
            args[1],
        )
    else:
        steps, inputs = args[0], len(args[2])
    numbers = {type(side) for step in steps for side in step[2:] if not isinstance(side, str)}
    return len(steps), inputs, numbers


def classes_of(task, args):
    """The classes that one input belongs to, and the types of its numbers."""
    found, kinds = set(), set()
    if task.id in ("05.tracing.tracer", "05.tracing.trace", "05.tracing.to_python"):
        steps, inputs, kinds = program(task, args)
        found |= {"empty"} if not steps else set()
        found |= {"large"} if max(steps, inputs) >= LARGE["05"] else set()
        return found, kinds
    of = shapes(task, args)
    many = {"05.tracing.count_prints": 50, "05.tracing.frozen_outputs": 50, "09.keras.fit_line": 33}
    many |= dict.fromkeys(
        ("04.tape.backward", "04.tape.wrong_entries", "04.tape.predicted_gradient"), 50
    )
    least = many.get(task.id, LARGE[task.id[:2]])
    found |= {"0-d"} if () in of else set()
    found |= {"empty"} if any(0 in shape for shape in of) else set()
    found |= {"large"} if any(math.prod(shape) >= least for shape in of) else set()
    found |= {"non-contiguous"} if any(not a.flags.c_contiguous for a in arrays(args)) else set()
    if task.id == "01.rank.flat_index":  # right only if an axis of size 1 were stretched
        found |= {"broadcast"} if any(n == 1 <= i for n, i in zip(*args, strict=False)) else set()
    elif task.id == "01.rank.shape_gate":
        one = any(size == 1 and want not in (None, 1) for want, size in zip(*args, strict=False))
        found |= {"broadcast"} if one else set()
    elif task.id.startswith("02.") and len(of) > 1:
        found |= {"broadcast"} if len(set(of)) > 1 and stretches(of) else set()
    elif task.id in ("08.hand.line_loss", "09.keras.dense_forward", "09.keras.mse"):
        found |= {"broadcast"} if len(set(of)) > 1 and stretches(of[-2:]) else set()
    elif task.id == "03.derivatives.variable":
        found |= {"broadcast"} if len(set(of)) > 1 and stretches(of[:2]) else set()
        kinds = {array.dtype.name for array in arrays(args)}
    elif task.id == "06.retracing.leaf_key":
        found |= {"broadcast"} if len(set(of)) > 1 and stretches(of) else set()
        values = [labelled(text) for text in args]
        tensors = [value.numpy() for value in values if hasattr(value, "numpy")]
        found |= {"non-contiguous"} if any(not a.flags.c_contiguous for a in tensors) else set()
        kinds = {a.dtype.name for a in tensors}
    elif task.id == "06.retracing.structure_key":
        kinds = {type(leaf) for text in args for leaf in leaves(labelled(text))}
    elif task.id == "06.retracing.matches":
        pairs = [(w, a.shape) for (_, w), a in zip(*args, strict=False) if w is not None]
        one = any(
            g == 1 and w not in (None, 1) for pair in pairs for w, g in zip(*pair, strict=False)
        )
        found |= {"broadcast"} if one else set()
        kinds = {a.dtype.name for a in arrays(args)}
    elif task.id.startswith("00."):
        kinds = {type(number) for number in leaves(list(args))}
    elif task.id == "06.retracing.count_traces":
        kinds = {type(number) for number in args[0]}
    elif task.id == "04.tape.unbroadcast":
        found |= {"broadcast"} if args[0].shape != args[1] else set()
        kinds = {args[0].dtype.name}
    elif task.id == "03.derivatives.differences":
        kinds = {type(x) for x in args[1:]}
    elif task.id == "03.derivatives.best_step":
        kinds = {args[1]}
    if task.id in ("01.rank.rank_of", "01.rank.shape_of", "01.rank.dtype_of"):
        kinds = {type(leaf) for leaf in leaves(args[0])}
    return found, kinds


def stretches(of):
    try:
        np.broadcast_shapes(*of)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("times", [1, 4], ids=["notebook", "submission"])
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_task_draws_every_class_of_inputs_but_those_that_are_left_out_for_a_reason(task, times):
    covered, kinds = set(), set()
    for check in task.checks:
        for case in check.cases(Draw(5, times)):
            found, types = classes_of(task, case.args if isinstance(case, Case) else case)
            covered |= found
            kinds |= types
    if len(kinds) > 1:
        covered.add("dtypes")
    assert covered == set(CLASSES) - LEFT_OUT[task.id].keys()


def test_every_reason_is_one():
    assert LEFT_OUT.keys() == TASKS.keys()
    for reasons in LEFT_OUT.values():
        assert set(reasons) <= set(CLASSES) and all(len(why) > 20 for why in reasons.values())
