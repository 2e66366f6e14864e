"""LAMMPS as a reference: `fix ipi` with an input of the user's, and as a type of its own, against runs by hand."""
import shutil
import subprocess
import unittest

from program import ase, np, write_structure
from reference_case import ReferenceTest, require, train_yaml, triclinic

from ase.units import GPa  # noqa: E402

LAMMPS = require("lmp", "lammps")



class Lammps(ReferenceTest):
    POTENTIAL = "pair_style lj/cut 6.0\npair_modify shift yes\npair_coeff 1 1 0.0103 3.405\n" \
                "pair_coeff 1 2 0.0120 3.500\npair_coeff 2 2 0.0140 3.600\n"

    def setUp(self):
        super().setUp()
        base = [(x / 2 + a, y / 2 + b, z / 2 + c) for x in (0, 1) for y in (0, 1) for z in (0, 1)
                for a, b, c in ((0, 0, 0), (.25, .25, 0), (.25, 0, .25), (0, .25, .25))]
        write_structure(self.folder / "start.xyz", *triclinic(["Ar", "Kr", "Ar", "Ar"] * 8, 10.4, base, 0.1))
        (self.folder / "data").write_text("{{lammps_data}}")
        self.head = "units metal\natom_style atomic\natom_modify map yes\nboundary p p p\n"
        (self.folder / "in.lammps").write_text(
            f"{self.head}read_data data\n{self.POTENTIAL}"
            "fix 1 all ipi {{socket}} 31415 unix\nthermo_modify lost error\nrun 100000000\n")

    def direct(self, frame):
        folder = self.folder / "direct"
        folder.mkdir(exist_ok=True)
        ase.io.write(folder / "frame.xyz", frame)
        self.mlff("convert", "frame.xyz", "data.lmp", cwd=folder)
        (folder / "in").write_text(
            f"{self.head}read_data data.lmp\n{self.POTENTIAL}compute p all pressure NULL virial\n"
            "thermo_style custom pe c_p[1] c_p[2] c_p[3] c_p[4] c_p[5] c_p[6]\nthermo_modify format float %.15g\n"
            "run 0\nwrite_dump all custom out id fx fy fz xlo modify sort id format float %.15g\n".replace(" xlo", ""))
        done = subprocess.run([LAMMPS, "-in", "in", "-log", "none"], cwd=folder, capture_output=True, encoding="utf-8")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        lines = done.stdout.splitlines()
        row = next(k for k, line in enumerate(lines) if "PotEng" in line)
        energy, xx, yy, zz, xy, xz, yz = map(float, lines[row + 1].split())
        pressure = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) * 1e-4 * GPa  # bar
        forces = np.loadtxt(folder / "out", skiprows=9)[:, 1:]
        # LAMMPS wants the first vector along x and the second in the xy plane; back to where ours is.
        turned = np.linalg.cholesky(frame.cell @ frame.cell.T)
        turn = np.linalg.solve(frame.cell, turned)
        return energy, forces @ turn.T, -turn @ pressure @ turn.T

    def test_fix_ipi(self):
        reference = ("  type: socket\n  code: lammps\n  input: [in.lammps, data]\n"
                     "  command: lmp -in {{input}} -log none\n  method: Lennard-Jones\n")
        self.train(train_yaml(reference, temperature=60))
        self.compare(self.journal(), self.direct, 1e-7, 1e-7, 1e-9)

    def test_as_a_type_of_its_own(self):
        commands = ", ".join(f"'{line}'" for line in self.POTENTIAL.splitlines())
        self.train(train_yaml(f"  type: lammps\n  commands: [{commands}]\n", temperature=60))
        self.compare(self.journal(), self.direct, 1e-7, 1e-7, 1e-9)
        self.assertIn("pair_coeff 1 2 0.0120 3.500", self.mlff("info", "out/model.h5")[0])
        shutil.rmtree(self.folder / "out")
        text = self.train(train_yaml("  type: lammps\n  commands: [pair_style none-such]\n"), status=3)
        self.assertIn("none-such", text)

    def test_a_left_handed_cell(self):
        """LAMMPS knows none; it is sent the mirror image, and the answer is mirrored back."""
        frame = ase.io.read(self.folder / "start.xyz")
        mirror = np.array([-1.0, 1.0, 1.0])
        write_structure(self.folder / "mirrored.xyz", frame.get_chemical_symbols(), frame.positions * mirror, frame.cell * mirror)
        commands = ", ".join(f"'{line}'" for line in self.POTENTIAL.splitlines())
        (self.folder / "label.yaml").write_text(f"reference:\n  type: lammps\n  commands: [{commands}]\n")
        self.mlff("label", "label.yaml", "mirrored.xyz", "labelled.xyz")
        labelled = ase.io.read(self.folder / "labelled.xyz")
        self.assertLess(np.linalg.det(labelled.cell), 0.0)
        energy, forces, stress = self.direct(frame)
        self.compare([labelled], lambda _: (energy, forces * mirror, stress * np.outer(mirror, mirror)), 1e-7, 1e-7, 1e-9)

    def test_elements_follow_the_types(self):
        (self.folder / "mix.eam.txt").write_text("kept in the folder")
        commands = "'print \"types {{lammps_types}}\"', 'shell cat mix.eam.txt', " + ", ".join(
            f"'{line}'" for line in self.POTENTIAL.splitlines())
        self.train(train_yaml(f"  type: lammps\n  files: mix.eam.txt\n  commands: [{commands}]\n", temperature=60))
        said = (self.folder / "out" / "reference" / "client.log").read_text()
        self.assertIn("types Ar Kr", said)
        self.assertIn("kept in the folder", said)


if __name__ == "__main__":
    unittest.main()
