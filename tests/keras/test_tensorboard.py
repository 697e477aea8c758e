"""TensorBoard's files: read back by a decoder of its own, and compared with those that Keras wrote."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.keras.callbacks.event_file import EventFile, message, record, summary_event
from tests.keras.record_tensorboard import PATH, RUNS, train

RECORDED = json.loads(PATH.read_text(encoding="utf-8"))
KERAS_FILE = base64.b64decode(RECORDED["file"])

# --- the decoder: as the formats are described, and not as the engine writes them ----------------------


def remainder(data: bytes) -> int:
    """CRC32C by division of polynomials, bit by bit, the first bit being the lowest of the first byte."""
    bits = [byte >> place & 1 for byte in data for place in range(8)] + [0] * 32
    for place in range(32):
        bits[place] ^= 1
    polynomial = [int(bit) for bit in f"{0x1EDC6F41:032b}"]
    for place in range(len(bits) - 32):
        if bits[place]:
            for offset, bit in enumerate(polynomial, start=place + 1):
                bits[offset] ^= bit
    return sum((1 - bit) << place for place, bit in enumerate(bits[-32:]))


def checks(data: bytes, stored: bytes) -> bool:
    crc = remainder(data)
    turned = ((crc >> 15) | (crc << 17)) % 2**32
    return struct.unpack("<I", stored)[0] == (turned + 0xA282EAD8) % 2**32


def records(data: bytes, verify: bool = True) -> list[bytes]:
    """The records of a TFRecord file, each with its check sums verified."""
    found, at = [], 0
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        body = data[at + 12 : at + 12 + size]
        if verify:
            assert checks(data[at : at + 8], data[at + 8 : at + 12])
            assert checks(body, data[at + 12 + size : at + 16 + size])
        assert len(body) == size
        found.append(body)
        at += 16 + size
    assert at == len(data)
    return found


def fields(data: bytes) -> dict[int, list[Any]]:
    """The fields of a protocol buffer by their numbers."""
    found: dict[int, list[Any]] = {}
    rest = list(data)[::-1]

    def varint() -> int:
        total, shift = 0, 0
        while True:
            byte = rest.pop()
            total += (byte % 128) << shift
            shift += 7
            if byte < 128:
                return total

    def take(count: int) -> bytes:
        return bytes(rest.pop() for _ in range(count))

    while rest:
        number, kind = divmod(varint(), 8)
        if kind == 0:
            value: Any = varint()
        elif kind == 1:
            value = struct.unpack("<d", take(8))[0]
        elif kind == 2:
            value = take(varint())
        else:
            raise AssertionError(f"wire type {kind}")
        found.setdefault(number, []).append(value)
    return found


def one(found: dict[int, list[Any]], number: int, default: Any = b"") -> Any:
    (value,) = found.get(number, [default])
    return value


def events(data: bytes, verify: bool = True) -> list[list[Any]]:
    """Of every event [tag, step, [plugin, its content, class], dtype, numbers]; the first is the version."""
    version, *others = [fields(body) for body in records(data, verify)]
    assert one(version, 3) == b"brain.Event:2" and 5 not in version
    found = []
    for event in others:
        value = fields(one(fields(one(event, 5)), 1))
        about = fields(one(value, 9))
        plugin = fields(one(about, 1))
        tensor = fields(one(value, 8))
        shape = [one(fields(size), 1) for size in fields(one(tensor, 2)).get(2, [])]
        kind = one(tensor, 1)
        content: Any = one(tensor, 8).decode()
        if kind in (1, 2):
            array = np.frombuffer(one(tensor, 4), {1: "<f4", 2: "<f8"}[kind])
            content = array.reshape(shape).tolist()
        names = [one(plugin, 1).decode(), one(plugin, 2).decode(), one(about, 4, 0)]
        found.append([one(value, 1).decode(), one(event, 2, 0), names, kind, content])
    return found


def runs(folder: Path, verify: bool = True) -> dict[str, list[list[Any]]]:
    """The events of each run of a folder, in the order of writing."""
    found: dict[str, list[list[Any]]] = {}
    for path in sorted(folder.glob("*/*")):
        assert path.name.startswith("events.out.tfevents.")
        found.setdefault(path.parent.name, []).extend(events(path.read_bytes(), verify))
    return found


# --- the form ------------------------------------------------------------------------------------------


def test_the_decoder_reads_the_file_of_keras() -> None:
    read = events(KERAS_FILE)
    assert len(read) == 12 and read == RECORDED["runs"]["epochs"]["validation"][:12]
    assert read[0][:2] == ["evaluation_loss_vs_iterations", 5]
    spoilt = bytearray(KERAS_FILE)
    spoilt[-10] ^= 1
    with pytest.raises(AssertionError):
        events(bytes(spoilt))


def test_events_are_byte_for_byte_those_of_tensorflow() -> None:
    bodies = records(KERAS_FILE)[1:]
    for body, (tag, step, names, _, value) in zip(bodies, events(KERAS_FILE), strict=True):
        now = one(fields(body), 1)
        assert sorted(summary_event(tag, np.float32(value), step, names[0], b"", now)) == sorted(
            body
        )
    again = b"".join(map(record, records(KERAS_FILE)))
    assert again == KERAS_FILE


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**31, 2**62])
def test_numbers_of_any_length(number: int) -> None:
    made = message((3, number), (1, -2.5), (2, "é"), (2, b"\0\1"))
    assert fields(made) == {3: [number], 1: [-2.5], 2: ["é".encode(), b"\0\1"]}


def test_histograms_count_every_finite_value_once(tmp_path: Path) -> None:
    file = EventFile(tmp_path / "run")
    file.histogram("same", np.full((3, 4), 2.5, "float32"), 0)
    file.histogram("spread", np.arange(61.0), 7)
    file.histogram("nothing", np.array([np.nan, np.inf]), 2**40)
    file.close()
    same, spread, nothing = runs(tmp_path)["run"]
    assert same[4][-1] == [2.5, 2.5, 12.0] and sum(row[2] for row in same[4]) == 12
    assert [row[2] for row in spread[4]] == [2.0] * 29 + [3.0]
    assert spread[4][0][:2] == [0.0, 2.0] and spread[4][-1][1] == 60.0
    assert spread[1] == 7 and nothing[1] == 2**40 and np.array(nothing[4]).shape == (30, 3)


# --- the callback --------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", RUNS)
def test_fit_and_evaluate_write_what_keras_writes(run: str, tmp_path: Path) -> None:
    train(tf.keras, tf.keras.callbacks.TensorBoard(tmp_path, **RUNS[run]))
    ours, theirs = runs(tmp_path, verify=run == "epochs"), RECORDED["runs"][run]
    assert set(ours) == set(theirs)
    for name, expected in theirs.items():
        if run == "epochs" and name == "train":
            expected = expected[:-1]  # evaluate writes the layers again
        written = ours[name]
        if (
            run == "some batches"
        ):  # Keras leaves validations out unless their number is one of the batches'
            written = [event for event in written if not event[0].startswith("evaluation")]
        assert len(written) == len(expected)
        for own, other in zip(written, expected, strict=True):
            assert own[0] == other[0].removeprefix("fitted/")
            assert own[1:4] == other[1:4]
            if other[4] is not None:
                np.testing.assert_allclose(own[4], other[4], rtol=2e-5, atol=2e-6)


def small(k: Any = tf.keras) -> Any:
    model = k.Sequential([k.Input((2,)), k.layers.Dense(3, name="classes", activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


X, LABELS = np.eye(2, dtype="float32").repeat(4, 0), np.arange(8) % 3


def test_the_layers_are_written_as_the_config_of_the_model(tmp_path: Path) -> None:
    model = small()
    model.fit(X, LABELS, verbose=0, callbacks=[tf.keras.callbacks.TensorBoard(tmp_path)])
    layers, *numbers = runs(tmp_path)["train"]
    assert layers[:4] == ["keras", 0, ["graph_keras_model", "1", 0], 7]
    assert layers[4] == model.to_json() and "classes" in layers[4]
    names = {name for name, *_ in numbers}
    assert names == {"epoch_loss", "epoch_accuracy", "epoch_learning_rate"}


def test_the_learning_rate_is_the_one_that_a_schedule_gives(tmp_path: Path) -> None:
    model = small()
    rate = tf.keras.optimizers.schedules.ExponentialDecay(0.5, 4, 0.5)
    model.compile(tf.keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
    board = tf.keras.callbacks.TensorBoard(tmp_path, write_graph=False)
    model.fit(X, LABELS, batch_size=2, epochs=2, verbose=0, callbacks=[board])
    rates = [event[4] for event in runs(tmp_path)["train"] if event[0] == "epoch_learning_rate"]
    assert rates == [0.25, 0.125]


def test_epochs_are_written_also_when_they_end_between_the_batches_asked_for(
    tmp_path: Path,
) -> None:
    board = tf.keras.callbacks.TensorBoard(
        tmp_path, write_graph=False, update_freq=3, write_steps_per_second=True
    )
    small().fit(X, LABELS, batch_size=2, epochs=2, verbose=0, callbacks=[board])
    found = [(tag, step) for tag, step, *_ in runs(tmp_path)["train"]]
    assert [step for tag, step in found if tag == "batch_loss"] == [3, 6]
    assert [step for tag, step in found if tag == "epoch_loss"] == [0, 1]
    speeds = [event for event in runs(tmp_path)["train"] if event[0].endswith("steps_per_second")]
    assert [event[:2] for event in speeds] == [
        ["batch_steps_per_second", 3], ["epoch_steps_per_second", 0],
        ["batch_steps_per_second", 6], ["epoch_steps_per_second", 1],
    ]  # fmt: skip
    assert all(event[4] > 0 for event in speeds)


def test_two_weights_of_one_name_have_two_histograms(tmp_path: Path) -> None:
    k = tf.keras
    model = k.Sequential([k.Input((3, 2)), k.layers.Bidirectional(k.layers.LSTM(2), name="both")])
    model.compile("sgd", "mse")
    board = k.callbacks.TensorBoard(tmp_path, histogram_freq=1, write_graph=False)
    model.fit(np.ones((4, 3, 2)), np.ones((4, 4)), verbose=0, callbacks=[board])
    tags = [event[0] for event in runs(tmp_path, verify=False)["train"] if "histogram" in event[0]]
    assert len(tags) == len(set(tags)) == 6 and all(tag.startswith("both/") for tag in tags)


def test_batches_are_not_watched_unless_asked_for(tmp_path: Path) -> None:
    from engine.keras.trainer.epochs import Hooks

    def heard(**arguments: Any) -> list[Any]:
        board = tf.keras.callbacks.TensorBoard(tmp_path, **arguments)
        return Hooks([board], None, steps=1, verbose=0).wanted("on_train_batch_end")

    assert heard() == [] and len(heard(update_freq=5)) == 1

    class Mine(tf.keras.callbacks.TensorBoard):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            super().on_train_batch_end(batch, {**logs, "mine": batch})

    board = Mine(tmp_path, update_freq="batch", write_graph=False)
    small().fit(X, LABELS, batch_size=4, verbose=0, callbacks=[board])
    mine = [event for event in runs(tmp_path)["train"] if event[0] == "batch_mine"]
    assert [(event[1], event[4]) for event in mine] == [(1, 0.0), (2, 1.0)]


def test_a_second_run_does_not_overwrite_the_first(tmp_path: Path) -> None:
    model, board = small(), tf.keras.callbacks.TensorBoard(tmp_path, write_graph=False)
    model.fit(X, LABELS, verbose=0, callbacks=[board])
    model.fit(X, LABELS, initial_epoch=1, epochs=2, verbose=0, callbacks=[board])
    assert len(list((tmp_path / "train").iterdir())) == 2
    steps = [event[1] for event in runs(tmp_path)["train"] if event[0] == "epoch_loss"]
    assert sorted(steps) == [0, 1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"update_freq": 0}, "a number of batches, not 0"),
        ({"update_freq": "never"}, "'epoch', 'batch' or a number of batches, not 'never'"),
        ({"write_images": True}, "write_images=True: histogram_freq=1"),
        ({"profile_batch": (2, 3)}, r"profile_batch=\(2, 3\): TensorBoard's profiler"),
        ({"embeddings_freq": 1}, "embeddings_freq=1: its projector"),
    ],
)
def test_what_is_not_written_is_refused_with_the_reason(
    arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        tf.keras.callbacks.TensorBoard("logs", **arguments)
