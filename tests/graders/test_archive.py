"""The learner's archive: the right files, the same bytes each time, and a course that works alone.

The learner here has a folder with nothing in it but the archive, and a .venv that finds the
installed packages of this environment but not this environment's engine, course or graders.
"""

import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import nbformat
import pytest
import yaml

from course import sealed
from graders import absent, archive, tasks
from graders.archive import ArchiveError
from graders.course import Course

pytestmark = pytest.mark.slow

ROOT = Course().root
LESSON = "course/00-five-minute-win.ipynb"
INSTRUCTORS = ("archive", "cli", "course", "grade", "instructor", "leaks", "preprocess", "release")
MODULES = """
import json, sys
import course, engine, graders
json.dumps({
    "python": sys.prefix,
    "packages": [each.__file__ for each in (course, engine, graders)],
    "loaded": sorted(each.__file__ for name, each in sys.modules.items()
                     if name.split(".")[0] in ("course", "engine", "graders")
                     and getattr(each, "__file__", None)),
})
"""
EXECUTE = """
import os, sys, nbformat
from nbclient import NotebookClient

for file in sys.argv[1:]:
    notebook = nbformat.read(file, as_version=4)
    place = {"metadata": {"path": os.path.dirname(file)}}
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources=place).execute()
    nbformat.write(notebook, file)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """What the archive is made of, as it is now, in a folder of its own."""
    folder = tmp_path_factory.mktemp("source") / "course"
    skip = shutil.ignore_patterns("__pycache__", ".*", "start.ipynb")
    for name in ("engine", "solutions", "locks", "exercises", "graders", "course"):
        shutil.copytree(ROOT / name, folder / name, ignore=skip)
    for name in (*archive.ADAPTED, "nbgrader_config.py"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def built(source):
    return archive.build(source)


class Learner:
    """Somebody with the archive, unpacked where nothing else is."""

    def __init__(self, built, path):
        zipped = archive.write(built, path)
        with zipfile.ZipFile(zipped) as file:
            file.extractall(path / "unpacked")
        self.folder = path / "unpacked" / built.name
        self.python = self.folder / ".venv" / "bin" / "python"
        self.home = path / "home"
        self.home.mkdir()

    def install_without_network(self):
        """What `make setup` does, with the packages of this environment in place of a download."""
        self.run(sys.executable, "-m", "venv", "--without-pip", ".venv")
        # A folder named in a .pth file is searched, and its own .pth files, which lead to this
        # repository, are not read.
        inside = Path(self.ask("import sysconfig; print(sysconfig.get_path('purelib'))"))
        (inside / "packages.pth").write_text(sysconfig.get_path("purelib"))
        pip = ("-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--ignore-installed")
        self.run(self.python, *pip, "--no-build-isolation", "-e", ".")
        (self.folder / ".venv" / ".made-in").write_text(f"{self.folder}\n")
        (self.folder / ".venv" / ".installed-lab").touch()

    def run(self, *command, code=0):
        done = subprocess.run(
            list(map(str, command)),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=110,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.home), "JUPYTER_PREFER_ENV_PATH": "1"},
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def ask(self, source):
        """What a program prints under the learner's Python."""
        return self.run(self.python, "-c", source).strip()

    def work(self, name, change=lambda cells: None, more=()):
        """Execute a notebook in a kernel after `change`; its cells by id, `more` at the end."""
        file = self.folder / name
        notebook = nbformat.read(file, as_version=4)
        change({cell.id: cell for cell in notebook.cells})
        for number, source in enumerate(
            more, sum(c.id.startswith("more-") for c in notebook.cells)
        ):
            notebook.cells.append(nbformat.v4.new_code_cell(source, id=f"more-{number}"))
        nbformat.write(notebook, file)
        self.run(self.python, "-c", EXECUTE, file)
        return {cell.id: cell for cell in nbformat.read(file, as_version=4).cells}

    def attempts(self):
        lines = (self.folder / ".progress" / "attempts.jsonl").read_text().splitlines()
        return {(each["task"], each["points"]) for each in map(json.loads, lines)}


@pytest.fixture(scope="module")
def learner(built, tmp_path_factory):
    someone = Learner(built, tmp_path_factory.mktemp("learner"))
    someone.install_without_network()
    return someone


