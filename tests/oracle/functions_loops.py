"""Programs about Python's `while` and `for` on tensors, and what else goes from step to step."""

# What stands here is what is tested:
# ruff: noqa: B007, B905
from __future__ import annotations

import itertools
from typing import Any

from tests.oracle.programs import failure, program


def over(tf: Any, body: Any, values: Any = (0, 1, 4, 7)) -> Any:
    """What a function gives for some whole numbers, each time from the one graph."""
    f = tf.function(body)
    return [failure(f, tf.constant(value)) for value in values]


@program
def while_loops(tf: Any) -> Any:
    def counted(n: Any) -> Any:
        i, total = 0, 0
        while i < n:
            total += i * i
            i += 1
        return total, i

    def forever(n: Any) -> Any:
        i = 0
        while True:
            i += 1
            if i > n:
                break
        return i

    def skipping(n: Any) -> Any:
        i, total = 0, 0
        while i < n:
            i += 1
            if i % 2 == 0:
                continue
            total += i
        return total

    def returning(n: Any) -> Any:
        i = 0
        while i < 10:
            if i * i > n:
                return i
            i += 1
        return -1

    def with_else(n: Any) -> Any:
        i = 0
        while i < n:
            if i == 3:
                break
            i += 1
        else:
            i = -i
        return i

    def in_loops(n: Any) -> Any:
        total = 0
        i = 0
        while i < n:
            j = 0
            while j < i:
                if j == 2:
                    break
                total += 1
                j += 1
            i += 1
        return total

    def conditions(n: Any) -> Any:
        i, ok = 0, True
        while i < n and ok:
            i += 1
            ok = i < 3 or i > 100
        return i, ok

    bodies = (counted, forever, skipping, returning, with_else, in_loops, conditions)
    return {body.__name__: over(tf, body) for body in bodies}


@program
def for_loops_over_ranges(tf: Any) -> Any:
    def symbolic_range(n: Any) -> Any:
        total = 0
        for i in range(n):
            total += i
        return total

    def range_of_tensorflow(n: Any) -> Any:
        total = 0
        for i in tf.range(n):
            total += i
        return total

    def steps(n: Any) -> Any:
        total = 0
        for i in range(10, n, -2):
            total = total * 2 + i
        for i in tf.range(1, n, 3):
            total = total * 2 + i
        return total

    def the_last_index(n: Any) -> Any:
        i = -1
        for i in tf.range(n):
            pass
        return i

    def an_index_without_a_start(n: Any) -> Any:
        for i in tf.range(n):
            pass
        return i

    def breaks_and_else(n: Any) -> Any:
        found = -1
        for i in tf.range(n):
            if i == 3:
                found = i
                break
        else:
            found = 99
        return found

    def returning(n: Any) -> Any:
        for i in tf.range(10):
            if i >= n:
                return i * 10
        return -1

    def returning_with_continue(n: Any) -> Any:
        total = 0
        for i in tf.range(10):
            if i % 3 == 1:
                continue
            if i > n:
                return total
            total += i
        return total * 100

    bodies = (
        symbolic_range,
        range_of_tensorflow,
        steps,
        the_last_index,
        an_index_without_a_start,
        breaks_and_else,
        returning,
        returning_with_continue,
    )
    return {body.__name__: over(tf, body) for body in bodies}


@program
def for_loops_over_tensors(tf: Any) -> Any:
    def rows(m: Any) -> Any:
        total = tf.zeros([2])
        for row in m:
            total += row * 2.0
        return total

    def pairs(m: Any) -> Any:
        total = 0.0
        for a, b in m:
            total += a * b
        return total

    def a_nested_loop(m: Any) -> Any:
        total = 0.0
        for row in m:
            for cell in row:
                if cell > 2.0:
                    total += cell
        return total

    def enumerated(m: Any) -> Any:
        total = 0.0
        for i, row in enumerate(m):
            total += tf.cast(i, tf.float32) * tf.reduce_sum(row)
        return total

    def zipped(m: Any) -> Any:
        total = 0.0
        for a, b in zip(m, m * 2.0):
            total += tf.reduce_sum(a * b)
        return total

    def reverse(m: Any) -> Any:
        total = tf.zeros([2])
        for row in reversed(m):
            total = total * 2.0 + row
        return total

    def a_variable(m: Any) -> Any:
        total = 0.0
        for row in v:
            total += row
        return total

    v = tf.Variable([1.0, 2.0, 3.0])
    m = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    known = {
        b.__name__: failure(tf.function(b), m)
        for b in (rows, pairs, a_nested_loop, enumerated, zipped, reverse, a_variable)
    }
    spec = [tf.TensorSpec([None, 2])]
    unknown = {
        b.__name__: failure(tf.function(b, input_signature=spec), m)
        for b in (rows, pairs, a_nested_loop, enumerated, zipped)
    }
    return known, unknown, failure(tf.function(rows), tf.constant(1.0))


@program
def for_loops_over_python_values(tf: Any) -> Any:
    class Iterable:
        def __iter__(self) -> Any:
            return iter([1, 2, 3])

    class OldStyle:
        def __getitem__(self, i: int) -> int:
            if i > 2:
                raise IndexError
            return i * 10

    def f(x: Any) -> Any:
        total = x
        for i in Iterable():
            total += i
        for i in OldStyle():
            total += i
        for key, value in {"a": x, "b": 2}.items():
            total += value * len(key)
        for i, c in enumerate("abc"):
            total += i
        for a, b in zip([x, 2], (3, x)):
            total += a * b
        for i in itertools.islice(itertools.count(), 3):
            total += i
        for i in (j * j for j in range(3)):
            total += i
        for i in range(4):
            if i == 2:
                continue
            if i == 3:
                break
            total += i
        else:
            total = 0
        for i in {5}:
            total += i
        for i in reversed([1, 2]):
            total = total * i
        for i in map(lambda z: z + 1, [1, 2]):
            total += i
        return total, i

    def a_break_that_a_tensor_decides(x: Any) -> Any:
        total = x
        for i in [1, 2, 3, 4]:
            if total > 5:
                break
            total += i
        return total

    def a_return_that_a_tensor_decides(x: Any) -> Any:
        for i in [1, 2, 3, 4]:
            if x < i:
                return x * 100 + i
        return x

    return [
        over(tf, body)
        for body in (f, a_break_that_a_tensor_decides, a_return_that_a_tensor_decides)
    ]
