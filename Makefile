# Everything happens in .venv; the machine needs CPython 3.11 or later, g++ and make.
PYTHON ?= python3
WERROR ?= OFF
BIN := .venv/bin
SOURCES := pyproject.toml CMakeLists.txt README.md $(shell find core bindings src -type f -not -name '*.pyc')
INSTALL := -m pip install --quiet --disable-pip-version-check -C cmake.define.GATECAST_WERROR=$(WERROR)

CPP := core/*.hpp core/*.cpp bindings/*.cpp benchmarks/*.cpp tests/engine/*.hpp tests/engine/*.cpp
# The engine's own checks need no Python but these: cmake comes from .venv where there is none.
CMAKE := PATH="$(CURDIR)/$(BIN):$$PATH" cmake
ENGINE := $(CMAKE) -DCMAKE_BUILD_TYPE=Release -DGATECAST_WERROR=$(WERROR) -S tests/engine

.PHONY: help demo test test-pandas2 check docs format bench engine instructions sanitize neon clean

help:
	@echo "make demo     set up, build, and run the tutorial's job"
	@echo "make test     set up, build, and run the tests"
	@echo "make check    formatters, linters and the type checker"
	@echo "make docs     build the guide, strictly, into build/site"
	@echo "make bench    time the engine, beside PyTorch where it is installed"
	@echo "make engine   check the engine alone, AMX emulated"
	@echo "make instructions   count the instructions of small jobs against a budget"
	@echo "make sanitize       check the engine under the sanitizers"
	@echo "make neon           check the engine for ARM, in an emulator"
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

.venv/guide: .venv/bin/pip pyproject.toml
	$(BIN)/python -m pip install --quiet --group docs
	@touch $@

demo: .venv/installed
	$(BIN)/gatecast demo

test: .venv/installed .venv/tools
	$(BIN)/python -m pytest -n auto

# The oldest pandas that is supported; the rest of the tests ran with the newest. What is compared
# with other libraries is tested here too: statsforecast needs this pandas.
test-pandas2: .venv/installed .venv/tools
	test -d .venv-pandas2 || $(PYTHON) -m venv .venv-pandas2
	.venv-pandas2/bin/python -m pip install --quiet --upgrade pip
	.venv-pandas2/bin/python $(INSTALL) . --group dev --group compared \
		'pandas==2.2.*'
	.venv-pandas2/bin/python -m pytest -n auto tests/test_panel.py tests/test_frequency.py \
		tests/test_files.py tests/test_features.py tests/test_doctor.py tests/test_troubles.py \
		tests/test_properties.py tests/test_cli.py tests/test_lstm.py tests/test_models.py \
		tests/test_cross_validation.py tests/test_evaluate.py tests/test_metrics.py \
		tests/test_smoothing.py tests/test_statsforecast.py tests/test_plots.py \
		tests/test_chinese.py tests/test_gates.py tests/test_cli_gates.py

check: .venv/installed .venv/tools
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/clang-format --dry-run -Werror $(CPP)
	$(BIN)/mypy

# Each language is a site of its own. A dead link, a missing anchor or a page that is not listed
# stops it. That every block on the pages runs is tested by `make test`.
SPHINX := $(BIN)/python -m sphinx --quiet --fresh-env --fail-on-warning --keep-going -c docs
docs: .venv/installed .venv/guide
	rm -rf build/site
	$(SPHINX) -d build/doctrees/en . build/site/en
	$(SPHINX) -t zh -d build/doctrees/zh-CN . build/site/zh-CN
	cp docs/_site/index.html build/site/
	@echo "build/site/index.html"

format: .venv/tools
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CPP)

bench: .venv/installed
	$(BIN)/python -m benchmarks.speed

# The engine alone, in build/: every instruction set that runs here, and AMX's in software.
engine: .venv/tools
	$(ENGINE) -B build/engine -DGATECAST_EMULATE_AMX=ON
	$(CMAKE) --build build/engine --target check --parallel 2
	build/engine/check

instructions: .venv/tools
	$(ENGINE) -B build/engine -DGATECAST_EMULATE_AMX=ON
	$(CMAKE) --build build/engine --target instructions --parallel 2
	$(BIN)/python tests/engine/count.py build/engine/instructions

sanitize: .venv/tools
	for s in address,undefined thread; do \
		$(ENGINE) -B build/sanitize-$${s%%,*} -DGATECAST_SANITIZE=$$s -DGATECAST_EMULATE_AMX=ON && \
		$(CMAKE) --build build/sanitize-$${s%%,*} --target check --parallel 2 && \
		build/sanitize-$${s%%,*}/check || exit 1; \
	done

neon: .venv/tools
	@for tool in aarch64-linux-gnu-g++ qemu-aarch64; do \
		command -v $$tool >/dev/null || { echo "Skipped: $$tool is not installed."; exit 0; }; \
	done; set -ex; \
	$(ENGINE) -B build/neon -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
		-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ -DGATECAST_STATIC=ON; \
	$(CMAKE) --build build/neon --target check --parallel 2; \
	qemu-aarch64 build/neon/check --quick

clean:
	rm -rf .venv .venv-pandas2 build
