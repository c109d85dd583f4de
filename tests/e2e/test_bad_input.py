# SPDX-License-Identifier: GPL-2.0-or-later
"""What bad input gets: a clear message that names the place, and the right exit status."""
import json
import os
import pathlib
import re
import socket
import subprocess

import pytest

import machine
from daemon import Bailiff, Failed
from machine import wait_for

GOOD = """
about: a test's own
log: mail
program: 'postfix*'
match:
  - 'warning: <host>\\[<ip>\\]: SASL \\S+ authentication failed'
limit: {count: 2, per: ip, within: 10m}
then:
  - ban: {for: 10m, scope: mail}
tests:
  - line: 'warning: unknown[203.0.113.9]: SASL LOGIN authentication failed'
    program: postfix/smtpd
    hit: {ip: 203.0.113.9}
"""
LINE = "{} mail postfix/smtpd[7]: warning: unknown[{}]: SASL LOGIN authentication failed\n"


def jail(old="", new=""):
    text = GOOD.replace(old, new) if old else GOOD
    assert text != GOOD or not old
    return text


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "mail.log"
    path.touch()
    return path


def config(log, **more):
    return {"logs": {"mail": {"prefer": "files", "files": [str(log)], "trust": True}},
            "jails": {"auto": False}, **more}


def fail_twice(log, addr):
    with open(log, "a", encoding="ascii") as f:
        f.write(2 * LINE.format(stamp(), addr))


def stamp():
    return subprocess.run(["date", "--rfc-3339=ns"], capture_output=True, text=True,
                          check=True).stdout.strip().replace(" ", "T")


# ---- configuration: `check` says where, and the daemon does not start with nothing to go by

@pytest.mark.parametrize("main, says", [
    ("alow: [192.0.2.1]\n", r"bailiff\.yaml:1:1: .*'alow'.*'allow'"),
    ("counters: maybe\n", r"bailiff\.yaml:1:11: .*counters"),
    ("accounts: {stale: 10 minutes}\n", r"bailiff\.yaml:1:19: .*stale"),
    ("accounts: {stale: 10}\n", r"bailiff\.yaml:1:19: .*stale"),
    ("scopes: {odd: [70000]}\n", r"bailiff\.yaml:1:16: .*70000"),
    ("scopes: {odd: [smtp2go]}\n", r"bailiff\.yaml:1:16: .*port"),
    ("allow: [192.0.2.300]\n", r"bailiff\.yaml:1:9: .*192\.0\.2\.300"),
    ("allow: [192.0.2.1\n", r"bailiff\.yaml:\d+:\d+: "),
    ("state: /a\nstate: /b\n", r"bailiff\.yaml:2:1: .*state"),
], ids=["key", "type", "unit", "no-unit", "port", "port-name", "address", "syntax", "twice"])
def test_main_file(net, main, says):
    bailiff = Bailiff(net.server, main)
    try:
        done = bailiff.command("check")
        assert done.returncode == 1
        assert re.search(says, done.stderr + done.stdout)
        with pytest.raises(Failed):
            bailiff.start()
        assert re.search(says, bailiff.text())
    finally:
        bailiff.close()


def test_check_for_programs(net):
    """One JSON object, wherever --json stands and whatever is wrong."""
    bailiff = Bailiff(net.server, "alow: []\n")
    try:
        said = [json.loads(bailiff.command(*words).stdout) for words in (
            ["check", "--json"], ["--json", "check"], ["check", "-c", "/none", "--json"])]
        assert [s["ok"] for s in said] == [False] * 3
        assert said[0] == said[1]
        assert said[2]["complaints"][0]["file"] == "/none"
    finally:
        bailiff.close()


def test_requests_that_cannot_be(net, log):
    bailiff = Bailiff(net.server, {"country": "/none"}, jails={"bad": jail("about:", "abuot:")})
    try:
        for words, status, says in ((["top", "--limit", "0"], 2, "the limit is between"),
                                    (["top", "--by", "countries"], 1, "no database of countries"),
                                    (["test", "bad"], 1, "bad: refused, see above")):
            done = bailiff.command(*words, str(log))
            assert done.returncode == status and says in done.stderr
            assert "usage" not in done.stderr and "there is no jail" not in done.stderr
    finally:
        bailiff.close()


