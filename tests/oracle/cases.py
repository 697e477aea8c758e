"""The table of everything that is recorded: what `record_tensorflow`, `record_torch` and the test read."""

from __future__ import annotations

from tests.oracle import (
    cases_arrays,
    cases_control,
    cases_dtypes,
    cases_edges,
    cases_images,
    cases_linalg,
    cases_math,
    cases_nn,
    cases_special,
)
from tests.oracle.case import Case

FAMILIES = (
    cases_math,
    cases_special,
    cases_arrays,
    cases_linalg,
    cases_nn,
    cases_images,
    cases_control,
    cases_edges,
    cases_dtypes,
)
CASES: list[Case] = [case for family in FAMILIES for case in family.CASES]

_names = [case.name for case in CASES]
_twice = sorted({name for name in _names if _names.count(name) > 1})
assert not _twice, f"two cases of one name, give them labels: {_twice}"
