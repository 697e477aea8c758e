"""Answers to the first two tasks of chapter 06: labels. The others are in ch06_cabinet.py."""

from __future__ import annotations

import engine as tf
from answers import accepted, wrong

LEAF, STRUCTURE = "06.retracing.leaf_key", "06.retracing.structure_key"


@wrong(LEAF, "dtype_missing")
def leaf_of_shape_only(value):
    if isinstance(value, tf.Tensor):
        return tuple(value.shape)
    return (type(value), value)


@wrong(LEAF, "shape_missing")
def leaf_of_dtype_only(value):
    if isinstance(value, tf.Tensor):
        return value.dtype
    return (type(value), value)


@wrong(LEAF, "rank_only")
def leaf_of_rank(value):
    if isinstance(value, tf.Tensor):
        return (value.dtype, value.ndim)
    return (type(value), value)


@wrong(LEAF, "number_of_elements")
def leaf_of_size(value):
    if isinstance(value, tf.Tensor):
        return (value.dtype, int(tf.size(value)))
    return (type(value), value)


@wrong(LEAF, "values")
def leaf_with_values(value):
    if isinstance(value, tf.Tensor):
        return (value.dtype, tuple(value.shape), str(value.numpy().tolist()))
    return (type(value), value)


@wrong(LEAF, "identity")
def leaf_by_identity(value):
    if isinstance(value, tf.Tensor):
        return id(value)
    return (type(value), value)


@wrong(LEAF, "no_hash")
def leaf_as_list(value):
    if isinstance(value, tf.Tensor):
        return [value.dtype, value.shape]
    return [type(value), value]


@wrong(LEAF, "no_hash")
def leaf_with_a_shape_as_list(value):
    if isinstance(value, tf.Tensor):
        return (value.dtype, value.shape.as_list())
    return (type(value), value)


@wrong(LEAF, "type_only")
def leaf_of_type(value):
    if isinstance(value, tf.Tensor):
        return (value.dtype, tuple(value.shape))
    return type(value)


@wrong(LEAF, "as_text")
def leaf_as_text(value):
    if isinstance(value, tf.Tensor):
        return f"{value.dtype} {value.shape}"
    return str(value)


@wrong(LEAF, "hash_alone")
def leaf_by_hash(value):
    if isinstance(value, tf.Tensor):
        return (value.dtype, tuple(value.shape))
    return hash((type(value), hash(value)))


@wrong(LEAF, "tensor_or_value")
def leaf_of_scalars_by_value(value):
    if not isinstance(value, tf.Tensor):
        return (type(value), value)
    if value.shape == () and value.dtype in (tf.int32, tf.float32):
        return (type(value.numpy().item()), 1)  # one drawer for 1 and every number like it
    return (value.dtype, tuple(value.shape))


@wrong(LEAF, "equal_in_python", points=2)
def leaf_without_type(value):
    if isinstance(value, tf.Tensor):
        return (value.dtype, tuple(value.shape))
    return ("value", value)


@wrong(LEAF, "equal_in_python", points=2)
def leaf_with_bools_apart_only(value):
    if isinstance(value, tf.Tensor):
        return (value.dtype, tuple(value.shape))
    return (isinstance(value, bool), value)


@accepted(LEAF)
def leaf_as_repr(value):
    if not isinstance(value, tf.Tensor):
        return repr(value)
    return f"<{value.dtype.name} of shape {tuple(value.shape)}>"


@accepted(LEAF)
def leaf_as_two_frozen_parts(value):
    label = {"type": value.__class__, "value": value}
    if tf.is_tensor(value):
        label = {"dtype": value.dtype.name, "shape": tuple(value.shape)}
    return frozenset(label.items())


@accepted(LEAF)
def leaf_from_the_tensor_spec(value):
    if isinstance(value, tf.Tensor):
        return tf.TensorSpec(value.shape, value.dtype)
    return (value, type(value))


@wrong(STRUCTURE, "no_hash")
def structure_as_lists(value, leaf):
    if isinstance(value, dict):
        return ["dict", [(k, structure_as_lists(value[k], leaf)) for k in sorted(value)]]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, [structure_as_lists(part, leaf) for part in value]]
    return leaf(value)


@wrong(STRUCTURE, "leaf_of_nested")
def structure_of_one_level(value, leaf):
    if isinstance(value, dict):
        return ("dict", tuple((k, leaf(value[k])) for k in sorted(value)))
    if isinstance(value, (list, tuple)):
        return (type(value), tuple(leaf(part) for part in value))
    return leaf(value)


@wrong(STRUCTURE, "no_leaf")
def structure_without_leaf(value, leaf):
    if isinstance(value, dict):
        return ("dict", tuple((k, structure_without_leaf(value[k], leaf)) for k in sorted(value)))
    if isinstance(value, (list, tuple)):
        return (type(value), tuple(structure_without_leaf(part, leaf) for part in value))
    return "a value"


