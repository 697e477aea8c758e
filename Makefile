# Every command of the project. `make` alone lists them; README.md says who needs which.
#
# The environment is .venv, made from locks/*.txt: each file below .venv/.installed-* is a stamp that says
# "this lock is installed", so a second run starts at once and a changed lock installs again.

PYTHON ?= python3
PY := .venv/bin/python
LAB_ARGS ?=
PYTEST_ARGS ?=
ASSIGNMENT ?=
FROM ?=
FORM ?=
SCHEDULER ?=
BENCH_ARGS ?=
GPU ?=

# Whatever the caller has active or configured must not leak into .venv, nor .venv's packages elsewhere.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONSTARTUP CONDA_PREFIX PIP_TARGET PIP_PREFIX PIP_ROOT
export PYTHONNOUSERSITE := 1
export PIP_USER := 0
export PIP_NO_INPUT := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# A `python3` kernel of the user's own must not shadow the one in .venv.
export JUPYTER_PREFER_ENV_PATH := 1

PIP := $(PY) -m pip install --quiet
LAB_READY := .venv/.installed-lab
CLASS_READY := .venv/.installed-class
TEST_READY := .venv/.installed-test
GPU_READY := .venv/.installed-gpu
READY := $(LAB_READY)
ifeq ($(GPU),1)
READY += $(GPU_READY)
endif
# Grading on several machines, and a gradebook on PostgreSQL, which formgrader shows, too, need more.
CLASS := $(if $(SCHEDULER)$(GRADERS_DATABASE),$(CLASS_READY),$(LAB_READY))
READY += $(if $(GRADERS_DATABASE),$(CLASS_READY))
# Root has no browser session to protect, and Jupyter refuses to start as root without this.
ROOT_ARGS := $(if $(filter 0,$(shell id -u)),--allow-root)

# .venv holds the path it was made in, and its Python's. If the folder was moved or that Python is gone, make all
# of it again.
VENV := .venv/.made-in
ifneq ($(shell test -x $(PY) && cat $(VENV) 2>/dev/null),$(CURDIR))
.PHONY: $(VENV) $(LAB_READY) $(CLASS_READY) $(TEST_READY) $(GPU_READY)
endif

.DEFAULT_GOAL := help
.PHONY: help lab setup test test-all bench lint format doctor release collect grade feedback export similarity lock clean
.DELETE_ON_ERROR:

help:  ## list these commands
	@awk 'BEGIN { FS = ":.*  ## " } /^[a-z-]+:.*  ## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

lab: $(READY)  ## learner: set everything up and open the course (GPU=1 adds CuPy)
	@$(PY) -m course.start_page
	@$(if $(filter 1,$(GPU)),$(PY) -m course.doctor --gpu)
	@echo "Opening JupyterLab on the start page. It stops with Ctrl-C, twice."
	@VIRTUAL_ENV="$(CURDIR)/.venv" PATH="$(CURDIR)/.venv/bin:$$PATH" \
	    JUPYTER_CONFIG_PATH="$(CURDIR)/course/jupyter:$$JUPYTER_CONFIG_PATH" \
	    $(PY) -m jupyterlab --ServerApp.root_dir="$(CURDIR)" \
	    --LabApp.default_url=/lab/tree/course/start.ipynb --log-level=WARN $(ROOT_ARGS) $(LAB_ARGS)

setup: $(READY)  ## set everything up, open nothing (GPU=1 adds CuPy)
	@echo "Ready. Next: make lab"

# So many processes at a time, a file of tests each; 0: in this one, for a debugger.
WORKERS ?= 2
PYTEST = $(PY) -m pytest -n $(WORKERS) --dist loadfile

test: $(TEST_READY)  ## run the tests (PYTEST_ARGS='-k tape' picks some)
	@$(PYTEST) -m "not slow" $(PYTEST_ARGS)

test-all: $(TEST_READY)  ## run the tests, the slow ones too
	@$(PYTEST) $(PYTEST_ARGS)

bench: $(TEST_READY)  ## measure the engine beside other frameworks (BENCH_ARGS='--only matmul')
	@$(PY) -m benchmarks.run --write $(BENCH_ARGS)

# The tests misspell on purpose.
SPELLED := README.md Makefile Dockerfile environment.yml pyproject.toml nbgrader_config.py \
    benchmarks course docs engine exercises graders solutions

