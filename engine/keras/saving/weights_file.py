"""Weights in HDF5 files, laid out as Keras 3 lays them out, so that either reads what the other wrote.

Every layer has a group at its path from the model, `layers/dense_1/vars`, with its weights as `0`, `1`, ...
Paths follow attributes, not names: names differ from one run to the next. `h5py` is needed.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from engine.keras.lookup import snake_case
from engine.keras.weights import NOT_OWN, WeightHolder

TOO_MUCH = 1 << 32  # bytes that one dataset may claim without holding them


def h5py() -> Any:
    """The package h5py.

    Raises:
      ImportError: with the way to install it.
    """
    try:
        import h5py as found  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError(
            "Files of weights and models are HDF5 files, for which the package h5py is needed, and it is not "
            "installed. `make setup` installs it."
        ) from error
    return found


# --- which objects there are, and at which paths -------------------------------------------------------


def _is_state(value: Any) -> bool:
    """Whether an object has a place of its own in a file: a layer, a model or an optimizer."""
    return hasattr(value, "save_own_variables") and not isinstance(value, type)


def _children(owner: Any) -> Iterator[tuple[str, Any]]:
    """The attributes that lead to more objects, in the order in which Keras visits them.

    Public ones come before private ones. A Functional or Sequential model begins with its layers.
    """
    if getattr(owner, "_layers_first", False):
        yield "layers", owner.layers
    names = {name for name in vars(owner) if name not in NOT_OWN or name == "optimizer"}
    for cls in type(owner).__mro__:
        if cls.__module__ in _BASES:
            break
        names |= {name for name, value in vars(cls).items() if isinstance(value, property)}
    if hasattr(owner, "fit"):
        names.add("layers")
    for name in sorted(names, key=lambda name: f"~{name}" if name.startswith("_") else name):
        try:
            yield name, getattr(owner, name)
        except (AttributeError, RuntimeError, ValueError):
            continue  # a property that has nothing to tell yet


_BASES = {
    "engine.keras.layer",
    "engine.keras.model",
    "engine.keras.functional",
    "engine.keras.sequential",
}


def objects(root: Any) -> Iterator[tuple[str, Any]]:
    """Everything with weights or other state inside a model, each once, with its path."""
    seen: set[int] = set()

    def visit(owner: Any, path: str) -> Iterator[tuple[str, Any]]:
        if id(owner) in seen:
            return
        seen.add(id(owner))
        yield path, owner
        if isinstance(owner, WeightHolder):
            for name, value in _children(owner):
                yield from part(value, f"{path}/{name}" if path else name)

    def part(value: Any, path: str) -> Iterator[tuple[str, Any]]:
        if _is_state(value):
            yield from visit(value, path)
        elif isinstance(value, (list, tuple, dict)):
            if id(value) in seen:
                return
            used: dict[str, int] = {}
            for item in list(value.values() if isinstance(value, dict) else value):
                nested = isinstance(item, (list, tuple, dict))
                if nested or _is_state(item):
                    base = "container" if nested else snake_case(type(item).__name__)
                    number = used.get(base, -1) + 1
                    used[base] = number
                    yield from part(item, f"{path}/{base}" + (f"_{number}" if number else ""))

    yield from visit(root, "")


# --- writing ------------------------------------------------------------------------------------------


class _Place:
    """Where one object writes: a group of the file, made when it is known to be needed."""

    def __init__(self, group: Any):
        self.group = group

    def __setitem__(self, name: str, value: Any) -> None:
        array = np.asarray(value)
        if array.dtype == ml_dtypes.bfloat16:  # HDF5 has no such numbers
            self.group.create_dataset(name, data=array.view(np.int16))
            self.group[name].attrs["dtype"] = "bfloat16"
        else:
            self.group[name] = array


def write(root: Any, file: Any) -> None:
    """Writes the state of everything inside `root` to an open HDF5 file."""
    for path, owner in objects(root):
        group = file.create_group(f"{path}/vars" if path else "vars")
        name = getattr(owner, "name", None)
        if isinstance(name, str):
            group.attrs["name"] = name
        owner.save_own_variables(_Place(group))


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Writes the weights of a model, and the state of its optimizer, to a file `*.weights.h5`.

    Raises:
      ValueError: for another ending, or a model that is not built.
      FileExistsError: when the file is there and `overwrite` is False.
    """
    path = Path(filepath)
    if not path.name.endswith(".weights.h5"):
        raise ValueError(f"save_weights writes files that end in .weights.h5, not {path.name!r}.")
    if not model.built:
        raise ValueError(
            f"Model {model.name!r} is not built: it has no weights to save yet. Call it on data first."
        )
    check_overwrite(path, overwrite)
    with replacing(path) as temporary, h5py().File(temporary, "w") as file:
        write(model, file)


