"""Helpers of the demo: pick frames of a trajectory, and put the results of all parts into one table.

    summary.py frames TRAJECTORY.xyz OUT.xyz    every tenth frame after the first 2 ps, at most 50
    summary.py table OUTPUT_DIR SUMMARY.json    prints the table and writes it as JSON
"""

import json
import os
import sys

SKIPPED_FS = 2000.0
N_FRAMES = 50


def read_frames(path):
    """Frames of an extended XYZ file as text, one at a time."""
    with open(path) as file:
        while count := file.readline():
            yield count + "".join(file.readline() for _ in range(int(count) + 1))


def time_of(frame):
    comment = frame.split("\n", 2)[1]
    return float(next(word[len("time="):] for word in comment.split() if word.startswith("time=")))


def pick_frames(source, target):
    frames = [frame for frame in read_frames(source) if time_of(frame) >= SKIPPED_FS]
    step = max(1, len(frames) // N_FRAMES)
    with open(target, "w") as file:
        file.writelines(frames[::step][:N_FRAMES])


def load(*path):
    with open(os.path.join(*path)) as file:
        return json.load(file)


def count_calls(log):
    """Number of reference calls and of evaluations, from the STATUS lines of the training log."""
    called = {}
    with open(log) as file:
        for line in file:
            words = line.split()
            if words and words[0] == "STATUS":
                called[int(words[1])] = words[4] == "T"
    return sum(called.values()), len(called)


def observable(analysis, kind):
    return next(entry for entry in analysis["observables"] if entry["type"] == kind)["runs"]


def collect(output):
    train, model, reference = (load(output, part, "status.json") for part in ("train", "model", "reference"))
    errors = load(output, "errors.json")
    analysis = load(output, "analysis", "summary.json")
    rdf, msd = observable(analysis, "rdf"), observable(analysis, "msd")
    calls, evaluations = count_calls(os.path.join(output, "train", "log"))
    if calls != train["reference_calls"]:
        sys.exit(f"summary.py: the log has {calls} reference calls, status.json {train['reference_calls']}")
    diffusion = {
        run: {"D_Ag_cm2_per_s": msd[run]["Ag"]["D_fit_cm2_per_s"], "error": msd[run]["Ag"]["D_fit_error_cm2_per_s"],
              "D_Ag_end_point_cm2_per_s": msd[run]["Ag"]["D_end_point_cm2_per_s"]}
        for run in ("model", "reference")}
    return {
        "training_steps": train["steps"],
        "reference_calls": train["reference_calls"],
        "share_of_steps_without_reference": 1.0 - calls / evaluations,
        "threshold_eV_per_A": train["threshold"],
        "local_references": train["local_references"],
        "force_rmse_meV_per_A": {symbol: block["force"]["rmse"] for symbol, block in errors["by_species"].items()},
        "test_frames": errors["structures"],
        "energy_rmse_meV_per_atom": errors["energy"]["rmse"],
        "stress_rmse_GPa": errors["stress"]["rmse"],
        "first_peak_A": {run: {pair: rdf[run][pair]["peak_A"] for pair in rdf[run]} for run in ("model", "reference")},
        "diffusion": diffusion,
        "production_ps": {"model": 0.002 * model["step"], "reference": 0.002 * reference["step"]},
        "speed_us_per_atom_step": {"model": model["microseconds_per_atom_step"],
                                   "reference": reference["microseconds_per_atom_step"]},
        "atoms": {"training": 128, "production": model["atoms"]},
        "threads": os.environ.get("OMP_NUM_THREADS", str(os.cpu_count())),
    }


def print_table(s):
    def row(name, value):
        print(f"  {name:<44} {value}")

    def d(run):
        entry = s["diffusion"][run]
        error = f" ± {entry['error']:.1e}" if entry["error"] is not None else ""
        return f"{entry['D_Ag_cm2_per_s']:.2e}{error} cm²/s"

    print("  AgI, learned on the fly from an embedded stand-in for DFT")
    row("training steps", s["training_steps"])
    row("reference calls", s["reference_calls"])
    row("steps without a reference", f"{100 * s['share_of_steps_without_reference']:.2f} %")
    row("threshold", f"{s['threshold_eV_per_A']:.4f} eV/Å")
    row("local references", ", ".join(f"{n} {symbol}" for symbol, n in s["local_references"].items()))
    for symbol, rmse in s["force_rmse_meV_per_A"].items():
        row(f"force RMSE {symbol}, {s['test_frames']} reference frames", f"{rmse:.1f} meV/Å")
    row("energy RMSE", f"{s['energy_rmse_meV_per_atom']:.2f} meV/atom")
    for pair, peak in s["first_peak_A"]["model"].items():
        row(f"first peak of g(r) {pair}, model / reference", f"{peak:.3f} / {s['first_peak_A']['reference'][pair]:.3f} Å")
    row("D_Ag model", d("model"))
    row("D_Ag reference", d("reference"))
    row(f"speed model, {s['atoms']['production']} atoms, {s['threads']} threads",
        f"{s['speed_us_per_atom_step']['model']:.1f} µs per atom and step")
    row("speed reference", f"{s['speed_us_per_atom_step']['reference']:.1f} µs per atom and step")


def main():
    match sys.argv[1:]:
        case ["frames", source, target]:
            pick_frames(source, target)
        case ["table", output, target]:
            summary = collect(output)
            with open(target, "w") as file:
                json.dump(summary, file, indent=2)
                file.write("\n")
            print_table(summary)
            print(f"  table: {target}; pictures: {output}/learning.png, {output}/analysis/*.png, {output}/parity.png")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
