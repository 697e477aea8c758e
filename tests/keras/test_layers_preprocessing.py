"""Scaling, normalizing and encoding against Keras, and what `adapt` finds in data of every form."""

from __future__ import annotations

import numpy as np
import pytest

import engine as tf
from tests.keras.layer_witness import check_layer, floats, make_both
from tests.keras.witness import close, same_config

layers = tf.keras.layers

CASES = [
    ("Rescaling", {"scale": 1 / 255, "offset": -1.0}, (2, 3)),
    ("Rescaling", {"scale": [1.0, 2.0, 3.0], "offset": [0.0, 1.0, 0.5]}, (2, 3)),
    ("Normalization", {"mean": [1.0, 0.0, -2.0], "variance": [4.0, 1.0, 0.0]}, (2, 3)),
    ("Normalization", {"axis": None, "mean": 0.5, "variance": 2.0, "invert": True}, (2, 3)),
    ("Normalization", {"axis": (1, -1), "mean": [1.0, 2.0], "variance": [3.0, 4.0]}, (2, 3, 2)),
]


@pytest.mark.parametrize(
    ("name", "settings", "shape"), CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)]
)
def test_numbers_are_scaled_as_by_keras(name, settings, shape):
    check_layer((name, settings), floats(*shape, seed=1))


# --- Normalization ----------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [-1, None, (1, 2), 1])
def test_what_adapt_finds_is_what_keras_finds(axis):
    data = floats(20, 3, 2, seed=4) * 3 + 5
    ours, theirs = make_both(("Normalization", {"axis": axis}))
    for layer in (ours, theirs):
        layer.adapt(data)
    for own, other in zip(ours.weights, theirs.weights, strict=True):
        close(own, other.numpy())
        assert own.name.split("/")[-1].split(":")[0] == other.name
    close(ours(data[:4]), theirs(data[:4]))
    close(ours.mean, theirs.mean)
    close(ours.variance, theirs.variance)
    same_config(ours, theirs)


FORMS = {
    "a tensor": tf.constant,
    "a list of batches": lambda x: [x[:7], x[7:12], x[12:]],
    "a generator": lambda x: (x[i : i + 6] for i in range(0, 20, 6)),
    "a generator of pairs": lambda x: ((x[i : i + 6], i) for i in range(0, 20, 6)),
    "a Dataset of batches": lambda x: tf.data.Dataset.from_tensor_slices(x).batch(6),
    "a Dataset of examples": lambda x: tf.data.Dataset.from_tensor_slices(x),
    "a Dataset of pairs": lambda x: tf.data.Dataset.from_tensor_slices((x, x[:, 0])).batch(6),
}


@pytest.mark.parametrize("form", FORMS)
def test_batches_of_any_size_give_the_mean_and_variance_of_all(form):
    data = floats(20, 3, seed=9) * [1.0, 10.0, 100.0] + 50
    layer = layers.Normalization()
    layer.adapt(FORMS[form](data.astype("float32")))
    np.testing.assert_allclose(layer.adapt_mean.numpy(), data.mean(0), rtol=1e-6)
    np.testing.assert_allclose(layer.adapt_variance.numpy(), data.var(0), rtol=1e-5)


def test_a_normalization_is_adapted_anew_and_its_graphs_follow():
    layer = layers.Normalization(axis=None)
    layer.adapt(np.array([[0.0], [2.0]]))
    compiled = tf.function(layer)
    assert compiled(tf.constant([[3.0]])).numpy().item() == pytest.approx(2.0)
    layer.adapt(np.array([[0.0], [4.0]]))
    assert compiled(tf.constant([[3.0]])).numpy().item() == pytest.approx(0.5)


def test_integers_are_normalized_as_floats():
    layer = layers.Normalization()
    layer.adapt(np.array([[1, 10], [3, 30]], "uint8"))
    np.testing.assert_allclose(layer(np.array([[1, 30]], "uint8")).numpy(), [[-1.0, 1.0]])


WRONG = [
    (lambda: layers.Normalization(mean=1.0), "together, or neither"),
    (lambda: layers.Normalization(mean=[1.0], variance=[1.0, 2.0]), "must be equal"),
    (lambda: layers.Normalization(axis=None, mean=[1.0], variance=[1.0]), "more axes than axis=()"),
    (lambda: layers.Normalization(axis=3).build((None, 2)), "not among the 2 axes"),
    (lambda: layers.Normalization().build((None, None)), "needs to know the sizes"),
    (lambda: layers.Normalization().adapt([]), "no data"),
    (lambda: layers.Normalization(mean=1.0, variance=1.0).adapt(np.ones((2, 2))), "cannot adapt"),
    (lambda: layers.CategoryEncoding(), "IntegerLookup"),
    (lambda: layers.CategoryEncoding(3, sparse=True), "sparse"),
    (lambda: layers.CategoryEncoding(3, output_mode="int"), "output_mode must be one of"),
    (lambda: layers.CategoryEncoding(3)([[1]], count_weights=[[2.0]]), "output_mode='count' only"),
    (lambda: layers.Discretization(), "either bin_boundaries or num_bins"),
    (lambda: layers.Discretization([1.0], num_bins=3), "either bin_boundaries or num_bins"),
    (lambda: layers.Discretization(num_bins=3)([[1.0]]), "call adapt"),
    (lambda: layers.Discretization([1.0]).adapt(np.ones(3)), "cannot adapt"),
]


