"""What fit, evaluate and predict feed on: arrays, structures, Datasets, PyDatasets, generators, iterators."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.keras.trainer.epochs import Epochs
from engine.keras.trainer.feeding import (
    ArrayFeed,
    as_arrays,
    feed_of,
    pack_x_y_sample_weight,
    split,
    unpack_x_y_sample_weight,
    weights_of_classes,
)

X = np.arange(20, dtype=np.float32).reshape(10, 2)
Y = np.arange(10, dtype=np.float32)[:, None]


class Seen(tf.keras.Model):
    """A model that notes the batches it is given, and learns nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[Any] = []

    def call(self, inputs: Any) -> Any:
        return inputs

    def train_step(self, data: Any) -> dict[str, Any]:
        self.batches.append(tf.nest.map_structure(lambda leaf: leaf.numpy(), data))
        return {"loss": tf.constant(0.0)}


def seen(x: Any, y: Any = None, **options: Any) -> list[Any]:
    """The batches that `fit` makes of this."""
    model = Seen()
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(x, y, **({"verbose": 0, "shuffle": False} | options))
    return model.batches


def rows(batches: list[Any]) -> list[list[float]]:
    """The first column of x in each batch, halved: the numbers of the examples."""
    first = [batch[0] if isinstance(batch, tuple) else batch for batch in batches]
    return [(x[:, 0] / 2).tolist() for x in first]


def some(size: int = 4, times: int = 1) -> Iterator[Any]:
    for _ in range(times):
        for start in range(0, 10, size):
            yield X[start : start + size], Y[start : start + size]


# --- arrays ---------------------------------------------------------------------------------------


def test_arrays_are_cut_into_batches_and_floats_are_float32() -> None:
    batches = seen(X.astype(np.float64), Y.astype(np.float64), batch_size=4)
    assert rows(batches) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert {leaf.dtype for batch in batches for leaf in batch} == {np.dtype("float32")}
    assert [len(batch[0]) for batch in seen(X, Y, steps_per_epoch=5)] == [2] * 5
    assert len(seen(X, Y)) == 1 and len(seen(np.repeat(X, 4, 0))) == 2  # 32 by default


def test_structures_keep_their_form() -> None:
    (batch,) = seen({"a": X, "b": [Y, X]}, (Y, Y))
    assert sorted(batch[0]) == ["a", "b"] and len(batch[0]["b"]) == 2
    assert isinstance(batch[1], list) and len(batch[1]) == 2
    (alone,) = seen([X, Y])
    assert isinstance(alone, tuple) and len(alone) == 1, "else its parts would pass for x and y"
    (weighted,) = seen(X, Y, sample_weight=Y[:, 0])
    assert len(weighted) == 3


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        ([1.0, 2.0], (2,)),
        ([[1, 2], [3, 4]], (2, 2)),
        ((1, 2, 3), (3,)),
        (tf.ones([2, 3]), (2, 3)),
        (tf.Variable([1.0]), (1,)),
        ([np.float32(1), np.float32(2)], (2,)),
    ],
)
def test_what_a_learner_writes_is_an_array(data: Any, shape: tuple[int, ...]) -> None:
    assert as_arrays(data, "x").shape == shape


def test_shuffling_depends_on_the_seed_and_the_number_of_the_epoch_alone() -> None:
    def order(**options: Any) -> list[list[float]]:
        tf.keras.utils.set_random_seed(3)
        return rows(seen(X, Y, batch_size=4, shuffle=True, **options))

    first = order(epochs=3)
    assert first == order(epochs=3)
    assert first[3:] == order(epochs=3, initial_epoch=1), (
        "so that a restored run goes on as it would"
    )
    assert sorted(chain(*first[:3])) == list(range(10)) and first[:3] != first[3:6]
    within = rows(seen(X, Y, batch_size=4, shuffle="batch"))
    assert [sorted(batch) for batch in within] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_several_inputs_are_fed_by_position_and_by_name() -> None:
    a, b = tf.keras.Input((1,), name="a"), tf.keras.Input((2,), name="b")
    model = tf.keras.Model([a, b], tf.keras.layers.Concatenate()([a, b]))
    expected = np.concatenate([Y, X], 1)
    for data in ([Y, X], (Y[:, 0], X), {"b": X, "a": Y}, {"b": X.tolist(), "a": Y[:, 0]}):
        np.testing.assert_array_equal(model.predict(data, verbose=0), expected)
    for data in ([X, X], {"a": X, "b": X}):
        with pytest.raises(ValueError, match=r"input .* of shape \(batch, 1\), but got \(10, 2\)"):
            model.predict(data, verbose=0)
    with pytest.raises(ValueError, match=r"needs the inputs \['a', 'b'\].*'b'\] is missing"):
        model.predict({"a": Y, "c": X}, verbose=0)


