"""tf.keras.datasets and get_file: small files of the same make, served from here and read as by Keras."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import io
import json
import os
import pickle
import tarfile
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.keras.datasets import files
from tests.keras.witness import keras

datasets = tf.keras.datasets


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Any:
    """A folder, and the address under which its files are served."""
    folder = tmp_path_factory.mktemp("shelf")
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """A cache of its own for each test."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def lists(rng: np.random.Generator, count: int) -> Any:
    made = np.empty(count, object)
    made[:] = [rng.integers(1, 40, rng.integers(2, 9)).tolist() for _ in range(count)]
    return made


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as opened:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def small_files() -> dict[str, bytes]:
    """Files laid out as the real ones, with few examples."""
    rng = np.random.default_rng(0)

    def images(*shape: int) -> Any:
        return rng.integers(0, 256, shape, np.uint8)

    def idx(array: Any, header: int) -> bytes:
        return gzip.compress(bytes(header) + array.tobytes())

    def cifar(*labels: bytes) -> bytes:
        marks = {label: rng.integers(0, 10, 4).tolist() for label in labels}
        made = pickle.dumps({b"data": images(4, 3072), **marks}, protocol=3)
        # The real ones are older than NumPy's present names.
        assert b"numpy._core.multiarray" in made
        return made.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")

    batches = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    hundred = (b"fine_labels", b"coarse_labels")
    small = {
        "mnist.npz": npz(x_train=images(6, 28, 28), y_train=images(6), x_test=images(2, 28, 28),
                         y_test=images(2)),
        "imdb.npz": npz(x_train=lists(rng, 9), y_train=rng.integers(0, 2, 9), x_test=lists(rng, 5),
                        y_test=rng.integers(0, 2, 5)),
        "reuters.npz": npz(x=lists(rng, 12), y=rng.integers(0, 46, 12)),
        "california_housing.npz": npz(x=rng.normal(size=(700, 8)).astype("float32"),
                                      y=rng.normal(size=700).astype("float32")),
        "imdb_word_index.json": json.dumps({"the": 1, "caf\u00e9": 2}).encode(),
        "reuters_word_index.json": json.dumps({"oil": 1}).encode(),
        "cifar-10-python.tar.gz": archive(
            {f"cifar-10-batches-py/{n}": cifar(b"labels") for n in batches}
        ),
        "cifar-100-python.tar.gz": archive(
            {f"cifar-100-python/{n}": cifar(*hundred) for n in ("train", "test")}
        ),
    }  # fmt: skip
    for part, count in (("train", 5), ("t10k", 3)):
        small[f"{part}-images-idx3-ubyte.gz"] = idx(images(count, 28, 28), 16)
        small[f"{part}-labels-idx1-ubyte.gz"] = idx(images(count), 8)
    return small


@pytest.fixture(scope="module")
def served(shelf) -> Any:
    """The table of the files with this machine as their origin and their own checksums."""
    folder, address = shelf
    table = {}
    for name, content in small_files().items():
        (folder / name).write_bytes(content)
        kind = hashlib.md5 if len(files.FILES[name][1]) == 32 else hashlib.sha256
        table[name] = (address, kind(content).hexdigest())
    assert set(table) == set(files.FILES)
    return table


@pytest.fixture
def network(served, monkeypatch) -> Any:
    """The engine's loaders fetch from this machine."""
    monkeypatch.setattr(files, "FILES", dict(served))
    return files.FILES


def keras_reads(monkeypatch, name: str, shelf: Any, unpacked: Path) -> Any:
    """Keras's loader, given the same files without a download."""
    folder = shelf[0]
    module = getattr(keras.src.datasets, name)

    def local(fname=None, origin=None, extract=False, **_):
        path = folder / origin.rsplit("/", 1)[1]
        if not extract:
            return str(path)
        with tarfile.open(path) as opened:
            opened.extractall(unpacked, filter="data")
        return str(unpacked)

    monkeypatch.setattr(module, "get_file", local)
    return module