@pytest.fixture
def copy(source, tmp_path):
    """The same in a folder that a test may spoil."""
    return Path(shutil.copytree(source, tmp_path / "copy"))


def add(path, text):
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


# --- What is in it -----------------------------------------------------------------------------


def test_it_holds_the_learners_folders_and_no_other(built):
    tops = {name.split("/")[0] for name in built.files}
    assert tops == {"course", "engine", "exercises", "graders", "locks", *archive.ADAPTED}
    mine = {name for name in built.files if name.startswith("graders/")}
    listed = {f"graders/{name}.py" for name in archive.LEARNER}
    assert listed <= mine
    assert all(name.startswith("graders/tasks/") for name in mine - listed)
    assert {name for name in built.files if name.startswith("locks/")} == {
        "locks/lab.txt",
        "locks/gpu.txt",
    }
    words = ("solution", "instructor", "answer", "conftest", "test_", "release", "start.ipynb")
    assert [name for name in built.files for word in words if word in name.split("/")[-1]] == []


def test_every_committed_file_of_the_course_is_in_it(built):
    listed = subprocess.run(
        ["git", "ls-files", "-z", "course", "engine", "exercises", "graders/tasks"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    committed = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    assert len(committed) > 300
    as_given_out = {
        name.replace(".toml", ".quiz") if name.startswith("course/quizzes/") else name
        for name in committed
    }
    assert as_given_out <= set(built.files)


def test_no_answer_of_a_quiz_lies_open(built, source):
    """Not in a file that anybody reads on the way: G1 of what the course promises."""
    quizzes = sorted((source / "course/quizzes").glob("*.toml"))
    assert len(quizzes) >= 4
    for file in quizzes:
        given = built.files[f"course/quizzes/{file.stem}.quiz"]
        assert sealed.unseal(given) == file.read_text(encoding="utf-8")
        reasons = re.findall(r'^why = "(.{30,}?)"$', file.read_text(encoding="utf-8"), re.M)
        assert len(reasons) > 10
        for name, data in built.files.items():
            assert not [why for why in reasons if why.encode() in data], name


def test_files_other_than_the_adapted_are_the_courses_own(built, source):
    for name, data in built.files.items():
        if name in archive.ADAPTED or name.endswith(sealed.SUFFIX):
            continue
        assert data == (source / name).read_bytes(), name


def test_the_environment_is_the_courses_without_what_only_tests_need(built, source):
    mine = tomllib.loads(built.files["pyproject.toml"].decode())
    whole = tomllib.loads((source / "pyproject.toml").read_text())
    whole["project"].pop("scripts", None)  # the instructors' command
    assert mine["project"] == whole["project"] and mine["build-system"] == whole["build-system"]
    assert mine["tool"] == {"setuptools": whole["tool"]["setuptools"]}
    listed = yaml.safe_load(built.files["environment.yml"])["dependencies"]
    plain = {re.match(r"[\w.-]+", each)[0] for each in listed if isinstance(each, str)}
    lab = [*mine["project"]["dependencies"], *mine["project"]["optional-dependencies"]["lab"]]
    assert listed[-1] == {"pip": ["-e ."]}
    assert plain == {re.match(r"[\w.-]+", each)[0] for each in lab} | {"python", "pip"}


def test_everything_it_imports_is_in_its_locks(built):
    """The tests run where more is installed than a learner has."""
    locks = (built.files[f"locks/{lock}.txt"].decode() for lock in ("lab", "gpu"))
    locked = {name for lock in locks for name in re.findall(r"^([a-z0-9-]+)[\[=]", lock, re.M)}
    known = packages_distributions()
    imported = set()
    for _, text in archive._python(built.files):
        for node in ast.walk(archive.leaks.parse(text)):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.split(".")[0])
    imported -= {*sys.stdlib_module_names, *archive.OURS}
    assert {"numpy", "IPython", "anywidget", "llvmlite"} <= imported
    # Done without where they are not there: see course.doctor, engine.devices and graders.check.
    imported -= {"pip", "cupy"}
    names = {each: re.sub(r"[-_.]+", "-", known.get(each, ["?"])[0]).lower() for each in imported}
    assert {each for each, name in names.items() if name not in locked} == set()


def test_the_readme_is_for_learners(built, source):
    text = built.files["README.md"].decode()
    version = tomllib.loads((source / "pyproject.toml").read_text())["project"]["version"]
    assert f"version {version}" in text and "{" not in text
    for part in ("## Chapters", "## Handing in", "## GPU", "(exercises/05-tracing/tracing.ipynb)"):
        assert part in text
    for word in ("git clone", "make grade", "make release", "make test", "solutions", "formgrader"):
        assert word not in text, word
    commands = set(re.findall(r"\bmake ([a-z-]+)", text))
    assert commands <= archive.TARGETS


# --- The same bytes, whole or not at all -------------------------------------------------------


def test_the_same_content_gives_the_same_bytes(built, copy, monkeypatch):
    for number, path in enumerate(sorted(copy.rglob("*"), reverse=True)):
        if path.is_file():
            os.utime(path, (number * 1e5, number * 1e5))
            path.chmod(0o600 if number % 2 else 0o755)
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        again = archive.pack(built.name, archive.contents(copy), archive.commit_time(copy))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert again == built.data


def test_its_entries_say_nothing_of_who_made_it(built, tmp_path):
    file = archive.write(built, tmp_path)
    with zipfile.ZipFile(file) as opened:
        entries = opened.infolist()
        assert opened.testzip() is None
    assert [each.filename for each in entries] == sorted(f"{built.name}/{n}" for n in built.files)
    assert {each.external_attr >> 16 for each in entries} == {0o100644}
    assert len({each.date_time for each in entries}) == 1
    assert {(each.create_system, each.extra, each.comment) for each in entries} == {(3, b"", b"")}


def test_the_time_is_the_commits(tmp_path, monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert archive.commit_time(tmp_path) == archive.OLDEST
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
           for what, value in (("NAME", "x"), ("EMAIL", "x"), ("DATE", "1700000000 +0000"))}  # fmt: skip
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, env={**os.environ, **who})
    assert archive.commit_time(tmp_path) == 1700000000
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1600000000")
    assert archive.commit_time(tmp_path) == 1600000000


