"""Models made of inputs and outputs, and what all layers have in common: calls, shapes, masks, losses."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.keras.architectures import ARCHITECTURES
from tests.keras.witness import as_json, close, keras

K, L = tf.keras, tf.keras.layers


def floats(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


# --- functional ------------------------------------------------------------------------------------------


def test_a_shared_layer_has_one_set_of_weights_and_a_gradient_from_both_places() -> None:
    a, b = K.Input((3,)), K.Input((3,))
    shared = L.Dense(2, use_bias=False)
    model = K.Model([a, b], L.Add()([shared(a), shared(b)]))
    assert len(model.weights) == 1 and len(shared._inbound_nodes) == 2
    x, y = floats(4, 3), floats(4, 3, seed=1)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model([x, y]))
    gradient = tape.gradient(total, shared.kernel)
    expected = (x + y).sum(axis=0)[:, None].repeat(2, axis=1)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5)


def test_layers_are_listed_in_the_order_of_keras() -> None:
    def make(k: Any) -> Any:
        x, z = k.Input((4,), name="x"), k.Input((4,), name="z")
        layers = k.layers
        deep = layers.Dense(4, name="deep_2")(layers.Dense(4, name="deep_1")(z))
        near = layers.Dense(4, name="near")(x)
        total = layers.Add(name="total")([near, deep])
        return k.Model(
            [x, z], [layers.Dense(1, name="late")(total), layers.Dense(2, name="early")(x)]
        )

    assert [layer.name for layer in make(K).layers] == [layer.name for layer in make(keras).layers]


def test_inputs_may_be_given_by_name_by_position_or_as_they_were_declared() -> None:
    left, right = K.Input((2,), name="left"), K.Input((2,), name="right")
    model = K.Model([left, right], L.Subtract()([left, right]))
    x, y = floats(3, 2), floats(3, 2, seed=1)
    for inputs in ([x, y], (x, y), {"left": x, "right": y}, {"right": y, "left": x, "more": x}):
        np.testing.assert_array_equal(model(inputs), x - y)
    with pytest.raises(ValueError, match=r"\['right'\] is missing"):
        model({"left": x})
    with pytest.raises(ValueError, match="2 inputs"):
        model([x])


def test_outputs_come_in_the_structure_in_which_they_were_declared() -> None:
    x = K.Input((2,))
    model = K.Model(x, {"sum": x + 1.0, "parts": [x[:, 0], (x * 2.0,)]})
    out = model(np.array([[1.0, 2.0]], "float32"))
    assert out["sum"].numpy().tolist() == [[2.0, 3.0]]
    assert out["parts"][0].numpy().tolist() == [1.0]
    assert out["parts"][1][0].numpy().tolist() == [[2.0, 4.0]]


OPERATORS: dict[str, Any] = {
    "+": lambda x, y: x + y + 1,
    "-": lambda x, y: 1 - x - y,
    "*": lambda x, y: 2 * x * y,
    "/": lambda x, y: 1 / (x / y + 10.0),
    "//": lambda x, y: x // 0.5,
    "%": lambda x, y: x % 0.7,
    "**": lambda x, y: x**2,
    "@": lambda x, y: x @ np.ones((3, 2), "float32"),
    "neg, abs": lambda x, y: abs(-x),
    "[]": lambda x, y: x[:, 1:] + y[..., :2],
    "<": lambda x, y: x < y,
    ">=": lambda x, y: x >= y,
    "&": lambda x, y: (x > 0) & (y > 0),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_between_symbolic_tensors(name: str) -> None:
    x, y = K.Input((3,)), K.Input((3,))
    model = K.Model([x, y], OPERATORS[name](x, y))
    a, b = floats(4, 3), floats(4, 3, seed=1)
    expected = OPERATORS[name](a, b)
    np.testing.assert_allclose(model([a, b]), expected, rtol=1e-5, atol=1e-6)
    assert model.output_shape == (None, *expected.shape[1:])


def test_a_model_may_begin_and_end_inside_another() -> None:
    x = K.Input((3,))
    hidden = L.Dense(4, activation="relu", name="hidden")(x)
    whole = K.Model(x, L.Dense(2)(hidden))
    front = K.Model(whole.input, whole.get_layer("hidden").output)
    back = K.Model(whole.get_layer("hidden").output, whole.output)
    data = floats(5, 3)
    np.testing.assert_allclose(back(front(data)), whole(data), rtol=1e-6)
    assert [v is w for v, w in zip(front.weights, whole.weights, strict=False)] == [True, True]


def test_a_thousand_layers_in_a_row() -> None:
    """Neither building nor the order of the layers nor the config needs Python's stack."""
    x = K.Input((2,))
    h = x
    for _ in range(1000):
        h = h + 1.0
    model = K.Model(x, h)
    assert model(np.zeros((1, 2), "float32")).numpy().tolist() == [[1000.0, 1000.0]]
    assert len(json.loads(model.to_json())["config"]["layers"]) == 1001


