"""mlff analyze, report and study from end to end: tables, averages over runs, comparison with a reference, all readers,
and the page that shows it all."""
import base64
import csv
import gzip
import html.parser
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import unittest

import numpy as np

from program import ProgramTest, silver_iodide, write_structure

SHARED = pathlib.Path(os.environ.get("MLFF_SHARED", pathlib.Path(__file__).resolve().parents[3] / "shared"))


def random_walk(path, seed, n_frames=60, step=0.08, spacing=10.0, **info):
    """A trajectory of 16 atoms: silver wanders, iodine vibrates about its sites."""
    symbols, sites, cell = silver_iodide()
    rng = np.random.default_rng(seed)
    mobile = np.array([symbol == "Ag" for symbol in symbols])
    paths = sites.copy()
    if path.exists():
        path.unlink()
    for k in range(n_frames):
        paths[mobile] += rng.normal(0.0, step, (mobile.sum(), 3))
        paths[~mobile] = sites[~mobile] + rng.normal(0.0, 0.05, ((~mobile).sum(), 3))
        write_structure(path, symbols, paths, cell, time=k * spacing, **info)


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


OBSERVABLES = """\
observables:
  - {type: rdf, r_max: 7.0, width: 0.2}
  - {type: msd, framework: I}
  - {type: vdos, length: 100, velocities: positions}
  - {type: van_hove, species: Ag, framework: I, r_max: 5.0, times: 4}
  - {type: tetrahedra, corner: I, cutoff: 6.0}
  - {type: distance_angle, centres: Ag, anion: I, cation: Ag, bond: 3.2}
  - {type: conductivity, charges: {Ag: 1, I: -1}}
"""


ERRORS = {  # columns, and those of their errors
    "g": "g_error", "msd_A2": "msd_error_A2", "vdos_cm": "vdos_error_cm", "autocorrelation": "autocorrelation_error",
    "G_s_per_A3": "G_s_error_per_A3", "G_d_per_A3": "G_d_error_per_A3", "density_per_degree": "density_error_per_degree",
    "density_fs_per_degree": "density_error_fs_per_degree", "density_per_A_degree": "density_error_per_A_degree"}


