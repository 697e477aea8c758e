"""Embedding: a learned vector for every integer, as for the words of a vocabulary."""

from __future__ import annotations

from typing import Any

from engine import dtypes
from engine.keras import constraints, initializers, regularizers
from engine.keras.configurable import as_setting
from engine.keras.layer import Layer
from engine.keras.layers.core import refuse_quantization
from engine.ops.elementwise import cast, not_equal
from engine.ops.indexing import gather
from engine.tensor import Tensor

__all__ = ["Embedding"]


class Embedding(Layer):
    """The rows of a table at integer positions: `(batch, steps)` gives `(batch, steps, output_dim)`.

    Keras's `lora_rank` and `lora_alpha` are not accepted. A position that the table lacks is an error;
    in Keras it depends on the backend, and gives NaN on JAX.

    Args:
      input_dim: the number of rows, the largest integer plus 1.
      output_dim: the length of a row.
      embeddings_initializer, embeddings_regularizer, embeddings_constraint: for the table.
      mask_zero: whether 0 is padding, which later layers skip.
      weights: the first value of the table.

    Raises:
      InvalidArgumentError: for a position outside of the table.

    >>> import engine as tf
    >>> table = [[0.0, 0.0], [1.0, 2.0]]
    >>> tf.keras.layers.Embedding(2, 2, weights=tf.constant(table).numpy())([[1, 0, 1]]).numpy().tolist()
    [[[1.0, 2.0], [0.0, 0.0], [1.0, 2.0]]]
    """

    _not_in_config = (*Layer._not_in_config, "weights")

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        for name, value in (("input_dim", input_dim), ("output_dim", output_dim)):
            if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
                raise ValueError(f"Embedding: {name} must be a positive integer, not {value!r}.")
        refuse_quantization(self, quantization_config)
        self.input_dim = input_dim
        self.output_dim = output_dim
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.autocast = False  # positions stay what they are
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) else [weights])

    def build(self, input_shape: Any = None) -> None:
        """Makes the table."""
        if not self.built:
            self.embeddings = self.add_weight(
                (self.input_dim, self.output_dim), self.embeddings_initializer, name="embeddings",
                regularizer=self.embeddings_regularizer, constraint=self.embeddings_constraint,
            )  # fmt: skip

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """True where the position is not 0, with `mask_zero`."""
        return not_equal(inputs, 0) if self.mask_zero else None

    def call(self, inputs: Tensor) -> Tensor:
        """The rows."""
        whole = inputs.dtype in (dtypes.int32, dtypes.int64)
        rows = gather(self.embeddings, inputs if whole else cast(inputs, dtypes.int32), axis=0)
        return cast(rows, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make a layer like this one, without the table."""
        activity = as_setting(self.activity_regularizer)
        return {**super().get_config(), "activity_regularizer": activity}
