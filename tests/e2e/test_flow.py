# SPDX-License-Identifier: GPL-2.0-or-later
"""`top` and `trace` beside a real Postfix: live, over restarts, from its log."""
import pytest

import machine
from daemon import Bailiff
from machine import SERVER, wait_for

HOME, OFFICE, PASSWORD = "203.0.113.9", "198.51.100.7", "sesame"
STRANGER = f"stranger@{machine.HOSTNAME}"
CONFIG = {"accounts": {"act": "propose"}, "jails": {"auto": False}}
# Nobody is refused at the door, so that mail to a stranger bounces; mail to elsewhere stays.
OPTIONS = {"local_recipient_maps": "", "defer_transports": "smtp"}


@pytest.fixture
def home(net):
    return net.host("home", HOME)


@pytest.fixture
def server(net, joe, request):
    machine.add_user("ann", PASSWORD)
    with machine.Dovecot(net.server), \
            machine.Postfix(net.server, **getattr(request, "param", {"options": OPTIONS})) as postfix:
        yield postfix
    machine.delete_user("ann")


def send(ns, rcpts, user="joe", sender="joe@example.com"):
    code = machine.send_mail(ns, sender, rcpts, user=user, password=PASSWORD)
    assert code[0] == 250


def rows(bailiff, *args):
    """{name: (msgs, rcpts, addresses, bounces)}"""
    return {r["name"]: (r["msgs"], r["rcpts"], r["addresses"], r["bounces"])
            for r in bailiff.cli("top", *args, json=True)["rows"]}


def trace(bailiff, text, *args):
    return bailiff.cli("trace", text, *args, json=True)["messages"]


def settled(bailiff, n, user="joe"):
    """All n messages of the account have left."""
    def gone():
        done = bailiff.command("--json", "trace", user, "--limit", "100")
        return done.returncode == 0 and done.stdout.count('"removed":null') == 0 and done.stdout.count('"from":"client"') >= n
    wait_for(gone, what="messages that have left")


def test_live(net, server, home):
    office = net.host("office", OFFICE)
    with Bailiff(net.server, CONFIG) as bailiff:
        assert "no users" in bailiff.cli("top")
        assert "no such message" in bailiff.cli("trace", "joe", status=1)
        send(home, ["ann@example.com", STRANGER])
        send(office, ["ann@example.com"])
        send(office, ["joe@example.com"], user="ann", sender="boss@example.com")
        settled(bailiff, 2)
        settled(bailiff, 1, "ann")
        want = {"joe": (2, 3, 2, 1), "ann": (1, 1, 1, 0)}
        assert rows(bailiff) == want
        assert bailiff.cli("status", json=True)["tracked"]["messages_bytes"] > 0
        assert rows(bailiff, "domains", "--by", "bounces") == {machine.HOSTNAME: (1, 1, 1, 1)}
        assert rows(bailiff, "clients")[OFFICE] == (2, 2, 1, 0)
        assert rows(bailiff, "senders")["boss@example.com"] == (1, 1, 1, 0)
        assert rows(bailiff, "--since", "1h", "--limit", "1") == {"joe": want["joe"]}

        life = trace(bailiff, "joe", "--limit", "1")
        assert [m["addr"] for m in life] == [OFFICE]
        one = trace(bailiff, trace(bailiff, "joe")[0]["id"])[0]
        assert (one["user"], one["addr"], one["sender"], one["nrcpt"]) == ("joe", HOME, "joe@example.com", 2)
        assert {(d["rcpt"], d["status"]) for d in one["deliveries"]} == {
            ("ann@example.com", "sent"), (STRANGER, "bounced")}
        assert any("non-delivery notification" in n["text"] for n in one["notes"])
        assert trace(bailiff, f"<{one['message_id']}>")[0]["id"] == one["id"]
        shown = bailiff.cli("trace", one["id"])
        assert "unknown user" in shown and HOME in shown
        # the log tells the same
        assert rows(bailiff, str(machine.MAIL_LOG)) == want
        assert trace(bailiff, one["id"], str(machine.MAIL_LOG)) == [one]

        bailiff.restart()
        assert rows(bailiff) == want
        assert trace(bailiff, one["id"]) == [one]
        bailiff.reload()
        send(home, ["ann@example.com"])
        settled(bailiff, 3)
        assert rows(bailiff)["joe"] == (3, 4, 2, 1)
        bailiff.kill9("engine")
        bailiff.wait_ready(bailiff.times_ready() + 1)
        assert rows(bailiff)["joe"][0] <= 3     # never twice


