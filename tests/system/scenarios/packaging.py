"""What is handed out: packages, units, scripts and licences, put to use on a copy of this machine."""

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

from agent import free_port, until
from command import run
from world import Skip

HEAVY = {f"packaging/{name}" for name in ("units", "package", "policy", "installed", "install_script", "openrc", "readme", "licences", "version", "release")}
ROOT = Path(__file__).resolve().parent.parent.parent.parent
TARGET = "x86_64-unknown-linux-musl"
EXPOSURE_MAX = 15  # tenths
UNITS = ("bellwether.service", "bellwether-onfailure@.service")


def packages(world, version, name="packages"):
    """The .deb and the tarball of the binary under test, as cross/package.sh makes them."""
    out = world.directory / name
    if not out.exists():
        out.mkdir()
        shutil.copy(world.settings.subject, out / f"bellwether-{TARGET}")
        (out / "LICENCES").write_text("none\n")
    run(ROOT / "cross/package.sh", "--version", version, TARGET, env={**os.environ, "OUT": str(out), "SOURCE_DATE_EPOCH": "1700000000"})
    return out / f"bellwether_{version}_amd64.deb", out / f"bellwether-{version}-{TARGET}.tar.gz"


def units(world):
    """systemd finds nothing to say about the units, and little that they could do to the machine."""
    deb, _ = packages(world, "1.0")
    root = world.directory / "root"
    run("dpkg-deb", "-x", deb, root)
    for unit in UNITS:
        path = root / "usr/lib/systemd/system" / unit
        run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", "--no-pager", path)
        # What the units run is not installed here.
        text = path.read_text().replace("/usr/bin/bellwether", "/bin/true").replace("/usr/lib/bellwether/unit-failed", "/bin/true")
        copy = world.directory / unit
        copy.write_text(text)
        told = run("systemd-analyze", "verify", "--man=no", copy)
        assert not told.strip(), told
    # Whatever ends the agent, it starts again: nobody is there to do it.
    lines = (root / "usr/lib/systemd/system/bellwether.service").read_text().splitlines()
    assert {"Restart=always", "StartLimitIntervalSec=0", "LimitCORE=0"} <= set(lines), lines
    assert not [line for line in lines if line.startswith(("RestartPreventExitStatus", "SuccessExitStatus"))], lines


def package(world):
    """The .deb holds what it should, as it should, the same each time; the man page knows every flag."""
    deb, _ = packages(world, "1.0")
    again, _ = packages(world, "1.0", "again")
    assert hashlib.sha256(deb.read_bytes()).digest() == hashlib.sha256(again.read_bytes()).digest(), "two builds differ"
    fields = run("dpkg-deb", "-f", deb)
    assert "Architecture: amd64" in fields and "Version: 1.0" in fields, fields
    root = world.directory / "root"
    run("dpkg-deb", "-R", deb, root)
    listed = run("dpkg-deb", "-c", deb)
    assert all(line.split()[1] == "root/root" for line in listed.splitlines()), listed
    for path in root.rglob("*"):
        mode = path.stat().st_mode & 0o777
        runs = path.is_dir() or path.suffix == "" and path.parent.name in ("bin", "DEBIAN", "bellwether") and path.read_bytes()[:2] in (b"#!", b"\x7fE")
        assert mode == (0o755 if runs else 0o644), f"{path}: {mode:o}"
    assert not (root / "DEBIAN/conffiles").exists() and not (root / "etc").exists(), "an upgrade may ask"
    assert run(world.settings.subject, "check-config", root / "usr/share/bellwether/bellwether.toml")
    for script in ("preinst", "postinst", "prerm", "postrm"):
        run("sh", "-n", root / "DEBIAN" / script)

    help_ = run(world.settings.subject, "--help")
    page = run("zcat", root / "usr/share/man/man1/bellwether.1.gz").replace("\\-", "-")
    flags = re.findall(r"^ +(?:-h, )?(--[a-z.-]+)", help_, re.M)
    assert len(flags) > 20 and not [flag for flag in flags if flag not in page], flags
    assert not re.findall(r"@[A-Z]+@", page), "a placeholder is left in the man page"
    names = re.findall(r"^  ([a-z-]+(?: [a-z]+)?)  +[A-Z]", help_, re.M)
    assert len(names) > 20 and not [name for name in names if f"\n.SS {name}" not in page], names
    assert (root / "usr/share/zsh/vendor-completions/_bellwether").exists()
    assert (root / "usr/share/fish/vendor_completions.d/bellwether.fish").exists()


def completed(world, completion, *words, program="bellwether"):
    """What bash offers for the last of the words that follow the program's name."""
    script = '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _bellwether; printf "%s\n" "${COMPREPLY[@]}"'
    return run("bash", "-c", script, "bash", completion, program, *words, cwd=world.directory).split()


def linked(world):
    """An environment in which amtool is a link to a program called bellwether."""
    folder = world.directory / "bin"
    folder.mkdir()
    (folder / "bellwether").touch(0o755)
    (folder / "amtool").symlink_to("bellwether")
    home = {"HOME": str(world.directory), "XDG_CONFIG_HOME": str(world.directory / "x")}
    return {**os.environ, **home, "PATH": f"{folder}:{os.environ['PATH']}"}


AS_AMTOOL = {
    ("al",): {"alert"},
    ("silence", "up"): {"update"},
    ("--storage.p",): set(),
    ("config", "routes", "t"): {"test"},
    ("config", "routes", "test", "--ver"): {"--verify.receivers", "--verbose", "--version-check"},
}


COMPLETED = {
    ("",): {"alert", "silence", "ack", "routes", "config", "check-config", "flock", "history", "journal", "key", "healthy"},
    ("al",): {"alert"},
    ("--storage.p",): {"--storage.path"},
    ("--config.file", "so"): {"some.toml"},
    ("--storage.path", "ke"): {"kept"},
    ("flock", "--us"): {"--user"},
    ("silence", "up"): {"update"},
    ("silence", "add", "--dur"): {"--duration"},
    ("silence", "query", "--output", "ex"): {"extended"},
    ("routes", ""): {"show", "test"},
    ("journal", "c"): {"check", "compact"},
    ("journal", "check", "ke"): {"kept"},
    ("check-config", "so"): {"some.toml"},
    ("key", ""): {"new"},
}


