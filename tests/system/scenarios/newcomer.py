"""A newcomer's path, timed: the commands of the documentation, as they stand there, lead to a first notification.

With BUILD=yes the clone is built, its crates fetched first; otherwise its `cargo run` finds the program built.
"""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import netns
from command import run
from scenarios.packaging import ROOT, TARGET, packages
from world import Skip

HEAVY = {"newcomer/clone", "newcomer/flock", "newcomer/image"}
SECONDS_MAX = 300  # of each path, on a machine that has other work; what it took is printed
BUILD_SECONDS_MAX = 7200


def commands(file, heading):
    """The indented lines of a section, without their comments."""
    section = f"\n{(ROOT / file).read_text()}".split(f"\n{heading}\n")[1].split("\n## ")[0].split("\n### ")[0]
    lines = [line[4:] for line in section.splitlines() if line.startswith("    ")]
    return [re.sub(r"  +# .*", "", line) for line in lines]


def one(lines, begin, count=1):
    """The command that begins so, over `count` lines."""
    (at,) = (number for number, line in enumerate(lines) if line.startswith(begin))
    return "\n".join(lines[at : at + count])


def timed(world, what, script, *prefix, env=None, cwd=None, seconds=SECONDS_MAX):
    """Runs a script and tells how long it took; answers what it printed, which is in path.log, too."""
    log = world.directory / "path.log"
    began = time.monotonic()
    with open(log, "w", encoding="utf-8") as out:
        done = subprocess.run([*prefix, "bash", "-exc", script], stdout=out, stderr=out, timeout=seconds, check=False, env=env, cwd=cwd)
    assert done.returncode == 0, f"{what}: exit code {done.returncode}"
    print(f"{what}: {time.monotonic() - began:.1f} s")
    return log.read_text()


def clone(world):
    """From a clone to the first notification."""
    if not (ROOT / ".git").exists():
        raise Skip("this is no clone")
    place = world.directory / "clone"
    run("git", "clone", "-q", ROOT, place)
    tools = world.directory / "tools"
    tools.mkdir()
    env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    if os.environ.get("BUILD"):
        # A path of its own for crates and for what is built, without this machine's flags.
        env.update({"CARGO_HOME": str(world.directory / "crates"), "CARGO_TARGET_DIR": str(place / "target"), "CARGO_TERM_COLOR": "never"})
        timed(world, "the build of a clone, its crates fetched first", "cargo build --release", env=env, cwd=place, seconds=BUILD_SECONDS_MAX)
        (world.directory / "path.log").rename(world.directory / "build.log")
    else:
        cargo = tools / "cargo"
        cargo.write_text(f'#!/bin/sh\ntest "$*" = "run --release" -a -e Cargo.toml && exec "{world.settings.subject}"\n')
        cargo.chmod(0o755)
    lines = commands("README.md", "# Bellwether")
    documented = next(line for line in lines if "[FIRING:1]" in line)
    told = timed(world, "clone to first notification", f"""
        ip link set lo up
        {one(lines, "cargo run")} >../log 2>&1 &
        agent=$!
        until curl -sf http://localhost:9093/-/ready >/dev/null; do sleep 0.1; done
        {one(lines, "curl", 2)}
        until grep 'FIRING:1. DiskFull' ../log; do sleep 0.1; done
        kill $agent
        wait
    """, "unshare", "--net", env=env, cwd=place)  # fmt: skip
    plain = lambda line: re.sub(r"time=\S+ ", "", line.strip())  # noqa: E731
    assert plain(next(line for line in told.splitlines() if line.startswith("time="))) == plain(documented), told


