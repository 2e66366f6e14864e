"""What a training run with an external reference spent, and how wrong its predictions were when they were checked.

    summary.py RUN_DIRECTORY [PICTURE.png]
"""
import json
import pathlib
import re
import sys
from datetime import datetime

import numpy as np

run = pathlib.Path(sys.argv[1])
stamp = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)  (.*)$", re.M)
lines = stamp.findall((run / "reference" / "log").read_text())
timed = [(what, float(seconds)) for _, text in lines for what, seconds in re.findall(r"^(.+?): ([\d.]+) s, ", text)]
calls = [seconds for what, seconds in timed if what == "call" or what.startswith("the same")]
reference = sum(seconds for _, seconds in timed)
first, last = (datetime.fromisoformat(lines[k][0]) for k in (0, -1))
status = json.loads((run / "status.json").read_text())

print(f"steps {status['step']}, reference calls {status['reference_calls']}, threshold {1e3 * status['threshold']:.1f} meV/Å")
print(f"seconds in the reference {reference:.0f} ({len(timed)} calls with those of the stress check; "
      f"median {np.median(calls):.1f} s, {min(calls):.1f} to {max(calls):.1f} s)")
elapsed = (last - first).total_seconds() + timed[0][1]  # from the start of the first call to the end of the last
print(f"seconds in all else until the last call {elapsed - reference:.0f} ({100 * (elapsed - reference) / elapsed:.1f} %)")
print("refused results", sum(text.startswith("refused") for _, text in lines))

# Each call that checked a prediction: step; estimates, mean and largest of the atoms; true errors. LASTE has the rms of a
# component; as BEEF is that of a vector, so is the error here.
estimates, checked = {}, []
for words in (line.split() for line in (run / "log").read_text().splitlines() if line and not line.startswith("#")):
    if words[0] == "BEEF":
        estimates[int(words[1])] = 1e3 * float(words[4]), 1e3 * float(words[3])
    if words[0] == "LASTE":
        checked.append((int(words[1]), *estimates[int(words[1])], 3**0.5 * 1e3 * float(words[3]), 1e3 * float(words[2]), float(words[4])))
table = np.array(checked)
print("\n      steps  calls   force error of an atom, rms of the calls [meV/Å]: estimated (mean BEEF)   true   ratio")
for begin in range(0, status["step"], 100):
    rows = table[(table[:, 0] > begin) & (table[:, 0] <= begin + 100)]
    if len(rows):
        estimated, true = np.sqrt(np.mean(rows[:, [1, 3]] ** 2, axis=0))
        print(f"{begin + 1:>5} to {begin + 100:>4} {len(rows):>5} {estimated:>70.1f} {true:>8.1f} {true / estimated:>6.1f}")
print("\n  step   BEEF mean   largest   true error: force, rms [meV/Å]   energy [meV/atom]   stress [kbar]")
for step, mean, largest, force, energy, stress in checked:
    print(f"{step:>6} {mean:>11.1f} {largest:>9.1f} {force:>32.1f} {energy:>19.2f} {stress:>15.2f}")

if len(sys.argv) > 2:
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    axes.semilogy(table[:, 0], table[:, 3], "o", ms=4, label="true error of an atom's force, rms")
    axes.semilogy(table[:, 0], table[:, 2], "^", ms=4, label="estimate (BEEF), largest")
    axes.semilogy(table[:, 0], table[:, 1], "v", ms=4, label="estimate (BEEF), mean")
    ticks = [10, 20, 50, 100, 200]
    axes.set(xlabel="step", ylabel="meV/Å")
    axes.set_yticks(ticks, map(str, ticks))
    axes.set_yticks([], minor=True)
    axes.legend(fontsize="small", ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    figure.savefig(sys.argv[2], dpi=110)
