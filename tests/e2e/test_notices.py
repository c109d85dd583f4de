# SPDX-License-Identifier: GPL-2.0-or-later
"""notify for what is no account: the queue, a client. Mailed once each, an hour's flood bounded."""
import json
import time

import machine
import stream
from daemon import Bailiff
from machine import wait_for
from stream import Log, Mailbox

LOG = "/var/log/notices.log"
CLIENT = {"about": "a client that sends much", "log": "app", "match": ["relayed for <ip>$"],
          "limit": {"count": 2, "per": "ip", "within": "10m"}, "then": ["notify"]}
BANNED = {"about": "refused and told", "log": "app", "match": ["refused <ip>$"],
          "limit": {"count": 1, "per": "ip", "within": "10m"},
          "then": [{"ban": {"for": "1h", "scope": "mail"}}, "notify"]}

STOLEN = {"about": "a stolen account", "log": "app", "match": ["sent by <user> from <ip>$"],
          "limit": {"count": 1, "per": "user", "within": "10m"}, "then": ["lock", "notify"]}


def entry(n, queue="deferred", sender="joe@example.org"):
    return json.dumps({"queue_name": queue, "queue_id": f"4F{n:X}", "arrival_time": int(time.time()) - 60,
                       "message_size": 300, "forced_expire": False, "sender": sender,
                       "recipients": [{"address": "a@b.example", "delay_reason": "no"}]}) + "\n"


def config(box, **more):
    return {"logs": {"app": {"files": [LOG]}}, "helpers": {"sendmail": box.argv},
            "notify": {"mail": "admin@example.org", "digest": "off"}, "jails": {"auto": "off"}, **more}


def test_queue(ns, tmp_path):
    """Postfix's queue by the helper: told when it is too deep, again only after it was well."""
    box, listing, runs = Mailbox(tmp_path / "mail"), tmp_path / "listing", tmp_path / "runs"
    program = tmp_path / "postqueue"
    program.write_text(f"#!/bin/sh\necho \"$@\" >> {runs}\ncat {listing}\n", encoding="ascii")
    program.chmod(0o755)

    def fill(n):
        new = tmp_path / "new"
        new.write_text("".join(entry(i, sender="news@example.org" if i % 4 else "") for i in range(n)))
        new.rename(listing)
        before = len(runs.read_text().split("\n")) if runs.exists() else 0
        wait_for(lambda: len(runs.read_text().split("\n")) > before + 2)
    tmp_path.chmod(0o755)
    listing.write_text("")
    with Bailiff(ns, config(box, jails={"auto": "off", "queue-depth": "on"},
                            logs={"queue": {"interval": "1s", "skip_idle": False}},
                            helpers={"sendmail": box.argv, "postqueue": [str(program)]})) as bailiff:
        wait_for(runs.exists)
        assert runs.read_text().split("\n")[0] == "-j"
        fill(201)
        incident = bailiff.wait_incident("all", jail="queue-depth")
        wait_for(box.messages)
        fill(210)
        fill(180)
        fill(205)                               # never less than 150 since
        assert len(box.messages()) == 1
        fill(3)
        fill(400)
        wait_for(lambda: len(box.messages()) == 2)
        text = next(m for m in box.messages() if "count is 201" in m)
        assert f"Subject: bailiff: jail queue-depth: all (incident {incident['id']})" in text
        assert "more messages wait in the queue than usual." in text
        assert "queue=all messages=201 active=0 deferred=201 hold=0 " in text
        assert "Nothing: the jail only tells." in text
        # A listing that fails counts for nothing, and is said.
        program.write_text("#!/bin/sh\nexit 69\n", encoding="ascii")
        bailiff.wait_log(r"log queue: .*: exit 69")


