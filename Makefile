# make run | test are all a fresh machine needs: each sets itself up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 7860
export GRADIO_ANALYTICS_ENABLED := False
export HF_HUB_DISABLE_TELEMETRY := 1

.PHONY: run test check format bench setup clean

run: setup
	$(BIN)/python app.py --host $(HOST) --port $(PORT)

setup: $(VENV)/.installed

test: $(VENV)/.browser
	$(BIN)/python -m pytest

check: $(VENV)/.developer
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.developer
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.developer
	$(BIN)/python -m tests.bench.super_resolution

# make train-faces, train-… (any recipe of engines/train/recipes). DATA: the folder with the archives, see
# engines/train/README.md; RUN: where run folders go; MINUTES: the time budget.
DATA ?= ../shared/data
RUN ?= runs
MINUTES ?= 60
train-%: $(VENV)/.forge
	$(BIN)/python -m engines.train $* --data $(DATA) --run $(RUN)/$* --minutes $(MINUTES)

$(VENV)/.forge: $(VENV)/.installed engines/train/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r engines/train/requirements.txt
	touch $@

$(VENV)/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "GAN Studio needs Python 3.11 or newer; this is %d.%d. Set PYTHON=/path/to/python3.11." % v[:2])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.developer: $(VENV)/.installed tests/requirements.txt engines/train/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	touch $@

$(VENV)/.browser: $(VENV)/.developer tests/browser.sh
	sh tests/browser.sh $(BIN)/python
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache
