"""Submissions whose notebook was cut up: what was done, and what must come of it. See broken.py."""

import uuid

from broken import FULL, inside

SIZE = "def size_of(shape):\n    size = 1\n    for entry in shape:\n        size *= entry\n"
RETURN = "    return size\n"


def own(source: str) -> dict:
    return {"cell_type": "code", "id": uuid.uuid4().hex[:8], "metadata": {}, "source": source,
            "outputs": [], "execution_count": None}  # fmt: skip


def retype(cell: dict, kind: object) -> None:
    cell["cell_type"] = kind
    cell.pop("outputs", None)
    cell.pop("execution_count", None)


@inside(FULL, "the notebook is in format 3, of 2013")
def format_3(notebook, cells):
    old = []
    for cell in notebook["cells"]:
        kept = {"cell_type": cell["cell_type"], "metadata": cell["metadata"]}
        if cell["cell_type"] == "code":
            kept |= {"input": cell["source"], "language": "python", "outputs": [], "collapsed": 0}
        else:
            kept["source"] = cell["source"]
        old.append(kept)
    return {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""},
            "worksheets": [{"cells": old, "metadata": {}}]}  # fmt: skip


@inside(None, "it is no notebook: it has no list of cells")
def cells_are_no_list(notebook, cells):
    notebook["cells"] = {"0": notebook["cells"][0]}


@inside(None, "it has 50,021 cells; at most 1,000 are read")
def fifty_thousand_cells(notebook, cells):
    notebook["cells"] += [{"cell_type": "code", "source": "", "metadata": {}}] * 50_000


@inside(None, "its cells hold more than 1,000,000 characters")
def many_long_cells(notebook, cells):
    notebook["cells"] += [own("#" * 90_000) for _ in range(20)]


@inside(FULL, "cell 1 is 7 and no cell: left out", "cell 2 is [1] and no cell: left out",
         "cell 3 is None and no cell: left out")  # fmt: skip
def cells_that_are_none(notebook, cells):
    notebook["cells"][:0] = [7, [1], None]


@inside(FULL)
def no_cell_has_an_id(notebook, cells):
    for cell in cells.values():
        del cell["id"]


@inside(FULL)
def all_cells_have_one_id(notebook, cells):
    for cell in cells.values():
        cell["id"] = "intro"


@inside(FULL, *(f"answer-{name} has lost its grade_id, and is known by its id" for name in (
    "rank-of", "shape-of", "size-of", "dtype-of", "flat-index", "shape-gate")))  # fmt: skip
def a_tool_stripped_the_metadata(notebook, cells):
    for cell in cells.values():
        cell["metadata"] = {}


@inside(FULL, *(f"answer-{name} has lost its grade_id, and is known by what it defines"
                 for name in ("rank-of", "shape-of", "size-of", "dtype-of", "flat-index",
                              "shape-gate")))  # fmt: skip
def a_tool_stripped_the_metadata_and_the_ids(notebook, cells):
    for cell in cells.values():
        cell["metadata"] = {}
        del cell["id"]


@inside(FULL, "cell 4 has no text", "answer-rank-of is there 2 times")
def source_is_no_text(notebook, cells):
    notebook["cells"].insert(3, {**cells["answer-rank-of"], "source": {"x": 1}})


@inside(FULL - 2, "cell 4 has no text")
def answer_is_a_number(notebook, cells):
    cells["answer-rank-of"]["source"] = 7


@inside(FULL - 1, "answer-size-of is missing: counts as blank")
def deleted_answer(notebook, cells):
    notebook["cells"].remove(cells["answer-size-of"])


@inside(FULL, "check-rank-of is missing: put back", "setup is missing: put back")
def deleted_check_and_setup(notebook, cells):
    notebook["cells"].remove(cells["check-rank-of"])
    notebook["cells"].remove(cells["setup"])


@inside(0, "check-rank-of is missing: put back", "answer-rank-of is missing: counts as blank")
def everything_deleted(notebook, cells):
    notebook["cells"].clear()


@inside(FULL, "answer-size-of is there 2 times: the last that is not blank counts")
def answer_copied_and_the_copy_blanked(notebook, cells):
    notebook["cells"].append({**cells["answer-size-of"], "id": "x", "source": "# nothing yet\n"})


