# SPDX-License-Identifier: GPL-2.0-or-later
"""A mail log with what is hard to count: messages that come back from a
content filter (with and without orig_queue_id, sometimes logged whole before
the line that ties them), retries over days, ids that are used again, two
instances that use the same ids, bounces of Postfix's own, local submissions."""
import datetime
import random

ZONE = datetime.timezone(datetime.timedelta(hours=1))
DOMAINS = ["example.org", "Example.NET", "isp.example", "cloud.example", "lists.example"]


class Writer:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.lines = []         # (time, number, text)
        self.pid = 100

    def say(self, t, program, text):
        stamp = datetime.datetime.fromtimestamp(t, ZONE).isoformat(timespec="microseconds")
        self.lines.append((t, len(self.lines), f"{stamp} mx {program}[{self.pid}]: {text}"))

    def queue_id(self):
        # Few, so that they are used again; or long ones.
        if self.rng.random() < 0.3:
            return "4" + "".join(self.rng.choice("BCDFGHJKLMNPQRSTVWXYzbcdfghjk0123456789") for _ in range(13))
        return f"{self.rng.randrange(0x10000, 0x10000 + self.ids):X}"

    ids = 4000

    def address(self):
        r = self.rng
        return f"2001:db8::{r.randrange(1, 40):x}" if r.random() < 0.2 else f"203.0.113.{r.randrange(1, 120)}"

    def rcpt(self):
        return f"r{self.rng.randrange(40)}@{self.rng.choice(DOMAINS)}"

    def deliver(self, t, instance, qid, rcpts, size, sender, again=True):
        """qmgr's rounds until nobody is left; returns when it was removed."""
        r, left = self.rng, list(rcpts)
        for round_ in range(5):
            self.say(t, f"{instance}/qmgr", f"{qid}: from=<{sender}>, size={size}, nrcpt={len(left)} (queue active)")
            later = []
            for rcpt in left:
                t += r.random()
                chance, relay = r.random(), "mx.example[198.51.100.7]:25"
                if chance < 0.15 and again and round_ < 4:
                    status, dsn, text = "deferred", "4.7.1", "host mx.example[198.51.100.7] said: 450 4.7.1 later"
                    later.append(rcpt)
                elif chance < 0.25:
                    status, dsn, text = "bounced", "5.1.1", "host mx.example[198.51.100.7] said: 550 5.1.1 unknown"
                else:
                    # a stranger's answer that names one of our ids
                    status, dsn, text = "sent", "2.0.0", f"250 2.0.0 Ok: queued as {self.queue_id()}"
                self.say(t, f"{instance}/smtp", f"{qid}: to=<{rcpt}>, relay={relay}, delay=1.2, "
                                                f"delays=0.1/0/0.6/0.5, dsn={dsn}, status={status} ({text})")
            left = later
            if not left:
                break
            t += r.choice([300, 4000, 90000])
        if r.random() < 0.1 and sender:
            note = self.queue_id()
            self.say(t, f"{instance}/cleanup", f"{note}: message-id=<{note}@mx>")
            self.say(t, f"{instance}/bounce", f"{qid}: sender non-delivery notification: {note}")
            self.say(t, f"{instance}/qmgr", f"{note}: from=<>, size=2000, nrcpt=1 (queue active)")
            self.say(t, f"{instance}/local", f"{note}: to=<{sender}>, relay=local, delay=0.1, delays=0/0/0/0.1, "
                                             f"dsn=2.0.0, status=sent (delivered to mailbox)")
            self.say(t, f"{instance}/qmgr", f"{note}: removed")
        self.say(t, f"{instance}/qmgr", f"{qid}: removed")
        return t

    def message(self, t):
        r = self.rng
        self.pid = r.randrange(100, 30000)
        instance = r.choice(["postfix", "postfix", "postfix-out"])
        qid, size = self.queue_id(), r.randrange(300, 90000)
        rcpts = list({self.rcpt() for _ in range(r.choice([1, 1, 1, 2, 5, 20]))})
        sender = f"s{r.randrange(30)}@{r.choice(DOMAINS)}" if r.random() < 0.95 else ""
        kind = r.random()
        if kind < 0.1:
            self.say(t, f"{instance}/pickup", f"{qid}: uid={r.choice([0, 33])} from=<{sender}>")
        elif kind < 0.5:
            user = f"u{r.randrange(25)}@example.org"
            more = r.choice(["", "", f", sasl_sender=u{r.randrange(25)}@example.org"])
            self.say(t, f"{instance}/submission/smtpd",
                     f"{qid}: client=unknown[{self.address()}], sasl_method=PLAIN, sasl_username={user}{more}")
        else:
            self.say(t, f"{instance}/smtpd", f"{qid}: client=mx.example[{self.address()}]:2525")
        self.say(t + 0.1, f"{instance}/cleanup", f"{qid}: message-id=<{r.randrange(1 << 40)}@example.org>")
        if r.random() < 0.03:
            self.say(t + 0.2, f"{instance}/cleanup", f"{qid}: milter-reject: END-OF-MESSAGE from x[192.0.2.1]: 5.7.1 no; "
                                                     f"from=<{sender}> to=<x@example.org> proto=ESMTP helo=<x>")
            return
        if r.random() < 0.6:
            self.deliver(t + 0.2, instance, qid, rcpts, size, sender)
            return
        self.through_filter(t + 0.2, instance, qid, rcpts, size, sender)

    def through_filter(self, t, instance, qid, rcpts, size, sender):
        r, second, at = self.rng, self.queue_id(), t + 0.5
        orig = f", orig_queue_id={qid}, orig_client=x[192.0.2.9]" if r.random() < 0.5 else ""
        self.say(t, f"{instance}/qmgr", f"{qid}: from=<{sender}>, size={size}, nrcpt={len(rcpts)} (queue active)")
        self.say(at, f"{instance}/smtpd", f"{second}: client=localhost[127.0.0.1]{orig}")
        self.say(at + 0.1, f"{instance}/cleanup", f"{second}: message-id=<{second}@filter>")
        before = r.random() < 0.5   # the whole second life comes before the line that ties it
        end = self.deliver(at + 0.2, instance, second, rcpts, size + 400, sender, again=not before)
        tie = end + 0.1 if before else at + 0.15
        for rcpt in rcpts:
            self.say(tie, f"{instance}/smtp", f"{qid}: to=<{rcpt}>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, "
                     f"delays=0.1/0/0.1/0.8, dsn=2.0.0, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): "
                     f"250 2.0.0 Ok: queued as {second})")
        self.say(tie + 0.01, f"{instance}/qmgr", f"{qid}: removed")


def make(seed, messages, begin=1794000000.0):
    """The log's text, its lines in the order of time."""
    w, t = Writer(seed), begin
    for _ in range(messages):
        t += w.rng.expovariate(1 / 40)
        w.message(t)
    w.lines.sort()
    return "".join(text + "\n" for _, _, text in w.lines)
