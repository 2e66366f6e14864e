"""Constant pressure and relaxation, as users meet them."""
import csv
import json
import signal
import subprocess
import time
import unittest

from program import FORCE_FIELD, PROGRAM, ProgramTest, ase, np, silver_iodide, train_yaml, write_structure

BAROSTATS = ["cell-rescaling", "mtk", "langevin"]
RESULTS = ["model.h5", "training.xyz", "trajectory.xyz", "thermo.csv", "log", "journal"]


def run_yaml(barostat, steps=200, potential="agi-6.5", temperature=300, extra="", dynamics=""):
    return f"""\
structure: start.xyz
output: out
seed: 5
reference: {{type: embedded, potential: {potential}}}
dynamics:
  ensemble: npt
  barostat: {{{barostat}}}
  temperature: {temperature}
  timestep: 2.0
  steps: {steps}
{dynamics}trajectory: {{every: 5}}
{extra}"""


def npt(text, barostat):
    return text.replace("dynamics:\n", f"dynamics:\n  ensemble: npt\n  barostat: {{{barostat}}}\n")


def thermo(folder):
    return np.genfromtxt(folder / "out" / "thermo.csv", delimiter=",", names=True)


def argon(n):
    """n³ atoms on a simple cubic lattice, which melts at once."""
    edge = 3.75 * n
    return ["Ar"] * n**3, edge / n * np.indices((n, n, n)).reshape(3, -1).T, edge * np.eye(3)


