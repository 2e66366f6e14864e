"""The same results on any number of MPI ranks, with a real launcher; a failure on one rank ends all with its message."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

from program import FORCE_FIELD, PROGRAM, ProgramTest, ase, np, silver_iodide, train_yaml, write_structure

MPIRUN = shutil.which("mpirun")
if MPIRUN is None:
    print("skipped: there is no mpirun")
    sys.exit(77)
if not any("libmpi" in line for line in subprocess.run(["ldd", PROGRAM], capture_output=True, text=True).stdout.splitlines()):
    print("skipped: the program was built without MPI")
    sys.exit(77)

ENVIRONMENT = dict(os.environ, OMP_NUM_THREADS="1", OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_rmaps_base_oversubscribe="1", OMPI_MCA_hwloc_base_binding_policy="none",
                   OMPI_MCA_mpi_yield_when_idle="1")
RANKS = [2, 4]

REFERENCE_RUN = """\
structure: agi.xyz
output: reference
reference: {type: embedded, potential: agi-6.5}
dynamics: {ensemble: nvt, thermostat: {type: langevin}, temperature: 500, timestep: 2.0, steps: 200}
trajectory: {every: 10, forces: true}
"""
# Ranks add up in another order: numbers agree to many digits where rounding is not amplified.
WELL_CONDITIONED = FORCE_FIELD.replace("functions: 6", "width: 0.5, functions: 6, decay: 0").replace(
    "functions: 4", "width: 0.5, functions: 4") + "  radial_weight: 0.1\n  softening: 0\n"
FIT = f"""\
data: {{train: [reference/trajectory.xyz], folds: 3}}
{WELL_CONDITIONED}references: {{max: 40, tolerance: 1e-9}}
trade_off: false
output: model.h5
"""
# Some of the frames once more, as a group that weighs more.
WEIGHTED = FIT.replace("reference/trajectory.xyz], ", "reference/trajectory.xyz, late.xyz], weights: {late.xyz: 3}, ")
RUN = """\
structure: agi.xyz
supercell: [2, 2, 3]
output: out
force_field: ../model.h5
dynamics: {ensemble: nvt, thermostat: {type: langevin}, temperature: 500, timestep: 2.0, steps: 40}
trajectory: {every: 10, forces: true, velocities: true}
guard: off
"""


def largest_difference(a, b):
    """Over all numbers of two lists of frames."""
    worst = 0.0
    for x, y in zip(a, b, strict=True):
        pairs = [(x.arrays[k], y.arrays[k]) for k in x.arrays] + [(x.info[k], y.info[k]) for k in x.info]
        pairs += [(x.calc.results[k], y.calc.results[k]) for k in x.calc.results]
        for p, q in pairs:
            if not isinstance(p, str):
                worst = max(worst, float(np.abs(np.asarray(p, float) - np.asarray(q, float)).max()))
    return worst


class MpiTest(ProgramTest):
    def setUp(self):
        super().setUp()
        write_structure(self.folder / "agi.xyz", *silver_iodide())

    def start(self, ranks, *arguments, cwd=None):
        return subprocess.Popen([MPIRUN, "-np", str(ranks), PROGRAM, *map(str, arguments)], cwd=cwd or self.folder,
                                env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                                start_new_session=True)

    def on_ranks(self, ranks, *arguments, status=0, cwd=None):
        process = self.start(ranks, *arguments, cwd=cwd)
        try:
            out, err = process.communicate(timeout=100)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        self.assertEqual(process.returncode, status, out + err)
        return out, err

    def make_model(self):
        (self.folder / "reference.yaml").write_text(REFERENCE_RUN)
        (self.folder / "fit.yaml").write_text(FIT)
        self.mlff("run", "reference.yaml", "--quiet")
        ase.io.write(self.folder / "late.xyz", ase.io.read(self.folder / "reference/trajectory.xyz", "-5:"))
        return self.mlff("fit", "fit.yaml")

    def predictions(self, model, name):
        self.mlff("predict", model, "reference/trajectory.xyz", name, "--uncertainty", "--quiet")
        return ase.io.read(self.folder / name, ":")

    def test_fit(self):
        self.make_model()
        for metric in ["plain", "learned"]:
            with self.subTest(metric=metric):
                self.fit_on_ranks(WEIGHTED.replace("force_field:\n", f"force_field:\n  metric: {metric}\n"))

    def fit_on_ranks(self, settings):
        (self.folder / "fit.yaml").write_text(settings)
        alone, _ = self.mlff("fit", "fit.yaml")
        expected = self.predictions("model.h5", "alone.xyz")
        for ranks in RANKS:
            (self.folder / "fit.yaml").write_text(settings.replace("model.h5", f"model-{ranks}.h5"))
            text, _ = self.on_ranks(ranks, "fit", "fit.yaml")
            self.assertLess(largest_difference(expected, self.predictions(f"model-{ranks}.h5", f"{ranks}.xyz")), 1e-8)
            # The printed errors (on unseen data: parts of the factors) agree as well.
            own, others = (json.loads(t[t.index("\n{"):t.rindex("}") + 1]) for t in (alone, text))
            self.assertAlmostEqual(own["force"]["rmse"], others["force"]["rmse"], delta=1e-6 * own["force"]["rmse"])

    def test_predictions_and_error_estimates(self):
        self.make_model()
        expected = self.predictions("model.h5", "alone.xyz")
        for ranks in [*RANKS, 3]:
            self.on_ranks(ranks, "predict", "model.h5", "reference/trajectory.xyz", f"{ranks}.xyz", "--uncertainty",
                          "--quiet")
            self.assertLess(largest_difference(expected, ase.io.read(self.folder / f"{ranks}.xyz", ":")), 1e-10)

    def test_a_factor_that_is_spread_over_the_ranks(self):
        self.make_model()
        for prior in ["identity", "kernel"]:
            one_part = WEIGHTED.replace("folds: 3", "folds: 1") + f"regression: {{prior: {prior}}}\n"
            (self.folder / "fit.yaml").write_text(one_part.replace("model.h5", "one.h5"))
            self.mlff("fit", "fit.yaml", "--quiet")
            expected = self.predictions("one.h5", "alone.xyz")
            for ranks in [1, *RANKS]:
                (self.folder / "fit.yaml").write_text(one_part.replace(f"prior: {prior}", f"prior: {prior}, solver: scalapack"))
                self.on_ranks(ranks, "fit", "fit.yaml", "--quiet")
                self.assertLess(largest_difference(expected, self.predictions("model.h5", "spread.xyz")), 1e-8)

    def test_a_factor_too_large_for_a_rank_is_spread(self):
        self.make_model()
        tight = FIT.replace("folds: 3", "folds: 1") + "regression: {memory: 46 MB}\n"
        (self.folder / "fit.yaml").write_text(tight)
        out, err = self.on_ranks(2, "fit", "fit.yaml")
        self.assertIn("spread over 2 ranks", out)
        self.assertIn("local references: 40 Ag, 40 I", out)
        _, err = self.mlff("fit", "fit.yaml")
        self.assertIn("reduced", err)
        (self.folder / "fit.yaml").write_text(FIT + "regression: {solver: scalapack}\n")
        _, err = self.mlff("fit", "fit.yaml", status=2)
        self.assertIn("mpirun", err)

    def test_more_ranks_than_atoms(self):
        self.make_model()
        (self.folder / "one.xyz").write_text('1\nLattice="4 0 0 0 4 0 0 0 4" pbc="T T T" Properties=species:S:1:pos:R:3\n'
                                             "Ag 0 0 0\n")
        self.mlff("predict", "model.h5", "one.xyz", "alone.xyz", "--uncertainty", "--quiet")
        self.on_ranks(4, "predict", "model.h5", "one.xyz", "four.xyz", "--uncertainty", "--quiet")
        alone, four = (ase.io.read(self.folder / f"{name}.xyz", ":") for name in ("alone", "four"))
        self.assertLess(largest_difference(alone, four), 1e-10)

    def test_more_ranks_than_structures(self):
        self.make_model()
        ase.io.write(self.folder / "two.xyz", ase.io.read(self.folder / "reference/trajectory.xyz", ":2"))
        for solver in ["tsqr", "scalapack"]:
            text = FIT.replace("reference/trajectory", "two").replace("folds: 3", "folds: 1")
            text += f"regression: {{solver: {solver}}}\n"
            (self.folder / "fit.yaml").write_text(text.replace("scalapack", "tsqr"))
            self.mlff("fit", "fit.yaml", "--quiet")
            expected = self.predictions("model.h5", "alone.xyz")
            (self.folder / "fit.yaml").write_text(text)
            self.on_ranks(4, "fit", "fit.yaml", "--quiet")
            self.assertLess(largest_difference(expected, self.predictions("model.h5", "four.xyz")), 1e-7)

    def test_run(self):
        self.make_model()
        folders = {ranks: self.new_folder(f"run-{ranks}", run=RUN) for ranks in [1, *RANKS]}
        for ranks, folder in folders.items():
            shutil.copy(self.folder / "agi.xyz", folder)
            self.on_ranks(ranks, "run", "run.yaml", "--quiet", cwd=folder)
        expected = ase.io.read(folders[1] / "out/trajectory.xyz", ":")
        self.assertEqual(len(expected), 5)
        for ranks in RANKS:
            frames = ase.io.read(folders[ranks] / "out/trajectory.xyz", ":")
            self.assertLess(largest_difference(expected, frames), 1e-10)
            self.assertEqual(sorted(p.name for p in folders[1].rglob("*")),
                             sorted(p.name for p in folders[ranks].rglob("*")))

    def test_train(self):
        folders = {ranks: self.new_folder(f"train-{ranks}", train=train_yaml(steps=60)) for ranks in [1, *RANKS]}
        for ranks, folder in folders.items():
            shutil.copy(self.folder / "agi.xyz", folder)
            self.on_ranks(ranks, "train", "train.yaml", "--quiet", cwd=folder)
        calls = [json.loads((folder / "out/status.json").read_text())["reference_calls"] for folder in folders.values()]
        self.assertGreater(calls[0], 4)
        self.assertEqual(len(set(calls)), 1)
        expected = ase.io.read(folders[1] / "out/training.xyz", ":")
        for ranks in RANKS:
            self.assertLess(largest_difference(expected, ase.io.read(folders[ranks] / "out/training.xyz", ":")), 1e-6)

    def test_failure_on_another_rank_is_told_once_and_ends_all(self):
        self.make_model()
        symbols, positions, cell = silver_iodide()
        last_silver = [k for k, s in enumerate(symbols) if s == "Ag"][-2:]
        positions[last_silver[1]] = positions[last_silver[0]] + [0.05, 0.0, 0.0]  # both belong to the last rank
        write_structure(self.folder / "close.xyz", symbols, positions, cell)
        _, err = self.on_ranks(2, "predict", "model.h5", "close.xyz", "out.xyz", status=2)
        said = [line for line in err.splitlines() if line.startswith("mlff: ")]
        self.assertEqual(len(said), 1, err)
        self.assertIn("0.05 Å apart", said[0])
        self.assertFalse((self.folder / "out.xyz").exists())

    def test_a_program_that_a_rank_starts_is_not_a_rank(self):
        # Two ranks of somebody else's job, each of which calls mlff once, as a workflow under mpirun does.
        self.make_model()
        script = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"
        done = subprocess.run([MPIRUN, "-np", "2", sys.executable, "-c", script, PROGRAM, "info", "model.h5"],
                              cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        alone = self.mlff("info", "model.h5")[0]
        self.assertEqual(done.stdout.count(alone.splitlines()[0]), 2, done.stdout)

    def test_ranks_started_by_a_job_script_are_ranks(self):
        self.make_model()
        script = f"'{PROGRAM}' info model.h5; exit $?"  # the shell stays between the launcher and the rank
        done = subprocess.run([MPIRUN, "-np", "2", "sh", "-c", script], cwd=self.folder, env=ENVIRONMENT,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        alone = self.mlff("info", "model.h5")[0]
        self.assertEqual(done.stdout.count(alone.splitlines()[0]), 1, done.stdout)

    def test_wrong_input_is_told_once(self):
        _, err = self.on_ranks(2, "run", "absent.yaml", status=2)
        self.assertEqual(sum(line.startswith("mlff: ") for line in err.splitlines()), 1, err)

    def test_the_guard_sees_the_pairs_of_all_ranks(self):
        self.make_model()
        hot = RUN.replace("temperature: 500", "temperature: 4000").replace("guard: off\n", "")
        for seed in range(1, 5):  # the atoms of a pair are on other ranks each time
            messages = []
            for ranks in [1, *RANKS]:
                folder = self.new_folder(f"hot-{seed}-{ranks}", run=f"seed: {seed}\n{hot}")
                shutil.copy(self.folder / "agi.xyz", folder)
                _, err = self.on_ranks(ranks, "run", "run.yaml", "--quiet", status=3, cwd=folder)
                messages.append(err.splitlines()[0])  # mpirun has more to say
                self.assertIn("(guard.distance 0.9)", messages[-1])
                self.assertIn("\n# guard: stops if two atoms", (folder / "out/log").read_text())
            self.assertEqual(len(set(messages)), 1, messages)

    def test_a_rank_that_dies_ends_all(self):
        self.make_model()
        folder = self.new_folder("run", run=RUN.replace("steps: 40", "steps: 1000000"))
        shutil.copy(self.folder / "agi.xyz", folder)
        process = self.start(2, "run", "run.yaml", cwd=folder)
        deadline = time.monotonic() + 60
        while not (folder / "out/trajectory.xyz").exists() or (folder / "out/trajectory.xyz").stat().st_size == 0:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
        self.assertEqual(len(children), 2)
        os.kill(int(children[1]), signal.SIGKILL)
        process.communicate(timeout=60)
        self.assertNotEqual(process.returncode, 0)

    def test_a_signal_is_for_rank_0_and_the_run_goes_on_from_there(self):
        self.make_model()
        folder = self.new_folder("run", run=RUN.replace("steps: 40", "steps: 400"))
        shutil.copy(self.folder / "agi.xyz", folder)
        process = self.start(2, "run", "run.yaml", cwd=folder)
        while process.poll() is None and not (folder / "out/thermo.csv").exists():
            time.sleep(0.02)
        time.sleep(0.2)
        process.send_signal(signal.SIGUSR1)  # mpirun passes it on to every rank, as a queue system does
        out, err = process.communicate(timeout=60)
        if process.returncode == 0:
            self.skipTest("the run was over before the signal came")
        self.assertIn("interrupted at step", out, err)
        self.on_ranks(4, "run", "run.yaml", "--quiet", cwd=folder)
        self.assertEqual(json.loads((folder / "out/status.json").read_text())["state"], "done")
        other = self.new_folder("alone", run=RUN.replace("steps: 40", "steps: 400"))
        shutil.copy(self.folder / "agi.xyz", other)
        self.mlff("run", "run.yaml", "--quiet", cwd=other)
        ends = [ase.io.read(f / "out/trajectory.xyz", -1) for f in (folder, other)]
        self.assertEqual(*(frame.info["step"] for frame in ends))


if __name__ == "__main__":
    unittest.main()
