"""LossCurve without a browser: what a click does to a training that runs, and what is sent."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import engine as tf
from course.lab import LossCurve, loss_curve
from course.lab.series import MAX_POINTS, Series, colours_and_dashes, figure_png

SECONDS = 20
X = np.array([-1.0, 0.0, 1.0, 2.0, 3.0, 4.0])


def fit(curve: LossCurve, epochs: int, *more: Any, **options: Any) -> Any:
    model = tf.keras.Sequential([tf.keras.layers.Dense(units=1, input_shape=[1])])
    model.compile(optimizer="sgd", loss="mean_squared_error")
    history = model.fit(X, 2 * X - 1, epochs=epochs, verbose=0, callbacks=[*more, curve], **options)
    return model, history


def at_epoch(epoch: int, action: Callable[[], Any]) -> Any:
    def hook(number: int, logs: Any) -> None:
        if number == epoch:
            action()

    return tf.keras.callbacks.LambdaCallback(on_epoch_end=hook)


def click(curve: LossCurve, **message: Any) -> None:
    """What a click in the browser leads to: a message handled on another thread."""
    thread = threading.Thread(target=curve._on_message, args=(None, message, []))
    thread.start()
    thread.join(SECONDS)
    assert not thread.is_alive()


def points(curve: LossCurve, name: str = "loss") -> tuple[np.ndarray, np.ndarray]:
    sent = curve.widget.frame["series"][name]
    return np.frombuffer(sent["x"], "<f4"), np.frombuffer(sent["y"], "<f4")


def test_the_curve_ends_with_the_losses_of_the_history() -> None:
    curve = LossCurve()
    _, history = fit(curve, 30, validation_data=(X, 2 * X - 1))
    xs, ys = points(curve)
    assert xs.tolist() == list(range(1, 31))
    np.testing.assert_allclose(ys, history.history["loss"], rtol=1e-6)
    np.testing.assert_allclose(points(curve, "val_loss")[1], history.history["val_loss"], rtol=1e-6)
    frame = curve.widget.frame
    assert (frame["status"], frame["count"], frame["total"]) == ("done", 30, 30)


def test_every_epoch_is_kept_though_few_are_looked_at() -> None:
    curve = LossCurve()
    _, history = fit(curve, 3000)
    (series,) = curve._series.values()
    assert list(series.xs) == list(range(1, 3001)) and list(series.ys) == history.history["loss"]
    assert curve.widget.frame["count"] == 3000


def test_a_number_that_comes_every_other_epoch_stands_at_its_epochs() -> None:
    curve = LossCurve()
    _, history = fit(curve, 9, validation_data=(X, 2 * X - 1), validation_freq=2)
    assert points(curve)[0].tolist() == list(range(1, 10))
    assert points(curve, "val_loss")[0].tolist() == [2, 4, 6, 8]
    np.testing.assert_allclose(points(curve, "val_loss")[1], history.history["val_loss"], rtol=1e-6)


def test_stop_ends_fit_early_and_fit_still_returns_its_history() -> None:
    curve = LossCurve()
    model, history = fit(curve, 500, at_epoch(9, lambda: click(curve, do="stop")))
    assert history.epoch == list(range(10))
    assert model.predict([10.0], verbose=0).shape == (1, 1)
    assert curve.stopped and curve.widget.frame["status"] == "stopped"


def test_the_slider_changes_the_learning_rate_of_the_optimizer_in_use() -> None:
    rates = []
    curve = LossCurve()
    change = at_epoch(4, lambda: click(curve, do="learning_rate", value=0.03))
    watch = tf.keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: rates.append(float(watch.model.optimizer.learning_rate))
    )
    fit(curve, 8, change, watch)
    np.testing.assert_allclose(rates, [0.01] * 5 + [0.03] * 3, rtol=1e-6)
    assert curve.widget.frame["learning_rate"] == 0.03


def test_a_rate_that_another_callback_sets_is_shown() -> None:
    def halve() -> None:
        optimizer = watch.model.optimizer
        optimizer.learning_rate = float(optimizer.learning_rate) / 2

    watch = at_epoch(2, halve)
    curve = LossCurve()
    fit(curve, 4, watch)
    assert curve.widget.frame["learning_rate"] == pytest.approx(0.005)


def test_a_schedule_has_no_slider_and_a_click_on_one_does_not_end_the_training() -> None:
    schedule = tf.keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.5)
    model = tf.keras.Sequential([tf.keras.layers.Dense(units=1, input_shape=[1])])
    model.compile(tf.keras.optimizers.SGD(schedule), "mse")
    curve = LossCurve()
    change = at_epoch(2, lambda: click(curve, do="learning_rate", value=0.03))
    history = model.fit(X, 2 * X - 1, epochs=5, verbose=0, callbacks=[curve, change])
    assert len(history.epoch) == 5
    assert curve.widget.frame["learning_rate"] is None


def test_pause_holds_training_until_resume() -> None:
    curve = LossCurve()
    seen, paused = [], threading.Event()
    count = tf.keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))

    def on_frame(change: dict[str, Any]) -> None:
        if change["new"]["status"] == "paused":
            paused.set()

    curve.widget.observe(on_frame, "frame")

    def learner() -> None:
        held.append(paused.wait(SECONDS))
        before = len(seen)
        held.append(not threading.Event().wait(0.2) and len(seen) == before)
        click(curve, do="resume")

    held: list[bool] = []
    thread = threading.Thread(target=learner)
    thread.start()
    _, history = fit(curve, 40, count, at_epoch(14, lambda: click(curve, do="pause")))
    thread.join(SECONDS)
    assert held == [True, True]
    assert len(history.epoch) == 40


def test_stop_wakes_a_paused_training() -> None:
    curve = LossCurve()
    timer = threading.Timer(0.2, lambda: click(curve, do="stop"))
    timer.start()
    _, history = fit(curve, 40, at_epoch(3, lambda: click(curve, do="pause")))
    timer.join(SECONDS)
    assert len(history.epoch) == 4


def test_an_interrupt_stops_gracefully_also_while_paused() -> None:
    curve = LossCurve()
    before = signal.getsignal(signal.SIGINT)
    _, history = fit(curve, 500, at_epoch(6, lambda: signal.raise_signal(signal.SIGINT)))
    assert len(history.epoch) == 7
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.2, lambda: signal.pthread_kill(main, signal.SIGINT))
    timer.start()
    _, history = fit(curve, 500, at_epoch(2, curve.pause))
    timer.join(SECONDS)
    assert len(history.epoch) == 3
    assert signal.getsignal(signal.SIGINT) is before


@pytest.fixture
def usual_interrupt() -> Iterator[None]:
    """Python's own handler, even where the tests were started with interrupts ignored (as by nohup)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_second_interrupt_is_the_usual_one(usual_interrupt: None) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(LossCurve(), 500, at_epoch(2, twice))
    assert signal.getsignal(signal.SIGINT) is before


