#!/bin/sh
# Learn AgI from DFT, run the force field, and compare it with DFT on 20 frames of that run. About an hour on two idle
# cores; interrupted, it goes on where it stood.
set -eu
cd "$(dirname "$0")/../.."
mlff=${MLFF:-build/release/bin/mlff}
example=examples/agi-dft
command -v cp2k >/dev/null || { echo "CP2K is needed: apt-get install --no-install-recommends cp2k cp2k-data" >&2; exit 1; }
[ -x "$mlff" ] || make build
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
export OMPI_MCA_mpi_yield_when_idle=1    # the ranks of CP2K wait while the force field moves the atoms: leave it the cores
[ "$(id -u)" -ne 0 ] || export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1    # in a container
"$mlff" train $example/train.yaml
"$mlff" run $example/run.yaml
[ -e runs/agi-dft-test.xyz ] || { /usr/bin/python3 $example/label.py runs/agi-dft-md/trajectory.xyz $example/cp2k.inp runs/agi-dft-labels.xyz
  mv runs/agi-dft-labels.xyz runs/agi-dft-test.xyz; }
"$mlff" evaluate runs/agi-dft/model.h5 runs/agi-dft-test.xyz --json runs/agi-dft-errors.json
/usr/bin/python3 $example/summary.py runs/agi-dft
