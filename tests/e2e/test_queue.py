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

OFFICE = "198.51.100.7"
RUNNER = "state/runner"


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
    assert status == 0 and "1 deleted" in said
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
