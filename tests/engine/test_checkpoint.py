"""tf.train: what is saved comes back, also in objects that are built later, and after a crash."""

from __future__ import annotations

import gc
import json
import os
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.errors import DataLossError, NotFoundError
from engine.variable import awaited

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


@pytest.fixture(autouse=True)
def nothing_awaited() -> Any:
    """A checkpoint restored in part waits for the rest as long as its objects live, and no longer."""
    yield
    gc.collect()
    assert awaited == []


class Net(tf.Module):
    """Variables in every kind of place."""

    def __init__(self, start: float = 0.0):
        super().__init__()
        self.w = tf.Variable([start, start])
        self.parts = [tf.Variable(start), (tf.Variable(start), 7)]
        self.named = {"a/b.c": tf.Variable(start), "note": "text"}
        self.inner = Inner(start)
        self.again = self.inner
        self.owner = self


class Inner(tf.Module):
    def __init__(self, start: float):
        super().__init__()
        self.v = tf.Variable(start)


# --- what is saved and how it is called -----------------------------------------------------------------


def test_values_come_back_from_every_kind_of_place(tmp_path):
    saved = Net(1.0)
    saved.w.assign([1.5, 2.5])
    saved.parts[1][0].assign(4.0)
    saved.named["a/b.c"].assign(5.0)
    saved.inner.v.assign(6.0)
    path = tf.train.Checkpoint(net=saved).save(tmp_path / "deep" / "er" / "ckpt")
    assert path == str(tmp_path / "deep" / "er" / "ckpt-1")
    new = Net()
    checkpoint = tf.train.Checkpoint(net=new)
    status = checkpoint.restore(path)
    assert status.assert_consumed() is status.assert_existing_objects_matched() is status
    assert status.assert_nontrivial_match().expect_partial() is status
    assert new.w.numpy().tolist() == [1.5, 2.5]
    assert [v.numpy() for v in (new.parts[0], new.parts[1][0], new.inner.v)] == [1.0, 4.0, 6.0]
    assert new.named["a/b.c"].numpy() == 5.0 and new.again.v is new.inner.v
    assert checkpoint.save_counter.numpy() == 1
    assert checkpoint.save(tmp_path / "ckpt") == str(tmp_path / "ckpt-2")


def test_names_of_values_are_tensorflows(tmp_path):
    """Recorded from TensorFlow 2.21 for the same objects, without its entry for the object graph."""
    net = Net()
    path = tf.train.Checkpoint(net=net, g=tf.random.Generator.from_seed(1)).save(tmp_path / "c")
    expected = {
        "g/_state_var": [2],  # TensorFlow: [3]
        "net/inner/v": [],
        "net/named/a.Sb..c": [],
        "net/parts/0": [],
        "net/parts/1/0": [],
        "net/w": [2],
        "save_counter": [],
    }
    assert tf.train.list_variables(path) == sorted((k + VALUE, s) for k, s in expected.items())


DTYPES = [d for d in tf.dtypes.ALL if d is not tf.string]


@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (2, 1, 2)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
def test_every_dtype_survives_bit_by_bit(tmp_path, dtype, shape):
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2 if dtype is tf.bool else 100, shape) / (4 if dtype.size > 1 else 1)
    before = tf.Variable(tf.cast(tf.constant(values), dtype))
    after = tf.Variable(tf.zeros(shape, dtype))
    path = tf.train.Checkpoint(v=before).write(tmp_path / "c")
    tf.train.Checkpoint(v=after).read(path).assert_consumed()
    assert after.dtype is dtype and after.numpy().tobytes() == before.numpy().tobytes()
    reader = tf.train.load_checkpoint(path)
    assert reader.get_variable_to_dtype_map() == {"v" + VALUE: dtype}
    assert reader.get_tensor("v" + VALUE).tobytes() == before.numpy().tobytes()


def test_nan_infinity_and_strings_survive(tmp_path):
    numbers = tf.Variable([np.nan, np.inf, -np.inf, -0.0, 5e-324], dtype=tf.float64)
    words = tf.Variable([["", "ä€𝄞"], ["b\x00c", "\n"]])
    raw = tf.Variable(b"\xff\xfe")
    path = tf.train.Checkpoint(n=numbers, w=words, r=raw).write(tmp_path / "c")
    others = (tf.Variable(tf.zeros([5], tf.float64)), tf.Variable([["", ""]] * 2), tf.Variable(""))
    tf.train.Checkpoint(n=others[0], w=others[1], r=others[2]).read(path).assert_consumed()
    assert others[0].numpy().tobytes() == numbers.numpy().tobytes()
    assert others[1].numpy().tolist() == words.numpy().tolist()
    assert others[1].numpy()[0, 1] == "ä€𝄞".encode() and others[2].numpy() == b"\xff\xfe"


