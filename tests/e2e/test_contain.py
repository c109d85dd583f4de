# SPDX-License-Identifier: GPL-2.0-or-later
"""A stolen account is contained: what it has open, what it has queued, what it may do next.

Postfix asks bailiff's table on its submission ports, Dovecot bailiff's deny
file; mail to elsewhere stays in the queue.
"""
import contextlib
import email.policy
import json
import os
import pathlib
import re
import smtplib
import sqlite3

import pytest

import machine
import stream
from daemon import Bailiff
from machine import SERVER, wait_for
from test_mail import locked, proposal, shadow, wait_admin_mail

THIEF, OFFICE, PASSWORD = "198.51.100.66", "198.51.100.7", "sesame"
BURST = 5
MAP = "/etc/postfix/bailiff"
CONFIG = {
    "accounts": {"act": "yes", "local_domains": [machine.LOCAL_DOMAIN],
                 "postfix_map": MAP, "dovecot_deny": machine.DENY_FILE},
    "jails": {"auto": False, "burst": True},
}
AWAY = "victim@example.org"     # stays in the queue
CLIENT = r"<qid>: client=<host>\[<ip>\](?::\d+)?, sasl_method=[^,\s]+, sasl_username=<user>(?:,|$)"


def jail(*then, count=BURST, **more):
    return {"log": "mail", "program": "postfix*", "match": [CLIENT],
            "limit": {"count": count, "per": "user", "within": "10m"},
            "then": [*then, "notify"], **more}


@pytest.fixture
def server(net, joe, request):
    """Postfix and Dovecot as `bailiff setup mail` leaves them."""
    for path in pathlib.Path("/etc/postfix").glob("bailiff*"):
        path.unlink()
    pathlib.Path(MAP).write_text("", encoding="ascii")
    machine.run(["postmap", f"lmdb:{MAP}"])
    machine.add_user("ann", PASSWORD)
    options = {"options": {"defer_transports": "smtp"}, "sasl_access": f"lmdb:{MAP}",
               **getattr(request, "param", {})}
    if options.get("content_filter"):       # which is spoken to by smtp
        options["options"] = {"defer_transports": "relay", "default_transport": "relay"}
    settings = f"first_valid_uid = 1\n{options.pop('dovecot', '')}"
    with machine.Dovecot(net.server, deny=True, settings=settings), machine.Postfix(net.server, **options) as postfix:
        yield postfix
    machine.delete_user("ann")


@pytest.fixture
def bailiff(net, server, request):
    then = getattr(request, "param", ["contain"])
    with Bailiff(net.server, CONFIG, jails={"burst": jail(*then)}) as bailiff:
        yield bailiff


@pytest.fixture
def thief(net):
    return net.host("thief", THIEF)


@pytest.fixture
def office(net):
    return net.host("office", OFFICE)


def queue(postfix, sender):
    """{queue id: queue} of a sender's messages."""
    return {m["queue_id"]: m["queue_name"] for m in postfix.queue_list() if m["sender"] == sender}


def denied():
    return pathlib.Path(machine.DENY_FILE).read_text(encoding="ascii")


def map_says(user):
    return machine.run(["postmap", "-q", user, f"lmdb:{MAP}"], check=False).stdout.strip()


def steps(bailiff, incident):
    """{step: status} of an incident's orders."""
    show = bailiff.cli("show", incident["id"], json=True)
    return [(o["what"], o["outcome"]["status"]) for o in show["orders"] if o.get("outcome")]


def submit(session, sender, count=1):
    """The codes of messages to elsewhere."""
    return [session.submit(sender, [AWAY], subject=f"buy {n}")[0] for n in range(count)]


def contain(bailiff, ns, user="joe", counted=0, **kw):
    """The thief crosses the line, from sessions that stay open; incident and mail.

    counted     messages that the owner has sent already
    """
    smtp = machine.hold_open_smtp(ns, SERVER, 587, user, PASSWORD, **kw)
    imap = machine.imap_session(ns, user, PASSWORD, **kw)
    some = BURST - 1 - counted
    assert submit(smtp, "boss@example.com", some) == [250] * some
    idle = machine.hold_open_smtp(ns, SERVER, 587, user, PASSWORD, **kw)
    # The cut may be quicker than the answer to the message that crosses.
    with contextlib.suppress(OSError, smtplib.SMTPServerDisconnected):
        assert submit(smtp, "boss@example.com") == [250]
    incident = bailiff.wait_incident(user, jail="burst")
    return incident, wait_admin_mail(incident), smtp, imap, idle


