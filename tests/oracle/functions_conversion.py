"""Programs about what autograph converts: lambdas, methods, callables, assignments, other statements."""

# What stands here is what is tested:
# ruff: noqa: E731, SIM108
from __future__ import annotations

import contextlib
import functools
from typing import Any

from tests.oracle.programs import failure, program, seen

VALUES = (-3.5, -1.0, 0.0, 0.5, 1.7, 4.0, 11.0)


def over(tf: Any, body: Any, values: Any = VALUES) -> Any:
    """What a function gives for some numbers, each time from the one graph."""
    f = tf.function(body)
    return [failure(f, tf.constant(value)) for value in values]


@program
def lambdas_are_converted(tf: Any) -> Any:
    x, y = tf.constant(2.0), tf.constant(-2.0)
    one = tf.function(lambda x: x if x > 0 else -x)
    two = tf.function(lambda x: x * 10.0 if x > 0 and x < 5 else -x)
    scale = 3.0
    closed = tf.function(lambda x, by=2.0: x * by * scale if not x > 0 else x)
    named = lambda x: x if x > 0 else x * 100.0
    in_map = tf.map_fn(lambda r: r if r > 0 else -r, tf.constant([1.0, -2.0]))
    in_graph = tf.function(lambda v: tf.map_fn(lambda r: r if r > 0 else -r, v))
    return seen(
        [
            one(x),
            one(y),
            two(x),
            two(y),
            closed(x),
            closed(y),
            tf.function(named)(x),
            tf.function(named)(y),
            in_map,
            in_graph(tf.constant([1.0, -2.0])),
        ]
    )


@program
def two_lambdas_in_a_line(tf: Any) -> Any:
    x, y = tf.constant(2.0), tf.constant(-2.0)
    one, two = (
        tf.function(lambda a: a if a > 0 else -a),
        tf.function(lambda b: b * 2.0 if b > 0 else b),
    )
    return failure(lambda: (one(x), one(y), two(x), two(y)))


@program
def twin_lambdas_in_a_line(tf: Any) -> Any:
    x, y = tf.constant(2.0), tf.constant(-2.0)
    one, two = (
        tf.function(lambda a: a if a > 0 else -a),
        tf.function(lambda a: a if a < 0 else a * 5.0),
    )
    return failure(lambda: (one(x), one(y), two(x), two(y)))


@program
def functions_called_from_a_traced_one(tf: Any) -> Any:
    def sign(x: Any) -> Any:
        if x > 0.0:
            return 1.0
        return -1.0

    class Rule:
        limit = 1.0

        def __init__(self, by: float) -> None:
            self.by = by

        def __call__(self, x: Any) -> Any:
            if x > self.limit:
                return x * self.by
            return x

        def method(self, x: Any) -> Any:
            return x if x > self.limit else -x

        @classmethod
        def of_class(cls, x: Any) -> Any:
            return x if x > cls.limit else x * 7.0

        @staticmethod
        def static(x: Any) -> Any:
            return x if x > 0.0 else x * 9.0

        @property
        def doubled(self) -> Any:
            return self.by * 2.0

    def decorated(body: Any) -> Any:
        @functools.wraps(body)
        def inner(*args: Any) -> Any:
            return body(*args) * 2.0

        return inner

    @decorated
    def wrapped(x: Any) -> Any:
        if x > 0.0:
            return x
        return x * 3.0

    rule = Rule(10.0)

    def f(x: Any) -> Any:
        part = functools.partial(rule.method)
        lam = lambda y: y if y > 0.0 else -y
        return (
            sign(x),
            rule(x),
            rule.method(x),
            Rule.of_class(x),
            rule.of_class(x),
            Rule.static(x),
            wrapped(x),
            part(x),
            lam(x),
            rule.doubled,
            *map(sign, [x, -x]),
            sum([sign(v) for v in (x, x + 100.0)]),
            max(2.0, 3.0),
            functools.reduce(lambda a, b: a if a > b else b, [x, 0.0, x * 2.0]),
        )

    return over(tf, f, [4.0, 0.5, -1.0])


@program
def recursion_on_a_tensor(tf: Any) -> Any:
    def fib(n: Any) -> Any:
        if n < 2:
            return n
        return fib(n - 1) + fib(n - 2)

    return failure(tf.function(fib), tf.constant(3))


@program
def private_names_and_super(tf: Any) -> Any:
    class Base:
        def __init__(self) -> None:
            self.__secret = 2.0

        def f(self, x: Any) -> Any:
            if x > 0.0:
                return x * self.__secret
            return x

    class Derived(Base):
        @tf.function
        def g(self, x: Any) -> Any:
            if x > 1.0:
                return super().f(x) + 1.0
            return super().f(-x)

    return seen([Derived().g(tf.constant(v)) for v in (2.0, 0.5, -1.0)])


