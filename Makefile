# Every task of the project. `make help` lists them. Only Node, npm and make must be installed before.

BIN     := node_modules/.bin
BINARY  := dist/tsrun
# The name by which the program is containerd's shim.
SHIM_LINK := containerd-shim-tsrun-v2
# The machine that `make build` builds for, x86-64 or arm64; without it this one.
TARGET  ?=
# The kernels of `make test-arm64`; without, all of them. With it `make test` runs the smoke checks on them, too.
KERNELS ?=
# A folder that has the sources of others already: nothing is fetched then.
SOURCES ?=
export SOURCES
DOCUMENTS := dist/.documents
PREFIX  ?= /usr/local
DESTDIR ?=
# What the end-to-end tests run: a path or a name in PATH. `RUNTIME=runc make test-e2e` tries the cases on runc.
RUNTIME ?= $(CURDIR)/$(BINARY)
# Parts of test file names, for `make test-e2e FILES="lifecycle rootfs"`.
FILES   ?=
# System calls that a filter removes from the end-to-end tests: `make test-e2e WITHOUT=openat2`.
WITHOUT ?=
# What `make run` runs: a folder of bundle-fixtures/ and plain, userns or rootless.
BUNDLE  ?= hello
VARIANT ?=
# Rounds per measurement, creates per place of a race, or changes to try.
N       ?= 20
# Which places `make race` races for, as parts of their names.
PLACES  ?=
# The seed of `make mutate`, and how many changes it tries at a time.
SEED    ?= 1
JOBS    ?= 2
# Which attackers `make siege` tries, as parts of their names.
ATTACKERS ?=
# `make test-memory` refuses every EVERYth allocation.
EVERY   ?= 1
# The runtimes that `make diff-runc` and `make bench` compare with: paths, or names in PATH.
RUNC    ?= runc
CRUN    ?= crun
# The first trial of `make diff-runc`. With ALONE=1 it leaves runc out.
FROM    ?= 0
ALONE   ?=
# Another tsrun for `make bench`, such as the one from before a change.
BASE    ?=
# Of `make bench`: parts of the names of rows; "v1", "v2"; without or with a profile, idle or busy: "0", "1"; all by
# default. SAVE=1 keeps the results in test/bench/results.json.
ROWS    ?=
CGROUP  ?=
SECCOMP ?=
BUSY    ?=
SAVE    ?=
# Seconds of `make fuzz` and of `make fuzz-engine`. Without SEED on the command line their inputs differ each time.
DURATION ?= 600
# Of `make dist`: the folder of a release that is made again, for its layouts; and "NAME <ADDRESS>" for the packages, by
# default of the commit.
LAYOUTS ?=
MAINTAINER ?=
# Folder of the lab: docker-e2e.sh, runc-bats.sh and ns.sh, which are run from outside this repository.
LAB     ?=
# Where the lab keeps its Debian tree, TREE/sid. `make bench` takes runc and crun from there, with their libraries.
TREE    ?=
# Which suites of the lab: runtime-tools runc-bats docker-e2e cri, or all; and what of them, as words: programs, files or
# scenarios.
PARTS   ?=
ONLY    ?=
# Of `make bench-shim`: how many pods at once, how many execs, and perhaps which shims, by the ends of their titles.
CROWD   ?=
# The shim of `make test-restarts`: tsrun, or runc for containerd's own.
SHIM    ?= tsrun
# Folder with vm-run, which runs a command in a virtual machine with systemd and cgroup v2; and with which
# cgroup drivers the tests run there, by default both.
VM      ?=
DRIVERS ?=

OWN     := $(subst x86_64,x86-64,$(subst aarch64,arm64,$(shell uname -m)))
BUILD   := $(BINARY)$(addprefix -,$(filter-out $(OWN),$(TARGET)))
INPUTS  := $(shell find src scripts -type f -not -path 'src/spec/generated/*')
SCHEMAS := $(shell find schemas -type f) scripts/generate.ts
GENERATED := src/spec/generated/.made
# A test of another runtime does not build this one.
BUILT   := $(if $(filter $(CURDIR)/$(BINARY),$(RUNTIME)),$(BINARY))

AXE := build/axe/node_modules/.package-lock.json

