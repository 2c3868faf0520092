# `make demo` and `make test` need nothing but Python 3.11+ and make; both make .venv when missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ROOMS := pipeline tokenizer trainer datasets

.PHONY: help install demo test lint format lock clean

help:  ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

install: $(VENV)/.installed  ## make .venv with vimpac and its pinned dependencies

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	mkdir -p $(VENV)/typing && ln -sfn "$(CURDIR)" $(VENV)/typing/vimpac
	touch $@

demo: install  ## the main job end to end on real video; leaves demo/
	$(BIN)/vimpac demo --out demo

test: lint  ## lint, type-check and run the tests
	$(BIN)/python -m pytest

lint: install  ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=$(VENV)/typing $(BIN)/mypy $(ROOMS:%=-p vimpac.%)

format: install  ## rewrite the code as the linter wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: install  ## write requirements.lock from what .venv holds
	$(BIN)/python -m pip freeze --all --exclude-editable --exclude pip | sed -E 's/\+cpu//' > requirements.lock

clean:  ## remove what make made
	rm -rf $(VENV) build dist demo *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
