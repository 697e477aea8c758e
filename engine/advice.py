"""What to write instead of a name that the engine does not have. Read only when somebody asks for one.

Names of TensorFlow 1 have an answer each; so have methods that NumPy's and PyTorch's arrays have and
tensors have not. For the rest, the nearest name there is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

TF1 = {
    "Session": "call operations directly: they run at once; wrap what must run as a graph in tf.function",
    "InteractiveSession": "call operations directly: they run at once",
    "ConfigProto": "use the functions of tf.config",
    "Graph": "use tf.function; fn.get_concrete_function(...).graph is the graph",
    "placeholder": "make it an argument of a Python function; decorate that with tf.function",
    "placeholder_with_default": "make it an argument with a default value of a Python function",
    "get_variable": "make it with tf.Variable(initial_value, name=...)",
    "global_variables_initializer": "leave it out: a tf.Variable has its value from the start",
    "local_variables_initializer": "leave it out: a tf.Variable has its value from the start",
    "initialize_all_variables": "leave it out: a tf.Variable has its value from the start",
    "variables_initializer": "leave it out: a tf.Variable has its value from the start",
    "global_variables": "ask the model or layer for .variables",
    "local_variables": "ask the model or layer for .variables",
    "trainable_variables": "ask the model or layer for .trainable_variables",
    "assign": "call variable.assign(value)",
    "assign_add": "call variable.assign_add(value)",
    "assign_sub": "call variable.assign_sub(value)",
    "scatter_update": "call variable.scatter_nd_update(indices, updates)",
    "gradients": "record with tf.GradientTape() as tape, then tape.gradient(target, sources)",
    "hessians": "record with two nested tf.GradientTape() blocks, and take tape.jacobian of the gradient",
    "get_default_graph": "use tf.function; fn.get_concrete_function(...).graph shows its graph",
    "reset_default_graph": "leave it out: there is no global graph to reset",
    "get_default_session": "leave it out: operations run at once",
    "get_collection": "keep what belongs together in a Python list, or in a tf.Module",
    "variable_scope": "keep variables as attributes of an object",
    "layers": "use tf.keras.layers",
    "losses": "use tf.keras.losses",
    "metrics": "use tf.keras.metrics",
    "estimator": "use tf.keras: a model with compile and fit",
    "compat": "write the TensorFlow 2 name: the engine has nothing of TensorFlow 1",
    "logging": "use Python's logging, or tf.print",
    "gfile": "use Python's open and pathlib",
    "app": "use plain Python, argparse for flags",
    "flags": "use argparse",
    "contrib": "it was dissolved in TensorFlow 2; the course shows the parts it covers",
    "py_func": "call the Python function outside of tf.function",
    "to_float": "use tf.cast(x, tf.float32)",
    "to_double": "use tf.cast(x, tf.float64)",
    "to_int32": "use tf.cast(x, tf.int32)",
    "to_int64": "use tf.cast(x, tf.int64)",
    "to_bfloat16": "use tf.cast(x, tf.bfloat16)",
    "log": "use tf.math.log",
    "log1p": "use tf.math.log1p",
    "rsqrt": "use tf.math.rsqrt",
    "erf": "use tf.math.erf",
    "lgamma": "use tf.math.lgamma",
    "digamma": "use tf.math.digamma",
    "is_nan": "use tf.math.is_nan",
    "is_inf": "use tf.math.is_inf",
    "is_finite": "use tf.math.is_finite",
    "conj": "use tf.math.conj",
    "real": "use tf.math.real",
    "imag": "use tf.math.imag",
    "angle": "use tf.math.angle",
    "cumprod": "use tf.math.cumprod",
    "segment_sum": "use tf.math.segment_sum",
    "unsorted_segment_sum": "use tf.math.unsorted_segment_sum",
    "confusion_matrix": "use tf.math.confusion_matrix",
    "bincount": "use tf.math.bincount",
    "invert_permutation": "use tf.math.invert_permutation",
    "floordiv": "use tf.math.floordiv, or the operator //",
    "div": "use tf.divide, or the operator /",
    "arg_max": "use tf.argmax",
    "arg_min": "use tf.argmin",
    "diag": "use tf.linalg.diag",
    "diag_part": "use tf.linalg.diag_part",
    "matrix_inverse": "use tf.linalg.inv",
    "matrix_solve": "use tf.linalg.solve",
    "matrix_determinant": "use tf.linalg.det",
    "matrix_transpose": "use tf.linalg.matrix_transpose",
    "matrix_band_part": "use tf.linalg.band_part",
    "cholesky": "use tf.linalg.cholesky",
    "svd": "use tf.linalg.svd",
    "trace": "use tf.linalg.trace",
    "random_normal": "use tf.random.normal",
    "random_uniform": "use tf.random.uniform",
    "random_shuffle": "use tf.random.shuffle",
    "set_random_seed": "use tf.random.set_seed",
    "truncated_normal": "use tf.random.truncated_normal",
    "multinomial": "use tf.random.categorical",
    "check_numerics": "use tf.debugging.check_numerics",
    "assert_equal": "use tf.debugging.assert_equal",
    "assert_rank": "use tf.debugging.assert_rank",
    "assert_positive": "use tf.debugging.assert_positive",
    "Print": "use tf.print",
    "enable_eager_execution": "leave it out: eager is the default",
    "disable_eager_execution": "leave it out; use tf.function for graphs",
    "executing_eagerly_outside_functions": "leave it out: eager is the default",
}

# Attributes of NumPy's and PyTorch's arrays, and of TensorFlow 1's tensors.
METHODS = {
    "T": "tf.transpose(x)",
    "mT": "tf.linalg.matrix_transpose(x)",
    "transpose": "tf.transpose(x, perm)",
    "permute": "tf.transpose(x, perm)",
    "reshape": "tf.reshape(x, shape)",
    "view": "tf.reshape(x, shape)",
    "flatten": "tf.reshape(x, [-1])",
    "ravel": "tf.reshape(x, [-1])",
    "squeeze": "tf.squeeze(x, axis)",
    "unsqueeze": "tf.expand_dims(x, axis)",
    "expand": "tf.broadcast_to(x, shape)",
    "repeat": "tf.repeat(x, repeats, axis)",
    "size": "tf.size(x)",
    "numel": "tf.size(x)",
    "dim": "x.ndim",
    "sum": "tf.reduce_sum(x, axis)",
    "mean": "tf.reduce_mean(x, axis)",
    "std": "tf.math.reduce_std(x, axis)",
    "var": "tf.math.reduce_variance(x, axis)",
    "max": "tf.reduce_max(x, axis)",
    "min": "tf.reduce_min(x, axis)",
    "prod": "tf.reduce_prod(x, axis)",
    "all": "tf.reduce_all(x, axis)",
    "any": "tf.reduce_any(x, axis)",
    "argmax": "tf.argmax(x, axis)",
    "argmin": "tf.argmin(x, axis)",
    "cumsum": "tf.cumsum(x, axis)",
    "sort": "tf.sort(x, axis)",
    "dot": "tf.tensordot(x, y, 1), or x @ y for matrices",
    "matmul": "x @ y",
    "mm": "x @ y",
    "norm": "tf.norm(x)",
    "clip": "tf.clip_by_value(x, low, high)",
    "clamp": "tf.clip_by_value(x, low, high)",
    "astype": "tf.cast(x, dtype)",
    "float": "tf.cast(x, tf.float32)",
    "int": "tf.cast(x, tf.int32)",
    "to": "tf.cast(x, dtype) for a dtype, `with tf.device(name):` for a device",
    "cuda": "`with tf.device('GPU:0'):`",
    "cpu": "`with tf.device('CPU:0'):`",
    "copy": "tf.identity(x); a tensor never changes, so a copy is seldom needed",
    "clone": "tf.identity(x); a tensor never changes, so a copy is seldom needed",
    "detach": "tf.stop_gradient(x)",
    "backward": "tape.gradient(loss, sources), recorded with tf.GradientTape() as tape",
    "grad": "tape.gradient(loss, sources), recorded with tf.GradientTape() as tape",
    "requires_grad": "tape.watch(x), or a tf.Variable",
    "tolist": "x.numpy().tolist()",
    "eval": "x.numpy(): values are there at once",
    "set_shape": "tf.ensure_shape(x, shape)",
    "get": "x.numpy()",
    "fill": "tf.fill(tf.shape(x), value): a tensor cannot be changed",
    "assign": "a tf.Variable: a tensor cannot be changed",
    "assign_add": "a tf.Variable: a tensor cannot be changed",
    "assign_sub": "a tf.Variable: a tensor cannot be changed",
}


def missing_name(path: str, name: str, known: Iterable[str]) -> AttributeError:
    """The error for `path.name`, where `known` are the names there are.

    >>> print(missing_name("tf.math", "reduce_summ", ["reduce_sum", "reduce_max"]))
    The engine has no tf.math.reduce_summ. Did you mean tf.math.reduce_sum?
    """
    import difflib

    if path == "tf" and name in TF1:
        return AttributeError(
            f"tf.{name} belongs to TensorFlow 1 and does not exist here. Instead, {TF1[name]}."
        )
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    all_of_them = (
        f"It has {', '.join(names)}." if len(names) < 10 else f"dir({path}) lists what there is."
    )
    advice = f"Did you mean {path}.{near[0]}?" if near else all_of_them
    return AttributeError(f"The engine has no {path}.{name}. {advice}")


def missing_method(value: Any, name: str) -> AttributeError:
    """The error for an attribute that a tensor or variable does not have.

    >>> print(missing_method(object(), "mean"))
    An object has no attribute 'mean'. Use tf.reduce_mean(x, axis).
    """
    kind = {"Tensor": "A tensor", "SymbolicTensor": "A tensor", "Variable": "A variable"}
    what = kind.get(type(value).__name__, f"An {type(value).__name__}")
    import difflib

    if name in METHODS:
        advice = f"Use {METHODS[name]}."
    else:
        here = [public for public in dir(type(value)) if not public.startswith("_")]
        near = difflib.get_close_matches(name, here, n=1)
        advice = (
            f"Did you mean .{near[0]}?"
            if near
            else "Most operations are functions of tf, which take the tensor."
        )
    return AttributeError(f"{what} has no attribute {name!r}. {advice}")
