"""Figures in the lessons that no cell shows, and why: by rule, or one by one. docs/figures.py reads this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """What matches `pattern` in a sentence is no claim of the lesson."""

    pattern: str
    reason: str


RULES = {
    "chapter number": Rule(
        r"[Cc]hapters? \d\d(?:(?:, | and | to )\d\d)*|\(\d\d\)|\b\d\d · [^\]]*|\*\*Next chapter:\*\* \d\d",
        "It names a lesson.",
    ),
    "time to read": Rule(
        r"\*\*Time\*\* .*?(?=\*\*Needs|$)",
        "An estimate, which a test compares with the length of the text.",
    ),
    "numbering": Rule(r"^(?:#+ )?\d+\.(?= |$)", "It counts headings, or the items of a list."),
    "slot or line": Rule(
        r"\b(?:[Ss]lots?|[Ll]ines?) \d+(?: and \d+)?\b",
        "It names a slot of `fit`, or a line of a listing.",
    ),
    "HTTP status": Rule(r"\b(?:HTTP|[Ss]tatus|answer(?:s|ed)) 200\b", "The protocol defines it."),
}


TO_MEND = "**No cell shows it yet.** "
"""With this begins the reason of a figure that a cell should show. When one does, the exception has to go."""


@dataclass(frozen=True)
class Exempt:
    """The figures in these words of a cell, and why no cell shows them."""

    lesson: str
    cell: str
    words: str
    reason: str

    @property
    def to_mend(self) -> bool:
        return self.reason.startswith(TO_MEND)


GIVEN = "The question gives it."
MADE_UP = "An example made up, with all that is needed to follow it."
SLIDER = "A place on the slider of the picture above: the reader sets it."
WORKED = "Worked out in the sentence itself."
COUNTED = "The reader counts the lines that the cell prints."
DOWN = "Worked out from the shape (3, 4): down the first column, then down the second."

EXCEPTIONS = (
    Exempt("00", "mental-model", "*1 step* and *50 steps*", "The names of two buttons."),
    Exempt("01", "predict-long", "long[567]", "Any index below 1000 would do."),
    Exempt("01", "dtype-rules", "default is 64 bits", "What the name of the dtype, float64, says."),
    Exempt(
        "01",
        "no-promotion",
        "32 or 64 bits",
        "What the names of the dtypes, float32 and float64, say.",
    ),
    Exempt("01", "predict-id", "needs 25", "One more than the 24 bits of `id-repair`."),
    Exempt("02", "copy-why", "0, 4, 8, 1, 5, 9", DOWN),
    Exempt("02", "predict-copy", "0, 4, 8, 1, 5, 9", DOWN),
    Exempt("02", "predict-slice", "rows 4 to 23", "The last row before 24, where the slice ends."),
    Exempt(
        "02",
        "interview",
        "Do (8, 1, 6, 1) and (7, 1, 5) broadcast",
        MADE_UP + " The lesson's test computes it.",
    ),
    Exempt(
        "02",
        "interview",
        "1 against 5 gives 5, 6 against 1 gives 6, 1 against 7 gives 7, and 8 against nothing gives 8: "
        "the result is (8, 7, 6, 5)",
        WORKED,
    ),
    Exempt("03", "predict-square", "(9.61 - 9) / 0.1", GIVEN),
    Exempt(
        "03",
        "predict-steepest",
        "(0.6, 0.8), and 3 * 0.6 + 4 * 0.8 is 5, the length of (3, 4)",
        WORKED,
    ),
    Exempt("05", "predict-print", "Answer: 1", COUNTED),
    Exempt("06", "predict-batches", "Answer: 2", COUNTED),
    Exempt(
        "06", "predict-floats", "Answer: 1", "`rate-repair` counts it; that cell measures, too."
    ),
    Exempt("08", "surface-caption", "set 0.15", SLIDER),
    Exempt("08", "surface-directions-caption", "At 0.088", SLIDER),
    Exempt("08", "surface-directions-caption", "at 0.18", SLIDER),
    Exempt("08", "surface-directions-caption", "at 0.17:", SLIDER),
    Exempt("08", "ask-above", "1 - 2 * 1.01 = -1.02", WORKED),
    Exempt(
        "08", "ask-left", "about 0.6 %", "The 0.0056 that `without-training` prints, in per cent."
    ),
    Exempt("08", "ask-left", "26 zeros", "Counted in the 9.1e-27 that `without-training` prints."),
    Exempt("08", "ask-sum", "0.06, 0.12, 0.24", WORKED),
    Exempt(
        "09",
        "ask-match",
        "0, or as small as rounding",
        "It hangs on the order in which a processor adds.",
    ),
    Exempt(
        "09", "match-answer", "is 0, or a few", "It hangs on the order in which a processor adds."
    ),
    Exempt("09", "ask-trace", "Answer: 2", COUNTED),
    Exempt(
        "09", "interview", "0.52 for the last epoch; evaluate on the same data says 0.48", MADE_UP
    ),
)
