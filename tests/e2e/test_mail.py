# SPDX-License-Identifier: GPL-2.0-or-later
"""The main job on a real mail server, judged as the strangers feel it.

Postfix and Dovecot serve; strangers guess and thieves send from namespaces of
their own; the shipped jails watch.
"""
import re
import shlex
import subprocess
import time

import pytest

import machine
from daemon import Bailiff
from machine import PORTS, SERVER, SERVER6, wait_for

STRANGER, NEIGHBOUR, OFFICE, THIEF = "203.0.113.9", "192.0.2.7", "198.51.100.7", "198.51.100.66"
BURST = 12                      # what the tests let an account send
PASSWORD = "sesame"             # of every user here
CONFIG = {
    "allow": [NEIGHBOUR],
    "accounts": {"act": "yes", "local_domains": [machine.LOCAL_DOMAIN]},
    "jails": {"auto": False, "postfix-sasl": True, "sasl-burst": {"limit": {"count": BURST}}},
}


def changed(**accounts):
    return {**CONFIG, "accounts": {**CONFIG["accounts"], **accounts}}


@pytest.fixture
def config():
    return CONFIG


@pytest.fixture
def bailiff(net, mail, config):
    """bailiffd beside the mail server, with the shipped jails."""
    with Bailiff(net.server, config) as bailiff:
        yield bailiff


@pytest.fixture
def stranger(net):
    return net.host("stranger", STRANGER)


@pytest.fixture
def office(net):
    return net.host("office", OFFICE)


@pytest.fixture
def thief(net):
    return net.host("thief", THIEF)


def reached(ns, server=SERVER, **kw):
    """The ports of the mail server that a host gets an answer from."""
    answers = machine.parallel(lambda port: ns.can_connect(server, port, timeout=1, **kw),
                               PORTS.values())
    return [port for port, answer in zip(PORTS.values(), answers) if answer]


ALL = list(PORTS.values())


def status_of(user):
    """passwd -S: L is locked, P has a password."""
    return machine.run(["passwd", "-S", user]).stdout.split()[1]


def shadow(user):
    """The whole line of /etc/shadow."""
    return machine.run(["getent", "shadow", user]).stdout


def locked(user):
    """As passwd -l and expiry leave it."""
    fields = shadow(user).split(":")
    return status_of(user) == "L" and fields[1].startswith("!") and fields[7] == "1"


def guess(ns, host=SERVER, times=5, **kw):
    """Wrong passwords; the codes. The ban can be quicker than the last answer: None."""
    def one(_):
        try:
            return machine.guess(ns, host, times=1, **kw)[0]
        except OSError:
            return None
    return machine.parallel(one, range(times))


def send(ns, count, *, user="joe", password=PASSWORD, sender=None, **kw):
    """Messages in one session until it is cut; how many were accepted."""
    session = machine.hold_open_smtp(ns, SERVER, 587, user, password, timeout=3)
    sent = 0
    try:
        for n in range(count):
            code, text = session.submit(sender or "joe@example.com", ["joe@example.com"],
                                        subject=f"buy now {n}", **kw)
            assert code == 250, text
            sent += 1
    except OSError:
        pass                    # cut off
    finally:
        session.close()
    return sent


def burst(ns, **kw):
    return send(ns, 3 * BURST, **kw)


# ---- who guesses is banned

def test_guesser(net, mail, bailiff, stranger, office):
    """After the fifth failure nothing is answered, and what was open is dead."""
    neighbour = net.host("neighbour", NEIGHBOUR)
    open_sessions = [machine.hold_open_smtp(stranger, SERVER, port) for port in (587, 25)]
    friends = [machine.hold_open_smtp(ns, SERVER, 587, "joe", PASSWORD) for ns in (neighbour, office)]
    assert guess(stranger, times=4) == [535] * 4
    assert guess(neighbour, times=6) == [535] * 6
    bailiff.wait_log("jail=postfix-sasl .*" + re.escape(NEIGHBOUR))
    assert reached(stranger) == ALL and all(s.alive() for s in open_sessions)
    assert guess(stranger, times=1)[0] in (535, None)
    bailiff.wait_ban(STRANGER)
    assert reached(stranger) == []
    assert not any(s.alive() for s in open_sessions)
    assert reached(neighbour) == ALL and reached(office) == ALL
    assert all(s.alive() for s in friends)
    assert bailiff.banned() == {STRANGER}
    ban, = bailiff.cli("bans", json=True)
    assert (ban["addr"], ban["jail"], ban["scope"]) == (STRANGER, "postfix-sasl", "mail")
    assert round(ban["until"] - ban["since"]) == 600
    why = bailiff.cli("why", STRANGER)
    assert "postfix-sasl" in why and why.count("SASL PLAIN authentication failed") == 5
    refused = bailiff.cli("incidents", json=True)
    assert {i["subject"] for i in refused} == {STRANGER, NEIGHBOUR}
    for session in open_sessions + friends:
        session.close()


