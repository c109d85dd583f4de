# SPDX-License-Identifier: GPL-2.0-or-later
"""What `make install` puts where, and the units as a real systemd runs them:
what they restrict must leave the runner's commands and the engine their work.
"""
import contextlib
import glob
import json
import os
import pathlib
import re
import shutil
import textwrap

import pytest

import machine
from daemon import TREE
from machine import SERVER, wait_for
from systemd import System

PREFIX = "/usr/local"
PATH = f"{PREFIX}/sbin:{PREFIX}/bin:/usr/sbin:/usr/bin"
UNIT = f"{PREFIX}/lib/systemd/system/bailiff.service"
CONF = pathlib.Path("/etc/bailiff/bailiff.yaml")
# Of 100; what is left is what docs/privileges.md says must be left.
EXPOSURE = 35
STRANGER, OFFICE = "203.0.113.9", "198.51.100.7"


def make(*args):
    return machine.run(["make", "-s", "-C", TREE, *args], timeout=300)


def files_below(*tops):
    return {os.path.join(d, f) for top in tops for d, _, names in os.walk(top) for f in names}


@pytest.fixture(scope="module")
def installed():
    """bailiff in its usual places, as long as this file's tests run."""
    make("install")
    machine.run(["systemd-sysusers", f"{PREFIX}/lib/sysusers.d/bailiff.conf"])
    yield
    make("uninstall")
    shutil.rmtree("/etc/bailiff")
    shutil.rmtree("/var/lib/bailiff", ignore_errors=True)


# ---- the files

def test_uninstall_takes_all_but_the_configuration(tmp_path):
    make("install", f"DESTDIR={tmp_path}")      # another PREFIX would build anew
    there = {f.removeprefix(str(tmp_path)) for f in files_below(tmp_path)}
    for want in ("sbin/bailiffd", "bin/bailiff", "libexec/bailiff/bailiff-engine",
                 "lib/systemd/system/bailiff.service", "share/man/man8/bailiffd.8",
                 "share/man/man1/bailiff.1", "share/man/man5/bailiff.yaml.5",
                 "share/man/man5/bailiff-jail.5", "share/bailiff/init/bailiff.openrc",
                 "share/bailiff/init/bailiff.sysvinit", "share/bailiff/jails/sshd.yaml",
                 "lib/sysusers.d/bailiff.conf", "lib/tmpfiles.d/bailiff.conf",
                 "share/bash-completion/completions/bailiff"):
        assert f"{PREFIX}/{want}" in there
    assert str(CONF) in there
    for name in there:
        text = pathlib.Path(f"{tmp_path}{name}").read_bytes()
        assert b"@PREFIX@" not in text and b"@SYSCONFDIR@" not in text, name
    conf = tmp_path / "etc/bailiff/bailiff.yaml"
    conf.write_text("allow: [192.0.2.7]\n", encoding="ascii")
    make("install", f"DESTDIR={tmp_path}")
    assert conf.read_text(encoding="ascii") == "allow: [192.0.2.7]\n"
    make("uninstall", f"DESTDIR={tmp_path}")
    assert files_below(tmp_path) == {str(conf)}


def test_users_and_directories(tmp_path):
    (tmp_path / "etc").mkdir()
    machine.run(["systemd-sysusers", f"--root={tmp_path}", TREE / "init/sysusers.conf"])
    passwd = (tmp_path / "etc/passwd").read_text(encoding="ascii")
    for user in "bailiff", "bailiff-engine":
        line = re.search(rf"^{user}:x:(\d+):(\d+):.*:/usr/sbin/nologin$", passwd, re.M)
        assert line and 0 < int(line[1]) < 1000
    assert re.search(r"^bailiff-admin:x:\d+:$",
                     (tmp_path / "etc/group").read_text(encoding="ascii"), re.M)
    machine.run(["systemd-tmpfiles", f"--root={tmp_path}", "--create", TREE / "init/tmpfiles.conf"])
    for path in "run/bailiff", "var/lib/bailiff":
        st = (tmp_path / path).stat()
        assert (st.st_mode & 0o7777, st.st_uid, st.st_gid) == (0o755, 0, 0)


def test_unit_is_understood(installed):
    done = machine.run(["systemd-analyze", "verify", "--man=no", UNIT], check=False)
    # What it says of other units of the host is not ours.
    assert done.returncode == 0 and "bailiff" not in done.stdout + done.stderr


def test_unit_is_closed_as_far_as_it_can_be(installed):
    done = machine.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                        f"--threshold={EXPOSURE}", UNIT], check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["bailiff.sysvinit.in", "bailiff.openrc.in"])
