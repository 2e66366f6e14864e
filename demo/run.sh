#!/bin/sh
# The main job from end to end: learn, run, compare. `make demo` calls it; it can be repeated, finished parts are kept.
set -eu
cd "$(dirname "$0")/.."
mlff=${MLFF:-build/release/bin/mlff}
python=${PYTHON:-/usr/bin/python3}
out=demo/output
mkdir -p "$out"

echo "== 1/5 learn on the fly: 128 atoms, 400 to 650 K"
"$mlff" train demo/train.yaml
echo "== 2/5 run the force field: 1,024 atoms, 500 K, 20 ps"
"$mlff" run demo/model.yaml
echo "== 3/5 run the reference beside it"
"$mlff" run demo/reference.yaml
echo "== 4/5 errors on 50 frames of the reference run, structure and diffusion of both"
"$python" demo/summary.py frames "$out/reference/trajectory.xyz" "$out/frames.xyz"
"$mlff" evaluate "$out/train/model.h5" "$out/frames.xyz" --quiet --json "$out/errors.json" --parity "$out/parity.csv"
"$mlff" analyze demo/analyze.yaml
"$python" app/plot.py learning "$out/train/log" "$out/learning"
"$python" app/plot.py parity "$out/parity.csv" "$out/parity"
echo "== 5/5 summary"
"$python" demo/summary.py table "$out" demo/summary.json