def test_all_of_it(net, server, bailiff, thief, office):
    """Sessions die, the queue is held, nothing new gets in; undo restores it all."""
    before, empty = shadow("joe"), denied()
    honest = machine.hold_open_smtp(office, SERVER, 587, "ann", PASSWORD)
    assert submit(honest, "boss@example.com", 2) == [250] * 2       # the same forged From
    by_ann = set(queue(server, "boss@example.com"))
    assert len(by_ann) == 2
    mine = machine.send_mail(office, "joe@example.com", [AWAY], user="joe", password=PASSWORD)
    assert mine[0] == 250
    before_id, = queue(server, "joe@example.com")
    server.command("postsuper", "-h", before_id)    # the admin's own
    incident, text, smtp, imap, idle = contain(bailiff, thief, counted=1)
    assert not imap.alive() and not smtp.alive() and not idle.alive(), text
    assert locked("joe")
    assert "joe::::bailiff" in denied() and map_says("joe").startswith("REJECT")
    held = queue(server, "boss@example.com")
    assert {i for i, q in held.items() if q == "hold"} == set(held) - by_ann
    assert len(held) == BURST + 1
    assert honest.alive() and submit(honest, "ann@example.com") == [250]
    assert machine.smtp_login(office, SERVER, 587, "joe", PASSWORD) == 535
    with pytest.raises(PermissionError):
        machine.imap_session(office, "joe", PASSWORD)
    for step in "deny", "cut", "hold", "kick", "lock":
        assert re.search(rf"^  {step} +done", text, re.M), text
    assert re.search(r"^Subject: bailiff: account joe locked", text, re.M)
    assert machine.send_mail(net.server, "ann@example.com", ["joe@example.com"],
                             host="127.0.0.1", port=25)[0] == 250
    machine.wait_mail("joe")                        # mail to the account keeps arriving

    assert "old password" in bailiff.cli("undo", incident["id"], status=1)
    assert "joe::::bailiff" in denied()
    bailiff.cli("undo", incident["id"], "--false-alarm")
    assert shadow("joe") == before and denied() == empty and map_says("joe") == ""
    assert {q for i, q in queue(server, "boss@example.com").items() if i not in by_ann} == {"hold"}
    wait_for(lambda: machine.smtp_login(office, SERVER, 587, "joe", PASSWORD) == 235)
    machine.imap_session(office, "joe", PASSWORD).logout()
    assert queue(server, "joe@example.com")[before_id] == "hold"
    honest.close()


def test_release_and_purge(net, server, bailiff, thief):
    incident, *_ = contain(bailiff, thief)
    said = bailiff.cli("undo", incident["id"], "--false-alarm", "--release-mail")
    assert f"{BURST} released" in said
    assert "hold" not in queue(server, "boss@example.com").values()
    again = machine.hold_open_smtp(thief, SERVER, 587, "joe", PASSWORD)
    assert submit(again, "thief@example.com", BURST) == [250] * BURST
    wait_for(lambda: set(queue(server, "thief@example.com").values()) == {"hold"})
    incident = next(i for i in bailiff.cli("incidents", "--open", json=True) if i["subject"] == "joe")
    wait_admin_mail(incident)
    bailiff.cli("resolve", incident["id"], "--false-alarm", "--purge")
    assert queue(server, "thief@example.com") == {}
    again.close()


@pytest.mark.parametrize("bailiff", [["park"]], indirect=True)
def test_parked(net, server, bailiff, thief):
    """The sender notices nothing, and nothing is lost or leaves."""
    session = machine.hold_open_smtp(thief, SERVER, 587, "joe", PASSWORD)
    assert submit(session, "joe@example.com", BURST) == [250] * BURST
    incident = bailiff.wait_incident("joe", jail="burst")
    wait_admin_mail(incident)
    before = set(queue(server, "joe@example.com"))
    assert submit(session, "joe@example.com", 3) == [250] * 3
    parked = {i: q for i, q in queue(server, "joe@example.com").items() if i not in before}
    assert list(parked.values()) == ["hold"] * 3
    assert session.alive() and not locked("joe")
    bailiff.cli("undo", incident["id"])
    assert map_says("joe") == ""
    assert submit(session, "joe@example.com") == [250]
    session.close()


