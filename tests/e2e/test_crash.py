# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9, at random points: what follows is what an undisturbed run gives.

Undisturbed is `bailiff replay`, which test_replay.py compares with a daemon
that nobody disturbs.  A service manager's part, starting bailiffd again when
it has ended, is played by `Service`.
"""
import collections
import re
import time

import pytest

import machine
import stream
from daemon import FAULT_BUILD, Bailiff
from stream import GUESS, HOUR, SPAM, Log, Mailbox, address, line, refused, sent

EACH = [("engine",), ("monitor",), ("runner",), ("monitor", "runner", "engine")]

# A hit of each of three addresses every six minutes: a verdict after an hour and a half.
DRIP = {**GUESS, "limit": {"count": 15, "per": "ip", "within": "2h"},
        "then": [{"ban": {"for": "1h", "grow": 2, "max": "1d", "scope": "mail"}}]}


class Service(Bailiff):
    """A bailiff under a service manager that starts it again whenever it ends."""

    def survive(self, what):
        """Kill these processes, and be there again."""
        times = self.times_ready()
        pids = self.kill9(*what)
        machine.wait_for(lambda: all(gone(p) for p in pids), what=f"{what}: {pids}")
        if what == ("engine",):
            self.wait_ready(times + 1)
            return
        self.ended()
        self.start()


def gone(pid):
    """No such process, or only its corpse, which Popen.wait() buries."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def assert_mailed_once(box, wanted):
    """Each incident is told at most once, and nearly all are."""
    ids, subjects = box.header("X-Bailiff-Order"), box.header("Subject")
    assert max(collections.Counter(ids).values(), default=0) <= 1, ids
    told = collections.Counter(re.search(r"account (\S+)", s).group(1) for s in subjects)
    assert max(told.values(), default=0) <= 1, told
    assert set(told) <= set(wanted), set(told) - set(wanted)
    return set(told)


@pytest.mark.parametrize("what", EACH, ids="+".join)
def test_burst(ns, tmp_path, what):
    """Ten thousand attackers and eight accounts at once, and four deaths meanwhile."""
    rng, attackers, users = stream.seed(), 10000, [f"user{i}" for i in range(8)]
    box, now = Mailbox(tmp_path / "mail"), time.time() - 60
    lines = [refused(now, address(i)) for i in range(attackers) for _ in range(5)]
    lines += [sent(now, u) for u in users for _ in range(5)]
    rng.shuffle(lines)
    config = {"jails": stream.jails_on("guess", "spam"), "snapshot_every": "1s",
              "helpers": {"sendmail": box.argv}}
    with Log(machine.MAIL_LOG) as log, \
            Service(ns, config, jails={"guess": GUESS, "spam": SPAM}) as bailiff:
        stream.wait_snapshot(bailiff)
        at = 0
        for stop in sorted(rng.sample(range(len(lines)), 4)) + [len(lines)]:
            log.write(*lines[at:stop])
            at = stop
            if stop < len(lines):
                time.sleep(rng.random() * 0.1)      # anywhere in the work on these
                bailiff.survive(what)
        want = stream.replayed(bailiff, f"mail={machine.MAIL_LOG}")
        assert len(want) == attackers + len(users)
        got = stream.wait_verdicts(bailiff, len(want))
        stream.assert_same(stream.without_counts(got), want, bailiff)
        machine.wait_for(lambda: stream.status(bailiff)["firewall"]["in_kernel"] == attackers)
        assert sorted(stream.in_kernel(ns)) == sorted(map(address, range(attackers)))
        assert len(bailiff.cli("bans", json=True)) == attackers
        stream.settled(bailiff)
        told = assert_mailed_once(box, users)
        unknown = stream.ledger(bailiff, "SELECT count(*) FROM orders WHERE what = 'notify' AND status = 3")
        assert len(told) + unknown[0][0] >= len(users), (told, bailiff.text()[-5000:])


