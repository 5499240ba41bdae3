# Everything starts here; `make help` lists it. STATE=DIR and PORT_OFFSET=N let two systems run side by side.

STATE ?= .state
PORT_OFFSET ?= 0
DEMO ?= 1
export STATE PORT_OFFSET DEMO ASTERISK_ROOTFS DEBIAN_MIRROR PYTHON LINE KEYS FROM RATE CALLS

VENV := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help setup setup-test run call demo-traffic test check bench clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  STATE=DIR        everything that lasts lives there (default .state)'
	@echo '  PORT_OFFSET=N    shifts every port, so that two systems run side by side'
	@echo '  DEMO=0           make run without the demo agents, with config/ivrd.toml alone'

setup: ## install what is missing: packages, .venv, Asterisk (does nothing the second time)
	@docker/setup.sh

run: setup ## start Asterisk, the demo agents and ivrd in the foreground; Ctrl-C stops them
	@exec $(VENV)/python -m ivr.testbed.run

call: setup ## one real call to the running system: LINE=hr|course|product|complaint [KEYS="1 2# p"] [FROM=13800138000]
	@exec $(VENV)/python -m ivr.testbed.call

demo-traffic: setup ## real calls to the running system keep coming: RATE=10 a minute [CALLS=50]; Ctrl-C stops
	@exec $(VENV)/python -m ivr.testbed.traffic

setup-test:
	@docker/setup.sh test

test: setup-test ## unit, golden, service, property, contract and acceptance tests; acceptance calls a real Asterisk by SIP
	$(VENV)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder tests/property tests/contract tests/service tests/golden tests/unit
	$(VENV)/python -m pytest tests/acceptance -m 'scene and not crowd'
	$(VENV)/python -m pytest tests/acceptance -m 'not scene and not crowd'
	$(VENV)/python -m pytest tests/acceptance -m crowd

check: setup ## ruff, mypy --strict, import rules, lock file
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports
	$(VENV)/python .ci/check_lock.py

bench: setup ## the flow engine; CPU per call and calls per second, beside a pure dialplan and a panoramisk server
	@exec $(VENV)/python -m ivr.testbed.bench

clean: ## remove what set-up and tests made, but never STATE
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
	@[ ! -e .asterisk ] || echo 'The Asterisk root file system stays in .asterisk (belongs to root): sudo rm -rf .asterisk'
