"""Chapter 06: the label of a call, as a key. The truth is which calls share a graph in the engine.

A label may be anything with a hash, so answers are never compared with a right one: two arguments
are given, and the question is whether the second finds the drawer of the first. The other tasks of
the chapter are in ch06_cabinet.py and ch06_traces.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import engine as tf
from graders.diagnose import Seen, in_check, raised
from graders.tasks.base import Case, Check, Draw, Misconception, Task, define

Pair = tuple[str, str]
DTYPES = ("int32", "float32", "float64", "bool")


def value_of(text: str) -> Any:
    """The argument that a text stands for: the course's own texts, never a learner's."""
    return eval(text, {"tf": tf})


def one_drawer(one: str, other: str) -> bool:
    """Whether a call with the second argument uses the graph of a call with the first."""
    traced = tf.function(lambda argument: None)
    traced(value_of(one))
    return not traced.explain(value_of(other)).retraces


def judged(pairs: Iterable[Pair]) -> Iterator[Case]:
    for pair in pairs:
        yield Case(pair, one_drawer(*pair))


# Runs where the learner's code runs. A dict decides, as in a cabinet: by hash, then by equality.
FINDS = """
def finds(label, one, other):
    drawers = {label(one): "the graph"}
    return label(other) in drawers
"""

FINDS_NESTED = """
def finds(structure_key, one, other):
    def leaf(value):
        if isinstance(value, (list, tuple, dict)):
            raise TypeError(f"leaf was given {value!r}: it labels one value, without parts")
        return value if isinstance(value, str) else f"{type(value).__name__} {value}"

    drawers = {structure_key(one, leaf): "the graph"}
    return structure_key(other, leaf) in drawers
