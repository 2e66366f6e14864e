"""The dry run: it says what would be used and needed, finds what is wrong, and touches nothing."""
import os
import re
import unittest

from program import FORCE_FIELD, ProgramTest, np, silver_iodide, train_yaml, write_structure

RUN = """\
structure: agi.xyz
output: run
{drive}
dynamics: {{thermostat: {{type: csvr}}, temperature: 400, timestep: 2.0, steps: 20}}
trajectory: {{every: 2, forces: true}}
{extra}"""
FIT = """\
data: {train: data.xyz}
force_field:
  radial: {cutoff: 5.0, functions: 6}
  angular: {cutoff: 4.0, functions: 4, l_max: 2}
references: {max: 40}
trade_off: false
output: model.h5
"""
UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "days": 86400.0, "MB": 1e6, "GB": 1e9}


def quantity(out, row):
    """The quantity that a row of the forecast begins with, in seconds or bytes."""
    number, unit = re.search(rf"^  {row} +(?:.* step, )?([\d.e+-]+) (s|min|h|days|MB|GB)\b", out, re.MULTILINE).groups()
    return float(number) * UNITS[unit]


class CheckTest(ProgramTest):
    def setUp(self):
        super().setUp()
        write_structure(self.folder / "agi.xyz", *silver_iodide())

    def make_data(self):
        self.mlff("run", self.write("aimd.yaml", RUN.format(drive="reference: {type: embedded, potential: agi-6.5}",
                                                            extra="")))
        (self.folder / "run" / "trajectory.xyz").rename(self.folder / "data.xyz")
        for path in (self.folder / "run").iterdir():
            path.unlink()
        (self.folder / "run").rmdir()

    def make_model(self):
        self.make_data()
        self.mlff("fit", self.write("fit.yaml", FIT))

    def snapshot(self):
        """Every file with its bytes and times."""
        return {path: (path.read_bytes() if path.is_file() else None, os.stat(path).st_mtime_ns)
                for path in self.folder.rglob("*")}

    def check(self, *arguments, status=0):
        before = self.snapshot()
        out, err = self.mlff("check", *arguments, status=status)
        self.assertEqual(self.snapshot(), before)
        return out if status == 0 else err

    def test_run(self):
        self.make_model()
        self.write("run.yaml", RUN.format(drive="force_field: model.h5", extra=""))
        out = self.check("run.yaml")
        self.assertIn("for mlff run", out)
        self.assertIn("max_displacement: 1", out)  # a default, resolved
        self.assertIn("I8Ag8, 16 atoms", out)
        self.assertIn("11 frames", out)
        self.assertIn("nothing was written", out)
        self.mlff("run", "run.yaml")
        size = (self.folder / "run" / "trajectory.xyz").stat().st_size
        self.assertAlmostEqual(quantity(out, "disk") / size, 1.0, delta=0.03)
        self.assertIn("it is complete", self.check("run.yaml"))
        self.write("run.yaml", RUN.format(drive="force_field: model.h5", extra="seed: 7\n"))
        self.assertIn("a run with other settings stands here", self.check("run.yaml", status=2))

    def test_forecast_of_a_run_grows_as_it_should(self):
        self.make_model()
        rows = {}
        for n in (4, 16):
            self.write("run.yaml", RUN.format(drive="force_field: model.h5",
                                              extra=f"supercell: [{n}, 16, 32]\nguard: off\n"))
            out = self.check("run.yaml", "--threads", 1)
            rows[n] = [quantity(out, row) for row in ("time", "memory", "disk")]
        atoms = {n: 16 * n * 16 * 32 for n in rows}
        self.assertAlmostEqual(rows[16][2] / rows[4][2], 4.0, delta=0.02)
        per_atom = (rows[16][1] - rows[4][1]) / (atoms[16] - atoms[4])
        self.assertGreater(per_atom, 300.0)  # positions, velocities, forces, pairs
        self.assertLess(per_atom, 6000.0)
        # Each rank has neighbour lists of its own atoms only; what it holds of all, and exchanges, stays.
        four = self.check("run.yaml", "--threads", 1, "--ranks", 4)
        self.assertIn("4 ranks of 1 thread", four)
        self.assertLess(quantity(four, "memory"), rows[16][1])

    def test_a_piece_of_a_large_structure(self):
        """Without a supercell in the settings the structure is cut, and atoms at the seam must not upset it."""
        self.make_model()
        (self.folder / "agi.xyz").unlink()
        symbols, positions, cell = silver_iodide()
        n = (9, 9, 18)  # 23,328 atoms
        shifts = np.array([(a, b, c) for a in range(n[0]) for b in range(n[1]) for c in range(n[2])]) @ cell
        rattle = np.random.default_rng(2).normal(0.0, 0.2, (len(shifts) * 16, 3))
        write_structure(self.folder / "agi.xyz", symbols * len(shifts),
                        (positions[None] + shifts[:, None]).reshape(-1, 3) + rattle, cell * np.array(n)[:, None])
        out = self.check(self.write("run.yaml", RUN.format(drive="force_field: model.h5", extra="guard: off\n")))
        tried = int(re.search(r"tried with (\d+) atoms", out)[1])
        self.assertAlmostEqual(tried / 6000, 1.0, delta=0.1)

    def test_aimd_train_fit_select_analyze(self):
        self.make_data()
        self.write("aimd.yaml", RUN.format(drive="reference: {type: embedded, potential: agi-6.5}", extra=""))
        out = self.check("aimd.yaml", "--for", "run")
        self.assertIn("embedded", out)
        self.assertGreater(quantity(out, "time"), 0.0)

        out = self.check(self.write("train.yaml", train_yaml()))
        self.assertIn("for mlff train", out)
        self.assertIn("with 500 local references per species", out)
        self.assertGreater(quantity(out, "memory"), 45e6)

        out = self.check(self.write("fit.yaml", FIT))
        self.assertIn("for mlff fit", out)
        self.assertIn("at most 80 local references", out)
        self.assertGreater(quantity(out, "time"), 0.0)

        out = self.check(self.write("select.yaml", f"data: {{train: data.xyz}}\n{FORCE_FIELD}"
                                                   "learning: {max_references: 20}\n"))
        self.assertIn("for mlff select", out)
        self.assertIn("with 20 local references per species", out)

        out = self.check(self.write("analyze.yaml", "trajectories: [{files: [data.xyz], label: AIMD}]\n"
                                                    "observables: [{type: rdf, r_max: 4.0}, {type: msd}]\n"))
        self.assertIn("AIMD: I8Ag8, 11 frames in data.xyz", out)

    def test_an_external_reference_is_neither_started_nor_awaited(self):
        self.write("cp2k.inp", "&GLOBAL\n&END\n")
        settings = train_yaml().replace("reference: {type: embedded, potential: agi-6.5}",
                                        "reference: {type: socket, address: 'unix:mlff-check-test', "
                                        "command: touch started}")
        out = self.check(self.write("train.yaml", settings))
        self.assertIn("for mlff train", out)

    def test_what_is_wrong_is_said_in_one_line(self):
        run = RUN.format(drive="force_field: model.h5", extra="")
        for name, text, expected in [
                ("key.yaml", run.replace("every", "evry"), r"key.yaml:5: unknown key 'evry'.*did you mean 'every'"),
                ("model.yaml", run, r"model.h5"),
                ("structure.yaml", train_yaml().replace("agi.xyz", "none.xyz"), r"none.xyz"),
                ("fit.yaml", FIT, r"data.xyz"),
                ("study.yaml", "production: {}\ntrain: {}\n", r"is a study"),
                ("what.yaml", "nonsense: 1\n", r"fit none of train, fit, run, relax, select, analyze"),
                ("output.yaml", train_yaml().replace("output: out", "output: agi.xyz/out"), r"agi.xyz is a file")]:
            error = self.check(self.write(name, text), status=2)
            self.assertRegex(error, expected)
            self.assertEqual(error.count("\n"), 1, error)
        self.assertIn("must be one of", self.check("fit.yaml", "--for", "everything", status=2))


if __name__ == "__main__":
    unittest.main()
