"""Answers to the tasks of chapter 05."""

from __future__ import annotations

from dataclasses import dataclass

import engine as tf
from answers import accepted, wrong

TRACER, TRACE, PYTHON = "05.tracing.tracer", "05.tracing.trace", "05.tracing.to_python"
PRINTS, FROZEN = "05.tracing.count_prints", "05.tracing.frozen_outputs"


class Tracer:
    """A right one, for the answers to `trace`, and the start of the others."""

    def __init__(self, name, steps):
        self.name, self.steps = name, steps

    def note(self, op, left, right):
        left, right = getattr(left, "name", left), getattr(right, "name", right)
        name = f"t{len(self.steps)}"
        self.steps.append((name, op, left, right))
        return type(self)(name, self.steps)

    def __add__(self, other):
        return self.note("add", self, other)

    def __sub__(self, other):
        return self.note("sub", self, other)

    def __mul__(self, other):
        return self.note("mul", self, other)

    def __radd__(self, other):
        return self.note("add", other, self)

    def __rsub__(self, other):
        return self.note("sub", other, self)

    def __rmul__(self, other):
        return self.note("mul", other, self)


@wrong(TRACER, "returns_nothing")
class TracerReturnsNothing(Tracer):
    def note(self, op, left, right):
        super().note(op, left, right)


@wrong(TRACER, "objects")
class TracerKeepsObjects(Tracer):
    def note(self, op, left, right):
        name = f"t{len(self.steps)}"
        self.steps.append((name, op, left, right))
        return type(self)(name, self.steps)


@wrong(TRACER, "same_name")
class TracerSameName(Tracer):
    def note(self, op, left, right):
        left, right = getattr(left, "name", left), getattr(right, "name", right)
        self.steps.append(("t0", op, left, right))
        return type(self)("t0", self.steps)


@wrong(TRACER, "returns_itself")
class TracerReturnsItself(Tracer):
    def note(self, op, left, right):
        super().note(op, left, right)
        return self


@wrong(TRACER, "own_list")
class TracerOwnList(Tracer):
    def note(self, op, left, right):
        made = super().note(op, left, right)
        return type(self)(made.name, list(self.steps))


@wrong(TRACER, "from_one")
class TracerFromOne(Tracer):
    def note(self, op, left, right):
        left, right = getattr(left, "name", left), getattr(right, "name", right)
        name = f"t{len(self.steps) + 1}"
        self.steps.append((name, op, left, right))
        return type(self)(name, self.steps)


@wrong(TRACER, "number_name")
class TracerOfTracersOnly(Tracer):
    def note(self, op, left, right):
        name = f"t{len(self.steps)}"
        self.steps.append((name, op, left.name, right.name))
        return type(self)(name, self.steps)


@wrong(TRACER, "swapped", points=3)
class TracerSwapped(Tracer):
    __radd__ = Tracer.__add__
    __rsub__ = Tracer.__sub__
    __rmul__ = Tracer.__mul__


@wrong(TRACER, "reflected", points=3)
class TracerWithoutReflected:
    def __init__(self, name, steps):
        self.name, self.steps = name, steps

    def note(self, op, other):
        name = f"t{len(self.steps)}"
        self.steps.append((name, op, self.name, getattr(other, "name", other)))
        return TracerWithoutReflected(name, self.steps)

    def __add__(self, other):
        return self.note("add", other)

    def __sub__(self, other):
        return self.note("sub", other)

    def __mul__(self, other):
        return self.note("mul", other)


@accepted(TRACER)
@dataclass
class TracerDataclass:
    name: str
    steps: list

    def __add__(self, other):
        return self._write("add", self.name, self._text(other))

    def __radd__(self, other):
        return self._write("add", other, self.name)

    def __sub__(self, other):
        return self._write("sub", self.name, self._text(other))

    def __rsub__(self, other):
        return self._write("sub", other, self.name)

    def __mul__(self, other):
        return self._write("mul", self.name, self._text(other))

    def __rmul__(self, other):
        return self._write("mul", other, self.name)

    def _text(self, other):
        return other.name if isinstance(other, TracerDataclass) else other

    def _write(self, op, left, right):
        self.steps += [(f"t{len(self.steps)}", op, left, right)]
        return TracerDataclass(self.steps[-1][0], self.steps)


