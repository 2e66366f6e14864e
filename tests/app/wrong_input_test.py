"""Wrong input: exit status 2, one line that names the file (and the line in it), and nothing on the disk changed."""
import fcntl
import pathlib
import re
import shutil
import tempfile
import unittest

from program import FORCE_FIELD, ProgramTest, np, silver_iodide, train_yaml, write_structure

try:
    import h5py
except ImportError:
    h5py = None

FIT = f"data: {{train: data.xyz}}\n{FORCE_FIELD}references: {{max: 5}}\noutput: fitted.h5\n"
RUN = """\
structure: agi.xyz
output: out
force_field: model.h5
dynamics: {temperature: 400, steps: 10}
"""
TRAIN = train_yaml(steps=10)
FRAME = """\
2
Lattice="6 0 0 0 6 0 0 0 6" Properties=species:S:1:pos:R:3:forces:R:3 energy=-1.5
Ag 0 0 0 0.1 0 0
I 2.5 2.5 2.5 -0.1 0 0
"""


def replaced(text, old, new):
    assert old in text, old
    return text.replace(old, new)


def npt(barostat, weights=None):
    """TRAIN at constant pressure; the barostat is on line 12."""
    text = replaced(TRAIN, "dynamics:\n", f"dynamics:\n  ensemble: npt\n  barostat: {{{barostat}}}\n")
    return text + (f"regression: {{weights: {{stress: {weights}}}}}\n" if weights is not None else "")