class NptTest(ProgramTest):
    def prepare(self, name, **files):
        folder = self.new_folder(name, **files)
        for target in ["start.xyz", "agi.xyz"]:
            write_structure(folder / target, *silver_iodide())
        return folder

    def strike(self, verb, folder, size):
        trajectory = folder / "out" / "trajectory.xyz"
        process = subprocess.Popen([PROGRAM, verb, f"{verb}.yaml", "--threads", "1"], cwd=folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        deadline = time.monotonic() + 60.0
        while process.poll() is None and not (trajectory.exists() and trajectory.stat().st_size >= size):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.0005)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        return process.returncode

    def check_resumes(self, verb, text):
        whole, killed = self.prepare("whole", **{verb: text}), self.prepare("killed", **{verb: text})
        self.mlff(verb, f"{verb}.yaml", "--threads", "1", cwd=whole)
        size = (whole / "out" / "trajectory.xyz").stat().st_size
        n_kills = sum(self.strike(verb, killed, share * size) == -signal.SIGKILL for share in [0.1, 0.4, 0.7])
        self.assertGreaterEqual(n_kills, 2)
        self.mlff(verb, f"{verb}.yaml", "--threads", "1", cwd=killed)
        for name in RESULTS if verb == "train" else ["trajectory.xyz", "thermo.csv", "log"]:
            self.assertTrue((whole / "out" / name).read_bytes() == (killed / "out" / name).read_bytes(),
                            f"{name} differs from that of the uninterrupted run")
        return whole

    def test_what_a_run_writes(self):
        for barostat in BAROSTATS:
            with self.subTest(barostat):
                folder = self.prepare(barostat, run=run_yaml(f"type: {barostat}, cell: triclinic, pressure: [0.5, 1.5]"))
                self.mlff("run", "run.yaml", cwd=folder)
                rows = thermo(folder)
                frames = ase.io.read(folder / "out" / "trajectory.xyz", ":")
                volumes = [atoms.get_volume() for atoms in frames]
                np.testing.assert_allclose(volumes, rows["volume_A3"][::5], rtol=1e-7)
                self.assertGreater(np.ptp(volumes), 0.1)
                last = frames[-1]
                np.testing.assert_allclose(last.cell.cellpar(),
                                           [rows[name][-1] for name in
                                            ["a_A", "b_A", "c_A", "alpha_deg", "beta_deg", "gamma_deg"]], rtol=1e-6)
                self.assertAlmostEqual(rows["density_g_cm3"][-1],
                                       last.get_masses().sum() / last.get_volume() * 1.66053906660, places=3)
                diagonal = (rows["p_xx_GPa"] + rows["p_yy_GPa"] + rows["p_zz_GPa"]) / 3
                np.testing.assert_allclose(diagonal, rows["pressure_GPa"], atol=2e-6)
                np.testing.assert_allclose(rows["target_GPa"], np.linspace(0.5, 1.5, 201), atol=1e-6)
                self.assertLess(np.ptp(rows["conserved_eV"]), 0.05)

    def test_run_killed(self):
        for barostat in BAROSTATS:
            with self.subTest(barostat):
                self.folder = self.new_folder(f"of-{barostat}")
                self.check_resumes("run", run_yaml(f"type: {barostat}, cell: triclinic", steps=3000))

    def test_training_killed(self):
        whole = self.check_resumes("train", npt(train_yaml(steps=300), "cell: triclinic, period: 500"))
        cells = {tuple(atoms.cell.ravel()) for atoms in ase.io.read(whole / "out" / "training.xyz", ":")}
        self.assertGreater(len(cells), 3, "the training data have one cell")

    def test_slab_keeps_its_axis(self):
        folder = self.prepare("slab", run=run_yaml("type: mtk, fixed: [c], period: 200", steps=100))
        self.mlff("run", "run.yaml", cwd=folder)
        rows = thermo(folder)
        self.assertEqual(len(set(rows["c_A"])), 1)
        self.assertGreater(len(set(rows["a_A"])), 50)

    def test_references_that_cannot_follow(self):
        cases = {"{type: data, files: agi.xyz}": "stored data",
                 "{type: socket, code: cp2k, input: cp2k.inp, stress: off}": "stress is off",
                 "{type: socket, code: cp2k, input: cp2k.inp, stress_check: off}": "stress_check is off"}
        for reference, words in cases.items():
            with self.subTest(words):
                text = run_yaml("type: mtk").replace("{type: embedded, potential: agi-6.5}", reference)
                folder = self.prepare(words.replace(" ", "-"), run=text)
                write_structure(folder / "labelled.xyz", *silver_iodide())
                (folder / "cp2k.inp").write_text("&FORCE_EVAL\n&END\n")
                _, errors = self.mlff("run", "run.yaml", cwd=folder, status=2)
                self.assertEqual(errors.count("\n"), 1, errors)
                if "data" not in words:
                    self.assertIn(words, errors)

    def test_analysis_of_the_cell(self):
        folder = self.prepare("analysis", run=run_yaml("type: cell-rescaling, period: 200", steps=2000))
        self.mlff("run", "run.yaml", cwd=folder)
        (folder / "analyze.yaml").write_text(
            "trajectories: [{files: [out/trajectory.xyz], label: npt, skip: 1000}]\n"
            "observables: [{type: cell}, {type: msd}, {type: vdos}, {type: rdf}]\noutput: analysis\n")
        self.mlff("analyze", "analyze.yaml", cwd=folder)
        summary = json.loads((folder / "analysis" / "summary.json").read_text())
        frames = ase.io.read(folder / "out" / "trajectory.xyz", ":")[100:]
        text = json.dumps(summary)
        with open(folder / "analysis" / "cell.csv") as file:
            rows = [row for row in csv.DictReader(file) if row["quantity"] == "volume_A3"]
        np.testing.assert_allclose([float(row["value"]) for row in rows],
                                   [atoms.get_volume() for atoms in frames], rtol=1e-6)
        for name in ["volume_A3", "density_g_cm3", "volume_error_A3", "bulk_modulus_GPa", "gamma_deg"]:
            self.assertIn(f'"{name}"', text)

    def test_barostats_agree_on_liquid_argon(self):
        # A short form of benchmarks/npt_argon.py, with 125 atoms.
        symbols, positions, cell = argon(5)
        densities = []
        for barostat in BAROSTATS:
            folder = self.new_folder(barostat, run=run_yaml(
                f"type: {barostat}, compressibility: 1.5, pressure: 0.0, period: 800", steps=6000, potential="ar",
                temperature=90, dynamics="  thermostat: {type: csvr, period: 200}\n").replace(
                    "timestep: 2.0", "timestep: 8.0"))
            write_structure(folder / "start.xyz", symbols, positions, cell)
            self.mlff("run", "run.yaml", cwd=folder)
            densities.append(np.mean(thermo(folder)["density_g_cm3"][1500:]))
        self.assertLess(np.ptp(densities) / np.mean(densities), 0.025, densities)


