"""After every test of the engine: no tape and no trace is left open on this thread."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.dispatch import context


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    yield
    assert context.log is None and context.builder is None
