"""CP2K (GFN1-xTB, triclinic silicon, seconds) as a reference, over the socket and as a program, against runs by hand; and its
faults."""
import re
import shutil
import subprocess
import unittest

from program import np, write_structure
from reference_case import ENVIRONMENT, ReferenceTest, require, train_yaml, triclinic

from ase.units import Bohr, GPa, Hartree  # noqa: E402

CP2K = require("cp2k", "cp2k")


CP2K_INPUT = """\
&GLOBAL
  PROJECT si
  RUN_TYPE %(run_type)s
  PRINT_LEVEL LOW
&END GLOBAL
&FORCE_EVAL
  METHOD QS
  STRESS_TENSOR %(stress)s
  &PRINT
    &FORCES ON
    &END FORCES
    &STRESS_TENSOR ON
    &END STRESS_TENSOR
  &END PRINT
  &DFT
    &QS
      METHOD XTB
      EPS_DEFAULT 1e-12
      &XTB
        CHECK_ATOMIC_CHARGES F
        DO_EWALD T
      &END XTB
    &END QS
    &POISSON
      PERIODIC XYZ
    &END POISSON
    &SCF
      SCF_GUESS MOPAC
      EPS_SCF 1e-8
      MAX_SCF %(max_scf)s
      &OT
        MINIMIZER DIIS
        PRECONDITIONER FULL_SINGLE_INVERSE
      &END OT
      &OUTER_SCF
        EPS_SCF 1e-8
        MAX_SCF %(outer)s
      &END OUTER_SCF
      &PRINT
        &RESTART OFF
        &END RESTART
      &END PRINT
    &END SCF
  &END DFT
  &SUBSYS
    &CELL
      %(cell)s
      PERIODIC XYZ
    &END CELL
    &COORD
      %(coordinates)s
    &END COORD
  &END SUBSYS
&END FORCE_EVAL
%(motion)s
"""
CP2K_DRIVER = "&MOTION\n  &DRIVER\n    HOST {{socket}}\n    PORT {{port}}\n    UNIX {{unix}}\n  &END DRIVER\n&END MOTION\n"


def silicon():
    basis = [(0, 0, 0), (.25, .25, .25), (0, .5, .5), (.25, .75, .75), (.5, 0, .5), (.75, .25, .75), (.5, .5, 0),
             (.75, .75, .25)]
    return triclinic(["Si"] * 8, 5.43, basis, 0.05)