lint: $(TEST_READY)  ## check style, formatting, types and spelling; changes nothing
	@failed=0; \
	$(PY) -m ruff check --output-format concise . || failed=1; \
	$(PY) -m ruff format --check --output-format concise . || failed=1; \
	$(PY) -m mypy || failed=1; \
	$(PY) -m codespell_lib $(SPELLED) || failed=1; \
	exit $$failed

format: $(TEST_READY)  ## mend what lint can mend by itself
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

doctor:  ## check this machine and the set-up, and name each fix
	@if [ -x $(PY) ]; then $(PY) -m course.doctor; else $(PYTHON) -m course.doctor; fi

release: $(LAB_READY)  ## instructor: write exercises/ from solutions/
	@$(PY) -m graders.cli release

collect: $(LAB_READY)  ## instructor: take submissions from FROM=folder-or-zip (ASSIGNMENT=01)
	@$(PY) -m graders.cli collect $(if $(ASSIGNMENT),--assignment $(ASSIGNMENT)) $(FROM)

grade: $(CLASS)  ## instructor: grade, write feedback, export (ASSIGNMENT=01 for one; SCHEDULER=tcp://host:8786)
	@$(PY) -m graders.cli grade $(if $(SCHEDULER),--scheduler $(SCHEDULER)) $(ASSIGNMENT)

feedback: $(CLASS)  ## instructor: write the feedback pages again, after grading by hand
	@$(PY) -m graders.cli feedback $(ASSIGNMENT)

export: $(CLASS)  ## instructor: write the grades as CSV (FORM=canvas or moodle, too)
	@$(PY) -m graders.cli export $(if $(FORM),--form $(FORM))

similarity: $(CLASS_READY)  ## instructor: list answers that are alike, to look at
	@$(PY) -m graders.cli similarity $(ASSIGNMENT)

COMPILE = $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url $(if $(filter 1,$(UPGRADE)),--upgrade) pyproject.toml --extra lab
lock: export UV_CUSTOM_COMPILE_COMMAND := make lock
lock: $(LAB_READY)  ## write locks/*.txt from pyproject.toml (UPGRADE=1: newest versions)
	@$(PY) -m uv --version >/dev/null 2>&1 || $(PIP) uv
	@$(COMPILE) -o locks/lab.txt
	@$(COMPILE) --extra class -c locks/lab.txt -o locks/class.txt
	@$(COMPILE) --extra class --extra test -c locks/class.txt -o locks/test.txt
	@$(COMPILE) --extra gpu -c locks/lab.txt -o locks/gpu.txt

clean:  ## remove .venv and caches; keeps your answers, progress and grades
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage *.egg-info test-artifacts
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- How .venv comes about ---------------------------------------------------------------------

$(VENV):
	@command -v $(PYTHON) >/dev/null || { \
	    echo "Python 3.11 or newer is needed, and there is no $(PYTHON) here."; \
	    echo "Fix (Debian, Ubuntu): apt install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
	    echo "Fix: install a newer one and name it: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) cannot make virtual environments: its venv or ensurepip module is missing."; \
	    echo "Fix (Debian, Ubuntu): apt install python3-venv"; exit 1; }
	@echo "Making .venv with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv --clear .venv
	@echo "$(CURDIR)" > $@

$(LAB_READY): locks/lab.txt pyproject.toml | $(VENV)
	@echo "Installing JupyterLab and what the course needs: 1 to 3 minutes the first time ..."
	@$(PIP) --require-hashes -r locks/lab.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

# The other locks hold all of locks/lab.txt, and locks/test.txt all of locks/class.txt, at the same versions.
$(CLASS_READY): locks/class.txt $(LAB_READY)
	@echo "Installing what a class needs beside the course ..."
	@$(PIP) --require-hashes -r locks/class.txt
	@touch $@

$(TEST_READY): locks/test.txt locks/lab.txt pyproject.toml | $(VENV)
	@echo "Installing what the course and its tests need: 1 to 3 minutes the first time ..."
	@$(PIP) --require-hashes -r locks/test.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $(LAB_READY) $(CLASS_READY) $@

$(GPU_READY): locks/gpu.txt $(LAB_READY)
	@echo "Installing CuPy and CUDA's libraries, about 2 GB: 2 to 10 minutes the first time ..."
	@$(PIP) --require-hashes -r locks/gpu.txt
	@touch $@
