"""docs/life_of_a_function.md: what is committed is what the generator writes, and it shows every pass."""

from __future__ import annotations

import engine as tf
from docs.life import COMMAND, PAGE, page
from docs.simple_math import simple_math
from engine.graph.passes import PASSES


def test_the_page_is_up_to_date():
    assert page() == PAGE.read_text(encoding="utf-8"), f"run `{COMMAND}`"


def test_every_general_pass_finds_something_to_do():
    """The others are for networks: class labels, relu, max-pool."""
    concrete = tf.function(simple_math.python_function).get_concrete_function(
        tf.zeros(2), tf.zeros(2)
    )
    for_networks = {"compare_labels", "ask_relu", "unpool_later"}
    assert {s.name for s in concrete.passes} | for_networks == {step.__name__ for step in PASSES}
    assert len(concrete.optimized.operations) < len(concrete.graph.operations)


def test_the_page_goes_on_to_machine_code():
    text = page()
    assert "concrete.kernels" in text and "define internal void @work" in text
    assert text == page()  # writing it leaves nothing behind
