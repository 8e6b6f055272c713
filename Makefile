# make demo    everything from nothing to a measured student, on this machine alone
# make test    the tests; sets itself up
# make nightly tests that take minutes, and a small tmpfs where it may be mounted
# make gpu     tests that need a graphics card
# make lint    what .ci/run checks before the tests
# make screenshots  the pictures of docs/images, report.png apart, as the tests take them (needs chromium)
#
# TORCH_INDEX names where torch is taken from. Empty: wherever pip finds it, which on Linux x86-64 outside a prepared
# machine is a wheel with CUDA. For processors only:  make test TORCH_INDEX=https://download.pytorch.org/whl/cpu

PYTHON ?= python3
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
EXTRAS ?= train,data,pdf,serving,search,qlora,dev
JOBS ?= 2
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo test nightly gpu lint format install wheel clean doctor bench screenshots

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -10

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "imbik needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Name another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "this Python cannot make environments (Debian and Ubuntu split that off): apt-get install python3-venv"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch
	$(BIN)/pip install -q -c constraints.txt -e ".[$(EXTRAS)]"
	touch $@

install: $(VENV)/.installed

demo: install
	$(BIN)/imbik demo

doctor: install
	$(BIN)/imbik doctor

test: install
	@left=""; \
	if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null && ! command -v google-chrome >/dev/null; \
	then echo "left out: the tests of pages in a browser (no chromium here). To run them: apt-get install chromium"; \
	  left="$$left and not browser"; fi; \
	if ! strace -o /dev/null true 2>/dev/null; \
	then echo "left out: what a run connects to, seen by the kernel (no strace that may trace). apt-get install strace"; \
	  left="$$left and not strace"; fi; \
	$(BIN)/pytest -n $(JOBS) -m "not nightly and not gpu$$left" $(ARGS)

nightly: install
	$(BIN)/pip install -q -c constraints.txt -e ".[gguf,presidio]" "llama-cpp-python[server]"
	$(BIN)/python -c 'import triton' 2>/dev/null || $(BIN)/pip install -q --no-deps triton
	$(BIN)/pytest -m nightly

gpu: install
	$(BIN)/pytest -m gpu

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy benchmarks

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

screenshots: install
	PYTHONPATH=tests $(BIN)/python tests/review_screenshots.py docs/images
	PYTHONPATH=tests $(BIN)/python tests/refinery_screenshots.py docs/images

wheel: install
	$(BIN)/python -m build --no-isolation --wheel

# make bench-NAME runs benchmarks/NAME.py (dashes for underscores); its first lines say what it needs and prints.
bench-%: install
	$(BIN)/python benchmarks/$(subst -,_,$*).py $(ARGS)

bench:
	@ls benchmarks/*.py | sed 's|benchmarks/|make bench-|; s|\.py$$||; s|_|-|g'

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