def test_a_subclass_with_a_step_of_its_own_may_be_made_of_inputs_and_outputs() -> None:
    class Counted(K.Model):
        steps = 0

        def train_step(self, data: Any) -> Any:
            Counted.steps += 1
            return super().train_step(data)

    x = K.Input((2,))
    model = Counted(x, L.Dense(1)(x))
    model.compile("sgd", "mse")
    model.fit(floats(8, 2), floats(8, 1), verbose=0)
    assert Counted.steps == 1 and isinstance(model, Counted) and model.output_shape == (None, 1)


def test_what_is_no_model_is_refused() -> None:
    x, other = K.Input((2,)), K.Input((2,), name="forgotten")
    with pytest.raises(ValueError, match="'forgotten'"):
        K.Model(x, L.Add()([x, other]))
    with pytest.raises(ValueError, match=r"tf\.keras\.Input"):
        K.Model(tf.ones([2, 2]), x)
    with pytest.raises(ValueError, match="'twice'"):
        K.Model(x, L.Dense(1, name="twice")(L.Dense(1, name="twice")(x)))
    with pytest.raises(ValueError, match="comes from no layer"):
        K.Model(x, K.layers.Add()([x, type(x)((None, 2))]))


@pytest.mark.parametrize(
    "use", [lambda x: tf.exp(x), lambda x: np.exp(x), lambda x: bool(x), lambda x: float(x), list]
)
def test_a_symbolic_tensor_has_no_values_and_says_so(use: Any) -> None:
    with pytest.raises(TypeError, match="KerasTensor"):
        use(K.Input((2,)))


def test_get_layer_names_the_nearest() -> None:
    model = K.Sequential([K.Input((2,)), L.Dense(1, name="hidden")])
    assert model.get_layer("hidden") is model.get_layer(index=0)
    with pytest.raises(ValueError, match="Did you mean 'hidden'"):
        model.get_layer("hiden")
    with pytest.raises(ValueError, match="1 layers"):
        model.get_layer(index=3)


# --- sequential ------------------------------------------------------------------------------------------


def test_a_sequential_model_grows_shrinks_and_waits_for_its_input() -> None:
    model = K.Sequential([L.Dense(3)])
    model.add(L.Dense(2))
    assert not model.built and model.weights == []
    assert model(floats(4, 5)).shape == (4, 2) and model.input_shape == (None, 5)
    last = model.pop()
    assert model.output_shape == (None, 3) and last not in model.layers
    model.add(L.Dense(7))
    assert model(floats(4, 5)).shape == (4, 7)
    with pytest.raises(ValueError, match="no layers"):
        K.Sequential().pop()
    with pytest.raises(TypeError, match="Lambda"):
        K.Sequential([np.tanh])


# --- layers ----------------------------------------------------------------------------------------------


class Scaled(L.Layer):
    """x times a weight, with a loss."""

    def __init__(self, start: float = 2.0, **options: Any):
        super().__init__(**options)
        self.start = start
        self.parts = [L.Dense(2)]
        self.named = {"more": L.Dense(2)}

    def build(self, input_shape: Any) -> None:
        self.state = self.add_weight((), "zeros", trainable=False, name="state")
        self.scale = self.add_weight((), K.initializers.Constant(self.start), name="scale")

    def call(self, x: Any, training: Any = None) -> Any:
        self.add_loss(self.scale * 3.0)
        return self.named["more"](self.parts[0](x * self.scale)) * (2.0 if training else 1.0)


def test_weights_are_found_in_lists_and_dicts_trainable_ones_first() -> None:
    layer = Scaled()
    layer(floats(4, 3))
    names = [v.name.split("/")[-1] for v in layer.weights]
    assert names == ["scale:0", "state:0", "kernel:0", "bias:0", "kernel:0", "bias:0"]
    assert len(layer.trainable_weights) == 5 and layer.non_trainable_weights[0] is layer.state
    layer.parts[0].trainable = False
    assert len(layer.trainable_weights) == 3
    layer.trainable = False
    assert layer.trainable_weights == [] and len(layer.non_trainable_weights) == 6
    layer.trainable = True
    assert len(layer.trainable_weights) == 5  # the state was never meant to be trained


