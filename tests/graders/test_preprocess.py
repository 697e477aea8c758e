"""What is kept of the outputs of a run: nothing that could run in the instructor's browser."""

import base64
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

import answers
from graders.check import check
from graders.png import MAX_IMAGE
from graders.preprocess import MAX_CHARACTERS, HarmlessOutput
from graders.style import CSS

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n and so on").decode()
GRADE = {"nbgrader": {"grade": True, "grade_id": "check", "points": 1, "schema_version": 3}}


def kept(*outputs, metadata=None):
    """What HarmlessOutput makes of the outputs of one cell."""
    cell = new_code_cell("1", metadata=metadata or {})
    notebook = new_notebook(cells=[cell], metadata={"widgets": {"state": {}}})
    notebook.cells[0].outputs = list(outputs)  # a kernel may send what nbformat would refuse
    notebook, _ = HarmlessOutput().preprocess(notebook, {})
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata
    return notebook.cells[0].outputs


def shown(html):
    """What is left of HTML that a cell with a check shows."""
    [output] = kept(new_output("execute_result", {"text/html": html, "text/plain": "1"}),
                    metadata=GRADE)  # fmt: skip
    return output.data["text/html"]


@pytest.mark.parametrize(
    "kind",
    ["text/html", "image/svg+xml", "application/javascript", "text/markdown", "text/latex",
     "image/jpeg", "application/pdf", "application/json", "application/vnd.jupyter.widget-view+json",
     "text/vnd.mermaid"],
)  # fmt: skip
def test_of_the_learners_outputs_text_and_png_are_kept(kind):
    data = {kind: "<script>1</script>", "text/plain": "text", "image/png": PNG}
    [output] = kept(
        new_output("display_data", data, metadata={"image/png": {"width": "1 onload=x"}})
    )
    assert output.data == {"text/plain": "text", "image/png": PNG}
    assert output.metadata == {}


@pytest.mark.parametrize(
    "image",
    ['"><script>1</script>', "", 7, base64.b64encode(b"<svg onload=1>").decode(), PNG + "<",
     base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(MAX_IMAGE)).decode()],
    ids=["markup", "empty", "number", "svg", "markup behind it", "large"],
)  # fmt: skip
def test_an_image_that_is_none_is_dropped(image):
    output = nbformat.from_dict({"output_type": "display_data", "metadata": {}, "data": {}})
    output.data["image/png"] = image
    assert kept(output)[0].data == {}


def test_data_that_is_none_and_text_without_end():
    odd = nbformat.from_dict({"output_type": "display_data", "metadata": {}, "data": ["x"]})
    long = new_output("display_data", {"text/plain": "x" * (MAX_CHARACTERS + 1)})
    first, second = kept(odd, long)
    assert first.data == {} and len(second.data["text/plain"]) == MAX_CHARACTERS


def test_streams_and_errors_stay():
    stream = new_output("stream", name="stdout", text="<b>")
    error = new_output("error", ename="E", evalue="<b>", traceback=["<b>"])
    assert kept(stream, error) == [stream, error]


@pytest.mark.parametrize(
    "attack",
    [
        "<script>1</script>",
        "<img src=x onerror=1>",
        '<svg onload="1"><circle r="1" onclick="1"></circle></svg>',
        '<a href="javascript:1">a</a>',
        "<iframe srcdoc='<script>1</script>'></iframe>",
        '<p style="background: url(http://x)">p</p>',
        "<style>* { display: none }</style>",
        "<math><mtext><table><mglyph><style><img src=x onerror=1>",
        "<form action=x><input autofocus onfocus=1></form>",
        '<svg><foreignObject><script>1</script></foreignObject><use href="data:x"/></svg>',
        "<details open ontoggle=1>d</details>",
        "<meta http-equiv=refresh content=0><base href=//x><link rel=stylesheet href=//x>",
        "<!--><script>1</script>-->",
    ],
)
def test_a_report_that_was_forged_cannot_run(attack):
    """The tags that are left are all on the list, and no attribute of them does anything."""
    html = shown(f'<p class="tx-what">seen</p>{attack}')
    assert html.startswith('<p class="tx-what">seen</p>')
    rest = html.lower()
    for tag in ("script", "img", "iframe", "a ", "style", "math", "form", "input", "foreignobject",
                "use", "meta", "base", "link", "!--"):  # fmt: skip
        assert f"<{tag}" not in rest
    inside = [part.split(">")[0] for part in rest.split("<")[1:]]
    assert not [tag for tag in inside if " on" in tag or "style=" in tag or "href" in tag]


def as_a_browser_reads_it(text):
    """HTML may write one thing in several ways; these are the ones that differ here."""
    text = re.sub(r"<(rect|line|circle|path)([^>]*)/>", r"<\1\2></\1>", text)
    return text.replace("&#x27;", "'").replace("&quot;", '"')


@pytest.mark.parametrize("task", ["01.rank.shape_of", "05.tracing.trace", "09.keras.mse_gradients"])
def test_the_report_of_a_check_stays_as_it_is(task):
    """With its style, tables and pictures, for every wrong answer to the task."""
    answers.load()
    wrong = [each for each in answers.WRONG if each.task == task]
    for answer in wrong:
        before = check(task, answer.build())._repr_html_()
        after = shown(before)
        assert after.startswith(f"<style>{CSS}</style>")
        assert as_a_browser_reads_it(after) == as_a_browser_reads_it(before)
    assert len(wrong) >= 5


def test_what_a_learners_value_says_stays_text():
    def rank_of(nested):
        return "<b>&amp;'\""

    after = shown(check("01.rank.rank_of", rank_of)._repr_html_())
    assert "tx-report tx-wrong" in after and "&lt;b&gt;&amp;amp;" in after
