# SPDX-License-Identifier: GPL-2.0-or-later
"""A mail server that never was, and what it logs.

Each method is something that happens to it; the lines follow by themselves, in
the forms of Postfix 3.7 and Dovecot 2.3 with an after-queue content filter.
Times are seconds since the epoch, and may be told in any order.
"""
import datetime
import ipaddress

DOMAIN = "example.org"
FILTER = "127.0.0.1[127.0.0.1]:10024"

# What the world's prefixes are to the country database. Nothing is sent there.
COUNTRIES = {
    "5.0.0.0/8": "DE", "80.0.0.0/8": "DE", "31.0.0.0/8": "FR", "45.0.0.0/8": "US", "209.85.0.0/16": "US",
    "41.0.0.0/8": "NG", "95.0.0.0/8": "RU", "103.0.0.0/8": "VN", "177.0.0.0/8": "BR", "185.0.0.0/8": "NL",
    "2a01::/16": "DE", "2a02::/16": "FR", "2600::/16": "US",
}

SPAM = ("550-5.7.1 [192.0.2.25      12] Our system has detected that this 550-5.7.1 message is likely "
        "unsolicited mail. To reduce the amount of spam sent to Gmail, 550 5.7.1 this message has been blocked. "
        "x-gsmtp (in reply to end of DATA command)")
UNKNOWN = "550 5.1.1 <{}>: Recipient address rejected: User unknown in virtual mailbox table (in reply to RCPT TO command)"
LATER = "450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages (in reply to RCPT TO command)"