def test_neighbour_is_allowed_by_hand(net, mail, bailiff, office):
    """What `allow` says holds against a ban that is there, and against the next."""
    guess(office)
    bailiff.wait_ban(OFFICE)
    assert reached(office) == []
    bailiff.cli("allow", OFFICE, "--for", "1h", "--reason", "a customer")
    assert reached(office) == ALL
    bailiff.cli("unban", OFFICE)
    start = machine.size(bailiff.log)
    guess(office)
    bailiff.wait_log("allowed", start)
    assert reached(office) == ALL
    bailiff.cli("disallow", OFFICE)
    assert "it was not there" in bailiff.cli("disallow", OFFICE, status=1)


def test_mail_to_a_banned_host(net, mail, bailiff, stranger):
    """A ban of the shipped jails leaves our own mail to that host alone."""
    sink = stranger.popen(["smtp-sink", "-u", "nobody", f"{STRANGER}:25", "10"])
    wait_for(lambda: net.server.can_connect(STRANGER, 25))
    guess(stranger)
    bailiff.wait_ban(STRANGER)
    assert reached(stranger) == []
    code, text = machine.send_mail(net.server, "joe@example.com", [f"x@[{STRANGER}]"],
                                   host="127.0.0.1", port=25)
    assert code == 250, text
    machine.wait_log(rf"to=<x@\[{re.escape(STRANGER)}\]>.*status=sent")
    sink.terminate()
    sink.wait()


def test_ipv6_by_its_network(net, mail, bailiff):
    """All addresses of a /64 count together, and go together; the next /64 does not."""
    botnet = net.host("botnet", "2001:db8:66::/48")
    sources = [f"2001:db8:66:7::{n:x}" for n in range(1, 6)]
    machine.parallel(lambda s: guess(botnet, SERVER6, times=1, source=s), sources)
    bailiff.wait_ban("2001:db8:66:7::/64")
    assert reached(botnet, SERVER6, source="2001:db8:66:7:aaaa::1") == []
    assert reached(botnet, SERVER6, source="2001:db8:66:8::1") == ALL
    said = bailiff.cli("unban", "2001:db8:66:7::3/128", status=1)
    assert "2001:db8:66:7::/64" in said
    bailiff.cli("unban", "2001:db8:66:7::/64")
    assert reached(botnet, SERVER6, source="2001:db8:66:7::1") == ALL


@pytest.mark.parametrize("port", ALL)
def test_every_port_counts(net, mail, bailiff, stranger, port):
    assert guess(stranger, port=port, times=4) == [535] * 4
    guess(stranger, port=port, times=1)
    bailiff.wait_ban(STRANGER)
    assert reached(stranger) == []


def test_unban(net, mail, bailiff, stranger):
    """An unban gives everything back, and the count starts anew."""
    guess(stranger)
    bailiff.wait_ban(STRANGER)
    said = bailiff.cli("unban", STRANGER)
    assert STRANGER in said
    assert reached(stranger) == ALL and bailiff.cli("bans", json=True) == []
    bailiff.cli("unban", STRANGER, status=1)
    assert guess(stranger, times=4) == [535] * 4
    assert reached(stranger) == ALL
    guess(stranger, times=1)
    bailiff.wait_ban(STRANGER)
    assert reached(stranger) == []


def test_what_is_opened_after_an_unban_stays(net, mail, bailiff, stranger):
    """The closing of connections that a ban asked for does not come after its unban."""
    for _ in range(8):
        bailiff.cli("ban", STRANGER, "--for", "1h", "--scope", "mail")
        bailiff.cli("unban", STRANGER)
        session = machine.hold_open_smtp(stranger, SERVER, 587)
        time.sleep(0.05)
        assert session.alive()
        session.close()


