"""The graph picture: places without overlaps, every node and edge of a real traced graph."""

from __future__ import annotations

import random
from itertools import pairwise
from xml.etree import ElementTree

import pytest

import engine as tf
from course.lab import GraphView
from course.lab.layered import GAP_X, crossings, layers_of, place

SVG = "{http://www.w3.org/2000/svg}"


def random_dag(seed: int, size: int = 30) -> dict[int, list[int]]:
    rng = random.Random(seed)
    return {
        node: rng.sample(range(node), min(node, rng.choice([0, 1, 1, 2, 2, 3])))
        for node in range(size)
    }


@pytest.mark.parametrize("seed", range(8))
def test_every_edge_goes_down_and_nodes_of_a_layer_keep_their_distance(seed: int) -> None:
    inputs = random_dag(seed)
    width = {node: 40.0 + 10 * (node % 5) for node in inputs}
    layout = place(inputs, width, near_use={n for n, sources in inputs.items() if not sources})
    for target, sources in inputs.items():
        for source in sources:
            assert layout.layer[source] < layout.layer[target]
    for row in layout.order:
        for left, right in pairwise(row):
            room = (width.get(left, 0) + width.get(right, 0)) / 2 + GAP_X
            assert layout.x[right] - layout.x[left] >= room - 1e-6
    drawn = {node for row in layout.order for node in row if node in inputs}
    assert drawn == set(inputs)
    assert min(layout.x[n] - width.get(n, 0) / 2 for n in layout.x) == pytest.approx(0)


@pytest.mark.parametrize("seed", range(8))
def test_ordering_never_adds_crossings(seed: int) -> None:
    inputs = random_dag(seed, 20)
    layout = place(inputs, dict.fromkeys(inputs, 50.0))
    chains = [[source, *dummies, target] for (source, target, _), dummies in layout.route.items()]
    below: dict = {node: [] for row in layout.order for node in row}
    for chain in chains:
        for upper, lower in pairwise(chain):
            below[upper].append(lower)
    written = [sorted(row, key=str) for row in layout.order]
    assert crossings(layout.order, below) <= crossings(written, below)


def test_two_crossed_pairs_are_uncrossed() -> None:
    layout = place({0: [], 1: [], 2: [1], 3: [0]}, dict.fromkeys(range(4), 50.0))
    below = {0: [3], 1: [2], 2: [], 3: []}
    assert crossings(layout.order, below) == 0


def test_a_node_that_reads_a_later_one_is_refused() -> None:
    with pytest.raises(ValueError, match="node 0 reads 1, which does not come before it"):
        layers_of({0: [1], 1: []}, set())


@pytest.fixture(scope="module")
def concrete():
    kernel = tf.Variable([[0.5]], name="kernel")

    @tf.function
    def train_step(x, y):
        with tf.GradientTape() as tape:
            error = tf.matmul(x, kernel) - y
            loss = tf.reduce_mean(error * error)
        kernel.assign_sub(0.01 * tape.gradient(loss, kernel))
        return loss

    return train_step.get_concrete_function(tf.ones([6, 1]), tf.ones([6, 1]))


def test_the_picture_has_every_node_and_every_edge_of_the_traced_graph(concrete) -> None:
    content = concrete.graph.to_dict()
    root = ElementTree.fromstring(GraphView(concrete).svg)
    groups = [g for g in root.iter(f"{SVG}g")]
    nodes = {g.attrib["data-id"] for g in groups if g.attrib["class"].startswith("node")}
    links = sorted(
        (g.attrib["data-from"], g.attrib["data-to"]) for g in groups if g.attrib["class"] == "link"
    )
    assert nodes == {str(node["id"]) for node in content["nodes"]}
    assert links == sorted(
        (str(source), str(node["id"])) for node in content["nodes"] for source in node["inputs"]
    )


def test_kinds_and_assignments_are_told(concrete) -> None:
    nodes = GraphView(concrete).nodes
    kinds = {node["title"]: node["kind"] for node in nodes}
    assert kinds["x"] == kinds["y"] == "input"
    assert kinds["kernel"] == "variable"
    assert kinds["0.01"] == "constant"
    assert [node["sub"] for node in nodes if node["assigned"] == "kernel"] == ["new kernel"]
    outputs = set(concrete.graph.to_dict()["outputs"])
    assert {node["id"] for node in nodes if node["kind"] == "output"} == outputs


def test_values_are_given_by_id_or_in_order_and_their_number_is_checked(concrete) -> None:
    content = concrete.graph.to_dict()
    texts = [f"value {i}" for i in range(len(content["nodes"]))]
    by_order = GraphView(content, values=texts)
    by_id = GraphView(
        content, values=dict(zip((n["id"] for n in content["nodes"]), texts, strict=True))
    )
    assert [node["computed"] for node in by_order.nodes] == texts
    assert by_order.nodes == by_id.nodes
    with pytest.raises(ValueError, match=f"1 values for a graph of {len(texts)} nodes"):
        GraphView(content, values=["only one"])


def test_names_in_a_graph_cannot_add_markup() -> None:
    node = {"id": 0, "op": "placeholder", "name": "<b>&", "inputs": [], "shape": "()", "attrs": {}}
    node |= {"dtype": "float32", "line": "", "value": ""}
    view = GraphView({"name": 'a"<i>', "nodes": [node], "inputs": [0], "outputs": [0]})
    assert "<b>" not in view.svg and "<i>" not in view.svg
    ElementTree.fromstring(view.svg)


def test_a_function_without_a_graph_is_refused_with_the_fix() -> None:
    with pytest.raises(TypeError, match="get_concrete_function"):
        GraphView(tf.function(lambda x: x + 1))


def test_the_twin_lists_the_graph_in_words(concrete) -> None:
    twin = GraphView(concrete)._static()
    assert "matmul = matmul(x, kernel) float32 (6, 1)" in twin["text/plain"]
    assert twin["text/html"].startswith("<figure") and "<script" not in twin["text/html"]
