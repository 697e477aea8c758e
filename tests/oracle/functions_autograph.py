"""Programs about Python's own control flow on tensors: branches, conditions, errors, what is converted."""

# What stands here is what is tested:
# ruff: noqa: F841, SIM108
# ruff: noqa: SIM222, SIM223
from __future__ import annotations

from typing import Any

from tests.oracle.programs import failure, program

VALUES = (-3.5, -1.0, 0.0, 0.5, 1.7, 4.0, 11.0)


def over(tf: Any, body: Any, values: Any = VALUES) -> Any:
    """What a function gives for some numbers, each time from the one graph."""
    f = tf.function(body)
    return [failure(f, tf.constant(value)) for value in values]


@program
def returns_in_branches(tf: Any) -> Any:
    def f(x: Any) -> Any:
        if x > 2.0:
            return x * 2.0
        elif x > 0.0:
            if x > 1.0:
                return x + 100.0
        else:
            y = x - 1.0
            return y * y
        return -x

    return over(tf, f)


@program
def a_return_in_one_branch_alone(tf: Any) -> Any:
    def f(x: Any) -> Any:
        if x > 0.0:
            return x

    return over(tf, f, [1.0, -1.0])


@program
def a_name_that_one_branch_binds(tf: Any) -> Any:
    def f(x: Any) -> Any:
        if x > 0.0:
            y = x
        return y

    def unread(x: Any) -> Any:
        if x > 0.0:
            y = x
            x = y + 1.0
        return x

    return over(tf, f, [1.0, -1.0]), over(tf, unread, [1.0, -1.0])


@program
def branches_of_other_dtypes_and_shapes(tf: Any) -> Any:
    def dtypes(x: Any) -> Any:
        if x > 0.0:
            y = tf.constant(1)
        else:
            y = tf.constant(1.0)
        return y

    def shapes(x: Any) -> Any:
        if x > 0.0:
            y = tf.stack([x, x])
        else:
            y = tf.stack([x])
        return y

    def ranks(x: Any) -> Any:
        if x > 0.0:
            y = tf.stack([x, x])
        else:
            y = x
        return y

    def python_numbers(x: Any) -> Any:
        if x > 0.0:
            y = 1
        else:
            y = 2
        return y

    def number_kinds(x: Any) -> Any:
        if x > 0.0:
            y = 1
        else:
            y = 2.5
        return y

    def number_and_tensor(x: Any) -> Any:
        y = 0
        if x > 0.0:
            y = x
        return y

    def texts(x: Any) -> Any:
        if x > 0.0:
            y = "positive"
        else:
            y = "negative"
        return y

    def nothing(x: Any) -> Any:
        y = None
        if x > 0.0:
            y = x
        return y

    def structures(x: Any) -> Any:
        if x > 0.0:
            y = (x, x)
        else:
            y = x
        return y

    def lists(x: Any) -> Any:
        y = [x]
        if x > 0.0:
            y = [x, x]
        return y

    def objects(x: Any) -> Any:
        if x > 0.0:
            y = object()
        else:
            y = object()
        return x

    return {
        body.__name__: over(tf, body, [1.0, -1.0])
        for body in (
            dtypes,
            shapes,
            ranks,
            python_numbers,
            number_kinds,
            number_and_tensor,
            texts,
            nothing,
            structures,
            lists,
            objects,
        )
    }


@program
def conditions_of_every_kind(tf: Any) -> Any:
    def a_float(x: Any) -> Any:
        if x:
            return x
        return -x

    def an_int(x: Any) -> Any:
        if tf.cast(x, tf.int32):
            return x
        return -x

    def a_vector(x: Any) -> Any:
        if tf.stack([x, x]) > 0.0:
            return x
        return -x

    def one_element(x: Any) -> Any:
        if tf.stack([x]) > 0.0:
            return x
        return -x

    def an_identity(x: Any) -> Any:
        if x is None:
            return x
        if x is not None and x > 0.0:
            return x
        return -x

    def a_membership(x: Any) -> Any:
        if x in (1.0, 4.0):
            return x
        return -x

    def a_not_membership(x: Any) -> Any:
        if x not in [1.0, 4.0]:
            return x
        return -x

    def equal(x: Any) -> Any:
        if x == 4.0:
            return x
        if x != 0.5:
            return x * 10.0
        return -x

    def an_instance(x: Any) -> Any:
        if isinstance(x, tf.Tensor) and hasattr(x, "dtype"):
            return x
        return -x

    def a_variable(x: Any) -> Any:
        if state > 1.0:
            return x
        return -x

    state = tf.Variable(2.0)
    bodies = (
        a_float,
        an_int,
        a_vector,
        one_element,
        an_identity,
        a_membership,
        a_not_membership,
        equal,
        an_instance,
        a_variable,
    )
    return {body.__name__: over(tf, body, [4.0, 0.5, -1.0]) for body in bodies}


@program
def words_and_chains(tf: Any) -> Any:
    def words(x: Any) -> Any:
        a = x > 0.0 and x < 3.0
        b = x < -2.0 or x > 3.0
        c = not a
        d = not (a or b) and c
        return a, b, c, d

    def chains(x: Any) -> Any:
        return (-1.0 < x < 2.0), (-1.0 <= x < 2.0 <= 3.0), (x == x == x), (0.0 < x != 4.0)

    def lazy(x: Any) -> Any:
        v = tf.constant([1.0, 2.0])
        i = tf.cast(tf.abs(x), tf.int32)
        return i < 2 and v[i] > 1.5

    def python_values(x: Any) -> Any:
        name = None or "given"
        flag = True and x > 0.0
        other = False or x > 0.0
        return flag, other, len(name), (False and x > 0.0), (True or x > 0.0)

    def numbers(x: Any) -> Any:
        return x and x + 1.0

    def chained_calls(x: Any) -> Any:
        def middle() -> Any:
            return x * 2.0

        return -3.0 < middle() < 3.0

    bodies = (words, chains, lazy, python_values, numbers, chained_calls)
    return {body.__name__: over(tf, body) for body in bodies}


@program
def conditional_expressions(tf: Any) -> Any:
    def plain(x: Any) -> Any:
        return x if x > 0.0 else -x

    def nested(x: Any) -> Any:
        return "deep" and (x * 2.0 if x > 2.0 else x + 1.0 if x > 0.0 else -x)

    def other_dtypes(x: Any) -> Any:
        return 1 if x > 0.0 else 2.5

    def structures(x: Any) -> Any:
        return (x, x) if x > 0.0 else (-x, x)

    return {body.__name__: over(tf, body) for body in (plain, nested, other_dtypes, structures)}
