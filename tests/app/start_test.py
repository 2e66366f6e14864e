"""What a structure file says besides positions, and what a run makes of it: atoms held fixed, masses, velocities."""
import unittest

from program import ProgramTest, ase, np, silver_iodide, train_yaml, write_structure

RUN = """\
structure: {structure}
output: {output}
reference: {{type: embedded, potential: agi-6.5}}
dynamics: {{temperature: 300, timestep: 1.0, steps: {steps}, {more}}}
trajectory: {{every: 1}}
"""


class StartTest(ProgramTest):
    def setUp(self):
        super().setUp()
        symbols, positions, cell = silver_iodide()
        self.atoms = ase.Atoms(symbols, positions, cell=cell, pbc=True)
        self.held = [1, 4, 7, 10]

    def write_poscar(self, name="POSCAR", velocities=None):
        """Ag and I one after the other; the atoms `held` of them do not move."""
        atoms = self.atoms[np.argsort(self.atoms.symbols, kind="stable")]
        lines = ["a title", "1.0"] + [" ".join(map(repr, map(float, v))) for v in atoms.cell]
        lines += ["Ag I", "8 8", "Selective dynamics", "Cartesian"]
        lines += [" ".join(map(repr, map(float, r))) + (" F F F" if i in self.held else " T T T")
                  for i, r in enumerate(atoms.positions)]
        if velocities is not None:
            lines += [""] + [" ".join(map(repr, map(float, v))) for v in velocities]
        return self.write(name, "\n".join(lines) + "\n")

    def run_mlff(self, output, structure, steps=20, more="thermostat: {type: csvr}", verb="run", **options):
        self.write("run.yaml", RUN.format(structure=structure, output=output, steps=steps, more=more))
        return self.mlff(verb, "run.yaml", *(["--for", "run"] if verb == "check" else []), **options)

    def frames(self, output):
        return ase.io.read(self.folder / output / "trajectory.xyz", ":")

    def test_atoms_of_selective_dynamics_stay(self):
        self.write_poscar()
        out, _ = self.run_mlff("out", "POSCAR")
        self.assertIn("POSCAR: 4 of 16 atoms are held fixed", out)
        self.assertIn("4 of 16 atoms are held fixed", self.run_mlff("other", "POSCAR", verb="check")[0])
        frames = self.frames("out")
        moved = np.abs(frames[-1].positions - frames[0].positions).max(axis=1)
        self.assertEqual(list(np.flatnonzero(moved == 0.0)), self.held)
        self.assertEqual(list(frames[-1].constraints[0].index), self.held)  # the next run holds them too
        # 12 atoms have 36 degrees of freedom: nothing is taken off for a centre of mass that is not conserved.
        thermo = np.genfromtxt(self.folder / "out/thermo.csv", delimiter=",", names=True)
        self.assertAlmostEqual(thermo["temperature_K"][0], 300.0, places=3)
        self.assertAlmostEqual(2 * thermo["kinetic_eV"][0] / (36 * ase.units.kB), 300.0, delta=0.01)
        self.assertLess(np.ptp(thermo["conserved_eV"]), 0.01)
        # Through extxyz it is the same run.
        self.mlff("convert", "POSCAR", "held.xyz")
        self.assertIn("move_mask:L:1", (self.folder / "held.xyz").read_text())
        self.run_mlff("again", "held.xyz")
        self.assertEqual((self.folder / "again/trajectory.xyz").read_bytes(),
                         (self.folder / "out/trajectory.xyz").read_bytes())

    def test_atoms_stay_in_training_and_after_a_restart(self):
        self.write_poscar()
        whole = train_yaml(steps=40).replace("agi.xyz", "POSCAR").replace("[400, 600]", "400")
        self.mlff("train", self.write("whole.yaml", whole.replace("output: out", "output: whole")))
        self.mlff("train", self.write("part.yaml", whole.replace("steps: 40", "steps: 20")))
        self.mlff("train", self.write("part.yaml", whole))
        frames = self.frames("out")
        self.assertEqual(len(frames), 41)
        moved = np.abs(frames[-1].positions - frames[0].positions).max(axis=1)
        self.assertEqual(list(np.flatnonzero(moved == 0.0)), self.held)
        self.assertEqual((self.folder / "out/trajectory.xyz").read_bytes(),
                         (self.folder / "whole/trajectory.xyz").read_bytes())
        self.write_poscar()
        self.held = [1, 4]
        self.write_poscar()
        self.assertIn("structure", self.mlff("train", "part.yaml", status=2)[1])

    def test_velocities_of_a_contcar(self):
        self.held = []
        random = np.random.default_rng(3)
        velocities = random.normal(0.0, 2e-3, (16, 3))
        self.write_poscar("CONTCAR", velocities)
        self.run_mlff("out", "CONTCAR", steps=1, more="velocities: file, ensemble: nve")
        first = self.frames("out")[0]
        masses = ase.Atoms("Ag8I8").get_masses()
        expected = velocities - masses @ velocities / masses.sum()
        np.testing.assert_allclose(first.arrays["velocities"], expected, atol=1e-6)
        self.mlff("convert", "CONTCAR", "out.xyz")
        np.testing.assert_allclose(ase.io.read(self.folder / "out.xyz").arrays["velocities"], velocities, atol=1e-15)

    def test_velocities_in_the_unit_of_ase_are_noticed(self):
        from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
        MaxwellBoltzmannDistribution(self.atoms, temperature_K=300, rng=np.random.default_rng(1))
        wrong = self.atoms.copy()
        del wrong.arrays["momenta"]
        wrong.arrays["velocities"] = self.atoms.get_velocities()
        ase.io.write(self.folder / "wrong.xyz", wrong)
        ase.io.write(self.folder / "right.xyz", self.atoms, columns=["symbols", "positions", "momenta"])
        more = "velocities: file, ensemble: nve"
        for verb in ("check", "run"):
            _, err = self.run_mlff("wrong", "wrong.xyz", 1, more + ", max_displacement: 50, max_temperature: 1e9", verb)
            self.assertRegex(err, r"wrong.xyz: its velocities make \d{5} K where dynamics.temperature is 300 K; they must "
                                  r"be in Å/fs \(in ASE's unit, .* they make (2|3)\d\d K\)")
        _, err = self.run_mlff("right", "right.xyz", 1, more)
        self.assertEqual(err, "")
        expected = self.atoms.get_velocities() * ase.units.fs
        masses = self.atoms.get_masses()
        expected -= masses @ expected / masses.sum()
        np.testing.assert_allclose(self.frames("right")[0].arrays["velocities"], expected, atol=1e-6)

    def test_masses_of_the_file_are_used(self):
        heavy = self.atoms.copy()
        heavy.set_masses(4 * heavy.get_masses())
        ase.io.write(self.folder / "heavy.xyz", heavy, columns=["symbols", "positions", "masses"])
        ase.io.write(self.folder / "plain.xyz", self.atoms)
        out, _ = self.run_mlff("heavy", "heavy.xyz", 8)
        self.assertIn("heavy.xyz: masses of the file are used, up to 300 % off", out)
        out, _ = self.run_mlff("plain", "plain.xyz", 8)
        self.assertNotIn("masses", out)
        # At one temperature four times the mass has half the velocity.
        ratio = self.frames("plain")[0].arrays["velocities"] / self.frames("heavy")[0].arrays["velocities"]
        np.testing.assert_allclose(ratio, 2.0, rtol=1e-3)


