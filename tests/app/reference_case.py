"""What the tests of references that are other programs share: how to train with one, and ASE's SocketClient as a client."""
import os
import shutil
import subprocess
import sys
import time

from program import FORCE_FIELD, PROGRAM, ProgramTest, ase, np, write_structure

from ase.calculators.emt import EMT  # noqa: E402  (program.py has seen that ASE is there)

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def require(command, package):
    """The path of a command; without it there is nothing to test."""
    path = shutil.which(command)
    if path is None:
        print(f"skipped: {command} (package {package}) is not installed")
        sys.exit(77)
    return path


ASE_CLIENT = """\
import os, signal, sys, time
import ase.io
from ase.calculators.emt import EMT
from ase.calculators.socketio import SocketClient

class Noted(EMT):
    '''Leaves a line for each calculation, and takes its time from one of them on if it is told to.'''
    def calculate(self, atoms, properties, system_changes):
        with open("computed", "a") as file:
            file.write("begun\\n")
        if "MEET" in os.environ:  # somebody else must be at work, or have been
            with open(os.environ["MEET"], "a") as file:
                file.write("%%d\\n" %% os.getpid())
            for _ in range(2000):
                if len(set(open(os.environ["MEET"]))) > 1:
                    break
                time.sleep(0.01)
            else:
                sys.exit("nobody else was asked at the same time")
        if len(open("computed").readlines()) >= int(os.environ.get("SLOW_FROM", 1)):
            time.sleep(float(os.environ.get("SLOW", 0)))
        if "HANG_ONCE" in os.environ and not os.path.exists("hung"):
            open("hung", "w").close()
            os.kill(os.getpid(), signal.SIGSTOP)
        super().calculate(atoms, ["energy", "forces", "stress"], system_changes)

atoms = ase.io.read(sys.argv[1])
atoms.calc = Noted()
SocketClient(%s).run(atoms, use_stress=True)
"""


def train_yaml(reference, structure="start.xyz", steps=2, temperature=300, extra=""):
    return f"""\
structure: {structure}
output: out
seed: 3
{FORCE_FIELD}reference:
{reference}
learning: {{threshold: {{mode: fixed, start: 1e-9}}, interval: 1}}
dynamics: {{thermostat: {{type: langevin, period: 100}}, temperature: {temperature}, timestep: 1.0, steps: {steps}}}
{extra}"""


def triclinic(symbols, edge, basis, deviation, seed=4):
    """A deformed conventional cell with displaced atoms."""
    rng = np.random.default_rng(seed)
    cell = edge * (np.eye(3) + np.array([[0.0, 0.02, 0.01], [0.03, -0.01, 0.02], [-0.02, 0.01, 0.015]]))
    return symbols, np.asarray(basis) @ cell + rng.normal(0.0, deviation, (len(symbols), 3)), cell


def alloy():
    """Ag and Cu, known to EMT, in an order that is not that of the elements."""
    basis = [(x / 2 + a, y / 2 + b, z / 2 + c) for x in (0, 1) for y in (0, 1) for z in (0, 1)
             for a, b, c in ((0, 0, 0), (.25, .25, 0), (.25, 0, .25), (0, .25, .25))]
    symbols = (["Ag", "Cu", "Cu", "Ag"] * 8)
    return triclinic(symbols, 2 * 3.9, basis, 0.05)


class ReferenceTest(ProgramTest):
    def train(self, yaml, status=0, environment=None):
        (self.folder / "train.yaml").write_text(yaml)
        done = subprocess.run([PROGRAM, "train", "train.yaml", "--threads", "1"], cwd=self.folder, capture_output=True,
                              encoding="utf-8", timeout=200, env={**ENVIRONMENT, **(environment or {})})
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def start(self, yaml, environment=None):
        (self.folder / "train.yaml").write_text(yaml)
        process = subprocess.Popen([PROGRAM, "train", "train.yaml", "--threads", "1"], cwd=self.folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
                                   env={**ENVIRONMENT, **(environment or {})})
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process

    def wait_for(self, condition, process=None, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            if process is not None:
                self.assertIsNone(process.poll(), "it ended too early")
            time.sleep(0.01)

    def journal(self):
        return ase.io.read(self.folder / "out" / "journal", ":", format="extxyz")

    def journal_text(self):
        path = self.folder / "out" / "journal"
        return path.read_text() if path.exists() else ""

    def reference_log(self):
        return (self.folder / "out" / "reference" / "log").read_text()

    def compare(self, frames, direct, energy, force, stress):
        """Labels of frames against those of a function of the frame: energies [eV], forces [eV/A], stress [eV/A^3]."""
        for frame in frames:
            e, f, s = direct(frame)
            self.assertLess(abs(frame.get_potential_energy() - e), energy)
            self.assertLess(np.abs(frame.get_forces() - f).max(), force)
            self.assertLess(np.abs(frame.get_stress(voigt=False) - s).max(), stress)
            self.assertGreater(np.abs(f).max(), 1e4 * force, "forces too small for the comparison to mean anything")
            self.assertGreater(np.abs(s).max(), 1e2 * stress)


class AseClientTest(ReferenceTest):
    """ASE's SocketClient with EMT: quick, exact, and it may be told to be slow."""

    def setUp(self):
        super().setUp()
        write_structure(self.folder / "start.xyz", *alloy())
        (self.folder / "client.py").write_text(ASE_CLIENT % "unixsocket='{{socket}}'")
        (self.folder / "inet.py").write_text(ASE_CLIENT % "host='{{socket}}', port={{port}}")

    def reference(self, script="client.py", extra=""):
        return f"""\
  type: socket
  input: [{script}, start.xyz]
  command: "{sys.executable} {{{{input}}}} start.xyz"
  method: EMT
{extra}"""

    def computed(self):
        path = self.folder / "out" / "reference" / "computed"
        return path.read_text().count("begun") if path.exists() else 0

    @staticmethod
    def direct(frame):
        copy = frame.copy()
        copy.calc = EMT()
        return copy.get_potential_energy(), copy.get_forces(), copy.get_stress(voigt=False)

    def start_client(self, name, folder):
        """A client that nobody in mlff starts."""
        folder = self.folder / folder
        folder.mkdir()
        (folder / "mine.py").write_text(ASE_CLIENT % f"unixsocket='{name}'")
        client = subprocess.Popen([sys.executable, "mine.py", "../start.xyz"], cwd=folder, env={**ENVIRONMENT, "SLOW": "0.3"})
        self.addCleanup(lambda: client.poll() is None and client.kill())
        return client, folder / "computed"
