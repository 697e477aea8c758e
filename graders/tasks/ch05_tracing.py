"""Chapter 05: a tracer that writes down what a function does, and the programs it makes.

The truth comes from Python's own parser: it reads the expressions that a tracer can only see by
being called. The other two tasks of the chapter are in ch05_once.py.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from graders.compare import a
from graders.diagnose import Seen, in_check, predicts, raised, returned
from graders.show import show
from graders.tasks.base import Case, Check, Code, Complaint, Draw, Misconception, Task, define

Args = tuple[Any, ...]
Step = tuple[str, str, Any, Any]
OPERATIONS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul"}


def program_of(expression: str) -> tuple[list[Step], Any]:
    """The steps of an expression in x0, x1, ..., in the order in which Python takes them."""
    steps: list[Step] = []

    def visit(node: ast.expr) -> Any:
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Constant):
            return node.value
        assert isinstance(node, ast.BinOp)
        left, right = visit(node.left), visit(node.right)
        steps.append((f"t{len(steps)}", OPERATIONS[type(node.op)], left, right))
        return steps[-1][0]

    output = visit(ast.parse(expression, mode="eval").body)
    return steps, output


def expression(draw: Draw, depth: int, numbers: str = "", inputs: int = 2) -> str:
    """A random expression; `numbers` says on which side they may stand: "", "right" or "both"."""
    pick = draw.random

    def part(depth: int) -> str:
        if depth == 0:
            return f"x{pick.randrange(inputs)}"
        sides = [part(depth - 1), part(pick.randrange(depth))]
        if numbers and pick.random() < 0.4:
            sides[1] = str(pick.randint(2, 9))
            if numbers == "both" and pick.random() < 0.5:
                sides.reverse()
        return f"({sides[0]} {pick.choice('+-*')} {sides[1]})"

    return part(depth)[1:-1]


def recorded(tracer: Any, text: str) -> tuple[Any, Any]:
    """What tracers x0 and x1 have written down after the expression was computed with them."""
    steps: list[Any] = []
    inputs = {name: tracer(name, steps) for name in ("x0", "x1")}
    result = eval(text, {}, inputs)
    if not hasattr(result, "name"):
        raise Complaint(f"{text} gave {result!r}, which is not a Tracer")
    return steps, result.name


def single(draw: Draw) -> Iterator[Args]:
    yield from (("x0 + x1",), ("x0 - x1",), ("x0 * x1",), ("x1 - x0",), ("x0 * x0",))


def chains(draw: Draw) -> Iterator[Args]:
    yield from (("x0 + x1 * x0",), ("(x0 + x1) * (x0 - x1)",), ("x0 - x1 - x1",))
    for _ in draw.rounds(4):
        yield (expression(draw, draw.random.randint(2, 3)),)
    yield (" + ".join(draw.random.choice(("x0", "x1")) for _ in range(14)),)  # as far as t12


def number_right(draw: Draw) -> Iterator[Args]:
    yield from (("x0 * 2",), ("x1 - 3",), ("x1 + 0.5",), ("x0 - 0",), ("(x0 + 1) * x1",))
    for _ in draw.rounds(2):
        yield (f"({expression(draw, 2, 'right')}) - 4",)


def number_left(draw: Draw) -> Iterator[Args]:
    yield from (("2 * x0",), ("1 + x1",), ("3 - x0",), ("0.5 * x1",), ("0 - x0",), ("2 * x0 - 1",))
    for _ in draw.rounds(3):
        yield (f"5 - ({expression(draw, 2, 'both')})",)


def _swapped(text: str) -> tuple[list[Step], Any]:
    """What is written down when a number on the left is put on the right."""
    steps, output = program_of(text)
    number = (int, float)
    return [
        (n, op, right, left) if isinstance(left, number) else (n, op, left, right)
        for n, op, left, right in steps
    ], output


def _complaint(words: str) -> Any:
    return lambda seen: words in str(seen.first.ran.error)


def _steps(test: Callable[[list[Any]], bool]) -> Any:
    return returned(lambda got, *args: bool(got[0]) and test(got[0]))


def _shorter(seen: Seen) -> bool:
    return len(seen.first.ran.value[0]) < len(seen.first.case.expected[0])


TRACER = Task(
    id="05.tracing.tracer",
    name="Tracer",
    points=4,
    asks="`Tracer(name, steps)`: `+`, `-` and `*` with another Tracer or a number compute nothing. "
    "Each appends one step `(new_name, op, left, right)` to `steps` and returns a Tracer for it.",
    oracle=program_of,
    valid=lambda text: bool(program_of(text)[0]),
    use=recorded,
    shows=lambda text: f'x0, x1 = Tracer("x0", steps), Tracer("x1", steps)\n{text}',
    checks=(
        Check("one operation", single),
        Check("several operations", chains),
        Check("a number on the right", number_right),
        Check("a number on the left", number_left, points=1),
    ),
    misconceptions=(
        Misconception(
            "returns_nothing",
            "The step is written down, and then nothing comes back: the next operation has "
            "nothing to go on with. Return a Tracer that stands for the result.",
            _complaint("gave None"),
        ),
        Misconception(
            "objects",
            "The step holds a Tracer. A program is text about names, which can be printed, kept "
            "and run later: write down the names.",
            _steps(lambda steps: any(hasattr(part, "name") for step in steps for part in step)),
        ),
        Misconception(
            "same_name",
            "Two steps have the same name: the second overwrites what the first one made. The "
            "length of the list tells which number is free.",
            _steps(lambda steps: len({step[0] for step in steps}) < len(steps)),
        ),
        Misconception(
            "returns_itself",
            "What comes back is called as one of the inputs. The result of a step is a new value: "
            "it needs a Tracer of its own, with the step's name.",
            returned(lambda got, *args: str(got[1]).startswith("x")),
        ),
        Misconception(
            "own_list",
            "Steps are lost on the way. All tracers of one program share one list: hand on the "
            "same one, and do not start another.",
            in_check("several operations", _shorter),
        ),
        Misconception(
            "from_one",
            "The first step is called t0: the names count from 0.",
            _steps(lambda steps: steps[0][0] == "t1"),
        ),
        Misconception(
            "number_name",
            "A number has no name. Write down a tracer's name, and a number as it is.",
            raised(AttributeError),
        ),
        Misconception(
            "swapped",
            "It is written down the wrong way round: `3 - x0` is not `x0 - 3`. In `__rsub__` the "
            "number is on the left.",
            predicts(_swapped),
        ),
        Misconception(
            "reflected",
            "For `2 * x0` Python asks the number first, which knows no tracers. Then it tries "
            "`x0.__rmul__(2)`.",
            in_check("a number on the left", raised(TypeError)),
        ),
    ),
    hints=(
        "Which method does Python call for `x0 + x1`, and what does it do with what that returns?",
        "A tracer has no value. Its operators only append to the list that all of them share, "
        "and answer with a new tracer that carries the name of what was just written.",
        "Write one method that takes the operation, a left and a right side. It makes the next "
        "name, appends the step, with names in place of tracers, and returns the new tracer. Let "
        "`__add__`, `__radd__` and the others call it, each with its sides in the right order.",
    ),
)


def traced(trace: Any, fn: Code, count: int) -> Any:
    """What `trace` gives for a function, which it has to call exactly once."""
    function, calls = fn.build(), []

    def counted(*args: Any) -> Any:
        calls.append(args)
        if len(args) != count or any(isinstance(arg, list) for arg in args):
            given = ", ".join(a(arg) for arg in args) or "nothing"
            raise Complaint(f"the function was called with {given}, not with {count} tracers")
        return function(*args)

    result = trace(counted, count)
    if len(calls) != 1:
        raise Complaint(f"the function was called {len(calls)} times, not once")
    return result


def inputs_back(draw: Draw) -> Iterator[Case]:
    yield Case((Code("lambda a: a"), 1), ([], "x0"))
    for count in (2, 3, 5, 12):
        names = [f"a{i}" for i in range(count)]
        place = draw.random.randrange(1, count)
        yield Case((Code(f"lambda {', '.join(names)}: a{place}"), count), ([], f"x{place}"))


def by_hand(draw: Draw) -> Iterator[Case]:
    for last in ("a", "b"):
        step = ("t0", "add", "x0", "x1")
        source = f'lambda a, b: {last}.steps.append({step}) or type(a)("t0", a.steps)'
        yield Case((Code(source), 2), ([step], "t0"))


def computing(draw: Draw) -> Iterator[Case]:
    texts = ["x0 + x1", "x0 + x1 * x0", "2 * x0 - x1"]
    texts += [expression(draw, 3, "both") for _ in draw.rounds(3)]
    texts += ["0.5 * x1 + 3", " - ".join(["x0", "x1"] * 7)]
    for text in texts:
        yield Case((Code(f"lambda x0, x1: {text}"), 2), program_of(text))


def _one_more(seen: Seen) -> bool:
    expected, got = seen.first.case.expected[1], seen.first.ran.value[1]
    return int(got[1:]) == int(expected[1:]) + 1


TRACE = Task(
    id="05.tracing.trace",
    name="trace",
    points=3,
    asks="`trace(fn, n_inputs)`: calls `fn` once, with tracers named x0, x1, ... that share one "
    "list of steps, and returns the steps and the name of the output, as `(steps, output)`.",
    use=traced,
    checks=(
        Check("functions that return an input", inputs_back),
        Check("a step written by hand", by_hand),
        Check("functions that compute, with your Tracer", computing, points=1),
    ),
    misconceptions=(
        Misconception(
            "several_calls",
            "Tracing is one call: whatever the function does in it is what the program does. A "
            "second call writes everything down twice, and a print in it shows twice.",
            _complaint("times, not once"),
        ),
        Misconception(
            "not_unpacked",
            "The function gets one argument, a list. It wants its inputs one by one: `fn(*inputs)`.",
            _complaint("the function was called with"),
        ),
        Misconception(
            "output_tracer",
            "The output is a Tracer, and only its name is asked for: a program is text.",
            returned(lambda got, *args: hasattr(got, "name") or hasattr(got[-1], "name")),
        ),
        Misconception(
            "steps_only",
            "A program is its steps and which value is the output: the last step need not be it.",
            returned(lambda got, *args: isinstance(got, list)),
        ),
        Misconception(
            "from_one",
            "The names of the inputs count from 0: x0 is the first.",
            in_check("functions that return an input", _one_more),
        ),
        Misconception(
            "own_lists",
            "Steps are lost: each input has a list of its own. They must share the one that is "
            "returned.",
            lambda seen: seen.first.label != "functions that return an input" and _shorter(seen),
        ),
        Misconception(
            "needs_tracer",
            "The plumbing is right. What is missing happens in your Tracer: run its check first.",
            in_check("functions that compute, with your Tracer"),
        ),
    ),
    hints=(
        "What does `fn` have to be called with, so that its `+` and `*` end up in your list?",
        "Make the list first, then the tracers around it, then call the function: when it "
        "returns, the list is full, and what it returned is the tracer of the output.",
        "An empty list; a Tracer for each of x0, x1, ... with that same list; one call with the "
        "tracers unpacked; return the list and the name of what came back.",
    ),
)


def carried_out(to_python: Any, steps: list[Step], output: Any, values: list[float]) -> Any:
    """What the generated program returns for these values."""
    text = to_python(steps, output, len(values))
    if not isinstance(text, str):
        raise Complaint(f"the program is {show(text)}, not a string")
    try:
        program = define(text, "program", near=to_python)
    except SyntaxError as error:
        line = (error.text or "").rstrip() or text
        raise Complaint(f"your program is not Python, at {line!r}: {error.msg}") from None
    if not callable(program):
        raise Complaint("your program does not define a function called program")
    return program(*values)


def shown_program(steps: list[Step], output: Any, values: list[float]) -> str:
    call = f"to_python({show(steps)}, {output!r}, {len(values)})"
    return f"{call}\nand then: program({', '.join(map(str, values))})"


def program(text: str, values: list[float]) -> Case:
    """A program, with what Python makes of the expression it was written from."""
    steps, output = program_of(text)
    names = {f"x{i}": value for i, value in enumerate(values)}
    return Case((steps, output, values), float(eval(text, {}, names)))


def values_for(draw: Draw, count: int = 2) -> list[float]:
    return [float(draw.random.randint(-9, 9)) + 0.5 for _ in range(count)]


def one_step(draw: Draw) -> Iterator[Case]:
    for text in ("x0 + x1", "x0 - x1", "x1 * x0"):
        yield program(text, [2.0, 3.0])
    yield program("x1 - x0", values_for(draw))


def many_steps(draw: Draw) -> Iterator[Case]:
    yield program("x0 + x1 * x0", [2.0, 3.0])
    for _ in draw.rounds(4):
        yield program(expression(draw, 3, inputs=3), values_for(draw, 3))
    yield program(" - ".join(f"x{i}" for i in range(12)), values_for(draw, 12))


def with_numbers(draw: Draw) -> Iterator[Case]:
    yield program("x0 * 2", [4.0])
    yield program("3 - x0", [4.0])
    yield program("0.5 * x0", [4.0])
    yield Case(([("t0", "sub", "x0", -3)], "t0", [4.0]), 7.0)
    for _ in draw.rounds(3):
        yield program(f"7 - ({expression(draw, 3, 'both')})", values_for(draw))


def other_outputs(draw: Draw) -> Iterator[Case]:
    steps: list[Step] = [("t0", "add", "x0", "x1"), ("t1", "mul", "t0", "x1")]
    yield Case(([], "x1", [2.0, 3.0]), 3.0)
    yield Case((steps, "t0", [2.0, 3.0]), 5.0)
    yield Case((steps, "x0", [2.0, 3.0]), 2.0)


def _turned(seen: Seen) -> bool:
    return seen.first.case.args[0][0][1] == "sub" and (
        seen.first.ran.value == -seen.first.case.expected
    )


PYTHON = Task(
    id="05.tracing.to_python",
    name="to_python",
    points=4,
    asks="`to_python(steps, output, n_inputs)`: the program as Python text. It defines a function "
    "`program(x0, x1, ...)` with one line for each step, which returns the output.",
    use=carried_out,
    shows=shown_program,
    checks=(
        Check("one step", one_step),
        Check("several steps", many_steps),
        Check("numbers among the operands", with_numbers),
        Check("another output than the last step", other_outputs, points=1),
    ),
    misconceptions=(
        Misconception(
            "words",
            "Python has no word for it: a step says `add`, the line must say `+`.",
            lambda seen: any(f" {op} " in str(seen.first.ran.error) for op in OPERATIONS.values()),
        ),
        Misconception(
            "indent",
            "The text is not Python. Print it: is each line on a line of its own, and the body of "
            "the function indented?",
            _complaint("is not Python"),
        ),
        Misconception(
            "not_text",
            "Steps are wanted as text, to be read and run later, and not as a function or a list. "
            'One string, with "\\n" between its lines.',
            _complaint("not a string"),
        ),
        Misconception(
            "no_function",
            "The lines are there, but not in a function called `program`: the first line is its "
            "`def`, with the names of the inputs.",
            _complaint("does not define"),
        ),
        Misconception(
            "no_return",
            "The program computes, and then returns nothing: its last line is a `return`.",
            returned(lambda got, *args: got is None),
        ),
        Misconception(
            "parameters",
            "The program takes other arguments than its inputs: there are `n_inputs` of them, x0, "
            "x1, ..., in order.",
            raised(TypeError, says="positional argument"),
        ),
        Misconception(
            "quoted",
            "There are quotes around the names, so the program works on the words themselves. A "
            "name is written without quotes.",
            lambda seen: (
                raised(TypeError)(seen) or returned(lambda got, *args: isinstance(got, str))(seen)
            ),
        ),
        Misconception(
            "turned",
            "The sides of `sub` are the wrong way round: the step's third entry is on the left.",
            in_check("one step", _turned),
        ),
        Misconception(
            "numbers",
            "A number stands in the program as it is: 0.5 stays 0.5, and -3 keeps its sign.",
            in_check("numbers among the operands"),
        ),
        Misconception(
            "last_step",
            "It returns what the last step gave. The output is named, and need not be the last.",
            in_check("another output than the last step"),
        ),
    ),
    hints=(
        "In the lesson, print `concrete.source` again: that is what you are asked to write.",
        "The text has a first line with `def`, one line for each step, and a last line with "
        "`return`. A step's line can be put together from the step with an f-string.",
        "Make a list of lines, starting with the `def` and its parameters x0, x1, ...; append an "
        "indented line `name = left sign right` for each step, with the sign from a small table; "
        "append the return; join them all with line ends.",
    ),
)

TASKS = (TRACER, TRACE, PYTHON)
