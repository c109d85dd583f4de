#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures bailiff beside what anyone has, in one run, as ratios.

    bench.py [ROW...]     rows: match jails history latency burst start memory idle

Machines are shared and noisy: throughput is told by CPU time (user + system)
of the process, several runs, the median; what must be waited for (latency,
burst, start) by the clock. Prints one table and writes docs/performance.md
when every row was asked for. What a machine lacks is left out with a word.
"""
import contextlib
import datetime
import json
import os
import pathlib
import platform
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = TREE / "build"
ENGINE = [BUILD / "bailiff-engine", "--offline"]
RUNS = 3
NS = f"bailiff-bench-{os.getpid()}"


def say(text):
    print(text, file=sys.stderr, flush=True)


def build_tools(work):
    for name in ("genlog", "latency"):
        subprocess.run(["gcc", "-O2", "-o", work / name, TREE / "tests/bench" / f"{name}.c", "-lmnl"],
                       check=True)


def cpu(argv, stdin=None, stdout=subprocess.DEVNULL, runs=RUNS):
    """Median CPU seconds of a command."""
    seen = []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([str(a) for a in argv], check=False, stdin=stdin, stdout=stdout,
                       stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seen.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(seen)


def log_of(work, percent, size="200M", attackers=1000, extra=()):
    path = work / f"a{percent}.log"
    if not path.exists():
        with open(path, "wb") as f:
            subprocess.run([work / "genlog", "-b", size, "-a", str(percent), "-A", str(attackers), *extra],
                           stdout=f, check=True)
    return path


def through_grep(path):
    with open(os.devnull, "w", encoding="ascii") as null:
        return cpu(["sh", "-c", f"LC_ALL=C grep -cF 'authentication failed' {path} | cat"], stdout=null)


def conf(work, name, **keys):
    path = work / f"{name}.yaml"
    path.write_text(json.dumps({"state": str(work / f"state-{name}"), "run": str(work / f"run-{name}"),
                                "table": "bench", "jail_dirs": [str(work / "jails")], **keys}))
    return path


# ---- rows: each yields (what, figure, beside)

def row_match(work):
    shipped = conf(work, "shipped", jails={"sasl-burst": "off"})
    everything = conf(work, "everything")
    for percent in (2, 50):
        path = log_of(work, percent)
        size, lines = path.stat().st_size, sum(1 for _ in open(path, "rb"))
        grep = through_grep(path)
        for name, file in (("all shipped jails that ban", shipped), ("and sasl-burst", everything)):
            t = cpu([*ENGINE, "-c", file, "replay", path])
            yield (f"replay, {name}, {percent} % attack lines",
                   f"{size / t / 1e6:.0f} MB/s, {lines / t / 1e6:.2f} M lines/s",
                   f"{grep / t:.2f} of grep -cF ({size / grep / 1e6:.0f} MB/s)")


def row_jails(work):
    jails = work / "many"
    jails.mkdir(exist_ok=True)
    text = (TREE / "jails/postfix-sasl.yaml").read_text()
    text = text[:text.index("\ntests:")] + "\n"
    path, base = log_of(work, 2), None
    for n in (1, 10, 50, 200):
        for i in range(n):
            (jails / f"own-{i}.yaml").write_text(text.replace("SASL ", f"SASL own{i} "))
        names = {f"own-{i}": "on" for i in range(n)}
        file = conf(work, "many-conf", jail_dirs=[str(jails)], jails={"auto": False, **names})
        t = cpu([*ENGINE, "-c", file, "replay", path])
        base = base or t
        yield (f"replay, {n} jails", f"{path.stat().st_size / t / 1e6:.0f} MB/s", f"{base / t:.2f} of one jail")


def row_history(work):
    path = log_of(work, 2)
    file = conf(work, "shipped", jails={"sasl-burst": "off"})
    for tool, suffix in (("gzip", ".gz"), ("zstd", ".zst")):
        if not shutil.which(tool):
            yield f"replay of {suffix}", "left out", f"{tool} is not here"
            continue
        packed = work / (path.name + suffix)
        if not packed.exists():
            with open(packed, "wb") as f:
                subprocess.run([tool, "-c", path], stdout=f, check=True)
        alone = elapsed([tool, "-dc", packed])
        mine = elapsed([*ENGINE, "-c", file, "replay", packed])
        yield f"replay of {suffix}", f"{mine:.2f} s", f"{tool} -dc alone {alone:.2f} s ({alone / mine:.2f})"


def elapsed(argv):
    seen = []
    for _ in range(RUNS):
        start = time.monotonic()
        subprocess.run([str(a) for a in argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        seen.append(time.monotonic() - start)
    return statistics.median(seen)


class Daemon:
    """bailiffd in a network namespace of its own, over a log of its own."""

    def __init__(self, work, name, **keys):
        self.log = work / f"{name}.live"
        self.log.touch()
        self.work = work
        self.file = conf(work, name, logs={"mail": {"files": [str(self.log)]}},
                         jails={"auto": False, "postfix-sasl": "on"}, **keys)
        self.err = work / f"{name}.err"
        self.start()

    def start(self):
        self.began = time.monotonic()
        self.process = subprocess.Popen(["ip", "netns", "exec", NS, BUILD / "bailiffd", "-c", self.file, "-f"],
                                        stderr=open(self.err, "ab"))
        self.wait(lambda: self.cli("status"))

    def wait(self, done, timeout=120):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if done():
                return time.monotonic()
            time.sleep(0.005)
        raise TimeoutError(self.err.read_text()[-2000:])

    def cli(self, *args):
        p = subprocess.run([BUILD / "bailiff", "-c", self.file, "--json", *args], capture_output=True,
                           check=False, text=True)
        return json.loads(p.stdout) if p.returncode == 0 else None

    def tool(self, *args):
        return subprocess.run(["ip", "netns", "exec", NS, self.work / "latency", *map(str, args)],
                              capture_output=True, text=True, check=False).stdout.strip()

    def pids(self):
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            with contextlib.suppress(OSError):
                for task in os.listdir(f"/proc/{pid}/task"):
                    todo += map(int, pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split())
        return found

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def field(pid, name):
    m = re.search(rf"^{name}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)
    return int(m.group(1)) if m else 0


def row_latency(work):
    daemon = Daemon(work, "latency")
    try:
        floor = daemon.tool("floor", 300)
        for name, args in (("the clock looking all the time", []), ("asleep in poll", ["-p"])):
            yield (f"log write to element in the kernel, {name}",
                   daemon.tool("one", *args, daemon.log, 300), f"the least that does it: {floor}")
    finally:
        daemon.stop()


def burst_lines(work, n):
    path = work / f"burst{n}"
    with open(path, "wb") as f:
        subprocess.run([work / "genlog", "-B", "5", "-A", str(n), "-6", "0", "-T", str(int(time.time()))],
                       stdout=f, check=True)
    return path.read_bytes()


def row_burst(work):
    for n in (10000, 100000):
        daemon = Daemon(work, f"burst-{n}")
        try:
            lines = burst_lines(work, n)
            start = time.monotonic()
            with open(daemon.log, "ab") as f:
                f.write(lines)
            end = float(daemon.tool("sum", "bench", n, 60).split()[0])
            text = daemon.err.read_text()
            yield (f"{n} attackers cross the limit in one write", f"{end - start:.2f} s to the last element",
                   f"{text.count('firewall changes=')} batches, engine "
                   f"{max(field(p, 'VmHWM') for p in daemon.pids()) // 1024} MB, no process started")
        finally:
            daemon.stop()
        if n == 100000:
            yield from again(daemon, n)


def again(daemon, n):
    """The same state, a new start, in an empty table."""
    subprocess.run(["ip", "netns", "exec", NS, BUILD / "bailiffd", "-c", daemon.file, "--teardown"],
                   stderr=subprocess.DEVNULL, check=True)
    start = time.monotonic()
    daemon.start()
    end = float(daemon.tool("sum", "bench", n, 60).split()[0])
    daemon.stop()
    rules = daemon.work / "rules.nft"
    with open(rules, "w", encoding="ascii") as f:
        f.write("table inet peer { set s { type ipv4_addr; flags timeout; }; }\n")
        for at in range(0, n, 1000):
            f.write("add element inet peer s { " + ", ".join(
                f"11.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255} timeout 600s" for i in range(at, at + 1000)) + " }\n")
    peer = elapsed(["ip", "netns", "exec", NS, "nft", "-f", rules])
    yield (f"start with {n} bans in the ledger", f"{end - start:.2f} s until all are in the kernel",
           f"nft -f of as many: {peer:.2f} s ({peer / (end - start):.1f})")


def row_idle(work):
    daemon = Daemon(work, "idle", )
    try:
        time.sleep(2)
        pids = daemon.pids()

        def switches():
            return sum(field(p, "voluntary_ctxt_switches") for p in pids)
        before = switches()
        time.sleep(30)
        yield ("idle", f"{switches() - before} wake-ups in 30 s",
               f"all processes {sum(field(p, 'VmRSS') for p in pids) / 1024:.1f} MB RSS")
    finally:
        daemon.stop()


def row_memory(work):
    bench = work / "count_bench"
    libs = subprocess.run(["pkg-config", "--libs", "yaml-0.1", "jansson", "libpcre2-8", "sqlite3", "libsystemd",
                           "libseccomp", "zlib", "libzstd", "libmaxminddb", "libnftnl", "libmnl"],
                          capture_output=True, text=True, check=True).stdout.split()
    subprocess.run(["make", "-s", "-C", TREE, "build/libtest.a"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", f"-I{TREE}/include", f"-I{TREE}/src", "-o", bench,
                    TREE / "tests/bench/count_bench.c", BUILD / "libtest.a", "-lev", "-pthread", *libs], check=True)
    for line in subprocess.run([bench], capture_output=True, text=True, check=True).stdout.splitlines():
        if line.strip():
            yield "strangers tracked, count: 5", line.strip(), ""


ROWS = {"match": row_match, "jails": row_jails, "history": row_history, "latency": row_latency,
        "burst": row_burst, "memory": row_memory, "idle": row_idle}


def write_page(rows):
    cpu_name = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    text = f"""# Performance

