#!/usr/bin/env python3
"""Do error estimates hold on data unlike the training data?

    benchmarks/error_estimates.py build/release/bin/mlff OUTPUT [SET ...]

Fits a force field to one part of a data set and predicts another part: of the same kind (alike), with larger forces than
any in the training part (hot), larger cells (large), kinds of structure left out (kinds). Prints, for forces, energies
and stress, the share of labels within one and two (1.96) expected errors (68 and 95 % if errors were normal), the root
mean square of error / expected error (1), the negative log likelihood, the expected normalised calibration error of ten
bins, and for forces the rank correlation of expected and true error over all atoms and within structures. Twice: for
the expected errors of the fit, and for BEEF times the factor that fits the forces of the test part, which only hindsight
knows.

Needs ASE, SciPy, h5py, and the reference data (MLFF_SHARED, default ../shared).
"""
import os
import pathlib
import subprocess
import sys
import warnings

import h5py
import numpy as np
from ase.data import atomic_numbers
from ase.io import read, write
from scipy.stats import spearmanr

warnings.filterwarnings("ignore", module="ase")
DATA = pathlib.Path(os.environ.get("MLFF_SHARED", "../shared")) / "data"


def force_rms(atoms):
    return np.sqrt(np.mean(atoms.get_forces() ** 2))


