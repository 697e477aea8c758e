"""tf.print, tf.Assert and tf.strings.format: operations that look at values, each time a graph runs.

Python's own `print` inside a tf.function runs once, while the function is traced. These are operations:
they run whenever the graph does, in the order in which they were written.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import devices, dtypes, nest
from engine.dispatch import NOT_DIFFERENTIABLE, apply, primitive
from engine.errors import InvalidArgumentError
from engine.formatting import element_text, summary
from engine.ops.creation import convert
from engine.spec import TensorSpec, compatible
from engine.tensor import Tensor, describe
from engine.variable import Variable

_MARK = "\0"  # around the number of a tensor, where its text goes; no text has this character


class _Slot:
    """Stands for a tensor in a structure that is printed."""

    def __init__(self, number: int):
        self._number = number

    def __repr__(self) -> str:
        return f"{_MARK}{self._number}{_MARK}"


def _template(inputs: tuple[Any, ...], sep: str) -> tuple[tuple[str, ...], list[Tensor]]:
    """The text around the tensors, and the tensors. What is no tensor is text from here on."""
    import pprint  # only for those who print

    found: list[Tensor] = []

    def slot(leaf: Any) -> Any:
        if not isinstance(leaf, (Tensor, Variable)):
            return leaf
        found.append(convert(leaf))
        return _Slot(len(found) - 1)

    def text(value: Any) -> str:
        if isinstance(value, str):
            return value.replace(_MARK, "")
        return pprint.pformat(nest.map_structure(slot, value))

    pieces = sep.join(map(text, inputs)).split(_MARK)  # text, number, text, number, ..., text
    return tuple(pieces[::2]), [found[int(number)] for number in pieces[1::2]]


def _filled(template: tuple[str, ...], arrays: tuple[Any, ...], summarize: int) -> str:
    texts = [summary(devices.to_host(array), summarize) for array in arrays]
    return template[0] + "".join(t + rest for t, rest in zip(texts, template[1:], strict=True))


def _write(text: str, stream: Any) -> None:
    if isinstance(stream, str) and stream.startswith("file://"):
        with open(stream[len("file://") :], "a", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        return
    # By name, for whoever redirects it between the trace and the run: a notebook or a test.
    target = getattr(sys, stream) if isinstance(stream, str) else stream
    target.write(text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))
    target.flush()


def _print_kernel(
    xp: Any, *arrays: Any, template: tuple[str, ...], summarize: int, end: str, stream: Any
) -> Any:
    alone = template == ("", "") and np.ndim(arrays[0]) == 0
    if alone and isinstance(value := np.asarray(devices.to_host(arrays[0]))[()], bytes):
        text = element_text(value, quote=False)
    else:
        text = _filled(template, arrays, summarize)
    _write(text + end, stream)
    return np.True_


def _nothing(*specs: TensorSpec, **attrs: Any) -> TensorSpec:
    return TensorSpec((), dtypes.bool_)


_PRINT = primitive("print", _print_kernel, _nothing, vjp=NOT_DIFFERENTIABLE, stateful=True)


def _stream(given: Any) -> Any:
    for name in ("stdout", "stderr"):
        if given is None or given is getattr(sys, name) or given == f"sys.{name}":
            return name if given is not None else "stderr"
    if isinstance(given, str):
        if given.startswith("file://"):
            return given
    elif hasattr(given, "write") and hasattr(given, "flush"):
        return given
    raise ValueError(
        f"print: output_stream is sys.stdout, sys.stderr, an open text file or 'file://' and a path, "
        f"not {describe(given)}."
    )


def print(
    *inputs: Any,
    output_stream: Any = None,
    summarize: int = 3,
    sep: str = " ",
    end: str = "\n",
    name: str | None = None,
) -> None:
    """Writes tensors, structures of tensors and Python values; in a graph, each time it runs.

    Args:
      inputs: what to print. A tensor that is nothing but a string stands without quotes when alone.
      output_stream: sys.stderr by default, sys.stdout, 'file:///path' to append to a file; here also any
        open text file.
      summarize: how many elements to show at each end of an axis; -1 for all.
      sep, end: as for Python's print.

    Unlike TensorFlow's, it prints complex numbers, and returns None in a graph too: it needs no control
    dependency to run.

    >>> import engine as tf
    >>> @tf.function
    ... def double(x):
    ...     tf.print("doubling", x, output_stream=sys.stdout)
    ...     return 2.0 * x
    >>> _ = double(tf.constant([1.0, 2.5])), double(tf.constant([0.0, 1 / 3]))
    doubling [1 2.5]
    doubling [0 0.333333343]
    """
    template, tensors = _template(inputs, sep)
    apply(
        _PRINT,
        *tensors,
        template=template,
        summarize=_count(summarize, "print"),
        end=end,
        stream=_stream(output_stream),
    )


def _count(summarize: Any, what: str) -> int:
    if not isinstance(summarize, int) or summarize < -1:
        raise ValueError(f"{what}: summarize is a number of elements, or -1 for all, not {summarize!r}.")
    return summarize


def _assert_spec(condition: TensorSpec, *data: TensorSpec, **attrs: Any) -> TensorSpec:
    if not condition.dtype.is_bool or not compatible(condition.dims, ()):
        raise InvalidArgumentError(
            f"Assert: the condition is one bool, but {condition.dtype.name} of shape {condition.shape} was "
            "given. Compare, and reduce with tf.reduce_all or tf.reduce_any."
        )
    return _nothing()


def _assert_kernel(xp: Any, condition: Any, *data: Any, summarize: int) -> Any:
    if np.ndim(condition):
        raise ValueError("the condition is not one bool")
    if not condition:
        texts = " ".join(summary(devices.to_host(array), summarize) for array in data)
        raise InvalidArgumentError(f"Assert: the condition is False. Data: {texts}")
    return np.True_


_ASSERT = primitive("assert", _assert_kernel, _assert_spec, vjp=NOT_DIFFERENTIABLE, stateful=True)


def Assert(condition: Any, data: Any, summarize: int | None = None, name: str | None = None) -> None:
    """Raises InvalidArgumentError, with the data in its text, when the condition is False.

    Args:
      condition: one bool; reduce several with `tf.reduce_all`.
      data: a list of tensors or values to show.
      summarize: how many elements of each to show at each end of an axis; 3 by default.

    >>> Assert(True, [1, 2])
    >>> Assert(False, ["the loss is", 3.5])
    Traceback (most recent call last):
    engine.errors.InvalidArgumentError: Assert: the condition is False. Data: "the loss is" 3.5
    """
    if not isinstance(data, (list, tuple)):
        raise TypeError(
            f"Assert: data is a list of what the message shall show, but {describe(data)} was given. "
            "Put it in brackets."
        )
    tensor = convert(condition)
    _assert_spec(tensor.spec)
    shown = 3 if summarize is None else _count(summarize, "Assert")
    apply(_ASSERT, tensor, *map(convert, data), summarize=shown)


def _format_kernel(xp: Any, *arrays: Any, template: tuple[str, ...], summarize: int) -> Any:
    made = np.empty((), object)
    made[()] = _filled(template, arrays, summarize).encode("utf-8", "surrogateescape")
    return made


_FORMAT = primitive(
    "string_format",
    _format_kernel,
    lambda *specs, **attrs: TensorSpec((), dtypes.string),
    vjp=NOT_DIFFERENTIABLE,
)


def format(
    template: str, inputs: Any, placeholder: str = "{}", summarize: int = 3, name: str | None = None
) -> Tensor:
    """A string tensor: the template with the tensors in the places of `placeholder`, as print writes them.

    Raises:
      ValueError: when there are not as many places as tensors.

    >>> format("loss {} at {}", (0.25, [1, 2])).numpy()
    b'loss 0.25 at [1 2]'
    """
    given = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    parts = tuple(template.split(placeholder))
    if len(parts) - 1 != len(given):
        raise ValueError(
            f"format: {template!r} has {len(parts) - 1} places ({placeholder!r}), but {len(given)} inputs "
            "were given. Give one tensor for each place."
        )
    run: Callable[..., Any] = apply
    return run(
        _FORMAT, *map(convert, given), template=parts, summarize=_count(summarize, "format")
    )


__all__ = ["Assert", "format", "print"]