class RelaxTest(ProgramTest):
    def relax(self, status=0, **options):
        settings = "".join(f"  {key}: {value}\n" for key, value in options.items())
        self.write("relax.yaml", "structure: start.xyz\noutput: out\nresult: POSCAR-relaxed\n"
                                 "reference: {type: embedded, potential: agi-6.5}\nrelax:\n" + settings)
        return self.mlff("relax", "relax.yaml", status=status)

    def test_triclinic_silver_iodide_to_zero_stress(self):
        symbols, positions, cell = silver_iodide()
        strain = np.eye(3) + [[0.02, 0.03, 0.01], [0.0, -0.02, 0.02], [0.01, 0.0, 0.03]]
        write_structure(self.folder / "start.xyz", symbols, positions @ strain.T, cell @ strain.T)
        self.relax(cell="triclinic", force=0.002, stress=0.005)
        last = ase.io.read(self.folder / "out" / "trajectory.xyz")
        self.assertLess(np.abs(last.get_forces()).max(), 0.002)
        self.assertLess(np.abs(last.get_stress()).max() * 160.2176634, 0.01)
        poscar = ase.io.read(self.folder / "POSCAR-relaxed", format="vasp")
        np.testing.assert_allclose(poscar.get_volume(), last.get_volume(), rtol=1e-9)
        # A run at a low temperature stays where the relaxation ended.
        self.write("run.yaml", run_yaml("type: mtk, cell: triclinic", temperature=1).replace("output: out", "output: run").replace(
            "start.xyz", "POSCAR-relaxed"))
        self.mlff("run", "run.yaml")
        rows = np.genfromtxt(self.folder / "run" / "thermo.csv", delimiter=",", names=True)
        self.assertLess(np.ptp(rows["volume_A3"]) / rows["volume_A3"][0], 2e-3)

    def test_positions_only_and_held_atoms(self):
        symbols, positions, cell = silver_iodide()
        lattice = " ".join(map(str, np.ravel(cell)))
        lines = [f'{len(symbols)}\nLattice="{lattice}" Properties=species:S:1:pos:R:3:move_mask:L:1 pbc="T T T"']
        lines += [f"{s} {x:.9f} {y:.9f} {z:.9f} {'F' if i == 3 else 'T'}"
                  for i, (s, (x, y, z)) in enumerate(zip(symbols, positions))]
        self.write("start.xyz", "\n".join(lines) + "\n")
        self.relax(force=0.005)
        last = ase.io.read(self.folder / "out" / "trajectory.xyz")
        np.testing.assert_allclose(last.positions[3], positions[3], atol=1e-9)
        np.testing.assert_allclose(last.cell[:], cell, atol=1e-9)
        self.assertIn("Selective", (self.folder / "POSCAR-relaxed").read_text())

    def test_not_converged(self):
        write_structure(self.folder / "start.xyz", *silver_iodide())
        _, errors = self.relax(status=1, steps=2)
        self.assertIn("not converged", errors)
        self.assertTrue((self.folder / "POSCAR-relaxed").exists())

    def test_wrong_input(self):
        write_structure(self.folder / "start.xyz", *silver_iodide())
        for options, words in [({"cell": "cubic"}, "isotropic"), ({"force": -1}, "force"),
                               ({"pressure": 1}, "pressure"), ({"cell": "isotropic", "pressure": "[1, 2]"}, "tensor"),
                               ({"max_step": 3}, "max_step")]:
            with self.subTest(options):
                _, errors = self.relax(status=2, **options)
                self.assertIn(words, errors)
                self.assertEqual(errors.count("\n"), 1)
        self.relax(cell="isotropic", steps=500)
        text, errors = self.mlff("check", "relax.yaml")
        self.assertIn("mlff relax", text + errors)


if __name__ == "__main__":
    unittest.main()