@inside(FULL, "answer-size-of is there 2 times: the last that is not blank counts")
def answer_copied_and_the_original_left_blank(notebook, cells):
    place = notebook["cells"].index(cells["answer-size-of"])
    written = {**cells["answer-size-of"], "id": "written"}
    notebook["cells"].insert(place + 1, written)
    cells["answer-size-of"]["source"] = (
        'def size_of(shape):\n    """With words of my own."""\n    raise NotImplementedError()'
    )


@inside(FULL - 1, "answer-size-of is there 2 times: the last that is not blank counts")
def last_of_two_answers_is_wrong(notebook, cells):
    wrong = "def size_of(shape):\n    return sum(shape)"
    notebook["cells"].append({**cells["answer-size-of"], "id": "x", "source": wrong})


@inside(FULL, "answer-size-of is there 2 times: the last that is not blank counts")
def answer_split_into_helper_and_answer(notebook, cells):
    place = notebook["cells"].index(cells["answer-size-of"])
    helper = "def product(a, b):\n    return a * b\n"
    answer = SIZE.replace("size *= entry", "size = product(size, entry)") + RETURN
    cells["answer-size-of"]["source"] = helper
    notebook["cells"].insert(place + 1, {**cells["answer-size-of"], "id": "x", "source": answer})


@inside(FULL, "answer-size-of is there 2 times: the last that is not blank counts")
def answer_split_into_answer_and_trial(notebook, cells):
    place = notebook["cells"].index(cells["answer-size-of"])
    trial = {**cells["answer-size-of"], "id": "x", "source": "size_of((2, 3))"}
    notebook["cells"].insert(place + 1, trial)


@inside(FULL, "check-rank-of is there 3 times, and once in the assignment")
def copied_checks(notebook, cells):
    notebook["cells"] += [{**cells["check-rank-of"], "id": f"copy-{i}"} for i in range(2)]


@inside(FULL, "answer-size-of is a markdown cell, and code in the assignment")
def answer_made_markdown(notebook, cells):
    retype(cells["answer-size-of"], "markdown")


@inside(FULL, "answer-rank-of is a raw cell, and code in the assignment",
         "check-rank-of is a hologram cell, and code in the assignment")  # fmt: skip
def cells_made_raw_and_unheard_of(notebook, cells):
    retype(cells["answer-rank-of"], "raw")
    retype(cells["check-rank-of"], "hologram")


@inside(FULL, "setup is a nameless cell, and code in the assignment")
def cell_type_is_a_list(notebook, cells):
    retype(cells["setup"], ["code"])


@inside(FULL, "its cells are in another order: graded in the assignment's")
def checks_before_answers(notebook, cells):
    notebook["cells"].reverse()


@inside(0, "check-rank-of is not as in the assignment, whose own counts")
def checks_replaced_by_points(notebook, cells):
    for name, cell in cells.items():
        if name.startswith("check"):
            cell["source"] = "1_000_000"
        if name.startswith("answer"):
            cell["source"] = "pass"


@inside(FULL - 3, "check-shape-of: points is 100, and 3 in the assignment")
def points_edited(notebook, cells):
    cells["check-shape-of"]["metadata"]["nbgrader"]["points"] = 100
    cells["answer-shape-of"]["source"] = "shape_of = len"


@inside(FULL, "check-shape-of: points is 'many', and 3 in the assignment",
         "check-rank-of: points is None, and 2 in the assignment",
         "check-size-of: points is -1, and 1 in the assignment")  # fmt: skip
def points_that_are_no_numbers(notebook, cells):
    for name, points in (("shape", "many"), ("rank", float("nan")), ("size", -1)):
        cells[f"check-{name}-of"]["metadata"]["nbgrader"]["points"] = points


@inside(FULL, "answer-rank-of: grade is True, and False in the assignment",
         "answer-rank-of: locked is True, and False in the assignment",
         "check-rank-of: solution is True, and False in the assignment",
         "check-rank-of: task is True, and False in the assignment",
         "check-rank-of: schema_version is 99, and 3 in the assignment",
         "check-rank-of: cell_type is 'markdown', and 'code' in the assignment")  # fmt: skip
def kinds_edited(notebook, cells):
    cells["answer-rank-of"]["metadata"]["nbgrader"] |= {"grade": True, "locked": True, "points": 9}
    cells["check-rank-of"]["metadata"]["nbgrader"] |= {
        "solution": True, "task": True, "schema_version": 99, "cell_type": "markdown",
        "checksum": "0" * 32}  # fmt: skip