def test_clicks_do_nothing_before_and_after_training() -> None:
    curve = LossCurve()
    click(curve, do="stop")
    _, history = fit(curve, 5)
    assert len(history.epoch) == 5
    click(curve, do="stop")
    assert not curve.stopped


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_learning_rate_that_cannot_be_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="a learning rate is a finite number above 0"):
        LossCurve().set_learning_rate(value)


@pytest.mark.parametrize(
    ("options", "says"), [({"hz": 60}, "at most 10"), ({"hz": 0}, "above 0"), ({"pace": 0}, "pace")]
)
def test_settings_out_of_range_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        LossCurve(**options)


def test_updates_are_throttled(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]

    def clock() -> float:
        now[0] += 0.001
        return now[0]

    monkeypatch.setattr(loss_curve.time, "perf_counter", clock)
    curve = LossCurve(hz=10)
    fit(curve, 2000)
    assert curve.updates <= 2 + (now[0] - 100.0) * 10
    assert points(curve)[0][-1] == 2000


def test_a_pace_slows_training_down_to_be_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    curve = LossCurve(pace=100)
    monkeypatch.setattr(curve._stop, "wait", waits.append)
    fit(curve, 50)
    assert len(waits) == 50
    assert 0.3 < max(waits) <= 0.5  # nobody waited, so the last epoch is nearly half a second early


