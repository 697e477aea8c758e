"""Programs about order inside a traced function: drawing, printing, checks, functions in functions."""

# What stands here is what is tested:
from __future__ import annotations

from typing import Any

from tests.oracle.programs import failure, program, seen


@program
def draws_are_fresh_at_each_call(tf: Any) -> Any:
    @tf.function
    def f() -> Any:
        return tf.random.uniform([2]), tf.random.normal([])

    tf.random.set_seed(1)
    one, two = f(), f()
    tf.random.set_seed(1)
    again = f()
    return [
        bool((one[0].numpy() != two[0].numpy()).all()),
        bool(one[1].numpy() != two[1].numpy()),
        bool(one[0].numpy()[0] != one[0].numpy()[1]),
        str(again[0].shape),
    ]


@program
def draws_with_seeds_repeat(tf: Any) -> Any:
    def run() -> Any:
        tf.random.set_seed(7)

        @tf.function
        def f() -> Any:
            return tf.random.uniform([3], seed=5)

        return [f().numpy().tolist(), f().numpy().tolist()]

    one, two = run(), run()
    return one == two, one[0] != one[1]


@program
def draws_without_state(tf: Any) -> Any:
    f = tf.function(lambda s: tf.random.stateless_uniform([2], seed=s))
    one, two, other = (f(tf.constant(s)).numpy().tolist() for s in ([1, 2], [1, 2], [1, 3]))
    return one == two, one != other


@program
def generators_inside(tf: Any) -> Any:
    g = tf.random.Generator.from_seed(3)
    h = tf.random.Generator.from_seed(3)

    @tf.function
    def f() -> Any:
        return g.uniform([2])

    return f().numpy().tolist() == h.uniform(
        [2]
    ).numpy().tolist(), f().numpy().tolist() == h.uniform([2]).numpy().tolist()


@program
def draws_in_a_loop_differ(tf: Any) -> Any:
    @tf.function
    def f(n: Any) -> Any:
        ta = tf.TensorArray(tf.float32, size=n)
        for i in tf.range(n):
            ta = ta.write(i, tf.random.uniform([]))
        return ta.stack()

    made = f(tf.constant(8)).numpy().tolist()
    return len(set(made))


@program
def prints_come_in_order(tf: Any) -> Any:
    import contextlib
    import io
    import os
    import tempfile

    path = tempfile.mktemp()
    v = tf.Variable(1)

    @tf.function
    def f(x: Any) -> Any:
        tf.print("start", x, output_stream="file://" + path)
        for i in tf.range(2):
            if i > 0:
                tf.print("step", i, v, output_stream="file://" + path)
            else:
                tf.print("first", i, output_stream="file://" + path)
            v.assign_add(1)
        tf.print("end", v, {"a": x}, [x, x], output_stream="file://" + path)
        return x

    with contextlib.redirect_stdout(io.StringIO()):
        f(tf.constant(5))
        f(tf.constant(6))
    with open(path) as file:
        text = file.read()
    os.remove(path)
    return text


@program
def assertions_in_order(tf: Any) -> Any:
    v = tf.Variable(0)

    @tf.function
    def f(x: Any) -> Any:
        tf.debugging.assert_greater(x, 0, message="first")
        v.assign_add(1)
        tf.debugging.Assert(x < 10, [x])
        return x

    made = [f(tf.constant(1))]
    return (
        seen(made),
        failure(f, tf.constant(-1)),
        failure(f, tf.constant(11)),
        failure(tf.function(lambda x: tf.debugging.assert_rank(x, 3)), tf.constant(1)),
    )


@program
def functions_in_functions(tf: Any) -> Any:
    log: list[str] = []
    v = tf.Variable(0)

    @tf.function
    def inner(x: Any) -> Any:
        log.append("inner")
        v.assign_add(1)
        return x * 2

    @tf.function
    def outer(x: Any) -> Any:
        log.append("outer")
        return inner(x) + inner(x + 1) + tf.cast(inner(tf.constant(1.5)), tf.int32)

    made = [outer(tf.constant(1)), inner(tf.constant(4)), outer(tf.constant(2)), v]
    return seen(made), log, inner.experimental_get_tracing_count()


