#!/bin/sh
# A kernel force field of silicon carbide, power 4, 1,000 local references per species, 46 neighbours: fitted to data of a
# potential of LAMMPS, compiled, and timed as it was fitted and as compiled. From the repository root, 10 minutes:
#   benchmarks/silicon-carbide.sh [folder for the output]
set -e
export OMP_NUM_THREADS=1
mlff=$PWD/build/release/bin/mlff
mkdir -p "${1:-runs/silicon-carbide}"
cd "${1:-runs/silicon-carbide}"

cat > sic.xyz <<END
8
Lattice="4.36 0.0 0.0 0.0 4.36 0.0 0.0 0.0 4.36" Properties=species:S:1:pos:R:3 pbc="T T T"
Si 0.00 0.00 0.00
Si 0.00 2.18 2.18
Si 2.18 0.00 2.18
Si 2.18 2.18 0.00
C 1.09 1.09 1.09
C 1.09 3.27 3.27
C 3.27 1.09 3.27
C 3.27 3.27 1.09
END

# Labelled structures: 216 atoms from 800 to 1600 K, a frame every 200 fs.
label() { # name, seed, steps
    cat > "$1.yaml" <<END
structure: sic.xyz
supercell: [3, 3, 3]
output: $1
seed: $2
reference:
  type: lammps
  commands:
    - pair_style vashishta
    - pair_coeff * * /usr/share/lammps/potentials/SiC.vashishta {{lammps_types}}
dynamics:
  ensemble: nvt
  thermostat: {type: langevin, period: 100}
  temperature: [800, 1600]
  timestep: 1.0
  steps: $3
trajectory: {every: 200, forces: true}
END
    "$mlff" run "$1.yaml"
}
label train 1 12000
label validation 2 6000

cat > fit.yaml <<END
data: {train: train/trajectory.xyz, validation: validation/trajectory.xyz}
force_field:
  kernel_power: 4
  radial_weight: 0.1
  radial: {cutoff: 5.0, width: 0.5, functions: 8, decay: 0}
  angular: {cutoff: 5.0, width: 0.5, functions: 8, l_max: 3}
regression: {prior: kernel, weights: {energy: 10}}
references: {max: 1000}
trade_off: false
output: fitted.h5
END
"$mlff" fit fit.yaml
"$mlff" compile fitted.h5 compiled.h5 --data validation/trajectory.xyz --max-loss 1%

# 1,728 atoms; the last line of each run tells µs per atom and step.
for form in fitted compiled; do
    cat > "$form.yaml" <<END
structure: sic.xyz
supercell: [6, 6, 6]
output: $form
seed: 3
force_field: $form.h5
guard: off
dynamics: {ensemble: nve, temperature: 1000, timestep: 1.0, steps: 200}
trajectory: {every: 200}
END
    rm -rf "$form"
    "$mlff" run "$form.yaml"
done