def test_drip(ns, tmp_path):
    """A hit every two minutes, days of them; all kinds of deaths, at random points."""
    rng, begin = stream.seed(), time.time() - 5 * stream.DAY
    box = Mailbox(tmp_path / "mail")
    config = {"jails": stream.jails_on("drip"), "snapshot_every": "1s",
              "helpers": {"sendmail": box.argv}}
    with Log(machine.MAIL_LOG) as log:
        # Two days that were there before, then three that are written meanwhile.
        log.write(*(refused(begin + 120 * i, address(i % 3)) for i in range(1440)))
    before = machine.size()
    with Log(machine.MAIL_LOG) as log, Service(ns, config, jails={"drip": DRIP}) as bailiff:
        stream.wait_snapshot(bailiff)
        drip = [refused(begin + 120 * i, address(i % 3)) for i in range(1440, 3600)]
        deaths = sorted(rng.sample(range(len(drip)), 12))
        at = 0
        for n, stop in enumerate(deaths + [len(drip)]):
            now = time.time_ns()
            while at < stop:
                step = min(rng.randrange(1, 60), stop - at)
                log.write(*drip[at:at + step])
                at += step
            if n < len(deaths):
                if rng.random() < 0.5:          # else the tail grows
                    stream.wait_snapshot(bailiff, now)
                bailiff.survive(EACH[n % len(EACH)])
        part = bailiff.dir / "part.log"
        part.write_bytes(machine.MAIL_LOG.read_bytes()[before:])
        want = stream.replayed(bailiff, f"mail={part}")
        assert len(want) > 20
        got = stream.wait_verdicts(bailiff, len(want))
        stream.caught_up(bailiff, machine.MAIL_LOG)
        stream.assert_same(stream.without_counts(got), want, bailiff)
        assert box.messages() == []


FRAIL = {**GUESS, "match": ["frail <ip>"], "limit": {"count": 1, "per": "ip", "within": "10m"}}


def faulty(ns, box):
    """A bailiff with the built-in faults, of engine/fault.h."""
    config = {"jails": stream.jails_on("guess", "frail"), "snapshot_every": "1s",
              "helpers": {"sendmail": box.argv}}
    return Service(ns, config, jails={"guess": GUESS, "frail": FRAIL}, build=FAULT_BUILD)


def deaths(bailiff):
    return bailiff.text().count("engine died at")


def wait_warning(bailiff, pattern):
    machine.wait_for(lambda: any(re.search(pattern, w) for w in stream.status(bailiff)["warnings"]),
                     what=f"no warning {pattern!r}")


def test_entry_that_kills(ns, tmp_path):
    """Two deaths at one entry, and it is passed over; all others count."""
    box, now = Mailbox(tmp_path / "mail"), time.time()
    with Log(machine.MAIL_LOG) as log, faulty(ns, box) as bailiff:
        log.write(*[refused(now, "203.0.113.9")] * 4, line(now, "x bailiff-test-crash"),
                  refused(now, "203.0.113.9"), *[refused(now, "203.0.113.10")] * 4)
        bailiff.wait_ban("203.0.113.9")
        bailiff.wait_log("engine died at log=mail offset=.* deaths=2")
        bailiff.wait_log("error: engine .*lost|warning: log mail: the entry at offset .* is passed over")
        wait_warning(bailiff, "killed the engine twice and is passed over")
        machine.wait_for(box.messages)
        log.write(refused(now, "203.0.113.10"))
        bailiff.wait_ban("203.0.113.10")
        assert sorted(stream.in_kernel(ns)) == sorted(["203.0.113.9", "203.0.113.10"])

        # It stays said, is not mailed again, and kills nobody any more.
        bailiff.reload()
        wait_warning(bailiff, "killed the engine twice and is passed over")
        bailiff.restart()
        stream.caught_up(bailiff, machine.MAIL_LOG)
        assert deaths(bailiff) == 2
        assert [s for s in box.header("Subject")] == ["bailiff needs a look"]
        assert sorted(v[1] for v in stream.verdicts(bailiff)) == ["203.0.113.10", "203.0.113.9"]


