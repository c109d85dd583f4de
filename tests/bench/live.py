# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of the daemon and the kernel: latency, bursts, starts, what it holds and does when idle."""
import pathlib
import re
import sqlite3
import subprocess
import time

from common import INSIDE, RUNS, TOOLS, Daemon, cpu_of, last_pid, median, run, shipped, status, tool, wait_for

ONE = {"jails": {"auto": False, "postfix-sasl": "on"}}


def percentiles(text):
    """p50 p90 p99 max lost, in microseconds."""
    v = [int(float(x)) for x in text.split()]
    return v if len(v) == 5 else [0, 0, 0, 0, -1]


def row_latency(work, disk):
    clocks = {"one who looks where nobody else works": [], "and a clock woken out of poll": ["-p"]}
    floor, mine = {name: [] for name in clocks}, {name: [] for name in clocks}
    daemon = Daemon(work, disk, "latency", **ONE)
    try:
        for _ in range(RUNS):		# side by side: the machine changes with the minute
            for name, option in clocks.items():
                floor[name].append(percentiles(tool("latency", "floor", *option, 300)))
                mine[name].append(percentiles(tool("latency", "one", *option, daemon.log, 300)))
    finally:
        daemon.end()
    for name in clocks:
        least = [median([v[i] for v in floor[name]]) for i in range(3)]
        p = [median([v[i] for v in mine[name]]) for i in range(5)]
        yield (f"log write to element in the kernel, {name}", "" if clocks[name] else "p50 100 µs, p99 2 ms",
               f"p50 {p[0]:.0f} p90 {p[1]:.0f} p99 {p[2]:.0f} µs, {p[4]:.0f} lost",
               f"two processes that do no more: {' / '.join(f'{x:.0f}' for x in least)} µs ({least[0] / p[0]:.2f})")


def burst_lines(work, n):
    path = work / f"burst{n}"
    with open(path, "wb") as f:
        run([TOOLS / "genlog", "-B", 5, "-A", n, "-6", 0, "-T", int(time.time())], stdout=f)
    data = path.read_bytes()
    path.unlink()
    return data


