"""Datasets in use: sources, errors, passes that do not disturb each other, cache, prefetch, memory."""

from __future__ import annotations

import pickle
import threading
import tracemalloc
import warnings
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine as tf

Dataset = tf.data.Dataset
InvalidArgumentError = tf.errors.InvalidArgumentError


def values(dataset: Any) -> list[Any]:
    return [np.asarray(x).tolist() for x in dataset.as_numpy_iterator()]


def counting(rows: int, calls: list[int]) -> Any:
    """A dataset that notes each row that it makes."""

    def generator() -> Any:
        for i in range(rows):
            calls.append(i)
            yield i

    return Dataset.from_generator(generator, output_signature=tf.TensorSpec((), tf.int64))


# --- sources and structures -----------------------------------------------------------------------


def test_slices_copy_what_they_are_given() -> None:
    array = np.array([1.0, 2.0])
    ds = Dataset.from_tensor_slices(array)
    array[:] = 9
    assert values(ds) == [1.0, 2.0]


def test_slices_of_a_file_are_read_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "rows.bin"
    np.arange(4000, dtype=np.int64).reshape(1000, 4).tofile(path)
    file = np.memmap(path, np.int64, "r", shape=(1000, 4))
    ds = Dataset.from_tensor_slices(file)
    assert values(ds.skip(998)) == [[3992, 3993, 3994, 3995], [3996, 3997, 3998, 3999]]
    batch = next(iter(ds.shuffle(1000, seed=1).batch(7))).numpy()
    assert batch.shape == (7, 4) and (batch == batch[:, :1] + np.arange(4)).all()


def test_named_tuples_and_dicts_keep_their_kind() -> None:
    Point = namedtuple("Point", "x y")
    ds = Dataset.from_tensor_slices(Point([1, 2], {"b": [3, 4], "a": ["u", "v"]}))
    (first, second) = list(ds.batch(1).unbatch().prefetch(1))
    assert isinstance(first, Point) and list(first.y) == ["b", "a"]
    assert second.y["a"].numpy() == b"v" and int(first.y["b"]) == 3
    assert isinstance(ds.element_spec, Point)