@pytest.mark.parametrize("then", [["contain"], ["lock"], ["kick", "lock"], ["hold", "deny"], ["kick", "contain"]])
def test_beyond_the_rate(net, server, thief, office, then):
    """One account more than max_per_hour is parked and left to the admin, whose one command does the rest."""
    before = shadow("ann")
    config = {**CONFIG, "accounts": {**CONFIG["accounts"], "max_per_hour": 1}}
    with Bailiff(net.server, config, jails={"burst": jail(*then)}) as bailiff:
        bailiff.cli("lock", "joe")
        session = machine.hold_open_smtp(office, SERVER, 587, "ann", PASSWORD)
        assert submit(session, "ann@example.com", BURST) == [250] * BURST
        incident = bailiff.wait_incident("ann", jail="burst")
        text = wait_admin_mail(incident)
        assert "account ann needs your word" in text and "ONLY PARKED, new mail is put on hold: " in text
        assert session.alive() and submit(session, "parked@example.com") == [250]
        assert set(queue(server, "parked@example.com").values()) == {"hold"}
        assert shadow("ann") == before and denied() == "" and map_says("ann") == "HOLD parked by bailiff"
        command = proposal(text)
        assert "max_per_hour of 1" in bailiff.cli(*command, status=1)
        bailiff.configure(CONFIG)
        bailiff.reload()
        bailiff.cli(*command)
        assert locked("ann") and "ann:" in denied() and map_says("ann").startswith("REJECT")
        assert "carried out already" in bailiff.cli(*command, status=1)
        bailiff.cli("undo", incident["id"], "--false-alarm", "--release-mail")
        assert shadow("ann") == before and denied() == "" and map_says("ann") == ""
        session.close()


def test_beyond_the_rate_after_a_crash(net, server, office):
    """A park that the ledger has without an outcome is asked for again by the action that it stands for."""
    config = {**CONFIG, "accounts": {**CONFIG["accounts"], "max_per_hour": 1}}
    text = {**jail(), "then": ["notify", "lock"]}
    with Bailiff(net.server, config, jails={"burst": text}) as bailiff:
        bailiff.cli("lock", "joe")
        session = machine.hold_open_smtp(office, SERVER, 587, "ann", PASSWORD)
        assert submit(session, "ann@example.com", BURST) == [250] * BURST
        incident = bailiff.wait_incident("ann", jail="burst")
        wait_admin_mail(incident)
        session.close()
        stream.settled(bailiff)
        told = steps(bailiff, incident)
        assert ("park", "done") in told
        bailiff.stop()
        with contextlib.closing(sqlite3.connect(bailiff.dir / "state/engine/ledger.db")) as db, db:
            assert db.execute("UPDATE orders SET status = NULL, code = NULL, text = NULL, outcome_ms = NULL"
                              " WHERE what = 'park'").rowcount == 1
        bailiff.start()
        stream.settled(bailiff)
        assert f"incident {incident['id']}: a crash left it open" in bailiff.text()
        assert steps(bailiff, incident) == told


@pytest.mark.parametrize("bailiff", [[{"deny": {"text": "call the office"}}]], indirect=True)
def test_denied_within_a_session(net, server, bailiff, thief, office):
    """The open smtpd refuses the next message in the admin's words."""
    session = machine.hold_open_smtp(thief, SERVER, 587, "joe", PASSWORD)
    assert submit(session, "joe@example.com", BURST) == [250] * BURST
    incident = bailiff.wait_incident("joe", jail="burst")
    wait_admin_mail(incident)
    code, said = session.submit("joe@example.com", [AWAY])
    assert code == 554 and "call the office" in said
    assert session.alive()
    wait_for(lambda: machine.smtp_login(office, SERVER, 587, "joe", PASSWORD) == 535)
    bailiff.cli("undo", incident["id"])
    assert submit(session, "joe@example.com") == [250]
    session.close()


@pytest.mark.parametrize("bailiff", [[{"deny": {"for": "3s"}}]], indirect=True)
def test_denied_for_a_while(net, server, bailiff, thief):
    """A quota: the account sends again when its time is over, also over a restart."""
    session = machine.hold_open_smtp(thief, SERVER, 587, "joe", PASSWORD)
    assert submit(session, "joe@example.com", BURST) == [250] * BURST
    wait_admin_mail(bailiff.wait_incident("joe", jail="burst"))
    assert map_says("joe")
    bailiff.restart()
    wait_for(lambda: map_says("joe") == "" and denied() == "", 15)
    assert submit(session, "joe@example.com") == [250]
    session.close()


