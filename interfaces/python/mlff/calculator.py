"""The force field as a calculator of ASE."""
from __future__ import annotations

from typing import Optional

import numpy as np
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from .force_field import ForceField


class MLFF(Calculator):
    """`atoms.calc = MLFF("model.h5")`

    Properties in ASE's units and signs: energy, free_energy (equal: there are no electrons), forces, stress, energies,
    stresses (virial of each atom over −V, their sum is `stress`). Two more by name, computed only when asked for:

        atoms.calc.get_property("spilling", atoms)       N, from 0 (known local environment) to 1
        atoms.calc.get_property("force_error", atoms)    N, error of each force to expect [eV/Å]

    `errors=True` computes both at every call, so that they are in `atoms.calc.results` of a whole run.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress", "energies", "stresses", "spilling",
                              "force_error"]
    default_parameters = {"errors": False}
    discard_results_on_any_change = True

    def __init__(self, model, threads: Optional[int] = None, **kwargs):
        self.force_field = model if isinstance(model, ForceField) else ForceField(model, threads)
        super().__init__(**kwargs)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        everything = self.parameters.errors
        result = self.force_field.predict(
            self.atoms, errors=everything or "force_error" in properties,
            spilling=everything or "spilling" in properties, virials="stresses" in properties)
        self.results.update(energy=result.energy, free_energy=result.energy, forces=result.forces,
                            energies=result.energies)
        if result.stress is not None:
            self.results["stress"] = result.stress
        elif {"stress", "stresses"} & set(properties):
            raise PropertyNotImplementedError("stress needs three lattice vectors; this structure has no volume")
        if result.virials is not None:
            full = -result.virials / self.atoms.get_volume()
            self.results["stresses"] = full_3x3_to_voigt_6_stress(0.5 * (full + np.swapaxes(full, 1, 2)))
        if result.spilling is not None:
            self.results["spilling"] = result.spilling
        if result.force_error is not None:
            self.results["force_error"] = result.force_error
