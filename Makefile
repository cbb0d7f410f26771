PYTHON ?= python3
BIN := .venv/bin
# Tests at the same time: one more than two cores, since tests wait for other processes.
TESTERS ?= 3

.PHONY: demo test check docs install install-hashed lock audit sbom clean

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "videoclip needs Python 3.11 or newer; name one with make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "the venv module is missing; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(BIN)/pip install -q -c constraints.txt -e '.[dev]'
	@touch $@

demo: install  ## the whole system on rendered videos, from pixels to a report
	$(BIN)/videoclip demo --out runs/demo

test: install  ## all tests, after bringing what they need: a browser, real weights
	$(BIN)/python .ci/bring.py
	$(BIN)/python -m pytest -n $(TESTERS) --dist loadfile --no-loadscope-reorder $(OPTIONS)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

docs: install  ## the documentation site, into site/
	$(BIN)/pip install -q -c constraints.txt -e '.[docs]'
	$(BIN)/python .ci/reference.py
	$(BIN)/mkdocs build --strict

install-hashed:  ## the same packages, each checked against its hash
	@$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --require-hashes --extra-index-url https://download.pytorch.org/whl/cpu -r requirements-hashed.txt
	$(BIN)/pip install -q --no-deps -e .
	@touch .venv/installed

lock: install  ## constraints.txt and requirements-hashed.txt anew, from what pip would install now
	$(PYTHON) .ci/lock.py

audit: install  ## known vulnerabilities of what is installed
	$(BIN)/pip-audit --skip-editable

sbom: install  ## what is installed, as CycloneDX
	$(BIN)/cyclonedx-py environment .venv --output-file sbom.json

clean:
	rm -rf .venv runs build dist site
