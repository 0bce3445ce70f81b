# Every command sets up what it needs first: a machine with Python 3.11 or newer and make is enough.
PYTHON ?= python3
STAGE  ?= dev
STEPS  ?= 200000
CASES  ?= 200000
SEED   ?=
VENV   := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup run test suites conformance lint style types cover bench isolation simulate model fuzz audit redrive mutate openapi picture synth bootstrap deploy clean

help: ## what can be made
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## the virtual environments, Node and the CDK CLI, all pinned; done once
	@$(PYTHON) sandbox/setup.py

run: setup ## the whole casino on this machine: deploy, play the journey, stay up (ONCE=1: exit after the journey)
	@exec $(VENV)/python -m sandbox run

test: setup style ## lint, types, import contracts and every suite
	@$(MAKE) --no-print-directory -j 2 types suites

suites: # what the types are checked beside: both wait for each other's processor less than one after the other
	@$(VENV)/python -m pytest -n 3 --dist loadgroup

conformance: setup ## every rule of the providers' protocols over HTTP, written to docs/conformance.md (COUNTROOM_STACK: a running sandbox)
	@PYTHONPATH=functions:. $(VENV)/python -m tools.conformance

lint: setup style types ## ruff, import contracts, mypy strict

style:
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@PYTHONPATH=functions:. $(VENV)/lint-imports --no-cache

types:
	@$(VENV)/mypy functions infrastructure sandbox tools tests benchmarks app.py

cover: setup ## branch coverage of the functions by the unit, conformance and property tests
	@$(VENV)/python -m pytest -n 2 --cov --cov-report=term tests/unit tests/conformance tests/properties

bench: setup ## side by side with peers: a table, benchmarks/results.json and a picture
	@PYTHONPATH=functions:. $(VENV)/python -m benchmarks

isolation: setup ## bets at one provider while another hangs, or floods us, beside bets alone: ratios of the 99th percentiles
	@PYTHONPATH=functions:. $(VENV)/python -m benchmarks.isolation

simulate: setup ## seeded fault simulation of ledger and payment worker (STEPS=200000, SEED= replays one)
	@PYTHONPATH=functions:. $(VENV)/python -m tests.simulation --steps $(STEPS) $(if $(SEED),--seed $(SEED))

model: setup ## every state of a withdrawal, explored (SIZE=small, STATES=1000000: of everything at once; MUTANTS=1: rules broken on purpose)
	@PYTHONPATH=functions:. $(VENV)/python -m tests.model --size $(or $(SIZE),large) $(if $(STATES),--states $(STATES)) $(if $(MUTANTS),--mutants)

fuzz: setup ## mutated payment webhooks: defined answers only, nothing moves unsigned (CASES=200000, SEED= replays one)
	@PYTHONPATH=functions:. $(VENV)/python -m tests.unit.cashier.webhook_fuzz --cases $(CASES) $(if $(SEED),--seed $(SEED))

audit: setup ## prove every balance of the running sandbox (TABLE=name: of a table in AWS, with your credentials)
	@PYTHONPATH=functions:. $(VENV)/python -m tools.audit $(if $(TABLE),--table $(TABLE)) $(if $(ANCHORS),--anchors $(ANCHORS)) $(if $(KEEP),--anchors-out $(KEEP))

redrive: setup ## payment events played in again: shows the dead letters (DO=1: back to the queue; EVENT=gateway/id: a kept webhook; DISMISS=message REASON="…": settled by people; FROM=stage in AWS)
	@PYTHONPATH=functions:. $(VENV)/python -m tools.redrive $(if $(FROM),--stage $(FROM)) $(if $(EVENT),--event $(EVENT)) $(if $(DISMISS),--dismiss $(DISMISS) --reason "$$REASON") $(if $(MOST),--most $(MOST)) $(if $(DO),--do)

mutate: setup ## break the pure rules on purpose and count how often the tests notice
	@PYTHONPATH=functions:. $(VENV)/python -m tools.mutation

openapi: setup ## docs/openapi.json anew, from what the routes declare
	@PYTHONPATH=functions:. $(VENV)/python -m tools.openapi

picture: setup ## docs/withdrawal-machine.md anew: the withdrawals' state machine, drawn from its template
	@$(VENV)/python -m tools.picture

synth: setup ## the CloudFormation templates of a stage, checked by cdk-nag (STAGE=prod)
	@$(VENV)/python -m tools.cdk synth $(STAGE)

bootstrap: setup ## prepare the AWS account and region of your credentials for the CDK, once (STAGE=dev)
	@$(VENV)/python -m tools.cdk bootstrap $(STAGE)

deploy: setup ## deploy a stage to the AWS account of your credentials (STAGE=dev)
	@$(VENV)/python -m tools.cdk deploy $(STAGE)

clean: ## remove everything that setup and the runs have made
	@rm -rf .venv .sandbox node_modules cdk.out .mypy_cache .ruff_cache .pytest_cache .hypothesis
