#!/usr/bin/env python3
"""Prints the crates that are linked into the binary with how much `unsafe` their sources have, and which see bytes from outside.

    cross/unsafe.py

It counts the word in code: comments, texts, tests, benches and examples are left out, other platforms' code is not. It
fails where a crate that sees bytes from outside is no longer linked, so that the list stays true.
"""

import re
import sys
from pathlib import Path

from licences import TARGETS, linked

# Crates that are given bytes from outside, and which ones.
FROM_OUTSIDE = {
    "bcrypt": "passwords of clients",
    "blowfish": "passwords of clients",
    "bytes": "bodies of requests, datagrams",
    "foca": "payload of datagrams, after the seal",
    "http": "lines and headers of requests, after our own reader",
    "httparse": "lines and headers of requests, after our own reader",
    "hyper": "requests, after our own reader",
    "jiff": "time zone files",
    "md5": "challenges of mail servers",
    "memchr": "most of these, by its users",
    "minicbor": "datagrams, the journal",
    "regex-lite": "texts that templates match",
    "ring": "datagrams, TLS",
    "rustls": "TLS of clients and receivers",
    "rustls-pki-types": "PEM files",
    "rustls-webpki": "certificates of clients and receivers",
    "saphyr-parser": "configs in YAML",
    "serde_json": "bodies of requests, answers of receivers",
    "toml": "configs in TOML",
    "toml_parser": "configs in TOML",
    "untrusted": "certificates",
    "winnow": "configs in TOML",
    "zeroize": "keys",
}
NO_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|r#*".*?"#*|"(?:\\.|[^"\\])*"', re.DOTALL)
LEFT_OUT = {"tests", "benches", "examples", "fuzz", "build.rs"}


def count(folder):
    """How often `unsafe` stands in the code of a crate."""
    total = 0
    for path in folder.rglob("*.rs"):
        if not LEFT_OUT & set(path.relative_to(folder).parts):
            text = NO_CODE.sub(" ", path.read_text(errors="replace"))
            total += len(re.findall(r"\bunsafe\b(?!_)", text.split("#[cfg(test)]\nmod tests")[0]))
    return total


def main():
    crates = {}
    for target in TARGETS:
        crates.update({(package["name"], package["version"]): Path(package["manifest_path"]).parent for package in linked(target).values()})
    names = {name for name, _ in crates}
    print("| crate | unsafe | bytes from outside |\n|---|---|---|")
    for (name, version), folder in sorted(crates.items()):
        print(f"| {name} {version} | {count(folder)} | {FROM_OUTSIDE.get(name, '')} |")
    gone = sorted(set(FROM_OUTSIDE) - names)
    if gone:
        sys.exit(f"unsafe.py: not linked any more: {', '.join(gone)}")


main()
