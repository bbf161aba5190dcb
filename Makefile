# Set-up and daily commands; the same in plain pip commands stands in the README.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --config-settings editable_mode=strict --editable

.PHONY: verify test lint bench docs prove

# What `asgd verify` needs, and no more.
.venv/verify: pyproject.toml
	$(PYTHON) -m venv .venv
	$(INSTALL) ".[report]"
	touch $@

.venv/dev: .venv/verify
	$(INSTALL) ".[dev]"
	touch $@

verify: .venv/verify
	$(BIN)/asgd verify

test: .venv/dev
	$(BIN)/python -m pytest -n auto

# Beside torch where it is installed in .venv: pip install torch==2.13.0
bench: .venv/dev
	$(BIN)/asgd bench

# The lemmas of spec/proofs/, by Gappa and Sollya: apt-get install gappa sollya
prove:
	$(PYTHON) tests/meta/studies/prove.py

# The pages of spec/docs/, in build/docs, and the kept reports side by side; a warning fails.
KEPT := $(wildcard tests/meta/evidence/ports/*.json)
docs: .venv/dev
	$(BIN)/python -m sphinx -b html -nW --keep-going -q spec/docs build/docs
	$(if $(KEPT),$(BIN)/asgd site build/docs/ports $(KEPT))

lint: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/zizmor --offline --quiet .