def test_losses_are_those_of_the_last_call_and_of_the_weights() -> None:
    layer = Scaled()
    outer = K.Sequential([layer, L.Dense(1, kernel_regularizer=K.regularizers.L2(0.5))])
    for _ in range(3):
        outer(floats(4, 3))
    kernel = outer.layers[1].kernel.numpy()
    values = sorted(float(loss) for loss in outer.losses)
    assert values == pytest.approx(sorted([6.0, 0.5 * float((kernel**2).sum())]))


def test_training_reaches_the_layers_inside() -> None:
    model = K.Sequential([Scaled(), L.Dropout(0.0)])
    x = floats(4, 3)
    quiet, loud = model(x), model(x, training=True)
    np.testing.assert_allclose(loud, 2.0 * quiet.numpy(), rtol=1e-6)
    symbolic = K.Input((3,))
    always = K.Model(symbolic, model(symbolic, training=True))
    np.testing.assert_allclose(always(x), loud, rtol=1e-6)


def test_settings_of_a_layer_of_ones_own_come_from_its_arguments() -> None:
    layer = Scaled(5.0, name="mine", dtype="float64")
    again = Scaled.from_config(json.loads(json.dumps(layer.get_config())))
    assert (again.start, again.name, again.dtype) == (5.0, "mine", "float64")
    with pytest.raises(TypeError, match="'unit'"):
        L.Dense(3, unit=2)


def test_shapes_are_told_without_data() -> None:
    assert L.Dense(3).compute_output_shape((None, 7)) == (None, 3)
    assert L.Concatenate().compute_output_shape([(None, 2), (None, 3)]) == (None, 5)
    spec = L.Flatten().compute_output_spec(K.Input((2, 3)))
    assert spec.shape == (None, 6)


def test_a_subclass_is_built_for_a_shape() -> None:
    class Two(K.Model):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = L.Dense(4), L.Dense(2)

        def call(self, x: Any) -> Any:
            return self.b(self.a(x))

    model = Two()
    model.build((None, 3))
    assert [v.shape.as_list() for v in model.weights] == [[3, 4], [4], [4, 2], [2]]
    model.summary(print_fn=(lines := []).append)
    assert "26" in lines[0] and "two" in lines[0]


# --- masks -----------------------------------------------------------------------------------------------


def test_masks_travel_and_stop_with_a_warning() -> None:
    steps = np.array([[1, 2, 0], [3, 0, 0]], "int32")
    embedded = L.Embedding(5, 2, mask_zero=True)(steps)
    kept = L.Dropout(0.5)(embedded)
    assert kept._keras_mask.numpy().tolist() == [[True, True, False], [True, False, False]]
    with pytest.warns(UserWarning, match="does not support masking"):
        L.Conv1D(2, 1)(kept)


@pytest.mark.parametrize("graph", [False, True])
def test_a_masked_model_gives_the_numbers_of_keras(graph: bool) -> None:
    def make(k: Any) -> Any:
        x = k.Input((None,), dtype="int32")
        h = k.layers.Embedding(6, 3, mask_zero=True)(x)
        return k.Model(x, k.layers.LSTM(2)(k.layers.LayerNormalization()(h)))

    ours, theirs = make(K), make(keras)
    ours.set_weights([np.asarray(w) for w in theirs.get_weights()])
    steps = np.array([[1, 2, 0, 0], [3, 4, 5, 0]], "int32")
    close((tf.function(ours) if graph else ours)(steps), theirs(steps))


# --- mixed precision -------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_computes_in_half_and_keeps_weights_whole(policy: str) -> None:
    half = policy.removeprefix("mixed_")
    model = K.Sequential(
        [K.Input((3,)), L.Dense(4, "relu", dtype=policy), L.Dense(1, dtype="float32")]
    )
    seen = model.layers[0](floats(2, 3))
    assert seen.dtype == half and model.layers[0].kernel.dtype == "float32"
    model.compile(K.optimizers.Adam(0.05), "mse")
    x = floats(64, 3)
    y = x.sum(axis=1, keepdims=True)
    history = model.fit(x, y, epochs=30, verbose=0).history["loss"]
    assert history[-1] < 0.2 * history[0] and np.isfinite(history).all()
    assert [v.dtype for v in model.weights] == ["float32"] * 4


def test_the_policy_of_new_layers_may_be_set_for_all() -> None:
    try:
        K.config.set_dtype_policy("mixed_bfloat16")
        layer = L.Dense(2)
        assert (layer.compute_dtype, layer.variable_dtype) == ("bfloat16", "float32")
    finally:
        K.config.set_dtype_policy("float32")
    assert L.Dense(2).compute_dtype == "float32"


