# Everything starts here, on a machine with make and Python 3.11 or newer and nothing else prepared.
# What is installed is what the two locks name, by hash, into .venv/ and .tox/; `make clean` takes
# it all away. Options go in ARGS: make demo ARGS="--loss 0.03", make test ARGS="-e checks".

.DEFAULT_GOAL := help
SHELL := /bin/sh
.DELETE_ON_ERROR:
.NOTPARALLEL:
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

# Choose another interpreter with: make test PYTHON=/path/to/python3
PYTHON ?=
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements.lock
TOOLS_LOCK := tests/requirements.lock
LOCKED := --quiet --disable-pip-version-check --no-input --no-deps

# A stamp's name is a digest of all that an installed environment follows from.
RUNTIME_KEY := $(shell { pwd; cat $(LOCK) pyproject.toml; } | cksum | tr ' ' -)
TOOLS_KEY := $(shell { pwd; cat $(TOOLS_LOCK) pyproject.toml; } | cksum | tr ' ' -)
RUNTIME := $(VENV)/.runtime-$(RUNTIME_KEY)
TOOLS := $(VENV)/.tools-$(TOOLS_KEY)

.PHONY: help demo test lint format bench bench-peers plot lock clean

help: ## list what there is to do
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

demo: $(RUNTIME) ## send messages through a throw-away site: both sides, link, ledgers
	@$(BIN)/guard demo $(ARGS)

test: $(TOOLS) ## run every check: lint, types, imports, tests
	@$(BIN)/python -m tox run $(ARGS)

lint: $(TOOLS) ## run the checks that start nothing: lint, types, imports
	@$(BIN)/python -m tox run -e checks $(ARGS)

format: $(TOOLS) ## put the code in form and mend what can be mended
	@$(BIN)/ruff check --fix $(ARGS) .
	@$(BIN)/ruff format .

bench: $(RUNTIME) ## measure speed and where the time goes
	@$(BIN)/python -m bench.chain
	@$(BIN)/python -m bench.code
	@$(BIN)/guard bench link --rate 5Gbit/s

bench-peers: $(RUNTIME) ## measure udpcast, uftp, pydiode and ours side by side (fetches them)
	@$(BIN)/python -m bench.peers --install $(ARGS)

plot: $(TOOLS) ## draw what diode-sim sweep found: ARGS="sweep.json --out sweep.svg"
	@$(BIN)/diode-sim plot $(ARGS)

lock: ## choose the newest versions again and write both locks (needs uv)
	@command -v uv >/dev/null || { echo 'make lock needs uv: install it with  pip install uv' >&2; exit 1; }
	@$(UV_COMPILE) pyproject.toml --group build --output-file $(LOCK)
	@$(UV_COMPILE) --group tools --constraints $(LOCK) --output-file $(TOOLS_LOCK)

clean: ## remove environments, caches and builds
	@rm -rf $(VENV) .tox .bench build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

UV_COMPILE := uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--only-binary :all: --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

$(RUNTIME): | $(BIN)/python
	@echo 'checkvalve: installing what it runs on ($(LOCK))'
	@rm -f $(VENV)/.runtime-*
	@$(BIN)/python -m pip install $(LOCKED) --require-hashes --only-binary :all: -r $(LOCK)
	@$(BIN)/python -m pip install $(LOCKED) --no-build-isolation --editable .
	@touch $@

$(TOOLS): | $(BIN)/python
	@echo 'checkvalve: installing what checks it ($(TOOLS_LOCK))'
	@rm -f $(VENV)/.tools-*
	@$(BIN)/python -m pip install $(LOCKED) --require-hashes --only-binary :all: -r $(TOOLS_LOCK)
	@touch $@

# The first interpreter that starts, is new enough and can make an environment. A name on the path
# proves nothing: version managers put stand-ins there, and Debian ships Python without its venv.
$(BIN)/python:
	@usable='import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))'; venvless=; \
	for name in $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python3.14); do \
	    "$$name" -c "$$usable" >/dev/null 2>&1 || continue; \
	    if "$$name" -c 'import ensurepip, venv' >/dev/null 2>&1; then \
	        echo "checkvalve: making $(VENV) with $$("$$name" --version)"; \
	        exec "$$name" -m venv --clear $(VENV); \
	    fi; \
	    venvless=$${venvless:-$$("$$name" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')}; \
	done; \
	if [ -n "$$venvless" ]; then \
	    echo "checkvalve: $$venvless cannot make environments here; install what it lacks with:  sudo apt-get install $$venvless-venv" >&2; \
	else \
	    echo 'checkvalve: no Python 3.11 to 3.14 found; install one with:  sudo apt-get install python3 python3-venv  (or name it: make test PYTHON=...)' >&2; \
	fi; \
	exit 1