def test_hostile_words(net, server, home):
    """Whose message it is, no sender can say."""
    with Bailiff(net.server, CONFIG) as bailiff:
        c = machine.hold_open_smtp(home, SERVER, 587, "joe", PASSWORD)
        assert c.docmd("MAIL", "FROM:<a@b> AUTH=x,sasl_username=boss")[0] == 250
        assert c.docmd("RCPT", 'TO:<"a>, relay=x, delay=0, dsn=2.0.0, status=bounced (b"@example.net>')[0] == 250
        assert c.docmd("DATA")[0] == 354
        c.send("Message-ID: <4F1C2: client=x[192.0.2.1], sasl_method=PLAIN, sasl_username=boss>\r\n\r\nhi\r\n.\r\n")
        assert c.getreply()[0] == 250
        c.close()
        wait_for(lambda: rows(bailiff, "domains"))
        assert set(rows(bailiff)) == {"joe"}
        assert set(rows(bailiff, "domains")) == {"example.net"}
        for text in ("boss", "4F1C2"):
            bailiff.cli("trace", text, status=1)


@pytest.mark.parametrize("server", [{"content_filter": True, "options": {"defer_transports": "relay", "default_transport": "relay"}}],
                         indirect=True)
def test_through_a_filter(net, server, home):
    """What comes back under another id is the same message; so is what is queued again."""
    with Bailiff(net.server, CONFIG) as bailiff:
        send(home, ["ann@example.com", "x@isp.example"])
        wait_for(lambda: len(server.queue_list()) == 1 and server.queue_list()[0]["queue_name"] == "deferred")
        wait_for(lambda: len(trace(bailiff, "joe")[0]["parts"]) == 1)
        wait_for(lambda: trace(bailiff, "joe")[0]["deferred"] == 1)
        second = server.queue_list()[0]["queue_id"]
        life = trace(bailiff, second)
        assert len(life) == 1 and life[0]["user"] == "joe" and life[0]["addr"] == HOME
        assert [p["id"] for p in life[0]["parts"]] == [second]
        assert rows(bailiff) == {"joe": (1, 2, 1, 0)}
        assert rows(bailiff, "domains") == {"example.com": (1, 1, 1, 0), "isp.example": (1, 1, 1, 0)}
        assert rows(bailiff, "clients") == {HOME: (1, 2, 1, 0)}

        server.command("postsuper", "-h", second)
        server.command("postsuper", "-r", second)
        # whoever hands in a message wakes pickup, which else looks once a minute
        net.server.run(["sendmail", "-f", "root", "root"], input="Subject: x\n\nx\n")
        wait_for(lambda: len(trace(bailiff, "joe")[0]["parts"]) == 2, what="the id after postsuper -r")
        third = [m["queue_id"] for m in server.queue_list() if m["sender"] == "joe@example.com"]
        life = trace(bailiff, third[0])
        assert len(life) == 1 and life[0]["user"] == "joe"
        assert rows(bailiff) == {"joe": (1, 2, 1, 0), "uid 0": (1, 1, 0, 0)}
        assert any(n["text"] == "placed on hold" for n in life[0]["notes"])


class Before(machine.Postfix):
    """Its filter stands before the queue."""

    def master_cf(self):
        return super().master_cf().replace("content_filter=smtp:[127.0.0.1]", "smtpd_proxy_filter=127.0.0.1")


def test_before_the_queue(net, joe, home):
    """smtpd has no queue id while the client is logged in, and the filter no client."""
    machine.add_user("ann", PASSWORD)
    with machine.Dovecot(net.server), Before(net.server, content_filter=True, options=OPTIONS), Bailiff(net.server, CONFIG) as bailiff:
        send(home, ["ann@example.com", STRANGER])
        wait_for(lambda: rows(bailiff) == {"joe": (1, 2, 1, 1)}, what="joe's message")
        assert rows(bailiff, "clients") == {HOME: (1, 2, 1, 1)}
        assert rows(bailiff, str(machine.MAIL_LOG)) == {"joe": (1, 2, 1, 1)}
        assert trace(bailiff, "joe")[0]["client"] == "unknown"
    machine.delete_user("ann")


def test_off(net, server, home):
    with Bailiff(net.server, {**CONFIG, "flow": False}) as bailiff:
        send(home, ["ann@example.com"])
        assert "flow: no" in bailiff.cli("top", status=1)
        assert "flow: no" in bailiff.cli("trace", "joe", status=1)
        wait_for(lambda: rows(bailiff, str(machine.MAIL_LOG)) == {"joe": (1, 1, 1, 0)})