class DataTest(ProgramTest):
    """What labelled files say, and what is done about it."""

    def test_stress_in_another_unit_is_refused_unless_told(self):
        write_structure(self.folder / "agi.xyz", *silver_iodide())
        yaml = RUN.format(structure="agi.xyz", output="aimd", steps=30, more="").replace("every: 1", "every: 1, forces: true")
        self.mlff("run", self.write("aimd.yaml", yaml))
        frames = ase.io.read(self.folder / "aimd/trajectory.xyz", ":")
        rms = {}
        for unit, factor in (("eV/A^3", 1.0), ("bar", 1e5 * ase.units.Pascal), ("kbar", 1e8 * ase.units.Pascal)):
            out = []
            for atoms in frames:
                new = ase.Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True)
                new.info = {"energy": atoms.get_potential_energy(),
                            "stress": " ".join(map(repr, map(float, atoms.get_stress(voigt=False).ravel() / factor)))}
                new.arrays["forces"] = atoms.get_forces()
                out.append(new)
            (self.folder / "data.xyz").unlink(missing_ok=True)
            ase.io.write(self.folder / "data.xyz", out)
            fit = "data: {train: data.xyz, folds: 1KEY}\nreferences: {max: 10}\ntrade_off: false\n"
            if unit != "eV/A^3":
                err = self.mlff("fit", self.write("fit.yaml", fit.replace("KEY", "")), status=2)[1]
                self.assertRegex(err, "data.xyz: the stress would be .* GPa .*; say its unit: stress_unit: bar, kbar")
            printed, _ = self.mlff("fit", self.write("fit.yaml", fit.replace("KEY", f", stress_unit: {unit}")))
            rms[unit] = [line for line in printed.splitlines() if line.startswith("stress  ")][-1]
        self.assertEqual(rms["bar"], rms["eV/A^3"])
        self.assertEqual(rms["kbar"], rms["eV/A^3"])
        err = self.mlff("fit", self.write("fit.yaml", fit.replace("KEY", ", stress_unit: psi")), status=2)[1]
        self.assertIn("must be eV/A^3, GPa, kbar or bar, got 'psi'", err)

    def test_convert_keeps_what_the_target_can_hold(self):
        self.write("in.xyz", """\
2
Lattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3:q:R:1:tag:I:1:name:S:1:vel:R:3:REF_forces:R:3 \
REF_energy=-2.5 Config_type=bulk step=7 pbc="T T T"
Ag 0 0 0 0.5 3 first 1 2 3 0.1 0 0
I 0 0 2.5 -0.5 4 second 4 5 6 -0.1 0 0
""")
        _, err = self.mlff("convert", "in.xyz", "out.xyz")
        self.assertIn("in.xyz: REF_energy, REF_forces not taken as labels; name them (--energy-key", err)
        self.assertIn("not kept: name", err)
        atoms = ase.io.read(self.folder / "out.xyz")
        self.assertEqual(atoms.info["REF_energy"], -2.5)
        self.assertEqual((atoms.info["Config_type"], atoms.info["step"]), ("bulk", 7))
        np.testing.assert_array_equal(atoms.arrays["q"], [0.5, -0.5])
        np.testing.assert_array_equal(atoms.arrays["tag"], [3, 4])
        np.testing.assert_array_equal(atoms.arrays["velocities"], [[1, 2, 3], [4, 5, 6]])
        np.testing.assert_array_equal(atoms.arrays["REF_forces"][0], [0.1, 0, 0])
        self.mlff("convert", "in.xyz", "labelled.xyz", "--energy-key", "REF_energy", "--forces-key", "REF_forces")
        labelled = ase.io.read(self.folder / "labelled.xyz")
        self.assertEqual(labelled.get_potential_energy(), -2.5)
        self.assertEqual(labelled.get_forces()[0, 0], 0.1)
        out, _ = self.mlff("convert", "in.xyz", "POSCAR")
        self.assertIn("poscar does not hold: q, tag, REF_forces, REF_energy, Config_type, step", out)
        self.assertIn("the options for keys are for extxyz",
                      self.mlff("convert", "POSCAR", "x.xyz", "--energy-key", "e", status=2)[1])

    def test_evaluate_names_the_keys_of_a_file_without_labels(self):
        write_structure(self.folder / "agi.xyz", *silver_iodide())
        self.mlff("train", self.write("train.yaml", train_yaml(steps=40)))
        frames = ase.io.read(self.folder / "out/training.xyz", ":")
        renamed = []
        for atoms in frames:
            new = ase.Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True)
            new.info = {"dft_energy": atoms.get_potential_energy(), "config_type": "x", "charge": 1}
            new.arrays["dft_forces"] = atoms.get_forces()
            renamed.append(new)
        ase.io.write(self.folder / "renamed.xyz", renamed)
        out, err = self.mlff("evaluate", "out/model.h5", "renamed.xyz", status=2)
        self.assertIn("dft_energy, dft_forces not taken as labels", out)
        self.assertIn("--energy-key", err)
        keys = ["--energy-key", "dft_energy", "--forces-key", "dft_forces"]
        out, _ = self.mlff("evaluate", "out/model.h5", "renamed.xyz", *keys)
        self.assertRegex(out, "force .* RMSE")
        # What predict does not compute stays.
        self.mlff("predict", "out/model.h5", "renamed.xyz", "predicted.xyz")
        predicted = ase.io.read(self.folder / "predicted.xyz")
        self.assertEqual((predicted.info["config_type"], predicted.info["charge"]), ("x", 1))
        np.testing.assert_allclose(predicted.arrays["dft_forces"], renamed[-1].arrays["dft_forces"], atol=1e-7)
        self.assertIn("atom_energy", predicted.arrays)


if __name__ == "__main__":
    unittest.main()