def _operators(cls):
    def operator(op, turned):
        def method(self, other):
            sides = (other, self) if turned else (self, other)
            names = [side.name if isinstance(side, cls) else side for side in sides]
            result = cls(f"t{len(self.steps)}", self.steps)
            self.steps.append((result.name, op, *names))
            return result

        return method

    for op in ("add", "sub", "mul"):
        setattr(cls, f"__{op}__", operator(op, False))
        setattr(cls, f"__r{op}__", operator(op, True))
    return cls


@accepted(TRACER)
@_operators
class TracerGenerated:
    def __init__(self, name, steps):
        self.name = name
        self.steps = steps


def _inputs(count, steps):
    return [Tracer(f"x{i}", steps) for i in range(count)]


@wrong(TRACE, "several_calls")
def trace_calls_for_every_input(fn, n_inputs):
    steps = []
    for _ in range(n_inputs + 1):
        output = fn(*_inputs(n_inputs, steps))
    return steps, output.name


@wrong(TRACE, "not_unpacked")
def trace_passes_a_list(fn, n_inputs):
    steps = []
    return steps, fn(_inputs(n_inputs, steps)).name


@wrong(TRACE, "output_tracer")
def trace_returns_the_tracer(fn, n_inputs):
    steps = []
    return steps, fn(*_inputs(n_inputs, steps))


@wrong(TRACE, "steps_only")
def trace_returns_steps_only(fn, n_inputs):
    steps = []
    fn(*_inputs(n_inputs, steps))
    return steps


@wrong(TRACE, "from_one")
def trace_names_from_one(fn, n_inputs):
    steps = []
    return steps, fn(*[Tracer(f"x{i + 1}", steps) for i in range(n_inputs)]).name


@wrong(TRACE, "own_lists")
def trace_list_for_each(fn, n_inputs):
    inputs = [Tracer(f"x{i}", []) for i in range(n_inputs)]
    output = fn(*inputs)
    return inputs[0].steps, output.name


@wrong(TRACE, "needs_tracer", points=2)
def trace_with_a_half_tracer(fn, n_inputs):
    steps = []
    inputs = [TracerWithoutReflected(f"x{i}", steps) for i in range(n_inputs)]
    return steps, fn(*inputs).name


@accepted(TRACE)
def trace_with_a_loop(fn, n_inputs):
    steps, inputs = [], []
    while len(inputs) < n_inputs:
        inputs.append(TracerGenerated("x" + str(len(inputs)), steps))
    output = fn(*inputs)
    return (steps, output.name)


@accepted(TRACE)
def trace_with_map(fn, n_inputs):
    steps = []
    output = fn(*map(lambda i: TracerDataclass(f"x{i}", steps), range(n_inputs)))
    return output.steps, output.name


SIGNS = {"add": "+", "sub": "-", "mul": "*"}


def _def(n_inputs):
    return f"def program({', '.join(f'x{i}' for i in range(n_inputs))}):"


@wrong(PYTHON, "words")
def python_with_words(steps, output, n_inputs):
    lines = [f"    {name} = {left} {op} {right}" for name, op, left, right in steps]
    return "\n".join([_def(n_inputs), *lines, f"    return {output}"])


@wrong(PYTHON, "indent")
def python_without_indent(steps, output, n_inputs):
    lines = [f"{name} = {left} {SIGNS[op]} {right}" for name, op, left, right in steps]
    return "\n".join([_def(n_inputs), *lines, f"return {output}"])


@wrong(PYTHON, "not_text")
def python_as_lines(steps, output, n_inputs):
    lines = [f"    {name} = {left} {SIGNS[op]} {right}" for name, op, left, right in steps]
    return [_def(n_inputs), *lines, f"    return {output}"]


@wrong(PYTHON, "no_function")
def python_without_def(steps, output, n_inputs):
    return "\n".join(f"# {name} = {left} {SIGNS[op]} {right}" for name, op, left, right in steps)


@wrong(PYTHON, "no_return")
def python_without_return(steps, output, n_inputs):
    lines = [f"    {name} = {left} {SIGNS[op]} {right}" for name, op, left, right in steps]
    return "\n".join([_def(n_inputs), *lines])


@wrong(PYTHON, "parameters")
def python_with_one_parameter(steps, output, n_inputs):
    lines = [f"    {name} = {left} {SIGNS[op]} {right}" for name, op, left, right in steps]
    return "\n".join(["def program(x):", *lines, f"    return {output}"])


@wrong(PYTHON, "quoted")
def python_with_quotes(steps, output, n_inputs):
    lines = [f"    {name} = {left!r} {SIGNS[op]} {right!r}" for name, op, left, right in steps]
    return "\n".join([_def(n_inputs), *lines, f"    return {output}"])


