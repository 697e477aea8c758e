"""Programs about what a loop on a tensor carries from step to step, and classic programs with loops."""

# What stands here is what is tested:
# ruff: noqa: B007, SIM108
from __future__ import annotations

from typing import Any

from tests.oracle.programs import failure, program, seen


def over(tf: Any, body: Any, values: Any = (0, 1, 4, 7)) -> Any:
    """What a function gives for some whole numbers, each time from the one graph."""
    f = tf.function(body)
    return [failure(f, tf.constant(value)) for value in values]


@program
def state_that_changes_its_kind(tf: Any) -> Any:
    def a_number_becomes_a_float(n: Any) -> Any:
        total = 0
        for i in tf.range(n):
            total += tf.cast(i, tf.float32)
        return total

    def a_float_number(n: Any) -> Any:
        total = 0.0
        for i in tf.range(n):
            total += tf.cast(i, tf.float32)
        return total

    def other_dtype(n: Any) -> Any:
        y = tf.constant(0)
        for i in tf.range(n):
            y = tf.cast(y, tf.float32)
        return y

    def other_shape(n: Any) -> Any:
        y = tf.constant([1])
        for i in tf.range(n):
            y = tf.concat([y, y], 0)
        return y

    def other_rank(n: Any) -> Any:
        y = tf.constant(1)
        for i in tf.range(n):
            y = tf.stack([y])
        return y

    def nothing_before(n: Any) -> Any:
        for i in tf.range(n):
            y = i * 2
        return y

    def none_before(n: Any) -> Any:
        y = None
        for i in tf.range(n):
            y = i * 2
        return y

    def other_structure(n: Any) -> Any:
        y = (1, 2)
        for i in tf.range(n):
            y = (1, 2, 3)
        return y[0]

    def a_text(n: Any) -> Any:
        y = "a"
        for i in tf.range(n):
            y = "b"
        return y

    def a_constant_text(n: Any) -> Any:
        y = "a"
        total = 0
        for i in tf.range(n):
            total += len(y)
        return total

    def structures(n: Any) -> Any:
        state = {"a": 1, "b": [2, (3, 4)]}
        for i in tf.range(n):
            state = {
                "a": state["b"][0],
                "b": [state["a"] + i, (state["b"][1][1], state["b"][1][0])],
            }
        return state

    def local_to_the_body(n: Any) -> Any:
        total = 0
        for i in tf.range(n):
            local = i * 2
            total += local
        return total

    bodies = (
        a_number_becomes_a_float,
        a_float_number,
        other_dtype,
        other_shape,
        other_rank,
        nothing_before,
        none_before,
        other_structure,
        a_text,
        a_constant_text,
        structures,
        local_to_the_body,
    )
    return {body.__name__: over(tf, body, (0, 2)) for body in bodies}


@program
def lists_and_tensor_arrays(tf: Any) -> Any:
    def appended(n: Any) -> Any:
        items = []
        for i in tf.range(n):
            items.append(i)
        return items

    def appended_to_one(n: Any) -> Any:
        items = [0]
        for i in tf.range(n):
            items.append(i)
        return tf.stack(items)

    def appended_in_python_loop(n: Any) -> Any:
        items = []
        for i in range(3):
            items.append(n + i)
        return tf.stack(items)

    def appended_in_a_branch(n: Any) -> Any:
        items = [n]
        if n > 2:
            items.append(n * 2)
        return len(items)

    def written(n: Any) -> Any:
        ta = tf.TensorArray(tf.int32, size=n)
        for i in tf.range(n):
            ta = ta.write(i, i * i)
        return ta.stack()

    def written_at_will(n: Any) -> Any:
        ta = tf.TensorArray(tf.int32, size=0, dynamic_size=True)
        for i in tf.range(n):
            if i % 2 == 0:
                ta = ta.write(ta.size(), [i, i])
        return ta.stack(), ta.size()

    def written_and_read(n: Any) -> Any:
        ta = tf.TensorArray(tf.int32, size=n + 2, clear_after_read=False)
        ta = ta.write(0, 1)
        ta = ta.write(1, 1)
        for i in tf.range(2, n + 2):
            ta = ta.write(i, ta.read(i - 1) + ta.read(i - 2))
        return ta.stack(), ta.read(n)

    def unstacked(n: Any) -> Any:
        ta = tf.TensorArray(tf.int32, size=3).unstack(tf.stack([n, n + 1, n + 2]))
        total = 0
        for i in tf.range(3):
            total += ta.read(i)
        return total, ta.concat() if False else total

    def in_a_while(n: Any) -> Any:
        ta = tf.TensorArray(tf.float32, size=0, dynamic_size=True, element_shape=[2])
        i = 0
        while i < n:
            ta = ta.write(i, tf.cast(tf.stack([i, i]), tf.float32))
            i += 1
        return ta.stack()

    bodies = (
        appended,
        appended_to_one,
        appended_in_python_loop,
        appended_in_a_branch,
        written,
        written_at_will,
        written_and_read,
        unstacked,
        in_a_while,
    )
    return {body.__name__: over(tf, body, (1, 4)) for body in bodies}