def test_virtual_account(net, server, bailiff, thief, office):
    """No Unix account: no lock, and all else as with one."""
    machine.add_virtual("eve@example.net", PASSWORD)
    uid = machine.run(["id", "-u", "vmail"]).stdout.strip()
    pathlib.Path(machine.PASSWD_FILE).write_text(   # imap wants to know whose files it reads
        f"eve@example.net:{{PLAIN}}{PASSWORD}:{uid}:{uid}::{machine.VMAIL}/example.net/eve::\n",
        encoding="ascii")
    incident, text, smtp, imap, idle = contain(bailiff, thief, "eve@example.net")
    assert not imap.alive() and not smtp.alive() and not idle.alive()
    assert "not a Unix account" in text
    assert set(queue(server, "boss@example.com").values()) == {"hold"}
    assert machine.smtp_login(office, SERVER, 587, "eve@example.net", PASSWORD) == 535
    machine.send_mail(net.server, "ann@example.com", ["eve@example.net"], host="127.0.0.1", port=25)
    machine.wait_mail("eve@example.net")
    bailiff.cli("undo", incident["id"])
    wait_for(lambda: machine.smtp_login(office, SERVER, 587, "eve@example.net", PASSWORD) == 235)


@pytest.mark.parametrize("server", [{"content_filter": True}], indirect=True)
def test_through_a_filter(net, server, thief, office):
    """What came back from a content filter under a new id is the thief's as well."""
    queued_as = r"<qid>: to=<[^>]*>, .*status=sent \(250 .*queued as <qid2>\)$"
    burst = jail("contain", thread={"by": "qid"})
    burst["match"].append({"join": queued_as})
    with Bailiff(net.server, CONFIG, jails={"burst": burst}) as bailiff:
        honest = machine.hold_open_smtp(office, SERVER, 587, "ann", PASSWORD)
        assert submit(honest, "boss@example.com", 2) == [250] * 2
        wait_for(lambda: len(queue(server, "boss@example.com")) == 2 and
                 set(queue(server, "boss@example.com").values()) == {"deferred"})
        by_ann = set(queue(server, "boss@example.com"))
        contain(bailiff, thief)
        found = queue(server, "boss@example.com")
        assert {i for i, q in found.items() if q == "hold"} == set(found) - by_ann
        assert len(found) >= BURST + 2      # what was held in delivery may be out as well
        honest.close()


@pytest.mark.parametrize("server", [{"options": {"defer_transports": "smtp", "smtputf8_enable": "yes"},
                                     "dovecot": "auth_username_chars ="}], indirect=True)
def test_name_beyond_ascii(net, server, bailiff, thief, office):
    user = "j\u00f6@example.net"
    pathlib.Path(machine.PASSWD_FILE).write_text(f"{user}:{{PLAIN}}{PASSWORD}:65534:65534::/tmp::\n", encoding="utf-8")
    session = machine.hold_open_smtp(thief, SERVER, 587, user, PASSWORD)
    with contextlib.suppress(OSError, smtplib.SMTPServerDisconnected):
        submit(session, "boss@example.com", BURST)
    incident = bailiff.wait_incident(user, jail="burst")
    text, = machine.wait_mail("root")
    assert f"bailiff undo {incident['id']}" in text
    subject = email.message_from_string(text, policy=email.policy.default)["Subject"]
    assert subject.startswith("bailiff: account j\u00f6@example.net ") and subject.endswith(f"(incident {incident['id']})")
    assert dict(steps(bailiff, incident)).keys() >= {"deny", "kick", "hold"}
    assert all(status == "done" for step, status in steps(bailiff, incident) if step in ("deny", "kick", "hold"))
    assert pathlib.Path(machine.DENY_FILE).read_text(encoding="utf-8") == f"{user}::::bailiff\n"
    assert map_says(user).startswith("REJECT") and set(queue(server, "boss@example.com").values()) == {"hold"}
    assert machine.smtp_login(office, SERVER, 587, user, PASSWORD) == 535
    bailiff.cli("undo", incident["id"], "--false-alarm", "--release-mail")
    assert denied() == "" and map_says(user) == ""
    wait_for(lambda: machine.smtp_login(office, SERVER, 587, user, PASSWORD) == 235)


