"""A portable build hands over to the program for the best level of x86-64 that the CPU has, however it is called."""
import os
import shutil
import subprocess
import unittest

from program import PROGRAM, ProgramTest, silver_iodide, write_structure

LEVELS = ["x86-64", "x86-64-v3", "x86-64-v4"]
MPIRUN = shutil.which("mpirun")
ALONE = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1"}


def call(*command, **environment):
    inherited = {name: value for name, value in os.environ.items() if name != "MLFF_ARCH"}
    return subprocess.run([*map(str, command)], env={**inherited, **environment}, capture_output=True, text=True,
                          timeout=60)


def level(*command, **environment):
    """What `--version` says that the program was built for."""
    return call(*command, "--version", **environment).stdout.strip().partition("-march=")[2].rstrip(")")


def levels_of_this_cpu():
    """Those that do not refuse, by the CPU's own word: /proc/cpuinfo."""
    flags = set(next(line for line in open("/proc/cpuinfo") if line.startswith("flags")).split())
    v3 = {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"} <= flags
    v4 = v3 and {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"} <= flags
    return LEVELS[:1 + v3 + v4]


class Portable(ProgramTest):
    def test_uses_what_the_cpu_has_however_it_is_called(self):
        best = levels_of_this_cpu()[-1]
        link = self.folder / "link"
        link.symlink_to(PROGRAM)
        self.assertEqual(level(PROGRAM), best)
        self.assertEqual(level(link), best)
        self.assertEqual(level("mlff", PATH=os.path.dirname(PROGRAM) + ":" + os.environ["PATH"]), best)
        if MPIRUN:
            self.assertEqual(level(MPIRUN, "-n", 2, PROGRAM, **ALONE), best)

    def test_takes_the_level_that_the_user_asks_for(self):
        for asked in levels_of_this_cpu():
            self.assertEqual(level(PROGRAM, MLFF_ARCH=asked), asked)
        refused = call(PROGRAM, "--version", MLFF_ARCH="pentium")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("mlff: MLFF_ARCH=pentium: this CPU runs", refused.stderr)

    def test_copied_without_its_variants_works_and_says_that_it_is_slow(self):
        alone = self.folder / "mlff"
        shutil.copy2(PROGRAM, alone)
        write_structure(self.folder / "agi.xyz", *silver_iodide())
        done = call(alone, "convert", self.folder / "agi.xyz", self.folder / "POSCAR")
        self.assertEqual(done.returncode, 0)
        self.assertEqual("belong in the same folder" in done.stderr, len(levels_of_this_cpu()) > 1, done.stderr)


if __name__ == "__main__":
    unittest.main()
