# SPDX-License-Identifier: GPL-2.0-or-later
"""Containment while things break: a crash within each step, helpers that fail, hang or are missing.

Each helper is a script of the test's that goes wrong once and else is the real
program. However it went wrong, the account ends up contained, nothing is done
twice, and what the outcome says is true.
"""
import contextlib
import os
import pathlib
import re
import smtplib
import stat
import subprocess

import pytest

import machine
from daemon import Bailiff
from machine import SERVER, wait_for
from test_contain import BURST, CONFIG, PASSWORD, denied, jail, map_says, queue, server, submit, thief
from test_mail import locked, shadow, wait_admin_mail

__all__ = ["server", "thief"]
HELPERS = ["postmap", "postqueue", "postsuper", "doveadm", "passwd", "chage", "sendmail"]
CRASH = {
    "before": "kill -9 $PPID; exit 1",
    "after": '{real} "$@"; status=$?; kill -9 $PPID; exit $status',
}


def script(path, body):
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="ascii")
    path.chmod(stat.S_IRWXU)
    return [str(path)]


def once(directory, name, body):
    """The helper `name`, of which the first start does `body` instead."""
    real = machine.run(["sh", "-c", f"command -v {name}"]).stdout.strip()
    return script(directory / name, f'if mkdir {directory}/{name}.went 2>/dev/null; then {body.format(real=real)}; fi\n'
                                    f'exec {real} "$@"')


def config(**helpers):
    return {**CONFIG, "helpers": helpers}


def thieve(ns):
    session = machine.hold_open_smtp(ns, SERVER, 587, "joe", PASSWORD)
    # The cut may be quicker than the answer to the message that crosses.
    with contextlib.suppress(OSError, smtplib.SMTPServerDisconnected):
        submit(session, "boss@example.com", BURST)
    return session


def is_contained(postfix):
    return (locked("joe") and "joe:" in denied() and map_says("joe").startswith("REJECT") and
            set(queue(postfix, "boss@example.com").values()) == {"hold"})


@pytest.mark.parametrize("when", CRASH)
@pytest.mark.parametrize("helper", HELPERS)
def test_crash_within(net, server, thief, tmp_path, helper, when):
    """kill -9 of all of bailiff, before and behind what a step does."""
    argv = once(tmp_path, helper, CRASH[when])
    with Bailiff(net.server, config(**{helper: argv}), jails={"burst": jail("contain")}) as bailiff:
        thieve(thief)
        bailiff.ended()         # the runner took the others along
        assert (tmp_path / f"{helper}.went").exists()
        bailiff.start()
        wait_for(lambda: is_contained(server), 20, f"not contained\n{bailiff.text()}")
        incident = bailiff.wait_incident("joe", jail="burst")

        def told():
            show = bailiff.cli("show", incident["id"], json=True)
            open_ = [o for o in show["orders"] if not o.get("outcome")]
            return show if show["orders"] and not open_ else None
        show = wait_for(told, 20, f"steps are left open\n{bailiff.text()}")
        assert [i["id"] for i in bailiff.cli("incidents", json=True) if i["subject"] == "joe"] == [incident["id"]]
        outcome = next(o["outcome"]["status"] for o in show["orders"] if o["what"] == "notify")

        def mails():
            return [m for m in machine.delivered("root") if f"incident {incident['id']}" in m]
        # at most once; and one whose sendmail did not come back is never claimed
        assert outcome == ("unknown" if helper == "sendmail" else "done")
        sent = (helper, when) != ("sendmail", "before")
        if sent:
            wait_for(mails, 20, "Postfix took the mail and did not deliver it")
        assert len(mails()) == sent
        bailiff.cli("undo", incident["id"], "--false-alarm", "--release-mail")
        assert not locked("joe") and denied() == "" and map_says("joe") == ""
        assert "hold" not in queue(server, "boss@example.com").values()


def outcomes(bailiff, incident):
    show = bailiff.cli("show", incident["id"], json=True)
    return [(o["what"], o["outcome"]["status"], o["outcome"]["text"]) for o in show["orders"] if o.get("outcome")]


