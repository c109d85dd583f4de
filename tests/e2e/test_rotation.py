# SPDX-License-Identifier: GPL-2.0-or-later
"""Each line of a followed log counts once, whatever becomes of its file.

Every line has an address of its own.  The jail `once` gives a verdict for each
that was read, the jail `twice` one for each that was read again.
"""
import contextlib
import os
import pathlib
import subprocess
import sys
import time

import pytest

import machine
import stream
from daemon import Bailiff
from stream import Log, address, line, refused

LOG = machine.MAIL_LOG
RATE, LINES, ROTATIONS = 5000, 20000, 6

ONCE = {"about": "every line", "log": "mail", "program": "app", "match": ["refused <ip>$"],
        "limit": {"count": 1, "per": "ip", "within": "1h"}, "then": []}
TWICE = {**ONCE, "about": "what was read twice", "limit": {"count": 2, "per": "ip", "within": "1h"}}
JAILS = {"once": ONCE, "twice": TWICE}

# Writes a line each 1/RATE s, one system call each; SIGHUP makes it reopen its log.
WRITER = """
import os, signal, sys, time
sys.path[:0] = sys.argv[4:]
from stream import address, refused
path, count, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
def reopen(*_):
    global fd
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
reopen()
signal.signal(signal.SIGHUP, reopen)
print("writing", flush=True)
begin = time.monotonic()
for i in range(count):
    late = i / rate - (time.monotonic() - begin)
    if late > 0:
        time.sleep(late)
    os.write(fd, refused(time.time(), address(i)))
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])     # Python's end takes its handler away
"""


def bailiff_on(ns, **config):
    return Bailiff(ns, {"jails": stream.jails_on(*JAILS), "snapshot_every": "1s", **config},
                   jails=JAILS)


class Writer:
    """A daemon that logs, in a process of its own."""

    def __init__(self, count=LINES, rate=RATE):
        here = pathlib.Path(__file__).parent
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(LOG), str(count), str(rate), str(here),
             str(here.parent / "lab")], stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"writing\n"

    @property
    def pid(self):
        return self.process.pid

    def wait(self):
        assert self.process.wait(60) == 0
        self.process.stdout.close()


class Logrotate:
    """Debian's, with a configuration of one log; each call rotates it."""

    def __init__(self, path, *options, hup=0):
        self.conf, self.state = path / "logrotate.conf", path / "logrotate.state"
        hook = f"postrotate\n/bin/kill -HUP {hup}\nendscript\n" if hup else ""
        self.conf.write_text(f"{LOG} {{\n" + "\n".join(("rotate 99", "missingok", *options)) +
                             f"\n{hook}}}\n", encoding="ascii")
        self.conf.chmod(0o644)

    def __call__(self):
        machine.run(["logrotate", "-f", "-s", self.state, self.conf])


def in_files():
    """The addresses of all whole lines in the log and its rotated parts."""
    found = []
    for path in LOG.parent.glob(LOG.name + "*"):
        cat = "zcat" if path.suffix == ".gz" else "cat"
        text = machine.run([cat, path]).stdout
        found += [l.split()[-1] for l in text.split("\n")[:-1] if " refused " in l]
    return found


@pytest.fixture(autouse=True)
def no_parts():
    for path in LOG.parent.glob(LOG.name + "*"):
        path.unlink()


def read(bailiff, jail="once"):
    return [v[1] for v in stream.verdicts(bailiff) if v[0] == jail]


def assert_once(bailiff, want, more=()):
    """Each of these was read, none twice, and nothing else but perhaps of `more`."""
    stream.caught_up(bailiff, LOG)
    with contextlib.suppress(TimeoutError):
        stream.wait_verdicts(bailiff, len(set(want)), 5)
    got = set(read(bailiff))
    said = "\n".join(l for l in bailiff.text().splitlines() if " verdict id=" not in l)
    print(said)
    assert not (missing := set(want) - got), (len(missing), sorted(missing)[:5])
    assert not (extra := got - set(want) - set(more)), (len(extra), sorted(extra)[:5])
    assert read(bailiff, "twice") == []
    assert "may be missing" not in bailiff.text()


def hits(bailiff, jail="once"):
    return next(j["hits"] for j in stream.status(bailiff)["jails"] if j["jail"] == jail)


# While it is written

@pytest.mark.parametrize("options", [
    ("create",), ("create", "compress"), ("create", "compress", "delaycompress"),
    ("create", "dateext", "dateformat -%Y%m%d-%s")], ids="-".join)
