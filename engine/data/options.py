"""Options of a dataset: accepted as in TensorFlow, and without effect here."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

_GROUPS = (
    "autotune",
    "distribute",
    "experimental_distribute",
    "experimental_optimization",
    "threading",
)
_SETTINGS = (
    "dataset_name", "deterministic", "experimental_deterministic", "experimental_external_state_policy",
    "experimental_slack", "experimental_symbolic_checkpoint", "experimental_warm_start", "framework_type",
    "service",
)  # fmt: skip


class Options:
    """What `tf.data.Dataset.with_options` takes. Nothing here needs tuning: the options are only kept.

    >>> options = Options()
    >>> options.deterministic = True
    >>> options.threading.private_threadpool_size = 2
    """

    def __init__(self) -> None:
        vars(self).update(dict.fromkeys(_SETTINGS))
        vars(self).update({group: SimpleNamespace() for group in _GROUPS})

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in vars(self):
            raise AttributeError(
                f"tf.data.Options has no {name!r}. It has {', '.join(sorted(vars(self)))}."
            )
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"tf.data.Options has no {name!r}.")

    def merge(self, options: Options) -> Options:
        """These options, with what the others set in their place."""
        made = copy.deepcopy(self)
        for name, value in vars(options).items():
            if isinstance(value, SimpleNamespace):
                vars(vars(made)[name]).update(vars(value))
            elif value is not None:
                vars(made)[name] = value
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Options) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]
