"""Optimizers besides their steps: learning rates, averages, missing gradients, own classes, graphs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.keras.optimizer_witness import (
    GRADIENTS,
    STARTS,
    agree,
    make_ours,
    make_theirs,
    make_variables,
    our_step,
    state,
    their_step,
)
from tests.keras.witness import close, keras


def _both(cls: str, ours: dict[str, Any], theirs: dict[str, Any]) -> list[tuple[Any, Any, Any]]:
    return [(*make_ours(cls, **ours), our_step), (*make_theirs(cls, **theirs), their_step)]


def test_the_learning_rate_may_change_half_way() -> None:
    states = []
    for optimizer, variables, step in _both("Adam", {}, {}):
        for number, gradients in enumerate(GRADIENTS[:6]):
            if number == 3:
                optimizer.learning_rate = 0.05
            step(optimizer, variables, gradients)
        states.append(state(optimizer, variables))
    agree(*states)
    optimizer, variables = make_ours("Adam")
    compiled = tf.function(optimizer.apply)
    for number, gradients in enumerate(GRADIENTS[:6]):
        if number == 3:
            optimizer.learning_rate = 0.05
        compiled([tf.constant(gradient) for gradient in gradients], variables)
    assert compiled.experimental_get_tracing_count() == 1
    agree(state(optimizer, variables), states[1])
    assert float(optimizer.learning_rate) == pytest.approx(0.05)
    assert optimizer.get_config()["learning_rate"] == float(np.float32(0.05))


def test_a_schedule_is_asked_at_each_step() -> None:
    states = []
    for module, make, step in ((tf.keras, make_ours, our_step), (keras, make_theirs, their_step)):
        rate = module.optimizers.schedules.InverseTimeDecay(0.1, 2, 0.5)
        optimizer, variables = make("SGD", learning_rate=rate)
        for gradients in GRADIENTS[:4]:
            step(optimizer, variables, gradients)
        states.append(state(optimizer, variables))
        assert float(optimizer.learning_rate) == pytest.approx(0.1 / (1 + 0.5 * 4 / 2))
    agree(*states)
    with pytest.raises(TypeError, match=r"a number cannot be set.*a number as learning_rate"):
        rate = tf.keras.optimizers.schedules.CosineDecay(0.1, 5)
        tf.keras.optimizers.SGD(rate).learning_rate = 1.0


def test_a_schedule_counts_the_steps_that_only_gather() -> None:
    rate = tf.keras.optimizers.schedules.PiecewiseConstantDecay([1, 2], [1.0, 0.0, 0.5])
    optimizer, w = tf.keras.optimizers.SGD(rate, gradient_accumulation_steps=2), tf.Variable(0.0)
    seen = []
    for gradient in (1.0, 3.0, 10.0, 20.0):
        optimizer.apply([tf.constant(gradient)], [w])
        seen.append(float(w))
    assert seen == [0.0, -2.0, -2.0, -9.5]  # steps 1 and 3, by the means 2 and 15
    assert int(optimizer.iterations) == 2


def test_a_function_is_asked_for_the_learning_rate_at_each_step() -> None:
    asked = iter([0.5, 0.25])
    optimizer = tf.keras.optimizers.SGD(lambda: next(asked))
    w = tf.Variable(1.0)
    for _ in range(2):
        optimizer.apply([tf.constant(1.0)], [w])
    assert float(w) == 0.25
    assert len(optimizer.variables) == 1  # no learning rate among them


def test_a_schedule_takes_the_place_of_a_number() -> None:
    optimizer, variables = make_ours("SGD", momentum=0.5)
    before = len(optimizer.variables)
    optimizer.learning_rate = tf.keras.optimizers.schedules.PiecewiseConstantDecay([0], [1.0, 0.0])
    assert len(optimizer.variables) == before - 1
    optimizer.apply([tf.ones_like(v) for v in variables])
    close(variables[1], STARTS[1] - 1.0)


def test_variables_that_do_not_decay() -> None:
    zero = [np.zeros_like(start) for start in STARTS]
    for options in ({"var_names": ["bias"]}, {"var_list": True}):
        states = []
        for module, step in ((tf.keras, our_step), (keras, their_step)):
            optimizer = module.optimizers.SGD(0.5, weight_decay=0.5)
            variables = make_variables(tf.Variable if module is tf.keras else keras.Variable)
            given = {k: variables[1:] if v is True else v for k, v in options.items()}
            optimizer.exclude_from_weight_decay(**given)
            step(optimizer, variables, zero)
            states.append(state(optimizer, variables))
        agree(*states)
        close(states[0][:2], [STARTS[0] * 0.75, STARTS[1]])
    with pytest.raises(ValueError, match="is built"):
        optimizer = make_ours("SGD")[0]
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    named = tf.keras.optimizers.SGD(weight_decay=0.1)
    named.exclude_from_weight_decay(var_names=["bias"])
    assert named._use_weight_decay(tf.Variable(1.0, name="unbiased/kernel"))
    assert not named._use_weight_decay(tf.Variable(1.0, name="dense/bias"))


def test_averages_take_the_place_of_variables_at_the_end() -> None:
    states = []
    for optimizer, variables, step in _both("SGD", *[{"use_ema": True, "ema_momentum": 0.5}] * 2):
        for gradients in GRADIENTS[:3]:
            step(optimizer, variables, gradients)
        optimizer.finalize_variable_values(variables)
        for gradients in GRADIENTS[3:5]:  # and training goes on from there
            step(optimizer, variables, gradients)
        states.append(state(optimizer, variables))
    agree(*states)
    optimizer, variables = make_ours("SGD", use_ema=True, ema_momentum=0.5)
    compiled = tf.function(optimizer.apply, jit_compile=True)
    for number, gradients in enumerate(GRADIENTS[:5]):
        if number == 3:  # variables and averages are the same arrays for a moment
            optimizer.finalize_variable_values(variables)
        compiled([tf.constant(gradient) for gradient in gradients], variables)
    agree(state(optimizer, variables), states[1])
    with pytest.raises(ValueError, match=r"1 variables were given.*averages of 2"):
        optimizer.finalize_variable_values(variables[:1])


def test_a_constraint_is_applied_after_the_step() -> None:
    w = tf.Variable([0.5, -0.5])
    w.constraint = tf.nn.relu  # type: ignore[attr-defined]
    optimizer = tf.keras.optimizers.SGD(1.0)
    tf.function(optimizer.apply)([tf.constant([0.25, 0.25])], [w])
    assert w.numpy().tolist() == [0.25, 0.0]


def test_some_gradients_are_none() -> None:
    states = []
    for optimizer, variables, step in _both("Adam", {}, {}):
        step(optimizer, variables, GRADIENTS[0])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            one = GRADIENTS[1][1]
            given = tf.constant(one) if step is our_step else keras.ops.convert_to_tensor(one)
            optimizer.apply([None, given], variables)
        assert any("kernel" in str(w.message) for w in caught if w.category is UserWarning)
        states.append(state(optimizer, variables))
    agree(*states)
    optimizer, variables = make_ours("SGD")
    with pytest.raises(ValueError, match=r"No gradient for any variable.*kernel:0, bias:0"):
        optimizer.apply([None, None], variables)
    assert int(optimizer.iterations) == 0
    optimizer.apply([])  # nothing to do


def test_scaling_the_loss_leaves_the_step_as_it_is() -> None:
    optimizer = tf.keras.optimizers.SGD(0.5, loss_scale_factor=1024.0)
    w = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        loss = optimizer.scale_loss(tf.square(w))
    optimizer.apply([tape.gradient(loss, w)], [w])
    assert (float(loss), float(w)) == (9216.0, 0.0)
    assert tf.keras.optimizers.SGD().scale_loss(2.0) == 2.0


def test_set_weights() -> None:
    optimizer, _ = make_ours("SGD", momentum=0.5)
    values = [np.full(v.shape, 3.0) for v in optimizer.variables]
    optimizer.set_weights(values)
    assert all(
        np.array_equal(v.numpy(), value)
        for v, value in zip(optimizer.variables, values, strict=True)
    )
    with pytest.raises(ValueError, match="4 variables, but got 1"):
        optimizer.set_weights(values[:1])
    with pytest.raises(ValueError, match="no memory yet"):
        tf.keras.optimizers.SGD().set_weights(values)


class Heavy(tf.keras.optimizers.Optimizer):
    """An optimizer as Keras's documentation tells one to write it."""

    def __init__(self, learning_rate: float = 0.1, drag: float = 0.5, **kwargs: Any):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.share = drag

    def build(self, variables: Any) -> None:
        super().build(variables)
        self.count = tf.Variable(0.0)
        self.slots = [
            self.add_variable_from_reference(reference_variable=v, name="slot") for v in variables
        ]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        slot = self.slots[self._get_variable_index(variable)]
        self.assign(slot, slot * self.share + tf.cast(gradient, variable.dtype))
        self.assign_add(self.count, 1.0)
        self.assign_sub(variable, slot * tf.cast(learning_rate, variable.dtype))


