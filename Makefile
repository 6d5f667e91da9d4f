# Everything a person runs by hand: `make` alone lists it. Every target sets up what it needs.

PYTHON ?= python3
# In the activated conda environment of environment.yml everything goes into that; otherwise into .venv.
VENV ?= $(if $(filter sru-repro,$(CONDA_DEFAULT_ENV)),$(CONDA_PREFIX),.venv)
DATA ?= data
PROFILE ?=
SEEDS ?=
ROWS ?=
JOBS ?=
TEXT ?=
SECTIONS ?=
BUDGET ?=
PACK ?=
LOGGER ?=
RUNS ?=
TRAIN ?=
ARGS ?=

TORCH := torch==2.13.0
PEERS := 2.6.0 3.0.0.dev6
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
PIP := $(BIN)/python -m pip --disable-pip-version-check
SUITE := $(BIN)/sru-repro
# What errors call the folder of data.
export SRU_REPRO_DATA_KEY := DATA=
# Tests look at real data only where someone gave DATA.
GIVEN := $(filter-out file,$(origin DATA))
# On all cores; a file's tests stay together, as they share trained runs.
TESTS = $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder
TABLES := $(filter-out quickstart,$(basename $(notdir $(wildcard conf/table/*.yaml))))
# An empty variable is left out, so that the command's own default holds.
STEER = 'data_dir=$(DATA)' $(if $(PROFILE),'profile=$(PROFILE)') $(if $(SEEDS),'seeds=$(SEEDS)') \
	$(if $(ROWS),'rows=$(ROWS)') $(if $(JOBS),'jobs=$(JOBS)') $(ARGS)

SST := $(basename $(notdir $(wildcard conf/experiment/sst/*.yaml)))
empty :=
space := $(empty) $(empty)
comma := ,
TWO := 1,2
THREE := 1,2,3
commas = $(subst $(space),$(comma),$(strip $1))

.DEFAULT_GOAL := help
.PHONY: help setup quickstart check test lint bench gpu-check gpu-rehearse torture list report docs notebooks demo dashboard sweep-example slurm-sst clean $(TABLES:%=reproduce-%)

help: ## this list
	@echo "make TARGET [NAME=value ...]"; echo
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-22s %s\n", $$1, $$2}' Makefile
	@for table in $(TABLES); do printf '  %-22s %s\n' reproduce-$$table \
		"$$(sed -n '1s/^# //p' conf/table/$$table.yaml): results/$$table.md"; done
	@echo; echo "  DATA=folder          where data lies or is put (default: data)"
	@echo "  PROFILE=name         paper, short or smoke"
	@echo "  SEEDS=1,2,3          one run of every row per seed"
	@echo "  ROWS=a,b             only these rows of the table"
	@echo "  TEXT=file            the text of reproduce-text, or a folder of texts; also .gz, .xz, .zip"
	@echo "  SECTIONS=a,b         of gpu-check: correct, speed, tune, steps, papers, train-sst, train-enwik8, train-squad;"
	@echo "                       where they are named: table1, table2, ablation"
	@echo "  BUDGET=seconds       of gpu-check: for all sections together"
	@echo "  PACK=folder          of gpu-check: a folder of scripts/pack_offline.sh, where there is no network"
	@echo "  TRAIN=1              of demo: train the model first"
	@echo "  JOBS=2               so many runs at a time, each with its share of the cores"
	@echo "  ARGS='key=value'     handed on to the command as it is"
	@echo "  PYTHON=python3.12    the Python to set up with (3.11 to 3.13)"

setup: $(STAMP) ## create .venv (done by every target when needed)

# The stamp comes last: a set-up that was interrupted starts again, and pip skips what it finds done.
$(STAMP): pyproject.toml requirements.lock $(PEERS:%=tests/peers/requirements-%.lock)
	@rm -f $@
	@$(PYTHON) -c 'import sys; v = sys.version_info; (3, 11) <= v < (3, 14) or sys.exit("make: PYTHON=$(PYTHON) is \
	Python %d.%d; 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12 ..." % v[:2])'
	[ -d $(VENV)/conda-meta ] || $(PYTHON) -m venv $(VENV)
	$(PIP) install --no-compile $(TORCH)
	$(PIP) install --no-compile --no-deps --require-hashes -r requirements.lock
	@# pip would compile these 19,000 files on one core. Some are templates, which do not compile.
	@$(BIN)/python -m compileall -qq -j 0 "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" || true
	@# --no-build-isolation: setuptools comes from the lock, not from another download
	$(PIP) install --no-deps --no-build-isolation -e .
	@# The authors' package, for the parity tests: both versions, each in a folder of its own.
	for version in $(PEERS); do $(PIP) install --quiet --no-deps --require-hashes --upgrade \
		--target $(VENV)/peers/$$version -r tests/peers/requirements-$$version.lock || exit 1; done
	$(PIP) check
	@touch $@

quickstart: $(STAMP) ## LSTM, GRU, QRNN and SRU side by side, without downloads: a table and a picture in 3 minutes
	$(SUITE) reproduce table=quickstart profile=short $(ARGS)

# With TRAIN=1 its own model: random vectors that are learned, so that the treebank (0.8 MB) is all it needs.
MODEL := $(if $(TRAIN),runs/demo-model,results/models/sst-sru)
demo: $(STAMP) ## a trained SRU reads five sentences and shows its gates, at once (TRAIN=1: trains it first, 2 minutes)
	$(if $(TRAIN),$(SUITE) train task=sst model=sru task.vectors=random task.tune_vectors=true task.vector_size=64 \
		task.dropout=0.3 model.dropout=0.3 task.batch_size=64 optim.lr=0.003 trainer.max_epochs=2 \
		trainer.threads=1 logger=csv resume=true hydra.run.dir=runs/demo 'data_dir=$(DATA)' $(ARGS))
	$(if $(TRAIN),$(SUITE) export run=runs/demo out=$(MODEL))
	$(SUITE) predict run=$(MODEL) --gates < results/models/sentences.txt

check: lint ## lint, then the fast tests, while you write (ARGS: handed to pytest)
	$(TESTS) -m 'not slow' $(ARGS)

test: lint ## lint, then all tests (DATA=folder: on real data too; ARGS: handed to pytest)
	$(if $(GIVEN),@test -d '$(DATA)' || { echo 'make: DATA=$(DATA): no such folder' >&2; exit 2; })
	$(if $(GIVEN),SRU_REPRO_DATA='$(abspath $(DATA))') $(TESTS) $(ARGS)

lint: $(STAMP) ## ruff and the type check
	$(BIN)/ruff check .
	$(BIN)/mypy

# A table is a file in conf/table; its first line says what it is. PROFILE=paper: the papers' sizes and budgets.
$(TABLES:%=reproduce-%): reproduce-%: $(STAMP)
	$(SUITE) reproduce table=$* $(if $(TEXT),'task.path=$(TEXT)') $(STEER)

bench: $(STAMP) ## speed against LSTM, GRU, convolutions and the authors' package: results/speed.md (ARGS: shapes=sst ...)
	$(SUITE) bench $(ARGS)

# With PACK=folder (scripts/pack_offline.sh) nothing is installed but what lies there: for machines without a network.
gpu-check: $(if $(PACK),,$(STAMP)) ## prove and measure everything on a CUDA GPU, 12 minutes (SECTIONS=correct,speed BUDGET=300)
	$(if $(PACK),scripts/gpu_check.sh '$(PACK)',$(SUITE) gpu-check 'data_dir=$(DATA)') \
		$(if $(SECTIONS),'sections=$(SECTIONS)') $(if $(BUDGET),'budget=$(BUDGET)') $(ARGS)

gpu-rehearse: $(STAMP) ## try PACK=folder here, without a GPU and without a network, before time on a GPU is spent
	scripts/rehearse_pack.sh '$(or $(PACK),.carry)' $(if $(SECTIONS),'sections=$(SECTIONS)') $(ARGS)

torture: $(STAMP) ## kills, full disks, damaged files, typos, poisoned content: results/reliability.md (SECTIONS=kills,files)
	$(BIN)/python -m sru_repro.torture $(if $(GIVEN),'data_dir=$(DATA)') $(if $(SECTIONS),'sections=$(SECTIONS)') $(ARGS)

list: $(STAMP) ## models, tasks and rows of all tables, with their parameters
	$(SUITE) list $(ARGS)

report: $(STAMP) ## write the tables and figures of results/ again from the run records
	$(SUITE) report $(ARGS)

notebooks: $(STAMP) ## run the notebooks and write their outputs into them, when records or code have changed
	$(BIN)/python -m sru_repro.lessons $(ARGS)

sweep-example: $(STAMP) ## three models x two seeds in one command (see ARGS)
	$(SUITE) train -m model=sru,lstm,qrnn 'seed=$(or $(SEEDS),$(TWO))' 'data_dir=$(DATA)' 'profile=$(or $(PROFILE),smoke)' $(ARGS)

docs: $(STAMP) ## the documentation as a site: site/index.html, without a network
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Each row and seed a job; a job that is preempted or runs out of time is requeued and goes on from its checkpoint.
slurm-sst: $(STAMP) ## the rows of Table 1 as Slurm jobs: make slurm-sst SEEDS=1,2 ARGS=hydra.launcher.partition=gpu
	$(SUITE) train -m hydra/launcher=submitit_slurm 'sweep=runs/slurm-sst' 'experiment=$(call commas,$(addprefix sst/,$(or $(subst $(comma),$(space),$(ROWS)),$(SST))))' \
		'seed=$(or $(SEEDS),$(THREE))' 'data_dir=$(DATA)' 'profile=$(or $(PROFILE),short)' hydra.launcher.timeout_min=240 \
		hydra.launcher.max_num_timeout=100 $(ARGS)

dashboard: $(STAMP) ## look at the curves of runs (LOGGER=tensorboard, trackio or wandb; RUNS=folder)
	$(SUITE) dashboard $(if $(LOGGER),'logger=$(LOGGER)') $(if $(RUNS),'runs=$(RUNS)') $(ARGS)

clean: ## remove .venv and the caches; runs, data and results stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache src/*.egg-info
	find src tests scripts -type d -name __pycache__ -exec rm -rf {} +