def test_numpy_reads_the_file_and_nothing_in_it_is_pickled(tmp_path):
    path = tf.train.Checkpoint(w=tf.Variable([1.0, 2.0]), s=tf.Variable(["a"])).write(
        tmp_path / "c"
    )
    with np.load(path + ".npz", allow_pickle=False) as archive:
        assert archive["w" + VALUE].tolist() == [1.0, 2.0]
        assert archive["s" + VALUE].dtype == np.uint8
    assert os.listdir(tmp_path) == ["c.npz"]


def test_a_root_gives_its_own_attributes(tmp_path):
    net = Inner(2.0)
    path = tf.train.Checkpoint(net, step=tf.Variable(3)).save(tmp_path / "c")
    assert [name for name, _ in tf.train.list_variables(path)] == [
        "save_counter" + VALUE,
        "step" + VALUE,
        "v" + VALUE,
    ]
    other = Inner(0.0)
    tf.train.Checkpoint(root=other, step=tf.Variable(0)).restore(path).assert_consumed()
    assert other.v.numpy() == 2.0


def test_an_attribute_set_later_is_saved_too(tmp_path):
    checkpoint = tf.train.Checkpoint()
    checkpoint.step = tf.Variable(4)
    path = checkpoint.write(tmp_path / "c")
    assert tf.train.load_variable(path, "step" + VALUE) == 4


def test_optimizers_models_and_generators_are_saved(tmp_path):
    def made() -> dict[str, Any]:
        model = tf.keras.Sequential([tf.keras.Input([2]), tf.keras.layers.Dense(1)])
        optimizer = tf.keras.optimizers.SGD(0.1, momentum=0.9)
        model.compile(optimizer, "mse")
        return {"model": model, "g": tf.random.Generator.from_seed(3)}

    first, second = made(), made()
    first["model"].fit(np.ones((4, 2)), np.ones((4, 1)), epochs=2, verbose=0)
    first["g"].normal([3])
    path = tf.train.Checkpoint(**first).save(tmp_path / "c")
    second["model"].optimizer.build(second["model"].trainable_variables)
    tf.train.Checkpoint(**second).restore(path).assert_consumed()
    pairs = zip(
        first["model"].optimizer.variables, second["model"].optimizer.variables, strict=True
    )
    for one, other in pairs:
        assert one.numpy().tobytes() == other.numpy().tobytes()
    assert first["g"].normal([5]).numpy().tolist() == second["g"].normal([5]).numpy().tolist()


class Mixed(tf.keras.layers.Layer):
    """A Keras layer that holds what is no Keras layer."""

    def __init__(self):
        super().__init__()
        self.inner = Inner(1.0)
        self._by_name = {"a": tf.Variable(2.0), "net": [Inner(3.0)]}


def test_a_layer_is_searched_through_like_a_module(tmp_path):
    path = tf.train.Checkpoint(layer=Mixed()).write(tmp_path / "c")
    assert [name.removesuffix(VALUE) for name, _ in tf.train.list_variables(path)] == [
        "layer/_by_name/a",
        "layer/_by_name/net/0/v",
        "layer/inner/v",
    ]


def test_metrics_of_a_model_are_not_saved(tmp_path):
    model = tf.keras.Sequential([tf.keras.Input([2]), tf.keras.layers.Dense(1)])
    plain = [
        name
        for name, _ in tf.train.list_variables(tf.train.Checkpoint(model).write(tmp_path / "a"))
    ]
    model.compile("sgd", "mse", metrics=["mae"])
    compiled = tf.train.list_variables(tf.train.Checkpoint(model).write(tmp_path / "b"))
    added = {name for name, _ in compiled} - set(plain)
    assert len(plain) == 2 and {name.split("/")[0] for name in added} == {"optimizer"}


# --- going on where training stopped --------------------------------------------------------------------


