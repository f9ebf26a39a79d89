# make demo: see it work.  make test: prove it.  Both set up what they need, once.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
SPARK_VERSION := 4.1.4
VENV := .venv
SPARK := .spark
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore

# One thread for BLAS and torch: with two, tiny tensors get far slower.
export OMP_NUM_THREADS := 1
export SPARK_HOME := $(CURDIR)/$(SPARK)/pyspark
export PYSPARK_PYTHON := $(CURDIR)/$(BIN)/python
export PATH := $(CURDIR)/$(BIN):$(SPARK_HOME)/bin:$(PATH)

.PHONY: help install demo test test-fast lint format bench experiments constraints clean

help:
	@echo "make demo         a recurring Spark job under a real Airflow, in 4 to 6 minutes"
	@echo "make test         all tests"
	@echo "make test-fast    without other processes: no JVM, Airflow or PostgreSQL, in a minute or so"
	@echo "make lint         formatting, types, layers"
	@echo "make bench        speed and memory, as JSON"
	@echo "make experiments  the papers' experiments on the simulator: tables of the documents, charts"
	@echo "make install      everything into $(VENV) and $(SPARK), nothing elsewhere"

install: $(VENV)/.installed $(SPARK)/.installed-$(SPARK_VERSION)

$(VENV)/.installed: pyproject.toml setup.cfg constraints.txt setup.py $(shell find airflow_enel/spark/agent -name '*.java')
	@command -v javac > /dev/null || { echo "A JDK is missing: install one of version 8 or newer, so that javac is on the PATH (Debian: apt-get install openjdk-17-jdk-headless)."; exit 1; }
	@test -n "$(PYTHON)" && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "Python 3.11 is needed for the pinned set-up; call make with PYTHON=/path/to/python3.11."; exit 1; }
	@echo "Installing Airflow and airflow-enel into $(VENV) (once, 2 to 5 minutes) …"
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@$(PIP) --constraint constraints.txt --editable '.[all,dev]'
	@touch $@

$(SPARK)/.installed-$(SPARK_VERSION): | $(VENV)/.installed
	@echo "Installing Spark $(SPARK_VERSION) into $(SPARK) (once, about 1 minute) …"
	@rm -rf $(SPARK)
	@$(PIP) --target $(SPARK) pyspark==$(SPARK_VERSION)
	@touch $@

demo: install $(CLASSES)
	@$(BIN)/python -m dags_examples.demo $(if $(KEEP),--keep)

# The JVMs of the tests start in half the processor time with it.
CLASSES := $(SPARK)/classes.jsa

$(CLASSES): $(SPARK)/.installed-$(SPARK_VERSION)
	@echo "Archiving the classes of Spark for the tests (once, about 20 seconds) …"
	@$(BIN)/python -m tests.support.processes.class_archive $@

# A file stays with one worker, and its processes with it.
PYTEST := $(BIN)/pytest --dist loadfile --no-loadscope-reorder

# Three at a time on two cores: tests with real processes wait a lot.
test: install $(CLASSES)
	@$(PYTEST) --numprocesses 3

test-fast: install
	@$(PYTEST) --numprocesses 2 -m "not (spark or airflow or postgres or processes)" --hypothesis-profile fast

lint: install
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: install
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

bench: install
	@$(BIN)/python -m benchmarks -o json

experiments: install
	@$(BIN)/python -m benchmarks experiments

# Pin what is installed now; torch without its local version, which no registry knows.
constraints: install
	@$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints.txt

clean:
	rm -rf $(VENV) $(SPARK) .demo build dist *.egg-info
