"""Lessons 00 and 09: they run, their links lead somewhere, and what they say is so.

Each claim that a learner reads as an answer is computed here again: by NumPy in float64, or by a
program of its own on the engine, never by the cell that shows it.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import engine as tf
from course import links
from course.chapters import Chapter, load
from course.lab.fit_steps import FitSteps, record_fit
from course.lab.questions import predictions, questions
from course.lab.two_knobs import TwoKnobs, loss_of

COURSE = Path(links.__file__).parent
LESSONS = {"00": "00-five-minute-win.ipynb", "09": "09-the-keras-way.ipynb"}
CLOSING = [
    "What breaks in production",
    "Key takeaway",
    "Quiz",
    "Interview questions",
    "Read next",
]
X = np.arange(-1.0, 5.0, dtype=np.float32)[:, None]
Y = 2 * X - 1
START = -0.0221194  # the first w of seed 1, as lesson 09 prints it

each_lesson = pytest.mark.parametrize("number", LESSONS)


@cache
def lesson(number: str) -> nbformat.NotebookNode:
    return nbformat.read(COURSE / LESSONS[number], as_version=4)


@cache
def chapters() -> dict[str, Chapter]:
    return {chapter.number: chapter for part in load() for chapter in part.chapters}


def text_of(number: str) -> str:
    return "\n".join(c.source for c in lesson(number).cells if c.cell_type == "markdown")


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory):
    """number -> the lesson with its outputs, each executed once."""
    done: dict[str, nbformat.NotebookNode] = {}

    def run(number: str) -> nbformat.NotebookNode:
        if number not in done:
            notebook = nbformat.read(COURSE / LESSONS[number], as_version=4)
            place = {"metadata": {"path": str(COURSE)}}
            progress = tmp_path_factory.mktemp("progress") / "attempts.jsonl"
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("COURSE_PROGRESS_FILE", str(progress))
                NotebookClient(
                    notebook, timeout=60, kernel_name="python3", resources=place
                ).execute()
            done[number] = notebook
        return done[number]

    return run


def printed(notebook: nbformat.NotebookNode, cell_id: str) -> str:
    cell = next(cell for cell in notebook.cells if cell.id == cell_id)
    return "".join(out.text for out in cell.outputs if out.output_type == "stream")


# --- form ---------------------------------------------------------------------------------------


@each_lesson
def test_it_runs_without_an_error_or_a_warning(number: str, executed) -> None:
    for cell in executed(number).cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error", cell.id
            assert output.get("name") != "stderr", (cell.id, output.text)


@each_lesson
def test_it_is_committed_clean(number: str) -> None:
    notebook = lesson(number)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        assert re.fullmatch(r"[a-z][a-z0-9-]{1,40}", cell.id)
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


@each_lesson
def test_it_has_the_form_of_a_chapter(number: str) -> None:
    text, chapter = text_of(number), chapters()[number]
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert text.startswith(f"# {number} · {chapter.title}\n")
    assert headings[0].startswith("The picture: ")
    assert headings[-len(CLOSING) :] == CLOSING
    box = re.search(r"^> \*\*You will be able to\*\* (.+)\n>\n> \*\*Time\*\* (\d+) min", text, re.M)
    assert box is not None and "**Needs**" in text
    assert box[1].replace("`", "") == chapter.able
    assert int(box[2]) == chapter.minutes
    takeaway = text.split("## Key takeaway")[1].split("## Quiz")[0].strip()
    assert len(re.findall(r"\.(?:\s|$)", takeaway)) == 2
    folded = text.count("<details><summary>")
    assert folded >= 3 and folded == text.count("</details>")


@each_lesson
def test_every_picture_says_what_to_see(number: str) -> None:
    pictures = re.compile(r"\b(TwoKnobs|FitSteps|ShapeBoxes|LossCurve)\(")
    cells = lesson(number).cells
    shown = [
        i
        for i, cell in enumerate(cells)
        if cell.cell_type == "code" and pictures.search(cell.source)
    ]
    assert shown
    for i in shown:
        assert cells[i + 1].source.startswith("*What to see.*"), cells[i].id


@each_lesson
def test_every_link_leads_somewhere(number: str) -> None:
    targets = re.findall(r"\]\(([^)]+)\)", text_of(number))
    assert len(targets) >= 4
    for target in targets:
        assert not target.startswith(("http", "/")), target
        assert (COURSE / target.partition("#")[0]).is_file(), target


@each_lesson
def test_links_into_the_engine_open_at_the_right_line(number: str) -> None:
    assert len(list(links.LINK.finditer(text_of(number)))) >= 3
    assert list(links.stale_links(COURSE / LESSONS[number])) == []


@each_lesson
def test_it_links_its_exercise_and_the_next_chapter_if_they_are_there(number: str) -> None:
    text = text_of(number)
    exercise = chapters()[number].exercise
    assert exercise is None or f"(../{exercise})" in text
    following = chapters()[f"{int(number) + 1:02}"]
    assert f"**Next chapter:** {following.number}" in text.replace("[", "")
    if following.lesson:
        assert f"({Path(following.lesson).name})" in text


@each_lesson
def test_predictions_are_asked_once_each_before_the_cell_that_answers(number: str) -> None:
    cells = lesson(number).cells
    asked = []
    for i, cell in enumerate(cells):
        if found := re.search(rf'Predict\("{number}\.([\w-]+)"\)', cell.source):
            asked.append(found[1])
            following = cells[i + 1]
            assert following.cell_type == "code" and "Predict(" not in following.source, cell.id
    known = predictions(number)
    assert sorted(asked) == sorted(known)
    assert all(one.why.strip() for one in known.values())


@each_lesson
def test_the_quiz_is_in_the_lesson_and_gives_a_reason_for_every_option(number: str) -> None:
    assert any(f'Quiz("{number}")' in cell.source for cell in lesson(number).cells)
    asked = questions(number)  # itself refuses a question without reasons or without a right option
    assert len(asked) >= 5
    for question in asked:
        texts = [option.text for option in question.options]
        assert len(set(texts)) == len(texts) >= 3
        assert all(option.why.rstrip().endswith((".", ")")) for option in question.options)


# --- what lesson 00 says ------------------------------------------------------------------------


def descend(epochs: int, rate: float = 0.01, x: np.ndarray = X) -> float:
    """The prediction at 10 in float64: w and b after exact gradient descent, by a matrix power."""
    column = x[:, 0].astype(float)
    curvature = 2 * np.array([[np.mean(column**2), np.mean(column)], [np.mean(column), 1.0]])
    step = np.linalg.matrix_power(np.eye(2) - rate * curvature, epochs)
    missing = step @ np.array([START - 2, 1.0])
    return float(np.array([10.0, 1.0]) @ (np.array([2.0, -1.0]) + missing))


def answer(number: str, name: str) -> str | float:
    return predictions(number)[name].answer


def fitted(**options) -> tuple[tf.keras.Sequential, list[float]]:
    tf.random.set_seed(1)
    model = tf.keras.Sequential([tf.keras.layers.Dense(units=1, input_shape=[1])])
    rate = options.pop("rate", 0.01)
    model.compile(tf.keras.optimizers.SGD(rate), "mean_squared_error")
    x = options.pop("x", X)
    history = model.fit(x, 2 * x - 1, **{"verbose": 0, **options})
    return model, history.history.get("loss", [])


def at_ten(model: tf.keras.Sequential) -> float:
    return model.predict([10.0], verbose=0).item()


def test_00_the_model_predicts_18_98_and_says_so(executed) -> None:
    assert f"{descend(500):.2f}" == "18.98"
    assert at_ten(fitted(epochs=500)[0]) == pytest.approx(descend(500), abs=1e-4)
    assert printed(executed("00"), "predict").splitlines()[-1] == "18.98"
    assert answer("00", "ten") == "a little less than 19" and descend(500) < 19


def test_00_more_epochs_take_away_the_same_share_each_time(executed) -> None:
    missing = [19 - descend(epochs) for epochs in (500, 1000, 1500)]
    assert answer("00", "more") == f"about {missing[1]:.4f}"
    assert f"{missing[0]:.2f}" == "0.02"  # "about 0.02 is missing"
    factors = [missing[0] / missing[1], missing[1] / missing[2]]
    assert factors == pytest.approx([180, 180], rel=0.02)  # "by the same factor, about 180"
    rows = printed(executed("00"), "more-epochs").splitlines()[1:]
    shown = [float(row.split()[2]) for row in rows]
    assert shown[:2] == pytest.approx(missing[:2], abs=1e-5)
    # "The last rows stand still", and not at 19: float32 has no digits left for the next step.
    assert len(set(shown[-3:])) == 1 and 0 < shown[-1] < 2e-5


def test_00_sixty_points_come_less_near(executed) -> None:
    sixty = np.linspace(-1, 4, 60, dtype=np.float32)[:, None]
    expected = descend(500, x=sixty)
    assert answer("00", "points") == "below 18.98" and expected < descend(500)
    assert f"{expected:.2f}" == "18.94"
    assert "18.94" in predictions("00")["points"].why
    assert printed(executed("00"), "more-points") == "60 points: 18.94\n"
    # The reason given: spread evenly, sixty points lie nearer to the middle.
    assert sixty.var() < X.var()


def test_00_the_loss_of_the_interview_is_that_of_the_training() -> None:
    _, losses = fitted(epochs=500)
    assert f"The loss is {losses[-1]:.5f}, and yet" in text_of("00")


def test_00_the_mistakes_of_the_knobs_work_against_each_other(executed) -> None:
    lines = printed(executed("00"), "knobs").splitlines()
    w, b = (float(re.search(r"mistake ([+-][\d.]+)", line)[1]) for line in lines[:2])
    assert w < 0 < b
    assert abs(3 * w + b) < 0.05 * b  # "at x = 3 they cancel almost exactly"
    off = {x: abs(w * x + b) for x in range(-1, 5)}
    assert max(off, key=off.get) == -1 and f"{off[-1]:.3f}" == "0.011"  # "is off most, by 0.011"
    assert float(lines[3].split("= ")[1]) == pytest.approx(descend(500) - 19, abs=1e-4)


def test_00_two_features_are_refused_and_two_rows_are_answered(executed) -> None:
    model = fitted(epochs=1)[0]
    assert answer("00", "shape") == "an error"
    with pytest.raises(ValueError, match=r"\(batch, 1\), but got \(1, 2\)"):
        model.predict([[10.0, 11.0]], verbose=0)
    assert model.predict([[10.0], [11.0]], verbose=0).shape == (2, 1)
    assert "ValueError: Model" in printed(executed("00"), "wrong-shape")


def test_00_a_loss_that_is_no_number_is_told_and_can_end_fit() -> None:
    with pytest.warns(RuntimeWarning, match="learning rate"):
        fitted(epochs=200, rate=0.3, verbose=2)
    _, losses = fitted(epochs=200, rate=0.3, callbacks=[tf.keras.callbacks.TerminateOnNaN()])
    assert np.isfinite(losses[:-1]).all() and not np.isfinite(losses[-1]) and len(losses) < 200


def test_00_a_rate_of_0_3_ends_as_nan_without_an_error_and_0_1_mends_it(executed) -> None:
    assert answer("00", "rate") == "it grows until it is no longer a number"
    model, losses = fitted(epochs=200, rate=0.3)
    assert losses[0] < losses[1] < losses[2] and np.isnan(losses[-1])
    assert np.isnan(at_ten(model))
    shown = printed(executed("00"), "explode")
    assert f"epoch {1 + losses.index(float('inf'))}\n" in shown and "nan" in shown
    old, new = printed(executed("00"), "repair").splitlines()
    assert old.endswith(": nan") and float(new.split(": ")[1]) == pytest.approx(19, abs=1e-5)
    # The quiz: 0.1 is better than 0.01, and below the rate at which the loss grows.
    assert abs(descend(500, 0.1) - 19) < abs(descend(500) - 19) < abs(descend(500, 0.3) - 19)


def test_00_the_two_knobs_start_with_the_loss_they_show() -> None:
    knobs = TwoKnobs()
    expected = np.mean((knobs.w * X + knobs.b - Y) ** 2)
    assert loss_of(knobs.w, knobs.b, knobs.xs, knobs.ys) == pytest.approx(expected)
    static = knobs._static()
    assert f"{expected:.4g}" in static["text/plain"]
    assert "data:image/png;base64," in static["text/html"]
    with pytest.raises(ValueError, match="same number of points"):
        TwoKnobs([1, 2], [3])


# --- what lesson 09 says ------------------------------------------------------------------------


def by_hand(epochs: int, batch_size: int) -> tuple[float, float]:
    """w and b after gradient descent in float64, with the gradient written out."""
    w, b, x = START, 0.0, X.astype(float)
    for _ in range(epochs):
        for start in range(0, len(x), batch_size):
            rows = slice(start, start + batch_size)
            wrong = 2 * (w * x[rows] + b - Y[rows]) / len(x[rows])
            w, b = w - 0.01 * np.sum(wrong * x[rows]), b - 0.01 * np.sum(wrong)
    return float(w), float(b)


def test_09_dense_3_on_two_features_holds_nine_numbers(executed) -> None:
    layer = tf.keras.layers.Dense(3)
    assert layer.weights == []
    assert layer(tf.ones([4, 2])).shape == (4, 3)
    held = sum(weight.numpy().size for weight in layer.weights)
    assert held == answer("09", "params")
    assert f"numbers in it: {held}\n" in printed(executed("09"), "dense-build")


@pytest.mark.parametrize("batch_size", [6, 4, 2, 1])
def test_09_fit_and_a_loop_by_hand_agree(batch_size: int) -> None:
    model, _ = fitted(epochs=500, batch_size=batch_size, shuffle=False)
    got = [weight.item() for weight in model.get_weights()]
    assert got == pytest.approx(by_hand(500, batch_size), abs=1e-5)


def test_09_the_lesson_shows_them_agree(executed) -> None:
    assert answer("09", "match") == "0, or as small as rounding"
    *_, last, verdict = printed(executed("09"), "match").splitlines()
    assert verdict.startswith("largest difference in 1500 updates: ")
    assert float(verdict.split(": ")[1]) <= 1e-6
    epoch, fit_w, _, fit_b, _ = last.split()
    assert epoch == "500"
    assert (float(fit_w), float(fit_b)) == pytest.approx(by_hand(500, 2), abs=1e-5)


def test_09_fit_takes_the_steps_of_the_walk_of_chapter_08(executed) -> None:
    _, *rows, last = printed(executed("09"), "match-08").splitlines()
    assert last == f"prediction at 10: {descend(500):.2f}"
    for row, step in zip(rows, (0, 1, 10, 100, 500), strict=True):
        number, fit_w, old_w, fit_b, old_b = row.split()
        assert (int(number), fit_w, fit_b) == (step, old_w, old_b)
        assert (float(fit_w), float(fit_b)) == pytest.approx(by_hand(step, 6), abs=1e-4)


def test_09_compile_leaves_the_weights_alone(executed) -> None:
    assert "weights changed by compile: False" in printed(executed("09"), "compile")
    assert "weights changed: False" in printed(executed("09"), "evaluate-predict")


def test_09_updates_are_counted_by_batches(executed) -> None:
    model, _ = fitted(epochs=3, batch_size=4)
    assert int(model.optimizer.iterations.numpy()) == answer("09", "updates") == 6
    diary = printed(executed("09"), "diary")
    assert diary.count("done, updates so far") == 6
    assert printed(executed("09"), "progress").count("\r2/2 ") == 3  # a bar of its updates an epoch
    right = [
        option.text for question in questions("09") for option in question.options if option.correct
    ]
    assert str(10 * -(-1000 // 32)) in right  # 1,000 samples, batch_size 32, 10 epochs


def test_09_the_history_of_one_batch_is_evaluate_before_it(executed) -> None:
    model, _ = fitted(epochs=0)
    before = model.evaluate(X, Y, verbose=0)
    noted = model.fit(X, Y, epochs=1, verbose=0).history["loss"][0]
    after = model.evaluate(X, Y, verbose=0)
    assert before == pytest.approx(np.mean((START * X - Y) ** 2), rel=1e-5)
    assert noted == pytest.approx(before) and after < before
    assert answer("09", "history") == "`evaluate` before that epoch"
    shown = [float(line.split()[-1]) for line in printed(executed("09"), "history").splitlines()]
    assert shown == pytest.approx([before, noted, after], abs=1e-3)


def test_09_a_loss_is_traced_once_for_each_shape_of_batch(executed) -> None:
    ran = []

    def loss(y_true, y_pred):
        ran.append(tuple(y_true.shape))
        return tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)

    model, _ = fitted(epochs=0)
    model.compile("sgd", loss)
    model.fit(X, Y, batch_size=4, epochs=50, verbose=0)
    assert len(ran) == answer("09", "trace") == 2
    model.fit(X, Y, batch_size=5, verbose=0)
    assert ran == [(4, 1), (None, 1)]  # "no third size needs a trace": 5 and 1 are two more
    shown = printed(executed("09"), "trace")
    assert re.findall(r"batch of (\w+)", shown) == ["4", "None"]
    assert "updates: 100\n" in printed(executed("09"), "trace")


def test_09_only_the_order_depends_on_the_seed(executed) -> None:
    ends = [line.split("= ")[1] for line in printed(executed("09"), "shuffle").splitlines()]
    fixed, shuffled = ends[:3], ends[3:]
    assert len(set(fixed)) == 1
    assert shuffled[0] == shuffled[2] != shuffled[1]


def test_09_progress_comes_from_updates(executed) -> None:
    rows = [row.split() for row in printed(executed("09"), "batch-sizes").splitlines()[1:] if row]
    same_epochs, same_updates = rows[:4], rows[4:]
    results = {int(row[0]): abs(19 - float(row[3])) for row in same_epochs}
    assert min(results, key=results.get) == 1 and answer("09", "batch") == "batch size 1"
    assert [int(row[2]) for row in same_epochs] == [100, 200, 300, 600]
    assert {int(row[2]) for row in same_updates} == {600}
    spread = [float(row[3]) for row in same_updates]
    assert max(spread) - min(spread) < 0.01 < min(results[6], results[3], results[2])
    assert float(rows[0][3]) == pytest.approx(descend(100), abs=1e-3)


def test_09_a_callback_ends_fit(executed) -> None:
    said, counted = printed(executed("09"), "callbacks").splitlines()
    epoch = int(said.split()[-1])
    _, losses = fitted(epochs=epoch)
    assert losses[-1] < 0.01 <= losses[-2]
    assert counted == f"epochs in the history: {epoch}"


def test_09_one_example_without_a_batch_axis_is_refused(executed) -> None:
    model = tf.keras.Sequential([tf.keras.layers.Dense(units=1, input_shape=[3])])
    flower = np.ones(3, np.float32)
    assert answer("09", "one-sample") == "raises an error"
    with pytest.raises(ValueError, match="batch axis"):
        model.predict(flower, verbose=0)
    with pytest.raises(ValueError, match="rank 2 or more"):
        model.layers[0](flower)
    shown = printed(executed("09"), "one-sample")
    assert "the model: " in shown and "the layer: " in shown
    assert printed(executed("09"), "one-sample-repair").splitlines() == [
        "repaired: (1, 3) -> (1, 1)",
        "one feature: (3,) -> (3, 1)",
    ]


def test_09_flat_labels_train_the_loop_by_hand_to_their_mean_but_not_fit(executed) -> None:
    flat = Y[:, 0]
    # By hand the (6, 6) of all pairs: the mean is the best answer to all labels at once.
    x = X.astype(float)
    w, b = 0.5, 0.0
    for _ in range(2000):
        wrong = 2 * (w * x + b - flat) / 36
        w, b = w - 0.01 * np.sum(wrong * x), b - 0.01 * np.sum(wrong)
    assert (w, b) == pytest.approx((0, flat.mean()), abs=1e-4)
    assert answer("09", "labels") == f"it trains to something else: w to 0, b to {flat.mean():g}"
    shown = printed(executed("09"), "labels-run")
    assert f"epoch 2000: w {w:.4f}, b {b:.4f}, loss {flat.var():.4f}" in shown
    model, _ = fitted(epochs=0)
    model.fit(X, flat, epochs=500, verbose=0)
    assert at_ten(model) == pytest.approx(descend(500), abs=1e-4)
    with pytest.raises(ValueError, match="must be equal"):
        model.fit(X, np.tile(flat, (6, 1)), verbose=0)


def test_09_an_uncompiled_model_predicts_and_does_not_fit() -> None:
    bare = tf.keras.Sequential([tf.keras.layers.Dense(units=1, input_shape=[1])])
    assert answer("09", "uncompiled") == "`predict`, not `fit`"
    assert bare.predict([10.0], verbose=0).shape == (1, 1)
    with pytest.raises(RuntimeError, match="compile"):
        bare.fit(X, Y, verbose=0)


def test_09_a_loaded_model_trains_on_where_it_was(executed) -> None:
    assert printed(executed("09"), "save").splitlines() == [
        "updates so far: 5",
        "the same weights five epochs later: True",
    ]


def test_09_the_walk_through_fit_records_what_fit_does() -> None:
    steps = FitSteps(X[:, 0], Y[:, 0], batch_size=6)
    assert {int(size): len(epochs[0]["updates"]) for size, epochs in steps.records.items()} == {
        6: 1, 4: 2, 3: 2, 2: 3, 1: 6,
    }  # fmt: skip
    for epoch in steps.records["4"]:
        assert sorted(epoch["order"]) == list(range(6))
        assert [row for one in epoch["updates"] for row in one["rows"]] == epoch["order"]
    # All six in one batch: the order does not matter, and fit from the same weights agrees.
    last = record_fit(X, Y, batch_size=6, epochs=50, start=(START, 0.0), learning_rate=0.01, seed=0)
    model, losses = fitted(epochs=50)
    weights = [weight.item() for weight in model.get_weights()]
    assert [last[-1]["updates"][0][name] for name in "wb"] == pytest.approx(weights, abs=1e-5)
    assert [epoch["loss"] for epoch in last] == pytest.approx(losses, rel=1e-4)
    title = steps._static()["text/plain"].splitlines()[0]
    assert title == "fit, first epoch of 6 samples, batch size 6: updates 1"
    with pytest.raises(ValueError, match="batch_size is one of"):
        FitSteps(batch_size=5)
