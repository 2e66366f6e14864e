"""What a training run with an external reference spent, and how wrong its predictions were when they were checked.

    summary.py RUN_DIRECTORY
"""
import json
import pathlib
import re
import sys
from datetime import datetime

run = pathlib.Path(sys.argv[1])
stamp = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)  (.*)$", re.M)
lines = stamp.findall((run / "reference" / "log").read_text())
timed = [(what, float(seconds)) for _, text in lines for what, seconds in re.findall(r"^(.+?): ([\d.]+) s, ", text)]
calls = [seconds for what, seconds in timed if what == "call" or what.startswith("the same")]
reference = sum(seconds for _, seconds in timed)
first, last = (datetime.fromisoformat(lines[k][0]) for k in (0, -1))
status = json.loads((run / "status.json").read_text())
log = [line.split() for line in (run / "log").read_text().splitlines() if line and not line.startswith("#")]

print(f"steps {status['step']}, reference calls {status['reference_calls']}, threshold {1e3 * status['threshold']:.1f} meV/Å")
print(f"seconds in the reference {reference:.0f} ({len(timed)} calls with those of the stress check; "
      f"median {sorted(calls)[len(calls) // 2]:.1f} s)")
elapsed = (last - first).total_seconds() + timed[0][1]  # from the start of the first call to the end of the last
print(f"seconds in all else until the last call {elapsed - reference:.0f} ({100 * (elapsed - reference) / elapsed:.1f} %)")
print("refused results", sum(text.startswith("refused") for _, text in lines))
print("\n  step   true error of the prediction at a reference call: energy [meV/atom]   forces rms [meV/Å]   stress [kbar]")
for words in log:
    if words[0] == "LASTE":
        print(f"{words[1]:>6} {1e3 * float(words[2]):>66.2f} {1e3 * float(words[3]):>20.1f} {float(words[4]):>15.2f}")
