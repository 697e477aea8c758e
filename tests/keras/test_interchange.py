"""Files that Keras writes are read here, and those written here are read by Keras: same predictions."""

from __future__ import annotations

import io
import itertools
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import engine as tf
from tests.keras.architectures import ARCHITECTURES
from tests.keras.witness import as_json, close, keras


def filled(model: Any) -> Any:
    """The model with weights that no initializer gives, so that none can be forgotten."""
    random = np.random.default_rng(11)
    old = [np.asarray(value) for value in model.get_weights()]
    model.set_weights([random.uniform(0.1, 0.9, v.shape).astype(v.dtype) for v in old])
    return model


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_either_reads_what_the_other_wrote(name: str, tmp_path: Path) -> None:
    make, inputs = ARCHITECTURES[name]
    for writer, reader in ((keras, tf.keras), (tf.keras, keras)):
        made = make(writer)
        if name != "adapted_normalization":  # its weights are what it was adapted to
            filled(made)
        path = tmp_path / f"{writer.__name__}.keras"
        made.save(path)
        loaded = reader.models.load_model(path)
        expected = made(inputs)
        close(loaded(inputs), expected)
        weights = tmp_path / f"{writer.__name__}.weights.h5"
        made.save_weights(weights)
        again = make(reader)
        again.load_weights(weights)
        close(again(inputs), expected)


def test_there_are_25_architectures() -> None:
    assert len(ARCHITECTURES) >= 25


@pytest.mark.parametrize("name", ["shared_layer", "residual", "several_outputs", "bidirectional"])
def test_a_model_says_of_itself_what_keras_says(name: str) -> None:
    make, _ = ARCHITECTURES[name]
    keras.src.utils.naming.reset_uids()
    theirs = json.loads(make(keras).to_json())
    tf.keras.utils.clear_session()
    ours = json.loads(make(tf.keras).to_json())
    assert as_json(ours["config"]) == as_json(theirs["config"])


def compiled(k: Any) -> Any:
    make, _ = ARCHITECTURES["perceptron"]
    model = filled(make(k))
    model.compile(k.optimizers.Adam(0.01), "categorical_crossentropy", metrics=["accuracy"])
    return model


def test_training_goes_on_from_a_file_of_keras(tmp_path: Path) -> None:
    """The optimizer's moments come along: two more updates give the weights that Keras gets."""
    random = np.random.default_rng(1)
    x = random.normal(size=(8, 5)).astype("float32")
    y = np.eye(3, dtype="float32")[random.integers(0, 3, 8)]
    theirs = compiled(keras)
    theirs.layers[1].rate = 0.0
    theirs.fit(x, y, epochs=2, shuffle=False, verbose=0)
    theirs.save(tmp_path / "m.keras")
    ours = tf.keras.models.load_model(tmp_path / "m.keras")
    theirs.fit(x, y, epochs=2, shuffle=False, verbose=0)
    ours.fit(x, y, epochs=2, shuffle=False, verbose=0)
    close(ours.get_weights(), theirs.get_weights())


