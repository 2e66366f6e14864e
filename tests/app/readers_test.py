"""`mlff convert` on real files of VASP, against ASE's readers of the same files and against a plain reading here.

The files lie beside the repository (MLFF_SHARED); without them those tests are skipped. Data of DeePMD is made here.
"""
import gzip
import os
import pathlib
import re
import shutil
import unittest
import xml.etree.ElementTree

from program import ProgramTest, ase, np, silver_iodide, write_structure

KBAR = 1602.176634  # 1 eV/Å³
VASP = pathlib.Path(os.environ.get("MLFF_SHARED", pathlib.Path(__file__).parents[3] / "shared")) / "data" / "vasp"
needs_files = unittest.skipUnless(VASP.is_dir(), f"no reference data at {VASP} (set MLFF_SHARED)")


def numbers(text):
    return [float(word) for word in re.findall(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?", text)]


def plain_vasprun(path):
    """Cell, scaled positions, free energy, forces, pressure [kbar] of the steps with an electronic loop."""
    opened = gzip.open(path) if path.suffix == ".gz" else open(path, "rb")
    with opened as file:
        root = xml.etree.ElementTree.parse(file).getroot()
    steps = []
    for step in root.findall("calculation"):
        def rows(place):
            return np.array([[float(x) for x in v.text.split()] for v in step.findall(place)])
        if step.find("scstep") is not None:
            steps.append((rows("structure/crystal/varray[@name='basis']/v"),
                          rows("structure/varray[@name='positions']/v"),
                          float(step.find("energy/i[@name='e_fr_energy']").text),
                          rows("varray[@name='forces']/v"), rows("varray[@name='stress']/v")))
    return steps


def plain_outcar(path):
    """Cell, positions, free energy, forces, pressure (xx yy zz xy yz zx) [kbar], electronic steps of first-principles
    steps; and the number of the others."""
    lines = path.read_text(errors="replace").splitlines()
    steps, others, loops = [], 0, 0
    for k, line in enumerate(lines):
        if " Iteration " in line:
            loops = int(line[line.index("(") + 1:line.index(")")])
        elif "direct lattice vectors" in line:
            cell = np.array([numbers(row)[:3] for row in lines[k + 1:k + 4]])
        elif "in kB" in line:
            pressure = np.array(numbers(line)[:6])
        elif "TOTAL-FORCE" in line:
            end = k + 2
            while "----" not in lines[end]:
                end += 1
            rows = np.array([[float(x) for x in row.split()[:6]] for row in lines[k + 2:end]])
            energy = next(row for row in lines[end:] if "free  energy" in row)
            if "(ML)" in line:
                others += 1
            else:
                steps.append((cell, rows[:, :3], numbers(energy)[0], rows[:, 3:], pressure, loops))
    return steps, others


def pressure_of(atoms):
    """xx yy zz xy yz zx [kbar] from ASE's xx yy zz yz xz xy."""
    return -KBAR * atoms.calc.results["stress"][[0, 1, 2, 5, 3, 4]]


class ReadersTest(ProgramTest):
    def convert(self, path, *options):
        """Frames of the extxyz that a file becomes, and the warnings."""
        _, warnings = self.mlff("convert", path, "out.xyz", *options)
        return ase.io.read(self.folder / "out.xyz", ":"), warnings

    def refused(self, *arguments):
        """The one line that a refusal is."""
        _, message = self.mlff("convert", *arguments, status=2)
        self.assertEqual(message.count("\n"), 1, message)
        return message

    def plain_copy(self, name, called):
        """A reference file, decompressed, under a name that ASE knows."""
        data = (VASP / name).read_bytes()
        (self.folder / called).write_bytes(gzip.decompress(data) if name.endswith(".gz") else data)
        return self.folder / called

    def assert_labels(self, atoms, energy, forces, pressure):
        self.assertEqual(atoms.calc.results["energy"], energy)
        np.testing.assert_array_equal(atoms.calc.results["forces"], forces)
        np.testing.assert_allclose(pressure_of(atoms), pressure, rtol=0, atol=1e-9)

    def assert_like_ase(self, ours, path, asymmetry=0.0, **options):
        """`asymmetry` [kbar] of the printed pressure: ASE takes one triangle of it, we take the mean of the two."""
        theirs = ase.io.read(path, ":", **options)
        self.assertEqual(len(ours), len(theirs))
        for a, b in zip(ours, theirs):
            self.assertEqual(a.get_chemical_symbols(), b.get_chemical_symbols())
            np.testing.assert_allclose(a.cell, b.cell, rtol=0, atol=1e-12)
            np.testing.assert_allclose(a.positions, b.positions, rtol=0, atol=1e-12)
            self.assertEqual(a.calc.results["energy"], b.get_potential_energy(force_consistent=True))
            np.testing.assert_array_equal(a.calc.results["forces"], b.get_forces(apply_constraint=False))
            kbar = -b.get_stress()[[0, 1, 2, 5, 3, 4]] / (0.1 * ase.units.GPa)  # ASE's own constant
            np.testing.assert_allclose(pressure_of(a)[:3], kbar[:3], rtol=0, atol=1e-9)
            np.testing.assert_allclose(pressure_of(a)[3:], kbar[3:], rtol=0, atol=1e-9 + 0.5 * asymmetry)

    @needs_files
    def test_every_file_is_read_or_refused_in_one_line(self):
        expected = {"XDATCAR_Li6PS5Cl_50p.gz": 140, "XDATCAR_drift": 4, "vasprun_ML_fe2.xml.gz": 59,
                    "H2/ML_AB": 43, "H2/OUTCAR.istart1": 10, "H2/POSCAR": 1,
                    "dpdata/OUTCAR.Ge.vdw": 1, "dpdata/OUTCAR.ch4.ml": 4, "dpdata/OUTCAR.ch4.unconverged": 1,
                    "dpdata/OUTCAR.h2o.md.10": 10, "dpdata/vasprun.h2o.md.10.xml": 10,
                    "dpdata/vasprun.h2o.md.tribox.xml": 3, "malformed/ML_AB_wrong_sections": None}
        found = {str(path.relative_to(VASP)) for path in VASP.rglob("*")
                 if path.is_file() and not path.name.startswith("LICENSE")}
        self.assertEqual(found, set(expected))
        for name, count in expected.items():
            with self.subTest(name):
                if count is None:
                    self.assertRegex(self.refused(VASP / name, "out.xyz"), rf"{name}:30: .*4 numbers where 5")
                else:
                    self.assertEqual(len(self.convert(VASP / name)[0]), count)
                    # What it is, its content tells.
                    disguise = self.folder / ("train.dat.gz" if name.endswith(".gz") else "train.dat")
                    shutil.copyfile(VASP / name, disguise)
                    self.assertEqual(len(self.convert(disguise)[0]), count)

    @needs_files
    def test_vasprun(self):
        for name in ("dpdata/vasprun.h2o.md.10.xml", "dpdata/vasprun.h2o.md.tribox.xml", "vasprun_ML_fe2.xml.gz"):
            with self.subTest(name):
                frames, warnings = self.convert(VASP / name)
                steps = plain_vasprun(VASP / name)
                self.assertEqual(len(frames), len(steps))
                for atoms, (cell, scaled, energy, forces, p) in zip(frames, steps):
                    np.testing.assert_array_equal(atoms.cell, cell)
                    np.testing.assert_allclose(atoms.positions, scaled @ cell, rtol=0, atol=1e-12)
                    p = 0.5 * (p + p.T)
                    self.assert_labels(atoms, energy, forces, p[[0, 1, 2, 0, 1, 2], [0, 1, 2, 1, 2, 0]])
                plain = self.plain_copy(name, "vasprun.xml")
                self.assert_like_ase(frames, plain, max(np.abs(step[-1] - step[-1].T).max() for step in steps))
                self.assertEqual("941 steps left out: made by the machine-learned" in warnings, "ML" in name)

    @needs_files
    def test_outcar(self):
        limits = {"dpdata/OUTCAR.Ge.vdw": 60, "dpdata/OUTCAR.ch4.ml": 200, "dpdata/OUTCAR.ch4.unconverged": 15,
                  "dpdata/OUTCAR.h2o.md.10": 60, "H2/OUTCAR.istart1": 60}
        for name, limit in limits.items():
            with self.subTest(name):
                frames, warnings = self.convert(VASP / name)
                steps, others = plain_outcar(VASP / name)
                unconverged = [step[-1] >= limit for step in steps]
                self.assertEqual(any(unconverged), "unconverged" in name)
                self.assertEqual(len(frames), unconverged.count(False))
                for atoms, step in zip(frames, (s for s, bad in zip(steps, unconverged) if not bad)):
                    cell, positions, energy, forces, p, _ = step
                    np.testing.assert_array_equal(atoms.cell, cell)
                    np.testing.assert_array_equal(atoms.positions, positions)
                    self.assert_labels(atoms, energy, forces, p)
                self.assertIn(f"{others} steps left out: made by" if others else "", warnings)
                self.assertEqual(others > 0, "machine-learned" in warnings)
                # ASE knows neither steps of the other kinds nor the columns of van der Waals.
                if not others and not any(unconverged) and "vdw" not in name:
                    self.assert_like_ase(frames, VASP / name, format="vasp-out")

    @needs_files
    def test_xdatcar(self):
        for name in ("XDATCAR_drift", "XDATCAR_Li6PS5Cl_50p.gz"):
            with self.subTest(name):
                frames, _ = self.convert(VASP / name)
                plain = self.plain_copy(name, "XDATCAR")
                theirs = ase.io.read(plain, ":", format="vasp-xdatcar")
                self.assertEqual(len(frames), len(theirs))
                for a, b in zip(frames, theirs):
                    self.assertEqual(a.get_chemical_symbols(), b.get_chemical_symbols())
                    np.testing.assert_allclose(a.cell, b.cell, rtol=0, atol=1e-12)
                    np.testing.assert_allclose(a.positions, b.positions, rtol=0, atol=1e-10)
                    self.assertIsNone(a.calc)
                # There and back.
                self.mlff("convert", plain, "XDATCAR_back", "--every", "3")
                back = ase.io.read(self.folder / "XDATCAR_back", ":", format="vasp-xdatcar")
                self.assertEqual(len(back), len(frames[::3]))
                for a, b in zip(frames[::3], back):
                    np.testing.assert_allclose(a.positions, b.positions, rtol=0, atol=1e-10)

    @needs_files
    def test_ml_ab(self):
        path = VASP / "H2/ML_AB"
        self.mlff("convert", path, "ML_AB")
        self.assertEqual((self.folder / "ML_AB").read_bytes(), path.read_bytes())
        frames, _ = self.convert(path)
        blocks = re.split(r"\n\*+\n +Configuration num\..*\n", path.read_text())[1:]
        self.assertEqual(len(frames), len(blocks))
        for atoms, block in zip(frames, blocks):
            lines = [line.strip() for line in block.splitlines()]

            def rows(title):
                first = last = lines.index(title) + 2
                while last < len(lines) and len(numbers(lines[last])) in (1, 3):
                    last += 1
                return np.array([numbers(line) for line in lines[first:last]])

            np.testing.assert_array_equal(atoms.cell, rows("Primitive lattice vectors (ang.)"))
            np.testing.assert_array_equal(atoms.positions, rows("Atomic positions (ang.)"))
            p = np.concatenate([rows("XX YY ZZ")[0], rows("XY YZ ZX")[0]])
            self.assert_labels(atoms, rows("Total energy (eV)")[0, 0], rows("Forces (eV ang.^-1)"), p)
        # Through extxyz and back: the values stay.
        self.mlff("convert", "out.xyz", "back.ml_ab")
        again, _ = self.convert(self.folder / "back.ml_ab")
        for a, b in zip(frames, again):
            np.testing.assert_allclose(a.positions, b.positions, rtol=1e-15)
            self.assertAlmostEqual(a.calc.results["energy"], b.calc.results["energy"], delta=1e-14)
            np.testing.assert_allclose(a.calc.results["stress"], b.calc.results["stress"], rtol=1e-15, atol=0)

    @needs_files
    def test_one_run_two_files(self):
        """The training data of ML_AB are steps that the OUTCAR of the same run has, too: signs and orders agree."""
        stored, _ = self.convert(VASP / "H2/ML_AB")
        printed, _ = self.convert(VASP / "H2/OUTCAR.istart1")
        first, same = printed[0], stored[0]
        self.assertAlmostEqual(first.calc.results["energy"], same.calc.results["energy"], delta=1e-7)
        np.testing.assert_allclose(first.calc.results["forces"], same.calc.results["forces"], atol=1e-6)
        np.testing.assert_allclose(pressure_of(first), pressure_of(same), atol=1e-5)

    def random_frames(self, count=3):
        random = np.random.default_rng(4)
        symbols, positions, cell = silver_iodide()
        n = len(symbols)
        return symbols, {
            "coord": [positions + random.normal(0.0, 0.1, (n, 3)) for _ in range(count)],
            "box": [cell + random.normal(0.0, 0.2, (3, 3)) for _ in range(count)],
            "energy": random.normal(-50.0, 1.0, count),
            "force": random.normal(0.0, 1.0, (count, n, 3)),
            "virial": random.normal(0.0, 1.0, (count, 3, 3)),
        }

    def write_deepmd(self, folder, symbols, data, number=np.float64, periodic=True, mixed=None):
        folder.mkdir(parents=True)
        types = ["Ag", "I"]
        (folder / "type_map.raw").write_text("\n".join(types) + "\n")
        plain = np.array([types.index(symbol) for symbol in symbols])
        np.savetxt(folder / "type.raw", np.zeros(len(symbols), int) if mixed is not None else plain, fmt="%d")
        if not periodic:
            (folder / "nopbc").touch()
        sets = np.array_split(np.arange(len(data["coord"])), 2)
        for k, part in enumerate(sets):
            inside = folder / f"set.{k:03d}"
            inside.mkdir()
            for name, values in data.items():
                rows = np.asarray(values, dtype=number)[part]
                np.save(inside / f"{name}.npy", rows if name == "energy" else rows.reshape(len(part), -1))
            if mixed is not None:
                np.save(inside / "real_atom_types.npy", np.asarray(mixed, np.int32)[part])

    def test_deepmd(self):
        symbols, data = self.random_frames()
        self.write_deepmd(self.folder / "data/a", symbols, data)
        self.write_deepmd(self.folder / "data/deep/b", symbols, data, number=np.float32)
        frames, _ = self.convert("data")
        self.assertEqual(len(frames), 6)
        for k, atoms in enumerate(frames):
            exact = k < 3
            k %= 3
            tolerance = dict(rtol=1e-14 if exact else 1e-6)
            self.assertEqual(atoms.get_chemical_symbols(), symbols)
            np.testing.assert_allclose(atoms.positions, data["coord"][k], **tolerance, atol=1e-6 * (not exact))
            np.testing.assert_allclose(atoms.cell, data["box"][k], **tolerance, atol=1e-6 * (not exact))
            np.testing.assert_allclose(atoms.calc.results["energy"], data["energy"][k], **tolerance)
            np.testing.assert_allclose(atoms.calc.results["forces"], data["force"][k], **tolerance)
            virial = 0.5 * (data["virial"][k] + data["virial"][k].T)
            stress = -virial[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]] / abs(np.linalg.det(data["box"][k]))
            np.testing.assert_allclose(atoms.calc.results["stress"], stress, rtol=1e-13 if exact else 1e-5,
                                       atol=1e-18 if exact else 1e-9)

    def test_deepmd_mixed_types_and_open_boundaries(self):
        symbols, data = self.random_frames()
        types = np.array([[int(symbol == "I") for symbol in symbols]] * 3)
        types[1] = 1 - types[1]
        types[2, 5] = -1  # no atom
        self.write_deepmd(self.folder / "mixed", symbols, data, mixed=types)
        frames, _ = self.convert("mixed")
        swap = {"Ag": "I", "I": "Ag"}
        self.assertEqual(frames[0].get_chemical_symbols(), symbols)
        self.assertEqual(frames[1].get_chemical_symbols(), [swap[symbol] for symbol in symbols])
        self.assertEqual(frames[2].get_chemical_symbols(), symbols[:5] + symbols[6:])
        np.testing.assert_allclose(frames[2].calc.results["forces"], np.delete(data["force"][2], 5, axis=0))
        self.write_deepmd(self.folder / "open", symbols, data, periodic=False)
        for atoms in self.convert("open")[0]:
            self.assertFalse(atoms.pbc.any())
            self.assertNotIn("stress", atoms.calc.results)

    def test_deepmd_refusals(self):
        symbols, data = self.random_frames()
        self.write_deepmd(self.folder / "good", symbols, data)

        def damaged(change):
            shutil.rmtree(self.folder / "bad", ignore_errors=True)
            shutil.copytree(self.folder / "good", self.folder / "bad")
            change(self.folder / "bad")
            return self.refused("bad", "out.xyz")

        first = "set.000/force.npy"
        self.assertIn("type_map.raw: no such file", damaged(lambda bad: (bad / "type_map.raw").unlink()))
        self.assertIn("box.npy: no such file", damaged(lambda bad: (bad / "set.000/box.npy").unlink()))
        self.assertIn("(2, 48) is needed", damaged(lambda bad: np.save(bad / first, np.zeros((2, 45)))))
        self.assertIn("not finite", damaged(lambda bad: np.save(bad / first, np.full((2, 48), np.nan))))
        self.assertIn("complete file", damaged(lambda bad: os.truncate(bad / first, 300)))
        self.assertIn("not a .npy file", damaged(lambda bad: (bad / first).write_text("0 0 0\n")))
        self.assertIn("type 2", damaged(lambda bad: (bad / "type.raw").write_text("2 " * 16)))
        self.assertIn("type.raw:1", damaged(lambda bad: (bad / "type.raw").write_text("Ag " * 16)))
        (self.folder / "empty").mkdir()
        self.assertIn("no DeePMD data", self.refused("empty", "out.xyz"))

    def test_choice_of_frames_and_formats(self):
        symbols, positions, cell = silver_iodide()
        for k in range(5):
            write_structure(self.folder / "in.xyz", symbols, positions + 0.1 * k, cell, energy=-k)
        energies = [atoms.calc.results["energy"] for atoms in self.convert("in.xyz", "--every", "2")[0]]
        self.assertEqual(energies, [0, -2, -4])
        for options, k in ((["--frame", "2"], 1), ([], 4)):
            self.mlff("convert", "in.xyz", "POSCAR", *options)
            moved = ase.io.read(self.folder / "POSCAR")
            order = np.argsort([symbol != symbols[0] for symbol in symbols], kind="stable")
            np.testing.assert_allclose(moved.positions, (positions + 0.1 * k)[order], atol=1e-9)
        self.mlff("convert", "POSCAR", "any.name", "--to", "xdatcar")
        self.assertEqual(len(self.convert("any.name")[0]), 1)

        before = (self.folder / "out.xyz").read_bytes()
        for arguments, line in [
                (["in.xyz", "ML_AB"], "in.xyz:1: ML_AB needs energy, forces and stress"),
                (["in.xyz", "out.xyz", "--frame", "6"], "holds 5 structures"),
                (["in.xyz", "out.xyz", "--frame", "2", "--every", "2"], "give one of the two"),
                (["in.xyz", "some.thing"], "--to"),
                (["in.xyz", "OUTCAR"], "read but not written"),
                (["in.xyz", "out.xyz.gz"], "not written"),
                (["in.xyz", "out.xyz", "--from", "extxzy"], "did you mean 'extxyz'"),
                (["in.xyz", "out.xyz", "--from", "outcar"], "no ionic step"),
                (["none.xyz", "out.xyz"], "no such file"),
                (["in.xyz", "no/out.xyz"], "there is no folder")]:
            with self.subTest(" ".join(arguments)):
                self.assertIn(line, self.refused(*arguments))
        self.assertEqual((self.folder / "out.xyz").read_bytes(), before)


if __name__ == "__main__":
    unittest.main()
