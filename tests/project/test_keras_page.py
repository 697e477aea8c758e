"""docs/keras.md: what is committed is what the generator writes, and what it says of witnesses is so."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

import engine as tf
from docs import witnesses
from docs.keras import (
    COMMAND,
    PAGE,
    absent,
    absent_namespaces,
    entries,
    keras_names,
    namespaces,
    page,
    theirs,
    witness_of,
)

WRITTEN = PAGE.read_text(encoding="utf-8")


def test_the_page_is_up_to_date() -> None:
    made = page().splitlines()
    old = [line for line in WRITTEN.splitlines() if line not in set(made)]
    new = [line for line in made if line not in set(WRITTEN.splitlines())]
    assert "\n".join(made) + "\n" == WRITTEN, f"run `{COMMAND}`; old: {old[:3]}, new: {new[:3]}"


@pytest.mark.parametrize("space", namespaces())
def test_every_name_is_on_the_page_or_absent(space: str) -> None:
    part = WRITTEN.split(f"\n## {space}\n")[1].split("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", part))
    module = namespaces()[space]
    inside = {name.rpartition(".")[2] for name in namespaces()}
    assert set(getattr(module, "__all__", ())) - inside <= named
    inner = {name for name in keras_names(space) if hasattr(module, name)} - named
    # What is not listed because it is a namespace, or comes from elsewhere, is there all the same.
    assert set(keras_names(space)) - named == inner and len(inner) <= 2
    assert not set(absent(space)) & set(dir(module))


def test_keras_has_the_names_that_were_recorded() -> None:
    from tests.keras.witness import keras

    assert theirs()["about"]["keras"] == keras.__version__
    assert len(keras_names("layers")) > 150 and "LSTM" in keras_names("layers")
    for space in ("layers", "losses", "optimizers.schedules", "datasets"):
        module = keras
        for part in space.split("."):
            module = getattr(module, part)
        assert [name for name in keras_names(space) if not hasattr(module, name)] == []
    assert "keras.quantizers" in absent_namespaces() and "keras.layers" not in absent_namespaces()


def test_files_that_are_named_are_there_and_all_families_have_them() -> None:
    files = set(re.findall(r"\]\(\.\./(tests/keras/\w+\.py)\)", WRITTEN))
    root = Path(PAGE).parents[1]
    assert files and all((root / file).is_file() for file in files)
    for space in (
        "layers",
        "losses",
        "metrics",
        "optimizers",
        "optimizers.schedules",
        "activations",
    ):
        classes = [e for e in entries(space) if set(e.names) & set(keras_names(space))]
        seen = [e.name for e in classes if witness_of(space, e.name)]
        assert len(seen) > 0.6 * len(classes), (space, len(seen), len(classes))


@pytest.mark.parametrize(
    ("space", "name", "file"),
    [
        ("layers", "Dense", "test_layers_core.py"),
        ("layers", "StringLookup", "test_layers_lookup.py"),
        ("layers", "LSTM", "test_layers_rnn.py"),
        ("losses", "Huber", "test_losses.py"),
        ("metrics", "AUC", "test_metrics.py"),
        ("activations", "mish", "test_activations.py"),
        ("initializers", "HeNormal", "test_initializers.py"),
        ("callbacks", "TensorBoard", "test_tensorboard.py"),
        ("callbacks", "EarlyStopping", "test_callbacks.py"),
        ("losses", "get_function", ""),  # which Keras has not
    ],
)
def test_a_witness_is_the_test_of_the_thing(space: str, name: str, file: str) -> None:
    assert witness_of(space, name) == file


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")


def test_a_test_that_does_not_reach_real_keras_is_no_witness(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = tmp_path / "tests" / "keras"
    tests.mkdir(parents=True)
    write(
        tests,
        helper="from tests.keras.witness import keras\n\n\ndef check(name):\n    return keras.Far, name\n",
        test_one="from tests.keras.helper import check\n"
        "from tests.keras.witness import keras\n"
        "TABLE = ['Seen', 'Twice']\n"
        "@pytest.mark.parametrize('name', TABLE)\n"
        "def test_compares(name):\n    check(name)\n"
        "def test_alone():\n    assert Unseen('Unseen') and k.Twice\n"
        "def test_all():\n    assert keras.losses.get and losses.__all__\n",
        test_two="def test_none():\n    assert 'Seen'\n",
    )
    monkeypatch.setattr(witnesses, "ROOT", tmp_path)
    monkeypatch.setattr(witnesses, "TESTS", tests)
    cached = (witnesses._module, witnesses._reaches, witnesses.comparisons)
    for function in cached:
        function.cache_clear()
    try:
        found = witnesses.comparisons()
        assert set(found) == {"test_one.py"}
        near, far = found["test_one.py"]
        assert near["Seen"] == near["Twice"] == 1 and near["losses.*"] == near["losses.get"] == 1
        assert not near["Unseen"] and not near["Far"] and far["Far"] == 1
        assert isinstance(near, Counter)
        family = {"Seen", "Twice", "Unseen"}
        assert witnesses.witness("layers", ["Seen"], family) == "test_one.py"
        assert witnesses.witness("layers", ["Far"], family) == "test_one.py"
        assert witnesses.witness("layers", ["Unseen"], family) == ""
        assert witnesses.witness("losses", ["hinge"], {"hinge"}) == ""  # one word among many
    finally:
        for function in cached:
            function.cache_clear()


def test_what_there_is_has_a_description() -> None:
    for space in namespaces():
        for entry in entries(space):
            assert f"| `{entry.name}` | " in WRITTEN
            assert (entry.thing.__doc__ or "").strip(), f"{space}.{entry.name} has no docstring"
    assert tf.keras.layers.Dense in [entry.thing for entry in entries("layers")]