def test_pattern_that_runs_into_its_limit(net, log):
    """Said by `test`, where it is written, as by `replay`."""
    bailiff = Bailiff(net.server, jails={"slow": jail("warning: <host>\\[<ip>\\]", "(?:x+x+)+[yz] <ip>").replace(
        "hit: {ip: 203.0.113.9}", "hit: none")})
    log.write_text(LINE.format("2026-08-21T10:00:00Z", "x").replace("warning:", "x" * 2000 + "w 192.0.2.1"))
    try:
        for words in (["test", "slow"], ["replay"]):
            done = bailiff.command(*words, str(log))
            assert done.returncode == 0
            assert re.search(r"slow: the pattern at .*slow\.yaml:6:\d+ ran into its match limit on 1 line", done.stderr), done
    finally:
        bailiff.close()


@pytest.mark.parametrize("words", [["replay"], ["--json", "replay"], ["test", "sshd"], ["check"], ["top"], ["--help"]],
                         ids="-".join)
def test_nowhere_to_print(net, log, words):
    log.write_text("".join(f"2026-08-21T10:00:0{i}Z mail sshd[7]: Failed password for root from 203.0.113.9 port 9 ssh2\n"
                           for i in range(6)))
    bailiff = Bailiff(net.server, {})
    logs = [] if words[0] in ("check", "--help") else [str(log)]
    try:
        with open("/dev/full", "wb") as full:
            done = subprocess.run([*bailiff.bailiff, *words, *logs], stdout=full, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 1 and b"what is printed cannot be written" in done.stderr
    finally:
        bailiff.close()


def test_jail_file_of_another_name(net, log):
    """By `check`, by the daemon at its start and in its status."""
    bailiff = Bailiff(net.server, config(log))
    try:
        path = bailiff.dir / "jails" / "mine.yml"
        path.write_text(jail(), encoding="ascii")
        says = f"{path}: warning: is not read"
        done = bailiff.command("check")
        assert done.returncode == 0 and says in done.stdout
        bailiff.start()
        bailiff.wait_log("mine.yml")
        assert any("mine.yml" in w for w in bailiff.cli("status", json=True)["warnings"])
    finally:
        bailiff.close()


def test_jail_without_its_database(net, log):
    """Said so by `test`, too; its own tests cannot tell."""
    bailiff = Bailiff(net.server, {"country": "/none"})
    try:
        done = bailiff.command("test", "sasl-countries", str(log))
        assert done.returncode == 1
        assert "it needs a database of countries" in done.stderr and "test failed" not in done.stderr
    finally:
        bailiff.close()


@pytest.mark.parametrize("key, says", [
    ("timezone: Europe/Berlni", r"no such time zone"),
    ("time: {find: 'at (.*', format: '%s'}", r"offset"),
    ("time: {find: 'at (.*)', format: '%Q'}", r"time format"),
], ids=["zone", "find", "format"])
def test_stamps_that_no_log_has(net, key, says):
    bailiff = Bailiff(net.server, f"logs: {{mail: {{files: [/var/log/mail.log], {key}}}}}\n")
    try:
        done = bailiff.command("check")
        assert done.returncode == 1
        assert re.search(rf"bailiff\.yaml:1:8: the log 'mail': .*{says}.*: its jails are refused", done.stderr), done.stderr
    finally:
        bailiff.close()


def test_log_without_a_zone_stops_no_other(net, log):
    """Its jails are refused and said; the engine runs, and guards the other logs."""
    text = config(log)
    text["logs"]["auth"] = {"files": [str(log.parent / "auth.log")], "timezone": "Europe/Berlni"}
    text["jails"] = {"auto": False, "sshd": True, "postfix-sasl": True}
    with Bailiff(net.server, text) as bailiff:
        jails = {j["jail"]: j["state"] for j in bailiff.cli("status", json=True)["jails"]}
        assert jails["sshd"] == "refused" and jails["postfix-sasl"] == "on"
        assert "no such time zone: its jails are refused" in bailiff.text()


@pytest.mark.parametrize("text, says", [
    (jail("about:", "abuot:"), r"bad\.yaml:2:1: .*'abuot'.*'about'"),
    (jail("count: 2", "count: two"), r"bad\.yaml:7:\d+: .*count"),
    (jail("within: 10m", "within: 10 m"), r"bad\.yaml:7:\d+: .*within"),
    (jail("within: 10m", "within: 600"), r"bad\.yaml:7:\d+: .*within"),
    (jail("<host>", "(<host>"), r"bad\.yaml:6:\d+: .*offset"),
    (jail("<host>", "<hots>"), r"bad\.yaml:6:\d+: .*<hots>.*<host>"),
    (jail("<host>", "(?R)<host>"), r"bad\.yaml:6:\d+: "),
    (jail("scope: mail", "scope: male"), r"bad\.yaml:9:\d+: .*'male'"),
    (jail("log: mail", "log: male"), r"bad\.yaml:3:\d+: .*'male'"),
    (jail("- ban: {for: 10m, scope: mail}", "- lock"), r"bad\.yaml:9:\d+: .*lock"),
    (jail("hit: {ip: 203.0.113.9}", "hit: {ip: 203.0.113.8}"), r"bad\.yaml:11:\d+: test failed"),
    (jail("hit: {ip: 203.0.113.9}", "hit: none"), r"bad\.yaml:11:\d+: test failed"),
], ids=["key", "type", "unit", "no-unit", "regex", "placeholder", "recursion", "scope", "log",
        "action", "test-value", "test-none"])
def test_one_bad_jail_is_refused_and_the_others_start(net, log, text, says):
    with Bailiff(net.server, config(log, jails={"auto": False, "good": "on", "bad": "on"}),
                 jails={"good": GOOD, "bad": text}) as bailiff:
        done = bailiff.command("check")
        assert done.returncode == 1
        assert re.search(says, done.stderr + done.stdout), done.stderr + done.stdout
        assert re.search(says, bailiff.text()), bailiff.text()
        fail_twice(log, "203.0.113.7")
        bailiff.wait_ban("203.0.113.7")


def test_duplicate_jail(net, log, tmp_path):
    other = tmp_path / "more"
    other.mkdir()
    (other / "good.yaml").write_text(GOOD)
    bailiff = Bailiff(net.server, jails={"good": GOOD})
    bailiff.configure(config(log, jail_dirs=[str(bailiff.dir / "jails"), str(other)]))
    try:
        done = bailiff.command("check")
        assert done.returncode == 1
        assert re.search(r"good\.yaml:\d+:\d+: duplicate jail 'good'.*good\.yaml", done.stderr + done.stdout)
    finally:
        bailiff.close()


# ---- logs

def make_fifo(path):
    os.mkfifo(path)


def make_link(path):
    path.symlink_to("/etc/hostname")


@pytest.mark.parametrize("make, says", [
    (pathlib.Path.mkdir, "directory"),
    (make_fifo, "not a regular file"),
    (make_link, "symbolic link"),
])
def test_log_that_is_no_file(net, tmp_path, make, says):
    bad = tmp_path / "bad.log"
    make(bad)
    with Bailiff(net.server, config(bad, jails={"auto": False, "good": "on"}),
                 jails={"good": GOOD}) as bailiff:
        bailiff.wait_log(f"bad.log: .*{says}")
        source = bailiff.cli("status", json=True)["sources"][0]
        assert source["state"] == "failed"
        assert source["path"] == str(bad)


def test_missing_log_is_said_and_read_when_it_comes(net, tmp_path):
    late = tmp_path / "late" / "mail.log"
    with Bailiff(net.server, config(late, jails={"auto": False, "good": "on"}),
                 jails={"good": GOOD}) as bailiff:
        bailiff.wait_log("log mail: nothing to read yet")
        late.parent.mkdir()
        fail_twice(late, "203.0.113.7")
        bailiff.wait_ban("203.0.113.7")


# ---- daemons, sockets, rights

def test_second_daemon(net, log):
    with Bailiff(net.server, config(log)) as bailiff:
        done = net.server.run([bailiff.bin / "bailiffd", "-c", bailiff.file, "-f"], check=False)
        assert done.returncode == 1
        assert f"another bailiffd (pid {bailiff.process.pid})" in done.stderr
        assert bailiff.cli("status")


def test_stale_sockets_are_no_obstacle(net, log):
    with Bailiff(net.server, config(log)) as bailiff:
        bailiff.kill9()
        bailiff.ended()
        assert (bailiff.dir / "run" / "control.sock").exists()
        done = bailiff.command("status")
        assert done.returncode == 1
        assert "no bailiffd runs" in done.stderr
        bailiff.start()
        assert bailiff.cli("status")


def as_nobody(argv, **kw):
    return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *map(str, argv)],
                          capture_output=True, text=True, check=False, **kw)