class Server:
    def __init__(self, rng):
        self.rng = rng
        self.lines = []         # (when, order, program, text)
        self.next_id = 0x10000
        self.mx = {}            # a domain's address

    # ---- lines

    def log(self, when, program, text):
        self.lines.append((when, len(self.lines), program, text))

    def write(self, path):
        self.lines.sort()
        with open(path, "w", encoding="ascii") as out:
            for when, order, program, text in self.lines:
                stamp = datetime.datetime.fromtimestamp(when, datetime.timezone.utc)
                pid = 1000 + hash_of(program) % 9000
                out.write(f"{stamp:%Y-%m-%dT%H:%M:%S.%f}+00:00 mx {program}[{pid}]: {text}\n")

    def queue_id(self):
        self.next_id += self.rng.randrange(1, 9)
        return f"{self.next_id:08X}"

    def relay(self, domain):
        """A server of that domain's, always the same."""
        if domain not in self.mx:
            self.mx[domain] = f"45.{self.rng.randrange(256)}.{self.rng.randrange(256)}.{self.rng.randrange(1, 255)}"
        return f"mx.{domain}[{self.mx[domain]}]"

    # ---- mail

    def submit(self, when, account, ip, sender, rcpts, size=9000, bad=0.01, spam=0.0, later=0.02, service="submission"):
        """An account hands in a message; shares of its copies are refused, called spam, or deferred for days."""
        first = self.queue_id()
        self.log(when, f"postfix/{service}/smtpd",
                 f"{first}: client={name_of(ip)}[{ip}], sasl_method=PLAIN, sasl_username={account}")
        self.log(when + 0.02, "postfix/cleanup", f"{first}: message-id=<{first.lower()}@{DOMAIN}>")
        self.log(when + 0.05, "postfix/qmgr", f"{first}: from=<{sender}>, size={size}, nrcpt={len(rcpts)} (queue active)")
        second = self.filtered(when, first, sender, rcpts, size)
        self.deliver(when + 0.5, second, sender, rcpts, size, bad, spam, later)

    def filtered(self, when, first, sender, rcpts, size):
        """Through the content filter and back; half of the time it tells whose it was."""
        second = self.queue_id()
        orig = f", orig_queue_id={first}" if self.rng.random() < 0.5 else ""
        self.log(when + 0.2, "postfix/smtpd", f"{second}: client=localhost[127.0.0.1]{orig}")
        self.log(when + 0.21, "postfix/cleanup", f"{second}: message-id=<{first.lower()}@{DOMAIN}>")
        self.log(when + 0.25, "postfix/qmgr", f"{second}: from=<{sender}>, size={size + 420}, nrcpt={len(rcpts)} (queue active)")
        for rcpt in rcpts:
            self.log(when + 0.3, "postfix/smtp",
                     f"{first}: to=<{rcpt}>, relay={FILTER}, delay=0.25, delays=0.05/0/0/0.2, dsn=2.0.0, status=sent "
                     f"(250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as {second})")
        self.log(when + 0.31, "postfix/qmgr", f"{first}: removed")
        return second

    def deliver(self, when, qid, sender, rcpts, size, bad, spam, later):
        waiting, bounced = [], False
        for rcpt in rcpts:
            dice = self.rng.random()
            at = when + self.rng.uniform(0.1, 2)
            if rcpt.endswith("@" + DOMAIN):
                self.log(at, "postfix/lmtp", f"{qid}: to=<{rcpt}>, relay=mx.{DOMAIN}[private/dovecot-lmtp], delay=1, "
                                             f"delays=0.9/0/0/0.1, dsn=2.0.0, status=sent (250 2.0.0 <{rcpt}> x Saved)")
            elif dice < spam:
                bounced = True
                self.outside(at, qid, rcpt, "5.7.1", "bounced", SPAM)
            elif dice < spam + bad:
                bounced = True
                self.outside(at, qid, rcpt, "5.1.1", "bounced", UNKNOWN.format(rcpt))
            elif dice < spam + bad + later:
                waiting.append(rcpt)
                self.outside(at, qid, rcpt, "4.2.1", "deferred", LATER)
            else:
                self.outside(at, qid, rcpt, "2.0.0", "sent", "")
        if bounced:
            self.bounce(when + 2.1, qid, sender)
        end = self.retry(when, qid, sender, waiting, size) if waiting else when
        self.log(end + 2.2, "postfix/qmgr", f"{qid}: removed")

    def outside(self, at, qid, rcpt, dsn, status, words):
        where = self.relay(rcpt.split("@")[1])
        said = f"host {where} said: {words}" if words else f"250 2.0.0 Ok: queued as {self.rng.randrange(1 << 40):X}"
        self.log(at, "postfix/smtp", f"{qid}: to=<{rcpt}>, relay={where}:25, delay=1.2, delays=0.1/0/0.6/0.5, "
                                     f"dsn={dsn}, status={status} ({said})")

    def retry(self, when, qid, sender, rcpts, size):
        """qmgr takes it up again, at longer and longer intervals, for hours or days."""
        wait, end = 300, when + self.rng.choice([1200, 4000, 30000, 200000])
        while when + wait < end:
            when += wait
            self.log(when, "postfix/qmgr", f"{qid}: from=<{sender}>, size={size}, nrcpt={len(rcpts)} (queue active)")
            for rcpt in rcpts:
                self.outside(when + 1, qid, rcpt, "4.2.1", "deferred", LATER)
            wait = min(wait * 2, 4000)
        for rcpt in rcpts:
            self.outside(end, qid, rcpt, "2.0.0", "sent", "")
        return end

    def bounce(self, when, qid, sender):
        note = self.queue_id()
        self.log(when, "postfix/cleanup", f"{note}: message-id=<{note}@mx.{DOMAIN}>")
        self.log(when, "postfix/bounce", f"{qid}: sender non-delivery notification: {note}")
        self.log(when, "postfix/qmgr", f"{note}: from=<>, size=4000, nrcpt=1 (queue active)")
        if sender.endswith("@" + DOMAIN):
            self.log(when + 0.1, "postfix/lmtp", f"{note}: to=<{sender}>, relay=mx.{DOMAIN}[private/dovecot-lmtp], delay=0.1, "
                                                 f"delays=0/0/0/0.1, dsn=2.0.0, status=sent (250 2.0.0 <{sender}> x Saved)")
        else:
            self.outside(when + 0.8, note, sender, "2.0.0", "sent", "")
        self.log(when + 1, "postfix/qmgr", f"{note}: removed")

    def receive(self, when, ip, sender, rcpts, size=20000):
        """A stranger's mail for us, through the same filter."""
        first = self.queue_id()
        self.log(when, "postfix/smtpd", f"{first}: client={name_of(ip)}[{ip}]")
        self.log(when + 0.02, "postfix/cleanup", f"{first}: message-id=<{first.lower()}@{sender.split('@')[1]}>")
        self.log(when + 0.05, "postfix/qmgr", f"{first}: from=<{sender}>, size={size}, nrcpt={len(rcpts)} (queue active)")
        second = self.filtered(when, first, sender, rcpts, size)
        self.deliver(when + 0.5, second, sender, rcpts, size, 0, 0, 0)

    def relayed(self, when, ip, sender, rcpts, size=9000):
        """A trusted client, which needs no login."""
        qid = self.queue_id()
        self.log(when, "postfix/smtpd", f"{qid}: client={name_of(ip)}[{ip}]")
        self.log(when + 0.05, "postfix/qmgr", f"{qid}: from=<{sender}>, size={size}, nrcpt={len(rcpts)} (queue active)")
        self.deliver(when + 0.2, qid, sender, rcpts, size, 0.01, 0, 0.02)

    def local(self, when, uid, sender, rcpts, size=9000):
        qid = self.queue_id()
        self.log(when, "postfix/pickup", f"{qid}: uid={uid} from=<{sender}>")
        self.log(when + 0.05, "postfix/qmgr", f"{qid}: from=<{sender}>, size={size}, nrcpt={len(rcpts)} (queue active)")
        self.deliver(when + 0.2, qid, sender, rcpts, size, 0.01, 0, 0.02)

    # ---- logins

    def login(self, when, account, ip, protocol="imap"):
        self.log(when, "dovecot", f"{protocol}-login: Login: user=<{account}>, method=PLAIN, rip={ip}, lip=192.0.2.25, "
                                  f"mpid={self.rng.randrange(1000, 9999)}, TLS, session=<{self.rng.randrange(1 << 60):x}>")

    def fail_login(self, when, account, ip, attempts=1):
        self.log(when, "dovecot", f"imap-login: Disconnected (auth failed, {attempts} attempts in {attempts * 2} secs): "
                                  f"user=<{account}>, method=PLAIN, rip={ip}, lip=192.0.2.25, TLS, session=<{self.rng.randrange(1 << 60):x}>")

    def fail_smtp(self, when, account, ip):
        self.log(when, "postfix/submission/smtpd", f"warning: {name_of(ip)}[{ip}]: SASL LOGIN authentication failed: "
                                                   f"(reason unavailable), sasl_username={account}")


def hash_of(text):
    """The same in each run, unlike hash()."""
    n = 5381
    for c in text.encode():
        n = (n * 33 + c) & 0xffffffff
    return n


def name_of(ip):
    address = ipaddress.ip_address(ip)
    if address.is_loopback:
        return "localhost"
    return "unknown" if int(address) % 3 == 0 else "host-" + str(ip).replace(".", "-").replace(":", "-") + ".example.net"
