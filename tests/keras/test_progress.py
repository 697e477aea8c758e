"""The progress bar: what it says, where it is drawn, and how seldom."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.keras import progress
from engine.keras.progress import Progbar


class Clock:
    """Time that passes when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.now = 100.0
        monkeypatch.setattr(progress.time, "perf_counter", lambda: self.now)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def plain(self) -> str:
        return re.sub("\033\\[\\d+m", "", self.getvalue())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    screen = Terminal()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stdout=screen))
    return screen


def test_a_terminal_sees_one_line_that_is_redrawn(clock: Clock, terminal: Terminal) -> None:
    bar = Progbar(10, stateful_metrics=["loss"])
    for step in range(1, 11):
        clock.now += 2.0 if step == 1 else 0.3
        bar.update(step, [("loss", 1 / step)])
    lines = terminal.plain().split("\r")
    assert len(lines) == 11 and terminal.plain().count("\n") == 1
    # Nine steps are left at 0.3 s: the first, slow one does not count.
    assert lines[2].rstrip() == " 2/10 ━━━━━━━━━━━━━━━━━━━━ 2s 300ms/step - loss: 0.5000"
    assert lines[10].rstrip() == "10/10 ━━━━━━━━━━━━━━━━━━━━ 5s 300ms/step - loss: 0.1000"
    colored = terminal.getvalue().split("\r")[5]
    assert "\033[32m━━━━━━━━━━\033[0m\033[37m━━━━━━━━━━\033[0m" in colored  # half of it is green


def test_it_is_drawn_at_most_twenty_times_a_second(clock: Clock, terminal: Terminal) -> None:
    bar = Progbar(1000)
    for step in range(1, 1001):
        clock.now += 0.001
        bar.update(step)
    assert 18 <= terminal.plain().count("\r") <= 22


def test_a_file_gets_the_last_line_alone(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    bar = Progbar(3)
    for step in range(1, 4):
        clock.now += 1.0
        bar.update(step, [("loss", float(step)), ("small", 1e-5)])
    expected = "3/3 ━━━━━━━━━━━━━━━━━━━━ 3s 1s/step - loss: 2.0000 - small: 1.0000e-05\n"
    assert capsys.readouterr().out == expected  # the mean of numbers that are not stateful


def test_a_shorter_line_leaves_nothing_of_the_longer(clock: Clock, terminal: Terminal) -> None:
    bar = Progbar(3, stateful_metrics=["loss"])
    for step, loss in ((1, 1e-9), (2, 1.0)):
        clock.now += 1.0
        bar.update(step, [("loss", loss)])
    _, first, second = terminal.plain().split("\r")
    assert len(second) == len(first) and second.endswith("1.0000    ")


def test_one_update_at_the_end_shows_the_mean_pace(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    bar = Progbar(4, verbose=2)
    clock.now += 2.0
    bar.update(4)
    assert capsys.readouterr().out == "4/4 - 2s 500ms/step\n"


def test_an_unknown_number_of_steps(clock: Clock, terminal: Terminal) -> None:
    bar = Progbar(None)
    clock.now += 1.0
    bar.update(7)
    clock.now += 1.0
    bar.update(8, finalize=True)
    assert "      7/Unknown" in terminal.plain() and terminal.plain().endswith("\n")


@pytest.mark.parametrize(
    ("seconds", "text"), [(5.0, "5s"), (75.0, "1:15"), (3725.0, "1:02:05"), (0.0, "0s")]
)
def test_durations(seconds: float, text: str) -> None:
    assert progress._duration(seconds) == text


def model_of() -> Any:
    model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


X = np.ones((8, 1), "float32")


def test_fit_names_epochs_and_shows_all_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    model_of().fit(X, X, batch_size=4, epochs=2, validation_data=(X, X))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Epoch 1/2" and lines[2] == "Epoch 2/2" and len(lines) == 4
    pattern = r"2/2 ━{20} 0s \d+(us|ms)/step - loss: [\d.e-]+ - mae: [\d.e-]+ - val_loss: .+ - val_mae: .+"
    assert all(re.fullmatch(pattern, line) for line in (lines[1], lines[3])), lines


def test_two_is_a_line_without_a_bar_and_zero_is_silence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    model_of().fit(X, X, epochs=2, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and "━" not in lines[1] and lines[1].startswith("1/1 - 0s ")
    model_of().fit(X, X, verbose=0)
    assert capsys.readouterr().out == ""


def test_evaluate_and_predict_show_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    model = model_of()
    model.evaluate(X, X, batch_size=2)
    model.predict(X, batch_size=2)
    evaluated, predicted = capsys.readouterr().out.splitlines()
    assert evaluated.startswith("4/4 ━") and "mae" in evaluated
    assert re.fullmatch(r"4/4 ━{20} 0s \d+(us|ms)/step", predicted)


def test_data_of_unknown_length_show_it_once_it_is_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def pairs() -> Any:
        for _ in range(3):
            yield X, X

    model_of().fit(pairs())
    assert re.match(r"(3/3|      3/Unknown) ━", capsys.readouterr().out)


def test_validation_in_fit_has_no_bar_of_its_own(clock: Clock, terminal: Terminal) -> None:
    model_of().fit(X, X, validation_data=(X, X))
    assert terminal.plain().count("━" * 20) == terminal.plain().count("1/1")
    assert terminal.plain().rstrip().count("\n") == 0
