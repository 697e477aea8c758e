"""Quizzes and predictions: every file is sound, answers stay in Python, and the score is honest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from course import sealed
from course.lab import Predict, Quiz, questions
from course.lab.questions import QUIZZES, QuizFileError
from graders import store

FILES = sorted(path.stem for path in QUIZZES.glob("*.toml"))


EXAMPLE = """
title = "Example"
[[prediction]]
id = "half"
kind = "number"
ask = "Half of 5?"
answer = 2.5
tolerance = 0.1
why = "5 / 2"
[[prediction]]
id = "word"
ask = "The opposite of eager?"
answer = "Graph"
why = "Two ways to run."
[[question]]
ask = "Which is even?"
option = [
  { text = "1", correct = false, why = "one is odd" },
  { text = "2", correct = true, why = "two is even" },
  { text = "3", correct = false, why = "three is odd" },
]
[[question]]
ask = "Which are odd?"
option = [
  { text = "1", correct = true, why = "one is odd" },
  { text = "2", correct = false, why = "two is even" },
  { text = "3", correct = true, why = "three is odd" },
  { text = "4", correct = false, why = "four is even" },
]
[[question]]
ask = "Is 0 even?"
option = [
  { text = "yes", correct = true, why = "0 = 2 * 0" },
  { text = "no", correct = false, why = "it is 2 * 0" },
]
"""


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PROGRESS_FILE", str(tmp_path / "attempts.jsonl"))


@pytest.fixture
def quiz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Quiz:
    (tmp_path / "77.toml").write_text(EXAMPLE)
    monkeypatch.setattr(questions, "QUIZZES", tmp_path)
    return Quiz("77")


def synced(widget: object) -> str:
    """All that the widget sends to the browser, apart from its code and its style."""
    state = widget.get_state()
    return json.dumps({k: v for k, v in state.items() if k not in ("_esm", "_css")}, default=str)


def positions(quiz: Quiz, number: int, right: bool) -> list[int]:
    """The shown positions of a right or a wrong answer."""
    question, order = quiz._questions[number], quiz._order[number]
    wanted = question.right if right else set(range(len(order))) - question.right
    return [at for at, i in enumerate(order) if i in wanted]


@pytest.mark.parametrize("chapter", FILES)
def test_a_quiz_file_is_sound(chapter: str) -> None:
    asked = questions.questions(chapter)
    assert len(asked) >= 3
    for question in asked:
        texts = [option.text for option in question.options]
        assert len(set(texts)) == len(texts), question.ask
    questions.predictions(chapter)


@pytest.mark.parametrize("chapter", FILES)
def test_no_answer_and_no_reason_is_sent_before_the_learner_answers(chapter: str) -> None:
    quiz = Quiz(chapter)
    sent = synced(quiz)
    assert "correct" not in sent
    for question in questions.questions(chapter):
        for option in question.options:
            assert json.dumps(option.why)[1:-1] not in sent
    for key, prediction in questions.predictions(chapter).items():
        sent = synced(Predict(f"{chapter}.{key}"))
        assert json.dumps(prediction.why)[1:-1] not in sent
        if prediction.kind != "choice":
            assert json.loads(sent)["reply"] == {}


def test_all_right_at_the_first_answer_records_full_marks(quiz: Quiz) -> None:
    total = len(quiz.asked)
    for number in range(total):
        assert not quiz.score
        assert quiz.answer(number, positions(quiz, number, right=True))
    result = store.read()["77.quiz"]
    assert (result.points, result.max_points, result.attempts) == (total, total, 1)
    assert quiz.score == f"{total} of {total} right at the first answer"


def test_only_the_first_answer_to_a_question_counts(quiz: Quiz) -> None:
    assert not quiz.answer(0, positions(quiz, 0, right=False)[:1])
    assert quiz.answer(0, positions(quiz, 0, right=True))
    assert quiz.feedback["0"]["right"] and not quiz.feedback["0"]["counted"]
    for number in range(1, len(quiz.asked)):
        quiz.answer(number, positions(quiz, number, right=True))
    assert store.read()["77.quiz"].points == len(quiz.asked) - 1


def test_nothing_is_recorded_before_every_question_is_answered(quiz: Quiz) -> None:
    quiz.answer(0, positions(quiz, 0, right=True))
    assert store.read() == {}


def test_taking_it_again_keeps_the_best_and_asks_in_another_order(quiz: Quiz) -> None:
    for number in range(len(quiz.asked)):
        quiz.answer(number, positions(quiz, number, right=True))
    before = quiz.asked
    quiz._on_message(quiz, {"do": "again"}, [])
    assert quiz.feedback == {} and quiz.score == ""
    assert quiz.asked != before
    assert [entry["ask"] for entry in quiz.asked] == [entry["ask"] for entry in before]
    for number in range(len(quiz.asked)):
        quiz.answer(number, positions(quiz, number, right=False)[:1])
    result = store.read()["77.quiz"]
    assert (result.points, result.attempts) == (len(quiz.asked), 2)


def test_only_the_reasons_of_the_chosen_options_come_back(quiz: Quiz) -> None:
    at = positions(quiz, 0, right=False)[0]
    quiz._on_message(quiz, {"do": "answer", "question": 0, "chosen": [at]}, [])
    (reason,) = quiz.feedback["0"]["reasons"]
    option = quiz._questions[0].options[quiz._order[0][at]]
    assert reason == {"at": at, "correct": False, "why": option.why}


def test_half_of_a_question_with_several_right_options_is_not_right(quiz: Quiz) -> None:
    number = next(i for i, question in enumerate(quiz._questions) if question.many)
    assert not quiz.answer(number, positions(quiz, number, right=True)[:1])
    assert quiz.feedback[str(number)]["hint"].startswith("Right so far; 1 more belongs")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no \\[\\[question\\]\\]"),
        ('[[question]]\nask = "a"', "needs `ask` and options"),
        (
            '[[question]]\nask="a"\n[[question.option]]\ntext="x"\ncorrect=true\nwhy="w"\n'
            '[[question.option]]\ntext="y"\ncorrect=true\nwhy="w"',
            "needs a right option and a wrong one",
        ),
        (
            '[[question]]\nask="a"\n[[question.option]]\ntext="x"\ncorrect=true\nwhy="w"\n'
            '[[question.option]]\ntext="y"\ncorrect=false\nwhy=" "',
            "every option needs a reason",
        ),
    ],
)
def test_a_broken_quiz_file_names_the_place(
    text: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "77.toml").write_text(text)
    monkeypatch.setattr(questions, "QUIZZES", tmp_path)
    with pytest.raises(QuizFileError, match=says):
        questions.questions("77")
    with pytest.raises(QuizFileError, match="no quiz for chapter '78'; there are 77"):
        questions.questions("78")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('kind = "guess"', "kind is one of number, text, choice"),
        ('kind = "choice"', "options go with kind = 'choice'"),
        ('kind = "choice"\noptions = ["p", "q"]', "not one of the options"),
        ('kind = "number"', "needs a number as answer"),
    ],
)
def test_a_broken_prediction_names_the_place(
    line: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f'[[prediction]]\nid = "x"\nask = "a"\nanswer = "b"\nwhy = "w"\n{line}\n'
    (tmp_path / "77.toml").write_text(text)
    monkeypatch.setattr(questions, "QUIZZES", tmp_path)
    with pytest.raises(QuizFileError, match=says):
        questions.predictions("77")


def test_a_prediction_reveals_the_answer_with_its_reason(quiz: Quiz) -> None:
    predict = Predict("77.half")
    predict.predict("two")
    assert "'two' is not a number" in predict.reply["problem"]
    predict.predict("nan")
    assert "problem" in predict.reply
    predict.predict("5")
    assert not predict.reply["right"] and predict.reply["answer"] == "2.5"
    predict.predict(" 2.45 ")
    assert predict.reply["right"] and predict.reply["why"] == "5 / 2"
    word = Predict("77.word")
    word.predict("  ")
    assert "Type a prediction first" in word.reply["problem"]
    word.predict(" gRaph ")
    assert word.reply["right"]


def test_an_unknown_prediction_names_those_there_are(quiz: Quiz) -> None:
    with pytest.raises(KeyError, match=r"there are: 77\.half, 77\.word"):
        Predict("77.nothing")


@pytest.mark.parametrize("chapter", FILES)
def test_the_twin_lists_questions_and_no_answers(chapter: str) -> None:
    twin = Quiz(chapter)._static()
    asked = questions.questions(chapter)
    for question in asked:
        assert question.ask in twin["text/plain"]
        assert "`" not in twin["text/html"] and "<script" not in twin["text/html"]
        for option in question.options:
            assert option.why not in twin["text/plain"] + twin["text/html"]


def test_a_sealed_quiz_file_is_the_same_quiz(tmp_path, monkeypatch):
    """As learners have it: the archive holds no other."""
    for chapter in FILES:
        text = (QUIZZES / f"{chapter}.toml").read_text(encoding="utf-8")
        (tmp_path / f"{chapter}.quiz").write_bytes(sealed.seal(text))
    before = [(questions.questions(each), questions.predictions(each)) for each in FILES]
    monkeypatch.setattr(questions, "QUIZZES", tmp_path)
    assert questions.chapters() == FILES
    assert [(questions.questions(each), questions.predictions(each)) for each in FILES] == before
    with pytest.raises(QuizFileError, match=r"there is no quiz for chapter '77'; there are 00, 01"):
        questions.questions("77")