def test_owners_phone(net, server, bailiff, thief, office):
    """The phone that keeps trying while denied gets nobody banned."""
    bailiff.configure({**CONFIG, "jails": {**CONFIG["jails"], "postfix-sasl": True}})
    bailiff.restart()
    assert machine.send_mail(office, "joe@example.com", ["ann@example.com"], user="joe",
                             password=PASSWORD)[0] == 250
    contain(bailiff, thief, counted=1)
    machine.parallel(lambda _: machine.smtp_login(office, SERVER, 587, "joe", PASSWORD), range(8))
    # The ban may be quicker than the last answer.
    with contextlib.suppress(OSError, smtplib.SMTPServerDisconnected):
        machine.guess(thief, user="ann")
    bailiff.wait_ban(THIEF)         # so those of the office have been read as well
    assert OFFICE not in bailiff.banned()


def test_by_hand(net, server, bailiff, thief, office):
    session = machine.hold_open_smtp(thief, SERVER, 587, "joe", PASSWORD)
    assert submit(session, "boss@example.com", 2) == [250] * 2
    dry = bailiff.cli("contain", "joe", "--dry-run")
    assert "hold" in dry and denied() == ""
    said = bailiff.cli("--json", "contain", "joe")
    answer = json.loads(said)
    assert {s["do"]: s["status"] for s in answer["steps"]} == {
        "deny": "done", "hold": "done", "kick": "done", "lock": "done"}
    assert set(queue(server, "boss@example.com").values()) == {"hold"}
    assert session.submit("boss@example.com", [AWAY])[0] == 554
    bailiff.cli("undo", answer["incident"], "--false-alarm", "--release-mail")
    assert "hold" not in queue(server, "boss@example.com").values()
    assert submit(session, "boss@example.com") == [250]
    session.close()


def test_unlock_alone(server, bailiff, office):
    """The password is not all that a containment did, and the answer says so."""
    session = machine.hold_open_smtp(office, SERVER, 587, "joe", PASSWORD)
    assert submit(session, "joe@example.com", 2) == [250] * 2
    session.close()
    incident = bailiff.cli("contain", "joe", json=True)["incident"]
    said = bailiff.cli("unlock", "joe")
    assert not locked("joe") and map_says("joe").startswith("REJECT")
    assert f"still in force by incident {incident}: deny, hold; bailiff undo {incident} takes it back (with" in said
    # It has no lock of ours any more, and yet no login: that is told with the refusal.
    done = bailiff.command("--json", "unlock", "joe")
    assert done.returncode == 1 and "was not locked by bailiff" in done.stderr
    assert json.loads(done.stdout)["still"] == [{"incident": incident, "what": ["deny", "hold"]}]
    bailiff.cli("undo", incident)       # by the admin's own word it was no theft: no old password is asked for
    assert map_says("joe") == "" and denied() == ""
    bailiff.cli("lock", "joe")
    assert "still" not in bailiff.cli("unlock", "joe")


def test_proposal_that_two_carry_out(net, server, thief):
    """It works once, also for two admins at one moment."""
    config = {**CONFIG, "accounts": {**CONFIG["accounts"], "act": "propose"}}
    with Bailiff(net.server, config, jails={"burst": jail("contain")}) as bailiff:
        session = machine.hold_open_smtp(thief, SERVER, 587, "joe", PASSWORD)
        assert submit(session, "joe@example.com", BURST) == [250] * BURST
        text = wait_admin_mail(bailiff.wait_incident("joe", jail="burst"))
        done = machine.parallel(lambda _: bailiff.command(*proposal(text)), range(3))
        assert sorted(d.returncode for d in done) == [0, 1, 1]
        assert all("carried out" in d.stderr for d in done if d.returncode)
        assert locked("joe")
        session.close()


def test_held_again(server, bailiff, office):
    """What was released a moment ago is on hold no more, whatever a listing said before."""
    session = machine.hold_open_smtp(office, SERVER, 587, "joe", PASSWORD)
    assert submit(session, "joe@example.com", 2) == [250] * 2
    session.close()
    for said in machine.parallel(lambda _: bailiff.cli("contain", "joe", json=True), range(3)):
        bailiff.cli("undo", said["incident"], "--false-alarm", "--release-mail")
    assert "hold" not in queue(server, "joe@example.com").values()
    assert "2 held (" in bailiff.cli("queue", "hold", "joe", "--yes")
    assert set(queue(server, "joe@example.com").values()) == {"hold"}