def test_training_goes_on_in_keras_from_a_file_of_ours(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(8, 5)).astype("float32")
    y = np.eye(3, dtype="float32")[random.integers(0, 3, 8)]
    ours = compiled(tf.keras)
    ours.layers[1].rate = 0.0
    ours.fit(x, y, epochs=2, shuffle=False, verbose=0)
    ours.save(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras")
    theirs.fit(x, y, epochs=2, shuffle=False, verbose=0)
    ours.fit(x, y, epochs=2, shuffle=False, verbose=0)
    close(ours.get_weights(), theirs.get_weights())


def test_a_subclass_with_lists_and_dicts_of_layers_goes_both_ways(tmp_path: Path) -> None:
    def make(k: Any) -> Any:
        class Blocks(k.Model):  # type: ignore[misc]
            def __init__(self, width: int = 3, **options: Any):
                super().__init__(**options)
                self.width = width
                self.blocks = [k.layers.Dense(width), k.layers.Dense(width)]
                self.heads = {"main": k.layers.Dense(1)}
                self.out = k.layers.Dense(1)

            def get_config(self) -> dict[str, Any]:
                return {"name": self.name, "width": self.width}

            def call(self, x: Any) -> Any:
                for block in self.blocks:
                    x = block(x)
                return self.out(x) + self.heads["main"](x)

        return Blocks

    x = np.ones((2, 4), "float32")
    kinds = {keras: make(keras), tf.keras: make(tf.keras)}
    for writer, reader in ((keras, tf.keras), (tf.keras, keras)):
        made = kinds[writer](width=5)
        made(x)
        made.save(tmp_path / "m.keras")
        loaded = reader.models.load_model(
            tmp_path / "m.keras", custom_objects={"Blocks": kinds[reader]}
        )
        assert loaded.width == 5
        close(loaded(x), made(x))


# --- what is refused -----------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    model = filled(ARCHITECTURES["perceptron"][0](tf.keras))
    model.save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def changed(path: Path, **parts: bytes | None) -> Path:
    """The file with parts replaced (`config` for config.json ...), or left out for None."""
    names = {"config": "config.json", "metadata": "metadata.json", "weights": "model.weights.h5"}
    other = path.with_name("changed.keras")
    replaced = {names.get(name, name): data for name, data in parts.items()}
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            data = replaced.pop(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
        for name, data in replaced.items():
            if data is not None:
                new.writestr(name, data)
    return other


def config_of(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


def refused(path: Path, *words: str, kind: type[Exception] = ValueError, **options: Any) -> None:
    with pytest.raises(kind) as caught:
        tf.keras.models.load_model(path, **options)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.98])
def test_a_file_cut_short_is_refused(file: Path, share: float) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    refused(file, "model.keras", "not whole")


def test_weights_cut_short_are_refused(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        weights = archive.read("model.weights.h5")
    refused(changed(file, weights=weights[: len(weights) // 2]), "model.weights.h5", "not whole")
    refused(changed(file, weights=None), "no model.weights.h5")


def test_a_newer_format_is_refused(file: Path) -> None:
    metadata = json.dumps({"keras_version": "4.1.0", "date_saved": ""}).encode()
    refused(changed(file, metadata=metadata), "Keras 4.1.0", "newer")


def test_an_unknown_class_of_a_later_keras_is_named_with_the_version(file: Path) -> None:
    config = config_of(file)
    config["config"]["layers"][1]["class_name"] = "DenseOfTheFuture"
    metadata = json.dumps({"keras_version": "3.99.0", "date_saved": ""}).encode()
    path = changed(file, metadata=metadata, config=json.dumps(config).encode())
    with pytest.raises(TypeError, match="DenseOfTheFuture") as caught:
        tf.keras.models.load_model(path)
    assert "3.99" in caught.value.__notes__[0]


def with_a_lambda(k: Any) -> Any:
    return k.Sequential([k.Input((2,)), k.layers.Lambda(lambda x: 2 * x - 1)])


@pytest.mark.filterwarnings("ignore:The (object being serialized includes|config holds) a .?lambda")
@pytest.mark.parametrize(("writer", "reader"), itertools.product((tf.keras, keras), repeat=2))
def test_a_lambda_is_refused_or_run_as_one_asks(tmp_path: Path, writer: Any, reader: Any) -> None:
    model, path = with_a_lambda(writer), tmp_path / "lambda.keras"
    model.save(path)
    if reader is tf.keras:
        refused(path, "holds a lambda, which is Python code")
    x = np.array([[1.0, -2.0], [0.5, 3.0]], np.float32)
    read = reader.models.load_model(path, safe_mode=False)
    np.testing.assert_allclose(read.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5)


def test_a_clone_has_the_lambda_itself() -> None:
    """With all that it can see from where it stands: no code is written or read."""
    offset = tf.constant(3.0)
    model = tf.keras.Sequential(
        [tf.keras.Input((2,)), tf.keras.layers.Lambda(lambda x: x + offset)]
    )
    clone = tf.keras.models.clone_model(model)
    assert clone.layers[0] is not model.layers[0]
    assert clone(np.zeros((1, 2), np.float32)).numpy().tolist() == [[3.0, 3.0]]


def test_loading_runs_nothing_that_a_file_names(file: Path, tmp_path: Path) -> None:
    """A config may name any module and class; only layers, losses and the like are ever made."""
    proof = tmp_path / "ran"
    (tmp_path / "evil.py").write_text(f"open({str(proof)!r}, 'w')")
    for module, name in (
        ("evil", "Evil"),
        ("os", "system"),
        ("subprocess", "Popen"),
        ("keras.layers", "_Evil"),
    ):
        config = config_of(file)
        config["config"]["layers"][1] |= {
            "module": module,
            "class_name": name,
            "registered_name": None,
        }
        config["config"]["layers"][1]["config"] = {"args": f"touch {proof}"}
        refused(changed(file, config=json.dumps(config).encode()), name, kind=TypeError)
    assert not proof.exists()


def test_damaged_parts_are_named(file: Path) -> None:
    refused(changed(file, config=b"{not json"), "config.json")
    refused(changed(file, config=b"[1, 2]"), "config.json")
    refused(changed(file, metadata=b"{}"), "which Keras")
    refused(changed(file, config=None), "no config.json")
    refused(changed(file, weights=b"nothing"), "no HDF5 file")


def test_weights_of_another_shape_are_refused_with_every_layer(file: Path) -> None:
    model = tf.keras.Sequential(
        [
            tf.keras.Input((5,)),
            tf.keras.layers.Dense(9),
            tf.keras.layers.Dropout(0.5),
            tf.keras.layers.Dense(3),
        ]
    )
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"layers/dense\b") as caught:
        model.load_weights(file)
    assert "layers/dense_1" in str(caught.value) and "(5, 9)" in str(caught.value)
    with pytest.warns(UserWarning, match="left out"):
        model.load_weights(file, skip_mismatch=True)
    assert [v.shape for v in model.get_weights()] == [v.shape for v in before]


def test_weights_that_lie_outside_the_file_are_not_read(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as other:
        other["0"] = np.ones((5, 8), "float32")
    with zipfile.ZipFile(file) as archive:
        memory = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(memory, "r+") as weights:
        group = weights["layers/dense/vars"]
        del group["0"]
        group["0"] = h5py.ExternalLink(str(secret), "/0")
    refused(changed(file, weights=memory.getvalue()), "link")


def test_assets_stay_in_their_folder(file: Path, tmp_path: Path) -> None:
    refused(changed(file, **{"assets/../../escaped.txt": b"x"}), "outside")
    assert not (tmp_path.parent / "escaped.txt").exists()


def test_a_failed_save_leaves_the_old_file(file: Path) -> None:
    before = file.read_bytes()
    model = tf.keras.Sequential(
        [tf.keras.Input((2,)), tf.keras.layers.Lambda(lambda x: x if file else 0)]
    )
    with pytest.warns(UserWarning), pytest.raises(TypeError, match="lambda"):
        model.save(file)
    assert file.read_bytes() == before and [p.name for p in file.parent.iterdir()] == [file.name]


def test_names_and_endings_are_checked(tmp_path: Path) -> None:
    model = ARCHITECTURES["line"][0](tf.keras)
    with pytest.raises(ValueError, match=r"\.keras"):
        model.save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"\.weights\.h5"):
        model.save_weights(tmp_path / "model.h5")
    with pytest.raises(FileNotFoundError):
        tf.keras.models.load_model(tmp_path / "none.keras")
    model.save(tmp_path / "m.keras")
    with pytest.raises(FileExistsError):
        model.save(tmp_path / "m.keras", overwrite=False)
    with pytest.raises(ValueError, match="not built"):
        tf.keras.Sequential([tf.keras.layers.Dense(1)]).save_weights(tmp_path / "m.weights.h5")


def test_clones_and_json_give_the_same_model_with_new_weights() -> None:
    for name in (
        "shared_layer",
        "same_model_twice",
        "several_outputs",
        "operators",
        "convolutional",
    ):
        make, inputs = ARCHITECTURES[name]
        model = filled(make(tf.keras))
        for copy in (
            tf.keras.models.clone_model(model),
            tf.keras.models.model_from_json(model.to_json()),
        ):
            assert [v.shape for v in copy.weights] == [v.shape for v in model.weights]
            assert not np.array_equal(copy.get_weights()[0], model.get_weights()[0])
            copy.set_weights(model.get_weights())
            close(copy(inputs), model(inputs))
