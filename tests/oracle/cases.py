"""The table of everything that is recorded: what `record_tensorflow`, `record_torch` and the test read."""

from __future__ import annotations

from tests.oracle import cases_arrays, cases_linalg, cases_math, cases_nn
from tests.oracle.case import Case

FAMILIES = (cases_math, cases_arrays, cases_linalg, cases_nn)
CASES: list[Case] = [case for family in FAMILIES for case in family.CASES]

assert len({case.name for case in CASES}) == len(CASES), "two cases of one name: give them labels"
