"""repr, str, format and tf.print, against what TensorFlow printed (`tests/oracle/tensorflow_reprs.py`)."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.formatting import element_text, summary

ORACLE = Path(__file__).parent.parent / "oracle"
RECORDED: dict[str, Any] = json.loads((ORACLE / "recorded" / "tf_reprs.json").read_text("utf-8"))


def _recorder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reprs", ORACLE / "tensorflow_reprs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RECORDER = _recorder()


def test_the_recording_is_of_the_expressions_in_the_script():
    assert list(RECORDED["values"]) == RECORDER.VALUES
    assert list(RECORDED["prints"]) == RECORDER.PRINTS
    assert list(RECORDED["string_formats"]) == RECORDER.STRING_FORMATS
    assert [row[:2] for row in RECORDED["formats"]] == [list(row) for row in RECORDER.FORMATS]
    assert [row[:2] for row in RECORDED["symbolic"]] == [list(row) for row in RECORDER.SYMBOLIC]


@pytest.mark.parametrize("code", list(RECORDED["values"]))
def test_repr_and_str_are_those_of_tensorflow(code: str):
    value = RECORDER.evaluate(code, tf)
    assert repr(value) == RECORDED["values"][code]["repr"]
    assert str(value) == RECORDED["values"][code]["str"]


@pytest.mark.parametrize(("spec", "code", "text"), RECORDED["formats"])
def test_a_format_string_gets_what_tensorflow_gives(spec: str, code: str, text: str):
    assert format(RECORDER.evaluate(code, tf), spec) == text


@pytest.mark.parametrize(("spec", "body", "exact", "short"), RECORDED["symbolic"])
def test_a_symbolic_tensor_shows_its_name_and_shape(spec: str, body: str, exact: str, short: str):
    assert RECORDER.symbolic(spec, body, tf) == [exact, short]


def test_the_html_of_a_notebook_holds_the_values_and_escapes_them():
    html = tf.constant(["<b>"])._repr_html_()
    assert "shape=(1,)" in html and "&lt;b&gt;" in html and "<b>" not in html


# --- tf.print ---------------------------------------------------------------------------------------

# Where TensorFlow prints a question mark, or an axis that is not there, the engine prints what is there.
OURS = {
    "tf.constant(1 + 2j)": "(1+2j)\n",
    "tf.constant([1.5 - 2j], tf.complex64)": "[(1.5-2j)]\n",
    "tf.zeros([2, 0])": "[]\n",
}


@pytest.mark.parametrize("code", list(RECORDED["prints"]))
def test_print_writes_what_tensorflow_writes(code: str):
    assert RECORDER.printed(code, tf) == OURS.get(code, RECORDED["prints"][code])


@pytest.mark.parametrize("code", list(RECORDED["string_formats"]))
def test_strings_format_gives_what_tensorflow_gives(code: str):
    made = RECORDER.evaluate(f"tf.strings.format({code})", tf)
    assert made.numpy().decode() == RECORDED["string_formats"][code]


# --- text of numbers, by themselves -----------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_digits_of_a_float_give_the_same_float_back(dtype: Any):
    rng = np.random.default_rng(5)
    values = (rng.normal(size=300) * 10.0 ** rng.integers(-4, 4, 300)).astype(dtype)
    wide = np.float32 if dtype is np.float16 else dtype
    assert all(wide(element_text(v)) == wide(v) for v in values)
    assert [element_text(dtype(v)) for v in (0.25, -12.5, 300.0)] == ["0.25", "-12.5", "300"]


def test_an_array_keeps_both_ends_of_each_axis():
    assert summary(np.zeros((0,))) == "[]"
    assert summary(np.arange(9), 4) == "[0 1 2 3 ... 5 6 7 8]"
    assert summary(np.arange(8), 4) == "[0 1 2 3 4 5 6 7]"
    assert summary(np.float32(0.5)) == "0.5"
    assert element_text(b"x") == '"x"' and element_text(b"x", quote=False) == "x"