def test_whole_numbers_reach_an_input_for_whole_numbers_unchanged() -> None:
    layers = [tf.keras.Input((1,), dtype="int32"), tf.keras.layers.Flatten()]
    large = np.int32([[2**24 + 1]])  # which float32 cannot hold
    assert tf.keras.Sequential(layers).predict(large, verbose=0) == large


def test_weights_of_classes() -> None:
    weights = {0: 0.5, 2: 3.0}
    for labels in ([0, 1, 2, 0], [[0], [1], [2], [0]], np.eye(3)[[0, 1, 2, 0]]):
        found = weights_of_classes(np.asarray(labels), weights)
        assert found.tolist() == [0.5, 1.0, 3.0, 0.5] and found.dtype == np.float32


def test_the_last_part_is_held_out() -> None:
    (x, y, w), held = split((X, {"a": Y, "b": Y}, None), 0.25)
    assert len(x) == len(y["a"]) == 7 and w is None
    assert held[0][:, 0].tolist() == [14, 16, 18] and len(held[1]["b"]) == 3


def test_packing_is_undone_by_unpacking() -> None:
    for parts in ((1, None, None), (1, 2, None), (1, 2, 3), ([1, 2], None, None)):
        assert unpack_x_y_sample_weight(pack_x_y_sample_weight(*parts)) == parts
    assert tf.keras.utils.unpack_x_y_sample_weight([1, 2]) == (1, 2, None)


# --- what gives batches -----------------------------------------------------------------------------


class Numbered(tf.keras.utils.PyDataset):
    """Batches by number; `log` says when epochs began and ended."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.log: list[str] = []

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        return X[4 * index : 4 * index + 4], Y[4 * index : 4 * index + 4]

    def on_epoch_begin(self) -> None:
        self.log.append("begin")

    def on_epoch_end(self) -> None:
        self.log.append("end")


class Loader:
    """Any iterable that begins anew each time, as PyTorch's DataLoader does; it gives lists."""

    def __iter__(self) -> Iterator[Any]:
        return (list(batch) for batch in some())


SOURCES: dict[str, Callable[[], Any]] = {
    "Dataset": lambda: tf.data.Dataset.from_tensor_slices((X, Y)).batch(4),
    "PyDataset": Numbered,
    "PyDataset with threads": lambda: Numbered(workers=2, max_queue_size=2),
    "iterable": Loader,
    "generator": lambda: some(times=2),
    "generator of lists": lambda: ((x.tolist(), y.tolist()) for x, y in some(times=2)),
    "iterator": lambda: iter([*some(), *some()]),
}


@pytest.mark.parametrize("name", SOURCES)
def test_sources_of_batches_feed_two_epochs(name: str) -> None:
    endless = "gener" in name or name == "iterator"
    batches = seen(SOURCES[name](), epochs=2, steps_per_epoch=3 if endless else None)
    assert rows(batches) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]] * 2
    assert all(batch[1].shape == (len(batch[0]), 1) for batch in batches)


