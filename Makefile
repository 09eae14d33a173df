# Everything that a checkout is used for: `make` lists it. All that it needs are make and Python 3.10 or newer; the
# rest comes into .venv, and once more when pyproject.toml changes.

PYTHON ?= python3
# The PostgreSQL versions that the integration tests run on, in this order; these two come into .venv.
POSTGRES ?= 18 16

.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

# The tools of .venv come first, and a setting of somebody else's does not take the place of ours.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
unexport VIRTUAL_ENV

PY := .venv/bin/python
LAB := PYTHONPATH=tests $(PY)
PYTEST := $(PY) -m pytest --quiet
# Each worker has servers of its own, and a file stays with one worker.
PARALLEL := $(PYTEST) --numprocesses=auto --dist=loadfile
# Real servers, real locks and real time: on a busy machine a test may miss its moment. What fails is shown, and run once
# more by itself; a defect fails again.
ONCE_MORE := $(PYTEST) --last-failed
run = $(PARALLEL) $(1) || $(ONCE_MORE) $(1)
FAULTS := $(PYTEST) tests/faults
MATRIX := $(patsubst %,tests/faults/test_%.py,boundaries struck_under_traffic traffic waves written)
EVERY_UNIT := $(patsubst %,tests/faults/test_%.py,boundaries waves orphans playbook) -m long \
	-k "replaced or rows or connection or orphans or playbook"
# Of the tests on real servers, `make test` runs those of the engine's core on the first version, and `make ci` all: the
# others on the first version, on the second what differs in the catalog or in pg_dump, and on 15 the kinds of objects.
KINDS := $(addprefix tests/integration/test_, column.py column_added.py constraint.py foreign_key.py index.py)
CORE := $(KINDS) $(addprefix tests/integration/, $(addprefix test_, cut_off.py drift.py hostile_database.py journal.py \
	rehearsal.py rollback.py sql.py statements.py toy_kind.py) playbooks/test_story.py)
SECOND := $(addprefix tests/integration/, test_hostile_database.py test_journal.py test_preflight.py \
	test_rollback.py test_sql.py test_statements.py test_verification.py backup/test_backup.py \
	backup/test_restore_beside.py)
# The whole story of each operation. What another story tells, too, is for `make stories`, and not for `make ci`.
STORIES := tests/integration/playbooks/test_stories.py
LINK := .ansible/collections/ansible_collections/steady/postgresql

##@ See it work
.PHONY: demo demo-rollback demo-stop

demo: .venv/.demo link ## deploy a migration to an embedded PostgreSQL under live traffic
	@$(LAB) -m lab.demo deploy

demo-rollback: .venv/.demo link ## undo what `make demo` did
	@$(LAB) -m lab.demo rollback

demo-stop: .venv/.demo link ## stop the demo's server
	@$(LAB) -m lab.demo stop

##@ Work on it
.PHONY: setup test lint format unit integration stories faults molecule docs bench fault-matrix

setup: .venv/.dev link ## make .venv with all tools

test: lint unit integration faults molecule ## lint, the parts, the core on a real server, faults: in ten minutes

lint: setup ## ruff, mypy, yamllint, ansible-lint, and the syntax of playbooks and inventories
	@ruff check --quiet
	@ruff format --quiet --check || { echo "make format does that" >&2; exit 1; }
	@mypy --no-error-summary
	@yamllint --strict .
	@ansible-lint -q --profile production
	@set -e; for playbook in playbooks/*.yml; do \
		ansible-playbook -i inventories/demo --syntax-check $$playbook >/dev/null; \
	done
	@set -e; for inventory in inventories/*/; do ansible-inventory -i $$inventory --graph >/dev/null; done
	@echo "lint: nothing found"

format: setup ## let ruff put the Python files in order
	@ruff check --quiet --fix
	@ruff format --quiet

unit: setup ## the tests of the parts, each by itself
	@$(call run,tests/unit)

integration: setup ## the tests of the core on a real server: POSTGRES=16 says which
	@echo "PostgreSQL $(firstword $(POSTGRES)):"
	@$(call run,$(CORE) --postgres $(firstword $(POSTGRES)))

stories: setup ## every operation from check to rollback, through the playbooks
	@set -e; for major in $(POSTGRES); do $(PYTEST) $(STORIES) --postgres $$major; done

