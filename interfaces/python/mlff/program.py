"""The verbs of the program `mlff`, with settings as a dictionary. Keys and defaults are those of the YAML files."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence, Union

from ._library import BUILD, PACKAGE, PREFIX, ROOT, Error, GuardError, InputError

PathLike = Union[str, os.PathLike]


def program_path() -> str:
    """The program: that of the variable MLFF_PROGRAM, else that of the wheel, of the build tree, of the search path."""
    chosen = os.environ.get("MLFF_PROGRAM")
    places = [Path(chosen)] if chosen else [PACKAGE / "bin" / "mlff", ROOT / "build" / BUILD / "bin" / "mlff",
                                                PREFIX / "bin" / "mlff"]
    found = next((str(place) for place in places if place.exists()), None) or (None if chosen else shutil.which("mlff"))
    if not found:
        raise InputError("the program mlff was not found; set MLFF_PROGRAM to its path")
    return found


def _run(arguments: Sequence[Any], directory: PathLike, threads: Optional[int], stdout: Optional[int] = None) -> None:
    command = [program_path(), *map(str, arguments)] + (["--threads", str(threads)] if threads else [])
    done = subprocess.run(command, cwd=directory, stdout=stdout, stderr=subprocess.PIPE, encoding="utf-8", errors="replace")
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"mlff {arguments[0]} ended with status {done.returncode}"]
        raise {2: InputError, 3: GuardError}.get(done.returncode, Error)(lines[-1].removeprefix("mlff: "))


def _with_settings(verb: str, settings: Mapping[str, Any], directory: PathLike, threads: Optional[int]) -> None:
    Path(directory).mkdir(parents=True, exist_ok=True)
    (Path(directory) / f"{verb}.yaml").write_text(json.dumps(settings, indent=1) + "\n")  # YAML contains JSON
    _run([verb, f"{verb}.yaml"], directory, threads)


def fit(settings: Mapping[str, Any], directory: PathLike = ".", threads: Optional[int] = None) -> Path:
    """Fits a force field to labelled data; the path of the model. Writes `fit.yaml` into `directory`.

        mlff.fit({"data": {"train": ["training.xyz"]}, "output": "model.h5"})

    File names in `settings` are relative to `directory`. Raises InputError with the program's line.
    """
    _with_settings("fit", settings, directory, threads)
    return Path(directory) / settings.get("output", "model.h5")


def train(settings: Mapping[str, Any], directory: PathLike = ".", threads: Optional[int] = None) -> Path:
    """Learns on the fly; the path of the model. The same call resumes an interrupted training. Writes `train.yaml`."""
    _with_settings("train", settings, directory, threads)
    return Path(directory) / settings.get("output", "training") / "model.h5"


def evaluate(model: PathLike, data: PathLike, threads: Optional[int] = None) -> dict[str, Any]:
    """Errors of a model on labelled data, as `mlff evaluate --json` has them (meV/atom, meV/Å, GPa)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "errors.json"
        _run(["evaluate", model, data, "--json", path], ".", threads, subprocess.DEVNULL)
        return json.loads(path.read_text())


def compile(model: PathLike, output: PathLike, data: Union[PathLike, Sequence[PathLike], None] = None,
            max_loss: str = "1%", threads: Optional[int] = None) -> Path:
    """Writes a faster form of a force field, with a measured loss; the path of it.

    data: labelled structures to measure the loss on; default: training.xyz beside the model.
    """
    files = [] if data is None else [data] if isinstance(data, (str, os.PathLike)) else list(data)
    _run(["compile", model, output, *(word for file in files for word in ("--data", file)), "--max-loss", max_loss],
         ".", threads)
    return Path(output)


def main() -> None:
    """The command `mlff` of the wheel: the program takes over."""
    program = program_path()
    os.execv(program, [program, *sys.argv[1:]])