.PHONY: help tools build man check test test-page pictures test-unit test-e2e test-kernel test-style test-vm test-memory fuzz fuzz-engine compile bench bench-shim test-restarts bench-page race siege mutate diff-runc conformance conformance-page run \
        install uninstall verify dist test-arm64 clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' Makefile

# In a fresh clone, before npm takes its minute: who lacks a compiler is told so at once.
tools:
	@sh scripts/host-packages.sh build$(patsubst $(BINARY)%,%,$(BUILD))

build: $(if $(wildcard node_modules/.package-lock.json),,tools) $(BUILD) ## make dist/tsrun; TARGET=arm64 or x86-64 makes dist/tsrun-TARGET for another machine, SOURCES=folder fetches nothing

man: $(DOCUMENTS) ## make the manual pages and completion scripts, dist/man and dist/completions

# All their texts come from src/cli; their date is the commit's.
$(DOCUMENTS): $(GENERATED) scripts/documents.ts package.json $(shell find src/cli -type f)
	rm -rf dist/man dist/completions
	$(BIN)/bun scripts/documents.ts
	@touch $@

$(BINARY): $(GENERATED) $(INPUTS)
	@sh scripts/host-packages.sh build
	TARGET= $(BIN)/bun scripts/build.ts

dist/tsrun-arm64 dist/tsrun-x86-64: dist/tsrun-%: $(GENERATED) $(INPUTS)
	@sh scripts/host-packages.sh build-$*
	TARGET=$* $(BIN)/bun scripts/build.ts

verify: $(GENERATED) ## build twice, in other folders, as other users, at other times, and compare; SUMS=file of a release
	@sh scripts/verify.sh $(SUMS)

dist: $(GENERATED) ## make a release of this commit in dist/release, for both machines; LAYOUTS=folder of a release makes that again
	@sh scripts/host-packages.sh dist
	@LAYOUTS='$(LAYOUTS)' MAINTAINER='$(MAINTAINER)' $(BIN)/bun scripts/release/release.ts

# Types and validators from schemas/.
$(GENERATED): node_modules/.package-lock.json $(SCHEMAS)
	$(BIN)/bun scripts/generate.ts
	@touch $@

# npm writes this file last, so it is there only after a complete install.
node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund </dev/null
	@touch $@

# tap puts its Test class together from the plugins that .taprc names.
node_modules/.tap-built: node_modules/.package-lock.json .taprc
	$(BIN)/tap build
	@touch $@

check: $(GENERATED) ## format, lint, types, rules of style
	$(BIN)/biome check
	$(BIN)/tsc --noEmit -p .
	$(MAKE) --no-print-directory test-style

compile: $(BUILT) $(GENERATED) node_modules/.tap-built
	$(BIN)/tsc -p .

test: ## build everything and run every test; ends with "N passed, N failed"; KERNELS=4k: on an emulated arm64, too
	sh scripts/host-packages.sh test
	$(MAKE) --no-print-directory compile
	@RUNTIME='$(RUNTIME)' KERNELS='$(KERNELS)' node build/test/run.js $(FILES)

test-unit: compile ## pure modules, in-process
	@node build/test/run.js $(or $(FILES),unit/)

test-page: compile $(AXE) ## the page of explain --html in headless Chromium, with axe-core; pictures in build/page
	@sh scripts/host-packages.sh page
	@node build/test/run.js page/

pictures: $(GENERATED) ## write docs/explain.svg anew, README's picture of explain --html
	@$(BIN)/bun test/page/write-pictures.ts

# Outside node_modules, so that nobody else needs it.
$(AXE): test/page/axe/package.json test/page/axe/package-lock.json
	@mkdir -p build/axe
	cp $^ build/axe
	cd build/axe && npm ci --no-audit --no-fund </dev/null
	@touch $@

test-style: compile ## the rules of style
	@node build/test/run.js style/

test-e2e: compile ## the runtime from outside; RUNTIME=runc tries the cases on another one
	@RUNTIME='$(RUNTIME)' WITHOUT='$(WITHOUT)' node build/test/run.js $(or $(FILES),e2e/ security/)

test-kernel: compile ## test-e2e once for each system call that older kernels lack
	@RUNTIME='$(RUNTIME)' WITHOUT=each node build/test/run.js $(or $(FILES),e2e/ security/)