def test_an_optimizer_of_ones_own() -> None:
    optimizer, w = Heavy(1.0, clipvalue=1.0), tf.Variable(0.0, name="w")
    step = tf.function(optimizer.apply)
    for _ in range(2):
        step([tf.constant(2.0)], [w])
        optimizer.build([w])  # once is enough
    assert (float(w), float(optimizer.count), int(optimizer.iterations)) == (-2.5, 2.0, 2)
    names = [variable.name for variable in optimizer.variables]
    assert names == ["heavy/iteration:0", "heavy/learning_rate:0", "Variable:0", "heavy/w_slot:0"]
    config = optimizer.get_config()
    assert (config["drag"], config["clipvalue"], config["learning_rate"]) == (0.5, 1.0, 1.0)
    again = Heavy.from_config(config)
    assert (again.share, again.clipvalue, again.name) == (0.5, 1.0, "heavy")


def test_float16_and_float64_variables_keep_their_dtype() -> None:
    moved = {}
    for dtype in ("float64", "float16", "bfloat16"):
        optimizer = tf.keras.optimizers.Adam(0.1, epsilon=1e-3, weight_decay=0.1, clipvalue=2.5)
        w = tf.Variable(tf.ones([3], dtype))
        for _ in range(2):
            optimizer.apply([tf.constant([1.0, 2.0, 3.0])], [w])
        assert w.dtype.name == optimizer.variables[2].dtype.name == dtype
        moved[dtype] = w.numpy().astype("float64")
    assert moved["float64"] == pytest.approx([0.79, 0.79, 0.79], abs=0.02)
    assert moved["float16"] == pytest.approx(moved["float64"], abs=5e-3)
    assert moved["bfloat16"] == pytest.approx(moved["float64"], abs=2e-2)  # in Keras it stays at 1


