# SPDX-License-Identifier: GPL-2.0-or-later
"""The queue by hand: listed, held, released and purged, whose mail it is and in which instance.

Mail to elsewhere stays in the queue; who handed it in is known from the log.
"""
import json
import os
import pathlib
import pty
import re
import stat
import subprocess
import time

import pytest

import machine
from daemon import Bailiff
from machine import SERVER, wait_for
from test_contain import AWAY, CONFIG, MAP, PASSWORD, jail, queue
from test_mail import wait_admin_mail

OFFICE = "198.51.100.7"
RUNNER = "state/runner"
STEPS = ["deny", "hold", "kick", "lock"]    # a cut could be quicker than the answer to the message that crossed


@pytest.fixture
def server(net, joe, request):
    """Postfix and Dovecot, and a second user."""
    for path in pathlib.Path("/etc/postfix").glob("bailiff*"):
        path.unlink()
    pathlib.Path(MAP).write_text("", encoding="ascii")
    machine.run(["postmap", f"lmdb:{MAP}"])
    machine.add_user("ann", PASSWORD)
    options = {"options": {"defer_transports": "smtp", **getattr(request, "param", {})},
               "sasl_access": f"lmdb:{MAP}"}
    with machine.Dovecot(net.server, deny=True), machine.Postfix(net.server, **options) as postfix:
        yield postfix
    machine.delete_user("ann")


@pytest.fixture
def bailiff(net, server):
    with Bailiff(net.server, CONFIG, jails={"burst": jail("contain", count=1000000)}) as bailiff:
        yield bailiff


@pytest.fixture
def office(net):
    return net.host("office", OFFICE)


def submit(ns, user, senders, to=(AWAY,), port=587, **kw):
    """One message a sender, by an account."""
    session = machine.hold_open_smtp(ns, SERVER, port, user, PASSWORD)
    for sender in senders:
        assert session.submit(sender, list(to), **kw)[0] == 250
    session.close()


def submitted(bailiff, user, n):
    """What `queue USER` tells, once it knows n messages."""
    return wait_for(lambda: next((a for a in [bailiff.cli("queue", user, json=True)] if a["n"] == n), None),
                    what=f"{n} of {user}: {bailiff.text()}")


def places(postfix):
    """{sender: queue}"""
    return {m["sender"]: m["queue_name"] for m in postfix.queue_list()}


def settled(postfix):
    """Nothing is on its way any more."""
    wait_for(lambda: {q for q in places(postfix).values()} <= {"deferred", "hold"})


def step(said):
    """The one step of an answer."""
    one, = json.loads(said)["steps"]
    return one


def test_whose_it_is(server, bailiff, office):
    """Listed by the account that handed it in, with recipients; others' mail and other choices."""
    submit(office, "joe", ["boss@example.com", "x@y.example"], [AWAY, "other@example.org"])
    submit(office, "ann", ["boss@example.com"])
    settled(server)
    answer = submitted(bailiff, "joe", 2)
    assert {m["sender"] for m in answer["messages"]} == {"boss@example.com", "x@y.example"}
    for m in answer["messages"]:
        real, = [r for r in server.queue_list() if r["queue_id"] == m["id"]]
        assert (m["queue"], m["arrival"], m["size"]) == (real["queue_name"], real["arrival_time"], real["message_size"])
        assert sorted(m["recipients"]) == ["other@example.org", AWAY] and m["instance"] == ""
    assert answer["queues"] == {"deferred": 2}
    assert bailiff.cli("queue", "--all", json=True)["n"] == 3
    assert bailiff.cli("queue", "--sender", "BOSS@example.com", json=True)["n"] == 2
    assert bailiff.cli("queue", "--domain", "y.example", json=True)["n"] == 1
    assert bailiff.cli("queue", "--domain", "example.org", json=True)["n"] == 3
    assert bailiff.cli("queue", "--match", r"^(x|other)@", json=True)["n"] == 2
    assert bailiff.cli("queue", "--match", r"^(a+)+$", json=True)["n"] == 0
    assert "character 2" in bailiff.cli("queue", "--match", "(", status=2)
    assert bailiff.cli("queue", "nobody", json=True)["n"] == 0
    table = bailiff.cli("queue", "joe")
    assert re.search(r"^deferred +\w+ .* boss@example.com +\w+@example.org, \w+@example.org$", table, re.M), table
    assert "2 messages" in table


