#!/usr/bin/env python3
"""Prints the known faults of the crates that are linked into the binary; fails if there is one.

    cross/advisories.py DATABASE

DATABASE is a checkout of https://github.com/rustsec/advisory-db. CI has no network, so this is run by hand, as `cargo audit` could
be where it is installed: this needs nothing but Python, and looks at what is linked alone. It says how old the database is.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from licences import TARGETS, linked

BOUND = re.compile(r"\s*(\^|~|>=|<=|>|<|=|)\s*([0-9][^\s,]*)\s*")


def parts(version):
    """A version as numbers; one that is not yet released comes before the one that is."""
    numbers, _, before = version.split("+")[0].partition("-")
    return tuple(int(number) for number in numbers.split(".")), before == "", before


def padded(version):
    numbers, is_released, before = parts(version)
    return (*numbers, 0, 0)[:3], is_released, before


def meets(version, bounds):
    """Whether a version is within bounds such as `>= 1.2, < 2` or `^1.2`."""
    here = padded(version)
    for operator, text in BOUND.findall(bounds):
        there = padded(text)
        if operator in ("^", ""):
            numbers = parts(text)[0]
            place = next((at for at, number in enumerate(numbers) if number), len(numbers) - 1)
            upper = (tuple([*numbers[:place], numbers[place] + 1, 0, 0][:3]), False, "")
            is_met = there <= here < upper
        elif operator == "~":
            numbers = parts(text)[0]
            place = min(1, len(numbers) - 1)
            upper = (tuple([*numbers[:place], numbers[place] + 1, 0, 0][:3]), False, "")
            is_met = there <= here < upper
        else:
            is_met = {">=": here >= there, "<=": here <= there, ">": here > there, "<": here < there, "=": here == there}[operator]
        if not is_met:
            return False
    return True


def advisories(database):
    """Each advisory that was not withdrawn."""
    for path in sorted(database.glob("crates/*/*.md")):
        text = path.read_text()
        told, _, prose = text.removeprefix("```toml\n").partition("\n```\n")
        told = tomllib.loads(told)
        if "withdrawn" not in told["advisory"]:
            yield told, re.search(r"^# (.*)$", prose, re.M).group(1)


def faults(packages, database):
    """A line for each linked crate and advisory that holds for its version; and how many advisories there are."""
    found, number = [], 0
    for told, title in advisories(database):
        number += 1
        version = packages.get(told["advisory"]["package"])
        fine = told.get("versions", {})
        if version and not any(meets(version, bounds) for bounds in [*fine.get("patched", []), *fine.get("unaffected", [])]):
            kind = told["advisory"].get("informational", "fault")
            found.append(f"{told['advisory']['package']} {version}: {told['advisory']['id']} ({kind}): {title}")
    return found, number


def main():
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "crates").is_dir():
        sys.exit(__doc__)
    database = Path(sys.argv[1])
    packages = {package["name"]: package["version"] for target in TARGETS for package in linked(target).values()}
    found, number = faults(packages, database)
    if number < 100:
        sys.exit(f"{database}: {number} advisories: that is not all of them")
    age = subprocess.run(["git", "-C", database, "log", "-1", "--format=%cs"], capture_output=True, text=True, check=False).stdout.strip()
    print(*found, f"{len(packages)} crates, {number} advisories, the newest of {age or 'an unknown day'}: {len(found)} found", sep="\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
