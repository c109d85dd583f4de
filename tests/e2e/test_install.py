# SPDX-License-Identifier: GPL-2.0-or-later
"""What `make install` puts on a machine is whole, and guards as it is.

The tree is made with DESTDIR as a packager does, then laid over the
laboratory's root: programs, users, default configuration and init scripts are
those that an admin gets.
"""
import contextlib
import os
import pathlib
import re
import shutil
import stat
import subprocess

import pytest

import machine
from daemon import BUILD, TREE, Bailiff
from machine import SERVER, wait_for

STRANGER, NEIGHBOUR = "203.0.113.9", "198.51.100.7"
CONF = pathlib.Path("/etc/bailiff/bailiff.yaml")
STATE, RUN = pathlib.Path("/var/lib/bailiff"), pathlib.Path("/run/bailiff")
MACHINE_ID = "3d6f2a6e4f3b4f0f8a1c5b7d9e0f1a2b"
PROGRAMS = {"usr/bin/bailiff": 0o755, "usr/sbin/bailiffd": 0o755,
            "usr/libexec/bailiff/bailiff-engine": 0o755}
FILES = {**PROGRAMS, "etc/bailiff/bailiff.yaml": 0o644,
         "usr/lib/systemd/system/bailiff.service": 0o644,
         "usr/lib/sysusers.d/bailiff.conf": 0o644, "usr/lib/tmpfiles.d/bailiff.conf": 0o644,
         "usr/share/bailiff/init/bailiff.openrc": 0o755,
         "usr/share/bailiff/init/bailiff.sysvinit": 0o755,
         "usr/share/bash-completion/completions/bailiff": 0o644}
JAILS = {"postfix-sasl", "postfix-unknown-rdns", "postfix-reject", "postscreen", "dovecot",
         "sshd", "sasl-burst", "recidive"}
MANUALS = {"man1/bailiff.1", "man5/bailiff.yaml.5", "man5/bailiff-jail.5", "man8/bailiffd.8"}


def make(target, destdir):
    """make TARGET; the objects have a folder of their own, where they are kept."""
    machine.run(["make", "-s", "-j2", "-C", TREE, "--no-print-directory",
                 f"BUILD={BUILD.relative_to(TREE)}/install", "PREFIX=/usr",
                 f"DESTDIR={destdir}", target], timeout=600)


