#!/usr/bin/env python3
"""Bytes that reach the block device for one durable record, counted by the kernel on a loop device with ext4.

The journal, SQLite (WAL, synchronous=FULL), redb and Alertmanager's way (a 20 KB snapshot: temporary file, fsync, rename,
fsync of the directory), in the same run. Needs root, a free loop device and python's sqlite3.

    tests/bench/device_bytes.py            builds the bench and prints the table; exit code 1 over a limit
"""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile

COMMITS = 300
SINGLE_MAX, GROUPED_MAX = 4608, 1331


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def bench_binary():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    out = subprocess.run(
        ["cargo", "bench", "--bench", "journal", "--no-run", "--message-format=json"],
        check=True, cwd=root, stdout=subprocess.PIPE, text=True).stdout
    built = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    return next(m["executable"] for m in built
                if m.get("executable") and m["target"]["name"] == "journal")


class Device:
    """A loop device with ext4 on it, mounted."""

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="bellwether-")
        image, self.mount = os.path.join(self.dir, "image"), os.path.join(self.dir, "mount")
        os.mkdir(self.mount)
        with open(image, "wb") as file:
            file.truncate(256 << 20)
        run("mkfs.ext4", "-q", "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
        self.loop = run("losetup", "--find", "--show", image)
        run("mount", "-o", "noatime", self.loop, self.mount)
        return self

    def __exit__(self, *_):
        run("umount", self.mount)
        run("losetup", "-d", self.loop)
        os.unlink(os.path.join(self.dir, "image"))
        os.rmdir(self.mount)
        os.rmdir(self.dir)

    def settle(self):
        run("sync", "-f", self.mount)

    def written(self):
        with open(f"/sys/block/{os.path.basename(self.loop)}/stat") as file:
            return int(file.read().split()[6]) * 512

    def fresh(self, name):
        path = os.path.join(self.mount, name)
        os.mkdir(path)
        return path


def commits_of(device, words):
    """Counts what a program writes between its lines "ready" and "done"; also returns its last line."""
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        def until_next():
            return process.stdout.readline().strip()

        until_next()
        device.settle()
        before = device.written()
        process.stdin.write("\n")
        process.stdin.flush()
        until_next()
        # What is still in the page cache would reach the device later: it counts too.
        device.settle()
        after = device.written()
        process.stdin.write("\n")
        process.stdin.flush()
        said = until_next()
        process.stdin.close()
    return after - before, said


def sqlite(device):
    base = sqlite3.connect(os.path.join(device.fresh("sqlite"), "db"), isolation_level=None)
    base.execute("PRAGMA journal_mode=WAL")
    base.execute("PRAGMA synchronous=FULL")
    base.execute("CREATE TABLE record (key TEXT PRIMARY KEY, body BLOB)")
    device.settle()
    before = device.written()
    for n in range(COMMITS):
        base.execute("INSERT OR REPLACE INTO record VALUES (?, ?)", (f"key-{n % 50}", os.urandom(184)))
    device.settle()
    written = device.written() - before
    base.close()
    return written


def redb(device):
    """A crate of its own, so that the product's dependencies stay what they are."""
    crate = os.path.join(os.path.dirname(os.path.abspath(__file__)), "redb")
    run("cargo", "build", "--release", "--quiet", "--manifest-path", os.path.join(crate, "Cargo.toml"))
    binary = os.path.join(crate, "target/release/redb-commits")
    return commits_of(device, [binary, os.path.join(device.fresh("redb"), "db"), str(COMMITS)])[0]


def snapshot(device):
    path = device.fresh("snapshot")
    device.settle()
    before = device.written()
    for _ in range(COMMITS):
        new = os.path.join(path, "nflog.tmp")
        with open(new, "wb") as file:
            file.write(os.urandom(20_000))
            os.fsync(file.fileno())
        os.rename(new, os.path.join(path, "nflog"))
        fd = os.open(path, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
    device.settle()
    return device.written() - before


def main():
    binary = sys.argv[1] if len(sys.argv) > 1 else bench_binary()
    with Device() as device:
        single_dir = device.fresh("single")
        # 240 commits fill no segment; the long run has the cost of compaction in it.
        single, _ = commits_of(device, [binary, "write", single_dir, "240", "1"])
        idle, _ = commits_of(device, [binary, "idle", single_dir])
        grouped, _ = commits_of(device, [binary, "write", device.fresh("grouped"), "240", "10"])
        long, said = commits_of(device, [binary, "write", device.fresh("long"), "3000", "1"])
        lite, red, shots = sqlite(device), redb(device), snapshot(device)
    rows = [
        ("journal, one record a commit", single / 240),
        ("journal, the same for 3000 commits: two more segments, 11 compactions", long / 3000),
        ("journal, ten records a commit", grouped / 2400),
        ("journal, 300 commits that change nothing (total)", idle),
        ("SQLite, WAL, synchronous=FULL, one record a commit", lite / COMMITS),
        ("redb, one record a commit", red / COMMITS),
        ("snapshot of 20 KB: temporary file, fsync, rename, fsync of the directory", shots / COMMITS),
    ]
    print(f"device bytes per durable record of 200 bytes, ext4, 4 KiB blocks ({said})")
    for what, value in rows:
        print(f"{what:<76}{value:>10.0f}")
    over = single / 240 > SINGLE_MAX or grouped / 2400 > GROUPED_MAX or idle > 0
    print("over a limit" if over else f"within {SINGLE_MAX} single, {GROUPED_MAX} grouped, 0 idle")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
