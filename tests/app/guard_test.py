"""A run that leaves the ground it was trained on is stopped by its guard, early and with a reason; one that stays is not."""
import itertools
import json
import unittest

from program import FORCE_FIELD, ProgramTest, ase, np, silver_iodide, train_yaml, write_structure

# The small force field of the tests with VASP's kernel and regression: its collapse is quick.
VASP_LIKE = """\
force_field:
  radial: {cutoff: 5.0, width: 0.5, functions: 6, decay: 0}
  angular: {cutoff: 4.0, width: 0.5, functions: 4, l_max: 2}
  radial_weight: 0.1
  kernel_power: 4
regression: {prior: identity, weights: {energy: 1}}
baseline: {repulsion: none}
"""
RUN = """\
structure: {structure}
output: {output}
seed: {seed}
force_field: out/model.h5
trajectory: {{every: 1}}
{guard}
dynamics: {{thermostat: {{type: langevin, period: 100}}, temperature: {temperature}, timestep: 2.0, steps: {steps}}}
"""
PAIRS = [("Ag", "Ag"), ("Ag", "I"), ("I", "I")]


def shortest_distances(frames):
    """Of each pair of species, over all frames, periodic images included."""
    shortest = dict.fromkeys(PAIRS, np.inf)
    for atoms in frames:
        images = np.array(list(itertools.product(*[range(-2, 3) if p else [0] for p in atoms.pbc]))) @ atoms.cell.array
        r = np.linalg.norm(atoms.positions[None, :, None] - atoms.positions[:, None, None] + images, axis=-1)
        r[r < 1e-9] = np.inf  # an atom and itself
        symbols = np.array(atoms.get_chemical_symbols())
        for a, b in PAIRS:
            shortest[a, b] = min(shortest[a, b], r[symbols == a][:, symbols == b].min())
    return shortest