@wrong(STRUCTURE, "flat")
def structure_flat(value, leaf):
    if isinstance(value, dict):
        parts = []
        for name in sorted(value):
            parts += [name, *structure_flat(value[name], leaf)]
        return tuple(parts)
    if isinstance(value, (list, tuple)):
        return tuple(label for part in value for label in structure_flat(part, leaf))
    return (leaf(value),)


@wrong(STRUCTURE, "kind_lost")
def structure_without_kind(value, leaf):
    if isinstance(value, dict):
        parts = [(name, structure_without_kind(value[name], leaf)) for name in sorted(value)]
        return ("a dict", *parts)
    if isinstance(value, (list, tuple)):
        return ("a row", *[structure_without_kind(part, leaf) for part in value])
    return leaf(value)


@wrong(STRUCTURE, "order_lost")
def structure_sorted(value, leaf):
    if isinstance(value, dict):
        return ("dict", *[(k, structure_sorted(value[k], leaf)) for k in sorted(value)])
    if isinstance(value, (list, tuple)):
        parts = [structure_sorted(part, leaf) for part in value]
        return (type(value).__name__, *sorted(parts, key=str))
    return leaf(value)


@wrong(STRUCTURE, "parts_lost")
def structure_of_the_first(value, leaf):
    if isinstance(value, dict):
        return ("dict", tuple((k, structure_of_the_first(value[k], leaf)) for k in sorted(value)))
    if isinstance(value, (list, tuple)):
        return (
            type(value),
            len(value),
            *[structure_of_the_first(part, leaf) for part in value[:1]],
        )
    return leaf(value)


@wrong(STRUCTURE, "parts_lost")
def structure_as_a_set(value, leaf):
    if isinstance(value, dict):
        return ("dict", tuple((k, structure_as_a_set(value[k], leaf)) for k in sorted(value)))
    if isinstance(value, (list, tuple)):
        return (type(value), frozenset(structure_as_a_set(part, leaf) for part in value))
    return leaf(value)


@wrong(STRUCTURE, "insertion_order", points=3)
def structure_as_inserted(value, leaf):
    if isinstance(value, dict):
        return (dict, *[(k, structure_as_inserted(v, leaf)) for k, v in value.items()])
    if isinstance(value, (list, tuple)):
        return (type(value), *[structure_as_inserted(part, leaf) for part in value])
    return leaf(value)


@wrong(STRUCTURE, "names_lost", points=3)
def structure_without_names(value, leaf):
    if isinstance(value, dict):
        return (dict, *[structure_without_names(value[k], leaf) for k in sorted(value)])
    if isinstance(value, (list, tuple)):
        return (type(value), *[structure_without_names(part, leaf) for part in value])
    return leaf(value)


@wrong(STRUCTURE, "values_lost", points=3)
def structure_of_names(value, leaf):
    if isinstance(value, dict):
        return (dict, *sorted(value))
    if isinstance(value, (list, tuple)):
        return (type(value), *[structure_of_names(part, leaf) for part in value])
    return leaf(value)


@wrong(STRUCTURE, "dict_as_list", points=3)
def structure_of_items(value, leaf):
    if isinstance(value, dict):
        value = [(name, value[name]) for name in sorted(value)]
    if isinstance(value, (list, tuple)):
        return (type(value), *[structure_of_items(part, leaf) for part in value])
    return leaf(value)


@accepted(STRUCTURE)
def structure_as_text(value, leaf):
    if isinstance(value, dict):
        inner = [f"{name!r}: {structure_as_text(value[name], leaf)}" for name in sorted(value)]
        return "{" + "; ".join(inner) + "}"
    if isinstance(value, list):
        return "[" + "; ".join(structure_as_text(part, leaf) for part in value) + "]"
    if isinstance(value, tuple):
        return "(" + "; ".join(structure_as_text(part, leaf) for part in value) + ")"
    return leaf(value)


@accepted(STRUCTURE)
def structure_with_a_stack(value, leaf):
    label, stack = [], [value]
    while stack:
        part = stack.pop()
        if isinstance(part, (list, tuple)):
            label.append((type(part).__name__, len(part)))
            stack.extend(reversed(part))
        elif isinstance(part, dict):
            names = tuple(sorted(part))
            label.append(("dict", names))
            stack.extend(part[name] for name in reversed(names))
        else:
            label.append(leaf(part))
    return tuple(label)


@accepted(STRUCTURE)
def structure_as_frozensets(value, leaf):
    match value:
        case dict():
            return frozenset(
                (name, structure_as_frozensets(part, leaf)) for name, part in value.items()
            )
        case list() | tuple():
            parts = (structure_as_frozensets(part, leaf) for part in value)
            return (isinstance(value, list), *parts)
        case _:
            return leaf(value)
