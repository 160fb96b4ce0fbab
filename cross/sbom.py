#!/usr/bin/env python3
"""Prints what the binaries are made of, as CycloneDX 1.5 in JSON.

    cross/sbom.py VERSION [TIME [RUST]]

RUST is the version of the compiler that built them, if that is not the one of this machine. Components are the crates that the shipped targets link, with the checksums of Cargo.lock, and what the toolchain adds. The
same code gives the same bytes.
"""

import json
import os
import re
import subprocess
import sys
import uuid
from datetime import datetime, timezone
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from licences import BUILTINS, MUSL, ROOT, RUST, TARGETS, TOOLCHAIN, linked  # noqa: E402


def checksums():
    """The checksum of each crate by name and version."""
    found = {}
    for block in (ROOT / "Cargo.lock").read_text().split("[[package]]")[1:]:
        fields = dict(re.findall(r'^(\w+) = "([^"]*)"', block, re.M))
        if "checksum" in fields:
            found[fields["name"], fields["version"]] = fields["checksum"]
    return found


def crates():
    """The components that are crates, by name and version."""
    sums = checksums()
    packages = {}
    for target in TARGETS:
        for package in linked(target).values():
            packages[package["name"], package["version"]] = package
    for (name, version), package in sorted(packages.items()):
        if name == "bellwether":
            continue
        purl = f"pkg:cargo/{name}@{version}"
        component = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
        if package.get("license"):
            component["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
        if (name, version) in sums:
            component["hashes"] = [{"alg": "SHA-256", "content": sums[name, version]}]
        yield component


def version_of(name, rust):
    """The version of a part of the toolchain, or of what it comes with."""
    pins = dict(re.findall(r"^(ZIG|MUSL)=(\S+)", (ROOT / "cross/toolchain.sh").read_text(), re.M))
    return {RUST[0]: rust, BUILTINS[0]: f"of Rust {rust}", MUSL[0]: pins["MUSL"]}.get(name, f"of Zig {pins['ZIG']}")


def main():
    version = sys.argv[1]
    rust = sys.argv[3] if len(sys.argv) > 3 else ""
    rust = rust or subprocess.run([os.environ.get("RUSTC", "rustc"), "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
    components = list(crates())
    for name, terms, address in TOOLCHAIN:
        reference = {"type": "website", "url": address}
        components.append({"type": "library", "bom-ref": name, "name": name, "version": version_of(name, rust), "licenses": [{"license": {"name": terms}}], "externalReferences": [reference]})
    itself = f"pkg:generic/bellwether@{version}"
    text = json.dumps([version, components])
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, text)}",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "bom-ref": itself, "name": "bellwether", "version": version, "licenses": [{"license": {"id": "Apache-2.0"}}]},
        },
        "components": components,
        "dependencies": [{"ref": itself, "dependsOn": [component["bom-ref"] for component in components]}],
    }
    epoch = sys.argv[2] if len(sys.argv) > 2 else ""
    if epoch:
        bom["metadata"]["timestamp"] = datetime.fromtimestamp(int(epoch), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    print(json.dumps(bom, indent=1))


if __name__ == "__main__":
    main()