class AnalyzeTest(ProgramTest):
    def analyze(self, trajectories, observables=OBSERVABLES, status=0, pictures=False):
        lines = "".join(f"  - {{{trajectory}}}\n" for trajectory in trajectories)
        (self.folder / "analyze.yaml").write_text(f"trajectories:\n{lines}{observables}output: out\npictures: {str(pictures).lower()}\n")
        out, err = self.mlff("analyze", "analyze.yaml", status=status)
        return out if status == 0 else err

    def summary(self):
        return json.loads((self.folder / "out" / "summary.json").read_text())

    def test_runs_are_averaged_and_compared(self):
        for k in range(3):
            random_walk(self.folder / f"{k}.xyz", k)
        random_walk(self.folder / "reference.xyz", 9)
        each = "temperature: 500"
        tables = {}
        self.analyze([f"files: {k}.xyz, label: run-{k}, {each}" for k in range(3)])
        alone = self.summary()
        names = [table["csv"] for observable in alone["observables"] for table in observable["tables"]]
        self.assertEqual(len(names), 10)
        for name in names:
            tables[name] = rows_of(self.folder / "out" / name)
        out = self.analyze([f"files: reference.xyz, label: AIMD, reference: true, {each}",
                            f"runs: [0.xyz, 1.xyz, 2.xyz], label: MLMD, {each}"], pictures=True)
        self.assertIn("MLMD (3 runs)", out)
        together = self.summary()
        checked = set()
        for name in names:
            rows = [row for row in rows_of(self.folder / "out" / name) if row["label"] == "MLMD"]
            single = [[row for row in tables[name] if row["label"] == f"run-{k}"] for k in range(3)]
            self.assertEqual(len(rows), len(single[0]))
            for column in rows[0]:
                if column in ("label", "runs", "role") or "error" in column:
                    continue
                try:
                    values = np.array([[float(row[column]) for row in run] for run in single])
                except ValueError:  # a key
                    self.assertEqual([row[column] for row in rows], [row[column] for row in single[0]])
                    continue
                mean = [float(row[column]) for row in rows]
                scale = 1e-4 * (1e-9 + np.abs(values).max())
                np.testing.assert_allclose(mean, values.mean(axis=0), atol=scale, err_msg=f"{name} {column}")
                if error := ERRORS.get(column):
                    expected = values.std(axis=0, ddof=1) / math.sqrt(3)
                    found = [float(row[error]) for row in rows]
                    np.testing.assert_allclose(found, expected, rtol=0.02, atol=scale, err_msg=f"{name} {error}")
                    checked.add(error)
            self.assertEqual({row["runs"] for row in rows}, {"3"})
            self.assertEqual({row["role"] for row in rows_of(self.folder / "out" / name) if row["label"] == "AIMD"},
                             {"reference"})
            self.assertTrue((self.folder / "out" / name.replace(".csv", ".svg")).exists(), name)
            self.assertTrue((self.folder / "out" / name.replace(".csv", ".png")).exists(), name)

        self.assertEqual(checked, set(ERRORS.values()))
        msd = next(o for o in together["observables"] if o["type"] == "msd")
        before = next(o for o in alone["observables"] if o["type"] == "msd")
        values = [before["runs"][f"run-{k}"]["Ag"]["D_fit_cm2_per_s"] for k in range(3)]
        silver = msd["runs"]["MLMD"]["Ag"]
        self.assertAlmostEqual(silver["D_fit_cm2_per_s"], np.mean(values))
        self.assertAlmostEqual(silver["D_fit_error_cm2_per_s"], np.std(values, ddof=1) / math.sqrt(3))
        self.assertEqual(silver["of_each_run"]["D_fit_cm2_per_s"], values)
        # ⟨Δx²⟩ = step² per frame: D = step²/(2 · 10 fs), in cm²/s a tenth of Å²/fs.
        self.assertAlmostEqual(silver["D_fit_cm2_per_s"], 0.1 * 0.08**2 / 20.0, delta=0.5 * 0.1 * 0.08**2 / 20.0)

        # The deviation from the reference, from the tables.
        rdf = next(o for o in together["observables"] if o["type"] == "rdf")
        table = [row for row in rows_of(self.folder / "out" / "rdf.csv") if row["pair"] == "Ag-I"]
        model, reference = ([float(row["g"]) for row in table if row["label"] == label] for label in ("MLMD", "AIMD"))
        difference = np.abs(np.subtract(model, reference))
        r = [float(row["r_A"]) for row in table if row["label"] == "AIMD"]
        deviation = rdf["deviation_from_reference"]["MLMD"]["curves"]["g"]["Ag-I"]
        self.assertAlmostEqual(deviation["largest_deviation"], difference.max(), places=4)
        self.assertAlmostEqual(deviation["at"][0], r[int(difference.argmax())], places=5)
        weights = np.square(r)
        self.assertAlmostEqual(deviation["integrated_deviation"],
                               (weights * difference).sum() / (weights * reference).sum(), places=4)
        self.assertAlmostEqual(deviation["overlap"], (weights * np.minimum(model, reference)).sum() /
                               (0.5 * (weights * np.add(model, reference)).sum()), places=4)

    def test_normalisations(self):
        random_walk(self.folder / "a.xyz", 1)
        self.analyze(["files: a.xyz, temperature: 500"])
        out = self.folder / "out"
        density = rows_of(out / "vdos.csv")
        every = [(float(row["wavenumber_per_cm"]), float(row["vdos_cm"])) for row in density if row["species"] == "all"]
        x, y = np.transpose(every)
        self.assertAlmostEqual(np.trapz(y, x), 3 * 16, delta=1e-3)
        rows = rows_of(out / "van_hove-self.csv")
        for time in {row["time_fs"] for row in rows}:
            integral = sum(4 * math.pi / 3 * ((float(row["r_A"]) + 0.05)**3 - (float(row["r_A"]) - 0.05)**3) *
                           float(row["G_s_per_A3"]) for row in rows if row["time_fs"] == time)
            self.assertAlmostEqual(integral, 1.0, delta=1e-4)
        for name, column, width in [("theta", "density_per_degree", 1.0), ("omega", "density_fs_per_degree", 0.001)]:
            rows = [row for row in rows_of(out / f"tetrahedra-{name}.csv") if row["angles"] == "filtered"]
            self.assertAlmostEqual(sum(float(row[column]) for row in rows) * width, 1.0, delta=0.02)

    def test_arrhenius(self):
        temperatures = [400, 500, 700]
        for t in temperatures:
            rate = 0.001 * math.exp(-0.05 / (8.617333262e-5 * t))  # Å²/fs
            random_walk(self.folder / f"{t}.xyz", t, n_frames=400, step=math.sqrt(2 * rate * 10.0), temperature=t)
        out = self.analyze([f"files: {t}.xyz" for t in temperatures],
                           "observables:\n  - {type: arrhenius, species: Ag, framework: I}\n")
        self.assertIn("activation energy", out)
        fit = self.summary()["observables"][0]["all"]["Ag"]
        self.assertLess(abs(fit["activation_energy_eV"] - 0.05), 3.0 * fit["activation_energy_error_eV"])
        rows = rows_of(self.folder / "out" / "arrhenius.csv")
        self.assertEqual([float(row["temperature_K"]) for row in rows], temperatures)

    def test_formats(self):
        """The same run as extended XYZ, XDATCAR and LAMMPS dump says the same."""
        random_walk(self.folder / "a.xyz", 3, n_frames=30)
        self.mlff("convert", "a.xyz", "XDATCAR")
        frames, lines = [], (self.folder / "a.xyz").read_text().split("\n")
        for k in range(30):
            atoms = [line.split() for line in lines[18 * k + 2:18 * k + 18]]
            frames.append(f"ITEM: TIMESTEP\n{5 * k}\nITEM: NUMBER OF ATOMS\n16\nITEM: BOX BOUNDS pp pp pp\n"
                          "0 10.12\n0 10.12\n0 5.06\nITEM: ATOMS id type x y z\n" +
                          "".join(f"{i + 1} {1 if a[0] == 'Ag' else 2} {a[1]} {a[2]} {a[3]}\n"
                                  for i, a in enumerate(atoms)))
        with gzip.open(self.folder / "run.dump.gz", "wt") as file:
            file.write("".join(frames))
        observables = "observables:\n  - {type: msd}\n  - {type: rdf, r_max: 6.0, width: 0.5}\n"
        self.analyze(["files: a.xyz, label: xyz", "files: XDATCAR, label: vasp, timestep: 10",
                      "files: run.dump.gz, label: lammps, timestep: 2, species: [Ag, I]"], observables)
        for name, key, column in [("msd", "species", "msd_A2"), ("rdf", "pair", "g")]:
            rows = rows_of(self.folder / "out" / f"{name}.csv")
            first = [(row[key], float(row[column])) for row in rows if row["label"] == "xyz"]
            for label in ("vasp", "lammps"):
                other = [(row[key], float(row[column])) for row in rows if row["label"] == label]
                self.assertEqual([k for k, _ in first], [k for k, _ in other])
                np.testing.assert_allclose([v for _, v in first], [v for _, v in other], rtol=1e-5, atol=1e-6)

    def test_a_real_xdatcar(self):
        source = SHARED / "data" / "vasp" / "XDATCAR_Li6PS5Cl_50p.gz"
        if not source.exists():
            self.skipTest("shared data are not there (MLFF_SHARED)")
        shutil.copy(source, self.folder / "XDATCAR.gz")
        out = self.analyze(["files: XDATCAR.gz, label: AIMD, timestep: 100"],
                           "observables:\n  - {type: msd, framework: [P, S]}\n"
                           "  - {type: tetrahedra, centres: P, corner: S, cutoff: 2.6}\n"
                           "  - {type: distance_angle, centres: P, anion: S, cation: Li, bond: 2.6}\n")
        self.assertIn("D by fit", out)
        units = self.summary()["observables"][1]["runs"]["AIMD"]["S-S-S"]
        self.assertEqual(units["units"], 32)
        err = self.analyze(["files: XDATCAR.gz, timestep: 0.1"], "observables:\n  - {type: msd}\n", status=2)
        self.assertRegex(err, r"^mlff: XDATCAR.gz:\d+: .*is time in fs.*\n$")

    def test_wrong_input_is_one_line(self):
        random_walk(self.folder / "a.xyz", 1)
        random_walk(self.folder / "long.xyz", 2, n_frames=70, spacing=20.0)
        cases = [
            (["label: x"], OBSERVABLES, "files"),
            (["files: a.xyz, runs: [a.xyz]"], OBSERVABLES, "give one of them"),
            (["files: a.xyz", "files: a.xyz"], OBSERVABLES, "twice"),
            (["files: a.xyz, reference: true", "files: a.xyz, label: b, reference: true"], OBSERVABLES, "there can be one"),
            (["files: a.xyz"], "observables:\n  - {type: rdff}\n", "did you mean 'rdf'"),
            (["files: a.xyz"], "observables:\n  - {type: tetrahedra, corner: I}\n", "cutoff"),
            (["files: a.xyz"], "observables:\n  - {type: tetrahedra, corner: I, cutoff: 1.0}\n", "no tetrahedron of I"),
            (["files: a.xyz"], "observables:\n  - {type: conductivity, charges: {Xx: 1}}\n", "chemical symbols"),
            (["files: a.xyz"], "observables:\n  - {type: conductivity, charges: {Ag: 1}}\n", "give the temperature"),
            (["files: a.xyz"], "observables:\n  - {type: vdos, lenght: 3}\n", "did you mean 'length'"),
            (["files: a.xyz"], "observables:\n  - {type: distance_angle, centres: Ag, anion: I, bond: 3}\n", "cation"),
            (["runs: [a.xyz, long.xyz]"], "observables:\n  - {type: msd}\n", "cannot be averaged"),
            (["files: a.xyz"], "observables:\n  - {type: arrhenius, species: Ag}\n", "temperature"),
            (["files: a.xyz, temperature: 300"], "observables:\n  - {type: arrhenius, species: Ag}\n", "two different"),
        ]
        for trajectories, observables, expected in cases:
            err = self.analyze(trajectories, observables, status=2)
            lines = [line for line in err.strip().split("\n") if not line.startswith("mlff: warning")]
            self.assertEqual(len(lines), 1, err)
            self.assertIn(expected, lines[0])