def check_overwrite(path: Path, overwrite: bool) -> None:
    """Raises FileExistsError for a file that is there and shall stay."""
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} is there already. Pass overwrite=True to replace it.")


class replacing:
    """A `with` block that writes a file beside `path`, and puts it there at the end, whole or not at all."""

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self) -> str:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, self.name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        os.close(handle)
        return self.name

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is None:
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(self.name, 0o666 & ~mask)
            os.replace(self.name, self.path)
        else:
            os.unlink(self.name)


# --- reading ------------------------------------------------------------------------------------------


class _Found:
    """What a file holds for one object: arrays by name. Only data inside the file is read."""

    def __init__(self, group: Any, path: str):
        self.group, self.path = group, path

    def keys(self) -> list[str]:
        """The names."""
        return [] if self.group is None else list(self.group.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __contains__(self, name: str) -> bool:
        return name in self.keys()

    def __getitem__(self, name: str) -> Any:
        package = h5py()
        if name not in self.keys():
            raise KeyError(f"the file has no {self.path}/vars/{name}")
        if not isinstance(self.group.get(name, getlink=True), package.HardLink):
            raise ValueError(
                f"{self.path}/vars/{name} is a link; only data inside the file is read."
            )
        data = self.group[name]
        if not isinstance(data, package.Dataset) or data.external or data.is_virtual:
            raise ValueError(f"{self.path}/vars/{name} lies outside the file; it is not read.")
        if data.nbytes > TOO_MUCH and data.nbytes > 100 * data.id.get_storage_size():
            raise ValueError(
                f"{self.path}/vars/{name} claims {data.nbytes:,} bytes it does not hold."
            )
        array = data[()]
        return array.view(ml_dtypes.bfloat16) if data.attrs.get("dtype") == "bfloat16" else array


def read(root: Any, file: Any, what: str, skip_mismatch: bool = False) -> None:
    """Reads the state of everything inside `root` from an open HDF5 file.

    Raises:
      ValueError: naming each object for which the file has no fitting weights.
    """
    failures: list[str] = []
    for path, owner in objects(root):
        place = f"{path}/vars" if path else "vars"
        group = file.get(place) if place in file else None
        try:
            owner.load_own_variables(_Found(group, path))
        except (KeyError, ValueError, TypeError) as error:
            name = getattr(owner, "name", type(owner).__name__)
            failures.append(f"  {name} ({type(owner).__name__}, at {path or '/'}): {error}")
    if failures and skip_mismatch:
        warnings.warn(
            "Weights that do not fit were left out:\n" + "\n".join(failures), stacklevel=3
        )
    elif failures:
        raise ValueError(
            f"{what} does not fit model {root.name!r}. The model has to have the layers, in the order and "
            "shapes, of the one that was saved:\n" + "\n".join(failures)
        )


def open_h5(source: Any, what: str) -> Any:
    """An HDF5 file, open for reading.

    Raises:
      ValueError: when it is none, or not whole.
    """
    try:
        return h5py().File(source, "r")
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(
            f"{what} is no HDF5 file, or not whole: was its download or copy cut short? ({error})"
        ) from error


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False) -> None:
    """Reads weights from a file `*.weights.h5`, or from the weights inside a file `*.keras`.

    Args:
      model: built, of the same layers as the model that was saved.
      filepath: the file.
      skip_mismatch: leave out, with a warning, what does not fit.

    Raises:
      ValueError: for a file that is none, or that does not fit; for a model that is not built.
      FileNotFoundError: when the file is not there.
    """
    path = Path(filepath)
    if not path.name.endswith((".weights.h5", ".keras")):
        raise ValueError(
            f"load_weights reads files that end in .weights.h5 or .keras, not {path.name!r}."
        )
    if not model.built:
        raise ValueError(
            f"Model {model.name!r} is not built: it has no weights to load into yet. Call it on data, or "
            "give it an input shape, first."
        )
    if path.name.endswith(".keras"):
        from engine.keras.saving.model_file import weights_inside

        with weights_inside(path) as file:
            read(model, file, str(path), skip_mismatch)
        return
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    with open_h5(path, str(path)) as file:
        read(model, file, str(path), skip_mismatch)
