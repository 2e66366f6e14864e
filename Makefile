# Everything from a fresh Debian 12 on: each target installs what it needs (apt, as root or with sudo).
.PHONY: help build demo test install-packages clean

help:
	@echo "make build   install what is missing and build build/release/bin/mlff"
	@echo "make demo    learn silver iodide on the fly, run it, compare with the reference (about 10 minutes)"
	@echo "make test    build and run all tests"

build: install-packages
	cmake --preset release -DMLFF_BUILD_TESTS=OFF
	cmake --build --preset release

demo: build
	demo/run.sh

test:
	@cmake/install-packages.sh test
	cmake --preset release -DMLFF_BUILD_TESTS=ON
	cmake --build --preset release
	ctest --preset release

install-packages:
	@cmake/install-packages.sh

clean:
	rm -rf build demo/output demo/summary.json
