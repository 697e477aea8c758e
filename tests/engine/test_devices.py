"""Devices: what there is, where tensors are put, and how a missing GPU is reported."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import engine as tf
from engine import devices


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a GPU, whatever this one has."""
    monkeypatch.setattr(devices, "_cupy", None)
    monkeypatch.setattr(devices, "_gpu_absent", "CuPy is not installed (for this test)")


def test_there_is_always_a_cpu():
    (cpu,) = tf.config.list_physical_devices("CPU")
    assert (cpu.name, cpu.device_type) == ("/physical_device:CPU:0", "CPU")
    assert cpu in tf.config.list_physical_devices()


def test_a_missing_gpu_is_not_listed_and_has_a_reason(no_gpu: None):
    assert tf.config.list_physical_devices("GPU") == []
    assert "CuPy is not installed" in devices.why_no_gpu()


@pytest.mark.parametrize("name", ["GPU", "GPU:0", "gpu:0", "/GPU:0", "/device:GPU:0", "GPU:3"])
def test_asking_for_a_missing_gpu_by_name_fails_with_the_reason(no_gpu: None, name: str):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught, tf.device(name):
        raise AssertionError("the block must not run: there is no silent fallback to the CPU")
    for word in (
        "GPU:",
        "not there",
        "CuPy is not installed",
        "CPU:0",
        "Remove the tf.device scope",
    ):
        assert word in str(caught.value)
    assert tf.constant(1.0).device == "/device:CPU:0"


def test_a_second_cpu_is_not_there_either():
    with (
        pytest.raises(tf.errors.InvalidArgumentError, match=r"CPU:1.*there are 1 of that kind"),
        tf.device("CPU:1"),
    ):
        pass


@pytest.mark.parametrize("name", ["TPU:0", "CPU:x", "", "cuda"])
def test_a_name_that_is_no_device_is_refused(name: str):
    with (
        pytest.raises(tf.errors.InvalidArgumentError, match=r"not understood.*'CPU:0'"),
        tf.device(name),
    ):
        pass


@pytest.mark.parametrize(
    "name", ["CPU", "cpu:0", "/CPU:0", "/job:localhost/replica:0/task:0/device:CPU:0"]
)
def test_the_cpu_by_all_its_names(name: str):
    with tf.device(name):
        x = tf.constant([1.0]) + tf.ones([1])
    assert x.device == "/device:CPU:0" and isinstance(x.numpy(), np.ndarray)


def test_a_scope_is_left_after_an_exception_and_belongs_to_its_thread(
    monkeypatch: pytest.MonkeyPatch,
):
    seen: list[str] = []
    with pytest.raises(KeyError), tf.device("CPU:0"):
        devices._placement.kind = "elsewhere"
        thread = threading.Thread(target=lambda: seen.append(devices._placement.kind))
        thread.start()
        thread.join()
        raise KeyError
    assert seen == ["CPU"] and devices._placement.kind == "CPU"


@pytest.mark.gpu
def test_a_gpu_computes_what_the_cpu_computes():
    a = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    with tf.device("GPU:0"):
        x, w = tf.constant(a), tf.Variable(a.T @ a)
    assert x.device == "/device:GPU:0"
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tf.tanh(x @ w * 0.1))
    np.testing.assert_allclose(y.numpy(), np.tanh(a @ (a.T @ a) * 0.1).sum(), rtol=1e-4)
    assert tape.gradient(y, x).device == "/device:GPU:0"
