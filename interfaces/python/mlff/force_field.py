"""A force field: structures in, energies, forces, stress and error estimates out."""
from __future__ import annotations

import ctypes
import os
import threading
import weakref
from dataclasses import dataclass
from typing import Any, Optional, Sequence, Union

import numpy as np
from numpy.typing import ArrayLike

from . import _library
from ._library import InputError


@dataclass(frozen=True)
class Prediction:
    """What a force field says about one structure of N atoms. None: not asked for, or without a volume (stress)."""

    energy: float                                #: [eV]
    forces: np.ndarray                           #: [eV/Å], N × 3
    stress: Optional[np.ndarray]                 #: (1/V) dE/dε [eV/Å³], 6: xx yy zz yz xz xy; positive under tension
    energies: np.ndarray                         #: of each atom [eV], N; their sum is `energy`
    virials: Optional[np.ndarray] = None         #: W_j = Σ_i (r_i − r_j) ⊗ ∂E_i/∂r_j [eV], N × 3 × 3; sum −V · stress
    spilling: Optional[np.ndarray] = None        #: N, from 0 (known local environment) to 1 (unlike all references)
    force_error: Optional[np.ndarray] = None     #: error of each force to expect, norm over x, y, z [eV/Å], N
    energy_error: Optional[float] = None         #: error of the energy to expect [eV/atom]
    stress_error: Optional[np.ndarray] = None    #: error of the stress to expect [eV/Å³], 6


def _default_threads() -> int:
    given = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return int(given) if given.isdigit() and int(given) > 0 else len(os.sched_getaffinity(0))


class ForceField:
    """A force field from a file model.h5.

    It keeps the neighbour list of the last structure, and reuses it while atoms move little. Calls from several threads
    wait for each other; threads that are to compute at the same time take a ForceField each.

    `threads`: OpenMP threads of each call; default OMP_NUM_THREADS, else all cores of this process.
    Raises InputError where the file cannot be read.
    """

    def __init__(self, path: Union[str, os.PathLike], threads: Optional[int] = None):
        if threads is not None and threads < 1:
            raise InputError(f"threads must be at least 1, got {threads}")
        lib = _library.library()
        self.path = os.fspath(path)
        self.threads = threads or _default_threads()
        self._lock = threading.Lock()
        self._model, self._workspace = ctypes.c_void_p(), ctypes.c_void_p()
        _library.check(lib.mlff_model_load(os.fsencode(self.path), ctypes.byref(self._model)))
        weakref.finalize(self, lib.mlff_model_free, self._model)
        _library.check(lib.mlff_workspace_create(self._model, ctypes.byref(self._workspace)))
        weakref.finalize(self, lib.mlff_workspace_free, self._workspace)
        #: largest distance at which atoms interact [Å]
        self.cutoff: float = lib.mlff_model_cutoff(self._model)
        #: atomic numbers of the species that the force field knows, ascending
        self.numbers: tuple[int, ...] = tuple(lib.mlff_model_species(self._model, channel)
                                              for channel in range(lib.mlff_model_n_species(self._model)))
        #: their chemical symbols
        self.species: tuple[str, ...] = tuple(lib.mlff_element_symbol(number).decode() for number in self.numbers)

    def __repr__(self) -> str:
        return f"ForceField({self.path!r}): {' '.join(self.species)}, cutoff {self.cutoff:g} Å"

    def predict(self, atoms: Any, *, errors: bool = False, spilling: bool = False, virials: bool = False) -> Prediction:
        """Evaluates an ASE Atoms, or anything with `positions`, `numbers`, `cell` and `pbc`. See `evaluate`."""
        return self.evaluate(atoms.positions, atoms.numbers, cell=np.asarray(atoms.cell), pbc=atoms.pbc, errors=errors,
                             spilling=spilling, virials=virials)

    def evaluate(self, positions: ArrayLike, numbers: ArrayLike, cell: Optional[ArrayLike] = None,
                 pbc: Union[bool, Sequence[bool]] = True, *, errors: bool = False, spilling: bool = False,
                 virials: bool = False) -> Prediction:
        """Energy, forces and stress of one structure, and on request:

        errors: Bayesian estimates of the errors, times the calibration of the force field (dearer than all the rest)
        spilling: spilling factor of each atom
        virials: nine-component virial of each atom

        positions: [Å], N × 3; they need not lie inside the cell.   numbers: atomic numbers, N.
        cell: [Å], 3 × 3, one lattice vector after the other; None: a cluster.   pbc: along each lattice vector.
        Raises InputError for an unknown species, atoms closer than 0.1 Å, or arrays whose shapes disagree.
        """
        x = np.ascontiguousarray(positions, dtype=np.float64)
        z = np.ascontiguousarray(numbers)
        if x.ndim != 2 or x.shape[1] != 3:
            raise InputError(f"positions must be N × 3, got {' × '.join(map(str, x.shape))}")
        n = len(x)
        if z.shape != (n,) or (n and z.dtype.kind not in "iu"):
            raise InputError(f"numbers must be {n} atomic numbers, one for each position")
        z = np.ascontiguousarray(z, dtype=np.intc)
        h = np.zeros((3, 3)) if cell is None else np.asarray(cell, dtype=np.float64)
        if h.shape != (3, 3):
            raise InputError(f"cell must be 3 × 3, one lattice vector after the other, got {' × '.join(map(str, h.shape))}")
        periodic = np.zeros(3, bool) if cell is None else np.broadcast_to(np.asarray(pbc, dtype=bool), (3,))

        forces, energies = np.zeros((n, 3)), np.zeros(n)
        wanted = {"virials": np.zeros((n, 3, 3)) if virials else None, "spilling": np.zeros(n) if spilling else None,
                  "force_errors": np.zeros(n) if errors else None}
        structure = _library.Structure(n, x.ctypes.data, z.ctypes.data, (ctypes.c_double * 9)(*h.ravel()),
                                       (ctypes.c_int * 3)(*map(int, periodic)))
        out = _library.Evaluation(forces=forces.ctypes.data, atom_energies=energies.ctypes.data, with_errors=int(errors),
                                  **{key: array.ctypes.data for key, array in wanted.items() if array is not None})
        with self._lock:
            _library.check(_library.library().mlff_evaluate_structure(
                self._model, self._workspace, ctypes.byref(structure), self.threads, ctypes.byref(out)))
        has_volume = np.linalg.matrix_rank(h) == 3
        return Prediction(
            energy=out.energy, forces=forces, stress=np.array(out.stress) if has_volume else None, energies=energies,
            virials=wanted["virials"], spilling=wanted["spilling"], force_error=wanted["force_errors"],
            energy_error=out.energy_error_per_atom if errors else None,
            stress_error=np.array(out.stress_error) if errors and has_volume else None)
