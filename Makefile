# Everything here works on a fresh clone with python3 (3.11 or later) and make.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
SUPPORTED := 3.11 3.12 3.13 3.14
PYTEST ?=

# The original SDKs, unmodified, each in a virtual environment of its own: the tests and the benchmarks run them.
ORIGINALS := 4.4.0 async-0.4.0

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo docs test spark test-all fuzz soak lint audit types format bench bench-fast bench-growth plots wheel \
	originals coverage clean

help:
	@echo "make demo      the SDK's main job against a sandbox on this machine, step by step"
	@echo "make test      the tests, against the built wheel"
	@echo "make test-all  the same with every supported Python on this machine"
	@echo "make fuzz      hostile input for everything that parses, SECONDS=60 for each target"
	@echo "make soak      both clients under load and faults, SECONDS=600, and whether anything is lost or grows"
	@echo "make lint      ruff and mypy, and pip-audit where its data can be reached"
	@echo "make bench     the benchmarks, side by side with sequoia-client-sdk 4.4.0"
	@echo "make bench-fast    of those, scans, bulk writes and many reads at once"
	@echo "make bench-growth  the sandbox with up to 1,000,000 contents"
	@echo "make docs      the documentation site, into site/; open site/index.html, no server is needed"
	@echo "make coverage  the tests with line and branch coverage"
	@echo "make originals the virtual environments with the original SDKs, which test, bench and coverage need"
	@echo "make spark     the one with Spark, which test and coverage need"

demo: wheel
	@$(BIN)/python -m sequoia.demo

test: wheel originals spark
	$(BIN)/python -m pytest $(PYTEST)

# The wheel goes over the one that is installed: tests and demo run what a user gets, never the source folder.
wheel: $(VENV)/.ready
	@rm -rf dist
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@$(BIN)/python -m pip install --quiet --no-deps --force-reinstall dist/*.whl

$(VENV)/.ready: constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11: say which one to use, e.g. make PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
		{ echo "$(PYTHON) cannot make virtual environments: on Debian, apt-get install python3-venv"; exit 2; }
	@echo "building $(VENV) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --requirement requirements-dev.txt || \
		{ echo "pip could not install what is needed; it takes its packages from PyPI: is it within reach?"; exit 2; }
	@touch $@

# Spark is 500 MB and wants Java. Where there is none, .ready says so, and its tests are skipped with that reason.
spark: wheel .venv-spark/.ready
	@[ -s .venv-spark/.ready ] || \
		.venv-spark/bin/python -m pip install --quiet --no-deps --force-reinstall dist/*.whl

.venv-spark/.ready: tests/spark/requirements.txt constraints.txt
	@echo "building $(@D) ..."
	@mkdir -p $(@D)
	@if command -v java >/dev/null; then \
		$(PYTHON) -m venv --clear $(@D) && \
		$(@D)/bin/python -m pip install --quiet --constraint constraints.txt --requirement $< || \
			{ echo "pip could not install what is needed; it takes its packages from PyPI: is it within reach?"; exit 2; }; \
		: > $@; \
	else echo "Spark needs Java, and java is not on the PATH" | tee $@; fi

# A Python counts as found on the PATH, or where pyenv and uv keep theirs, if it can make virtual environments.
FIND_PYTHON = found=; \
	for python in python$$version $${PYENV_ROOT:-$$HOME/.pyenv}/versions/$$version.*/bin/python \
			$$HOME/.local/share/uv/python/cpython-$$version.*/bin/python; do \
		if $$python -c 'import ensurepip, venv' >/dev/null 2>&1; then found=$$python; break; fi; \
	done

# They need not run on the Python under test: between them and it is HTTP. The asynchronous one works up to 3.12. Where
# no such Python can be found, .ready says why the SDK cannot be used, and its tests are skipped with that reason.
originals: $(ORIGINALS:%=.venv-%/.ready)