def test_second_ban_is_longer(net, mail, bailiff, stranger):
    """`grow` remembers the ban that ran out; a restart does not make it forget."""
    bailiff.configure({**CONFIG, "jails": {
        "auto": False, "postfix-sasl": {"then": [{"ban": {"for": "2s", "grow": 30, "max": "1w",
                                                          "scope": "mail"}}]}}})
    bailiff.restart()
    guess(stranger)
    bailiff.wait_ban(STRANGER)
    wait_for(lambda: stranger.can_connect(SERVER, 587, timeout=1), what="the ban does not end")
    bailiff.restart()
    guess(stranger)
    bailiff.wait_ban(STRANGER)
    ban, = bailiff.cli("bans", json=True)
    assert 55 < ban["until"] - ban["since"] <= 61


def test_ban_outlives_the_daemon(net, mail, bailiff, stranger):
    guess(stranger)
    bailiff.wait_ban(STRANGER)
    assert bailiff.stop() == 0
    assert reached(stranger) == []
    bailiff.start()
    assert reached(stranger) == [] and bailiff.banned() == {STRANGER}
    assert [b["addr"] for b in bailiff.cli("bans", json=True)] == [STRANGER]
    bailiff.cli("teardown")
    assert bailiff.ended() == 0
    assert reached(stranger) == ALL
    assert machine.nft_list(net.server) == []


# ---- bans by hand

def test_ban_by_hand(net, mail, bailiff, stranger):
    session = machine.hold_open_smtp(stranger, SERVER, 587)
    bailiff.cli("ban", STRANGER, "--for", "1h", "--scope", "mail", "--reason", "on the phone")
    assert reached(stranger) == [] and not session.alive()
    ban, = bailiff.cli("bans", json=True)
    assert (ban["jail"], ban["reason"]) == ("hand", "on the phone")
    assert round(ban["until"] - ban["since"]) == 3600
    bailiff.cli("unban", STRANGER)
    assert reached(stranger) == ALL
    session.close()


def test_ban_of_everything_by_hand(net, mail, bailiff, stranger):
    """The scope all closes ports that no service of ours has, and ends our own calls."""
    listener = net.server.listen(SERVER, 8080)
    assert stranger.can_connect(SERVER, 8080)
    bailiff.cli("banip", STRANGER, "--scope", "all")
    assert not stranger.can_connect(SERVER, 8080, timeout=1) and reached(stranger) == []
    bailiff.cli("unbanip", STRANGER)
    assert stranger.can_connect(SERVER, 8080)
    listener.close()


def test_ipv6_by_hand(net, mail, bailiff):
    botnet = net.host("botnet", "2001:db8:66::/48")
    said = bailiff.cli("ban", "2001:db8:66:7::1", "--for", "1h", "--scope", "mail")
    assert "/64" in said and bailiff.banned() == {"2001:db8:66:7::/64"}
    assert reached(botnet, SERVER6, source="2001:db8:66:7::2") == []
    bailiff.cli("unban", "2001:db8:66:7::1")
    bailiff.cli("ban", "2001:db8:66:7::1/128", "--for", "1h", "--scope", "mail")
    assert reached(botnet, SERVER6, source="2001:db8:66:7::1") == []
    assert reached(botnet, SERVER6, source="2001:db8:66:7::2") == ALL


@pytest.mark.parametrize("addr, status, said", [
    ("127.0.0.1", 1, "loopback"), ("::1", 1, "loopback"), (SERVER, 1, "own address"),
    (SERVER6, 1, "own address"), (machine.ROUTER, 1, "gateway"), (NEIGHBOUR, 1, "allowed"),
    ("0.0.0.0/0", 1, "wider than /8"), ("300.1.1.1", 2, "300.1.1.1"),
    ("203.0.113.07", 2, "203.0.113.07"),
])
def test_never_banned(net, mail, bailiff, addr, status, said):
    assert said in bailiff.cli("ban", addr, "--for", "1h", status=status)
    assert bailiff.banned() == set()


# ---- a stolen account

def wait_admin_mail(incident, count=1):
    """The admin's mail about an incident, and that there are no more of them."""
    def about():
        return [m for m in machine.delivered("root") if f"incident {incident['id']}" in m]
    wait_for(lambda: len(about()) >= count, what="no mail to root")
    assert len(about()) == count
    return about()[-1]


