"""mlff evaluate --calibration: error estimates against errors."""
import csv
import json
import math
import unittest

from program import FORCE_FIELD, ProgramTest, ase, np, silver_iodide, train_yaml, write_structure

try:
    import h5py
except ImportError:
    h5py = None

RUN = """\
structure: agi.xyz
output: run
reference: {type: embedded, potential: agi-6.5}
dynamics: {thermostat: {type: csvr}, temperature: 500, timestep: 2.0, steps: 160}
trajectory: {every: 4, forces: true}
"""
FIT = f"""\
data: {{train: train.xyz}}
{FORCE_FIELD}references: {{max: 40}}
"""


@unittest.skipUnless(h5py, "no h5py")
class CalibrationTest(ProgramTest):
    def setUp(self):
        super().setUp()
        write_structure(self.folder / "agi.xyz", *silver_iodide())
        (self.folder / "run.yaml").write_text(RUN)
        (self.folder / "fit.yaml").write_text(FIT)
        self.mlff("run", "run.yaml")
        frames = ase.io.read(self.folder / "run" / "trajectory.xyz", ":")
        for name, part in [("train", frames[:20]), ("test", frames[20:])]:
            ase.io.write(self.folder / f"{name}.xyz", part, format="extxyz")
        self.mlff("fit", "fit.yaml")
        with h5py.File(self.folder / "model.h5", "r+") as file:  # as if by an earlier program
            del file["calibration"], file["posterior/covariance"]

    def calibrate(self, name="calibration.json"):
        out, _ = self.mlff("evaluate", "model.h5", "test.xyz", "--calibration", name)
        return out, json.loads((self.folder / name).read_text())

    def predict(self):
        out, _ = self.mlff("predict", "model.h5", "test.xyz", "predicted.xyz", "--uncertainty")
        return out, ase.io.read(self.folder / "predicted.xyz", ":")

    def test_numbers_and_curves(self):
        out, report = self.calibrate()
        for line in ["error / error estimate", "miscalibration area", "rank correlation"]:
            self.assertIn(line, out)
        self.assertEqual((report["structures"], report["atoms"]), (21, 21 * 16))
        for key in ["rank_correlation", "rank_correlation_within_structures"]:
            self.assertTrue(-1.0 <= report[key] <= 1.0, report[key])
        truth, (_, predicted) = ase.io.read(self.folder / "test.xyz", ":"), self.predict()
        ratios = {
            "force": np.concatenate([(p.get_forces() - t.get_forces()) / p.arrays["force_deviation"]
                                     for p, t in zip(predicted, truth)]),
            "energy": np.array([(p.get_potential_energy() - t.get_potential_energy()) / len(t)
                                / p.info["energy_deviation_per_atom"] for p, t in zip(predicted, truth)]),
            "stress": np.array([(p.get_stress() - t.get_stress()) / p.info["stress_deviation"]
                                for p, t in zip(predicted, truth)])}
        blocks = {kind: report[kind] for kind in ratios}
        for symbol in ["Ag", "I"]:
            blocks[f"force {symbol}"] = report["by_species"][symbol]["force"]
            ratios[f"force {symbol}"] = np.concatenate(
                [((p.get_forces() - t.get_forces()) / p.arrays["force_deviation"])[t.symbols == symbol]
                 for p, t in zip(predicted, truth)])
        for kind, block in blocks.items():
            z = np.abs(ratios[kind].ravel())
            self.assertEqual(block["labels"], len(z))
            self.assertAlmostEqual(block["scale"] / (np.median(z) / 0.67448975), 1.0, delta=1e-4, msg=kind)
            self.assertEqual(block["scale_in_model"], 1.0)
            area = block["miscalibration_area"]
            self.assertEqual(area["model"], area["raw"])
            self.assertTrue(0.0 <= area["scaled"] < area["raw"] <= 0.5, (kind, area))
            p = np.linspace(0.0, 1.0, 2001)
            covered = np.vectorize(math.erf)(z / math.sqrt(2.0))
            observed = np.searchsorted(np.sort(covered), p, side="right") / len(z)
            self.assertAlmostEqual(area["raw"], np.mean(np.abs(observed - p)), delta=2e-3, msg=kind)

        with open(self.folder / "calibration.csv") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual({row["quantity"] for row in rows}, set(blocks))
        self.assertEqual({row["scaling"] for row in rows}, {"raw", "data"})
        for row in rows:
            for column in ["factor", "predicted", "observed"]:
                self.assertTrue(math.isfinite(float(row[column])) and float(row[column]) >= 0.0, row)
            if row["curve"] == "coverage":
                self.assertLessEqual(float(row["observed"]), 1.0)
        bins = [row for row in rows if row["quantity"] == "force" and row["curve"] == "reliability"
                and row["scaling"] == "data"]
        self.assertEqual(sum(int(row["labels"]) for row in bins), report["force"]["labels"])
        forces = np.concatenate([p.get_forces() - t.get_forces() for p, t in zip(predicted, truth)])
        self.assertAlmostEqual(math.sqrt(sum(int(b["labels"]) * float(b["observed"])**2 for b in bins) / forces.size),
                               np.sqrt(np.mean(forces**2)), places=5)

    def test_picture(self):
        out, err = self.mlff("evaluate", "model.h5", "test.xyz", "--calibration", "picture")
        self.assertTrue((self.folder / "picture.json").exists() and (self.folder / "picture.csv").exists())
        if err:
            self.assertRegex(err, r"^mlff: warning: no pictures from [^\n]*\n$")
            return
        self.assertTrue((self.folder / "picture.png").read_bytes().startswith(b"\x89PNG"))
        self.assertIn("nominal confidence, force", (self.folder / "picture.svg").read_text())

    def test_labels_that_are_missing(self):
        frames = ase.io.read(self.folder / "test.xyz", ":")
        for atoms in frames:
            atoms.calc.results = {"energy": atoms.calc.results["energy"]}
            atoms.arrays.pop("forces", None)
        ase.io.write(self.folder / "test.xyz", frames, format="extxyz")
        _, report = self.calibrate()
        self.assertEqual((report["force"], report["by_species"]), ({"labels": 0, "scale": None}, {}))
        self.assertEqual(report["energy"]["labels"], 21)

    def test_a_model_with_factors(self):
        out, raw = self.predict()
        self.assertIn("not calibrated", out)
        for atoms in raw:
            np.testing.assert_array_equal(atoms.arrays["force_error"], atoms.arrays["beef"])
        self.assertIn("not calibrated", self.mlff("info", "model.h5")[0])
        with h5py.File(self.folder / "model.h5", "r+") as file:
            for kind, factor in [("energy", 3.0), ("force", 5.0), ("stress", 7.0)]:
                file[f"calibration/{kind}"] = factor
        self.assertIn("BEEF × 5 is the force error", self.mlff("info", "model.h5")[0])
        out, calibrated = self.predict()
        self.assertIn("BEEF × 5", out)
        for a, b in zip(raw, calibrated):
            np.testing.assert_array_equal(a.arrays["beef"], b.arrays["beef"])
            np.testing.assert_allclose(b.arrays["force_error"], 5.0 * a.arrays["beef"], rtol=1e-12)
            self.assertAlmostEqual(b.info["energy_error_per_atom"] / a.info["energy_deviation_per_atom"], 3.0)
            np.testing.assert_allclose(b.info["stress_error"], 7.0 * np.array(a.info["stress_deviation"]), rtol=1e-12)
        out, report = self.calibrate()
        self.assertIn("(model: 5)", out)
        self.assertEqual(report["force"]["scale_in_model"], 5.0)
        area = report["force"]["miscalibration_area"]
        self.assertEqual(len({area["raw"], area["model"], area["scaled"]}), 3)

    def test_a_fit_estimates_errors_by_the_robust_covariance(self):
        """Trained on 20 structures, which are enough: estimates and factors hold on the frames that follow."""
        self.mlff("fit", "fit.yaml")
        with h5py.File(self.folder / "model.h5") as file:
            F = file["posterior/covariance"][()]
            self.assertEqual(F.shape, file["posterior/factor"].shape)
            self.assertTrue(np.isfinite(F).all() and not np.tril(F, -1).any() or not np.triu(F, 1).any())
            self.assertEqual(file["calibration/energy"][()], file["calibration/force"][()])
            factors = {s: file[f"calibration/species/{s}"][()] for s in ["Ag", "I"]}
            floor = file["calibration/force_floor"][()]
            self.assertGreater(floor, 0.0)
        self.assertIn("robust estimate × ", self.mlff("info", "model.h5")[0])
        out, predicted = self.predict()
        self.assertIn("force_error is the robust estimate", out)
        inside = []
        for truth, atoms in zip(ase.io.read(self.folder / "test.xyz", ":"), predicted):
            factor = np.array([factors[s] for s in atoms.get_chemical_symbols()])
            np.testing.assert_allclose(atoms.arrays["force_error"],
                                       np.sqrt((factor * atoms.arrays["beef"])**2 + 3.0 * floor**2), rtol=1e-6)
            error = np.abs(atoms.get_forces() - truth.get_forces())
            inside.append(error < factor[:, None] * atoms.arrays["force_deviation"])
        self.assertTrue(0.5 < np.mean(inside) < 0.9, np.mean(inside))

    def test_a_training_calibrates_by_its_reference_calls(self):
        """Each call tests the prediction before it: the last ratio of the log is the factor of the model."""
        (self.folder / "train.yaml").write_text(train_yaml(steps=120))
        self.mlff("train", "train.yaml")
        ratios = [float(line.split()[-1]) for line in (self.folder / "out/log").read_text().splitlines()
                  if line.startswith("LASTE")]
        self.assertGreaterEqual(len(ratios), 5)
        with h5py.File(self.folder / "out/model.h5") as file:
            factors = [file[f"calibration/{kind}"][()] for kind in ["energy", "force", "stress"]]
        self.assertGreater(ratios[-1], 1.0)
        np.testing.assert_allclose(factors, ratios[-1], atol=5.1e-5)
        self.assertIn("BEEF × ", self.mlff("info", "out/model.h5")[0])


if __name__ == "__main__":
    unittest.main()
