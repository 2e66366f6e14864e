"""Runs that lose their terminal, their reader or their files, and directories that are not what they were: nothing is
lost, nothing is overwritten, and a line says what to do."""
import json
import pathlib
import resource
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import unittest

from program import FORCE_FIELD, PROGRAM, ProgramTest, ase, np, silver_iodide, train_yaml, write_structure

RUN_YAML = """\
structure: agi.xyz
output: out
seed: 5
force_field: model.h5
dynamics: {{thermostat: {{type: csvr, period: 50}}, temperature: 450, timestep: 2.0, steps: {steps}}}
trajectory: {{every: 5, velocities: true}}
guard: off
"""
FILES = ["trajectory.xyz", "thermo.csv", "log"]

# Answers with the forces of a spring towards where the atom stood first: any structure will do.
PROGRAM_REFERENCE = """\
#!{python}
import sys
lines = open("structure.xyz").read().splitlines()
n = int(lines[0])
first = "{first}"
atoms = [line.split() for line in lines[2:2 + n]]
try:
    sites = [list(map(float, line.split())) for line in open(first)]
except FileNotFoundError:
    sites = [list(map(float, atom[1:4])) for atom in atoms]
    open(first, "w").write("".join(f"{{x!r}} {{y!r}} {{z!r}}\\n" for x, y, z in sites))
lattice = lines[1][lines[1].index('Lattice="'):].split('"')[1]
energy, rows = 0.0, []
for atom, site in zip(atoms, sites):
    d = [float(x) - s for x, s in zip(atom[1:4], site)]
    energy += 0.5 * sum(x * x for x in d)
    rows.append(" ".join(atom[:4] + [repr(-x + {net}) for x in d]))
open("result.xyz", "w").write(f'{{n}}\\nLattice="{{lattice}}" Properties=species:S:1:pos:R:3:forces:R:3 '
                              f'energy={{energy!r}} pbc="T T T"\\n' + "\\n".join(rows) + "\\n")
"""


class ResumeFaultsTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        """A force field of 16 atoms of AgI, for all runs."""
        super().setUpClass()
        cls.models = pathlib.Path(tempfile.mkdtemp(prefix="mlff-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.models)
        write_structure(cls.models / "agi.xyz", *silver_iodide())
        for name, steps in [("model.h5", 150), ("other.h5", 60)]:
            (cls.models / "train.yaml").write_text(train_yaml(steps=steps).replace("output: out", f"output: {name}.d"))
            subprocess.run([PROGRAM, "train", "train.yaml", "--threads", "1", "--quiet"], cwd=cls.models, check=True,
                           timeout=120)
            shutil.copy(cls.models / f"{name}.d" / "model.h5", cls.models / name)

    def prepare(self, name, steps=400, **files):
        folder = self.new_folder(name, run=RUN_YAML.format(steps=steps), **files)
        write_structure(folder / "agi.xyz", *silver_iodide())
        shutil.copy(self.models / "model.h5", folder / "model.h5")
        return folder

    def complete(self, folder, verb="run", status=0):
        return self.mlff(verb, f"{verb}.yaml", "--threads", "1", cwd=folder, status=status)

    def start(self, folder, verb="run", **options):
        return subprocess.Popen([PROGRAM, verb, f"{verb}.yaml", "--threads", "1"], cwd=folder, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, encoding="utf-8", **options)

    def wait_for_frames(self, folder, process, size=1):
        trajectory = folder / "out" / "trajectory.xyz"
        deadline = time.monotonic() + 60
        while process.poll() is None and not (trajectory.exists() and trajectory.stat().st_size >= size):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.001)

    def stopped(self, name, verb="run", **files):
        """A run that was told to stop some way through."""
        folder = self.prepare(name, steps=3000, **files)
        process = self.start(folder, verb)
        self.wait_for_frames(folder, process, 40000)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, errors)
        return folder

    def refused(self, folder, pattern, verb="run"):
        """The command says why in one line, and touches nothing."""
        before = {path: path.read_bytes() for path in (folder / "out").iterdir() if path.is_file()}
        _, errors = self.complete(folder, verb, status=2)
        self.assertRegex(errors, pattern)
        self.assertEqual(errors.count("\n"), 1, errors)
        after = {path: path.read_bytes() for path in (folder / "out").iterdir() if path.is_file()}
        self.assertTrue(before == after, "files have changed")

    # ---------------------------------------------------------------------------------------------- what kills a run

    def test_a_lost_terminal_stops_a_run_in_order(self):
        folder = self.prepare("hangup", steps=20000)
        process = self.start(folder)
        self.wait_for_frames(folder, process)
        for _ in range(3):  # the system and the shell both say it
            process.send_signal(signal.SIGHUP)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, errors)
        self.assertEqual(json.loads((folder / "out" / "status.json").read_text())["state"], "interrupted")

    def test_nohup_is_respected(self):
        folder = self.prepare("nohup", steps=3000)
        process = self.start(folder, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.wait_for_frames(folder, process)
        process.send_signal(signal.SIGHUP)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, errors)

    def test_a_reader_that_ends_does_not_end_the_run(self):
        folder = self.prepare("pipe")
        process = self.start(folder)
        process.stdout.close()
        process.stderr.close()
        self.assertEqual(process.wait(timeout=60), 0)
        self.assertEqual(json.loads((folder / "out" / "status.json").read_text())["state"], "done")
        done = subprocess.run(f"{PROGRAM} info model.h5 | true; exit ${{PIPESTATUS[0]}}", shell=True, cwd=folder,
                              executable="/bin/bash", capture_output=True, encoding="utf-8", timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_result_that_standard_output_cannot_take_is_an_error(self):
        folder = self.prepare("full")
        with open("/dev/full", "w") as full:
            done = subprocess.run([PROGRAM, "info", "model.h5"], cwd=folder, stdout=full, stderr=subprocess.PIPE,
                                  encoding="utf-8", timeout=60)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("standard output", done.stderr)

    def test_a_file_that_may_not_grow_is_named_and_the_run_goes_on_later(self):
        whole, limited = self.prepare("whole"), self.prepare("limited")
        self.complete(whole)
        limit = 100000  # bytes
        self.assertGreater((whole / "out" / "trajectory.xyz").stat().st_size, limit)
        process = self.start(limited, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE,
                                                                            (limit, resource.RLIM_INFINITY)))
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1, errors)
        self.assertRegex(errors, "trajectory.xyz: .*File too large")
        self.assertEqual(json.loads((limited / "out" / "status.json").read_text())["state"], "failed")
        self.complete(limited)
        for name in FILES:
            self.assertTrue((limited / "out" / name).read_bytes() == (whole / "out" / name).read_bytes(), name)

    def test_a_parent_that_ignores_its_children_does_not_hide_a_dead_reference(self):
        folder = self.prepare("daemon")
        (folder / "dies.sh").write_text("#!/bin/sh\nexit 3\n")
        (folder / "dies.sh").chmod(0o755)
        (folder / "train.yaml").write_text(train_yaml(steps=5).replace(
            "reference: {type: embedded, potential: agi-6.5}",
            f"reference: {{type: program, command: {folder}/dies.sh, stress: off, stress_check: off, attempts: 1, "
            "time_limit: 600 s}"))
        process = self.start(folder, "train", preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        _, errors = process.communicate(timeout=100)  # fails if the dead program is waited for
        self.assertEqual(process.returncode, 3, errors)
        self.assertIn("exit status 3", errors)

    def test_a_trajectory_that_is_removed_meanwhile_is_an_error(self):
        for name in ["trajectory.xyz", "thermo.csv"]:
            with self.subTest(name):
                folder = self.prepare(f"removed-{name}", steps=3000)
                process = self.start(folder)
                self.wait_for_frames(folder, process)
                (folder / "out" / name).unlink()
                _, errors = process.communicate(timeout=60)
                self.assertEqual(process.returncode, 1, errors)
                self.assertRegex(errors, f"{name}: the file was removed")

    # ----------------------------------------------------------------------------------- what is not what it was

    def test_other_inputs_are_refused(self):
        for name, change in [("force_field", lambda f: shutil.copy(self.models / "other.h5", f / "model.h5")),
                             ("structure", lambda f: ((f / "agi.xyz").unlink(),
                                                      write_structure(f / "agi.xyz", *silver_iodide(seed=2))))]:
            with self.subTest(name):
                folder = self.stopped(name)
                change(folder)
                self.refused(folder, f"checkpoint: .*another content of '{name}'")
        # The same atoms in other words are the same.
        folder = self.stopped("same")
        text = (folder / "agi.xyz").read_text().replace('pbc="T T T"', 'pbc="T T T" comment=new')
        (folder / "agi.xyz").write_text(text)
        self.complete(folder)
        # Complete is not enough either.
        shutil.copy(self.models / "other.h5", folder / "model.h5")
        self.refused(folder, "another content of 'force_field'")

    def test_the_checkpoint_of_another_run_is_refused(self):
        folder, other = self.stopped("one"), self.prepare("two", steps=3000)
        (other / "run.yaml").write_text((other / "run.yaml").read_text().replace("seed: 5", "seed: 6"))
        self.complete(other)
        shutil.copy(other / "out" / "checkpoint", folder / "out" / "checkpoint")
        self.refused(folder, "another content of 'settings'")

    def test_a_damaged_checkpoint_gives_way_to_the_one_before(self):
        whole, folder = self.prepare("whole", steps=3000), self.stopped("damaged")
        self.complete(whole)
        out = folder / "out"
        saved = (out / "checkpoint").read_bytes()
        (out / "checkpoint").write_bytes(saved[:len(saved) // 2])
        _, errors = self.complete(folder)
        self.assertRegex(errors, "checkpoint: damaged; going on from the checkpoint before it")
        for name in FILES:
            self.assertTrue((out / name).read_bytes() == (whole / "out" / name).read_bytes(), name)

    def test_frames_are_not_overwritten(self):
        folder = self.stopped("kept")
        for name in ["checkpoint", "checkpoint.previous"]:
            (folder / "out" / name).write_bytes(b"damaged")
        self.refused(folder, "checkpoint.*: damaged, and no other checkpoint is there; restore it")
        for name in ["checkpoint", "checkpoint.previous"]:
            (folder / "out" / name).unlink()
        self.refused(folder, "trajectory.xyz: holds frames of an earlier run")
        shutil.move(folder / "out", folder / "before")
        self.complete(folder)

    def test_a_run_killed_before_its_first_save_begins_anew(self):
        whole, killed = self.prepare("whole"), self.prepare("killed")
        self.complete(whole)
        process = self.start(killed)
        self.wait_for_frames(killed, process)
        process.kill()
        process.communicate()
        self.complete(killed)
        for name in FILES:
            self.assertTrue((killed / "out" / name).read_bytes() == (whole / "out" / name).read_bytes(), name)

    def test_a_journal_that_was_changed_is_refused(self):
        folder = self.prepare("journal", train=train_yaml(steps=60))
        self.complete(folder, "train")
        journal = folder / "out" / "journal"
        text = journal.read_bytes()
        lines = text.splitlines(keepends=True)
        length = int(lines[0]) + 2
        entries = [b"".join(lines[k:k + length]) for k in range(0, len(lines), length)]
        self.assertGreater(len(entries), 5)
        for name, changed in [("doubled", entries[:3] + entries[2:]), ("removed", entries[:2] + entries[3:]),
                              ("first", entries[1:]), ("exchanged", [*entries[:1], entries[2], entries[1], *entries[3:]])]:
            with self.subTest(name):
                journal.write_bytes(b"".join(changed))
                self.refused(folder, "journal:.*restore", "train")
        for name, changed in [("cut", entries[:-2]), ("empty", [])]:
            with self.subTest(name):
                journal.write_bytes(b"".join(changed))
                self.refused(folder, f"journal: holds {len(changed)} results .* after {len(entries)}", "train")
        journal.write_bytes(text)
        # The journal of a run with another structure, from its beginning on.
        other = self.prepare("other", train=train_yaml(steps=60))
        (other / "agi.xyz").unlink()
        write_structure(other / "agi.xyz", *silver_iodide(seed=2))
        self.complete(other, "train")
        for name in ["checkpoint", "checkpoint.previous"]:
            (other / "out" / name).unlink()
        shutil.copy(journal, other / "out" / "journal")
        self.refused(other, "journal.*another content of 'structure'", "train")

    def test_a_method_of_several_lines(self):
        """`method: |` is one value: the run goes on, and with another text it does not."""
        folder = self.prepare("lines")
        script = folder / "prog.py"
        script.write_text(PROGRAM_REFERENCE.format(python=shutil.which("python3"), first=folder / "sites", net=0.0))
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        yaml = f"""\
structure: agi.xyz
output: out
{FORCE_FIELD}reference:
  type: program
  method: |
    PBE, 400 eV,
    Gamma
  command: {script}
  stress: off
  stress_check: off
learning: {{threshold: {{start: 0.02}}}}
dynamics: {{temperature: 400, timestep: 1.0, steps: 3}}
"""
        (folder / "train.yaml").write_text(yaml)
        self.complete(folder, "train")
        self.assertIn("# reference: program as a program: PBE, 400 eV, Gamma\n",
                      (folder / "out" / "settings.yaml").read_text())
        (folder / "train.yaml").write_text(yaml.replace("steps: 3", "steps: 6"))
        out, _ = self.complete(folder, "train")
        self.assertIn("resuming", out)
        (folder / "train.yaml").write_text(yaml.replace("Gamma", "2x2x2"))
        self.refused(folder, "the reference has changed", "train")

    def test_forces_that_do_not_sum_to_zero_are_said_once(self):
        folder = self.prepare("net")
        script = folder / "prog.py"
        script.write_text(PROGRAM_REFERENCE.format(python=shutil.which("python3"), first=folder / "sites", net=2e-3))
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        yaml = f"""\
structure: agi.xyz
output: out
reference: {{type: program, command: {script}, stress: off, stress_check: off}}
dynamics: {{thermostat: {{type: csvr}}, temperature: 400, timestep: 1.0, steps: 3}}
trajectory: {{every: 1, velocities: true, forces: true}}
"""
        (folder / "run.yaml").write_text(yaml)
        out, _ = self.complete(folder)
        self.assertIn("do not sum to zero", out)
        (folder / "run.yaml").write_text(yaml.replace("steps: 3", "steps: 6"))
        self.complete(folder)
        log = (folder / "out" / "log").read_text()
        self.assertEqual(log.count("# net force: "), 1, log)
        frames = ase.io.read(folder / "out" / "trajectory.xyz", ":")
        self.assertAlmostEqual(frames[0].get_forces().mean(), 2e-3, msg="the label must stay")
        for atoms in frames:
            drift = atoms.get_masses() @ atoms.arrays["velocities"] / atoms.get_masses().sum()
            self.assertLess(np.abs(drift).max(), 1e-12)


if __name__ == "__main__":
    unittest.main()
