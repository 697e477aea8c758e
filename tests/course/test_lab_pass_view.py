"""PassView: the engine's own passes, what each did to which node, and drawings that show it."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import engine as tf
from course.lab import PassView
from course.lab.pass_changes import bytes_made, changes, pipeline, workspace

SVG = "{http://www.w3.org/2000/svg}"
X = tf.ones([1000])


def score(x: Any) -> Any:
    scale = tf.sqrt(tf.constant(16.0)) / 2.0
    left = tf.exp(x * scale)
    right = tf.exp(x * scale)
    return (left + right) * 1.0 / 4.0


@pytest.fixture(scope="module")
def view() -> PassView:
    return PassView(tf.function(score), X)


def step(view: PassView, name: str) -> dict[str, Any]:
    return next(step for step in view.steps if step["name"] == name)


def badges(drawing: str) -> list[str]:
    tree = ElementTree.fromstring(drawing)
    return [text.text or "" for text in tree.findall(f".//{SVG}g[@class='badge']/{SVG}text")]


def test_the_steps_are_those_of_the_engine_and_fusion_last(view: PassView) -> None:
    concrete = tf.function(score, jit_compile=True).get_concrete_function(X)
    assert [s["name"] for s in view.steps[1:]] == [stage.name for stage in concrete.passes]
    assert [s["operations"] for s in view.steps] == [
        len(concrete.graph.operations),
        *(len(stage.after.operations) for stage in concrete.passes),
    ]
    assert all(step["says"] for step in view.steps)


def test_what_a_pass_did_stands_on_the_nodes(view: PassView) -> None:
    assert badges(step(view, "as written")["after"]) == []
    shared = step(view, "share_duplicates")
    merged = [badge for badge in badges(shared["before"]) if badge.startswith("⇒ %")]
    assert len(merged) == 3  # a constant, the second product, the second exp
    assert badges(shared["after"]) == ["~ other input"] * 2
    assert set(badges(step(view, "fold_constants")["before"])) == {"= computed"}
    assert set(badges(step(view, "remove_dead_code")["before"])) == {"✕ removed"}
    fused = step(view, "fuse")
    assert set(badges(fused["before"])) == {"into fused_0"} and badges(fused["after"]) == ["+ new"]
    assert "one loop that does multiply, exp, add, multiply" in " ".join(fused["facts"].values())


def test_a_constant_that_nothing_reads_is_drawn_faintly(view: PassView) -> None:
    def idle(drawing: str) -> set[str]:
        groups = ElementTree.fromstring(drawing).iter(f"{SVG}g")
        return {g.attrib["data-id"] for g in groups if "idle" in g.attrib["class"].split()}

    folded = step(view, "fold_constants")
    for side in ("before", "after"):
        graph = next(
            getattr(stage, side)
            for stage, _ in pipeline(tf.function(score).get_concrete_function(X).graph)
            if stage.name == "fold_constants"
        )
        read = {*graph.outputs, *(number for node in graph.nodes for number in node.inputs)}
        made = {node.outputs[0] for node in graph.nodes if node.op == "constant"}
        assert idle(folded[side]) == {f"{side}-{number}" for number in made - read}
    assert len(idle(folded["after"])) > len(idle(folded["before"])) > 0
    assert all("nothing reads it" in folded["facts"][one] for one in idle(folded["before"]))
    assert idle(step(view, "as written")["after"]) == idle(view.steps[-1]["plain"]) == set()


def test_every_change_is_one_of_the_two_programs(view: PassView) -> None:
    graph = tf.function(score).get_concrete_function(X).graph
    for stage, _ in pipeline(graph):
        change = changes(stage.name, stage.before, stage.after)
        was = {node.outputs[0] for node in stage.before.nodes}
        now = {node.outputs[0] for node in stage.after.nodes}
        assert set(change.gone) >= was - now and set(change.gone) <= was
        assert set(change.there) >= now - was and set(change.there) <= now
        for number, (kind, what) in change.gone.items():
            if kind == "merged":
                other = int(what.rpartition("%")[2])
                assert other in was & now and other != number
    assert changes("as written", None, graph).gone == {}


def test_what_stays_keeps_its_place_and_every_node_has_a_fact(view: PassView) -> None:
    def places(drawing: str) -> dict[str, tuple[str, str]]:
        return {
            group.attrib["data-id"].split("-")[1]: (rect.attrib["x"], rect.attrib["y"])
            for group in ElementTree.fromstring(drawing).iter(f"{SVG}g")
            if "data-id" in group.attrib and (rect := group.find(f"{SVG}rect")) is not None
        }

    for one in view.steps[1:]:
        before, after = places(one["before"]), places(one["after"])
        if one["shared"]:
            assert all(before[number] == after[number] for number in before.keys() & after.keys())
        ids = re.findall(r'data-id="([^"]+)"', one["before"] + one["after"])
        assert set(ids) == set(one["facts"])
    assert [one["shared"] for one in view.steps] == [False, True, True, True, True, False]


def test_the_bytes_are_those_of_the_arrays() -> None:
    graph = tf.function(score).get_concrete_function(X).graph
    single = 2 * 4  # sqrt and divide, of one number
    assert bytes_made(graph) == single + 7 * 4000
    chain = tf.function(lambda x: tf.exp(tf.exp(tf.exp(x)))).get_concrete_function(X).graph
    assert bytes_made(chain) == 3 * 4000
    assert workspace(chain) == 2 * 4000  # one place, used over and over, and the result
    views = tf.function(lambda x: tf.reshape(x, [10, 100])).get_concrete_function(X).graph
    assert bytes_made(views) == 0
    unknown = tf.TensorSpec([None], tf.float32)
    open_size = tf.function(lambda x: x * 2.0 + 1.0).get_concrete_function(unknown)
    assert bytes_made(open_size.graph) is None
    assert PassView(open_size).steps[0]["made"] == "?"


def test_a_graph_that_no_pass_changes_is_one_step() -> None:
    view = PassView(tf.function(lambda x: tf.sin(x)), X)
    assert [step["name"] for step in view.steps] == ["as written"]
    assert "No pass changes anything." in view._static()["text/plain"]


def test_a_function_without_a_trace_is_refused_with_the_way_out() -> None:
    with pytest.raises(TypeError, match=r"PassView\(function, x\)"):
        PassView(score, X)


def test_the_twin_tells_the_counts_and_shows_the_first_and_the_last_graph(view: PassView) -> None:
    twin = view._static()
    assert re.search(r"^share_duplicates +4 +16,000", twin["text/plain"], re.M)
    assert twin["text/html"].count("<img") == 2 and "as written" in twin["text/html"]


@pytest.mark.parametrize("seed", range(3))
def test_any_program_can_be_drawn(seed: int) -> None:
    """With a Variable, a branch, a draw, a gradient and a large product of matrices."""
    rng = np.random.default_rng(seed)
    w = tf.Variable(rng.normal(size=(300, 300)).astype(np.float32))

    scale = float(rng.normal())

    @tf.function
    def train(x: Any) -> Any:
        drawn: Any = tf.random.normal([300])
        noise = drawn * scale
        with tf.GradientTape() as tape:
            y: Any = tf.nn.relu(tf.matmul(x, w) + noise)
            loss: Any = tf.reduce_mean(tf.where(y > 1.0, y, tf.exp(y) - 1.0))
        w.assign_sub(0.1 * tape.gradient(loss, w))
        return loss if loss > 0 else -loss

    view = PassView(train, tf.ones([2, 300]))
    assert len(view.steps) > 2
    for one in view.steps:
        for drawing in (one["before"], one["after"], one["plain"]):
            if drawing:
                ElementTree.fromstring(drawing)