@program
def try_with_and_raise(tf: Any) -> Any:
    class Noted:
        def __enter__(self) -> Any:
            return 2.0

        def __exit__(self, *what: Any) -> None:
            log.append("left")

    log: list[str] = []

    def tried(x: Any) -> Any:
        try:
            if x > 0.0:
                y = x * 2.0
            else:
                y = -x
        finally:
            log.append("finally")
        return y

    def caught(x: Any) -> Any:
        try:
            raise ValueError("always")
        except ValueError as error:
            y = x + float(len(str(error)))
        else:
            y = x
        return y

    def returned(x: Any) -> Any:
        try:
            if x > 0.0:
                return x
            return x * 2.0
        finally:
            log.append("left")

    def inside_with(x: Any) -> Any:
        with Noted() as by, contextlib.suppress(KeyError):
            if x > 0.0:
                return x * by
            x = x - by
        return x

    def raised(x: Any) -> Any:
        if x > 100.0:
            raise ValueError("too large")
        return x

    def raised_for_python(x: Any) -> Any:
        if x.shape.rank != 0:
            raise ValueError("a scalar")
        return x

    bodies = (tried, caught, returned, inside_with, raised, raised_for_python)
    return {body.__name__: over(tf, body, [1.0, -1.0]) for body in bodies}


@program
def asserts(tf: Any) -> Any:
    def f(x: Any) -> Any:
        assert x > 0.0, "positive"
        assert x.dtype == tf.float32
        return x

    return over(tf, f, [1.0, -1.0])


@program
def generators_coroutines_and_comprehensions(tf: Any) -> Any:
    def helper(x: Any) -> Any:
        for i in range(3):
            yield x * float(i)

    def uses_a_generator(x: Any) -> Any:
        total = x
        for part in helper(x):
            total = total + part
        return total

    def a_generator(x: Any) -> Any:
        yield x

    def comprehensions(x: Any) -> Any:
        rows = [x * i for i in range(3) if i != 1]
        table = {i: x + i for i in range(2)}
        return (
            tf.add_n(rows),
            table[1],
            sum(x for _ in range(2)),
            [a + b for a in rows for b in rows][1],
        )

    def over_a_tensor(x: Any) -> Any:
        return tf.stack([row * 2.0 for row in tf.stack([x, x + 1.0])])

    def with_a_condition(x: Any) -> Any:
        return tf.stack([r for r in [x, x * 2.0] if r > 0.0])

    def with_a_conditional(x: Any) -> Any:
        return tf.stack([r if r > 0.0 else -r for r in [x, x * 2.0]])

    async def a_coroutine(x: Any) -> Any:
        return x

    bodies = (
        uses_a_generator,
        comprehensions,
        over_a_tensor,
        with_a_condition,
        with_a_conditional,
        a_generator,
    )
    made = {body.__name__: over(tf, body, [1.0, -1.0]) for body in bodies}
    coroutine = failure(lambda: type(tf.function(a_coroutine)(tf.constant(1.0))).__name__)
    return made, coroutine


@program
def assignments_of_every_kind(tf: Any) -> Any:
    class Box:
        value: Any = 0.0

    def augmented(x: Any) -> Any:
        y = 1.0
        if x > 0.0:
            y += x
            y *= 2.0
        return y

    def unpacked(x: Any) -> Any:
        a, (b, *rest) = x, (x, x, x)
        if x > 0.0:
            a, b = b + 1.0, a
            rest = [r * 2.0 for r in rest]
        return a, b, rest

    def walrus(x: Any) -> Any:
        if (y := x * 2.0) > 1.0:
            return y
        return -y

    def attributes(x: Any) -> Any:
        box = Box()
        if x > 0.0:
            box.value = x
        else:
            box.value = -x
        return box.value

    def elements(x: Any) -> Any:
        items = [x, x]
        if x > 0.0:
            items[0] = x * 2.0
        return items[0]

    def keys(x: Any) -> Any:
        items = {"a": x}
        if x > 0.0:
            items["a"] = x * 2.0
        return items["a"]

    def deleted(x: Any) -> Any:
        y = x
        if x > 0.0:
            z = y
            del z
        return x

    def nonlocal_names(x: Any) -> Any:
        y = x

        def inner() -> None:
            nonlocal y
            if x > 0.0:
                y = x * 5.0

        inner()
        return y

    def annotated(x: Any) -> Any:
        y: Any = x
        if x > 0.0:
            y: Any = x * 2.0
        return y

    def matched(x: Any) -> Any:
        match "b":
            case "a":
                return x
            case _:
                if x > 0.0:
                    return x * 2.0
        return x

    bodies = (
        augmented,
        unpacked,
        walrus,
        attributes,
        elements,
        keys,
        deleted,
        nonlocal_names,
        annotated,
        matched,
    )
    return {body.__name__: over(tf, body, [1.0, -1.0]) for body in bodies}


@program
def what_is_left_alone(tf: Any) -> Any:
    def f(x: Any) -> Any:
        if x > 0.0:
            return x
        return -x

    marked = tf.autograph.experimental.do_not_convert(f)
    x = tf.constant(1.0)
    called = tf.function(lambda x: marked(x) * 2.0)
    names: dict[str, Any] = {}
    exec("def g(x):\n    if x > 0.0:\n        return x\n    return -x\n", names)
    return [
        failure(tf.function(f, autograph=False), x),
        failure(tf.function(marked), x),
        failure(called, x),
        failure(tf.function(names["g"]), x),
    ]
