"""Programs about what a traced function does besides computing: Variables, gradients, printing, drawing."""

# What stands here is what is tested:
# ruff: noqa: SIM108
from __future__ import annotations

from typing import Any

from tests.oracle.programs import failure, program, seen


@program
def variables_in_program_order(tf: Any) -> Any:
    v = tf.Variable(1.0)

    @tf.function
    def f(x: Any) -> Any:
        a = v * 1.0
        v.assign(x)
        b = v.read_value()
        v.assign_add(10.0)
        c = v + 0.0
        v.assign_sub(1.0)
        return a, b, c, v.value()

    return seen([f(tf.constant(2.0)), v, f(tf.constant(3.0)), v])


@program
def the_result_of_an_assignment(tf: Any) -> Any:
    v = tf.Variable(1.0)

    @tf.function
    def f(x: Any) -> Any:
        first = v.assign(x) + 1.0
        second = v.assign_add(x) * 10.0
        return first, second, v.assign_sub(1.0)

    return seen([f(tf.constant(2.0)), v])


@program
def a_read_before_and_after_a_write(tf: Any) -> Any:
    v, w = tf.Variable([1.0, 2.0]), tf.Variable([0.0, 0.0])

    @tf.function
    def swap() -> Any:
        kept = tf.identity(v)
        v.assign(w)
        w.assign(kept)
        return v + w

    return seen([swap(), v, w, swap(), v, w])


@program
def assignments_in_branches_and_loops(tf: Any) -> Any:
    v, w = tf.Variable(0), tf.Variable(0)

    @tf.function
    def f(n: Any) -> Any:
        for i in tf.range(n):
            v.assign_add(i)
            if v > 5:
                w.assign_add(1)
            else:
                w.assign(w * 2 - 1)
        tf.cond(n > 3, lambda: v.assign(100), lambda: v.assign_add(1))
        return v + w

    return seen([f(tf.constant(4)), v, w, f(tf.constant(2)), v, w, f(tf.constant(0)), v, w])


@program
def assignments_in_a_while_loop(tf: Any) -> Any:
    v = tf.Variable(0)

    @tf.function
    def f(n: Any) -> Any:
        def body(i: Any) -> Any:
            v.assign_add(i)
            return [i + 1]

        i = tf.while_loop(lambda i: tf.logical_and(i < n, v < 8), body, [tf.constant(1)])
        return i[0], v.read_value()

    return seen([f(tf.constant(3)), v, f(tf.constant(10)), v])


@program
def variables_made_once(tf: Any) -> Any:
    class Holder:
        def __init__(self) -> None:
            self.v: Any = None

        @tf.function
        def f(self, x: Any) -> Any:
            if self.v is None:
                self.v = tf.Variable(x)
            return self.v.assign_add(x)

    holder = Holder()
    x = tf.constant(2.0)
    return seen([holder.f(x), holder.f(x), holder.f(tf.constant(2.0)), holder.v])


@program
def variables_made_each_time(tf: Any) -> Any:
    f = tf.function(lambda x: tf.Variable(1.0) + x)
    return failure(f, tf.constant(1.0))


@program
def variables_made_from_a_constant(tf: Any) -> Any:
    made: list[Any] = []

    @tf.function
    def f(x: Any) -> Any:
        if not made:
            made.append(tf.Variable([1.0, 2.0]))
        return made[0] * x

    return seen([f(tf.constant(1.0)), f(tf.constant(2.0)), f(tf.constant([1.0, 1.0]))])


@program
def variables_as_arguments(tf: Any) -> Any:
    v, w = tf.Variable(1.0), tf.Variable(5.0)

    @tf.function
    def f(a: Any, b: Any) -> Any:
        a.assign_add(b)
        return a * 2.0

    made = [f(v, 1.0), f(v, 1.0), f(w, 1.0), f(v, w), v, w]
    return seen(made)


@program
def closures_over_values_and_variables(tf: Any) -> Any:
    scale, table, v = 2.0, [tf.constant(1.0)], tf.Variable(1.0)

    @tf.function
    def f(x: Any) -> Any:
        return x * scale + table[0] + v

    made = [f(tf.constant(1.0))]
    scale, table[0] = 100.0, tf.constant(50.0)
    v.assign(10.0)
    return seen([*made, f(tf.constant(1.0))])


@program
def gradients_through_inside_and_outside(tf: Any) -> Any:
    v = tf.Variable(3.0)

    @tf.function
    def f(x: Any) -> Any:
        return x * x * v

    @tf.function
    def inside(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        return tape.gradient(y, [x, v])

    @tf.function
    def second(x: Any) -> Any:
        with tf.GradientTape() as outer:
            outer.watch(x)
            dx, dv = inside(x)
        return outer.gradient(dx, [x, v]), dv

    x = tf.constant(2.0)
    with tf.GradientTape(persistent=True) as t3:
        t3.watch(x)
        with tf.GradientTape(persistent=True) as t2:
            t2.watch(x)
            with tf.GradientTape() as t1:
                t1.watch(x)
                y = f(x) * f(x)
            g1 = t1.gradient(y, x)
        g2 = t2.gradient(g1, x)
    return seen([inside(x), second(x), g1, g2, t3.gradient(g2, [x, v])])


@program
def gradients_outside_of_a_function_with_control_flow(tf: Any) -> Any:
    w = tf.Variable(0.5)

    @tf.function
    def f(x: Any) -> Any:
        y = x
        for _ in tf.range(3):
            if y > 0.0:
                y = y * w + tf.sin(x)
            else:
                y = y * y
        return y

    made = []
    for value in (1.5, -2.0):
        x = tf.constant(value)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = f(x)
            dx, dw = tape.gradient(y, [x, w])
        made.append([y, dx, dw, outer.gradient(dx, x)])
    return seen(made)


@program
def a_tape_outside_a_function_that_assigns(tf: Any) -> Any:
    v = tf.Variable(2.0)

    @tf.function
    def f(x: Any) -> Any:
        y = v * x
        v.assign_add(1.0)
        return y + v * x

    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    return seen([y, v, tape.gradient(y, x)])


@program
def a_persistent_tape_and_a_jacobian_inside(tf: Any) -> Any:
    @tf.function
    def f(x: Any) -> Any:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = x * x
            z = tf.reduce_sum(y * x)
        return tape.gradient(z, x), tape.jacobian(y, x), tape.gradient(y, x)

    return seen(f(tf.constant([1.0, 2.0, 3.0])))


@program
def custom_gradients_inside(tf: Any) -> Any:
    @tf.custom_gradient
    def clipped(x: Any) -> Any:
        return x * 1.0, lambda dy: tf.clip_by_value(dy, -0.5, 0.5)

    @tf.function
    def f(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = clipped(x) * 10.0 + tf.stop_gradient(x) * x
        return tape.gradient(y, x)

    return seen(f(tf.constant(2.0)))


@program
def a_training_step(tf: Any) -> Any:
    w, b = tf.Variable([[0.5]]), tf.Variable([0.0])

    @tf.function
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(x @ w + b - y))
        dw, db = tape.gradient(loss, [w, b])
        w.assign_sub(0.1 * dw)
        b.assign_sub(0.1 * db)
        return loss

    x = tf.constant([[-1.0], [0.0], [1.0], [2.0]])
    return seen([[step(x, 2 * x - 1) for _ in range(5)], w, b])