def completion(world):
    """bash offers the flags, subcommands and values of where the cursor stands, and no others."""
    (world.directory / "some.toml").touch()
    (world.directory / "kept").mkdir()
    for words, expected in {
        **COMPLETED,
        ("--log.level", "=", "w"): {"warn"},
        ("--storage.durability", ""): {"sync", "interval", "off"},
        ("flock", "--url", ""): set(),
        ("nonsense", "--reci"): set(),
    }.items():
        offered = set(completed(world, ROOT / "cross/package/bellwether.bash", *words))
        assert offered >= expected if words == ("",) else offered == expected, f"{words}: {offered}"
    for words, expected in AS_AMTOOL.items():
        offered = set(completed(world, ROOT / "cross/package/bellwether.bash", *words, program="/usr/local/bin/amtool"))
        assert offered == expected, f"{words}: {offered}"
    knows = ["bash", "-c", '. "$1"; complete -p amtool || true', "bash", ROOT / "cross/package/bellwether.bash"]
    assert "_bellwether" in run(*knows, env=linked(world)), "the link is not known"
    assert "_bellwether" not in run(*knows), "Alertmanager's own amtool is taken for the link"


def fish(world):
    """fish offers the same."""
    (world.directory / "some.toml").touch()
    (world.directory / "kept").mkdir()
    script = 'source $argv[1]; complete -C "$argv[2]"'
    for words, expected in COMPLETED.items():
        line = " ".join(["bellwether", *words])
        home = {**os.environ, "HOME": str(world.directory), "XDG_CONFIG_HOME": str(world.directory / "x")}
        told = run("fish", "--no-config", "-c", script, ROOT / "cross/package/bellwether.fish", line, cwd=world.directory, env=home)
        offered = {line.split("\t")[0].rstrip("/") for line in told.splitlines()}
        assert offered >= expected, f"{words}: {offered}"
        assert len(offered) < 4 or words == ("",), f"{words}: {offered}"
    environment = linked(world)
    for words, expected in AS_AMTOOL.items():
        line = " ".join(["amtool", *words])
        told = run("fish", "--no-config", "-c", script, ROOT / "cross/package/bellwether.fish", line, env=environment)
        offered = {line.split("\t")[0] for line in told.splitlines()}
        assert offered >= expected, f"{words}: {offered}"


def zsh(world):
    """zsh offers the same; its own functions are replaced by ones that print."""
    (world.directory / "some.toml").touch()
    (world.directory / "kept").mkdir()
    script = """
        compadd() { shift; print -l -- "$@"; }; compset() { true; }
        _files() { [[ $1 == -/ ]] && print -l *(/) || print -l *; }
        compdef() { $1; }
        file=$1; service=$2; shift; words=("$@"); CURRENT=$#words
        . $file
    """
    environment = linked(world)
    for program, table in ("bellwether", COMPLETED), ("amtool", AS_AMTOOL):
        for words, expected in table.items():
            told = run("zsh", "-f", "-c", script, "zsh", ROOT / "cross/package/bellwether.zsh", program, *words, cwd=world.directory, env=environment)
            offered = {line for line in told.splitlines() if line.startswith(words[-1])}
            assert offered >= expected if words == ("",) else offered == expected, f"{program} {words}: {offered}"