def exporter(world):
    """The README's exporter, by the shell at hand and by BusyBox: a full file system fires, and is resolved when it is not."""
    script = world.directory / "disk-full"
    lines = commands("README.md", "## Alerts from a script, and silences")
    begin = lines.index("#!/bin/sh")
    script.write_text("\n".join(lines[begin : lines.index("done", begin) + 1]) + "\n")
    tools = world.directory / "tools"
    tools.mkdir()
    df = tools / "df"
    df.write_text('#!/bin/sh\necho Filesystem 1024-blocks Used Available Capacity Mounted on\n'
                  'echo tmpfs 9 9 0 100% /run\necho /dev/vda 9 9 0 $USED /data\n')  # fmt: skip
    df.chmod(0o755)
    for shell in ([], ["busybox"]):
        for applet in ["date", "grep", "uname"] if shell else []:
            (tools / applet).symlink_to(shutil.which("busybox"))
        agent = world.subject("route: {receiver: r}\nreceivers: [{name: r}]\n", name=f"agent-{len(shell)}")
        for used, firing in (("91%", ["/data"]), ("90%", [])):
            run(*shell, "sh", script, f"http://127.0.0.1:{agent.port}", env={"PATH": f"{tools}:{os.environ['PATH']}", "USED": used})
            assert [it["labels"]["mount"] for it in agent.api.alerts()] == firing, (shell, used)


class Machine:
    """A copy of this machine in a network namespace, without its systemd: two of systemd's commands are stood in for."""

    SYSTEMCTL = """#!/bin/sh
test "$2" = bellwether && case $1 in restart | reload-or-restart) ;; *) exit 1 ;; esac
[ ! -e /run/agent ] || kill "$(cat /run/agent)"
while curl -s http://127.0.0.1:9093/-/ready >/dev/null; do sleep 0.05; done
cd / && setsid setpriv --reuid=bellwether --regid=bellwether --clear-groups /usr/bin/bellwether \\
    --config.file=/etc/bellwether/bellwether.toml --storage.path=/var/lib/bellwether >>/var/log/agent 2>&1 </dev/null &
echo $! >/run/agent
until curl -sf http://127.0.0.1:9093/-/ready >/dev/null; do sleep 0.05; done
"""
    JOURNALCTL = """#!/bin/sh
case "$*" in
"-u bellwether -f") until grep FIRING /var/log/agent; do sleep 0.1; done ;;
"-u bellwether --since -1min -g FIRING") grep FIRING /var/log/agent || : ;;
*) exit 1 ;;
esac
"""

    def __init__(self, world, name, namespace):
        place = world.directory / name
        place.mkdir()
        mount = f"""
            set -e
            mount -t tmpfs none "{place}"
            cd "{place}"
            mkdir upper work root
            mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work none root
            mount -t proc proc root/proc
            mount --bind /dev root/dev
            mount -t sysfs none root/sys
            mount -t tmpfs none root/run
            rm -rf root/etc/bellwether root/var/lib/bellwether
            cp "{world.directory}"/packages/*.deb root/root/
            cp "{world.directory}"/systemctl "{world.directory}"/journalctl root/usr/local/bin/
            echo ready
            exec chroot root sleep infinity
        """
        inside = ["ip", "netns", "exec", namespace, "unshare", "--mount", "--propagation=slave", "--pid", "--fork", "--kill-child", "sh", "-c", mount]
        self._process = subprocess.Popen(inside, stdout=subprocess.PIPE, text=True)
        world.at_end(self.end)
        assert self._process.stdout.readline() == "ready\n", name
        (self.pid,) = run("pgrep", "-P", str(self._process.pid)).split()
        self.name = name

    def end(self):
        self._process.kill()
        self._process.wait()


