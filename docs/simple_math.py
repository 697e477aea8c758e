"""The function whose life docs/life_of_a_function.md tells."""

import engine as tf


@tf.function
def simple_math(a, b):
    half = 1.0 / tf.sqrt(tf.constant(4.0))
    product = tf.identity(b * a) / 1.0
    same = a * b
    tf.exp(a)
    return a + (product + same) * half * tf.ones_like(a)
