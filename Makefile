# Everything happens in .venv; the machine needs CPython 3.11 or later, g++ and make.
PYTHON ?= python3
WERROR ?= OFF
BIN := .venv/bin
SOURCES := pyproject.toml CMakeLists.txt README.md $(shell find core bindings src -type f -not -name '*.pyc')
INSTALL := -m pip install --quiet --disable-pip-version-check -C cmake.define.GATECAST_WERROR=$(WERROR)

.PHONY: help demo test test-pandas2 check format bench clean

help:
	@echo "make demo     set up, build, and run the tutorial's job"
	@echo "make test     set up, build, and run the tests"
	@echo "make check    formatters, linters and the type checker"
	@echo "make bench    time the engine, beside PyTorch where it is installed"
	@echo "make format   rewrite the sources in the project's format"

.venv/bin/pip:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/installed: .venv/bin/pip $(SOURCES)
	$(BIN)/python $(INSTALL) .
	@touch $@

.venv/tools: .venv/bin/pip pyproject.toml
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

demo: .venv/installed
	$(BIN)/gatecast demo

test: .venv/installed .venv/tools
	$(BIN)/python -m pytest -n auto

# The oldest pandas that is supported; the rest of the tests ran with the newest.
test-pandas2: .venv/installed .venv/tools
	test -d .venv-pandas2 || $(PYTHON) -m venv .venv-pandas2
	.venv-pandas2/bin/python -m pip install --quiet --upgrade pip
	.venv-pandas2/bin/python $(INSTALL) . --group dev 'pandas==2.2.*'
	.venv-pandas2/bin/python -m pytest -n auto tests/test_panel.py tests/test_frequency.py \
		tests/test_files.py tests/test_cli.py tests/test_lstm.py

check: .venv/installed .venv/tools
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/clang-format --dry-run -Werror core/*.hpp core/*.cpp bindings/*.cpp
	$(BIN)/mypy

format: .venv/tools
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i core/*.hpp core/*.cpp bindings/*.cpp

bench: .venv/installed
	$(BIN)/python -m benchmarks.speed

clean:
	rm -rf .venv .venv-pandas2 build
