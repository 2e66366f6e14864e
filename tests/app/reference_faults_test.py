"""Whatever goes wrong with a reference or with the machine: nothing is lost, nothing repeated, and a line says what to do.
With ASE's SocketClient."""
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import unittest

from program import PROGRAM, ase, write_structure
from reference_case import ENVIRONMENT, AseClientTest, alloy, train_yaml



class Faults(AseClientTest):
    def test_a_stop_during_a_call_ends_at_once_and_loses_nothing(self):
        yaml = train_yaml(self.reference(extra="  grace: 0.2 s\n  stress_check: off\n"), steps=3)
        process = self.start(yaml, {"SLOW": "600", "SLOW_FROM": "3"})
        self.wait_for(lambda: self.computed() == 3, process)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)  # fails if it waits for the call that it is to abandon
        self.assertEqual(process.returncode, 130, output)
        self.assertEqual(len(self.journal()), 2)
        self.train(yaml)
        self.assertEqual([frame.info["step"] for frame in self.journal()], [0, 1, 2, 3])
        self.assertEqual(self.computed(), 5, "four results, one of them begun twice")

    def test_a_stop_during_the_first_call_leaves_a_run_that_begins(self):
        yaml = train_yaml(self.reference(extra="  grace: 0.1 s\n"))
        process = self.start(yaml, {"SLOW": "30"})
        self.wait_for(lambda: self.computed() == 1, process)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, output)
        self.train(yaml)
        self.assertEqual([frame.info["step"] for frame in self.journal()], [0, 1, 2])

    def test_a_stop_lets_a_call_finish_that_is_nearly_done(self):
        yaml = train_yaml(self.reference(extra="  grace: 30 s\n  stress_check: off\n"), steps=3)
        process = self.start(yaml, {"SLOW": "2", "SLOW_FROM": "2"})
        self.wait_for(lambda: self.computed() == 2, process)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, output)
        self.assertEqual(len(self.journal()), 2)
        self.train(yaml)
        self.assertEqual(self.computed(), 4)

    def test_a_killed_server_resumes_without_repeating(self):
        yaml = train_yaml(self.reference(extra="  stress_check: off\n"), steps=3)
        process = self.start(yaml, {"SLOW": "30", "SLOW_FROM": "3"})
        self.wait_for(lambda: self.computed() == 3, process)
        process.kill()
        process.wait()
        self.train(yaml)
        self.assertEqual([frame.info["step"] for frame in self.journal()], [0, 1, 2, 3])
        self.assertEqual(self.computed(), 5)

    def test_a_full_disk_is_named_and_the_run_goes_on_later(self):
        yaml = train_yaml(self.reference(extra="  stress_check: off\n"), steps=3)
        (self.folder / "train.yaml").write_text(yaml)
        limit = 6000  # bytes; the journal takes more
        done = subprocess.run([PROGRAM, "train", "train.yaml"], cwd=self.folder, capture_output=True, encoding="utf-8",
                              timeout=100, env=ENVIRONMENT, restore_signals=False,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY)))
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertRegex(done.stderr, "out/.*File too large")
        before = self.computed()
        kept = len(re.findall("checksum=", self.journal_text()))
        self.assertGreater(kept, 0)
        self.train(yaml)
        self.assertEqual([frame.info["step"] for frame in self.journal()], [0, 1, 2, 3])
        self.assertLessEqual(self.computed() - before, 4 - kept + 1)

    @unittest.skipUnless(shutil.which("mpirun"), "mpirun is not installed")
    def test_under_mpirun_a_client_may_be_an_mpirun_itself(self):
        allowed = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_mpi_yield_when_idle": "1"}
        mpirun = "mpirun --oversubscribe --bind-to none -np 1"
        reference = self.reference().replace('command: "', f'command: "env > environment; {mpirun} ')
        (self.folder / "train.yaml").write_text(train_yaml(reference))
        done = subprocess.run([*mpirun.split(), PROGRAM, "train", "train.yaml"], cwd=self.folder, capture_output=True,
                              encoding="utf-8", timeout=200, env={**ENVIRONMENT, **allowed})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.compare(self.journal(), self.direct, 1e-6, 1e-6, 1e-7)
        seen = (self.folder / "out" / "reference" / "environment").read_text()
        self.assertEqual(re.findall(r"^(?:OMPI_(?!MCA_|ALLOW_)|OMPI_MCA_(?:ess|pmix|orte_ess)|PMIX_(?!MCA_)|PMI_)\w*", seen, re.M), [])
        self.assertIn("OMPI_MCA_mpi_yield_when_idle=1", seen)

    @unittest.skipUnless(shutil.which("unshare") and not subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"],
                                                                        capture_output=True).returncode,
                         "no right to mount a small disk")
    def test_a_disk_that_is_really_full(self):
        """The run directory on a disk that holds some calls, but not all; later there is more room."""
        (self.folder / "train.yaml").write_text(train_yaml(self.reference(extra="  stress_check: off\n"), steps=20))
        (self.folder / "out").mkdir()
        (self.folder / "script").write_text(
            f"mount -t tmpfs -o size=160k none out\n"
            f"{PROGRAM} train train.yaml > first 2>&1; echo $? > first-status\n"
            f"cp out/journal first-journal; cp out/reference/computed first-computed\n"
            f"mount -o remount,size=64m out\n"
            f"{PROGRAM} train train.yaml > second 2>&1; echo $? > second-status\n"
            f"cp -r out kept\n")
        subprocess.run(["unshare", "-rm", "sh", "script"], cwd=self.folder, timeout=200, env=ENVIRONMENT)
        read = lambda name: (self.folder / name).read_text()
        self.assertIn(read("first-status").strip(), ["1", "3"], read("first"))
        self.assertRegex(read("first").splitlines()[-1], "^mlff: .*No space left on device", read("first"))
        self.assertEqual(read("second-status").strip(), "0", read("second"))
        kept = len(re.findall("checksum=[0-9a-f]{16}", read("first-journal")))
        self.assertGreater(kept, 0)
        self.assertIn(f"resuming: {kept} reference results", read("second"))
        frames = ase.io.read(self.folder / "kept" / "journal", ":", format="extxyz")
        self.assertEqual([frame.info["step"] for frame in frames], list(range(21)))
        self.compare(frames, self.direct, 1e-6, 1e-6, 1e-7)
        # Every result that reached the journal was computed once.
        again = read("kept/reference/computed").count("begun") - read("first-computed").count("begun")
        self.assertEqual(again, 21 - kept)

    def test_a_client_that_hangs_is_given_up_and_started_again(self):
        self.train(train_yaml(self.reference(extra="  time_limit: 2 s\n  stress_check: off\n")), environment={"HANG_ONCE": "1"})
        self.assertEqual(self.reference_log().count("refused, see failed-001: call, attempt 1 of 3: the client did not answer "
                                                    "within the time limit"), 1)
        self.assertEqual(len(self.journal()), 3)
        self.compare(self.journal(), self.direct, 1e-6, 1e-6, 1e-7)

    def test_a_client_with_another_structure_stops_the_run(self):
        (self.folder / "other").mkdir()
        symbols, positions, cell = alloy()
        write_structure(self.folder / "other" / "other.xyz", symbols[:-1], positions[:-1], cell)
        reference = self.reference().replace("[client.py, start.xyz]", "[client.py, other/other.xyz]").replace(
            "start.xyz\"", "other.xyz\"")
        text = self.train(train_yaml(reference), status=3)
        self.assertIn("failed in all 3 attempts", text)
        self.assertRegex(text, "its last words: .*ValueError")
        self.assertEqual(self.journal_text(), "")

    def test_an_address_that_is_taken_is_told_at_once(self):
        name = f"mlff-test-{os.getpid()}-taken"
        with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix:
            tcp.bind(("127.0.0.1", 0))
            tcp.listen()
            unix.bind(f"/tmp/ipi_{name}")
            self.addCleanup(os.unlink, f"/tmp/ipi_{name}")
            unix.listen()
            port = tcp.getsockname()[1]
            for address, message in [(f"127.0.0.1:{port}", "another program has this port"),
                                     (f"unix:{name}", "another program listens there")]:
                text = self.train(train_yaml(f"  type: socket\n  address: {address}\n"), status=2)
                self.assertIn(message, text)
        # The listener is gone, its file is not: that is no hindrance.
        self.assertTrue(os.path.exists(f"/tmp/ipi_{name}"))
        self.train(train_yaml(self.reference(extra=f"  address: unix:{name}\n")))
        self.assertFalse(os.path.exists(f"/tmp/ipi_{name}"))
        open(f"/tmp/ipi_{name}", "w").close()  # for the cleanup

    def test_a_spare_client_takes_over_when_one_dies_in_a_call(self):
        name = f"mlff-test-{os.getpid()}-spare"
        reference = f"  type: socket\n  address: unix:{name}\n  method: EMT\n  stress_check: off\n"
        process = self.start(train_yaml(reference, steps=5))
        self.wait_for(lambda: os.path.exists(f"/tmp/ipi_{name}"), process)
        first, first_log = self.start_client(name, "first")
        self.wait_for(lambda: first_log.exists(), process)
        second, second_log = self.start_client(name, "second")
        self.wait_for(lambda: first_log.read_text().count("begun") == 3, process)
        self.assertFalse(second_log.exists(), "one client goes on from its own densities as long as it lives")
        first.kill()
        output, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, output)
        self.assertEqual(second.wait(timeout=20), 0)
        self.assertEqual(second_log.read_text().count("begun"), 4, "six results, one of them begun twice")
        self.assertEqual(self.reference_log().count("refused"), 1)
        self.assertEqual([frame.info["step"] for frame in self.journal()], [0, 1, 2, 3, 4, 5])
        self.compare(self.journal(), self.direct, 1e-6, 1e-6, 1e-7)


if __name__ == "__main__":
    unittest.main()
