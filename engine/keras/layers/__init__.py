"""The layers, one module a family: `core` (Dense, ...), `activation`, `embedding`, `merging`,
`normalization`, `regularization` (Dropout, ...), `reshaping`, `convolutional`, `depthwise`, `pooling`,
`padding`, `preprocessing`, `hashing`, `text_lookup`, `augmentation`,
`coloring`."""

from __future__ import annotations

from typing import Any

from engine.keras.layer import InputSpec, Layer
from engine.keras.layers import (
    augmentation,
    coloring,
    convolutional,
    depthwise,
    hashing,
    padding,
    pooling,
    preprocessing,
    text_lookup,
    text_vectorization,
)
from engine.keras.layers.activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from engine.keras.layers.attention import AdditiveAttention, Attention
from engine.keras.layers.attention_heads import GroupQueryAttention, MultiHeadAttention
from engine.keras.layers.augmentation import *  # noqa: F403
from engine.keras.layers.coloring import *  # noqa: F403
from engine.keras.layers.conv_lstm import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
from engine.keras.layers.convolutional import *  # noqa: F403
from engine.keras.layers.core import (
    Dense,
    EinsumDense,
    Identity,
    Lambda,
    Masking,
    Wrapper,
    deserialize,
    serialize,
)
from engine.keras.layers.depthwise import *  # noqa: F403
from engine.keras.layers.embedding import Embedding
from engine.keras.layers.hashing import *  # noqa: F403
from engine.keras.layers.input import Input, InputLayer
from engine.keras.layers.merging import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)
from engine.keras.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    SpectralNormalization,
    UnitNormalization,
)
from engine.keras.layers.padding import *  # noqa: F403
from engine.keras.layers.pooling import *  # noqa: F403
from engine.keras.layers.preprocessing import *  # noqa: F403
from engine.keras.layers.recurrent_cells import GRUCell, LSTMCell, SimpleRNNCell, StackedRNNCells
from engine.keras.layers.regularization import (
    ActivityRegularization,
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from engine.keras.layers.reshaping import Flatten, Permute, RepeatVector, Reshape
from engine.keras.layers.rnn import GRU, LSTM, RNN, SimpleRNN
from engine.keras.layers.text_lookup import *  # noqa: F403
from engine.keras.layers.text_vectorization import *  # noqa: F403
from engine.keras.layers.wrappers import Bidirectional, TimeDistributed

__all__ = [
    "ELU",
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "ActivityRegularization",
    "Add",
    "AdditiveAttention",
    "AlphaDropout",
    "Attention",
    "Average",
    "BatchNormalization",
    "Bidirectional",
    "Concatenate",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
    "Dense",
    "Dot",
    "Dropout",
    "EinsumDense",
    "Embedding",
    "Flatten",
    "GRUCell",
    "GaussianDropout",
    "GaussianNoise",
    "GroupNormalization",
    "GroupQueryAttention",
    "Identity",
    "Input",
    "InputLayer",
    "InputSpec",
    "LSTMCell",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "Maximum",
    "Minimum",
    "MultiHeadAttention",
    "Multiply",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "ReLU",
    "RepeatVector",
    "Reshape",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "SpectralNormalization",
    "StackedRNNCells",
    "Subtract",
    "TimeDistributed",
    "UnitNormalization",
    "Wrapper",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]
for _family in (
    augmentation, coloring, convolutional, depthwise, hashing, padding, pooling, preprocessing, text_lookup,
    text_vectorization,
):  # fmt: skip
    __all__ += _family.__all__


def __getattr__(name: str) -> Any:
    from engine.keras.lookup import nearest

    raise AttributeError(f"The engine has no tf.keras.layers.{name}.{nearest(name, __all__)}")
