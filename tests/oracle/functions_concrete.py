"""Programs about concrete functions, results, and the kinds of callables that `tf.function` takes."""

# What stands here is what is tested:
from __future__ import annotations

import collections
import functools
from typing import Any

import numpy as np

from tests.oracle.programs import failure, program, seen


@program
def concrete_functions_from_specs(tf: Any) -> Any:
    f = tf.function(lambda x, y: x + y)
    c = f.get_concrete_function(tf.TensorSpec([None]), tf.TensorSpec([None], name="other"))
    a, b = tf.constant([1.0, 2.0]), tf.constant([3.0, 4.0])
    made = [c(a, b), c(x=a, other=b), c(a, other=b)]
    fails = [
        failure(c, a),
        failure(c, a, b, a),
        failure(c, tf.constant([1]), b),
        failure(c, tf.constant(1.0), b),
        failure(lambda: c(a, z=b)),
        failure(lambda: c(a, x=b)),
    ]
    return seen(made), fails, f.experimental_get_tracing_count()


@program
def concrete_functions_with_python_arguments(tf: Any) -> Any:
    f = tf.function(lambda x, n, flag=True: x * n if flag else x)
    c = f.get_concrete_function(tf.TensorSpec([]), 3)
    x = tf.constant(2.0)
    return (
        seen([c(x)]),
        failure(c, x, 3),
        failure(lambda: c(x, n=3)),
        failure(c, x, 4),
        failure(c, x, 3, False),
    )


@program
def concrete_functions_with_keywords(tf: Any) -> Any:
    f = tf.function(lambda x, *, by, plus=None: x * by)
    c = f.get_concrete_function(tf.TensorSpec([]), by=tf.TensorSpec([]))
    two, three = tf.constant(2.0), tf.constant(3.0)
    return seen([c(two, by=three), c(by=three, x=two)]), failure(c, two)


@program
def concrete_functions_of_structures(tf: Any) -> Any:
    f = tf.function(lambda d, t: {"sum": d["a"] + d["b"], "t": t})
    one, two = tf.constant(1.0), tf.constant(2.0)
    c = f.get_concrete_function({"a": one, "b": two}, [one, two])
    return seen([c({"a": two, "b": two}, [one, one]), c(d={"a": two, "b": two}, t=[one, one])])


@program
def concrete_functions_and_calls_share_a_trace(tf: Any) -> Any:
    f = tf.function(lambda x: x)
    f.get_concrete_function(tf.TensorSpec([2]))
    f(tf.ones([2]))
    first = f.experimental_get_tracing_count()
    f.get_concrete_function(tf.TensorSpec([None]))
    f(tf.ones([3]))
    return first, f.experimental_get_tracing_count()


@program
def concrete_functions_from_a_signature(tf: Any) -> Any:
    f = tf.function(lambda x: x * 2, input_signature=[tf.TensorSpec([None])])
    c = f.get_concrete_function()
    return seen(c(tf.constant([1.0]))), failure(
        f.get_concrete_function, tf.TensorSpec([None, None])
    )


@program
def concrete_functions_describe_themselves(tf: Any) -> Any:
    @tf.function
    def named(x: Any, y: Any, n: Any = 1) -> Any:
        return {"out": x + y, "also": [x]}

    c = named.get_concrete_function(tf.TensorSpec([None, 2]), y=tf.TensorSpec([], name="second"))
    args, kwargs = c.structured_input_signature
    outputs = c.structured_outputs
    return [
        [str(type(s).__name__) for s in tf.nest.flatten(args)],
        sorted(kwargs),
        [s.name for s in tf.nest.flatten([args, kwargs]) if isinstance(s, tf.TensorSpec)],
        [str(s.shape) for s in tf.nest.flatten(outputs)],
        sorted(outputs),
        [str(i.shape) for i in c.inputs],
        [str(o.shape) for o in c.outputs],
        [i.dtype.name for i in c.inputs],
        len(c.variables),
        len(c.trainable_variables),
        len(c.captured_inputs),
    ]