def test_rename(ns, tmp_path, options):
    with bailiff_on(ns) as bailiff:
        writer = Writer()
        rotate = Logrotate(tmp_path, *options, hup=writer.pid)
        for _ in range(rotations := 2 if "dateext" in options else ROTATIONS):   # a name a second
            time.sleep(LINES / RATE / (rotations + 1))
            rotate()
        writer.wait()
        want = [address(i) for i in range(LINES)]
        assert sorted(in_files()) == sorted(want)
        assert_once(bailiff, want)
        assert hits(bailiff) == LINES


@pytest.mark.parametrize("options", [
    ("copytruncate",), ("copytruncate", "compress")], ids="-".join)
def test_copytruncate(ns, tmp_path, options):
    with bailiff_on(ns) as bailiff:
        writer, rotate = Writer(), Logrotate(tmp_path, *options)
        for _ in range(ROTATIONS):
            time.sleep(LINES / RATE / (ROTATIONS + 1))
            rotate()
        writer.wait()
        assert_once(bailiff, in_files(), [address(i) for i in range(LINES)])
        assert hits(bailiff) == len(read(bailiff))


def test_rename_and_deaths(ns, tmp_path):
    """Rotations, and engines that are killed, at the same time."""
    rng = stream.seed()
    with bailiff_on(ns) as bailiff:
        before = stream.wait_snapshot(bailiff)
        writer = Writer()
        rotate = Logrotate(tmp_path, "create", "compress", "delaycompress", hup=writer.pid)
        stream.wait_snapshot(bailiff, before)       # one that knows the log
        for _ in range(4):
            time.sleep(rng.random() * LINES / RATE / 5)
            rotate()
            time.sleep(rng.random() * LINES / RATE / 10)
            bailiff.kill9("engine")
        writer.wait()
        assert_once(bailiff, [address(i) for i in range(LINES)])


# While nobody reads

@pytest.mark.parametrize("end", ["stop", "kill"])
@pytest.mark.parametrize("options", [
    ("create",), ("create", "compress"), ("copytruncate",), ("copytruncate", "compress"),
    ("create", "dateext", "dateformat -%Y%m%d-%s", "extension .log", "compress")], ids="-".join)
def test_twice_while_down(ns, tmp_path, options, end):
    rotate, n = Logrotate(tmp_path, *options), 0

    def write(count=100):
        nonlocal n
        with Log(LOG) as log:
            log.write(*(refused(time.time(), address(i)) for i in range(n, n + count)))
        n += count

    write()
    with bailiff_on(ns) as bailiff:
        stream.wait_verdicts(bailiff, n)
        before = stream.wait_snapshot(bailiff)
        write()
        stream.wait_verdicts(bailiff, n)
        if end == "stop":
            bailiff.stop()
        else:
            stream.wait_snapshot(bailiff, before)
            bailiff.kill9()
            bailiff.ended()
        for _ in range(2):
            write()
            rotate()
            if "dateext" in options:        # a name a second
                time.sleep(1.1)
        write()
        bailiff.start()
        assert_once(bailiff, [address(i) for i in range(n)])

        # And once more, from what this start made of it.
        write()
        rotate()
        write()
        stream.wait_verdicts(bailiff, n)
        bailiff.restart()
        write()
        assert_once(bailiff, [address(i) for i in range(n)])


def test_rotated_in_use_then_twice_while_down(ns, tmp_path):
    """The snapshot knows two files of that name, and both have gone on since."""
    rotate, n = Logrotate(tmp_path, "create"), 0
    old, new = Log(LOG), None
    with bailiff_on(ns) as bailiff:
        def write(log, count=100):
            nonlocal n
            log.write(*(refused(time.time(), address(i)) for i in range(n, n + count)))
            n += count

        write(old)
        stream.wait_verdicts(bailiff, n)
        rotate()
        new = Log(LOG)
        write(new)
        write(old)
        stream.wait_verdicts(bailiff, n)
        bailiff.stop()
        write(old)
        write(new)
        rotate()
        third = Log(LOG)
        write(third)
        rotate()
        fourth = Log(LOG)
        write(fourth)
        bailiff.start()
        assert_once(bailiff, [address(i) for i in range(n)])
    for log in old, new, third, fourth:
        log.close()


def test_same_content_in_another_inode(ns):
    """A restored file, or a device that has another number since the boot."""
    with Log(LOG) as log, bailiff_on(ns) as bailiff:
        log.write(*(refused(time.time(), address(i)) for i in range(100)))
        stream.wait_verdicts(bailiff, 100)
        bailiff.stop()
        copy = LOG.with_name("copy")
        copy.write_bytes(LOG.read_bytes())
        copy.rename(LOG)
        log.open()
        log.write(*(refused(time.time(), address(i)) for i in range(100, 200)))
        bailiff.start()
        assert_once(bailiff, [address(i) for i in range(200)])