def version(world):
    """A package is called after the commit it was built of, so that apt takes the later one for newer."""
    repository = world.directory / "repository"
    repository.mkdir()
    (repository / "Cargo.toml").write_text('[package]\nversion = "0.1.0"\n')
    git = ["git", "-C", repository, "-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "commit.gpgsign=false"]
    ask = ["sh", "-ec", 'ROOT=$2; . "$1"; version_of_code; time_of_code', "sh", ROOT / "cross/targets.sh", repository]
    run(*git, "init", "-q")
    told = []
    for date in ("2026-03-28T23:59:59 +0100", "2026-03-29T01:00:00 +0100"):
        run(*git, "add", "-A")
        dated = {**os.environ, "GIT_COMMITTER_DATE": date}
        run(*git, "commit", "-q", "--allow-empty", "-m", "x", env=dated)
        told.append(run(*ask).split()[0])
    assert re.fullmatch(r"0\.1\.0~git20260328225959\.[0-9a-f]{12}", told[0]), told
    (repository / "Cargo.toml").write_text('[package]\nversion = "0.1.0" \n')
    told.append(run(*ask).split()[0])
    assert told[2] == told[1] + ".changed", told
    for before, after in zip(told, [*told[1:], "0.1.0"]):
        run("dpkg", "--compare-versions", before, "lt", after)

    packages(world, "1.0")
    out = world.directory / "packages"
    (out / f"bellwether-{TARGET}.build").write_text("version: 0.1.0~git20260329000000.0123456789ab\ndate: 1774742400\n")
    settings = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    run(ROOT / "cross/package.sh", TARGET, env={**settings, "OUT": str(out)})
    deb = out / "bellwether_0.1.0~git20260329000000.0123456789ab_amd64.deb"
    assert run("dpkg-deb", "-f", deb, "Version").strip() == "0.1.0~git20260329000000.0123456789ab"
    assert "2026-03-29 00:00" in run("dpkg-deb", "-c", deb, env={**settings, "TZ": "UTC"})
    assert f"{deb.name}\n" in (out / "SHA256SUMS").read_text()


def toolchain(_world):
    """Where Debian's second toolchain cannot be installed, it says which command helps."""
    script = """
        install_missing() { return 100; }
        has_rustup_target() { false; }
        choose_toolchain armv7-unknown-linux-musleabihf
    """
    done = subprocess.run(
        ["sh", "-ec", f'. "{ROOT}/cross/targets.sh"; . "{ROOT}/cross/toolchain.sh"; {script}'], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "rustup target add armv7-unknown-linux-musleabihf" in done.stderr, done


def policy(world):
    """Debian's own check finds no fault with the package, but for those that it is told the reason of."""
    deb, _ = packages(world, "1.0")
    # The binary under test may be linked to this machine's libc; the one that is shipped is to none.
    run("lintian", "--allow-root", "--fail-on", "error,warning", "--suppress-tags", "missing-dependency-on-libc", deb)


def throw_away_machine(world):
    """A command that runs the script in its argument as root of a copy of this machine that is gone afterwards."""
    mount = f"""
        set -e
        mkdir -p "{world.directory}/machine"
        cd "{world.directory}/machine"
        mount -t tmpfs none "$PWD"
        cd "$PWD"
        mkdir upper work root
        mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work none root
        mount -t proc proc root/proc
        mount --bind /dev root/dev
        mount -t tmpfs none root/run
        cp "{world.directory}"/packages/*.* root/root/
        exec chroot root sh -ec "$1"
    """
    return ["unshare", "--mount", "--propagation=slave", "--net", "--pid", "--fork", "sh", "-c", mount, "sh"]


def installed(world):
    """Installed, upgraded, downgraded, removed, purged: the config and the state stay until the last."""
    for version in ("1.0", "1.1"):
        packages(world, version)
    serve = """
        serve() {
            setpriv --reuid=bellwether --regid=bellwether --clear-groups /usr/bin/bellwether \\
                --config.file=/etc/bellwether/bellwether.toml --storage.path=/var/lib/bellwether --cluster.listen-address= &
            agent=$!
            for wait in $(seq 100); do curl -sf http://127.0.0.1:9093/-/ready >/dev/null && return; sleep 0.1; done
            exit 1
        }
        silences() { curl -sf http://127.0.0.1:9093/api/v2/silences | grep -o '"id"' | wc -l; }
        stop() { kill $agent; wait $agent; }
        # repack OLD NEW CHANGE: the package anew, changed by a script in its root.
        repack() {
            rm -rf /root/repacked
            dpkg-deb -R /root/bellwether_$1_amd64.deb /root/repacked
            (cd /root/repacked && sed -i "s/^Version: .*/Version: $2/" DEBIAN/control && eval "$3")
            dpkg-deb -Zgzip -b /root/repacked /root/bellwether_$2_amd64.deb
        }
        is_installed() { test "$(dpkg-query -W -f '${Version} ${Status}' bellwether)" = "$1 install ok installed"; }
    """
    silence = '{"matchers":[{"name":"a","value":"b","isRegex":false}],"startsAt":"2020-01-01T00:00:00Z","endsAt":"2099-01-01T00:00:00Z","createdBy":"x","comment":"x"}'
    script = f"""
        {serve}
        ip link set lo up
        rm -rf /etc/bellwether /var/lib/bellwether
        printf '#!/bin/sh\\necho armv6l\\n' >/usr/local/bin/uname
        chmod +x /usr/local/bin/uname
        dpkg -i /root/bellwether_1.0_amd64.deb >/root/told 2>&1 && exit 1
        grep arm-unknown-linux-musleabihf /root/told
        test ! -e /usr/bin/bellwether
        rm /usr/local/bin/uname
        # One whose config is a conffile, as many packages have it, and one with other defaults.
        repack 1.0 0.9 'mkdir -p etc/bellwether etc/default
            mv usr/share/bellwether/bellwether.toml etc/bellwether/ && mv usr/share/bellwether/default etc/default/bellwether
            printf "/etc/bellwether/bellwether.toml\\n/etc/default/bellwether\\n" >DEBIAN/conffiles'
        repack 1.1 1.1 'echo "# other" | tee -a usr/share/bellwether/bellwether.toml usr/share/bellwether/default'
        dpkg -i /root/bellwether_0.9_amd64.deb
        echo '# mine' >>/etc/bellwether/bellwether.toml
        dpkg -i /root/bellwether_1.1_amd64.deb </dev/null
        is_installed 1.1
        tail -1 /etc/bellwether/bellwether.toml | grep '# mine'
        test -e /etc/default/bellwether
        dpkg --purge bellwether
        test ! -e /etc/bellwether -a ! -e /etc/default/bellwether

        dpkg -i /root/bellwether_1.0_amd64.deb
        test "$(stat -c %U:%G:%a /etc/bellwether/bellwether.toml)" = root:bellwether:640
        test "$(stat -c %U:%G:%a /etc/bellwether)" = root:bellwether:750
        test -e /etc/systemd/system/multi-user.target.wants/bellwether.service
        test "$(stat -c %U:%G:%a /var/lib/bellwether)" = bellwether:bellwether:700
        for file in /etc/bellwether/bellwether.toml /etc/default/bellwether; do echo '# mine' >>$file; done
        serve
        curl -sf -H 'Content-Type: application/json' -d '{silence}' http://127.0.0.1:9093/api/v2/silences
        stop
        for version in 1.1 1.0; do
            dpkg -i /root/bellwether_$version"_amd64.deb" </dev/null
            is_installed $version
            for file in /etc/bellwether/bellwether.toml /etc/default/bellwether; do tail -1 $file | grep '# mine'; done
            serve
            test "$(silences)" = 1
            stop
        done
        tar xzf /root/bellwether-1.0-{TARGET}.tar.gz -C /root
        for what in "" --remove; do
            /root/bellwether-1.0-{TARGET}/install.sh $what >/root/told 2>&1 && exit 1
            grep 'use apt' /root/told
        done
        is_installed 1.0
        dpkg --remove bellwether
        test -e /etc/bellwether/bellwether.toml -a -e /var/lib/bellwether
        test ! -e /usr/bin/bellwether
        dpkg --purge bellwether
        test ! -e /etc/bellwether -a ! -e /etc/default/bellwether -a ! -e /var/lib/bellwether -a ! -e /etc/systemd/system/multi-user.target.wants/bellwether.service
    """
    run(*throw_away_machine(world), script)


def install_script(world):
    """The tarball's script installs for each init system, keeps a config that is there, and removes what it brought."""
    _, tarball = packages(world, "1.0")
    with tarfile.open(tarball) as archive:
        archive.extractall(world.directory, filter="fully_trusted")
    script = world.directory / f"bellwether-1.0-{TARGET}" / "install.sh"
    for init, unit in (("systemd", "etc/systemd/system/bellwether.service"), ("openrc", "etc/init.d/bellwether"), ("procd", "etc/init.d/bellwether")):
        root = world.directory / init
        settings = {**os.environ, "DESTDIR": str(root), "INIT": init}
        (root / "lib/upgrade").mkdir(parents=True)
        run(script, env=settings)
        config = root / "etc/bellwether/bellwether.toml"
        config.write_text("mine")
        run(script, env=settings)
        assert (root / "var/lib/bellwether").is_dir() == (init != "procd")
        assert config.read_text() == "mine" and (root / unit).exists() and os.access(root / "usr/bin/bellwether", os.X_OK)
        kept = root / "lib/upgrade/keep.d/bellwether"
        assert kept.exists() == (init == "procd") and (not kept.exists() or "/etc/bellwether/\n" in kept.read_text())
        run(script, "--remove", env=settings)
        left = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
        assert left == [Path("etc/bellwether/bellwether.toml")], left
    # One that this processor cannot run.
    settings = f"""
        rm -rf /etc/bellwether
        echo works >/usr/bin/bellwether
        cd /root
        tar xzf bellwether-1.0-{TARGET}.tar.gz
        cd bellwether-1.0-{TARGET}
        printf '#!/bin/sh\\nkill -ILL $$\\n' >bellwether
        ./install.sh 2>&1 && exit 1
        test "$(cat /usr/bin/bellwether)" = works -a ! -e /etc/bellwether
    """
    told = run(*throw_away_machine(world), settings)
    assert "does not run here" in told and "Pi 1, Zero" in told, told


def openrc(world):
    """The tarball on a machine with OpenRC: installed, started, reloaded, started anew after a kill, stopped, removed."""
    packages(world, "1.0")
    # Unpacked there alone: here they would replace the init system.
    download = ("apt-get", "-o", "Acquire::Retries=5", "download", "openrc", "librc1", "libeinfo1")
    if subprocess.run(download, cwd=world.directory / "packages", capture_output=True, check=False).returncode != 0:
        raise Skip("openrc's packages cannot be downloaded")
    script = f"""
        is_up() {{ for wait in $(seq 100); do curl -sf http://127.0.0.1:9093/-/ready && return; sleep 0.1; done; exit 1; }}
        ip link set lo up
        cd /root
        for deb in openrc_* lib*; do dpkg-deb --fsys-tarfile $deb | tar -x --keep-directory-symlink -C /; done
        for kind in exclusive starting started stopping inactive wasinactive failed daemons options scheduled tmp; do
            mkdir -p /run/openrc/$kind
        done
        touch /run/openrc/softlevel
        rm -rf /etc/bellwether /var/lib/bellwether
        tar xzf bellwether-1.0-{TARGET}.tar.gz
        ./bellwether-1.0-{TARGET}/install.sh
        test -e /etc/runlevels/default/bellwether
        is_up
        first=$(pidof bellwether)
        test "$(stat -c %U /proc/$first)" = bellwether
        sed -i s/default/renamed/ /etc/bellwether/bellwether.toml
        rc-service bellwether reload
        for wait in $(seq 100); do curl -sf http://127.0.0.1:9093/api/v2/receivers | grep -q renamed && break; sleep 0.1; done
        curl -sf http://127.0.0.1:9093/api/v2/receivers | grep renamed
        test "$(pidof bellwether)" = $first
        kill -9 $first
        for wait in $(seq 100); do again=$(pidof bellwether) && test "$again" != $first && break; sleep 0.1; done
        is_up
        rc-service bellwether stop
        test -z "$(pidof bellwether)"
        ./bellwether-1.0-{TARGET}/install.sh --remove
        test ! -e /usr/bin/bellwether -a ! -e /etc/runlevels/default/bellwether -a -e /etc/bellwether/bellwether.toml
    """
    run(*throw_away_machine(world), script)


def procd(_world):
    """procd is told of a process that runs as nobody else, is started for ever, and reloads by SIGHUP."""
    told = run("sh", "-ec", """
        for said in open_instance set_param close_instance; do eval "procd_$said() { echo $said \\"\\$@\\"; }"; done
        mkdir() { :; }
        chown() { echo chown "$@"; }
        chmod() { echo chmod "$@"; }
        cat() { printf '%s\\n' "--web.listen-address=192.0.2.1:9093 --log.silences" --log.level=debug; }
        . "$1"
        start_service
    """, "sh", ROOT / "systemd/without/bellwether.procd").splitlines()  # fmt: skip
    chosen, told = told[:4], told[4:]
    assert chosen == [
        "chmod 700 /etc/bellwether/state", "chown bellwether:bellwether /etc/bellwether/state",
        "chown root:bellwether /etc/bellwether/bellwether.toml", "chmod 640 /etc/bellwether/bellwether.toml",
    ], chosen  # fmt: skip
    command = next(line for line in told if line.startswith("set_param command ")).split()
    assert command[4:] == ["--storage.path=/etc/bellwether/state", "--web.listen-address=192.0.2.1:9093", "--log.silences", "--log.level=debug"], command
    assert told[0].split() == ["open_instance"] and told[-1].split() == ["close_instance"], told
    params = dict(line.split()[1:3] for line in told[1:-1])
    assert params == {
        "command": "/usr/bin/bellwether", "user": "bellwether", "group": "bellwether", "no_new_privs": "1", "respawn": "0",
        "reload_signal": "HUP", "file": "/etc/bellwether/bellwether.toml", "stderr": "1",
    }, params  # fmt: skip
    assert "set_param respawn 0 2 0" in told, "it gives up one day"


def readme(world):
    """The documented lines for a first flock, run as they stand, make a member that speaks sealed multicast, twice too."""
    packages(world, "1.0")
    section = (ROOT / "configs/README.md").read_text().split("### A first flock of three")[1].split("###")[0]
    lines = "\n".join(line[4:] for line in section.splitlines() if line.startswith("    "))
    script = f"""
        as_bellwether="setpriv --reuid=bellwether --regid=bellwether --clear-groups"
        sudo() {{
            [ "$1 $2" != "-u bellwether" ] || {{ shift 2; set -- $as_bellwether "$@"; }}
            "$@"
        }}
        # Another machine is a directory.
        ssh() {{
            node=$1
            shift
            mkdir -p /root/$node/etc/bellwether
            eval "$(echo "$*" | sed "s| /etc/| /root/$node/etc/|")"
        }}
        systemctl() {{
            test "$*" = "restart bellwether"
            [ -z "$agent" ] || {{ kill $agent; wait $agent; }}
            $as_bellwether /usr/bin/bellwether \\
                --config.file=/etc/bellwether/bellwether.toml --storage.path=/var/lib/bellwether &
            agent=$!
            for wait in $(seq 100); do curl -sf http://127.0.0.1:9093/-/ready && return; sleep 0.1; done
            exit 1
        }}
        rm -rf /etc/bellwether /var/lib/bellwether
        mount -t sysfs none /sys
        ip link set lo up
        ip link add site type veth peer name other
        ip link set site up; ip link set other up
        ip address add 192.0.2.1/24 dev site
        dpkg -i /root/bellwether_1.0_amd64.deb
{lines}
        cp /etc/bellwether/flock.key /root/first.key
{lines}
        test "$(grep -c cluster /etc/bellwether/bellwether.toml)" = 1
        for node in "" /root/gw2 /root/gw3; do
            cmp /root/first.key $node/etc/bellwether/flock.key
            test "$(stat -c %U:%G:%a $node/etc/bellwether/flock.key)" = root:bellwether:640
        done
    """
    told = run(*throw_away_machine(world), script)
    assert len(re.findall(r"^sealed +with key", told, re.M)) == 2 and "NOT SEALED" not in told, told
    assert re.search(r"^multicast .*site", told, re.M), told


def toolchain_texts(world):
    """The environment of a toolchain that is nothing but the texts of its terms, and these."""
    zig, rust = world.directory / "venv/lib/python3.99/site-packages/ziglang", world.directory / "rust/share/doc/rust/licenses"
    texts = [zig / name for name in ("LICENSE", "lib/libc/musl/COPYRIGHT", "lib/libunwind/LICENSE.TXT")]
    texts += [rust / f"{name}.txt" for name in ("Apache-2.0", "LLVM-exception", "MIT", "Unicode-3.0")]
    for text in texts:
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text(f"The terms in {text.name} of {text.parent.name}.\n")
    rustc = world.directory / "rustc"
    rustc.write_text(f'#!/bin/sh\n[ "$*" = "--print sysroot" ] || exec rustc "$@"\necho {world.directory}/rust\n')
    rustc.chmod(0o755)
    return {**os.environ, "CACHE": str(world.directory), "RUSTC": str(rustc)}, texts


def licences(world):
    """Everything that is linked is under terms that were agreed to, and their texts are told, the toolchain's too."""
    run(ROOT / "cross/licences.py", "--check")
    settings, texts = toolchain_texts(world)
    told = run(ROOT / "cross/licences.py", env=settings)
    for text in texts:
        assert told.count(text.read_text()) == 1, f"{text} is not told once"
    for name in ("The Rust standard library", "compiler-builtins", "musl libc", "compiler-rt", "libunwind", "Copyright (c) The Rust Project"):
        assert name in told, f"{name} is not named"
    assert re.search(r"^foca [0-9.]+: MPL-2.0, https://", told, re.M), told
    texts[1].unlink()
    done = subprocess.run([ROOT / "cross/licences.py"], env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and str(texts[1]) in done.stderr and not done.stdout, done


def repository(world):
    """apt installs from the repository that cross/repository.sh lays out, and takes no other's signature."""
    deb, _ = packages(world, "1.0")
    packages(world, "1.1")
    home = world.directory / "gnupg"
    home.mkdir(mode=0o700)
    out = {**os.environ, "GNUPGHOME": str(home), "OUT": str(deb.parent)}
    run("gpg", "--batch", "--passphrase", "", "--quick-generate-key", "us@localhost", "ed25519", "sign", "never", env=out)
    run("gpg", "--batch", "--passphrase", "", "--quick-generate-key", "them@localhost", "ed25519", "sign", "never", env=out)
    place = world.directory / "apt"
    run(ROOT / "cross/repository.sh", place, "us@localhost", env=out)
    # apt with nothing of this machine's but its programs.
    root = world.directory / "machine"
    for folder in ("state/lists/partial", "cache/archives/partial", "etc/sources.list.d", "etc/preferences.d"):
        (root / folder).mkdir(parents=True)
    (root / "status").touch()
    options = [f"Dir::State={root}/state", f"Dir::State::status={root}/status", f"Dir::Cache={root}/cache", f"Dir::Etc={root}/etc"]
    options += ["Dir::Etc::main=none", "Dir::Etc::parts=none", "APT::Architecture=amd64", "APT::Architectures=amd64", "APT::Sandbox::User=root"]
    apt = [word for option in options for word in ("-o", option)]
    sources = root / "etc/sources.list"

    def update(key):
        sources.write_text(f"deb [signed-by={key}] file:{place} stable main\n")
        shutil.rmtree(root / "state/lists")
        (root / "state/lists/partial").mkdir(parents=True)
        done = subprocess.run(["apt-get", *apt, "update"], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    told = update(place / "bellwether.asc")
    assert "NO_PUBKEY" not in told and "W:" not in told and "E:" not in told, told
    shown = run("apt-cache", *apt, "policy", "bellwether")
    assert "Candidate: 1.1" in shown and " 1.0 " in shown, shown
    run("apt-get", *apt, "download", "bellwether=1.0", cwd=root)
    assert (root / "bellwether_1.0_amd64.deb").read_bytes() == deb.read_bytes()
    other = world.directory / "other.asc"
    other.write_text(run("gpg", "--armor", "--export", "them@localhost", env=out))
    told = update(other)
    assert "NO_PUBKEY" in told or "not signed" in told, told


def image(world):
    """The image is what its digests say, the same each time, and runs as a root file system: an alert is notified, and
    `bellwether healthy` tells of it."""
    image_runs(world, TARGET, world.settings.subject, {"architecture": "amd64"})


def image_arm64(world):
    """So is and does that for arm64, under qemu."""
    image_runs_under_qemu(world, "aarch64-unknown-linux-musl", {"architecture": "arm64", "variant": "v8"})


def image_armv7(world):
    """And that for armv7."""
    image_runs_under_qemu(world, "armv7-unknown-linux-musleabihf", {"architecture": "arm", "variant": "v7"})


def image_armv6(world):
    """And that for armv6, on the processor of a Pi 1."""
    image_runs_under_qemu(world, "arm-unknown-linux-musleabihf", {"architecture": "arm", "variant": "v6"})


def image_runs_under_qemu(world, target, platform):
    """Runs the image of the newest binary that cross/build.sh has left for a target, be it one that ships or a quick one."""
    places = [ROOT / f"target/{folder}/bellwether-{target}" for folder in ("cross", "quick")]
    binaries = sorted((binary for binary in places if binary.exists()), key=lambda it: it.stat().st_mtime, reverse=True)
    emulator = run("sh", "-c", f'. "{ROOT}/cross/targets.sh"; emulator_of {target}').split()
    if not binaries or not shutil.which(emulator[0]):
        raise Skip(f"no {emulator[0]}" if binaries else f"neither {' nor '.join(map(str, places))}")
    image_runs(world, target, binaries[0], platform, emulator)


def image_runs(world, target, binary, platform, emulator=()):
    """Makes the image of a binary and runs it, by the command of an emulator if that is given."""
    made = world.directory / "image"
    made.mkdir()
    shutil.copy(binary, made / f"bellwether-{target}")
    place = {**os.environ, "OUT": str(made), "SOURCE_DATE_EPOCH": "1700000000"}
    archive = made / "bellwether-1.0.oci.tar"
    run(ROOT / "cross/image.sh", "--version", "1.0", target, env=place)
    first = archive.read_bytes()
    run(ROOT / "cross/image.sh", "--version", "1.0", target, env=place)
    assert archive.read_bytes() == first, "two images of one binary differ"
    layout = world.directory / "layout"
    layout.mkdir()
    run("tar", "-xf", archive, "-C", layout)
    assert json.loads((layout / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}

    def blob(told):
        kind, digest = told["digest"].split(":")
        found = (layout / "blobs" / kind / digest).read_bytes()
        assert len(found) == told["size"] and hashlib.sha256(found).hexdigest() == digest, told
        return found

    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    (only,) = json.loads(blob(entry))["manifests"]
    assert only["platform"] == {**platform, "os": "linux"}, only
    manifest = json.loads(blob(only))
    config = json.loads(blob(manifest["config"]))
    (layer,) = manifest["layers"]
    layer_tar = gzip.decompress(blob(layer))
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer_tar).hexdigest()}"]
    root = world.directory / "root"
    root.mkdir()
    subprocess.run(["tar", "-xf", "-", "-C", root], input=layer_tar, check=True)
    # The shipped binaries are static; the one under test may not be.
    libraries = subprocess.run(["ldd", root / "usr/bin/bellwether"], capture_output=True, text=True, check=False).stdout
    for library in re.findall(r"(/\S+) \(0x", libraries):
        (root / library[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, root / library[1:])
    port = free_port()
    user = config["config"]["User"]
    enter = ["chroot", f"--userspec={user}", root]
    if emulator:
        shutil.copy(shutil.which(emulator[0]), root / "emulator")
        enter += ["/emulator", *emulator[1:]]
    words = [*config["config"]["Entrypoint"], *config["config"]["Cmd"]]
    words = [word.replace(":9093", f"127.0.0.1:{port}") for word in words]
    process = world.spawn("agent", *enter, *words)
    ask = config["config"]["Healthcheck"]["Test"][1:]
    (root / "etc/amtool").mkdir()
    (root / "etc/amtool/config.yml").write_text(f"alertmanager.url: http://127.0.0.1:{port}\n")

    def healthy():
        return subprocess.run([*enter, *ask], capture_output=True, check=False).returncode == 0

    until("the agent in the image is healthy", healthy)
    (root / "etc/bellwether/zoned.toml").write_text((ROOT / "configs/default.toml").read_text() + ZONED)
    run(*enter, "/usr/bin/bellwether", "check-config", "/etc/bellwether/zoned.toml")
    run(*enter, "/usr/bin/bellwether", "alert", "add", "Door", f"--url=http://127.0.0.1:{port}")
    until("the notification is in the log", lambda: "Door" in (world.directory / "agent.log").read_text())
    assert list((root / "data").iterdir()), "no journal is kept in the volume"
    process.terminate()
    process.wait()
    assert not healthy()


ZONED = """
[[time_intervals]]
name = "night"
time_intervals = [{ location = "Europe/Berlin", times = [{ start_time = "22:00", end_time = "24:00" }] }]
"""
STAND_IN = """
INCLUDE_DIR:=$(TOPDIR)
INSTALL_DIR:=install -d
INSTALL_BIN:=install -m 755
INSTALL_CONF:=install -m 600
"""
BUILD = """
define BuildPackage
told:
	@echo "$(PKG_NAME) $(PKG_VERSION) $(BELLWETHER_TARGET)"
compile:
	$(Build/Compile)
install:
	$(call Package/$(1)/install,$(DESTDIR))
endef
"""


def recipes(world):
    """The recipes of OpenWrt, Yocto and Home Assistant install what they say, of this version. Their own tools are not here:
    OpenWrt's runs against a stand-in of its build tree, Yocto's step of installation runs by itself."""
    version = version_of_cargo()
    place = world.directory / "bellwether"
    place.mkdir()
    for name in ("configs", "systemd", "LICENSE", "cross", "Cargo.toml"):
        (place / name).symlink_to(ROOT / name)
    built = place / "target/cross"
    built.mkdir(parents=True)
    targets = ("aarch64-unknown-linux-musl", "armv7-unknown-linux-musleabihf", "arm-unknown-linux-musleabihf", TARGET)
    for target in targets:
        shutil.copy(world.settings.subject, built / f"bellwether-{target}")

    tree = world.directory / "openwrt"
    tree.mkdir()
    (tree / "rules.mk").write_text(STAND_IN)
    (tree / "package.mk").write_text(BUILD)
    recipe = ROOT / "cross/openwrt"
    arms = {"cortex-a7": targets[1], "cortex-a15": targets[1], "arm1176jzf-s": targets[2], "mpcore": targets[2], "arm926ej-s": None, "xscale": None}
    for arch, kind, target in (("aarch64", "", targets[0]), ("x86_64", "", TARGET), *(("arm", kind, target) for kind, target in arms.items())):
        root = world.directory / f"openwrt-{arch}{kind}"
        make = ["make", "-s", "-C", recipe, f"TOPDIR={tree}", f"ARCH={arch}", f"CPU_TYPE={kind}", f"BELLWETHER={place}", f"DESTDIR={root}"]
        if target is None:
            done = subprocess.run([*make, "compile"], capture_output=True, text=True, check=False)
            assert done.returncode != 0 and f"no binary of Bellwether is for arm {kind}" in done.stderr, f"{kind}: {done}"
            continue
        assert run(*make, "told").strip() == f"bellwether {version} {target}"
        run(*make, "compile")
        run(*make, "install")
        assert run(root / "usr/bin/bellwether", "check-config", root / "etc/bellwether/bellwether.toml")
        run("sh", "-n", root / "etc/init.d/bellwether")

    (recipe,) = (ROOT / "cross/yocto").glob("*.bb")
    text = recipe.read_text()
    assert recipe.name == f"bellwether_{version}.bb", recipe
    assert hashlib.md5((ROOT / "LICENSE").read_bytes()).hexdigest() in text
    steps = text.split("do_install() {")[1].split("\n}")[0]
    root = world.directory / "yocto"
    values = {"D": root, "BELLWETHER": place, "BELLWETHER_TARGET": TARGET, "bindir": "/usr/bin", "nonarch_libdir": "/usr/lib"}
    values.update({"systemd_system_unitdir": "/usr/lib/systemd/system", "sysconfdir": "/etc"})
    # The user that `useradd` makes is in the tree that is built for, not here.
    run("sh", "-euc", f"chown() {{ test $1 = root:bellwether -a -e $2; }}\n{steps}", env={**os.environ, **{name: str(value) for name, value in values.items()}})
    assert run(root / "usr/bin/bellwether", "check-config", root / "etc/bellwether/bellwether.toml")
    for unit in UNITS:
        assert (root / "usr/lib/systemd/system" / unit).exists(), unit

    addon = world.directory / "addon"
    run(ROOT / "cross/home-assistant.sh", addon, env={**os.environ, "OUT": str(built)})
    steps = (addon / "Dockerfile").read_text()
    for name in [*re.findall(r"^COPY (\S+)", steps, re.M), "zoneinfo/Europe/Berlin"]:
        assert (addon / name).exists(), name
    told = (addon / "config.yaml").read_text()
    assert f"version: {version}\n" in told and "arch: [aarch64, amd64]" in told and "[PORT:9093]/-/healthy" in told, told
    runs_as_addon(world, addon, steps)


def runs_as_addon(world, addon, steps):
    """Starts the add-on by its Dockerfile's own words, its places and its port put here, and asks as its health check does."""
    home, port = world.directory / "home", free_port()
    (home / ".config/amtool").mkdir(parents=True)
    (home / ".config/amtool/config.yml").write_text(f"alertmanager.url: http://127.0.0.1:{port}\n")
    (addon / "config").mkdir()
    shutil.copy(ROOT / "configs/default.toml", addon / "config/bellwether.toml")
    here = {"/usr/bin/bellwether": str(addon / f"bellwether-{TARGET}"), "=/config/": f"={addon}/config/", "=/data": f"={addon}/data", "=:9093": f"=127.0.0.1:{port}"}

    def words_of(step):
        words = re.search(rf"^{step}.*?(\[.*\])$", steps, re.M).group(1)
        for there, place in here.items():
            words = words.replace(there, place)
        return json.loads(words)

    process = world.spawn("addon", *words_of("ENTRYPOINT"))
    ask = words_of("HEALTHCHECK")
    healthy = lambda: subprocess.run(ask, env={"HOME": str(home)}, capture_output=True, check=False).returncode == 0  # noqa: E731
    until("the add-on is healthy", healthy)
    assert list((addon / "data").iterdir()), "no journal is kept where the add-on's data is"
    process.terminate()
    process.wait()
    assert not healthy()


def version_of_cargo():
    return re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M).group(1)


def sbom(_world):
    """The SBOM names every crate that is linked, with its checksum, and the parts of the toolchain; it is the same each time."""
    text = run(ROOT / "cross/sbom.py", "1.0", "1700000000", "1.99.0")
    assert run(ROOT / "cross/sbom.py", "1.0", "1700000000", "1.99.0") == text
    bom = json.loads(text)
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.5")
    components = {component["bom-ref"]: component for component in bom["components"]}
    assert len(components) == len(bom["components"]), "a component twice"
    (dependencies,) = bom["dependencies"]
    assert sorted(dependencies["dependsOn"]) == sorted(components)
    lock = (ROOT / "Cargo.lock").read_text()
    linked = set()
    for target in run("sh", "-ec", '. "$1"; echo "$TARGETS"', "sh", ROOT / "cross/targets.sh").split():
        tree = run("cargo", "tree", "--quiet", "--locked", "-e", "normal,no-proc-macro", "--prefix=none", "--target", target, cwd=ROOT)
        linked |= set(re.findall(r"^(\S+) v(\S+)", tree, re.M))
    crates = [it for it in components.values() if it.get("purl")]
    assert {(it["name"], it["version"]) for it in crates} == linked - {("bellwether", version_of_cargo())}
    assert all(it["hashes"][0]["content"] in lock and it["licenses"] for it in crates), crates
    toolchain = {it["name"]: it["version"] for it in components.values() if not it.get("purl")}
    assert toolchain["The Rust standard library"] == "1.99.0" and len(toolchain) == 5, toolchain
    pins = dict(re.findall(r"^(ZIG|MUSL)=(\S+)", (ROOT / "cross/toolchain.sh").read_text(), re.M))
    assert toolchain["musl libc"] == pins["MUSL"] and toolchain["LLVM's libunwind"] == f"of Zig {pins['ZIG']}", toolchain
    # Zig is here where something has been built.
    cache = Path(os.environ.get("CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bellwether-cross")
    for told in cache.glob("venv/lib/python3*/site-packages/ziglang/lib/libc/musl/src/internal/version.h"):
        assert f'"{pins["MUSL"]}"' in told.read_text(), f"{told} is of another musl: say so in cross/toolchain.sh"


# The programs of the toolchain that the release calls: what they build holds the commit that src/build.rs would put there.
TOOLS = {
    "cargo-zigbuild": """
        while [ $# -gt 0 ]; do
            case $1 in --target) target=$2 ;; --target-dir) into=$2 ;; esac
            shift
        done
        commit=${BELLWETHER_COMMIT-$(git rev-parse --short=12 HEAD 2>/dev/null)}
        mkdir -p "$into/$target/release"
        echo "char commit[] = \\"commit $commit.\\"; int main(void) { return 0; }" | cc -static-pie -x c - -o "$into/$target/release/bellwether"
    """,
    "eu-strip": 'echo symbols >"$4"; cp "$7" "$6"',
    "rustup": 'echo "$TARGETS" | tr " " "\\n"',
    "cargo": '[ "$1" = fetch ] || exec "$CARGO_ITSELF" "$@"',
}


def release(world):
    """A release is refused unless all of it is committed and its changelog says so, and is whole. The builds are stand-ins."""
    place = world.directory / "clone"
    place.mkdir()
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    subprocess.run(["xargs", "-0", "cp", "--parents", "-t", place], input=listed, text=True, check=True, cwd=ROOT)
    changelog = place / "cross/README.md"
    text = changelog.read_text().replace("Not released yet. ", "")
    changelog.write_text(text)
    (place / "cross/smoke.sh").write_text('#!/bin/sh\nset -- "$OUT"/bellwether-*-musl*.debug\n[ $# = 4 ]\n')
    git = ["git", "-C", place, "-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "commit.gpgsign=false"]
    run(*git, "init", "-q")
    run(*git, "add", "-A")
    run(*git, "commit", "-q", "-m", "x")
    settings, _ = toolchain_texts(world)
    told = run("sh", "-ec", '. "$1"; . "$2"; echo "$ZIG $ZIGBUILD"; echo "$TARGETS"', "sh", ROOT / "cross/targets.sh", ROOT / "cross/toolchain.sh").splitlines()
    (world.directory / "venv/versions").write_text(told[0] + "\n")
    tools = world.directory / "venv/bin"
    tools.mkdir()
    for name, script in TOOLS.items():
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)
    settings |= {"PATH": f"{tools}:{os.environ['PATH']}", "TARGETS": told[1], "CARGO_ITSELF": shutil.which("cargo")}
    for name in ("OUT", "SOURCE_DATE_EPOCH", "BELLWETHER_COMMIT"):
        settings.pop(name, None)

    def released():
        done = subprocess.run([place / "cross/release.sh"], env=settings, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    number = re.search(r'^version = "(.*)"', (place / "Cargo.toml").read_text(), re.M).group(1)
    out = place / f"target/bellwether-{number}"
    for words, heading in (("has no section", "### 9.9.9\n"), ("Not released yet", f"### {number}\n\nNot released yet.\n"), ("are not committed", f"### {number}\n\nMore.\n")):
        changelog.write_text(text.replace(f"### {number}\n", heading))
        status, said = released()
        assert status == 1 and words in said, (words, said)
    changelog.write_text(text)
    out.mkdir(parents=True)
    (out / "bellwether_0.0.1_amd64.deb").touch()
    status, said = released()
    assert status == 1 and "is not empty" in said, said
    shutil.rmtree(out)

    status, said = released()
    assert status == 0, said
    assert said.count("two builds in different places have the same bytes") == 4, said
    targets = told[1].split()
    made = {"CHANGELOG", "LICENSE", "LICENCES", "SHA256SUMS", f"bellwether-{number}.oci.tar", f"bellwether-{number}.cdx.json"}
    made |= {f"bellwether-{target}{end}" for target in targets for end in ("", ".debug", ".build")}
    made |= {f"bellwether-{number}-{target}.tar.gz" for target in targets}
    made |= {f"bellwether_{number}_{arch}.deb" for arch in ("amd64", "arm64", "armhf")}
    assert {path.name for path in out.iterdir()} == made, sorted(path.name for path in out.iterdir())
    run("sha256sum", "--check", "--quiet", "SHA256SUMS", cwd=out)
    assert len((out / "SHA256SUMS").read_text().splitlines()) == len(made) - 1
    commit = run(*git, "rev-parse", "--short=12", "HEAD").strip()
    assert f"commit {commit}.".encode() in (out / f"bellwether-{TARGET}").read_bytes(), "the binary does not know its commit"
    assert (out / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    changes = (out / "CHANGELOG").read_text()
    assert changes.startswith(f"Bellwether {number}\n\n") and "\n- One command line" in changes, changes
    for target in targets:
        assert f"version: {number}\n" in (out / f"bellwether-{target}.build").read_text(), target
    root = world.directory / "root"
    run("dpkg-deb", "-x", out / f"bellwether_{number}_amd64.deb", root)
    changes = run("zcat", root / "usr/share/doc/bellwether/changelog.gz")
    assert changes.startswith(f"bellwether ({number}) ") and "\n  * One command line" in changes, changes
    assert all(len(line) <= 80 for line in changes.splitlines() if line.startswith("  ")), changes


def cases(_settings):
    found = (units, package, completion, fish, zsh, repository, image, image_arm64, image_armv7, image_armv6, recipes, release, sbom, version, toolchain, policy, installed, install_script, openrc, procd, readme, licences)
    return [(f"packaging/{case.__name__}", case) for case in found]
