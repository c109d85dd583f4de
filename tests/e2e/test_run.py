# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands that a jail runs: argv with checked values, and their undoing."""
import subprocess

import pytest

from daemon import Bailiff
from machine import wait_for

JAIL = """
about: a test's own
log: mail
match:
  - 'bad <ip> (?<word>.*)$'
limit: {{count: 1, per: ip, within: 10m}}
then:
  - run: [/usr/bin/mkdir, --, '{0}/<ip>', '{0}/w-<word>']
    undo: [/usr/bin/rmdir, --, '{0}/<ip>', '{0}/w-<word>']
"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "mail.log").touch()
    return tmp_path


def offend(log, addr, word):
    now = subprocess.run(["date", "+%b %e %H:%M:%S"], capture_output=True, text=True, check=True)
    with open(log, "a", encoding="ascii") as f:
        f.write(f"{now.stdout.strip()} mail app[1]: bad {addr} {word}\n")


def test_run_and_undo(net, place):
    with Bailiff(net.server, {"logs": {"mail": {"prefer": "files", "files": [str(place / "mail.log")]}},
                              "jails": {"auto": False, "own": "on"}},
                 jails={"own": JAIL.format(place)}) as bailiff:
        # What a stranger wrote is one word of the argv, whatever it holds.
        offend(place / "mail.log", "203.0.113.9", "$(touch pwned);`id` -rf")
        wait_for((place / "w-$(touch pwned);`id` -rf").is_dir, 10, "the command did not run")
        assert (place / "203.0.113.9").is_dir()
        incident = bailiff.wait_incident("203.0.113.9")["id"]

        def done():
            orders = bailiff.cli("show", incident, json=True)["orders"]
            return [o["outcome"]["status"] for o in orders] == ["done"]
        wait_for(done, 10)
        bailiff.cli("undo", incident)
        assert not (place / "203.0.113.9").exists()
        assert not (place / "w-$(touch pwned);`id` -rf").exists()
        # Once is enough: a second undo has nothing to take back.
        assert "undo run" not in bailiff.cli("undo", incident)


def test_undo_waits_for_the_run(net, place):
    """What is still running is taken back when it is over; what a restart interrupted is told."""
    script = place / "slow"
    script.write_text('#!/bin/sh\ntouch "$1.begun"; sleep 2; mkdir "$1"\n', encoding="ascii")
    script.chmod(0o755)
    slow = JAIL.format(place).replace("/usr/bin/mkdir, --,", f"{script},").replace(f", '{place}/w-<word>'", "")
    with Bailiff(net.server, {"logs": {"mail": {"prefer": "files", "files": [str(place / "mail.log")]}},
                              "jails": {"auto": False, "own": "on"}}, jails={"own": slow}) as bailiff:
        offend(place / "mail.log", "203.0.113.9", "x")
        wait_for((place / "203.0.113.9.begun").exists, 10, "the command did not run")
        incident = bailiff.wait_incident("203.0.113.9")["id"]
        assert not (place / "203.0.113.9").exists()
        said = bailiff.cli("undo", incident)
        assert "undo run" in said
        assert not (place / "203.0.113.9").exists()
        orders = bailiff.cli("show", incident, json=True)["orders"]
        assert [(o["what"], o["outcome"]["status"]) for o in orders] == [("run 0", "done"), ("undo run", "done")]

        offend(place / "mail.log", "203.0.113.10", "x")
        wait_for((place / "203.0.113.10.begun").exists, 10, "the command did not run")
        incident = bailiff.wait_incident("203.0.113.10")["id"]
        bailiff.restart()
        said = bailiff.cli("undo", incident, status=1)
        assert "it was not taken back" in said
