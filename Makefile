# Everything from a fresh Debian 12 on: each target installs what it needs (apt, as root or with sudo).
.PHONY: help build demo test check check-format asan tsan install-packages install-packages-ci clean

help:
	@echo "make build   install what is missing and build build/release/bin/mlff"
	@echo "make demo    learn silver iodide on the fly, run it, compare with the reference (about 10 minutes)"
	@echo "make test    build and run all tests"
	@echo "make check   form of the sources, Clang with address, undefined-behaviour and thread sanitizers"

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

check: check-format asan tsan

check-format:
	@command -v clang-format >/dev/null || cmake/install-packages.sh format || true
	@command -v clang-format >/dev/null || { echo "clang-format is missing: the form of the sources is not checked"; exit 0; }; \
	find . -path ./build -prune -o \( -name '*.[ch]pp' -o -name '*.[ch]' \) -print0 | xargs -0 clang-format --dry-run -Werror

# Without MPI, with shared libraries, Eigen's assertions on.
asan: install-packages-ci
	cmake --preset asan
	cmake --build --preset asan
	ctest --preset asan

# The tests with several threads. Archer tells the sanitizer what OpenMP synchronises.
tsan: install-packages-ci
	cmake --preset tsan
	cmake --build --preset tsan
	OMP_TOOL_LIBRARIES=$$(clang -print-resource-dir)/../../libarcher.so ctest --preset tsan

install-packages-ci:
	@cmake/install-packages.sh ci

install-packages:
	@cmake/install-packages.sh

clean:
	rm -rf build demo/output demo/summary.json
