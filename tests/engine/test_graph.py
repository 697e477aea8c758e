"""Graphs as data: their dictionary, listing, picture, source text, passes and verifier."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.graph.codegen import source
from engine.graph.graph import CONSTANT, Graph, Node
from engine.graph.passes import remove_dead_code
from engine.graph.verifier import verify
from engine.spec import TensorSpec
from tests.engine.oracle import assert_close

SVG = "{http://www.w3.org/2000/svg}"


def small() -> Any:
    """a + b * a of the field's best known introduction, with a variable and a constant added."""
    v = tf.Variable([[1.0, 2.0]], name="weight")

    @tf.function
    def add_times(a: Any, b: Any) -> Any:
        product = b * a
        v.assign_add([[1.0, 1.0]])
        return a + product, tf.reduce_sum(v, axis=0, keepdims=True)

    return add_times.get_concrete_function(tf.TensorSpec([None, 2]), tf.constant(3.0))


def test_the_dictionary_of_a_graph_is_plain_data():
    concrete = small()
    data = concrete.graph.to_dict()
    assert json.loads(json.dumps(data)) == data
    assert set(data) == {"name", "nodes", "inputs", "outputs"} and data["name"] == "add_times"
    keys = {"id", "op", "name", "inputs", "shape", "dtype", "attrs", "line", "value", "inside"}
    made: set[int] = set()
    for node in data["nodes"]:
        assert set(node) == keys
        assert set(node["inputs"]) <= made, "a node comes after the nodes it uses"
        assert all(isinstance(k, str) and isinstance(v, str) for k, v in node["attrs"].items())
        made.add(node["id"])
    assert len(made) == len(data["nodes"])
    assert set(data["inputs"]) | set(data["outputs"]) <= made


def test_the_nodes_of_a_graph_say_what_they_are():
    data = small().graph.to_dict()
    nodes = {node["id"]: node for node in data["nodes"]}
    a, b = (nodes[i] for i in data["inputs"])
    assert (a["op"], a["name"], a["shape"], a["dtype"]) == (
        "placeholder",
        "a",
        "(None, 2)",
        "float32",
    )
    assert (b["name"], b["shape"]) == ("b", "()")
    total, summed = (nodes[i] for i in data["outputs"])
    assert total["op"] == "add" and total["shape"] == "(None, 2)"
    assert [nodes[i]["op"] for i in total["inputs"]] == ["placeholder", "multiply"]
    assert total["line"].startswith("test_graph.py:") and a["line"] == ""
    assert summed["attrs"] == {"axes": "(0,)", "keepdims": "True"}
    (updated,) = (nodes[i] for i in summed["inputs"])
    read, constant = (nodes[i] for i in updated["inputs"])
    assert (read["op"], read["name"], read["shape"]) == ("variable", "weight", "(1, 2)")
    assert (constant["op"], constant["value"]) == ("constant", "2 values")


def test_lines_point_at_the_code_that_was_written():
    def f(x: Any) -> Any:
        y = x * 2.0
        return tf.reduce_mean(y)

    first = f.__code__.co_firstlineno
    nodes = tf.function(f).get_concrete_function(tf.ones([3])).graph.to_dict()["nodes"]
    lines = [node["line"] for node in nodes if node["line"]]
    assert lines[0] == f"test_graph.py:{first + 1}"
    assert set(lines[1:]) == {f"test_graph.py:{first + 2}"}


def test_scalar_constants_show_their_value():
    nodes = tf.function(lambda x: x * 2.5).get_concrete_function(tf.constant(1.0)).graph.to_dict()
    assert [n["value"] for n in nodes["nodes"] if n["op"] == "constant"] == ["2.5"]


def test_a_graph_prints_as_a_listing():
    lines = str(small().graph).splitlines()
    assert lines[0] == "graph add_times"
    assert lines[-1].strip().startswith("return %")
    assert any(line.strip().startswith("weight <- %") for line in lines)
    assert any(
        "= multiply(%1, %0)" in line and line.endswith("# float32 (None, 2)") for line in lines
    )
    assert any("axes=(0,), keepdims=True" in line for line in lines)


def test_a_graph_is_drawn_as_well_formed_svg():
    concrete = small()
    data = concrete.graph.to_dict()
    for text in (concrete.draw(), concrete.graph._repr_svg_()):
        root = ElementTree.fromstring(text)
        assert root.tag == f"{SVG}svg" and "add_times" in root.attrib["aria-label"]
        boxes = root.findall(f".//{SVG}g/{SVG}rect")
        assert len(boxes) == len(data["nodes"])
        assert len(root.findall(f"{SVG}line")) == sum(len(n["inputs"]) for n in data["nodes"])
        width, height = (float(n) for n in root.attrib["viewBox"].split()[2:])
        places = {(float(b.attrib["x"]), float(b.attrib["y"])) for b in boxes}
        assert len(places) == len(boxes), "no box lies on another"
        assert all(0 <= x <= width - 150 and 0 <= y <= height - 46 for x, y in places)