@program
def results_of_every_kind(tf: Any) -> Any:
    Pair = collections.namedtuple("Pair", "a b")
    x = tf.constant(1.0)
    v = tf.Variable(5.0)
    made = [
        tf.function(lambda x: None)(x),
        tf.function(lambda x: (x, None, 3, 2.5, True, [np.ones(1)]))(x),
        tf.function(lambda x: Pair(x, {"k": x}))(x),
        tf.function(lambda x: [])(x),
        tf.function(lambda x: v)(x),
        tf.function(lambda x: "text")(x),
        tf.function(lambda: 3)(),
    ]
    kinds = [type(tf.function(lambda x: Pair(x, x))(x)).__name__, type(made[1]).__name__]
    return (
        seen(made),
        kinds,
        failure(tf.function(lambda x: object()), x),
        failure(tf.function(lambda x: {1, 2}), x),
    )


@program
def callables_of_every_kind(tf: Any) -> Any:
    class Callable:
        def __call__(self, x: Any) -> Any:
            if x > 0:
                return x * 2
            return x

    def plain(x: Any, by: Any, plus: Any = 0) -> Any:
        if x > 0:
            return x * by + plus
        return x

    class Holder:
        scale = 3

        @tf.function
        def method(self, x: Any) -> Any:
            return x * self.scale

        @classmethod
        def of_class(cls, x: Any) -> Any:
            return x * cls.scale

        @staticmethod
        def static(x: Any) -> Any:
            return x + 1

        @tf.function
        def __call__(self, x: Any) -> Any:
            return x - 1

        @property
        @tf.function
        def prop(self) -> Any:
            return tf.constant(self.scale)

    x = tf.constant(2)
    holder = Holder()
    part = functools.partial(plain, by=10)
    made = [
        tf.function(Callable())(x),
        tf.function(part)(x),
        tf.function(functools.partial(plain, plus=1))(x, 2),
        holder.method(x),
        tf.function(Holder.of_class)(x),
        tf.function(holder.of_class)(x),
        tf.function(Holder.static)(x),
        holder(x),
        Holder.method(holder, x),
        tf.function(tf.abs)(x),
        tf.function(tf.function(plain))(x, 2),
        functools.partial(tf.function(plain), by=3)(x),
    ]
    return seen(made)


@program
def class_and_static_methods_decorated(tf: Any) -> Any:
    class Holder:
        scale = 3

        @classmethod
        @tf.function
        def of_class(cls, x: Any) -> Any:
            return x * cls.scale

        @staticmethod
        @tf.function
        def static(x: Any) -> Any:
            return x + 1

    x = tf.constant(2)
    return seen([Holder.of_class(x), Holder().of_class(x), Holder.static(x), Holder().static(x)])


@program
def methods_trace_once_an_instance(tf: Any) -> Any:
    traced: list[Any] = []

    class Holder:
        def __init__(self, scale: int) -> None:
            self.scale = scale

        @tf.function
        def f(self, x: Any) -> Any:
            traced.append(self.scale)
            return x * self.scale

    one, two = Holder(2), Holder(3)
    x = tf.constant(5)
    made = [one.f(x), two.f(x), one.f(x)]
    one.scale = 7  # baked in
    made += [one.f(x), one.f(tf.constant(5.0))]
    return seen(made), traced


@program
def decorated_functions(tf: Any) -> Any:
    def twice(body: Any) -> Any:
        @functools.wraps(body)
        def inner(*args: Any, **kwargs: Any) -> Any:
            return body(*args, **kwargs) * 2

        return inner

    @tf.function
    @twice
    def f(x: Any) -> Any:
        if x > 0:
            return x + 1
        return x - 1

    return seen([f(tf.constant(3)), f(tf.constant(-3))]), f.experimental_get_tracing_count()


@program
def recursion(tf: Any) -> Any:
    @tf.function
    def python_number(n: int, x: Any) -> Any:
        return x if n == 0 else python_number(n - 1, x * 2)

    @tf.function
    def of_python_list(items: Any) -> Any:
        return items[0] if len(items) == 1 else items[0] + of_python_list(items[1:])

    one = tf.constant(1)
    return seen([python_number(4, one), of_python_list([one, one, one])])
