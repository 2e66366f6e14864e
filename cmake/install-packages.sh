#!/bin/sh
# Installs the Debian packages that are missing; says nothing and needs no rights if there are none.
set -eu
packages="g++ cmake ninja-build make git ca-certificates
  libeigen3-dev libopenblas-openmp-dev liblapack-dev libyaml-cpp-dev libhdf5-dev libfmt-dev libcli11-dev nlohmann-json3-dev zlib1g-dev libexpat1-dev pkg-config libfftw3-dev
  libgtest-dev libbenchmark-dev
  python3 python3-numpy python3-matplotlib python3-ase python3-h5py
  cp2k cp2k-data lammps"
command -v dpkg-query >/dev/null || { echo "not Debian: please install the equivalents of: $packages" >&2; exit 0; }
missing=""
for package in $packages; do
  [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" = "ii " ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
echo "installing:$missing"
sudo=""
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "please run as root: apt-get install$missing" >&2; exit 1; }
  sudo=sudo
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
if ! { $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
rm -f "$log"