@pytest.mark.parametrize("name", SOURCES)
def test_sources_of_batches_give_what_arrays_give(name: str) -> None:
    model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
    model.set_weights([np.float32([[0.5], [-0.25]]), np.float32([0.1])])
    model.compile("sgd", "mse", metrics=["mae"])
    expected = model.evaluate(X, Y, batch_size=4, verbose=0)
    steps = 3 if "gener" in name or name == "iterator" else None
    np.testing.assert_allclose(model.evaluate(SOURCES[name](), steps=steps, verbose=0), expected)
    np.testing.assert_allclose(
        model.predict(SOURCES[name](), steps=steps, verbose=0),
        model.predict(X, verbose=0),
        rtol=1e-6,
    )


PROCESSES = """
import os
import numpy as np
import engine as tf

class Rows(tf.keras.utils.PyDataset):
    def __len__(self):
        return 3
    def __getitem__(self, number):
        return np.float32([[number, os.getpid() != parent]]), np.float32([[0.0]])

parent = os.getpid()
model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Flatten()])
print(model.predict(Rows(workers=2, use_multiprocessing=True), verbose=0).tolist())
"""


def test_the_workers_of_a_pydataset_may_be_processes() -> None:
    # In a Python of its own: this one has threads, which a new process does not take along.
    done = subprocess.run(
        [sys.executable, "-c", PROCESSES], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]]", done.stderr


def test_a_pydataset_hears_of_epochs_and_its_batches_are_shuffled() -> None:
    dataset = Numbered()
    tf.keras.utils.set_random_seed(0)
    found = rows(seen(dataset, epochs=4, shuffle=True))
    assert dataset.log == ["begin", "end"] * 4
    epochs = [found[i : i + 3] for i in range(0, 12, 3)]
    assert all(sorted(epoch)[0] == [0, 1, 2, 3] for epoch in epochs)
    assert any(epoch != epochs[0] for epoch in epochs)