@pytest.mark.parametrize("expiry", ["", "2035-01-01"])
def test_stolen_account(net, mail, bailiff, thief, office, expiry):
    """The burst locks the account and bans the thief; undo restores to the byte."""
    machine.run(["chage", "-E", expiry or "-1", "joe"])
    before = shadow("joe")
    sent = burst(thief)
    assert BURST - 1 <= sent < 3 * BURST
    incident = bailiff.wait_incident("joe", jail="sasl-burst")
    mail_text = wait_admin_mail(incident)
    assert locked("joe")
    assert machine.smtp_login(office, SERVER, 587, "joe", PASSWORD) == 535
    bailiff.wait_ban(THIEF)
    assert reached(thief) == []
    lock, = bailiff.cli("locks", json=True)
    assert lock["user"] == "joe"

    assert re.search(r"^Subject: bailiff: account joe locked", mail_text, re.M)
    assert mail_text.count(f"client=unknown[{THIEF}], sasl_method=PLAIN, sasl_username=joe") >= 4
    assert "sasl-burst" in mail_text and f"ban      done: {THIEF}" in mail_text
    assert f"bailiff undo {incident['id']}" in mail_text

    said = bailiff.cli("undo", incident["id"], status=1)
    assert "old password" in said
    assert locked("joe") and reached(thief) == []       # refused as a whole
    said = bailiff.cli("undo", incident["id"], "--false-alarm")
    assert shadow("joe") == before
    assert machine.smtp_login(office, SERVER, 587, "joe", PASSWORD) == 235
    assert reached(thief) == ALL and bailiff.banned() == set()
    assert bailiff.cli("locks", json=True) == []
    assert bailiff.cli("show", incident["id"], json=True)["closed"]


def test_undo_after_a_new_password(net, mail, bailiff, thief, office):
    """A new password unlocks by itself; the expiry must still be lifted."""
    burst(thief)
    incident = bailiff.wait_incident("joe", jail="sasl-burst")
    wait_admin_mail(incident)
    machine.set_password("joe", "new words")
    assert machine.smtp_login(office, SERVER, 587, "joe", "new words") == 535
    bailiff.cli("undo", incident["id"])
    assert machine.smtp_login(office, SERVER, 587, "joe", "new words") == 235
    assert machine.smtp_login(office, SERVER, 587, "joe", PASSWORD) == 535
    assert status_of("joe") == "P" and reached(thief) == ALL


def test_undo_keeps_what_others_did(net, mail, bailiff, thief):
    """An account that was locked before stays so."""
    burst(thief)
    incident = bailiff.wait_incident("joe", jail="sasl-burst")
    wait_admin_mail(incident)
    machine.run(["usermod", "-e", "2031-05-05", "joe"])
    bailiff.cli("undo", incident["id"], "--false-alarm")
    state = shadow("joe").split(":")
    assert state[7] not in ("", "1") and not state[1].startswith("!")


def proposal(text):
    """The command that a proposing mail holds, as argv without the program."""
    command = re.search(r"^\s*bailiff (contain .*)$", text, re.M).group(1)
    return shlex.split(command)


def test_second_channel(net, mail, bailiff, thief, tmp_path):
    """notify.run hears of it, with the mail's words, before the mail is handed over."""
    heard, argv = tmp_path / "heard", tmp_path / "argv"
    script = tmp_path / "page"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {argv}; cat > {heard}; ls /var/mail/root >> {argv} 2>&1\n',
                      encoding="ascii")
    script.chmod(0o755)
    bailiff.configure({**CONFIG, "contacts": {"joe": "+49 30 1234"},
                       "notify": {"run": [str(script), "<incident>", "about <user>", "<subject>"]}})
    bailiff.restart()
    burst(thief)
    incident = bailiff.wait_incident("joe", jail="sasl-burst")
    text = wait_admin_mail(incident)
    said = argv.read_text(encoding="ascii").splitlines()
    assert said[:3] == [str(incident["id"]), "about joe", f"bailiff: account joe locked (incident {incident['id']})"]
    assert "No such file" in said[3]        # the mail was not there yet
    assert heard.read_text(encoding="ascii").strip() in text
    assert "  owner    +49 30 1234" in text
    first = text.index(f"bailiff resolve {incident['id']} --purge")
    assert first < text.index(f"bailiff undo {incident['id']}")


