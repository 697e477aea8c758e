"""Whole models in one file: `.keras`, the format of Keras 3.

It is a zip of `metadata.json` (which Keras wrote it), `config.json` (the model as `serialization` writes it),
`model.weights.h5` (see `weights_file`) and `assets/` (the vocabularies of lookup layers).
"""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from engine.keras.saving import weights_file
from engine.keras.serialization import (
    deserialize_keras_object,
    serialize_shared,
    sharing_scope,
)

FORMAT = (3, 15)  # of Keras: the newest whose files are known here
_METADATA, _CONFIG, _WEIGHTS, _ASSETS = (
    "metadata.json",
    "config.json",
    "model.weights.h5",
    "assets/",
)
_LARGE = 1 << 28  # bytes above which a part of the file may not be a hundred times what it takes


def save_model(
    model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None
) -> None:
    """Writes a model with settings, weights, optimizer and vocabularies to a file `*.keras`.

    Real Keras 3 reads the file. It is written beside the old one and then takes its place, so that there
    is a whole file at any moment.

    Raises:
      ValueError: for another ending.
      FileExistsError: when the file is there and `overwrite` is False.
      TypeError: when a setting cannot be written.
    """
    path = Path(filepath)
    if path.suffix != ".keras" or zipped is False:
        raise ValueError(
            f"Models are saved to a file that ends in .keras, not {path.name!r}. For the weights alone use "
            "model.save_weights('name.weights.h5')."
        )
    weights_file.check_overwrite(path, overwrite)
    config = json.dumps(serialize_shared(model))
    metadata = {
        "keras_version": ".".join(map(str, (*FORMAT, 0))),
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
    }
    with weights_file.replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.writestr(_METADATA, json.dumps(metadata))
        archive.writestr(_CONFIG, config)
        memory = io.BytesIO()
        with weights_file.h5py().File(memory, "w") as file:
            weights_file.write(model, file)
        archive.writestr(_WEIGHTS, memory.getvalue())
        with tempfile.TemporaryDirectory() as folder:
            for place, owner in weights_file.objects(model):
                if hasattr(owner, "save_assets"):
                    own = Path(folder, place)
                    own.mkdir(parents=True, exist_ok=True)
                    owner.save_assets(str(own))
            for asset in sorted(Path(folder).rglob("*")):
                if asset.is_file():
                    archive.write(asset, f"{_ASSETS}{asset.relative_to(folder).as_posix()}")


def load_model(
    filepath: Any,
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """The model in a file `*.keras`, written here or by Keras 3.

    Nothing in the file is run, unless `safe_mode=False`: classes are found by name, among the engine's own,
    those that were registered, and `custom_objects`.

    Args:
      filepath: the file.
      custom_objects: names to classes and functions of one's own that the file mentions.
      compile: whether optimizer, loss and metrics are restored too.
      safe_mode: refuse lambdas, which are Python code in the file. Without it they are read: they find the
        engine as `tf`, its Keras as `keras`, NumPy as `np`, and `custom_objects`.

    Raises:
      ValueError: for a file that is no model, not whole, of a newer format, or that holds a lambda.
      TypeError: for a class that is not known.
      FileNotFoundError: when the file is not there.
    """
    path = Path(filepath)
    with _opened(path) as archive:
        version = _version(archive, path)
        config = _json(archive, _CONFIG, path)
        if not compile:
            config.pop("compile_config", None)
        try:
            with sharing_scope():
                model = deserialize_keras_object(config, custom_objects, safe_mode=safe_mode)
        except (TypeError, ValueError) as error:
            if version > FORMAT:
                written = ".".join(map(str, version))
                known = ".".join(map(str, FORMAT))
                error.add_note(
                    f"{path} was written by Keras {written}; files up to {known} are known."
                )
            raise
        if not hasattr(model, "save_own_variables"):
            raise ValueError(f"{path} does not hold a model, but {type(model).__name__}.")
        with tempfile.TemporaryDirectory() as folder:
            _extract_assets(archive, folder, path)
            for place, owner in weights_file.objects(model):
                if hasattr(owner, "load_assets"):
                    owner.load_assets(str(Path(folder, place)))
        with _weights(archive, path) as file:
            weights_file.read(model, file, str(path))
    return model


@contextlib.contextmanager
def weights_inside(path: Path) -> Iterator[Any]:
    """The weights of a `.keras` file, as an open HDF5 file."""
    with _opened(path) as archive, _weights(archive, path) as file:
        yield file


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    if path.suffix != ".keras":
        raise ValueError(
            f"Models are loaded from files that end in .keras, not {path.name!r}. For a file of weights "
            "build the model and use model.load_weights(path)."
        )
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"{path} is no .keras file, or not whole: was its download or copy cut short? ({error})"
        ) from error
    with archive:
        yield archive


def _read(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError as error:
        raise ValueError(f"{path} is no model of Keras 3: it has no {name}.") from error
    if info.file_size > _LARGE and info.file_size > 100 * info.compress_size:
        raise ValueError(
            f"{path}: {name} claims {info.file_size:,} bytes, packed into a hundredth of that."
        )
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
        raise ValueError(f"{path}: {name} is damaged ({error}).") from error


def _json(archive: zipfile.ZipFile, name: str, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_read(archive, name, path))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: {name} is no JSON ({error}).") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: {name} is not what Keras writes.")
    return found


def _version(archive: zipfile.ZipFile, path: Path) -> tuple[int, ...]:
    """Of the Keras that wrote the file: its first two numbers."""
    text = str(_json(archive, _METADATA, path).get("keras_version", ""))
    parts = text.split(".")[:2]
    if len(parts) < 2 or not all(part.isdigit() for part in parts):
        raise ValueError(f"{path} does not say which Keras wrote it: {text!r}.")
    version = tuple(map(int, parts))
    if version[0] > FORMAT[0]:
        raise ValueError(
            f"{path} was written by Keras {text}, whose format is newer than that of Keras "
            f"{FORMAT[0]}, the newest known here. Save it with Keras {FORMAT[0]}, or load its weights into a "
            "model built here."
        )
    return version


@contextlib.contextmanager
def _weights(archive: zipfile.ZipFile, path: Path) -> Iterator[Any]:
    memory = io.BytesIO(_read(archive, _WEIGHTS, path))
    with weights_file.open_h5(memory, f"{path}: {_WEIGHTS}") as file:
        yield file


def _extract_assets(archive: zipfile.ZipFile, folder: str, path: Path) -> None:
    for name in archive.namelist():
        if not name.startswith(_ASSETS) or name.endswith("/"):
            continue
        inside = PurePosixPath(name[len(_ASSETS) :])
        if inside.is_absolute() or ".." in inside.parts or "\\" in name:
            raise ValueError(f"{path}: {name} would be written outside its folder.")
        target = Path(folder, *inside.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_read(archive, name, path))
