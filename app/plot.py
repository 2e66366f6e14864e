#!/usr/bin/env python3
"""Pictures of what mlff computes.

    plot.py rdf      rdf.csv    rdf         pair correlation functions, runs overlaid, one panel per pair
    plot.py msd      msd.csv    msd         mean square displacements, one panel per species
    plot.py vdos     vdos.csv   vdos        vibrational densities of states; likewise autocorrelation, theta, omega,
                                            conductivity, arrhenius and cell from the tables of mlff analyze
    plot.py van_hove_self v.csv v           maps of distance and time; likewise van_hove_distinct, distance_angle
    plot.py learning log        learning    error estimate of the forces against the step, from the log of a training
    plot.py parity   parity.csv parity      forces of the model against the reference, from mlff evaluate --parity
    plot.py calibration c.csv c             error estimates against errors, from mlff evaluate --calibration
    plot.py trade_off m.csv m               errors against time per atom, from mlff fit

The last argument is a file name (.png, .svg, .pdf) or, without an ending, the beginning of two: .png and .svg.
Exit status 3: matplotlib is not installed.
"""
import argparse
import csv
import math
import os
import sys
import tempfile

try:
    import matplotlib
    import matplotlib.ticker
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit(3)

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]  # Okabe & Ito: colour-blind safe
DASHES = ["-", "--", "-.", ":"]

plt.rcParams.update({
    "axes.linewidth": 0.8, "axes.prop_cycle": matplotlib.cycler(color=COLOURS),
    "figure.constrained_layout.use": True,
    "font.size": 9, "font.family": "sans-serif", "legend.frameon": False, "legend.fontsize": 8,
    "lines.linewidth": 1.3, "mathtext.default": "regular", "savefig.dpi": 300, "svg.hashsalt": "mlff",
    "xtick.direction": "in", "ytick.direction": "in", "xtick.top": True, "ytick.right": True,
})


def style(k):
    """Colour and dashes of the k-th run; where two agree, the first shows between the dashes of the second."""
    return {"color": COLOURS[k % len(COLOURS)], "linestyle": DASHES[k % len(DASHES)]}


def read_csv(path, columns):
    """Rows as dictionaries; every one of `columns` must be there."""
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = [name for name in columns if name not in (reader.fieldnames or [])]
        if missing:
            raise ValueError(f"{path}: no column '{missing[0]}' in the first line")
        rows = list(reader)
    if not rows:
        raise ValueError(f"{path}: no data")
    return rows


def grouped(rows, *keys):
    """{(value of each key): rows}, in the order of first occurrence."""
    groups = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return groups


def numbers(rows, column, unit=1.0):
    """Values of a column; what is empty becomes NaN, which is not drawn."""
    return [float(row[column]) * unit if row[column] else math.nan for row in rows]


def panels(n, width=3.4, height=2.6, most_columns=3):
    """A grid of n axes, as a list."""
    columns = min(n, most_columns)
    lines = -(-n // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(width * columns, height * lines), squeeze=False)
    for axis in axes.flat[n:]:
        axis.set_visible(False)
    return figure, list(axes.flat[:n])


def save(figure, out):
    names = [out] if os.path.splitext(out)[1] in (".png", ".svg", ".pdf") else [out + ".png", out + ".svg"]
    for name in names:
        metadata = {"Date": None} if name.endswith(".svg") else {}  # the same input makes the same file
        # The old picture or the new one, never a part.
        descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(name) or ".", suffix=os.path.splitext(name)[1])
        try:
            with os.fdopen(descriptor, "wb") as file:
                figure.savefig(file, format=os.path.splitext(name)[1][1:], metadata=metadata)
                file.flush()
                os.fsync(file.fileno())
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(temporary, 0o666 & ~mask)
            os.replace(temporary, name)
        except BaseException:
            os.unlink(temporary)
            raise


def band(group, errors):
    """Half width of the shaded band: the error, or with several runs the deviation between them."""
    return [e * math.sqrt(float(row.get("runs") or 1)) for e, row in zip(errors, group)]


