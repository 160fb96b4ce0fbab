"""A loop device with ext4 on it: a flash that can be filled, frozen, made read-only and copied at a moment."""

import fcntl
import os
import shutil
import signal
import struct
import subprocess
import time
from pathlib import Path

from agent import until
from world import Skip

QUIET_TRIES = 50
CHECKED = (0, 1)  # e2fsck's codes: nothing was wrong, and errors were corrected
LOOP_SET_STATUS64, LOOP_GET_STATUS64, LOOP_INFO_BYTES, LOOP_SIZELIMIT_AT = 0x4C04, 0x4C05, 232, 32  # linux/loop.h


def _run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"{words}: {done.stderr.strip()}")
    return done.stdout.strip()


class Disk:
    """An image that is mounted at `mount`; gone at the world's end."""

    def __init__(self, world, name, mount, megabytes=64, image=None):
        if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
            raise Skip("needs root and mkfs.ext4, for a loop device")
        self.image = Path(image or world.directory / f"{name}.image")
        self.mount = Path(mount)
        self.mount.mkdir(parents=True, exist_ok=True)
        self.loop = None
        if image is None:
            with open(self.image, "wb") as file:
                file.truncate(int(megabytes * (1 << 20)))
            _run("mkfs.ext4", "-q", "-b", "4096", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image)
        try:
            # What stays when it is unmounted is no place to keep anything either.
            _run("mount", "-t", "tmpfs", "-o", "ro", "none", self.mount)
            # A mount namespace that another case makes meanwhile has a copy of the mounts; it ends with ours.
            _run("mount", "--make-shared", self.mount)
            self.loop = _run("losetup", "--find", "--show", self.image)
            _run("mount", "-o", "noatime", self.loop, self.mount)
        except OSError as error:
            self.close()
            raise Skip(f"no loop device to be had: {error}") from error
        world.at_end(self.close)

    def close(self):
        commands = [("umount", self.mount)]
        if self.loop:
            commands = [("fsfreeze", "-u", self.mount), *commands, ("losetup", "-d", self.loop), *commands]
        for command in commands:
            subprocess.run(command, capture_output=True, check=False)
        self.loop = None

    def remount(self, how):
        _run("mount", "-o", f"remount,{how}", self.mount)

    def mend(self):
        """Unmount, repair and mount again, as somebody does who found it broken."""
        # The agent has its files open until it notices.
        until(f"{self.mount} can be unmounted", lambda: subprocess.run(["umount", self.mount], capture_output=True, check=False).returncode == 0)
        until(f"{self.loop} can be checked", lambda: subprocess.run(["e2fsck", "-fy", self.loop], capture_output=True, check=False).returncode in CHECKED)
        _run("mount", "-o", "noatime", self.loop, self.mount)

    def shrink(self):
        """From now on every access beyond the first megabyte is an I/O error."""
        self._limit(1 << 20)

    def grow(self):
        self._limit(0)

    def _limit(self, size):
        """Show no more than so many bytes of the image; 0: all of it."""
        with open(self.loop, "rb") as loop:
            info = bytearray(LOOP_INFO_BYTES)
            fcntl.ioctl(loop, LOOP_GET_STATUS64, info)
            struct.pack_into("=Q", info, LOOP_SIZELIMIT_AT, size)
            fcntl.ioctl(loop, LOOP_SET_STATUS64, info)

    def freeze(self):
        _run("fsfreeze", "-f", self.mount)

    def thaw(self):
        _run("fsfreeze", "-u", self.mount)

    def fill(self, leave=0):
        """Take all the room there is but `leave` bytes; answers the file that takes it."""
        ballast = self.mount / "ballast"
        room = os.statvfs(self.mount)
        with open(ballast, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(4096, room.f_bavail * room.f_bsize - leave))
        return ballast

    def snapshot(self, agent, to, before=lambda: None):
        """Copy the image as it is at one moment, as a power cut would leave it; answers when that was.

        The agent stands still and nothing else writes, or the copy is made again. `before` is called when the agent
        last ran.
        """
        for _ in range(QUIET_TRIES):
            before()
            at = time.time()
            agent.signal(signal.SIGSTOP)
            try:
                written = self._written()
                _run("cp", "--reflink=auto", "--sparse=always", self.image, to)
                if self._written() == written:
                    return at
            finally:
                agent.signal(signal.SIGCONT)
            time.sleep(0.05)
        raise AssertionError(f"{self.loop} was never quiet for the time of a copy")

    def _written(self):
        """What was and what is being written."""
        block = Path("/sys/block") / Path(self.loop).name
        return (block / "stat").read_text().split()[4:7], (block / "inflight").read_text().split()
