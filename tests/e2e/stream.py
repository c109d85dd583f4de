# SPDX-License-Identifier: GPL-2.0-or-later
"""Logs that a test writes itself, and what bailiff must make of them.

No mail server is here: lines say "refused 203.0.113.9" and "sent by joe", and
two jails of the tests' own read them.  What is expected never comes from a
second count in Python but from `bailiff replay` over the same file, or from
the test's own construction.
"""
import contextlib
import datetime
import json
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import time

from machine import wait_for

HOUR, DAY = 3600, 86400

# Bans outlive any test; nothing that was here before has a share in them.
GUESS = {
    "about": "lines of a test",
    "log": "mail", "program": "app",
    "match": ["refused <ip>$"],
    "limit": {"count": 5, "per": "ip", "within": "10m"},
    "then": [{"ban": {"for": "2h", "scope": "mail"}}],
}
SPAM = {
    "about": "an account of a test",
    "log": "mail", "program": "app",
    "match": ["sent by <user>$"],
    "limit": {"count": 5, "per": "user", "within": "10m"},
    "then": ["notify"],
}


def jails_on(*names, **more):
    """The `jails` of a bailiff.yaml that runs these and no other."""
    return {"auto": False, **{n: True for n in names}, **more}


def seed(request=None):
    """A generator whose seed is printed, or taken from BAILIFF_SEED to see it again."""
    n = int(os.environ.get("BAILIFF_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"BAILIFF_SEED={n}", file=sys.stderr)
    return random.Random(n)


def stamp(when):
    t = datetime.datetime.fromtimestamp(when, datetime.timezone.utc)
    return t.strftime("%Y-%m-%dT%H:%M:%S.") + f"{t.microsecond // 1000:03d}+00:00"


def line(when, text, program="app"):
    return f"{stamp(when)} mx {program}[7]: {text}\n".encode()


def refused(when, addr):
    return line(when, f"refused {addr}")


def sent(when, user):
    return line(when, f"sent by {user}")


def address(i):
    """The ith of many addresses in 198.18.0.0/15 (RFC 2544), never banned but by us."""
    return f"198.{18 + (i >> 16 & 1)}.{i >> 8 & 255}.{i & 255}"


class Log:
    """A log file; each write() is one system call of whole lines."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.fd = -1
        self.open()

    def open(self):
        """(Re)open by name, as a syslog daemon does when it is told of a rotation."""
        self.close()
        self.fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def write(self, *lines):
        data = b"".join(lines)
        assert os.write(self.fd, data) == len(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# What the daemon made of it

def ledger(bailiff, sql, *args):
    """Rows of the ledger, also of a running engine's."""
    path = bailiff.dir / "state/engine/ledger.db"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as db:
        return db.execute(sql, args).fetchall()


def verdicts(bailiff):
    """[(jail, subject, time in ms, count)] as recorded, in order of time."""
    with contextlib.suppress(sqlite3.OperationalError):     # not there yet
        return sorted(ledger(bailiff, "SELECT jail, subject, at_ms, amount FROM verdicts"),
                      key=lambda v: (v[2], v[0], v[1]))
    return []


def wait_verdicts(bailiff, want, timeout=30):
    """Wait until that many verdicts are in the ledger; give them."""
    def enough():
        path = bailiff.dir / "state/engine/ledger.db"
        if not path.exists():
            return False
        with contextlib.suppress(sqlite3.OperationalError):
            return ledger(bailiff, "SELECT count(*) FROM verdicts")[0][0] >= want
        return False
    try:
        wait_for(enough, timeout)
    except TimeoutError:
        raise TimeoutError(f"{len(verdicts(bailiff))} verdicts, not {want}\n"
                           f"{bailiff.text()[-6000:]}") from None
    return verdicts(bailiff)


def subject_text(subject):
    if isinstance(subject, dict):
        return " ".join(f"{k}={v}" for k, v in subject.items())
    return subject


def replayed(bailiff, *logs, args=()):
    """[(jail, subject, time in ms)] as `bailiff replay` finds them."""
    found = [(v["jail"], subject_text(v["subject"]), round(v["time"] * 1000))
             for v in bailiff.replay(*logs, args=args)]
    return sorted(found, key=lambda v: (v[2], v[0], v[1]))


def without_counts(rows):
    return [v[:3] for v in rows]


def assert_same(got, want, bailiff):
    """Two lists of verdicts are equal, and no verdict is there twice."""
    twice = sorted({v for v in got if got.count(v) > 1}) if len(got) != len(set(got)) else []
    missing, extra = sorted(set(want) - set(got)), sorted(set(got) - set(want))
    assert not (twice or missing or extra), (
        f"{len(want)} verdicts wanted, {len(got)} found; missing {len(missing)}: {missing[:5]}, "
        f"extra {len(extra)}: {extra[:5]}, twice: {twice[:5]}\n{bailiff.text()[-6000:]}")


def wait_snapshot(bailiff, newer_than=0, timeout=10):
    """Wait for a snapshot written after that time (st_mtime_ns); give its own."""
    path = bailiff.dir / "state/engine/snapshot"

    def there():
        with contextlib.suppress(FileNotFoundError):
            t = path.stat().st_mtime_ns
            return t if t > newer_than else 0
        return 0
    return wait_for(there, timeout, "no snapshot")


def status(bailiff):
    return bailiff.cli("status", json=True)


def source_state(bailiff, path):
    """What `status` says of one file; the last one of that name."""
    found = [s for s in status(bailiff)["sources"] if s["path"] == str(path)]
    return found[-1] if found else None


def caught_up(bailiff, path):
    """Wait until all of a file has been read."""
    def there():
        s = source_state(bailiff, path)
        return s and s["state"] == "following" and s["lag"] == 0
    return wait_for(there, 20, f"{path} is not read to its end")


class Mailbox:
    """A sendmail that keeps each message in a file: `helpers: {sendmail: box.argv}`."""

    SCRIPT = '#!/bin/sh\nf=$(mktemp "$1/in.XXXXXX") && cat > "$f" && mv "$f" "$f.eml"\n'

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.mkdir()
        self.program = self.path / "sendmail"
        self.program.write_text(self.SCRIPT, encoding="ascii")
        self.program.chmod(0o755)
        self.argv = [str(self.program), str(self.path)]

    def messages(self):
        return [p.read_text(errors="backslashreplace") for p in sorted(self.path.glob("*.eml"))]

    def header(self, name):
        """That header of each message."""
        return [l.split(": ", 1)[1] for m in self.messages()
                for l in m.split("\n\n", 1)[0].splitlines() if l.startswith(name + ": ")]


def settled(bailiff):
    """Wait until no order is without its outcome."""
    return wait_for(lambda: not ledger(bailiff, "SELECT id FROM orders WHERE status IS NULL"), 20,
                    f"orders without an outcome\n{bailiff.text()[-4000:]}")


def in_kernel(ns, table="bailiff"):
    """The bans that the kernel itself holds: the elements of sets with timeouts."""
    out = ns.run(["nft", "-j", "list", "table", "inet", table], check=False).stdout
    sets = (o["set"] for o in json.loads(out or '{"nftables": []}')["nftables"] if "set" in o)
    return [e["elem"]["val"] for s in sets if "timeout" in s.get("flags", [])
            for e in s.get("elem", [])]


def zstd(data):
    """A zstd frame of raw blocks (RFC 8878): no tool is needed to make one."""
    out = [b"\x28\xb5\x2f\xfd\x00\x58"]
    blocks = [data[i:i + 65536] for i in range(0, len(data), 65536)] or [b""]
    for i, block in enumerate(blocks):
        out += [(len(block) << 3 | (i + 1 == len(blocks))).to_bytes(3, "little"), block]
    return b"".join(out)
