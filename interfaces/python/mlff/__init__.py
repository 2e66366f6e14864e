"""Machine-learned force fields of mlff, from Python.

    force_field = mlff.ForceField("model.h5")
    result = force_field.predict(atoms)              # energy, forces, stress, per-atom energies
    result = force_field.predict(atoms, errors=True, spilling=True, virials=True)

`mlff.calculator.MLFF` is the same as a calculator of ASE. `mlff.fit`, `evaluate`, `compile` and `train` call the program
`mlff` with settings as a dictionary. Units are eV and Å throughout; stress is positive under tension.
"""
from ._library import Error, GuardError, InputError, NumericalError, version
from .force_field import ForceField, Prediction
from .program import compile, evaluate, fit, train

__all__ = ["Error", "ForceField", "GuardError", "InputError", "NumericalError", "Prediction", "compile", "evaluate", "fit",
           "train", "version"]
