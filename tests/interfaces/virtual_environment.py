"""Packages of PyPI for tests, in a virtual environment under the build folder. Without network the test is skipped."""
import os
import pathlib
import subprocess
import sys


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def virtual_environment(name, *packages):
    """The environment with these packages, made if it is not there; its prefix."""
    prefix = pathlib.Path(os.environ["MLFF_TEST_ENVIRONMENTS"]) / name
    done = prefix / "complete"
    wanted = " ".join(packages)
    if done.exists() and done.read_text() == wanted:
        return prefix
    for command in ([sys.executable, "-m", "venv", "--clear", prefix],
                    [prefix / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *packages]):
        made = subprocess.run(list(map(str, command)), capture_output=True, encoding="utf-8", errors="replace",
                              env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"})
        if made.returncode:
            last = (made.stderr or made.stdout).strip().splitlines()[-1:]
            skip(f"{wanted} cannot be installed in a virtual environment: {' '.join(last)}")
    done.write_text(wanted)
    return prefix


def site_packages(prefix):
    return next((prefix / "lib").glob("python3*/site-packages"))
