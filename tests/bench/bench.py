#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures bailiff beside what anyone has, in one run, as ratios.

    bench.py [ROW...]     rows: see ROWS below; none named: all

Machines are shared and noisy: throughput is told by CPU time (user + system)
of the process, several runs, the median; what must be waited for (latency,
burst, start) by the clock, side by side with its peer. Prints a table, and
writes docs/performance.md when every row was asked for. As root all of it runs
in the test laboratory, where the peers of Debian's packages are; what is
missing is left out with a word.
"""
import contextlib
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

import live
import offline
import peers
from common import BUILD, LAB, NS, RUNS, TREE, run, say

ROWS = {"match": offline.row_match, "jails": offline.row_jails, "hits": offline.row_hits,
        "peers": peers.row_peers, "latency": live.row_latency, "peerlive": peers.row_peerlive,
        "burst": live.row_burst, "start": live.row_start, "idle": live.row_idle,
        "memory": offline.row_memory, "journal": offline.row_journal, "history": offline.row_history,
        "redos": offline.row_redos, "ordinary": offline.row_ordinary, "stages": offline.row_stages}
LIVE = ("latency", "burst", "start", "idle", "peerlive")
FOUND = BUILD / "bench" / "rows.json"


def measure(wanted):
    """All rows that were asked for, printed as they come."""
    rows, disk = [], pathlib.Path(tempfile.mkdtemp(prefix="bailiff-bench-", dir=BUILD / "bench"))
    with tempfile.TemporaryDirectory(prefix="bailiff-bench-", dir="/dev/shm") as work:
        try:
            for name in wanted:
                for row in told(ROWS[name](pathlib.Path(work), disk), name):
                    rows.append([name, *row])
                    print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, (58, 36, 58, 0))), flush=True)
        finally:
            shutil.rmtree(disk, ignore_errors=True)
    return rows


def told(rows, name):
    """One that fails is told like the others, and these go on."""
    try:
        yield from rows
    except Exception as e:		# whatever it was: the page says so
        yield name, "", "failed", repr(e)[:200]


def here(wanted):
    """On this machine, the kernel's part in a network namespace of its own."""
    if os.geteuid() != 0 and (left := [w for w in wanted if w in LIVE]):
        say(f"not root: {', '.join(left)} left out")
        wanted = [w for w in wanted if w not in LIVE]
    with contextlib.ExitStack() as stack:
        if os.geteuid() == 0 and not LAB:
            run(["ip", "netns", "add", NS])
            stack.callback(run, ["ip", "netns", "del", NS])
        return measure(wanted)


def in_laboratory(wanted):
    """There the same program runs again, and leaves its rows where we find them."""
    lab = TREE / "tests/lab/lab"
    if os.geteuid() != 0 or run([lab, "build"], check=False, stdout=subprocess.DEVNULL).returncode:
        say("no laboratory here: the peers of Debian's packages are left out")
        return None
    peers.fetch()
    FOUND.unlink(missing_ok=True)
    run([lab, "run", "--", sys.executable, __file__, *wanted], check=False)
    return json.loads(FOUND.read_text()) if FOUND.exists() else None


# ---- the page

def machine():
    found = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} shared cores of {found[1] if found else platform.machine()}, Linux {platform.release()}"


def table(head, rows):
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join(lines + [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]) + "\n"


def write_page(rows):
    main = [row[1:] for row in rows if not re.match(r"growth: |stage: ", row[1])]
    growth = [(row[1][8:], row[3], row[4]) for row in rows if row[1].startswith("growth: ")]
    stages = [(row[1][7:], row[3], row[4]) for row in rows if row[1].startswith("stage: ")]
    load = pathlib.Path("/proc/loadavg").read_text().split()[1]
    text = f"""# Performance

Written by `sudo make bench` on {datetime.date.today()}: {machine()}, load {load}.
Throughput is by CPU time, latency and bursts by the clock, each the median of
{RUNS} runs; `make bench BENCH=match` runs one row. Read ratios: the machine is
shared, and megabytes a second vary with the hour. The log is made by
`tests/bench/genlog.c`, the same bytes on every machine.

{table(("what", "wanted", "bailiff", "beside, in the same run"), main)}
## How it grows

Each should be flat; where one is not, the notes below say why.

{table(("with", "bailiff", "beside"), growth)}
## Where the time goes

Shares of `perf record` over a replay of 200 MB.

{table(("replay of", "share", "stage"), stages)}
"""
    notes = TREE / "tests/bench/notes.md"
    (TREE / "docs/performance.md").write_text(text + notes.read_text())


def main():
    wanted = sys.argv[1:] or list(ROWS)
    if unknown := [w for w in wanted if w not in ROWS]:
        sys.exit(f"no row is called {unknown[0]}; there are: {' '.join(ROWS)}")
    if LAB:
        FOUND.write_text(json.dumps(here(wanted)))
        return
    rows = in_laboratory(wanted)
    if rows is None:
        rows = here(wanted)
    if {row[0] for row in rows} == set(ROWS):
        write_page(rows)


if __name__ == "__main__":
    main()
