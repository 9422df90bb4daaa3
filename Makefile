# The project's tasks. `make demo` and `make test` work first thing in a fresh clone: each installs what it needs.
.PHONY: build setup executors install demo test sanitize lint bench torture soak clean

PREFIX ?= /usr/local
SWIFT ?= swift
# The Swift runtime is linked in: the program runs where no Swift is installed, and starts faster.
RELEASE = -c release --static-swift-stdlib

build: setup executors
	$(SWIFT) build $(RELEASE) --product portal

setup:
	@Scripts/setup

executors: setup
	@Scripts/build-executors

install: build
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 .build/release/portal $(DESTDIR)$(PREFIX)/bin/portal

demo: build
	$(SWIFT) build $(RELEASE) --product portal-demo
	@Scripts/demo

# One test at a time: real sshds and executors want the two cores for themselves, and a test that waits in a system call holds a thread of
# the few that asynchronous ones share.
test:
	@Scripts/setup test
	@Scripts/setup-agents
	@Scripts/build-executors
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build --no-parallel

# The executor under the sanitizers, with frames and parameters that nobody sends; FRAMES, PARAMETERS and SANITIZERS say how much. Half an hour.
FRAMES ?= 1000000
PARAMETERS ?= 100000
SANITIZERS ?= address thread
sanitize:
	@Scripts/setup test
	@SWIFT="$(SWIFT)" Scripts/sanitize $(FRAMES) $(PARAMETERS) $(SANITIZERS)

lint:
	@Scripts/lint --self-test
	@Scripts/check-shared-code --self-test
	@Scripts/lint
	$(SWIFT) format lint --strict --parallel --recursive Sources Tests Examples Benchmarks Package.swift

bench: build
	$(SWIFT) build $(RELEASE) --product portal-bench
	.build/release/portal-bench

# Eight clients on a network that is cut every two seconds, while proxies and executors are killed; then what is there is compared with what was
# answered. SEED is drawn where it is not given, and a run that fails prints it.
MINUTES ?= 5
torture: build
	@Scripts/setup test
	$(SWIFT) build $(RELEASE) --product portal-lab
	.build/release/portal-lab torture --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

# Fifty calls a second with a cut every 20 seconds: whether memory, descriptors or latency grow.
soak: build
	@Scripts/setup test
	$(SWIFT) build $(RELEASE) --product portal-lab
	.build/release/portal-lab soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

clean:
	rm -rf .build .build-executors Images