class Page(html.parser.HTMLParser):
    """What a report consists of."""

    def __init__(self, path):
        super().__init__()
        self.sources, self.addresses, self.open, self.text, self.tags = [], [], [], "", set()
        self.feed(path.read_text())
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        attributes = dict(attributes)
        if tag == "img":
            self.sources.append(attributes["src"])
            assert attributes["alt"]
        for key in ("href", "src", "srcset", "data", "action", "background"):
            if key in attributes:
                self.addresses.append(attributes[key])
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


STUDY = """\
structure: agi.xyz            # a remark: with a colon
output: study
reference: {type: embedded,
  potential: agi-6.5}
runs: 3
skip: 400
quick: 10
compile: {max_loss: 2%}
train:
  force_field:
    radial: {cutoff: 5.0, functions: 6}
    angular: {cutoff: 4.0, functions: 4, l_max: 2}
    kernel_power: 2
  learning: {threshold: {start: 0.02}}
  dynamics:
    thermostat: {type: langevin, period: 100}
    temperature: [400, 700]
    timestep: 2.0
    steps: 8000
production:
  dynamics: {temperature: 350, timestep: 2.0, steps: 4000}
  trajectory: {every: 4, velocities: true, forces: true}
analysis:
  observables:
    - {type: rdf, r_max: 6.0, width: 0.2}
    - {type: msd, framework: I}
    - {type: vdos, length: 200}
"""


