"""Masks: which steps of a padded sequence count. A mask travels with its tensor from layer to layer."""

from __future__ import annotations

from typing import Any

from engine import nest
from engine.tensor import Tensor

_SLOT = "_keras_mask"


def get_mask(tensor: Any) -> Any:
    """The boolean mask that a layer gave this tensor, shape `(batch, steps)`, or None."""
    return getattr(tensor, _SLOT, None)


def set_mask(tensor: Any, mask: Any) -> None:
    """Gives a tensor its mask."""
    if isinstance(tensor, Tensor):
        setattr(tensor, _SLOT, mask)


def masks_of(structure: Any) -> Any:
    """The masks of a structure of tensors, in the same structure; None where no tensor has one."""
    masks = nest.map_structure(get_mask, structure)
    return None if all(mask is None for mask in _leaves(masks)) else masks


def _leaves(masks: Any) -> list[Any]:
    return [masks] if masks is None or isinstance(masks, Tensor) else nest.flatten(masks)
