#!/bin/sh
# Installs the Debian packages that are missing; says nothing and needs no rights if there are none.
#   install-packages.sh         to build and to run the demo
#   install-packages.sh test    also the codes that tests call; a test whose code cannot be had skips, saying so
#   install-packages.sh format  also clang-format
#   install-packages.sh ci      also Clang with its OpenMP, for the sanitizers, and clang-format
set -eu
required="g++ cmake ninja-build make git ca-certificates
  libeigen3-dev libopenblas-openmp-dev liblapack-dev libyaml-cpp-dev libhdf5-dev libfmt-dev libcli11-dev
  libopenmpi-dev openmpi-bin nlohmann-json3-dev zlib1g-dev libexpat1-dev pkg-config libgtest-dev libbenchmark-dev
  python3 python3-numpy python3-matplotlib python3-ase python3-h5py"
optional="libfftw3-dev libscalapack-openmpi-dev"
case "${1:-}" in
  test) optional="$optional cp2k cp2k-data lammps quantum-espresso python3-venv" ;;
  format) optional="$optional clang-format" ;;
  ci) required="$required clang llvm libomp-dev clang-format" ;;
esac

command -v dpkg-query >/dev/null || {
  echo "not Debian: please install the equivalents of: $required $optional" >&2
  exit 0
}
missing() {
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" = "ii " ] || printf ' %s' "$package"
  done
}
# shellcheck disable=SC2086  # lists of words
wanted=$(missing $required $optional)
[ -n "$wanted" ] || exit 0
echo "installing:$wanted"
sudo=""
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "please run as root: apt-get install$wanted" >&2; exit 1; }
  sudo=sudo
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
# shellcheck disable=SC2086
$sudo apt-get update -qq >"$log" 2>&1 || true
# shellcheck disable=SC2086
if ! $sudo apt-get install -y -qq --no-install-recommends $wanted >>"$log" 2>&1; then
  if [ -n "$(missing $required)" ]; then
    cat "$log" >&2
    exit 1
  fi
  echo "going on without:$(missing $optional)" >&2
fi
rm -f "$log"
