"""The way of a user through the verbs: train, info, evaluate, predict, run, fit, select; and what every verb has."""
import csv
import json
import re
import shutil
import signal
import subprocess
import unittest

from program import FORCE_FIELD, PROGRAM, ProgramTest, ase, np, silver_iodide, train_yaml, write_structure

GPA = 160.2176634  # eV/Å³

VERBS = ["train", "select", "fit", "evaluate", "predict", "run", "analyze", "convert", "similarity", "compile", "report",
         "study", "init", "info", "label", "check", "serve", "verify"]
STATUS_KEYS = ["step", "steps", "reference_calls", "local_references", "threshold", "beef_max", "temperature", "state",
               "force_rmse"]


def run_yaml(drive, steps=20, extra=""):
    return f"""\
structure: agi.xyz
output: run
{drive}
dynamics: {{thermostat: {{type: csvr}}, temperature: 400, timestep: 2.0, steps: {steps}}}
trajectory: {{every: 2, forces: true, velocities: true}}
{extra}"""


def fit_yaml(data, output="model.h5", validation=None):
    return f"""\
data: {{train: {data}{f", validation: {validation}" if validation else ""}}}
{FORCE_FIELD}references: {{max: 40}}
trade_off: false
output: {output}
"""


def json_of(out):
    """The block of errors at the end of a fit."""
    return json.loads("{" + out.split("\n{", 1)[1].rsplit("}", 1)[0] + "}")


def labels(frames):
    """Energy per atom, forces and Voigt stress of every frame."""
    return ([a.get_potential_energy() / len(a) for a in frames], [a.get_forces() for a in frames],
            [a.get_stress(voigt=True) for a in frames])


def errors(predicted, truth):
    difference = np.concatenate([np.ravel(p) - np.ravel(t) for p, t in zip(predicted, truth)])
    return np.abs(difference).mean(), np.sqrt((difference**2).mean())


