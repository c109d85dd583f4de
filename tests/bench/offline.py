# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows over logs that lie there: replay, journal, memory, and what a line may cost."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

from common import (ENGINE, LINE, RUNS, TOOLS, TREE, conf, count_lines, cpu, cpu_once, elapsed, everything,
                    genlog, grep_cpu, guesses_only, log_of, median, run, strings)


def row_match(work, _disk):
    for percent, wanted in ((2, ("500 MB/s, 3 M lines/s, 0.2 of grep", "250 MB/s, 1.5 M lines/s")), (50, ("250 MB/s", ""))):
        path = log_of(work, percent)
        size, lines, grep, wc = path.stat().st_size, count_lines(path), grep_cpu(path), cpu(["wc", "-l", path])
        for name, file, want in (("the jails that ban", guesses_only(work), wanted[0]),
                                 ("all jails, accounts too", everything(work), wanted[1])):
            t = cpu([*ENGINE, "-c", file, "replay", path])
            yield (f"replay, {name}, {percent} % attack lines", want,
                   f"{size / t / 1e6:.0f} MB/s, {lines / t / 1e6:.2f} M lines/s",
                   f"{grep / t:.2f} of grep -cF ({size / grep / 1e6:.0f} MB/s), {wc / t:.2f} of wc -l")


def row_jails(work, _disk):
    """Copies of a jail, each a little different, so that none is another's double."""
    jails = work / "many"
    jails.mkdir(exist_ok=True)
    text = (TREE / "jails/postfix-sasl.yaml").read_text().split("\ntests:")[0] + "\n"
    path, base = log_of(work, 2), None
    for n in (1, 10, 50, 200):
        for i in range(n):
            (jails / f"own-{i}.yaml").write_text(text.replace("SASL ", f"SASL own{i} "))
        file = conf(work, "many-conf", jail_dirs=[str(jails)],
                    jails={"auto": False, **{f"own-{i}": "on" for i in range(n)}})
        t = cpu([*ENGINE, "-c", file, "replay", path])
        base = base or t
        yield (f"growth: {n} jail{'s' if n > 1 else ''}", "0.7 of few" if n == 200 else "",
               f"{path.stat().st_size / t / 1e6:.0f} MB/s", f"{base / t:.2f} of one jail")
    for i in range(181):
        (jails / f"own-{i}.yaml").unlink(missing_ok=True)
    n = len(list((TREE / "jails").glob("*.yaml")))
    for i in range(200 - n):
        (jails / f"own-{i}.yaml").write_text(text.replace("SASL ", f"SASL own{i} "))
    ban, both = guesses_only(work), conf(work, "shipped-and", jail_dirs=[str(jails)], jails={
        **{name: "off" for name in json_off(work)}, **{f"own-{i}": "on" for i in range(200 - n)}})
    long = log_of(work, 2, "400M")
    few, many = side_by_side(ban, both, long)
    half = side_by_side(ban, both, path)
    yield ("the jails that ban and some 180 more", "0.7 of them alone", f"{long.stat().st_size / many / 1e6:.0f} MB/s",
           f"{few / many:.2f} of them alone on 400 MB, {half[0] / half[1]:.2f} on 200 MB: their start is in it")
    long.unlink()


def side_by_side(few, many, path):
    took = {file: [] for file in (few, many)}
    for _ in range(RUNS):
        for file in took:
            took[file].append(cpu_once([*ENGINE, "-c", file, "replay", path]))
    return median(took[few]), median(took[many])


def json_off(work):
    return json.loads(guesses_only(work).read_text())["jails"]


def row_hits(work, _disk):
    base, file = None, guesses_only(work)
    for percent in (0.1, 2, 10, 50):
        path = log_of(work, percent, "100M")
        t = cpu([*ENGINE, "-c", file, "replay", path])
        base = base or t
        yield (f"growth: {percent} % attack lines", "", f"{path.stat().st_size / t / 1e6:.0f} MB/s",
               f"{base / t:.2f} of 0.1 %")


def row_history(work, _disk):
    path, file = log_of(work, 2), guesses_only(work)
    plain = elapsed([*ENGINE, "-c", file, "replay", path])
    for name, suffix in (("gzip", ".gz"), ("zstd", ".zst")):
        if not shutil.which(name):
            yield f"replay of {suffix}", "1 of the slower", "left out", f"{name} is not here"
            continue
        packed = work / (path.name + suffix)
        if not packed.exists():
            with open(packed, "wb") as f:
                run([name, "-c", path], stdout=f)
        alone, mine = [], []
        for _ in range(RUNS):
            alone.append(elapsed([name, "-dc", packed], 1))
            mine.append(elapsed([*ENGINE, "-c", file, "replay", packed], 1))
        alone, mine = median(alone), median(mine)
        yield (f"replay of {suffix}, 200 MB in it", "as fast as the decompressor", f"{mine:.2f} s",
               f"{name} -dc alone {alone:.2f} s ({alone / mine:.2f}); plain replay alone {plain:.2f} s")


