"""`tf.keras.utils`: arrays made ready, seeds, files, and what shows and feeds models."""

from __future__ import annotations

from engine.keras.plotting import model_to_dot, plot_model
from engine.keras.progress import Progbar
from engine.keras.serialization import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from engine.keras.trainer.feeding import pack_x_y_sample_weight, unpack_x_y_sample_weight
from engine.keras.trainer.py_dataset import PyDataset
from engine.keras.utils.arrays import normalize, pad_sequences, split_dataset, to_categorical
from engine.keras.utils.files import get_file
from engine.keras.utils.seeds import clear_session, set_random_seed
from engine.keras.utils.timeseries import timeseries_dataset_from_array

__all__ = [
    "CustomObjectScope",
    "Progbar",
    "PyDataset",
    "Sequence",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

Sequence = PyDataset
