"""Packages of the registries of Python and npm that a scenario needs: installed once, below target/, not on the machine."""

import fcntl
import importlib
import subprocess
import sys
from pathlib import Path

PLACE = Path(__file__).resolve().parent.parent.parent / "target" / "system-packages"


def python(package, version, module=None):
    """The module of a package of Python's registry."""
    place = PLACE / f"{package}-{version}"
    _once(place, [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", str(place), f"{package}=={version}"])
    if str(place) not in sys.path:
        sys.path.insert(0, str(place))
    return importlib.import_module(module or package)


def npm(package, version, file):
    """The text of a file of a package of npm's registry."""
    place = PLACE / f"{package}-{version}"
    _once(place, ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(place), f"{package}@{version}"])
    return (place / "node_modules" / package / file).read_text()


def _once(place, command):
    """Run the command that fills `place`, unless it has; scenarios run side by side."""
    PLACE.mkdir(parents=True, exist_ok=True)
    done = place / ".done"
    with open(PLACE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            place.mkdir(exist_ok=True)
            subprocess.run(command, check=True)
            done.touch()
