# SPDX-License-Identifier: GPL-2.0-or-later
"""Ten thousand attackers at once, and strangers without end."""
import os
import re
import time

import machine
import stream
from daemon import Bailiff
from stream import GUESS, Log, address, refused

ATTACKERS = 10000


def next_pid():
    """The number that the next process of this lab, or thread, would have got."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


def peak_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1))


def test_ten_thousand_at_once(ns):
    log = Log(machine.MAIL_LOG)
    with Bailiff(ns, {"jails": stream.jails_on("guess")}, jails={"guess": GUESS}) as bailiff:
        bailiff.wait_log("started jails=")     # and its ledger's thread
        idle, before = peak_kb(bailiff.pid("engine")), next_pid()
        now = time.time()
        log.write(*(refused(now - 60 + k, address(i)) for k in range(5) for i in range(ATTACKERS)))
        stream.wait_verdicts(bailiff, ATTACKERS)
        machine.wait_for(lambda: bailiff.text().count(" ban addr=") == ATTACKERS)
        assert next_pid() == before + 1, "a process or a thread was started"

        assert sorted(stream.in_kernel(ns)) == sorted(map(address, range(ATTACKERS)))
        batches = [int(n) for n in re.findall(r"firewall changes=(\d+)", bailiff.text())]
        assert sum(batches) == ATTACKERS and len(batches) <= 20, batches
        assert os.sched_getaffinity(bailiff.pid("monitor")) == os.sched_getaffinity(0), "not let go"
        assert peak_kb(bailiff.pid("engine")) - idle < 64 << 10
        firewall = stream.status(bailiff)["firewall"]
        assert (firewall["wanted"], firewall["in_kernel"]) == (ATTACKERS, ATTACKERS)
    log.close()


def test_strangers_without_end(ns):
    """What is counted for strangers has a size; who is forgotten is counted."""
    log, strangers = Log(machine.MAIL_LOG), 200000
    config = {"jails": stream.jails_on("guess"), "tracked_max": 10000}
    with Bailiff(ns, config, jails={"guess": GUESS}) as bailiff:
        idle, now = peak_kb(bailiff.pid("engine")), time.time()
        for start in range(0, strangers, 10000):
            log.write(*(refused(now, f"{20 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.7")
                        for i in range(start, start + 10000)))
        stream.caught_up(bailiff, machine.MAIL_LOG)
        tracked = stream.status(bailiff)["tracked"]
        assert tracked["subjects"] <= 10000 and tracked["forgotten"] >= strangers - 10000
        assert peak_kb(bailiff.pid("engine")) - idle < 32 << 10
        # Whoever comes then is still counted.
        log.write(*(refused(now, "203.0.113.9") for _ in range(5)))
        bailiff.wait_ban("203.0.113.9")
        # One alone is handed over on one processor.
        machine.wait_for(lambda: len(os.sched_getaffinity(bailiff.pid("monitor"))) == 1)
    log.close()
