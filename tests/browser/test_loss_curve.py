"""The live loss curve in a real browser: what it is for only shows while `fit` runs.

A click reaches Python during `fit` over a comm subshell of the kernel. If these tests fail after
an update of ipykernel or JupyterLab, that path has changed.
"""

from __future__ import annotations

import pytest
from lab_driver import LabDriver

pytestmark = pytest.mark.browser

MODEL = """
import engine as tf
from course.lab import LossCurve

x = [-1.0, 0.0, 1.0, 2.0, 3.0, 4.0]
y = [2 * value - 1 for value in x]
model = tf.keras.Sequential([tf.keras.layers.Dense(units=1, input_shape=[1])])
model.compile(optimizer="sgd", loss="mean_squared_error")
rates = []
"""
WATCH = """
watch = tf.keras.callbacks.LambdaCallback(
    on_epoch_end=lambda epoch, logs: rates.append(float(watch.model.optimizer.learning_rate)))
"""
PRINT = "print(len(history.epoch), round(rates[-1], 4), model.predict([10.0], verbose=0).shape)"
STATE = ".txm-loss .state"
CURVE = ".txm-loss .chart path.curve"


def start(lab: LabDriver, name: str, fit: str) -> None:
    """Open a notebook whose second cell is a long `fit`, run all, and wait for the curve."""
    lab.open(lab.write(f"{name}.ipynb", [MODEL + WATCH, fit, PRINT]))
    lab.run_all(wait=False)
    lab.appears(CURVE)


def state_is(lab: LabDriver, text: str) -> None:
    lab.appears(f"{STATE}:text-is('{text}')")


def count(lab: LabDriver) -> int:
    """The epoch in the read-out."""
    text = lab.find(".txm-loss .stats .value").first.text_content()
    assert text is not None
    return int(text.split("/")[0])


def drawn_points(lab: LabDriver) -> int:
    return int(lab.find(CURVE).get_attribute("data-points") or 0)


def test_the_curve_grows_while_fit_runs_and_stop_ends_it_early(lab: LabDriver) -> None:
    # As fast as it goes, without a pause between epochs: the hardest case for a click.
    start(
        lab,
        "loss-stop",
        "history = model.fit(x, y, epochs=50_000_000, verbose=0, callbacks=[LossCurve(), watch])",
    )
    first = count(lab)
    lab.keep_trying(lambda: count(lab) > first)
    path = lab.find(CURVE).get_attribute("d")
    lab.keep_trying(lambda: lab.find(CURVE).get_attribute("d") != path)
    lab.find(".txm-loss .stop").click()
    state_is(lab, "Stopped by you")
    lab.wait_idle()
    assert lab.errors() == []
    epochs, rate, shape = lab.stream(2).split(maxsplit=2)
    assert 1 < int(epochs) < 50_000_000
    assert (rate, shape.strip()) == ("0.01", "(1, 1)")


def test_pause_slider_resume_and_log_scale_all_act_while_fit_runs(lab: LabDriver) -> None:
    start(
        lab,
        "loss-controls",
        "history = model.fit(x, y, epochs=4000, verbose=0,\n"
        "                    callbacks=[LossCurve(pace=40), watch])",
    )
    lab.keep_trying(lambda: drawn_points(lab) >= 20)
    lab.both_themes("loss-curve-running", ".txm-loss")

    lab.find(".txm-loss .pause").click()
    state_is(lab, "Paused")
    held = count(lab)
    # The slider is moved with the keyboard alone, while training is held: 15 steps of 0.02 decades.
    slider = lab.find(".txm-loss .rate")
    slider.focus()
    for _ in range(15):
        lab.page.keyboard.press("ArrowRight")
    assert lab.find(".txm-loss .rate-text").text_content() == "0.02"
    assert count(lab) == held

    lab.find(".txm-loss .pause").press("Enter")
    state_is(lab, "Running")
    lab.keep_trying(lambda: count(lab) > held + 10)

    path = lab.find(CURVE).get_attribute("d")
    lab.find(".txm-loss .log").check()
    assert lab.find(CURVE).get_attribute("d") != path
    lab.find(".txm-loss .chart").hover(position={"x": 120, "y": 80})
    lab.appears(".txm-loss .reading:text-matches('epoch [0-9]+: loss ')")

    lab.find(".txm-loss .stop").click()
    state_is(lab, "Stopped by you")
    lab.wait_idle()
    lab.both_themes("loss-curve-stopped", ".txm-loss")
    assert lab.errors() == []
    epochs, rate, _shape = lab.stream(2).split(maxsplit=2)
    assert held + 10 < int(epochs) < 4000
    assert rate == "0.02"


def test_interrupting_the_kernel_stops_gracefully_and_the_next_cell_runs(lab: LabDriver) -> None:
    start(
        lab,
        "loss-interrupt",
        "history = model.fit(x, y, epochs=4000, verbose=0,\n"
        "                    callbacks=[LossCurve(pace=40), watch])",
    )
    lab.keep_trying(lambda: count(lab) >= 5)
    lab.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:interrupt-kernel'); }")
    state_is(lab, "Stopped by you")
    # JupyterLab drops the cells that were still waiting when the kernel is interrupted.
    lab.wait_idle()
    assert lab.errors() == []
    lab.run_cell(2)
    assert 5 <= int(lab.stream(2).split()[0]) < 4000


def test_a_reopened_notebook_still_shows_the_curve(lab: LabDriver) -> None:
    path = lab.write(
        "loss-reopened.ipynb",
        [MODEL, "model.fit(x, y, epochs=200, verbose=0, callbacks=[LossCurve(log_scale=True)]);"],
    )
    lab.open(path)
    lab.run_all()
    state_is(lab, "Finished")
    # While the curve is alive, the picture that stays does not double it.
    assert lab.find(".txm-fallback img").count() == 1
    assert not lab.find(".txm-fallback img").is_visible()
    lab.save()
    lab.close()
    lab.open(path)
    lab.appears(".txm-fallback img")
    lab.appears("figcaption:has-text('After 200 epochs')")
    dead = lab.find(".jupyter-widgets:has-text('Error displaying widget')")
    lab.appears(dead)
    assert not dead.is_visible()
    assert lab.find(".txm-loss").count() == 0
    lab.both_themes("loss-curve-reopened", ".jp-OutputArea:has(.txm-fallback)")
    lab.console_errors[:] = [e for e in lab.console_errors if "widget model not found" not in e]


def test_a_curve_in_a_loop_of_ones_own_is_live_too(lab: LabDriver) -> None:
    loop = """
from course.lab import LossCurve
curve = LossCurve("Hand-written loop", learning_rate=0.1, pace=50)
for step in curve.steps(5000):
    curve.log(loss=0.99 ** step, val_loss=0.99 ** step + 0.1)
"""
    lab.open(lab.write("loss-own-loop.ipynb", [loop, "print(step, curve.learning_rate)"]))
    lab.run_all(wait=False)
    lab.keep_trying(lambda: lab.find(CURVE).count() == 2 and count(lab) > 10)
    lab.find(".txm-loss .series").nth(1).click()
    lab.keep_trying(lambda: lab.find(CURVE).count() == 1)
    lab.find(".txm-loss .stop").click()
    lab.wait_idle()
    assert lab.errors() == []
    assert 10 <= int(lab.stream(1).split()[0]) < 5000
