# SPDX-License-Identifier: GPL-2.0-or-later
"""The systemd journal as a source: journal files that grow, rotate and come late."""
import pathlib
import time

import pytest

import machine
import stream
from daemon import Bailiff
from machine import Journal
from stream import Log, address, refused
from test_rotation import JAILS, read

UNIT = "app@one.service"


@pytest.fixture
def where(tmp_path):
    """A directory of journals; the monitor may look into it as any user."""
    for path in tmp_path, tmp_path.parent:
        path.chmod(0o755)
    (tmp_path / "journal").mkdir()
    return tmp_path / "journal"


def bailiff_on(ns, where, **log):
    mail = {"journal": {"units": ["app*"], "dir": str(where)}, **log}
    return Bailiff(ns, {"jails": stream.jails_on(*JAILS), "snapshot_every": "1s",
                        "logs": {"mail": mail}}, jails=JAILS)


def write(journal, *numbers, unit=UNIT, **more):
    for n in numbers:       # one boot's clock, whichever file it goes to
        journal.write(f"refused {address(n)}", "app", unit=unit,
                      __MONOTONIC_TIMESTAMP=time.monotonic_ns() // 1000, **more)


def wait_read(bailiff, *numbers):
    """Wait until these were read, and no other, and none twice."""
    stream.wait_verdicts(bailiff, len(numbers))
    assert sorted(read(bailiff)) == sorted(map(address, numbers)), bailiff.text()
    assert read(bailiff, "twice") == []


def test_growing(ns, where):
    with Journal(where / "system.journal") as journal:
        write(journal, 0)
        machine.wait_for(lambda: len(journal.messages()) == 1)
        with bailiff_on(ns, where) as bailiff:
            wait_read(bailiff, 0)
            write(journal, 1)
            write(journal, 2, unit="other.service")         # not one of ours
            write(journal, 3, unit="app-of-later.service")  # a unit that nobody knew
            write(journal, 4, unit="")                      # by its identifier
            journal.write(b"t\xff\0o refused", "app", unit=UNIT)
            write(journal, 5)
            wait_read(bailiff, 0, 1, 3, 4, 5)
            kinds = [(s["kind"], s["state"]) for s in stream.status(bailiff)["sources"]]
            assert kinds == [("journal", "following")]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_cursor_is_kept(ns, where, end):
    with Journal(where / "system.journal") as journal:
        write(journal, *range(10))
        machine.wait_for(lambda: len(journal.messages()) == 10)
        with bailiff_on(ns, where) as bailiff:
            wait_read(bailiff, *range(10))
            before = stream.wait_snapshot(bailiff)
            write(journal, 10)
            wait_read(bailiff, *range(11))
            if end == "stop":
                bailiff.stop()
            else:
                bailiff.kill9()
                bailiff.ended()
            write(journal, *range(11, 20))
            machine.wait_for(lambda: len(journal.messages()) == 20)
            bailiff.start()
            wait_read(bailiff, *range(20))
            write(journal, 20)
            wait_read(bailiff, *range(21))
            stream.wait_snapshot(bailiff, before)


def test_old_entries(ns, where):
    """At a first start one longest window is read, after that whatever comes."""
    with Journal(where / "system.journal") as journal:
        write(journal, 0, when=time.time() - 7200)
        write(journal, 1, when=time.time() - 60)
        machine.wait_for(lambda: len(journal.messages()) == 2)
        with bailiff_on(ns, where) as bailiff:
            wait_read(bailiff, 1)


def test_rotation(ns, where):
    """journald renames the full file and begins another: both are one stream."""
    first = Journal(where / "system.journal")
    first.start()
    write(first, 0, 1)
    machine.wait_for(lambda: len(first.messages()) == 2)
    with bailiff_on(ns, where) as bailiff:
        wait_read(bailiff, 0, 1)
        write(first, 2)
        first.stop()
        first.path.rename(where / "system@0001.journal")
        with Journal(where / "system.journal") as second:
            write(second, 3, 4)
            wait_read(bailiff, *range(5))
            bailiff.restart()
            write(second, 5)
            wait_read(bailiff, *range(6))


def test_journal_appears_later(ns, where):
    with bailiff_on(ns, where) as bailiff:
        bailiff.wait_log("log mail: nothing to read yet, waiting for it")
        (where / "machine-id").mkdir()
        with Journal(where / "machine-id/system.journal") as journal:
            write(journal, 0, 1)
            wait_read(bailiff, 0, 1)
        bailiff.stop()
        hidden = where.with_name("hidden")
        (where / "machine-id").rename(hidden)
        bailiff.start()
        with Journal(hidden / "system.journal") as journal:
            write(journal, 2)
            machine.wait_for(lambda: len(journal.messages()) == 3)
        hidden.rename(where / "machine-id")
        wait_read(bailiff, 0, 1, 2)


@pytest.mark.parametrize("prefer", ["journal", "files"])
def test_prefer(ns, where, prefer):
    """What stands in both is counted once, from the kind that is preferred."""
    with Journal(where / "system.journal") as journal, Log(machine.MAIL_LOG) as log:
        write(journal, 0, 1)
        machine.wait_for(lambda: len(journal.messages()) == 2)
        log.write(refused(time.time(), address(0)), refused(time.time(), address(2)))
        with bailiff_on(ns, where, prefer=prefer, files=[str(machine.MAIL_LOG)]) as bailiff:
            write(journal, 3)
            log.write(refused(time.time(), address(4)))
            wait_read(bailiff, *((0, 1, 3) if prefer == "journal" else (0, 2, 4)))
            assert [s["kind"] for s in stream.status(bailiff)["sources"]] == [
                {"journal": "journal", "files": "file"}[prefer]]


def test_prefer_takes_what_there_is(ns, where):
    """No journal is here: the files serve, although the journal is preferred."""
    with Log(machine.MAIL_LOG) as log:
        log.write(refused(time.time(), address(0)))
        with bailiff_on(ns, where, prefer="journal", files=[str(machine.MAIL_LOG)]) as bailiff:
            wait_read(bailiff, 0)


def test_damaged_file(ns, where):
    """A file that is no journal is said and passed over, the others are read."""
    pathlib.Path(where / "old.journal").write_bytes(b"not a journal" * 1000)
    with bailiff_on(ns, where) as bailiff:
        bailiff.wait_log("warning: log mail: .*: 1 of 1 files are no journals")
        with Journal(where / "system.journal") as journal:
            write(journal, 0)
            wait_read(bailiff, 0)
            bailiff.restart()
            write(journal, 1)
            wait_read(bailiff, 0, 1)
