"""Lookup and hashing layers against what Keras on TensorFlow did, which `record_lookup` wrote down."""

from __future__ import annotations

import json

import numpy as np
import pytest

import engine as tf
from engine.keras.serialization import deserialize_keras_object, serialize_keras_object
from tests.keras.record_lookup import CASES, PATH, WORDS, plain, results

layers = tf.keras.layers
RECORDED = json.loads(PATH.read_text(encoding="utf-8"))


def test_every_case_is_recorded():
    assert {"about", *CASES} == set(RECORDED)


@pytest.mark.parametrize("name", CASES)
def test_tokens_vocabulary_config_and_files_are_those_of_keras(name):
    own, other = results(layers, name), RECORDED[name]
    assert json.loads(json.dumps(own["config"])) == other["config"]
    assert own.get("vocabulary") == other.get("vocabulary")
    assert own.get("file") == other.get("file")
    assert own.get("store", {}).keys() == other.get("store", {}).keys()
    for key, value in own.get("store", {}).items():
        np.testing.assert_allclose(value, other["store"][key], rtol=1e-6)
    for (own_type, ours), (other_type, theirs) in zip(
        own["outputs"], other["outputs"], strict=True
    ):
        assert own_type == other_type
        if own_type == "string":
            assert ours == theirs
        else:
            np.testing.assert_allclose(np.array(ours), np.array(theirs), rtol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_a_graph_gives_the_same_and_knows_its_shape(name):
    kind, settings, data, calls = CASES[name]
    layer = getattr(layers, kind)(**settings)
    if data is not None:
        layer.adapt(data)
    for inputs in calls:
        tensor = tf.constant(inputs)
        spec = tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype)
        compiled = tf.function(layer, input_signature=[spec])
        expected = layer(tensor)
        assert plain(compiled(tensor).numpy().tolist()) == plain(expected.numpy().tolist())
        if tensor.shape.rank > 1:
            known = compiled.get_concrete_function().structured_outputs.shape
            assert known[1:] == expected.shape[1:]


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name][0] != "Hashing"])
def test_a_layer_comes_back_from_its_config_and_files(name, tmp_path):
    kind, settings, data, calls = CASES[name]
    layer = getattr(layers, kind)(**settings)
    if data is not None:
        layer.adapt(data)
    copy = deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(layer))))
    store: dict = {}
    layer.save_own_variables(store)
    copy.load_own_variables(store)
    layer.save_assets(tmp_path)
    copy.load_assets(tmp_path)
    assert copy.get_vocabulary() == layer.get_vocabulary()
    assert copy.get_config() == layer.get_config()
    for inputs in calls:
        assert plain(copy(inputs).numpy().tolist()) == plain(layer(inputs).numpy().tolist())


def test_adapt_takes_batches_of_every_kind():
    whole = layers.StringLookup()
    whole.adapt(WORDS)
    rows = np.array(WORDS)
    for data in (
        rows,
        tf.constant(WORDS),
        tf.data.Dataset.from_tensor_slices(rows).batch(3),
        (rows[i : i + 2] for i in (0, 2)),
    ):
        layer = layers.StringLookup()
        layer.adapt(data)
        assert layer.get_vocabulary() == whole.get_vocabulary()
    some = layers.StringLookup()
    some.adapt(tf.data.Dataset.from_tensor_slices(rows).batch(1).repeat(), steps=1)
    assert some.get_vocabulary() == ["[UNK]", "the", "sat", "cat"]


def test_a_vocabulary_is_read_from_a_file(tmp_path):
    file = tmp_path / "words.txt"
    file.write_text("red\ngreen\n", encoding="utf-8")
    layer = layers.StringLookup(vocabulary=str(file))
    assert layer.get_vocabulary() == ["[UNK]", "red", "green"]
    assert layer.get_config()["vocabulary"] is None
    config = {**layer.get_config(), "vocabulary": str(file)}
    with pytest.raises(ValueError, match="names the file"):
        layers.StringLookup.from_config(config)


def test_a_lookup_is_part_of_a_dataset_and_of_a_model():
    layer = layers.StringLookup(vocabulary=["a", "b"])
    words = tf.data.Dataset.from_tensor_slices([["a", "z"], ["b", "a"]]).batch(2).map(layer)
    assert [batch.numpy().tolist() for batch in words] == [[[1, 0], [2, 1]]]
    inputs = tf.keras.Input((2,), dtype="string")
    vectors = layers.Embedding(3, 4)(layer(inputs))
    model = tf.keras.Model(inputs, vectors)
    assert model(tf.constant([["a", "z"]])).shape == [1, 2, 4]


