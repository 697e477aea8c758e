"""tf.print, tf.Assert and tf.strings.format: when they run, in which order, where the text goes.

What the text looks like is held to TensorFlow's in `test_formatting.py`.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine as tf

Invalid = tf.errors.InvalidArgumentError


def test_it_goes_to_stderr_or_stdout(capsys: pytest.CaptureFixture[str]):
    tf.print("to", "err")
    tf.print("to", "out", output_stream=sys.stdout)
    captured = capsys.readouterr()
    assert (captured.err, captured.out) == ("to err\n", "to out\n")


def test_it_returns_none_in_eager_and_in_a_graph():
    sink = io.StringIO()
    assert tf.print(1, output_stream=sink) is None
    f = tf.function(lambda x: tf.print(x, output_stream=sink))
    assert f(tf.constant(2)) is None
    assert sink.getvalue() == "1\n2\n"


def test_a_graph_prints_each_time_it_runs_in_the_order_written(capsys: pytest.CaptureFixture[str]):
    @tf.function
    def f(x: Any) -> Any:
        tf.print("first", x)
        y = x * 2
        tf.print("second", y, [x, {"y": y}])
        tf.print("no tensor")
        return y

    for value in (1, 2):
        f(tf.constant(value))
    assert capsys.readouterr().err == (
        "first 1\nsecond 2 [1, {'y': 2}]\nno tensor\nfirst 2\nsecond 4 [2, {'y': 4}]\nno tensor\n"
    )


def test_branches_and_loops_print_when_and_as_often_as_they_run(capsys: pytest.CaptureFixture[str]):
    @tf.function
    def f(n: Any) -> Any:
        tf.print("start")
        i = tf.constant(0)
        while i < n:
            tf.print("step", i)
            if i % 2 == 0:
                tf.print("even")
            else:
                tf.Assert(i < 3, [i])
            i += 1
        tf.print("end", i)
        return i

    f(tf.constant(2))
    assert capsys.readouterr().err == "start\nstep 0\neven\nstep 1\nend 2\n"
    f(tf.constant(0))
    assert capsys.readouterr().err == "start\nend 0\n"
    with pytest.raises(Invalid, match="Data: 3"):
        f(tf.constant(9))
    assert capsys.readouterr().err.endswith("step 2\neven\nstep 3\n")


def test_the_stream_is_the_one_of_the_run_not_of_the_trace(capsys: pytest.CaptureFixture[str]):
    f = tf.function(lambda x: tf.print(x, output_stream=sys.stdout))
    f(tf.constant(1))
    capsys.readouterr()
    kept, sys.stdout = sys.stdout, io.StringIO()
    try:
        f(tf.constant(2))
        assert sys.stdout.getvalue() == "2\n"
    finally:
        sys.stdout = kept


def test_nested_functions_and_gradients_print_once(capsys: pytest.CaptureFixture[str]):
    @tf.function
    def inner(x: Any) -> Any:
        tf.print("inner", x)
        return x * x

    @tf.function
    def outer(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = inner(x)
        return tape.gradient(y, x)

    assert outer(tf.constant(3.0)).numpy() == 6.0
    with tf.GradientTape() as tape:
        tape.watch(x := tf.constant(4.0))
        y = inner(x)
    assert tape.gradient(y, x).numpy() == 8.0
    assert capsys.readouterr().err == "inner 3\ninner 4\n"


def test_variables_print_the_value_they_have_at_that_point(capsys: pytest.CaptureFixture[str]):
    v = tf.Variable(1)

    @tf.function
    def f() -> None:
        tf.print(v)
        v.assign_add(1)
        tf.print(v)

    f()
    f()
    assert capsys.readouterr().err == "1\n2\n2\n3\n"


def test_a_file_is_appended_to(tmp_path: Path):
    file = tmp_path / "log.txt"
    for i in range(2):
        tf.print("line", i, output_stream=f"file://{file}")
    tf.print(tf.constant(b"\xff"), output_stream=f"file://{file}")
    assert file.read_bytes() == b"line 0\nline 1\n\xff\n"


def test_bytes_that_are_no_text_can_be_printed_to_a_stream():
    sink = io.StringIO()
    tf.print(tf.constant([b"a\xff"]), output_stream=sink)
    assert sink.getvalue() == '["a\\xff"]\n'


def test_long_structures_and_dicts_keep_their_tensors_in_place():
    sink = io.StringIO()
    many = {f"k{i:02}": tf.constant(i) for i in reversed(range(30))}
    tf.print(many, output_stream=sink)
    assert eval(sink.getvalue()) == {f"k{i:02}": i for i in range(30)}


def test_a_text_may_hold_anything():
    sink = io.StringIO()
    tf.print("50% {} \\0", tf.constant(1), "{0}", output_stream=sink)
    assert sink.getvalue() == "50% {} \\0 1 {0}\n"


def test_wrong_settings_are_refused_with_the_fix():
    with pytest.raises(
        ValueError, match=r"print: output_stream is sys\.stdout.*'file://'.*'nowhere'"
    ):
        tf.print(1, output_stream="nowhere")
    with pytest.raises(ValueError, match=r"print: output_stream is .* not int 3"):
        tf.print(1, output_stream=3)
    for wrong in (-2, 1.5, "3"):
        with pytest.raises(ValueError, match=r"print: summarize is a number of elements, or -1"):
            tf.print(1, summarize=wrong)


# --- tf.Assert --------------------------------------------------------------------------------------


def test_a_true_condition_passes():
    assert tf.Assert(tf.constant(3) > 2, ["never shown"]) is None
    tf.debugging.Assert(True, [])


def test_a_false_condition_raises_with_the_data():
    with pytest.raises(Invalid) as caught:
        tf.Assert(tf.constant(False), [tf.range(10), "loss", 0.5], summarize=2)
    assert caught.value.message == (
        'Assert: the condition is False. Data: [0 1 ... 8 9] "loss" 0.5'
    )


def test_it_checks_at_each_run_of_a_graph():
    @tf.function
    def f(x: Any) -> Any:
        tf.Assert(tf.reduce_all(x > 0.0), [x])
        return tf.math.log(x)

    assert f(tf.constant([1.0, 1.0])).numpy().tolist() == [0.0, 0.0]
    with pytest.raises(Invalid, match=r"Data: \[1 -2\]"):
        f(tf.constant([1.0, -2.0]))


@pytest.mark.parametrize("traced", [False, True])
def test_the_condition_is_one_bool(traced: bool):
    def run(x: Any) -> Any:
        tf.Assert(x, ["data"])
        return x

    call = tf.function(run) if traced else run
    with pytest.raises(Invalid, match=r"bool of shape \(2,\) was given.*tf\.reduce_all"):
        call(tf.constant([True, False]))
    with pytest.raises(Invalid, match=r"one bool, but int32 of shape \(\) was given\. Compare"):
        call(tf.constant(1))
    with pytest.raises(TypeError, match=r"data is a list.*Put it in brackets"):
        tf.Assert(True, "data")


def test_a_condition_whose_rank_is_known_only_at_the_run():
    spec = tf.TensorSpec(None, tf.bool)
    f = tf.function(lambda c: tf.Assert(c, ["data"]), input_signature=[spec])
    f(tf.constant(True))
    with pytest.raises(Invalid, match=r"bool of shape \(2,\) was given"):
        f(tf.constant([True, True]))


# --- strings ----------------------------------------------------------------------------------------


def test_format_in_a_graph_is_filled_at_each_run():
    f = tf.function(lambda x: tf.strings.format("x is {}", x))
    assert [f(tf.constant(v)).numpy() for v in (1, 2)] == [b"x is 1", b"x is 2"]
    assert f(tf.constant(1)).dtype is tf.string


def test_format_wants_one_place_for_each_input():
    with pytest.raises(ValueError, match=r"has 2 places \('\{\}'\), but 1 inputs were given"):
        tf.strings.format("{} {}", [1])


def test_strings_are_kept_compared_and_handed_out_as_bytes():
    words = tf.constant([["a", "\u00e9"], ["", "\x00x"]])
    assert words.dtype is tf.string and words.shape == (2, 2)
    assert words.numpy().tolist() == [[b"a", b"\xc3\xa9"], [b"", b"\x00x"]]
    assert (words == tf.constant("a")).numpy().tolist() == [[True, False], [False, False]]
    assert (words != "a").numpy().sum() == 3
    assert tf.gather(words[0], [1, 0]).numpy().tolist() == [b"\xc3\xa9", b"a"]
    assert tf.concat([words, words], 0).shape == (4, 2)
    assert tf.where([True, False], ["a", "b"], ["c", "d"]).numpy().tolist() == [b"a", b"d"]
    assert tf.reshape(words, [4])[3].numpy() == b"\x00x"
    f = tf.function(lambda x: tf.equal(x, "a"))
    assert f(tf.constant(["a", "b"])).numpy().tolist() == [True, False]
    assert tf.Variable(["a"]).assign(["bc"]).numpy().tolist() == [b"bc"]
    assert tf.constant(np.array(["x", "yz"])).numpy().tolist() == [b"x", b"yz"]


@pytest.mark.parametrize(
    "run",
    [
        lambda s: s + "b",
        lambda s: tf.reduce_sum(s),
        lambda s: tf.math.exp(s),
        lambda s: tf.cast(s, tf.float32),
        lambda s: s < "b",
        lambda s: -s,
    ],
)
def test_what_strings_cannot_do_says_so(run: Any):
    with pytest.raises((Invalid, TypeError), match="string"):
        run(tf.constant(["a"]))
