"""What the tests of the hosts share: the folder of the tests of the program, a force field, skewed structures.

A test is called as `x_test.py PROGRAM MODEL [unittest arguments]`.
"""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "app"))
MODEL = os.path.abspath(sys.argv.pop(2))

from program import PROGRAM, ProgramTest, ase, np, write_structure  # noqa: E402, F401

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "embedded"


def triclinic_agi(repeat, edge=5.06, seed=1, noise=0.08):
    """Symbols, positions and cell [Å] of alpha-AgI, 4 atoms in each of the repeated cells, sheared and displaced."""
    unit = [("I", (0, 0, 0)), ("I", (.5, .5, .5)), ("Ag", (.5, .25, 0)), ("Ag", (0, .5, .75))]
    shear = np.array([[1.0, 0.0, 0.0], [0.13, 0.97, 0.0], [-0.08, 0.11, 1.04]])
    corners = [np.array(c) for c in np.ndindex(*repeat)]
    symbols = [symbol for _ in corners for symbol, _ in unit]
    cell = edge * shear
    positions = np.array([(corner + site) @ cell for corner in corners for _, site in unit])
    positions += np.random.default_rng(seed).normal(0.0, noise, positions.shape)
    return symbols, positions, np.array(repeat)[:, None] * cell


class HostTest(ProgramTest):
    """Compares a host with what `mlff predict` says."""

    def predict(self, atoms, model=MODEL):
        """The frame that `mlff predict --uncertainty` writes."""
        ase.io.write(self.folder / "in.xyz", atoms, format="extxyz")
        self.mlff("predict", model, "in.xyz", "out.xyz", "--uncertainty")
        return ase.io.read(self.folder / "out.xyz")

    def close(self, first, second, tolerance=1e-9):
        """Equal relative to the largest value; NaN is not."""
        first, second = np.asarray(first), np.asarray(second)
        self.assertEqual(first.shape, second.shape)
        scale = max(1.0, np.abs(second).max(initial=0.0))
        difference = np.abs(first - second).max(initial=0.0)
        self.assertTrue(difference < tolerance * scale, f"differs by {difference:.2e}, values up to {scale:.3g}")


def atoms_of(symbols, positions, cell):
    """As `mlff` reads them: the digits of the file, so that both see the same numbers."""
    return ase.Atoms(symbols, np.round(positions, 8), cell=np.round(cell, 8), pbc=True)