def data_sets():
    """Name, training frames, test frames, references of each species."""
    lgps = read(DATA / "lgps/train.xyz.gz", ":")
    small, large = [a for a in lgps if len(a) < 100], [a for a in lgps if len(a) >= 100]
    by_force = sorted(small, key=force_rms)
    n = len(small)
    yield "lgps-alike", small[::2][:160], small[1::2][:120], 100
    yield "lgps-hot", by_force[:n // 2][:200], by_force[int(0.7 * n):][:120], 100
    yield "lgps-large", small[::2][:160], large[:12], 100
    silicon = [a for part in ["train", "test"] for a in read(DATA / f"mlearn/Si_{part}.xyz.gz", ":")]
    kind = lambda a: a.info.get("config_type", a.info.get("group"))
    dynamics = sorted([a for a in silicon if kind(a) == "AIMD-NVT"], key=force_rms)
    strained = [a for a in silicon if kind(a) == "Elastic"]
    yield "si-alike", silicon[::2], silicon[1::2], 300
    yield "si-hot", dynamics[:len(dynamics) // 2] + strained, dynamics[int(0.7 * len(dynamics)):], 300
    yield "si-kinds", dynamics + strained, [a for a in silicon if kind(a) in ("Surface", "Vacancy")], 300


def agreement(error, expected):
    rms = lambda x: np.sqrt(np.mean(x ** 2))
    # What vanishes by symmetry on both sides is rounding.
    keep = (np.abs(error) > 1e-4 * rms(error)) | (expected > 1e-4 * rms(expected))
    error, expected = error[keep], np.maximum(expected[keep], 1e-12)
    z = np.abs(error) / expected
    order = np.array_split(np.argsort(expected), 10)
    ence = np.mean([abs(rms(error[b]) - rms(expected[b])) / rms(expected[b]) for b in order if len(b)])
    nll = np.mean(0.5 * z ** 2 + np.log(expected)) + 0.5 * np.log(2 * np.pi)
    return (f"{100 * np.mean(z < 1):5.1f} {100 * np.mean(z < 1.96):5.1f}  rms z {rms(z):5.2f}  "
            f"NLL {nll:6.2f}  ENCE {ence:4.2f}")


def fit_and_predict(program, folder, training, test, references):
    folder.mkdir(parents=True, exist_ok=True)
    for name, frames in [("train", training), ("test", test)]:
        for atoms in frames:
            for key in ["forces", "energy", "stress"]:
                atoms.arrays.pop(key, None)
        write(folder / f"{name}.xyz", frames, format="extxyz")
    (folder / "fit.yaml").write_text(f"data: {{train: [train.xyz], folds: 4}}\nreferences: {{max: {references}}}\n"
                                     "trade_off: false\n")
    run = lambda *a: subprocess.run([program, *a], cwd=folder, check=True, capture_output=True)
    run("fit", "fit.yaml")
    run("predict", "model.h5", "test.xyz", "robust.xyz", "--uncertainty")
    (folder / "beef.h5").write_bytes((folder / "model.h5").read_bytes())
    with h5py.File(folder / "beef.h5", "r+") as file:  # the same force field with the Bayesian covariance
        del file["posterior/covariance"]
        file.attrs["version"] = 3
    run("predict", "beef.h5", "test.xyz", "beef.xyz", "--uncertainty")


def numbers(test, predicted, factors):
    """Errors and expected errors of force components, energies and stress components."""
    species = np.concatenate([a.numbers for a in predicted]).repeat(3)
    factor = np.full(len(species), factors["force"])
    for z, value in factors["species"].items():
        factor[species == z] = value
    force = np.concatenate([(p.get_forces() - t.get_forces()).ravel() for t, p in zip(test, predicted)])
    sigma = np.concatenate([p.arrays["force_deviation"].ravel() for p in predicted])
    energy = np.array([(p.get_potential_energy() - t.get_potential_energy()) / len(t)
                       for t, p in zip(test, predicted)])
    with_stress = [(t, p) for t, p in zip(test, predicted) if "stress" in t.calc.results]
    stress = np.array([p.get_stress() - t.get_stress() for t, p in with_stress]).ravel()
    stress_sigma = np.array([p.info["stress_deviation"] for _, p in with_stress]).ravel()
    return {"force": (force, np.hypot(factor * sigma, factors["force_floor"])),
            "energy": (energy, factors["energy"] * np.array([p.info["energy_deviation_per_atom"] for p in predicted])),
            "stress": (stress, np.hypot(factors["stress"] * stress_sigma, factors["stress_floor"]))}


def report(name, label, test, predicted, factors):
    values = numbers(test, predicted, factors)
    for kind, (error, expected) in values.items():
        print(f"{name:11s} {label:6s} {kind:6s} {agreement(error, expected)}", end="")
        if kind == "force":
            error, expected = (np.linalg.norm(x.reshape(-1, 3), axis=1) for x in (error, expected))
            first, within = 0, []
            for atoms in test:
                part = slice(first, first + len(atoms))
                within.append(spearmanr(error[part], expected[part])[0])
                first += len(atoms)
            print(f"  rank {spearmanr(error, expected)[0]:.2f}, within {np.nanmean(within):.2f}", end="")
        print(flush=True)


def main():
    program, output, wanted = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:]
    for name, training, test, references in data_sets():
        if wanted and name not in wanted:
            continue
        folder = output / name
        if not (folder / "beef.xyz").exists():
            fit_and_predict(program, folder, training, test, references)
        test = read(folder / "test.xyz", ":")
        with h5py.File(folder / "model.h5") as file:
            robust = {k: file[f"calibration/{k}"][()]
                      for k in ["energy", "force", "stress", "force_floor", "stress_floor"]}
            robust["species"] = {atomic_numbers[s]: v[()] for s, v in file["calibration"].get("species", {}).items()}
        print(f"{name:11s} force factor {robust['force']:.2f}, floor {1e3 * robust['force_floor']:.1f} meV/Å")
        report(name, "robust", test, read(folder / "robust.xyz", ":"), robust)
        beef = {"energy": 1.0, "force": 1.0, "stress": 1.0, "force_floor": 0.0, "stress_floor": 0.0, "species": {}}
        predicted = read(folder / "beef.xyz", ":")
        error, sigma = numbers(test, predicted, beef)["force"]
        factor = np.median(np.abs(error[sigma > 0]) / sigma[sigma > 0]) / 0.6745
        report(name, "BEEF", test, predicted, beef | {kind: factor for kind in ["energy", "force", "stress"]})
    return 0


if __name__ == "__main__":
    sys.exit(main())
