# Every command of this project; `make` alone lists them. Settings pass through: PORT=9000 make serve
PYTHON ?= $(shell command -v python3.11 || command -v python3)
SERVICE := .venv
DEV := .venv-dev
CLIENTS := .venv-clients
RAY := .venv-ray
HOSTILE := .venv-hostile
WEB := tests/web/node_modules
BASE := python:3.11-slim
include deploy/images.env
LOCK = $(DEV)/bin/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--custom-compile-command "make lock" pyproject.toml

.PHONY: help serve train quick test clients test-clients test-ray web test-web test-hostile hostile mutants check check-models openapi settings lock audit sbom image pin
.DELETE_ON_ERROR:

help:
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

serve: $(SERVICE)/installed ## serve models/ on 127.0.0.1:8000; ARGS="--port 9000" for flags
	$(SERVICE)/bin/python -m service serve $(ARGS)

train: $(DEV)/installed ## train one recipe: RECIPE=gan, ARGS="--seed 1" for flags
	$(if $(RECIPE),,$(error which recipe? For example: make train RECIPE=gan))
	$(DEV)/bin/python -m training train $(RECIPE) $(ARGS)

quick: $(DEV)/installed ## ruff and the tests of what changed since the last commit, in at most 20 s
	$(DEV)/bin/python -m tests.quick $(ARGS)

test: check ## check, then every test whose tools are here, and a list of what was left out; ARGS="-k batcher" chooses
	$(DEV)/bin/python -m tests.everything $(ARGS)

clients: $(CLIENTS)/installed ## install the clients of Triton, KServe and OpenAI for test-clients

test-clients: $(SERVICE)/installed $(CLIENTS)/installed ## test the service with the clients of Triton, KServe and OpenAI
	SERVER_PYTHON=$(SERVICE)/bin/python $(CLIENTS)/bin/python -m pytest -o addopts= -o filterwarnings= tests/clients $(ARGS)

test-ray: $(RAY)/installed ## test the service and data sets on a Ray cluster of three nodes on this machine
	$(RAY)/bin/python -m pytest -o addopts= -o filterwarnings= tests/ray $(ARGS)

web: $(WEB)/installed ## install playwright and axe for test-web; needs npm

test-web: $(WEB)/installed ## test the pages in Chromium, which has to be there; ARGS as for test
	$(DEV)/bin/python -m pytest tests/web $(ARGS)

test-hostile: $(DEV)/installed $(HOSTILE)/installed ## short forms of schemathesis, atheris and generated attacks
	$(DEV)/bin/python -m benchmarks faults api decoder parser adversary --share 0.02

mutants: $(DEV)/installed ## small wrong changes that no test notices; ARGS="--module service/rate.py --sample 50"
	$(DEV)/bin/python -m tests.mutants $(ARGS)

hostile: $(HOSTILE)/installed ## install what `python -m benchmarks faults` fuzzes with

check: $(DEV)/installed ## lint, format, types and import contracts
	$(DEV)/bin/ruff check .
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/mypy
	$(DEV)/bin/lint-imports

check-models: $(SERVICE)/installed ## prove every bundle in models/: digests, shapes, self-tests
	$(SERVICE)/bin/python -m service check-models $(ARGS)

openapi: $(SERVICE)/installed ## print the API's OpenAPI document
	@$(SERVICE)/bin/python -m service openapi

settings: $(DEV)/installed ## write docs/settings.md from service/settings.py
	$(DEV)/bin/python -m tests.settings_table > docs/settings.md

lock: $(DEV)/installed ## resolve the locks in requirements/; ARGS="--upgrade" for newer releases
	$(LOCK) --generate-hashes --extra cpu -o requirements/service.lock $(ARGS)
	$(LOCK) --generate-hashes --extra cuda -c requirements/service.lock -o requirements/service-cuda.lock $(ARGS)
	$(LOCK) --generate-hashes --extra cpu --extra hostile -c requirements/service.lock -o requirements/hostile.lock $(ARGS)
	$(LOCK) --extra cpu --extra client --extra training --extra test -c requirements/service.lock -o requirements/dev.lock $(ARGS)

audit: $(DEV)/installed ## look up known vulnerabilities of what the service runs with
	$(DEV)/bin/uv tool run --from pip-audit==2.10.1 pip-audit --disable-pip --require-hashes -r requirements/service.lock
	$(DEV)/bin/uv tool run --from pip-audit==2.10.1 pip-audit --disable-pip --require-hashes -r requirements/service-cuda.lock

sbom: $(DEV)/installed ## print a bill of materials (CycloneDX) of what the service runs with
	@$(DEV)/bin/uv tool run --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py requirements --output-reproducible --of JSON requirements/service.lock

image: ## build mnist-gan-service:cpu; PYTHON_IMAGE=python:3.11-slim without a registry
	docker build --target cpu --build-arg PYTHON_IMAGE=$(PYTHON_IMAGE) --tag mnist-gan-service:cpu .

pin: ## write the newest digest of the base image to deploy/images.env; needs a registry
	docker pull --quiet $(BASE)
	digest=$$(docker image inspect --format '{{index .RepoDigests 0}}' $(BASE)) \
	&& sed -i "s|^PYTHON_IMAGE=.*|PYTHON_IMAGE=$(BASE)@$${digest#*@}|" deploy/images.env

# What the service runs with: nothing but the lock, so what is no longer locked goes.
$(SERVICE)/installed: requirements/service.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "needs Python 3.11 or newer: make PYTHON=...")'
	$(PYTHON) -m venv --clear $(SERVICE)
	$(SERVICE)/bin/python -m pip install --require-hashes -r $<
	touch $@

# For training and tests. Without hashes: torch has one build per kind of machine.
$(DEV)/installed: requirements/dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "needs Python 3.11 or newer: make PYTHON=...")'
	$(PYTHON) -m venv $(DEV)
	$(DEV)/bin/python -m pip install -r $<
	touch $@

# Other people's clients, of which the service must not need one.
$(CLIENTS)/installed: tests/clients/requirements.txt
	$(PYTHON) -m venv --clear $(CLIENTS)
	$(CLIENTS)/bin/python -m pip install -r $<
	touch $@

# What drives Chromium, in the environment of the other tests, and axe, which looks at the pages.
$(WEB)/installed: $(DEV)/installed tests/web/requirements.txt tests/web/package-lock.json
	$(DEV)/bin/python -m pip install --quiet -r tests/web/requirements.txt
	npm ci --prefix tests/web --ignore-scripts --no-audit --no-fund
	touch $@

# Ray, with what the service and its client run with: the nodes of a cluster have one environment.
$(RAY)/installed: tests/ray/requirements.txt
	$(PYTHON) -m venv --clear $(RAY)
	$(RAY)/bin/python -m pip install -r $<
	touch $@

# Fuzzers, which see the service's own packages.
$(HOSTILE)/installed: requirements/hostile.lock
	$(PYTHON) -m venv --clear $(HOSTILE)
	$(HOSTILE)/bin/python -m pip install --require-hashes -r $<
	touch $@
