"""Files from the network, kept where Keras keeps them, and never used unless they are the right ones."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

__all__ = ["get_file"]

_DIGITS = {32: "md5", 40: "sha1", 64: "sha256"}  # of a checksum in hexadecimal


def get_file(
    fname: Any = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | None = "auto",
    cache_dir: Any = None,
    force_download: bool = False,
) -> str:
    """The path of a file, which is downloaded if it is not there yet; by pooch.

    Args:
      fname: its name in the cache; by default as in `origin`.
      origin: its URL.
      file_hash: its checksum (md5, sha1 or sha256). A file with another one is fetched again, and a
        downloaded file with another one is deleted and refused.
      cache_subdir: the folder in the cache.
      hash_algorithm: of the checksum; 'auto' tells it by the length.
      extract: unpack it too, and return the folder. Nothing is written outside that folder.
      archive_format: 'tar', 'zip' or 'auto', by the name in `origin`.
      cache_dir: by default the environment variable KERAS_HOME, or `~/.keras`.
      force_download: fetch it even if it is there.
      untar, md5_hash: older ways to say `extract` and `file_hash`.

    Raises:
      ConnectionError: when it cannot be fetched.
      ValueError: for a file with another checksum, or a name that is a path.
    """
    if not origin:
        raise ValueError("get_file needs origin, the URL of the file.")
    name = os.fspath(fname) if fname else origin.split("?")[0].rsplit("/", 1)[-1]
    if not name or Path(name).name != name:
        raise ValueError(f"get_file: fname is a file name, not a path, but {name!r} was given.")
    folder = (
        Path(cache_dir or os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / cache_subdir
    )
    unpack = extract or untar
    # The same names as in Keras's cache, so that either finds what the other has fetched.
    target, unpacked = folder / name, folder / name
    if unpack and fname and "." in name:
        unpacked = folder / f"{name.split('.')[0]}_extracted"
    elif unpack:
        target = folder / f"{name}_archive"
    if force_download:
        target.unlink(missing_ok=True)
    _fetch(
        origin,
        target,
        file_hash or md5_hash,
        "md5" if md5_hash and not file_hash else hash_algorithm,
    )
    if not unpack:
        return str(target)
    kind = "tar" if untar else archive_format
    if kind not in ("tar", "zip"):
        kind = "zip" if origin.endswith(".zip") else "tar"
    _extract(target, unpacked, kind)
    return str(unpacked)


def _fetch(origin: str, target: Path, checksum: str | None, algorithm: str) -> None:
    """Downloads a file to its place unless it is there with this checksum."""
    import pooch  # type: ignore[import-untyped]
    from requests.exceptions import RequestException

    if checksum is not None:
        if algorithm == "auto":
            algorithm = _DIGITS.get(len(checksum), "sha256")
        checksum = f"{algorithm}:{checksum}"
    try:
        pooch.retrieve(origin, checksum, fname=target.name, path=target.parent)
    except RequestException as error:
        raise ConnectionError(f"{origin} could not be fetched: {error}") from error


def _extract(archive: Path, folder: Path, kind: str) -> None:
    """Unpacks an archive, once; a member that would lie outside the folder is an error."""
    if folder.exists():
        return
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    if kind == "zip":
        import zipfile

        with zipfile.ZipFile(archive) as opened:  # which drops '..' and leading slashes from names
            opened.extractall(part)
    else:
        import tarfile

        with tarfile.open(archive) as opened_tar:
            opened_tar.extractall(part, filter="data")
    part.rename(folder)
