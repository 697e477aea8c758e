"""What `import engine` brings in and leaves alone, what a learner sees on stderr, and the doctests."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys

import pytest

import engine as tf

HEAVY = (
    "matplotlib", "ipywidgets", "anywidget", "IPython", "cupy", "keras", "tensorflow", "torch",
    "ml_dtypes", "h5py", "pandas", "scipy", "rich", "typer", "engine.keras", "course", "graders",
)  # fmt: skip


def python(program: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def test_import_brings_in_nothing_but_numpy():
    program = "import sys, engine; print(*sorted(sys.modules))"
    loaded = set(python(program).stdout.split())
    assert "numpy" in loaded and "engine.tape" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_parts_that_come_later_are_loaded_at_first_use():
    python(
        "import sys, engine as tf\n"
        "assert 'engine.math' not in sys.modules and 'ml_dtypes' not in sys.modules\n"
        "assert tf.math.log(1.0).numpy() == 0.0 and 'engine.math' in sys.modules\n"
        "tf.constant(1.0, tf.bfloat16); assert 'ml_dtypes' in sys.modules\n"
    )


def test_a_learner_sees_no_warning_from_infinities_and_keeps_numpys_own():
    done = python(
        "import numpy as np, engine as tf\n"
        "big = tf.constant([3e38]); zero = tf.constant([0.0])\n"
        "for f in (lambda x: x + x, lambda x: x * x, lambda x: x / zero, tf.square, tf.exp,\n"
        "          lambda x: x - x / zero, tf.math.log, lambda x: x * 1e300):\n"
        "    f(big); f(-big); tf.function(f)(big)\n"
        "tf.constant(1e40); tf.constant([1e40]); tf.cast([1e300], tf.float32)\n"
        "tf.cast([float('nan')], tf.int32)\n"
        "with tf.GradientTape() as tape:\n"
        "    tape.watch(big); y = big * big\n"
        "tape.gradient(y * y, big)\n"
        "print('done')\n"
        "np.float32(3e38) + np.float32(3e38)\n"
    )
    assert done.stdout == "done\n"
    assert done.stderr.count("Warning") == 1 and "<string>" in done.stderr  # the learner's own line


def test_the_public_names_are_the_documented_ones():
    names = dir(tf)
    for name in (
        "constant",
        "Variable",
        "GradientTape",
        "function",
        "keras",
        "math",
        "nn",
        "random",
    ):
        assert name in names and getattr(tf, name) is not None
    assert not any(name.startswith("_") for name in names)
    assert tf.newaxis is None and isinstance(tf.__version__, str)


def modules() -> list[str]:
    found = pkgutil.walk_packages(tf.__path__, "engine.")
    return ["engine", *(info.name for info in found)]


@pytest.mark.parametrize("name", modules())
def test_the_examples_in_the_documentation_run(name: str):
    module = importlib.import_module(name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    runner = doctest.DocTestRunner(verbose=False)
    said: list[str] = []
    for test in finder.find(module, name, globs=dict(vars(module))):
        runner.run(test, out=said.append)
    assert runner.failures == 0, "".join(said)


def test_the_documentation_has_examples():
    examples = {
        name: sum(
            len(test.examples)
            for test in doctest.DocTestFinder().find(importlib.import_module(name), name)
        )
        for name in modules()
    }
    assert sum(examples.values()) > 40, examples


@pytest.mark.parametrize("name", modules())
def test_every_public_name_is_documented(name: str):
    module = importlib.import_module(name)
    assert module.__doc__, name
    bare = [
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and getattr(value, "__module__", None) == name
        and callable(value)
        and not getattr(value, "__doc__", None)
    ]
    assert bare == []
