# SPDX-License-Identifier: GPL-2.0-or-later
"""What bailiff does, shown on a real mail server that is thrown away.

    sudo make demo

Every line that begins with "ok" was observed just then: as the attacker felt
it, as the kernel has it, as the account is. The first thing that is otherwise
ends the demo with exit status 1. See README.md for where this runs.
"""
import contextlib
import os
import pathlib
import re
import sys
import textwrap
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import machine
from daemon import Bailiff, Failed
from machine import SERVER

ATTACKER, NEIGHBOUR, OFFICE, THIEF = "203.0.113.9", "192.0.2.7", "198.51.100.7", "198.51.100.66"
USER, OTHER, PASSWORD = "joe", "ann", "sesame"
FORGED, AWAY = "security@bank.example", "victim@example.org"
MAP = "/etc/postfix/bailiff"
BURST = 30                      # the shipped limit is for a day's honest work
CONFIG = {
    "logs": {"mail": {"files": [str(machine.MAIL_LOG)], "trust": True}},
    "accounts": {"act": "yes", "local_domains": [machine.LOCAL_DOMAIN],
                 "postfix_map": MAP, "dovecot_deny": machine.DENY_FILE},
    "notify": {"mail": "root"},
    "jails": {"auto": False, "postfix-sasl": True, "sasl-burst": {"limit": {"count": BURST}}},
}
WIDE = 160


class Unseen(Exception):
    """What should have happened has not."""


class Teller:
    """Says what is done and seen; in colours on a terminal."""

    def __init__(self):
        self.seen_so_far = 0
        self.chapters = 0
        self.colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.width = (os.get_terminal_size().columns if sys.stdout.isatty() else WIDE) - 8

    def paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.colours else text

    @staticmethod
    def say(text=""):
        print(text, flush=True)

    def chapter(self, text):
        self.chapters += 1
        self.say()
        self.say(self.paint("1", f"{self.chapters}. {text}"))

    def tell(self, text):
        self.say(f"      {text}")

    def seen(self, text, truth):
        """One observation; the demo ends if it is none."""
        if not truth:
            raise Unseen(text)
        self.seen_so_far += 1
        self.say(f"  {self.paint('32', 'ok')}  {text}")

    def quote(self, command, text, limit=30):
        """A command and what it printed, each line cut to the width."""
        if command:
            self.say("      " + self.paint("36", "# " + command))
        lines = textwrap.dedent(text).rstrip().split("\n")
        if len(lines) > limit:
            lines[limit:] = [f"... and {len(lines) - limit} lines more"]
        for line in lines:
            line = line.expandtabs(4)
            if len(line) > self.width > 3:
                line = line[:self.width - 3] + "..."
            self.say("      " + self.paint("2", "| ") + line)


def attempt(session):
    """The code of a step, or what the network made of it."""
    try:
        return session()
    except OSError:
        return "cut off"


def counted(answers):
    """[250, 535, 250] -> "2 x 250, 1 x 535"."""
    return ", ".join(f"{answers.count(a)} x {a}" for a in dict.fromkeys(answers))


def shadow_of(user):
    """The password field and the expiry that /etc/shadow has."""
    with open("/etc/shadow", encoding="ascii") as f:
        fields = next(l for l in f if l.startswith(user + ":")).rstrip("\n").split(":")
    return fields[1], fields[7]


def brief(text, keep):
    """Text with long sections cut: a table keeps its head and `keep` rows."""
    out = []
    for block in text.rstrip().split("\n\n"):
        lines = block.split("\n")
        if len(lines) > keep + 2:
            lines[keep + 2:] = [f"... {len(lines) - keep - 2} rows more"]
        out.append("\n".join(lines))
    return "\n\n".join(out)