Measured with `sudo make bench` on {datetime.date.today()}: {os.cpu_count()} shared cores of
{cpu_name.group(1) if cpu_name else platform.machine()}, Linux {platform.release()}. Throughput is by CPU time,
median of {RUNS} runs; `make bench BENCH=match` runs one row. Read ratios: the
machine is shared, and megabytes a second vary with the hour.

| what | bailiff | beside |
|---|---|---|
""" + "".join(f"| {what} | {figure} | {beside} |\n" for what, figure, beside in rows)
    (TREE / "docs/performance.md").write_text(text + notes())


def notes():
    page = TREE / "tests/bench/notes.md"
    return "\n" + page.read_text() if page.exists() else ""


def main():
    wanted = sys.argv[1:] or list(ROWS)
    if unknown := [w for w in wanted if w not in ROWS]:
        sys.exit(f"no row is called {unknown[0]}; there are: {' '.join(ROWS)}")
    live = {"latency", "burst", "idle"} & set(wanted)
    if live and os.geteuid() != 0:
        say(f"not root: {', '.join(sorted(live))} left out")
        wanted = [w for w in wanted if w not in live]
        live = set()
    rows = []
    with tempfile.TemporaryDirectory(prefix="bailiff-bench-", dir="/dev/shm") as work:
        work = pathlib.Path(work)
        (work / "jails").mkdir()
        build_tools(work)
        if live:
            subprocess.run(["ip", "netns", "add", NS], check=True)
        try:
            for name in wanted:
                for row in ROWS[name](work):
                    rows.append(row)
                    print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, (60, 46, 0))), flush=True)
        finally:
            if live:
                subprocess.run(["ip", "netns", "del", NS], check=True)
    if set(wanted) == set(ROWS):
        write_page(rows)


if __name__ == "__main__":
    main()