def test_names_are_escaped_in_the_picture():
    concrete = tf.function(lambda x: x + 1.0).get_concrete_function(
        tf.TensorSpec([], tf.float32, name="<a&b>")
    )
    assert "&lt;a&amp;b&gt;" in concrete.draw()
    ElementTree.fromstring(concrete.draw())


def test_a_graph_of_one_node_is_drawn():
    ElementTree.fromstring(tf.function(lambda: 1.0).get_concrete_function().draw())
    ElementTree.fromstring(tf.function(lambda: None).get_concrete_function().draw())


def test_the_generated_source_runs_by_itself():
    concrete = small()
    text, names = source(concrete.optimized)
    assert text == concrete.source
    fresh: dict[str, Any] = dict(names)
    exec(compile(text, "generated", "exec"), fresh)
    a, b = np.ones((3, 2), np.float32), np.float32(3.0)
    (total, summed), (updated,) = fresh["graph_add_times"](a, b)
    assert_close(total, np.full((3, 2), 4.0))
    assert_close(summed, [[2.0, 3.0]])
    assert_close(updated, [[2.0, 3.0]])
    assert "np.multiply(v1, v0)" in text and "test_graph.py:" in text


def test_a_function_without_a_proper_name_has_source_too():
    for function in (lambda x: x + 1.0, type("größe", (), {"__call__": lambda self, x: x * 2.0})()):
        concrete = tf.function(function).get_concrete_function(tf.constant(1.0))
        compile(concrete.source, "generated", "exec")
        assert concrete(tf.constant(1.0)).numpy() == 2.0


def test_dead_code_is_removed_and_arguments_and_assignments_are_not():
    v = tf.Variable(1.0)

    @tf.function
    def f(used: Any, unused: Any) -> Any:
        tf.exp(unused)
        tf.exp(used) + 5.0
        v.assign(used * 7.0)
        return used + 1.0

    graph = f.get_concrete_function(tf.constant(1.0), tf.constant(2.0)).graph
    assert [n.op for n in graph.operations] == ["multiply", "add"]
    assert [n.name for n in graph.nodes if n.op == "placeholder"] == ["used", "unused"]
    assert f(tf.constant(2.0), tf.constant(0.0)).numpy() == 3.0 and v.numpy() == 14.0
    assert remove_dead_code(graph).nodes == graph.nodes


def test_a_constant_is_captured_once():
    k = tf.constant([1.0, 2.0])
    graph = tf.function(lambda x: (x + k) * k).get_concrete_function(tf.ones([2])).graph
    assert [n.payload for n in graph.nodes if n.op == CONSTANT] == [k]


def broken(change: Any) -> Graph:
    graph = tf.function(lambda x: tf.exp(x) + x).get_concrete_function(tf.ones([2])).graph
    verify(graph)
    change(graph)
    return graph


def _reverse(graph: Graph) -> None:
    graph.nodes.reverse()


def _twice(graph: Graph) -> None:
    graph.nodes.append(graph.nodes[-1])


def _wrong_shape(graph: Graph) -> None:
    graph.specs[graph.outputs[0]] = TensorSpec([3], tf.float32)


def _wrong_dtype(graph: Graph) -> None:
    graph.specs[graph.outputs[0]] = TensorSpec([2], tf.float64)


def _nowhere(graph: Graph) -> None:
    graph.outputs = [99]


def _lost_update(graph: Graph) -> None:
    graph.updates = [(tf.Variable(1.0), 99)]


def _missing(graph: Graph) -> None:
    last = graph.nodes[-1]
    graph.nodes[-1] = Node(last.op, (42, 0), last.outputs, payload=last.payload, name=last.name)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_reverse, "before they are made"),
        (_twice, "a second time"),
        (_wrong_shape, "its rule says"),
        (_wrong_dtype, "its rule says"),
        (_nowhere, r"\[99\] are asked for"),
        (_lost_update, r"\[99\] are asked for"),
        (_missing, r"add uses values \[42\]"),
    ],
)
def test_the_verifier_catches_a_broken_graph(change: Any, words: str):
    with pytest.raises(AssertionError, match=words):
        verify(broken(change))


def test_a_graph_knows_who_makes_a_value():
    graph = small().graph
    for node in graph.nodes:
        assert all(graph.node_of(number) is node for number in node.outputs)


def test_symbolic_tensors_describe_themselves():
    seen: list[Any] = []

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
    def f(x: Any) -> Any:
        seen.append((repr(x), str(x), f"{x}", x._repr_html_(), x.device, x.spec, x.name))
        return x

    f(tf.ones([3, 2]))
    text = 'Tensor("x:0", shape=(None, 2), dtype=float32)'
    assert seen == [
        (
            "<tf.Tensor 'x:0' shape=(None, 2) dtype=float32>",
            text,
            text,
            f"<code>{text}</code>",
            "",
            TensorSpec([None, 2], tf.float32),
            "x:0",
        )
    ]
