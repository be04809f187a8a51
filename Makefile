# The one front door. It needs Rust (rustup.rs), Python 3.10 or later, and make. Everything else goes to .venv and target.
#
#   make demo     one MQTT session on a virtual module, with its AT commands
#   make test     every test
#   make check    formatting, lints, types, layers, and a minute of both fuzz targets
#   make labgrid  only the tests with labgrid, which `make test` also runs
#   make bench    the benchmarks of docs/performance.md; SAVE=FILE keeps the figures, BEFORE=FILE shows kept ones next to them
#   make wheel    one wheel for every Python from 3.10 on and Linux with glibc 2.17 or later, in dist, tried with each Python here
#   make sdist    the source archive, in dist; the wheel is built from it
#   make docs     docs/dialects.md and docs/codes.md from the rows, and the documentation of the Rust crates, in target/doc
#   make site     the documentation as a site, in target/site; a link that leads nowhere is an error
#   make release  the tag of the version that Cargo.toml and CHANGELOG.md have; pushing it publishes
#   make fuzz     both fuzz targets for SECONDS seconds each, at the same time (60)
#   make long     everything that takes longer than a test run should: 100,000 runs of each property of the session, a thousand forked children, a
#                 hundred ends of each program, a recording of 100 MB, an interrupt at each instruction, an hour of fuzzing, the long soak, 100,000 interrupts
#   make transcript FILE=…   plays one transcript on each end, and shows where the end differs; with LOG=wire.log MODEL=M95 makes it from a log first
#                 MODEL=BC66 OF=BC660K-GL instead says which transcripts of one model hold for another; with WRITE=1 names the model in them
#   make mutate   every value of every row changed: each change must fail a transcript

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# PyO3 builds for this interpreter, no matter whether maturin or cargo asks, so neither undoes the other's work.
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python

# The tests and the demonstration here ignore what the environment says about a bench.
unexport MODEMQTT_PORT MODEMQTT_POWER_COMMAND MODEMQTT_MODEL MODEMQTT_BAUD MODEMQTT_BROKER MODEMQTT_SCOPE MODEMQTT_LOG_DIR \
	MODEMQTT_LOG MODEMQTT_REQUIRE MODEMQTT_SEED MODEMQTT_TIMEOUT_FACTOR MODEMQTT_PASSWORD LG_ENV

