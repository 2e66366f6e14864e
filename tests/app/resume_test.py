"""A run that is killed, again and again, ends where the run that was left alone ends: byte for byte."""
import io
import json
import random
import signal
import subprocess
import time
import unittest

from program import PROGRAM, ProgramTest, ase, silver_iodide, train_yaml, write_structure

RESULTS = ["model.h5", "training.xyz", "trajectory.xyz", "thermo.csv", "log", "journal"]
STEPS = 300

RUN_YAML = """\
structure: agi.xyz
output: out
seed: 5
force_field: ../model.h5
dynamics:
  thermostat: {type: csvr, period: 50}
  temperature: 450
  timestep: 2.0
  steps: 3000
trajectory: {every: 5, velocities: true}
guard: off
"""


def frame_ends(trajectory):
    """Bytes of a trajectory up to the end of every frame."""
    lines_per_frame = int(trajectory[:trajectory.index(b"\n")]) + 2
    ends, position = [], 0
    for number, line in enumerate(trajectory.splitlines(keepends=True), start=1):
        position += len(line)
        if number % lines_per_frame == 0:
            ends.append(position)
    return ends


class ResumeTest(ProgramTest):
    def prepare(self, name, **files):
        folder = self.new_folder(name, **files)
        write_structure(folder / "agi.xyz", *silver_iodide())
        return folder

    def start(self, verb, folder):
        return subprocess.Popen([PROGRAM, verb, f"{verb}.yaml", "--threads", "1"], cwd=folder,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")

    def complete(self, verb, folder):
        self.mlff(verb, f"{verb}.yaml", "--threads", "1", cwd=folder)

    def strike(self, verb, folder, number, size=0, delay=0.0):
        """Sends a signal once the trajectory has grown to `size` bytes and a delay [s] has passed; the exit status."""
        trajectory = folder / "out" / "trajectory.xyz"
        process = self.start(verb, folder)
        if size > 0:
            process.stdout.readline()  # from here on the program knows what to do on a signal
        deadline = time.monotonic() + 60.0
        while process.poll() is None and not (trajectory.exists() and trajectory.stat().st_size >= size):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.0005)
        time.sleep(delay)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        self.assertIn(process.returncode, (0, 130, -number), errors)
        return process.returncode

    def check_readable(self, folder):
        """What a killed run leaves can be read: the journal with ASE, without what may be its unfinished end."""
        out = folder / "out"
        if (out / "journal").exists():
            text = (out / "journal").read_text()
            complete = len(frame_ends(text.encode())) if text else 0
            steps = [atoms.info["step"] for atoms in ase.io.read(io.StringIO(text), f":{complete}", format="extxyz")
                     ] if complete else []
            self.assertEqual(steps, sorted(set(steps)), "a reference result was computed twice")
        if (out / "training.xyz").exists():
            self.assertGreater(len(ase.io.read(out / "training.xyz", ":")), 0)
        if (out / "model.h5").exists():
            text, _ = self.mlff("info", "out/model.h5", cwd=folder)
            self.assertIn("Ag", text)
        if (out / "status.json").exists():
            json.loads((out / "status.json").read_text())

    def check_same(self, folder, reference, names):
        for name in names:
            # Not assertEqual: it would print megabytes.
            self.assertTrue((folder / "out" / name).read_bytes() == (reference / "out" / name).read_bytes(),
                            f"{name} differs from that of the uninterrupted run")

    def check_training(self, folder, reference):
        self.check_same(folder, reference, RESULTS)
        status = json.loads((folder / "out" / "status.json").read_text())
        calls = len(ase.io.read(reference / "out" / "journal", ":", format="extxyz"))
        self.assertEqual(status["reference_calls"], calls)
        self.assertEqual(status, json.loads((reference / "out" / "status.json").read_text()))

    def test_training_killed_twenty_times(self):
        reference = self.prepare("reference", train=train_yaml())
        self.complete("train", reference)
        ends = frame_ends((reference / "out" / "trajectory.xyz").read_bytes())
        self.assertEqual(len(ends), STEPS + 1)
        killed = self.prepare("killed", train=train_yaml())
        moments = random.Random(20240101)
        n_kills = 0
        for k in range(20):
            if k % 5 == 2:  # while it starts or replays its journal
                status = self.strike("train", killed, signal.SIGKILL, delay=moments.uniform(0.0, 0.08))
            else:
                step = round((k + moments.random()) * STEPS / 20)
                status = self.strike("train", killed, signal.SIGKILL, ends[min(step, STEPS)],
                                     moments.uniform(0.0, 0.004))
            n_kills += status == -signal.SIGKILL
            self.check_readable(killed)
        self.assertGreaterEqual(n_kills, 15, "most runs ended before they were killed")
        self.complete("train", killed)
        self.check_training(killed, reference)
        # A complete run stays as it is.
        self.complete("train", killed)
        self.check_training(killed, reference)

    def test_training_interrupted_and_killed(self):
        yaml = train_yaml("csvr")
        reference = self.prepare("reference", train=yaml)
        self.complete("train", reference)
        ends = frame_ends((reference / "out" / "trajectory.xyz").read_bytes())
        stopped = self.prepare("stopped", train=yaml)
        for step, number in [(2, signal.SIGTERM), (30, signal.SIGINT), (60, signal.SIGKILL), (90, signal.SIGTERM),
                             (91, signal.SIGKILL), (150, signal.SIGTERM)]:
            status = self.strike("train", stopped, number, ends[step], 0.002)
            self.assertEqual(status, -signal.SIGKILL if number == signal.SIGKILL else 130)
            if status == 130:
                state = json.loads((stopped / "out" / "status.json").read_text())
                self.assertEqual(state["state"], "interrupted")
            self.check_readable(stopped)
        self.complete("train", stopped)
        self.check_training(stopped, reference)

    def test_unfinished_journal_entry(self):
        yaml = train_yaml(steps=60)
        reference = self.prepare("reference", train=yaml)
        self.complete("train", reference)
        journal = (reference / "out" / "journal").read_bytes()
        ends = frame_ends(journal)
        for name, length in [("first", ends[0] // 2), ("middle", ends[3] + 700), ("last", ends[-1] - 1)]:
            with self.subTest(name):
                torn = self.prepare(name, train=yaml)
                self.complete("train", torn)
                (torn / "out" / "journal").write_bytes(journal[:length])
                _, errors = self.mlff("train", "train.yaml", "--threads", "1", cwd=torn)
                self.assertIn("unfinished", errors)
                self.check_training(torn, reference)

    def test_one_process_at_a_time(self):
        folder = self.prepare("busy", train=train_yaml())
        process = self.start("train", folder)
        trajectory = folder / "out" / "trajectory.xyz"
        while process.poll() is None and not (trajectory.exists() and trajectory.stat().st_size > 0):
            time.sleep(0.001)
        process.send_signal(signal.SIGSTOP)
        before = trajectory.read_bytes()
        _, errors = self.mlff("train", "train.yaml", cwd=folder, status=2)
        self.assertIn("another mlff", errors)
        self.assertEqual(errors.count("\n"), 1)
        self.assertEqual(trajectory.read_bytes(), before)
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        self.complete("train", folder)

    def test_other_settings_are_refused(self):
        folder = self.prepare("settings", train=train_yaml(steps=40, temperature="450"))
        self.complete("train", folder)
        before = {name: (folder / "out" / name).read_bytes() for name in RESULTS}
        for old, new in [("kernel_power: 2", "kernel_power: 3"), ("timestep: 2.0", "timestep: 1.5"),
                         ("seed: 3", "seed: 4"), ("agi-6.5", "agi")]:
            with self.subTest(new):
                (folder / "train.yaml").write_text(train_yaml(steps=40, temperature="450").replace(old, new))
                _, errors = self.mlff("train", "train.yaml", cwd=folder, status=2)
                self.assertRegex(errors, "other settings|the reference has changed")
                self.assertIn(new, errors)
                self.assertEqual(errors.count("\n"), 1)
                self.assertEqual(before, {name: (folder / "out" / name).read_bytes() for name in RESULTS})
        # More steps at a constant temperature are no other run: they continue it as one longer run would have gone.
        (folder / "train.yaml").write_text(train_yaml(steps=80, temperature="450"))
        self.complete("train", folder)
        longer = self.prepare("longer", train=train_yaml(steps=80, temperature="450"))
        self.complete("train", longer)
        self.check_same(folder, longer, ["trajectory.xyz", "thermo.csv", "journal"])

    def test_run_killed(self):
        trained = self.prepare("trained", train=train_yaml(steps=100))
        self.complete("train", trained)
        (trained / "out" / "model.h5").rename(self.folder / "model.h5")
        reference = self.prepare("reference", run=RUN_YAML)
        self.complete("run", reference)
        ends = frame_ends((reference / "out" / "trajectory.xyz").read_bytes())
        killed = self.prepare("killed", run=RUN_YAML)
        # Frames. Between 30 and 240 the buffer of thermo.csv goes to the disk: what it says there is said again.
        for frame, number in [(10, signal.SIGKILL), (30, signal.SIGTERM), (240, signal.SIGKILL), (250, signal.SIGTERM),
                              (260, signal.SIGKILL)]:
            status = self.strike("run", killed, number, ends[frame], 0.001)
            self.assertEqual(status, -signal.SIGKILL if number == signal.SIGKILL else 130)
        self.complete("run", killed)
        self.check_same(killed, reference, ["trajectory.xyz", "thermo.csv", "log"])


if __name__ == "__main__":
    unittest.main()
