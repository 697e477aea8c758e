"""Programs about calling `tf.function`: what is traced when, and what a call gives back.

Each takes the module to run with, `tf`, and returns what it saw, as plain values. See `tensorflow_functions`.
"""

# What stands here is what is tested:
from __future__ import annotations

import collections
import warnings
from typing import Any

import numpy as np

from tests.oracle.programs import failure, program, seen


def newly(counts: list[Any]) -> list[Any]:
    """From how often a function was traced so far: by each call, 1 or 0; an error stays as it is."""
    numbers = [0]
    made: list[Any] = []
    for count in counts:
        made.append(count - numbers[-1] if isinstance(count, int) else count)
        numbers += [count] if isinstance(count, int) else []
    return made


@program
def traces_by_dtype_shape_and_python_value(tf: Any) -> Any:
    f = tf.function(lambda x, n=None: x)
    counts = []
    for args in (
        (tf.constant(1.0),),
        (tf.constant(2.0),),
        (tf.constant(1),),
        (tf.constant([1.0]),),
        (tf.constant([1.0, 2.0]),),
        (tf.constant(1.0), 1),
        (tf.constant(1.0), 1),
        (tf.constant(1.0), 1.0),
        (tf.constant(1.0), True),
        (tf.constant(1.0), 2),
        (tf.constant(1.0), "a"),
        (tf.constant(1.0), "a"),
        (tf.constant(1.0), b"a"),
        (tf.constant(1.0), None),
        (tf.constant(1.0), np.float32(1)),
        (tf.constant(1.0), tf.constant(2.0)),
        (tf.constant(1.0), 1 + 2j),
        (np.float32(3.0),),
        (np.array(3.0, np.float32),),
    ):
        f(*args)
        counts.append(f.experimental_get_tracing_count())
    return newly(counts)


@program
def traces_by_nesting(tf: Any) -> Any:
    Pair = collections.namedtuple("Pair", "a b")
    f = tf.function(lambda x: tf.nest.flatten(x)[0])
    a, b = tf.constant(1.0), tf.constant(2.0)
    counts = []
    for x in (
        (a, b),
        (b, a),
        [a, b],
        {"a": a, "b": b},
        {"b": a, "a": b},
        Pair(a, b),
        ((a,), b),
        (a, [b]),
        {"a": a, "c": b},
        collections.OrderedDict(a=a, b=b),
        (a, None),
        (a, 1),
        (a, 1),
        {"a": {"b": a}},
        {"a": {"b": b}},
        [[a], [b]],
    ):
        f(x)
        counts.append(f.experimental_get_tracing_count())
    return newly(counts)


@program
def traces_by_types_dtypes_and_shapes_as_arguments(tf: Any) -> Any:
    f = tf.function(lambda x, what: x)
    x = tf.constant(1.0)
    counts = []
    for what in (
        tf.float32,
        tf.float32,
        tf.int32,
        tf.TensorShape([1, 2]),
        tf.TensorShape([1, 2]),
        tf.TensorShape([1, 3]),
        int,
        int,
        float,
        len,
        len,
        range(3),
        range(3),
        slice(1),
        slice(1),
        frozenset({1}),
        frozenset({1}),
    ):
        try:
            f(x, what)
            counts.append(f.experimental_get_tracing_count())
        except Exception as error:
            counts.append(type(error).__name__)
    return newly(counts)


@program
def objects_are_told_apart_by_identity_unless_they_compare_equal(tf: Any) -> Any:
    class Plain:
        pass

    class Equal:
        def __eq__(self, other: object) -> bool:
            return isinstance(other, Equal)

        def __hash__(self) -> int:
            return 1

    f = tf.function(lambda x, o: x)
    x, one, two, same = tf.constant(1.0), Plain(), Plain(), Equal()
    counts = []
    for o in (one, two, one, same, Equal(), same):
        f(x, o)
        counts.append(f.experimental_get_tracing_count())
    return newly(counts)


@program
def a_dead_object_is_not_found_again(tf: Any) -> Any:
    class Plain:
        pass

    f = tf.function(lambda x, o: x)
    kept = 0
    for _ in range(3):
        f(tf.constant(1.0), Plain())
        kept = f.experimental_get_tracing_count()
    return kept


