#!/usr/bin/env python3
"""Prints what each dependency weighs in a binary of cross/build.sh, as the table of cross/README.md.

    cross/weights.py [TARGET]          armv7 if none is given

A function counts for the first crate in its name that is neither ours nor the standard library's, as a generic of
hyper's with a type of ours counts for hyper; where its name holds a closure of ours it is ours. A crate counts for the
first line of Cargo.toml that brings it in. What is no function (constants, tables, texts) is one line.
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
CRATE = re.compile(r"(?<![\w:.])([a-z_][a-z0-9_]*)::")
FUNCTION = re.compile(r"^\w+ (\w+) [tTwW] (.*)$", re.M)


def output(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def bringers():
    """Crate -> the dependency of Cargo.toml that brings it in."""
    metadata = json.loads(output("cargo", "metadata", "--format-version=1", "--locked", "--offline"))
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


def main():
    target = sys.argv[1] if len(sys.argv) > 1 else "armv7-unknown-linux-musleabihf"
    binary = ROOT / "target/cross" / f"{OWN}-{target}"
    lines, brought_by = bringers()
    bytes_of, seen = Counter(), set()
    symbols = subprocess.run(["c++filt"], input=output("nm", "-S", f"{binary}.debug"), capture_output=True, text=True, check=True).stdout
    for line in re.sub(r"\[[0-9a-f]+\](?=::)", "", symbols).splitlines():
        found = FUNCTION.match(line)
        # Functions of equal code are one.
        if found and line.split()[0] not in seen:
            seen.add(line.split()[0])
            bytes_of[owner(found.group(2), brought_by)] += int(found.group(1), 16)
    bytes_of["constants"] = binary.stat().st_size - sum(bytes_of.values())
    print("| dependency | KiB |\n|---|---:|")
    for name, count in bytes_of.most_common():
        shown = {OWN: "our own code", "std": "the standard library", "libc": "musl", "constants": "constants and tables of all"}.get(name, f"`{name}`")
        print(f"| {shown} | {count / 1024:.0f} |" if count >= 1024 else f"| {shown} | {count / 1024:.1f} |")
    idle = [f"`{name}`" for name in lines if not bytes_of[name]]
    print(f"\nNothing of their own: {', '.join(idle)}.")


if __name__ == "__main__":
    main()
