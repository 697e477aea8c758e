"""docs/life_of_a_function.md: what is committed is what the generator writes, and it shows every pass."""

from __future__ import annotations

import engine as tf
from docs.life import COMMAND, PAGE, page
from docs.simple_math import simple_math
from engine.graph.passes import PASSES


def test_the_page_is_up_to_date():
    assert page() == PAGE.read_text(encoding="utf-8"), f"run `{COMMAND}`"


def test_every_pass_finds_something_to_do():
    concrete = simple_math.get_concrete_function(tf.zeros([2]), tf.zeros([2]))
    assert {stage.name for stage in concrete.passes} == {step.__name__ for step in PASSES}
    assert len(concrete.optimized.operations) < len(concrete.graph.operations)
