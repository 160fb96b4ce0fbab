#!/usr/bin/env python3
"""Prints what each dependency weighs in a binary of cross/build.sh, as the table of cross/README.md.

    cross/weights.py [TARGET]              by dependency; armv7 if no target is given
    cross/weights.py --rooms [TARGET]      our own code, by folder of src
    cross/weights.py --receivers [TARGET]  our own code, by receiver type
    cross/weights.py --access [TARGET]     what passwords, tokens and served TLS add

A function counts for the first crate in its name that is neither ours nor the standard library's, as a generic of
hyper's with a type of ours counts for hyper; where its name holds a closure of ours it is ours. A crate counts for the
first line of Cargo.toml that brings it in. Sequences of instructions that many functions share are one line, and so is what is
no function: constants, tables, texts.

A receiver has what stands in files and folders of its name, or of the names in ALSO, in the rooms that know of receivers:
its requests, its protocol, its part of the shell. Its texts and the table of its keys are constants, which have no names; they are not counted.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OWN = "bellwether"
STANDARD = {"core", "alloc", "std", "compiler_builtins", "panic_abort", "rustc_std_workspace_core"}
# What a receiver type brings beside files of its name.
ALSO = {"email": ["smtp", "mail", "mailbox"], "sns": ["sigv4"]}
KNOW_RECEIVERS = [["notify"], ["wire"], ["shell", "notifier"], ["model", "mail"]]
CRATE = re.compile(r"(?<![\w:.])([a-z_][a-z0-9_]*)::")
FUNCTION = re.compile(r"^\w+ (\w+) [tTwW] (.*)$", re.M)


def output(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def bringers(target):
    """Crate -> the dependency of Cargo.toml that brings it in."""
    metadata = json.loads(output("cargo", "metadata", "--format-version=1", "--locked", "--offline", f"--filter-platform={target}"))
    names = {package["id"]: package["name"] for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    (own,) = (node for node in nodes if names[node] == OWN)
    needs = lambda node: [dep["pkg"] for dep in nodes[node]["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]  # noqa: E731
    lines = re.findall(r"^([\w-]+) = ", re.search(r"\[dependencies\]\n(.*?)\n\[", (ROOT / "Cargo.toml").read_text(), re.S).group(1), re.M)
    direct = {names[node]: node for node in needs(own)}
    found = {name: name for name in lines}
    for name in lines:
        queue = [direct[name]]
        while queue:
            for node in needs(queue.pop()):
                if names[node] not in found:
                    found[names[node]] = name
                    queue.append(node)
    return lines, {crate.replace("-", "_"): name for crate, name in found.items()}


def owner(name, brought_by):
    """Whose function this is."""
    if name.startswith("OUTLINED_FUNCTION"):
        return "outlined"
    crates = CRATE.findall(name)
    if re.search(rf"\b{OWN}::[\w:]*\{{closure", name):
        return OWN
    for crate in crates:
        if crate in brought_by:
            return brought_by[crate]
    if "ring_core" in name or "ring_" in name.split("::")[0]:
        return "ring"
    if OWN in crates:
        return OWN
    return "std" if STANDARD & set(crates) else "libc"


def functions(binary):
    """Name and bytes of each function. Functions of equal code are one."""
    symbols = subprocess.run(["c++filt"], input=output("nm", "-S", f"{binary}.debug"), capture_output=True, text=True, check=True).stdout
    found = {}
    for line in re.sub(r"\[[0-9a-f]+\](?=::)", "", symbols).splitlines():
        function = FUNCTION.match(line)
        if function:
            found.setdefault(line.split()[0], (function.group(2), int(function.group(1), 16)))
    return found.values()


def print_table(heading, rows):
    print(f"| {heading} | KiB |\n|---|---:|")
    for name, count in rows:
        print(f"| {name} | {count / 1024:.0f} |" if count >= 10240 else f"| {name} | {count / 1024:.1f} |")


def print_dependencies(binary, found, lines, brought_by):
    bytes_of = Counter()
    for name, count in found:
        bytes_of[owner(name, brought_by)] += count
    bytes_of["constants"] = binary.stat().st_size - sum(bytes_of.values())
    shown = {OWN: "our own code", "std": "the standard library", "libc": "musl", "outlined": "sequences that many functions share", "constants": "constants and tables of all"}
    print_table("dependency", [(shown.get(name, f"`{name}`"), count) for name, count in bytes_of.most_common()])
    idle = [f"`{name}`" for name in lines if not bytes_of[name]]
    print(f"\nNothing of their own: {', '.join(idle)}.")


def print_own(heading, found, place_of):
    """Our own functions by what `place_of` makes of the words of a path."""
    bytes_of = Counter()
    for name, count in found:
        path = re.search(rf"\b{OWN}::([\w:]+)", name)
        for place in place_of(path.group(1).split("::")) if path else []:
            bytes_of[place] += count
    print_table(heading, [(f"`{place}`", count) for place, count in bytes_of.most_common()])


def receivers_of(words):
    """The receiver types that a function of this path is for."""
    if not any(words[: len(room)] == room for room in KNOW_RECEIVERS):
        return []
    types = re.findall(r"^    &(\w+)::TYPE,$", (ROOT / "src/notify/table.rs").read_text(), re.M)
    return [name for name in types if {name, *ALSO.get(name, [])} & set(words[1:])]


# Paths of the functions that serve clients by TLS, let them in, and check their passwords.
ACCESS = {
    "users, tokens and their rights": [f"{OWN}::shell::admission", f"{OWN}::config::web", f"{OWN}::config::read::web", f"{OWN}::api::access"],
    "passwords: `bcrypt`, `blowfish`, `cipher`": ["bcrypt::", "blowfish::", "cipher::"],
    "served TLS: our own": [f"{OWN}::shell::tls::server"],
    "served TLS: of `rustls`, beside what clients need": ["rustls::server::"],
}


def print_access(found):
    """Each function counts for the first that its name has a path of."""
    bytes_of = Counter({what: 0 for what in ACCESS})
    for name, count in found:
        what = next((what for what, paths in ACCESS.items() if any(path in name for path in paths)), None)
        if what:
            bytes_of[what] += count
    print_table("part", [*bytes_of.items(), ("together", sum(bytes_of.values()))])


def main():
    given = sys.argv[1:]
    view = given.pop(0) if given and given[0].startswith("--") else ""
    target = given[0] if given else "armv7-unknown-linux-musleabihf"
    binary = ROOT / "target/cross" / f"{OWN}-{target}"
    lines, brought_by = bringers(target)
    found = functions(binary)
    own = [(name, count) for name, count in found if owner(name, brought_by) == OWN]
    if view == "--rooms":
        print_own("room", own, lambda words: ["/".join(words[:2]) if words[0] in ("shell", "config") else words[0]])
    elif view == "--receivers":
        print_own("receiver", own, receivers_of)
    elif view == "--access":
        print_access(found)
    elif view:
        sys.exit(f"unknown flag {view}; see the head of this file")
    else:
        print_dependencies(binary, found, lines, brought_by)


if __name__ == "__main__":
    main()