def test_gap_is_said(ns):
    """A part that is gone is told of, and never guessed."""
    with Log(LOG) as log, bailiff_on(ns) as bailiff:
        log.write(*(refused(time.time(), address(i)) for i in range(100)))
        stream.wait_verdicts(bailiff, 100)
        bailiff.stop()
        LOG.unlink()
        log.open()
        log.write(*(refused(time.time(), address(i)) for i in range(100, 200)))
        bailiff.start()
        stream.wait_verdicts(bailiff, 200)
        bailiff.wait_log("the rotated part of /var/log/mail.log was not found: lines after offset")
        assert read(bailiff, "twice") == []


# Files that come, lines that are odd, logs that are none

def source(*files, **more):
    return {"logs": {"mail": {"prefer": "files", "files": [str(f) for f in files], **more}}}


def test_file_appears_later(ns, tmp_path):
    where = pathlib.Path("/var/log/later")
    with bailiff_on(ns, **source(where / "*/app*.log")) as bailiff:
        bailiff.wait_log("log mail: nothing to read yet, waiting for it")
        (where / "a").mkdir(parents=True)
        for n, name in enumerate(["a/app1.log", "a/app2.log", "b/app.log"]):
            (where / name).parent.mkdir(exist_ok=True)
            with Log(where / name) as log:
                log.write(refused(time.time(), address(n)))
            stream.wait_verdicts(bailiff, n + 1)
        (where / "a/other.log").write_bytes(refused(time.time(), address(9)))
        moved = where / "elsewhere"
        moved.write_bytes(refused(time.time(), address(3)))
        moved.rename(where / "b/app9.log")
        stream.wait_verdicts(bailiff, 4)
        assert sorted(read(bailiff)) == [address(i) for i in range(4)]
        assert read(bailiff, "twice") == []


def test_odd_lines(ns):
    now = time.time()
    whole, half = refused(now, address(0)), refused(now, address(1))
    with Log(LOG) as log, bailiff_on(ns) as bailiff:
        log.write(whole, half[:40])
        stream.wait_verdicts(bailiff, 1)
        log.write(half[40:-1])
        log.write(b"\n", line(now, "n" * 5000000 + f" refused {address(2)}"),
                  line(now, f"refused {address(3)}")[:-1] + b"\r\n",
                  b"\0" * 100000 + refused(now, address(4)),
                  line(now, "a\0refused 1.2.3.4"),
                  b"\xff\xfe\x80 " + refused(now, address(5)),
                  refused(now, address(6)).replace(b" mx ", b" m\xc3\x28 "),
                  b"\n", b"\r\n", b"\0\n", refused(now, address(7)))
        want = [address(i) for i in (0, 1, 3, 4, 6, 7)]
        stream.wait_verdicts(bailiff, len(want))
        stream.caught_up(bailiff, LOG)
        assert sorted(read(bailiff)) == want
        assert read(bailiff, "twice") == []
        # What is shown of such bytes is text.
        assert "m\\xC3( app" in bailiff.cli("why", address(6))


def test_what_is_no_log(ns):
    """Refused one by one with a reason; what can be read is read."""
    where = pathlib.Path("/var/log/odd")
    where.mkdir()
    (where / "real").write_bytes(refused(time.time(), address(0)))
    (where / "1.log").symlink_to(where / "real")
    os.mkfifo(where / "2.log")
    (where / "3.log").mkdir()
    os.mknod(where / "4.log", 0o20600, os.makedev(1, 3))
    (where / "5.log").write_bytes(refused(time.time(), address(1)))
    (where / "5.log").chmod(0)
    why = {"1.log": "is a symbolic link, not followed", "2.log": "not a regular file",
           "3.log": "Is a directory", "4.log": "not a regular file"}
    with bailiff_on(ns, **source(where / "*.log")) as bailiff:
        stream.wait_verdicts(bailiff, 1)
        for name, text in why.items():
            bailiff.wait_log(f"error: log mail: {where / name}: {text}")
            assert stream.source_state(bailiff, where / name)["state"] == "failed"
        assert read(bailiff) == [address(1)]

        # Once it is a file it is read, and is failed no longer.
        (where / "1.log").unlink()
        (where / "1.log").write_bytes(refused(time.time(), address(2)))
        stream.wait_verdicts(bailiff, 2)
        machine.wait_for(lambda: stream.source_state(bailiff, where / "1.log")["state"] == "following")
        states = [s["state"] for s in stream.status(bailiff)["sources"]]
        assert sorted(states) == ["failed"] * 3 + ["following"] * 2