BROWSERS = ["chromium", "chromium-browser", "google-chrome"]
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)

# Put into a copy of the page: what the browser has made of it.
PROBE = """<script>addEventListener("load", () => {
  const seen = {images: [...document.images].map(i => [i.complete, i.naturalWidth, i.naturalHeight, i.getBoundingClientRect().width]),
    requests: performance.getEntriesByType("resource").map(e => e.name).filter(name => !name.startsWith("data:")),
    width: [document.documentElement.scrollWidth, innerWidth],
    text: document.body.innerText,
    small: [...document.querySelectorAll("p, td, th, figcaption, summary")].filter(e => e.getClientRects().length > 0)
      .filter(e => parseFloat(getComputedStyle(e).fontSize) < 12).length};
  const result = document.createElement("pre");
  result.id = "seen";
  result.textContent = btoa(unescape(encodeURIComponent(JSON.stringify(seen))));
  document.body.append(result);
});</script>"""


def seen_by_a_browser(page, folder):
    """The page as a browser without a network shows it."""
    text = page.read_text()
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)
    assert policy and "default-src 'none'" in policy[1] and "script" not in policy[1]
    # Scripts for the probe alone; everything else stays forbidden.
    copy = folder / "copy.html"
    copy.write_text(text.replace(policy[0], policy[0].replace("img-src", "script-src 'unsafe-inline'; img-src")).replace(
        "</body>", PROBE + "</body>"))
    done = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND",
         f"--user-data-dir={folder / 'browser'}", "--window-size=1200,900", "--virtual-time-budget=10000", "--dump-dom",
         copy.as_uri()], capture_output=True, encoding="utf-8", timeout=120)
    found = re.search(r'<pre id="seen">([^<]*)</pre>', done.stdout)
    assert found, done.stderr[-2000:]
    return json.loads(base64.b64decode(found[1]))