class VerbsTest(ProgramTest):
    def setUp(self):
        super().setUp()
        write_structure(self.folder / "agi.xyz", *silver_iodide())

    def make_data(self):
        """data.xyz: eleven labelled structures of a run with the reference alone."""
        self.mlff("run", self.write("aimd.yaml", run_yaml("reference: {type: embedded, potential: agi-6.5}")))
        (self.folder / "run" / "trajectory.xyz").rename(self.folder / "data.xyz")
        for path in (self.folder / "run").iterdir():
            path.unlink()
        return ase.io.read(self.folder / "data.xyz", ":")

    def make_model(self, data="data.xyz", output="model.h5", validation=None):
        return self.mlff("fit", self.write("fit.yaml", fit_yaml(data, output, validation)))[0]

    def test_train_then_everything_else(self):
        out, err = self.mlff("train", self.write("train.yaml", train_yaml(steps=60)))
        self.assertIn("reference calls", out)
        self.assertEqual(err, "")
        status = json.loads((self.folder / "out" / "status.json").read_text())
        self.assertEqual(list(status), STATUS_KEYS)
        self.assertEqual((status["step"], status["steps"], status["state"]), (60, 60, "done"))
        self.assertEqual(set(status["local_references"]), {"Ag", "I"})
        self.assertEqual(set(status["force_rmse"]), {"Ag", "I"})
        training = ase.io.read(self.folder / "out" / "training.xyz", ":")
        self.assertEqual(len(training), status["reference_calls"])
        trajectory = ase.io.read(self.folder / "out" / "trajectory.xyz", ":")
        self.assertEqual([a.info["step"] for a in trajectory], list(range(61)))
        with open(self.folder / "out" / "thermo.csv") as file:
            thermo = list(csv.DictReader(file))
        self.assertEqual(len(thermo), 61)
        for row, atoms in zip(thermo, trajectory):
            self.assertAlmostEqual(float(row["potential_eV"]), atoms.get_potential_energy(), places=7)

        out, _ = self.mlff("info", "out/model.h5")
        for fact in ["Ag", " I ", str(status["local_references"]["Ag"]), "kernel power     2",
                     f"{len(training)} structures, {16 * len(training)} atoms", "agi-6.5", "radial weight"]:
            self.assertIn(fact, out)

        # A force field of training.xyz alone; a later training that begins with it; selection from the trajectory.
        self.make_model("out/training.xyz")
        yaml = train_yaml(steps=20).replace("output: out", "output: second")
        yaml = yaml.replace("start: 0.02}", "start: 0.02}, start_from: out/training.xyz")
        self.mlff("train", self.write("second.yaml", yaml))
        second = json.loads((self.folder / "second" / "status.json").read_text())
        self.assertLess(second["reference_calls"], status["reference_calls"])
        yaml = (f"data: {{train: out/trajectory.xyz}}\n{FORCE_FIELD}learning: {{threshold: {{start: 0.02}}}}\n"
                "output: selection\n")
        self.mlff("select", self.write("select.yaml", yaml))
        selection = json.loads((self.folder / "selection" / "status.json").read_text())
        self.assertEqual(list(selection), STATUS_KEYS)
        selected = ase.io.read(self.folder / "selection" / "training.xyz", ":")
        self.assertEqual(selection["reference_calls"], len(selected))
        self.assertTrue(2 <= len(selected) < 61, len(selected))
        frames = {atoms.positions.tobytes(): atoms for atoms in trajectory}
        for atoms in selected:
            np.testing.assert_array_equal(atoms.get_forces(), frames[atoms.positions.tobytes()].get_forces())
        self.mlff("evaluate", "selection/model.h5", "out/training.xyz")

    def settings_of(self, extra):
        """settings.yaml of a training of the four lines that are required, and some more."""
        self.write("train.yaml", "structure: agi.xyz\noutput: out\nreference: {type: embedded, potential: agi-6.5}\n"
                   "dynamics: {temperature: 400, steps: 1}\n" + extra)
        self.mlff("train", "train.yaml")
        text = (self.folder / "out" / "settings.yaml").read_text()
        shutil.rmtree(self.folder / "out")
        return text

    def test_settings_of_vasp(self):
        """`force_field: vasp` is VASP's force field and regression; what regression says itself is in force."""
        ours, vasp = self.settings_of(""), self.settings_of("force_field: vasp\n")
        written_out = self.settings_of(
            "force_field:\n"
            "  radial: {cutoff: 8, width: 0.5, functions: 12, decay: 0}\n"
            "  angular: {cutoff: 5, width: 0.5, functions: 8, decay: 0, filter: 0.002, l_max: 3}\n"
            "  radial_weight: 0.1\n  kernel_power: 4\n  softening: 0\n"
            "regression: {prior: identity, weights: {energy: 1}}\nbaseline: {repulsion: none}\n")
        self.assertEqual(vasp, written_out)
        self.assertNotEqual(vasp, ours)
        rest = ours.split("regression:")[1].replace("prior: kernel", "prior: identity")
        self.assertEqual(rest.replace("energy: 10\n", "energy: 1\n").replace("zbl", "none"), vasp.split("regression:")[1])
        own = self.settings_of("force_field: vasp\nregression: {weights: {energy: 5}}\n")
        self.assertEqual(own, vasp.replace("energy: 1\n", "energy: 5\n"))
        self.assertIn("train", self.mlff("check", self.write("train.yaml", "structure: agi.xyz\nforce_field: vasp\n"
                      "reference: {type: embedded, potential: agi-6.5}\ndynamics: {temperature: 400, steps: 1}\n"))[0])

    def test_other_defaults_do_not_continue_a_training(self):
        """What began with the defaults of an earlier version is told so, and goes on from its own settings."""
        settings = self.settings_of("force_field: vasp\n")
        four_lines = ("structure: agi.xyz\noutput: out\nreference: {type: embedded, potential: agi-6.5}\n"
                      "dynamics: {temperature: 400, steps: 1}\n")
        (self.folder / "out").mkdir()
        (self.folder / "out" / "settings.yaml").write_text(settings)
        _, error = self.mlff("train", self.write("train.yaml", four_lines), status=2)
        self.assertEqual(error.count("\n"), 1)
        self.assertIn("'force_field.radial.width: 0.5' before, 'force_field.radial.width: 0.8' now", error)
        self.assertIn("run out/settings.yaml to continue", error)
        self.mlff("train", "out/settings.yaml")
        self.mlff("train", self.write("train.yaml", four_lines + "force_field: vasp\n"))

    def test_functions_follow_cutoff_and_width(self):
        text = self.settings_of("force_field: {radial: {cutoff: 6, width: 0.5}, angular: {width: 0.5}}\n")
        self.assertEqual(re.findall(r"functions: (\d+)", text), ["12", "9"])
        text = self.settings_of("force_field: {radial: {cutoff: 6, functions: 7}, angular: {decay: 3}}\n")
        self.assertEqual(re.findall(r"functions: (\d+)", text), ["7", "6"])

    def test_select_overwrites_nothing(self):
        """The directory of a training, or of another selection, is refused in one line and stays as it is."""
        frames = self.make_data()
        self.mlff("train", self.write("train.yaml", train_yaml(steps=5)))
        yaml = (f"data: {{train: data.xyz}}\n{FORCE_FIELD}learning: {{threshold: {{start: 0.02}}}}\noutput: out\n")
        content = {path.name: path.read_bytes() for path in (self.folder / "out").iterdir()}
        self.assertIn("model.h5", content)

        def refused(yaml, message):
            config = self.write("select.yaml", yaml)
            for verb in [["select"], ["check", "--for", "select"]]:
                _, err = self.mlff(*verb, config, status=2)
                self.assertEqual(len(err.strip().splitlines()), 1, err)
                self.assertIn(message, err)
        refused(yaml, "other settings")
        self.assertEqual({path.name: path.read_bytes() for path in (self.folder / "out").iterdir()}, content)

        (self.folder / "fitted").mkdir()
        self.make_model(output="fitted/model.h5")
        model = (self.folder / "fitted" / "model.h5").read_bytes()
        refused(yaml.replace("output: out", "output: fitted"), "fitted/model.h5")
        self.mlff("train", self.write("train.yaml", train_yaml(steps=5).replace("output: out", "output: fitted")),
                  status=2)
        self.assertEqual((self.folder / "fitted" / "model.h5").read_bytes(), model)

        own = yaml.replace("output: out", "output: own")
        self.mlff("select", self.write("select.yaml", own))
        first = (self.folder / "own" / "training.xyz").read_bytes()
        self.mlff("select", "select.yaml")  # the same settings: begins anew
        self.assertEqual((self.folder / "own" / "training.xyz").read_bytes(), first)
        refused(own.replace("start: 0.02", "start: 0.04"), "0.02")
        self.assertEqual(len(ase.io.read(self.folder / "own" / "training.xyz", ":")) > 0, len(frames) > 0)

    def test_select_starts_from_other_species(self):
        """As in train, the structures to start from may hold elements that the data lack."""
        frames = self.make_data()
        for atoms in frames[:3]:
            ase.io.write(self.folder / "start.xyz", atoms, format="extxyz", append=True)
        for atoms in frames[3:6]:
            silver = atoms.symbols == "Ag"
            only = atoms[silver]
            only.calc = ase.calculators.singlepoint.SinglePointCalculator(
                only, energy=-1.0, forces=atoms.get_forces()[silver])
            ase.io.write(self.folder / "silver.xyz", only, format="extxyz", append=True)
        yaml = (f"data: {{train: silver.xyz}}\n{FORCE_FIELD}"
                "learning: {threshold: {start: 0.02}, start_from: start.xyz}\noutput: own\n")
        self.mlff("select", self.write("select.yaml", yaml))
        status = json.loads((self.folder / "own" / "status.json").read_text())
        self.assertEqual(set(status["local_references"]), {"Ag", "I"})

    def test_compile(self):
        """A production form: its loss as stated, its errors those of evaluate, known to info and to run."""
        frames = self.make_data()
        ase.io.write(self.folder / "train.xyz", frames[:8], format="extxyz")
        ase.io.write(self.folder / "test.xyz", frames[8:], format="extxyz")
        self.make_model("train.xyz")
        out, _ = self.mlff("compile", "model.h5", "fast.h5", "--data", "test.xyz", "--max-loss", "5%")
        self.assertIn("single precision", out)
        self.assertIn("loss", out.splitlines()[-1])
        loss = float(out.split("loss ")[-1].split(" %")[0])
        self.assertLessEqual(loss, 5.0)
        rmse = {}
        for name in ["model", "fast"]:
            self.mlff("evaluate", f"{name}.h5", "test.xyz", "--json", "e.json")
            report = json.loads((self.folder / "e.json").read_text())
            rmse[name] = [report[kind]["rmse"] for kind in ["force", "energy"]]
        worst = 100.0 * max(f / m - 1.0 for f, m in zip(rmse["fast"], rmse["model"]))
        self.assertAlmostEqual(worst, loss, delta=2e-3)
        self.assertIn("production form", self.mlff("info", "fast.h5")[0])
        out, _ = self.mlff("run", self.write("run.yaml", run_yaml("force_field: fast.h5")))
        self.assertIn("production form", out)

    def test_fit_chooses_a_force_field(self):
        """The settings that auto writes give the errors that it printed."""
        self.make_data()
        out, _ = self.mlff("fit", self.write("fit.yaml", "data: {train: data.xyz}\n"
                                             "force_field: {auto: {time: 12 s}}\nreferences: {max: 30}\n"
                                             "output: found.h5\n"))
        self.assertIn("better", out)
        for name in ["found.h5", "found.settings.yaml", "found.trade-off.csv", "found.calibration.json",
                     "found.calibration.csv"]:
            self.assertTrue((self.folder / name).exists(), name)
        with open(self.folder / "found.trade-off.csv") as file:
            models = list(csv.DictReader(file))
        self.assertIn("element", {model["compression"] for model in models})
        self.assertIn("0.5", {model["keep"] for model in models})
        self.assertTrue(all(float(model["force_rmse_meV_per_A"]) > 0.0 for model in models))
        again, _ = self.mlff("fit", "found.settings.yaml")
        first, second = json_of(out), json_of(again)
        for kind in ["energy", "force", "stress"]:
            self.assertAlmostEqual(second[kind]["rmse"], first[kind]["rmse"], delta=1e-3 * first[kind]["rmse"])
        info, _ = self.mlff("info", "found.h5")
        self.assertIn("BEEF × ", info)

    def test_fit_options(self):
        """Weights chosen, half of the angular components, references that an ML_AB file lists, leave-out parts."""
        self.make_data()
        self.mlff("convert", "data.xyz", "ML_AB")
        self.mlff("convert", "ML_AB", "grouped.xyz")
        text = (self.folder / "ML_AB").read_text()
        for symbol, atoms in ase.io.read(self.folder / "grouped.xyz").symbols.indices().items():
            text, n = re.subn(rf"(Basis set for {symbol} *\n-+\n +1 +)1\n", rf"\g<1>{atoms[0] + 1}\n", text)
            self.assertEqual(n, 1)
        (self.folder / "ML_AB").write_text(text)
        text = fit_yaml("ML_AB").replace("l_max: 2", "l_max: 2, keep: 0.5").replace(
            "max: 40", "max: 40, candidates: listed").replace("data: {", "data: {folds: 3, ")
        out, _ = self.mlff("fit", self.write("fit.yaml", text + "regression: {weights: auto, prior: kernel}\n"))
        self.assertIn("energy weight:", out)
        self.assertIn("each of 3 parts predicted by a fit to the others", out)
        self.assertIn("local references: 1 Ag, 1 I", out)
        self.assertEqual(json_of(out)["structures"], 11)
        self.assertIn("kept", self.mlff("info", "model.h5")[0])

    def test_fit_weighs_groups_of_structures(self):
        """What weighs more is fitted better, at the expense of the rest; errors are printed without weights."""
        self.make_data()
        frames = ase.io.read(self.folder / "data.xyz", ":")
        ase.io.write(self.folder / "early.xyz", frames[:4])
        ase.io.write(self.folder / "late.xyz", frames[4:])
        printed = {}
        for weight in [1, 1000]:
            text = fit_yaml("early.xyz", validation="data.xyz").replace(
                "train: early.xyz", f"train: [early.xyz, late.xyz], weights: {{early.xyz: {weight}}}")
            out, _ = self.mlff("fit", self.write("fit.yaml", text))
            printed[weight] = json_of(out)
            self.mlff("evaluate", "model.h5", "data.xyz", "--json", "e.json")
            errors = json.loads((self.folder / "e.json").read_text())
            self.assertAlmostEqual(errors["force"]["rmse"] / printed[weight]["force"]["rmse"], 1.0, delta=1e-9)
            self.mlff("evaluate", "model.h5", "early.xyz", "--json", "e.json")
            printed[weight]["early"] = json.loads((self.folder / "e.json").read_text())
        self.assertLess(printed[1000]["early"]["force"]["rmse"], 0.9 * printed[1]["early"]["force"]["rmse"])
        self.assertGreater(printed[1000]["force"]["rmse"], printed[1]["force"]["rmse"])

    def test_fit_learns_a_metric(self):
        """With a decay as well: what the fit prints is what the model in the file gives, before and after compilation."""
        self.make_data()
        out, _ = self.mlff("fit", self.write("fit.yaml", fit_yaml("data.xyz", validation="data.xyz").replace(
            "force_field:\n", "force_field:\n  metric: learned\n").replace("radial: {", "radial: {decay: 3.0, ")))
        info, _ = self.mlff("info", "model.h5")
        self.assertIn("metric learned", info)
        self.assertIn("decay 3 Å", info)

        def force_error(model):
            self.mlff("evaluate", model, "data.xyz", "--json", "e.json")
            return json.loads((self.folder / "e.json").read_text())["force"]["rmse"]

        fitted = force_error("model.h5")
        self.assertAlmostEqual(fitted / json_of(out)["force"]["rmse"], 1.0, delta=1e-9)
        self.mlff("compile", "model.h5", "production.h5", "--data", "data.xyz", "--max-loss", "1%")
        self.assertLess(force_error("production.h5"), 1.0101 * fitted)

    def test_fit_takes_the_memory_that_it_says(self):
        """With parts left out in turn, and with a metric."""
        rng = np.random.default_rng(1)
        for seed in range(120):
            symbols, positions, cell = silver_iodide(seed)
            positions += rng.normal(0.0, 0.25, positions.shape)
            write_structure(self.folder / ("train.xyz" if seed < 110 else "test.xyz"), symbols, positions, cell)
        self.write("label.yaml", "reference: {type: embedded, potential: agi-6.5}\n")
        for name in ["train", "test"]:
            self.mlff("label", "label.yaml", f"{name}.xyz", f"{name}-labelled.xyz")
        for validation, extra in [(None, ""), ("test-labelled.xyz", "  metric: learned\n")]:
            text = fit_yaml("train-labelled.xyz", validation=validation).replace(
                "max: 40", "max: 500, tolerance: 1e-13").replace("force_field:\n", "force_field:\n" + extra)
            out, _ = self.mlff("fit", self.write("fit.yaml", text))
            self.assertIn("500 Ag, 500 I", out)  # as many as the forecast is for
            forecast = float(re.search(r"about ([0-9.]+) GB while fitting", out)[1])
            peak = float(re.search(r"peak memory ([0-9.]+) GB", out)[1])
            self.assertLess(peak, 1.1 * forecast)
            self.assertGreater(peak, 0.65 * forecast)  # what the program itself needs is rounded up

    def test_fit_and_signals(self):
        """There is nothing to save: SIGTERM and Ctrl-C end it at once; the warning of a queue lets it finish."""
        self.make_data()
        self.make_model()
        before = (self.folder / "model.h5").read_bytes()
        self.write("fit.yaml", fit_yaml("data.xyz"))
        for number, status in [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, -signal.SIGINT), (signal.SIGUSR1, 0)]:
            with subprocess.Popen([PROGRAM, "fit", "fit.yaml"], cwd=self.folder, stdout=subprocess.PIPE,
                                  encoding="utf-8") as process:
                self.assertIn("training structures", process.stdout.readline())
                process.send_signal(number)
                out, _ = process.communicate(timeout=60)
            self.assertEqual(process.returncode, status)
            self.assertEqual("force field: model.h5" in out, status == 0)
            self.assertEqual((self.folder / "model.h5").read_bytes(), before)

    def test_evaluate_and_predict(self):
        truth = self.make_data()
        printed = json_of(self.make_model(validation="data.xyz"))
        self.mlff("evaluate", "model.h5", "data.xyz", "--json", "errors.json", "--parity", "parity.csv")
        report = json.loads((self.folder / "errors.json").read_text())
        self.assertEqual(report, printed)

        self.mlff("predict", "model.h5", "data.xyz", "predicted.xyz", "--uncertainty")
        predicted = ase.io.read(self.folder / "predicted.xyz", ":")
        self.assertEqual((report["structures"], report["atoms"]), (len(truth), sum(map(len, truth))))
        for kind, unit, p, t in zip(["energy", "force", "stress"], [1e3, 1e3, GPA], labels(predicted),
                                    labels(truth)):
            mae, rmse = errors(p, t)
            self.assertAlmostEqual(report[kind]["mae"], mae * unit, delta=1e-6 * (1.0 + mae * unit))
            self.assertAlmostEqual(report[kind]["rmse"], rmse * unit, delta=1e-6 * (1.0 + rmse * unit))
            self.assertGreater(rmse, 0.0)
        for symbol in ["Ag", "I"]:
            _, rmse = errors(*([a.get_forces()[a.symbols == symbol] for a in frames] for frames in (predicted, truth)))
            self.assertAlmostEqual(report["by_species"][symbol]["force"]["rmse"], 1e3 * rmse, delta=1e-4)
        self.assertLess(report["force"]["rmse"], 0.2 * 1e3 * np.sqrt(np.mean([a.get_forces()**2 for a in truth])))

        with open(self.folder / "parity.csv") as file:
            rows = list(csv.reader(file))[1:]
        parity = np.array([[float(x) for x in row[2:]] for row in rows])
        np.testing.assert_allclose(parity[:, 0], np.ravel([a.get_forces() for a in truth]), rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(parity[:, 1], np.ravel([a.get_forces() for a in predicted]), rtol=1e-6, atol=1e-7)
        self.assertEqual([row[0] for row in rows[::3]], [s for a in truth for s in a.symbols])
        self.assertEqual([row[1] for row in rows[:3]], ["x", "y", "z"])

        for atoms in predicted:
            n = len(atoms)
            self.assertAlmostEqual(atoms.arrays["atom_energy"].sum(), atoms.get_potential_energy(), places=8)
            for name, shape in [("force_deviation", (n, 3)), ("beef", (n,)), ("spilling", (n,))]:
                self.assertEqual(atoms.arrays[name].shape, shape)
                self.assertTrue(np.all(np.isfinite(atoms.arrays[name])) and np.all(atoms.arrays[name] >= 0.0), name)
            np.testing.assert_allclose(atoms.arrays["beef"], np.linalg.norm(atoms.arrays["force_deviation"], axis=1),
                                       rtol=1e-6)
            self.assertLessEqual(atoms.arrays["spilling"].max(), 1.0)
            self.assertTrue(np.isfinite(atoms.info["energy_deviation_per_atom"]))
            self.assertEqual(np.shape(atoms.info["stress_deviation"]), (6,))

        # A structure with neither labels nor a cell in common with the data.
        symbols, positions, cell = silver_iodide(seed=2)
        write_structure(self.folder / "plain.xyz", symbols, positions @ (np.eye(3) + 0.02), cell @ (np.eye(3) + 0.02))
        self.mlff("predict", "model.h5", "plain.xyz", "plain_predicted.xyz")
        atoms = ase.io.read(self.folder / "plain_predicted.xyz")
        self.assertTrue(np.all(np.isfinite(atoms.get_forces())))
        self.assertNotIn("spilling", atoms.arrays)

    def test_run_with_the_force_field(self):
        self.make_data()
        self.make_model()
        self.mlff("run", self.write("run.yaml", run_yaml("force_field: model.h5")))
        trajectory = ase.io.read(self.folder / "run" / "trajectory.xyz", ":")
        self.assertEqual(len(trajectory), 11)
        # What the trajectory says is what predict says.
        self.mlff("predict", "model.h5", "run/trajectory.xyz", "again.xyz")
        for a, b in zip(trajectory, ase.io.read(self.folder / "again.xyz", ":")):
            self.assertAlmostEqual(a.get_potential_energy(), b.get_potential_energy(), delta=1e-7)
            np.testing.assert_allclose(a.get_forces(), b.get_forces(), atol=1e-7)
        status = json.loads((self.folder / "run" / "status.json").read_text())
        self.assertEqual((status["step"], status["state"]), (20, "done"))

    def test_guard(self):
        self.make_data()
        self.mlff("fit", self.write("fit.yaml", fit_yaml("data.xyz").replace("max: 40", "max: 5")))
        drive = "force_field: model.h5"
        strict = run_yaml(drive, extra="guard: {spilling: 1e-9, every: 3}\n")
        _, err = self.mlff("run", self.write("run.yaml", strict), status=3)
        self.assertRegex(err, r"^mlff: .*atom \d+ \((Ag|I)\).*spilling[^\n]*\n$")
        self.assertEqual(json.loads((self.folder / "run" / "status.json").read_text())["state"], "failed")
        warns = run_yaml(drive, extra="guard: {spilling: 1e-9, every: 3, action: warn}\n")
        _, err = self.mlff("run", self.write("warn.yaml", warns.replace("output: run", "output: warned")))
        self.assertEqual(err.count("mlff: warning: "), 7)  # 21 evaluations
        self.assertEqual(err.count("\n"), 7)

    def test_same_seed_same_bytes_and_threads_agree(self):
        self.make_data()
        for name in ["a.h5", "b.h5"]:
            self.mlff("fit", self.write("fit.yaml", fit_yaml("data.xyz", "model.h5")), "--threads", 1)
            (self.folder / "model.h5").rename(self.folder / name)
        self.assertTrue((self.folder / "a.h5").read_bytes() == (self.folder / "b.h5").read_bytes())
        yaml = run_yaml("force_field: a.h5")
        runs = []
        for seed in [4, 4, 5]:
            self.mlff("run", self.write("run.yaml", f"seed: {seed}\n{yaml}"), "--threads", 2)
            runs.append((self.folder / "run" / "trajectory.xyz").read_bytes())
            for path in (self.folder / "run").iterdir():
                path.unlink()
        self.assertTrue(runs[0] == runs[1])
        self.assertFalse(runs[0] == runs[2])
        results = []
        for threads in [1, 2]:
            self.mlff("predict", "a.h5", "data.xyz", f"{threads}.xyz", "--uncertainty", "--threads", threads)
            results.append(ase.io.read(self.folder / f"{threads}.xyz", ":"))
        for one, two in zip(*results):
            self.assertAlmostEqual(one.get_potential_energy(), two.get_potential_energy(), delta=1e-9)
            np.testing.assert_allclose(one.get_forces(), two.get_forces(), rtol=0.0, atol=1e-9)
            np.testing.assert_allclose(one.get_stress(), two.get_stress(), rtol=0.0, atol=1e-9)
            np.testing.assert_allclose(one.arrays["beef"], two.arrays["beef"], rtol=0.0, atol=1e-9)

    def test_help(self):
        out, _ = self.mlff("--help")
        for verb in VERBS:
            self.assertIn(f"  {verb} ", out)
            text, err = self.mlff(verb, "--help")
            self.assertRegex(text, rf"Example:\s+mlff {verb} \S+")
            for option in ["--threads", "--quiet", "--log"]:
                self.assertIn(option, text)
            self.assertEqual(err, "")
        self.assertRegex(self.mlff("--version")[0], r"^\d+\.\d+\.\d+( \(-march=\S+\))?\n$")

    def test_quiet_and_log(self):
        self.make_data()
        self.make_model()
        self.assertEqual(self.mlff("predict", "model.h5", "data.xyz", "out.xyz", "--quiet"), ("", ""))
        out, _ = self.mlff("evaluate", "model.h5", "data.xyz", "--quiet")  # a result the user asked for
        self.assertIn("force", out)
        out, _ = self.mlff("predict", "model.h5", "data.xyz", "out.xyz", "--log", "messages")
        log = (self.folder / "messages").read_text()
        self.assertIn("11 structures written to out.xyz", out)
        self.assertIn("11 structures written to out.xyz", log)
        self.mlff("predict", "model.h5", "data.xyz", "out.xyz", "--quiet", "--log", "messages")
        self.assertGreater(len((self.folder / "messages").read_text()), len(log))


if __name__ == "__main__":
    unittest.main()