def run_style(rows, label):
    """Style of a run; the reference is a black line."""
    labels = list(dict.fromkeys(row["label"] for row in rows if row.get("role") != "reference"))
    return style(labels.index(label)) if label in labels else {"color": "black", "linestyle": "-"}


def overlay(rows, panel_key, x, y, error, x_unit=1.0):
    """One panel per value of panel_key, one line with its band per label."""
    names = list(dict.fromkeys(row[panel_key] for row in rows))
    figure, axes = panels(len(names))
    for (name, label), group in grouped(rows, panel_key, "label").items():
        axis = axes[names.index(name)]
        xs, ys = numbers(group, x, x_unit), numbers(group, y)
        half = band(group, numbers(group, error)) if error else [math.nan] * len(ys)
        look = run_style(rows, label)
        axis.plot(xs, ys, label=label, **look)
        axis.fill_between(xs, [v - e for v, e in zip(ys, half)], [v + e for v, e in zip(ys, half)],
                          color=look["color"], alpha=0.2, linewidth=0)
    for name, axis in zip(names, axes):
        axis.set_title(name, fontsize=9)
        axis.set_xlim(left=0)
        axis.set_ylim(bottom=0)
    axes[0].legend()
    return figure, axes


def rdf(path):
    rows = read_csv(path, ["label", "pair", "r_A", "g", "g_error"])
    figure, axes = overlay(rows, "pair", "r_A", "g", "g_error")
    for axis in axes:
        axis.axhline(1.0, color="0.7", linewidth=0.6, zorder=0)
        axis.set_xlim(right=max(numbers(rows, "r_A")))
        axis.set_xlabel("r (Å)")
        axis.set_ylabel("g(r)")
    return figure


def msd(path):
    rows = read_csv(path, ["label", "species", "time_fs", "msd_A2", "msd_error_A2"])
    figure, axes = overlay(rows, "species", "time_fs", "msd_A2", "msd_error_A2", x_unit=1e-3)
    for axis in axes:
        axis.set_xlabel("t (ps)")
        axis.set_ylabel("MSD (Å$^2$)")
    return figure


def vdos(path):
    rows = read_csv(path, ["label", "species", "wavenumber_per_cm", "vdos_smooth_cm", "vdos_error_cm"])
    figure, axes = overlay(rows, "species", "wavenumber_per_cm", "vdos_smooth_cm", "vdos_error_cm")
    # Up to where a thousandth of the largest density is left.
    highest = max(numbers(rows, "vdos_smooth_cm"))
    end = max(float(row["wavenumber_per_cm"]) for row in rows if float(row["vdos_smooth_cm"]) > 1e-3 * highest)
    for axis in axes:
        axis.set(xlabel="wavenumber (cm$^{-1}$)", ylabel="modes per cm$^{-1}$", xlim=(0, 1.1 * end))
    return figure


def autocorrelation(path):
    rows = read_csv(path, ["label", "species", "time_fs", "autocorrelation", "autocorrelation_error"])
    figure, axes = overlay(rows, "species", "time_fs", "autocorrelation", "autocorrelation_error", x_unit=1e-3)
    for axis in axes:
        axis.axhline(0.0, color="0.7", linewidth=0.6, zorder=0)
        axis.set(xlabel="t (ps)", ylabel="velocity autocorrelation", ylim=(-1, 1))
    return figure


def theta(path):
    rows = read_csv(path, ["label", "angles", "theta_degrees", "density_per_degree", "density_error_per_degree"])
    figure, axes = overlay(rows, "angles", "theta_degrees", "density_per_degree", "density_error_per_degree")
    shown = [float(row["theta_degrees"]) for row in rows if float(row["density_per_degree"]) > 0.0]
    for axis in axes:
        axis.set(xlabel="θ (degrees)", ylabel="ρ(θ) (1/degree)", xlim=(max(0, min(shown) - 5), min(180, max(shown) + 5)))
    return figure


def omega(path):
    rows = read_csv(path, ["label", "angles", "omega_degrees_per_fs", "density_fs_per_degree"])
    figure, axes = overlay(rows, "angles", "omega_degrees_per_fs", "density_fs_per_degree",
                           "density_error_fs_per_degree")
    reach = max(abs(float(row["omega_degrees_per_fs"])) for row in rows if float(row["density_fs_per_degree"]) > 0.0)
    for axis in axes:
        axis.set(xlabel="ω (degrees/fs)", ylabel="ρ(ω) (fs/degree)", xlim=(-reach, reach))
    return figure


