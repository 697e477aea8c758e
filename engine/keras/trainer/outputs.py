"""The outputs of a model, one by one: what belongs to each in a loss, a metric, a weight or a target.

What a user writes as a single thing, a list, or a dict by names becomes a list with one entry for each
tensor that the model gives. `compile_losses` and `compile_metrics` are built on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from engine import nest
from engine.keras.lookup import nearest

_ABSENT: Any = object()


class Outputs:
    """Where each tensor of a structure of predictions stands, and what it is called.

    paths: the keys and positions that lead to each tensor.
    names: of each; None where neither the model nor a dict names it.

    >>> outputs = Outputs({"b": 1.0, "a": 2.0}, None)
    >>> outputs.names, outputs.spread({"b": "mse"}, "loss")
    (['a', 'b'], [None, 'mse'])
    """

    def __init__(self, y_pred: Any, output_names: list[str] | None):
        flat_dict = isinstance(y_pred, Mapping) and not any(map(nest.is_nested, y_pred.values()))
        if flat_dict and output_names and set(output_names) == set(y_pred):
            self.paths = [(name,) for name in output_names]
        else:
            self.paths = list(_paths(y_pred))
        self.nested = nest.is_nested(y_pred)
        self._known = {path[: i + 1] for path in self.paths for i in range(len(path))}
        self._by_key = isinstance(y_pred, Mapping)
        self.names: list[str | None] = [None] * len(self.paths)
        if flat_dict:
            self.names = [str(path[0]) for path in self.paths]
        elif output_names and len(output_names) == len(self.paths):
            self.names = list(output_names)

    def __len__(self) -> int:
        return len(self.paths)

    def tensors(self, structure: Any) -> list[Any]:
        """The leaves of a structure nested like the predictions."""
        return [_follow(structure, path) for path in self.paths]

    def spread(self, setting: Any, what: str, whole: bool = False) -> list[Any]:
        """One entry of a setting for each output.

        Args:
          setting: one for all, a list in the order of the outputs, or a dict by their names or keys.
          what: the name of the argument, for messages.
          whole: a dict must name every output.

        Raises:
          ValueError: for names that are not those of outputs, and for a list of another length.
        """
        if not _is_structure(setting):
            return [setting] * len(self)
        if isinstance(setting, Mapping):
            if set(setting) <= set(self.names):
                self._require_all(setting, what, whole and not self._by_key)
                return [setting.get(name) for name in self.names]
            if len(self) == 1 and len(setting) == 1 and not self.nested:
                return list(setting.values())
        flat = all(len(path) <= 1 for path in self.paths)
        if flat and not isinstance(setting, Mapping) and len(setting) == len(self):
            return list(setting)
        found = [_follow(setting, path) for path in self.paths]
        unknown = _unknown_keys(setting, self._known)
        if (
            unknown
            or any(v is _ABSENT for v in found)
            or (flat and not isinstance(setting, Mapping))
        ):
            raise ValueError(self._misfit(setting, what, unknown))
        return found

    def _require_all(self, setting: Mapping[Any, Any], what: str, whole: bool) -> None:
        missing = [name for name in self.names if name not in setting]
        if whole and missing:
            raise ValueError(
                f"{what} is a dict without an entry for {', '.join(map(repr, missing))}. The outputs of the "
                f"model are {self.names}; write None for one that is to have none."
            )

    def _misfit(self, setting: Any, what: str, unknown: list[str]) -> str:
        count = f"{len(self)} output{'s' if len(self) > 1 else ''}"
        known = [name for name in self.names if name is not None]
        names = f" named {', '.join(map(repr, known))}" if known else ""
        if isinstance(setting, Mapping):
            wrong = [str(key) for key in setting if key not in known] or unknown
            hint = nearest(wrong[0], known) if known else ""
            return f"{what} has the keys {sorted(map(str, setting))}, but the model has {count}{names}.{hint}"
        return (
            f"{what} is a list of {len(setting)}, but the model has {count}{names}. Give one entry for each "
            "(None for none), or a dict by names."
        )

    def targets(self, given: Any, what: str, wanted: Callable[[int], bool]) -> list[Any]:
        """The entry of y, or of sample_weight, for each output.

        Args:
          given: nested like the predictions, a flat list, or a dict by output names.
          what: 'y' or 'sample_weight', for messages.
          wanted: whether the output with this number has a loss. There may be targets for those alone.

        Raises:
          ValueError: when it has another structure.
        """
        if not nest.is_nested(given):
            if len(self) == 1:
                return [given]
        elif isinstance(given, Mapping) and set(given) <= set(self.names):
            return [given.get(name) for name in self.names]
        else:
            found = [_follow(given, path) for path in self.paths]
            matched = self.nested and not any(v is _ABSENT or nest.is_nested(v) for v in found)
            if matched and not _unknown_keys(given, self._known):
                return found
            flat = nest.flatten(given)
            if len(flat) == len(self) and not isinstance(given, Mapping):
                return flat
            places = [i for i in range(len(self)) if wanted(i)]
            if len(flat) == len(places) and not isinstance(given, Mapping):
                filled: list[Any] = [None] * len(self)
                for place, value in zip(places, flat, strict=True):
                    filled[place] = value
                return filled
        shown = nest.map_structure(lambda _: "*", given)
        like: Any = self.names if None not in self.names else len(self)
        raise ValueError(
            f"{what} does not have the structure of the model's outputs: {what} is {shown!r} (each * an "
            f"array), and the model gives {like if isinstance(like, list) else f'{like} tensor(s)'}. Give "
            "one array for each output, as a list or as a dict by names."
        )


def _is_structure(value: Any) -> bool:
    """Whether a setting is a list or dict of settings, and not the config of one object."""
    return nest.is_nested(value) and not (isinstance(value, Mapping) and "class_name" in value)


def _paths(structure: Any) -> Iterator[tuple[Any, ...]]:
    if not nest.is_nested(structure):
        yield ()
        return
    keys = sorted(structure) if isinstance(structure, Mapping) else range(len(structure))
    for key in keys:
        for path in _paths(structure[key]):
            yield (key, *path)


def _follow(structure: Any, path: tuple[Any, ...]) -> Any:
    """What a path leads to; a leaf on the way counts for all below it."""
    for key in path:
        if not _is_structure(structure):
            return structure
        if isinstance(structure, Mapping):
            structure = structure.get(key)
        elif isinstance(key, int) and key < len(structure):
            structure = structure[key]
        else:
            return _ABSENT
    return structure


def _unknown_keys(
    structure: Any, known: set[tuple[Any, ...]], path: tuple[Any, ...] = ()
) -> list[str]:
    if not isinstance(structure, Mapping):
        return []
    unknown = [str(key) for key in structure if (*path, key) not in known]
    deeper = [
        name
        for key, part in structure.items()
        if (*path, key) in known and isinstance(part, Mapping) and "class_name" not in part
        for name in _unknown_keys(part, known, (*path, key))
    ]
    return unknown + deeper
