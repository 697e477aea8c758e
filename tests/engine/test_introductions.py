"""The field's best known first programs, as a beginner types them."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest

import engine as tf

RANK_AND_SHAPE = """
import engine as tf

rank_0_tensor = tf.constant(4)
print(rank_0_tensor)

rank_1_tensor = tf.constant([2.0, 3.0, 4.0])
print(rank_1_tensor)

rank_2_tensor = tf.constant([[1, 2],
                             [3, 4],
                             [5, 6]])
print(rank_2_tensor)

for tensor in (rank_0_tensor, rank_1_tensor, rank_2_tensor):
    print("rank:", tf.rank(tensor).numpy(), " shape:", tensor.shape, " dtype:", tensor.dtype)
print(rank_2_tensor.ndim, tuple(rank_2_tensor.shape), tf.shape(rank_2_tensor))
"""

PRINTS = """\
tf.Tensor(4, shape=(), dtype=int32)
tf.Tensor([2. 3. 4.], shape=(3,), dtype=float32)
tf.Tensor(
[[1 2]
 [3 4]
 [5 6]], shape=(3, 2), dtype=int32)
rank: 0  shape: ()  dtype: <dtype: 'int32'>
rank: 1  shape: (3,)  dtype: <dtype: 'float32'>
rank: 2  shape: (3, 2)  dtype: <dtype: 'int32'>
2 (3, 2) tf.Tensor([3 2], shape=(2,), dtype=int32)
"""

GRAPH = """
import engine as tf

@tf.function
def add_times(a, b):
    print("tracing")
    return a + b * a

a, b = tf.constant(5), tf.constant(2)
print(add_times(a, b))
print(add_times(a, b).numpy())
print(add_times(tf.constant(1), tf.constant(1)).numpy())
"""


@pytest.mark.parametrize(
    ("program", "prints"),
    [
        (RANK_AND_SHAPE, PRINTS),
        (GRAPH, "tracing\ntf.Tensor(15, shape=(), dtype=int32)\n15\n2\n"),
    ],
    ids=["rank and shape", "a + b * a"],
)
def test_the_program_prints_what_the_introduction_shows(program: str, prints: str):
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == prints


def test_scalar_vector_and_matrix():
    scalar, vector = tf.constant(4), tf.constant([2.0, 3.0, 4.0])
    matrix = tf.constant([[1, 2], [3, 4], [5, 6]])
    assert [tf.rank(t).numpy() for t in (scalar, vector, matrix)] == [0, 1, 2]
    assert [t.shape for t in (scalar, vector, matrix)] == [(), (3,), (3, 2)]
    assert str(matrix.shape) == "(3, 2)"


def test_a_plus_b_times_a_is_15():
    @tf.function
    def f(a, b):
        return a + b * a

    assert f(5, 2).numpy() == 15
    assert f(tf.constant(5), tf.constant(2)).numpy() == 15
    assert (
        f.get_concrete_function(tf.constant(5), tf.constant(2)).graph.operations[0].op == "multiply"
    )


def test_the_first_derivatives_of_an_introduction():
    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = x**2
    assert tape.gradient(y, x).numpy() == 6.0

    w, b = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), tf.Variable([0.0, 0.0], name="b")
    inputs = [[1.0, 2.0, 3.0]]
    with tf.GradientTape(persistent=True) as tape:
        outputs = inputs @ w + b
        loss = tf.reduce_mean(outputs**2)
    dw, db = tape.gradient(loss, [w, b])
    assert dw.shape == w.shape
    assert outputs.numpy().tolist() == [[22.0, 28.0]]
    assert dw.numpy().tolist() == [[22.0, 28.0], [44.0, 56.0], [66.0, 84.0]]
    assert db.numpy().tolist() == [22.0, 28.0]


def test_fitting_a_line_by_hand():
    """y = 2x - 1 on the six points -1 .. 4, by gradient descent: the course's first model."""
    x = tf.constant([-1.0, 0.0, 1.0, 2.0, 3.0, 4.0])
    y = 2.0 * x - 1.0
    w, b = tf.Variable(0.0), tf.Variable(0.0)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((w * x + b - y) ** 2)
        dw, db = tape.gradient(loss, [w, b])
        w.assign_sub(0.01 * dw)
        b.assign_sub(0.01 * db)
        return loss

    losses = [step().numpy() for _ in range(500)]
    assert losses[0] == pytest.approx((9 + 1 + 1 + 9 + 25 + 49) / 6)
    assert all(later < earlier for earlier, later in itertools.pairwise(losses))
    assert abs((w * 10.0 + b).numpy() - 18.98) < 0.02
    assert step.experimental_get_tracing_count() == 1
