"""The engine: tensors, gradients, graphs and Keras-style training, small enough to read.

    import engine as tf

Names, arguments and meaning are TensorFlow's. Where to start reading: `tensor`, then `dispatch`,
then `tape`, then `function`. See DESIGN in the README for the order of all modules.
"""

from __future__ import annotations

import importlib
from typing import Any

from engine import autodiff, config, errors, linalg, nest
from engine.batching.vectorize import vectorized_map
from engine.control_flow import case, cond, control_dependencies, switch_case, while_loop
from engine.devices import device
from engine.dispatch import init_scope
from engine.dtypes import (
    DType,
    as_dtype,
    bfloat16,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    string,
    uint8,
    uint16,
    uint32,
    uint64,
)
from engine.dtypes import bool_ as bool
from engine.dtypes import float16 as half
from engine.dtypes import float64 as double
from engine.function import function
from engine.module import Module
from engine.ops import bitwise, nn, operators, random
from engine.ops.blocks import batch_to_space, required_space_to_batch_paddings, space_to_batch
from engine.ops.blocks import space_to_batch as space_to_batch_nd
from engine.ops.casting import bitcast, saturate_cast
from engine.ops.complexes import abs, complex
from engine.ops.creation import (
    constant,
    convert_to_tensor,
    fill,
    get_static_value,
    is_tensor,
    ones,
    zeros,
)
from engine.ops.einsum import einsum, tensordot
from engine.ops.elementwise import (
    add,
    add_n,
    cast,
    ceil,
    clip_by_value,
    cos,
    divide,
    equal,
    exp,
    floor,
    floormod,
    greater,
    greater_equal,
    identity,
    identity_n,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    ones_like,
    pow,
    round,
    sigmoid,
    sign,
    sin,
    sqrt,
    square,
    stop_gradient,
    subtract,
    tanh,
    truediv,
    where,
    zeros_like,
)
from engine.ops.elementwise import floormod as mod
from engine.ops.functional import foldl, foldr, map_fn, scan
from engine.ops.indexing import (
    gather,
    gather_nd,
    scatter_nd,
    tensor_scatter_nd_add,
    tensor_scatter_nd_max,
    tensor_scatter_nd_min,
    tensor_scatter_nd_sub,
    tensor_scatter_nd_update,
)
from engine.ops.joining import (
    concat,
    repeat,
    reverse,
    reverse_sequence,
    roll,
    split,
    stack,
    tile,
    unstack,
)
from engine.ops.layout import (
    broadcast_dynamic_shape,
    broadcast_static_shape,
    broadcast_to,
    ensure_shape,
    expand_dims,
    rank,
    reshape,
    shape,
    shape_n,
    size,
    squeeze,
    transpose,
)
from engine.ops.linalg import matmul
from engine.ops.matrix_functions import eig, eigvals
from engine.ops.matrix_functions import sqrtm as matrix_square_root
from engine.ops.norms import clip_by_global_norm, clip_by_norm, norm, scalar_mul
from engine.ops.ordering import argsort, searchsorted, sort, unique, unique_with_counts
from engine.ops.padding import pad
from engine.ops.printing import Assert, print
from engine.ops.python_calls import (
    executing_eagerly,
    grad_pass_through,
    group,
    inside_function,
    is_symbolic_tensor,
    no_op,
    numpy_function,
    py_function,
)
from engine.ops.reduce import (
    argmax,
    argmin,
    reduce_all,
    reduce_any,
    reduce_logsumexp,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_sum,
)
from engine.ops.scan import cumsum
from engine.ops.segments import histogram_fixed_width, histogram_fixed_width_bins
from engine.ops.selection import boolean_mask, dynamic_partition, dynamic_stitch, unravel_index
from engine.ops.sequences import eye, linspace, meshgrid, one_hot, sequence_mask
from engine.ops.sequences import range_ as range
from engine.ops.slicing import slice_ as slice
from engine.ops.slicing import strided_slice
from engine.ops.special import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cosh,
    sinh,
    tan,
    truncatediv,
    truncatemod,
)
from engine.ops.tensor_array import TensorArray
from engine.own_gradients import custom_gradient, recompute_grad
from engine.scopes import name_scope
from engine.spec import TensorShape, TensorSpec
from engine.tape import GradientTape, UnconnectedGradients
from engine.tensor import Tensor
from engine.variable import IndexedSlices, Variable

newaxis = None
__version__ = "0.1.0"

_LATER = (
    "autograph",
    "data",
    "debugging",
    "keras",
    "math",
    "signal",
    "strings",
    "train",
)  # loaded when first used

for _name in ("bitwise", "config", "errors", "linalg", "nest", "nn", "random"):
    errors.advise(globals()[_name].__name__, f"tf.{_name}")


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return importlib.import_module(f"engine.{name}")
    if name.startswith("__"):
        raise AttributeError(f"module 'engine' has no attribute {name!r}")
    from engine.advice import missing_name

    raise missing_name("tf", name, __dir__())


def __dir__() -> list[str]:
    return sorted([public for public in globals() if not public.startswith("_")] + list(_LATER))