class Training:
    """A noisy fit: weights, momentum, step counter and random state all matter for the next step."""

    def __init__(self):
        self.model = tf.keras.Sequential([tf.keras.layers.Dense(4), tf.keras.layers.Dense(1)])
        self.optimizer = tf.keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)
        self.noise = tf.random.Generator.from_seed(11)
        self.step = tf.Variable(0, dtype=tf.int64)
        self.checkpoint = tf.train.Checkpoint(
            model=self.model, optimizer=self.optimizer, noise=self.noise, step=self.step
        )
        self.train_step = tf.function(self._train_step)

    def _train_step(self) -> Any:
        x = self.noise.normal([8, 3])
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self.model(x) - tf.reduce_sum(x, 1, keepdims=True)) ** 2)
        weights = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        self.step.assign_add(1)
        return loss

    def run(self, steps: int) -> list[bytes]:
        self.model.build((None, 3))
        self.optimizer.build(self.model.trainable_variables)
        return [self.train_step().numpy().tobytes() for _ in range(steps)]


@pytest.mark.parametrize("built", [True, False], ids=["into a built model", "before it is built"])
def test_training_goes_on_bit_by_bit(tmp_path, built):
    whole = Training()
    whole.run(5)
    path = whole.checkpoint.save(tmp_path / "ckpt")
    expected = whole.run(5)
    resumed = Training()
    if built:
        resumed.run(2)  # and in another state
    status = resumed.checkpoint.restore(path)
    assert resumed.run(5) == expected
    status.assert_consumed()
    for one, other in zip(whole.model.weights, resumed.model.weights, strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes()
    assert resumed.step.numpy() == resumed.optimizer.iterations.numpy() == 10


# --- what does not fit ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "says"),
    [
        ([1.0, 2.0, 3.0], r"float32 of shape \(2,\).*float32 of shape \(3,\)"),
        ([[1.0, 2.0]], r"\(2,\).*\(1, 2\)"),
        (tf.constant([1.0, 2.0], tf.float64), r"holds float32.*is float64"),
    ],
    ids=["size", "rank", "dtype"],
)
def test_another_shape_or_dtype_is_refused_and_nothing_is_changed(tmp_path, start, says):
    net = Net(1.0)
    path = tf.train.Checkpoint(net=net).save(tmp_path / "ckpt")
    other = Net(0.0)
    other.w = tf.Variable(start)
    with pytest.raises(ValueError, match=f"{says}.* as it was when it was saved") as error:
        tf.train.Checkpoint(net=other).restore(path)
    assert "'net/w/.ATTRIBUTES/VARIABLE_VALUE'" in str(error.value)
    values = [other.parts[0], other.parts[1][0], other.inner.v, other.named["a/b.c"]]
    assert [v.numpy() for v in values] == [0.0] * 4


def test_a_shape_with_open_sizes_takes_what_fits(tmp_path):
    path = tf.train.Checkpoint(v=tf.Variable([[1.0, 2.0]])).write(tmp_path / "c")
    grows = tf.Variable(tf.zeros([0, 2]), shape=[None, 2])
    tf.train.Checkpoint(v=grows).read(path).assert_consumed()
    assert grows.numpy().tolist() == [[1.0, 2.0]]


def test_missing_and_left_over_values_are_named(tmp_path):
    path = tf.train.Checkpoint(a=tf.Variable(1.0), b=tf.Variable(2.0)).save(tmp_path / "c")
    a, c = tf.Variable(0.0), tf.Variable(0.0, name="mine")
    holder = tf.train.Checkpoint(a=a, c=c)
    status = holder.restore(path)
    assert a.numpy() == 1.0 and c.numpy() == 0.0
    with pytest.raises(AssertionError, match=r"1 values .* found no variable: b\."):
        status.assert_consumed()
    with pytest.raises(AssertionError, match=r"1 variables took no value .*: c \(mine:0\)"):
        status.assert_existing_objects_matched()
    status.assert_nontrivial_match()
    path = tf.train.Checkpoint(a=tf.Variable(1.0), b=tf.Variable(2.0)).write(tmp_path / "w")
    holder = tf.train.Checkpoint(other=tf.Variable(0.0))
    with pytest.raises(AssertionError, match=r"knows none of the objects. It has a, b\."):
        holder.restore(path).assert_nontrivial_match()