"""


def found(program: str) -> Callable[[Any, str, str], Any]:
    def use(learners: Any, one: str, other: str) -> Any:
        finds = define(program, "finds", near=learners)
        return finds(learners, value_of(one), value_of(other))

    return use


def shown(call: str) -> Callable[[str, str], str]:
    def text(one: str, other: str) -> str:
        calls = [call.format(argument) for argument in (one, other)]
        return f"{calls[0]}\n{calls[1]}\nDo they find the same drawer?"

    return text


def model(key: Callable[[Any], Any]) -> Any:
    """True when this wrong label explains every answer (see `graders.diagnose.predicts`)."""

    def test(seen: Seen) -> bool:
        labels = list(dict.fromkeys(outcome.label for outcome in seen.outcomes))
        if seen.up_to_first:
            labels = labels[: labels.index(seen.first.label) + 1]
        return all(
            outcome.ran.error is None and outcome.ran.value is same(*outcome.case.args)
            for outcome in seen.outcomes
            if outcome.label in labels
        )

    def same(one: str, other: str) -> bool:
        return bool(key(value_of(one)) == key(value_of(other)))

    test.is_model = True  # type: ignore[attr-defined]
    return test


def tensor_text(draw: Draw, dtype: str, shape: tuple[int, ...]) -> str:
    if dtype == "bool":
        return f"tf.fill({list(shape)}, {draw.random.random() < 0.5})"
    number = draw.random.randint(0, 99)
    return f"tf.fill({list(shape)}, tf.constant({number}, tf.{dtype}))"


def tensor_pairs(draw: Draw) -> Iterator[Pair]:
    yield from (
        ("tf.constant(1)", "tf.constant(1)"),
        ("tf.constant(1)", "tf.constant(2)"),
        ("tf.constant(1)", "tf.constant(1.0)"),
        ("tf.constant([1, 2])", "tf.constant([1, 2, 3])"),
        ("tf.constant([1, 2])", "tf.constant([3, 4])"),
        ("tf.constant(1)", "tf.constant([1])"),
        ("tf.constant([1])", "tf.constant([[1]])"),
        ("tf.zeros([2, 3])", "tf.zeros([3, 2])"),
        ("tf.zeros([2, 3])", "tf.zeros([6])"),
        ("tf.zeros([0, 3])", "tf.zeros([0, 2])"),
        ("tf.zeros([2, 3])", "tf.transpose(tf.ones([3, 2]))"),
        ("tf.constant(True)", "tf.constant(1)"),
        ("tf.constant(True)", "tf.constant(False)"),
    )
    for _ in draw.rounds(4):
        shape = draw.shape(draw.random.randint(0, 3))
        dtype, other = draw.random.sample(DTYPES, 2)
        yield tensor_text(draw, dtype, shape), tensor_text(draw, dtype, shape)
        yield tensor_text(draw, dtype, shape), tensor_text(draw, other, shape)
        longer = (*shape, draw.random.randint(1, 3))
        yield tensor_text(draw, dtype, shape), tensor_text(draw, dtype, longer)
    yield "tf.zeros([1000, 20])", "tf.ones([1000, 20])"


def value_pairs(draw: Draw) -> Iterator[Pair]:
    yield from (
        ("1", "1"),
        ("1", "2"),
        ("-1", "-2"),  # which have the same hash
        ("0.5", "0.25"),
        ("0.5", "0.5"),
        ("True", "True"),
        ("True", "False"),
        ("None", "None"),
        ("None", "0"),
        ("None", "'None'"),
        ("'relu'", "'relu'"),
        ("'relu'", "'tanh'"),
        ("'1'", "1"),
    )
    for _ in draw.rounds(3):
        one, other = draw.random.sample(range(-99, 99), 2)
        yield str(one), str(other)
        yield str(one / 4), str(one / 4)


def mixed_pairs(draw: Draw) -> Iterator[Pair]:
    yield from (
        ("tf.constant(1)", "1"),
        ("1.5", "tf.constant(1.5)"),
        ("True", "tf.constant(True)"),
        ("'int32'", "tf.constant(1)"),
        ("tf.constant(0)", "None"),
    )
    for _ in draw.rounds(2):
        number = draw.random.randint(2, 99)
        yield f"tf.constant({number})", str(number)


def equal_pairs(draw: Draw) -> Iterator[Pair]:
    yield from (("1", "True"), ("1", "1.0"), ("False", "0"), ("0.0", "0"), ("True", "1.0"))
    for _ in draw.rounds(2):
        number = draw.random.randint(2, 99)
        yield str(number), f"{number}.0"


def labelled(of_tensor: Callable[[Any], Any]) -> Any:
    """The same for a label that is wrong for tensors, and right for plain values."""
    return model(
        lambda value: of_tensor(value) if isinstance(value, tf.Tensor) else (type(value), value)
    )


LEAF = Task(
    id="06.retracing.leaf_key",
    name="leaf_key",
    points=3,
    asks="`leaf_key(value)`: the label of one argument, a tensor or a plain Python value. Two values get "
    "equal labels exactly when a `tf.function` would use one graph for both. It must have a hash.",
    use=found(FINDS),
    shows=shown("leaf_key({})"),
    checks=(
        Check("tensors", lambda draw: judged(tensor_pairs(draw))),
        Check("plain Python values", lambda draw: judged(value_pairs(draw))),
        Check("a tensor beside a plain value", lambda draw: judged(mixed_pairs(draw))),
        Check("equal in Python, and not for a graph", lambda draw: judged(equal_pairs(draw)), 1),
    ),
    misconceptions=(
        Misconception(
            "no_hash",
            "The label cannot be a key: a list, a dict or a set has no hash. A tuple has one, if all "
            "that is in it has one.",
            raised(TypeError, says="unhashable"),
        ),
        Misconception(
            "dtype_missing",
            "int32 and float32 share a drawer: the graph would compute in the wrong dtype.",
            labelled(lambda tensor: tuple(tensor.shape)),
        ),
        Misconception(
            "shape_missing",
            "Tensors of different shapes share a drawer. Shapes are settled while tracing, so each "
            "needs a graph of its own.",
            labelled(lambda tensor: tensor.dtype.name),
        ),
        Misconception(
            "rank_only",
            "The rank is the length of the shape. The sizes are settled while tracing as well: two "
            "numbers and three numbers need different graphs.",
            labelled(lambda tensor: (tensor.dtype.name, len(tensor.shape))),
        ),
        Misconception(
            "number_of_elements",
            "A shape is more than a number of elements: (2, 3), (3, 2) and (6,) hold six each.",
            labelled(lambda tensor: (tensor.dtype.name, tensor.numpy().size)),
        ),
        Misconception(
            "values",
            "The values of a tensor are in its label: a new drawer for every batch. They come in "
            "through a placeholder, and the graph does not depend on them.",
            labelled(lambda t: (t.dtype.name, tuple(t.shape), t.numpy().tobytes())),
        ),
        Misconception(
            "identity",
            "Two tensors that are equal in everything get two drawers. Which object it is does not "
            "matter to a graph that takes a tensor; only its dtype and shape do.",
            in_check("tensors", lambda seen: seen.first.case.expected and not seen.first.ran.value),
        ),
        Misconception(
            "type_only",
            "All numbers of one type share a drawer. But the graph of 1 has a constant 1 in it: for "
            "another value it gives the wrong result.",
            in_check(
                "plain Python values",
                lambda seen: (
                    type(value_of(seen.first.case.args[0]))
                    is type(value_of(seen.first.case.args[1]))
                    and not _collides(seen)
                ),
            ),
        ),
        Misconception(
            "as_text",
            "As text a string and a number look alike: '1' and 1, 'None' and None.",
            in_check(
                "plain Python values",
                lambda seen: "'" in "".join(seen.first.case.args),
            ),
        ),
        Misconception(
            "hash_alone",
            "A hash is not a key: -1 and -2 have the same one. A dict compares the keys themselves "
            "after their hashes.",
            in_check("plain Python values", lambda seen: _collides(seen)),
        ),
        Misconception(
            "tensor_or_value",
            "A tensor and a plain value share a drawer. One is an input of the graph, the other a "
            "constant in it.",
            in_check("a tensor beside a plain value"),
        ),
        Misconception(
            "equal_in_python",
            "Python takes 1, True and 1.0 for one and the same key. A graph does not: they become "
            "constants of three dtypes. What tells them apart?",
            in_check("equal in Python, and not for a graph"),
        ),
    ),
    hints=(
        "Look at the table under the eight calls of the lesson: its first two rows are this task.",
        "There are two kinds of argument. For a tensor the label says what a placeholder knows. For "
        "a plain value it says all there is to know, the value included.",
        "Ask first whether it is a `tf.Tensor`. If so: a tuple of its dtype and its shape, the shape "
        "as a tuple. If not: a tuple of its type and itself.",
    ),
)


def _collides(seen: Seen) -> bool:
    one, other = map(value_of, seen.first.case.args)
    return bool(hash(one) == hash(other) and one != other)


# --- nested arguments ---------------------------------------------------------------------------------


def plain_leaves(draw: Draw) -> Iterator[Pair]:
    yield from (("1", "1"), ("1", "2"), ("1", "True"), ("'a'", "'a'"), ("'a'", "'b'"))


def rows(draw: Draw) -> Iterator[Pair]:
    yield from (
        ("[1, 2]", "[1, 2]"),
        ("[1, 2]", "[1, 3]"),
        ("[1, 2]", "[2, 1]"),
        ("[1]", "[1, 1]"),
        ("[1, 1]", "[1, 1, 1]"),
        ("[1]", "1"),
        ("(1, 2)", "(1, 2)"),
        ("(1, 2)", "[1, 2]"),
        ("[]", "()"),
        ("[]", "[]"),
    )
    for _ in draw.rounds(3):
        numbers = [draw.random.randint(1, 9) for _ in range(draw.random.randint(2, 5))]
        changed = [*numbers]
        changed[draw.random.randrange(len(numbers))] += 1
        yield str(numbers), str(changed)
        yield str(tuple(numbers)), str(tuple(numbers))
    many = list(range(200))
    yield str(many), str([*many[:-1], 7])


def nestings(draw: Draw) -> Iterator[Pair]:
    yield from (
        ("([1], 2)", "([1, 2],)"),
        ("[[1], 2]", "[[1], 2]"),
        ("[[1], 2]", "[1, [2]]"),
        ("[[1, 2], 3]", "[[1], [2, 3]]"),
        ("[[[1]]]", "[[1]]"),
        ("[[], 1]", "[1, []]"),
        ("[[]]", "[]"),
        ("[(1,)]", "[[1]]"),
        ("[[1, 2], [3]]", "[[1, 2], [4]]"),
    )
    for _ in draw.rounds(3):
        one, other = nested_text(draw, 3), nested_text(draw, 3)
        yield one, one
        yield one, other


def nested_text(draw: Draw, depth: int) -> str:
    """Nested lists and tuples, as text."""
    if depth == 0 or draw.random.random() < 0.2:
        return str(draw.random.randint(1, 3))
    parts = [nested_text(draw, depth - 1) for _ in range(draw.random.randint(1, 3))]
    if draw.random.random() < 0.5:
        return f"[{', '.join(parts)}]"
    return f"({', '.join(parts)},)"


def dicts(draw: Draw) -> Iterator[Pair]:
    yield from (
        ("{'a': 1}", "{'a': 1}"),
        ("{'a': 1}", "{'b': 1}"),
        ("{'a': 1}", "{'a': 2}"),
        ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"),
        ("{'a': 1, 'b': 2}", "{'a': 2, 'b': 1}"),
        ("{'b': 1, 'a': 2}", "{'b': 2, 'a': 1}"),
        ("{'a': 1}", "[1]"),
        ("{'list': 1}", "[1]"),
        ("{'ab': 'c', 'd': 'e'}", "{'a': 'b', 'cd': 'e'}"),
        ("{'a': ['x'], 'b': 'y'}", "{'a': ['x', 'b', 'y']}"),
        ("{'a': 1}", "[('a', 1)]"),
        ("{}", "[]"),
        ("({}, 1)", "({'a': 1}, 1)"),
        ("{'a': [1, 2]}", "{'a': [1, 2]}"),
        ("{'a': [1], 'b': 2}", "{'a': [1, 2], 'b': 2}"),
        ("((1,), {'b': [2], 'a': 3})", "((1,), {'a': 3, 'b': [2]})"),
    )
    for _ in draw.rounds(3):
        names = draw.random.sample("abcdefgh", 4)
        content = {name: draw.random.randint(1, 9) for name in names}
        turned = dict(reversed(content.items()))
        yield str(content), str(turned)
        yield str(content), str({**turned, names[0]: 10})


def _flat(nested: Any) -> list[Any]:
    if isinstance(nested, dict):
        return [leaf for name in sorted(nested) for leaf in (name, *_flat(nested[name]))]
    if isinstance(nested, (list, tuple)):
        return [leaf for part in nested for leaf in _flat(part)]
    return [repr(nested)]


def _kinds_lost(nested: Any) -> Any:
    if isinstance(nested, dict):
        return ("dict", *((name, _kinds_lost(nested[name])) for name in sorted(nested)))
    if isinstance(nested, (list, tuple)):
        return ("row", *map(_kinds_lost, nested))
    return repr(nested)


def _orderless(nested: Any) -> Any:
    if isinstance(nested, dict):
        return ("dict", *((name, _orderless(nested[name])) for name in sorted(nested)))
    if isinstance(nested, (list, tuple)):
        return (type(nested).__name__, *sorted((_orderless(part) for part in nested), key=repr))
    return repr(nested)


def _both(*kinds: type) -> Callable[[Seen], bool]:
    """Both arguments of the smallest wrong case are of these kinds."""
    return lambda seen: all(isinstance(value_of(text), kinds) for text in seen.first.case.args)


def _other_order(seen: Seen) -> bool:
    one, other = map(value_of, seen.first.case.args)
    return bool(one == other) and repr(one) != repr(other)


def _same_values(seen: Seen) -> bool:
    one, other = map(value_of, seen.first.case.args)
    return isinstance(one, dict) and isinstance(other, dict) and one.keys() != other.keys()


STRUCTURE = Task(
    id="06.retracing.structure_key",
    name="structure_key",
    points=4,
    asks="`structure_key(value, leaf)`: the label of an argument that may be nested lists, tuples and "
    "dicts. `leaf(part)` gives the label of a part that is none of these. Structures get equal labels "
    "exactly when a `tf.function` would use one graph for both.",
    use=found(FINDS_NESTED),
    shows=shown("structure_key({}, leaf)"),
    checks=(
        Check("values without parts", lambda draw: judged(plain_leaves(draw))),
        Check("lists and tuples", lambda draw: judged(rows(draw))),
        Check("lists in lists", lambda draw: judged(nestings(draw))),
        Check("dicts", lambda draw: judged(dicts(draw)), points=1),
    ),
    misconceptions=(
        Misconception(
            "no_hash",
            "The label cannot be a key: a list, a dict or a set has no hash. Make it of tuples, all "
            "the way in.",
            raised(TypeError, says="unhashable"),
        ),
        Misconception(
            "leaf_of_nested",
            "`leaf` was given a whole structure, and it can label one value only. What is in a list "
            "may be a list again: who labels that?",
            raised(TypeError, says="without parts"),
        ),
        Misconception(
            "no_leaf",
            "A value without parts is not labelled by `leaf`. Such a value is where the walk ends.",
            in_check("values without parts"),
        ),
        Misconception(
            "flat",
            "Flattened, the nesting is lost: f([1], 2) and f([1, 2]) take their arguments apart in "
            "different ways, and need different graphs.",
            model(_flat),
        ),
        Misconception(
            "kind_lost",
            "A list and a tuple share a drawer. The traced function may tell them apart, so the "
            "label must, too.",
            model(_kinds_lost),
        ),
        Misconception(
            "order_lost",
            "[1, 2] and [2, 1] share a drawer. In lists and tuples the place of a part matters: which "
            "argument would be which?",
            model(_orderless),
        ),
        Misconception(
            "parts_lost",
            "Something that is in the list is not in the label: its length, or one of its parts.",
            lambda seen: seen.first.ran.value is True and _both(list, tuple)(seen),
        ),
        Misconception(
            "insertion_order",
            "f(a=1, b=2) and f(b=2, a=1) get two drawers. They are the same call: bring the names "
            "into one order.",
            in_check("dicts", _other_order),
        ),
        Misconception(
            "names_lost",
            "The names are not in the label: {'a': 1} and {'b': 1} share a drawer.",
            in_check("dicts", _same_values),
        ),
        Misconception(
            "values_lost",
            "What belongs to which name is not in the label: dicts with the same names share a "
            "drawer, whatever is in them.",
            in_check("dicts", _both(dict)),
        ),
        Misconception(
            "dict_as_list",
            "A dict and a list share a drawer. The label must say which of them it was.",
            in_check("dicts"),
        ),
    ),
    hints=(
        "Write the labels of `[1, 2]`, `(1, 2)` and `[[1], 2]` on paper, with all that tells them apart.",
        "The label of a structure is which kind it is, and the labels of its parts in order. A part "
        "may be a structure as well, so the function asks itself. It ends at `leaf`.",
        "Three cases. A dict: go through its sorted names, and collect name and label of what is under "
        "it. A list or tuple: the name of its type and the labels of its parts, in a tuple. Anything "
        "else: what `leaf` says.",
    ),
)

TASKS = (LEAF, STRUCTURE)
