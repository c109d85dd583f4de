# SPDX-License-Identifier: GPL-2.0-or-later
"""Logs that a command prints: run again and again, followed, failing, and the queue's listing."""
import contextlib
import os
import pathlib

import pytest
import stream
from daemon import Bailiff
from machine import wait_for

GUESS = {"about": "lines of a command", "log": "app", "match": ["guess from <ip>$"],
         "limit": {"count": 3, "per": "ip", "within": "10m"},
         "then": [{"ban": {"for": "1h", "scope": "mail"}}]}


def script(bailiff, name, text):
    path = bailiff.dir / name
    path.write_text(f"#!/bin/sh\nhere={bailiff.dir}\n{text}\n", encoding="ascii")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def made(ns):
    bailiff = Bailiff(ns, jails={"guess": GUESS})
    yield bailiff
    bailiff.close()


def configure(bailiff, source, logs=None, **more):
    bailiff.configure({"logs": {"app": source, **(logs or {})}, "jails": stream.jails_on("guess", *(logs or ())),
                       "notify": {"mail": "off", "digest": "off"}, **more})


def source(bailiff, log="app"):
    return next((s for s in stream.status(bailiff)["sources"] if s["log"] == log), None)


def runs(bailiff, name="runs"):
    path = bailiff.dir / name
    return len(path.read_text().split()) if path.exists() else 0


def beside(bailiff):
    """A second log whose command runs each second, by which one sees that a run was due."""
    bailiff.add_jails({"beside": {**GUESS, "log": "beside"}})
    return {"command": [script(bailiff, "clock", "echo x >> $here/ticks")], "interval": "1s"}


def two_more(bailiff):
    """Two runs of the other log's command from now: one of this log's was due between them."""
    before = runs(bailiff, "ticks")
    wait_for(lambda: runs(bailiff, "ticks") >= before + 2)


def named(name):
    """The processes of this name on the whole machine, which is ours."""
    found = []
    for comm in pathlib.Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if comm.read_text(encoding="utf-8").strip() == name:
                found.append(comm)
    return found


def test_interval(made):
    """Each run's lines count; the environment is bare, the directory /, no descriptor is left."""
    run = script(made, "prog", 'echo x >> $here/runs\necho guess from 203.0.113.9\nenv > $here/env\n'
                 'pwd > $here/pwd\nls /proc/self/fd > $here/fds\ncat > $here/in\necho err >&2')
    configure(made, {"command": [run], "interval": "1s"})
    with made:
        made.wait_ban("203.0.113.9")
        wait_for(lambda: source(made)["state"] == "waiting")
        assert (source(made)["kind"], source(made)["path"]) == ("command", run)
        assert runs(made) >= 3 and source(made)["lines"] >= 3
        assert sorted(l.split("=")[0] for l in (made.dir / "env").read_text().split()) == [
            "LANG", "PATH", "PWD"]                      # PWD is the shell's own
        assert (made.dir / "pwd").read_text() == "/\n"
        assert (made.dir / "in").read_text() == ""
        assert [int(fd) for fd in (made.dir / "fds").read_text().split()] == [0, 1, 2, 3]  # 3 is ls's own


def test_off_starts_nothing(made):
    run = script(made, "prog", "echo x >> $here/runs")
    configure(made, {"command": [run], "interval": "1s"}, {"beside": beside(made)},
              jails={**stream.jails_on("beside"), "guess": "off"})
    with made:
        two_more(made)
        assert runs(made) == 0 and source(made) is None
        made.cli("jail", "guess", "on")
        wait_for(lambda: runs(made) > 0)
        made.cli("jail", "guess", "off")
        wait_for(lambda: source(made) is None)
        before = runs(made)
        two_more(made)
        assert runs(made) <= before + 1


def test_idle(made):
    """Left out while nothing is logged; the minute's look finds that something was."""
    run = script(made, "prog", "echo x >> $here/runs")
    configure(made, {"command": [run], "interval": "1s", "skip_idle": True}, {"beside": beside(made)})
    with made:
        wait_for(lambda: runs(made) == 1)
        two_more(made)
        assert runs(made) == 1


@pytest.mark.parametrize("text, words", [
    ("exit 3", "exit 3"), ("echo no luck >&2; exit 1", "exit 1: no luck"), ("kill -9 $$", "killed by signal 9"),
])
def test_failures(made, text, words):
    """Said once in the log, and in status; the next runs come later and later."""
    run = script(made, "prog", f"echo x >> $here/runs\n[ -e $here/well ] && exit 0\n{text}")
    configure(made, {"command": [run], "interval": "1s"})
    with made:
        wait_for(lambda: runs(made) >= 3)
        wait_for(lambda: source(made)["state"] == "failed" and words in source(made)["error"])
        assert made.text().count(f"log app: {run}: {words}") == 1
        (made.dir / "well").touch()
        made.wait_log("log app: its command works again", timeout=60)
        wait_for(lambda: source(made)["state"] == "waiting")


def test_not_there(made):
    configure(made, {"command": ["/nowhere/x"], "interval": "1s"})
    with made:
        made.wait_log("log app: /nowhere/x: exit 127: /nowhere/x: No such file or directory")


def test_too_much(made):
    """A flood ends at 64 MB of a run, and the program with it; the daemon is as it was."""
    run = script(made, "prog", "echo x >> $here/runs\nexec yes")
    configure(made, {"command": [run], "interval": "1d"})
    with made:
        made.wait_log("log app: it printed more than 64 MB", timeout=60)
        wait_for(lambda: not named("yes"))
        wait_for(lambda: source(made)["state"] == "failed" and "64 MB" in source(made)["error"])


def test_follow(made):
    """One that follows goes on over a reload, waits out an engine's death, and is started again."""
    fifo = made.dir / "fifo"
    os.mkfifo(fifo)
    run = script(made, "prog", "echo $$ >> $here/runs\nexec cat $here/fifo")
    configure(made, {"command": [run]})
    with made:
        with open(fifo, "w", buffering=1, encoding="ascii") as tell:
            tell.write("guess from 203.0.113.1\n")
            wait_for(lambda: source(made)["lines"] == 1)
            assert source(made)["state"] == "following"
            made.reload()
            tell.write("guess from 203.0.113.1\n")
            wait_for(lambda: source(made)["lines"] == 1)        # of the new engine
            times = made.times_ready()
            made.kill9("engine")
            tell.write("guess from 203.0.113.1\n")              # nobody listens
            made.wait_ready(times + 1)
            wait_for(lambda: source(made)["lines"] == 1)
            assert runs(made) == 1
        made.wait_log("log app: its command ended")
        with open(fifo, "w", buffering=1, encoding="ascii") as tell:
            tell.write("guess from 203.0.113.2\n" * 3)
            made.wait_ban("203.0.113.2")
        assert runs(made) == 2
    assert not named("cat")


def test_replay(made, tmp_path):
    """The same lines, given as a file."""
    configure(made, {"command": ["x"], "interval": "1s"})
    log = tmp_path / "old"
    log.write_bytes(b"".join(stream.line(1.7e9, "guess from 203.0.113.9") for _ in range(3)))
    assert [v["subject"] for v in made.replay(f"app={log}")] == ["203.0.113.9"]
    assert made.replay(log) == []                       # of no name: no command's
