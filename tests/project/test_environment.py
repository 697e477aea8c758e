"""pyproject.toml, environment.yml and the locks name the same packages, within the same bounds."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from course.doctor import read_lock

ROOT = Path(__file__).resolve().parents[2]
# The same package under another name in conda-forge.
CONDA_NAMES = {"playwright": "playwright-python", "ml-dtypes": "ml_dtypes"}
# Not in conda-forge: pip brings it, with the project itself.
BY_PIP = {"copydetect"}
LOCKS = {
    "lab": ["lab"],
    "class": ["lab", "class"],
    "test": ["lab", "class", "test"],
    "gpu": ["lab", "gpu"],
}


def requirements(*extras: str) -> dict[str, SpecifierSet]:
    """Canonical name -> bounds, of pyproject's dependencies and these extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): r.specifier for r in parsed}


@pytest.fixture(scope="module")
def conda() -> dict:
    return yaml.safe_load((ROOT / "environment.yml").read_text())


@pytest.fixture(scope="module")
def conda_packages(conda) -> dict[str, SpecifierSet]:
    pairs = [line.partition(" ") for line in conda["dependencies"] if isinstance(line, str)]
    return {name: SpecifierSet(bounds) for name, _, bounds in pairs}


def test_conda_has_the_same_packages_within_the_same_bounds(conda_packages):
    every = requirements("lab", "class", "test")
    wanted = {CONDA_NAMES.get(n, n): b for n, b in every.items() if n not in BY_PIP}
    found = {n: b for n, b in conda_packages.items() if n not in ("python", "pip")}
    assert found == wanted


def test_conda_installs_the_project_from_this_folder(conda):
    assert conda["name"] == "two-x-minus-one"
    assert conda["channels"] == ["conda-forge"]
    assert {"pip": ["-e .[class]"]} in conda["dependencies"]


def test_conda_has_every_package_the_course_promises(conda_packages):
    promised = {"jupyterlab", "numpy", "matplotlib", "ipywidgets", "nbgrader", "pytest"}
    assert promised <= set(conda_packages)


def test_cupy_is_one_uncommented_line_away():
    # Off by default, since an environment with it is 2 GB larger; the bounds are still the same.
    [line] = re.findall(r"^  # - cupy (\S+)$", (ROOT / "environment.yml").read_text(), re.M)
    assert SpecifierSet(line) == requirements("gpu")["cupy-cuda13x"]


def test_pythons(conda_packages):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11"
    for version, inside in (("3.10.9", False), ("3.11.0", True), ("3.13.9", True)):
        assert conda_packages["python"].contains(version) is inside


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_a_hash_and_no_address(name):
    text = (ROOT / "locks" / f"{name}.txt").read_text()
    logical = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    pins = [line for line in logical if not line.lstrip().startswith("#")]
    assert len(pins) > 100
    for pin in pins:
        assert re.match(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+ ", pin), pin
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", pin), pin
        assert not re.search(r"://|@|\.whl|\.tar", pin), pin
    assert "://" not in text
    assert "--index-url" not in text and "--find-links" not in text


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_is_within_the_bounds(name):
    pins: dict[str, list[str]] = {}
    for package, version, _ in read_lock(ROOT / "locks" / f"{name}.txt"):
        pins.setdefault(package, []).append(version)
    for package, bounds in requirements(*LOCKS[name]).items():
        assert package in pins, f"{package} is not in locks/{name}.txt: run make lock"
        for version in pins[package]:
            assert bounds.contains(version), f"{package} {version} is outside {bounds}: make lock"


@pytest.mark.parametrize(
    ("name", "narrower"), [("class", "lab"), ("test", "lab"), ("test", "class"), ("gpu", "lab")]
)
def test_a_wider_lock_holds_all_of_a_narrower_one(name, narrower):
    # The Makefile relies on it: after locks/test.txt, what make lab needs is installed. A pin that the
    # narrower one has for some machines only, the wider one may have for all.
    outer = set(read_lock(ROOT / "locks" / f"{name}.txt"))
    for package, version, marker in read_lock(ROOT / "locks" / f"{narrower}.txt"):
        assert {(package, version, marker), (package, version, "")} & outer, package


def test_lock_reader_reads_each_form():
    lines = read_lock(ROOT / "locks" / "gpu.txt")
    text = (ROOT / "locks" / "gpu.txt").read_text()
    assert len(lines) == len(re.findall(r"^[A-Za-z]", text, re.M))
    assert ("soupsieve", "2.10", "python_full_version < '3.11.5'") in lines
    assert any(name == "numpy" and not marker for name, _, marker in lines)
