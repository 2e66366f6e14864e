"""Runs that continue an earlier one, time limits, means at the end, and other small services of the command."""
import re
import time
import unittest

from program import ProgramTest, ase, np, silver_iodide, train_yaml, write_structure

RUN = """\
output: {output}
seed: 4
force_field: out/model.h5
guard: off
dynamics: {{temperature: {temperature}, timestep: 2.0, steps: {steps}{extra}}}
trajectory: {{every: 1, velocities: true}}
{more}"""


class ContinueTest(ProgramTest):
    def setUp(self):
        super().setUp()
        write_structure(self.folder / "agi.xyz", *silver_iodide())
        self.write("train.yaml", train_yaml("csvr", 80, "400"))
        self.mlff("train", "train.yaml", "--threads", "1")

    def run_yaml(self, name, structure="structure: agi.xyz", temperature=400, steps=60, extra="", more=""):
        text = f"{structure}\n" + RUN.format(output=name, temperature=temperature, steps=steps, extra=extra, more=more)
        return self.write(f"{name}.yaml", text)

    def frames(self, name):
        return ase.io.read(self.folder / name / "trajectory.xyz", ":")

    def test_continues_with_positions_and_velocities(self):
        self.mlff("run", self.run_yaml("first"), "--threads", "1")
        self.mlff("run", self.run_yaml("second", "continue_from: first", extra=", ensemble: nve"), "--threads", "1")
        last, first = self.frames("first")[-1], self.frames("second")[0]
        self.assertTrue(np.array_equal(last.positions, first.positions))
        self.assertTrue(np.allclose(last.arrays["velocities"], first.arrays["velocities"], rtol=0, atol=1e-12))
        self.assertEqual(first.info["step"], 0)
        # Another temperature, new velocities; and a training that continues a run.
        self.mlff("run", self.run_yaml("third", "continue_from: first", 900, extra=", velocities: draw"), "--threads", "1")
        third = self.frames("third")[0]
        self.assertTrue(np.array_equal(last.positions, third.positions))
        self.assertAlmostEqual(third.info["temperature"], 900.0, delta=1.0)
        self.write("more.yaml", train_yaml("csvr", 20, "400").replace("structure: agi.xyz", "continue_from: first")
                   .replace("output: out", "output: more").replace("threshold: {start: 0.02}",
                                                                     "threshold: {start: 0.02}, start_from: [out]"))
        self.mlff("train", "more.yaml", "--threads", "1")
        self.assertTrue(np.array_equal(last.positions, self.frames("more")[0].positions))
        n = len(ase.io.read(self.folder / "out/training.xyz", ":"))
        self.assertGreaterEqual(len(ase.io.read(self.folder / "more/training.xyz", ":")), n)

    def test_what_cannot_be_continued(self):
        for structure, words in [("continue_from: agi.xyz", "no run to continue from"),
                                 ("continue_from: out\nstructure: agi.xyz", "both given"),
                                 ("continue_from: absent", "no run to continue from")]:
            _, errors = self.mlff("run", self.run_yaml("x", structure), status=2)
            self.assertIn(words, errors)
            self.assertEqual(errors.count("\n"), 1)

    def test_time_limit_saves_and_is_no_other_run(self):
        name = self.run_yaml("limited", steps=100000, more="time_limit: 1 s\n")
        start = time.monotonic()
        out, _ = self.mlff("run", name, "--threads", "1", status=130)
        self.assertLess(time.monotonic() - start, 30.0)
        self.assertIn("time_limit is reached", out)
        done = len(self.frames("limited"))
        self.assertGreater(done, 1)
        # Another limit, as many steps as were made and some more: the same run goes on.
        self.run_yaml("limited", steps=done + 50, more="time_limit: 1 h\n")
        self.mlff("run", name, "--threads", "1")
        self.assertEqual(len(self.frames("limited")), done + 51)

    def test_means_at_the_end(self):
        out, _ = self.mlff("run", self.run_yaml("means", steps=200), "--threads", "1")
        thermo = np.genfromtxt(self.folder / "means/thermo.csv", delimiter=",", names=True)
        mean = float(re.search(r"T ([0-9.]+) ± [0-9.]+ K", out)[1])
        self.assertAlmostEqual(mean, thermo["temperature_K"][len(thermo) // 5:].mean(), delta=0.01)
        drift = float(re.search(r"drift (\S+) meV/atom per ps", out)[1])
        self.assertAlmostEqual(drift, np.polyfit(thermo["time_fs"], thermo["conserved_eV"], 1)[0] * 1e6 / 16,
                               delta=1e-3 + 0.01 * abs(drift))

    def test_analyze_a_directory(self):
        self.mlff("run", self.run_yaml("one", steps=120), "--threads", "1")
        self.mlff("analyze", "one")
        self.assertIn("type: vdos", (self.folder / "one/analyze.yaml").read_text())
        self.assertTrue((self.folder / "one/analysis/summary.json").exists())
        self.assertTrue((self.folder / "one/analysis/rdf.csv").exists())
        _, errors = self.mlff("analyze", ".", status=2)
        self.assertIn("a directory of mlff run or train", errors)

    def test_help_and_common_options_before_the_verb(self):
        out, _ = self.mlff("help")
        self.assertIn("mlff VERB --help", out)
        self.assertEqual(self.mlff("help", "run")[0], self.mlff("run", "--help")[0])
        self.mlff("--threads", "1", "--quiet", "info", "out/model.h5")
        _, errors = self.mlff("--threads", "1", status=2)
        self.assertEqual(errors.count("\n"), 1)

    def test_info_on_data_and_start_from_a_model(self):
        out, _ = self.mlff("info", "out/training.xyz")
        self.assertIn("Ag", out)
        self.assertIn("energy", out)
        self.write("bad.yaml", train_yaml("csvr", 20).replace("{threshold", "{start_from: [model.h5], threshold"))
        (self.folder / "model.h5").write_bytes((self.folder / "out/model.h5").read_bytes())
        _, errors = self.mlff("train", "bad.yaml", status=2)
        self.assertIn("training.xyz", errors)

    def test_a_tag_of_vasp_is_answered_with_our_key(self):
        self.write("tags.yaml", train_yaml("csvr", 20) + "ML_RCUT1: 5\n")
        _, errors = self.mlff("check", "tags.yaml", status=2)
        self.assertIn("force_field.radial.cutoff", errors)


if __name__ == "__main__":
    unittest.main()