# verb, text of VERB.yaml, line of it (0: the file alone is to be named), what the message must hold
SETTINGS = [
    ("train", replaced(TRAIN, "kernel_power", "kernel_powr"), 7, "did you mean 'kernel_power'"),
    ("train", replaced(TRAIN, "cutoff: 5.0", "cutof: 5.0"), 5, "did you mean 'cutoff'"),
    ("train", replaced(TRAIN, "output", "outptu"), 2, "did you mean 'output'"),
    ("train", replaced(TRAIN, "structure: agi.xyz\n", ""), 0, "structure"),
    ("train", TRAIN + "structure: agi.xyz\n", 16, "twice"),
    ("train", replaced(TRAIN, "steps: 10", "steps: 10\n  steps: 20"), 15, "twice"),
    ("train", replaced(TRAIN, "functions: 6", "functions: six"), 5, "six"),
    ("train", replaced(TRAIN, "functions: 6", "functions: 6.5"), 5, "6.5"),
    ("train", replaced(TRAIN, "functions: 6", "functions: [6, 7]"), 5, "list"),
    ("train", replaced(TRAIN, "functions: 6", "functions: 1000000000000"), 5, "functions"),
    ("train", replaced(TRAIN, "cutoff: 5.0", "cutoff: -5.0"), 5, "-5"),
    ("train", replaced(TRAIN, "cutoff: 5.0", "cutoff: .nan"), 5, "cutoff"),
    ("train", replaced(TRAIN, "cutoff: 5.0", "cutoff: inf"), 5, "cutoff"),
    ("train", replaced(TRAIN, "start: 0.02", "start: nan"), 9, "start"),
    ("train", replaced(TRAIN, "kernel_power: 2", "kernel_power: 0"), 7, "kernel_power"),
    ("train", replaced(TRAIN, "kernel_power: 2", "metric: learned"), 7, "for fit only"),
    ("train", replaced(TRAIN, "l_max: 2", "l_max: -1"), 6, "l_max"),
    ("train", replaced(TRAIN, "functions: 6", "functions: 6, decay: -1"), 5, "decay"),
    ("train", replaced(TRAIN, "functions: 6", "functions: 6, decay: 0.01"), 0, "decay"),
    ("train", replaced(TRAIN, "timestep: 2.0", "timestep: -2.0"), 13, "-2"),
    ("train", replaced(TRAIN, "timestep: 2.0", "timestep: 0"), 13, "timestep"),
    ("train", replaced(TRAIN, "steps: 10", "steps: -10"), 14, "steps"),
    ("train", replaced(TRAIN, "[400, 600]", "[400, -600]"), 12, "-600"),
    ("train", replaced(TRAIN, "[400, 600]", "[400, 500, 600]"), 12, "ramp"),
    ("train", replaced(TRAIN, "dynamics:\n", "dynamics:\n  ensemble: npv\n"), 11, "npt"),
    ("train", npt("", weights="0"), 11, "weights.stress is 0"),
    ("train", npt("type: berendsen"), 12, "cell-rescaling"),
    ("train", npt("cell: cubic"), 12, "isotropic"),
    ("train", npt("pressure: [1, 2, 3]"), 12, "a ramp"),
    ("train", npt("pressure: [1, 1, 1, 0, 0, 0]"), 12, "isotropic"),
    ("train", npt("period: 10"), 0, "at least 20 timesteps"),
    ("train", npt("fixed: [z]"), 12, "[c]"),
    ("train", npt("fixed: [a, b, c]"), 12, "nothing of the cell may change"),
    ("train", npt("friction: 3"), 12, "friction"),
    ("train", npt("type: mtk, compressibility: -1"), 12, "compressibility"),
    ("train", replaced(TRAIN, "dynamics:\n", "dynamics:\n  barostat: {type: mtk}\n"), 11, "ensemble: npt"),
    ("train", replaced(TRAIN, "langevin", "langevine"), 11, "langevin"),
    ("train", replaced(TRAIN, "agi-6.5", "agi-7"), 8, "agi-6.5"),
    ("train", replaced(TRAIN, "embedded", "socket"), 8, "an address is needed"),
    ("train", replaced(TRAIN, "agi-6.5", "si"), 0, "no parameters"),
    ("train", replaced(TRAIN, "seed: 3", "seed: -3"), 3, "seed"),
    ("train", "supercell: [1, 0, 1]\n" + TRAIN, 1, "three positive"),
    ("train", TRAIN + "regression: {weights: {force: -1}}\n", 16, "force"),
    ("train", TRAIN + "regression: {memory: 8 parsec}\n", 16, "memory"),
    ("train", "structure: [unclosed\n", 0, "YAML"),
    ("train", "just a sentence\n", 1, "key"),
    ("train", "", 0, "empty"),
    ("train", "\x00\x01\x02\n", 1, "key"),
    ("run", RUN + "reference: {type: embedded, potential: agi}\n", 5, "exactly one"),
    ("run", replaced(RUN, "force_field: model.h5\n", ""), 0, "force_field"),
    ("run", RUN + "guard: {spilling: 2}\n", 5, "spilling"),
    ("run", RUN + "guard: {distance: 1.5}\n", 5, "guard.distance"),
    ("run", RUN + "guard: {distances: 0.8}\n", 5, "did you mean 'distance'"),
    ("run", RUN + "guard: {action: panic}\n", 5, "stop"),
    ("run", replaced(RUN, "temperature: 400, ", ""), 0, "temperature"),
    ("run", replaced(RUN, "{temperature", "{velocities: file, temperature"), 0, "velocities"),
    ("fit", replaced(FIT, "data: {train: data.xyz}\n", ""), 0, "'train'"),
    ("fit", replaced(FIT, "max: 5", "max: 0"), 6, "max"),
    ("fit", replaced(FIT, "output:", "ouput:"), 7, "did you mean 'output'"),
    ("fit", replaced(FIT, "train: data.xyz", "train: data.xyz, energy_key: enrgy"), 0, "enrgy"),
    ("fit", replaced(FIT, FORCE_FIELD, "force_field: automatic\n"), 2, "auto"),
    ("train", replaced(TRAIN, FORCE_FIELD, "force_field: auto\n"), 4, "must be vasp, or a map"),
    ("fit", replaced(FIT, FORCE_FIELD, "force_field: vsap\n"), 2, "did you mean 'vasp'"),
    ("fit", replaced(FIT, FORCE_FIELD, "force_field: {auto: fast}\n"), 2, "time: 15 min"),
    ("fit", replaced(FIT, FORCE_FIELD, "force_field: {auto: {time: -1}}\n"), 2, "time"),
    ("fit", replaced(FIT, "data.xyz", "data.xyz, folds: 0"), 1, "folds"),
    ("fit", replaced(FIT, "data.xyz", "data.xyz, balance: 1.5"), 1, "balance"),
    ("fit", replaced(FIT, "data.xyz", "data.xyz, weights: {surface: 0}"), 1, "surface"),
    ("fit", replaced(FIT, "data.xyz", "data.xyz, weights: {surface: 2}"), 1, "group 'surface'"),
    ("fit", FIT + "regression: {weights: heavy}\n", 8, "auto"),
    ("fit", replaced(FIT, "max: 5", "max: 5, candidates: listed"), 6, "ML_AB"),
    ("fit", replaced(FIT, "max: 5", "max: 5, tolerance: 0"), 6, "tolerance"),
    ("select", replaced(replaced(FIT, "references: {max: 5}\n", ""), "fitted.h5", "out") +
     "learning: {block: 0}\n", 7, "block"),
]