class Cp2k(ReferenceTest):
    def setUp(self):
        super().setUp()
        write_structure(self.folder / "start.xyz", *silicon())
        self.write_input("socket.inp")
        self.write_input("program.inp", run_type="ENERGY_FORCE", motion="")

    def write_input(self, name, **changes):
        words = {"run_type": "DRIVER", "stress": "ANALYTICAL", "max_scf": 30, "outer": 10, "motion": CP2K_DRIVER,
                 "cell": "{{cell_cp2k}}", "coordinates": "{{coordinates}}"}
        (self.folder / name).write_text(CP2K_INPUT % {**words, **changes})

    def direct(self, frame):
        """A run of CP2K by hand."""
        folder = self.folder / "direct"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        cell = "\n".join(f"{name} {x:.12f} {y:.12f} {z:.12f}" for name, (x, y, z) in zip("ABC", frame.cell))
        atoms = "\n".join(f"{s} {x:.12f} {y:.12f} {z:.12f}" for s, (x, y, z) in zip(frame.symbols, frame.positions))
        (folder / "a.inp").write_text(CP2K_INPUT % {
            "run_type": "ENERGY_FORCE", "stress": "ANALYTICAL", "max_scf": 30, "outer": 10, "motion": "", "cell": cell,
            "coordinates": atoms})
        subprocess.run([CP2K, "-i", "a.inp", "-o", "a.out"], cwd=folder, check=True, env=ENVIRONMENT, capture_output=True)
        text = (folder / "a.out").read_text()
        self.assertIn("SCF run converged", text)
        energy = float(re.search(r"ENERGY\| Total FORCE_EVAL.*?(-?\d+\.\d+)", text).group(1)) * Hartree
        rows = re.search(r"ATOMIC FORCES in \[a\.u\.\](.*?)SUM", text, re.S).group(1).splitlines()
        forces = np.array([row.split()[3:] for row in rows if len(row.split()) == 6 and "#" not in row], float)
        rows = re.search(r"Analytical stress tensor \[GPa\](.*?)1/3", text, re.S).group(1).splitlines()[2:5]
        stress = np.array([row.split()[2:] for row in rows], float)
        return energy, forces * Hartree / Bohr, -stress * GPa

    # CP2K's constants are those of CODATA 2006, ASE's of 2014: 2e-8 of the energy.
    PRECISION = {"energy": 3e-5, "force": 3e-4, "stress": 3e-6}

    def test_over_the_socket(self):
        self.train(train_yaml("  type: socket\n  code: cp2k\n  input: socket.inp\n", steps=1))
        self.compare(self.journal(), self.direct, **self.PRECISION)
        self.assertIn("GFN1-xTB; input socket.inp", self.mlff("info", "out/model.h5")[0])

    def test_at_constant_pressure_it_follows_the_cell(self):
        text = train_yaml("  type: socket\n  code: cp2k\n  input: socket.inp\n", steps=4)
        self.train(text.replace("dynamics: {", "dynamics: {ensemble: npt, barostat: {cell: triclinic, pressure: 5}, "))
        journal = self.journal()
        self.assertGreater(abs(journal[-1].cell[:] - journal[0].cell[:]).max(), 1e-3)
        self.compare(journal, self.direct, **self.PRECISION)

    def test_as_a_program(self):
        self.train(train_yaml("  type: program\n  code: cp2k\n  input: program.inp\n", steps=1))
        self.compare(self.journal(), self.direct, **self.PRECISION)

    def test_killed_in_a_call_it_is_started_again(self):
        (self.folder / "wrapper.sh").write_text(
            "# The first client is killed while it computes.\n"
            "cp2k -i $1 -o $2 &\n"
            "if [ ! -e was-killed ]; then\n"
            "  touch was-killed\n"
            "  until grep -q 'Update method' $2; do sleep 0.01; done\n"
            "  kill -9 $!\n"
            "fi\n"
            "wait $!\n")
        self.train(train_yaml("""\
  type: socket
  code: cp2k
  input: [socket.inp, wrapper.sh]
  command: sh wrapper.sh {{input}} {{output}}
  stress_check: off
""", steps=1))
        self.compare(self.journal(), self.direct, **self.PRECISION)
        self.assertRegex(self.reference_log(), "refused, see failed-001: call, attempt 1 of 3: the client .*; its last words")
        self.assertEqual(self.reference_log().count("refused"), 1)

    def test_not_converged_it_is_asked_in_another_way(self):
        self.write_input("hasty.inp", max_scf=3, outer=1)
        self.train(train_yaml("  type: socket\n  code: cp2k\n  input: hasty.inp\n  retries: socket.inp\n  stress_check: off\n",
                              steps=1))
        self.compare(self.journal(), self.direct, **self.PRECISION)
        self.assertRegex(self.reference_log(), "refused, see failed-001: .*SCF run NOT converged")
        kept = self.folder / "out" / "reference" / "failed-002"
        self.assertIn("SCF run NOT converged", (kept / "output").read_text())
        self.assertTrue((kept / "hasty.inp").exists())

    def test_what_init_writes_runs(self):
        """A tight binding as it comes; and for a density functional the second way to self-consistency is the same physics."""
        self.mlff("init", "--functional", "xTB", "start.xyz")
        text = (self.folder / "train.yaml").read_text().replace("steps: 5000", "steps: 1")
        self.train(text)
        self.assertIn("GFN1-xTB", self.mlff("info", "training/model.h5")[0])
        _, errors = self.mlff("init", "start.xyz", status=2)
        self.assertIn("train.yaml: the file exists", errors)

        edge = 3.84 * np.array([[1.0, 0.02, 0.0], [0.5, 0.87, 0.01], [0.5, 0.29, 0.82]])
        (self.folder / "start.xyz").unlink()
        positions = np.array([[0, 0, 0], [.27, .25, .24]]) @ edge
        write_structure(self.folder / "start.xyz", ["Si"] * 2, positions, edge)
        text, _ = self.mlff("init", "--functional", "PBE", "--quality", "demo", "--force", "start.xyz")
        self.assertIn("little for the Γ point alone", text)
        # What mlff fills in is tested above; here CP2K itself is asked once with each.
        words = {"{{cell_cp2k}}": "\n".join(f"{name} {x} {y} {z}" for name, (x, y, z) in zip("ABC", edge)),
                 "{{coordinates}}": "\n".join("Si %.12f %.12f %.12f" % tuple(r) for r in positions),
                 "{{socket}}": "none", "{{port}}": "1", "{{unix}}": "T", "RUN_TYPE DRIVER": "RUN_TYPE ENERGY_FORCE"}
        energies = []
        for name in ["cp2k.inp", "cp2k-retry.inp"]:
            text = (self.folder / name).read_text()
            for word, value in words.items():
                text = text.replace(word, value)
            (self.folder / "once.inp").write_text(text)
            done = subprocess.run([CP2K, "-i", "once.inp"], cwd=self.folder, check=True, env=ENVIRONMENT, capture_output=True,
                                  encoding="utf-8")
            self.assertIn("SCF run converged", done.stdout)
            energies.append(float(re.search(r"ENERGY\| Total FORCE_EVAL.*?(-?\d+\.\d+)", done.stdout).group(1)))
        self.assertLess(np.ptp(energies), 1e-5)
        self.assertLess(energies[0], -7, "2 silicon atoms with pseudopotentials of 4 electrons: some -7.7 hartree")

    def test_if_it_never_converges_the_run_stops(self):
        self.write_input("hasty.inp", max_scf=3, outer=1)
        text = self.train(train_yaml("  type: socket\n  code: cp2k\n  input: hasty.inp\n  attempts: 2\n  stress_check: off\n"),
                          status=3)
        self.assertIn("failed in all 2 attempts", text)
        self.assertIn("SCF run NOT converged", text)
        self.assertEqual(self.journal_text(), "")
        # The input mended, the same command goes on: nothing was learned from the other one.
        self.train(train_yaml("  type: socket\n  code: cp2k\n  input: socket.inp\n  stress_check: off\n", steps=1))
        self.assertEqual(len(self.journal()), 2)

    def test_no_stress_and_other_atoms_are_refused(self):
        self.write_input("no-stress.inp", stress="NONE")
        text = self.train(train_yaml("  type: socket\n  code: cp2k\n  input: no-stress.inp\n  stress_check: off\n"), status=2)
        self.assertIn("STRESS_TENSOR ANALYTICAL", text)
        symbols, positions, _ = silicon()
        lines = "\n".join(f"{s} {x} {y} {z}" for s, (x, y, z) in zip(symbols[:7] + ["C"], positions))
        self.write_input("other.inp", run_type="ENERGY_FORCE", motion="", coordinates=lines)
        text = self.train(train_yaml("  type: program\n  code: cp2k\n  input: other.inp\n  stress_check: off\n"), status=2)
        self.assertIn("atom 8 is Si here, its output says C", text)


if __name__ == "__main__":
    unittest.main()
