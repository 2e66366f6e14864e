#!/usr/bin/env python3
"""What a step costs here and in LAMMPS, timed alternately on one core: same crystal, same minutes.

    compare_lammps.py MLFF MODEL... [--lmp LMP] [--rounds 5]

SiC density (zincblende, a = 4.36 Å, 1,728 atoms displaced at random, 46 neighbours within 5 Å). Ours: force fields of SiC,
as silicon-carbide.sh makes them. LAMMPS: the styles below that the program at hand has; coefficients are made here with
the right sizes, as time does not depend on their values. Prints µs per atom and step, median of the rounds, and the rate
of a large matrix product in the same rounds. All times are those that the processor worked for the program, so that other
work on the machine disturbs little; start and end are subtracted. Needs NumPy.
"""
import argparse
import itertools
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
import numpy as np  # noqa: E402  (after the number of its threads)

EDGE, CELLS, STEPS = 4.36, 6, 10
SITES = np.array([(0, 0, 0), (0, .5, .5), (.5, 0, .5), (.5, .5, 0)])


def crystal(cells, seed):
    """Symbols, positions and edge of silicon carbide, displaced by 0.13 Å."""
    unit = np.concatenate([SITES, SITES + 0.25])
    corners = np.array(list(itertools.product(range(cells), repeat=3)))
    positions = EDGE * (corners[:, None] + unit[None]).reshape(-1, 3)
    positions += np.random.default_rng(seed).normal(0.0, 0.13, positions.shape)
    return (["Si"] * 4 + ["C"] * 4) * len(corners), positions, EDGE * cells


def extxyz(cells, seed):
    symbols, positions, edge = crystal(cells, seed)
    rows = [f"{s} {x:.8f} {y:.8f} {z:.8f}" for s, (x, y, z) in zip(symbols, positions)]
    return (f'{len(symbols)}\nLattice="{edge} 0 0 0 {edge} 0 0 0 {edge}" pbc="T T T" Properties=species:S:1:pos:R:3\n'
            + "\n".join(rows) + "\n")