def test_the_sha256_beside_it_is_what_sha256sum_reads(built, tmp_path):
    file = archive.write(built, tmp_path / "dist")
    said = (tmp_path / "dist" / f"{file.name}.sha256").read_text()
    assert said == f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
    assert sorted(each.name for each in file.parent.iterdir()) == [file.name, f"{file.name}.sha256"]


def test_a_leak_anywhere_stops_it(copy):
    add(copy / "engine" / "spec.py", '\nHELP = "nested = nested[0] if nested else None"\n')
    add(copy / "graders" / "tasks" / "base.py", "\n### BEGIN SOLUTION\n")
    exercise = copy / "exercises" / "05-tracing" / "tracing.ipynb"
    solved = copy / "solutions" / "05-tracing" / "tracing.ipynb"
    shutil.copy(solved, exercise)
    with pytest.raises(ArchiveError) as refused:
        archive.build(copy)
    for name in ("engine/spec.py", "exercises/05-tracing/tracing.ipynb", "more)"):
        assert name in str(refused.value)


def test_what_it_lacks_stops_it(copy, monkeypatch):
    monkeypatch.setattr(archive.leaks, "search", lambda files, secret: [])  # it has its own tests
    add(copy / "graders" / "tasks" / "base.py", "\nfrom graders.release import STUB\n")
    add(copy / "engine" / "spec.py", "\nfrom tests import oracle\n")
    (copy / "tests").mkdir()
    (copy / "tests" / "oracle.py").touch()
    add(copy / "graders" / "learner_readme.md", "\nSee [the tests](tests/oracle.py).\n")
    with pytest.raises(ArchiveError) as refused:
        archive.build(copy)
    assert "graders/tasks/base.py imports graders.release" in str(refused.value)
    assert "engine/spec.py imports tests" in str(refused.value)
    assert "README.md links to tests/oracle.py" in str(refused.value)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda root: shutil.rmtree(root / "solutions"), "to search for"),
        (lambda root: shutil.rmtree(root / "graders" / "instructor"), "to search for"),
        (lambda root: (root / "locks" / "lab.txt").unlink(), "no locks/lab.txt"),
        (lambda root: (root / "README.md").write_text("# x\n"), "no section Chapters"),
        (lambda root: (root / "environment.yml").write_text("name: x\n"), "# the tests"),
        (lambda root: add(root / "Makefile", "\nhelp:  ## x\nbench:  ## y\n"), "an empty line"),
        (lambda root: (root / "Makefile").write_text("help:  ## x\n"), "there is no command"),
        (lambda root: (root / "engine" / "x.py").symlink_to(ROOT / "solutions"), "is a link"),
    ],
)  # fmt: skip
def test_a_course_that_is_not_whole_stops_it(copy, spoil, says):
    spoil(copy)
    with pytest.raises(ArchiveError, match=says):
        archive.build(copy)


