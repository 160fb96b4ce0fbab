#!/usr/bin/env python3
"""Prints the crates that are linked into the binary with how much `unsafe` their sources have, and which see bytes from outside.

    cross/unsafe.py

It counts the word in code: comments, texts, tests, benches and examples are left out, other platforms' code is not. It
fails where a crate that sees bytes from outside is no longer linked, and where one with `unsafe` is in neither list, so that
the lists stay true.
"""

import re
import sys
from pathlib import Path

from licences import TARGETS, linked

# Crates that are given bytes from outside, and which ones.
FROM_OUTSIDE = {
    "arraydeque": "configs in YAML",
    "bcrypt": "passwords of clients",
    "blowfish": "passwords of clients",
    "byteorder": "passwords of clients",
    "bytes": "bodies of requests, datagrams",
    "crc32fast": "datagrams in clear, the journal",
    "foca": "payload of datagrams, after the seal",
    "http": "lines and headers of requests, after our own reader",
    "http-body": "bodies of requests",
    "http-body-util": "bodies of requests",
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
    "serde": "all that serde_json and toml read",
    "serde_core": "all that serde_json and toml read",
    "serde_json": "bodies of requests, answers of receivers",
    "smallvec": "heads of requests, after our own reader",
    "subtle": "passwords of clients, tags of TLS",
    "toml": "configs in TOML",
    "toml_datetime": "configs in TOML",
    "toml_parser": "configs in TOML",
    "untrusted": "certificates",
    "winnow": "configs in TOML",
    "zeroize": "keys",
}
# Crates that are given none, and what they do instead.
RUNTIME = "tasks, sockets and pools: bytes pass through, and are not looked at"
SYSTEM = "calls of the system: bytes pass through, and are not looked at"
NOT_FROM_OUTSIDE = {
    **dict.fromkeys(["async-executor", "async-io", "async-lock", "async-process", "async-signal", "async-task", "atomic-waker"], RUNTIME),
    **dict.fromkeys(["concurrent-queue", "crossbeam-utils", "event-listener", "event-listener-strategy", "futures-core"], RUNTIME),
    **dict.fromkeys(["futures-lite", "pin-project-lite", "piper", "polling", "signal-hook-registry", "slab", "tokio"], RUNTIME),
    **dict.fromkeys(["errno", "getrandom", "libc", "linux-raw-sys", "listenfd", "rustix", "sd-notify", "socket2"], SYSTEM),
    "base64": "texts of hashes, which we read ourselves",
    "bitflags": "flags of the system",
    "chacha20": "random numbers",
    "cpufeatures": "the processor's features",
    "dlmalloc": "where our own data lies in memory",
    "hash32": "tables of heapless",
    "heapless": "tables of our own",
    "hybrid-array": "the state of blowfish",
    "inout": "the state of blowfish",
    "itoa": "numbers that are printed",
    "jiff-core": "dates, read by jiff",
    "log": "lines of the log",
    "once_cell": "what is made once",
    "rand": "random numbers",
    "stable_deref_trait": "pointers of heapless",
    "zmij": "numbers that are printed",
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
    unsafe = set()
    print("| crate | unsafe | bytes from outside |\n|---|---|---|")
    for (name, version), folder in sorted(crates.items()):
        counted = count(folder)
        unsafe |= {name} if counted else set()
        without = f"none: {NOT_FROM_OUTSIDE[name]}" if name in NOT_FROM_OUTSIDE else ""
        print(f"| {name} {version} | {counted} | {FROM_OUTSIDE.get(name, without)} |")
    gone = sorted((set(FROM_OUTSIDE) | set(NOT_FROM_OUTSIDE)) - names)
    if gone:
        sys.exit(f"unsafe.py: not linked any more: {', '.join(gone)}")
    unknown = sorted(unsafe - set(FROM_OUTSIDE) - set(NOT_FROM_OUTSIDE))
    if unknown:
        sys.exit(f"unsafe.py: say in FROM_OUTSIDE or NOT_FROM_OUTSIDE whether these see bytes from outside: {', '.join(unknown)}")


main()
