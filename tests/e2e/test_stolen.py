# SPDX-License-Identifier: GPL-2.0-or-later
"""A stolen account on a busy server, from the first forged sender to the undo.

The shipped jails decide. Mail really leaves: a server elsewhere takes it, not
too fast, so that some has left, some is on its way and much is in the queue
when the account is contained.
"""
import contextlib
import pathlib
import re
import smtplib
import socket
import threading
import time

import pytest

import machine
from daemon import Bailiff
from machine import SERVER, wait_for
from test_contain import MAP, denied, map_says
from test_mail import locked, shadow, wait_admin_mail

PASSWORD = "sesame"
BOTS = "198.51.100.64/28"
BOT = [f"198.51.100.{n}" for n in (65, 66, 67)]
OFFICE, FAR = "203.0.113.7", "203.0.113.200"
FORGED = [f"ceo{n}@bank.example" for n in range(5)]
SHARED = "ceo0@bank.example"    # an honest account has it as its sender, too
EACH = 50                       # recipients a message
CONFIG = {
    "accounts": {"act": "yes", "local_domains": [machine.LOCAL_DOMAIN],
                 "postfix_map": MAP, "dovecot_deny": machine.DENY_FILE},
    "jails": {"auto": False, "sasl-burst": True, "sasl-recipients": True, "postfix-sasl": True},
}


class Far:
    """A mail server elsewhere that takes its time; whom the mail it took was from."""

    def __init__(self, net, seconds):
        self.ns = net.host("far", FAR)
        self.seconds = seconds
        self.took, self.busy = [], set()
        self.socket = self.ns.listen(FAR, 25)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.socket.accept()
                threading.Thread(target=self.session, args=(client,), daemon=True).start()

    def session(self, client):
        self.busy.add(client)
        try:
            self.talk(client)
        finally:
            self.busy.discard(client)

    def talk(self, client):
        sender, data = "", False
        with client, client.makefile("rb") as lines, contextlib.suppress(OSError):
            client.sendall(b"220 far ESMTP\r\n")
            for line in lines:
                if data:
                    if line != b".\r\n":
                        continue
                    time.sleep(self.seconds)
                    self.took.append(sender)
                    data, reply = False, b"250 2.0.0 Ok\r\n"
                elif line.upper().startswith(b"MAIL"):
                    sender = re.search(rb"<([^>]*)>", line)[1].decode()
                    reply = b"250 Ok\r\n"
                elif line.upper().startswith(b"DATA"):
                    data, reply = True, b"354 go on\r\n"
                else:
                    reply = b"250 far\r\n"
                client.sendall(reply)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


@pytest.fixture
def far(net):
    far = Far(net, 0.4)
    yield far
    far.close()


@pytest.fixture
def server(net, far, joe, request):
    """Postfix and Dovecot as `bailiff setup mail` leaves them; mail elsewhere goes to `far`."""
    for path in pathlib.Path("/etc/postfix").glob("bailiff*"):
        path.unlink()
    pathlib.Path(MAP).write_text("", encoding="ascii")
    machine.run(["postmap", f"lmdb:{MAP}"])
    machine.add_user("ann", PASSWORD)
    options = {"relayhost": f"[{FAR}]", "default_destination_concurrency_limit": "4",
               "smtp_destination_recipient_limit": "50", "smtpd_client_connection_count_limit": "0"}
    with machine.Dovecot(net.server, deny=True, settings="first_valid_uid = 1"), \
            machine.Postfix(net.server, options=options, sasl_access=f"lmdb:{MAP}",
                            content_filter=getattr(request, "param", False)) as postfix:
        yield postfix
    machine.delete_user("ann")


