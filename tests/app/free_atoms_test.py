"""Free atoms in labelled data give atom_energies and are not fitted: fit, check, select, train."""
import json
import unittest

from program import FORCE_FIELD, ProgramTest, ase, np, silver_iodide, train_yaml, write_structure
from ase.calculators.emt import EMT

FIT = FORCE_FIELD + """\
data: {train: [TRAIN], validation: valid.xyz}
references: {max: 60}
trade_off: false
output: OUTPUT
"""


def labelled(atoms, **info):
    atoms.calc = EMT()
    atoms.get_potential_energy(), atoms.get_forces()
    if atoms.pbc.all():
        atoms.get_stress()
    atoms.info.update(info)
    return atoms


class FreeAtomsTest(ProgramTest):
    def make_data(self):
        """Cu-Au crystals of EMT with jitter, and one atom of each kind alone."""
        from ase.build import bulk
        random = np.random.default_rng(5)
        frames = []
        for _ in range(14):
            atoms = bulk("Cu", cubic=True).repeat(2)
            atoms.numbers[random.permutation(len(atoms))[:8]] = 79
            atoms.set_cell(atoms.cell * 1.04, scale_atoms=True)
            atoms.positions += random.normal(0.0, 0.1, atoms.positions.shape)
            frames.append(labelled(atoms, config_type="bulk"))
        ase.io.write(self.folder / "bulk.xyz", frames[:10])
        ase.io.write(self.folder / "valid.xyz", frames[10:])
        for symbol in ("Cu", "Au", "Ag"):
            ase.io.write(self.folder / f"{symbol}.xyz",
                         labelled(ase.Atoms(symbol, cell=[20, 21, 22], pbc=True), config_type="IsolatedAtom"))

    def fit(self, *train, output="model.h5", extra=""):
        self.write("fit.yaml", FIT.replace("TRAIN", ", ".join(train)).replace("OUTPUT", output) + extra)
        out, _ = self.mlff("fit", "fit.yaml")
        return out, json.loads(out[out.index("\n{"):out.rindex("}") + 1])

    def energy_of(self, symbol):
        return ase.io.read(self.folder / f"{symbol}.xyz").get_potential_energy()

    def test_a_fit_takes_their_energies_and_is_not_spoilt(self):
        self.make_data()
        _, without = self.fit("bulk.xyz", output="without.h5")
        out, errors = self.fit("bulk.xyz", "Cu.xyz", "Au.xyz", "Ag.xyz")
        self.assertIn("note: free atoms: Cu 3.51, Au 3.8 eV, taken as regression.atom_energies and not fitted", out)
        self.assertIn("Ag occurs only as a free atom and is no species of the force field", out)
        self.assertIn("10 training structures", out)
        for quantity in ("force", "energy"):
            self.assertLess(errors[quantity]["rmse"], 1.5 * without[quantity]["rmse"])
        info, _ = self.mlff("info", "model.h5")
        self.assertIn("atom_energies: {Cu: 3.51, Au: 3.8}", info)
        # The free atom itself is predicted, and a frame with an evaporated one.
        self.mlff("predict", "model.h5", "Au.xyz", "predicted.xyz")
        self.assertAlmostEqual(ase.io.read(self.folder / "predicted.xyz").get_potential_energy(), 3.8, delta=1e-6)
        out, _ = self.mlff("check", "fit.yaml")
        self.assertIn("taken as regression.atom_energies", out)

    def test_the_setting_wins_and_a_contradiction_is_said(self):
        self.make_data()
        out, _ = self.fit("bulk.xyz", "Cu.xyz", "Au.xyz", extra="regression: {atom_energies: {Cu: 0, Au: 3.8}}\n")
        self.assertIn("warning: regression.atom_energies says 0 eV for Cu, but a free atom of it has 3.51 eV (Cu.xyz:1): "
                      "the setting is used", out)
        self.assertRegex(self.mlff("info", "model.h5")[0], r"Cu +60 +0\.000000\n +Au +60 +3\.800000")

    def test_validation_data_are_judged_without_them(self):
        self.make_data()
        _, alone = self.fit("bulk.xyz")
        with open(self.folder / "valid.xyz", "a") as file:
            file.write((self.folder / "Ag.xyz").read_text())
        out, errors = self.fit("bulk.xyz")
        self.assertIn("1 structure of free atoms left out of the validation data", out)
        self.assertEqual(errors["force"], alone["force"])

    def test_select_and_train_take_them_too(self):
        self.make_data()
        learning = "learning: {threshold: {start: 0.05}}\n"
        self.write("select.yaml", f"data: {{train: [Cu.xyz, bulk.xyz, Au.xyz]}}\n{FORCE_FIELD}{learning}")
        out, _ = self.mlff("select", "select.yaml")
        self.assertIn("taken as regression.atom_energies", out)
        self.assertIn("select: 10 structures", out)
        chosen = ase.io.read(self.folder / "selection/training.xyz", ":")
        self.assertGreater(min(len(atoms) for atoms in chosen), 1)
        self.mlff("predict", "selection/model.h5", "Cu.xyz", "predicted.xyz")
        self.assertAlmostEqual(ase.io.read(self.folder / "predicted.xyz").get_potential_energy(), 3.51, delta=1e-6)

        write_structure(self.folder / "agi.xyz", *silver_iodide())
        for symbol, energy in (("Ag", -0.25), ("I", -0.125)):
            write_structure(self.folder / "free.xyz", [symbol], [[0, 0, 0]], 20 * np.eye(3), energy=energy)
        start = train_yaml(steps=40).replace("learning: {", "learning: {start_from: free.xyz, ")
        alone, _ = self.mlff("train", self.write("alone.yaml", start.replace("output: out", "output: alone")))
        self.assertIn("free atoms: Ag -0.25, I -0.125 eV, taken as regression.atom_energies", alone)
        self.write("fit.yaml", FIT.replace("TRAIN", "free.xyz").replace("validation: valid.xyz", "folds: 1"))
        self.assertIn("free.xyz:1: this and all other structures are atoms without neighbours within 5 Å",
                      self.mlff("fit", "fit.yaml", status=2)[1])
        self.mlff("run", self.write("run.yaml", """\
structure: agi.xyz
output: first
reference: {type: embedded, potential: agi-6.5}
dynamics: {temperature: 300, steps: 2}
trajectory: {every: 1, forces: true}
"""))
        start = start.replace("start_from: free.xyz", "start_from: [free.xyz, first/trajectory.xyz]")
        out, _ = self.mlff("train", self.write("train.yaml", start))
        self.assertIn("free atoms: Ag -0.25, I -0.125 eV, taken as regression.atom_energies", out)
        self.mlff("predict", "out/model.h5", "free.xyz", "predicted.xyz")
        energies = [atoms.get_potential_energy() for atoms in ase.io.read(self.folder / "predicted.xyz", ":")]
        np.testing.assert_allclose(energies, [-0.25, -0.125], atol=1e-9)
        out, _ = self.mlff("check", "train.yaml")
        self.assertIn("3 structures to start from", out)


if __name__ == "__main__":
    unittest.main()
