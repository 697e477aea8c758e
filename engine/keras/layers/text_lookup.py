"""StringLookup and IntegerLookup: a vocabulary, and the number of each of its tokens, or the way back.

Numbers are counted like this: 0 for the mask token, if there is one; then `num_oov_indices` for tokens that
are out of the vocabulary; then the vocabulary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine.dispatch import init_scope
from engine.errors import InvalidArgumentError
from engine.keras import config
from engine.keras.layer import Layer
from engine.keras.layers.hashing import bins, salt_of
from engine.keras.layers.preprocessing import (
    MODES,
    array_of,
    batches_of,
    encode,
    mode_of,
    refuse_sparse,
)
from engine.ops.creation import convert
from engine.ops.elementwise import cast
from engine.ops.python_calls import numpy_function
from engine.spec import TensorSpec
from engine.tensor import Tensor

__all__ = ["IntegerLookup", "StringLookup"]

_DROPPED = np.iinfo(np.int64).max  # an index that no vector has a place for


class _IndexLookup(Layer):
    """What both have in common. See `StringLookup`."""

    _kind: str  # the dtype of tokens
    _token: Callable[[Any], Any]  # a token as a Python object

    def __init__(
        self, max_tokens: int | None, num_oov_indices: int, mask_token: Any, oov_token: Any,
        vocabulary: Any, idf_weights: Any, invert: bool, output_mode: str, sparse: bool,
        pad_to_max_tokens: bool, oov_method: str = "floormod", salt: Any = None,
        vocabulary_size: int | None = None, has_input_vocabulary: bool | None = None, **kwargs: Any,
    ):  # fmt: skip
        kwargs.pop("dtype", None)  # the dtypes are those of tokens and numbers
        super().__init__(**kwargs)
        refuse_sparse(self, sparse)
        what = type(self).__name__
        if max_tokens is not None and max_tokens <= 1:
            raise ValueError(f"{what}: max_tokens must be above 1, not {max_tokens}.")
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(f"{what}: pad_to_max_tokens=True needs max_tokens.")
        if num_oov_indices < 0:
            raise ValueError(
                f"{what}: num_oov_indices must not be negative, but is {num_oov_indices}."
            )
        if oov_method not in ("floormod", "farmhash"):
            raise ValueError(
                f"{what}: oov_method must be 'floormod' or 'farmhash', not {oov_method!r}."
            )
        self.output_mode = mode_of(self, output_mode, (*MODES, "tf_idf"))
        if invert and self.output_mode != "int":
            raise ValueError(
                f"{what}: invert=True gives tokens back, so output_mode must be 'int'."
            )
        if idf_weights is not None and self.output_mode != "tf_idf":
            raise ValueError(f"{what}: idf_weights belong to output_mode='tf_idf'.")
        if self.output_mode == "tf_idf" and vocabulary is not None and idf_weights is None:
            raise ValueError(f"{what}: a vocabulary with output_mode='tf_idf' needs idf_weights.")
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token, self.invert = mask_token, oov_token, bool(invert)
        self.sparse, self.pad_to_max_tokens = sparse, pad_to_max_tokens
        self.oov_method, self.salt = oov_method, salt_of(self, salt)
        # A vocabulary out of a file of its own is kept as a file beside the config.
        self.input_vocabulary = None if isinstance(vocabulary, (str, Path)) else vocabulary
        self.input_idf_weights = idf_weights
        self._fixed = (
            vocabulary is not None if has_input_vocabulary is None else has_input_vocabulary
        )
        self._size = vocabulary_size
        self._tokens: list[Any] = []
        self._table: dict[Any, int] = {}
        self._idf: np.ndarray | None = None
        self.reset_state()
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # --- the vocabulary -----------------------------------------------------------------------------

    @property
    def _first_oov(self) -> int:
        return 1 if self.mask_token is not None and self.output_mode == "int" else 0

    @property
    def _first_token(self) -> int:
        return self._first_oov + self.num_oov_indices

    def vocabulary_size(self) -> int:
        """How many numbers there are, those of the mask and of unknown tokens included."""
        return len(self._tokens) + self._first_token

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens, each at its number; without mask and unknown ones if they are not wanted."""
        special = [self.mask_token] * self._first_oov + [self.oov_token] * self.num_oov_indices
        return [*(special if include_special_tokens else []), *self._tokens]

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Takes this vocabulary in place of what `adapt` would find.

        Args:
          vocabulary: the tokens, or the path of a text file with one on each line. The mask and unknown
            tokens may stand at the beginning, all of them, or be missing.
          idf_weights: with output_mode='tf_idf', a weight for each token of `vocabulary`.

        Raises:
          ValueError: for tokens that repeat, reserved ones in the middle, too many, or none.
        """
        what = type(self).__name__
        if (self.output_mode == "tf_idf") != (idf_weights is not None):
            raise ValueError(
                f"{what}: idf_weights are given for output_mode='tf_idf', and only then."
            )
        if isinstance(vocabulary, (str, Path)):
            vocabulary = Path(vocabulary).read_text(encoding="utf-8").splitlines()
        given = [self._token(token) for token in array_of(vocabulary).ravel().tolist()]
        if not given:
            raise ValueError(f"{what}: an empty vocabulary was given.")
        special = [self.mask_token] * self._first_oov + [self.oov_token] * self.num_oov_indices
        has_special = given[: len(special)] == special
        tokens = given[len(special) :] if has_special else given
        repeated = [token for token, count in Counter(tokens).items() if count > 1]
        if repeated:
            raise ValueError(f"{what}: the vocabulary holds {repeated} more than once.")
        for name in ("mask_token", "oov_token") if self.invert else ("mask_token",):
            token = getattr(self, name)
            if token is not None and token in tokens:
                raise ValueError(
                    f"{what}: {name} {token!r} stands at place {given.index(token)} of the vocabulary. "
                    f"Leave reserved tokens out, or begin with {special}."
                )
        if self.max_tokens is not None and len(tokens) + len(special) > self.max_tokens:
            raise ValueError(
                f"{what}: the vocabulary has {len(tokens) + len(special)} entries with the reserved ones, "
                f"but max_tokens is {self.max_tokens}."
            )
        self._take(tokens)
        if idf_weights is not None:
            weights = array_of(idf_weights).astype(config.floatx())
            if weights.shape != (len(given),):
                raise ValueError(
                    f"{what}: idf_weights of shape {weights.shape} were given for {len(given)} tokens."
                )
            before = 0 if has_special else len(special)
            self._weigh(weights, before)

    def _take(self, tokens: list[Any]) -> None:
        size = len(tokens) + self._first_token
        fixed = self.output_mode != "int" and not self.pad_to_max_tokens
        if fixed and self._size not in (None, size):
            raise RuntimeError(
                f"Layer {self.name!r} makes vectors of length {self._size}; a vocabulary of {size} entries "
                "would change it. Make a new layer, or set max_tokens and pad_to_max_tokens=True."
            )
        self._tokens, self._size = tokens, size
        start = self._first_token
        self._table = {self._key(token): start + i for i, token in enumerate(tokens)}

    def _weigh(self, weights: np.ndarray, before: int) -> None:
        """Keeps the weights; those of unknown tokens are the mean of the others."""
        after = 0
        if self.pad_to_max_tokens:
            after = (self.max_tokens or 0) - before - len(weights)
        self._idf = np.concatenate(
            [
                np.full(before, weights.mean(), weights.dtype),
                weights,
                np.zeros(after, weights.dtype),
            ]
        )

    # --- adapt --------------------------------------------------------------------------------------

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Makes the vocabulary of the data: the most frequent token first, of equals the larger one.

        Args:
          data: an array or list, whose first axis is examples; or a Dataset or generator of batches.
          steps: how many batches to look at; all by default.

        Raises:
          ValueError: when the vocabulary was given.
        """
        self.reset_state()
        if isinstance(data, (list, tuple, np.ndarray, Tensor)):
            whole = self._read(data)
            self.update_state(whole.reshape(-1, 1) if whole.ndim == 1 else whole)
        else:
            for batch in batches_of(data, steps):
                self.update_state(batch)
        self.finalize_state()

    def reset_state(self) -> None:
        """Forgets what was counted."""
        self._counts: Counter[Any] = Counter()
        self._documents: Counter[Any] = Counter()  # in how many examples a token occurs
        self._examples = 0

    def update_state(self, data: Any) -> None:
        """Counts the tokens of one batch; a vector is one example."""
        if self._fixed:
            raise ValueError(
                f"Layer {self.name!r} was given its vocabulary, so it cannot adapt. Make one without."
            )
        batch = self._read(data)
        rows = batch.reshape(1, -1) if batch.ndim < 2 else batch.reshape(batch.shape[0], -1)
        self._counts.update(rows.ravel().tolist())
        self._examples += len(rows)
        if self.output_mode == "tf_idf":
            for row in rows:
                self._documents.update(set(row.tolist()))

    def finalize_state(self) -> None:
        """Makes the vocabulary of what was counted."""
        if self._fixed or not self._counts:
            return
        for token in (self.mask_token, self.oov_token):
            if token is not None:
                self._counts.pop(self._key(token), None)
        ranked = sorted(self._counts, key=lambda key: (self._counts[key], key), reverse=True)
        if self.max_tokens is not None:
            ranked = ranked[: self.max_tokens - self._first_token]
        self._take([self._token(key) for key in ranked])
        if self.output_mode == "tf_idf":
            found = np.array([self._documents[key] for key in ranked])
            idf = np.log(1 + self._examples / (1 + found)).astype(config.floatx())
            self._weigh(idf, self._first_token)
        self.reset_state()

    # --- looking up ---------------------------------------------------------------------------------

    def _key(self, token: Any) -> Any:
        """A token as it stands in arrays."""
        return token

    def _read(self, data: Any) -> np.ndarray:
        """Data as an array of keys."""
        with init_scope():
            tensor = convert(data.tolist() if isinstance(data, np.ndarray) else data)
            return cast(tensor, self._kind).numpy() if self._kind != "string" else tensor.numpy()

    def _numbers(self, tokens: np.ndarray) -> np.ndarray:
        """The number of each token."""
        unknown, table = -1, self._table
        if not table:
            raise ValueError(
                f"Layer {self.name!r} has no vocabulary yet: call adapt(data) first, or give a vocabulary."
            )
        keys = tokens.ravel().tolist()
        found = np.array([table.get(key, unknown) for key in keys], np.int64).reshape(tokens.shape)
        outside = found == unknown
        if self.mask_token is not None:
            masked = tokens == self._key(self.mask_token)
            found[masked] = 0 if self.output_mode == "int" else _DROPPED
            outside &= ~masked
        if self.num_oov_indices == 0 and outside.any():
            raise InvalidArgumentError(
                f"Layer {self.name!r} has num_oov_indices=0, so all tokens must be in its vocabulary, but "
                f"{[self._token(key) for key in tokens[outside][:5].tolist()]} are not."
            )
        if outside.any():
            found[outside] = self._first_oov + self._oov(tokens[outside])
        return found

    def _oov(self, tokens: np.ndarray) -> Any:
        """Which of the numbers for unknown tokens each gets."""
        if self.num_oov_indices == 1:
            return 0
        if self._kind != "string" and self.oov_method == "floormod":
            return tokens % self.num_oov_indices
        return bins(tokens, self.num_oov_indices, self.salt)

    def _back(self, numbers: np.ndarray) -> np.ndarray:
        """The token of each number; the unknown token where there is none."""
        start, tokens = self._first_token, [self._key(token) for token in self._tokens]
        unknown, mask = self._key(self.oov_token), self.mask_token
        found = [
            self._key(mask) if mask is not None and number == 0
            else tokens[number - start] if 0 <= number - start < len(tokens)
            else unknown
            for number in numbers.ravel().tolist()
        ]  # fmt: skip
        dtype = object if self._kind == "string" else np.int64
        return np.array(found, dtype).reshape(numbers.shape)

    def call(self, inputs: Any) -> Tensor:
        """The numbers, int64, or vectors; with invert, the tokens."""
        tensor = convert(inputs)
        if self.invert or self._kind != "string":
            tensor = cast(tensor, "int64")
        if self.invert:
            return numpy_function(self._back, [tensor], TensorSpec(tensor.shape, self._kind))
        depth = self.max_tokens if self.pad_to_max_tokens else self._size
        if self.output_mode != "int" and depth is None:
            raise RuntimeError(
                f"Layer {self.name!r} makes vectors whose length is the size of the vocabulary, which it "
                "does not have yet: call adapt(data) first, or give a vocabulary."
            )
        found = numpy_function(self._numbers, [tensor], TensorSpec(tensor.shape, "int64"))
        if self.output_mode != "tf_idf":
            return encode(found, self.output_mode, depth or 0, "int64")
        counts = encode(found, "count", depth or 0, config.floatx())
        weights = numpy_function(self._weights_now, [found], TensorSpec([depth], config.floatx()))
        return counts * weights

    def _weights_now(self, _: np.ndarray) -> np.ndarray:
        if self._idf is None:
            raise ValueError(f"Layer {self.name!r} has no idf_weights yet: call adapt(data) first.")
        return self._idf

    # --- files --------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The arguments, the vocabulary if it was one of them, and its size."""
        names = (
            "invert", "max_tokens", "num_oov_indices", "oov_token", "mask_token", "output_mode",
            "sparse", "pad_to_max_tokens", "oov_method", "salt",
        )  # fmt: skip
        lists = {"idf_weights": self.input_idf_weights, "vocabulary": self.input_vocabulary}
        base = super().get_config()
        return {
            **{name: base[name] for name in ("name", "trainable", "dtype")},
            **{name: getattr(self, name) for name in names},
            **{k: None if v is None else self._listed(v) for k, v in lists.items()},
            "vocabulary_size": self._size,
        }

    def _listed(self, values: Any) -> list[Any]:
        items = array_of(values).tolist()
        return [item.decode() if isinstance(item, bytes) else item for item in items]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer with these settings.

        Raises:
          ValueError: when the vocabulary is the name of a file: a config reads no files.
        """
        if isinstance(config.get("vocabulary"), str):
            raise ValueError(
                f"The config of a {cls.__name__} names the file {config['vocabulary']!r} as its vocabulary. "
                "Files are not opened because a config says so; read it, and call set_vocabulary."
            )
        return cls(**config)

    def get_build_config(self) -> dict[str, Any]:
        """Nothing has to be known of the input."""
        return {}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """There is nothing to build."""

    def save_own_variables(self, store: Any) -> None:
        """Writes the idf_weights, if there are any."""
        if self.output_mode == "tf_idf":
            store["idf_weights"] = self._weights_now(np.zeros(0))

    def load_own_variables(self, store: Any) -> None:
        """Reads them."""
        if self.output_mode == "tf_idf":
            self._idf = np.asarray(store["idf_weights"])

    def save_assets(self, dir_path: Any) -> None:
        """Writes the vocabulary to `vocabulary.txt`, unless it is in the config."""
        if self.input_vocabulary is None:
            lines = "\n".join(str(token) for token in self.get_vocabulary())
            (Path(dir_path) / "vocabulary.txt").write_text(lines, encoding="utf-8")

    def load_assets(self, dir_path: Any) -> None:
        """Reads it."""
        if self.input_vocabulary is None:
            lines = (Path(dir_path) / "vocabulary.txt").read_text(encoding="utf-8").splitlines()
            while lines and not lines[-1]:
                lines.pop()
            weights = self._idf[: len(lines)] if self._idf is not None else None
            self.set_vocabulary(lines, weights)


class StringLookup(_IndexLookup):
    """Strings as numbers: each token of a vocabulary has one.

    Args:
      max_tokens: the size of the largest vocabulary that `adapt` makes, reserved tokens included.
      num_oov_indices: how many numbers tokens outside the vocabulary share, by their hash. With 0, they are
        an error.
      mask_token: a token that gets the number 0, such as '' for padding; in vectors it does not count.
      oov_token: what stands for unknown tokens in the vocabulary, and what `invert` gives for them.
      vocabulary: the tokens, or a file of them, one a line; else `adapt` finds them.
      idf_weights: with output_mode='tf_idf', a weight for each token of the vocabulary.
      invert: the way back, from numbers to tokens.
      output_mode: 'int'; or vectors as long as the vocabulary: 'one_hot' for each token, 'multi_hot' and
        'count' for each example, or 'tf_idf', counts times log(1 + examples / (1 + examples with it)).
      pad_to_max_tokens: whether vectors have length max_tokens.
      sparse: not accepted.
      encoding: only 'utf-8'.
      salt: one or two integers, for another hash of unknown tokens.

    A string is looked up in Python, also within a graph: use it in a Dataset rather than in a model.

    Raises:
      ValueError: for settings or a vocabulary that cannot be, or a call before there is a vocabulary.

    >>> layer = StringLookup(vocabulary=["red", "green"])
    >>> layer([["green", "blue"]]).numpy().tolist()
    [[2, 0]]
    >>> layer.get_vocabulary()
    ['[UNK]', 'red', 'green']
    """

    _kind = "string"

    def __init__(
        self, max_tokens: int | None = None, num_oov_indices: int = 1, mask_token: str | None = None,
        oov_token: str | None = "[UNK]", vocabulary: Any = None, idf_weights: Any = None,
        invert: bool = False, output_mode: str = "int", pad_to_max_tokens: bool = False,
        sparse: bool = False, encoding: str = "utf-8", name: str | None = None, salt: Any = None,
        **kwargs: Any,
    ):  # fmt: skip
        if encoding != "utf-8":
            raise ValueError(f"StringLookup: tokens are kept as 'utf-8', not as {encoding!r}.")
        self.encoding = encoding
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert,
            output_mode, sparse, pad_to_max_tokens, salt=salt, name=name, **kwargs,
        )  # fmt: skip

    @staticmethod
    def _token(key: Any) -> str:
        return key.decode("utf-8") if isinstance(key, bytes) else str(key)

    def _key(self, token: Any) -> Any:
        return token.encode("utf-8") if isinstance(token, str) else token

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "encoding": self.encoding}


class IntegerLookup(_IndexLookup):
    """Integers as numbers from 0 on: each token of a vocabulary has one. Arguments as for `StringLookup`.

    Args:
      vocabulary_dtype: only 'int64'.
      oov_method: which of several numbers an unknown token gets: 'floormod', its remainder, or 'farmhash'.

    >>> layer = IntegerLookup()
    >>> layer.adapt([[12, 1138], [42, 12]])
    >>> layer.get_vocabulary()
    [-1, 12, 1138, 42]
    >>> layer([[42, 7]]).numpy().tolist()
    [[3, 0]]
    """

    _kind = "int64"
    _token = staticmethod(int)

    def __init__(
        self, max_tokens: int | None = None, num_oov_indices: int = 1, mask_token: int | None = None,
        oov_token: int | None = -1, vocabulary: Any = None, vocabulary_dtype: str = "int64",
        idf_weights: Any = None, invert: bool = False, output_mode: str = "int", sparse: bool = False,
        pad_to_max_tokens: bool = False, oov_method: str = "floormod", salt: Any = None,
        name: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        if vocabulary_dtype != "int64":
            raise ValueError(f"IntegerLookup: tokens are int64, not {vocabulary_dtype!r}.")
        if salt is not None and oov_method != "farmhash":
            raise ValueError("IntegerLookup: salt belongs to oov_method='farmhash'.")
        self.vocabulary_dtype = vocabulary_dtype
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert,
            output_mode, sparse, pad_to_max_tokens, oov_method, salt, name=name, **kwargs,
        )  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "vocabulary_dtype": self.vocabulary_dtype}
