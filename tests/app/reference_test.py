"""References that are other programs: answers are those of a direct calculation, whatever the way to ask; another reference
is refused; several clients share the work. With ASE's SocketClient and small programs."""
import os
import shutil
import subprocess
import sys
import unittest

from program import PROGRAM, ase, np, write_structure
from reference_case import ASE_CLIENT, ENVIRONMENT, AseClientTest, alloy, train_yaml


# Stands in for VASP where it can: POSCAR in, vasprun.xml out, kbar with the sign of a pressure.
FAKE_VASP = """\
import ase.io
import numpy as np
from ase.calculators.emt import EMT
from ase.units import GPa
atoms = ase.io.read("POSCAR")
atoms.calc = EMT()
pressure = -10.0 * atoms.get_stress(voigt=False) / GPa
def rows(name, values):
    lines = "".join("<v> %.12f %.12f %.12f </v>\\n" % tuple(row) for row in values)
    return "<varray name='%s'>\\n%s</varray>\\n" % (name, lines)
kinds = list(dict.fromkeys(atoms.symbols))
with open("vasprun.xml", "w") as file:
    file.write("<modeling>\\n<parameters><separator name='electronic'><separator name='electronic convergence'>"
               "<i type='int' name='NELM'>60</i></separator></separator></parameters>\\n<atominfo><atoms>%d</atoms>"
               "<array name='atoms'><set>" % len(atoms))
    for symbol in atoms.symbols:
        file.write("<rc><c>%s</c><c>%d</c></rc>" % (symbol, kinds.index(symbol) + 1))
    file.write("</set></array></atominfo>\\n<calculation>\\n<scstep><energy><i name='e_fr_energy'>0.0</i></energy>"
               "</scstep>\\n<structure><crystal>" + rows("basis", atoms.cell) + "</crystal>"
               + rows("positions", atoms.get_scaled_positions(wrap=False)) + "</structure>" + rows("forces", atoms.get_forces())
               + rows("stress", pressure) + "<energy><i name='e_fr_energy'>%.12f</i></energy>\\n</calculation>\\n"
               "</modeling>\\n" % atoms.get_potential_energy())
"""