def test_files_that_stay_out_are_named(copy):
    (copy / "course" / "lab" / "static" / "picture.svg").write_text("<svg/>")
    (copy / "course" / "start.ipynb").write_text("{}")
    (copy / "course" / ".ipynb_checkpoints").mkdir()
    (copy / "course" / ".ipynb_checkpoints" / "x.ipynb").write_text("{}")
    files = archive.contents(copy)
    [note] = archive.left_out(copy, files)
    assert note.endswith(": course/lab/static/picture.svg")
    assert "course/start.ipynb" not in files


# --- The command -------------------------------------------------------------------------------


def test_the_command_writes_checks_and_refuses(copy, monkeypatch, capsys):
    monkeypatch.chdir(copy)
    assert archive.main([]) == 0
    [file] = (copy / "dist").glob("*.zip")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    said = capsys.readouterr().out
    assert f"dist/{file.name}: " in said and f"SHA-256 {digest}" in said

    shutil.rmtree(copy / "dist")
    exercise = copy / "exercises" / "01-rank-and-shape" / "rank-and-shape.ipynb"
    exercise.write_text(exercise.read_text().replace("Exercise 01", "Exercise 1"))
    assert archive.main(["--check"]) == 1
    assert "run `make release`" in capsys.readouterr().err
    assert not (copy / "dist").exists()


def test_the_image_for_learners_holds_no_answers_either():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "graders/instructor" in ignored and "course/start.ipynb" in ignored
    copied = re.findall(r"^COPY \S+ (.*) \S+$", (ROOT / "Dockerfile").read_text(), re.M)
    assert copied and "solutions" not in " ".join(copied)


# --- A learner works in it ---------------------------------------------------------------------


def results(cells):
    """(number, HTML) that each check cell shows, by task name."""
    return {
        name.removeprefix("check-").replace("-", "_"): (
            float(cell.outputs[0].data["text/plain"]), cell.outputs[0].data["text/html"])
        for name, cell in cells.items() if name.startswith("check-")
    }  # fmt: skip


def test_only_the_archives_own_modules_are_there(learner):
    seen = json.loads(learner.ask(MODULES.replace("json.dumps(", "print(json.dumps(") + ")"))
    assert Path(seen["python"]) == learner.folder / ".venv"
    for file in (*seen["packages"], *seen["loaded"]):
        assert Path(file).is_relative_to(learner.folder), file
    paths = json.loads(learner.ask("import json, sys; print(json.dumps(sys.path))"))
    assert str(ROOT) not in paths


def test_the_first_lesson_runs(learner):
    def faster(cells):
        assert "pace=50" in cells["play"].source  # twelve seconds, to be watched
        cells["play"].source = cells["play"].source.replace("pace=50", "pace=5000")

    cells = learner.work(LESSON, faster)
    assert "18.98" in cells["predict"].outputs[0].text
    assert "application/vnd.jupyter.widget-view+json" in cells["quiz"].outputs[0].data
    assert all(out.output_type != "error" for c in cells.values() for out in c.get("outputs", ()))


