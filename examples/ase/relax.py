"""Relaxes a structure and runs molecular dynamics in ASE, with a force field of mlff.

    PYTHONPATH=interfaces/python python3 examples/ase/relax.py runs/agi/model.h5 demo/agi.xyz
"""
import sys

import numpy as np
from ase import units
from ase.io import read
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS

from mlff.calculator import MLFF

model, structure = sys.argv[1:3]
steps = int(sys.argv[3]) if len(sys.argv) > 3 else 200

atoms = read(structure)
atoms.calc = MLFF(model)
BFGS(atoms, logfile=None).run(fmax=0.05, steps=50)
print(f"relaxed: {atoms.get_potential_energy():.4f} eV, stress {atoms.get_stress() / units.GPa} GPa")
print(f"error of a force to expect: {atoms.calc.get_property('force_error', atoms).mean():.3f} eV/Å")

MaxwellBoltzmannDistribution(atoms, temperature_K=300, rng=np.random.default_rng(1))
dynamics = VelocityVerlet(atoms, 2 * units.fs)
dynamics.attach(lambda: print(f"{atoms.get_temperature():6.1f} K  {atoms.get_total_energy():.4f} eV"), interval=50)
dynamics.run(steps)
print(f"largest spilling factor: {atoms.calc.get_property('spilling', atoms).max():.3f}")