test-vm: build compile ## cgroup tests in a virtual machine with systemd and cgroup v2; VM=folder with vm-run, DRIVERS="systemd"
	@test -x '$(VM)/vm-run' || { echo "make test-vm needs VM=<folder with vm-run>"; exit 2; }
	@VM='$(VM)' DRIVERS='$(DRIVERS)' sh scripts/test-vm.sh $(FILES)

test-systemd-v1: build compile ## the systemd driver on cgroup v1, under a systemd of its own; as root
	@bash scripts/test-systemd-v1.sh $(FILES)

test-arm64: compile ## the executable for arm64 in emulated machines; KERNELS="4k 4k-new 16k 64k" FILES="smoke exec security/"
	@KERNELS='$(or $(KERNELS),4k 4k-new 16k 64k)' node build/test/run.js --arm64 $(FILES)

bench: build ## tsrun, runc and crun side by side; N=20 rounds, ROWS="create exec", CGROUP=v2 BUSY=0 SECCOMP=0, BASE=path, SAVE=1
	sh scripts/host-packages.sh bench
	@N='$(N)' TREE='$(TREE)' RUNC='$(RUNC)' CRUN='$(CRUN)' BASE='$(BASE)' ROWS='$(ROWS)' CGROUP='$(CGROUP)' \
	  SECCOMP='$(SECCOMP)' BUSY='$(BUSY)' SAVE='$(SAVE)' $(BIN)/bun test/bench/bench.ts

bench-shim: $(BINARY) ## tsrun as containerd's shim beside containerd's own; N=20 rounds, CROWD="250 24000", LAB=folder TREE=folder
	@LAB='$(LAB)' TREE='$(TREE)' bash scripts/shim-lab.sh bench/shim $(BINARY) $(if $(CROWD),crowd $(CROWD),$(N))

test-restarts: $(BINARY) ## containerd killed at twenty moments of a container's life; LAB=folder TREE=folder, SHIM=runc, ONLY="TaskExit stop"
	@LAB='$(LAB)' TREE='$(TREE)' bash scripts/shim-lab.sh restarts $(BINARY) $(SHIM)-watched $(ONLY)

bench-page: node_modules/.package-lock.json ## write README's table, docs/bench.md and docs/bench.svg anew from the results that are checked in
	@$(BIN)/bun test/bench/write-page.ts

race: compile ## creates against exchanged paths; N=2000 for each place, PLACES="cwd console", RUNTIME=runc
	@RUNTIME='$(RUNTIME)' node build/test/security/race/main.js --creates $(N) $(PLACES)

mutate: build compile ## small changes to the sources, and which of them no test notices; N=200 SEED=1 FILES="rootfs hooks"
	@node build/test/mutate/main.js --count $(N) --seed $(SEED) --jobs $(JOBS) --only '$(ONLY)' $(FILES)

MEMORY := dist/tsrun-memory

# The same sources; what it has more is src/engine/native/refusal.c.
$(MEMORY): $(BINARY)
	TARGET= $(BIN)/bun scripts/build.ts $(CURDIR)/$(MEMORY) refusing

test-memory: $(MEMORY) compile ## each allocation of eight commands refused in turn; ONLY="create exec", EVERY=10
	@RUNTIME='$(CURDIR)/$(MEMORY)' node build/test/memory/main.js --every $(EVERY) $(ONLY)

fuzz: $(GENERATED) ## feed the readers of JSON, mounts and users under AddressSanitizer; DURATION=600 seconds, SEED=number
	@$(BIN)/bun scripts/fuzz.ts $(DURATION) $(if $(filter command,$(origin SEED)),$(SEED))

siege: compile ## commands on containers that kill, end, fork, trace and mount; N=1000 tries each, ATTACKERS="kills", RUNTIME=runc
	@RUNTIME='$(RUNTIME)' node build/test/security/siege/main.js --tries $(N) $(ATTACKERS)