def test_hold_and_release(server, bailiff, office):
    """First told, then done, and undone by its number; what the admin had held stays."""
    submit(office, "joe", ["a@b.example", "c@b.example"])
    submit(office, "ann", ["ann@example.com"])
    settled(server)
    submitted(bailiff, "joe", 2)
    said = bailiff.cli("queue", "hold", "joe", status=1)
    assert "2 messages" in said and "a@b.example" in said and "needs --yes" in said
    assert set(places(server).values()) == {"deferred"}
    first, = queue(server, "a@b.example")
    server.command("postsuper", "-h", first)            # the admin's own
    said = bailiff.cli("--json", "queue", "hold", "joe", "--yes", "--reason", "odd")
    assert step(said)["text"] == "1 held (0 in delivery, may be out), 0 left before, 0 held before"
    assert places(server) == {"a@b.example": "hold", "c@b.example": "hold", "ann@example.com": "deferred"}
    incident = json.loads(said)["incident"]
    shown = bailiff.cli("show", str(incident), json=True)
    assert (shown["what"], shown["subject"], shown["reason"]) == ("queue hold", "joe", "odd")
    bailiff.cli("undo", str(incident), "--release-mail")
    assert places(server) == {"a@b.example": "hold", "c@b.example": "deferred", "ann@example.com": "deferred"}
    assert "no such message" in bailiff.cli("queue", "release", "--sender", "c@b.example", status=1)
    assert step(bailiff.cli("--json", "queue", "release", "joe", "--yes"))["text"].startswith("1 released")
    assert set(places(server).values()) == {"deferred"}


def test_panic(server, bailiff, office):
    submit(office, "joe", ["a@b.example"])
    submit(office, "ann", ["ann@example.com"])
    settled(server)
    said = bailiff.cli("queue", "hold", "--all", "--yes")
    incident = re.search(r"incident (\d+); bailiff undo \1", said)[1]
    assert set(places(server).values()) == {"hold"}
    bailiff.cli("undo", incident)                       # without the mail
    assert set(places(server).values()) == {"hold"}
    bailiff.cli("undo", incident, "--release-mail")
    assert set(places(server).values()) == {"deferred"}


