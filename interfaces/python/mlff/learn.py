"""On-the-fly learning with any ASE calculator as the reference, in this process.

    from ase.calculators.emt import EMT
    from mlff.learn import learn
    model = learn({"structure": "copper.xyz", "output": "runs/cu",
                   "dynamics": {"temperature": 300, "timestep": 2.0, "steps": 2000}}, EMT())

The program `mlff train` moves the atoms, decides and fits; where it asks for the reference, the calculator answers over a
local socket. The run directory, its journal and resuming are those of `mlff train`.
"""
from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any, Mapping, Optional

import ase.io
from ase.calculators.calculator import Calculator
from ase.calculators.socketio import SocketClient

from ._library import Error, GuardError, InputError
from .program import PathLike, program_path

POLL = 0.05  # [s] between attempts to connect


def learn(settings: Mapping[str, Any], calculator: Calculator, directory: PathLike = ".", threads: Optional[int] = None,
          method: Optional[str] = None) -> Path:
    """Learns a force field; the path of the model. The same call resumes an interrupted run.

    settings: keys of train.yaml, without `reference`; `structure` names an extended XYZ file. Structures need energy,
        forces and stress of the calculator, in ASE's units.
    calculator: the reference.   directory: where file names in `settings` begin; train.yaml is written there.
    method: one line about the reference for log and model; default: the name of the calculator's class.
    Raises InputError, GuardError, Error with the program's line, and what the calculator raises.
    """
    if "reference" in settings:
        raise InputError("settings must not have 'reference': the calculator is the reference")
    if "supercell" in settings:
        raise InputError("settings must not have 'supercell': write the supercell to the file of the structure")
    if "structure" not in settings:
        raise InputError("settings need 'structure', the file of the first structure")
    folder = Path(directory)
    atoms = ase.io.read(folder / settings["structure"], 0)
    atoms.calc = calculator
    name = f"mlff-learn-{os.getpid()}"
    text = {**settings, "reference": {"type": "socket", "address": f"unix:{name}",
                                      "method": method or type(calculator).__name__}}
    (folder / "train.yaml").write_text(json.dumps(text, indent=1) + "\n")
    command = [program_path(), "train", "train.yaml"] + (["--threads", str(threads)] if threads else [])
    with open(folder / "train.err", "w+") as complaints:  # a file: nobody reads a pipe while the calculator works
        program = subprocess.Popen(command, cwd=folder, stderr=complaints)
        try:
            while program.poll() is None:
                try:
                    client = SocketClient(unixsocket=name)
                except OSError:  # it does not listen yet
                    time.sleep(POLL)
                    continue
                try:
                    client.run(atoms, use_stress=True)
                except ConnectionError:  # the program has ended; its status says how
                    program.wait()
        finally:
            if program.poll() is None:  # the calculator failed, or the user has had enough: it saves and stops
                program.terminate()
                program.wait()
        complaints.seek(0)
        lines = complaints.read().strip().splitlines()
    (folder / "train.err").unlink()
    if program.returncode:
        line = lines[-1].removeprefix("mlff: ") if lines else f"mlff train ended with status {program.returncode}"
        raise {2: InputError, 3: GuardError}.get(program.returncode, Error)(line)
    return folder / settings.get("output", "training") / "model.h5"