@program
def defaults_and_keywords_share_a_trace(tf: Any) -> Any:
    @tf.function
    def f(x: Any, y: Any = 2, *, z: Any = 3) -> Any:
        return x * y * z

    x = tf.constant(1)
    made = [
        f(x),
        f(x, 2),
        f(x, y=2),
        f(x=x, y=2),
        f(x, z=3),
        f(y=2, x=x, z=3),
        f(x, z=4),
        f(x, y=tf.constant(2)),
        f(x, tf.constant(5)),
    ]
    return seen(made), f.experimental_get_tracing_count()


@program
def variable_arguments(tf: Any) -> Any:
    f = tf.function(lambda *xs, **more: sum(xs) + sum(more.values()))
    one = tf.constant(1)
    made = [
        f(one, one),
        f(one, a=one),
        f(one, b=one),
        f(one, a=one, b=one),
        f(one, b=one, a=one),
        f(one, one),
    ]
    return seen(made), f.experimental_get_tracing_count()


@program
def wrong_arguments(tf: Any) -> Any:
    f = tf.function(lambda x, y: x)
    one = tf.constant(1)
    return [
        failure(f),
        failure(f, one),
        failure(f, one, one, one),
        failure(lambda: f(one, z=one)),
        failure(lambda: f(one, x=one)),
    ]


@program
def signatures_convert_and_check(tf: Any) -> Any:
    f = tf.function(
        lambda x, y: x + y, input_signature=[tf.TensorSpec([None]), tf.TensorSpec([], tf.float32)]
    )
    made = [
        f(tf.ones([2]), 1.0),
        f([1.0, 2.0, 3.0], tf.constant(2.0)),
        f(np.ones(3, np.float32), 2),
        f([1, 2], 3),
    ]
    fails = [
        failure(f, tf.ones([2, 2]), 1.0),
        failure(f, tf.ones([2])),
        failure(f, tf.ones([2], tf.int32), 1.0),
        failure(f, tf.ones([2], tf.float64), 1.0),
        failure(f, tf.ones([2]), tf.ones([1])),
        failure(f, tf.ones([2]), "a"),
        failure(f, tf.ones([2]), None),
        failure(f, tf.ones([2]), 1.0, 3.0),
        failure(f, np.ones(2), 1.0),
        failure(f, [1.5, "a"], 1.0),
    ]
    return seen(made), fails, f.experimental_get_tracing_count()


@program
def signatures_take_keywords(tf: Any) -> Any:
    @tf.function(input_signature=[tf.TensorSpec([None]), tf.TensorSpec([None])])
    def f(x: Any, y: Any) -> Any:
        return x - y

    a, b = tf.constant([3.0]), tf.constant([1.0])
    return seen([f(a, b), f(a, y=b), f(x=a, y=b), f(y=a, x=b)]), f.experimental_get_tracing_count()


@program
def signatures_shorter_than_the_parameters(tf: Any) -> Any:
    @tf.function(input_signature=[tf.TensorSpec([None])])
    def f(x: Any, y: Any = 2.0, *, z: Any = 1.0) -> Any:
        return x * y + z

    a = tf.constant([3.0])
    return seen(f(a)), failure(f, a, 5.0), failure(lambda: f(a, z=2.0))


@program
def signatures_longer_than_the_parameters(tf: Any) -> Any:
    def make() -> Any:
        f = tf.function(lambda x: x, input_signature=[tf.TensorSpec([]), tf.TensorSpec([])])
        return f(tf.constant(1.0), tf.constant(1.0))

    return failure(make)


@program
def signatures_of_structures(tf: Any) -> Any:
    spec = tf.TensorSpec([None], tf.float32)
    f = tf.function(
        lambda d, t: d["a"] + d["b"][0] * t[1],
        input_signature=[{"a": spec, "b": [spec]}, (spec, spec)],
    )
    one, two = tf.constant([1.0]), tf.constant([2.0])
    made = [f({"a": one, "b": [two]}, (one, two)), f({"b": [two], "a": one}, (one, [2.0]))]
    fails = [
        failure(f, {"a": one}, (one, one)),
        failure(f, {"a": one, "b": [one, one]}, (one, one)),
    ]
    return seen(made), fails, f.experimental_get_tracing_count()