LOADS: list[tuple[str, dict[str, Any]]] = [
    ("mnist", {}),
    ("fashion_mnist", {}),
    ("cifar100", {}),
    ("cifar100", {"label_mode": "coarse"}),
    ("california_housing", {}),
    ("california_housing", {"version": "small", "test_split": 0.5, "seed": 3}),
    ("imdb", {}),
    ("imdb", {"num_words": 20, "skip_top": 3, "maxlen": 8, "seed": 5}),
    ("imdb", {"num_words": 20, "oov_char": None, "start_char": None, "index_from": 0}),
    ("imdb", {"start_char": None, "index_from": 2}),
    ("reuters", {}),
    ("reuters", {"num_words": 25, "skip_top": 2, "maxlen": 8, "test_split": 0.4, "oov_char": None}),
]


@pytest.mark.parametrize(("name", "arguments"), LOADS, ids=lambda v: str(v))
def test_the_sets_are_read_as_keras_reads_them(
    name, arguments, network, shelf, monkeypatch, tmp_path
) -> None:
    ours = getattr(datasets, name).load_data(**arguments)
    theirs = keras_reads(monkeypatch, name, shelf, tmp_path).load_data(**arguments)
    for own_pair, their_pair in zip(ours, theirs, strict=True):
        for own, other in zip(own_pair, their_pair, strict=True):
            assert own.shape == other.shape
            assert own.dtype == other.dtype or name == "cifar100"  # where Keras's labels are int64
            if own.dtype == object:
                assert [list(a) for a in own] == [list(b) for b in other]
            else:
                np.testing.assert_array_equal(own, other)


def test_cifar10_is_all_its_batches(network, shelf) -> None:
    """Keras's loader fits files of 10,000 images alone; this is the same by hand."""
    (x_train, y_train), (x_test, y_test) = datasets.cifar10.load_data()
    batches = []
    with tarfile.open(shelf[0] / "cifar-10-python.tar.gz") as opened:
        for name in opened.getnames():
            batches.append(pickle.load(opened.extractfile(name), encoding="bytes"))
    pixels = np.concatenate([b[b"data"] for b in batches]).reshape(-1, 3, 32, 32)
    labels = np.concatenate([b[b"labels"] for b in batches])[:, None]
    np.testing.assert_array_equal(np.concatenate([x_train, x_test]), np.moveaxis(pixels, 1, -1))
    np.testing.assert_array_equal(np.concatenate([y_train, y_test]), labels)
    assert x_train.shape == (20, 32, 32, 3) and y_test.shape == (4, 1)
    assert x_train.dtype == y_train.dtype == np.uint8


def test_channels_first(network, shelf, monkeypatch, tmp_path) -> None:
    tf.keras.config.set_image_data_format("channels_first")
    keras.config.set_image_data_format("channels_first")
    try:
        ours = datasets.cifar100.load_data()
        theirs = keras_reads(monkeypatch, "cifar100", shelf, tmp_path).load_data()
    finally:
        tf.keras.config.set_image_data_format("channels_last")
        keras.config.set_image_data_format("channels_last")
    assert ours[0][0].shape == (4, 3, 32, 32)
    np.testing.assert_array_equal(ours[0][0], theirs[0][0])


def test_word_indices_and_topics(network) -> None:
    assert datasets.imdb.get_word_index() == {"the": 1, "caf\u00e9": 2}
    assert datasets.reuters.get_word_index() == {"oil": 1}
    assert datasets.reuters.get_label_names() == keras.datasets.reuters.get_label_names()