JOURNAL_REMOTE = pathlib.Path("/lib/systemd/systemd-journal-remote")
UNITS = {b"dovecot": b"dovecot.service", b"sshd": b"ssh.service", b"amavis": b"amavis.service"}


def export(path, to, entries):
    """A log as journalctl -o export writes it."""
    with open(path, "rb") as log, open(to, "wb") as out:
        for n, line in enumerate(log):
            m = LINE.match(line)
            if n == entries:
                break
            if m:
                unit = UNITS.get(m[3], b"postfix@-.service")
                out.write(b"__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%s\n_UID=0\n_SYSTEMD_UNIT=%s\n"
                          b"SYSLOG_IDENTIFIER=%s\nMESSAGE=%s\n\n"
                          % (1767571200000000 + n * 1000, n * 1000, b"a" * 32, unit, m[3], m[5]))


def row_journal(work, _disk):
    if not JOURNAL_REMOTE.exists():
        yield "journal", "120,000 entries/s", "left out", "systemd-journal-remote is not here"
        return
    source, file = work / "export", work / "bench.journal"
    export(log_of(work, 2), source, 200000)
    run([JOURNAL_REMOTE, "-o", file, source], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    seen = [run([TOOLS / "journal_bench", file], capture_output=True, text=True, check=False).stdout.split()
            for _ in range(RUNS)]
    if not all(seen):
        yield "journal", "120,000 entries/s", "left out", "no journal file could be made"
        return
    yield ("journal file to entries", "120,000 entries/s", f"{median([float(s[0]) for s in seen]):,.0f} entries/s",
           f"of {seen[0][1]} of our units; the library alone: `journalctl -o cat` {journalctl(file):,.0f} entries/s")


def journalctl(file):
    t = cpu(["journalctl", "--file", file, "-o", "cat"])
    return 200000 / t if t else 0


def row_memory(work, _disk):
    for line in run([TOOLS / "count_bench"], capture_output=True, text=True).stdout.splitlines():
        m = re.match(r"\s*(\d+) strangers:\s*(\S+) M new/s\s*(\S+) M updates/s\s*(\S+) bytes each", line)
        if m:
            yield (f"growth: {int(m[1]):,} strangers tracked, count: 5", "64 bytes each" if m[1] == "1000000" else "",
                   f"{m[4]} bytes each", f"{m[2]} M new/s, {m[3]} M updates/s")
    path = genlog(work / "strangers.log", "-B", 1, "-A", 1000000, "-6", 20, "-r", 10000)
    before = peak([*ENGINE, "-c", guesses_only(work), "replay", "/dev/null"])
    most = peak([*ENGINE, "-c", guesses_only(work), "replay", path])
    yield ("1,000,000 strangers, one line each, through replay", "100 MB", f"{(most - before) / 1024:.0f} MB",
           f"the whole process {most / 1024:.0f} MB; postfix-sasl, sasl-spray and sasl-distributed look at them")
    path.unlink()


def peak(argv):
    """Most resident memory of a command, in KB; started by a small process, whose own would count."""
    code = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, "
            "stderr=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    return int(run([sys.executable, "-c", code, *strings(argv)], capture_output=True, text=True).stdout)


def row_redos(work, _disk):
    file = conf(work, "all-shipped", jail_dirs=[str(TREE / "jails")])
    out = run([TOOLS / "redos_bench", file, 3], capture_output=True, text=True, check=False).stdout.splitlines()
    worst = sorted(((float(row.split()[1]), row.split()[0]) for row in out if not row.startswith("limit")), reverse=True)
    beyond = [row.split()[1] for row in out if row.startswith("limit")]
    yield ("the dearest 4 KB line that a search finds", "50 µs", f"{worst[0][0]:.0f} µs ({worst[0][1]})",
           f"half of the {len(worst)} jails under {worst[len(worst) // 2][0]:.0f} µs; "
           + (f"into the limit: {', '.join(beyond)}" if beyond else "none into its limit"))
    yield from hostile(work)


def hostile(work):
    """What one line costs at most that a pattern cannot bear."""
    jails, lines = work / "hostile", 2000
    jails.mkdir(exist_ok=True)
    (jails / "dear.yaml").write_text("about: x\nlog: mail\nprogram: 'postfix*'\nmatch: ['(?:[a-z]+)*[0-9]']\n"
                                     "limit: {count: 1, per: ip, within: 10m}\nthen: []\n".replace("per: ip", "per: host")
                                     .replace("[0-9]'", "<host>[0-9]!'"))
    file = conf(work, "hostile", jail_dirs=[str(jails)], jails={"auto": False, "dear": "on"})
    costs = []
    for n in (1, lines):
        log = work / f"hostile{n}.log"
        log.write_text(f"2026-08-21T10:00:00.000000+00:00 mx postfix/smtpd[7]: {'a' * 4000}!\n" * n)
        costs.append(cpu([*ENGINE, "-c", file, "replay", log]))
    yield ("a hostile pattern of a user's, on each line it cannot bear", "1 ms",
           f"{(costs[1] - costs[0]) / (lines - 1) * 1e6:.0f} µs a line",
           "cut off by its match limit, then by a sixteenth of it; named, and its neighbours go on")


ALLOCS = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static unsigned long calls;
void *malloc(size_t n) { static void *(*real)(size_t); if (!real) real = dlsym(RTLD_NEXT, "malloc"); calls++; return real(n); }
void *realloc(void *p, size_t n) { static void *(*real)(void *, size_t); if (!real) real = dlsym(RTLD_NEXT, "realloc"); calls++; return real(p, n); }
void *calloc(size_t a, size_t b) { void *p = malloc(a * b); if (p) memset(p, 0, a * b); return p; }
__attribute__((destructor)) static void tell(void) { char t[40]; int n = snprintf(t, sizeof(t), "mallocs %lu\\n", calls); if (write(2, t, n)) {} }
"""


def row_ordinary(work, _disk):
    """What ordinary lines call: the difference between few and many of them."""
    source, lib = work / "allocs.c", work / "allocs.so"
    source.write_text(ALLOCS)
    run(["cc", "-shared", "-fPIC", "-O1", "-o", lib, source, "-ldl"])
    file, mallocs, calls = guesses_only(work), [], []
    sizes = [100000, 1100000]
    for n in sizes:
        log = genlog(work / f"ordinary{n}.log", "-n", n, "-a", 0)
        p = run([*ENGINE, "-c", file, "replay", log], env={**os.environ, "LD_PRELOAD": str(lib)}, capture_output=True,
                text=True, check=False)
        found = re.search(r"mallocs (\d+)", p.stderr)
        mallocs.append(int(found[1]) if found else -1)
        if shutil.which("strace"):
            trace = work / "trace"
            run(["strace", "-f", "-o", trace, *ENGINE, "-c", file, "replay", log], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, check=False)
            names = re.findall(r"^\d+\s+(\w+)\(", trace.read_text(errors="replace"), re.M)
            calls.append({name: names.count(name) for name in set(names)})
        log.unlink()
    more = {k: calls[1][k] - calls[0].get(k, 0) for k in calls[1] if calls[1][k] > calls[0].get(k, 0)} if calls else {}
    yield ("1,000,000 ordinary lines more", "no allocation, no system call a line",
           f"{mallocs[1] - mallocs[0]} allocations" if min(mallocs) >= 0 else "left out",
           ", ".join(f"{n} {name}" for name, n in sorted(more.items())) + " (of 64 KB each)" if calls else "strace is not here")


# ---- where the time goes

# By source file, for the compiler puts functions into each other; libraries by their functions.
STAGES = [
    ("match: the detecting expressions (PCRE2 JIT)", "group expr unit needle"),
    ("threads: queue ids joined", "thread thread_table thread_book told submitted"),
    ("hits: captures, time, windows, evidence",
     "capture core measure conditions subject window roster lookup series judge evidence history known networks levels "
     "places decide brake classes locate geo hit hash addr account passage retell when zone"),
    ("demux: log, program and first byte to expressions", "demux match lead gate glob"),
    ("split: blocks to lines", "parts head inflate offline"),
    ("parse: stamp, host and program told apart", "prefix stamp"),
]
REST = "the rest, starting included"


def stage_of(dso, symbol, source):
    if "kernel" in dso:
        return "read: the kernel copies out of its cache"
    if "libpcre2" in dso or "JIT" in dso:
        return STAGES[0][0]
    if "memchr" in symbol or (source == "history.c" and re.match("history_next|parts_|replay|next_block", symbol)):
        return STAGES[4][0]
    stem = source.split(".")[0]
    return next((name for name, files in STAGES if stem in files.split()), REST)


def row_stages(work, _disk):
    if not shutil.which("perf"):
        yield "where the time goes", "", "left out", "perf is not here"
        return
    for name, file, percent in (("the jails that ban, 2 %", guesses_only(work), 2),
                                ("the jails that ban, 50 %", guesses_only(work), 50),
                                ("all jails, 2 %", everything(work), 2)):
        data, sums = work / "perf.data", {}
        run(["perf", "record", "-q", "-F", 2000, "-o", data, *ENGINE, "-c", file, "replay", log_of(work, percent)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        text = run(["perf", "report", "-i", data, "--no-children", "-g", "none", "-t", ";", "-s", "dso,sym,srcfile",
                    "-F", "overhead,dso,sym,srcfile"], capture_output=True, text=True, check=False).stdout
        for share, dso, symbol, source in re.findall(r"^\s*([\d.]+)%\s*;(.*?)\s*;\s*\[.\] (.*?)\s*;(.*?)\s*$", text, re.M):
            stage = stage_of(dso, symbol, source)
            sums[stage] = sums.get(stage, 0) + float(share)
        for stage, share in sorted(sums.items(), key=lambda x: -x[1]):
            yield f"stage: {name}", "", f"{share:.0f} %", stage
