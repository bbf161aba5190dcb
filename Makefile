# Set-up and daily commands; the same in plain pip commands stands in the README.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: verify test lint bench prove

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable ".[dev]" --config-settings editable_mode=strict
	touch $@

verify: .venv/installed
	$(BIN)/asgd verify

test: .venv/installed
	$(BIN)/python -m pytest -n auto

# Beside torch where it is installed in .venv: pip install torch==2.13.0
bench: .venv/installed
	$(BIN)/asgd bench

# The lemmas of spec/proofs/, by Gappa and Sollya: apt-get install gappa sollya
prove:
	$(PYTHON) tests/meta/studies/prove.py

lint: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