$(ORIGINALS:%=.venv-%/.ready): .venv-%/.ready: tests/compat/requirements-%.txt
	@echo "building $(@D) ..."
	@for version in 3.11 3.12; do $(FIND_PYTHON); [ -z "$$found" ] || break; done; \
	$${found:-$(PYTHON)} -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --no-deps --requirement $< || \
		{ echo "pip could not install what is needed; it takes its packages from PyPI: is it within reach?"; exit 2; }
	@version=$$($(@D)/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	if $(@D)/bin/python -c 'import sequoia.client' >/dev/null 2>&1; then : > $@; \
	elif [ $$version = 3.11 ]; then echo "the SDK of $< cannot be imported"; exit 2; \
	else echo "the SDK of $< does not work on Python $$version, and no older one was found" | tee $@; fi

test-all:
	@missing=; failed=; \
	for version in $(SUPPORTED); do \
		$(FIND_PYTHON); \
		if [ -z "$$found" ]; then missing="$$missing $$version"; continue; fi; \
		echo "== Python $$version ($$found)"; \
		$(MAKE) --no-print-directory test PYTHON=$$found VENV=.venv-$$version || failed="$$failed $$version"; \
	done; \
	[ -z "$$missing" ] || echo "not found on this machine, so not tested: Python$$missing"; \
	[ -z "$$failed" ] || { echo "failed with Python$$failed"; exit 1; }

# atheris leads the way by coverage. There is none for some Pythons and systems; then the inputs are random.
fuzz: SECONDS ?= 60
fuzz: wheel
	@$(BIN)/python -m pip install --quiet atheris==3.0.0 || echo "atheris cannot be installed here"
	$(BIN)/python -m fuzz --seconds $(SECONDS) $(FUZZ)

# 32 threads and 200 tasks; SOAK takes further arguments, such as SOAK="--seed 7".
soak: SECONDS ?= 600
soak: wheel
	$(BIN)/python -m soak --seconds $(SECONDS) $(SOAK)

lint: $(VENV)/.ready audit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# In an environment of its own, because it brings thirty packages; what cannot be installed or asked is skipped.
audit: $(VENV)/.ready
	@[ -x $(VENV)-audit/bin/pip-audit ] || { $(PYTHON) -m venv --clear $(VENV)-audit && \
		$(VENV)-audit/bin/python -m pip install --quiet --timeout 10 --retries 1 pip-audit==2.10.1; } || \
		echo "pip-audit cannot be installed here"
	@$(BIN)/python .ci/audit.py $(VENV)-audit/bin/pip-audit constraints.txt

types: $(VENV)/.ready
	$(BIN)/mypy

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The tables and plots of docs/benchmarks.md come of it. Growth with 10,000 and 100,000 contents here; bench-growth goes
# on to 1,000,000, which takes some minutes and 3.2 GB.
bench: wheel originals
	trap '$(BIN)/python -m benchmarks.plots' EXIT; \
	$(BIN)/python -m benchmarks; clients=$$?; \
	$(BIN)/python -m benchmarks.fast; fast=$$?; \
	$(BIN)/python -m benchmarks.resolving; resolving=$$?; \
	$(BIN)/python -m benchmarks.tracing; tracing=$$?; \
	$(BIN)/python -m benchmarks.growth 10000 100000; growth=$$?; \
	$(BIN)/python -m benchmarks.startup; startup=$$?; \
	exit $$((clients | fast | resolving | tracing | growth | startup))

bench-growth: wheel
	trap '$(BIN)/python -m benchmarks.plots' EXIT; $(BIN)/python -m benchmarks.growth

# Tables and plots once more, of the results that are there; it measures nothing.
plots: $(VENV)/.ready
	$(BIN)/python -m benchmarks.plots

bench-fast: wheel originals
	$(BIN)/python -m benchmarks.fast

# The site is built of the pages in docs/ and the docstrings in src/. --strict: a link that leads nowhere is an error.
docs: .venv-docs/.ready
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet
	@echo "open site/index.html"

.venv-docs/.ready: requirements-docs.txt
	@echo "building .venv-docs ..."
	@$(PYTHON) -m venv --clear .venv-docs
	@.venv-docs/bin/python -m pip install --quiet --requirement $< || \
		{ echo "pip could not install what is needed; it takes its packages from PyPI: is it within reach?"; exit 2; }
	@touch $@

coverage: wheel originals spark
	$(BIN)/coverage run -m pytest $(PYTEST)
	$(BIN)/coverage report

clean:
	rm -rf .venv .venv-* dist build site .mypy_cache .ruff_cache .pytest_cache .coverage benchmarks/results