def conductivity(path):
    rows = read_csv(path, ["label", "quantity", "time_fs", "charge_displacement_e2_A2"])
    figure, axes = overlay(rows, "quantity", "time_fs", "charge_displacement_e2_A2", None, x_unit=1e-3)
    for axis in axes:
        axis.set(xlabel="t (ps)", ylabel="<|ΔP|$^2$> (e$^2$ Å$^2$)")
    return figure


def cell(path):
    """Volume, density, lengths and angles of the cell over time, one panel for each."""
    rows = read_csv(path, ["label", "quantity", "time_fs", "value"])
    figure, axes = overlay(rows, "quantity", "time_fs", "value", None, x_unit=1e-3)
    units = {"A3": "Å$^3$", "cm3": "g/cm$^3$", "A": "Å", "deg": "degrees"}
    for axis in axes:
        name, unit = axis.get_title().split("_")[0], axis.get_title().split("_")[-1]
        axis.set(xlabel="t (ps)", ylabel=f"{name} ({units.get(unit, unit)})", title="")
    return figure


def arrhenius(path):
    """D against 1000/T with error bars and the line of the fit, one panel per species."""
    rows = read_csv(path, ["species", "temperature_K", "D_cm2_per_s", "D_error_cm2_per_s"])
    groups = grouped(rows, "species")
    figure, axes = panels(len(groups))
    for axis, ((species,), group) in zip(axes, groups.items()):
        inverse = [1000.0 / t for t in numbers(group, "temperature_K")]
        rates, errors = numbers(group, "D_cm2_per_s"), numbers(group, "D_error_cm2_per_s")
        axis.errorbar(inverse, rates, yerr=errors, fmt="o", markersize=4, color=COLOURS[0], capsize=2)
        axis.set(yscale="log", xlabel="1000/T (1/K)", ylabel="D (cm$^2$/s)", title=species)
    return figure


def maps(path, panel, x, y, value, x_label, y_label, value_label, x_unit=1.0, transform=None, least=0.0):
    """One panel per label and value of `panel`: the value as colour over x and y, one scale for each row of panels, set
    by what lies at y ≥ least."""
    rows = read_csv(path, ["label", panel, x, y, value])
    names = list(dict.fromkeys(row[panel] for row in rows))
    labels = list(dict.fromkeys(row["label"] for row in rows))
    figure, grid = plt.subplots(len(names), len(labels), figsize=(3.2 * len(labels) + 0.6, 2.6 * len(names)),
                                squeeze=False, sharex=True, sharey=True)
    groups = grouped(rows, panel, "label")
    for name, line in zip(names, grid):
        drawn = {}
        for label in labels:
            group = groups.get((name, label), [])
            xs = sorted({float(row[x]) for row in group})
            ys = sorted({float(row[y]) for row in group})
            place = {(float(row[x]), float(row[y])): float(row[value]) for row in group}
            values = [[place[a, b] * (transform(b) if transform else 1.0) for a in xs] for b in ys]
            drawn[label] = ([a * x_unit for a in xs], ys, values)
        top = max((v for _, ys, values in drawn.values() for b, line_ in zip(ys, values) if b >= least for v in line_),
                  default=1.0)
        for axis, label in zip(line, labels):
            xs, ys, values = drawn[label]
            if len(xs) > 1 and len(ys) > 1:
                image = axis.pcolormesh(xs, ys, values, shading="nearest", cmap="viridis", vmin=0.0, vmax=top or 1.0,
                                        rasterized=True)
            axis.set_title(f"{name}, {label}", fontsize=9)
        figure.colorbar(image, ax=list(line), label=value_label)
    for axis in grid[-1]:
        axis.set_xlabel(x_label)
    for axis in grid[:, 0]:
        axis.set_ylabel(y_label)
    return figure


def van_hove_self(path):
    return maps(path, "species", "time_fs", "r_A", "G_s_per_A3", "t (ps)", "r (Å)", "4πr$^2$G$_s$ (1/Å)", 1e-3,
                lambda r: 4.0 * math.pi * r * r)


