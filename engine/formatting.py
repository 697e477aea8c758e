"""How values become text: as `repr` and `str` show them, and as `tf.print` does.

The first two are NumPy's texts. `tf.print` has its own, shorter form: the shortest digits that give
the number back, and only the first and last elements along each axis.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def values_text(array: Any, exact: bool) -> str:
    """The values for `repr` (exact) or `str` of a tensor; several lines start on one of their own.

    >>> values_text(np.float32([1, 2.5]), exact=True), values_text(np.float32([1, 2.5]), exact=False)
    ('array([1. , 2.5], dtype=float32)', '[1.  2.5]')
    >>> values_text(np.float32(1.1), exact=True), values_text(np.float32(1.1), exact=False)
    ('1.100000023841858', '1.1')
    """
    host = np.asarray(array)
    if host.ndim:
        text = repr(host) if exact else str(host)
        return f"\n{text}" if "\n" in text else text
    value = host[()]
    return repr(value.item() if hasattr(value, "item") else value) if exact else str(value)


def element_text(value: Any, quote: bool = True) -> str:
    """One element as `tf.print` writes it.

    A float has as many digits as it takes to read the same number back: 6 or 9 for up to 32 bits,
    15 or 17 for 64. A bool is 1 or 0, a string stands in double quotes.

    >>> element_text(np.float32(1 / 3)), element_text(np.float32(2.0)), element_text(np.bool_(True))
    ('0.333333343', '2', '1')
    """
    if isinstance(value, bytes):
        text = value.decode("utf-8", "surrogateescape")
        return f'"{text}"' if quote else text
    kind = value.dtype.kind
    if kind == "c":
        real, imaginary = element_text(value.real), element_text(value.imag)
        return f"({real}{'' if imaginary[0] in '+-' else '+'}{imaginary}j)"
    if kind in "biu":
        return str(int(value))
    number = float(value)
    wide = value.dtype.itemsize == 8
    short = f"{number:.15g}" if wide else f"{number:.6g}"
    if np.isnan(number) or (float(short) if wide else np.float32(short)) == number:
        return short
    return f"{number:.17g}" if wide else f"{number:.9g}"


def summary(array: Any, summarize: int = 3) -> str:
    """An array as `tf.print` writes it: `summarize` elements from each end of an axis, -1 for all.

    >>> summary(np.arange(10)), summary(np.arange(10), 1), summary(np.arange(5.0), -1)
    ('[0 1 2 ... 7 8 9]', '[0 ... 9]', '[0 1 2 3 4]')
    """
    host = np.asarray(array)
    return _nested(host, summarize, 0) if host.ndim else element_text(host[()])


def _nested(array: Any, summarize: int, depth: int) -> str:
    below = array.ndim - 1
    gap = "\n" * below + " " * (depth + 1) if below else " "
    if not array.size:
        return "[]"
    whole = summarize < 0 or len(array) <= 2 * summarize
    head, tail = (array, array[:0]) if whole else (array[:summarize], array[-summarize:])
    parts = [element_text(x) if not below else _nested(x, summarize, depth + 1) for x in head]
    if not whole:
        parts.append("...")
        parts += [element_text(x) if not below else _nested(x, summarize, depth + 1) for x in tail]
    return f"[{gap.join(parts)}]"