diff-runc: build compile ## random configurations run by runc and by tsrun, and all compared; N=200 SEED=1 RUNC=path, ONLY= one again, ALONE=1, BEFORE=an earlier tsrun
	@node build/test/diff-runc/main.js --trials $(if $(filter file,$(origin N)),200,$(N)) --seed $(SEED) \
	  --from $(FROM) --jobs $(JOBS) --runc '$(RUNC)' $(if $(ONLY),--only $(ONLY)) $(if $(ALONE),--alone) \
	  $(if $(BEFORE),--before '$(BEFORE)')

fuzz-engine: $(GENERATED) ## random programs in the engine with tsrun's changes and without, compared; DURATION=600 seconds, SEED=number
	@$(BIN)/bun scripts/fuzz-engine.ts $(DURATION) $(if $(filter command,$(origin SEED)),$(SEED))

fuzz-inputs: compile ## odd documents for every command that reads one; N=5000, SEED=1, ONLY= one of them again
	@RUNTIME='$(RUNTIME)' node build/test/fuzz-inputs/main.js --inputs $(if $(filter file,$(origin N)),5000,$(N)) \
	  --seed $(or $(SEED),1) $(if $(ONLY),--only $(ONLY))

conformance: $(BUILT) node_modules/.package-lock.json ## the suites of others on RUNTIME; LAB=folder TREE=folder PARTS="runc-bats" ONLY="exec tty"
	@test -n '$(LAB)' || { echo "make conformance needs LAB=<folder with docker-e2e.sh, runc-bats.sh and ns.sh>"; exit 2; }
	@test -x '$(LAB)/docker-e2e.sh' -a -x '$(LAB)/runc-bats.sh' -a -x '$(LAB)/ns.sh' || \
	  { echo "no docker-e2e.sh, runc-bats.sh and ns.sh in $(LAB)"; exit 2; }
	@test -n '$(TREE)' || { echo "make conformance needs TREE=<where the lab has its tree: TREE/sid>"; exit 2; }
	@RUNTIME='$(RUNTIME)' LAB='$(LAB)' TREE='$(TREE)' ONLY='$(ONLY)' $(BIN)/bun scripts/conformance/conformance.ts $(PARTS)

conformance-page: node_modules/.package-lock.json ## write docs/conformance.md anew from the results that are checked in
	@LAB= RUNTIME=tsrun $(BIN)/bun scripts/conformance/conformance.ts

run: build ## a first container: bundle-fixtures/hello; VARIANT=userns or rootless
	@$(BIN)/bun scripts/run-bundle.ts $(BUNDLE) $(VARIANT)

# In somebody else's tree nothing is made: what root makes there after `sudo make install`, its owner could not
# remove.
install: $(if $(filter $(shell id -u),$(shell stat -c %u .)),$(BINARY) man) ## install program, its name as a shim, manual pages, completions and licences to $(DESTDIR)$(PREFIX)
	@test -e $(BINARY) -a -e $(DOCUMENTS) || { echo "nothing to install yet: first make build man, as the owner of this folder"; exit 2; }
	install -D -m 0755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/tsrun
	ln -sf tsrun $(DESTDIR)$(PREFIX)/bin/$(SHIM_LINK)
	install -d $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 0644 dist/man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8
	install -D -m 0644 dist/completions/tsrun.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/tsrun
	install -D -m 0644 dist/completions/_tsrun $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_tsrun
	install -D -m 0644 dist/completions/tsrun.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/tsrun.fish
	install -D -m 0644 LICENSE $(DESTDIR)$(PREFIX)/share/doc/tsrun/LICENSE
	install -D -m 0644 THIRD_PARTY_NOTICES $(DESTDIR)$(PREFIX)/share/doc/tsrun/THIRD_PARTY_NOTICES

uninstall: ## remove what install has installed
	rm -f $(DESTDIR)$(PREFIX)/bin/tsrun $(DESTDIR)$(PREFIX)/bin/$(SHIM_LINK) $(DESTDIR)$(PREFIX)/share/man/man8/$(SHIM_LINK).8
	rm -f $(DESTDIR)$(PREFIX)/share/man/man8/tsrun.8 $(DESTDIR)$(PREFIX)/share/man/man8/tsrun-*.8
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/tsrun $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_tsrun
	rm -f $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/tsrun.fish
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/tsrun

clean: ## remove what was built, keep node_modules
	rm -rf build dist .tap src/spec/generated