class Thief(threading.Thread):
    """Spams from one address over one session until it is cut; what was accepted."""

    def __init__(self, ns, source, user, count):
        super().__init__(daemon=True)
        self.session = machine.hold_open_smtp(ns, SERVER, 587, user, PASSWORD, source=source)
        self.count, self.accepted, self.refused, self.last = count, 0, 0, 0.0

    def run(self):
        with contextlib.suppress(OSError, smtplib.SMTPServerDisconnected):
            for n in range(self.count):
                to = [f"v{n}-{k}@d{k}.example.org" for k in range(EACH)]
                code, _ = self.session.submit(FORGED[n % len(FORGED)], to, subject=f"prize {n}")
                if code == 250:
                    self.accepted += 1
                    self.last = time.time()
                else:
                    self.refused += 1


def messages(postfix, sender=None):
    """{queue id: queue} of what is queued, of one sender or of the thief's."""
    senders = [sender] if sender else FORGED
    return {m["queue_id"]: m["queue_name"] for m in postfix.queue_list() if m["sender"] in senders}


@pytest.mark.parametrize("server,user", [(False, "joe"), (True, "joe"), (False, "eve@example.net")],
                         indirect=["server"], ids=["unix", "filter", "virtual"])
def test_thief(net, server, far, user):
    bots, office = net.host("bots", BOTS), net.host("office", OFFICE)
    if "@" in user:
        machine.add_virtual(user, PASSWORD)
        uid = machine.run(["id", "-u", "vmail"]).stdout.strip()
        pathlib.Path(machine.PASSWD_FILE).write_text(
            f"{user}:{{PLAIN}}{PASSWORD}:{uid}:{uid}::{machine.VMAIL}/example.net/eve::\n", encoding="ascii")
    before = shadow("joe")
    # Ann, behind the same NAT, whose own mail has the sender that the thief forges.
    honest = machine.hold_open_smtp(office, SERVER, 587, "ann", PASSWORD)
    assert honest.submit(SHARED, ["customer@example.org"])[0] == 250
    with Bailiff(net.server, CONFIG) as bailiff:
        assert honest.submit(SHARED, ["customer@example.org"])[0] == 250
        assert machine.send_mail(office, user if "@" in user else "joe@example.com", ["own@example.org"],
                                 user=user, password=PASSWORD)[0] == 250
        wait_for(lambda: server.queue_list() == [], 20, "the honest mail does not leave")
        by_admin = machine.run(["sendmail", "-f", FORGED[1], "later@example.org"], input="kept\n") and \
            wait_for(lambda: messages(server, FORGED[1]))
        kept, = by_admin
        server.command("postsuper", "-h", kept)      # the admin's own
        imap = machine.imap_session(bots, user, PASSWORD, source=BOT[0])
        thieves = [Thief(bots, source, user, 100) for source in BOT]
        mark = len(far.took)
        for t in thieves:
            t.start()
        incident = bailiff.wait_incident(user, timeout=60)
        text = wait_admin_mail(incident)
        contained = time.time()
        for t in thieves:
            t.join(30)
            assert not t.is_alive()
        # Sessions are dead, nothing new got in after it, the account is shut.
        assert not imap.alive() and not any(t.session.alive() for t in thieves), text
        assert max(t.last for t in thieves) < contained
        assert sum(t.accepted for t in thieves) < 300
        if user == "joe":
            assert locked("joe")
        assert f"{user}::::bailiff" in denied() and map_says(user).startswith("REJECT")
        for source in BOT:
            with contextlib.suppress(OSError):       # it may be banned by now
                assert machine.smtp_login(bots, SERVER, 587, user, PASSWORD, source=source, timeout=2) == 535
        # All that had not left is on hold, and so it stays.
        wait_for(lambda: set(messages(server).values()) == {"hold"}, 15,
                 f"not all on hold: {messages(server)}\n{text}")
        time.sleep(3 * far.seconds)                  # what was in delivery when it was held
        wait_for(lambda: not far.busy, 20, "a delivery does not end")
        left = len(far.took)
        assert honest.alive() and honest.submit(SHARED, ["customer@example.org"])[0] == 250
        wait_for(lambda: len(far.took) > left and not [q for q in messages(server).values() if q != "hold"])
        assert far.took[left:] == [SHARED]
        # The colleague's office was spared, the bots were not.
        assert OFFICE not in bailiff.banned()
        assert OFFICE not in re.findall(r"ban +(?:done|sent): (\S+)", text)
        assert machine.smtp_login(office, SERVER, 587, "ann", PASSWORD) == 235
        # Mail to the account keeps arriving.
        to = user if "@" in user else "joe@example.com"
        assert machine.send_mail(net.server, "ann@example.com", [to], host="127.0.0.1", port=25)[0] == 250
        machine.wait_mail(user)
        wait_admin_mail(incident)
        said = bailiff.cli("undo", incident["id"], "--false-alarm")
        assert map_says(user) == "" and denied() == "", said
        assert shadow("joe") == before
        assert bailiff.banned() == set()
        assert set(messages(server).values()) == {"hold"}
        bailiff.cli("resolve", incident["id"], "--false-alarm", "--purge")
        assert messages(server) == {kept: "hold"}
        assert len(far.took) - mark > 0
        wait_for(lambda: machine.smtp_login(office, SERVER, 587, user, PASSWORD) == 235)    # Dovecot looks once a second
        honest.close()


