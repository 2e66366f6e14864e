"""Energies, forces and stress of the frames of an extended XYZ file by CP2K, driven by ASE and not by mlff:
an independent answer to what a force field predicts.

    label.py FRAMES.xyz CP2K.inp OUT.xyz [N]     the last N frames (20)
"""
import os
import subprocess
import sys
import tempfile

import ase.io
from ase.calculators.singlepoint import SinglePointCalculator
from ase.calculators.socketio import SocketIOCalculator

frames, template, out = sys.argv[1:4]
n = int(sys.argv[4]) if len(sys.argv) > 4 else 20
name = f"label-{os.getpid()}"


folder = tempfile.mkdtemp(prefix="label-")


def start_cp2k(atoms, properties, port, unixsocket):
    words = {"socket": name, "port": "0", "unix": "T",
             "cell_cp2k": "\n".join("%s %.12f %.12f %.12f" % (axis, *a) for axis, a in zip("ABC", atoms.cell)),
             "coordinates": "\n".join("%s %.12f %.12f %.12f" % (s, *r) for s, r in zip(atoms.symbols, atoms.positions))}
    text = open(template).read()
    for word, value in words.items():
        text = text.replace("{{%s}}" % word, value)
    with open(f"{folder}/cp2k.inp", "w") as file:
        file.write(text)
    command = ["mpirun", "--bind-to", "none", "-np", "2", "cp2k", "-i", "cp2k.inp", "-o", "cp2k.out"]
    return subprocess.Popen(command, cwd=folder)


labelled = []
with SocketIOCalculator(unixsocket=name, launch_client=start_cp2k) as calculator:
    for atoms in ase.io.read(frames, f"-{n}:"):
        atoms.calc = calculator
        energy, forces, stress = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
        if "SCF run NOT converged" in open(f"{folder}/cp2k.out").read():  # nothing else tells
            sys.exit(f"frame {len(labelled) + 1} is not converged; see {folder}/cp2k.out")
        frame = ase.Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True)
        frame.calc = SinglePointCalculator(frame, energy=energy, forces=forces, stress=stress)
        labelled.append(frame)
        print(f"{len(labelled)} of {n}: {energy:.6f} eV", flush=True)
        ase.io.write(out, labelled, format="extxyz")
