"""Density of Lennard-Jones argon at constant pressure, each barostat against NIST's values.

    npt_argon.py build/release/bin/mlff [STEPS] [BAROSTAT...]

NIST's Standard Reference Simulation Website gives the pressure of the Lennard-Jones fluid with long-range corrections at
some densities (https://mmlapps.nist.gov/srs/LJ_PURE/mc.htm). The runs have that pressure without the correction for
distances beyond the cutoff of the embedded potential ar-plain, 8.5 Å, which assumes g(r) = 1 there. 512 atoms.
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

EPSILON, SIGMA, CUTOFF = 0.0103, 3.405, 8.5  # eV, Å, Å
BOLTZMANN, GPA = 8.617333262e-5, 160.2176634
STATES = [(0.85, 0.780, 4.7924e-2), (0.85, 0.820, 5.5355e-1), (0.90, 0.860, 1.5781)]  # T*, ρ*, P*
BAROSTATS = {"cell-rescaling": "csvr", "mtk": "nose-hoover", "langevin": "langevin"}


def density(program, barostat, temperature, rho, pressure, steps):
    tail = 16 * np.pi / 3 * rho**2 * (2 / 3 * (SIGMA / CUTOFF)**9 - (SIGMA / CUTOFF)**3)
    unit = EPSILON / SIGMA**3 * GPA
    n = 8
    edge = n * rho**(-1 / 3) * SIGMA
    positions = edge / n * np.indices((n, n, n)).reshape(3, -1).T  # simple cubic, which melts at once
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        lines = [f'{len(positions)}\nLattice="{edge} 0 0 0 {edge} 0 0 0 {edge}" Properties=species:S:1:pos:R:3']
        lines += ["Ar {:.9f} {:.9f} {:.9f}".format(*r) for r in positions]
        (folder / "argon.xyz").write_text("\n".join(lines) + "\n")
        (folder / "run.yaml").write_text(f"""\
structure: argon.xyz
output: out
reference: {{type: embedded, potential: ar-plain}}
dynamics:
  ensemble: npt
  barostat: {{type: {barostat}, pressure: {(pressure - tail) * unit}, period: 1500, compressibility: 1.5}}
  thermostat: {{type: {BAROSTATS[barostat]}, period: 500}}
  temperature: {temperature * EPSILON / BOLTZMANN}
  timestep: 8
  steps: {steps}
trajectory: {{every: 100000}}
""")
        subprocess.run([program, "run", "run.yaml", "--quiet"], cwd=folder, check=True)
        volume = np.genfromtxt(folder / "out/thermo.csv", delimiter=",", names=True)["volume_A3"][2500:]
    blocks = np.array([len(positions) * SIGMA**3 / block.mean() for block in np.array_split(volume, 16)])
    return blocks.mean(), blocks.std(ddof=1) / 4


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    print("barostat        T*    P*        density: NIST  here      error     deviation")
    for temperature, rho, pressure in STATES:
        for barostat in sys.argv[3:] or BAROSTATS:
            mean, error = density(program, barostat, temperature, rho, pressure, steps)
            print(f"{barostat:15s} {temperature:.2f}  {pressure:.5f}   {rho:.4f}   {mean:.5f}   {error:.5f}   "
                  f"{100 * (mean / rho - 1):+.2f} %", flush=True)


if __name__ == "__main__":
    main()
