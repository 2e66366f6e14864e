"""What the tests of the program share: how to call it, and small inputs. Needs numpy and ASE.

A test is called as `x_test.py PROGRAM [unittest arguments]`.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

try:
    import ase.io
    import numpy as np
except ImportError as error:
    print(f"skipped: {sys.executable} has no {error.name}")
    sys.exit(77)

PROGRAM = os.path.abspath(sys.argv.pop(1))


class ProgramTest(unittest.TestCase):
    """A test with a folder of its own, `self.folder`, that the program is started in."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mlff-test-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, name, text):
        """A file in `self.folder`; its name."""
        (self.folder / name).write_text(text)
        return name

    def new_folder(self, name, **files):
        """A folder inside `self.folder` that holds the given texts; `train="..."` becomes train.yaml."""
        folder = self.folder / name
        folder.mkdir()
        for stem, text in files.items():
            (folder / f"{stem}.yaml").write_text(text)
        return folder

    def mlff(self, *arguments, status=0, cwd=None):
        """Runs the program; what it printed to (standard output, standard error)."""
        done = subprocess.run([PROGRAM, *map(str, arguments)], cwd=cwd or self.folder, capture_output=True,
                              encoding="utf-8",
                              errors="replace", timeout=120)
        self.assertEqual(done.returncode, status, f"mlff {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}")
        return done.stdout, done.stderr


def silver_iodide(seed=1):
    """Symbols, positions and cell [Å] of 16 atoms of alpha-AgI, slightly displaced."""
    edge = 5.06
    unit = [("I", (0, 0, 0)), ("I", (.5, .5, .5)), ("Ag", (.5, .25, 0)), ("Ag", (0, .5, .75))]
    corners = [(x, y, 0) for x in range(2) for y in range(2)]
    symbols = [symbol for _ in corners for symbol, _ in unit]
    positions = edge * np.array([np.add(corner, site) for corner in corners for _, site in unit])
    positions += np.random.default_rng(seed).normal(0.0, 0.05, positions.shape)
    return symbols, positions, edge * np.diag([2.0, 2.0, 1.0])


def write_structure(path, symbols, positions, cell, **info):
    """One extended XYZ frame, appended."""
    lattice = " ".join(repr(float(x)) for x in np.ravel(cell))
    extra = "".join(f" {key}={value}" for key, value in info.items())
    with open(path, "a") as file:
        file.write(f'{len(symbols)}\nLattice="{lattice}" Properties=species:S:1:pos:R:3 pbc="T T T"{extra}\n')
        for symbol, (x, y, z) in zip(symbols, positions):
            file.write(f"{symbol} {x:.9f} {y:.9f} {z:.9f}\n")


FORCE_FIELD = """\
force_field:
  radial: {cutoff: 5.0, functions: 6}
  angular: {cutoff: 4.0, functions: 4, l_max: 2}
  kernel_power: 2
"""


def train_yaml(thermostat="langevin", steps=300, temperature="[400, 600]", extra=""):
    """Learning of silver iodide on the fly: some thirty reference calls in a second or two."""
    return f"""\
structure: agi.xyz
output: out
seed: 3
{FORCE_FIELD}reference: {{type: embedded, potential: agi-6.5}}
learning: {{threshold: {{start: 0.02}}}}
dynamics:
  thermostat: {{type: {thermostat}, period: 100}}
  temperature: {temperature}
  timestep: 2.0
  steps: {steps}
trajectory: {{every: 1, forces: true}}
{extra}"""