@wrong(PYTHON, "turned")
def python_turned(steps, output, n_inputs):
    lines = [f"    {name} = {left} {SIGNS[op]} {right}" for name, op, right, left in steps]
    return "\n".join([_def(n_inputs), *lines, f"    return {output}"])


@wrong(PYTHON, "numbers")
def python_with_whole_numbers(steps, output, n_inputs):
    lines = [_def(n_inputs)]
    for name, op, *sides in steps:
        left, right = (side if isinstance(side, str) else int(side) for side in sides)
        lines.append(f"    {name} = {left} {SIGNS[op]} {right}")
    return "\n".join([*lines, f"    return {output}"])


@wrong(PYTHON, "numbers")
def python_without_signs(steps, output, n_inputs):
    lines = [_def(n_inputs)]
    for name, op, *sides in steps:
        left, right = (side if isinstance(side, str) else abs(side) for side in sides)
        lines.append(f"    {name} = {left} {SIGNS[op]} {right}")
    return "\n".join([*lines, f"    return {output}"])


@wrong(PYTHON, "last_step", points=3)
def python_last_step(steps, output, n_inputs):
    lines = [f"    {name} = {left} {SIGNS[op]} {right}" for name, op, left, right in steps]
    last = steps[-1][0] if steps else "x0"
    return "\n".join([_def(n_inputs), *lines, f"    return {last}"])


@accepted(PYTHON)
def python_by_adding_text(steps, output, n_inputs):
    text = "def program("
    for i in range(n_inputs):
        text += "x" + str(i) + ", "
    text += "):\n"
    for name, op, left, right in steps:
        text += "\t" + name + " = " + str(left)
        text += " + " if op == "add" else " - " if op == "sub" else " * "
        text += str(right) + "\n"
    return text + "\treturn " + output + "\n"


@accepted(PYTHON)
def python_with_calls(steps, output, n_inputs):
    lines = ["import operator", _def(n_inputs)]
    lines += [f"  {name} = operator.{op}({left}, {right})" for name, op, left, right in steps]
    return "\n".join([*lines, f"  return {output}"])


@wrong(PRINTS, "every_call")
def prints_every_call(calls):
    return len(calls)


@wrong(PRINTS, "never")
def prints_never(calls):
    return calls.count("f")


@wrong(PRINTS, "eager_once")
def prints_eager_once(calls):
    return len(set(calls))


@wrong(PRINTS, "always_once")
def prints_always_once(calls):
    return 1 if calls else 0


@wrong(PRINTS, "shared_trace")
def prints_shared_trace(calls):
    lines, traced = 0, False
    for name in calls:
        if name == "f" or not traced:
            lines += 1
        traced = traced or name != "f"
    return lines


@accepted(PRINTS)
def prints_with_sets(calls):
    return calls.count("f") + len(set(calls) - {"f"})


@accepted(PRINTS)
def prints_by_remembering(calls):
    lines, traced = 0, []
    for name in calls:
        if name in traced:
            continue
        lines += 1
        if name != "f":
            traced.append(name)
    return lines


@wrong(FROZEN, "live")
def frozen_live(calls):
    return [scale * x for scale, x in calls]


@wrong(FROZEN, "last_wins")
def frozen_last_wins(calls):
    return [calls[-1][0] * x for scale, x in calls]


@wrong(FROZEN, "input_frozen")
def frozen_input(calls):
    return [calls[0][0] * calls[0][1]] * len(calls)


@wrong(FROZEN, "previous")
def frozen_previous(calls):
    outputs = []
    before = calls[0][0] if calls else None
    for scale, x in calls:
        outputs.append(before * x)
        before = scale
    return outputs


@wrong(FROZEN, "zero")
def frozen_takes_zero_for_nothing(calls):
    outputs, scale = [], None
    for new, x in calls:
        scale = scale or new
        outputs.append(scale * x)
    return outputs


@wrong(FROZEN, "no_calls")
def frozen_needs_a_call(calls):
    scale = calls[0][0]
    return [scale * x for _, x in calls]


@accepted(FROZEN)
def frozen_by_remembering(calls):
    outputs, scale = [], None
    for new, x in calls:
        scale = new if scale is None else scale
        outputs.append(x * scale)
    return outputs


@accepted(FROZEN)
def frozen_by_running(calls):
    box = {}
    scaled = tf.function(lambda x: x * box["scale"])
    outputs = []
    for box["scale"], x in calls:
        outputs.append(scaled(tf.constant(x)).numpy())
    return outputs