def test_scripts_are_plain_sh(name):
    machine.run(["sh", "-n", TREE / "init" / name])


def test_default_configuration_has_no_complaint(installed):
    """But for the database of countries, which no package of Debian's brings along."""
    done = machine.run([f"{PREFIX}/bin/bailiff", "check"])
    said = [l for l in (done.stdout + done.stderr).splitlines() if "warning" in l or "error" in l]
    assert len(said) <= 1 and all(l.endswith("[jail sasl-countries]") for l in said), said
    assert re.search(r"^\d+ jails, all well$", done.stdout, re.M)


# ---- sysvinit

def test_sysvinit_script(installed, net):
    script = f"{PREFIX}/share/bailiff/init/bailiff.sysvinit"

    def service(what):
        done = net.server.run(["sh", script, what], check=False)
        return done.returncode, done.stdout

    status = [f"{PREFIX}/bin/bailiff", "status"]
    assert service("status") == (3, "bailiffd does not run\n")
    assert service("start")[0] == 0
    try:
        wait_for(lambda: machine.run(status, check=False).returncode == 0)
        assert service("start")[1].startswith("bailiffd runs already")
        assert service("status")[0] == 0
        assert service("reload")[0] == 0
        assert service("restart")[0] == 0
        wait_for(lambda: machine.run(status, check=False).returncode == 0)
        machine.run([f"{PREFIX}/bin/bailiff", "ban", STRANGER])
        assert service("stop") == (0, "Stopping bailiffd.\n")
        assert STRANGER in str(machine.nft_elements(net.server))
        assert service("stop")[0] == 0
        assert service("status")[0] == 3
        # Without a configuration, and without a last good one.
        CONF.rename("/etc/bailiff/aside")
        os.unlink("/var/lib/bailiff/monitor/last-good")
        code, said = service("start")
        assert code == 1 and "ended at once" in said
    finally:
        if os.path.exists("/etc/bailiff/aside"):
            os.rename("/etc/bailiff/aside", CONF)
        service("teardown")
        shutil.rmtree("/var/lib/bailiff")
    assert "bailiff" not in str(machine.nft_list(net.server))


# ---- systemd

RUNS = {"touched": """\
about: starts every kind of command that an admin may name
log: verdicts
limit: {count: 1, per: ip, within: 1m}
then:
  - run: [postsuper, -s]
  - run: [doveadm, who]
  - run: [touch, /var/spool/bailiff-was-here]
  - run: [touch, /usr/local/bailiff-was-here]
"""}


@pytest.fixture
def system(installed, net, joe):
    """Postfix, Dovecot and bailiff as units, with a journal and no syslog."""
    configuration = CONF.read_text(encoding="utf-8")
    CONF.write_text(configuration.replace("act: propose", "act: yes").replace(
        "auto: on", "auto: on\n  sasl-burst: {limit: {count: 3}}"), encoding="utf-8")
    for name, text in RUNS.items():
        pathlib.Path(f"/etc/bailiff/jails/{name}.yaml").write_text(text, encoding="utf-8")
    machine.Dovecot(net.server, syslog=True)
    machine.Postfix(net.server, syslog=True)
    with System(net.server, [UNIT, "postfix@.service", "dovecot.service"]) as system:
        system.ctl("start", "dovecot", "postfix@-", "bailiff")
        yield system
        system.ctl("stop", "dovecot", "postfix@-", "bailiff")
    shutil.rmtree("/var/lib/bailiff")
    CONF.write_text(configuration, encoding="utf-8")
    for name in RUNS:
        os.unlink(f"/etc/bailiff/jails/{name}.yaml")


def bailiff(system, *args, check=True):
    return system.run([f"{PREFIX}/bin/bailiff", *args], check=check)


def guess(stranger):
    """Until the ban comes, which may be in the middle of it."""
    with contextlib.suppress(OSError):
        machine.guess(stranger, SERVER, times=6, timeout=3)


def until(system, predicate):
    """Wait for it; the journal tells why it did not come."""
    try:
        return wait_for(predicate, 20)
    except TimeoutError:
        raise TimeoutError(system.journal()) from None


def status_of(user):
    return machine.run(["passwd", "-S", user]).stdout.split()[1]