class AseClient(AseClientTest):
    def test_answers_over_unix_and_tcp_are_those_of_the_calculator(self):
        for script, extra in [("client.py", ""), ("inet.py", "  address: 127.0.0.1:0\n")]:
            text = self.train(train_yaml(self.reference(script, extra), steps=4))
            frames = self.journal()
            self.assertEqual(len(frames), 5)
            self.compare(frames, self.direct, 1e-6, 1e-6, 1e-7)
            self.assertEqual(frames[0].get_chemical_symbols(), alloy()[0])
            self.assertIn("sign and unit verified", text)
            self.assertIn("EMT", self.mlff("info", "out/model.h5")[0])
            shutil.rmtree(self.folder / "out")

    def test_another_reference_is_refused_unless_forced(self):
        self.train(train_yaml(self.reference()))
        other = self.reference().replace("EMT", "EMT, other parameters")
        text = self.train(train_yaml(other, steps=3), status=2)
        self.assertIn("the reference has changed: 'client over a socket: EMT; input client.py", text)
        self.assertIn("EMT, other parameters", text)
        # How it is run may change.
        self.train(train_yaml(self.reference(extra="  time_limit: 300 s\n  attempts: 7\n"), steps=3))
        self.train(train_yaml(other + "  allow_change: on\n", steps=4))
        self.train(train_yaml(other + "  allow_change: on\n", steps=5))
        self.assertEqual(len(self.journal()), 6)
        self.assertIn("EMT, other parameters; input client.py", self.mlff("info", "out/model.h5")[0])
        self.assertIn("and before: client over a socket: EMT;", self.mlff("info", "out/model.h5")[0])

    def test_data_of_another_reference_are_refused(self):
        self.train(train_yaml(self.reference()))
        (self.folder / "out").rename(self.folder / "first")
        start_from = "learning: {start_from: first/training.xyz, threshold"
        yaml = train_yaml(self.reference().replace("EMT", "PBE")).replace("learning: {threshold", start_from)
        self.assertIn("first/training.xyz: the reference has changed", self.train(yaml, status=2))
        self.train(train_yaml(self.reference()).replace("learning: {threshold", start_from))

    def test_a_client_that_somebody_else_starts(self):
        name = f"mlff-test-{os.getpid()}"
        process = self.start(train_yaml(f"  type: socket\n  address: unix:{name}\n  method: EMT\n"))
        self.wait_for(lambda: os.path.exists(f"/tmp/ipi_{name}"), process)
        (self.folder / "mine.py").write_text(ASE_CLIENT % f"unixsocket='{name}'")
        client = subprocess.Popen([sys.executable, "mine.py", "start.xyz"], cwd=self.folder)
        output, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, output)
        self.assertIn(f"awaited on /tmp/ipi_{name}", output)
        self.assertEqual(client.wait(timeout=20), 0)
        self.compare(self.journal(), self.direct, 1e-6, 1e-6, 1e-7)
        self.assertFalse(os.path.exists(f"/tmp/ipi_{name}"))

    def test_two_clients_compute_at_the_same_time(self):
        meet = {"MEET": str(self.folder / "meeting")}
        text = self.train(train_yaml(self.reference(extra="  parallel: 2\n")), environment=meet)
        self.assertIn("sign and unit verified", text)
        self.compare(self.journal(), self.direct, 1e-6, 1e-6, 1e-7)
        self.assertRegex(self.reference_log(), r"strained cell, to verify the stress \(no. 2\): ")
        self.assertNotIn("refused", self.reference_log(), "one waited for the other in vain")

    def frames(self, n):
        rng = np.random.default_rng(9)
        for _ in range(n):
            symbols, positions, cell = alloy()
            write_structure(self.folder / "frames.xyz", symbols, positions + rng.normal(0.0, 0.05, positions.shape), cell)

    def label(self, yaml, status=0, environment=None):
        (self.folder / "label.yaml").write_text("reference:\n" + yaml)
        done = subprocess.run([PROGRAM, "label", "label.yaml", "frames.xyz", "test.xyz"], cwd=self.folder, encoding="utf-8",
                              capture_output=True, timeout=200, env={**ENVIRONMENT, **(environment or {})})
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_structures_are_labelled_by_two_clients(self):
        self.frames(6)
        self.label(self.reference(extra="  parallel: 2\n  stress_check: off\n"), environment={"MEET": str(self.folder / "meeting")})
        self.assertNotIn("refused", (self.folder / "test.xyz.d" / "reference" / "log").read_text())
        frames = ase.io.read(self.folder / "test.xyz", ":")
        self.assertEqual(len(frames), 6)
        self.compare(frames, self.direct, 1e-6, 1e-6, 1e-7)
        for frame, asked in zip(frames, ase.io.read(self.folder / "frames.xyz", ":")):
            self.assertLess(np.abs(frame.positions - asked.positions).max(), 1e-12)
        self.assertEqual(frames[0].info["reference"], "client over a socket: EMT; input client.py "
                         + frames[0].info["reference"].split()[-1])

    def test_one_client_is_enough_where_two_may_come(self):
        self.frames(4)
        name = f"mlff-test-{os.getpid()}-one"
        (self.folder / "label.yaml").write_text(
            f"reference:\n  type: socket\n  address: unix:{name}\n  method: EMT\n  parallel: 2\n")
        process = subprocess.Popen([PROGRAM, "label", "label.yaml", "frames.xyz", "test.xyz"], cwd=self.folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", env=ENVIRONMENT)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        self.wait_for(lambda: os.path.exists(f"/tmp/ipi_{name}"), process)
        client, _ = self.start_client(name, "only")
        output, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, output)
        self.assertEqual(client.wait(timeout=20), 0)
        self.compare(ase.io.read(self.folder / "test.xyz", ":"), self.direct, 1e-6, 1e-6, 1e-7)

    def test_labelling_that_was_killed_goes_on(self):
        self.frames(6)
        yaml = self.reference(extra="  stress_check: off\n")
        (self.folder / "label.yaml").write_text("reference:\n" + yaml)
        process = subprocess.Popen([PROGRAM, "label", "label.yaml", "frames.xyz", "test.xyz"], cwd=self.folder,
                                   env={**ENVIRONMENT, "SLOW": "30", "SLOW_FROM": "4"}, stdout=subprocess.DEVNULL)
        computed = self.folder / "test.xyz.d" / "reference" / "computed"
        self.wait_for(lambda: computed.exists() and computed.read_text().count("begun") == 4, process)
        process.kill()
        process.wait()
        self.assertIn("3 of them known already", self.label(yaml))
        self.assertEqual(computed.read_text().count("begun"), 7, "six results, one of them begun twice")
        self.compare(ase.io.read(self.folder / "test.xyz", ":"), self.direct, 1e-6, 1e-6, 1e-7)
        self.assertIn("the reference has changed", self.label(yaml.replace("EMT", "PBE"), status=2))
        (self.folder / "frames.xyz").unlink()
        write_structure(self.folder / "frames.xyz", *alloy())
        self.assertIn("results of other structures", self.label(yaml, status=2))

    def test_without_stress(self):
        self.train(train_yaml(self.reference(extra="  stress: off\n")))
        self.assertFalse(any("stress" in frame.calc.results for frame in self.journal()))
        self.assertEqual(self.computed(), 3)

    def test_a_program_that_reads_and_writes_extxyz(self):
        (self.folder / "emt.py").write_text(
            "import ase.io\nfrom ase.calculators.emt import EMT\natoms = ase.io.read('structure.xyz')\n"
            "atoms.calc = EMT()\natoms.get_potential_energy(); atoms.get_forces(); atoms.get_stress()\n"
            "ase.io.write('result.xyz', atoms)\n")
        reference = f"  type: program\n  input: emt.py\n  command: '{sys.executable} {{{{input}}}}'\n  method: EMT\n"
        self.train(train_yaml(reference))
        self.compare(self.journal(), self.direct, 1e-6, 1e-6, 1e-7)
        # The same answers once more, from the data alone; elsewhere they are no help.
        (self.folder / "out").rename(self.folder / "first")
        data = "  type: data\n  files: first/journal\n"
        self.train(train_yaml(data))
        shutil.rmtree(self.folder / "out")
        text = self.train(train_yaml(data, temperature=500), status=2)
        self.assertRegex(text, r"not among the 3 of the data; the nearest, .*journal:\d+, is [0-9.]+ Å away")

    def test_vasp_with_its_files(self):
        (self.folder / "vasp").mkdir()
        for name, text in [("INCAR", "NSW = 0\n"), ("KPOINTS", "Gamma\n"), ("fake.py", FAKE_VASP),
                           ("POTCAR", "   TITEL  = PAW_PBE Ag 02Apr2005\n   TITEL  = PAW_PBE Cu 22Jun2005\n")]:
            (self.folder / "vasp" / name).write_text(text)
        self.train(train_yaml(f"  type: program\n  code: vasp\n  input: vasp\n  command: '{sys.executable} fake.py'\n"))
        self.compare(self.journal(), self.direct, 1e-6, 1e-6, 1e-7)
        self.assertEqual(self.journal()[0].get_chemical_symbols(), alloy()[0])

    def test_what_cannot_work_is_told_before_it_begins(self):
        for reference, message in [
                ("  type: socket\n", "an address is needed"),
                ("  type: socket\n  address: nowhere\n", "neither unix:NAME nor HOST:PORT"),
                ("  type: program\n", "missing key 'command' in reference"),
                ("  type: program\n  code: vasp\n  command: vasp_std\n", "input"),
                ("  type: socket\n  code: cp2k\n  input: missing.inp\n", "missing.inp: there is no such file"),
                ("  type: socket\n  address: unix:a\n  max_force: -1\n", "must be positive"),
                (self.reference(extra="  address: unix:a\n  parallel: 2\n"), "needs an address for each client"),
                ("  type: data\n", "files"),
                (self.reference().replace("start.xyz]", "bad.inp]"), "unknown word {{cordinates}}")]:
            (self.folder / "bad.inp").write_text("{{cordinates}}\n")
            text = self.train(train_yaml(reference), status=2)
            self.assertIn(message, text)
            self.assertEqual(self.journal_text(), "")


if __name__ == "__main__":
    unittest.main()