def test_no_permission(net, log):
    with Bailiff(net.server, config(log)) as bailiff:
        done = as_nobody([bailiff.bin / "bailiff", "-c", bailiff.file, "status"])
        assert done.returncode == 1
        assert "permission" in done.stderr
        done = as_nobody([bailiff.bin / "bailiffd", "-c", bailiff.file, "-f"])
        assert done.returncode == 1
        assert "root" in done.stderr


def test_daemon_without_cap_net_admin(net, log):
    bailiff = Bailiff(net.server, config(log))
    try:
        done = net.server.run(["setpriv", "--bounding-set=-net_admin", bailiff.bin / "bailiffd",
                               "-c", bailiff.file, "-f"], check=False, timeout=60)
        assert done.returncode == 1
        assert "CAP_NET_ADMIN" in done.stderr
    finally:
        bailiff.close()


def test_no_nf_tables(net, log, tmp_path):
    """A kernel without nf_tables answers its netlink family with EPROTONOSUPPORT."""
    source = tmp_path / "deny.c"
    source.write_text("""
#include <errno.h>
#include <linux/netlink.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);

	(void)argc;
	if (!f || seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 0) < 0 ||
	    seccomp_rule_add(f, SCMP_ACT_ERRNO(EPROTONOSUPPORT), SCMP_SYS(socket), 2,
			     SCMP_A0(SCMP_CMP_EQ, AF_NETLINK),
			     SCMP_A2(SCMP_CMP_EQ, NETLINK_NETFILTER)) < 0 || seccomp_load(f) < 0)
		return 99;
	execv(argv[1], argv + 1);
	return 98;
}
""")
    deny = tmp_path / "deny"
    subprocess.run(["gcc", "-o", deny, source, "-lseccomp"], check=True)
    bailiff = Bailiff(net.server, config(log))
    try:
        done = net.server.run([deny, bailiff.bin / "bailiffd", "-c", bailiff.file, "-f"],
                              check=False, timeout=60)
        assert done.returncode == 1
        assert "no nf_tables" in done.stderr
    finally:
        bailiff.close()