def test_a_compiled_step_is_no_larger_than_one_written_by_hand() -> None:
    """Adam over two variables: one kernel for the arrays, and scalars once, whatever their number."""
    optimizer, variables = make_ours("Adam")
    gradients = [tf.constant(gradient) for gradient in GRADIENTS[0]]
    means, sizes = ([tf.Variable(tf.zeros_like(v)) for v in variables] for _ in range(2))
    time: Any = tf.Variable(0.0)

    def by_hand(grads: Any) -> None:
        m: Any
        v: Any
        time.assign_add(1.0)
        rate = 0.001 * tf.sqrt(1 - 0.999**time) / (1 - 0.9**time)
        for w, m, v, g in zip(variables, means, sizes, grads, strict=True):
            m.assign(0.9 * m + 0.1 * g)
            v.assign(0.999 * v + 0.001 * tf.square(g))
            w.assign_sub(rate * m / (tf.sqrt(v) + 1e-7))

    programs = [
        tf.function(step, jit_compile=True).get_concrete_function(gradients)
        for step in (by_hand, lambda grads: optimizer.apply(grads, variables))
    ]
    hand, ours = programs
    assert len(ours.graph.nodes) <= len(hand.graph.nodes)
    assert len(ours.kernels) <= len(hand.kernels)
    assert (
        _operations(ours.optimized) <= _operations(hand.optimized) + 1
    )  # iterations are whole numbers: one cast more
    assert ours.source.count("reuse(") == hand.source.count("reuse(")