# content of data.xyz for fit, line (0: the file alone), what the message must hold
DATA = [
    ("", 0, "no structure"),
    (FRAME[:-20], 4, "columns"),
    (FRAME + FRAME[:FRAME.rindex("I")], 7, "1 of 2"),
    (FRAME + "2\n", 5, "comment"),
    (replaced(FRAME, "2.5 2.5 2.5", "2.5 two 2.5"), 4, "two"),
    (replaced(FRAME, "0.1 0 0\nI", "0.1 nan 0\nI"), 3, "nan"),
    (replaced(FRAME, "energy=-1.5", "energy=nan"), 2, "energy"),
    (replaced(FRAME, "2.5 2.5 2.5", "inf 2.5 2.5"), 4, "inf"),
    (replaced(FRAME, "I 2.5", "Q 2.5"), 4, "Q"),
    (replaced(FRAME, "2\nL", "two\nL"), 1, "number of atoms"),
    (replaced(FRAME, "2\nL", "-2\nL"), 1, "-2"),
    (replaced(FRAME, "2\nL", "99999999999\nL"), 0, "99999999999"),
    (replaced(FRAME, "6 0 0 0 6 0 0 0 6", "6 0 0 6 0 0 0 0 6"), 0, ""),
    (replaced(FRAME, "2.5 2.5 2.5", "0 0 0.05"), 0, "0.05"),
    (replaced(FRAME, ":forces:R:3", ":velo:R:3").replace(" energy=-1.5", ""), 0, "energy"),
    ("\x89HDF\r\n\x1a\n\x00\x00", 1, "number of atoms"),
]

# arguments, what the message must hold
COMMANDS = [
    (["trian", "train.yaml"], "trian"),
    (["train"], "FILE.yaml"),
    (["train", "train.yaml", "--fast"], "--fast"),
    (["train", "train.yaml", "--threads", "0"], "--threads"),
    (["train", "train.yaml", "--threads", "many"], "--threads"),
    ([], "subcommand"),
    (["train", "absent.yaml"], "absent.yaml"),
    (["train", "."], "."),
    (["predict", "absent.h5", "agi.xyz", "o.xyz"], "absent.h5"),
    (["predict", "model.h5", "absent.xyz", "o.xyz"], "absent.xyz"),
    (["predict", "agi.xyz", "agi.xyz", "o.xyz"], "agi.xyz"),
    (["predict", "model.h5", "model.h5", "o.xyz"], "model.h5"),
    (["predict", "model.h5", "silicon.xyz", "o.xyz"], "silicon.xyz"),
    (["evaluate", "model.h5", "silicon.xyz", "--json", "o.json"], "silicon.xyz"),
    (["predict", "model.h5", "agi.xyz", "absent/o.xyz"], "absent/o.xyz"),
    (["predict", "model.h5", "agi.xyz", "."], "."),
    (["info", "absent.h5"], "absent.h5"),
    (["similarity", "fit.yaml", "absent.xyz", "--out", "o.csv"], "absent.xyz"),
    (["similarity", "fit.yaml", "data.xyz"], "--out"),
    (["analyze", "absent.yaml"], "absent.yaml"),
]


class WrongInputTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        cls.fixture = pathlib.Path(tempfile.mkdtemp(prefix="mlff-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.fixture)

    def setUp(self):
        super().setUp()
        if not (self.fixture / "model.h5").exists():
            self.make_fixture()

    def make_fixture(self):
        write_structure(self.fixture / "agi.xyz", *silver_iodide())
        write_structure(self.fixture / "silicon.xyz", ["Si"], [[0, 0, 0]], 5.0 * np.eye(3))
        aimd = replaced(RUN, "force_field: model.h5", "reference: {type: embedded, potential: agi-6.5}")
        for name, text in [("aimd", aimd + "trajectory: {every: 5, forces: true}\n"), ("fit", FIT), ("run", RUN),
                           ("train", TRAIN)]:
            (self.fixture / f"{name}.yaml").write_text(text)
        self.mlff("run", "aimd.yaml", cwd=self.fixture)
        (self.fixture / "out" / "trajectory.xyz").rename(self.fixture / "data.xyz")
        shutil.rmtree(self.fixture / "out")
        self.mlff("fit", "fit.yaml", cwd=self.fixture)
        (self.fixture / "fitted.h5").rename(self.fixture / "model.h5")

    def case(self, **files):
        """A fresh copy of the fixture, with some files replaced: data_xyz is data.xyz."""
        folder = self.folder / f"case{len(list(self.folder.iterdir()))}"
        shutil.copytree(self.fixture, folder)
        for name, text in files.items():
            (folder / name.replace("_", ".")).write_text(text)
        return folder

    @staticmethod
    def content(folder):
        return {path.relative_to(folder): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}

    def refuses(self, folder, *arguments, place="", holds=""):
        """place: file, or file:line, that the message must begin with."""
        before = self.content(folder)
        out, err = self.mlff(*arguments, cwd=folder, status=2)
        after = self.content(folder)
        self.assertRegex(err, r"\Amlff: [^\n]+\n\Z")
        if place:
            self.assertRegex(err, rf"\Amlff: {re.escape(place)}[:,]")
        self.assertIn(holds, err)
        changed = [str(path) for path in before.keys() | after.keys()
                   if path not in before or path not in after or before[path] != after[path]]
        self.assertEqual(changed, [])

    def test_settings(self):
        for verb, text, line, holds in SETTINGS:
            with self.subTest(f"{verb}: {holds}", text=text):
                folder = self.case(**{f"{verb}_yaml": text})
                blamed = {"velocities": "agi.xyz", "no parameters": "agi.xyz", "enrgy": "data.xyz"}
                place = blamed.get(holds, f"{verb}.yaml" + (f":{line}" if line else ""))
                self.refuses(folder, verb, f"{verb}.yaml", place=place, holds=holds)

    def test_data(self):
        for text, line, holds in DATA:
            with self.subTest(holds, text=text):
                folder = self.case(data_xyz=text)
                self.refuses(folder, "fit", "fit.yaml", place="data.xyz" + (f":{line}" if line else ""), holds=holds)
                if line:
                    self.refuses(folder, "predict", "model.h5", "data.xyz", "o.xyz", place=f"data.xyz:{line}",
                                 holds=holds)

    def test_command_line(self):
        for arguments, holds in COMMANDS:
            with self.subTest(" ".join(arguments)):
                self.refuses(self.case(), *arguments, holds=holds)

    def test_structure(self):
        symbols, positions, cell = silver_iodide()
        folder = self.case()
        (folder / "agi.xyz").unlink()
        for verb in ["train", "run"]:
            self.refuses(folder, verb, f"{verb}.yaml", place="agi.xyz")
        positions[3] = positions[7] + [0.0, 0.05, 0.0]
        write_structure(folder / "agi.xyz", symbols, positions, cell)
        for verb in ["train", "run"]:
            self.refuses(folder, verb, f"{verb}.yaml", place="agi.xyz", holds="0.05")
        shutil.copy(folder / "silicon.xyz", folder / "agi.xyz")
        self.refuses(folder, "run", "run.yaml", place="agi.xyz", holds="Si")

    def test_output_in_use(self):
        for verb in ["train", "run"]:
            folder = self.case()
            (folder / "out").mkdir()
            with open(folder / "out" / "lock", "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self.refuses(folder, verb, f"{verb}.yaml", place="out", holds="another mlff")

    def test_output_is_a_file(self):
        folder = self.case(out="")
        self.refuses(folder, "train", "train.yaml", place="out")

    def test_damaged_journal(self):
        folder = self.case()  # with several calls: only the last entry of a journal may be unfinished
        (folder / "train.yaml").write_text(replaced(TRAIN, "start: 0.02", "start: 0.002"))
        self.mlff("train", "train.yaml", cwd=folder)
        journal = (folder / "out" / "journal").read_text()
        (folder / "out" / "journal").write_text(journal.replace("Ag ", "I ", 1))
        self.refuses(folder, "train", "train.yaml", place="out/journal", holds="damaged")
        (folder / "out" / "journal").write_text(journal)
        checkpoint = (folder / "out" / "checkpoint").read_text()
        (folder / "out" / "checkpoint").write_text(replaced(checkpoint, "thermo ", "thermo 1"))
        (folder / "out" / "checkpoint.previous").unlink()  # which would serve instead
        self.refuses(folder, "train", "train.yaml", place="out/checkpoint", holds="damaged")

    def test_cut_model(self):
        folder = self.case()
        model = (folder / "model.h5").read_bytes()
        for length in [0, 100, len(model) // 2, len(model) - 1]:
            (folder / "model.h5").write_bytes(model[:length])
            with self.subTest(length):
                self.refuses(folder, "info", "model.h5", place="model.h5")
                self.refuses(folder, "run", "run.yaml", place="model.h5")

    @unittest.skipIf(h5py is None, "h5py is not installed")
    def test_damaged_model(self):
        def put(name, value):
            def change(file):
                del file[name]
                file[name] = value
            return change

        def spoil(name):
            def change(file):
                file[name][...] = np.nan
            return change

        for name, change, holds in [
                ("newer version", lambda file: file.attrs.__setitem__("version", np.int64(99)), "newer"),
                ("no version", lambda file: file.attrs.__delitem__("version"), "version"),
                ("other format", lambda file: file.attrs.__setitem__("format", "other"), "not a force field"),
                ("no e0", lambda file: file.__delitem__("e0"), "e0"),
                ("weights", spoil("references/Ag/weights"), "finite"),
                ("too few weights", put("references/Ag/weights", np.ones(3)), "weights"),
                ("e0", spoil("e0"), "finite"),
                ("features", spoil("references/Ag/features"), "finite"),
                ("kernel power", put("kernel/power", np.int32(0)), "power"),
                ("cutoff", put("descriptor/radial/cutoff", -1.0), "cutoff"),
                ("scale", spoil("scales/force"), "scale"),
                ("species", put("species", ["Ag", "Xx"]), "Xx"),
                ("compression", put("descriptor/compression", "new"), "compression")]:
            with self.subTest(name):
                folder = self.case()
                with h5py.File(folder / "model.h5", "r+") as file:
                    change(file)
                self.refuses(folder, "info", "model.h5", place="model.h5", holds=holds)
                self.refuses(folder, "predict", "model.h5", "agi.xyz", "o.xyz", place="model.h5", holds=holds)


if __name__ == "__main__":
    unittest.main()