# ---- the ledger

def test_corrupt_ledger_is_moved_aside_and_bans_stay(net, log):
    with Bailiff(net.server, config(log, jails={"auto": False, "good": "on"}),
                 jails={"good": GOOD}) as bailiff:
        fail_twice(log, "203.0.113.7")
        bailiff.wait_ban("203.0.113.7")
        bailiff.stop()
        ledger = bailiff.dir / "state" / "engine" / "ledger.db"
        for path in ledger.parent.glob("ledger.*"):
            if path != ledger:
                path.unlink()
        data = bytearray(ledger.read_bytes())
        data[100:4000] = os.urandom(3900)
        ledger.write_bytes(data)
        bailiff.start()
        assert list(ledger.parent.glob("ledger.db.corrupt-*"))
        assert "damaged and moved to ledger.db.corrupt-" in bailiff.text()
        assert "203.0.113.7" in bailiff.banned()
        fail_twice(log, "203.0.113.8")
        bailiff.wait_ban("203.0.113.8")


def test_full_disk_is_said_and_bans_go_on(net, log, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
    try:
        with Bailiff(net.server, config(log, state=str(disk / "state"), jails={"auto": False, "good": "on"}),
                     jails={"good": GOOD}) as bailiff:
            with open(disk / "ballast", "wb", buffering=0) as f, pytest.raises(OSError):
                while True:
                    f.write(b"x" * 4096)
            fail_twice(log, "203.0.113.7")
            bailiff.wait_ban("203.0.113.7")
            assert "not kept over a restart" in bailiff.cli("ban", "203.0.113.8")
            wait_for(lambda: not bailiff.cli("status", json=True)["ledger"]["ok"], 20, "the ledger's trouble")
            (disk / "ballast").unlink()
            wait_for(lambda: bailiff.cli("status", json=True)["ledger"]["ok"], 90, "the ledger is well again")
            assert bailiff.wait_incident("203.0.113.7")
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


# ---- by hand

@pytest.mark.parametrize("args, status, says", [
    (["ban", "300.1.1.1"], 2, "300.1.1.1"),
    (["ban", "192.0.2.07"], 2, "192.0.2.07"),
    (["ban", "0.0.0.0/0"], 1, "wider than /8"),
    (["ban", "::/0"], 1, "wider than"),
    (["ban", "127.0.0.1"], 1, "loopback"),
    (["ban", "::1"], 1, "loopback"),
    (["ban", "fe80::1"], 1, "link-local (fe80::/10)"),
    (["ban", machine.SERVER], 1, "this host's own address"),
    (["ban", machine.SERVER6 + "/128"], 1, "this host's own address"),
    (["ban", "198.51.100.9", "--scope", "no-such"], 2, "no-such"),
    (["ban", "198.51.100.9", "--for", "soon"], 2, "soon"),
    (["unban", "198.51.100.9"], 1, "banned"),
    (["lock", "nobody-of-that-name"], 1, "no such user"),
    (["lock", "root"], 1, "protect"),
    (["lock", "daemon"], 1, "uid"),
    (["unlock", "nobody-of-that-name"], 1, "was not locked"),
    (["incidents", "--limit", "0"], 2, "the limit is between 1 and 100000"),
    (["show", "4711"], 1, "no incident"),
    (["undo", "4711"], 1, "no incident"),
    (["status", "no-such-jail"], 1, "no jail"),
    (["jail", "no-such-jail", "off"], 1, "no jail"),
    (["frobnicate"], 2, "frobnicate"),
    ([], 2, "usage"),
])
def test_by_hand(net, log, args, status, says):
    with Bailiff(net.server, config(log)) as bailiff:
        done = bailiff.command(*args)
        assert done.returncode == status, done.stdout + done.stderr
        assert says.lower() in done.stderr.lower()
        assert bailiff.banned() == set()


def test_ban_inside_a_banned_prefix(net, log):
    with Bailiff(net.server, config(log)) as bailiff:
        bailiff.cli("ban", "198.51.100.0/24")
        done = bailiff.command("unban", "198.51.100.9")
        assert done.returncode == 1
        assert "198.51.100.0/24" in done.stderr
        bailiff.cli("unban", "198.51.100.0/24")
        assert bailiff.banned() == set()


def test_bans_within_bans(net, log):
    """The narrowest is named; an address that another still covers is told of it."""
    with Bailiff(net.server, config(log)) as bailiff:
        for prefix in "198.51.0.0/16", "198.51.100.0/24", "198.51.100.9", "2001:db8:7::/48", "2001:db8:7:8::9":
            bailiff.cli("ban", prefix)
        assert "it lies in 198.51.100.0/24," in bailiff.cli("unban", "198.51.100.7", status=1)
        assert "it lies in 2001:db8:7:8::/64," in bailiff.cli("unban", "2001:db8:7:8::9/128", status=1)
        assert "it still lies in 198.51.100.0/24, which is banned" in bailiff.cli("unban", "198.51.100.9")
        assert "it still lies in 2001:db8:7::/48" in bailiff.cli("unban", "2001:db8:7:8::1")
        assert "still" not in bailiff.cli("unban", "198.51.0.0/16")
        assert bailiff.banned() == {"198.51.100.0/24", "2001:db8:7::/48"}


def test_disallow_of_what_is_allowed_otherwise(net, log):
    with Bailiff(net.server, config(log, allow=["198.51.100.0/24"])) as bailiff:
        assert "was not there; 198.51.100.0/24 is allowed" in bailiff.cli("disallow", "198.51.100.0/24", status=1)
        bailiff.cli("allow", "198.51.100.9")
        assert "198.51.100.0/24 is allowed" in bailiff.cli("disallow", "198.51.100.9")
        bailiff.cli("allow", "203.0.113.0/24")
        assert "203.0.113.0/24 is allowed by hand" in bailiff.cli("disallow", "203.0.113.7", status=1)
        assert "is allowed" not in bailiff.cli("disallow", "203.0.113.0/24")


def test_ban_that_is_over_cannot_be_ended(net, log):
    with Bailiff(net.server, config(log)) as bailiff:
        bailiff.cli("ban", "198.51.100.9", "--for", "1s")
        wait_for(lambda: not bailiff.cli("bans", json=True), 10)
        assert "nothing was banned" in bailiff.cli("unban", "198.51.100.9", status=1)
        assert "no jail 'nope'" in bailiff.cli("bans", "--jail", "nope", status=1)
        assert "did you mean 'sshd'?" in bailiff.cli("status", "sshdd", status=1)


def test_garbage_on_the_control_socket(net, log):
    with Bailiff(net.server, config(log)) as bailiff:
        for text in (b"\n", b"{}\n", b"[]\n", b"\xff\xfe\n", b'{"cmd":7}\n', b'{"cmd":"ban"}\n',
                     b'{"cmd":"show","id":"x"}\n', b"[" * 60000 + b"\n", b"x" * 70000 + b"\n"):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(10)
                s.connect(str(bailiff.dir / "run" / "control.sock"))
                s.sendall(text)
                assert b'"ok":false' in s.recv(65536)
        assert bailiff.cli("status")


def test_reloads_at_once_one_after_the_other(net, log):
    """When reload has ended the new configuration rules, whoever asks next and how soon."""
    with Bailiff(net.server, config(log)) as bailiff:
        for name in ("one", "two", "three"):
            bailiff.add_jails({name: jail()})
            bailiff.cli("reload")
            assert bailiff.cli("status", name, json=True)["jail"] == name