def test_the_table_holds_the_addresses_and_checksums_of_keras(monkeypatch) -> None:
    asked: dict[str, Any] = {}

    def note(fname=None, origin=None, file_hash=None, **_):
        asked[origin.rsplit("/", 1)[1]] = (origin, file_hash)
        raise KeyError

    calls = ["load_data"] * 7 + ["get_word_index"] * 2
    names = [
        "mnist",
        "fashion_mnist",
        "cifar10",
        "cifar100",
        "imdb",
        "reuters",
        "california_housing",
    ]
    for name, call in zip([*names, "imdb", "reuters"], calls, strict=True):
        module = getattr(keras.src.datasets, name)
        monkeypatch.setattr(module, "get_file", note)
        with pytest.raises(KeyError):
            getattr(module, call)()
    for name, (origin, checksum) in asked.items():
        own_origin, own_checksum = files.FILES[name]
        assert own_origin + name == origin
        assert checksum in (None, own_checksum)
    assert set(files.FILES) - set(asked) == {  # Keras asks for one of the four first
        "train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz",
    }  # fmt: skip


# --- checksums, the cache, no network ---------------------------------------------------------------


def test_a_file_is_fetched_once_and_kept_where_keras_keeps_it(network, home, shelf) -> None:
    (first, _), _ = datasets.mnist.load_data()
    assert (home / "datasets" / "mnist.npz").exists()
    network["mnist.npz"] = ("http://127.0.0.1:9/", network["mnist.npz"][1])  # nobody answers there
    (again, _), _ = datasets.mnist.load_data()
    np.testing.assert_array_equal(first, again)
    datasets.fashion_mnist.load_data()
    assert (home / "datasets" / "fashion-mnist" / "train-labels-idx1-ubyte.gz").exists()


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(network, home) -> None:
    network["mnist.npz"] = (network["mnist.npz"][0], "0" * 64)
    with pytest.raises(ValueError, match="does not match the known hash"):
        datasets.mnist.load_data()
    assert not (home / "datasets" / "mnist.npz").exists()


def test_a_damaged_file_in_the_cache_is_fetched_again(network, home) -> None:
    datasets.mnist.load_data()
    kept = home / "datasets" / "mnist.npz"
    kept.write_bytes(kept.read_bytes()[:-40])
    (x, _), _ = datasets.mnist.load_data()
    assert x.shape == (6, 28, 28)


def test_without_a_network_the_error_names_digits(network) -> None:
    network["mnist.npz"] = ("http://127.0.0.1:9/", network["mnist.npz"][1])
    with pytest.raises(
        ConnectionError, match=r"mnist\.npz could not be fetched(.|\n)*digits\.load_data"
    ):
        datasets.mnist.load_data()


def test_a_missing_file_is_an_error(shelf) -> None:
    with pytest.raises(ConnectionError, match=r"nothing\.bin could not be fetched: 404"):
        tf.keras.utils.get_file(origin=f"{shelf[1]}nothing.bin")


# --- pickles ----------------------------------------------------------------------------------------------


class _Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("name", ["imdb.npz", "cifar-10-python.tar.gz"])
def test_hostile_pickles_run_nothing(name, network, shelf, tmp_path) -> None:
    mark = tmp_path / "it ran"
    bad = np.empty(1, object)
    bad[0] = _Hostile(mark)
    if name == "imdb.npz":
        content = npz(x_train=bad, y_train=np.zeros(1), x_test=bad, y_test=np.zeros(1))
    else:
        content = archive({"cifar-10-batches-py/data_batch_1": pickle.dumps(_Hostile(mark))})
    (shelf[0] / f"bad-{name}").write_bytes(content)
    network[name] = (f"{shelf[1]}bad-", hashlib.sha256(content).hexdigest())
    load = datasets.imdb.load_data if name == "imdb.npz" else datasets.cifar10.load_data
    with pytest.raises(
        pickle.UnpicklingError, match=r"asks for posix\.mkdir, which no array needs"
    ):
        load()
    assert not mark.exists()
    pickle.loads(pickle.dumps(_Hostile(mark)))  # it would have
    assert mark.exists()


