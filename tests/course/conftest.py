"""What every test_lesson_NN.py is given: the number of its lesson, and the lesson with its outputs."""

from __future__ import annotations

from typing import Any

import pytest

pytest.register_assert_rewrite("tests.course.lesson")


@pytest.fixture(scope="module")
def number(request: pytest.FixtureRequest) -> str:
    """The lesson that a file is about, "04" in test_lesson_04.py."""
    return request.path.stem.removeprefix("test_lesson_")


@pytest.fixture(scope="module")
def executed(number: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """That lesson with its outputs, run once for all tests of the file."""
    from tests.course import lesson

    return lesson.execute(number, tmp_path_factory.mktemp("progress"))