@pytest.mark.parametrize("fault", ["missing", "hangs", "fails"])
def test_doveadm(net, server, thief, tmp_path, fault):
    """No kick: it is said, nothing else is held up, and a second try does it."""
    path = tmp_path / "doveadm"
    if fault != "missing":
        script(path, "exec sleep 1000" if fault == "hangs" else "echo no such service >&2; exit 75")
    with Bailiff(net.server, config(doveadm=[str(path)]), jails={"burst": jail("contain")}) as bailiff:
        thieve(thief)
        incident = bailiff.wait_incident("joe", jail="burst")
        wait_for(lambda: locked("joe") and "joe:" in denied(), 20)
        text = wait_for(lambda: next((m for m in machine.delivered("root") if f"incident {incident['id']}" in m), None),
                        30, f"no mail\n{bailiff.text()}")
        status = "refused" if fault == "missing" else "failed"
        assert re.search(rf"kick +{status}", text), text
        assert {s for w, s, _ in outcomes(bailiff, incident) if w == "kick"} == {status}
        assert is_contained(server)
        path.unlink(missing_ok=True)
        os.symlink(machine.run(["sh", "-c", "command -v doveadm"]).stdout.strip(), path)
        again = bailiff.cli("contain", "joe", json=True)
        assert {s["status"] for s in again["steps"] if s["do"] == "kick"} == {"done"}


def test_undo_of_a_theft_while_steps_are_under_way(net, server, thief, tmp_path):
    """It waits for them, and for another password."""
    argv = once(tmp_path, "doveadm", f"while ! [ -e {tmp_path}/go ]; do sleep 0.05; done")
    with Bailiff(net.server, config(doveadm=argv), jails={"burst": jail("contain")}) as bailiff:
        thieve(thief)
        wait_for((tmp_path / "doveadm.went").exists)
        incident = bailiff.wait_incident("joe")
        undo = net.server.popen([*bailiff.bailiff, "undo", str(incident["id"])], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)
        with contextlib.suppress(subprocess.TimeoutExpired):
            undo.wait(1)
        (tmp_path / "go").touch()
        assert "still has the old password" in undo.communicate(timeout=30)[0] and undo.returncode == 1
        wait_for(lambda: is_contained(server))