def asked(bailiff, word, *args, meanwhile=lambda: None):
    """What is said on a terminal, where the question is answered so; and the exit status."""
    master, terminal = pty.openpty()
    process = bailiff.ns.popen([*bailiff.bailiff, *args], stdin=terminal, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    os.close(terminal)
    seen = b""
    while b"[y/N]" not in seen:
        assert (more := os.read(process.stdout.fileno(), 4096)), seen
        seen += more
    meanwhile()
    os.write(master, word)
    seen += process.stdout.read()
    os.close(master)
    return seen.decode(), process.wait(30)


def test_the_question(server, bailiff, office):
    """On a terminal it asks; what came after the question is not purged."""
    def late():
        time.sleep(1.1)                                 # arrivals are told in seconds
        submit(office, "joe", ["late@b.example"])
        settled(server)
    submit(office, "joe", ["a@b.example"])
    settled(server)
    submitted(bailiff, "joe", 1)
    said, status = asked(bailiff, b"n\n", "queue", "purge", "joe")
    assert status == 1 and "1 message," in said and "nothing was done" in said
    said, status = asked(bailiff, b"y\n", "queue", "purge", "joe", meanwhile=late)
    assert status == 0 and "1 deleted" in said and "takes it back" not in said
    assert set(places(server)) == {"late@b.example"}


def test_purge_keeps_copies(server, bailiff, office):
    """A copy and a manifest that only root can read, from which the mail can be handed in anew."""
    submit(office, "joe", ['"od\\"d x"@b.example'], text="keep me\n.leading dot\nend")
    submit(office, "joe", ["plain@b.example"])
    settled(server)
    submitted(bailiff, "joe", 2)
    sizes = {m["queue_id"]: m["message_size"] for m in server.queue_list()}
    said = bailiff.cli("--json", "queue", "purge", "joe", "--yes")
    assert server.queue_list() == []
    incident = json.loads(said)["incident"]
    assert step(said)["text"] == f"2 deleted (0 in delivery, may be out), 0 left before; copies: quarantine/{incident}"
    place = bailiff.dir / RUNNER / "quarantine" / str(incident)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700 and place.stat().st_uid == 0
    lines = [line.split(" ", 5) for line in (place / "manifest").read_text(encoding="utf-8").splitlines()]
    assert {line[1]: int(line[3]) for line in lines} == sizes
    assert {line[5] for line in lines} == {"<plain@b.example>", r'<\x5c"od\x5c\x5c\x5c"d x\x5c"@b.example>'} or \
        len({line[5] for line in lines}) == 2
    for path in place.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    name, = [line[0] for line in lines if line[5] == "<plain@b.example>"]
    copy = (place / name).read_text(encoding="utf-8")
    assert f"sender: plain@b.example\n" in copy and f"recipient: {AWAY}\n" in copy
    manual = ("sed -e '1,/^\\*\\*\\* MESSAGE CONTENTS/d' -e '/^\\*\\*\\* HEADER EXTRACTED/,$d' "
              f"{place / name} | sendmail -i -f plain@b.example -- {AWAY}")
    bailiff.ns.run(["sh", "-c", manual])
    wait_for(lambda: "plain@b.example" in places(server))
    back, = queue(server, "plain@b.example")
    contents = server.command("postcat", "-hbq", back).stdout
    assert contents.count("Subject: hello") == 1 and contents.rstrip().endswith("hello")


def test_quarantine_is_bounded(server, bailiff, office):
    bailiff.configure({**CONFIG, "quarantine": 20480})
    bailiff.reload()
    submit(office, "joe", ["a@b.example"], text="x" * 900 + "\n" + ("y" * 900 + "\n") * 30)
    settled(server)
    submitted(bailiff, "joe", 1)
    said = bailiff.cli("queue", "purge", "joe", "--yes", status=1)
    assert "or --no-copy" in said and places(server) == {"a@b.example": "deferred"}
    bailiff.cli("queue", "purge", "joe", "--yes", "--no-copy")
    assert server.queue_list() == [] and not (bailiff.dir / RUNNER / "quarantine").exists()


@pytest.mark.parametrize("server", [{"maximal_queue_lifetime": "2s", "bounce_queue_lifetime": "2s"}], indirect=True)
def test_too_old_to_release(server, bailiff, office):
    """Requeued under a new id and not bounced to a forged sender; the new id is the account's still."""
    submit(office, "joe", ["ann@example.com"])
    old, = queue(server, "ann@example.com")
    submitted(bailiff, "joe", 1)
    bailiff.cli("queue", "hold", "joe", "--yes")
    assert places(server) == {"ann@example.com": "hold"}
    time.sleep(3)
    said = step(bailiff.cli("--json", "queue", "release", "joe", "--yes"))
    assert said["text"] == "0 released, 1 requeued (too old), 0 were not on hold any more"
    bailiff.ns.run(["postkick", "public", "pickup", "W"])       # else within a minute
    wait_for(lambda: [i for i in queue(server, "ann@example.com") if i != old])
    new, = queue(server, "ann@example.com")
    answer = submitted(bailiff, "joe", 1)
    assert answer["messages"][0]["id"] == new
    assert "status=bounced" not in machine.MAIL_LOG.read_text(encoding="utf-8")
    assert "sender non-delivery notification" not in machine.MAIL_LOG.read_text(encoding="utf-8")


def test_hostile_senders(server, bailiff, office):
    """Names that look like the listing itself, or are no UTF-8, hide nothing and add nothing."""
    forged = r'"\", \"queue_id\": \"ABC"@b.example'
    submit(office, "joe", [forged])
    submit(office, "ann", ["ann@example.com"])
    settled(server)
    answer = submitted(bailiff, "joe", 1)
    assert re.fullmatch(r"[0-9A-Za-z]+", answer["messages"][0]["id"])
    bailiff.cli("queue", "hold", "joe", "--yes")
    assert sorted(places(server).values()) == ["deferred", "hold"]
    table = bailiff.cli("queue", "--all")
    assert "\x1b" not in table


# ---- several instances, containers, many messages

OUT = {"instance": "out", "ports": {"submission": 1587}}


def test_instances(net, server, office):
    """Each instance is asked for its own messages, by the name it logs under."""
    with machine.Postfix(net.server, options={"defer_transports": "smtp"}, **OUT) as out, \
            Bailiff(net.server, {**CONFIG, "helpers": {"instances": ["/etc/postfix-out"]}},
                    jails={"burst": jail(*STEPS, count=4)}) as bailiff:
        submit(office, "ann", ["ann@example.com"], port=1587)
        submit(office, "joe", ["a@b.example"])
        submit(office, "joe", ["c@b.example"], port=1587)
        settled(server)
        settled(out)
        answer = submitted(bailiff, "joe", 2)
        assert {m["sender"]: m["instance"] for m in answer["messages"]} == {
            "a@b.example": "", "c@b.example": "/etc/postfix-out"}
        assert bailiff.cli("queue", "--all", json=True)["n"] == 3
        said = bailiff.cli("--json", "queue", "hold", "--domain", "b.example", "--yes")
        assert step(said)["text"].startswith("2 held")
        assert places(server) == {"a@b.example": "hold"}
        assert places(out) == {"c@b.example": "hold", "ann@example.com": "deferred"}
        bailiff.cli("undo", str(json.loads(said)["incident"]), "--release-mail")
        assert places(out)["c@b.example"] == places(server)["a@b.example"] == "deferred"
        submit(office, "joe", ["d@b.example"], port=1587)
        submit(office, "joe", ["e@b.example"])          # the fourth: contained
        wait_for(lambda: places(server) == {"a@b.example": "hold", "e@b.example": "hold"} and places(out) == {
            "c@b.example": "hold", "d@b.example": "hold", "ann@example.com": "deferred"}, what=bailiff.text())
        incident = bailiff.wait_incident("joe", jail="burst")
        wait_admin_mail(incident)
        out.stop()
        said = bailiff.cli("--json", "queue", "hold", "--all", "--yes", status=0)
        assert json.loads(said)["n"] == 1               # postqueue reads the queue of a stopped one as well
        out.start()
        bailiff.cli("resolve", str(incident["id"]), "--false-alarm", "--purge")
        assert server.queue_list() == [] and places(out) == {"ann@example.com": "hold"}
        place = bailiff.dir / RUNNER / "quarantine" / str(incident["id"])
        assert len(list(place.iterdir())) == 5


DOCKER = """\
#!/usr/bin/python3 -I
import os, sys
with open("{log}", "a") as log:
    log.write(repr(sys.argv[1:]) + "\\n")
assert sys.argv[1:4] == ["exec", "-i", "mail"], sys.argv
os.execvp(sys.argv[4], sys.argv[4:])
"""
HELPERS = ["postsuper", "postqueue", "postmap", "postcat", "postconf", "doveadm", "sendmail", "passwd", "chage"]


def test_in_a_container(net, server, office):
    """Every helper may be `docker exec -i mail ...`; nothing else of the mail server is run."""
    with Bailiff(net.server, CONFIG, jails={"burst": jail(*STEPS, count=2)}) as bailiff:
        docker, log = bailiff.dir / "docker", bailiff.dir / "docker.log"
        docker.write_text(DOCKER.replace("{log}", str(log)), encoding="ascii")
        docker.chmod(0o755)
        bailiff.configure({**CONFIG, "helpers": {h: [str(docker), "exec", "-i", "mail", h] for h in HELPERS}})
        bailiff.reload()
        submit(office, "joe", ["a@b.example", "c@b.example"])
        incident = bailiff.wait_incident("joe", jail="burst")
        wait_admin_mail(incident)
        wait_for(lambda: set(places(server).values()) == {"hold"})
        bailiff.cli("undo", str(incident["id"]), "--false-alarm", "--release-mail")
        assert set(places(server).values()) == {"deferred"}
        said = bailiff.cli("--json", "queue", "purge", "joe", "--yes")
        assert step(said)["text"].startswith("2 deleted") and server.queue_list() == []
        calls = [eval(line) for line in log.read_text(encoding="ascii").splitlines()]   # pylint: disable=eval-used
        assert {c[3] for c in calls} == set(HELPERS)
        def ran(*words):
            return ["exec", "-i", "mail", *words] in calls
        assert ran("postsuper", "-h", "-") and ran("postsuper", "-H", "-", "hold")
        assert ran("postsuper", "-d", "-", "hold") and ran("postqueue", "-j")
        assert ran("postconf", "-x", "-h", "syslog_name", "maximal_queue_lifetime")
        assert ran("postmap", "-i", "-r", f"lmdb:{MAP}") and ran("passwd", "-l", "--", "joe")
        assert len([c for c in calls if c[3:5] == ["postcat", "-q"]]) == 2


MANY = int(os.environ.get("BAILIFF_MANY", "3300"))


def flood(ns, user, count, sender="a@b.example"):
    """That many messages from sessions side by side."""
    def some(n):
        session = machine.hold_open_smtp(ns, SERVER, 587, user, PASSWORD, timeout=60)
        for _ in range(n):
            assert session.submit(sender, [AWAY])[0] == 250
        session.close()
    machine.parallel(some, [count // 8 + (i < count % 8) for i in range(8)])


def test_many(net, server, office):
    """More than fit into one order: all are held, summed up, and released again."""
    with Bailiff(net.server, CONFIG, jails={"burst": jail("hold", count=MANY + 1)}) as bailiff:
        flood(office, "joe", MANY)
        submit(office, "ann", ["ann@example.com"])
        submitted(bailiff, "joe", MANY)
        start = time.monotonic()
        submit(office, "joe", ["last@b.example"])
        incident = bailiff.wait_incident("joe", timeout=60, jail="burst")
        bailiff.wait_log(r"hold user=joe: \w+", timeout=60)
        text = wait_admin_mail(incident)
        print(f"{MANY + 1} held after {time.monotonic() - start:.1f} s")
        found = re.search(r"hold +done: (\d+) held \((\d+) in delivery, may be out\), (\d+) left before, (\d+) held before", text)
        assert found and int(found[1]) == MANY + 1, text
        count = {}
        for m in server.queue_list():
            key = m["queue_name"] == "hold", m["sender"] == "ann@example.com"
            count[key] = count.get(key, 0) + 1
        assert count == {(True, False): MANY + 1, (False, True): 1}
        bailiff.cli("undo", str(incident["id"]), "--false-alarm", "--release-mail", timeout=300)
        assert "hold" not in places(server).values()
        start = time.monotonic()
        bailiff.cli("queue", "hold", "--all", "--yes", timeout=300)
        print(f"{MANY + 2} listed and held by hand in {time.monotonic() - start:.1f} s")
        assert {m["queue_name"] for m in server.queue_list()} == {"hold"}


HALF = """\
#!/bin/sh
if [ "$1" = -h ] && [ ! -e {dir}/whole ]; then
    head -n 3 | postsuper -h -
    echo $$ > {dir}/halfway
    exec sleep 60
fi
exec postsuper "$@"
"""


def test_killed_half_way(net, server, office):
    """kill -9 of everything within postsuper: the next start holds the rest, and undo knows them all."""
    with Bailiff(net.server, CONFIG, jails={"burst": jail("hold", count=8)}) as bailiff:
        half = bailiff.dir / "postsuper"
        half.write_text(HALF.replace("{dir}", str(bailiff.dir)), encoding="ascii")
        half.chmod(0o755)
        bailiff.configure({**CONFIG, "helpers": {"postsuper": [str(half)]}})
        bailiff.reload()
        submit(office, "joe", ["a@b.example"] * 8)
        wait_for((bailiff.dir / "halfway").exists, what=bailiff.text())
        bailiff.kill9()
        bailiff.ended()
        (bailiff.dir / "whole").touch()
        assert sorted(m["queue_name"] for m in server.queue_list()).count("hold") == 3
        bailiff.start()
        wait_for(lambda: {m["queue_name"] for m in server.queue_list()} == {"hold"}, what=bailiff.text())
        incident = bailiff.wait_incident("joe", jail="burst")
        wait_admin_mail(incident)
        assert "8 released" in bailiff.cli("undo", str(incident["id"]), "--release-mail")
        assert "hold" not in {m["queue_name"] for m in server.queue_list()}


# ---- deny and park as steps of their own

def one_more(session, sender="joe@example.com"):
    return session.submit(sender, [AWAY])


@pytest.fixture
def quota(net, server, request):
    with Bailiff(net.server, CONFIG, jails={"burst": jail(request.param, count=3)}) as bailiff:
        yield bailiff


def wait_told(bailiff):
    incident = bailiff.wait_incident("joe", jail="burst")
    wait_admin_mail(incident)
    return incident


@pytest.mark.parametrize("quota", [{"deny": {"for": "4s", "text": "call\nthe B\u00fcro \x1b[2J, ${x}"}}], indirect=True)
def test_a_quota(server, quota, office):
    """The open session is told the words, made fit; the time ends it, and later ones begin anew."""
    session = machine.hold_open_smtp(office, SERVER, 587, "joe", PASSWORD)
    assert [one_more(session)[0] for _ in range(3)] == [250] * 3
    wait_told(quota)
    code, said = one_more(session)
    assert code == 554 and re.search(r"call\?the B\?+ro \?\[2J, \$\{x\}", said), said
    assert session.alive()
    wait_for(lambda: one_more(session)[0] == 250, 15)
    session.close()


@pytest.mark.parametrize("quota", [{"deny": {"for": "3s"}}], indirect=True)
def test_a_longer_deny_by_hand(server, quota, office):
    """What ends by the clock does not end what the admin has set meanwhile."""
    session = machine.hold_open_smtp(office, SERVER, 587, "joe", PASSWORD)
    assert [one_more(session)[0] for _ in range(3)] == [250] * 3
    wait_told(quota)
    by_hand = json.loads(quota.cli("--json", "contain", "joe"))["incident"]
    # One that was denied later is let in again: the runner has looked since joe's time was over.
    later = machine.hold_open_smtp(office, SERVER, 587, "ann", PASSWORD)
    assert [one_more(later)[0] for _ in range(3)] == [250] * 3
    wait_for(lambda: machine.run(["postmap", "-q", "ann", f"lmdb:{MAP}"], check=False).stdout != "")
    wait_for(lambda: machine.run(["postmap", "-q", "ann", f"lmdb:{MAP}"], check=False).stdout == "", 15)
    again = machine.run(["postmap", "-q", "joe", f"lmdb:{MAP}"]).stdout
    assert again.startswith("REJECT")
    quota.cli("undo", str(by_hand), "--false-alarm")
    assert machine.run(["postmap", "-q", "joe", f"lmdb:{MAP}"], check=False).stdout == ""


@pytest.mark.parametrize("quota", [{"park": {"for": "3s"}}], indirect=True)
def test_parked_for_a_while(server, quota, office):
    session = machine.hold_open_smtp(office, SERVER, 587, "joe", PASSWORD)
    assert [one_more(session)[0] for _ in range(3)] == [250] * 3
    wait_told(quota)
    assert one_more(session, "parked@b.example")[0] == 250
    assert places(server)["parked@b.example"] == "hold"
    wait_for(lambda: machine.run(["postmap", "-q", "joe", f"lmdb:{MAP}"], check=False).stdout == "", 15)
    assert one_more(session, "after@b.example")[0] == 250
    assert places(server)["after@b.example"] != "hold"
    assert places(server)["parked@b.example"] == "hold"         # nothing is released by itself
    session.close()


# ---- the night a limit was wrong

def test_undo_of_a_jail(net, server, office):
    """Each incident of the jail is told; what fails is tried again by the same command."""
    machine.add_user("bob", PASSWORD)
    with Bailiff(net.server, CONFIG, jails={"burst": jail(*STEPS, count=2)}) as bailiff:
        for user in "joe", "ann":
            submit(office, user, [f"{user}@example.com"] * 2)
            wait_admin_mail(bailiff.wait_incident(user, jail="burst"))
        bailiff.cli("lock", "bob")                              # another's deed
        said = bailiff.cli("undo", "--jail", "burst", "--since", "1h", status=1)
        assert said.count("old password") >= 2 and "0 of 2 taken back" in said
        machine.run(["chpasswd"], input="joe:other words\n")
        said = bailiff.cli("undo", "--jail", "burst", "--since", "1h", status=1)
        assert "1 of 2 taken back" in said
        answers = json.loads(bailiff.cli("--json", "undo", "--jail", "burst", "--since", "1h", "--false-alarm",
                                         "--release-mail"))
        assert len(answers) == 1 and all(s["status"] == "done" for s in answers[0]["steps"])
        assert "no open incident" in bailiff.cli("undo", "--jail", "burst", "--since", "1h", status=1)
        assert set(places(server).values()) & {"deferred", "active"}
        assert machine.run(["passwd", "-S", "ann"]).stdout.split()[1] == "P"
        assert machine.run(["passwd", "-S", "bob"]).stdout.split()[1] == "L"
        machine.delete_user("bob")