def test_a_loop_of_ones_own_is_drawn_stopped_and_steered() -> None:
    curve = LossCurve(learning_rate=0.1)
    rates = []
    for step in curve.steps(100):
        rates.append(curve.learning_rate)
        curve.log(loss=1.0 / (step + 1), accuracy=tf.constant(0.5))
        if step == 10:
            click(curve, do="learning_rate", value=0.2)
        if step == 20:
            click(curve, do="stop")
    assert len(rates) == 21
    assert rates[10] == 0.1 and rates[11] == 0.2
    np.testing.assert_allclose(points(curve)[1], 1.0 / np.arange(1, 22), rtol=1e-6)
    assert points(curve, "accuracy")[1].tolist() == [0.5] * 21


def test_leaving_a_loop_of_ones_own_ends_the_curve() -> None:
    curve = LossCurve()
    before = signal.getsignal(signal.SIGINT)
    for step in curve.steps(100):
        curve.log(loss=step)
        if step == 4:
            break
    assert curve.widget.frame["status"] == "done"
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_fit_starts_a_new_curve_and_leaves_the_first_one_alone() -> None:
    curve = LossCurve()
    fit(curve, 5)
    first = curve.widget
    fit(curve, 7)
    assert curve.widget is not first
    assert (first.frame["count"], curve.widget.frame["count"]) == (5, 7)


def test_a_loss_that_is_no_number_is_named() -> None:
    curve = LossCurve()
    for _ in curve.steps(3):
        curve.log(loss=float("nan"), fine=1.0)
    assert curve.widget.frame["broken"] == ["loss"]
    assert np.isnan(points(curve)[1]).all()


def test_thinning_keeps_the_ends_every_spike_and_every_gap() -> None:
    series = Series()
    rng = np.random.default_rng(3)
    values = rng.uniform(1, 2, 50_000)
    values[12_345], values[40_000] = 99.0, np.nan
    for x, y in enumerate(values):
        series.append(x, y)
    xs, ys = series.decimated()
    assert len(xs) <= MAX_POINTS
    assert xs[0] == 0 and xs[-1] == 49_999
    assert 99.0 in ys and np.isnan(ys).sum() == 1
    assert (np.diff(xs) > 0).all()
    np.testing.assert_array_equal(ys, values[xs.astype(int)])


def test_a_validation_series_has_the_colour_of_its_training_series() -> None:
    style = colours_and_dashes(["loss", "val_loss", "accuracy", "val_accuracy"])
    assert style["loss"][0] == style["val_loss"][0] != style["accuracy"][0]
    assert [dashed for _, dashed in style.values()] == [False, True, False, True]


@pytest.mark.parametrize("values", [[1.0, 0.5, 0.1], [float("nan")], [0.0, 0.0], [-1.0, 2.0]])
@pytest.mark.parametrize("log_scale", [True, False])
def test_the_picture_that_stays_is_a_png_for_any_values(
    values: list[float], log_scale: bool
) -> None:
    series = Series()
    for x, y in enumerate(values, 1):
        series.append(x, y)
    png = figure_png({"loss": series}, "Loss", "epoch", log_scale)
    assert png.startswith(b"\x89PNG") and len(png) < 60_000


def test_the_words_that_stay_tell_how_the_loss_went() -> None:
    curve = LossCurve(caption="What to see: it falls fast, then slowly.")
    _, history = fit(curve, 20)
    first, last = (history.history["loss"][i] for i in (0, -1))
    words = curve._static(0.5)["text/plain"]
    assert words == (
        "What to see: it falls fast, then slowly. "
        f"After 20 epochs (0.5 s): loss went from {first:.4g} to {last:.4g}."
    )
