# Everything from a fresh clone: each target sets up what it needs first, and a second call starts at once.
#   make quickstart     a study on synthetic CT, up to its report
#   make test           the tests        (make test PYTEST_ARGS="tests/study -x")
#   make test-slow      the tests that take minutes or a Ray cluster of their own
#   make test-kills     a study killed at every point and at 50 random moments, an hour   (KILLS_ARGS="--only workers nodes")
#   make lint           style, types, and the arrows between the packages
#   make docs           the pages of docs/ that derive from the code
#   make figure         the README's figure and its numbers, from a quickstart
#   make real-ct DATA=folder
#   make clean          removes the environment and what building and testing left, never results

PYTHON ?= python3
VENV ?= .venv
RESULTS ?= results
PYTEST_ARGS ?=
KILLS_ARGS ?=

BIN = $(VENV)/bin
READY = $(VENV)/.labelcurve-ready

.PHONY: quickstart test test-slow test-kills lint docs figure real-ct setup clean

quickstart: $(READY)
	"$(BIN)/labelcurve" run quickstart --results "$(RESULTS)"

real-ct: $(READY)
	@test -n "$(DATA)" || { echo "make real-ct needs the folder of the images: make real-ct DATA=folder" >&2; exit 2; }
	"$(BIN)/labelcurve" run examples/real-ct.yaml --set "data=$(DATA)" --results "$(RESULTS)"

test: $(READY)
	"$(BIN)/python" -m pytest $(PYTEST_ARGS)

test-slow: $(READY)
	"$(BIN)/python" -m pytest -m slow $(PYTEST_ARGS)

test-kills: $(READY)
	"$(BIN)/python" -m tests.kills $(KILLS_ARGS)

lint: $(READY)
	"$(BIN)/ruff" check .
	"$(BIN)/ruff" format --check .
	"$(BIN)/mypy"
	"$(BIN)/lint-imports" --no-cache

docs: $(READY)
	"$(BIN)/python" docs/make.py

figure: quickstart
	"$(BIN)/python" docs/quickstart.py "$(RESULTS)/quickstart"

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "labelcurve needs Python 3.11 or newer, and $(PYTHON) is older or missing: make PYTHON=/path/to/python3" >&2; exit 2; }
	"$(PYTHON)" -m venv "$(VENV)"
	"$(BIN)/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch "$@"

clean:
	rm -rf "$(VENV)" build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