@pytest.mark.parametrize("config", [changed(act="propose")])
def test_propose(net, mail, bailiff, thief, office):
    """Nothing is done to the account but by the mail's command, and that once."""
    before = shadow("joe")
    sent = burst(thief)
    incident = bailiff.wait_incident("joe", jail="sasl-burst")
    text = wait_admin_mail(incident)
    assert "needs your word" in text and shadow("joe") == before
    assert machine.smtp_login(office, SERVER, 587, "joe", PASSWORD) == 235
    command = proposal(text)
    bailiff.cli(*command, status=0)
    assert locked("joe")
    assert machine.smtp_login(office, SERVER, 587, "joe", PASSWORD) == 535
    bailiff.cli(*command, status=1)
    other = ["contain", "root" if command[1] == "joe" else "joe", *command[2:]]
    bailiff.cli(*other, status=1)
    bailiff.cli("undo", incident["id"], "--false-alarm")
    assert shadow("joe") == before
    bailiff.cli(*command, status=1)
    assert shadow("joe") == before and sent >= BURST - 1
    wait_admin_mail(incident)


@pytest.mark.parametrize("config, said", [
    (changed(protect=["joe"]), "protect"), (changed(min_uid=60000), "min_uid"),
    (changed(max_per_hour=0), "max_per_hour")])
def test_never_locked(net, mail, bailiff, thief, said):
    """Not by a jail, not by hand; the admin is told."""
    before = shadow("joe")
    burst(thief)
    incident = bailiff.wait_incident("joe", jail="sasl-burst")
    text = wait_admin_mail(incident)
    assert said in text and f"Subject: bailiff: account joe locked" not in text
    bailiff.wait_ban(THIEF)
    assert shadow("joe") == before
    assert said in bailiff.cli("lock", "joe", status=1)
    assert shadow("joe") == before and bailiff.cli("locks", json=True) == []


def test_protected_by_hand(net, mail, bailiff, thief):
    before = shadow("joe")
    bailiff.cli("protect", "joe")
    burst(thief)
    text = wait_admin_mail(bailiff.wait_incident("joe", jail="sasl-burst"))
    assert "protected" in text and shadow("joe") == before


@pytest.mark.parametrize("config", [changed(max_per_hour=1)])
def test_rate_of_locks(net, mail, bailiff, thief):
    """After max_per_hour accounts the next one is left to the admin."""
    other = net.host("other", "198.51.100.67")
    machine.add_user("ann", PASSWORD)
    try:
        before = shadow("ann")
        burst(thief)
        wait_admin_mail(bailiff.wait_incident("joe", jail="sasl-burst"))
        assert locked("joe")
        burst(other, user="ann", sender="ann@example.com")
        text = wait_admin_mail(bailiff.wait_incident("ann", jail="sasl-burst"))
        assert "max_per_hour" in text and shadow("ann") == before
    finally:
        machine.delete_user("ann")


def test_untrusted_log(net, joe, thief):
    """Any user can write to a syslog: its lines alone lock nobody."""
    logs = {"mail": {"prefer": "files", "files": [str(machine.MAIL_LOG)]}}
    before = shadow("joe")
    with machine.Rsyslog(), machine.Dovecot(net.server), \
            machine.Postfix(net.server, syslog=True), \
            Bailiff(net.server, {**CONFIG, "logs": logs}) as bailiff:
        lines = "".join(f"4F1C{n:02X}A: client=unknown[{THIEF}], sasl_method=PLAIN, "
                        "sasl_username=joe\n" for n in range(2 * BURST))
        net.server.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
                        "logger", "-t", "postfix/smtpd", "-p", "mail.info"], input=lines)
        incident = bailiff.wait_incident("joe", jail="sasl-burst")
        text = wait_admin_mail(incident)
        assert "trust" in text and "needs your word" in text
        assert shadow("joe") == before
        bailiff.cli(*proposal(text))
        assert locked("joe")
        bailiff.cli("undo", incident["id"], "--false-alarm")
        assert shadow("joe") == before


