"""The same structures through every host that is there: one table of differences.

    mlff verify model.h5 structures.xyz [--lammps LMP --plugins FOLDER]

Hosts: the program (`mlff predict`, what the others are compared with), the C interface from Python, ASE's calculator,
the socket protocol (`mlff serve`), LAMMPS. Each entry is the largest difference, relative to the largest value or to 1
where that is larger. The exit status is 1 if one is above the limit.
"""
from __future__ import annotations

import argparse
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable, Iterable, Optional

import numpy as np

from . import lammps as plugin
from ._library import Error, InputError
from .force_field import ForceField
from .program import program_path

BOHR, HARTREE = 0.529177210903, 27.211386245988  # CODATA 2018, as the program has them
BAR = 1 / 1.6021765e6                            # [eV/Å³], as LAMMPS has it in units metal
PROPERTIES = ("energy", "forces", "stress", "energies", "virials")
LIMIT = 1e-9

Result = dict[str, np.ndarray]


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference, relative to the largest value or 1. Infinite for other shapes and for what is no number."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found - expected).max(initial=0.0) / max(1.0, np.abs(expected).max(initial=0.0)))


def predict(model: str, frames: list, folder: Path) -> list[Result]:
    """What `mlff predict` writes."""
    import ase.io
    ase.io.write(folder / "in.xyz", frames, format="extxyz")
    done = subprocess.run([program_path(), "predict", model, "in.xyz", "out.xyz", "--quiet"], cwd=folder,
                          capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        raise Error(done.stderr.strip().removeprefix("mlff: "))
    return [{"energy": atoms.get_potential_energy(), "forces": atoms.get_forces(), "stress": atoms.get_stress(),
             "energies": atoms.arrays["atom_energy"]} for atoms in ase.io.read(folder / "out.xyz", ":")]


def from_python(model: str, frames: list, _: Path) -> Iterable[Result]:
    force_field = ForceField(model)
    for atoms in frames:
        result = force_field.predict(atoms, virials=True)
        yield {name: getattr(result, name) for name in PROPERTIES}


def from_ase(model: str, frames: list, _: Path) -> Iterable[Result]:
    from .calculator import MLFF
    calculator = MLFF(model)
    for atoms in frames:
        atoms = atoms.copy()
        atoms.calc = calculator
        yield {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces(), "stress": atoms.get_stress(),
               "energies": atoms.get_potential_energies()}


def from_socket(model: str, frames: list, folder: Path) -> Iterable[Result]:
    """One `mlff serve` for each structure, as its atoms may differ."""
    import ase.io

    def receive(size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = connection.recv(size - len(data))
            if not more:
                raise Error("mlff serve closed the connection")
            data += more
        return data

    def accept(server: socket.socket, client: subprocess.Popen) -> socket.socket:
        while client.poll() is None:
            try:
                found, _ = server.accept()
                found.settimeout(None)
                return found
            except TimeoutError:
                pass
        raise Error("mlff serve ended before it connected")

    for atoms in frames:
        ase.io.write(folder / "serve.xyz", atoms, format="extxyz")
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(0.1)
            client = subprocess.Popen([program_path(), "serve", model, "serve.xyz", "--quiet", "--socket",
                                       f"127.0.0.1:{server.getsockname()[1]}"], cwd=folder)
            try:
                connection = accept(server, client)
                with connection:
                    cell = np.asarray(atoms.cell).T / BOHR
                    connection.sendall(b"POSDATA     " + np.ascontiguousarray(cell).tobytes() +
                                       np.linalg.inv(cell).tobytes() + struct.pack("i", len(atoms)) +
                                       (atoms.positions / BOHR).tobytes() + b"GETFORCE    ")
                    receive(12)
                    energy, n = struct.unpack("=di", receive(12))
                    forces = np.frombuffer(receive(24 * n)).reshape(n, 3)
                    virial = np.frombuffer(receive(72)).reshape(3, 3)
                    receive(struct.unpack("i", receive(4))[0])
                    connection.sendall(b"EXIT        ")
                client.wait()
            finally:
                client.kill()
        stress = -virial * HARTREE / atoms.get_volume()
        yield {"energy": energy * HARTREE, "forces": forces * HARTREE / BOHR,
               "stress": stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]}


def lammps_data(atoms, species: tuple[str, ...]) -> tuple[str, np.ndarray]:
    """Text of a data file, and Q of r = Q r_sent: LAMMPS wants the first lattice vector along x, the second in xy."""
    sent = np.linalg.cholesky(np.asarray(atoms.cell) @ np.asarray(atoms.cell).T)
    turn = np.linalg.solve(np.asarray(atoms.cell), sent)
    (lx, _, _), (xy, ly, _), (xz, yz, lz) = sent.tolist()
    rows = [f"{k} {species.index(symbol) + 1} {x!r} {y!r} {z!r}" for k, (symbol, (x, y, z)) in
            enumerate(zip(atoms.get_chemical_symbols(), (atoms.positions @ turn).tolist()), 1)]
    head = (f"mlff verify\n\n{len(atoms)} atoms\n{len(species)} atom types\n0.0 {lx!r} xlo xhi\n0.0 {ly!r} ylo yhi\n"
            f"0.0 {lz!r} zlo zhi\n{xy!r} {xz!r} {yz!r} xy xz yz\n\nAtoms # atomic\n\n")
    return head + "\n".join(rows) + "\n", turn


def from_lammps(model: str, frames: list, folder: Path, command: list[str], environment: dict[str, str]) -> Iterable[Result]:
    species = ForceField(model).species
    script = (f"units metal\natom_style atomic\nbox tilt large\nread_data data\nmass * 1.0\npair_style mlff\n"
              f"pair_coeff * * {model} {' '.join(species)}\ncompute e all pe/atom\n"
              "compute w all centroid/stress/atom NULL virial\ncompute p all pressure NULL virial\n"
              "dump 1 all custom 1 dump id fx fy fz c_e c_w[*]\ndump_modify 1 sort id format float %.17g\n"
              "thermo_style custom pe c_p[*]\nthermo_modify format float %.17g\nrun 0\n")
    for atoms in frames:
        if not atoms.pbc.all():
            raise InputError("structures must be periodic along all three lattice vectors")
        text, turn = lammps_data(atoms, species)
        (folder / "data").write_text(text)
        (folder / "in").write_text(script)
        done = subprocess.run([*command, "-in", "in", "-log", "none"], cwd=folder, capture_output=True, encoding="utf-8",
                              errors="replace", env=environment)
        lines = done.stdout.splitlines()
        if done.returncode:
            raise Error(next((line for line in lines if "ERROR" in line), f"status {done.returncode}: {done.stderr}"[:200]))
        first = max(k for k, line in enumerate(lines) if "PotEng" in line) + 1
        energy, *pressure = (float(word) for word in lines[first].split())
        table = np.loadtxt(folder / "dump", skiprows=9, ndmin=2)
        xx, yy, zz, xy, xz, yz = -BAR * np.array(pressure)
        stress = turn @ np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) @ turn.T
        virials = -BAR * table[:, 5:][:, [0, 3, 4, 6, 1, 5, 7, 8, 2]].reshape(-1, 3, 3)
        yield {"energy": energy, "forces": table[:, 1:4] @ turn.T, "energies": table[:, 4],
               "stress": stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]], "virials": turn @ virials @ turn.T}