PYTHON_TREES := python tests release docs/conf.py $(wildcard benches)
# The sources of the extension. The Python files are used in place.
RUST_SOURCES := $(shell find src -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock pyproject.toml

# Stamps: the virtual environment with maturin, the developer's tools, those of a release, those of the site, the extension;
# further down, labgrid.
READY := $(VENV)/.ready
TOOLS := $(VENV)/.tools
PACKAGERS := $(VENV)/.packagers
WRITERS := $(VENV)/.writers
BUILT := $(VENV)/.built
# labgrid brings a fork of pyserial under the name of pyserial itself, which these tests use. So it has a separate environment,
# in which the packages of the first come after those of labgrid.
LABGRID := $(VENV)/labgrid
WITH_LABGRID := $(LABGRID)/.ready

.PHONY: demo test labgrid check bench wheel sdist docs site release fuzz mutate transcript long clean
.DEFAULT_GOAL := demo
.NOTPARALLEL:

# How many processes share the Python tests; the tests of a file stay together.
WORKERS ?= 2

demo: $(BUILT)
	@$(BIN)/modemqtt demo

test: $(BUILT) $(TOOLS) $(WITH_LABGRID)
	@if cargo nextest --version >/dev/null 2>&1; \
	then set -x; cargo nextest run --workspace --exclude modemqtt --no-fail-fast; \
	else set -x; cargo test --workspace --exclude modemqtt --lib --tests --no-fail-fast; fi
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile
	$(LABGRID)/bin/python -m pytest -n2 --dist loadfile tests/with_labgrid

labgrid: $(BUILT) $(WITH_LABGRID)
	$(LABGRID)/bin/python -m pytest tests/with_labgrid

check: $(BUILT) $(TOOLS)
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --workspace --all-targets -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; \
	then set -x; cargo deny check licenses bans sources; \
	else echo "There is no cargo-deny: licences, bans and sources were not checked. cargo install cargo-deny --locked" >&2; fi
	cargo test --quiet -p modemqtt-at --test document
	$(BIN)/python release/third_party.py --check
	$(BIN)/ruff format --check $(PYTHON_TREES)
	$(BIN)/ruff check $(PYTHON_TREES)
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest modemqtt --allowlist tests/stubs.txt
	$(BIN)/python -m pytest -q tests/test_layers.py
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/zizmor --offline --quiet .github/workflows
	@$(MAKE) --no-print-directory site
	@$(MAKE) --no-print-directory fuzz SEED=1

# As for users: with optimisation, and in a separate environment.
BENCH := target/bench
bench: $(READY)
	@[ -x $(BENCH)/bin/python ] || { $(PYTHON) -m venv $(BENCH) && $(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip; }
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --group bench
	env -u CONDA_PREFIX VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/maturin build --release --out $(BENCH)/wheels
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(BENCH)/wheels/*.whl
	$(BENCH)/bin/python benches/table.py $(if $(BEFORE),--before $(BEFORE)) $(if $(SAVE),--save $(SAVE))

DIST := dist
# The unpacked source archive; the compiler's output stays.
UNPACKED := target/sdist
CARGO_HOME ?= $(HOME)/.cargo
# No path of this machine gets into the wheel.
NAMELESS := --remap-path-prefix=$(CURDIR)/$(UNPACKED)=modemqtt --remap-path-prefix=$(CARGO_HOME)/registry/src=crates

sdist: $(READY)
	$(BIN)/python release/third_party.py --check
	rm -f $(DIST)/modemqtt-*
	$(BIN)/python release/sdist.py $(DIST)

# zig links for the glibc of manylinux2014, however new the one of this machine is. The files get the time of their unpacking,
# or the compiler would take them for the previous ones.
wheel: sdist $(PACKAGERS)
	@[ "$$(uname -s)" = Linux ] || { echo "make wheel is for Linux; elsewhere \`pip wheel dist/*.tar.gz\` makes one for this system" >&2; exit 1; }
	rm -rf $(UNPACKED)
	mkdir -p $(UNPACKED)
	tar -xzmf $(DIST)/modemqtt-*.tar.gz -C $(UNPACKED) --strip-components 1
	cd $(UNPACKED) && PATH="$(CURDIR)/$(BIN):$$PATH" RUSTFLAGS="$(NAMELESS)" maturin build --release --zig \
	--compatibility manylinux2014 --target-dir $(CURDIR)/target/wheel --out $(CURDIR)/$(DIST)
	$(BIN)/auditwheel show $(DIST)/modemqtt-*.whl > target/auditwheel.txt
	grep -A1 "consistent with" target/auditwheel.txt | grep manylinux_2_17_ || { cat target/auditwheel.txt >&2; exit 1; }
	$(BIN)/abi3audit --strict --summary $(DIST)/modemqtt-*.whl
	MODEMQTT_WHEEL="$$(echo $(CURDIR)/$(DIST)/modemqtt-*.whl)" $(BIN)/python -m pytest -q release/test_wheel.py
	$(BIN)/pyroma --min 9 .
	$(BIN)/python release/figures.py $(DIST)/modemqtt-*.whl

docs: $(READY)
	UPDATE_DOCS=1 cargo test --quiet -p modemqtt-at --test document
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --exclude modemqtt --no-deps
	@echo "The crates: target/doc/modemqtt_host/index.html. Everything else: docs/README.md."

SITE := target/site

site: $(BUILT) $(WRITERS)
	rm -rf $(SITE)
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -b html docs $(SITE) -d target/doctrees
	@echo "The site: $(SITE)/index.html"

release: $(READY)
	@$(BIN)/python release/tag.py

# Coverage counters by options of the stable compiler, so that no other toolchain is needed.
COUNTED := -C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4 \
	-C llvm-args=-sanitizer-coverage-inline-8bit-counters -C llvm-args=-sanitizer-coverage-pc-table \
	-C llvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing
HOST_TRIPLE = $(shell rustc -vV | sed -n 's/^host: //p')
FUZZ := target/fuzz
SECONDS ?= 60
# 0 takes new inputs each time. `make check` has the same minute for everyone: what is new is found by `make fuzz`, not by a neighbour's change.
SEED ?= 0

fuzz:
	@command -v c++ >/dev/null || { echo "libFuzzer needs a C++ compiler and there is no c++; on Debian: apt install g++" >&2; exit 1; }
	cargo run --quiet --manifest-path fuzz/Cargo.toml --target-dir $(FUZZ) --bin seeds $(FUZZ)/seeds
	RUSTFLAGS="$(COUNTED)" cargo build --quiet --release --manifest-path fuzz/Cargo.toml --target-dir $(FUZZ) \
	--target $(HOST_TRIPLE) --bin host --bin virtual_module
	@sh fuzz/run.sh $(FUZZ) $(HOST_TRIPLE) $(SECONDS) $(SEED)

# The soak uses a release build, built in place; the next `make test` builds again without optimisation.
long: $(BUILT) $(TOOLS)
	MODEMQTT_CASES=100000 cargo test -p modemqtt-host --test data_phase --test memory --test overlap
	MODEMQTT_FORKS=1000 $(BIN)/python -m pytest -q tests/test_fork.py
	MODEMQTT_RUNS=100 $(BIN)/python -m pytest -q tests/test_exit.py tests/test_process.py
	MODEMQTT_MEGABYTES=100 $(BIN)/python -m pytest -q tests/test_replay.py -k long_recording --timeout 600
	MODEMQTT_OPCODES=1 $(BIN)/python -m pytest -q tests/test_interrupted_anywhere.py tests/test_aio_interrupted.py
	@$(MAKE) --no-print-directory fuzz SECONDS=3600
	env -u CONDA_PREFIX VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/maturin develop --release --group build
	$(BIN)/python benches/soak.py --messages 200000
	$(BIN)/python benches/interrupts.py --rounds 100000
	@rm -f $(BUILT)

transcript: $(BUILT)
	@[ -n "$(FILE)$(OF)" ] || { echo "make transcript FILE=tests/transcripts/m95/report.at [LOG=wire.log MODEL=M95], or make transcript MODEL=BC66 OF=BC660K-GL" >&2; exit 2; }
	@[ -z "$(OF)" ] || PYTHONPATH=tests $(BIN)/python -m support.sister "$(MODEL)" "$(OF)" $(if $(WRITE),--write)
	@[ -z "$(LOG)" ] || PYTHONPATH=tests $(BIN)/python -m support.from_log "$(LOG)" --model "$(MODEL)" > "$(FILE).part" || { rm -f "$(FILE).part"; exit 1; }
	@[ -z "$(LOG)" ] || mv "$(FILE).part" "$(FILE)"
	@[ -z "$(FILE)" ] || PYTHONPATH=tests $(BIN)/python -m support.play "$(FILE)"

mutate:
	cargo test -p modemqtt-host --test mutation -- --ignored --nocapture

clean:
	rm -rf $(VENV) target

$(READY):
	@command -v cargo >/dev/null || { echo "Rust is needed and there is no cargo; see https://rustup.rs" >&2; exit 1; }
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.10 or later is needed and there is no $(PYTHON)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	echo "Python 3.10 or later is needed; \`make PYTHON=python3.12\` names another" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --group build
	@touch $@

$(TOOLS): $(READY) pyproject.toml
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

$(WRITERS): $(READY) pyproject.toml
	$(BIN)/python -m pip install --quiet --group site
	@touch $@

$(PACKAGERS): $(TOOLS)
	$(BIN)/python -m pip install --quiet --group package
	@touch $@

$(WITH_LABGRID): $(TOOLS)
	$(BIN)/python -m venv --without-pip $(LABGRID)
	@for packages in $(CURDIR)/$(VENV)/lib/python*/site-packages; do \
	echo "import site; site.addsitedir('$$packages')" > $(LABGRID)/lib/$$(basename $$(dirname $$packages))/site-packages/first.pth; done
	$(BIN)/python -m pip --python $(LABGRID)/bin/python install --quiet --group labgrid
	@touch $@

# Without optimisation: it builds fast, and neither demo nor tests need more. `pip install .` builds with it.
$(BUILT): $(READY) $(RUST_SOURCES)
	env -u CONDA_PREFIX VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/maturin develop --group build
	@touch $@