def _operations(graph: Any, only: Any = None) -> int:
    """How many operations a program computes, inside its kernels too; `only` those of one shape."""
    total = 0
    for node in graph.nodes:
        if node.op == "fused":
            total += _operations(node.attrs["body"], only)
        elif node.op not in ("placeholder", "constant", "variable"):
            shape = graph.specs[node.outputs[0]].shape
            total += only is None or tuple(shape.as_list()) == only
    return total


@pytest.mark.parametrize(
    "cls",
    ["SGD", "Adam", "AdamW", "Nadam", "Adamax", "RMSprop", "Adagrad", "Adadelta", "Ftrl", "Lion"],
)
def test_scalars_are_computed_once_for_all_variables(cls: str) -> None:
    """Four variables take as many scalar operations as two, whatever is asked for, and as few kernels."""
    schedule = tf.keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    options = {
        "weight_decay": 0.01,
        "use_ema": True,
        "ema_overwrite_frequency": 5,
        "clipvalue": 1.0,
    }
    scalars, kernels = [], []
    for count in (2, 4):
        optimizer = getattr(tf.keras.optimizers, cls)(schedule, **options)
        variables = [tf.Variable(tf.ones([64, 32])) for _ in range(count)]
        optimizer.build(variables)
        step = tf.function(lambda g, o=optimizer, v=variables: o.apply(g, v), jit_compile=True)
        program = step.get_concrete_function([tf.ones([64, 32])] * count)
        scalars.append(_operations(program.optimized, only=()))
        kernels.append(len(program.kernels))
        assert program.source.count("reuse(") >= count * 2  # in place: variables and averages
    assert scalars[0] == scalars[1] < 40
    assert kernels[0] == kernels[1] <= 3


