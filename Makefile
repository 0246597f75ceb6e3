# make demo, make test, make check, make docs, make oldest, make clean. All that is
# needed is make and Python 3.11, 3.12 or 3.13; the first found is taken, unless named:
# make demo PYTHON=python3.13 (after make clean, where another is set up already).

VENV := .venv
BIN := $(VENV)/bin
OLDEST := .venv-oldest
READY := $(VENV)/ready
UNFINISHED := $(VENV)/unfinished

SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c '$(SUPPORTED)' 2> /dev/null && echo $$python && break; done)
INSTALL := $(BIN)/python -m pip install --constraint constraints.txt

.PHONY: demo test check style types layers wheel docs oldest clean

demo: $(READY)
	$(BIN)/metarl train two-step --preset fast --subjects 8 --out runs/demo --resume
	$(BIN)/metarl evaluate runs/demo
	$(BIN)/metarl analyze runs/demo

# All tests but the slow ones. ANIMAL_DATA=DIR also runs the tests that read the
# published animal data; SLOW=1 also runs the slow ones, some ten minutes more.
test: $(READY)
	$(BIN)/python -m pytest -n 2 $(if $(SLOW),,-m "not slow") \
		$(if $(ANIMAL_DATA),--animal-data="$(ANIMAL_DATA)")

check: $(READY)
	$(MAKE) --jobs 2 --output-sync style types layers wheel docs

style: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy --strict metarl scripts

layers: $(READY)
	$(BIN)/lint-imports --no-logo

wheel: $(READY)
	$(BIN)/python scripts/check_wheel.py

# The site, into docs/_build/html; a warning is an error.
docs: $(READY)
	$(BIN)/python -m sphinx -j 2 -q -W --keep-going -b html \
		-d docs/_build/doctrees docs docs/_build/html

# An interrupted install leaves `unfinished` behind, and the next one starts afresh.
$(READY): pyproject.toml constraints.txt
	@"$(PYTHON)" -c '$(SUPPORTED)' 2> /dev/null || { echo "metarl needs Python 3.11, 3.12" \
		"or 3.13; name one: make demo PYTHON=/path/to/python3.12" >&2; exit 1; }
	@rm -f $@
	@{ test ! -e $(UNFINISHED) && $(BIN)/python -m pip --version > /dev/null 2>&1; } \
		|| "$(PYTHON)" -m venv --clear $(VENV)
	@touch $(UNFINISHED)
	$(INSTALL) torch
	$(INSTALL) --editable ".[dev]"
	@mv $(UNFINISHED) $@

# The tests of what depends on other libraries, with the oldest versions of them that
# pyproject.toml admits, on Python 3.11. Old libraries warn of each other.
oldest: $(OLDEST)/ready
	$(OLDEST)/bin/python -m pytest -m oldest -p no:cacheprovider \
		-o "addopts=--import-mode=importlib --strict-markers" \
		-W ignore::DeprecationWarning -W ignore::FutureWarning \
		-W ignore::PendingDeprecationWarning

$(OLDEST)/ready: pyproject.toml constraints.txt
	@rm -f $@
	$(PYTHON) -m venv --clear $(OLDEST)
	$(PYTHON) scripts/oldest_versions.py > $(OLDEST)/constraints.txt
	$(OLDEST)/bin/python -m pip install --constraint $(OLDEST)/constraints.txt torch
	$(OLDEST)/bin/python -m pip install --constraint $(OLDEST)/constraints.txt \
		--editable ".[data]" beartype hypothesis pytest
	@touch $@

# What this file made; results in runs/ stay.
clean:
	rm -rf $(VENV) $(OLDEST) dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	rm -rf .grimp_cache .hypothesis .coverage
	rm -rf docs/_build docs/generated
	find metarl tests scripts docs -name __pycache__ -type d -prune -exec rm -rf {} +
