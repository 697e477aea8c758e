"""Layer: weights and a function of them. `__init__` takes settings, `build` makes weights when the input
shape is known, `call` computes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from engine import dtypes, nest
from engine.dispatch import init_scope
from engine.function import traceable
from engine.graph.builder import Builder
from engine.keras import initializers
from engine.keras.lookup import snake_case, unique_name
from engine.ops.creation import convert
from engine.ops.elementwise import cast
from engine.spec import TensorShape, TensorSpec
from engine.tensor import Tensor
from engine.variable import Variable, attach


class InputSpec:
    """What a layer accepts: a smallest rank, an exact rank, or sizes of some axes."""

    def __init__(
        self,
        min_ndim: int | None = None,
        ndim: int | None = None,
        axes: dict[int, int] | None = None,
    ):
        self.min_ndim, self.ndim, self.axes = min_ndim, ndim, axes or {}

    def check(self, tensor: Tensor, layer: str) -> None:
        """Raises ValueError, with the fix, for a tensor the layer cannot take."""
        rank, full = tensor.ndim, tensor.shape
        if self.min_ndim is not None and rank < self.min_ndim:
            fix = (
                "A batch of single numbers of shape (n,) becomes (n, 1) with tf.expand_dims(x, -1); one "
                "example of shape (features,) becomes (1, features) with tf.expand_dims(x, 0)."
            )
            raise ValueError(
                f"Layer {layer!r} expects an input of rank {self.min_ndim} or more, such as (batch, "
                f"features), but the input has rank {rank} and shape {full}. {fix}"
            )
        if self.ndim is not None and rank != self.ndim:
            raise ValueError(
                f"Layer {layer!r} expects an input of rank {self.ndim}, but the input has rank {rank} "
                f"and shape {full}."
            )
        for axis, size in self.axes.items():
            if full[axis] not in (None, size):
                raise ValueError(
                    f"Layer {layer!r} was built for size {size} along axis {axis}, but the input has "
                    f"shape {full}. Feed data with {size} features, or build a new model."
                )


class Layer:
    """The base of all layers and models.

    Subclasses define `call(inputs)` and, when they have weights, `build(input_shape)`, which makes
    them with `add_weight`. Variables and layers set as attributes are found by themselves.

    Args:
      trainable: whether gradients update its weights.
      name: by default made of the class name: 'dense', 'dense_1', ...
      dtype: of weights and computation.
      input_shape: the shape of one example, without the batch axis; a model then builds at once.
    """

    input_spec: InputSpec | None = None

    def __init__(
        self,
        *,
        trainable: bool = True,
        name: str | None = None,
        dtype: Any = None,
        input_shape: Any = None,
        input_dim: int | None = None,
    ):
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.trainable = bool(trainable)
        self.dtype = dtypes.as_dtype(dtype or dtypes.float32)
        self.built = False
        if input_dim is not None:
            input_shape = (input_dim,)
        self.given_input_shape = (
            None if input_shape is None else (None, *TensorShape(input_shape).as_list())
        )
        parameters = inspect.signature(self.call).parameters
        self._call_takes_training = "training" in parameters

    def __init_subclass__(cls, **options: Any) -> None:
        """Whoever calls `build`, the layer is built afterwards, and no later call builds it again."""
        super().__init_subclass__(**options)
        own = cls.__dict__.get("build")
        if own is not None:

            @functools.wraps(own)
            def build(self: Any, input_shape: Any) -> None:
                own(self, input_shape)
                self.built = True

            cls.build = build  # type: ignore[method-assign]

    def __setattr__(self, name: str, value: Any) -> None:
        members = self.__dict__.setdefault("_members", {})
        if isinstance(value, (Variable, Layer)) or (
            isinstance(value, (list, tuple))
            and any(isinstance(v, (Variable, Layer)) for v in value)
        ):
            members[name] = value
        else:
            members.pop(name, None)
        attach(self, name, value)

    # --- weights ------------------------------------------------------------------------------------

    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = "glorot_uniform",
        dtype: Any = None,
        trainable: bool = True,
        name: str = "weight",
    ) -> Variable:
        """Makes a variable of the layer. Set it as an attribute: `self.kernel = self.add_weight(...)`."""
        start = initializers.get(initializer)
        found = self.dtype if dtype is None else dtypes.as_dtype(dtype)
        with init_scope():
            return Variable(
                lambda: start(tuple(shape), found), trainable, f"{self.name}/{name}", found
            )

    def _children(self) -> Iterator[Any]:
        for member in self.__dict__.get("_members", {}).values():
            for item in nest.flatten(member) if isinstance(member, (list, tuple)) else [member]:
                if isinstance(item, (Variable, Layer)):
                    yield item

    def _trackable_children(self) -> dict[str, Any]:
        """What tf.train.Checkpoint looks through for variables: every attribute."""
        return {name: value for name, value in vars(self).items() if name != "_members"}

    @property
    def sublayers(self) -> list[Layer]:
        """The layers set as attributes, in that order."""
        return [child for child in self._children() if isinstance(child, Layer)]

    def _collect(self, only_trainable: bool) -> list[Variable]:
        found: dict[int, Variable] = {}
        if only_trainable and not self.trainable:
            return []
        for child in self._children():
            inner = child._collect(only_trainable) if isinstance(child, Layer) else [child]
            for variable in inner:
                if variable.trainable or not only_trainable:
                    found.setdefault(id(variable), variable)
        return list(found.values())

    @property
    def weights(self) -> list[Variable]:
        """All variables, of this layer and those inside it."""
        return self._collect(False)

    variables = weights

    @property
    def trainable_variables(self) -> list[Variable]:
        """Those that training changes."""
        return self._collect(True)

    trainable_weights = trainable_variables

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """Those that training leaves alone."""
        trained = {id(variable) for variable in self.trainable_variables}
        return [variable for variable in self.weights if id(variable) not in trained]

    non_trainable_weights = non_trainable_variables

    def get_weights(self) -> list[Any]:
        """The values of `weights` as NumPy arrays."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Any) -> None:
        """Assigns arrays to `weights`, in order; ValueError when number or shapes differ."""
        own = self.weights
        if len(weights) != len(own):
            raise ValueError(
                f"Layer {self.name!r} has {len(own)} weights, but {len(weights)} arrays were given."
                + ("" if self.built else " It is not built yet: call it on data first.")
            )
        for variable, value in zip(own, weights, strict=True):
            variable.assign(np.asarray(value))

    def count_params(self) -> int:
        """The number of numbers in all weights."""
        return sum(variable.shape.num_elements() or 0 for variable in self.weights)

    # --- running ------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Makes the weights. `input_shape` is a tuple with the batch axis, usually None."""

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Computes the output."""
        raise NotImplementedError(f"Layer {type(self).__name__} must define call(inputs).")

    def ensure_built(self, input_shape: Any) -> None:
        """Builds on the first call, and only then."""
        if not self.built:
            with init_scope():
                self.build(tuple(input_shape))
            self.built = True

    def __call__(self, inputs: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        inputs = nest.map_structure(self._cast_input, inputs)
        first = nest.flatten(inputs)[0]
        if self.input_spec is not None:
            self.input_spec.check(first, self.name)
        if not self.built:
            self.ensure_built(first.shape.as_list())
            if self.input_spec is not None:
                self.input_spec.check(first, self.name)
        if self._call_takes_training:
            kwargs["training"] = training
        return traceable(self.call)(inputs, *args, **kwargs)

    def _cast_input(self, value: Any) -> Tensor:
        tensor = convert(value)
        floating = tensor.dtype.is_floating and self.dtype.is_floating
        return cast(tensor, self.dtype) if floating and tensor.dtype is not self.dtype else tensor

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The shape of the output for an input of this shape, found by a trial trace."""
        builder = Builder(self.name, None)
        with builder.tracing():
            output = self(builder.placeholder(TensorSpec(input_shape, self.dtype), "inputs"))
        return tuple(output.shape.as_list())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"