WRONG = {
    "an unknown argument": (
        lambda: tf.keras.optimizers.Adam(learning_rte=0.1),
        ["Adam has no argument 'learning_rte'", "Did you mean 'learning_rate'?"],
    ),
    "a learning rate that is no number": (lambda: tf.keras.optimizers.SGD("fast"), ["a number", "'fast'"]),
    "two kinds of clipping": (
        lambda: tf.keras.optimizers.SGD(clipnorm=1.0, clipvalue=1.0),
        ["Only one of clipnorm, clipvalue and global_clipnorm"],
    ),
    "accumulation of one": (
        lambda: tf.keras.optimizers.SGD(gradient_accumulation_steps=1),
        ["2 or more", "not 1"],
    ),
    "momentum of averages": (
        lambda: tf.keras.optimizers.SGD(use_ema=True, ema_momentum=1.5),
        ["between 0 and 1", "1.5"],
    ),
    "frequency of averages": (
        lambda: tf.keras.optimizers.SGD(use_ema=True, ema_overwrite_frequency=0.5),
        ["integer of 1 or more", "0.5"],
    ),
    "momentum": (lambda: tf.keras.optimizers.SGD(momentum=1.1), ["between 0 and 1", "1.1"]),
    "beta of Lion": (lambda: tf.keras.optimizers.Lion(beta_1=0.0), ["above 0", "0.0"]),
    "no decay for AdamW": (lambda: tf.keras.optimizers.AdamW(weight_decay=None), ["use Adam"]),
    "power of Ftrl": (lambda: tf.keras.optimizers.Ftrl(learning_rate_power=1.0), ["0 or less", "1.0"]),
    "penalty of Ftrl": (
        lambda: tf.keras.optimizers.Ftrl(l1_regularization_strength=-1.0),
        ["l1_regularization_strength", "0 or more"],
    ),
    "a fixed loss scale": (
        lambda: tf.keras.optimizers.LossScaleOptimizer(tf.keras.optimizers.SGD(), dynamic=False),
        ["loss_scale_factor"],
    ),
    "clipping outside": (
        lambda: tf.keras.optimizers.LossScaleOptimizer(tf.keras.optimizers.SGD(), clipnorm=1.0),
        ["no argument 'clipnorm'", "set it there"],
    ),
    "an unknown name": (lambda: tf.keras.optimizers.get("adm"), ["'adm'", "'adam'"]),
    "gradients for nobody": (
        lambda: tf.keras.optimizers.SGD().apply([tf.constant(1.0)]),
        ["apply(grads, variables)"],
    ),
    "too many gradients": (
        lambda: tf.keras.optimizers.SGD().apply([tf.constant(1.0)] * 2, [tf.Variable(1.0)]),
        ["2 gradients", "1 variables"],
    ),
    "a gradient of another shape": (
        lambda: tf.keras.optimizers.SGD().apply([tf.ones([2])], [tf.Variable(tf.ones([2, 2]), name="w")]),
        ["'w:0' has shape (2,)", "shape (2, 2)", "order of the variables"],
    ),
    "another variable": (
        lambda: make_ours("SGD")[0].apply([tf.constant(1.0)], [tf.Variable(1.0, name="new")]),
        ["does not know 'new:0'", "optimizer.build(variables)"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_errors_say_what_to_do(case: str) -> None:
    call, parts = WRONG[case]
    with pytest.raises(ValueError, match=r"\w") as caught:
        call()
    for part in parts:
        assert part in str(caught.value)


def test_a_class_without_a_step_and_something_that_is_no_optimizer() -> None:
    with pytest.raises(NotImplementedError, match="Optimizer must define update_step"):
        tf.keras.optimizers.Optimizer(0.1).apply([tf.constant(1.0)], [tf.Variable(1.0)])
    with pytest.raises(TypeError, match="by its name or an instance"):
        tf.keras.optimizers.get(lambda: None)
    assert tf.keras.optimizers.get(None) is None
    with pytest.raises(
        AttributeError, match=r"no tf.keras.optimizers.Adamm. Did you mean 'Adam'\?"
    ):
        tf.keras.optimizers.Adamm  # noqa: B018
    with pytest.warns(UserWarning, match="decay is ignored"):
        tf.keras.optimizers.SGD(decay=0.1)


def test_older_files_list_options_for_the_loss_scale_optimizer() -> None:
    config = {"inner_optimizer": tf.keras.optimizers.SGD(0.5), "use_ema": False, "clipnorm": None}
    made = tf.keras.optimizers.LossScaleOptimizer.from_config(config)
    assert float(made.learning_rate) == 0.5


def test_constraints_of_a_layer_hold_while_fit_runs() -> None:
    layer = tf.keras.layers.Dense(3, kernel_constraint="non_neg", use_bias=False)
    model = tf.keras.Sequential([layer])
    model.compile(tf.keras.optimizers.Adam(0.5), "mse")
    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    model.fit(x, -x[:, :3], epochs=2, verbose=0)
    kernel = layer.kernel.numpy()
    assert kernel.min() == 0.0
    assert (kernel == 0.0).sum() >= 3  # the diagonal is pulled below 0


def test_averages_are_in_place_when_fit_ends() -> None:
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, use_bias=False)])
    optimizer = tf.keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    model.compile(optimizer, "mse")
    x = np.ones((4, 1), "float32")
    model.fit(x, 3 * x, epochs=3, batch_size=4, verbose=0)
    (average,) = (v for v in optimizer.variables if "average" in v.name)
    assert model.weights[0].numpy() == pytest.approx(average.numpy())