def flock(world):
    """From the package to a flock of three, one after the other as documented; then an alert is notified once."""
    missing = netns.missing()
    if missing:
        raise Skip(f"no {missing}")
    packages(world, "1.0")
    for name, text in (("systemctl", Machine.SYSTEMCTL), ("journalctl", Machine.JOURNALCTL)):
        (world.directory / name).write_text(text)
        (world.directory / name).chmod(0o755)
    net = netns.Net(3)
    world.at_end(net.close)
    machines = [Machine(world, f"gw{number}", namespace) for number, namespace in enumerate(net.namespaces, 1)]
    install = commands("systemd/README.md", "## Install")
    then = install[install.index(one(install, "sudo apt install")) :]
    then = "\n".join(then[: then.index(one(then, "journalctl")) + 1]).replace("_arm64", "_amd64")
    lines = commands("configs/README.md", "### A first flock of three")
    first, each = "\n".join(lines).split("sudo grep -q", 1)
    post = one(install, "curl").replace("Hello", "Flock")
    shell = f"""
        declare -A pid=({" ".join(f"[{machine.name}]={machine.pid}" for machine in machines)})
        here=gw1
        # Words run as root on the machine at hand.
        on() {{
            local at=${{pid[$here]}}
            nsenter --target "$at" --mount --net --pid --root --wd="/proc/$at/root/root" \\
                env DEBIAN_FRONTEND=noninteractive PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
        }}
        sudo() {{
            if [ "$1 $2" = "-u bellwether" ]; then shift 2; set -- setpriv --reuid=bellwether --regid=bellwether --clear-groups "$@"; fi
            on "$@"
        }}
        sudoedit() {{ test "$*" = /etc/bellwether/bellwether.toml; }}
        ssh() {{ local here=$1; shift; "$@"; }}
        for program in bellwether curl journalctl; do eval "$program() {{ on $program \\"\\$@\\"; }}"; done
        cd "{world.directory}/packages"
    """
    timed(world, ".deb to a flock of three that has notified", f"""
        {shell}
        for here in gw1 gw2 gw3; do
{then}
        done
        here=gw1
{first}
        for here in gw1 gw2 gw3; do
sudo grep -q{each}
        done
        until [ "$(bellwether flock | grep -cE 'gw[123]|alive|this node')" -ge 3 ]; do sleep 0.2; done
        here=gw2
        {post}
        told() {{ for n in gw1 gw2 gw3; do ssh $n journalctl -u bellwether --since -1min -g FIRING; done | grep -c Flock; }}
        until [ "$(told)" -ge 1 ]; do sleep 0.2; done
        sleep 3
        test "$(told)" = 1
    """)  # fmt: skip


def image(world):
    """From the image to the first notification, by podman."""
    if os.geteuid() != 0 or not shutil.which("podman"):
        raise Skip("no podman, or not root")
    out = world.directory / "target/cross"
    out.mkdir(parents=True)
    shutil.copy(world.settings.subject, out / f"bellwether-{TARGET}")
    for name in ("cross", "configs", "Cargo.toml"):
        (world.directory / name).symlink_to(ROOT / name)
    state = world.directory / "containers"
    state.mkdir()
    (state / "storage.conf").write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{state}/graph"\nrunroot = "{state}/run"\n')
    # The shipped binaries are static; the one under test may need this machine's libraries.
    volumes = [f"{place}:{place}:ro" for place in ("/lib", "/lib64", "/usr/lib")] if "(" in run_ldd(world.settings.subject) else []
    (state / "containers.conf").write_text(
        f'[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]\nvolumes = {json.dumps(volumes)}\nlog_driver = "k8s-file"\n'
        f'[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\ntmp_dir = "{state}/tmp"\nvolume_path = "{state}/volumes"\n'
        f'[network]\nnetwork_backend = "netavark"\nnetwork_config_dir = "{state}/networks"\n'
    )
    env = {**os.environ, "CONTAINERS_CONF": str(state / "containers.conf"), "CONTAINERS_STORAGE_CONF": str(state / "storage.conf")}
    env.update({"OUT": str(out), "SOURCE_DATE_EPOCH": "1700000000"})
    version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M).group(1)
    lines = [line.replace("VERSION", version) for line in commands("systemd/README.md", "### In a container")]
    run("bash", "-c", one(lines, "cross/image.sh"), cwd=world.directory, env=env)
    timed(world, "image to first notification", f"""
        ip link set lo up
        mount -t tmpfs none /run/netns 2>/dev/null || {{ mkdir -p /run/netns && mount -t tmpfs none /run/netns; }}
        {one(lines, "podman load")}
        {one(lines, "podman run")}
        trap 'podman rm -f bellwether >/dev/null' EXIT
        until curl -sf http://127.0.0.1:9093/-/ready >/dev/null; do sleep 0.1; done
        {one(lines, "curl")}
        until {one(lines, "podman logs").replace(" -f", "")} 2>&1 | grep FIRING; do sleep 0.2; done
    """, "unshare", "--net", "--mount", "--propagation=slave", env=env, cwd=world.directory)  # fmt: skip


def run_ldd(binary):
    return subprocess.run(["ldd", binary], capture_output=True, text=True, check=False).stdout


def cases(_settings):
    return [(f"newcomer/{case.__name__}", case) for case in (clone, exporter, flock, image)]
