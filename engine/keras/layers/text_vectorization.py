"""TextVectorization: sentences as numbers, one for each word, by a StringLookup of the words."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.keras.layer import Layer
from engine.keras.layers.preprocessing import batches_of
from engine.keras.layers.text_lookup import StringLookup
from engine.ops.creation import convert
from engine.ops.python_calls import numpy_function
from engine.spec import TensorSpec
from engine.tensor import Tensor

__all__ = ["TextVectorization"]

_PUNCTUATION = b"!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"
_STANDARDS = (None, "lower_and_strip_punctuation", "lower", "strip_punctuation")
_SPLITS = (None, "whitespace", "character")


class TextVectorization(Layer):
    """Sentences as the numbers of their words: `(batch,)` or `(batch, 1)` gives `(batch, words)`.

    0 fills up shorter sentences, and 1 stands for words outside the vocabulary.

    Args:
      max_tokens: the size of the largest vocabulary that `adapt` makes.
      standardize: 'lower_and_strip_punctuation', 'lower' or 'strip_punctuation', of the letters of ASCII; a
        function of a NumPy array of strings; or None.
      split: into words by 'whitespace', or into 'character's; None leaves strings whole.
      ngrams: also so many words in a row as one: up to an integer, or the lengths in a tuple.
      output_mode, pad_to_max_tokens, vocabulary, idf_weights: as in `StringLookup`.
      output_sequence_length: cut or fill up sentences to this length.
      sparse, ragged: not accepted. encoding: only 'utf-8'.

    Keras takes a function for `split`, too.

    >>> layer = TextVectorization(output_sequence_length=4)
    >>> layer.adapt(["The cat sat.", "The dog sat, too!"])
    >>> layer.get_vocabulary()
    ['', '[UNK]', 'the', 'sat', 'too', 'dog', 'cat']
    >>> layer(["The bird sat"]).numpy().tolist()
    [[2, 1, 3, 0]]
    """

    def __init__(
        self, max_tokens: int | None = None, standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace", ngrams: Any = None, output_mode: str = "int",
        output_sequence_length: int | None = None, pad_to_max_tokens: bool = False,
        vocabulary: Any = None, idf_weights: Any = None, sparse: bool = False, ragged: bool = False,
        encoding: str = "utf-8", name: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        known = {k: kwargs.pop(k, None) for k in ("vocabulary_size", "has_input_vocabulary")}
        super().__init__(name=name, **kwargs)
        if not callable(standardize) and standardize not in _STANDARDS:
            raise ValueError(
                f"TextVectorization: standardize must be one of {_STANDARDS} or a function, not "
                f"{standardize!r}."
            )
        if split not in _SPLITS:
            raise ValueError(f"TextVectorization: split must be one of {_SPLITS}, not {split!r}.")
        if ragged:
            raise ValueError("TextVectorization: ragged=True needs ragged tensors; there are none.")
        if output_mode != "int" and output_sequence_length is not None:
            raise ValueError(
                "TextVectorization: output_sequence_length belongs to output_mode='int'; vectors have the "
                "length of the vocabulary."
            )
        self.standardize, self.split, self.ngrams = standardize, split, ngrams
        self.output_sequence_length, self.ragged, self.encoding = (
            output_sequence_length, ragged, encoding,
        )  # fmt: skip
        self._widths = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else ngrams
        self._lookup_layer = StringLookup(
            max_tokens, mask_token="", vocabulary=vocabulary, idf_weights=idf_weights,
            output_mode=output_mode, pad_to_max_tokens=pad_to_max_tokens, sparse=sparse,
            encoding=encoding, **known,
        )  # fmt: skip

    # --- words --------------------------------------------------------------------------------------

    def _words(self, texts: np.ndarray) -> np.ndarray:
        """The words of each text, (batch, longest), filled up with ''."""
        if callable(self.standardize):
            plain = np.array([s.decode() for s in texts.ravel()]).reshape(texts.shape)
            made = np.asarray(self.standardize(plain))
            texts = np.array([str(s).encode() for s in made.ravel()], object).reshape(made.shape)
        if self.split is None and self._widths is None:
            whole = [self._standard(s) for s in texts.ravel()]
            return np.array(whole, object).reshape(texts.shape)
        if self.split is not None and texts.ndim > 1:
            if texts.shape[-1] != 1:
                raise ValueError(
                    f"Layer {self.name!r} splits texts, so it expects the shape (batch,) or (batch, 1), "
                    f"not {texts.shape}."
                )
            texts = texts[..., 0]
        if self.split is None:
            rows = [[self._standard(s) for s in row] for row in np.atleast_2d(texts)]
        else:
            rows = [self._parts(self._standard(s)) for s in texts.ravel()]
        if self._widths is not None:
            rows = [
                [b" ".join(row[i : i + n]) for n in self._widths for i in range(len(row) - n + 1)]
                for row in rows
            ]
        longest = max(map(len, rows), default=0)
        return np.array([row + [b""] * (longest - len(row)) for row in rows], object).reshape(
            len(rows), longest
        )

    def _standard(self, text: bytes) -> bytes:
        how = self.standardize if isinstance(self.standardize, str) else ""
        text = text.lower() if "lower" in how else text
        return text.translate(None, _PUNCTUATION) if "strip" in how else text

    def _parts(self, text: bytes) -> list[bytes]:
        if self.split == "whitespace":
            return text.split()
        return [letter.encode() for letter in text.decode("utf-8")]

    # --- the vocabulary -----------------------------------------------------------------------------

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Makes the vocabulary of texts: a list, an array, or batches of them. See `StringLookup`."""
        self._lookup_layer.reset_state()
        if isinstance(data, (list, tuple)):
            data = convert(data)
        for batch in batches_of(data, steps):
            texts = convert(batch.tolist()).numpy()
            words = self._words(texts)
            self._lookup_layer.update_state(words if words.ndim > 1 else words.reshape(-1, 1))
        self._lookup_layer.finalize_state()

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The words, each at its number."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """How many numbers there are."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Takes this vocabulary; see `StringLookup.set_vocabulary`."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    def call(self, inputs: Any) -> Tensor:
        """The numbers, int64, or vectors."""
        texts = convert(inputs)
        whole = self.split is None and self._widths is None
        length = self.output_sequence_length
        if whole:
            shape: Any = texts.shape
        else:
            shape = [texts.shape[0] if texts.ndim else 1, None]
        if length is not None:
            shape = [*list(shape)[:-1], length]

        def words(array: np.ndarray) -> np.ndarray:
            found = self._words(array)
            if length is None:
                return found
            missing = np.full((*found.shape[:-1], max(length - found.shape[-1], 0)), b"", object)
            return np.concatenate([found[..., :length], missing], axis=-1)

        return self._lookup_layer(numpy_function(words, [texts], TensorSpec(shape, "string")))

    # --- files --------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The arguments, and the size of the vocabulary."""
        lookup = self._lookup_layer.get_config()
        of_lookup = (
            "output_mode",
            "max_tokens",
            "pad_to_max_tokens",
            "sparse",
            "vocabulary",
            "idf_weights",
        )
        return {
            **super().get_config(),
            **{name: lookup[name] for name in of_lookup},
            "vocabulary_size": self.vocabulary_size(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer with these settings. A vocabulary that is the name of a file is refused."""
        if isinstance(config.get("vocabulary"), str):
            StringLookup.from_config({"vocabulary": config["vocabulary"]})
        grams = config.get("ngrams")
        settings = {**config, "ngrams": tuple(grams) if isinstance(grams, list) else grams}
        return super().from_config(settings)

    def get_build_config(self) -> None:
        """Nothing has to be known of the input."""

    def save_own_variables(self, store: Any) -> None:
        """Writes the idf_weights, if there are any."""
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        """Reads them."""
        self._lookup_layer.load_own_variables(store)

    def save_assets(self, dir_path: Any) -> None:
        """Writes the vocabulary to `vocabulary.txt`, unless it is in the config."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path: Any) -> None:
        """Reads it."""
        self._lookup_layer.load_assets(dir_path)