@inside(FULL, "no cell of the assignment is called 'bonus'")
def cell_with_a_grade_of_its_own(notebook, cells):
    facts = {"grade_id": "bonus", "grade": True, "solution": False, "points": 50, "locked": True,
             "schema_version": 3, "task": False}  # fmt: skip
    notebook["cells"].append({**own("50"), "metadata": {"nbgrader": facts}})


@inside(FULL, "the grade_id of cell 5 is ['x']")
def grade_id_is_a_list(notebook, cells):
    cells["check-rank-of"]["metadata"]["nbgrader"]["grade_id"] = ["x"]


@inside(FULL - 1, "answer-rank-of is there 2 times: the last that is not blank counts",
         "answer-size-of is missing: counts as blank")  # fmt: skip
def answer_under_another_answers_name(notebook, cells):
    cells["answer-size-of"]["metadata"]["nbgrader"]["grade_id"] = "answer-rank-of"
    cells["answer-size-of"]["source"] = cells["answer-rank-of"]["source"]


@inside(FULL, "its kernel is 'bash': graded with python3", "its language is 'R'")
def kernel_edited(notebook, cells):
    notebook["metadata"]["kernelspec"] = {"name": "bash", "argv": ["rm", "-rf", "/"]}
    notebook["metadata"]["language_info"] = {"name": "R", "pygments_lexer": "r"}


@inside(FULL, "the notebook has no metadata")
def metadata_is_a_number(notebook, cells):
    notebook["metadata"], cells["setup"]["metadata"] = 7, "none"


@inside(FULL, "the attachments of cell 1 are left out", "the attachments of cell 22 are left out")
def attachments(notebook, cells):
    image = {"x.svg": {"image/svg+xml": "PHN2Zz48c2NyaXB0PjE8L3NjcmlwdD48L3N2Zz4="}}
    cells["intro"]["attachments"] = image
    notebook["cells"].append({"cell_type": "markdown", "id": "m", "metadata": {},
                              "source": "![](attachment:x.svg)", "attachments": image})  # fmt: skip


@inside(FULL)
def outputs_of_every_kind(notebook, cells):
    kinds = ("text/html", "image/svg+xml", "application/javascript", "text/latex",
             "text/markdown", "application/vnd.jupyter.widget-view+json")  # fmt: skip
    for name, cell in cells.items():
        if cell["cell_type"] == "code":
            data = {kind: "<script>window.__owned = 1</script>" for kind in kinds}
            cell["outputs"] = [{"output_type": "execute_result", "data": data, "metadata": {},
                                "execution_count": 1}] if name != "setup" else "none"  # fmt: skip
            cell["execution_count"] = "<b>1</b>"
    notebook["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {}}


@inside(FULL - 1, "answer-size-of has 3,000,000 characters: only up to 100,000 are graded")
def answer_of_megabytes(notebook, cells):
    cells["answer-size-of"]["source"] = "#" * 3_000_000


@inside(FULL, "an added cell of 3,000,000 characters is left out")
def added_cell_of_megabytes(notebook, cells):
    notebook["cells"].append(own("#" * 3_000_000))


@inside(FULL, "cell 10 has characters that are none, replaced by \ufffd")
def characters_that_no_file_can_hold(notebook, cells):
    cells["answer-size-of"]["source"] = SIZE + RETURN + "# \ud800 \x00"


@inside(FULL)
def helper_in_a_cell_of_ones_own(notebook, cells):
    place = notebook["cells"].index(cells["answer-size-of"])
    notebook["cells"].insert(place, own("def one():\n    return 1"))
    cells["answer-size-of"]["source"] = SIZE.replace("size = 1", "size = one()") + RETURN


@inside(FULL)
def answer_in_a_cell_of_ones_own(notebook, cells):
    place = notebook["cells"].index(cells["answer-size-of"])
    notebook["cells"].insert(place + 1, own(SIZE + RETURN))
    cells["answer-size-of"]["source"] = "def size_of(shape):\n    raise NotImplementedError()"


@inside(FULL, "an added raw cell is left out")
def raw_cell_of_ones_own(notebook, cells):
    raw = {"cell_type": "raw", "metadata": {"raw_mimetype": "text/html"}, "source": "<script>"}
    notebook["cells"].append(raw)


@inside(FULL)
def own_cells_with_the_ids_that_the_gate_gives(notebook, cells):
    notebook["cells"] += [{**own("a = 1"), "id": "own-1"}, {**own("b = 2"), "id": "own-1"}]
