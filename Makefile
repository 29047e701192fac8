# Every target makes the environment it needs, from nothing but Python 3.11, make and a network.
PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
WORLD ?= length
BIN := $(VENV)/bin
# A CPU-only wheel index saves gigabytes on machines without a GPU: make demo TORCH_INDEX=URL
TORCH_SOURCE := $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX) --retries 0)
STAMP := $(VENV)/.installed
# What extraction is compared with; its own environment, since it asks for other versions of shared packages.
PEER := benchmarks/out/finaletoolkit

.PHONY: demo foundation-demo test lint format bench clean
.DEFAULT_GOAL := demo

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with PYTHON=..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH_SOURCE) torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

## Simulate a cohort of BAM files, run the whole workflow on it, end with the report's path.
demo: $(STAMP)
	$(BIN)/cfdna-interp simulate --world $(WORLD) --out demo/cohort --seed 1 --jobs $(JOBS)
	$(BIN)/cfdna-interp run --config config/demo.yaml --cores $(JOBS)

## The same with a small causal language model as the encoder, pre-trained on the cohort's own fragments.
foundation-demo: $(STAMP)
	$(BIN)/cfdna-interp simulate --world $(WORLD) --out demo/foundation/cohort --seed 1 --fragments 2000 \
	  --discovery 60 --heldout 60 --jobs $(JOBS)
	$(BIN)/cfdna-interp run --config config/foundation.yaml --cores $(JOBS)

## All tests.
test: $(STAMP)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --durations 25

## Style, types, workflow.
lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile

$(PEER)/.installed:
	$(PYTHON) -m venv $(PEER)
	$(PEER)/bin/python -m pip install --quiet --disable-pip-version-check finaletoolkit==1.1.0
	@touch $@

# A route that attribution is compared with; beside the environment, since its own needs would change versions there.
benchmarks/out/shap/.installed: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target benchmarks/out/shap \
	  shap==0.51.0 slicer==0.0.8
	@touch $@

# Without its dependencies, which have no wheels for all of them and would change versions of shared packages.
SAELENS := benchmarks/out/saelens
$(SAELENS)/.installed:
	$(PYTHON) -m venv $(SAELENS)
	$(SAELENS)/bin/python -m pip install --quiet --disable-pip-version-check $(TORCH_SOURCE) torch==2.13.0
	$(SAELENS)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: numpy \
	  'transformers<6' datasets plotly tenacity python-dotenv pyyaml simple-parsing nltk einops jaxtyping \
	  beartype fancy-einsum rich wandb sentencepiece accelerate pandas tqdm typeguard safetensors
	$(SAELENS)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --no-deps \
	  sae-lens==6.54.12 'transformer-lens<4'
	@touch $@

## Speed, accuracy and verdicts on planted truth; tables are kept in benchmarks/README.md.
bench: $(STAMP) $(PEER)/.installed $(SAELENS)/.installed benchmarks/out/shap/.installed
	$(BIN)/python benchmarks/extract.py
	$(BIN)/python benchmarks/tissue.py
	$(BIN)/python benchmarks/encode.py
	$(BIN)/python benchmarks/reference_model.py
	$(BIN)/python benchmarks/attribution_speed.py
	$(BIN)/python benchmarks/planted_truth/known_weights.py
	$(BIN)/python benchmarks/planted_truth/worlds.py --first 175 --jobs $(JOBS)
	$(BIN)/python benchmarks/sparse.py
	$(BIN)/python benchmarks/representation.py
	$(BIN)/python benchmarks/geometry.py --draws 100
	$(BIN)/python benchmarks/intervals.py --draws 2000
	$(BIN)/python benchmarks/paired_margin.py --draws 400
	$(BIN)/python benchmarks/handling.py --draws 1000
	$(BIN)/python benchmarks/null_cohorts.py --cohorts 2000
	$(BIN)/python benchmarks/table_route.py
	$(BIN)/python benchmarks/worlds_bam.py --jobs $(JOBS)
	$(BIN)/python benchmarks/worlds_tables.py --jobs $(JOBS)
	$(BIN)/python benchmarks/bag_claims.py

clean:
	rm -rf demo results benchmarks/out
