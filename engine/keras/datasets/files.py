"""What the downloaded sets share: where they are, what their checksums are, how they are read and split."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from engine.keras import config
from engine.keras.utils.files import get_file

Sets = tuple[tuple[Any, Any], tuple[Any, Any]]
KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
TORONTO = "https://www.cs.toronto.edu/~kriz/"
# File: where from, its checksum. Those of Fashion-MNIST are its authors', who give md5; the others are
# the ones that Keras checks.
FILES = {
    "mnist.npz": (KERAS, "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"),
    "train-images-idx3-ubyte.gz": (KERAS, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
    "train-labels-idx1-ubyte.gz": (KERAS, "25c81989df183df01b3e8a0aad5dffbe"),
    "t10k-images-idx3-ubyte.gz": (KERAS, "bef4ecab320f06d8554ea6380940ec79"),
    "t10k-labels-idx1-ubyte.gz": (KERAS, "bb300cfdad3c16e7a12a480ee83cd310"),
    "cifar-10-python.tar.gz": (
        TORONTO, "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    ),
    "cifar-100-python.tar.gz": (
        TORONTO, "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    ),
    "imdb.npz": (KERAS, "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"),
    "imdb_word_index.json": (KERAS, "bfafd718b763782e994055a2d397834f"),
    "reuters.npz": (KERAS, "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"),
    "reuters_word_index.json": (KERAS, "4d44cc38712099c9e383dc6e5f11a921"),
    "california_housing.npz": (
        KERAS, "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
    ),
}  # fmt: skip


def fetch(remote: str, name: str | None = None, folder: str = "datasets") -> Path:
    """The path of a file of the table, kept under `name`.

    Raises:
      ConnectionError: when it is not there yet and cannot be fetched.
      ValueError: when its checksum is another.
    """
    origin, checksum = FILES[remote]
    try:
        found = get_file(name or remote, origin + remote, file_hash=checksum, cache_subdir=folder)
    except ConnectionError as error:
        raise ConnectionError(
            f"{error}\nWithout a network, tf.keras.datasets.digits.load_data() gives 1797 images of "
            "handwritten digits."
        ) from error
    return Path(found)


# --- reading --------------------------------------------------------------------------------------

_ALLOWED = {
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
}


class ArraysOnly(pickle.Unpickler):
    """Reads pickles of arrays, lists, dicts, numbers and bytes. Anything else is refused.

    A pickle is a program that may call whatever it names; this one finds no name but those of NumPy's
    arrays.
    """

    def find_class(self, module: str, name: str) -> Any:
        """The class or function a pickle asks for.

        Raises:
          UnpicklingError: for one that is not needed for arrays.
        """
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(
                f"The file asks for {module}.{name}, which no array needs. It is damaged or hostile."
            )
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def read_npz(path: Path) -> dict[str, Any]:
    """The arrays of an .npz file by name; arrays of lists too, read by `ArraysOnly`."""
    import zipfile

    found = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            with archive.open(member) as opened:
                found[member.removesuffix(".npy")] = _read_npy(io.BytesIO(opened.read()))
    return found


def _read_npy(stream: BinaryIO) -> Any:
    read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(stream)[0]
    dtype = read[min(version, 2)](stream)[
        2
    ]  # 3 differs from 2 in the encoding of field names alone
    if dtype.hasobject:
        return ArraysOnly(stream).load()
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)


def read_json(path: Path) -> Any:
    """What a JSON file holds."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_cifar(path: Path, parts: list[str], labels: str) -> tuple[Any, Any]:
    """Images `(n, 32, 32, 3)` and labels `(n, 1)`, both uint8, of some members of a CIFAR archive.

    The archive is read in place, never unpacked. With channels first by `tf.keras.config`, images are
    `(n, 3, 32, 32)`.
    """
    import tarfile

    images, classes = [], []
    with tarfile.open(path) as archive:
        for part in parts:
            member = archive.extractfile(part)
            if member is None:
                raise ValueError(f"{path} has no file {part}.")
            batch = ArraysOnly(member, encoding="bytes").load()
            images.append(np.asarray(batch[b"data"], np.uint8).reshape(-1, 3, 32, 32))
            classes.append(np.asarray(batch[labels.encode()], np.uint8)[:, np.newaxis])
    x = np.concatenate(images)
    if config.image_data_format() == "channels_last":
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    return x, np.concatenate(classes)


# --- sequences of words ---------------------------------------------------------------------------


def in_random_order(generator: np.random.RandomState, *arrays: Any) -> list[Any]:
    """The arrays in one new order, the one Keras draws from a generator of the same seed."""
    order = np.arange(len(arrays[0]))
    generator.shuffle(order)
    return [array[order] for array in arrays]


def shifted(sequences: Any, start_char: int | None, index_from: int) -> list[list[int]]:
    """Word numbers moved up by `index_from`, each sequence after `start_char`; without one, as they are
    where `index_from` is 0."""
    before = [] if start_char is None else [start_char]
    return [before + [int(word) + (index_from or 0) for word in words] for words in sequences]


def shorter(maxlen: int | None, sequences: list[Any], labels: Any) -> tuple[list[Any], Any]:
    """The sequences with fewer than `maxlen` words, and their labels; all without a `maxlen`.

    Raises:
      ValueError: when there is none.
    """
    if not maxlen:
        return sequences, labels
    kept = [i for i, words in enumerate(sequences) if len(words) < maxlen]
    if not kept:
        raise ValueError(f"No sequence is shorter than maxlen={maxlen}; choose a larger one.")
    return [sequences[i] for i in kept], labels[kept]


def known_words(
    sequences: list[list[int]], num_words: int | None, skip_top: int, oov_char: int | None
) -> list[list[int]]:
    """Words from `skip_top` to below `num_words`; the others become `oov_char`, or go where it is None."""
    end = num_words or max(max(words) for words in sequences)
    if oov_char is None:
        return [[w for w in words if skip_top <= w < end] for words in sequences]
    return [[w if skip_top <= w < end else oov_char for w in words] for words in sequences]


def as_objects(sequences: list[list[int]]) -> Any:
    """Lists of different lengths as one array of lists."""
    made = np.empty(len(sequences), object)
    made[:] = sequences
    return made
