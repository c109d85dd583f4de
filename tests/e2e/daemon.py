# SPDX-License-Identifier: GPL-2.0-or-later
"""A bailiff of a test's own: its daemon, its command line, its processes.

It runs in a namespace of the laboratory with directories and a table of its
own, and tells by sd_notify when an engine speaks, so nothing here sleeps.

    with Bailiff(net.server, {"allow": ["192.0.2.7"]}) as bailiff:
        machine.guess(stranger)
        bailiff.wait_ban("203.0.113.9")
        assert bailiff.cli("bans", json=True)[0]["jail"] == "postfix-sasl"
"""
import contextlib
import json as jsonlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import machine
from machine import wait_for, wait_log

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BAILIFF_BUILD", TREE / "build"))
FAULT_BUILD = BUILD / "fault"
NAMES = {"monitor": "bailiffd", "runner": "bailiff-runner", "engine": "bailiff-engine"}
MAIL_SOURCE = {"prefer": "files", "files": [str(machine.MAIL_LOG)], "trust": True}


class Failed(Exception):
    """A command that ended with another status than the test wanted."""


def yaml_of(config):
    """JSON is YAML, but for floats and strings that bailiff.yaml has none of."""
    return config if isinstance(config, str) else jsonlib.dumps(config, indent=1) + "\n"


