"""The shared library libmlff.so: where it is, the types and functions of mlff.h, errors as exceptions."""
from __future__ import annotations

import ctypes
import functools
import os
from ctypes import POINTER, c_char_p, c_double, c_int, c_void_p
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parents[2]  # of the source, where the package is used from there
PREFIX = PACKAGE.parents[3]  # of an installation: the package lies in share/mlff/python
INTERFACE = "0.1"          # version of mlff.h that the structures below describe
BUILD = "release"          # preset whose build folder serves a source tree


class Error(RuntimeError):
    """The library or the program failed; one line."""


class InputError(Error, ValueError):
    """An argument or a file is wrong; the line says what would be right."""


class GuardError(Error):
    """A guard stopped the run: the force field is far from its training data."""


class NumericalError(Error, ArithmeticError):
    """A matrix could not be factored."""


_ERRORS = {2: InputError, 3: GuardError, 4: NumericalError, 5: MemoryError}


class Structure(ctypes.Structure):
    """mlff_structure"""

    _fields_ = [("n_atoms", c_int), ("positions", c_void_p), ("atomic_numbers", c_void_p), ("cell", c_double * 9),
                ("periodic", c_int * 3)]


class Evaluation(ctypes.Structure):
    """mlff_evaluation"""

    _fields_ = [("energy", c_double), ("stress", c_double * 6), ("forces", c_void_p), ("atom_energies", c_void_p),
                ("virials", c_void_p), ("spilling", c_void_p), ("with_errors", c_int),
                ("energy_error_per_atom", c_double), ("stress_error", c_double * 6), ("force_errors", c_void_p)]


def _candidates() -> list[Path]:
    chosen = os.environ.get("MLFF_LIBRARY")
    if chosen:
        return [Path(chosen)]
    return [PACKAGE / "lib" / f"libmlff.so.{INTERFACE}",             # a wheel
            ROOT / "build" / BUILD / "interfaces" / "libmlff.so",    # a build tree
            PREFIX / "lib" / "libmlff.so"]                           # an installation


def library_path() -> str:
    """File of the library: that of the variable MLFF_LIBRARY, else that of the wheel, of the build tree, of the
    installation, of the system."""
    places = _candidates()
    found = next((place for place in places if place.exists()), None)
    if found:
        return str(found)
    if os.environ.get("MLFF_LIBRARY"):
        raise InputError(f"MLFF_LIBRARY: there is no file {places[0]}; give the path of libmlff.so")
    return "libmlff.so"  # where the loader looks


@functools.lru_cache(maxsize=None)
def library() -> ctypes.CDLL:
    """The library, loaded once."""
    path = library_path()
    try:
        lib = ctypes.CDLL(path)
    except OSError as error:
        raise InputError(f"libmlff.so cannot be loaded ({error}); build it, or set MLFF_LIBRARY to its path") from None
    status, pointer = c_int, POINTER(c_void_p)
    for name, result, arguments in (
            ("mlff_version", c_char_p, []), ("mlff_last_error", c_char_p, []),
            ("mlff_model_load", status, [c_char_p, pointer]), ("mlff_model_free", None, [c_void_p]),
            ("mlff_model_cutoff", c_double, [c_void_p]), ("mlff_model_n_species", c_int, [c_void_p]),
            ("mlff_model_species", c_int, [c_void_p, c_int]),
            ("mlff_element_symbol", c_char_p, [c_int]), ("mlff_workspace_create", status, [c_void_p, pointer]),
            ("mlff_workspace_free", None, [c_void_p]),
            ("mlff_evaluate_structure", status,
             [c_void_p, c_void_p, POINTER(Structure), c_int, POINTER(Evaluation)])):
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    found = lib.mlff_version().decode()
    if found.rsplit(".", 1)[0] != INTERFACE:
        raise InputError(f"{path} is of version {found}, but this package is for {INTERFACE}; install both of one version")
    return lib


def check(status: int) -> None:
    """Raises the error of a call that failed."""
    if status:
        raise _ERRORS.get(status, Error)(library().mlff_last_error().decode())


def version() -> str:
    """Version of the library, such as "0.1.0"."""
    return library().mlff_version().decode()
