# SPDX-License-Identifier: GPL-2.0-or-later
"""`nft flush ruleset`, again and again, with ten thousand bans in force."""
import re
import time

import pytest

import machine
import stream
from daemon import Bailiff
from stream import GUESS, Log, address, refused

BANS, FLUSHES = 10000, 10


@pytest.fixture(params=[True, False], ids=["owned", "not-owned"])
def full(ns, request):
    """A bailiff that holds ten thousand bans, in a table of its own or not."""
    config = {"jails": stream.jails_on("guess"), "own_table": request.param}
    with Log(machine.MAIL_LOG) as log, Bailiff(ns, config, jails={"guess": GUESS}) as bailiff:
        now = time.time()
        log.write(*(refused(now, address(i)) for i in range(BANS) for _ in range(5)))
        machine.wait_for(lambda: firewall(bailiff)["in_kernel"] == BANS)
        if firewall(bailiff)["owned"] != request.param:
            pytest.skip("this kernel lets nobody own a table")
        bailiff.owned = request.param
        bailiff.hits = log
        yield bailiff


def firewall(bailiff):
    return stream.status(bailiff)["firewall"]


def flush(bailiff):
    return machine.run(bailiff.ns.argv(["nft", "flush", "ruleset"]), check=False)


def wait_whole(bailiff, since, want=BANS):
    """Wait until the kernel has them all; how long that took."""
    machine.wait_for(lambda: len(stream.in_kernel(bailiff.ns)) == want, 20,
                     f"the bans are not back\n{bailiff.text()[-2000:]}")
    return time.monotonic() - since


def test_flush_in_a_loop(full):
    within = 0
    for _ in range(FLUSHES):
        flushed = time.monotonic()
        flush(full)
        if full.owned:
            assert len(stream.in_kernel(full.ns)) == BANS
            continue
        # Counting ten thousand takes nft a good part of this second.
        counting = time.monotonic()
        stream.in_kernel(full.ns)
        counting = time.monotonic() - counting
        within += wait_whole(full, flushed) < 1 + 2 * counting

    # Within a second, but where the machine was busy with something else.
    assert full.owned or within > FLUSHES / 2
    assert sorted(stream.in_kernel(full.ns)) == sorted(map(address, range(BANS)))
    seen = firewall(full)
    assert (seen["wanted"], seen["in_kernel"]) == (BANS, BANS)
    if full.owned:
        assert seen["healed"] == 0 and "flushed by" not in full.text()
        return
    assert seen["healed"] == FLUSHES
    assert re.fullmatch(r"nft \(pid \d+\)", seen["last_flush"])
    said = re.findall(r"table bailiff was flushed by nft \(pid \d+\) and put back", full.text())
    assert len(said) == FLUSHES
    assert any("was flushed by nft (pid" in w for w in stream.status(full)["warnings"])


def test_flush_while_banning(full):
    """New bans and flushes at the same time: none of them is lost."""
    for n in range(FLUSHES):
        start = BANS + 300 * n
        now = time.time()
        full.hits.write(*(refused(now, address(i)) for i in range(start, start + 300)
                          for _ in range(5)))
        flush(full)
    want = BANS + 300 * FLUSHES
    stream.wait_verdicts(full, want)
    wait_whole(full, time.monotonic(), want)
    assert "failed:" not in full.text()


def test_without_pause(full):
    """Flushes as fast as a shell can: when they end, all bans are there."""
    machine.run(full.ns.argv(["sh", "-c", "for i in $(seq 100); do nft flush ruleset; done"]),
                check=False)
    wait_whole(full, time.monotonic())
