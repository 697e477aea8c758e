"""Chapter 03, continued: slopes by differences, and the step for them. The truth is algebra: binomials for
the quotients, powers of two for the steps. The tasks on gradients are in ch03_gradients.py."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from graders.compare import a
from graders.diagnose import in_check, predicts, returned
from graders.show import as_array, show
from graders.tasks.base import Check, Code, Draw, Holds, Misconception, Task

Args = tuple[Any, ...]
Powers = tuple[float, ...]
"""The factors of 1, x, x², ..."""


def polynomial(factors: Powers) -> Code:
    """A function of one number, as text: its factors, the constant first."""
    terms = []
    for power, factor in enumerate(factors):
        if factor:
            terms.append(" * ".join([f"{factor:g}", *["x"] * power]))
    return Code(f"lambda x: {' + '.join(terms) or '0 * x'}".replace("+ -", "- "))


POLYNOMIALS: dict[str, Powers] = {}
"""The factors behind the text of every function that has been drawn."""


def drawn(*factors: float) -> Code:
    code = polynomial(factors)
    POLYNOMIALS[code.source] = factors
    return code


def quotients(f: Code, x: float, h: float) -> tuple[float, float]:
    """Both difference quotients of a polynomial: what is left of the binomials of x + h and x - h."""
    at, step = Fraction(x), Fraction(h)
    forward = central = Fraction(0)
    for power, factor in enumerate(POLYNOMIALS[f.source]):
        for k in range(1, power + 1):
            term = Fraction(factor) * math.comb(power, k) * at ** (power - k) * step ** (k - 1)
            forward += term
            central += term if k % 2 else 0
    return float(forward), float(central)


def lines(draw: Draw) -> Iterator[Args]:
    yield drawn(1, 2), 3.0, 0.5
    yield drawn(4), 1.0, 0.25
    for _ in draw.rounds(2):
        yield (
            drawn(draw.random.randint(-5, 5), draw.random.choice([-4, -3, 3, 4])),
            draw.random.randint(-8, 8) / 4,
            draw.random.choice([0.25, 0.5, 2.0]),
        )


def curves(draw: Draw) -> Iterator[Args]:
    yield drawn(0, 0, 1), 3.0, 0.5
    yield drawn(0, 0, 0, 1), 2.0, 1.0
    yield drawn(0, 0, 1), 3, 1
    yield drawn(0, 0, -1), -2.0, 0.25
    for _ in draw.rounds(4):
        factors = [draw.random.randint(-3, 3) for _ in range(draw.random.randint(2, 3))]
        step = draw.random.choice([0.125, 0.25, 0.5, 1.5])
        yield drawn(*factors, draw.random.choice([-2, 2])), draw.random.randint(-8, 8) / 4, step


def small_steps(draw: Draw) -> Iterator[Args]:
    for step in (2.0**-7, 2.0**-10):
        yield drawn(1, -1, 2, 1), draw.random.randint(-6, 6) / 4, step


def _quotient(model: Callable[..., Any]) -> Any:
    """A wrong model: what it makes of the function, x and h."""
    return predicts(lambda f, x, h: tuple(map(float, model(f.build(), x, h))))


DIFFERENCES = Task(
    id="03.derivatives.differences",
    name="differences",
    points=3,
    asks="`differences(f, x, h)`: two estimates of the slope of `f` at `x`, as a tuple of two numbers: the "
    "forward difference, from x to x + h, and the central difference, from x - h to x + h.",
    oracle=quotients,
    use=lambda differences, f, x, h: differences(f.build(), x, h),
    shows=lambda f, x, h: f"differences({f}, {x}, {h})",
    checks=(
        Check("straight lines", lines),
        Check("curves", curves),
        Check("small steps", small_steps),
    ),
    misconceptions=(
        Misconception(
            "not_divided",
            "That is how far the needle moves. The slope is how far it moves for each unit that "
            "the knob moves: divide by the length of the nudge.",
            _quotient(lambda f, x, h: (f(x + h) - f(x), f(x + h) - f(x - h))),
        ),
        Misconception(
            "central_by_h",
            "The forward difference is right. From x - h to x + h it is 2h, and not h.",
            _quotient(lambda f, x, h: ((f(x + h) - f(x)) / h, (f(x + h) - f(x - h)) / h)),
        ),
        Misconception(
            "half_steps",
            "The central difference goes half as far as it is asked to: from x - h to x + h.",
            _quotient(lambda f, x, h: ((f(x + h) - f(x)) / h, (f(x + h / 2) - f(x - h / 2)) / h)),
        ),
        Misconception(
            "backward",
            "The first number looks back, from x - h to x. Forward is from x to x + h.",
            _quotient(
                lambda f, x, h: ((f(x) - f(x - h)) / h, (f(x + h) - f(x - h)) / (2 * h)),
            ),
        ),
        Misconception(
            "sign",
            "The sign is wrong: where the function rises, the slope is positive. What comes later "
            "minus what comes first.",
            _quotient(lambda f, x, h: ((f(x) - f(x + h)) / h, (f(x - h) - f(x + h)) / (2 * h))),
        ),
        Misconception(
            "swapped",
            "Both numbers are right, in the wrong order: the forward difference comes first.",
            predicts(lambda f, x, h: quotients(f, x, h)[::-1]),
        ),
        Misconception(
            "precedence",
            "`a / 2 * h` divides by 2 and then multiplies by h. Put what you divide by in "
            "parentheses.",
            _quotient(lambda f, x, h: ((f(x + h) - f(x)) / h, (f(x + h) - f(x - h)) / 2 * h)),
        ),
        Misconception(
            "one_number",
            "Two numbers are asked for, as a tuple: `return forward, central`.",
            returned(lambda got, *args: not isinstance(got, tuple) or len(got) != 2),
        ),
    ),
    hints=(
        "Take f(x) = x², x = 3, h = 0.5, and compute f at 2.5, 3 and 3.5 on paper.",
        "A slope is a rise divided by a run. Both estimates are that; they begin at different "
        "places, and so their runs are not equally long.",
        "Forward: f at x + h, minus f at x, over h. Central: f at x + h, minus f at x - h, over "
        "the distance of those two places.",
    ),
)

BITS = {"float16": 10, "float32": 23, "float64": 52}
"""How many binary digits after the first one: eps is 2 to the minus that."""


def right_step(x: float, dtype: str, central: bool) -> float:
    """eps^(1/2) or eps^(1/3), times |x| where that is more than 1."""
    return 2.0 ** (-BITS[dtype] / (3 if central else 2)) * max(1.0, abs(x))


def _number(got: Any) -> float | None:
    array = as_array(got)
    if array is not None and array.shape == () and array.dtype.kind == "f":
        got = array.item()
    return float(got) if type(got) in (int, float) else None


def _near(got: Any, step: float) -> bool:
    number = _number(got)
    return number is not None and math.isclose(number, step, rel_tol=5e-3)


def step_for(x: float, dtype: str, central: bool) -> Holds:
    """Steps are tiny: one is right when it is right to within half a percent."""
    step = right_step(x, dtype, central)

    def wrong(got: Any) -> str | None:
        if _number(got) is None:
            return f"a number is expected, not {a(got)}"
        return None if _near(got, step) else f"{show(got)} is not {step:.4g}"

    return Holds(f"{step:.4g}", wrong)


def near_zero(draw: Draw) -> Iterator[Args]:
    for dtype in ("float64", "float32", "float16"):
        for central in (False, True):
            yield 1.0, dtype, central
            yield draw.random.randint(-9, 9) / 10, dtype, central
    for _ in draw.rounds(2):
        yield 0.0, draw.random.choice([*BITS]), draw.random.random() < 0.5


def far_away(draw: Draw) -> Iterator[Args]:
    yield from ((1000.0, "float32", False), (-1000.0, "float32", True), (50.0, "float64", True))
    for _ in draw.rounds(3):
        x = draw.random.choice([-1, 1]) * draw.random.randint(2, 5000) / 2
        yield x, draw.random.choice([*BITS]), draw.random.random() < 0.5


def _steps(formula: Callable[..., float]) -> Any:
    """True when the smallest wrong step is the one that this formula gives for (eps, ...)."""
    return returned(
        lambda got, x, dtype, central: _near(got, formula(2.0 ** -BITS[dtype], x, central))
    )


BEST = Task(
    id="03.derivatives.best_step",
    name="best_step",
    points=3,
    asks="`best_step(x, dtype, central)`: the step for a difference at x. With eps the relative spacing of "
    "`dtype`, it is the square root of eps for a forward difference and the cube root for a central one, "
    "times |x| where that is more than 1.",
    oracle=step_for,
    checks=(
        Check("x near 0", near_zero),
        Check("x far from 0", far_away, points=1),
    ),
    misconceptions=(
        Misconception(
            "eps_itself",
            "That is eps itself. A step as small as the spacing of the numbers changes f by hardly "
            "more than its rounding error: the quotient is noise.",
            _steps(lambda eps, x, central: eps),
        ),
        Misconception(
            "roots_swapped",
            "The roots are swapped. A central difference has a smaller truncation error, so it "
            "can afford the larger step: the cube root.",
            _steps(lambda eps, x, central: eps ** (1 / 2 if central else 1 / 3)),
        ),
        Misconception(
            "one_dtype",
            "The step is that of another dtype. The fewer digits a number has, the larger its eps, "
            "and the larger the step must be.",
            lambda seen: any(
                _near(seen.first.ran.value, right_step(1.0, other, seen.first.case.args[2]))
                for other in BITS
                if other != seen.first.case.args[1]
            ),
        ),
        Misconception(
            "nothing_at_zero",
            "At x = 0 that is no step at all, and near 0 hardly one: |x| counts only where it is "
            "more than 1.",
            in_check(
                "x near 0",
                _steps(lambda eps, x, central: abs(x) * eps ** (1 / 3 if central else 1 / 2)),
            ),
        ),
        Misconception(
            "negative",
            "x may be negative, and its size is what counts: `abs(x)`.",
            lambda seen: seen.first.case.args[0] < 0,
        ),
        Misconception(
            "not_scaled",
            "Right near 0. The numbers of a dtype lie further apart the larger they are: around "
            "1000 they are about a thousand times as far from each other as around 1, and a step "
            "must be larger in proportion.",
            in_check("x far from 0"),
        ),
    ),
    hints=(
        "`np.finfo(dtype).eps` knows eps. In the lesson, look at where the bottoms of the four "
        "curves are.",
        "Which power of eps is a square root, and which a cube root? Then: what is the spacing of "
        "the numbers around x, compared with that around 1?",
        "Take eps. Raise it to one half, or to one third when `central` holds. Multiply by the "
        "larger of 1 and the size of x.",
    ),
)

TASKS = (DIFFERENCES, BEST)