def van_hove_distinct(path):
    return maps(path, "pair", "time_fs", "r_A", "G_d_per_A3", "t (ps)", "r (Å)", "G$_d$ (Å$^{-3}$)", 1e-3,
                least=1.0)  # the few that take the place an atom has left outshine everything else


def distance_angle(path):
    return maps(path, "angle", "r_A", "phi_degrees", "density_per_A_degree", "r (Å)", "φ (degrees)",
                "ρ (1/(Å degree))")


def read_learning_log(path):
    """{step: {called, error, threshold}}. A resumed run goes back to its last checkpoint: what it does again replaces
    what the log says of the same and of later steps."""
    steps, last = {}, -1
    with open(path, encoding="utf-8") as file:
        for line in file:
            words = line.split()
            try:
                if line.startswith("STATUS "):
                    step, called = int(words[1]), words[4] == "T"
                    if step <= last:
                        steps = {s: entry for s, entry in steps.items() if s < step}
                    steps[step], last = {"called": called}, step
                elif line.startswith("BEEF "):
                    steps[int(words[1])].update(error=float(words[3]), threshold=float(words[5]))
            except (ValueError, IndexError, KeyError):
                continue  # the last line of a run in progress, or of one that was killed
    return steps


def learning(path):
    steps = read_learning_log(path)
    shown = {step: entry for step, entry in steps.items() if entry.get("error", 0.0) > 0.0}
    if not shown:
        raise ValueError(f"{path}: no BEEF line; the log of a training is needed")
    figure, (axis,) = panels(1, width=5.0, height=3.0)
    calls = [step for step, entry in shown.items() if entry["called"]]
    axis.plot(list(shown), [entry["error"] for entry in shown.values()], color="0.6", linewidth=0.6,
              label="largest error estimate")
    axis.plot(calls, [shown[step]["error"] for step in calls], "o", markersize=2.5, color=COLOURS[1],
              label="reference called")
    axis.step(list(shown), [entry["threshold"] for entry in shown.values()], where="post", color=COLOURS[0],
              label="threshold")
    axis.set_yscale("log")
    axis.set_xlim(0, max(steps))
    axis.set_xlabel("step")
    axis.set_ylabel("BEEF, forces (eV/Å)")
    n_calls = sum(entry["called"] for entry in steps.values())
    axis.set_title(f"{n_calls} reference calls in {max(steps)} steps", fontsize=9)
    axis.legend()
    return figure


def parity(path):
    rows = read_csv(path, ["species", "reference_eV_per_A", "model_eV_per_A"])
    figure, (axis,) = panels(1, width=3.6, height=3.5)
    for k, ((species,), group) in enumerate(grouped(rows, "species").items()):
        reference, model = numbers(group, "reference_eV_per_A"), numbers(group, "model_eV_per_A")
        rmse = math.sqrt(sum((m - r) ** 2 for m, r in zip(model, reference)) / len(group))
        axis.plot(reference, model, ".", markersize=2, alpha=0.5, markeredgewidth=0, color=style(k)["color"],
                  rasterized=True, label=f"{species}, RMSE {1000 * rmse:.1f} meV/Å")
    ends = [min(axis.get_xlim()[0], axis.get_ylim()[0]), max(axis.get_xlim()[1], axis.get_ylim()[1])]
    axis.plot(ends, ends, color="0.5", linewidth=0.6, zorder=0)
    axis.set(xlim=ends, ylim=ends, aspect="equal", xlabel="reference force (eV/Å)", ylabel="model force (eV/Å)")
    axis.legend(markerscale=4, handletextpad=0.2)
    return figure


