#!/usr/bin/env python3
"""Prints what is linked into the binary, under which terms, with their texts; fails on terms that nobody agreed to.

    cross/licences.py [--check]

It asks cargo for the crates that the shipped targets link (neither build tools nor tests), so it needs no build.
--check prints only the faults.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ["aarch64-unknown-linux-musl", "armv7-unknown-linux-musleabihf", "arm-unknown-linux-musleabihf", "x86_64-unknown-linux-musl"]

# Terms that ask for no more than their text and the names of the authors.
ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BlueOak-1.0.0", "BSD-2-Clause", "BSD-3-Clause",
    "BSL-1.0", "CC0-1.0", "ISC", "MIT", "MIT-0", "Unicode-3.0", "Unlicense", "Zlib",
}  # fmt: skip
# Terms that are fine for these crates alone: MPL-2.0 binds the files it covers, which we use as they are published.
ALLOWED_FOR = {"foca": {"MPL-2.0"}}

# What the toolchain adds, which cargo does not list.
TOOLCHAIN = """\
The Rust standard library and compiler-builtins: MIT OR Apache-2.0, https://github.com/rust-lang/rust
musl libc: MIT, https://musl.libc.org
"""

HEAD = """\
Bellwether is under the Apache License 2.0. Linked into its binary are:

"""
MPL = """\

What is under MPL-2.0 is used unchanged; its source is the release of that version, at the address above.
"""


def linked(target):
    """The packages linked for `target`, by id."""
    command = ["cargo", "metadata", "--format-version=1", "--locked", f"--filter-platform={target}"]
    told = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    packages = {package["id"]: package for package in told["packages"]}
    nodes = {node["id"]: node for node in told["resolve"]["nodes"]}
    root = told["resolve"]["root"]
    found, ahead = {}, [root]
    while ahead:
        node = nodes[ahead.pop()]
        for dependency in node["deps"]:
            identity = dependency["pkg"]
            package = packages[identity]
            is_linked = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            is_macro = any("proc-macro" in built["kind"] for built in package["targets"])
            if is_linked and not is_macro and identity not in found:
                found[identity] = package
                ahead.append(identity)
    return found


def agreed(expression, allowed):
    """Whether an SPDX expression can be met by `allowed` terms."""
    words = re.findall(r"[()]|[^\s()/]+", expression.replace("/", " OR "))

    def any_of():
        value = all_of()
        while words and words[0] == "OR":
            words.pop(0)
            value = all_of() or value
        return value

    def all_of():
        value = term()
        while words and words[0] == "AND":
            words.pop(0)
            value = term() and value
        return value

    def term():
        word = words.pop(0)
        if word == "(":
            value = any_of()
            words.pop(0)
            return value
        if words and words[0] == "WITH":
            word = f"{word} {words.pop(0)} {words.pop(0)}"
        return word in allowed

    return any_of()


def texts(package):
    """The licence files that a package ships."""
    folder = Path(package["manifest_path"]).parent
    names = re.compile(r"(licen[cs]e|copying|notice|unlicense)", re.IGNORECASE)
    return [path for path in sorted(folder.iterdir()) if path.is_file() and names.match(path.name)]


def main():
    packages = {}
    for target in TARGETS:
        packages.update(linked(target))
    packages = sorted(packages.values(), key=lambda package: (package["name"], package["version"]))
    faults = []
    for package in packages:
        terms = package["license"]
        allowed = ALLOWED | ALLOWED_FOR.get(package["name"], set())
        if not terms or not agreed(terms, allowed):
            faults.append(f"{package['name']} {package['version']}: nobody agreed to {terms}")
    for fault in faults:
        print(f"licences.py: {fault}", file=sys.stderr)
    if faults or "--check" in sys.argv:
        return 1 if faults else 0

    print(HEAD, end="")
    for package in packages:
        print(f"{package['name']} {package['version']}: {package['license']}, {package['repository'] or 'crates.io'}")
    print(TOOLCHAIN + MPL, end="")
    users = {}
    for package in packages:
        for path in texts(package):
            text = path.read_text(errors="replace").strip()
            users.setdefault(re.sub(r"\s+", " ", text), (text, []))[1].append(package["name"])
    for text, names in sorted(users.values(), key=lambda entry: entry[1]):
        print(f"\n{'-' * 78}\n{', '.join(dict.fromkeys(names))}\n\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
