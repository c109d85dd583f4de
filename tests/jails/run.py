#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The shipped jails against lines: our own, forged ones and real ones.

    tests/jails/run.py [-v] [ENGINE]

  check     every jail loads, its own tests pass, nothing is remarked on
  lines     lines/*.txt: what each jail makes of each line
  frame     whatever a stranger writes into a line, it never names another
            address or account
  sequence  whole logs and the verdicts that must follow (replay)
  docs      the jails of docs/jails.md load, with their tests; the table of docs/shipped.md is whole
  corpus    real lines, where ../shared/corpus is beside the checkout: no hit on
            a benign line or a server's fault, the right address on an attack

The engine does the matching; this only feeds it and compares.
"""
import datetime
import ipaddress
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))
import mmdb                                                         # noqa: E402
CORPUS = TREE.parent / "shared" / "corpus" / "real-lines.jsonl"
JAILS = sorted(p.stem for p in (TREE / "jails").glob("*.yaml"))

# What honest people do is what these count: mail on its way.
COUNTS_HONEST = {"sasl-burst", "sasl-recipients", "sasl-volume", "sasl-networks", "sasl-rejected",
                 "sasl-countries", "sasl-foreign-sender", "signal-burst", "signal-network", "signal-login", "signal-sender",
                 "signal-bounced", "relay-burst", "pickup-burst", "backscatter"}

# These count the lines of the guesser's jails once more, in another way.
COUNTS_GUESSES = {"sasl-spray", "sasl-distributed"}

# The least share of a service's attack lines of a class that must hit, with the
# jails that are meant. What is left out is said in the jails' own comments.
FLOORS = [
    ("postfix", "password-guess", {"postfix-sasl"}, 1.0),
    ("postfix", "policy-reject", {"postfix-reject", "postscreen", "postfix-unknown-rdns"}, 0.5),
    ("dovecot", "password-guess", {"dovecot"}, 0.65),
    ("sshd", "password-guess", {"sshd", "sshd-preauth"}, 0.65),
    ("postfix", "spam-run", {"sasl-burst"}, 0.5),
    ("postfix", "spam-run", {"sasl-recipients"}, 0.5),
]

VICTIM, VICTIM6, BOSS = "192.0.2.66", "2001:db8:dead::66", "boss@example.org"
ME = "198.51.100.99"


class Score:
    def __init__(self, verbose):
        self.passed, self.failed, self.verbose = 0, 0, verbose

    def check(self, good, what):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print("FAILED:", what)

    def say(self, text):
        print(text)

    def detail(self, text):
        if self.verbose:
            print("   ", text)


class Engine:
    def __init__(self, path, config):
        self.jails = config.parent / "jails"
        self.jails.mkdir()
        self.base = [str(path), "--offline", "-c", str(config)]

    def run(self, args, text=""):
        return subprocess.run(self.base + args, input=text.encode("utf-8", "surrogateescape"),
                              capture_output=True, timeout=120)

    def hits(self, jail, lines):
        """What one jail makes of each line: a dict, or None."""
        got = self.run(["--json", "test", jail, "-"], "\n".join(lines) + "\n")
        if got.returncode != 0:
            raise SystemExit(f"test {jail}: {got.stderr.decode()}")
        rows = [json.loads(row) for row in got.stdout.splitlines()]
        if len(rows) != len(lines):
            raise SystemExit(f"test {jail}: {len(lines)} lines in, {len(rows)} out")
        return [row if row["matched"] else None for row in rows]

    def all_hits(self, lines):
        """For each line the hits of all jails, by name."""
        table = [{} for _ in lines]
        for jail in JAILS:
            for row, hit in zip(table, self.hits(jail, lines)):
                if hit and jail not in ("recidive", "account-risk"):
                    row[jail] = hit
        return table

    def verdicts(self, lines):
        got = self.run(["--json", "replay", "-"], "\n".join(lines) + "\n")
        if got.returncode != 0:
            raise SystemExit(f"replay: {got.stderr.decode()}")
        return [json.loads(row) for row in got.stdout.splitlines()]


# ---- check

def test_check(engine, score):
    got = engine.run(["--json", "check"])
    report = json.loads(got.stdout)
    for c in report["complaints"]:
        print(f"{c['file']}:{c['line']}:{c['column']}: {c['text']}")
    score.check(got.returncode == 0 and report["ok"], "check")
    score.check(not report["complaints"], "check has nothing to remark on")
    score.check(report["jails"] == len(JAILS), f"{report['jails']} jails loaded of {len(JAILS)}")
    for jail in JAILS:
        text = (TREE / "jails" / f"{jail}.yaml").read_text()
        keys = set(re.findall(r"^(\w+):", text, re.M))
        # a verdict jail without patterns has no line to test; `sequence` has it
        want = {"about", "log", "limit", "then"}
        want |= set() if "log: verdicts" in text else {"match", "tests"}
        # what a command prints has no program
        want |= set() if re.search("^log: (verdicts|queue|disk)$", text, re.M) else {"program"}
        score.check(want <= keys, f"{jail} has {sorted(want - keys)}")


# ---- lines

def read_lines(path):
    """(expectation, line, where): the expectation is None or (jail, {name: value})."""
    want = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("> "):
            words = line[2:].split()
            want = None if words == ["none"] else (words[0], dict(w.split("=", 1) for w in words[1:]))
        elif line and not line.startswith("#"):
            yield want, line, f"{path.name}:{number}"


def test_lines(engine, score):
    rows = [row for path in sorted((HERE / "lines").glob("*.txt")) for row in read_lines(path)]
    for (want, line, where), hits in zip(rows, engine.all_hits([r[1] for r in rows])):
        named = [want[0]] if want else []
        hits = {jail: hit for jail, hit in hits.items()
                if jail in named or jail not in COUNTS_HONEST | COUNTS_GUESSES}
        score.check(sorted(hits) == named, f"{where}: hits {sorted(hits)}, wanted {named}\n    {line}")
        if want and want[0] in hits:
            got = {k: str(v) for k, v in hits[want[0]].items()}
            for name, value in want[1].items():
                score.check(got.get(name) == value,
                            f"{where}: {name} is {got.get(name)}, wanted {value}\n    {line}")
    score.say(f"lines: {len(rows)} lines, {len(JAILS)} jails")


# ---- frame

# Lines of daemons with a hole where a stranger writes. {t}: any text; {w}: a
# word, where the protocol takes no white space. Everything else is the server's.
HOLES = [
    "postfix/smtpd[1]: warning: h[{me}]: SASL LOGIN authentication failed: (reason unavailable), sasl_username={t}",
    "postfix/smtpd[1]: warning: h[{me}]: SASL {w} authentication failed: Invalid authentication mechanism: '{w}', sasl_username=(unavailable)",
    "postfix/smtpd[1]: warning: h[{me}]: SASL {w} authentication failed: authentication failure",
    "postfix/smtpd[1]: warning: h[{me}]: SASL {w} authentication aborted",
    "postfix/smtpd[1]: NOQUEUE: reject: RCPT from h[{me}]: 554 5.7.1 <{t}>: Relay access denied; from=<{t}> to=<{t}> proto=ESMTP helo=<{t}>",
    "postfix/smtpd[1]: NOQUEUE: reject: RCPT from h[{me}]:77: 450 4.2.0 <{t}>: Recipient address rejected: Greylisted; from=<{t}> to=<{t}> proto=ESMTP helo=<{t}>",
    "postfix/smtpd[1]: NOQUEUE: reject: RCPT from unknown[{me}]: 450 4.7.25 Client host rejected: cannot find your reverse hostname, [{me}]; from=<{t}> to=<{t}> proto=ESMTP helo=<{t}>",
    "postfix/smtpd[1]: warning: non-SMTP command from h[{me}]: {t}",
    "postfix/smtpd[1]: improper command pipelining after HELO from h[{me}]: {t}",
    "postfix/smtpd[1]: warning: Illegal address syntax from h[{me}] in MAIL command: {t}",
    "postfix/smtpd[1]: lost connection after RCPT from h[{me}] from=<{t}> to=<{t}> proto=ESMTP helo=<{t}>",
    "postfix/smtpd[1]: too many errors after RCPT from h[{me}] from=<{t}> to=<{t}> proto=ESMTP helo=<{t}>",
    "postfix/smtpd[1]: 4F1C2A3B: client=h[{me}], sasl_method=PLAIN, sasl_username=me, sasl_sender={t}",
    "postfix/smtpd[1]: 4F1C2A3B: client=h[{me}], sasl_method=PLAIN, sasl_username=me, sasl_sender={t}, orig_client=h[{me}]",
    "postfix/smtpd[1]: 4F1C2A3B: filter: RCPT from h[{me}]: <{t}>: Recipient address triggers FILTER {t}; from=<{t}> to=<{t}> proto=ESMTP helo=<{t}>",
    "postfix/cleanup[1]: 4F1C2A3B: message-id={t}",
    "postfix/cleanup[1]: 4F1C2A3B: warning: header Subject: {t} from h[{me}]; from=<{t}> to=<{t}> proto=ESMTP helo=<{t}>",
    "postfix/qmgr[1]: 4F1C2A3B: from=<{t}>, size=1, nrcpt=1 (queue active)",
    "postfix/smtp[1]: 4F1C2A3B: to=<{t}>, relay=h[{me}]:25, delay=1, delays=0/0/0/1, dsn=5.0.0, status=bounced (host h[{me}] said: 550 {t} (in reply to RCPT TO command))",
    "postfix/postscreen[1]: PREGREET 99 after 0.1 from [{me}]:77: {t}",
    "postfix/postscreen[1]: NON-SMTP COMMAND from [{me}]:77 after CONNECT: {t}",
    "postfix/postscreen[1]: COMMAND PIPELINING from [{me}]:77 after {w}: {t}",
    "postfix/postscreen[1]: NOQUEUE: reject: RCPT from [{me}]:77: 450 4.3.2 Service currently unavailable; from=<{t}>, to=<{t}>, proto=ESMTP, helo=<{t}>",
    "postfix/postscreen[1]: NOQUEUE: reject: RCPT from [{me}]:77: 550 5.7.1 Service unavailable; client [{me}] blocked using x; from=<{t}>, to=<{t}>, proto=ESMTP, helo=<{t}>",
    "dovecot: imap-login: Disconnected (auth failed, 2 attempts in 2 secs): user=<{t}>, method={w}, rip={me}, lip=192.0.2.25, TLS, session=<x>",
    "dovecot: imap-login: Disconnected (auth failed, 2 attempts in 2 secs): user=<{t}>, rip={me}, method={w}, lip=192.0.2.25, session=<x>",
    "dovecot: imap-login: Disconnected (auth failed, 2 attempts in 2 secs): rip={me}, user=<{t}>, method={w}",
    "dovecot: imap-login: Disconnected (auth failed, 2 attempts in 2 secs): rip={me}, method={w}, user=<{t}>",
    "dovecot: imap-login: Disconnected (auth failed, 2 attempts in 2 secs): method={w}, rip={me}, user=<{t}>, session=<x>",
    "dovecot: imap-login: Disconnected (auth failed, 2 attempts in 2 secs): session=<x>, user=<{t}>, method={w}, rip={me}",
    "dovecot: imap-login: Disconnected (auth failed, 2 attempts in 2 secs): user=<{t}>, method={w}, secured, session=<x>",
    "dovecot: imap-login: Login aborted: Connection closed (auth failed, 2 attempts in 2 secs) (auth_failed): user=<{t}>, method={w}, rip={me}, lip=192.0.2.25, session=<x>",
    "dovecot: imap-login: Login aborted: Connection closed (no auth attempts in 2 secs) (no_auth_attempts): user=<{t}>, rip={me}, lip=192.0.2.25, session=<x>",
    "dovecot: imap-login: Login: user=<{t}>, method={w}, rip={me}, lip=192.0.2.25, mpid=1, TLS, session=<x>",
    "dovecot: imap-login: proxy({t},192.0.2.143:143): Started proxying to remote host",
    "dovecot: auth: passdb({t},{me},<x>): unknown user",
    "dovecot: imap({t})<1><x>: Disconnected: Logged out in=1 out=1",
    "auth: pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser={t} rhost={me}",
    "sshd[1]: Invalid user {t} from {me} port 77",
    "sshd[1]: Failed password for invalid user {t} from {me} port 77 ssh2",
    "sshd[1]: Failed none for invalid user {t} from {me} port 77 ssh2",
    "sshd[1]: Failed publickey for invalid user {t} from {me} port 77 ssh2: RSA SHA256:x",
    "sshd[1]: Failed keyboard-interactive/pam for invalid user {t} from {me} port 77 ssh2",
    "sshd[1]: error: PAM: Authentication failure for illegal user {t} from {me}",
    "sshd[1]: error: maximum authentication attempts exceeded for invalid user {t} from {me} port 77 ssh2 [preauth]",
    "sshd[1]: Connection closed by invalid user {t} {me} port 77 [preauth]",
    "sshd[1]: Disconnecting invalid user {t} {me} port 77: Change of username or service not allowed: ({t},{w}) -> ({t},{w}) [preauth]",
    "sshd[1]: Bad protocol version identification '{t}' from {me} port 77",
    "sshd[1]: Unable to negotiate with {me} port 77: no matching cipher found. Their offer: {w} [preauth]",
    "sshd[1]: Received disconnect from {me} port 77:11: {t} [preauth]",
    "sshd[1]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser={t} rhost={me}",
]

# Ends and beginnings that could close what the server has opened.
CLOSERS = ["", ">", ">: ", ">, ", "], ", ": ", "; ", "'", "')", ") ", " (", ", ", "<", "=<", ", x=<", ", session=<"]


def payloads():
    """Texts that name the victim: all that the daemons say, and pieces of it."""
    bare = [hole.split(": ", 1)[1] for hole in HOLES]
    full = [b.format(me=VICTIM, t=BOSS, w="PLAIN") for b in bare]
    full += [f"sasl_username={BOSS}", f"x, sasl_username={BOSS}", f"rip={VICTIM}",
             f"x>, method=PLAIN, rip={VICTIM}, lip=192.0.2.25, session=<x",
             f"root from {VICTIM} port 22 ssh2", f"root {VICTIM} port 22 [preauth]",
             f"x[{VICTIM}]", f"[{VICTIM6}]", f"x from [{VICTIM}]:25 after x: x"]
    for text in full:
        for closer in CLOSERS:
            yield closer + text
            yield text + closer
            yield closer + text + closer


def test_frame(engine, score):
    lines = []
    for text in dict.fromkeys(payloads()):
        word = re.sub(r"\s+", ",", text)
        for hole in HOLES:
            lines.append("Aug 21 10:11:12 mx " + hole.format(me=ME, t=text, w=word))
    mine = 0
    for line, hits in zip(lines, engine.all_hits(lines)):
        for jail, hit in hits.items():
            mine += 1
            good = hit.get("ip", ME) == ME and hit.get("user") != BOSS
            # whose name failed is for its writer to say; whose sent is not
            good |= hit.get("ip") == ME and jail in {"postfix-sasl", "dovecot"} | COUNTS_GUESSES
            score.check(good, f"{jail} takes ip={hit.get('ip')} user={hit.get('user')} from\n    {line}")
    score.check(mine > 1000, f"only {mine} forged lines hit at all")
    score.say(f"frame: {len(lines)} forged lines, {mine} hits, each on its writer")


# ---- lines of a thread

ALONE = {       # each stands alone in its log: no thread is known
    "4F1C01: client=unknown[203.0.113.9], sasl_method=PLAIN, sasl_username=joe": 1,
    "4F1C01: from=<joe@example.org>, size=800, nrcpt=3 (queue active)": 5,
    "4F1C01: to=<a@example.net>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/0/1, dsn=2.0.0, "
    "status=sent (250 2.0.0 Ok: queued as 5A0000)": 2,
    "4F1C01: removed": 4,
}


def test_alone(engine, score):
    """`test` tells of each line for itself, also where the live engine would not look at it."""
    lines = [f"Aug 21 10:11:12 mx postfix/qmgr[1]: {text}" for text in ALONE]
    got = [hit and hit["rule"] for hit in engine.hits("sasl-recipients", lines)]
    score.check(got == list(ALONE.values()), f"lines of a thread hit the rules {got}")


# ---- sequence

def at(seconds):
    t = datetime.datetime(2026, 8, 21, 10, 0, 0) + datetime.timedelta(seconds=seconds)
    return t.strftime("%Y-%m-%dT%H:%M:%S.000000+00:00")


def sshd_attempt(when, ip, user, port, tries=1):
    """All that sshd logs for `tries` passwords of a user that does not exist."""
    head = f"{at(when)} mx sshd-session[{port}]: "
    yield f"{head}Invalid user {user} from {ip} port {port}"
    for _ in range(tries):
        yield f"{head}pam_unix(sshd:auth): check pass; user unknown"
        yield f"{head}pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={ip} "
        yield f"{head}Failed password for invalid user {user} from {ip} port {port} ssh2"
    yield f"{head}Connection closed by invalid user {user} {ip} port {port} [preauth]"


def sasl_fail(when, ip):
    return f"{at(when)} mx postfix/submission/smtpd[7]: warning: unknown[{ip}]: SASL LOGIN authentication failed: UGFzc3dvcmQ6"


def sasl_name(when, ip, user):
    return (f"{at(when)} mx postfix/submission/smtpd[7]: warning: unknown[{ip}]: SASL LOGIN authentication failed: "
            f"(reason unavailable), sasl_username={user}")


def submission(when, n, user="ann@example.org", ip="198.51.100.24"):
    return (f"{at(when)} mx postfix/submission/smtpd[7]: {n + 0x1000:X}: client=unknown[{ip}], "
            f"sasl_method=PLAIN, sasl_username={user}")


def mail(when, n, user="ann@example.org", ip="198.51.100.24", sender=None, domain="example.net", bounced=False):
    """One message: the line of smtpd, qmgr's twice (a retry), and a delivery."""
    qid, head = f"{n + 0x1000:X}", f"{at(when)} mx postfix"
    yield submission(when, n, user, ip)
    for _ in range(2):
        yield f"{head}/qmgr[8]: {qid}: from=<{user if sender is None else sender}>, size=800, nrcpt=1 (queue active)"
    yield (f"{head}/smtp[9]: {qid}: to=<x@{domain}>, relay=mx.{domain}[192.0.2.7]:25, delay=1, delays=0/0/0/1, "
           f"dsn=2.0.0, status={'bounced' if bounced else 'sent'} (250 Ok)")


def at_home(lines, **kw):
    """The account has been there five hours ago."""
    return [submission(-18000, 9999, **kw)] + lines


def filtered(when, n, domain):
    """The same through a content filter, which hands it back under a second id."""
    qid, back, head = f"{n + 0x1000:X}", f"{n + 0x9000:X}", f"{at(when)} mx postfix"
    yield submission(when, n)
    yield f"{head}/smtpd[8]: {back}: client=localhost[127.0.0.1]"
    yield f"{head}/qmgr[8]: {back}: from=<ann@example.org>, size=800, nrcpt=1 (queue active)"
    yield (f"{head}/smtp[9]: {qid}: to=<x@{domain}>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/0/1, "
           f"dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as {back})")
    yield (f"{head}/smtp[9]: {back}: to=<x@{domain}>, relay=mx.{domain}[192.0.2.7]:25, delay=1, delays=0/0/0/1, "
           f"dsn=2.0.0, status=sent (250 Ok)")


def flat(parts):
    return [line for part in parts for line in part]


SEQUENCES = {
    "sshd: four attempts, each in five lines": (
        flat(sshd_attempt(n * 10, ME, "oracle", 40000 + n) for n in range(4)), []),
    "sshd: five attempts": (
        flat(sshd_attempt(n * 10, ME, "oracle", 40000 + n) for n in range(5)), [("sshd", ME)]),
    "sshd: five attempts in one connection": (
        list(sshd_attempt(0, ME, "oracle", 40000, tries=5)), [("sshd", ME)]),
    "sshd: repeated four times": (
        [f"{at(0)} mx sshd[1]: Failed password for root from {ME} port 77 ssh2",
         f"{at(9)} mx sshd[1]: message repeated 4 times: [ Failed password for root from {ME} port 77 ssh2]"],
        [("sshd", ME)]),
    "sshd: repeated three times": (
        [f"{at(0)} mx sshd[1]: Failed password for root from {ME} port 77 ssh2",
         f"{at(9)} mx sshd[1]: message repeated 3 times: [ Failed password for root from {ME} port 77 ssh2]"], []),
    "sshd-preauth: keys only": (
        [f"{at(n * 20)} mx sshd[1]: Connection closed by authenticating user root {ME} port {40000 + n} [preauth]"
         for n in range(10)], [("sshd-preauth", ME)]),
    "postfix-sasl: five in ten minutes": (
        [sasl_fail(n * 150, ME) for n in range(5)], [("postfix-sasl", ME)]),
    "postfix-sasl: five in a second more": (
        [sasl_fail(n * 150 + (n == 4), ME) for n in range(5)], []),
    "postfix-sasl: one /64 of many addresses": (
        [sasl_fail(n, f"2001:db8:5::{n:x}") for n in range(1, 6)], [("postfix-sasl", "2001:db8:5::/64")]),
    "postfix-sasl: neighbours": (
        [sasl_fail(n, f"198.51.100.{n}") for n in range(1, 30)], []),
    "dovecot: seven attempts in one line": (
        [f"{at(0)} mx dovecot: imap-login: Disconnected (auth failed, 7 attempts in 60 secs): user=<ann>, "
         f"method=PLAIN, rip={ME}, lip=192.0.2.25, TLS, session=<x>"], [("dovecot", ME)]),
    "sasl-burst: 199 messages": ([submission(n, n) for n in range(199)], []),
    "sasl-burst: 200 messages": ([submission(n, n) for n in range(200)], [("sasl-burst", "ann@example.org")]),
    "sasl-burst: 200 messages, slowly": ([submission(n * 4, n) for n in range(200)], []),
    "sasl-burst: 999 from home, to twenty domains, with its own sender": (
        at_home(flat(mail(n / 4, n, domain=f"d{n % 20}.example") for n in range(999))), []),
    "sasl-burst: 1000 from home": (
        at_home(flat(mail(n / 4, n) for n in range(1000))), [("sasl-burst", "ann@example.org")]),
    "sasl-burst: from home, with a sender from elsewhere": (
        at_home(flat(mail(n, n, sender="boss@example.com" if n == 3 else None) for n in range(200))),
        [("sasl-burst", "ann@example.org")]),
    "sasl-burst: a tag, another name of the domain and bounces are its own": (
        at_home(flat(mail(n, n, sender=["ann+x@example.org", "Info@Example.org", ""][n % 3]) for n in range(300))), []),
    "sasl-burst: from home, to 21 domains": (
        at_home(flat(mail(n, n, domain=f"d{n % 21}.example") for n in range(200))), [("sasl-burst", "ann@example.org")]),
    "sasl-burst: the 21 domains behind a filter": (
        at_home(flat(filtered(n, n, f"d{n % 21}.example") for n in range(200))), [("sasl-burst", "ann@example.org")]),
    "sasl-burst: twenty domains behind a filter": (
        at_home(flat(filtered(n, n, f"d{n % 20}.example") for n in range(300))), []),
    "sasl-burst: a home that is one for four hours only": (
        [submission(-14390, 9999)] + [submission(n, n) for n in range(10, 220)], []),
    "sasl-burst: a home of less than four hours": (
        [submission(-14000, 9999)] + [submission(n, n) for n in range(200)], [("sasl-burst", "ann@example.org")]),
    "sasl-burst: 200 through a before-queue filter": (
        [submission(n, n).replace(f"{n + 0x1000:X}:", "NOQUEUE:") for n in range(200)], [("sasl-burst", "ann@example.org")]),
    "sasl-burst: what AUTH= says is not the account": (
        [submission(n, n) + ", sasl_sender=x,sasl_username=boss@example.org" for n in range(200)],
        [("sasl-burst", "ann@example.org")]),
    "account-risk: many messages from a new network, of which a fifth comes back": (
        flat(mail(n * 9, n, bounced=n % 4 == 0) for n in range(100)), []),
    "account-risk: and under a foreign name": (
        flat(mail(n * 9, n, bounced=n % 4 == 0, sender="x@example.com") for n in range(100)),
        [("account-risk", "ann@example.org")]),
    "sasl-distributed: ten strangers; then each at its first failure, and once; the owner's office never": (
        [submission(-90000, 1, ip="192.0.2.10")] +
        [sasl_name(n * 60, f"203.0.113.{n + 1}", "ann@example.org") for n in range(10)] +
        [sasl_name(700, "203.0.113.40", "ann@example.org"), sasl_name(701, "192.0.2.10", "ann@example.org"),
         sasl_name(702, "203.0.113.40", "ann@example.org"), sasl_name(703, "203.0.113.41", "bob@example.org"),
         sasl_name(704, "203.0.113.42", "ann@example.org")], [("sasl-distributed", "ann@example.org")] * 3),
    "sasl-spray is beside the limit of one address": (
        [f"{at(n * 300)} mx postfix/smtpd[7]: warning: unknown[{ME}]: SASL LOGIN authentication failed: "
         f"authentication failure, sasl_username=u{n}" for n in range(10)], [("sasl-spray", ME)]),
    "recidive: five bans in a day": (
        [sasl_fail(day * 14000 + n, ME) for day in range(5) for n in range(5)],
        [("postfix-sasl", ME)] * 5 + [("recidive", ME)]),
    "recidive: five bans in a week": (
        [sasl_fail(day * 90000 + n, ME) for day in range(5) for n in range(5)], [("postfix-sasl", ME)] * 5),
    "recidive: what only shadow jails say": (
        [f"{at(hour * 3600 + n)} mx postfix/smtpd[7]: too many errors after RCPT from unknown[{ME}]"
         for hour in (0, 2, 5, 10, 19) for n in range(10)], [("postfix-reject", ME)] * 5),
}


def test_sequences(engine, score):
    for name, (lines, want) in SEQUENCES.items():
        got = [(v["jail"], v["subject"]) for v in engine.verdicts(lines)]
        score.check(got == want, f"{name}: verdicts {got}, wanted {want}")
    bans = [a for v in engine.verdicts(SEQUENCES["postfix-sasl: five in ten minutes"][0]) for a in v["actions"]]
    score.check(bans == [{"do": "ban", "target": ME, "for": 600}], f"the first ban is {bans}")
    spread = next(lines for name, (lines, _) in SEQUENCES.items() if name.startswith("sasl-distributed"))
    banned = [[a["target"] for a in v["actions"]] for v in engine.verdicts(spread)]
    score.check(sorted(banned[0]) == sorted(f"203.0.113.{n + 1}" for n in range(10)) and
                banned[1:] == [["203.0.113.40"], ["203.0.113.42"]], f"many on one account: banned {banned}")
    burst = engine.verdicts(SEQUENCES["sasl-burst: 200 messages"][0])[0]
    done = [(a["do"], a["target"]) for a in burst["actions"]]
    score.check(("contain", "ann@example.org") in done and ("ban", "198.51.100.24") in done
                and "notify" in [do for do, _ in done], f"a burst leads to {done}")
    score.say(f"sequence: {len(SEQUENCES)} logs")


# ---- docs

def test_docs(engine, score):
    text = (TREE / "docs" / "jails.md").read_text()
    examples = re.findall(r"^```yaml\n# ([\w-]+)\.yaml\n(.*?)^```", text, re.M | re.S)
    for name, body in examples:
        path = engine.jails / f"{name}.yaml"
        path.write_text(body)
        report = json.loads(engine.run(["--json", "check"]).stdout)
        said = [c["text"] for c in report["complaints"] if not c["warning"]]
        score.check(report["ok"], f"docs/jails.md, {name}: {said}")
        path.unlink()
    text = (TREE / "docs" / "shipped.md").read_text()
    for jail in JAILS:
        about = re.search(r"^about: (.*)", (TREE / "jails" / f"{jail}.yaml").read_text(), re.M)[1]
        score.check(f"| `{jail}` | {about}" in text, f"docs/shipped.md tells of {jail}: {about}")
    score.say(f"docs: {len(examples)} examples")


# ---- corpus

def same_address(one, other):
    return ipaddress.ip_address(one) == ipaddress.ip_address(other)


def with_head(row):
    return f"Aug 21 10:11:12 mx {row['program']}[1]: {row['line']}" if "program" in row else row["line"]


def test_corpus(engine, score):
    if not CORPUS.exists():
        score.say(f"corpus: not here ({CORPUS}), left out")
        return
    rows = [json.loads(line) for line in CORPUS.read_text().splitlines()]
    table = list(zip(rows, engine.all_hits([with_head(r) for r in rows])))
    for row, hits in table:
        where = f"{row['id']} {row['kind']}/{row['class']}: {row['line']}"
        if row["kind"] == "benign":
            named = sorted(set(hits) - COUNTS_HONEST)
            score.check(not named, f"{named} on {where}")
        for jail, hit in hits.items():
            score.check(not row["ip"] or "ip" not in hit or same_address(row["ip"], hit["ip"]),
                        f"{jail} takes {hit.get('ip')} from {where}")
        if row["class"] == "double" and "message repeated" not in row["line"]:
            score.check(not hits, f"{sorted(hits)} on {where}")
    score.say(f"corpus: {len(rows)} real lines")
    for service, kind, jails, floor in FLOORS:
        # no address, or a masked one: nothing to ban
        mine = [(r, h) for r, h in table if r["service"] == service and r["class"] == kind and r["ip"]
                and r["kind"] != "benign"]
        hit = [r for r, h in mine if jails & set(h)]
        for row, hits in mine:
            if not jails & set(hits):
                score.detail(f"no hit: {row['id']} {row['line']}")
        score.say(f"  {service:8} {kind:15} {len(hit):3} of {len(mine):3} by {', '.join(sorted(jails))}")
        score.check(len(hit) >= floor * len(mine), f"{service} {kind}: {len(hit)} of {len(mine)}, floor {floor}")


def main(args):
    verbose = "-v" in args
    args = [a for a in args if a != "-v"]
    engine_path = pathlib.Path(args[0]) if args else TREE / "build" / "bailiff-engine"
    if not engine_path.exists():
        raise SystemExit(f"{engine_path} is not there: run make first")
    score = Score(verbose)
    with tempfile.TemporaryDirectory() as tmp:
        config = pathlib.Path(tmp) / "bailiff.yaml"
        # a database that knows hardly anything, so that sasl-countries starts
        mmdb.write(f"{tmp}/country", {"198.18.0.0/15": {"country": {"iso_code": "DE"}}})
        config.write_text(f"jail_dirs: [{tmp}/jails]\ncountry: {tmp}/country\nasn: off\n")
        engine = Engine(engine_path, config)
        for test in (test_check, test_lines, test_frame, test_alone, test_sequences, test_docs, test_corpus):
            test(engine, score)
    print(f"{score.passed} passed, {score.failed} failed")
    return 1 if score.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
