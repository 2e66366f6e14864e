"""Builds the wheel from a build tree: the package, the program, the shared library, the source of the LAMMPS plugin.

    cmake --preset release -DMLFF_PORTABLE=ON -DMLFF_MPI=OFF && cmake --build --preset release
    pip wheel interfaces/python -w dist                 # MLFF_BUILD names another build folder
    auditwheel repair dist/mlff-*.whl -w dist           # adds the libraries that it needs

It compiles nothing; the functions are the hooks of PEP 517. One wheel serves all versions of Python.
"""
import base64
import hashlib
import os
import re
import sysconfig
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def _version():
    return re.search(r"project\(mlff VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]


def _files():
    """Name in the wheel and file of each part."""
    build = Path(os.environ.get("MLFF_BUILD", ROOT / "build" / "release"))
    programs = sorted((build / "bin").glob("mlff*"))
    library = build / "interfaces" / "libmlff.so"
    if not programs or not library.exists():
        raise SystemExit(f"{build} has no bin/mlff and interfaces/libmlff.so; build them, or set MLFF_BUILD")
    for source in sorted((HERE / "mlff").glob("*.py")):
        yield f"mlff/{source.name}", source
    for program in programs:
        yield f"mlff/bin/{program.name}", program
    soname = "libmlff.so." + ".".join(_version().split(".")[:2])
    yield f"mlff/lib/{soname}", library  # what the LAMMPS plugin asks the loader for
    for source in (ROOT / "interfaces/lammps/pair_mlff.cpp", ROOT / "interfaces/c/mlff.h"):
        yield f"mlff/share/{source.name}", source
    yield "mlff/share/mlff/plot.py", ROOT / "app/plot.py"  # where the program looks: share/mlff beside its bin


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """Writes the wheel; its name."""
    version = _version()
    tag = "py3-none-" + re.sub(r"[-.]", "_", sysconfig.get_platform())
    info = f"mlff-{version}.dist-info"
    name = f"mlff-{version}-{tag}.whl"
    texts = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: mlff\nVersion: {version}\n"
                            "Summary: Machine-learned force fields, learned on the fly and run fast\n"
                            "License: MIT\nRequires-Python: >=3.10\nRequires-Dist: numpy\n"
                            "Provides-Extra: ase\nRequires-Dist: ase; extra == \"ase\"\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: mlff\nRoot-Is-Purelib: false\nTag: {tag}\n",
        f"{info}/entry_points.txt": "[console_scripts]\nmlff = mlff.program:main\n\n"
                                    "[lammps.plugins]\nmlff = mlff.lammps:plugin_folder\n",
        f"{info}/LICENSE": (ROOT / "LICENSE").read_text()}
    records = []
    with zipfile.ZipFile(Path(wheel_directory) / name, "w", zipfile.ZIP_DEFLATED) as wheel:
        def add(place, data, mode):
            entry = zipfile.ZipInfo(place)  # dated 1980: equal trees give equal wheels
            entry.external_attr = mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            records.append(f"{place},sha256={digest},{len(data)}")

        for place, file in _files():
            add(place, file.read_bytes(), 0o100755 if place.startswith("mlff/bin/") else 0o100644)
        for place, text in texts.items():
            add(place, text.encode(), 0o100644)
        records.append(f"{info}/RECORD,,")
        add(f"{info}/RECORD", ("\n".join(records) + "\n").encode(), 0o100644)
    return name