@program
def signatures_with_python_arguments(tf: Any) -> Any:
    def make() -> Any:
        return tf.function(lambda x, n: x, input_signature=[tf.TensorSpec([]), 3])(
            tf.constant(1.0), 3
        )

    return failure(make)


@program
def signatures_with_unknown_rank_and_dtype(tf: Any) -> Any:
    f = tf.function(lambda x: tf.shape(x), input_signature=[tf.TensorSpec(None, tf.int32)])
    return seen(
        [f(tf.ones([2, 3], tf.int32)), f(tf.constant(1)), f([1, 2])]
    ), f.experimental_get_tracing_count()


@program
def reduced_retracing(tf: Any) -> Any:
    shapes: list[Any] = []

    @tf.function(reduce_retracing=True)
    def f(x: Any) -> Any:
        shapes.append(x.shape.as_list() if x.shape.rank is not None else None)
        return tf.reduce_sum(x)

    for shape in ([2, 3], [4, 3], [5, 3], [5, 6], [7, 8], [1], [1, 1, 1], [2, 2, 2], [9, 9]):
        f(tf.ones(shape))
    return shapes


@program
def reduced_retracing_of_dtypes_and_values(tf: Any) -> Any:
    f = tf.function(lambda x, n=1: tf.reduce_sum(x), reduce_retracing=True)
    counts = []
    for x, n in (
        (tf.ones([2]), 1),
        (tf.ones([3]), 1),
        (tf.ones([4]), 1),
        (tf.ones([4]), 2),
        (tf.ones([5]), 2),
        (tf.ones([5], tf.int32), 1),
        (tf.ones([6], tf.int32), 1),
        (tf.ones([7], tf.int32), 1),
    ):
        f(x, n)
        counts.append(f.experimental_get_tracing_count())
    return newly(counts)


@program
def python_side_effects_at_trace_time_only(tf: Any) -> Any:
    log: list[str] = []
    counter = [0]

    @tf.function
    def f(x: Any) -> Any:
        log.append("traced")
        counter[0] += 1
        return x + counter[0]

    return (
        seen([f(tf.constant(1)), f(tf.constant(1)), f(tf.constant(1.0)), f(tf.constant(2.0))]),
        log,
        counter,
    )


@program
def functions_run_eagerly(tf: Any) -> Any:
    log: list[str] = []

    @tf.function
    def inner(x: Any) -> Any:
        log.append("inner")
        return x + 1

    @tf.function
    def f(x: Any) -> Any:
        log.append(type(x).__name__[:5])
        return inner(x) if int(x.shape.rank) == 0 else x

    tf.config.run_functions_eagerly(True)
    try:
        made = [f(tf.constant(1)), f(tf.constant(1)), f(5) if False else f(tf.constant(2))]
        flag = tf.config.functions_run_eagerly()
    finally:
        tf.config.run_functions_eagerly(False)
    return seen(made), len(log), flag, f.experimental_get_tracing_count()


@program
def executing_eagerly_and_inside_function(tf: Any) -> Any:
    answers: list[Any] = [tf.executing_eagerly(), tf.inside_function()]

    @tf.function
    def f() -> Any:
        answers.append((tf.executing_eagerly(), tf.inside_function()))
        with tf.init_scope():
            answers.append(tf.executing_eagerly())
        return tf.constant(1)

    f()
    return answers


@program
def names_and_docs(tf: Any) -> Any:
    @tf.function
    def f(x: Any) -> Any:
        """Says what it does."""
        return x

    f(tf.constant(1))
    return (
        f.__name__,
        f.__doc__,
        f.__wrapped__.__name__,
        f.python_function.__name__,
        callable(f),
    )


@program
def a_storm_of_traces_warns(tf: Any) -> Any:
    f = tf.function(lambda n: tf.constant(n))
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        return [seen(f(n)) for n in range(12)], f.experimental_get_tracing_count()