class Bailiff(machine.Daemon):
    """bailiffd, its runner and its engine, started in a namespace.

    config      bailiff.yaml as a dict over the defaults below, or a whole text,
                in which {dir} stands for the directory of this bailiff
    jails       {name: text} of jails of the test's own
    build       where the programs are; FAULT_BUILD has the built-in faults
    env         more environment for bailiffd
    """

    def __init__(self, ns, config=None, *, jails=None, build=None, env=None, args=()):
        self.ns = ns
        self.bin = pathlib.Path(build or BUILD)
        self.table = "bailiff"
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="bailiff-"))
        self.dir.chmod(0o755)
        self.file = self.dir / "bailiff.yaml"
        self.log = self.dir / "log"
        self.bailiffd = [self.bin / "bailiffd", "-c", self.file, "-f", *args]
        self.bailiff = [self.bin / "bailiff", "-c", self.file]
        self.env = dict(env or {})
        self.process = None
        self.notify = None
        self.said = []
        self.add_jails(jails or {})
        self.configure(config or {})

    # ---- configuration

    def configure(self, config):
        """Write bailiff.yaml; reload() or restart() makes it count."""
        if isinstance(config, str):
            self.file.write_text(config.replace("{dir}", str(self.dir)), encoding="utf-8")
            return
        whole = {"state": str(self.dir / "state"), "run": str(self.dir / "run"),
                 "jail_dirs": [str(self.dir / "jails")], "table": self.table,
                 "logs": {"mail": MAIL_SOURCE}, **config}
        self.table = whole["table"]
        self.file.write_text(yaml_of(whole), encoding="utf-8")

    def add_jails(self, jails):
        (self.dir / "jails").mkdir(exist_ok=True)
        for name, text in jails.items():
            (self.dir / "jails" / f"{name}.yaml").write_text(yaml_of(text), encoding="utf-8")

    # ---- the processes

    def start(self, wait=True):
        self.said = []
        path = self.dir / "notify"
        path.unlink(missing_ok=True)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.notify.bind(str(path))
        path.chmod(0o666)
        with open(self.log, "ab") as log:
            self.process = self.ns.popen(
                self.bailiffd, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "NOTIFY_SOCKET": str(path), **self.env})
        if wait:
            self.wait_ready()

    def heard(self):
        """What bailiffd told the service manager since its start."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.said += self.notify.recv(4096).decode().split("\n")
        return self.said

    def wait_ready(self, times=1, timeout=20):
        """Wait until an engine has begun to speak, for the nth time since start()."""
        def ready():
            if self.heard().count("READY=1") >= times:
                return True
            if self.process.poll() is not None:
                raise Failed(f"bailiffd ended with {self.process.returncode}\n{self.text()}")
            return False
        try:
            wait_for(ready, timeout)
        except TimeoutError:
            raise TimeoutError(f"no engine speaks\n{self.text()}") from None

    def times_ready(self):
        return self.heard().count("READY=1")

    def stop(self):
        """As a service manager does; the exit status."""
        if self.process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            return self.ended(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise TimeoutError(f"bailiffd does not end\n{self.text()}") from None

    def ended(self, timeout=20):
        """Wait for bailiffd and its children to be gone by themselves; the status."""
        status = self.process.wait(timeout)
        wait_for(lambda: not self.mine(), timeout, "a child of bailiffd is left")
        self.notify.close()
        self.process = None
        return status

    def close(self):
        with contextlib.suppress(TimeoutError):
            if self.process:
                self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __exit__(self, *_):
        self.close()

    def mine(self):
        """The pids of this bailiff's processes, by the namespace that they are in."""
        return [p for p in self.ns.pids() if name_of(p) in NAMES.values()]

    def pid(self, what):
        """The pid of the "monitor", the "runner" or the (newest) "engine"; 0: none."""
        if what == "monitor":
            return self.process.pid if self.process else 0
        found = [p for p in self.mine() if name_of(p) == NAMES[what]]
        if what == "runner":        # what it starts has its name until it is something else
            found = [p for p in found if parent_of(p) == self.process.pid]
        return max(found, default=0)

    def kill9(self, *what):
        """Kill these processes at once, or all; monitor and runner take the rest along."""
        pids = [self.pid(w) for w in what or ("monitor", "runner", "engine")]
        for pid in pids:
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        return pids

    def reload(self):
        """Load the configuration anew and wait until the new engine speaks."""
        def taken():
            done = self.command("reload")
            if "under way" in done.stderr:      # another engine starts, for a new database
                return False
            if done.returncode:
                raise Failed(f"bailiff reload ended with {done.returncode}\n{done.stderr}")
            return True

        times = self.times_ready()
        wait_for(taken)
        self.wait_ready(times + 1)

    # ---- the command line

    def command(self, *args, timeout=60, **kw):
        """Run bailiff; the finished process, whatever came of it."""
        kw = {"stdin": subprocess.DEVNULL, **kw}
        if "input" in kw:
            del kw["stdin"]
        return machine.run([*self.bailiff, *args], check=False, timeout=timeout, **kw)

    def cli(self, *args, json=False, status=0, **kw):
        """What bailiff prints, or means with json=True; Failed if it exits otherwise."""
        done = self.command(*(["--json"] if json else []), *args, **kw)
        if done.returncode != status:
            raise Failed(f"bailiff {' '.join(map(str, args))} ended with {done.returncode}, "
                         f"not {status}\n{done.stdout}{done.stderr}")
        return jsonlib.loads(done.stdout) if json else done.stdout + done.stderr

    def replay(self, *logs, args=()):
        """The verdicts over old logs, one dict each."""
        out = self.command("replay", "--json", *args, *logs)
        if out.returncode:
            raise Failed(f"replay ended with {out.returncode}\n{out.stderr}")
        return [jsonlib.loads(line) for line in out.stdout.splitlines()]

    # ---- what became of it

    def text(self):
        """The log of bailiffd and its children."""
        return self.log.read_text(errors="backslashreplace") if self.log.exists() else ""

    def wait_log(self, pattern, start=0, timeout=10):
        return wait_log(pattern, self.log, start, timeout)

    def banned(self):
        """The addresses and prefixes that the kernel holds, whatever their scope."""
        found = set()
        for name, elements in machine.nft_elements(self.ns, self.table).items():
            kind = re.fullmatch(r"\w+([46])_(\d+)", name)       # mail4_32, mail6_64
            if kind:
                whole = kind[2] == {"4": "32", "6": "128"}[kind[1]]
                found |= {e if whole else f"{e}/{kind[2]}" for e in elements}
        return found

    def wait_ban(self, addr, timeout=10):
        """Wait until the kernel holds the address or prefix."""
        try:
            wait_for(lambda: addr in self.banned(), timeout)
        except TimeoutError:
            raise TimeoutError(f"{addr} is not banned: {self.banned()}\n{self.text()}") from None

    def wait_incident(self, subject, timeout=10, **want):
        """Wait for an incident about the subject; as `incidents` tells it."""
        def found():
            for i in self.cli("incidents", json=True):
                if i["subject"] == subject and all(i.get(k) == v for k, v in want.items()):
                    return i
            return None
        return wait_for(found, timeout, f"no incident about {subject}\n{self.text()}")


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def parent_of(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(stat.rsplit(")", 1)[1].split()[1])
