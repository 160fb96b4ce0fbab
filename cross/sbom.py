#!/usr/bin/env python3
"""Prints what the binaries are made of, as CycloneDX 1.5 in JSON.

    cross/sbom.py VERSION

Components are the crates that the shipped targets link, with the checksums of Cargo.lock, and what the toolchain adds. The
same code gives the same bytes.
"""

import json
import re
import sys
import uuid
from datetime import datetime, timezone
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from licences import ROOT, TARGETS, TOOLCHAIN, linked  # noqa: E402


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


def main():
    version = sys.argv[1]
    components = list(crates())
    for name, terms, address in TOOLCHAIN:
        reference = {"type": "website", "url": address}
        components.append({"type": "library", "bom-ref": name, "name": name, "licenses": [{"license": {"name": terms}}], "externalReferences": [reference]})
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