def test_once_each_and_bounded(ns, tmp_path):
    box = Mailbox(tmp_path / "mail")
    with Bailiff(ns, config(box), jails={"client": CLIENT, "banned": BANNED}) as bailiff, Log(LOG) as log:
        bailiff.configure(config(box, jails=stream.jails_on("client", "banned")))
        bailiff.reload()
        log.write(*(stream.line(time.time(), "relayed for 203.0.113.7") for _ in range(8)))
        log.write(stream.line(time.time(), "refused 203.0.113.9"))
        wait_for(lambda: len(box.messages()) == 2)
        banned = next(m for m in box.messages() if "jail banned" in m)
        assert "203.0.113.9 in scope mail until" in banned and "Nothing" not in banned
        stream.settled(bailiff)
        # A death and a new engine: no second mail.
        times = bailiff.times_ready()
        bailiff.kill9("engine")
        bailiff.wait_ready(times + 1)
        log.write(*(stream.line(time.time(), f"refused 203.0.113.{i}") for i in range(20, 40)))
        wait_for(lambda: len(stream.verdicts(bailiff)) == 22)
        wait_for(lambda: "10 mails of this jail within the hour: no more" in bailiff.text())
        wait_for(lambda: sum("jail banned" in m for m in box.messages()) >= 11)
        stream.settled(bailiff)
        assert sum("jail banned" in m for m in box.messages()) == 11
        assert sum("jail client" in m for m in box.messages()) == 1
        assert bailiff.text().count("alert: bailiff: jail banned: ") == 10
        assert "10 mails of this jail within the hour: no more" in json.dumps(
            [bailiff.cli("show", i["id"], json=True) for i in bailiff.cli("incidents", json=True)])


def test_an_account_among_many(ns, tmp_path):
    """Hundreds that are banned and told of at one moment leave room for the account that was stolen."""
    box = Mailbox(tmp_path / "mail")
    jails = {"banned": BANNED, "stolen": STOLEN}
    with Bailiff(ns, config(box, jails=stream.jails_on(*jails)), jails=jails) as bailiff, Log(LOG) as log:
        log.write(*(stream.line(time.time(), f"refused 203.0.{100 + i // 250}.{1 + i % 250}") for i in range(600)),
                  stream.line(time.time(), "sent by joe from 198.51.100.9"))
        wait_for(lambda: any("account joe needs your word" in m for m in box.messages()))
        stream.settled(bailiff)
        assert "not mailed: 64 others are open" in bailiff.text()


def test_shadow_says_nothing(ns, tmp_path):
    box = Mailbox(tmp_path / "mail")
    with Bailiff(ns, config(box, jails={"auto": "off", "client": "shadow"}), jails={"client": CLIENT}) as bailiff, \
            Log(LOG) as log:
        log.write(*(stream.line(time.time(), "relayed for 203.0.113.7") for _ in range(8)))
        bailiff.wait_incident("203.0.113.7")
        stream.settled(bailiff)
        assert not box.messages()


def test_real_queue(net, mail, tmp_path):
    """What Postfix's own postqueue and df(1) print is understood as it is."""
    box = Mailbox(tmp_path / "mail")
    # Held, so that nothing moves while it is looked at.
    machine.run(["postconf", "-e", "header_checks=static:HOLD"])
    machine.run(["postfix", "reload"])
    for sender in ("joe@example.org", "joe@example.org", ""):
        machine.run(["sendmail", "-f", sender, "ann@elsewhere.example"], input="Subject: x\n\nx\n")
    wait_for(lambda: machine.run(["postqueue", "-j"]).stdout.count("\n") == 3)
    jail = {"about": "all of it", "log": "queue", "service": "postfix", "then": [],
            "match": [r"queue=(?<queue>all) messages=<count> active=0 deferred=0 hold=3 growth=\d+ oldest=\d+$"],
            "limit": {"level": "count", "over": 2, "per": "queue"}}
    share = {"about": "a big sender", "log": "queue", "service": "postfix", "then": [],
             "match": [r"queue=sender sender=<<sender>> messages=\d+ share=<count>$"],
             "limit": {"level": "count", "over": 50, "per": "sender"}}
    with Bailiff(net.server, config(box, logs={"queue": {"interval": "1s"}, "disk": {"interval": "1s"}},
                                    jails={"auto": "off", "whole": "on", "share": "on",
                                           "queue-disk": {"limit": {"over": 0, "under": 0}}}),
                 jails={"whole": jail, "share": share}) as bailiff:
        bailiff.wait_incident("all", jail="whole")
        bailiff.wait_incident("joe@example.org", jail="share")
        wait_for(lambda: [i for i in bailiff.cli("incidents", json=True) if i["jail"] == "queue-disk"])
        assert {s["log"]: s["state"] for s in stream.status(bailiff)["sources"]}.keys() >= {"queue", "disk"}
