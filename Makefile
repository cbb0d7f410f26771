PYTHON ?= python3
BIN := .venv/bin
# What of pyproject's extras comes with the package, such as EXTRAS=speech,text,embed.
EXTRAS ?=
# Tests at the same time: one more than two cores, since tests wait for other processes.
TESTERS ?= 3
PIP = $(BIN)/pip install -q -c constraints.txt

.PHONY: demo develop docs test check install install-hashed lock audit sbom clean

install: .venv/installed  ## the package, as those who use it need it
	$(if $(EXTRAS),$(PIP) -e '.[$(EXTRAS)]')

develop: .venv/developed  ## and what tests and checks need: a browser's driver, Ray, servers

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "videoclip needs Python 3.11 or newer; name one with make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "the venv module is missing; on Debian and Ubuntu: apt install python3-venv"; exit 1; }

.venv/installed: pyproject.toml constraints.txt | .venv/bin/pip
	$(PIP) -e .
	@touch $@

.venv/developed: pyproject.toml constraints.txt | .venv/bin/pip
	$(PIP) -e '.[dev]'
	@touch .venv/installed $@

demo: install  ## the whole system on rendered videos, from pixels to a report
	$(BIN)/videoclip demo --out runs/demo

test: develop  ## all tests, after bringing what they need: a browser, real weights
	$(BIN)/python .ci/bring.py
	$(BIN)/python -m pytest -n $(TESTERS) --dist loadfile --no-loadscope-reorder $(OPTIONS)

check: develop
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

docs: develop  ## the documentation as a site, in site/
	$(BIN)/python .ci/reference.py
	$(BIN)/python -m mkdocs build --quiet --strict

install-hashed: | .venv/bin/pip  ## the same packages, each checked against its hash
	$(BIN)/pip install -q --require-hashes --extra-index-url https://download.pytorch.org/whl/cpu -r requirements-hashed.txt
	$(BIN)/pip install -q --no-deps -e .
	@touch .venv/installed .venv/developed

lock: develop  ## constraints.txt and requirements-hashed.txt anew, from what pip would install now
	$(PYTHON) .ci/lock.py

audit: develop  ## known vulnerabilities of what is installed
	$(BIN)/pip-audit --skip-editable

sbom: develop  ## what is installed, as CycloneDX
	$(BIN)/cyclonedx-py environment .venv --output-file sbom.json

clean:
	rm -rf .venv runs build dist site