def test_bans_under_systemd(system, net):
    """From a line in the journal to the ban; the runner starts what a jail names."""
    stranger = net.host("stranger", STRANGER)
    guess(stranger)
    until(system, lambda: STRANGER in str(machine.nft_elements(net.server)))
    assert not stranger.can_connect(SERVER, 25, timeout=1)
    assert "postfix-sasl" in bailiff(system, "bans").stdout
    said = until(system, lambda: (t := system.journal("-u", "bailiff")).count("order=run") == 4
                 and t)
    outcomes = re.findall(r"order=run status=(\w+) text=\"([^\"]*)", said)
    assert sorted(o[0] for o in outcomes) == ["done", "done", "done", "failed"], said
    assert "Read-only file system" in said
    os.unlink("/var/spool/bailiff-was-here")
    # What the engine could not have in the unit's sandbox it would have said.
    assert "JIT" not in said and "Landlock ABI" in said


def test_accounts_under_systemd(system, net):
    """passwd, chage and sendmail: none is in the unit's way."""
    office = net.host("office", OFFICE)
    for _ in range(3):      # the ban may be quicker than the answer to the last one
        with contextlib.suppress(OSError):
            machine.send_mail(office, "joe@example.com", ["root@example.com"], user="joe",
                              password="sesame")
    until(system, lambda: status_of("joe") == "L")
    until(system, lambda: any("bailiff" in m for m in machine.delivered("root")))
    one = next(i for i in json.loads(bailiff(system, "--json", "incidents").stdout)
               if i["jail"] == "sasl-burst")
    said = bailiff(system, "undo", str(one["id"]), "--false-alarm").stdout
    assert status_of("joe") == "P", said + system.journal("-u", "bailiff")
    until(system, lambda: "bailiff" in system.journal("-t", "bailiff", "-p", "alert"))


def test_restart_watchdog_and_teardown(system, net):
    bailiff(system, "ban", STRANGER)
    main = int(system.show("bailiff", "MainPID"))
    system.run(["kill", "-KILL", str(main)])
    until(system, lambda: int(system.show("bailiff", "MainPID")) not in (0, main))
    until(system, lambda: system.show("bailiff", "ActiveState") == "active")
    assert STRANGER in bailiff(system, "bans").stdout
    assert system.show("bailiff", "WatchdogUSec") == "3min"
    ready = system.journal("-u", "bailiff").count("engine speaks")
    system.ctl("reload", "bailiff")
    until(system, lambda: system.journal("-u", "bailiff").count("engine speaks") > ready)
    bailiff(system, "teardown")
    until(system, lambda: system.show("bailiff", "ActiveState") == "inactive")
    assert "bailiff" not in str(machine.nft_list(net.server))
    system.ctl("start", "bailiff")
    system.ctl("stop", "bailiff")
    assert system.show("bailiff", "Result") == "success"
    assert not os.path.exists("/run/bailiff")


def test_journal_that_a_crash_left_open(system, net):
    """journald renames it, and what it holds is read all the same."""
    system.ctl("stop", "bailiff")
    guess(net.host("stranger", STRANGER))
    system.run(["journalctl", "--sync"])
    system.run(["systemctl", "kill", "-s", "KILL", "systemd-journald"])
    until(system, lambda: glob.glob("/run/log/journal/*/*.journal~"))
    system.ctl("start", "bailiff")
    until(system, lambda: STRANGER in str(machine.nft_elements(net.server)))
    assert "no longer holds" not in system.journal("-u", "bailiff")


def quickstart():
    """The commands of docs/quickstart.md behind its installation, and its YAML."""
    text = (TREE / "docs/quickstart.md").read_text(encoding="utf-8").split("## 2.")[1]
    yaml = re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    plain = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    blocks = re.findall(r"(?:^    .*\n|^(?=\n    ))+", plain, re.M)
    return [textwrap.dedent(b) for b in blocks if b.strip()], yaml


def test_quickstart(system, tmp_path):
    """Word by word, on a server that logs to the journal only."""
    commands, settings = quickstart()
    assert len(commands) >= 7 and len(settings) >= 5
    said = ""
    for block in commands:
        done = system.run(["sh", "-ec", block], check=False, env={**os.environ, "PATH": PATH})
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}{system.journal()}"
        said += done.stdout
        if "systemd-run" in block:
            until(system, lambda: STRANGER in str(machine.nft_elements(system.ns)))
    for want in ("journal", "postfix-sasl", f"elements = {{ {STRANGER}", "SASL LOGIN authentication",
                 f"{STRANGER} is no longer banned", "203.0.113.0/24 is banned"):
        assert want in said, f"{want}\n{said}"
    for text in settings:
        conf = tmp_path / "bailiff.yaml"
        conf.write_text(text, encoding="utf-8")
        machine.run([f"{PREFIX}/bin/bailiff", "-c", conf, "check"])