def test_one_variable_that_became_two_and_two_that_became_one(tmp_path):
    v = tf.Variable(1.0)
    shared = tf.train.Checkpoint(a=v, b=v).write(tmp_path / "shared")
    apart = tf.train.Checkpoint(a=tf.Variable(2.0), b=tf.Variable(3.0)).write(tmp_path / "apart")
    holder = tf.train.Checkpoint(a=tf.Variable(0.0), b=tf.Variable(0.0))
    with pytest.warns(UserWarning, match="'b' of another object is not the same variable"):
        holder.read(shared)
    assert (holder.a.numpy(), holder.b.numpy()) == (1.0, 0.0)
    holder = tf.train.Checkpoint(a=v, b=v)
    with pytest.warns(UserWarning, match="'b/.*has the value of 'a/"):
        status = holder.read(apart)
    assert v.numpy() == 2.0
    with pytest.raises(AssertionError, match="found no variable: b"):
        status.assert_consumed()


def test_what_holds_no_variables_is_refused():
    with pytest.raises(ValueError, match=r"step must be something that holds variables, but int 3"):
        tf.train.Checkpoint(step=3)
    with pytest.raises(ValueError, match="root must be"):
        tf.train.Checkpoint("text")
    with pytest.raises(ValueError, match="give it a name"):
        tf.train.Checkpoint(tf.Variable(1.0))
    with pytest.raises(ValueError, match="'save' is a method"):
        tf.train.Checkpoint(save=tf.Variable(1.0))
    with pytest.raises(ValueError, match="root has an attribute 'v'"):
        tf.train.Checkpoint(Inner(1.0), v=tf.Variable(2.0))


def test_a_dict_key_must_be_a_string(tmp_path):
    checkpoint = tf.train.Checkpoint(d={3: tf.Variable(1.0)})
    with pytest.raises(ValueError, match=r"keys of a dict .* 3 is a int. Write '3'"):
        checkpoint.write(tmp_path / "c")
    tf.train.Checkpoint(d={3: "no variable", "v": tf.Variable(1.0)}).write(tmp_path / "c")
    with pytest.raises(ValueError, match="zero byte"):
        tf.train.Checkpoint(d={"a\0b": tf.Variable(1.0)}).write(tmp_path / "c")


def test_objects_nested_deeper_than_names_reach_are_refused(tmp_path):
    class Link(tf.Module):
        rest: Any = None

    first = link = Link()
    for _ in range(3000):  # deeper than Python's recursion limit
        link.rest = Link()
        link = link.rest
    tf.train.Checkpoint(first).write(tmp_path / "c")
    link.v = tf.Variable(1.0)
    with pytest.raises(
        ValueError, match=r"they are 3001, from rest.rest.rest on. Keep .* in a list"
    ):
        tf.train.Checkpoint(first).write(tmp_path / "c")


def test_the_same_values_give_the_same_file(tmp_path):
    net = Net(1.0)
    one, other = (tf.train.Checkpoint(net=net).write(tmp_path / name) for name in "ab")
    assert Path(one + ".npz").read_bytes() == Path(other + ".npz").read_bytes()


@pytest.mark.parametrize("what", ["save", "write", "restore", "read"])
def test_files_are_for_outside_of_functions(tmp_path, what):
    checkpoint = tf.train.Checkpoint(v=tf.Variable(1.0))

    @tf.function
    def body():
        getattr(checkpoint, what)(str(tmp_path / "c"))

    with pytest.raises(NotImplementedError, match="outside of the function"):
        body()
    assert os.listdir(tmp_path) == []


# --- files that are not there, damaged, or half written ---------------------------------------------------


def test_a_checkpoint_that_is_not_there(tmp_path):
    checkpoint = tf.train.Checkpoint(v=tf.Variable(1.0))
    path = checkpoint.save(tmp_path / "ckpt")
    for given, says in (
        (tmp_path / "nothing", "latest_checkpoint"),
        (tmp_path, "is a directory"),
        (tmp_path / "ckpt", "there are: ckpt-1"),
        (path + ".npz", "Leave out '.npz'"),
    ):
        with pytest.raises(NotFoundError, match=says):
            checkpoint.restore(given)
    (tmp_path / "theirs.index").write_bytes(b"")
    with pytest.raises(NotFoundError, match="TensorFlow's, in its own format"):
        checkpoint.restore(tmp_path / "theirs")
    for function in (tf.train.load_checkpoint, tf.train.list_variables):
        with pytest.raises(NotFoundError, match="no checkpoint"):
            function(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match="no checkpoint in the directory"):
        tf.train.load_checkpoint(tmp_path / "empty")
    status = checkpoint.restore(None).expect_partial()
    with pytest.raises(AssertionError, match="nothing is restored"):
        status.assert_consumed()