@program
def loop_options(tf: Any) -> Any:
    def at_most(n: Any) -> Any:
        i = 0
        while i < n:
            tf.autograph.experimental.set_loop_options(maximum_iterations=3)
            i = tf.add(i, 1)
        return i

    def at_most_a_tensor(n: Any) -> Any:
        total = 0
        for i in tf.range(10):
            tf.autograph.experimental.set_loop_options(maximum_iterations=n)
            total += i
        return total

    def at_most_with_break(n: Any) -> Any:
        i = 0
        while i < 100:
            tf.autograph.experimental.set_loop_options(maximum_iterations=5)
            i = tf.add(i, 1)
            if i > n:
                break
        return i

    def invariants(n: Any) -> Any:
        y = tf.constant([1])
        for i in tf.range(n):
            tf.autograph.experimental.set_loop_options(
                shape_invariants=[(y, tf.TensorShape([None]))]
            )
            y = tf.concat([y, [i]], 0)
        return y

    def invariants_of_unknown_rank(n: Any) -> Any:
        y = tf.constant([1])
        for i in tf.range(n):
            tf.autograph.experimental.set_loop_options(shape_invariants=[(y, tf.TensorShape(None))])
            y = tf.reshape(tf.range(i + 2), [-1])
        return y

    def accepted(n: Any) -> Any:
        i = 0
        while i < n:
            tf.autograph.experimental.set_loop_options(parallel_iterations=1, swap_memory=True)
            i = tf.add(i, 1)
        return i

    bodies = (
        at_most,
        at_most_a_tensor,
        at_most_with_break,
        invariants,
        invariants_of_unknown_rank,
        accepted,
    )
    return {body.__name__: over(tf, body) for body in bodies}


@program
def classic_programs(tf: Any) -> Any:
    def collatz(n: Any) -> Any:
        n = n + 1
        steps = 0
        while n != 1:
            if n % 2 == 0:
                n = n // 2
            else:
                n = 3 * n + 1
            steps += 1
        return steps

    def is_prime(n: Any) -> Any:
        if n < 2:
            return False
        i = 2
        while i * i <= n:
            if n % i == 0:
                return False
            i += 1
        return True

    def primes_below(n: Any) -> Any:
        count = 0
        for k in tf.range(n * 3):
            if is_prime(k):
                count += 1
        return count

    def fizzbuzz(n: Any) -> Any:
        total = 0
        for i in tf.range(n * 4):
            if i % 15 == 0:
                total += 100
            elif i % 3 == 0:
                total += 10
            elif i % 5 == 0:
                total -= 1
            else:
                continue
            total += 1
        return total

    def greatest_divisor(n: Any) -> Any:
        a, b = n * 6, tf.constant(28)
        while b > 0:
            a, b = b, a % b
        return a

    def newton(n: Any) -> Any:
        goal = tf.cast(n, tf.float32) + 1.0
        guess = goal
        while tf.abs(guess * guess - goal) > 1e-4 * goal:
            guess = (guess + goal / guess) / 2.0
        return tf.round(guess * 1000.0)

    def sorted_by_exchange(n: Any) -> Any:
        v = tf.stack([n, 3, 9, n - 5, 2])
        for i in range(5):
            for j in range(4 - i):
                if v[j] > v[j + 1]:
                    v = tf.tensor_scatter_nd_update(v, [[j], [j + 1]], tf.stack([v[j + 1], v[j]]))
        return v

    bodies = (
        collatz,
        is_prime,
        primes_below,
        fizzbuzz,
        greatest_divisor,
        newton,
        sorted_by_exchange,
    )
    return {body.__name__: over(tf, body) for body in bodies}


@program
def gradients_of_loops(tf: Any) -> Any:
    w = tf.Variable(0.7)

    @tf.function
    def f(x: Any, n: Any) -> Any:
        y = x
        for i in tf.range(n):
            if i == 3:
                break
            y = tf.sin(y * w) + x
        while y > 1.0:
            y = y * 0.5
        return y

    @tf.function
    def inside(x: Any, n: Any) -> Any:
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = f(x, n)
            dx, dw = tape.gradient(y, [x, w])
        return dx, dw, outer.gradient(dx, [x, w])

    return seen([inside(tf.constant(1.3), tf.constant(n)) for n in (0, 1, 2, 5)])


@program
def what_only_the_body_makes(tf: Any) -> Any:
    def an_element(n: Any) -> Any:
        table = {}
        for i in tf.range(n):
            table["row"] = i * 2
        return table["row"]

    def the_last_loss(n: Any) -> Any:
        for step in tf.range(n):
            with tf.GradientTape() as tape:
                loss = (v - 3.0) ** 2
            v.assign_sub(0.1 * tape.gradient(loss, v))
        return loss

    def the_best_so_far(n: Any) -> Any:
        best = None
        for i in tf.range(n):
            candidate = -1 - tf.abs(i - 1)
            if best is None or candidate > best:
                best = candidate
        return best

    def an_import(n: Any) -> Any:
        from math import pi

        value = pi
        if n > 1:
            from math import e

            value = e
        return value

    def a_function_made_in_the_body(n: Any) -> Any:
        total = 0
        for i in tf.range(n):

            def doubled_if_large(k: Any) -> Any:
                if k > 1:
                    return k * 2
                return k

            total += doubled_if_large(i)
        return total

    v = tf.Variable(0.0)
    bodies = (an_element, the_last_loss, the_best_so_far, an_import, a_function_made_in_the_body)
    return {body.__name__: over(tf, body, (1, 4)) for body in bodies}
