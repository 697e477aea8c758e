"""The promise to a learner: y = 2x - 1 fitted in the browser within five minutes of `git clone`."""

from __future__ import annotations

import pytest

from benchmarks.first_hour import measure


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.timeout(900)
def test_five_minutes_from_clone_to_prediction():
    lines: list[str] = []
    seconds = measure(lines.append)
    print("\n".join(lines))
    assert seconds["from clone to prediction"] < 300, lines
    assert seconds["make lab, the second time"] < 15, lines