def test_a_file_cut_off_anywhere_is_refused_with_a_readable_error(tmp_path):
    path = tf.train.Checkpoint(v=tf.Variable([1.0, 2.0])).write(tmp_path / "c")
    whole = Path(path + ".npz").read_bytes()
    v = tf.Variable([0.0, 0.0])
    for size in range(0, len(whole), 7):
        Path(path + ".npz").write_bytes(whole[:size])
        with pytest.raises(DataLossError, match=r"c\.npz' cannot be read as a checkpoint"):
            tf.train.Checkpoint(v=v).read(path)
    assert v.numpy().tolist() == [0.0, 0.0]


def test_a_changed_byte_is_noticed_or_harmless(tmp_path):
    path = tf.train.Checkpoint(v=tf.Variable([1.0, 2.0])).write(tmp_path / "c")
    whole = Path(path + ".npz").read_bytes()
    noticed = 0
    for place in range(len(whole)):
        Path(path + ".npz").write_bytes(
            whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :]
        )
        v = tf.Variable([0.0, 0.0])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tf.train.Checkpoint(v=v).read(path).assert_consumed()
            assert v.numpy().tolist() == [1.0, 2.0]  # a date, say
        except DataLossError:
            noticed += 1
            assert v.numpy().tolist() == [0.0, 0.0]
    assert noticed > len(whole) / 2


def with_objects(path: str, change: Any) -> None:
    """Rewrites objects.json of a checkpoint, with a right checksum."""
    with zipfile.ZipFile(path + ".npz") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    header = json.loads(parts["objects.json"])
    change(header)
    parts["objects.json"] = json.dumps(header).encode()
    with zipfile.ZipFile(path + ".npz", "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


PAIR = [0.0, 0.0]


@pytest.mark.parametrize(
    ("start", "change"),
    [
        (PAIR, lambda h: h.update(version=2)),
        (PAIR, lambda h: h.update(objects=[])),
        (PAIR, lambda h: h.pop("objects")),
        (PAIR, lambda h: h["objects"][0]["children"].update(v=9)),
        (PAIR, lambda h: h["objects"][1].update(dtype="float33")),
        (PAIR, lambda h: h["objects"][1].update(key="elsewhere")),
        ([*PAIR, 0.0], lambda h: h["objects"][1].update(shape=[3])),
        ([0, 0], lambda h: h["objects"][1].update(dtype="int32")),
    ],
    ids=["version", "none", "missing", "child", "no dtype", "key", "shape", "other dtype"],
)
def test_a_wrong_description_of_the_objects_is_refused(tmp_path, start, change):
    path = tf.train.Checkpoint(v=tf.Variable([1.0, 2.0])).write(tmp_path / "c")
    with_objects(path, change)
    v = tf.Variable(start)
    with pytest.raises(DataLossError, match="cannot be read as a checkpoint"):
        tf.train.Checkpoint(v=v).read(path)
    assert v.numpy().tolist() == start


def test_the_reader_tells_what_there_is(tmp_path):
    path = tf.train.Checkpoint(w=tf.Variable([1, 2]), b=tf.Variable(0.5)).write(tmp_path / "c")
    reader = tf.train.load_checkpoint(path)
    assert isinstance(reader, tf.train.CheckpointReader)
    assert reader.has_tensor("w" + VALUE) and not reader.has_tensor("w")
    assert reader.get_tensor("w" + VALUE).tolist() == [1, 2]
    assert reader.get_variable_to_shape_map() == {"b" + VALUE: [], "w" + VALUE: [2]}
    assert reader.get_variable_to_dtype_map() == {"b" + VALUE: tf.float32, "w" + VALUE: tf.int32}
    assert reader.debug_string().decode() == f"b{VALUE} (float32) []\nw{VALUE} (int32) [2]"
    with pytest.raises(NotFoundError, match=r"Key 'w/VALUE' is not in .* Did you mean 'w/.ATTR"):
        reader.get_tensor("w/VALUE")