def test_jail_that_kills(ns, tmp_path):
    """Three deaths in one jail put it off; the others go on."""
    box, now = Mailbox(tmp_path / "mail"), time.time()
    crash = [line(now, f"frail 203.0.113.{i} bailiff-test-jail-crash") for i in range(1, 4)]
    with Log(machine.MAIL_LOG) as log, faulty(ns, box) as bailiff:
        log.write(line(now, "frail 203.0.113.77"))
        bailiff.wait_ban("203.0.113.77")
        log.write(*crash, *[refused(now, "203.0.113.9")] * 5)
        bailiff.wait_ban("203.0.113.9", 40)      # each death waits longer for the next start
        assert sorted(stream.in_kernel(ns)) == sorted(["203.0.113.77", "203.0.113.9"])
        wait_warning(bailiff, "killed the engine twice")
        wait_warning(bailiff, "three times in jail frail, which starts off now")
        frail = next(j for j in stream.status(bailiff)["jails"] if j["jail"] == "frail")
        assert (frail["state"], frail["why"]) == ("off", "the engine died in it three times")
        machine.wait_for(lambda: len(box.messages()) == 2)
        log.write(*crash, *[refused(now, "203.0.113.10")] * 5)
        bailiff.wait_ban("203.0.113.10")
        assert deaths(bailiff) == 3

        # A reload lets it try again: it may have been mended.
        bailiff.reload()
        log.write(line(now, "frail 203.0.113.78"))
        bailiff.wait_ban("203.0.113.78")


def test_killed_is_no_fault(ns):
    """SIGKILL says nothing about the entry that was being read: nothing is passed over."""
    rng, n, now = stream.seed(), 4000, time.time()
    with Log(machine.MAIL_LOG) as log, \
            Service(ns, {"jails": stream.jails_on("guess")}, jails={"guess": GUESS}) as bailiff:
        stream.wait_snapshot(bailiff)
        for _ in range(6):
            log.write(*(refused(now, address(i)) for i in range(n)))
            time.sleep(rng.random() * 0.02)
            bailiff.survive(("engine",))
        got = stream.wait_verdicts(bailiff, n)
        stream.assert_same([v[:2] for v in got], [("guess", address(i)) for i in range(n)], bailiff)
        assert "passed over" not in bailiff.text() and "starts off" not in bailiff.text()


def test_brake(ns, tmp_path):
    """It is told once, and neither a death nor a reload lets it go; an admin does."""
    box, now = Mailbox(tmp_path / "mail"), time.time()
    config = {"jails": stream.jails_on("guess"), "snapshot_every": "1s",
              "helpers": {"sendmail": box.argv}}
    jail = {**GUESS, "limit": {"count": 1, "per": "ip", "within": "10m"},
            "brake": {"bans": 10, "within": "1m"}}
    with Log(machine.MAIL_LOG) as log, Service(ns, config, jails={"guess": jail}) as bailiff:
        def state():
            return next(j["state"] for j in stream.status(bailiff)["jails"] if j["jail"] == "guess")

        before = stream.wait_snapshot(bailiff)
        log.write(*(refused(now, address(i)) for i in range(5)))
        stream.wait_verdicts(bailiff, 5)
        before = stream.wait_snapshot(bailiff, before)
        for n, what in enumerate([("engine",), ("monitor", "runner", "engine")], 1):
            log.write(*(refused(now, address(5 * n + i)) for i in range(5)))
            stream.wait_verdicts(bailiff, 5 * n + 5)
            bailiff.survive(what)
        log.write(*(refused(now, address(i)) for i in range(15, 20)))
        assert state() == "braked"
        bailiff.reload()
        log.write(*(refused(now, address(i)) for i in range(20, 25)))
        got = stream.wait_verdicts(bailiff, 25)
        want = stream.replayed(bailiff, f"mail={machine.MAIL_LOG}")
        stream.assert_same(stream.without_counts(got), want, bailiff)
        assert sorted(stream.in_kernel(ns)) == sorted(map(address, range(10)))
        assert state() == "braked"
        assert bailiff.text().count("its brake is on") == 1
        machine.wait_for(box.messages)

        bailiff.cli("jail", "guess", "on")
        log.write(refused(now, address(99)))
        bailiff.wait_ban(address(99))
        bailiff.survive(("engine",))
        assert state() == "on"
        assert len(box.messages()) == 1