@pytest.mark.parametrize("end", [["undo", "--release-mail"], ["resolve", "--release"], ["resolve", "--purge"]])
def test_no_mail_to_end_with(bailiff, end):
    """That nothing was on hold keeps no incident open."""
    incident = bailiff.cli("contain", "joe", json=True)["incident"]
    bailiff.cli(end[0], incident, *end[1:], "--false-alarm")
    assert bailiff.cli("show", incident, json=True)["closed"]["how"] == end[0]


def test_probation(net, server, bailiff, thief):
    """Half of the limit is enough for some days, also over a restart; a false alarm ends it."""
    incident, *_ = contain(bailiff, thief)
    machine.set_password("joe", "new words")
    bailiff.cli("resolve", incident["id"], "--purge")
    assert bailiff.cli("status", json=True)["probation"] == 1
    assert bailiff.cli("why", "joe", json=True)["probation"]["factor"] == 0.5
    assert "On probation" in bailiff.cli("why", "JOE")
    bailiff.restart()
    assert bailiff.cli("status", json=True)["probation"] == 1
    session = machine.hold_open_smtp(thief, SERVER, 587, "joe", "new words")
    assert submit(session, "joe@example.com", 2) == [250] * 2
    assert bailiff.cli("incidents", "--open", json=True) == []
    assert submit(session, "joe@example.com") == [250]      # 5 * 0.5, rounded up
    again = bailiff.wait_incident("joe", jail="burst")
    assert again["id"] != incident["id"]
    wait_admin_mail(again)
    session.close()
    bailiff.cli("undo", again["id"], "--false-alarm")
    assert bailiff.cli("status", json=True)["probation"] == 0


def test_leftovers(net, server, bailiff, thief):
    """What the thief left behind is told with its time, and is there unchanged after it."""
    home = pathlib.Path("/home/joe")
    (home / ".forward").write_text("thief@example.org\n", encoding="ascii")
    os.utime(home / ".forward", (1700000000, 1700000000))
    (home / ".procmailrc").symlink_to("/etc/shadow")
    script = "require \"copy\"; redirect :copy \"thief@example.org\";"
    machine.run(["doveadm", "sieve", "put", "-u", "joe", "-a", "mine"], input=script)
    incident, text, *_ = contain(bailiff, thief)
    (home / ".procmailrc").unlink()
    found = text[text.index("Look at these before you unlock"):]
    assert "  - ~/.forward: changed 2023-11-14T22:13:20Z, 18 bytes, touched 20" in found
    assert "  - ~/.procmailrc: a link to elsewhere, changed 20" in found
    assert "  - ~/.dovecot.sieve: a link, changed 20" in found
    assert "  - an active Sieve script: 'mine'" in found
    assert (home / ".forward").read_text(encoding="ascii") == "thief@example.org\n"
    shown = bailiff.cli("show", incident["id"])
    assert "~/.forward: changed 2023-11-14T22:13:20Z" in shown


def test_not_set_up(net, mail, thief):
    """Without the table and the deny file nothing is made up: it is said."""
    accounts = {**CONFIG["accounts"], "postfix_map": "/etc/postfix/none", "dovecot_deny": "/etc/dovecot/none"}
    with Bailiff(net.server, {**CONFIG, "accounts": accounts},
                 jails={"burst": jail("contain")}) as bailiff:
        assert "not set up (bailiff setup mail)" in bailiff.cli("contain", "joe")
        assert locked("joe")
        assert not os.path.exists("/etc/dovecot/none")
        assert not os.path.exists("/etc/postfix/none.lmdb")


def dovecot_conf(where):
    """Let dovecot.conf take bailiff's file in, before or behind its own passdbs."""
    include, conf = "!include_try conf.d/05-*.conf\n", pathlib.Path("/etc/dovecot/dovecot.conf")
    text = conf.read_text(encoding="ascii")
    conf.write_text(include + text if where == "before" else text + include, encoding="ascii")


