# make run | make test | make install | make compile | make lint | make bench | make faults | make soak | make fuzz | make traffic | make lock | make clean
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=
JOBS   ?= 3
ALONE  := tests/rollout tests/faults
AGAIN  := tests/unit tests/fuzz tests/wire/test_edge_framing.py tests/wire/test_edge_connections.py \
          tests/wire/test_proxy_failures.py tests/wire/test_proxy_streams.py tests/wire/test_proxy_leaving.py \
          tests/wire/test_replies_endings.py tests/wire/test_upstream_streams.py tests/wire/test_websocket_ending.py
NEVER_COMPILED := */test_resumekit_* */test_traffic_* */test_verify_* */test_compare* */test_scenario* */test_bench_* \
                  */test_hide* */test_pair_places* */test_conditional* */test_noise* */test_confid* */test_encodings* */test_places* */test_json_text* */test_confirm* */test_fingerprint*
unexport PYTHONDONTWRITEBYTECODE  # where it is set, each of hundreds of processes compiles all that it imports
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check install
PINNED := --require-hashes --only-binary :all:
PINS    = $(BIN)/python -m uv --quiet pip install --python $(BIN)/python --compile-bytecode $(PINNED) -r $(1) 2>/dev/null || \
          $(PIP) $(PINNED) -r $(1)  # what uv cannot do (an index that pip alone is told of), or a fault: pip does it, or tells

.PHONY: run test install compile lint bench bench-peers faults soak fuzz traffic lock clean

run: install compile  ## everything on embedded defaults; make run ARGS="--port 8080"
	@exec $(BIN)/python -m stack $(ARGS)

install: $(VENV)/.installed  ## .venv with the `gateway` command

compile: $(VENV)/.compiled  ## the modules that requests run through as machine code, where there is a C compiler

$(VENV)/.compiled: $(VENV)/.installed $(shell find gateway -name '*.py')
	@$(BIN)/python -m gateway compile --if-possible
	@touch $@

test:  ## lint, types, all tests (those that measure under load alone), and many again on the bare sources
	@$(MAKE) --no-print-directory -j2 compile lint
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ALONE:%=--ignore=%)
	$(BIN)/python -m pytest $(ALONE)
	GATEWAY_COMPILED=0 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(AGAIN) $(NEVER_COMPILED:%=--ignore-glob='%')

bench: $(VENV)/.installed-dev compile  ## the gateway beside its peers: make bench QUICK=1, make bench ARGS="--only ours,nginx --workloads get"
	$(BIN)/python -m bench $(if $(QUICK),--quick) $(ARGS)

bench-peers: $(VENV)/.installed-dev  ## Envoy, Traefik, Caddy and aiohttp into .venv, for `make bench`
	@$(call PINS,requirements-bench.lock)

faults: $(VENV)/.installed-dev  ## five minutes of random faults under load: make faults ARGS="--seed 7"
	$(BIN)/python -m tests.faults.schedule $(ARGS)

soak: $(VENV)/.installed-dev  ## twenty minutes at half capacity: memory, sockets and tasks must stay flat
	$(BIN)/python -m tests.faults.soak $(ARGS)

fuzz: $(VENV)/.installed-dev  ## 1,000,000 mutated requests, 200,000 replies; make fuzz ARGS="--seed 2"
	$(BIN)/python -m tests.fuzz --write $(ARGS)

traffic: $(VENV)/.installed-dev  ## users on whole journeys through a running stack: make traffic ARGS="--rate 5 --seconds 60"
	$(BIN)/python -m traffic $(ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is missing; install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $$($(PYTHON) --version) is too old; Python 3.11 or newer is needed: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "make: $(PYTHON) has no venv module; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock requirements-install.lock pyproject.toml | $(VENV)/bin/python
	@echo "installing pinned dependencies ..."
	@$(PIP) $(PINNED) -r requirements-install.lock || true
	@$(call PINS,requirements.lock)
	@$(PIP) --no-deps --no-index --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@$(call PINS,requirements-dev.lock)
	@touch $@

lock:  ## after a change of dependencies: pins for all platforms, with hashes, without addresses
	$(BIN)/python -m uv pip compile pyproject.toml --group dev --extra sample --extra compile -o requirements-dev.lock $(LOCK)
	$(BIN)/python -m uv pip compile pyproject.toml --group build --extra sample --extra compile -o requirements.lock -c requirements-dev.lock $(LOCK)
	$(BIN)/python -m uv pip compile --group install -o requirements-install.lock $(LOCK)
	$(BIN)/python -m uv pip compile --group bench -o requirements-bench.lock -c requirements-dev.lock $(LOCK)

LOCK := --quiet --universal --python-version 3.11 --generate-hashes --only-binary :all: --no-header --no-emit-index-url

clean:  ## the environment and all state of `make run`
	rm -rf $(VENV) gateway/_compiled* .run .gateway .mypy_cache .ruff_cache .pytest_cache .hypothesis
