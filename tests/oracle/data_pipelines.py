"""Pipelines of `tf.data` that mean the same in TensorFlow and here, and how what they give is written down.

Each is a function of the framework that returns a dataset; none depends on a random order.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

MOST = 40  # elements of a pipeline that are looked at


def _ragged(tf: Any) -> Any:
    return tf.data.Dataset.range(1, 6).map(lambda n: tf.range(n))


def _pairs(tf: Any) -> Any:
    x = np.arange(12, dtype=np.float32).reshape(6, 2)
    return tf.data.Dataset.from_tensor_slices((x, {"label": np.arange(6), "name": list("abcdef")}))


def _generator(tf: Any, values: Any, *spec: Any) -> Any:
    signature = tf.TensorSpec(*spec)
    return tf.data.Dataset.from_generator(lambda: iter(values), output_signature=signature)


def _growing(tf: Any) -> Any:
    empty = tf.zeros([0], tf.int64)
    return tf.data.Dataset.range(4).scan(
        empty, lambda s, x: (tf.concat([s, [x]], 0), tf.reduce_sum(s))
    )


def _branching(tf: Any) -> Any:
    def collatz(x: Any) -> Any:
        steps = tf.constant(0)
        while x > 1:
            if x % 2 == 0:  # noqa: SIM108  # a branch is meant
                x = x // 2
            else:
                x = 3 * x + 1
            steps += 1
        return steps

    return tf.data.Dataset.range(1, 12).map(collatz)


def _words(tf: Any) -> Any:
    return tf.data.Dataset.from_tensor_slices(["one", "three", "seventeen"])


def _int64(tf: Any, *values: int) -> Any:
    return tf.data.Dataset.from_tensor_slices(np.array(values, np.int64))


def _three(tf: Any) -> list[Any]:
    return [tf.data.Dataset.from_tensors(letter).repeat(3) for letter in "abc"]


def _window_means(tf: Any) -> Any:
    ds = tf.data.Dataset.from_tensor_slices(np.arange(8, dtype=np.float32))
    windows = ds.window(4, shift=2, drop_remainder=True)
    return windows.flat_map(lambda w: w.batch(4)).map(lambda v: (v[:-1], v[-1]))


def _window_pairs(tf: Any) -> Any:
    ds = tf.data.Dataset.from_tensor_slices((np.arange(5), np.arange(5) * 10))
    return ds.window(2).flat_map(lambda a, b: tf.data.Dataset.zip((a.batch(2), b.batch(2))))


def _nested_interleave(tf: Any) -> Any:
    data = tf.data.Dataset
    return data.range(1, 4).interleave(
        lambda x: data.range(x).map(lambda y: x * 10 + y).batch(2),
        cycle_length=2,
        block_length=1,
    )


def _deep_flat_map(tf: Any) -> Any:
    data = tf.data.Dataset
    return data.range(3).flat_map(
        lambda x: data.range(x + 1).flat_map(lambda y: data.from_tensors((x, y)).repeat(y + 1))
    )


PIPELINES: dict[str, Callable[[Any], Any]] = {
    # sources
    "range": lambda tf: tf.data.Dataset.range(5),
    "range backwards": lambda tf: tf.data.Dataset.range(9, 1, -3),
    "range int32": lambda tf: tf.data.Dataset.range(2, 5, output_type=tf.int32),
    "empty range": lambda tf: tf.data.Dataset.range(5, 5),
    "slices": lambda tf: tf.data.Dataset.from_tensor_slices([[1, 2], [3, 4], [5, 6]]),
    "slices of a structure": _pairs,
    "slices of words": _words,
    "one element": lambda tf: tf.data.Dataset.from_tensors(([1.5, 2.5], "x")),
    "slices of a scalar": lambda tf: tf.data.Dataset.from_tensor_slices(3),
    "slices of different lengths": lambda tf: tf.data.Dataset.from_tensor_slices(
        ([1, 2], [1, 2, 3])
    ),
    "generator": lambda tf: _generator(tf, [1, 2, 3], (), tf.float32),
    "generator of rows": lambda tf: _generator(tf, [[1], [2, 3]], (None,), tf.int32),
    "generator of words": lambda tf: _generator(tf, ["a", "bc"], (), tf.string),
    "generator of a wrong shape": lambda tf: _generator(tf, [[1], [2, 3]], (1,), tf.int32),
    "generator of a wrong type": lambda tf: _generator(tf, [1, "x"], (), tf.int32),
    "generator by types": lambda tf: tf.data.Dataset.from_generator(
        lambda: iter([(1, [2.0]), (3, [4.0])]), (tf.int64, tf.float32), ((), (1,))
    ),
    "generator with arguments": lambda tf: tf.data.Dataset.from_generator(
        lambda n: iter(np.arange(n)), args=(3,), output_signature=tf.TensorSpec((), tf.int64)
    ),
    # functions of elements
    "map": lambda tf: tf.data.Dataset.range(4).map(lambda x: x * x),
    "map of a tuple": lambda tf: _pairs(tf).map(lambda x, y: (tf.reduce_sum(x), y["label"])),
    "map of a dict": lambda tf: (
        _pairs(tf).map(lambda x, y: y).map(lambda d: {**d, "twice": d["label"] * 2})
    ),
    "map to a list": lambda tf: tf.data.Dataset.range(3).map(lambda x: [x, x + 1]),
    "map to a nested list": lambda tf: tf.data.Dataset.range(3).map(lambda x: (x, [x, x + 1])),
    "map to a number": lambda tf: tf.data.Dataset.range(2).map(lambda x: 7),
    "map with branches": _branching,
    "map of several sizes": _ragged,
    "map in parallel": lambda tf: tf.data.Dataset.range(5).map(
        lambda x: x + 1, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    ),
    "filter": lambda tf: tf.data.Dataset.range(10).filter(lambda x: x % 3 == 0),
    "filter of a tuple": lambda tf: _pairs(tf).filter(lambda x, y: y["label"] > 3),
    "filter by no bool": lambda tf: tf.data.Dataset.range(3).filter(lambda x: x),
    "take_while": lambda tf: tf.data.Dataset.range(10).take_while(lambda x: x < 4),
    "scan": lambda tf: tf.data.Dataset.range(5).scan(np.int64(0), lambda s, x: (s + x, (x, s))),
    "scan of a growing state": _growing,
    # groups
    "batch": lambda tf: tf.data.Dataset.range(7).batch(3),
    "batch drop": lambda tf: tf.data.Dataset.range(7).batch(3, drop_remainder=True),
    "batch of a structure": lambda tf: _pairs(tf).batch(4),
    "batch of batches": lambda tf: tf.data.Dataset.range(8).batch(2).batch(3),
    "batch of mapped": lambda tf: tf.data.Dataset.range(5).map(lambda x: (x, x / 2)).batch(2),
    "batch of several sizes": lambda tf: _ragged(tf).batch(2),
    "padded_batch": lambda tf: _ragged(tf).padded_batch(2),
    "padded_batch to a size": lambda tf: _ragged(tf).padded_batch(
        2, padded_shapes=[6], padding_values=np.int64(-1)
    ),
    "padded_batch of scalars": lambda tf: tf.data.Dataset.range(5).padded_batch(2),
    "padded_batch of words": lambda tf: tf.data.Dataset.from_tensor_slices(
        [["a", "b"], ["c", "d"]]
    ).padded_batch(2, padded_shapes=[3]),
    "padded_batch drop": lambda tf: _ragged(tf).padded_batch(2, drop_remainder=True),
    "padded_batch too small": lambda tf: _ragged(tf).padded_batch(2, padded_shapes=[2]),
    "padded_batch of a tuple": lambda tf: (
        _ragged(tf)
        .map(lambda x: (x, tf.cast(x[:1], tf.float32)))
        .padded_batch(3, padded_shapes=([None], [2]), padding_values=(np.int64(9), 0.5))
    ),
    "unbatch": lambda tf: tf.data.Dataset.range(7).batch(3).unbatch(),
    "unbatch of a structure": lambda tf: _pairs(tf).batch(4, drop_remainder=True).unbatch(),
    "window": lambda tf: tf.data.Dataset.range(7).window(3),
    "window shift stride": lambda tf: tf.data.Dataset.range(10).window(3, shift=2, stride=2),
    "window apart": lambda tf: tf.data.Dataset.range(10).window(2, shift=4),
    "window drop": lambda tf: tf.data.Dataset.range(7).window(3, shift=1, drop_remainder=True),
    "window of a tuple": lambda tf: tf.data.Dataset.from_tensor_slices(
        ([1, 2, 3], ["a", "b", "c"])
    ).window(2),
    "windows and their last": _window_means,
    "windows of pairs": _window_pairs,
    # choice and order
    "take": lambda tf: tf.data.Dataset.range(10).take(3),
    "take all": lambda tf: tf.data.Dataset.range(3).take(-1),
    "take more": lambda tf: tf.data.Dataset.range(3).take(9),
    "skip": lambda tf: tf.data.Dataset.range(5).skip(3),
    "skip all": lambda tf: tf.data.Dataset.range(5).skip(-1),
    "repeat": lambda tf: tf.data.Dataset.range(3).repeat(2),
    "repeat for ever": lambda tf: tf.data.Dataset.range(3).repeat(),
    "repeat nothing": lambda tf: tf.data.Dataset.range(0).repeat(),
    "repeat never": lambda tf: tf.data.Dataset.range(3).repeat(0),
    "batches across repeats": lambda tf: tf.data.Dataset.range(5).repeat(2).batch(3),
    "shard": lambda tf: tf.data.Dataset.range(10).shard(3, 1),
    "shards of repeats": lambda tf: tf.data.Dataset.range(4).repeat(3).shard(3, 2),
    "enumerate": lambda tf: _words(tf).enumerate(start=5),
    "shuffle of one": lambda tf: tf.data.Dataset.range(5).shuffle(1),
    "cache": lambda tf: tf.data.Dataset.range(3).cache().repeat(2),
    "prefetch": lambda tf: tf.data.Dataset.range(5).map(lambda x: -x).prefetch(2),
    # several
    "zip": lambda tf: tf.data.Dataset.zip((tf.data.Dataset.range(3), _words(tf))),
    "zip of arguments": lambda tf: tf.data.Dataset.zip(
        tf.data.Dataset.range(9), tf.data.Dataset.range(4)
    ),
    "zip of a dict": lambda tf: tf.data.Dataset.zip(
        {"b": _words(tf), "a": (tf.data.Dataset.range(9), tf.data.Dataset.range(1, 9))}
    ),
    "zip with a filter": lambda tf: tf.data.Dataset.zip(
        (tf.data.Dataset.range(9).filter(lambda x: x > 5), tf.data.Dataset.range(9).repeat())
    ),
    "zip of a list": lambda tf: tf.data.Dataset.zip([_words(tf), _words(tf)]),
    "zip and batch": lambda tf: tf.data.Dataset.zip(
        (tf.data.Dataset.range(7), _int64(tf, *range(5)))
    ).batch(2),
    "concatenate": lambda tf: tf.data.Dataset.range(3).concatenate(tf.data.Dataset.range(5, 7)),
    "concatenate of sizes": lambda tf: (
        tf.data.Dataset.range(4).batch(2, True).concatenate(tf.data.Dataset.range(3).batch(3, True))
    ),
    "concatenate of kinds": lambda tf: tf.data.Dataset.range(4).concatenate(_words(tf)),
    "flat_map": lambda tf: tf.data.Dataset.range(4).flat_map(tf.data.Dataset.range),
    "flat_map of slices": lambda tf: (
        tf.data.Dataset.range(4).batch(2).flat_map(tf.data.Dataset.from_tensor_slices)
    ),
    "flat_map in flat_map": _deep_flat_map,
    "flat_map to a tensor": lambda tf: tf.data.Dataset.range(4).flat_map(lambda x: x),
    "interleave": lambda tf: tf.data.Dataset.range(1, 6).interleave(
        lambda x: tf.data.Dataset.from_tensors(x).repeat(6), cycle_length=2, block_length=4
    ),
    "interleave of sizes": lambda tf: tf.data.Dataset.range(5).interleave(
        lambda x: tf.data.Dataset.from_tensors(x).repeat(x), cycle_length=3, block_length=2
    ),
    "interleave in parts": _nested_interleave,
    "choose": lambda tf: tf.data.Dataset.choose_from_datasets(
        _three(tf), _int64(tf, 0, 1, 2, 2, 0)
    ),
    "choose until empty": lambda tf: tf.data.Dataset.choose_from_datasets(
        _three(tf), _int64(tf, 0, 0, 0, 0, 1, 1)
    ),
    "choose on": lambda tf: tf.data.Dataset.choose_from_datasets(
        _three(tf), _int64(tf, 0, 0, 0, 0, 1, 1), stop_on_empty_dataset=False
    ),
    "sample of one": lambda tf: tf.data.Dataset.sample_from_datasets(
        _three(tf), weights=[0.0, 1.0, 0.0]
    ),
    "apply": lambda tf: tf.data.Dataset.range(5).apply(lambda ds: ds.filter(lambda x: x > 2)),
    "options": lambda tf: tf.data.Dataset.range(3).with_options(tf.data.Options()),
}

# What `reduce` and get_single_element give: one structure each.
VALUES: dict[str, Callable[[Any], Any]] = {
    "reduce": lambda tf: tf.data.Dataset.range(5).reduce(np.int64(0), lambda s, x: s + x),
    "reduce of tuples": lambda tf: _pairs(tf).reduce(
        (np.float32(0), np.int64(0)),
        lambda s, e: (s[0] + tf.reduce_sum(e[0]), s[1] + e[1]["label"]),
    ),
    "reduce to another shape": lambda tf: tf.data.Dataset.range(4).reduce(
        tf.zeros([0], tf.int64), lambda s, x: tf.concat([s, [x]], 0)
    ),
    "reduce to another dtype": lambda tf: tf.data.Dataset.range(4).reduce(
        np.float32(0), lambda s, x: x
    ),
    "single": lambda tf: tf.data.Dataset.range(5).batch(5).get_single_element(),
    "single of many": lambda tf: tf.data.Dataset.range(5).get_single_element(),
    "single of none": lambda tf: tf.data.Dataset.range(0).get_single_element(),
    "length of an infinite one": lambda tf: len(tf.data.Dataset.range(3).repeat()),
    "length of an unknown one": lambda tf: len(tf.data.Dataset.range(3).filter(lambda x: x > 1)),
    "bool of an empty one": lambda tf: bool(tf.data.Dataset.range(0)),
}


def plain(value: Any) -> Any:
    """A structure of tensors, specs and datasets as data for JSON."""
    if isinstance(value, dict):
        return {"dict": {key: plain(value[key]) for key in sorted(value)}}
    if isinstance(value, (tuple, list)):
        return {"tuple": [plain(part) for part in value]}
    if type(value).__name__ == "DatasetSpec":
        return {"spec of": plain(value.element_spec)}
    if hasattr(value, "as_numpy_iterator"):
        return {"dataset": [plain(e) for e in itertools.islice(value, MOST)]}
    if hasattr(value, "is_compatible_with"):
        shape = value.shape
        return [value.dtype.name, None if shape.rank is None else list(shape)]
    if not hasattr(value, "numpy"):
        return value
    array = np.asarray(value.numpy())
    listed = array.tolist()
    if array.dtype.kind in "OS":
        listed = (
            np.array([b.decode() for b in array.reshape(-1).tolist()]).reshape(array.shape).tolist()
        )
    return [value.dtype.name, list(array.shape), listed]


def observed(pipeline: Callable[[Any], Any], tf: Any) -> dict[str, Any]:
    """What can be seen of a pipeline: spec, cardinality, elements, and where it fails."""
    seen: dict[str, Any] = {}
    try:
        dataset = pipeline(tf)
        seen["spec"] = plain(dataset.element_spec)
        seen["cardinality"] = int(dataset.cardinality())
        seen["elements"] = []
        for element in itertools.islice(dataset, MOST):
            seen["elements"].append(plain(element))
        again = [plain(element) for element in itertools.islice(dataset, MOST)]
        seen["same again"] = again == seen["elements"]
    except Exception as error:
        seen["error"] = type(error).__name__
    return seen


def value_of(function: Callable[[Any], Any], tf: Any) -> dict[str, Any]:
    """What a function of the framework returns, or how it fails."""
    try:
        return {"value": plain(function(tf))}
    except Exception as error:
        return {"error": type(error).__name__}
