#!/usr/bin/env python3
"""How time and memory of `mlff fit` grow with structures and with references.

    fit_scaling.py MLFF DATA.xyz[.gz]

Fits to a quarter, half and all of the structures with 400 references per species, and to all of them with 100, 200, 400
and 800; prints one line each. Errors are not the point: folds and comparisons are off.
"""
import gzip
import os
import re
import subprocess
import sys
import tempfile


def frames(path):
    """The frames of an extxyz file as text."""
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as file:
        while (line := file.readline()).strip():
            yield line + "".join(file.readline() for _ in range(int(line) + 1))


def fit(mlff, folder, data, references):
    """(references chosen, forecast GB, peak GB, s)"""
    settings = os.path.join(folder, "fit.yaml")
    with open(settings, "w", encoding="utf-8") as file:
        file.write(f"data: {{train: [{data}], folds: 1}}\n"
                   "force_field:\n"
                   "  radial: {cutoff: 6.5, width: 0.7, functions: 10, decay: 0}\n"
                   "  angular: {cutoff: 5.0, width: 0.9, functions: 5, l_max: 3, filter: off}\n"
                   "  radial_weight: 0.7\n  kernel_power: 2\n"
                   f"regression: {{prior: kernel}}\nreferences: {{max: {references}}}\ntrade_off: false\n"
                   f"output: {folder}/model.h5\n")
    out = subprocess.run([mlff, "fit", settings], capture_output=True, text=True, check=True).stdout
    forecast = re.search(r"local references, about ([\d.]+) GB", out)
    chosen = re.search(r"^local references: (.*)$", out, re.MULTILINE)[1]  # "561 Li, 20 P"
    spent = re.search(r"\((\d+) s, peak memory ([\d.]+) GB\)", out)
    return sum(map(int, re.findall(r"\d+", chosen))), float(forecast[1]), float(spent[2]), int(spent[1])


def main():
    mlff, path = sys.argv[1:]
    structures = list(frames(path))
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "data.xyz")
        print("structures  references  forecast GB  peak GB  time s", flush=True)
        for share, references in ((4, 400), (2, 400), (1, 100), (1, 200), (1, 400), (1, 800)):
            with open(data, "w", encoding="utf-8") as file:
                file.writelines(structures[::share])
            n, forecast, peak, seconds = fit(mlff, folder, data, references)
            print(f"{len(structures[::share]):10} {n:11} {forecast:12.2f} {peak:8.2f} {seconds:7}", flush=True)


if __name__ == "__main__":
    main()