def test_a_list_of_one_is_as_good_as_the_one() -> None:
    """`Model([x], [y])` gives a tensor, not a list, and its shapes are shapes, as in Keras."""
    for k in (K, keras):
        x = k.Input((4,), name="x")
        model = k.Model([x], [k.layers.Dense(2, name="y")(x)])
        assert (model.input_shape, model.output_shape) == ((None, 4), (None, 2))
        assert tuple(model(floats(3, 4)).shape) == (3, 2)
        assert isinstance(model.predict(floats(3, 4), verbose=0), np.ndarray)
        for loss, metrics in (("mse", ["mae"]), (["mse"], [["mae"]]), ({"y": "mse"}, {"y": "mae"})):
            model.compile("sgd", loss, metrics=metrics)
            assert set(model.fit(floats(3, 4), floats(3, 2), verbose=0).history) == {"loss", "mae"}


def test_a_model_as_the_first_layer_tells_a_sequential_its_input() -> None:
    for k in (K, keras):
        x = k.Input((4,))
        model = k.Sequential([k.Model(x, k.layers.Dense(3)(x)), k.layers.Dense(1)])
        assert model.built and model.input_shape == (None, 4)


# --- summary ---------------------------------------------------------------------------------------------


def summary_of(model: Any, **settings: Any) -> str:
    lines: list[str] = []
    model.summary(print_fn=lambda text, *_, **__: lines.append(str(text)), **settings)
    return "\n".join(lines).rstrip("\n")


@pytest.mark.parametrize("name", sorted(set(ARCHITECTURES) - {"einsum"}))
def test_a_summary_is_that_of_keras(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last character. Of einsum we know a size that Keras does not."""
    monkeypatch.setenv("COLUMNS", "100")
    models = []
    for k in (K, keras):
        k.utils.clear_session()
        models.append(ARCHITECTURES[name][0](k))
    for settings in ({}, {"line_length": 72}, {"expand_nested": True}, {"show_trainable": True}):
        ours, theirs = (summary_of(model, **settings) for model in models)
        assert ours == theirs, settings


def test_a_summary_counts_what_is_frozen_and_what_the_optimizer_keeps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    texts = []
    for k in (K, keras):
        k.utils.clear_session()
        x = k.Input((6,), name="x")
        shared = k.layers.Dense(6, name="shared")
        h = k.layers.BatchNormalization(name="norm")(shared(x))
        model = k.Model(x, k.layers.Add(name="add")([shared(h), x]), name="net")
        model.get_layer("shared").trainable = False
        model.compile(k.optimizers.Adam(), "mse")
        model.fit(floats(4, 6), floats(4, 6), verbose=0)
        texts.append(summary_of(model))
    ours, theirs = texts
    # Our count of steps is int64, as in Keras on TensorFlow; that of Keras on JAX is int32.
    assert ours.replace("(372.00 B)", "(368.00 B)").replace("(108.00 B)", "(104.00 B)") == theirs
    assert " Optimizer params: 26" in ours


def test_a_summary_of_layers_called_in_a_method_knows_the_shapes_they_were_built_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    def make(k: Any) -> Any:
        class Own(k.Model):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__(name="own")
                self.first = k.layers.Dense(4, name="first")
                self.last = k.layers.Dense(1, name="last")

            def call(self, x: Any) -> Any:
                return self.last(self.first(x))

        model = Own()
        model(floats(2, 3))
        return summary_of(model)

    ours, theirs = make(K), make(keras)
    assert ours == theirs


def test_a_summary_needs_a_built_model_and_shows_a_part_on_demand() -> None:
    with pytest.raises(ValueError, match="not built"):
        K.Sequential([L.Dense(1)]).summary()
    model = K.Sequential(
        [K.Input((2,)), L.Dense(3, name="a"), L.Dense(3, name="b"), L.Dense(1, name="c")]
    )
    lines: list[str] = []
    model.summary(print_fn=lines.append, layer_range=["a", "b"], show_trainable=True)
    assert "b (Dense)" in lines[0] and "c (Dense)" not in lines[0] and "Trainable" in lines[0]
    with pytest.raises(ValueError, match="'d'"):
        model.summary(layer_range=["a", "d"])


def test_what_a_layer_writes_of_itself_is_what_it_reads() -> None:
    for layer in (L.Dense(3, activation="relu"), L.Conv2D(2, 3), L.LSTM(4, dropout=0.1)):
        config = as_json(layer.get_config())
        again = type(layer).from_config(json.loads(json.dumps(config)))
        assert as_json(again.get_config()) == config