@pytest.mark.parametrize("by", ["jail", "hand"])
def test_undo_while_steps_are_under_way(net, server, thief, tmp_path, by):
    """The one that is at work ends, those that have not begun never do, and all of it is taken back."""
    before = shadow("joe")
    argv = once(tmp_path, "doveadm", f"while ! [ -e {tmp_path}/go ]; do sleep 0.05; done")
    with Bailiff(net.server, config(doveadm=argv), jails={"burst": jail("contain")}) as bailiff:
        if by == "jail":
            thieve(thief)
        else:
            session = machine.hold_open_smtp(thief, SERVER, 587, "joe", PASSWORD)
            assert submit(session, "boss@example.com", 2) == [250] * 2
            server_said = net.server.popen([*bailiff.bailiff, "contain", "joe"], stdout=subprocess.PIPE, text=True)
        wait_for((tmp_path / "doveadm.went").exists)
        incident = bailiff.wait_incident("joe")
        undo = net.server.popen([*bailiff.bailiff, "undo", str(incident["id"]), "--false-alarm", "--release-mail"],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        with contextlib.suppress(subprocess.TimeoutExpired):    # it waits
            undo.wait(1)
        (tmp_path / "go").touch()
        said = undo.communicate(timeout=30)[0]
        assert undo.returncode == 0, said
        if by == "hand":
            assert "taken back before it began" in server_said.communicate(timeout=30)[0]
        wait_for(lambda: ("look", "refused") in [(w, s) for w, s, _ in outcomes(bailiff, incident)])
        assert {s for w, s, _ in outcomes(bailiff, incident) if w in ("lock", "look")} == {"refused"}
        assert shadow("joe") == before and denied() == "" and map_says("joe") == ""
        assert "hold" not in queue(server, "boss@example.com").values()
        assert bailiff.cli("show", incident["id"], json=True)["closed"]["how"] == "undo"


def test_postsuper_half_way(net, server, thief, tmp_path):
    """It takes one id and fails: the second pass, or a second try, takes the others."""
    argv = once(tmp_path, "postsuper", 'head -n 1 | {real} "$@"; echo broken >&2; exit 1')
    with Bailiff(net.server, config(postsuper=argv), jails={"burst": jail("contain")}) as bailiff:
        thieve(thief)
        incident = bailiff.wait_incident("joe", jail="burst")
        text = wait_admin_mail(incident)
        holds = [(s, t) for w, s, t in outcomes(bailiff, incident) if w == "hold"]
        assert any(s == "failed" and t.startswith("1 held, 4 not") for s, t in holds), holds
        assert any(s == "done" and t.startswith("4 held") for s, t in holds), holds
        assert is_contained(server), text
        bailiff.cli("undo", incident["id"], "--false-alarm", "--release-mail")
        assert "hold" not in queue(server, "boss@example.com").values()


@pytest.mark.parametrize("helper", ["passwd", "chage", "postmap"])
def test_step_that_fails(net, server, thief, tmp_path, helper):
    """What it did before it failed is taken back all the same; a second try does the rest."""
    before = shadow("joe")
    argv = once(tmp_path, helper, "echo broken >&2; exit 1")
    with Bailiff(net.server, config(**{helper: argv}), jails={"burst": jail("contain")}) as bailiff:
        thieve(thief)
        incident = bailiff.wait_incident("joe", jail="burst")
        wait_admin_mail(incident)
        step = "deny" if helper == "postmap" else "lock"
        assert (step, "failed") in [(w, s) for w, s, _ in outcomes(bailiff, incident)]
        again = bailiff.cli("contain", "joe", json=True)
        assert {s["do"]: s["status"] for s in again["steps"]} == {
            "deny": "done", "hold": "done", "kick": "done", "lock": "done"}
        assert locked("joe") and "joe:" in denied() and map_says("joe").startswith("REJECT")
        for one in again["incident"], incident["id"]:
            bailiff.cli("undo", one, "--false-alarm", "--release-mail")
        assert shadow("joe") == before and denied() == "" and map_says("joe") == ""
        assert "hold" not in queue(server, "boss@example.com").values()


def test_deny_file_that_is_edited_meanwhile(net, server, thief):
    """What somebody else writes into it stays, and ours goes, whatever the order."""
    deny = pathlib.Path(machine.DENY_FILE)
    deny.write_text("mallory:::::::\n", encoding="ascii")
    with Bailiff(net.server, CONFIG, jails={"burst": jail("contain")}) as bailiff:
        thieve(thief)
        incident = bailiff.wait_incident("joe", jail="burst")
        wait_admin_mail(incident)
        assert "mallory" in denied() and "joe:" in denied()
        deny.write_text("# by hand\n" + deny.read_text(encoding="ascii") + "trudy:::::::\n", encoding="ascii")
        bailiff.cli("undo", incident["id"], "--false-alarm")
        assert denied() == "# by hand\nmallory:::::::\ntrudy:::::::\n"
        assert deny.stat().st_mode & 0o777 == 0o640


def test_no_room_for_what_is_held(net, server, thief):
    """A full disk under STATE: what cannot be remembered is not begun, and said."""
    with Bailiff(net.server, CONFIG, jails={"burst": jail("contain")}) as bailiff:
        bailiff.stop()
        state = bailiff.dir / "state"
        machine.run(["cp", "-a", state, bailiff.dir / "kept"])
        machine.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "full", state])
        try:
            machine.run(["cp", "-a", f"{bailiff.dir}/kept/.", state])
            bailiff.start()
            machine.run(["dd", "if=/dev/zero", f"of={state}/fill", "bs=4k"], check=False)
            thieve(thief)
            bailiff.wait_log("No space left|disk is full", timeout=20)
            incident = bailiff.wait_log(r"incident \d+: hold user=joe: \w+ .*", timeout=20)
            wait_for(lambda: locked("joe") and "joe:" in denied(), 20)
            assert "held" in incident, incident
            os.unlink(state / "fill")
            again = bailiff.cli("contain", "joe", json=True)
            assert {s["do"]: s["status"] for s in again["steps"]} == {
                "deny": "done", "hold": "done", "kick": "done", "lock": "done"}
            assert is_contained(server)
            bailiff.stop()
        finally:
            machine.run(["umount", "-l", state])