class StudyTest(ProgramTest):
    def setUp(self):
        super().setUp()
        write_structure(self.folder / "agi.xyz", *silver_iodide())

    def test_one_command_then_another(self):
        (self.folder / "study.yaml").write_text(STUDY.replace("analysis:", "  guard: {every: 25}\nanalysis:"))
        out, _ = self.mlff("study", "study.yaml", "--quick")
        self.assertIn("== 8/8 report", out)
        # What it will cost comes first, part by part; what was lost by the cheaper form is told in the report.
        self.assertLess(out.index("estimate, on one core"), out.index("== 1/8"))
        estimate = out[:out.index("== 1/8")]
        for part in ["learning, 800 steps", "reference, 400 steps", "2 runs of 400 steps", "analysis of 300 frames", "in all"]:
            self.assertRegex(estimate, re.escape(part) + r" +\d+ (s|min)")
        self.assertIn("production.h5", out)
        self.assertIn("force_field: study-quick/production.h5", (self.folder / "study-quick" / "run-1.yaml").read_text())
        folder = self.folder / "study-quick"
        self.assertIn("guard: {every: 25}", (folder / "run-1.yaml").read_text())
        self.assertNotIn("guard", (folder / "reference.yaml").read_text())  # which has none
        for run, steps in [("train", 800), ("reference", 400), ("run-1", 400), ("run-2", 400)]:
            status = json.loads((folder / run / "status.json").read_text())
            self.assertEqual((status["step"], status["state"]), (steps, "done"))
        self.assertFalse((folder / "run-3").exists())
        seeds = {(folder / run / "trajectory.xyz").read_text() for run in ("run-1", "run-2")}
        self.assertEqual(len(seeds), 2)
        errors = json.loads((folder / "errors.json").read_text())
        self.assertTrue(30 < errors["structures"] <= 50, errors["structures"])
        self.assertLess(errors["force"]["rmse"], 300.0)
        summary = json.loads((folder / "analysis" / "summary.json").read_text())
        curves = summary["observables"][0]["deviation_from_reference"]["force field"]["curves"]["g"]
        self.assertGreater(curves["Ag-I"]["overlap"], 0.8)
        # Skip is a tenth as well: 40 of 800 fs, frames 8 fs apart.
        self.assertEqual({run["frames"] for run in summary["trajectories"]}, {96})

        page = Page(folder / "report.html")
        self.assertEqual(len(page.sources), 6)  # learning, parity, rdf, msd, vdos, autocorrelation
        for source in page.sources:
            kind, data = source.split(";base64,")
            content = base64.b64decode(data, validate=True)
            self.assertIn(kind, ("data:image/png", "data:image/svg+xml"))
            self.assertTrue(content.startswith(b"\x89PNG") or b"<svg" in content)
        for address in page.addresses:
            self.assertTrue(address.startswith(("data:", "#")), address[:80])
        self.assertFalse(page.tags & {"script", "link", "iframe", "object"})
        for word in ["reference calls", "force, Ag (meV/Å)", "Observables", "D fit (cm²/s)", "band centre (cm⁻¹)", "Speed",
                     "potential: agi-6.5", "overlap", "force field", "±"]:
            self.assertIn(word, page.text)

        if BROWSER is None:
            print(f"the report is not opened: none of {', '.join(BROWSERS)} is here")
        else:
            seen = seen_by_a_browser(folder / "report.html", self.folder)
            self.assertEqual(len(seen["images"]), len(page.sources))
            for complete, width, height, shown in seen["images"]:
                self.assertTrue(complete)
                self.assertGreater(min(width, height, shown), 100)
            self.assertEqual(seen["requests"], [])
            self.assertLessEqual(*seen["width"])  # nothing hangs over the side
            self.assertEqual(seen["small"], 0)
            for word in ["reference calls", "Force field of the runs", "D fit (cm²/s)", "band centre (cm⁻¹)", "Speed"]:
                self.assertIn(word, seen["text"])

        # Once more: nothing is computed again. Another study takes over the force field; a third its data.
        again, _ = self.mlff("study", "study.yaml", "--quick")
        self.assertIn("the training is complete; nothing to do", again)
        self.assertIn("the production form is there; nothing to do", again)
        self.assertNotIn("estimate", again)
        self.assertEqual(again.count("the run is complete; nothing to do"), 3)
        begin, end = STUDY.index("train:"), STUDY.index("production:")
        other = STUDY[:begin] + "force_field_of: study\n" + STUDY[end:]
        other = other.replace("output: study", "output: other").replace("production:", "production:\n  supercell: [1, 1, 2]")
        (self.folder / "other.yaml").write_text(other.replace("observables:", "pictures: false\n  observables:"))
        self.mlff("study", "other.yaml", "--quick")
        trajectory = (self.folder / "other-quick" / "run-1" / "trajectory.xyz").read_text()
        self.assertTrue(trajectory.startswith("32\n"))
        third = STUDY.replace("output: study", "output: third\nstart_from: study").replace(
            "observables:", "pictures: false\n  observables:").replace("{every: 4,", "{format: h5md, every: 4,")
        (self.folder / "third.yaml").write_text(third)
        self.mlff("study", "third.yaml", "--quick")
        calls = [json.loads((self.folder / name / "train" / "status.json").read_text())["reference_calls"]
                 for name in ("study-quick", "third-quick")]
        self.assertLess(calls[1], calls[0])

    def test_wrong_input(self):
        cases = [
            (STUDY.replace("runs: 3", "run: 3"), "did you mean 'runs'"),
            (STUDY.replace("production:", "prod:"), "unknown key 'prod'"),
            (STUDY[:STUDY.index("analysis:")], "analysis is missing"),
            (STUDY + "force_field_of: other\n", "exactly one of the two"),
            (STUDY.replace("  dynamics: {temperature: 350, timestep: 2.0, steps: 4000}\n", "").replace(
                "  guard: {every: 25}\n", "").replace("production:\n  trajectory:", "production: {dynamics: 3}\nx:"),
             "unknown key 'x'"),
            (STUDY.replace("runs: 3", "runs: 0"), "runs must be positive"),
            (STUDY.replace("max_loss", "max_los"), "did you mean 'max_loss'"),
        ]
        for text, expected in cases:
            (self.folder / "study.yaml").write_text(text)
            _, err = self.mlff("study", "study.yaml", status=2)
            self.assertEqual(err.count("\n"), 1, err)
            self.assertIn(expected, err)
            self.assertFalse((self.folder / "study").exists())
        flow = STUDY[:STUDY.index("production:")] + "production: {dynamics: {temperature: 500}}\n"
        (self.folder / "study.yaml").write_text(flow + STUDY[STUDY.index("analysis:"):])
        _, err = self.mlff("study", "study.yaml", status=2)
        self.assertIn("study.yaml:20: production must be written over several lines", err)
        _, err = self.mlff("report", "absent", status=2)
        self.assertIn("is no directory", err)
        (self.folder / "empty").mkdir()
        _, err = self.mlff("report", "empty", status=2)
        self.assertIn("nothing to report", err)
        for verb in ("report", "study"):
            out, _ = self.mlff(verb, "--help")
            self.assertRegex(out, rf"Example:\s+mlff {verb} \S+")


if __name__ == "__main__":
    unittest.main()
