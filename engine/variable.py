"""Variable: the one thing in the engine that changes.

A variable is a box with a tensor in it. Reading gives the tensor; assigning puts another one in. Inside
a graph, a read becomes an input and an assignment an update that is applied when the call ends.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple, NoReturn

from engine import dtypes
from engine.devices import to_host
from engine.dispatch import Log, context, init_scope
from engine.errors import InvalidArgumentError
from engine.formatting import values_text
from engine.scopes import scoped
from engine.spec import TensorShape, TensorSpec, compatible, show
from engine.tensor import Reference, Tensor

_created = itertools.count()
# Restored checkpoints that hold values for variables not made yet, see `engine.train.restoring`.
awaited: list[Any] = []


def attach(owner: Any, name: str, value: Any) -> None:
    """Sets an attribute; a restored checkpoint that holds values for what is in it brings them now."""
    object.__setattr__(owner, name, value)
    for restoration in list(awaited):
        restoration.attached(owner, name, value)


class IndexedSlices(NamedTuple):
    """Rows and the numbers of the rows they stand for: what `Variable.scatter_update` and its kin take.

    Gradients here are never IndexedSlices: a gradient has the shape of its source.
    """

    values: Any
    indices: Any
    dense_shape: Any = None


class Variable:
    """A tensor-shaped box with a value that can be replaced.

    Differs from TensorFlow: `initial_value` has to be given; `name`, `dtype` and `shape` follow `trainable`
    at once, and what is between them there is not accepted: `validate_shape`, `caching_device`,
    `variable_def`, `import_scope`, `constraint`, `synchronization`, `aggregation` and
    `experimental_enable_variable_lifting`.

    Args:
      initial_value: a tensor, array or number, or a function without arguments that returns one.
      trainable: whether gradient tapes watch it of their own accord; by default they do.
      name: used in messages and by optimizers; 'Variable' by default.
      dtype: of the value; by default that of `initial_value`.
      shape: the shape every value must fit; sizes may be None. By default that of `initial_value`.

    >>> import engine as tf
    >>> w = tf.Variable(1.0, name="w")
    >>> w.assign_add(2.0).numpy().item()
    3.0
    """

    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]  # == compares values; use v.ref() as a key

    def __init__(
        self,
        initial_value: Any,
        trainable: bool | None = None,
        name: str | None = None,
        dtype: Any = None,
        shape: Any = None,
    ):
        from engine.ops.creation import convert  # operators of Variable end in ops, which end here

        builder = context.builder
        if builder is not None:
            builder.variable_created(name or "Variable")
        with init_scope():
            value = initial_value() if callable(initial_value) else initial_value
            tensor = convert(value, dtype)
            if not hasattr(tensor, "_array") and hasattr(builder, "value_now"):
                tensor = builder.value_now(
                    tensor
                )  # it follows from the arguments of the first call
            if tensor._dims is None or not hasattr(tensor, "_array"):
                raise ValueError("A variable needs an initial value that is known now.")
            self._array = tensor._array
        self._dims = tensor._dims if shape is None else TensorShape(shape).dims
        self.dtype: dtypes.DType = tensor.dtype
        self.name = f"{scoped(name or 'Variable')}:0"
        self.trainable = trainable is None or bool(trainable)
        self._order = next(_created)
        self._check(tensor, "Variable")
        if awaited:
            awaited[0].expect(self)

    def _check(self, tensor: Tensor, what: str) -> None:
        if tensor.dtype is not self.dtype:
            raise InvalidArgumentError(
                f"{what}: variable {self.name!r} holds {self.dtype.name}, but {tensor.dtype.name} was "
                f"given. Convert it with tf.cast(value, tf.{self.dtype.name})."
            )
        if not compatible(self._dims, tensor._dims):
            raise ValueError(
                f"{what}: variable {self.name!r} has shape {show(self._dims)}, but a value of shape "
                f"{show(tensor._dims)} was given. Reshape it, or make the variable with shape=None sizes."
            )

    @property
    def shape(self) -> TensorShape:
        """The shape every value fits; sizes may be None."""
        return TensorShape(self._dims)

    def get_shape(self) -> TensorShape:
        """The same as `.shape`."""
        return self.shape

    @property
    def ndim(self) -> int:
        """The rank."""
        return len(self.shape)

    @property
    def spec(self) -> TensorSpec:
        """Shape and dtype as a TensorSpec."""
        return TensorSpec(self._dims, self.dtype)

    @property
    def device(self) -> str:
        """Where the value is."""
        return Tensor(self._array).device

    def value(self) -> Tensor:
        """The tensor in the box. An open tape that watches the variable notes the read."""
        builder = context.builder
        tensor = Tensor(self._array) if builder is None else builder.read(self)
        log = context.log
        if log is not None:
            self._mark(tensor, log)
        return tensor

    def _mark(self, tensor: Tensor, log: Log) -> None:
        if self.trainable and self.dtype.is_differentiable:
            for tape in log.tapes:
                if tape.watches_variables and id(self) not in tape._leaves:
                    tape.watch(self)
        position = log.variables.get(id(self))
        if position is not None:
            tensor._node = log.base + position

    def read_value(self) -> Tensor:
        """The same as `value()`."""
        return self.value()

    def numpy(self) -> Any:
        """The value as a NumPy array, a copy."""
        return self.value().numpy()

    def assign(
        self,
        value: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Variable:
        """Replaces the value; shape and dtype must fit. Returns the variable.

        Differs from TensorFlow: with `read_value` False, too.
        """
        from engine.ops.creation import convert_like

        return self._store(convert_like(value, self), "assign")

    def assign_add(
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Variable:
        """Adds `delta` to the value."""
        return self._store(self.value() + delta, "assign_add")

    def assign_sub(
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Variable:
        """Subtracts `delta` from the value."""
        return self._store(self.value() - delta, "assign_sub")

    def _scatter(self, change: str, indices: Any, updates: Any) -> Variable:
        from engine.ops import indexing

        return self._store(getattr(indexing, change)(self.value(), indices, updates), change)

    def scatter_nd_update(self, indices: Any, updates: Any, name: str | None = None) -> Variable:
        """Replaces the elements or slices at whole indices, one a row of `indices`.

        >>> import engine as tf
        >>> tf.Variable([1, 2, 3]).scatter_nd_update([[0], [2]], [7, 9]).numpy().tolist()
        [7, 2, 9]
        """
        return self._scatter("tensor_scatter_nd_update", indices, updates)

    def scatter_nd_add(self, indices: Any, updates: Any, name: str | None = None) -> Variable:
        """Adds to the elements or slices at whole indices."""
        return self._scatter("tensor_scatter_nd_add", indices, updates)

    def scatter_nd_sub(self, indices: Any, updates: Any, name: str | None = None) -> Variable:
        """Subtracts from the elements or slices at whole indices."""
        return self._scatter("tensor_scatter_nd_sub", indices, updates)

    def _scatter_rows(self, change: str, delta: Any) -> Variable:
        from engine.ops.layout import expand_dims

        return self._scatter(change, expand_dims(delta.indices, -1), delta.values)

    def scatter_update(
        self, sparse_delta: Any, use_locking: bool = False, name: Any = None
    ) -> Variable:
        """Replaces rows, given as tf.IndexedSlices(values, indices)."""
        return self._scatter_rows("tensor_scatter_nd_update", sparse_delta)

    def scatter_add(
        self, sparse_delta: Any, use_locking: bool = False, name: Any = None
    ) -> Variable:
        """Adds to rows, given as tf.IndexedSlices(values, indices)."""
        return self._scatter_rows("tensor_scatter_nd_add", sparse_delta)

    def scatter_sub(
        self, sparse_delta: Any, use_locking: bool = False, name: Any = None
    ) -> Variable:
        """Subtracts from rows, given as tf.IndexedSlices(values, indices)."""
        return self._scatter_rows("tensor_scatter_nd_sub", sparse_delta)

    def scatter_mul(
        self, sparse_delta: Any, use_locking: bool = False, name: Any = None
    ) -> Variable:
        """Multiplies rows, given as tf.IndexedSlices(values, indices)."""
        return self._store(self.value() * self._factors(sparse_delta), "scatter_mul")

    def scatter_div(
        self, sparse_delta: Any, use_locking: bool = False, name: Any = None
    ) -> Variable:
        """Divides rows, given as tf.IndexedSlices(values, indices)."""
        return self._store(self.value() / self._factors(sparse_delta), "scatter_div")

    def _factors(self, delta: Any) -> Tensor:
        """What each row is multiplied by: the product of all that is meant for it, or 1."""
        from engine.ops.creation import convert_like
        from engine.ops.segments import unsorted_segment_prod

        factors = convert_like(delta.values, self)
        return unsorted_segment_prod(factors, delta.indices, self.shape[0])

    def scatter_max(
        self, sparse_delta: Any, use_locking: bool = False, name: Any = None
    ) -> Variable:
        """Keeps the larger of old and new rows, given as tf.IndexedSlices(values, indices)."""
        return self._scatter_rows("tensor_scatter_nd_max", sparse_delta)

    def scatter_min(
        self, sparse_delta: Any, use_locking: bool = False, name: Any = None
    ) -> Variable:
        """Keeps the smaller of old and new rows, given as tf.IndexedSlices(values, indices)."""
        return self._scatter_rows("tensor_scatter_nd_min", sparse_delta)

    def gather_nd(self, indices: Any, name: str | None = None) -> Tensor:
        """The elements or slices at whole indices, one a row of `indices`."""
        from engine.ops.indexing import gather_nd

        return gather_nd(self, indices)

    def sparse_read(self, indices: Any, name: str | None = None) -> Tensor:
        """The rows with these numbers."""
        from engine.ops.indexing import gather

        return gather(self, indices)

    def _store(self, tensor: Tensor, what: str) -> Variable:
        self._check(tensor, what)
        builder, log = context.builder, context.log
        if log is not None and tensor._node:  # for why_none: the history ends in the box
            log.assigned.setdefault(id(self), []).append((tensor._node, self.name))
        if builder is None:
            self._array = tensor._array
        else:
            builder.assign(self, tensor)
        return self

    def ref(self) -> Reference:
        """A hashable handle, for use as a dictionary key."""
        return Reference(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.value().__array__(dtype, copy)

    def __bool__(self) -> bool:
        return bool(self.value())

    def __int__(self) -> int:
        return int(self.value())

    def __float__(self) -> float:
        return float(self.value())

    def __index__(self) -> int:
        return self.value().__index__()

    def __len__(self) -> int:
        return len(self.value())

    def __iter__(self) -> Any:
        return iter(self.value())

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise TypeError(
            f"Elements of variable {self.name!r} cannot be assigned one by one. Use "
            "v.scatter_nd_update([[i]], [value]), or assign a whole new value with "
            "v.assign(tf.where(mask, new, v))."
        )

    def __format__(self, spec: str) -> str:
        return format(self.value(), spec) if spec else str(self)

    def __deepcopy__(self, memo: Any) -> Variable:
        return Variable(Tensor(self._array), self.trainable, self.name[:-2], shape=self._dims)

    def __reduce__(self) -> tuple[Any, ...]:
        return Variable, (self.numpy(), self.trainable, self.name[:-2], self.dtype, self._dims)

    def __repr__(self) -> str:
        # While a function is traced, what the variable will hold when the graph runs is not known.
        values = (
            "" if context.tracing else f", numpy={values_text(to_host(self._array), exact=True)}"
        )
        return f"<tf.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}{values}>"
