"""Trajectories in HDF5: what h5py, which knows nothing of this program, finds in them, and what a killed run leaves."""
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
import unittest

from program import PROGRAM, ProgramTest, ase, np, silver_iodide, train_yaml, write_structure

try:
    import h5py
except ImportError:
    print(f"skipped: {sys.executable} has no h5py")
    sys.exit(77)

RUN_YAML = """\
structure: agi.xyz
output: out
seed: 5
reference: {type: embedded, potential: agi-6.5}
dynamics:
  thermostat: {type: csvr, period: 50}
  temperature: 450
  timestep: 2.0
  steps: 3000
trajectory: {format: h5md, every: 5, velocities: true, forces: true}
"""

ANALYZE_YAML = """\
output: FOLDER/analysis
trajectories: [{files: [FOLDER/out/NAME], label: run}]
observables: [{type: rdf, r_max: 5.0}, {type: msd, framework: I}, {type: vdos, length: 500}]
pictures: false
"""


class H5mdTest(ProgramTest):
    def run_folder(self, name, yaml):
        folder = self.new_folder(name, run=yaml)
        write_structure(folder / "agi.xyz", *silver_iodide())
        return folder

    def text_run(self, yaml=RUN_YAML):
        """The same run as extended XYZ; its frames."""
        folder = self.run_folder("text", yaml.replace("format: h5md", "format: extxyz"))
        self.mlff("run", "run.yaml", "--threads", "1", cwd=folder)
        return folder, ase.io.read(folder / "out" / "trajectory.xyz", ":")

    def check_frames(self, file, expected, n_frames):
        """The first frames are those of the text, bit for bit."""
        particles = file["particles/all"]
        self.assertEqual(list(particles["position/step"][:n_frames]), [a.info["step"] for a in expected[:n_frames]])
        for name, values in [
                ("particles/all/position", [a.positions for a in expected]),
                ("particles/all/velocity", [a.arrays["velocities"] for a in expected]),
                ("particles/all/force", [a.get_forces() for a in expected]),
                ("particles/all/box/edges", [a.cell.array for a in expected]),
                ("observables/potential_energy", [a.get_potential_energy() for a in expected]),
                ("observables/temperature", [a.info["temperature"] for a in expected]),
                ("observables/stress", [a.get_stress(voigt=False) for a in expected])]:
            np.testing.assert_array_equal(file[name + "/value"][:n_frames], np.array(values[:n_frames]), err_msg=name)
            np.testing.assert_array_equal(file[name + "/time"][:n_frames], [a.info["time"] for a in expected[:n_frames]])

    def test_structure_of_the_file(self):
        text, expected = self.text_run(RUN_YAML.replace("3000", "200"))
        folder = self.run_folder("h5", RUN_YAML.replace("3000", "200"))
        out, _ = self.mlff("run", "run.yaml", cwd=folder)
        self.assertIn("trajectory.h5md", out)
        with h5py.File(folder / "out" / "trajectory.h5md") as file:
            self.assertEqual(list(file["h5md"].attrs["version"]), [1, 1])
            self.assertEqual(file["h5md/creator"].attrs["name"], "mlff")
            self.assertIsInstance(file["h5md/creator"].attrs["version"], str)
            self.assertIsInstance(file["h5md/author"].attrs["name"], str)
            self.assertEqual(list(file["h5md/modules/units"].attrs["version"]), [1, 0])
            self.assertEqual(list(file["particles"]), ["all"])
            particles = file["particles/all"]
            np.testing.assert_array_equal(particles["species"], expected[0].numbers)
            self.assertEqual(particles["box"].attrs["dimension"], 3)
            self.assertEqual([str(b) for b in particles["box"].attrs["boundary"]], ["periodic"] * 3)
            # Text must come as str: readers look units up in tables. "Angstrom fs-1" is how they spell it.
            for name, unit in [("particles/all/position", "Angstrom"), ("particles/all/velocity", "Angstrom fs-1"),
                               ("particles/all/force", "eV Angstrom-1"), ("particles/all/box/edges", "Angstrom"),
                               ("observables/potential_energy", "eV"), ("observables/temperature", "K"),
                               ("observables/stress", "eV Angstrom-3")]:
                element = file[name]
                self.assertEqual(set(element), {"value", "step", "time"}, name)
                found = element["value"].attrs["unit"]
                self.assertIsInstance(found, str)
                self.assertEqual(found, unit)
                self.assertEqual(element["time"].attrs["unit"], "fs")
                self.assertEqual(element["value"].shape[0], len(expected))
                # The box must share its step and time with the positions: the same data sets under two names.
                self.assertEqual(element["step"], particles["position/step"])
                self.assertEqual(element["time"], particles["position/time"])
            self.check_frames(file, expected, len(expected))
        # Read back by the program: the same numbers, and the same frames converted.
        for where, name in [(folder, "trajectory.h5md"), (text, "trajectory.xyz")]:
            (where / "analyze.yaml").write_text(ANALYZE_YAML.replace("FOLDER", str(where)).replace("NAME", name))
            self.mlff("analyze", "analyze.yaml", cwd=where)
        for csv in ("rdf.csv", "msd.csv", "vdos.csv"):
            self.assertEqual((folder / "analysis" / csv).read_text(), (text / "analysis" / csv).read_text())
        self.mlff("convert", "out/trajectory.h5md", "back.xyz", cwd=folder)
        back = ase.io.read(folder / "back.xyz", ":")
        self.assertEqual(len(back), len(expected))
        np.testing.assert_array_equal(back[-1].positions, expected[-1].positions)
        np.testing.assert_array_equal(back[-1].get_forces(), expected[-1].get_forces())
        self.assertEqual(back[-1].get_potential_energy(), expected[-1].get_potential_energy())

    def test_killed_at_any_moment(self):
        start = time.monotonic()
        _, expected = self.text_run()
        duration = time.monotonic() - start
        folder = self.run_folder("killed", RUN_YAML)
        path = folder / "out" / "trajectory.h5md"
        moments = random.Random(7)
        most, n_kills = 0, 0
        for k in range(8):
            process = subprocess.Popen([PROGRAM, "run", "run.yaml", "--threads", "1"], cwd=folder,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
            process.stdout.readline()
            deadline = time.monotonic() + 60.0
            while process.poll() is None and not path.exists():
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.0005)
            time.sleep(moments.uniform(0.0, 0.2 * duration))  # long before the end
            number = signal.SIGTERM if k % 4 == 3 else signal.SIGKILL
            process.send_signal(number)
            _, errors = process.communicate(timeout=60)
            self.assertIn(process.returncode, (0, 130, -number), errors)
            n_kills += process.returncode == -signal.SIGKILL
            if not path.exists():  # before its first frame; without a checkpoint a run begins anew
                continue
            # What the writer had finished is there, though it could not close the file.
            with h5py.File(path, "r", swmr=True) as file:
                steps = file["particles/all/position/step"][:]
                n_frames = int(np.argmin(steps >= 0)) if (steps < 0).any() else len(steps)
                if n_frames == 0:  # killed between the file and its first frame
                    continue
                self.check_frames(file, expected, n_frames)
            most = max(most, n_frames)
            (folder / "analyze.yaml").write_text(
                ANALYZE_YAML.replace("FOLDER", str(folder)).replace("NAME", "trajectory.h5md").replace(
                    ", {type: msd, framework: I}, {type: vdos, length: 500}", ""))
            out, _ = self.mlff("analyze", "analyze.yaml", cwd=folder)
            self.assertIn(f"{n_frames} frames", out)
        self.assertGreaterEqual(n_kills, 4, "most runs ended before they were killed")
        self.assertGreater(most, 3)
        self.mlff("run", "run.yaml", "--threads", "1", cwd=folder)
        with h5py.File(path) as file:
            self.assertEqual(len(file["particles/all/position/step"]), len(expected))
            self.check_frames(file, expected, len(expected))

    def test_full_disk(self):
        """The frames that were written stay, the message says what happened, and with more space the run goes on."""
        _, expected = self.text_run()
        folder = self.run_folder("full", RUN_YAML)

        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (5_600_000, 5_600_000))

        done = subprocess.run([PROGRAM, "run", "run.yaml", "--threads", "1"], cwd=folder, preexec_fn=small_files,
                              capture_output=True, encoding="utf-8", timeout=120)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("trajectory.h5md: cannot grow (File too large)", done.stderr)
        with h5py.File(folder / "out" / "trajectory.h5md") as file:
            n_frames = len(file["particles/all/position/value"])
            self.assertTrue(0 < n_frames < len(expected), n_frames)
        self.mlff("run", "run.yaml", "--threads", "1", cwd=folder)
        with h5py.File(folder / "out" / "trajectory.h5md") as file:
            self.check_frames(file, expected, len(expected))

    def test_wrong_input(self):
        folder = self.run_folder("wrong", RUN_YAML.replace("h5md", "hdf5"))
        _, err = self.mlff("run", "run.yaml", cwd=folder, status=2)
        self.assertIn("trajectory.format must be extxyz or h5md", err)
        (folder / "analyze.yaml").write_text(
            ANALYZE_YAML.replace("FOLDER", str(folder)).replace("out/NAME", "other.h5"))
        with h5py.File(folder / "other.h5", "w") as file:
            file["x"] = 1
        _, err = self.mlff("analyze", "analyze.yaml", cwd=folder, status=2)
        self.assertIn("other.h5: has no group 'particles'", err)
        self.assertEqual(err.count("\n"), 1)

    def test_damaged_data_sets_are_refused_in_one_line(self):
        good = self.folder / "good.h5md"
        positions = np.random.default_rng(1).uniform(0, 5, (3, 4, 3))
        with h5py.File(good, "w") as file:
            atoms = file.create_group("particles/all")
            atoms["species"] = [1, 1, 2, 2]
            atoms["position/value"] = positions
            atoms["position/value"].attrs["unit"] = "Angstrom"
            atoms["position/step"] = [0, 1, 2]
            atoms["position/time"] = [0.0, 1.0, 2.0]
            atoms["velocity/value"] = 0.01 * positions
            atoms["velocity/value"].attrs["unit"] = "Angstrom fs-1"
            atoms.create_group("box").attrs["boundary"] = ["periodic"] * 3
            atoms["box/edges/value"] = 6.0 * np.ones((3, 3))
            file["observables/potential_energy/value"] = [1.0, 2.0, 3.0]
            file["observables/potential_energy/value"].attrs["unit"] = "eV"
        self.mlff("convert", good, "out.xyz", "--species", "Ag,I")

        def refused(name, *made, **options):
            shutil.copy(good, self.folder / "bad.h5md")
            with h5py.File(self.folder / "bad.h5md", "a") as file:
                attributes = dict(file[name].attrs)
                del file[name]
                file.create_dataset(name, *made, **options)
                file[name].attrs.update(attributes)
            error = self.mlff("convert", "bad.h5md", "out.xyz", "--species", "Ag,I", status=2)[1]
            self.assertEqual(error.count("\n"), 1, error)
            return error

        atoms = "particles/all/"
        for name in (atoms + "velocity/value", atoms + "box/edges/value", "observables/potential_energy/value"):
            self.assertIn("must have an entry for each frame", refused(name, data=1.5))
            self.assertIn("must have an entry for each frame", refused(name, data=h5py.Empty("f8")))
            refused(name, data=["a", "b", "c"])
        self.assertIn("must have one number for each frame",
                      refused("observables/potential_energy/value", data=np.zeros((3, 0))))
        sparse = dict(dtype="f8", chunks=True)
        self.assertIn("more than this file can", refused(atoms + "position/value", (2**40, 4, 3), **sparse))
        self.assertIn("more than this file can", refused(atoms + "species", (2**40,), dtype="i8", chunks=(1024,)))
        self.assertIn("more than this file can", refused(atoms + "position/step", (2**40,), dtype="i8", chunks=(1024,)))
        self.assertIn("not finite", refused(atoms + "position/time", data=[0.0, np.nan, 2.0]))
        self.assertIn("whole numbers", refused(atoms + "species", data=[1.0, 1.0, np.nan, 2.0]))
        self.assertIn("whole numbers", refused(atoms + "species", data=[1.0, 1.0, 1.5, 2.0]))

    def test_files_of_other_programs(self):
        """nm and ps, a fixed box of three lengths, steps at equal distances told once, numbered species."""
        symbols, positions, cell = silver_iodide()
        path = self.folder / "other.h5"
        with h5py.File(path, "w") as file:
            particles = file.create_group("particles/atoms")
            particles["species"] = np.array([1 if s == "Ag" else 2 for s in symbols])
            box = particles.create_group("box")
            box.attrs["dimension"] = 3
            box.attrs["boundary"] = np.array(["periodic"] * 3, dtype="S8")
            box["edges"] = 0.1 * np.diag(cell)
            frames = 0.1 * np.array([positions + 0.01 * k for k in range(5)], dtype=np.float32)
            element = particles.create_group("position")
            element["value"] = frames
            element["value"].attrs["unit"] = "nm"
            element["step"] = 10
            element["time"] = 0.02
            element["time"].attrs["unit"] = "ps"
        (self.folder / "analyze.yaml").write_text(
            "trajectories: [{files: [other.h5], label: run, species: [Ag, I]}]\n"
            "observables: [{type: rdf, r_max: 5.0}]\npictures: false\n")
        out, _ = self.mlff("analyze", "analyze.yaml")
        self.assertIn("5 frames 20 fs apart, 0.08 ps", out)
        self.assertIn("Ag8I8", out.replace("I8Ag8", "Ag8I8"))


if __name__ == "__main__":
    unittest.main()
