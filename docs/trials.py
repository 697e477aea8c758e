"""Finds out what dtypes an operation takes and where it has a derivative: by calling it. See `operations`.

Nothing here imports the engine: `tests/oracle/tensorflow_dtypes.py` asks TensorFlow the same questions.
"""

from __future__ import annotations

import ast
import inspect
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from docs.calls import CALLS
from tests.oracle.cases import CASES
from tests.oracle.inputs import Array

GROUPS = {
    "bool": ["bool"],
    "int": ["int8", "int16", "int32", "int64"],
    "uint": ["uint8", "uint16", "uint32", "uint64"],
    "float": ["float16", "bfloat16", "float32", "float64"],
    "complex": ["complex64", "complex128"],
    "string": ["string"],
}
DTYPES = [name for names in GROUPS.values() for name in names]
LETTERS = "abcdefgh"
MOST_CALLS = 3  # of one operation that are tried


@dataclass
class Trial:
    """What the calls of one operation have shown."""

    gives_tensors: bool = False
    dtypes: set[str] = field(default_factory=set)
    gradient: dict[str, None] = field(default_factory=dict)  # names of arguments, in order


def dtypes_text(dtypes: set[str]) -> str:
    """Names of dtypes, whole groups of them by one word."""
    if len(dtypes) == len(DTYPES):
        return "all"
    parts = []
    for group, names in GROUPS.items():
        there = [name for name in names if name in dtypes]
        parts += [group] if there == names else there
    return ", ".join(parts) or "-"


@dataclass
class Call:
    """A call, taken apart: the function, the expression and its inputs a, b, c, ..."""

    function: Any
    node: ast.Call
    inputs: list[np.ndarray]

    def run(self, tf: Any, tensors: list[Any], dtype: Any) -> Any:
        names = {"tf": tf, "np": np, "D": dtype, **dict(zip(LETTERS, tensors, strict=False))}
        return eval(compile(ast.Expression(self.node), "<call>", "eval"), names)

    def argument_of(self, letter: str) -> str:
        """The name of the argument in which an input stands."""
        parameters = list(inspect.signature(self.function).parameters.values())
        rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "")
        names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        for i, argument in enumerate(self.node.args):
            if letter in _letters(argument):
                return names[i] if i < len(names) else rest
        for keyword in self.node.keywords:
            if letter in _letters(keyword.value):
                return str(keyword.arg)
        raise ValueError(f"{letter} is not used in {ast.unparse(self.node)}")


def _letters(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _numbers(tf: Any, array: Array) -> np.ndarray:
    values = np.array(array.values, np.complex128 if "complex" in array.dtype else None)
    return values.astype(getattr(tf, array.dtype).as_numpy_dtype).reshape(array.shape)


def _taken_apart(tf: Any, text: str, inputs: list[np.ndarray]) -> Call | None:
    """The call if `text` is one, of something public; not `a + b`, and not a sum of calls."""
    node = ast.parse(text, mode="eval").body
    if not isinstance(node, ast.Call) or not ast.unparse(node.func).startswith("tf."):
        return None
    try:
        function = eval(ast.unparse(node.func), {"tf": tf})
    except AttributeError:
        return None
    if any(array.size == 0 for array in inputs):  # passes where numbers would not
        return None
    return Call(function, node, inputs)


def _calls(tf: Any) -> Iterator[Call]:
    tables = [(text, [np.asarray(value) for value in inputs]) for text, inputs in CALLS]
    tables += [(case.call, [_numbers(tf, array) for array in case.arrays()]) for case in CASES]
    for text, inputs in tables:
        call = _taken_apart(tf, text, inputs)
        if call is not None:
            yield call


def _in_dtype(tf: Any, array: np.ndarray, name: str) -> Any:
    """The values in another dtype, for integers positive, so that nothing is divided by 0."""
    finite = np.nan_to_num(array)
    if name == "string":
        return tf.constant(finite.astype(str).tolist(), tf.string)
    if name in GROUPS["int"] + GROUPS["uint"]:
        finite = np.ceil(np.abs(finite))
    elif name == "bool":
        finite = np.abs(finite) > 0.5
    elif name not in GROUPS["complex"]:
        finite = finite.real
    return tf.constant(finite.astype(getattr(tf, name).as_numpy_dtype))


def _tensors(tf: Any, result: Any) -> list[Any]:
    return [leaf for leaf in tf.nest.flatten(result) if isinstance(leaf, tf.Tensor)]


def _main_inputs(call: Call) -> list[int]:
    """The inputs that change their dtype together: the floating ones, or those like the first."""
    kinds = [array.dtype for array in call.inputs]
    leading = next((kind for kind in kinds if kind.kind in "fc"), kinds[0] if kinds else None)
    return [i for i, kind in enumerate(kinds) if kind == leading]


def _try_dtype(tf: Any, call: Call, name: str) -> Any:
    """The result with the main inputs in this dtype, or None if it is refused."""
    main = _main_inputs(call)
    try:
        given = [
            _in_dtype(tf, array, name) if i in main else tf.constant(array)
            for i, array in enumerate(call.inputs)
        ]
        return call.run(tf, given, getattr(tf, name))
    except Exception:  # whatever it is called, it says that this does not work
        return None


def _try_gradient(tf: Any, call: Call) -> list[str]:
    """The arguments whose derivative is there."""
    derivable = [getattr(tf, name) for name in GROUPS["float"] + GROUPS["complex"]]
    given = [tf.constant(array) for array in call.inputs]
    pairs = zip(LETTERS, given, strict=False)
    sources = {letter: tensor for letter, tensor in pairs if tensor.dtype in derivable}
    if not sources:
        return []
    with tf.GradientTape() as tape:
        tape.watch(list(sources.values()))
        result = call.run(tf, given, tf.float64)
        results = [y for y in _tensors(tf, result) if y.dtype in derivable]
    if not results:
        return []
    found = zip(sources, tape.gradient(results, list(sources.values())), strict=True)
    return [call.argument_of(letter) for letter, gradient in found if gradient is not None]


def find_out(tf: Any, things: list[Any], forgive: bool = False) -> dict[int, Trial]:
    """For each function that has a call, under its id: what it takes and gives.

    With `forgive`, a call that does not work at all shows nothing, instead of raising.
    """
    wanted = {id(thing) for thing in things}
    found: dict[int, Trial] = {}
    tried: dict[int, int] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 300.0 as an int8, and the like
        for call in _calls(tf):
            key = id(call.function)
            if key not in wanted or tried.get(key, 0) >= MOST_CALLS:
                continue
            tried[key] = tried.get(key, 0) + 1
            trial = found.setdefault(key, Trial())
            for name in DTYPES:
                result = _try_dtype(tf, call, name)
                if result is not None:
                    trial.gives_tensors |= bool(_tensors(tf, result))
                    if call.inputs or "D" in _letters(call.node):
                        trial.dtypes.add(name)
            try:
                trial.gradient.update(dict.fromkeys(_try_gradient(tf, call)))
            except Exception:
                if not forgive:
                    raise
    return found