def seconds_of(command, folder):
    """Processor time of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(command, folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def per_atom_and_step(seconds_of_steps, n_atoms):
    """µs, without what a run of one step takes."""
    return 1e6 * (seconds_of_steps(1 + STEPS) - seconds_of_steps(1)) / STEPS / n_atoms


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


# Ours -----------------------------------------------------------------------------------------------------------------

def time_ours(mlff, folder, model, n_atoms):
    def seconds(steps):
        with open(f"{folder}/run.yaml", "w", encoding="utf-8") as file:
            file.write(f"structure: crystal.xyz\nforce_field: {model}\noutput: run\nguard: off\n"
                       f"dynamics: {{ensemble: nve, temperature: 10, timestep: 0.001, steps: {steps}}}\n"
                       "trajectory: {every: 1000000}\n")
        shutil.rmtree(f"{folder}/run", ignore_errors=True)
        return seconds_of([mlff, "run", "run.yaml", "--threads", "1"], folder)
    return per_atom_and_step(seconds, n_atoms)


# LAMMPS ---------------------------------------------------------------------------------------------------------------

def snap_size(twojmax):
    """Number of bispectrum components."""
    return sum(1 for j1 in range(twojmax + 1) for j2 in range(j1 + 1)
               for j in range(j1 - j2, min(twojmax, j1 + j2) + 1, 2) if j >= j1)


def write_snap(folder, twojmax, quadratic=False):
    n = snap_size(twojmax)
    n_coefficients = 1 + n + (n * (n + 1) // 2 if quadratic else 0)
    values = 1e-9 * np.random.default_rng(1).normal(size=n_coefficients)
    with open(f"{folder}/snap{twojmax}.snapcoeff", "w", encoding="utf-8") as file:
        file.write(f"2 {n_coefficients}\n")
        for element in ("Si", "C"):
            file.write(f"{element} 0.5 1.0\n" + "".join(f"{value:.12g}\n" for value in values))
    with open(f"{folder}/snap{twojmax}.snapparam", "w", encoding="utf-8") as file:
        file.write(f"rcutfac 5.0\ntwojmax {twojmax}\nrfac0 0.99363\nrmin0 0.0\nquadraticflag {int(quadratic)}\n")
    return f"pair_style snap\npair_coeff * * snap{twojmax}.snapcoeff snap{twojmax}.snapparam Si C"


def write_tersoff(folder):
    """Any values that bind: time depends on the cutoff alone (3 Å here)."""
    line = "3.0 1.0 0.0 3.8e4 4.35 -0.57 0.7275 1.5e-7 1.8 170.0 2.85 0.15 3.6 1400.0"
    with open(f"{folder}/sic.tersoff", "w", encoding="utf-8") as file:
        file.writelines(f"{a} {b} {c} {line}\n" for a in ("Si", "C") for b in ("Si", "C") for c in ("Si", "C"))
    return "pair_style tersoff\npair_coeff * * sic.tersoff Si C"


def write_uf3(folder, cutoff, three_body_cutoff, spacing=0.4):
    """Cubic splines, one every 0.4 Å: pairs, and triples of a centre with two neighbours."""
    random = np.random.default_rng(1)

    def knots(end):
        return np.concatenate([[0.001] * 3, np.linspace(0.001, end, int(end / spacing) + 1), [end] * 3])

    def rows(*arrays):
        return "".join(" ".join(f"{x:.10g}" for x in array) + "\n" for array in arrays)

    pair, leg, base = knots(cutoff), knots(three_body_cutoff), knots(2 * three_body_cutoff)
    elements = ("Si", "C")
    with open(f"{folder}/sic.uf3", "w", encoding="utf-8") as file:
        for a, b in itertools.combinations_with_replacement(elements, 2):
            file.write(f"#UF3 POT UNITS: metal\n2B {a} {b} 0 3 nk\n{cutoff} {len(pair)}\n{rows(pair)}{len(pair) - 4}\n"
                       + rows(1e-6 * random.normal(size=len(pair) - 4)) + "#\n")
        for centre in elements:
            for a, b in itertools.combinations_with_replacement(elements, 2):
                n = [len(k) - 4 for k in (leg, leg, base)]
                file.write(f"#UF3 POT UNITS: metal\n3B {centre} {a} {b} 0 3 nk\n{2 * three_body_cutoff} {three_body_cutoff} "
                           f"{three_body_cutoff} {len(base)} {len(leg)} {len(leg)}\n{rows(base, leg, leg)}"
                           f"{n[0]} {n[1]} {n[2]}\n" + rows(*(1e-6 * random.normal(size=(n[0] * n[1], n[2])))) + "#\n")
    return "pair_style uf3 3\npair_coeff * * sic.uf3 Si C"


def styles_of(lmp):
    words = set(run([lmp, "-h"], ".").split())
    return lambda style: style in words or f"{style}/omp" in words


def lammps_cases(lmp, folder):
    """Name and commands of the styles that this LAMMPS has; and the names of those that it lacks."""
    has, cases, absent = styles_of(lmp), [], []
    for style, variants in (
            ("tersoff", [("tersoff, 3 Å", lambda: write_tersoff(folder))]),
            ("uf3", [("UF3, pairs to 5 Å, triples to 3.5 Å", lambda: write_uf3(folder, 5.0, 3.5))]),
            ("snap", [(f"SNAP, twojmax {j}, 5 Å, {snap_size(j)} components", lambda j=j: write_snap(folder, j))
                      for j in (6, 8)])):
        if has(style):
            cases += [("LAMMPS " + name, write()) for name, write in variants]
        else:
            absent.append(style)
    absent += [style for style in ("pace", "nep", "quip") if not has(style)]
    return cases, absent


def write_lammps_data(folder):
    symbols, positions, edge = crystal(CELLS, 1)
    positions %= edge
    with open(f"{folder}/crystal.data", "w", encoding="utf-8") as file:
        file.write(f"crystal\n\n{len(symbols)} atoms\n2 atom types\n0 {edge} xlo xhi\n0 {edge} ylo yhi\n"
                   f"0 {edge} zlo zhi\n\nMasses\n\n1 28.085\n2 12.011\n\nAtoms # atomic\n\n")
        file.writelines(f"{i + 1} {1 if s == 'Si' else 2} {x:.8f} {y:.8f} {z:.8f}\n"
                        for i, (s, (x, y, z)) in enumerate(zip(symbols, positions)))


def time_lammps(lmp, folder, commands, n_atoms):
    def seconds(steps):
        with open(f"{folder}/in.lammps", "w", encoding="utf-8") as file:
            file.write("units metal\natom_style atomic\nboundary p p p\nread_data crystal.data\n"
                       f"{commands}\nneighbor 1.0 bin\ntimestep 0.000001\nfix 1 all nve\nrun {steps}\n")
        return seconds_of([lmp, "-in", "in.lammps", "-log", "none"], folder)
    return per_atom_and_step(seconds, n_atoms)


# ----------------------------------------------------------------------------------------------------------------------

def matrix_rate(dtype):
    """GFlop/s of a product of 1,000 x 1,000 matrices on one core."""
    A, B = (np.random.default_rng(seed).random((1000, 1000)).astype(dtype) for seed in (1, 2))
    start = time.process_time()
    for _ in range(5):
        A @ B
    return 5 * 2.0 / (time.process_time() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mlff", help="the program")
    parser.add_argument("models", nargs="+", help="force fields of SiC")
    parser.add_argument("--lmp", default="lmp", help="LAMMPS (default: lmp)")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    mlff = os.path.abspath(arguments.mlff)
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/crystal.xyz", "w", encoding="utf-8") as file:
            file.write(extxyz(CELLS, 1))
        n_atoms = 8 * CELLS**3
        write_lammps_data(folder)
        cases, absent = lammps_cases(arguments.lmp, folder)
        timers = {name: lambda c=commands: time_lammps(arguments.lmp, folder, c, n_atoms) for name, commands in cases}
        for model in arguments.models:
            timers[f"mlff {model}"] = lambda m=os.path.abspath(model): time_ours(mlff, folder, m, n_atoms)
        times, rates = {name: [] for name in timers}, {np.float64: [], np.float32: []}
        for _ in range(arguments.rounds):
            for dtype, values in rates.items():
                values.append(matrix_rate(dtype))
            for name, timer in timers.items():
                times[name].append(timer())
    print(f"{n_atoms} atoms, one core, µs per atom and step, median of {arguments.rounds} rounds")
    for name, values in times.items():
        print(f"{statistics.median(values):8.1f}  {name}")
    double, single = (statistics.median(values) for values in rates.values())
    print(f"matrix products of 1,000 x 1,000: {double:.0f} GFlop/s in double precision, {single:.0f} in single")
    if absent:
        print(f"absent from {arguments.lmp}: {', '.join(absent)}")


if __name__ == "__main__":
    main()
