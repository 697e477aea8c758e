"""`tf.keras.optimizers`: how weights move, given their gradients.

Reading order: `schedules`, `memory`, `base`, `gradient_descent`, `adam`, `scaled`, then the rest.
"""

from __future__ import annotations

from typing import Any

from engine.keras.lookup import by_name, find, nearest
from engine.keras.optimizers import schedules
from engine.keras.optimizers.adafactor import Adafactor
from engine.keras.optimizers.adam import Adam, Adamax, AdamW, Lamb, Nadam
from engine.keras.optimizers.base import Optimizer
from engine.keras.optimizers.gradient_descent import SGD, Lion
from engine.keras.optimizers.loss_scale import LossScaleOptimizer
from engine.keras.optimizers.muon import Muon
from engine.keras.optimizers.scaled import Adadelta, Adagrad, Ftrl, RMSprop

__all__ = [
    "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion",
    "LossScaleOptimizer", "Muon", "Nadam", "Optimizer", "RMSprop", "deserialize", "get", "schedules",
    "serialize",
]  # fmt: skip

_CLASSES = (
    SGD, Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, Lion, LossScaleOptimizer, Muon,
    Nadam, RMSprop,
)  # fmt: skip
_TABLE = {cls.__name__.lower(): cls for cls in _CLASSES}


def get(identifier: Any) -> Any:
    """An optimizer from its name in any case, with its default settings, from a config, or as it is.

    None stays None.

    Raises:
      ValueError: for an unknown name, with the nearest one.
      TypeError: for anything else.

    >>> get("RMSprop").get_config()["rho"]
    0.9
    """
    if identifier is None:
        return None
    found = deserialize(identifier) if isinstance(identifier, dict) else identifier
    found = find("optimizer", found, _TABLE, Optimizer)
    if not isinstance(found, Optimizer):
        raise TypeError(f"An optimizer is given by its name or an instance, not by {identifier!r}.")
    return found


def serialize(optimizer: Optimizer) -> Any:
    """An optimizer as a config."""
    from engine.keras.serialization import serialize_keras_object

    return serialize_keras_object(optimizer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """An optimizer from its config, in which the name of the class may stand in any case."""
    from engine.keras.serialization import deserialize_keras_object

    own = by_name(config["class_name"], _TABLE) if "class_name" in config else None
    if own is not None and not config.get("registered_name"):
        config = {**config, "class_name": own.__name__, "module": "keras.optimizers"}
    return deserialize_keras_object(config, custom_objects=custom_objects, module_objects=_TABLE)


def __getattr__(name: str) -> Any:
    raise AttributeError(f"The engine has no tf.keras.optimizers.{name}.{nearest(name, __all__)}")