def test_elements_are_the_rows_with_their_dtypes() -> None:
    for dtype in ("float16", "bfloat16", "uint8", "bool", "complex64", "string"):
        given = tf.constant(["a", "b", "c"]) if dtype == "string" else tf.cast([0, 1, 0], dtype)
        for row, element in zip(given, Dataset.from_tensor_slices(given), strict=True):
            assert (
                element.dtype is row.dtype
                and element.shape == ()
                and element.numpy() == row.numpy()
            )
        stacked = next(iter(Dataset.from_tensor_slices(given).map(lambda x: x).batch(3)))
        assert stacked.dtype is given.dtype and (stacked.numpy() == given.numpy()).all()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Dataset.from_tensor_slices(3), ValueError, "use from_tensors"),
        (lambda: Dataset.from_tensor_slices(([1], [1, 2])), ValueError, "lengths|they have 1, 2"),
        (lambda: Dataset.from_tensor_slices({}), ValueError, "no tensor"),
        (lambda: Dataset.range(1, 2, 0), InvalidArgumentError, "step is 0"),
        (lambda: Dataset.range(), TypeError, "start, stop"),
        (lambda: Dataset.from_generator([1], output_signature=tf.TensorSpec(())), TypeError, "lambda: "),
        (lambda: Dataset.from_generator(lambda: [1]), TypeError, "output_signature"),
        (lambda: Dataset.from_generator(lambda: [1], output_signature=tf.int32), TypeError, "TensorSpec"),
        (lambda: Dataset.range(3).batch(0), InvalidArgumentError, "at least 1"),
        (lambda: Dataset.range(3).shard(2, 2), InvalidArgumentError, "num_shards=2, index=2"),
        (lambda: Dataset.range(3).prefetch(-5), InvalidArgumentError, "AUTOTUNE"),
        (lambda: Dataset.range(3).interleave(Dataset.range, 0), InvalidArgumentError, "cycle_length"),
        (lambda: Dataset.range(3).map(3), TypeError, "a function is needed"),
        (lambda: Dataset.range(3).map(lambda x: None), ValueError, "forget its return"),
        (lambda: Dataset.range(3).filter(lambda x: x), ValueError, "one bool scalar"),
        (lambda: Dataset.range(3).flat_map(lambda x: x), TypeError, "must return a dataset"),
        (lambda: Dataset.range(3).unbatch(), ValueError, "has none"),
        (lambda: Dataset.range(3).window(2).batch(2), TypeError, "flat_map"),
        (lambda: Dataset.range(3).concatenate(Dataset.from_tensors("a")), TypeError, "one kind"),
        (lambda: Dataset.zip([Dataset.range(2)]), TypeError, "not in a list"),
        (lambda: Dataset.zip(3), TypeError, "takes datasets"),
        (lambda: Dataset.sample_from_datasets([]), ValueError, "at least one dataset"),
        (lambda: Dataset.sample_from_datasets([Dataset.range(2)], [-1]), ValueError, "one weight"),
        (
            lambda: Dataset.choose_from_datasets([Dataset.range(2)], Dataset.from_tensors("a")),
            TypeError,
            "int64 scalars",
        ),
        (lambda: Dataset.range(3).scan(0, lambda s, x: x), TypeError, "new state, output"),
        (lambda: Dataset.range(3).scan(0, lambda s, x: (x, x)), TypeError, "tf.cast|dtypes"),
        (lambda: Dataset.range(3).apply(lambda ds: 1), TypeError, "return a Dataset"),
        (lambda: Dataset.range(3).cache("file"), tf.errors.UnimplementedError, "in memory"),
        (lambda: len(Dataset.range(3).repeat()), TypeError, "infinite"),
        (lambda: len(Dataset.range(3).filter(lambda x: x > 1)), TypeError, "unknown"),
        (lambda: Dataset([1, 2]), TypeError, "from_tensor_slices"),
        (lambda: Dataset.range(3).get_single_element(), InvalidArgumentError, "more than one"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_where_it_is_made(make: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize(
    ("given", "spec", "words"),
    [
        (
            [[1, 2]],
            tf.TensorSpec((3,), tf.int32),
            r"shape \(2,\) where its output_signature says \(3,\)",
        ),
        ([1.5], tf.TensorSpec((), tf.int32), "cannot be converted to int32"),
        ([300], tf.TensorSpec((), tf.uint8), "cannot be converted to uint8"),
        ([2j], tf.TensorSpec((), tf.float32), "cannot be converted to float32"),
        ([3], tf.TensorSpec((), tf.string), "cannot be converted to string"),
        (["a"], tf.TensorSpec((), tf.float32), "cannot be converted to float32"),
        ([None], tf.TensorSpec((), tf.float32), "cannot be converted"),
        ([(1, 2)], (tf.TensorSpec((), tf.int32),) * 3, "nested as"),
        ([{"x": 1}], {"y": tf.TensorSpec((), tf.int32)}, "nested as"),
    ],
)
def test_what_a_generator_yields_is_checked(given: Any, spec: Any, words: str) -> None:
    ds = Dataset.from_generator(lambda: given, output_signature=spec)
    with pytest.raises(InvalidArgumentError, match=words):
        list(ds)


def test_a_generator_may_fill_one_array_again_and_again() -> None:
    def generator() -> Any:
        array = np.zeros(2, np.float32)
        for i in range(3):
            array[:] = i
            yield array

    ds = Dataset.from_generator(generator, output_signature=tf.TensorSpec((2,), tf.float32))
    assert values(ds.batch(3)) == [[[0, 0], [1, 1], [2, 2]]]


def test_what_a_generator_yields_is_converted_where_nothing_is_lost() -> None:
    def made(dtype: str, *given: Any) -> list[Any]:
        spec = tf.TensorSpec(None, dtype)
        return values(Dataset.from_generator(lambda: given, output_signature=spec))

    assert made("float32", 1, np.float64(0.5), np.int8(2), [True, 3.5]) == [
        1.0,
        0.5,
        2.0,
        [1.0, 3.5],
    ]
    assert made("int64", True, 2.0, np.uint8(7), tf.constant([1])) == [1, 2, 7, [1]]
    assert made("string", "ü", b"x", np.array(["a", "bc"]), np.array(["d"], object)) == [
        "ü".encode(), b"x", [b"a", b"bc"], [b"d"],
    ]  # fmt: skip
    assert made("bfloat16", 1.5, tf.constant(2, tf.bfloat16)) == [1.5, 2.0]


def test_batches_of_different_shapes_say_what_to_do() -> None:
    ds = Dataset.range(1, 3).map(lambda n: tf.range(n)).batch(2)
    with pytest.raises(
        InvalidArgumentError, match=r"shape \(1,\) and element 1 has \(2,\). Use padded_batch"
    ):
        list(ds)


def test_python_code_in_map_is_pointed_to_numpy_function() -> None:
    for code in (
        lambda x: x.numpy(),
        lambda x: float(x),
        lambda x: np.sin(x),
    ):
        with pytest.raises(Exception, match=r"graph|symbolic|traced") as caught:
            Dataset.range(3).map(code)
        assert any("tf.numpy_function" in note for note in caught.value.__notes__)


def test_an_error_in_map_names_the_operation() -> None:
    ds = Dataset.range(3).map(lambda x: tf.reshape(tf.range(x), [1]))
    with pytest.raises(InvalidArgumentError, match="reshape"):
        list(ds)


# --- passes ------------------------------------------------------------------------------------------


def test_iterators_go_their_own_ways() -> None:
    ds = Dataset.range(4).map(lambda x: x * 10).cache().batch(2)
    one, other = iter(ds), iter(ds)
    assert next(one).numpy().tolist() == [0, 10] == next(other).numpy().tolist()
    assert next(one).numpy().tolist() == [20, 30] and next(one, None) is None
    assert next(other).numpy().tolist() == [20, 30]
    with pytest.raises(tf.errors.OutOfRangeError, match="End of sequence"):
        one.get_next()


def test_nothing_is_made_before_it_is_asked_for() -> None:
    calls: list[int] = []
    ds = counting(100, calls).map(lambda x: x).batch(3).take(2)
    elements = iter(ds)
    assert calls == []
    next(elements)
    assert calls == [0, 1, 2]
    assert len(list(elements)) == 1 and calls == [0, 1, 2, 3, 4, 5]


def test_memory_stays_flat() -> None:
    def rows() -> Any:
        for _ in range(400):
            yield np.zeros(25_000, np.float32)

    spec = tf.TensorSpec((25_000,), tf.float32)
    ds = (
        Dataset.from_generator(rows, output_signature=spec).map(lambda x: x + 1).shuffle(4).batch(2)
    )
    tracemalloc.start()
    try:
        for _ in ds.prefetch(2):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000  # of 40 MB that went through


def test_cache_serves_only_after_a_complete_pass() -> None:
    calls: list[int] = []
    ds = counting(4, calls).cache()
    assert values(ds.take(2)) == [0, 1]
    assert values(ds) == [0, 1, 2, 3] and calls == [0, 1, 0, 1, 2, 3]
    assert values(ds) == [0, 1, 2, 3] and values(ds.shuffle(9).batch(4))[0] != []
    assert len(calls) == 6


def test_cache_keeps_rows_of_any_shape() -> None:
    ds = Dataset.range(1, 4).map(lambda n: (tf.range(n), tf.strings.format("{}", n))).cache()
    once = [(a.tolist(), b) for a, b in ds.as_numpy_iterator()]
    assert once == [([0], b"1"), ([0, 1], b"2"), ([0, 1, 2], b"3")]
    assert [(a.tolist(), b) for a, b in ds.as_numpy_iterator()] == once


def test_cache_after_shuffle_keeps_one_order() -> None:
    for base in (Dataset.range(30), Dataset.range(30).map(lambda x: x)):
        ds = base.shuffle(30, seed=1).cache()
        assert values(ds) == values(ds)


def test_elements_are_the_same_under_a_tape_and_not_recorded() -> None:
    v = tf.Variable(2.0)
    ds = Dataset.from_tensor_slices([1.0, 3.0]).map(lambda x: x * v)
    with tf.GradientTape() as tape:
        loss = tf.add_n([x * v for x in ds])
    assert (
        float(loss) == 16.0 and float(tape.gradient(loss, v)) == 8.0
    )  # the elements are constants


def test_functions_read_and_write_variables() -> None:
    v = tf.Variable(0, dtype=tf.int64)
    ds = Dataset.range(4).map(lambda x: v.assign_add(x) * 10)
    assert values(ds) == [0, 10, 30, 60] and int(v) == 6
    v.assign(100)
    assert values(ds.take(1)) == [1000]


def test_random_numbers_in_map_follow_set_seed_and_no_other_thread() -> None:
    def drawn() -> Any:
        tf.random.set_seed(5)
        ds = Dataset.range(3).map(lambda x: tf.random.uniform([])).prefetch(1)
        made = []
        for x in ds:
            tf.random.uniform([])
            made.append(float(x))
        return made, values(ds)

    one, two = drawn(), drawn()
    assert one == two and len({*one[0], *one[1]}) == 6


def test_an_autograph_function_with_a_method_and_a_default() -> None:
    class Scale:
        def __init__(self) -> None:
            self.by = tf.Variable(3, dtype=tf.int64)

        def apply(self, x: Any, sign: int = -1) -> Any:
            if x > 1:
                return x * self.by
            return x * sign

    scale = Scale()
    assert values(Dataset.range(4).map(scale.apply)) == [0, -1, 6, 9]


def test_map_takes_a_tf_function_and_traces_it_once() -> None:
    traces = []

    @tf.function
    def f(x: Any) -> Any:
        traces.append(1)
        return x + 1

    assert values(Dataset.range(50).map(f).map(f).batch(50))[0][-1] == 51
    assert len(traces) == 1


def test_length_and_truth() -> None:
    assert len(Dataset.range(10).batch(3)) == 4 and bool(Dataset.range(0))
    assert len(Dataset.range(10).repeat(3).shard(4, 3).skip(2).take(100)) == 5


def test_placed_like_a_constant() -> None:
    with tf.device("CPU:0"):
        x = next(iter(Dataset.range(3).map(lambda x: x * 2)))
    assert x.device == tf.constant(1).device


@pytest.mark.gpu
def test_pipelines_run_on_the_cpu_and_their_elements_go_to_the_gpu() -> None:
    def halves(x: Any) -> Any:
        return tf.numpy_function(lambda v: v / 2, [x + tf.constant(1.0)], tf.float32)

    with tf.device("GPU:0"):
        ds = (
            Dataset.from_tensor_slices(tf.constant([1.0, 3.0, 5.0])).map(halves).shuffle(1).batch(2)
        )

        @tf.function
        def total(start: Any) -> Any:
            for x in ds:
                start += tf.reduce_sum(x)
            return start

        for dataset in (ds, ds.prefetch(1)):
            elements = list(dataset)
            assert {x.device for x in elements} == {"/device:GPU:0"}
            assert np.concatenate([x.numpy() for x in elements]).tolist() == [1.0, 2.0, 3.0]
        assert float(total(tf.constant(0.0))) == 6.0


def test_options_are_kept() -> None:
    options = tf.data.Options()
    options.deterministic = False
    options.threading.private_threadpool_size = 3
    ds = Dataset.range(3).with_options(options).batch(2)
    later = tf.data.Options()
    later.autotune.enabled = True
    ds = ds.with_options(later)
    assert ds.options().deterministic is False and ds.options().autotune.enabled is True
    assert ds.options().threading.private_threadpool_size == 3
    with pytest.raises(AttributeError, match="determinstic"):
        options.determinstic = True


def test_no_numpy_warning_leaves_a_pipeline() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ds = Dataset.from_tensor_slices([0.0, 1.0]).map(lambda x: 1 / x).prefetch(1)
        assert values(ds) == [float("inf"), 1.0]


def test_experimental_names() -> None:
    assert int(tf.data.experimental.cardinality(Dataset.range(4))) == 4
    assert int(tf.data.experimental.get_single_element(Dataset.from_tensors(4))) == 4
    assert int(Dataset.range(3).repeat().cardinality()) == tf.data.INFINITE_CARDINALITY


def test_elements_can_be_pickled() -> None:
    (x,) = Dataset.from_tensors([1, 2])
    assert pickle.loads(pickle.dumps(x)).numpy().tolist() == [1, 2]


# --- prefetch -------------------------------------------------------------------------------------


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "Dataset.prefetch"]


def ended(threads: list[threading.Thread]) -> bool:
    for thread in threads:
        thread.join(10)
    return not any(thread.is_alive() for thread in threads)


def test_prefetch_works_ahead_and_no_further() -> None:
    calls: list[int] = []
    made = threading.Semaphore(0)

    def generator() -> Any:
        for i in range(100):
            calls.append(i)
            made.release()
            yield i

    ds = Dataset.from_generator(generator, output_signature=tf.TensorSpec((), tf.int64)).prefetch(3)
    before = workers()
    elements = iter(ds)
    assert not calls
    assert int(next(elements)) == 0
    for _ in range(4):  # the one that was taken, and three ahead
        assert made.acquire(timeout=10)
    assert calls == [0, 1, 2, 3]
    assert [int(x) for x in elements] == list(range(1, 100))
    assert ended([thread for thread in workers() if thread not in before])


def test_a_dropped_iterator_ends_its_thread_and_the_generator() -> None:
    closed = threading.Event()

    def generator() -> Any:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    ds = Dataset.from_generator(generator, output_signature=tf.TensorSpec((), tf.int64))
    elements = iter(ds.map(lambda x: x).prefetch(2).batch(2).prefetch(1))
    next(elements)
    threads = workers()
    assert len(threads) >= 2
    del elements
    assert ended(threads) and closed.wait(10)


def test_an_error_arrives_where_the_row_would_have() -> None:
    def generator() -> Any:
        yield 1
        yield 2
        raise OSError("the disk is gone")

    ds = Dataset.from_generator(generator, output_signature=tf.TensorSpec((), tf.int64)).prefetch(9)
    elements = iter(ds)
    assert int(next(elements)) == 1 and int(next(elements)) == 2
    with pytest.raises(OSError, match="the disk is gone"):
        next(elements)
    assert next(elements, None) is None
    assert len(list(ds.take(2))) == 2  # another pass is not disturbed


def test_prefetch_of_nothing_and_by_itself() -> None:
    assert values(Dataset.range(5).prefetch(0)) == list(range(5))
    assert values(Dataset.range(5).prefetch(tf.data.AUTOTUNE)) == list(range(5))
    assert values(Dataset.range(0).prefetch(tf.data.AUTOTUNE)) == []
