"""tf.autograph.experimental.set_loop_options: sizes that change from step to step."""

from __future__ import annotations

from typing import Any

import pytest

import engine as tf

set_loop_options = tf.autograph.experimental.set_loop_options


def test_a_size_may_change_where_the_body_says_so():
    @tf.function
    def doubled(v: Any, n: Any) -> Any:
        steps = 0
        while tf.size(v) < n:
            set_loop_options(shape_invariants=[(v, tf.TensorShape([None]))])
            v = tf.concat([v, v + 1], 0)
            steps += 1
        return v, steps

    v, steps = doubled(tf.constant([0]), tf.constant(5))
    assert v.numpy().tolist() == [0, 1, 1, 2, 1, 2, 2, 3] and steps.numpy() == 3
    assert doubled.experimental_get_tracing_count() == 1


def test_the_options_of_an_inner_loop_are_its_own():
    @tf.function
    def f(n: Any) -> Any:
        total, rows = tf.constant(0), tf.zeros([0], tf.int32)
        for i in tf.range(n):
            set_loop_options(shape_invariants=[(rows, [None])], parallel_iterations=1)
            inner = tf.zeros([0], tf.int32)
            for _ in tf.range(i):
                set_loop_options(shape_invariants=[(inner, [None])])
                inner = tf.concat([inner, [i]], 0)
            rows = tf.concat([rows, inner], 0)
            total += tf.size(inner)
        return rows, total

    rows, total = f(tf.constant(4))
    assert rows.numpy().tolist() == [1, 2, 2, 3, 3, 3] and total.numpy() == 6


def test_a_shape_that_does_not_fit_is_refused():
    @tf.function
    def f(v: Any) -> Any:
        while tf.size(v) < 9:
            set_loop_options(shape_invariants=[(v, [None, 2])])
            v = tf.concat([v, v], 0)
        return v

    with pytest.raises(ValueError, match="does not fit the shape invariant"):
        f(tf.constant([1, 2, 3]))


def test_outside_a_loop_on_a_tensor_it_does_nothing():
    for _ in range(2):
        set_loop_options(shape_invariants=[(tf.constant(1), [None])])
        set_loop_options(maximum_iterations=1)
