"""What has no recorded case, and why. Each list is checked for entries that no longer belong there."""

from __future__ import annotations

# Differentiable primitives that neither TensorFlow nor PyTorch can bear witness to: their values stand in
# derivatives that are recorded, their own derivatives in none. Finite differences judge those.
NO_WITNESS: dict[str, str] = {
    "igamma_derivative": "neither framework differentiates the derivative by a again",
    "random_gamma": "no two frameworks draw alike; its derivative, random_gamma_grad, is recorded",
    "max_pool_pick": "stands in second derivatives; only a third flows through it",
}

# Public functions that are no operations on tensors, or random: `random_cases.py` has those.
_NO_NUMBERS = "it gives no numbers"
NOT_RECORDED: dict[str, str] = {
    "tf.Assert": _NO_NUMBERS,
    "tf.as_dtype": _NO_NUMBERS,
    "tf.control_dependencies": _NO_NUMBERS,
    "tf.device": _NO_NUMBERS,
    "tf.executing_eagerly": _NO_NUMBERS,
    "tf.get_static_value": "TensorFlow has it in another place; it gives what was put in",
    "tf.group": _NO_NUMBERS,
    "tf.init_scope": _NO_NUMBERS,
    "tf.inside_function": _NO_NUMBERS,
    "tf.is_symbolic_tensor": _NO_NUMBERS,
    "tf.name_scope": _NO_NUMBERS,
    "tf.no_op": _NO_NUMBERS,
    "tf.nn.experimental.stateless_dropout": "it is random",
    "tf.print": _NO_NUMBERS,
}