WRONG = [
    (ValueError, lambda: layers.StringLookup()([["a"]]), "call adapt"),
    (RuntimeError, lambda: layers.StringLookup(output_mode="count")([["a"]]), "call adapt"),
    (ValueError, lambda: layers.StringLookup(vocabulary=["a", "a"]), "more than once"),
    (ValueError, lambda: layers.StringLookup(vocabulary=[]), "empty"),
    (
        ValueError,
        lambda: layers.StringLookup(vocabulary=["a", ""], mask_token=""),
        "stands at place 1",
    ),
    (
        ValueError,
        lambda: layers.StringLookup(vocabulary=["a", "b"], max_tokens=2),
        "max_tokens is 2",
    ),
    (ValueError, lambda: layers.StringLookup(max_tokens=1), "above 1"),
    (ValueError, lambda: layers.StringLookup(pad_to_max_tokens=True), "needs max_tokens"),
    (ValueError, lambda: layers.StringLookup(num_oov_indices=-1), "negative"),
    (ValueError, lambda: layers.StringLookup(output_mode="onehot"), "output_mode must be one of"),
    (ValueError, lambda: layers.StringLookup(output_mode="count", sparse=True), "sparse"),
    (ValueError, lambda: layers.StringLookup(invert=True, output_mode="count"), "must be 'int'"),
    (ValueError, lambda: layers.StringLookup(idf_weights=[1.0]), "belong to output_mode='tf_idf'"),
    (
        ValueError,
        lambda: layers.StringLookup(vocabulary=["a"], output_mode="tf_idf"),
        "needs idf_weights",
    ),
    (ValueError, lambda: layers.StringLookup(encoding="latin-1"), "utf-8"),
    (ValueError, lambda: layers.StringLookup(vocabulary=["a"]).adapt(["b"]), "cannot adapt"),
    (ValueError, lambda: layers.IntegerLookup(vocabulary_dtype="int32"), "int64"),
    (ValueError, lambda: layers.IntegerLookup(salt=3), "farmhash"),
    (
        ValueError,
        lambda: layers.TextVectorization(standardize="upper"),
        "standardize must be one of",
    ),
    (ValueError, lambda: layers.TextVectorization(split="comma"), "split must be one of"),
    (ValueError, lambda: layers.TextVectorization(ragged=True), "ragged"),
    (
        ValueError,
        lambda: layers.TextVectorization(output_mode="count", output_sequence_length=3),
        "belongs to output_mode='int'",
    ),
    (
        ValueError,
        lambda: layers.TextVectorization(vocabulary=["a"])([["a", "b"]]),
        r"\(batch,\) or \(batch, 1\)",
    ),
    (ValueError, lambda: layers.Hashing(0), "positive"),
    (ValueError, lambda: layers.Hashing(3, salt="a"), "one or two integers"),
    (ValueError, lambda: layers.Hashing(3, dtype="float32"), "'int32' or 'int64'"),
    (
        tf.errors.InvalidArgumentError,
        lambda: layers.StringLookup(num_oov_indices=0, vocabulary=["a"])([["a", "z"]]),
        "'z'",
    ),
]


@pytest.mark.parametrize(("kind", "make", "words"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_what_cannot_be_is_refused_with_the_reason(kind, make, words):
    with pytest.raises(kind, match=words):
        make()


def test_texts_are_standardized_by_a_function_of_strings():
    layer = layers.TextVectorization(standardize=np.char.upper, vocabulary=["ONE", "TWO"])
    assert layer(["one two", "three"]).numpy().tolist() == [[2, 3], [1, 0]]
    batches = tf.data.Dataset.from_tensor_slices(["one two", "two"]).batch(2).map(layer)
    assert [batch.numpy().tolist() for batch in batches] == [[[2, 3], [3, 0]]]


def test_vectors_keep_their_length():
    layer = layers.StringLookup(output_mode="multi_hot")
    layer.adapt(["a", "b"])
    with pytest.raises(RuntimeError, match="length 3"):
        layer.adapt(["a", "b", "c"])