def test_numeric_arrays_are_never_unpickled(tmp_path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(npz(a=np.arange(3.0), b=np.array(["x", "y"])))
    found = files.read_npz(path)
    np.testing.assert_array_equal(found["a"], [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(found["b"], ["x", "y"])


# --- digits -------------------------------------------------------------------------------------------------


def test_digits_are_scikit_learns_in_a_fixed_split() -> None:
    from sklearn.datasets import load_digits

    (x_train, y_train), (x_test, y_test) = datasets.digits.load_data()
    assert x_train.shape == (1437, 8, 8) and x_test.shape == (360, 8, 8)
    assert x_train.dtype == y_train.dtype == x_test.dtype == y_test.dtype == np.uint8
    theirs = load_digits()
    np.testing.assert_array_equal(np.concatenate([x_train, x_test]), theirs.images)
    np.testing.assert_array_equal(np.concatenate([y_train, y_test]), theirs.target)
    assert x_train.min() == 0 and x_train.max() == 16
    counts = np.bincount(y_test)
    assert len(counts) == 10 and counts.min() >= 30


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: datasets.cifar100.load_data("all"), "'fine' or 'coarse', not 'all'"),
        (lambda: datasets.california_housing.load_data("tiny"), "'large' or 'small', not 'tiny'"),
        (lambda: datasets.california_housing.load_data(test_split=1), "below 1, not 1"),
        (lambda: tf.keras.utils.get_file("a"), "needs origin"),
        (lambda: tf.keras.utils.get_file("../a", "http://127.0.0.1:9/a"), "not a path, but '../a'"),
        (lambda: tf.keras.utils.get_file(origin="http://127.0.0.1:9/"), "not a path, but ''"),
    ],
)
def test_wrong_arguments_are_named(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_no_review_is_short_enough(network) -> None:
    with pytest.raises(ValueError, match="No sequence is shorter than maxlen=1"):
        datasets.imdb.load_data(maxlen=1)


# --- get_file -----------------------------------------------------------------------------------------------


def test_get_file_unpacks_archives(shelf, tmp_path) -> None:
    folder, address = shelf
    (folder / "a.tar.gz").write_bytes(archive({"inner/x.txt": b"tar"}))
    with zipfile.ZipFile(folder / "b.zip", "w") as opened:
        opened.writestr("inner/x.txt", "zip")
    get = tf.keras.utils.get_file
    found = get(origin=f"{address}a.tar.gz", extract=True, cache_dir=tmp_path)
    assert Path(found, "inner/x.txt").read_text() == "tar"
    assert get("a.tar.gz", f"{address}a.tar.gz", untar=True).endswith("a_extracted")
    checksum = hashlib.md5((folder / "b.zip").read_bytes()).hexdigest()
    found = get("b", f"{address}b.zip", md5_hash=checksum, extract=True, cache_subdir="sub")
    assert Path(found, "inner/x.txt").read_text() == "zip" and "sub" in found
    assert get("b", f"{address}b.zip", extract=True, cache_subdir="sub") == found


def test_get_file_fetches_again_when_asked(shelf) -> None:
    folder, address = shelf
    (folder / "c.txt").write_text("old")
    get = tf.keras.utils.get_file
    assert Path(get(origin=f"{address}c.txt")).read_text() == "old"
    (folder / "c.txt").write_text("new")
    assert Path(get(origin=f"{address}c.txt")).read_text() == "old"
    assert Path(get(origin=f"{address}c.txt", force_download=True)).read_text() == "new"


def test_an_archive_writes_nothing_outside_its_folder(shelf, tmp_path) -> None:
    folder, address = shelf
    (folder / "evil.tar.gz").write_bytes(archive({"../../../escaped.txt": b"x"}))
    with pytest.raises(tarfile.TarError, match="outside the destination"):
        tf.keras.utils.get_file(
            origin=f"{address}evil.tar.gz", extract=True, cache_dir=tmp_path / "deep/er"
        )
    assert not list(tmp_path.rglob("escaped.txt"))