def test_an_epoch_may_end_in_the_middle_of_a_pass() -> None:
    found = rows(seen(X, Y, batch_size=2, steps_per_epoch=2, epochs=2))
    assert found == [[0, 1], [2, 3], [4, 5], [6, 7]]
    endless = tf.data.Dataset.from_tensor_slices((X, Y)).batch(4).repeat()
    assert rows(seen(endless, steps_per_epoch=2, epochs=2)) == [
        [0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [0, 1, 2, 3],
    ]  # fmt: skip


def test_classes_are_weighted_in_batches_of_a_dataset_too() -> None:
    labels = np.int32([0, 1] * 5)
    dataset = tf.data.Dataset.from_tensor_slices((X, labels)).batch(5)
    found = seen(dataset, class_weight={1: 2.0})
    assert np.concatenate([batch[2] for batch in found]).tolist() == [1.0, 2.0] * 5


def test_data_that_run_out_end_training_with_a_warning() -> None:
    model = Seen()
    model.compile("sgd", "mse", run_eagerly=True)
    with pytest.warns(UserWarning, match="The data ran out"):
        history = model.fit(some(), epochs=3, verbose=0)
    assert history.epoch == [0] and len(model.batches) == 3
    with pytest.warns(UserWarning, match="steps_per_epoch"):
        history = model.fit(some(), epochs=3, steps_per_epoch=2, verbose=0)
    assert history.epoch == [0, 1], "the second epoch had one batch"


def test_the_number_of_batches_is_found_out_in_the_first_epoch() -> None:
    epochs = Epochs(feed_of(Loader()))
    assert epochs.num_batches is None
    with pytest.raises(StopIteration):
        for _, last, batches in epochs.batches(0):
            next(batches)
            done = last + 1
    assert done == 3 and not epochs.ran_out(done) and epochs.num_batches == 3
    assert [last for _, last, _ in epochs.batches(1)] == [0, 1, 2]


def test_a_generator_that_is_used_up_is_told() -> None:
    model, batches = compiled(), some()
    model.fit(batches, verbose=0)
    for use in (model.fit, model.evaluate, model.predict):
        with pytest.raises(ValueError, match="gave no batch"):
            use(batches, verbose=0)
    empty = tf.data.Dataset.from_tensor_slices((X, Y)).batch(4).take(0)
    for use in (model.fit, model.evaluate, model.predict):  # by now it is built
        with pytest.raises(ValueError, match="gave no batch"):
            use(empty, verbose=0)


def test_nan_is_found_in_the_data() -> None:
    bad = X.copy()
    bad[3, 1] = np.nan
    assert ArrayFeed(bad, Y).why_nan() == "x (first in row 3)"
    assert ArrayFeed(X, Y).why_nan() == ""


# --- errors -----------------------------------------------------------------------------------------


def compiled() -> Any:
    model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


ERRORS: dict[str, tuple[Callable[[], Any], type[Exception], list[str]]] = {
    "lengths": (
        lambda: compiled().fit(X, Y, sample_weight=Y[:3, 0]),
        ValueError,
        ["10 and 3", "x: 10", "sample_weight: 3"],
    ),
    "batch_size": (lambda: compiled().fit(X, Y, batch_size=0), ValueError, ["positive", "0"]),
    "no batch axis": (
        lambda: compiled().fit(X, 3.0),
        ValueError,
        ["fit: y", "batch axis", "[3.0]"],
    ),
    "y beside a generator": (lambda: compiled().fit(some(), Y), ValueError, ["y", "generator"]),
    "weights beside a Dataset": (
        lambda: compiled().fit(tf.data.Dataset.range(3), sample_weight=Y),
        ValueError,
        ["sample_weight", "Dataset"],
    ),
    "split of a generator": (
        lambda: compiled().fit(some(), validation_split=0.5),
        ValueError,
        ["validation_split needs arrays", "validation_data"],
    ),
    "split of one example": (
        lambda: compiled().fit(X[:1], Y[:1], validation_split=0.5),
        ValueError,
        ["leaves one part empty"],
    ),
    "split by 2": (
        lambda: compiled().fit(X, Y, validation_split=2.0),
        ValueError,
        ["between 0 and 1"],
    ),
    "an empty generator": (lambda: compiled().fit(iter([])), ValueError, ["gave no batch"]),
    "an empty Dataset": (
        lambda: compiled().fit(tf.data.Dataset.from_tensor_slices((X, Y)).batch(4).take(0)),
        ValueError,
        ["gave no batch"],
    ),
    "data without an end": (
        lambda: compiled().fit(tf.data.Dataset.from_tensor_slices((X, Y)).batch(4).repeat()),
        ValueError,
        ["no end", "steps_per_epoch="],
    ),
    "a batch of four": (
        lambda: compiled().fit(iter([(X, Y, Y, Y)])),
        ValueError,
        ["tuple of 4", "sample_weight"],
    ),
    "no data": (lambda: compiled().fit(object(), Y[:0]), ValueError, ["object"]),
    "what cannot be iterated": (lambda: compiled().fit(object()), TypeError, ["object", "Dataset"]),
    "both kinds of weights": (
        lambda: compiled().fit(X, Y, class_weight={0: 1.0}, sample_weight=Y[:, 0]),
        ValueError,
        ["cannot both be given", "product"],
    ),
    "class weights of several outputs": (
        lambda: compiled().fit(X, [Y, Y], class_weight={0: 1.0}),
        ValueError,
        ["single output"],
    ),
    "several arrays for one input": (
        lambda: compiled().fit([X, X], Y),
        ValueError,
        ["one input", "np.stack"],
    ),
    "validation_freq": (
        lambda: compiled().fit(X, Y, validation_data=(X, Y), validation_freq=0.5, verbose=0),
        ValueError,
        ["validation_freq", "0.5"],
    ),
    "steps": (lambda: compiled().predict(X, steps=0), ValueError, ["steps", "positive"]),
    "a PyDataset without batches": (
        lambda: compiled().fit(tf.keras.utils.PyDataset()),
        NotImplementedError,
        ["__len__"],
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_the_error_says_what_was_given_and_the_fix(name: str) -> None:
    call, kind, parts = ERRORS[name]
    with pytest.raises(kind) as caught:
        call()
    missing = [part for part in parts if part not in str(caught.value)]
    assert not missing, f"{missing} not in: {caught.value}"
