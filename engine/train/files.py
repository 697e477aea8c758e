"""The file of a checkpoint: written whole or not at all, and read without running anything in it.

A checkpoint named `ckpt-1` is the file `ckpt-1.npz`: a zip archive with one .npy file a value, which
`numpy.load` opens too, and `objects.json`, which says how the objects hold each other. It is not
TensorFlow's format: neither of the two reads the other's files.
"""

from __future__ import annotations

import glob
import itertools
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from engine import dtypes
from engine.errors import DataLossError, NotFoundError

SUFFIX = ".npz"
_OBJECTS = "objects.json"
_VERSION = 1
_numbers = itertools.count()


class Node(NamedTuple):
    """An object as the file knows it: what it holds, and its value if it is a variable."""

    children: dict[str, int]
    key: str | None = None
    dtype: str = ""
    shape: tuple[int, ...] = ()


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)  # signal 0 only asks
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _clear_unfinished(path: Path) -> None:
    """Deletes what writers of this file left that were stopped on the way."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        process = left.name.removeprefix(f".{path.name}.").partition("-")[0]
        if process.isdigit() and not _is_running(int(process)):
            left.unlink(missing_ok=True)


def replace_file(path: Path, write: Any) -> None:
    """Calls `write` with an open file and gives that file its name when all of it is on the disk.

    Whoever is stopped on the way leaves the old file as it was, and one whose name begins with a dot; the
    next who writes this file deletes that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear_unfinished(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}-{next(_numbers)}.tmp")
    try:
        with open(unfinished, "xb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name, too, is to survive a power cut
    finally:
        os.close(folder)


def _as_stored(array: Any, dtype: dtypes.DType) -> Any:
    """The array as .npy can hold it: bfloat16 by its bits, strings as text in UTF-8."""
    if dtype is dtypes.bfloat16:
        return array.view(np.uint16)
    if dtype is dtypes.string:
        parts = [s if isinstance(s, bytes) else str(s).encode() for s in array.reshape(-1)]
        text = json.dumps([part.decode("latin-1") for part in parts])
        return np.frombuffer(text.encode(), np.uint8)
    return array


def _from_stored(array: Any, dtype: dtypes.DType, shape: tuple[int, ...]) -> Any:
    if dtype is dtypes.bfloat16:
        return array.view(dtype.as_numpy_dtype)
    if dtype is dtypes.string:
        parts = [text.encode("latin-1") for text in json.loads(array.tobytes())]
        restored = np.empty(len(parts), object)
        restored[:] = parts
        return restored.reshape(shape)
    return array


def write_checkpoint(prefix: str, nodes: list[Node], arrays: Mapping[str, Any]) -> None:
    """Writes objects, and the value of each key, to the file of that name."""
    header = {
        "format": "engine.train checkpoint",
        "version": _VERSION,
        "objects": [node._asdict() for node in nodes],
    }

    def write(stream: Any) -> None:
        with zipfile.ZipFile(stream, "w") as archive:
            # ZipInfo without a date: the same values give the same file, whatever the clock says.
            archive.writestr(zipfile.ZipInfo(_OBJECTS), json.dumps(header))
            for node in nodes:
                if node.key is not None:
                    stored = _as_stored(np.asarray(arrays[node.key]), dtypes.as_dtype(node.dtype))
                    entry = zipfile.ZipInfo(node.key + ".npy")
                    with archive.open(entry, "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, stored, allow_pickle=False)

    replace_file(Path(prefix + SUFFIX), write)


class CheckpointReader:
    """The values in one checkpoint, by name: what `tf.train.load_checkpoint` returns.

    The names are those TensorFlow gives, such as 'model/w/.ATTRIBUTES/VARIABLE_VALUE'. TensorFlow also lists
    its object graph, under '_CHECKPOINTABLE_OBJECT_GRAPH'; here that is `objects`, and no value.

    Raises:
      NotFoundError: when there is no such file.
      DataLossError: when the file is not a checkpoint, or damaged.
    """

    def __init__(self, filename: str | os.PathLike[str]):
        self.prefix = os.fspath(filename)
        path = Path(self.prefix + SUFFIX)
        if not path.is_file():
            raise NotFoundError(_not_there(self.prefix))
        try:
            self._archive = zipfile.ZipFile(path)  # stays readable if the file is deleted meanwhile
        except Exception as error:  # a damaged file may fail anywhere in there
            raise self._damaged(error) from error
        try:
            self.objects = self._read_objects()
        except Exception as error:
            self._archive.close()
            raise self._damaged(error) from error
        self._by_key = {node.key: node for node in self.objects if node.key is not None}

    def _damaged(self, error: Exception) -> DataLossError:
        return DataLossError(
            f"{self.prefix + SUFFIX!r} cannot be read as a checkpoint: it is damaged, cut off, or "
            f"something else ({type(error).__name__}: {error}). Use an earlier checkpoint."
        )

    def _read_objects(self) -> list[Node]:
        header = json.loads(self._archive.read(_OBJECTS))
        if header["version"] != _VERSION:
            raise ValueError(
                f"version {header['version']} of the format, where {_VERSION} is known"
            )
        nodes = []
        for entry in header["objects"]:
            node = Node(
                dict(entry["children"]), entry["key"], entry["dtype"], tuple(entry["shape"])
            )
            if not all(0 <= child < len(header["objects"]) for child in node.children.values()):
                raise ValueError("an object holds another that is not there")
            if node.key is not None:
                dtypes.as_dtype(node.dtype)
                self._archive.getinfo(node.key + ".npy")
            nodes.append(node)
        if not nodes:
            raise ValueError("it holds no object")
        return nodes

    def read(self, node: Node) -> Any:
        """The value of a variable as a NumPy array."""
        dtype = dtypes.as_dtype(node.dtype)
        try:
            with self._archive.open(f"{node.key}.npy") as member:
                stored = np.lib.format.read_array(member, allow_pickle=False)
                if member.read(1):  # to the end, where the checksum is compared
                    raise ValueError("more than one array in a file")
            array = _from_stored(stored, dtype, node.shape)
            if array.dtype != dtype.as_numpy_dtype or array.shape != node.shape:
                raise ValueError(f"{array.dtype} of shape {array.shape} under {node.key!r}")
            return array
        except Exception as error:
            raise self._damaged(error) from error

    def close(self) -> None:
        """Lets go of the file."""
        self._archive.close()

    def has_tensor(self, tensor_str: str) -> bool:
        """Whether there is a value of this name."""
        return tensor_str in self._by_key

    def get_tensor(self, tensor_str: str) -> Any:
        """The value of this name as a NumPy array; NotFoundError, with the nearest name, if there is none."""
        if tensor_str not in self._by_key:
            import difflib

            near = difflib.get_close_matches(tensor_str, self._by_key, n=1, cutoff=0.3)
            advice = f" Did you mean {near[0]!r}?" if near else ""
            raise NotFoundError(f"Key {tensor_str!r} is not in {self.prefix!r}.{advice}")
        return self.read(self._by_key[tensor_str])[()]

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """The shape of each value, by name."""
        return {key: list(node.shape) for key, node in self._by_key.items()}

    def get_variable_to_dtype_map(self) -> dict[str, dtypes.DType]:
        """The dtype of each value, by name."""
        return {key: dtypes.as_dtype(node.dtype) for key, node in self._by_key.items()}

    def debug_string(self) -> bytes:
        """One line a value: name, dtype, shape."""
        lines = [
            f"{key} ({node.dtype}) {list(node.shape)}" for key, node in sorted(self._by_key.items())
        ]
        return "\n".join(lines).encode()


def _not_there(prefix: str) -> str:
    what = f"There is no checkpoint {prefix!r} (no file {prefix + SUFFIX!r}). "
    if Path(prefix).is_dir():
        return (
            what
            + "That is a directory; tf.train.latest_checkpoint(directory) names its newest one."
        )
    if Path(prefix + ".index").is_file():
        return what + "There is one of TensorFlow's, in its own format, which is not read here."
    if prefix.endswith(SUFFIX) and Path(prefix).is_file():
        return what + f"Leave out {SUFFIX!r} at the end of the name."
    folder = Path(prefix).parent
    stem = Path(prefix).name
    near = sorted(p.name.removesuffix(SUFFIX) for p in folder.glob(f"{stem}*{SUFFIX}"))
    if near:
        return what + f"In that directory there are: {', '.join(near[:5])}."
    return what + "tf.train.latest_checkpoint(directory) names the newest one of a directory."