# What takes long of it is the matrix of all operations and all faults, which is for `make ci`.
faults: setup ## kills, crashes, rivals and random migrations
	@echo "Faults, PostgreSQL $(firstword $(POSTGRES)):"
	@$(FAULTS) -m "not long" --postgres $(firstword $(POSTGRES)) || \
		$(FAULTS) -m "not long" --postgres $(firstword $(POSTGRES)) --last-failed

fault-matrix: setup ## every fault at every boundary of every operation, and docs/faults.md written from it
	@set -e; for major in $(POSTGRES); do \
		STEADY_WRITE_DOCS=1 $(PYTEST) $(MATRIX) --postgres $$major; \
	done

molecule: setup ## the playbooks as a user runs them: check, deploy, again, verify
	@.ci/molecule

docs: setup ## write the tables of docs/ that say what the tests have seen
	@$(PYTEST) tests/integration -m fault --write-matrices

bench: setup ## how fast, against psql, and the worst wait of an application
	@$(LAB) benchmarks/run.py

##@ Release it
.PHONY: sanity build ci ci-packages ci-long ci-faults ci-rest

sanity: setup ## ansible-test sanity, on a copy
	@.ci/sanity

build: setup ## the artefact for ansible-galaxy
	@ansible-galaxy collection build --force

ci: ci-packages test ci-long ci-faults ci-rest ## all that CI runs; as root it installs Debian's packages that are missing

# Before the tests, since some of them want these packages and leave themselves out without.
ci-packages:
	@.ci/packages

# `make test` has run the core on the first version.
ci-long: setup
	@set -e; what="tests/integration $(CORE:%=--ignore=%) -m not(long)"; for major in $(POSTGRES); do \
		echo "All other tests on a server, PostgreSQL $$major:"; \
		$(call run,$$what --postgres $$major); \
		what="$(SECOND) -m postgres"; \
	done

# `make test` has run what is not long on the first version. Of the whole matrix, which takes half an hour a version and is
# for `make fault-matrix`, this runs the operations that have each sort of unit between them.
ci-faults: setup
	@echo "Faults at every boundary, PostgreSQL $(firstword $(POSTGRES)):"
	@$(PYTEST) $(EVERY_UNIT) --postgres $(firstword $(POSTGRES)) || \
		$(ONCE_MORE) $(EVERY_UNIT) --postgres $(firstword $(POSTGRES))
	@set -e; for major in $(wordlist 2,9,$(POSTGRES)); do \
		echo "Faults, PostgreSQL $$major:"; \
		STEADY_EXAMPLES=40 $(FAULTS) -m "not long" --postgres $$major || \
			$(FAULTS) -m "not long" --postgres $$major --last-failed; \
	done

ci-rest: setup
	@set -e; what="$(KINDS) $(patsubst %,tests/integration/test_%.py,partitions rollback sql statements)"; major=15; \
	if $(LAB) -c 'import sys; from lab.installations import installations; sys.exit(15 in installations())'; then \
		major=$(lastword $(POSTGRES)); echo "PostgreSQL 15 is not installed here: $$major stands for it"; \
	fi; \
	echo "PostgreSQL $$major:"; \
	$(call run,$$what --postgres $$major)
	@$(MAKE) sanity
	@.ci/readme

##@ Other
.PHONY: link clean help

# ansible.cfg finds the collection there. A link to a folder cannot be committed: ansible-test wants none.
link: ## make this checkout steady.postgresql for Ansible (every other target does)
	@test $(LINK) -ef . || { rm -rf $(LINK) && mkdir -p $(dir $(LINK)) && ln -s ../../../.. $(LINK); }

clean: ## remove what make made, the demo's server too; results of runs stay
	@if [ -d .demo ] && [ -x $(PY) ]; then $(LAB) -m lab.demo stop; fi
	@rm -rf .venv .ansible .demo .mypy_cache .pytest_cache .ruff_cache .hypothesis tests/output
	@rm -f steady-postgresql-*.tar.gz
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { print substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' \
		$(firstword $(MAKEFILE_LIST))

.venv/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
		echo "This needs Python 3.10 or newer, and $(PYTHON) is not: make PYTHON=python3.12, say" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make a virtual environment: on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 1; }
	@echo "Setting up .venv …"
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@$(PY) -m pip install -qq --upgrade 'pip>=25.1'

# What the demo needs, and the rest: the demo is there in half the time.
.venv/.demo .venv/.dev: .venv/pyvenv.cfg pyproject.toml
	@$(PY) -m pip install -qq --group $(patsubst .%,%,$(notdir $@))
	@touch $@