@pytest.mark.parametrize("where", ["before", "behind"])
def test_setup(net, joe, thief, office, where):
    """`setup mail` prints what is to be done, --apply does it, and no login ever fails."""
    for path in [*pathlib.Path("/etc/postfix").glob("bailiff*"), pathlib.Path("/etc/dovecot/bailiff-deny"),
                 pathlib.Path("/etc/dovecot/conf.d/05-bailiff.conf")]:
        path.unlink(missing_ok=True)
    config = {**CONFIG, "accounts": {"act": "yes", "local_domains": [machine.LOCAL_DOMAIN]}}
    dovecot, postfix = machine.Dovecot(net.server), machine.Postfix(net.server)
    dovecot_conf(where)
    machine.add_user("ann", PASSWORD)
    with dovecot, postfix, Bailiff(net.server, config, jails={"burst": jail("contain")}) as bailiff:
        master = pathlib.Path("/etc/postfix/master.cf")
        before, overrides = master.read_text(encoding="ascii"), machine.run(["postconf", "-P"]).stdout
        said = bailiff.cli("check")
        assert "587/inet does not ask bailiff's table" in said and "it does not ask /etc/dovecot/bailiff-deny" in said
        said = bailiff.cli("setup", "mail")
        assert "postmap -i lmdb:/etc/postfix/bailiff" in said and "587/inet/" in said and "25/inet/" in said
        assert master.read_text(encoding="ascii") == before
        assert not os.path.exists("/etc/dovecot/bailiff-deny")
        said = bailiff.cli("setup", "mail", "--apply", status=0 if where == "before" else 1)
        wait_for(lambda: machine.smtp_login(office, SERVER, 587, "ann", PASSWORD) == 235)
        assert os.path.exists("/etc/dovecot/conf.d/05-bailiff.conf") == (where == "before"), said
        session = machine.hold_open_smtp(thief, SERVER, 587, "joe", PASSWORD)
        assert session.submit("joe@example.com", ["joe@example.com"])[0] == 250
        bailiff.cli("contain", "joe")
        assert session.submit("joe@example.com", ["joe@example.com"])[0] == 554
        assert machine.smtp_login(office, SERVER, 587, "ann", PASSWORD) == 235
        if where == "before":
            assert "joe::::bailiff" in pathlib.Path("/etc/dovecot/bailiff-deny").read_text(encoding="ascii")
            assert "asks already" in bailiff.cli("setup", "mail", "--apply")
            check_and_remove(bailiff, office)
            assert machine.run(["postconf", "-P"]).stdout == overrides
        session.close()
    machine.delete_user("ann")


def check_and_remove(bailiff, office):
    """`check` says how it is; `setup mail --remove` leaves a server that works."""
    mail = bailiff.cli("check", json=True)["mail"]
    found = [f"{f['of']}: {f['level']}: {f['text']}" for f in mail["findings"]]
    assert "postfix: ok: 587/inet asks bailiff's table first" in found
    assert "dovecot: ok: it asks /etc/dovecot/bailiff-deny first" in found
    assert "dovecot: ok: dovecot can read /etc/dovecot/bailiff-deny" in found
    assert not [f for f in found if ": bad:" in f]
    os.chmod("/etc/dovecot/bailiff-deny", 0o600)
    assert "which stops EVERY login: /etc/dovecot/bailiff-deny (mode 0600) is closed to dovecot" in bailiff.cli("check")
    os.chmod("/etc/dovecot/bailiff-deny", 0o640)
    service = "587/inet"
    machine.run(["postconf", "-P", f"{service}/smtpd_sender_restrictions=permit_sasl_authenticated,reject"])
    assert f"{service} does not ask bailiff's table" in bailiff.cli("check")
    bailiff.cli("setup", "mail", "--apply")
    machine.run(["postconf", "-e", "mynetworks=127.0.0.0/8, 192.0.2.64/26", "relayhost=[smart.example.net]"])
    said = bailiff.cli("check")
    assert "  - 192.0.2.64/26" in said and "  - smart.example.net" in said
    machine.run(["postconf", "-PX", f"{service}/smtpd_sender_restrictions"])
    bailiff.cli("setup", "mail", "--apply")
    assert "with --apply it is" in bailiff.cli("setup", "mail", "--remove")
    assert "587/inet asks bailiff's table first" in bailiff.cli("check")
    bailiff.cli("setup", "mail", "--remove", "--apply")
    assert not os.path.exists("/etc/dovecot/conf.d/05-bailiff.conf")
    assert "587/inet does not ask bailiff's table" in bailiff.cli("check")
    assert "it does not ask it" in bailiff.cli("setup", "mail", "--remove", "--apply")
    wait_for(lambda: machine.smtp_login(office, SERVER, 587, "ann", PASSWORD) == 235)
    assert machine.send_mail(office, "ann@example.com", ["joe@example.com"], user="ann", password=PASSWORD)[0] == 250