def files_of(tree):
    return {str(p.relative_to(tree)): stat.S_IMODE(p.stat().st_mode)
            for p in tree.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A DESTDIR, as a packager makes it."""
    tree = tmp_path_factory.mktemp("tree")
    tree.chmod(0o755)
    make("install", tree)
    return tree


@pytest.fixture(scope="module")
def machine_with_it(tree):
    """The tree as a package manager would unpack it, with its users and directories."""
    machine.run(["cp", "-a", f"{tree}/.", "/"])
    # A package's files are root's, whoever has built them.
    for name in files_of(tree):
        os.chown(f"/{name}", 0, 0)
    machine.run(["systemd-sysusers", "/usr/lib/sysusers.d/bailiff.conf"])
    machine.run(["systemd-tmpfiles", "--create", "/usr/lib/tmpfiles.d/bailiff.conf"])
    yield tree
    for name in files_of(tree):
        os.unlink(f"/{name}")


class Installed(Bailiff):
    """The installed daemon: no option but those of its unit."""

    def __init__(self, ns):
        super().__init__(ns)
        self.bailiffd = ["/usr/sbin/bailiffd", "-f"]
        self.bailiff = ["/usr/bin/bailiff"]

    def close(self):
        """Leave nothing for the next test."""
        super().close()
        for path in STATE, RUN:
            shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def stranger(net):
    return net.host("stranger", STRANGER)


@pytest.fixture
def neighbour(net):
    return net.host("neighbour", NEIGHBOUR)


def guess(ns, times=5):
    """The ban can be quicker than the last answer."""
    def one(_):
        try:
            machine.guess(ns, times=1)
        except OSError:
            pass
    machine.parallel(one, range(times))


def on(status):
    return {j["jail"] for j in status["jails"] if j["state"] == "on"}


def user_of(pid):
    return pathlib.Path(f"/proc/{pid}").owner()


# ---- the tree

def test_tree(tree):
    found = files_of(tree)
    assert {name: found.get(name) for name in FILES} == FILES
    jails = {pathlib.Path(f).stem for f in found if f.startswith("usr/share/bailiff/jails/")}
    assert jails >= JAILS
    assert {f.removeprefix("usr/share/man/") for f in found if "/man/" in f} == MANUALS
    for name in found:
        if name not in PROGRAMS:
            text = (tree / name).read_text(encoding="utf-8")
            assert not re.search(r"@[A-Z]+@", text) and str(tree) not in text, name
    for name in PROGRAMS:
        assert str(tree).encode() not in (tree / name).read_bytes(), name


def test_second_install_keeps_the_configuration(tree, tmp_path):
    shutil.copytree(tree, tmp_path / "tree")
    conf = tmp_path / "tree/etc/bailiff/bailiff.yaml"
    own = tmp_path / "tree/etc/bailiff/jails/own.yaml"
    conf.write_text("allow: [192.0.2.0/24]\n", encoding="ascii")
    own.write_text("about: mine\n", encoding="ascii")
    (tmp_path / "tree/usr/bin/bailiff").write_text("old", encoding="ascii")
    make("install", tmp_path / "tree")
    assert conf.read_text(encoding="ascii") == "allow: [192.0.2.0/24]\n"
    assert own.exists() and (tmp_path / "tree/usr/bin/bailiff").stat().st_size > 1000
    make("uninstall", tmp_path / "tree")
    assert set(files_of(tmp_path / "tree")) == {"etc/bailiff/bailiff.yaml",
                                                "etc/bailiff/jails/own.yaml"}


def test_init_files(tree, machine_with_it):
    machine.run(["systemd-analyze", "verify", "--man=no",
                 "/usr/lib/systemd/system/bailiff.service"])
    for name in "sysvinit", "openrc":
        machine.run(["sh", "-n", tree / f"usr/share/bailiff/init/bailiff.{name}"])
    for user in "bailiff", "bailiff-engine":
        assert machine.run(["getent", "passwd", user]).stdout.strip().endswith("/usr/sbin/nologin")
    machine.run(["getent", "group", "bailiff-admin"])


def test_programs_say_who_they_are(machine_with_it):
    for program in "/usr/bin/bailiff", "/usr/sbin/bailiffd":
        assert re.search(r"\d+\.\d+", machine.run([program, "--version"]).stdout)
        assert "usage" in machine.run([program, "--help"]).stdout.lower()
    machine.run(["/usr/bin/bailiff", "check"])


# ---- the default configuration

@pytest.mark.parametrize("log", ["/var/log/mail.log", "/var/log/maillog"])
def test_guards_at_once(net, joe, machine_with_it, stranger, neighbour, log):
    """As installed: it finds the log and the service, and bans; accounts it leaves alone."""
    pathlib.Path(log).unlink(missing_ok=True)
    with machine.Dovecot(net.server), Installed(net.server) as bailiff, \
            machine.Postfix(net.server, options={"maillog_file": log}):
        status = bailiff.cli("status", json=True)
        assert {"postfix-sasl", "postfix-unknown-rdns", "dovecot", "sasl-burst",
                "recidive"} <= on(status)
        wait_for(lambda: [s for s in bailiff.cli("status", json=True)["sources"]
                          if s.get("path") == log and s["state"] == "following"])
        session = machine.hold_open_smtp(neighbour, SERVER, 587, "joe", "sesame")
        guess(stranger)
        bailiff.wait_ban(STRANGER)
        assert not stranger.can_connect(SERVER, 587, timeout=1)
        assert session.alive() and neighbour.can_connect(SERVER, 587)
        assert user_of(bailiff.pid("monitor")) == "bailiff"
        assert user_of(bailiff.pid("engine")) == "bailiff-engine"
        assert user_of(bailiff.pid("runner")) == "root"
        bailiff.cli("unban", STRANGER)
        assert stranger.can_connect(SERVER, 587)
        session.close()
    pathlib.Path(log).unlink(missing_ok=True)


def test_guards_by_the_journal(net, machine_with_it, stranger):
    """A machine without a mail.log, as Debian 12 is installed: the journal has it all."""
    pathlib.Path("/etc/machine-id").write_text(MACHINE_ID + "\n", encoding="ascii")
    journal = f"/var/log/journal/{MACHINE_ID}/system.journal"
    with machine.Journal(journal) as log, net.server.listen(SERVER, 25):
        log.write("started", "postfix/master", unit="postfix@-.service")
        wait_for(log.messages)
        with Installed(net.server) as bailiff:
            by_the_journal(bailiff, log, stranger)
    shutil.rmtree("/var/log/journal")


def by_the_journal(bailiff, log, stranger):
    source, = [s for s in bailiff.cli("status", json=True)["sources"] if s["log"] == "mail"]
    assert source["kind"] == "journal"
    assert stranger.can_connect(SERVER, 25)
    for _ in range(5):
        log.write(f"warning: unknown[{STRANGER}]: SASL LOGIN authentication failed: "
                  "UGFzc3dvcmQ6", "postfix/smtpd", unit="postfix@-.service")
    bailiff.wait_ban(STRANGER)
    assert not stranger.can_connect(SERVER, 25, timeout=1)


def test_sysvinit(net, joe, machine_with_it, stranger):
    """The script starts, tells, reloads and stops; a stop leaves the bans, teardown does not."""
    script = "/etc/init.d/bailiff"
    shutil.copy("/usr/share/bailiff/init/bailiff.sysvinit", script)

    def rc(action):
        """By a file, since what it starts keeps an inherited pipe open."""
        with open("/tmp/rc.out", "w+", encoding="utf-8") as out:
            return net.server.run([script, action], check=False, stdout=out,
                                  stderr=subprocess.STDOUT).returncode
    with machine.Rsyslog(), machine.Dovecot(net.server), \
            machine.Postfix(net.server, syslog=True), \
            contextlib.closing(Installed(net.server)) as bailiff:
        try:
            assert rc("status") == 3
            assert rc("start") == 0 and rc("status") == 0 and rc("start") == 0
            wait_for(lambda: bailiff.command("status").returncode == 0)
            guess(stranger)
            bailiff.wait_ban(STRANGER)
            assert rc("checkconfig") == 0 and rc("reload") == 0
            assert rc("stop") == 0 and rc("status") == 3 and rc("stop") == 0
            assert bailiff.banned() == {STRANGER}
            assert not stranger.can_connect(SERVER, 587, timeout=1)
            assert rc("restart") == 0 and rc("status") == 0
            assert rc("teardown") == 0
            assert stranger.can_connect(SERVER, 587)
            assert rc("nonsense") == 2
        finally:
            rc("stop")
            os.unlink(script)
