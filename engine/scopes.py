"""tf.name_scope: a prefix for the names of what is made inside a block."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Scopes(threading.local):
    prefix = ""


_scopes = _Scopes()


@contextmanager
def name_scope(name: str) -> Iterator[str]:
    """Inside the block, the names of new variables begin with `name/`. Scopes nest.

    In TensorFlow it names the operations of a graph too; here those keep their plain names.

    >>> import engine as tf
    >>> with name_scope("encoder"):
    ...     v = tf.Variable(1.0, name="w")
    >>> v.name
    'encoder/w:0'
    """
    if not isinstance(name, str):
        raise ValueError(f"name_scope: the name must be a string, not {name!r}.")
    before = _scopes.prefix
    # As in TensorFlow, a name that ends in a slash is a whole one, and does not nest.
    _scopes.prefix = name if name.endswith("/") else f"{before}{name}/" if name else ""
    try:
        yield _scopes.prefix
    finally:
        _scopes.prefix = before


def scoped(name: str) -> str:
    """A name with the prefix of the scopes that are open on this thread."""
    return _scopes.prefix + name