def calibration(path):
    """Two panels per kind of label: reliability (rms in bins of like estimate) and coverage; the diagonals are perfect."""
    rows = read_csv(path, ["quantity", "curve", "scaling", "factor", "predicted", "observed"])
    units = {"force": "eV/Å", "energy": "eV/atom", "stress": "eV/Å$^3$"}  # other quantities: forces of one species
    shown = [(quantity, unit) for quantity, unit in units.items() if any(row["quantity"] == quantity for row in rows)]
    if not shown:
        raise ValueError(f"{path}: no forces, energies or stresses")
    figure, axes = panels(2 * len(shown), height=3.0, most_columns=2)
    names = {"raw": "raw", "model": "× {:.3g} (model)", "data": "× {:.3g} (these data)"}
    for (quantity, unit), (reliability, coverage) in zip(shown, zip(axes[::2], axes[1::2])):
        own = [row for row in rows if row["quantity"] == quantity]
        for (curve, scaling), group in grouped(own, "curve", "scaling").items():
            k = list(names).index(scaling)
            (reliability if curve == "reliability" else coverage).plot(
                numbers(group, "predicted"), numbers(group, "observed"), marker="o" if curve == "reliability" else None,
                markersize=3, label=names[scaling].format(float(group[0]["factor"])), **style(k))
        reliability.set(xscale="log", yscale="log", xlabel=f"error estimate, {quantity} ({unit})",
                        ylabel=f"true rms error ({unit})")
        coverage.set(xlim=(0, 1), ylim=(0, 1), xlabel=f"nominal confidence, {quantity}", ylabel="observed share")
        ends = [min(reliability.get_xlim()[0], reliability.get_ylim()[0]),
                max(reliability.get_xlim()[1], reliability.get_ylim()[1])]
        reliability.set(xlim=ends, ylim=ends)
        for axis in (reliability, coverage):
            axis.plot(axis.get_xlim(), axis.get_xlim(), color="0.5", linewidth=0.6, zorder=0)
            axis.legend()
    return figure


def trade_off(path):
    """Force and energy errors against the time of an evaluation; sizes of one model are joined, other models are dots."""
    rows = read_csv(path, ["references", "descriptor_size", "microseconds_per_atom", "energy_rmse_meV_per_atom",
                           "force_rmse_meV_per_A", "compression", "keep"])
    figure, axes = panels(2, width=3.4, height=3.0)
    settings = [name for name in rows[0] if name not in (
        "references", "microseconds_per_atom", "energy_rmse_meV_per_atom", "force_rmse_meV_per_A", "stress_rmse_GPa",
        "energy_weight", "seconds")]
    models = list(grouped(rows, *settings).values())
    for axis, column, unit in ((axes[0], "force_rmse_meV_per_A", "force RMSE (meV/Å)"),
                               (axes[1], "energy_rmse_meV_per_atom", "energy RMSE (meV/atom)")):
        for k, group in enumerate(models):
            x, y = numbers(group, "microseconds_per_atom"), numbers(group, column)
            if k == 0:
                axis.plot(x, y, "o-", markersize=4, color=COLOURS[0], zorder=3, label="this model, number of references")
                for row, a, b in zip(group, x, y):
                    axis.annotate(row["references"], (a, b), textcoords="offset points", xytext=(4, 4), fontsize=7)
            else:
                axis.plot(x, y, ".", markersize=5, color="0.6", label="other settings tried" if k == 1 else None)
        axis.set(xscale="log", yscale="log", xlabel="time per atom and evaluation (µs)", ylabel=unit)
        axis.margins(0.15)
        for side in (axis.xaxis, axis.yaxis):
            side.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 3, 5, 7)))
            side.set_major_formatter("{x:g}")
            side.set_minor_formatter(matplotlib.ticker.NullFormatter())
        axis.legend()
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = {"rdf": rdf, "msd": msd, "vdos": vdos, "autocorrelation": autocorrelation, "theta": theta, "omega": omega,
             "conductivity": conductivity, "arrhenius": arrhenius, "cell": cell, "van_hove_self": van_hove_self,
             "van_hove_distinct": van_hove_distinct, "distance_angle": distance_angle, "learning": learning,
             "parity": parity, "calibration": calibration, "trade_off": trade_off}
    parser.add_argument("kind", choices=kinds)
    parser.add_argument("input")
    parser.add_argument("output")
    arguments = parser.parse_args()
    try:
        save(kinds[arguments.kind](arguments.input), arguments.output)
    except (OSError, ValueError) as error:
        sys.exit(f"plot.py: {error}")


if __name__ == "__main__":
    main()
