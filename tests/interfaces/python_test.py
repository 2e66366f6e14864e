"""The package `mlff` and the calculator of ASE, against `mlff predict` and finite differences."""
import subprocess
import sys
import threading
import unittest

from host_case import DATA, MODEL, HostTest, ase, atoms_of, np, triclinic_agi

import mlff
from mlff.ase import MLFFCalculator as MLFF

try:
    from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
except ImportError:  # ASE before 3.23

    def calculate_numerical_forces(atoms, eps):
        return atoms.calc.calculate_numerical_forces(atoms, eps)

    def calculate_numerical_stress(atoms, eps):
        return atoms.calc.calculate_numerical_stress(atoms, eps)


class Package(HostTest):
    def agrees(self, atoms, model=MODEL):
        expected = self.predict(atoms, model)
        result = mlff.ForceField(model, threads=2).predict(atoms, errors=True, spilling=True, virials=True)
        self.close(result.energy, expected.get_potential_energy())
        self.close(result.forces, expected.get_forces())
        self.close(result.stress, expected.get_stress())
        self.close(result.energies, expected.arrays["atom_energy"])
        self.close(result.spilling, expected.arrays["spilling"])
        self.close(result.force_error, expected.arrays["force_error"])
        self.close(result.energy_error, expected.info["energy_error_per_atom"])
        self.close(result.stress_error, expected.info["stress_error"])
        self.close(result.energies.sum(), result.energy)
        self.assertGreater(np.abs(result.forces).max(), 0.1)
        self.assertGreater(result.force_error.min(), 0.0)
        total = -result.virials.sum(axis=0) / atoms.get_volume()
        self.close(total, total.T)
        self.close(total[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]], result.stress)
        return result

    def test_skewed_cells_agree_with_the_program(self):
        self.agrees(atoms_of(*triclinic_agi((3, 2, 2))))
        self.agrees(atoms_of(*triclinic_agi((1, 1, 1))))  # smaller than the cutoff

    def test_left_handed_cell(self):
        symbols, positions, cell = triclinic_agi((2, 1, 1))
        self.agrees(atoms_of(symbols, positions, cell[[1, 0, 2]]))

    def test_compiled_form(self):
        fast = mlff.compile(MODEL, self.folder / "fast.h5", DATA / "agi_rePRV_dsf8.0.ref.xyz", "0")
        self.agrees(atoms_of(*triclinic_agi((2, 2, 1))), fast)

    def test_what_a_force_field_knows(self):
        force_field = mlff.ForceField(MODEL)
        self.assertEqual(force_field.species, ("Ag", "I"))
        self.assertEqual(force_field.numbers, (47, 53))
        self.assertEqual(force_field.cutoff, 5.0)
        self.assertIn("Ag I, cutoff 5", repr(force_field))
        self.assertRegex(mlff.version(), r"^\d+\.\d+\.\d+$")

    def test_cluster(self):
        cluster = mlff.ForceField(MODEL).evaluate([[0, 0, 0], [0, 0, 2.8]], [47, 53])
        self.assertIsNone(cluster.stress)
        self.close(cluster.forces[0], -cluster.forces[1])
        self.assertGreater(abs(cluster.forces[0, 2]), 1e-3)
        mixed = mlff.ForceField(MODEL).evaluate([[0, 0, 0], [0, 0, 2.8]], [47, 53], 20 * np.eye(3), (False, True, True))
        self.close(mixed.forces, cluster.forces)

    def test_threads_share_a_force_field(self):
        force_field = mlff.ForceField(MODEL, threads=1)
        structures = [atoms_of(*triclinic_agi((2, 1, 1), seed=seed)) for seed in range(6)]
        expected = [mlff.ForceField(MODEL).predict(atoms).forces for atoms in structures]
        found = [None] * 6

        def work(k):
            for _ in range(5):
                found[k] = force_field.predict(structures[k]).forces

        workers = [threading.Thread(target=work, args=(k,)) for k in range(6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        for one, other in zip(found, expected):
            self.close(one, other)

    def test_wrong_input(self):
        force_field = mlff.ForceField(MODEL)
        for words, action in (
                ("none.h5", lambda: mlff.ForceField("none.h5")),
                ("HDF5|model", lambda: mlff.ForceField(__file__)),
                ("threads must be at least 1, got 0", lambda: mlff.ForceField(MODEL, threads=0)),
                ("positions must be N × 3, got 3", lambda: force_field.evaluate([0, 0, 0], [47])),
                ("numbers must be 1 atomic", lambda: force_field.evaluate([[0, 0, 0]], [47, 53])),
                ("numbers must be 1 atomic", lambda: force_field.evaluate([[0, 0, 0]], [47.0])),
                ("cell must be 3 × 3", lambda: force_field.evaluate([[0, 0, 0]], [47], [5, 5, 5])),
                ("Si", lambda: force_field.evaluate([[0, 0, 0]], [14])),
                ("0.1", lambda: force_field.evaluate([[0, 0, 0], [0, 0, 0.01]], [47, 53])),
                ("position|finite|number", lambda: force_field.evaluate([[0, 0, np.nan]], [47])),
                ("cell|lattice", lambda: force_field.evaluate([[0, 0, 0]], [47], np.zeros((3, 3))))):
            with self.assertRaisesRegex(mlff.InputError, words) as caught:
                action()
            self.assertNotIn("\n", str(caught.exception))
            self.assertIsInstance(caught.exception, ValueError)

    def test_library_that_is_not_there(self):
        done = subprocess.run([sys.executable, "-B", "-c", "import mlff; mlff.version()"], capture_output=True,
                              encoding="utf-8", env={"MLFF_LIBRARY": "/none/libmlff.so", "PYTHONPATH": ":".join(sys.path)})
        self.assertIn("MLFF_LIBRARY: there is no file /none/libmlff.so", done.stderr)


class Verbs(HostTest):
    def test_fit_evaluate(self):
        data = str(DATA / "agi_rePRV_dsf8.0.ref.xyz")
        settings = {"data": {"train": [data]}, "output": "small.h5",
                    "force_field": {"radial": {"cutoff": 4.0, "functions": 3},
                                    "angular": {"cutoff": 3.5, "functions": 2, "l_max": 1}}}
        model = mlff.fit(settings, self.folder / "new")
        self.assertEqual(mlff.ForceField(model).cutoff, 4.0)
        self.assertGreater(len(mlff.evaluate(model, data)), 0)
        with self.assertRaisesRegex(mlff.InputError, r"fit.yaml:\d+: unknown key"):
            mlff.fit({**settings, "outptu": "x"}, self.folder)

    def test_train(self):
        ase.io.write(self.folder / "agi.xyz", atoms_of(*triclinic_agi((2, 2, 1), noise=0.02)))
        model = mlff.train({
            "structure": "agi.xyz", "output": "out", "seed": 3, "reference": {"type": "embedded", "potential": "agi-6.5"},
            "force_field": {"radial": {"cutoff": 5.0, "functions": 4},
                            "angular": {"cutoff": 4.0, "functions": 3, "l_max": 1}},
            "dynamics": {"temperature": 300, "timestep": 2.0, "steps": 20}}, self.folder)
        self.assertEqual(model, self.folder / "out" / "model.h5")
        self.assertEqual(mlff.ForceField(model).species, ("Ag", "I"))


class Ase(HostTest):
    def test_properties_are_those_of_the_program(self):
        atoms = atoms_of(*triclinic_agi((2, 2, 1)))
        expected = self.predict(atoms)
        atoms.calc = MLFF(MODEL)
        self.close(atoms.get_potential_energy(), expected.get_potential_energy())
        self.close(atoms.get_potential_energy(force_consistent=True), expected.get_potential_energy())
        self.close(atoms.get_forces(), expected.get_forces())
        self.close(atoms.get_stress(), expected.get_stress())
        self.close(atoms.get_potential_energies(), expected.arrays["atom_energy"])
        self.close(atoms.get_stresses().sum(axis=0), expected.get_stress())
        self.assertNotIn("force_error", atoms.calc.results)
        self.close(atoms.calc.get_property("spilling", atoms), expected.arrays["spilling"])
        self.close(atoms.calc.get_property("force_error", atoms), expected.arrays["force_error"])
        atoms.calc.set(errors=True)
        atoms.get_forces()
        self.assertIn("force_error", atoms.calc.results)
        self.assertIn("spilling", atoms.calc.results)

    def test_finite_differences(self):
        for repeat in ((2, 1, 1), (1, 1, 1)):
            atoms = atoms_of(*triclinic_agi(repeat))
            atoms.calc = MLFF(MODEL)
            self.close(calculate_numerical_forces(atoms, eps=1e-4), atoms.get_forces(), 1e-6)
            self.close(calculate_numerical_stress(atoms, eps=1e-5), atoms.get_stress(), 1e-6)

    def test_relaxation_and_dynamics(self):
        from ase import units
        from ase.md.verlet import VelocityVerlet
        from ase.optimize import BFGS
        atoms = atoms_of(*triclinic_agi((2, 2, 1), noise=0.05))
        atoms.calc = MLFF(MODEL)
        before = atoms.get_potential_energy()
        BFGS(atoms, logfile=None).run(fmax=0.1, steps=100)
        self.assertLess(atoms.get_potential_energy(), before)
        self.assertLess(np.linalg.norm(atoms.get_forces(), axis=1).max(), 0.1)
        atoms.set_momenta(np.random.default_rng(2).normal(0, 1.5, (len(atoms), 3)))
        start = atoms.get_total_energy()
        VelocityVerlet(atoms, units.fs).run(100)
        self.assertLess(abs(atoms.get_total_energy() - start) / len(atoms), 1e-4)

    def test_example(self):
        example = DATA.parents[2] / "examples" / "ase" / "relax.py"
        done = subprocess.run([sys.executable, "-B", example, MODEL, DATA.parents[2] / "demo" / "agi.xyz", "10"],
                              cwd=self.folder, capture_output=True, encoding="utf-8")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("largest spilling factor: 0.", done.stdout)

    def test_stress_without_a_volume(self):
        from ase.calculators.calculator import PropertyNotImplementedError
        atoms = ase.Atoms("AgI", [[0, 0, 0], [0, 0, 2.8]], calculator=MLFF(MODEL))
        atoms.get_forces()
        with self.assertRaises(PropertyNotImplementedError):
            atoms.get_stress()


class Learning(HostTest):
    """On-the-fly learning from ASE's EMT in this process."""

    def setUp(self):
        super().setUp()
        from ase.build import bulk
        copper = bulk("Cu", cubic=True).repeat((2, 2, 2))
        copper.set_cell(np.asarray(copper.cell) @ [[1, 0.05, 0], [0, 1, 0.02], [0, 0, 1.01]], scale_atoms=True)
        copper.rattle(0.05, seed=3)
        ase.io.write(self.folder / "copper.xyz", copper)
        self.settings = {"structure": "copper.xyz", "output": "out", "seed": 1,
                         "force_field": {"radial": {"cutoff": 5.0, "functions": 4},
                                         "angular": {"cutoff": 4.0, "functions": 3, "l_max": 1}},
                         "dynamics": {"temperature": 300, "timestep": 2.0, "steps": 30}}

    def test_labels_are_those_of_the_calculator(self):
        from ase.calculators.emt import EMT
        from mlff.learn import learn
        model = learn(self.settings, EMT(), self.folder)
        self.assertEqual(mlff.ForceField(model).species, ("Cu",))
        frames = ase.io.read(self.folder / "out" / "training.xyz", ":")
        self.assertGreater(len(frames), 1)
        for frame in frames:
            direct = frame.copy()
            direct.calc = EMT()
            self.close(frame.get_potential_energy(), direct.get_potential_energy(), 1e-7)
            self.close(frame.get_forces(), direct.get_forces(), 1e-7)
            self.close(frame.get_stress(), direct.get_stress(), 1e-7)

    def test_a_calculator_that_fails_and_resuming(self):
        from ase.calculators.emt import EMT
        from mlff.learn import learn

        class Tired(EMT):
            calls = 0

            def calculate(self, *arguments, **more):
                self.calls += 1
                if self.calls > 12:
                    raise ArithmeticError("no convergence")
                super().calculate(*arguments, **more)

        with self.assertRaisesRegex(ArithmeticError, "no convergence"):
            learn(self.settings, Tired(), self.folder, method="EMT")
        journal = ase.io.read(self.folder / "out" / "journal", ":", format="extxyz")
        counted = Tired()
        counted.calls = -1000
        self.assertTrue(learn(self.settings, counted, self.folder, method="EMT").exists())
        after = ase.io.read(self.folder / "out" / "journal", ":", format="extxyz")
        self.assertGreater(len(journal), 0)
        # EMT calculates the stress in a call of its own. No step was computed twice.
        self.assertEqual(counted.calls + 1000, 2 * (len(after) - len(journal)))

    def test_settings_that_do_not_go_with_it(self):
        from ase.calculators.emt import EMT
        from mlff.learn import learn
        for key, value in (("reference", {}), ("supercell", [2, 1, 1])):
            with self.assertRaisesRegex(mlff.InputError, key):
                learn({**self.settings, key: value}, EMT(), self.folder)
        with self.assertRaisesRegex(mlff.InputError, r"train.yaml:\d+: unknown key"):
            learn({**self.settings, "outptu": "x"}, EMT(), self.folder)


if __name__ == "__main__":
    unittest.main()
