"""tf.keras.utils and tf.keras.config: arrays made ready as by Keras, seeds, names, settings."""

from __future__ import annotations

import random as python_random

import numpy as np
import pytest

import engine as tf
from tests.keras.witness import close, keras

utils = tf.keras.utils


@pytest.mark.parametrize(
    ("x", "classes"),
    [
        ([0, 2, 1], None),
        ([[0], [3]], None),
        ([[0, 1], [2, 1]], 4),
        (2, 3),
        (np.array([1.0, 0.0]), 2),
    ],
    ids=str,
)
def test_to_categorical(x, classes) -> None:
    ours, theirs = utils.to_categorical(x, classes), keras.utils.to_categorical(x, classes)
    np.testing.assert_array_equal(ours, theirs)
    assert ours.dtype == theirs.dtype == np.float64
    given = tf.constant(np.asarray(x))
    made = utils.to_categorical(given, classes)
    assert isinstance(made, tf.Tensor) and made.dtype == "float32"
    np.testing.assert_array_equal(made.numpy(), ours)


def test_classes_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match="from 0 to 2, but there are some from 0 to 3"):
        utils.to_categorical([0, 3], 3)
    with pytest.raises(ValueError, match="some from -1 to 1"):
        utils.to_categorical([-1, 1])


@pytest.mark.parametrize("order", [1, 2, 3, np.inf])
@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_normalize(order, axis) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    made = utils.normalize(x, axis, order)
    assert isinstance(made, np.ndarray)
    np.testing.assert_allclose(np.linalg.norm(made, order, axis), 1, rtol=1e-6)
    if axis:  # Keras divides an array along the last axis when asked for axis 0
        close(made, keras.utils.normalize(x, axis, order))
    tensor = utils.normalize(tf.constant(x), axis, order)
    close(tensor, made)
    if order != np.inf:  # which Keras refuses for tensors
        close(tensor, keras.utils.normalize(keras.ops.array(x), axis, order))


def test_normalize_keeps_zeros_and_takes_integers() -> None:
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    np.testing.assert_allclose(utils.normalize(x), [[0, 0], [0.6, 0.8]])
    np.testing.assert_allclose(utils.normalize(tf.constant(x)).numpy(), [[0, 0], [0.6, 0.8]])
    np.testing.assert_allclose(utils.normalize([[3, 4]]).numpy(), [[0.6, 0.8]], rtol=1e-6)


PADDED = [
    ([[1], [2, 3], [4, 5, 6]], {}),
    ([[1], [2, 3], [4, 5, 6]], {"maxlen": 2}),
    ([[1], [2, 3], [4, 5, 6]], {"maxlen": 2, "padding": "post", "truncating": "post"}),
    ([[1], [], [4, 5, 6]], {"maxlen": 5, "value": -1}),
    ([[1.5], [2.5, 3.5]], {"dtype": "float32", "value": 0.25, "padding": "post"}),
    ([np.ones((1, 2)), np.zeros((3, 2))], {}),
    ([["a"], ["bc", "d"]], {"dtype": object, "value": "pad"}),
    ([[], []], {"maxlen": 2}),
]