@pytest.mark.parametrize(("make", "words"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_what_cannot_be_is_refused_with_the_reason(make, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(").replace(")", r"\)")):
        make()


def test_data_of_another_width_than_before_is_refused():
    layer = layers.Normalization()
    layer.adapt(np.ones((2, 3)))
    with pytest.raises(ValueError, match="built for sizes"):
        layer.adapt(np.ones((2, 4)))


# --- categories and ranges --------------------------------------------------------------------------

INDICES = {
    "rows": np.array([[0, 2, 2], [3, 1, 9]]),
    "columns": np.array([[1], [3]]),
    "a vector": np.array([3, 0]),
    "a scalar": np.array(2),
}


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
def test_categories_are_encoded_as_by_keras(mode):
    ours, theirs = make_both(("CategoryEncoding", {"num_tokens": 4, "output_mode": mode}))
    same_config(ours, theirs)
    compiled = tf.function(ours)
    for indices in INDICES.values():
        expected = theirs(indices)
        close(ours(indices), expected)
        close(compiled(tf.constant(indices)), expected)
        assert ours(indices).dtype.name == str(expected.dtype)


def test_counts_are_weighted_as_by_keras():
    ours, theirs = make_both(("CategoryEncoding", {"num_tokens": 4, "output_mode": "count"}))
    weights = np.array([[0.5, 1.0, 2.0], [1.0, 1.0, 1.0]], "float32")
    close(
        ours(INDICES["rows"], count_weights=weights), theirs(INDICES["rows"], count_weights=weights)
    )


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
def test_ranges_are_numbered_as_by_keras(mode):
    settings = {"bin_boundaries": [-1.0, 0.0, 2.5], "output_mode": mode}
    ours, theirs = make_both(("Discretization", settings))
    same_config(ours, theirs)
    compiled = tf.function(ours)
    for x in (np.array([[-1.0, -1.5, 0.0], [2.4, 2.5, np.inf]]), np.array([1, -7]), np.array(3.0)):
        expected = theirs(x)
        close(ours(x), expected)
        close(compiled(tf.constant(x)), expected)
        assert ours(x).dtype.name == str(expected.dtype)


@pytest.mark.parametrize(
    ("count", "bins", "epsilon"), [(50, 4, 0.01), (1000, 7, 0.01), (300, 3, 0.1)]
)
def test_the_boundaries_adapt_finds_are_those_of_keras(count, bins, epsilon):
    data = floats(count, seed=count) ** 3
    ours, theirs = make_both(("Discretization", {"num_bins": bins, "epsilon": epsilon}))
    ours.adapt(data)
    _adapt(theirs, data)
    np.testing.assert_allclose(ours.bin_boundaries, theirs.bin_boundaries, rtol=1e-6)
    share = np.bincount(ours(data).numpy(), minlength=bins) / count
    assert abs(share - 1 / bins).max() < 3 * epsilon + 2 / count
    ours.adapt([data[: count // 3], data[count // 3 :]])
    _adapt(theirs, data[: count // 3], data[count // 3 :])
    np.testing.assert_allclose(ours.bin_boundaries, theirs.bin_boundaries, rtol=1e-6)
    close(ours(data), theirs(data))
    same_config(ours, theirs)
    copy = type(ours).from_config(ours.get_config())
    close(copy(data), theirs(data))


def _adapt(layer, *batches):
    """Keras's `adapt` of this layer asks TensorFlow what the data is; these are the three steps of it."""
    layer.reset_state()
    for batch in batches:
        layer.update_state(batch)
    layer.finalize_state()


def test_boundaries_come_from_the_first_batches_of_a_dataset():
    ours, theirs = make_both(("Discretization", {"num_bins": 3}))
    data = floats(40, seed=2)
    ours.adapt(tf.data.Dataset.from_tensor_slices(data).batch(10).repeat(), steps=3)
    _adapt(theirs, *(data[i : i + 10] for i in (0, 10, 20)))
    np.testing.assert_allclose(ours.bin_boundaries, theirs.bin_boundaries, rtol=1e-6)