def test_forged_names(net, mail, bailiff, thief, stranger):
    """Whatever a client writes into its lines, another's account is not touched."""
    machine.add_user("boss", PASSWORD)
    try:
        before = shadow("boss")
        forged = f"x, sasl_method=PLAIN, sasl_username=boss"
        with pytest.raises(AssertionError):     # refused by Postfix or cut by us
            assert send(thief, 1, headers={"Subject": forged}) == 0
        for name in ("boss, sasl_method=PLAIN, sasl_username=boss",
                     f"boss\n4F1C: client=unknown[{STRANGER}], sasl_method=PLAIN, sasl_username=boss"):
            guess(stranger, user=name, times=2)
        session = machine.hold_open_smtp(thief, SERVER, 587, "joe", PASSWORD, timeout=3)
        try:
            for n in range(3 * BURST):
                session.ehlo(f"client=unknown[{OFFICE}],sasl_method=PLAIN,sasl_username=boss")
                session.docmd("MAIL", "FROM:<joe@example.com> AUTH=x,sasl_username=boss@example.com")
                session.rcpt("joe@example.com")
                session.data(f"Message-ID: <client=x[{OFFICE}], sasl_method=PLAIN, "
                             f"sasl_username=boss{n}>\r\nSubject: x\r\n\r\nx\r\n")
        except OSError:
            pass
        finally:
            session.close()
        wait_admin_mail(bailiff.wait_incident("joe", jail="sasl-burst"))
        assert "sasl_sender=x,sasl_username=boss@example.com" in machine.MAIL_LOG.read_text()
        assert locked("joe") and shadow("boss") == before
        assert {i["subject"] for i in bailiff.cli("incidents", json=True)} <= {"joe", STRANGER, THIEF}
        assert bailiff.banned() <= {THIEF, STRANGER}
    finally:
        machine.delete_user("boss")


def test_failures_lock_nobody(net, mail, bailiff):
    """A botnet that only guesses gets itself banned, and its victim never locked."""
    before = shadow("joe")
    botnet = net.host("botnet", "198.51.100.0/24")
    sources = [f"198.51.100.{n}" for n in range(1, 9)]
    machine.parallel(lambda s: guess(botnet, source=s), sources, workers=8)
    wait_for(lambda: bailiff.banned() == set(sources), 30)
    assert shadow("joe") == before
    assert not [i for i in bailiff.cli("incidents", json=True) if i["subject"] == "joe"]
    assert machine.delivered("root") == []


def test_virtual_account(net, mail, bailiff, thief):
    """A mailbox without a Unix user has no password to lock: it is said, not hidden."""
    machine.add_virtual("eve@example.net", PASSWORD)
    burst(thief, user="eve@example.net", sender="eve@example.net")
    text = wait_admin_mail(bailiff.wait_incident("eve@example.net", jail="sasl-burst"))
    assert "could not be locked" in text and "not a Unix account" in text
    bailiff.wait_ban(THIEF)


# ---- locks by hand

def test_lock_by_hand(net, mail, bailiff, office):
    before = shadow("joe")
    bailiff.cli("contain", "joe", "--dry-run")
    assert shadow("joe") == before
    said = bailiff.cli("lock", "joe@example.com", "--reason", "phoned")
    assert "locked" in said and locked("joe")
    assert machine.smtp_login(office, SERVER, 587, "joe", PASSWORD) == 535
    assert [l["user"] for l in bailiff.cli("locks", json=True)] == ["joe@example.com"]
    bailiff.cli("unlock", "joe")
    assert shadow("joe") == before
    assert machine.smtp_login(office, SERVER, 587, "joe", PASSWORD) == 235
    assert "not locked by bailiff" in bailiff.cli("unlock", "joe", status=1)
    for user, said in (("nobody-here", "no such user"), ("root", "protect"), ("daemon", "min_uid")):
        assert said in bailiff.cli("lock", user, status=1)
    assert bailiff.cli("lock", "joe smith", status=2)


def test_someone_elses_command_line(net, mail, bailiff):
    """Who is neither root nor an operator may neither look nor change."""
    for command in (["status"], ["unban", STRANGER], ["lock", "joe"]):
        done = subprocess.run(
            ["setpriv", "--reuid=joe", "--regid=joe", "--clear-groups", bailiff.bin / "bailiff",
             "-c", bailiff.file, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 1 and done.stderr, command
    assert status_of("joe") == "P"