@pytest.mark.parametrize(("sequences", "arguments"), PADDED, ids=[str(a) for _, a in PADDED])
def test_pad_sequences(sequences, arguments) -> None:
    ours = utils.pad_sequences(sequences, **arguments)
    theirs = keras.utils.pad_sequences(sequences, **arguments)
    np.testing.assert_array_equal(ours, theirs)
    assert ours.dtype == theirs.dtype


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: utils.pad_sequences(3), "a list of sequences, not 3"),
        (lambda: utils.pad_sequences([1, 2]), "a list of sequences; 1 is none"),
        (lambda: utils.pad_sequences([[1]], padding="both"), "padding is 'pre' or 'post', not 'both'"),
        (lambda: utils.pad_sequences([[1]], truncating="no"), "truncating is 'pre' or 'post', not 'no'"),
        (lambda: utils.pad_sequences([[1]], value="x"), "'x' needs dtype=object"),
        (lambda: utils.pad_sequences([[[1, 2]], [[1]]]), r"sequence 1 have shape \(1,\), those before"),
        (lambda: utils.split_dataset([1, 2]), "give left_size, right_size or both"),
        (lambda: utils.split_dataset([[1, 2], [1]], 1), r"lengths \[2, 1\]; they must be equal"),
        (lambda: utils.split_dataset(np.arange(4), 5), "below 4 or a share between 0 and 1, not 5"),
        (lambda: utils.split_dataset(np.arange(4), 1.5), "a share between 0 and 1, not 1.5"),
        (lambda: utils.split_dataset(np.arange(4), 3, 2), "would be 3 and 2"),
        (lambda: utils.split_dataset(np.arange(4), 0.01), "would be 0 and 4"),
        (lambda: utils.set_random_seed(1.5), "takes an integer, not 1.5"),
        (lambda: tf.keras.config.set_image_data_format("last"), "not 'last'"),
        (lambda: tf.keras.config.set_floatx("int8"), "not 'int8'"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def _rows(dataset) -> list:
    return [np.asarray(row[0] if isinstance(row, tuple) else row).item() for row in dataset]


def test_split_dataset_by_number_and_share() -> None:
    x = np.arange(10)
    for arguments, left, right in [
        ({"left_size": 0.8}, 8, 2),
        ({"right_size": 3}, 7, 3),
        ({"left_size": 2, "right_size": 0.5}, 2, 5),
    ]:
        first, second = utils.split_dataset(x, **arguments)
        assert isinstance(first, tf.data.Dataset)
        assert _rows(first) == list(range(left))
        assert _rows(second) == list(range(10 - right, 10))


def test_split_dataset_keeps_pairs_together_and_shuffles_from_a_seed() -> None:
    x, y = np.arange(20), np.arange(20) * 2.0
    first, second = utils.split_dataset((x, y), left_size=0.75, shuffle=True, seed=4)
    pairs = [(int(a), float(b)) for a, b in [*first, *second]]
    assert [b for _, b in pairs] == [2.0 * a for a, _ in pairs]
    order = [a for a, _ in pairs]
    assert sorted(order) == list(range(20)) and order != list(range(20))
    again, _ = utils.split_dataset((x, y), left_size=0.75, shuffle=True, seed=4)
    assert _rows(again) == order[:15]
    other, _ = utils.split_dataset((x, y), left_size=0.75, shuffle=True, seed=5)
    assert _rows(other) != order[:15]


def test_split_dataset_of_a_dataset() -> None:
    whole = tf.data.Dataset.from_tensor_slices({"a": np.arange(5), "b": np.ones((5, 2))})
    first, second = utils.split_dataset(whole, left_size=2)
    assert [int(row["a"]) for row in first] == [0, 1]
    assert [int(row["a"]) for row in second] == [2, 3, 4]
    assert next(iter(second))["b"].shape == (2,)
    first, _ = utils.split_dataset([5, 6, 7], 1)
    assert _rows(first) == [5]
    pairs = tf.data.Dataset.from_tensor_slices((np.arange(4), np.arange(4)))
    first, second = utils.split_dataset(pairs, right_size=1)
    assert _rows(second) == [3]


def test_set_random_seed_seeds_all_three() -> None:
    def draw():
        return python_random.random(), np.random.random(), float(tf.random.uniform([]))

    for seed in (3, np.int64(3), 2**40 + 3):
        utils.set_random_seed(seed)
        first = draw()
        assert draw() != first
        utils.set_random_seed(seed)
        assert draw() == first


def test_the_same_seed_makes_the_same_model_and_the_same_dropout() -> None:
    def run():
        utils.set_random_seed(7)
        model = tf.keras.Sequential(
            [tf.keras.layers.Dense(4, input_shape=(3,)), tf.keras.layers.Dropout(0.5)]
        )
        x = np.ones((2, 3), "float32")
        return [model(x, training=True).numpy() for _ in range(2)]

    first = run()
    assert (first[0] != first[1]).any()
    np.testing.assert_array_equal(run(), first)


def test_clear_session_starts_names_again() -> None:
    utils.clear_session()
    names = [tf.keras.layers.Flatten().name for _ in range(2)]
    assert names == ["flatten", "flatten_1"]
    utils.clear_session(free_memory=False)
    assert tf.keras.layers.Flatten().name == "flatten"


def test_config_has_keras_defaults() -> None:
    for name in ("floatx", "epsilon", "image_data_format"):
        assert getattr(tf.keras.config, name)() == getattr(keras.config, name)()
    tf.keras.config.set_epsilon(1e-4)
    try:
        made = tf.keras.constraints.UnitNorm()(tf.constant([[1.0]])).numpy()
        np.testing.assert_allclose(made, [[1 / 1.0001]], rtol=1e-7)
    finally:
        tf.keras.config.set_epsilon(1e-7)


# --- windows of a series --------------------------------------------------------------------------------

WINDOWS = [
    {"sequence_length": 10, "sampling_rate": 2, "sequence_stride": 3},
    {"sequence_length": 4, "batch_size": 3},
    {"sequence_length": 4, "batch_size": None, "sequence_stride": 5},
    {"sequence_length": 5, "start_index": 7, "end_index": 40, "sequence_stride": 2},
    {"sequence_length": 33, "start_index": 7, "end_index": 40},
]


@pytest.mark.parametrize("arguments", WINDOWS, ids=str)
def test_windows_of_a_series(arguments) -> None:
    data = np.stack([np.arange(99), -np.arange(99)], axis=1)
    dataset = utils.timeseries_dataset_from_array(data, np.arange(99) * 0.5, **arguments)
    windows, targets = zip(*[(x.numpy(), y.numpy()) for x, y in dataset], strict=True)
    if arguments.get("batch_size", 128) is None:
        windows, targets = np.stack(windows), np.stack(targets)
    else:
        assert {len(w) for w in windows[:-1]} <= {arguments.get("batch_size", 128)}
        windows, targets = np.concatenate(windows), np.concatenate(targets)
    first, end = arguments.get("start_index", 0), arguments.get("end_index", 99)
    rate, stride = arguments.get("sampling_rate", 1), arguments.get("sequence_stride", 1)
    expected = []
    start = first
    while start + (arguments["sequence_length"] - 1) * rate < end:
        expected.append([data[start + i * rate] for i in range(arguments["sequence_length"])])
        start += stride
    np.testing.assert_array_equal(windows, expected)
    np.testing.assert_array_equal(targets, windows[:, 0, 0] * 0.5)


def test_windows_without_targets_and_in_another_order() -> None:
    def read(**arguments):
        ds = utils.timeseries_dataset_from_array(np.arange(30), None, 3, batch_size=4, **arguments)
        return np.concatenate([x.numpy() for x in ds])

    plain = read()
    assert plain.shape == (28, 3)
    mixed = read(shuffle=True, seed=3)
    assert (mixed != plain).any()
    np.testing.assert_array_equal(mixed[np.argsort(mixed[:, 0])], plain)
    np.testing.assert_array_equal(read(shuffle=True, seed=3), mixed)
    # One target a window: where there are fewer of them, there are fewer windows.
    ds = utils.timeseries_dataset_from_array(np.arange(30), np.arange(20), 3)
    assert sum(len(y) for _, y in ds) == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"sequence_length": 0},
            "sequence_length is between 1 and the 9 steps of the series, not 0",
        ),
        ({"sequence_length": 2, "sampling_rate": 10}, "sampling_rate is between 1 and the 9 steps"),
        ({"sequence_length": 2, "sequence_stride": -1}, "not -1"),
        ({"sequence_length": 2, "start_index": 9}, "from 9 to before 9 cannot be taken"),
        ({"sequence_length": 2, "end_index": 12}, "from 0 to before 12 cannot be taken"),
        ({"sequence_length": 4, "sampling_rate": 3}, "No window fits"),
    ],
)
def test_windows_that_do_not_fit(arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        utils.timeseries_dataset_from_array(np.arange(9), None, **arguments)