class Demo:
    def __init__(self, net, postfix, bailiff):
        self.t = Teller()
        self.net, self.postfix, self.bailiff = net, postfix, bailiff
        self.attacker = net.host("attacker", ATTACKER)
        self.neighbour = net.host("neighbour", NEIGHBOUR)
        self.office = net.host("office", OFFICE)
        self.thief = net.host("thief", THIEF)

    def quote(self, *args, keep=4):
        """Run bailiff and show it; `keep` rows of each table."""
        command = " ".join(["bailiff", *map(str, args)])
        self.t.quote(command, brief(self.bailiff.cli(*args), keep))

    def guard(self):
        t = self.t
        version = machine.run(["postconf", "-d", "-h", "mail_version"]).stdout.strip()
        t.chapter("A mail server")
        t.tell(f"Postfix {version} with Dovecot's SASL serves {machine.HOSTNAME} ({SERVER}) on ports "
               "25, 465 and 587.")
        t.tell(f"{USER} has an account there. bailiffd watches {machine.MAIL_LOG}.")
        self.bailiff.start()
        jails = self.bailiff.cli("status", json=True)["jails"]
        t.seen("bailiffd guards with the jails " +
               ", ".join(j["jail"] for j in jails if j["state"] == "on"),
               {"postfix-sasl", "sasl-burst"} <= {j["jail"] for j in jails if j["state"] == "on"})

    def guesses(self):
        t, attacker = self.t, self.attacker
        t.chapter(f"A stranger, {ATTACKER}, guesses {USER}'s password on port 587")
        open_session = machine.hold_open_smtp(attacker, SERVER, 587)
        friend = machine.hold_open_smtp(self.neighbour, SERVER, 587, USER, PASSWORD)
        answers = machine.guess(attacker, times=4)
        # The ban can be quicker than Postfix's answer.
        answers.append(attempt(lambda: machine.smtp_login(attacker, SERVER, 587, USER, "wrong-5")))
        failed = time.monotonic()
        self.bailiff.wait_ban(ATTACKER)
        took = (time.monotonic() - failed) * 1000
        t.seen(f"5 guesses, answered {counted(answers)}", answers[:4] == [535] * 4)
        t.seen(f"{took:.0f} ms after the last one the kernel was found to hold the ban:", took < 1000)
        holds = next(name for name, elements in machine.nft_elements(self.net.server).items()
                     if ATTACKER in elements)
        command = ["nft", "list", "set", "inet", "bailiff", holds]
        t.quote(" ".join(command), self.net.server.run(command).stdout)
        t.seen("its next connections, to ports 587 and 25, get no answer (25 is in the ban's scope, too)",
               not any(machine.parallel(lambda p: attacker.can_connect(SERVER, p), [587, 25])))
        t.seen("the session that it had open is dead", not open_session.alive())
        t.seen(f"a neighbour, {NEIGHBOUR}, goes on in his session and opens new ones",
               friend.alive() and self.neighbour.can_connect(SERVER, 587))
        open_session.close()
        friend.close()
        self.quote("why", ATTACKER)

    def queued(self):
        """{account: [queue]} of the messages with the forged sender, by their recipients."""
        found = {USER: [], OTHER: []}
        for m in self.postfix.queue_list():
            if m["sender"] == FORGED:
                owner = OTHER if m["recipients"][0]["address"].startswith(OTHER) else USER
                found[owner].append(m["queue_name"])
        return found

    def burst(self):
        t = self.t
        t.chapter(f"A thief, {THIEF}, has {USER}'s password and sends as {FORGED}")
        before = shadow_of(USER)
        t.tell(f"Postfix and Dovecot ask bailiff's tables (`bailiff setup mail`). {OTHER}, in an office elsewhere,")
        t.tell("uses the same sender address. Mail to other hosts waits in the queue.")
        honest = machine.hold_open_smtp(self.office, SERVER, 587, OTHER, PASSWORD)
        honest.submit(FORGED, [f"{OTHER}s-customer@example.org"])
        imap = machine.imap_session(self.thief, USER, PASSWORD)
        smtp = machine.hold_open_smtp(self.thief, SERVER, 587, USER, PASSWORD)

        def send(n):
            return attempt(lambda: smtp.submit(FORGED, [AWAY], subject=f"your account {n}")[0])
        start = time.monotonic()
        answers = [send(n) for n in range(2 * BURST)]
        incident = self.bailiff.wait_incident(USER, jail="sasl-burst")
        machine.wait_for(lambda: shadow_of(USER)[1] == "1", 10, "the account is not locked")
        took = time.monotonic() - start
        t.seen(f"of {2 * BURST} messages within {took:.1f} s: {counted(answers)}",
               BURST - 1 <= answers.count(250) < 2 * BURST and answers[-1] != 250)
        mail = machine.wait_mail("root")[-1]
        t.seen("its SMTP session and its IMAP session are dead", not smtp.alive() and not imap.alive())
        state = machine.run(["passwd", "-S", USER]).stdout
        t.seen("the account is locked and expired:", state.split()[1] == "L" and shadow_of(USER)[1] == "1")
        t.quote(f"passwd -S {USER}", state)
        t.seen("its password opens nothing any more, from anywhere (535)",
               attempt(lambda: machine.smtp_login(self.office, SERVER, 587, USER, PASSWORD)) == 535)
        held = self.queued()
        t.seen(f"all {len(held[USER])} messages of the thief that wait in the queue are on hold",
               len(held[USER]) >= BURST - 1 and set(held[USER]) == {"hold"})
        t.seen(f"{OTHER}'s, with the same sender, are not; {OTHER} goes on sending",
               "hold" not in held[OTHER] and honest.alive()
               and honest.submit(FORGED, [f"{OTHER}s-customer@example.org"])[0] == 250)
        t.seen("the thief's address is banned, too", THIEF in self.bailiff.banned()
               and not self.thief.can_connect(SERVER, 587))
        t.seen("the admin got a mail:", f"incident {incident['id']}" in mail and THIEF in mail
               and f"bailiff undo {incident['id']}" in mail)
        head, body = mail.split("\n\n", 1)
        subject = re.search(r"^Subject: .*", head, re.M).group()
        t.quote("", subject + "\n\n" + re.sub(
            r"(The last lines that counted\n(?:.*\n){2})(?:  .*\n)+", r"\1  ...\n", body), limit=50)
        honest.close()
        return incident["id"], before

    def look(self):
        self.t.chapter("What the admin sees")
        self.quote("status", keep=12)
        self.quote("incidents")

    def undo(self, incident, before):
        t = self.t
        t.chapter("And all of it is undone")
        self.quote("unban", ATTACKER)
        t.seen(f"{ATTACKER} can connect again", self.attacker.can_connect(SERVER, 587))
        self.quote("undo", incident, "--false-alarm", "--release-mail")
        state = machine.run(["passwd", "-S", USER]).stdout
        t.quote(f"passwd -S {USER}", state)
        t.seen("the account is as it was, to the byte",
               state.split()[1] == "P" and shadow_of(USER) == before)
        machine.wait_for(lambda: machine.smtp_login(self.office, SERVER, 587, USER, PASSWORD) == 235,
                         10, f"{USER} cannot log in")      # Dovecot looks at its file once a second
        t.seen(f"{USER} logs in again (235)", True)
        t.seen("nothing is on hold any more", "hold" not in self.queued()[USER])
        t.seen("the ban of the thief's address is lifted with it",
               self.bailiff.banned() == set() and self.thief.can_connect(SERVER, 587))
        status = self.bailiff.stop()
        t.seen("bailiffd ends cleanly", status == 0)

    def run(self):
        start = time.monotonic()
        self.t.say(self.t.paint("1", "bailiff: a demonstration") + " on a mail server of its own, in private "
                   "namespaces; this host stays as it is")
        self.guard()
        self.guesses()
        incident, before = self.burst()
        self.look()
        self.undo(incident, before)
        self.t.say()
        self.t.say(self.t.paint("1;32", f"All {self.t.seen_so_far} observations were made, in "
                                f"{time.monotonic() - start:.0f} s."))


def main():
    if "BAILIFF_LAB" not in os.environ:
        sys.exit("run me as: sudo make demo")
    machine.reset_mail()
    for user in USER, OTHER:
        machine.add_user(user, PASSWORD)
    pathlib.Path(MAP).write_text("", encoding="ascii")
    machine.run(["postmap", f"lmdb:{MAP}"])
    with contextlib.ExitStack() as stack:
        net = stack.enter_context(machine.Net("demo"))
        stack.enter_context(machine.Dovecot(net.server, deny=True))
        postfix = stack.enter_context(machine.Postfix(
            net.server, options={"defer_transports": "smtp"}, sasl_access=f"lmdb:{MAP}"))
        bailiff = Bailiff(net.server, CONFIG)
        stack.callback(bailiff.close)
        demo = Demo(net, postfix, bailiff)
        try:
            demo.run()
        except (Unseen, Failed, TimeoutError, RuntimeError, OSError) as e:
            demo.t.say(demo.t.paint("1;31", f"not seen: {e}"))
            demo.t.quote("the log of bailiffd", bailiff.text(), limit=1000)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