class GuardTest(ProgramTest):
    def setUp(self):
        super().setUp()
        write_structure(self.folder / "agi.xyz", *silver_iodide())
        self.write("train.yaml", train_yaml(temperature="300", steps=100).replace(FORCE_FIELD, VASP_LIKE))
        self.mlff("train", "train.yaml", "--quiet")
        self.trained = shortest_distances(ase.io.read(self.folder / "out/training.xyz", ":"))

    def run_yaml(self, output, seed=1, temperature=300, steps=200, guard="", structure="agi.xyz"):
        return self.write(f"{output}.yaml", RUN.format(output=output, seed=seed, temperature=temperature, steps=steps,
                                                       guard=guard, structure=structure))

    def ratios(self, output):
        """Distance over shortest trained distance, the smallest of each frame of a trajectory."""
        frames = ase.io.read(self.folder / output / "trajectory.xyz", ":")
        return np.array([min(r / self.trained[pair] for pair, r in shortest_distances([frame]).items())
                         for frame in frames])

    def test_the_model_knows_its_shortest_distances(self):
        out, _ = self.mlff("info", "out/model.h5")
        rows = out[out.index("distances        shortest in the training data"):].splitlines()[2:4]
        printed = [[float(word) for word in row.split()[1:]] for row in rows]
        expected = [[self.trained["Ag", "Ag"], self.trained["Ag", "I"]], [self.trained["Ag", "I"], self.trained["I", "I"]]]
        np.testing.assert_allclose(printed, expected, atol=6e-4)

    def test_a_collapse_is_stopped_early(self):
        for seed in range(1, 4):
            out, err = self.mlff("run", self.run_yaml(f"hot-{seed}", seed, temperature=6000), status=3)
            self.assertIn("guard: stops if two atoms come closer than 0.9 of the shortest distance", out)
            self.assertRegex(err, r"^mlff: atoms \d+ \((Ag|I)\) and \d+ \((Ag|I)\) are \d\.\d\d Å apart; the shortest "
                                  r"[^\n]* in the training data is \d\.\d\d Å \(guard\.distance 0\.9\)[^\n]*\n$")
            folder = self.folder / f"hot-{seed}"
            status = json.loads((folder / "status.json").read_text())
            self.assertEqual(status["state"], "failed")
            self.assertIn(err.removeprefix("mlff: ").strip(), status["reason"])
            self.assertIn(status["reason"], (folder / "log").read_text())
            self.assertTrue((folder / "checkpoint").exists())
            self.assertIn("guard:\n  distance: 0.9\n", (folder / "settings.yaml").read_text())
            # The trajectory goes up to the step before, and holds nothing that the guard forbids.
            ratio = self.ratios(f"hot-{seed}")
            self.assertEqual(status["step"], len(ratio) - 1)
            self.assertGreater(ratio.min(), 0.9)
            self.assertLess(len(ratio) - np.flatnonzero(ratio < 1.0)[0], 30)
        self.mlff("report", "hot-1")
        self.assertIn("the training data is", (self.folder / "hot-1/report.html").read_text())

        # Another limit, and it goes on from there. Without the guard atoms come much closer.
        self.run_yaml("hot-1", 1, temperature=6000, guard="guard: {distance: 0.85}")
        self.mlff("run", "hot-1.yaml", status=3)
        self.assertGreater(self.ratios("hot-1").min(), 0.85)
        self.assertLess(self.ratios("hot-1").min(), 0.9)
        self.mlff("run", self.run_yaml("free", 1, temperature=6000, steps=80, guard="guard: off"))
        self.assertLess(self.ratios("free").min(), 0.6)

    def test_repulsion_keeps_atoms_apart(self):
        """The same training with the baseline: without a guard the like ions of the test above do not collapse."""
        self.write("zbl.yaml", train_yaml(temperature="300", steps=100).replace(FORCE_FIELD, VASP_LIKE)
                   .replace("repulsion: none", "repulsion: zbl").replace("output: out", "output: zbl"))
        self.mlff("train", "zbl.yaml", "--quiet")
        self.assertIn("ZBL", self.mlff("info", "zbl/model.h5")[0])
        self.run_yaml("apart", 1, temperature=6000, steps=80, guard="guard: off")
        text = (self.folder / "apart.yaml").read_text().replace("out/model.h5", "zbl/model.h5")
        self.mlff("run", self.write("apart.yaml", text))
        self.assertGreater(self.ratios("apart").min(), 0.6)

    def test_a_run_on_trained_ground_goes_on(self):
        for seed in range(1, 4):
            self.mlff("run", self.run_yaml(f"cool-{seed}", seed))

    def test_it_may_only_warn(self):
        _, err = self.mlff("run", self.run_yaml("warned", 1, 4000, 100, "guard: {every: 20, action: warn}"))
        self.assertRegex(err, r"^mlff: warning: atoms ")
        self.assertLessEqual(err.count("\n"), 10)  # at most one of each kind in 20 steps

    def test_atoms_without_neighbours_are_the_least_known(self):
        symbols, positions, cell = silver_iodide()
        cell = np.diag([10.12, 10.12, 60.0])
        write_structure(self.folder / "gas.xyz", symbols + ["Ag"], np.vstack([positions, [[5.0, 5.0, 30.0]]]), cell)
        self.mlff("predict", "out/model.h5", "gas.xyz", "predicted.xyz", "--uncertainty")
        atoms = ase.io.read(self.folder / "predicted.xyz")
        self.assertEqual(atoms.arrays["spilling"][-1], 1.0)
        self.assertGreater(atoms.info["energy_error_per_atom"], 1.0 / 17)
        self.assertTrue(np.isfinite(atoms.info["energy_error_per_atom"]))
        _, err = self.mlff("run", self.run_yaml("gas", structure="gas.xyz"), status=3)
        self.assertRegex(err, r"atom 17 \(Ag\) [^\n]*spilling factor 1\.000")


if __name__ == "__main__":
    unittest.main()