def failures(user, n):
    """What guessers can cause, for one account and from everywhere."""
    ip = f"198.18.{n // 250 % 250}.{n % 250}"
    yield "postfix/submission/smtpd", (f"warning: unknown[{ip}]: SASL LOGIN authentication failed: "
                                       f"(reason unavailable), sasl_username={user}")
    yield "dovecot", (f"imap-login: Disconnected (auth failed, 3 attempts in 7 secs): user=<{user}>, "
                      f"method=PLAIN, rip={ip}, lip={SERVER}, session=<{n:x}>")
    yield "postfix/smtpd", (f"NOQUEUE: reject: RCPT from unknown[{ip}]: 554 5.7.1 <x@example.org>: Relay access "
                            f"denied; from=<{user}@example.com> to=<x@example.org> proto=ESMTP "
                            f"helo=<4F1C2A3B: client=unknown[{ip}], sasl_method=PLAIN, sasl_username={user}>")


def test_failures_touch_no_account(net, joe):
    """10,000 failures of each kind for each account, all jails on: strangers are banned, accounts left alone."""
    users = ["joe", "root", "postmaster", "ann@example.com"]
    jails = {p.stem: True for p in pathlib.Path(__file__).parents[2].joinpath("jails").glob("*.yaml")}
    machine.MAIL_LOG.write_text("", encoding="ascii")
    before = pathlib.Path("/etc/shadow").read_text(encoding="ascii")
    with Bailiff(net.server, {**CONFIG, "jails": {"auto": False, **jails}}) as bailiff:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        with open(machine.MAIL_LOG, "a", encoding="ascii") as log:
            for n in range(10000):
                for user in users:
                    for program, text in failures(user, n):
                        log.write(f"{stamp} mail {program}[{n}]: {text}\n")
            for _ in range(5):
                log.write(f"{stamp} mail postfix/smtpd[1]: warning: unknown[203.0.113.99]: "
                          "SASL LOGIN authentication failed: UGFzc3dvcmQ6\n")
        bailiff.wait_ban("203.0.113.99", 60)
        assert len(bailiff.banned()) > 1000
        assert bailiff.cli("locks", json=True) == []
        touching = {"deny", "park", "lock", "kick", "hold", "cut"}
        for i in bailiff.cli("incidents", "--limit", "100000", json=True):
            if i["subject"] in users:
                done = {o["what"] for o in bailiff.cli("show", i["id"], json=True)["orders"]}
                assert not done & touching, i
    assert pathlib.Path("/etc/shadow").read_text(encoding="ascii") == before
