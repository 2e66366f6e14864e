"""`mlff serve` as the client of ASE's SocketIOCalculator and of i-PI, against `mlff predict`."""
import json
import os
import pathlib
import socket
import struct
import subprocess
import unittest

from host_case import MODEL, PROGRAM, HostTest, ase, atoms_of, np, triclinic_agi
from virtual_environment import virtual_environment

from ase.calculators.socketio import SocketIOCalculator  # noqa: E402

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
BOHR, HARTREE = 0.529177210903, 27.211386245988


class Serve(HostTest):
    def start(self, address, *options, structure="start.xyz"):
        client = subprocess.Popen([PROGRAM, "serve", MODEL, structure, "--socket", address, *options], cwd=self.folder,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
        self.addCleanup(client.stdout.close)
        self.addCleanup(client.kill)
        return client

    def end(self, client, status=0):
        printed, _ = client.communicate(timeout=60)
        self.assertEqual(client.returncode, status, printed)
        return printed

    def test_ase(self):
        atoms = atoms_of(*triclinic_agi((2, 1, 1)))
        ase.io.write(self.folder / "start.xyz", atoms)
        expected = self.predict(atoms)
        moved = atoms.copy()
        moved.set_cell(np.asarray(atoms.cell) * 1.02, scale_atoms=True)
        moved = atoms_of(moved.get_chemical_symbols(), moved.positions, np.asarray(moved.cell))
        second = self.predict(moved)
        name = f"mlff-test-{os.getpid()}"
        client = self.start(f"unix:{name}")
        with SocketIOCalculator(unixsocket=name, timeout=60) as calculator:
            for frame, answer in ((atoms, expected), (moved, second), (atoms, expected)):
                frame = frame.copy()
                frame.calc = calculator
                self.close(frame.get_potential_energy(), answer.get_potential_energy(), 1e-8)
                self.close(frame.get_forces(), answer.get_forces(), 1e-8)  # ASE has other digits of the units
                self.close(frame.get_stress(), answer.get_stress(), 1e-8)
        self.assertIn("3 structures computed", self.end(client))

    def listen(self):
        """A server on a free port of this machine."""
        server = socket.create_server(("127.0.0.1", 0))
        server.settimeout(60)
        self.addCleanup(server.close)
        return server, f"127.0.0.1:{server.getsockname()[1]}"

    @staticmethod
    def receive(connection, size):
        data = b""
        while len(data) < size:
            data += connection.recv(size - len(data)) or (_ for _ in ()).throw(EOFError())
        return data

    def ask(self, connection, word):
        connection.sendall(word.ljust(12).encode())
        return self.receive(connection, 12).decode().strip()

    @staticmethod
    def positions(atoms):
        cell = np.asarray(atoms.cell).T / BOHR
        return (b"POSDATA     " + cell.tobytes() + np.linalg.inv(cell).tobytes() + struct.pack("i", len(atoms)) +
                (atoms.positions / BOHR).tobytes())

    def test_every_number_of_the_answer(self):
        """Over TCP, by hand: units to all digits, the virial, error estimates as JSON."""
        atoms = atoms_of(*triclinic_agi((1, 1, 1)))
        ase.io.write(self.folder / "start.xyz", atoms)
        expected = self.predict(atoms)
        server, address = self.listen()
        client = self.start(address, "--uncertainty")
        connection, _ = server.accept()
        with connection:
            self.assertEqual(self.ask(connection, "STATUS"), "READY")
            connection.sendall(b"INIT        " + struct.pack("ii", 0, 3) + b"abc")
            connection.sendall(self.positions(atoms))
            self.assertEqual(self.ask(connection, "STATUS"), "HAVEDATA")
            self.assertEqual(self.ask(connection, "GETFORCE"), "FORCEREADY")
            energy, n = struct.unpack("=di", self.receive(connection, 12))
            forces = np.frombuffer(self.receive(connection, 24 * n)).reshape(n, 3)
            virial = np.frombuffer(self.receive(connection, 72)).reshape(3, 3)
            extra = json.loads(self.receive(connection, struct.unpack("i", self.receive(connection, 4))[0]))
            self.assertEqual(self.ask(connection, "STATUS"), "READY")
            connection.sendall(b"EXIT        ")
        self.end(client)
        self.close(energy * HARTREE, expected.get_potential_energy())
        self.close(forces * HARTREE / BOHR, expected.get_forces())
        self.close(virial * -HARTREE / atoms.get_volume(), expected.get_stress(voigt=False))
        self.close(extra["force_error"], expected.arrays["force_error"])
        self.close(extra["spilling"], expected.arrays["spilling"])
        self.close(extra["stress_error"], expected.info["stress_error"])
        self.close(extra["energy_error_per_atom"], expected.info["energy_error_per_atom"])

    def test_i_pi(self):
        """i-PI from PyPI runs the example: the energy of the first step, and what is conserved."""
        environment = virtual_environment("i-pi", "ipi==3.3.1", "numpy", "scipy")
        atoms = atoms_of(*triclinic_agi((2, 2, 1)))
        cell = " ".join(f"{x:.12f}" for x in atoms.cell.cellpar())
        lines = [f"{s} {x:.12f} {y:.12f} {z:.12f}" for s, (x, y, z) in zip(atoms.get_chemical_symbols(), atoms.positions)]
        (self.folder / "start.xyz").write_text(
            f"{len(atoms)}\n# CELL(abcABC): {cell} cell{{angstrom}} positions{{angstrom}}\n" + "\n".join(lines) + "\n")
        ase.io.write(self.folder / "order.extxyz", atoms, format="extxyz")
        name = f"mlff-ipi-{os.getpid()}"
        text = (EXAMPLES / "i-pi" / "input.xml").read_text()
        text = text.replace("<address>agi<", f"<address>{name}<").replace("<total_steps>1000<", "<total_steps>20<")
        (self.folder / "input.xml").write_text(text)
        server = subprocess.Popen([environment / "bin" / "i-pi", "input.xml"], cwd=self.folder, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, encoding="utf-8", env={"PATH": "/usr/bin:/bin"})
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.kill)
        client = self.start(f"unix:{name}", structure="order.extxyz")
        printed, _ = server.communicate(timeout=120)
        self.assertEqual(server.returncode, 0, printed)
        self.assertIn("structures computed", self.end(client))
        rows = np.loadtxt(self.folder / "agi.out")
        self.assertEqual(len(rows), 21)
        self.close(rows[0, 3], self.predict(atoms).get_potential_energy(), 5e-7)  # its units are of 2006
        self.assertLess(np.ptp(rows[:, 2]) / len(atoms), 1e-4)
        self.assertGreater(np.ptp(rows[:, 3]) / len(atoms), 1e-3)

    def test_wrong_input(self):
        atoms = atoms_of(*triclinic_agi((1, 1, 1)))
        ase.io.write(self.folder / "start.xyz", atoms)
        ase.io.write(self.folder / "other.xyz", ase.Atoms("Si", cell=5 * np.eye(3), pbc=True))
        self.assertIn("is neither unix:NAME nor HOST:PORT", self.end(self.start("agi"), 2))
        self.assertIn("start the server first", self.end(self.start("unix:mlff-nobody", "--wait", "0.2"), 2))
        self.assertIn("Si", self.end(self.start("unix:mlff-nobody", structure="other.xyz"), 2))
        server, address = self.listen()
        for message, status, words in (
                (self.positions(atoms + atoms), 2, "the server sends 8 atoms, but the structure has 4"),
                (b"GETFORCE    ", 1, "'GETFORCE' before POSDATA"), (b"HELLO WORLD!", 1, "does not speak the protocol"),
                (b"", 1, "the server closed the connection")):
            client = self.start(address)
            connection, _ = server.accept()
            with connection:
                connection.sendall(message)
                connection.shutdown(socket.SHUT_WR)
                self.assertIn(words, self.end(client, status))


if __name__ == "__main__":
    unittest.main()