def find_lammps(folder: Path, lmp: Optional[str], plugins: Optional[str]) -> tuple[list[str], dict[str, str]]:
    """The program `lmp` with a plugin, compiled where none is given. Raises InputError where that is not to be had."""
    environment = dict(os.environ)
    if not lmp:
        root = plugin._lammps_of_python()
        lmp = str(root / "lmp")
        libraries = [str(Path(sys.prefix) / "lib"), environment.get("LD_LIBRARY_PATH", "")]
        environment["LD_LIBRARY_PATH"] = ":".join(filter(None, libraries))  # for the MPI of the wheel mpich
        plugins = plugins or str(plugin.build(str(root), str(folder / "plugin")).parent)
    elif not plugins:
        raise InputError("--lammps needs --plugins, the folder of its plugin")
    environment["LAMMPS_PLUGIN_PATH"] = os.path.abspath(plugins)
    return [shutil.which(lmp) or lmp], environment


def verify(model: str, structures: str, lmp: Optional[str] = None, plugins: Optional[str] = None,
           write: Callable[[str], object] = print) -> float:
    """Prints the table; the largest difference."""
    import ase.io
    frames = ase.io.read(structures, ":")
    model = os.path.abspath(model)
    worst = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        expected = predict(model, frames, folder)
        for result, own in zip(expected, from_python(model, frames, folder)):
            result["virials"] = own["virials"]  # files have none; their sum is compared with the stress of the program
        sums = [difference(-own["virials"].sum(axis=0)[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]] / atoms.get_volume(),
                           own["stress"]) for own, atoms in zip(expected, frames)]
        write(f"{len(frames)} structures, {sum(map(len, frames))} atoms; largest difference from mlff predict, relative")
        write(f"{'host':10}" + "".join(f"{name:>10}" for name in PROPERTIES))
        hosts = {"python": from_python, "ase": from_ase, "socket": from_socket}
        try:
            command, environment = find_lammps(folder, lmp, plugins)
            hosts["lammps"] = lambda *where: from_lammps(*where, command, environment)
        except InputError as error:
            left_out = f"lammps: left out, {error}"
        else:
            left_out = ""
        for host, run in hosts.items():
            results = list(run(model, frames, folder))
            row = {name: max(difference(found[name], own[name]) for found, own in zip(results, expected))
                   for name in PROPERTIES if name in results[0]}
            if host == "python":
                row["virials"] = max(sums)
            write(f"{host:10}" + "".join(f"{row[name]:10.1e}" if name in row else f"{'-':>10}" for name in PROPERTIES))
            worst = max(worst, *row.values())
        if left_out:
            write(left_out)
    return worst


def main() -> int:
    parser = argparse.ArgumentParser(prog="mlff verify", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("MODEL", help="force field (model.h5)")
    parser.add_argument("STRUCTURES", help="extxyz; periodic structures of the species of the force field")
    parser.add_argument("--lammps", help="program lmp (default: that of the package lammps of this Python)")
    parser.add_argument("--plugins", help="folder with its mlffplugin.so (default: compiled for the occasion)")
    arguments = parser.parse_args()
    try:
        worst = verify(arguments.MODEL, arguments.STRUCTURES, arguments.lammps, arguments.plugins)
    except (Error, OSError) as error:
        print(f"mlff verify: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    if worst < LIMIT:
        print(f"all agree: {worst:.1e} is below {LIMIT:g}")
        return 0
    print(f"mlff verify: differences up to {worst:.1e}, above {LIMIT:g}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
