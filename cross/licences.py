#!/usr/bin/env python3
"""Prints what is linked into the binary, under which terms, with their texts; fails on terms that nobody agreed to.

    cross/licences.py [--check]

It asks cargo for the crates that the shipped targets link (neither build tools nor tests), so it needs no build, and
takes the texts of what the toolchain adds from where the toolchain is: RUSTC, and Zig in CACHE, as in toolchain.sh.
--check prints only the faults, and looks at the crates alone.
"""

import json
import os
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

# What the toolchain adds, which cargo does not list: name, terms, address, and who holds the copyright where the text of
# the terms leaves it open.
RUST = ("The Rust standard library", "MIT OR Apache-2.0, its tables of characters Unicode-3.0", "https://github.com/rust-lang/rust",
        "Copyright (c) The Rust Project Developers (see https://thanks.rust-lang.org)\nCopyright (c) 1991-2024 Unicode, Inc.\n\n")  # fmt: skip
BUILTINS = ("compiler-builtins", "MIT AND Apache-2.0 WITH LLVM-exception", "https://github.com/rust-lang/compiler-builtins")
MUSL = ("musl libc", "MIT", "https://musl.libc.org")
COMPILER_RT = ("compiler-rt, as Zig has rewritten it", "MIT", "https://ziglang.org")
LIBUNWIND = ("LLVM's libunwind", "Apache-2.0 WITH LLVM-exception", "https://libunwind.llvm.org")
TOOLCHAIN = (RUST[:3], BUILTINS, MUSL, COMPILER_RT, LIBUNWIND)

# The texts of Rust's terms: as rustup has them, and as Debian has.
RUST_TEXTS = ("Apache-2.0", "LLVM-exception", "MIT", "Unicode-3.0")
DEBIAN_TEXTS = ("Apache-2.0 with LLVM exception", "MIT", "Unicode-Data-Files-and-Software-License")
DEBIAN = Path("/usr/share/doc/rust-web-src/copyright")
APACHE = Path("/usr/share/common-licenses/Apache-2.0")

HEAD = """\
Bellwether is under the Apache License 2.0. Linked into its binary are:

"""
MPL = """\

What is under MPL-2.0 is used unchanged; its source is the release of that version, at the address above.
"""


def linked(target):
    """The packages linked for `target`, by id: of those that cargo knows for it, which tests and build tools bring more of."""
    asked = {"cwd": ROOT, "check": True, "capture_output": True, "text": True}
    tree = ["cargo", "tree", "--locked", "--edges=normal,no-proc-macro", "--prefix=none", f"--target={target}"]
    names = set(re.findall(r"^(\S+) v(\S+)", subprocess.run(tree, **asked).stdout, re.M))
    command = ["cargo", "metadata", "--format-version=1", "--locked", f"--filter-platform={target}"]
    told = json.loads(subprocess.run(command, **asked).stdout)
    root = told["resolve"]["root"]
    return {package["id"]: package for package in told["packages"] if (package["name"], package["version"]) in names and package["id"] != root}


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


class Missing(Exception):
    """A text that ought to be with the toolchain is not: which, and where it was looked for."""


def read(path, what):
    """A text of the toolchain's."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError as error:
        raise Missing(f"the terms of {what} are not at {path}: {error.strerror}") from error


def rust_texts():
    """The texts of the terms of Rust's standard library."""
    told = subprocess.run([os.environ.get("RUSTC", "rustc"), "--print", "sysroot"], check=True, capture_output=True, text=True)
    folder = Path(told.stdout.strip()) / "share/doc/rust/licenses"
    if folder.is_dir():
        return [read(folder / f"{name}.txt", RUST[0]) for name in RUST_TEXTS]
    if not DEBIAN.exists():
        raise Missing(f"the terms of {RUST[0]} are neither in {folder} nor at {DEBIAN}: install rust-web-src, or Rust by rustup")
    found = {}
    for paragraph in re.split(r"\n\s*\n", read(DEBIAN, RUST[0])):
        head, _, text = paragraph.partition("\n")
        found[head.removeprefix("License: ")] = re.sub(r"^ \.?", "", text, flags=re.M)
    lacking = [name for name in DEBIAN_TEXTS if not found.get(name)]
    if lacking:
        raise Missing(f"{DEBIAN} has no text of {', '.join(lacking)}")
    return [read(APACHE, RUST[0]), *[found[name] for name in DEBIAN_TEXTS]]


def zig():
    """The folder of the Python package ziglang that cross/build.sh installs."""
    cache = os.environ.get("CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bellwether-cross"
    pattern = "venv/lib/python3*/site-packages/ziglang"
    folders = sorted(Path(cache).glob(pattern))
    if not folders:
        raise Missing(f"the terms of {MUSL[0]} come with Zig, which is not at {cache}/{pattern}: cross/build.sh installs it")
    return folders[-1]


def toolchain_texts():
    """What the toolchain adds: names, and a text of their terms."""
    folder = zig()
    return [
        (f"{RUST[0]}, {BUILTINS[0]}", RUST[3] + "\n\n".join(rust_texts())),
        (MUSL[0], read(folder / "lib/libc/musl/COPYRIGHT", MUSL[0])),
        (COMPILER_RT[0], read(folder / "LICENSE", COMPILER_RT[0])),
        (LIBUNWIND[0], read(folder / "lib/libunwind/LICENSE.TXT", LIBUNWIND[0])),
    ]


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

    try:
        added = toolchain_texts()
    except Missing as missing:
        print(f"licences.py: {missing}", file=sys.stderr)
        return 1
    print(HEAD, end="")
    for package in packages:
        print(f"{package['name']} {package['version']}: {package['license']}, {package['repository'] or 'crates.io'}")
    for name, terms, address in TOOLCHAIN:
        print(f"{name}: {terms}, {address}")
    print(MPL, end="")
    users = {}
    for package in packages:
        for path in texts(package):
            text = path.read_text(errors="replace").strip()
            users.setdefault(re.sub(r"\s+", " ", text), (text, []))[1].append(package["name"])
    for text, names in sorted(users.values(), key=lambda entry: entry[1]):
        print(f"\n{'-' * 78}\n{', '.join(dict.fromkeys(names))}\n\n{text}")
    for name, text in added:
        print(f"\n{'-' * 78}\n{name}\n\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