@program
def a_symbolic_tensor_that_leaks(tf: Any) -> Any:
    kept: list[Any] = []

    @tf.function
    def f(x: Any) -> Any:
        kept.append(x * 2)
        return x

    f(tf.constant(1))
    g = tf.function(lambda x: x + kept[0])
    return (
        failure(lambda: kept[0] + 1),
        failure(g, tf.constant(1)),
        failure(lambda: kept[0].numpy()),
    )


@program
def what_a_symbolic_tensor_refuses(tf: Any) -> Any:
    import numpy as np

    def of(body: Any) -> Any:
        return failure(tf.function(body, autograph=False), tf.constant([1.0, 2.0]))

    return [
        of(lambda x: x.numpy()),
        of(lambda x: bool(x[0] > 0)),
        of(lambda x: float(x[0])),
        of(lambda x: list(x)),
        of(lambda x: np.sin(x)),
        of(lambda x: x if x[0] > 0 else -x),
        of(lambda x: len(x)),
        of(lambda x: x[0] in [x[0]]),
        of(lambda x: [1, 2][tf.cast(x[0], tf.int32)]),
        of(lambda x: range(tf.cast(x[0], tf.int32))),
        of(lambda x: tf.constant(x)),
        of(lambda x: np.asarray(x)),
        of(lambda x: x[0] == x[0] and True),
        of(lambda x: {x: 1}),
    ]


@program
def a_failure_when_the_graph_runs(tf: Any) -> Any:
    v = tf.Variable(1)

    @tf.function
    def f(x: Any, i: Any) -> Any:
        v.assign_add(1)
        return tf.gather(x, i)

    return failure(f, tf.constant([1, 2]), tf.constant(5)), seen(
        f(tf.constant([1, 2]), tf.constant(1))
    )


@program
def control_dependencies_and_groups(tf: Any) -> Any:
    v = tf.Variable(0)

    @tf.function
    def f(x: Any) -> Any:
        with tf.control_dependencies([v.assign(x)]):
            y = v + 1
        tf.group(v.assign_add(1), v.assign_add(1))
        return y, v.read_value()

    return seen(f(tf.constant(5)))


@program
def maps_and_scans_inside(tf: Any) -> Any:
    f = tf.function(
        lambda x: (
            tf.map_fn(lambda r: r * 2, x),
            tf.scan(lambda a, r: a + r, x),
            tf.foldl(lambda a, r: a * r, x),
            tf.vectorized_map(lambda r: r + 1, x),
        )
    )
    return seen(f(tf.constant([1.0, 2.0, 3.0])))


@program
def cond_and_case_inside(tf: Any) -> Any:
    f = tf.function(
        lambda i: (
            tf.cond(i > 1, lambda: i * 2, lambda: i),
            tf.case([(i < 1, lambda: 10), (i < 2, lambda: 20)], default=lambda: 30),
            tf.switch_case(i, [lambda: i, lambda: i * 100, lambda: i * 1000]),
        )
    )
    return seen([f(tf.constant(i)) for i in range(4)])


@program
def loops_with_invariants_and_limits(tf: Any) -> Any:
    @tf.function
    def f(n: Any) -> Any:
        grown = tf.while_loop(
            lambda i, v: i < n,
            lambda i, v: (i + 1, tf.concat([v, [i]], 0)),
            (0, tf.constant([7])),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None])),
        )
        return grown, tf.while_loop(lambda i: True, lambda i: i + 1, [0], maximum_iterations=n)

    return seen([f(tf.constant(3)), f(tf.constant(0))])


@program
def loops_that_change_their_variables(tf: Any) -> Any:
    def run(body: Any, start: Any) -> Any:
        return failure(tf.function(lambda: tf.while_loop(lambda *v: v[0] < 3, body, start)))

    return [
        run(lambda i, v: (i + 1, tf.concat([v, v], 0)), [0, tf.constant([1])]),
        run(lambda i, v: (i + 1, tf.cast(v, tf.float32)), [0, tf.constant(1)]),
        run(lambda i, v: i + 1, [0, 1]),
        run(lambda i, v: (i + 1, (v, v)), [0, 1]),
    ]