def burst(work, disk, n):
    """Seconds to the last element, then to the ledger; CPU of all; most memory; processes started."""
    daemon = Daemon(work, disk, f"burst{n}", **ONE)
    try:
        data = burst_lines(work, n)
        pids, before = daemon.pids(), last_pid()
        used, start = cpu_of(pids), time.monotonic()
        daemon.append(data)
        text = tool("latency", "sum", "bench", n, 120)
        end = float(text.split()[0])
        started = last_pid() - before - 1		# the tool that waited
        ledger = wait_for(lambda: daemon.ledger("SELECT count(*) FROM verdicts") >= n, 60, 0.02)
        return (end - start, ledger - end, cpu_of(pids) - used,
                max(status(p, "VmHWM") for p in pids) // 1024, started)
    finally:
        daemon.end()


def row_burst(work, disk):
    for n, wanted in ((10000, "0.2 s, ledger 1 s later"), (100000, "2 s, ledger 1 s later")):
        seen = [burst(work, disk, n) for _ in range(RUNS)]
        took, later, used, memory, started = (median(column) for column in zip(*seen))
        yield (f"{n:,} attackers cross the limit in one write", wanted,
               f"{took:.2f} s to the last element, all in the ledger {max(later, 0):.2f} s later",
               f"{used / n * 1e6:.0f} µs of CPU an attacker, engine {memory} MB, {started:.0f} processes started")


# ---- many bans

def fill_ledger(daemon, n):
    """As the daemon had left it after n bans: verdicts and bans in its own ledger."""
    db = sqlite3.connect(daemon.state / "engine" / "ledger.db")
    now = int(time.time() * 1000)
    until = now + 3600000

    def addresses():
        for i in range(n):
            yield i, bytes([11, i >> 16 & 255, i >> 8 & 255, i & 255]) + bytes(12) + bytes([4, 32])

    db.executemany("INSERT INTO verdicts (id, jail, key, subject, at_ms, until_ms, dev, ino, fingerprint, offset, amount,"
                   " mode, actions, recorded_ms) VALUES (?, 'postfix-sasl', ?, '11.0.0.1', ?, ?, 1, 1, 1, ?, 5, 3, '[]', ?)",
                   ((1000 + 2 * i, b"\x03" + a, now, until, i, now) for i, a in addresses()))
    db.executemany("INSERT INTO bans (id, incident, addr, scope, jail, since_ms, until_ms, reason)"
                   " VALUES (?, ?, ?, 'mail', 'postfix-sasl', ?, ?, 'password guessing over SMTP AUTH')",
                   ((1001 + 2 * i, 1000 + 2 * i, a, now, until) for i, a in addresses()))
    db.execute("UPDATE meta SET value = ? WHERE key = 'ids'", (2000 + 2 * n,))
    db.commit()
    db.close()


def slab():
    """Bytes of the kernel's own memory: slab and tables."""
    text = pathlib.Path("/proc/meminfo").read_text()
    return sum(int(re.search(rf"^{name}:\s+(\d+)", text, re.M)[1]) for name in ("SUnreclaim", "VmallocUsed")) * 1024


def by_nft(work, n):
    """The same set, loaded by nft -f with timeouts."""
    rules = work / "rules.nft"
    with open(rules, "w", encoding="ascii") as f:
        f.write("table inet peer { set s { type ipv4_addr; flags timeout; size 2000000; }; }\n")
        for at in range(0, n, 1000):
            f.write("add element inet peer s { " + ", ".join(
                f"11.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255} timeout 3600s" for i in range(at, min(at + 1000, n))) + " }\n")
    start = time.monotonic()
    run([*INSIDE, "nft", "-f", rules], check=False)
    took = time.monotonic() - start
    run([*INSIDE, "nft", "delete", "table", "inet", "peer"], check=False, stderr=subprocess.DEVNULL)
    rules.unlink()
    return took


def start_once(daemon, n):
    began = time.monotonic()
    daemon.launch()
    end = float(tool("latency", "sum", "bench", n, 120).split()[0])
    return end - began


def row_start(work, disk):
    for n, runs, wanted in ((100000, RUNS, "0.7 s"), (1000000, 1, "7 s")):
        daemon = Daemon(work, disk, f"start{n}", **ONE)
        daemon.end()
        fill_ledger(daemon, n)
        mine, peer, held = [], [], 0
        for k in range(runs):
            before = slab()
            mine.append(start_once(daemon, n))
            daemon.ready()
            held = (slab() - before) / n
            if k == runs - 1:
                again = percentiles(tool("latency", "one", daemon.log, 100))
            daemon.end()
            peer.append(by_nft(work, n))
        mine, peer = median(mine), median(peer)
        yield (f"start with {n:,} bans in the ledger", f"{wanted}, faster than nft -f", f"{mine:.2f} s until all are in the kernel",
               f"nft -f of the same set with timeouts {peer:.2f} s ({peer / mine:.1f})")
        if n == 1000000:
            yield ("kernel memory of a ban", "130 bytes", f"{held:.0f} bytes", "slab and tables, before and after")
        yield (f"growth: one more ban beside {n:,} in force", "", f"p50 {again[0]} p99 {again[2]} µs", "")


def row_idle(work, disk):
    """All shipped jails; then without those that look at the disk and the queue by a command a minute."""
    by_command = [name for name, text in shipped().items() if not re.search(r"^log: *\W*(mail|auth|verdicts)", text, re.M)]
    for name, off in (("idle, all shipped jails that read logs", by_command), ("idle, all shipped jails", [])):
        daemon = Daemon(work, disk, "idle", jails={jail: "off" for jail in off})
        daemon.stop()
        daemon.launch()
        daemon.ready()
        try:
            time.sleep(3)
            yield idle(name, daemon, off)
        finally:
            daemon.end()


def idle(name, daemon, off):
    pids, before = daemon.pids(), last_pid()

    def switches():
        return sum(status(f"{p}/task/{t.name}", "voluntary_ctxt_switches") for p in pids
                   for t in pathlib.Path(f"/proc/{p}/task").iterdir())

    first = switches()
    time.sleep(60)
    what = f"without {', '.join(off)}" if off else "a command a minute looks at the disk and one at the queue"
    return (name, "1 wake-up in 30 s, no fork, 20 MB" if off else "",
            f"{(switches() - first) / 2 / len(pids):.1f} wake-ups of a process in 30 s, {last_pid() - before} forks",
            f"all processes {sum(status(p, 'VmRSS') for p in pids) / 1024:.1f} MB RSS, what they share counted once "
            f"{sum(pss(p) for p in pids) / 1024:.1f} MB; {what}")


def pss(pid):
    return int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])
