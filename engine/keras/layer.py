"""Layer: weights and a function of them. `__init__` takes settings, `build` makes weights when the input
shape is known, `call` computes. Read `configurable` and `symbolic` before it."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import dtypes, nest
from engine.dispatch import init_scope
from engine.function import traceable
from engine.keras import dtype_policy, symbolic
from engine.keras.calls import call as current
from engine.keras.calls import inside, with_losses
from engine.keras.configurable import Configurable, as_setting
from engine.keras.input_spec import InputSpec
from engine.keras.lookup import snake_case, unique_name
from engine.keras.masking import get_mask, masks_of, set_mask
from engine.keras.weights import WeightHolder, regularizer_of
from engine.ops.creation import convert
from engine.ops.elementwise import cast
from engine.spec import TensorShape
from engine.tensor import Tensor
from engine.variable import Variable, attach

__all__ = ["InputSpec", "Layer"]


class _Signature:
    """What a layer's `call` takes. tensors: the parameters before `training` and `mask`, in order."""

    def __init__(self, function: Callable[..., Any]):
        parameters = inspect.signature(function).parameters
        kinds = {p.kind for p in parameters.values()}
        self.anything = inspect.Parameter.VAR_KEYWORD in kinds
        self.names = [
            name
            for name, p in parameters.items()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        self.training = "training" in parameters
        self.masks = [name for name in parameters if name == "mask" or name.endswith("_mask")]

    def named(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by name."""
        return {**dict(zip(self.names, args, strict=False)), **kwargs}


@functools.cache
def _signature(function: Any) -> _Signature:
    return _Signature(function)


class Layer(WeightHolder, Configurable):
    """The base of all layers and models.

    Subclasses define `call(inputs)` and, when they have weights, `build(input_shape)`, which makes
    them with `add_weight`. Variables and layers set as attributes, or in lists and dicts that are, are
    found by themselves. Output shapes are found by a trial trace: no layer has to tell its own.

    Args:
      activity_regularizer: a loss of the output, such as `'l2'`.
      trainable: whether gradients update its weights.
      dtype: of weights and computation, or a DTypePolicy that names one for each.
      autocast: whether floating inputs are cast to the dtype of computation.
      name: by default made of the class name: 'dense', 'dense_1', ...
      input_shape: the shape of one example, without the batch axis; a Sequential then builds at once.
        `input_dim=n` means `input_shape=(n,)`.
    """

    _not_in_config: tuple[str, ...] = ("autocast", "activity_regularizer")
    input_spec: Any = None
    supports_masking = False
    _built_by_init = (
        False  # True for layers that work alike on any shape: there is nothing to build
    )

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ):
        given = _declared_shape(kwargs)
        if kwargs:
            known = "activity_regularizer, trainable, dtype, autocast, name, input_shape"
            raise TypeError(
                f"{type(self).__name__} does not take {', '.join(map(repr, kwargs))}. All layers take "
                f"{known}."
            )
        self.given_input_shape = given
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.dtype_policy = dtype_policy.get(dtype)
        self.autocast = bool(autocast)
        self.activity_regularizer = regularizer_of(activity_regularizer)
        self.built = self._built_by_init and type(self).build is Layer.build
        self._trainable = bool(trainable)
        self._weights = []
        self._losses: list[Tensor] = []
        self._inbound_nodes: list[Any] = []
        self._build_shapes: dict[str, Any] | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        """Whoever calls `build`, the layer is built afterwards, and knows for which shapes."""
        super().__init_subclass__(**options)
        own = cls.__dict__.get("build")
        if own is not None:

            @functools.wraps(own)
            def build(self: Any, *args: Any, **kwargs: Any) -> None:
                own(self, *args, **kwargs)
                names = _signature(own).names[1:]
                self._build_shapes = {**dict(zip(names, args, strict=False)), **kwargs}
                self.built = True

            cls.build = build  # type: ignore[method-assign]

    def __setattr__(self, name: str, value: Any) -> None:
        attach(self, name, value)

    # --- settings -----------------------------------------------------------------------------------

    @property
    def compute_dtype(self) -> str:
        """In which dtype the layer computes, by name."""
        return self.dtype_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """In which dtype its weights are kept, by name."""
        return self.dtype_policy.variable_dtype

    @property
    def dtype(self) -> str:
        """The same as `variable_dtype`."""
        return self.variable_dtype

    def get_config(self) -> dict[str, Any]:
        """What `__init__` needs to make this layer again, without weights."""
        config = super().get_config()
        base = {"name": self.name, "trainable": self.trainable}
        if "dtype" in config:
            config["dtype"] = as_setting(self.dtype_policy)
        if self.activity_regularizer is not None:
            base["activity_regularizer"] = as_setting(self.activity_regularizer)
        return base | {k: v for k, v in config.items() if k not in base}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer with these settings and new weights."""
        return super().from_config(config)

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes it was built for; None before it is."""
        shapes = self._build_shapes
        if shapes is None or not self.built:
            return None
        if len(shapes) == 1:
            return {"input_shape": next(iter(shapes.values()))}
        return {"shapes_dict": shapes}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Builds for the shapes that `get_build_config` gave."""
        if self.built:
            return
        if "shapes_dict" in config:
            self.ensure_built({name: _as_shape(s) for name, s in config["shapes_dict"].items()})
        elif config.get("input_shape") is not None:
            self.ensure_built(_as_shape(config["input_shape"]))

    # --- losses -------------------------------------------------------------------------------------

    def add_loss(self, loss: Any) -> None:
        """Adds a number to what training makes small. Called in `call`, anew at each call."""
        self._losses += nest.flatten(loss)
        with_losses.add(self)

    @property
    def losses(self) -> list[Tensor]:
        """What `add_loss` was given in the last call, and the regularizers of the weights."""
        layers = self._flatten_layers()
        found = [loss for layer in layers for loss in layer._losses]
        for variable in self.trainable_weights:
            regularizer = getattr(variable, "regularizer", None)
            if regularizer is not None:
                found.append(regularizer(variable))
        return found

    def _clear_losses(self) -> None:
        if with_losses:
            for layer in self._flatten_layers():
                layer._losses = []

    # --- running ------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Makes the weights. `input_shape` is a tuple with the batch axis, usually None."""
        self._build_shapes = {"input_shape": input_shape}
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Computes the output."""
        raise NotImplementedError(f"Layer {type(self).__name__} must define call(inputs).")

    def ensure_built(self, shapes: Any) -> None:
        """Builds on the first call, and only then.

        Args:
          shapes: of the first argument; or a dict of them by the names that `build` has.
        """
        if self.built:
            return
        with init_scope():
            names = _signature(type(self).build).names[1:]
            if isinstance(shapes, dict) and set(shapes) <= set(names):
                self.build(**shapes)
            else:
                self.build(shapes)
        self.built = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if symbolic.any_symbolic(args, kwargs):
            return self._call_symbolically(args, kwargs)
        signature = _signature(type(self).call)
        names = signature.names[1:]
        args = tuple(self._as_input(part, k == 0) for k, part in enumerate(args))
        kwargs = {name: self._as_input(part, False) for name, part in kwargs.items()}
        tensors = {
            name: value for name, value in zip(names, args, strict=False) if _holds_tensors(value)
        } | {name: value for name, value in kwargs.items() if _holds_tensors(value)}
        if not tensors and not args and not kwargs:
            raise ValueError(f"Layer {self.name!r} was called without an input.")
        first = args[0] if args else next(iter(kwargs.values()))
        self.check_input(first)
        if not self.built:
            self.ensure_built(self._shapes_for_build(tensors, first))
            self.check_input(first)
        training = kwargs.get("training")
        if training is None and signature.training:
            place = names.index("training") if "training" in names else len(args)
            training = args[place] if place < len(args) else None
        if training is None:
            training = current.training
        if signature.training and "training" not in signature.named((None, *args), kwargs):
            kwargs["training"] = training
        elif not signature.training and not signature.anything:
            kwargs.pop("training", None)
        for name, value in tensors.items():
            slot = "mask" if name == names[0] else f"{name}_mask"
            if f"{name}_mask" in signature.masks:
                slot = f"{name}_mask"
            if slot in signature.masks and signature.named((None, *args), kwargs).get(slot) is None:
                mask = masks_of(value)
                if mask is not None:
                    kwargs[slot] = mask
        if current.depth == 0:
            self._clear_losses()
        mixed = self.compute_dtype != self.variable_dtype
        with inside(training, dtypes.as_dtype(self.compute_dtype) if mixed else None):
            outputs = traceable(self.call)(*args, **kwargs)
            if self.activity_regularizer is not None:
                for output in nest.flatten(outputs):
                    share = cast(max(output.shape[0] or 1, 1), output.dtype)
                    self.add_loss(self.activity_regularizer(output) / share)
        self._give_masks(first, outputs)
        return outputs

    def _give_masks(self, inputs: Any, outputs: Any) -> None:
        before = masks_of(inputs)
        if before is None and type(self).compute_mask is Layer.compute_mask:
            return
        masks = self.compute_mask(inputs, before)
        if masks is None:
            return
        flat = nest.flatten(outputs)
        given = [masks] if isinstance(masks, Tensor) else nest.flatten(masks)
        if len(given) == 1:
            given = given * len(flat)
        for tensor, mask in zip(flat, given, strict=False):
            if mask is not None and get_mask(tensor) is None:
                set_mask(tensor, mask)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the output. A layer that supports masking hands on what it got."""
        if self.supports_masking or previous_mask is None:
            return previous_mask
        warnings.warn(
            f"Layer {self.name!r} does not support masking, but its input has a mask, which ends here.",
            stacklevel=4,
        )
        return None

    def check_input(self, inputs: Any) -> None:
        """Raises ValueError, with the fix, for inputs that `input_spec` does not allow."""
        if self.input_spec is None:
            return
        specs, tensors = nest.flatten(self.input_spec), nest.flatten(inputs)
        if len(specs) != len(tensors):
            raise ValueError(
                f"Layer {self.name!r} expects {len(specs)} input(s), but {len(tensors)} were given."
            )
        for spec, tensor in zip(specs, tensors, strict=True):
            if spec is not None:
                spec.check(tensor, self.name)

    def _shapes_for_build(self, tensors: dict[str, Any], first: Any) -> Any:
        names = _signature(type(self).build).names[1:]
        by_name = {f"{name}_shape": _shapes_of(value) for name, value in tensors.items()}
        if len(names) > 1:
            return {name: by_name[name] for name in names if name in by_name}
        return _shapes_of(first)

    def _as_input(self, value: Any, first: bool) -> Any:
        """Arrays as tensors, and floating tensors in the dtype of computation."""
        if isinstance(value, (list, tuple)) and not nest.is_nested(value[0] if value else None):
            if (
                first
                and value
                and not any(isinstance(v, (Tensor, Variable, np.ndarray)) for v in value)
            ):
                return self._cast(convert(value))  # a list of numbers is one input
        elif first and isinstance(value, list) and _only_numbers(value):
            return self._cast(convert(value))
        if nest.is_nested(value):
            return nest.map_structure(lambda part: self._as_input(part, False), value)
        if isinstance(value, (Tensor, Variable, np.ndarray, np.generic)) or (
            first and isinstance(value, (int, float)) and not isinstance(value, bool)
        ):
            return self._cast(convert(value))
        return value

    def _cast(self, tensor: Tensor) -> Tensor:
        wanted = dtypes.as_dtype(self.compute_dtype)
        if not self.autocast or not tensor.dtype.is_floating or tensor.dtype is wanted:
            return tensor
        if not wanted.is_floating:
            return tensor
        made = cast(tensor, wanted)
        set_mask(made, get_mask(tensor))
        return made

    def _call_symbolically(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        outputs = symbolic.trace(self, args, kwargs, self.name)
        self._clear_losses()
        node = symbolic.Node(self, args, kwargs, outputs)
        self._inbound_nodes.append(node)
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs as KerasTensors, for KerasTensors as inputs, found by a trial trace."""
        return symbolic.trace(self, args, kwargs, self.name)

    def compute_output_shape(self, input_shape: Any, *more: Any) -> Any:
        """The shape of the output for an input of this shape, found by a trial trace."""
        shapes = [input_shape, *more]
        given = [inputs_of(shape, self.compute_dtype) for shape in shapes]
        return nest.map_structure(
            lambda t: t.shape, symbolic.trace(self, tuple(given), {}, self.name)
        )

    def _first_node(self, what: str) -> Any:
        if not self._inbound_nodes:
            raise AttributeError(
                f"Layer {self.name!r} has no {what}: it was not called on a tf.keras.Input yet."
            )
        return self._inbound_nodes[0]

    @property
    def input(self) -> Any:
        """The KerasTensors of the layer's first symbolic call."""
        return self._first_node("input").inputs

    @property
    def output(self) -> Any:
        """The KerasTensors that its first symbolic call returned."""
        return self._first_node("output").outputs

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _declared_shape(options: dict[str, Any]) -> tuple[int | None, ...] | None:
    """The batch shape that `input_shape` or `input_dim` declare; takes them out of the options."""
    batch = options.pop("batch_size", None)
    if "input_dim" in options:
        options["input_shape"] = (options.pop("input_dim"),)
    if "batch_input_shape" in options:
        return tuple(TensorShape(options.pop("batch_input_shape")).as_list())
    shape = options.pop("input_shape", None)
    return None if shape is None else (batch, *TensorShape(shape).as_list())


def _is_shape(value: Any) -> bool:
    if isinstance(value, TensorShape):
        return True
    return isinstance(value, (list, tuple)) and all(
        v is None or isinstance(v, (int, np.integer)) for v in value
    )


def _map_shapes(f: Callable[[Any], Any], shapes: Any) -> Any:
    """`f` of every shape in a structure of shapes, which are lists and tuples themselves."""
    if _is_shape(shapes):
        return f(tuple(TensorShape(shapes).as_list()))
    if isinstance(shapes, dict):
        return {key: _map_shapes(f, part) for key, part in shapes.items()}
    return [_map_shapes(f, part) for part in shapes]


def inputs_of(shapes: Any, dtype: Any) -> Any:
    """KerasTensors for a structure of shapes."""
    return _map_shapes(lambda shape: symbolic.KerasTensor(shape, dtype), shapes)


def _as_shape(shapes: Any) -> Any:
    return None if shapes is None else _map_shapes(lambda shape: shape, shapes)


def _shapes_of(value: Any) -> Any:
    """The shapes of a structure of tensors, as tuples."""
    return nest.map_structure(
        lambda t: tuple(t.shape.as_list()) if isinstance(t, Tensor) else None, value
    )


def _holds_tensors(value: Any) -> bool:
    return any(isinstance(part, Tensor) for part in nest.flatten(value))


def _only_numbers(value: Any) -> bool:
    return all(isinstance(part, (int, float, bool)) for part in nest.flatten(value))