def test_an_exercise_from_blank_to_full_marks(learner, source):
    name = "01-rank-and-shape/rank-and-shape.ipynb"
    hint = 'hint("01.rank.rank_of")'
    blank = learner.work(f"exercises/{name}", more=[hint, hint])
    assert len(results(blank)) == len(tasks.chapter("01"))
    for points, html in results(blank).values():
        assert points == 0 and "not started" in html
    for step in (1, 2):
        assert f"Hint {step} of 3" in blank[f"more-{step - 1}"].outputs[0].data["text/html"]
    wanted = {task.id: task.points for task in tasks.chapter("01")}
    assert learner.attempts() >= {(task, 0) for task in wanted}

    solution = nbformat.read(source / "solutions" / name, as_version=4)
    answers = {c.id: c.source for c in solution.cells if c.id.startswith("answer-")}

    def answer(cells):
        for each, text in answers.items():
            cells[each].source = text

    solved = learner.work(f"exercises/{name}", answer, [MODULES])
    for task in tasks.chapter("01"):
        points, html = results(solved)[task.name.lower()]
        assert points == task.points and "passed" in html
    assert learner.attempts() >= set(wanted.items())
    seen = json.loads(ast.literal_eval(solved["more-2"].outputs[0].data["text/plain"]))
    assert Path(seen["python"]) == learner.folder / ".venv"
    assert all(Path(file).is_relative_to(learner.folder) for file in seen["loaded"])
    progress = learner.ask("from course.lab import ProgressMap; print(ProgressMap())")
    assert f"{len(wanted)} of {len(wanted) + 1} tasks solved" in progress
    assert not (learner.home / ".progress").exists()


def test_the_commands_of_the_readme_work(learner):
    said = learner.run("make", "help")
    assert set(re.findall(r"^  make (\S+)", said, re.M)) == archive.TARGETS
    said = learner.run("make", "-n", "lab")
    assert "jupyterlab" in said and "pip install" not in said
    said = learner.run("make", "doctor")
    assert (
        "problem" not in said
        and "a learner's copy" in said
        and "installed from this folder" in said
    )


def test_the_commands_of_instructors_say_that_they_are_not_there(learner, source):
    every = set(re.findall(r"^([a-z][a-z-]*):.*  ## ", (source / "Makefile").read_text(), re.M))
    assert {"grade", "release", "test"} <= every - archive.TARGETS
    for target in sorted(every - archive.TARGETS):
        said = learner.run("make", target, code=2)
        assert f"make {target} is not part of the learner's copy" in said
        assert "which instructors have" in said


def test_the_instructors_modules_say_where_they_are(learner):
    tried = "\n".join(
        f"try:\n    import graders.{name}\nexcept ImportError as error:\n    print(error.name, error)"
        for name in INSTRUCTORS
    )
    lines = learner.ask(tried).splitlines()
    assert [line.split()[0] for line in lines] == [f"graders.{name}" for name in INSTRUCTORS]
    assert all("learner's copy" in line and "which instructors have" in line for line in lines)
    said = learner.run(learner.python, "-m", "graders.cli", code=1)
    assert "there is no graders.cli here" in said
    assert "learner's copy" in learner.ask(
        "try:\n    from graders import release\nexcept ImportError as error:\n    print(error)"
    )


def test_in_the_repository_a_misspelt_module_is_just_not_found():
    absent.explain()
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'graders\.chekc'$"):
        import graders.chekc  # noqa: F401


@pytest.mark.timeout(900)
def test_make_setup_in_an_empty_directory(built, tmp_path):
    """The whole installation, by the lock, from the package server."""
    someone = Learner(built, tmp_path)
    ours = ("VIRTUAL_ENV", "PYTHONPATH", "COURSE_PROGRESS_FILE")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    setup = subprocess.run(
        ["make", "setup"], cwd=someone.folder, env=environment, capture_output=True, text=True
    )
    assert setup.returncode == 0, setup.stdout + setup.stderr
    said = someone.run("make", "doctor")
    assert "problem" not in said and "all at their locked versions" in said
    seen = json.loads(someone.ask(MODULES.replace("json.dumps(", "print(json.dumps(") + ")"))
    assert all(Path(file).is_relative_to(someone.folder) for file in seen["loaded"])
    cells = someone.work("exercises/01-rank-and-shape/rank-and-shape.ipynb")
    assert all(points == 0 for points, _ in results(cells).values())
