# SPDX-License-Identifier: GPL-2.0-or-later
"""What the rows of the bench share: commands, clocks, logs, the daemon."""
import contextlib
import json
import os
import pathlib
import re
import resource
import signal
import sqlite3
import statistics
import subprocess
import sys
import time

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = TREE / "build"
TOOLS = BUILD / "bench"
ENGINE = [BUILD / "bailiff-engine", "--offline"]
RUNS = 3
LAB = "BAILIFF_LAB" in os.environ		# a machine of its own, see tests/lab
NS = f"bailiff-bench-{os.getpid()}"
INSIDE = [] if LAB else ["ip", "netns", "exec", NS]

# An own log's shape: ISO time, host, program, pid, text.
LINE = re.compile(rb"^(\S+) (\S+) ([^\[ ]+)\[(\d+)\]: (.*)$")


def say(text):
    print(text, file=sys.stderr, flush=True)


def strings(argv):
    return [str(a) for a in argv]


def run(argv, **kw):
    kw.setdefault("check", True)
    return subprocess.run(strings(argv), **kw)


def median(values):
    return statistics.median(values)


def cpu_once(argv, stdin=None):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(open(stdin, "rb")) if stdin else subprocess.DEVNULL
        run(argv, check=False, stdin=source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cpu(argv, stdin=None, runs=RUNS):
    """Median CPU seconds (user and system) of a command."""
    return median([cpu_once(argv, stdin) for _ in range(runs)])


def elapsed(argv, runs=RUNS):
    seen = []
    for _ in range(runs):
        start = time.monotonic()
        run(argv, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seen.append(time.monotonic() - start)
    return median(seen)


def genlog(path, *args):
    if not path.exists():
        with open(path, "wb") as f:
            run([TOOLS / "genlog", *args], stdout=f)
    return path


def log_of(work, percent, size="200M"):
    return genlog(work / f"a{percent}-{size}.log", "-b", size, "-a", percent, "-A", 1000)


def count_lines(path):
    with open(path, "rb") as f:
        return sum(block.count(b"\n") for block in iter(lambda: f.read(1 << 20), b""))


def grep_cpu(path):
    """Through a pipe: grep that writes to /dev/null stops at the first hit."""
    return cpu(["sh", "-c", f"LC_ALL=C grep -cF 'authentication failed' {path} | cat"])


def shipped():
    return {p.stem: p.read_text().split("\ntests:")[0] for p in sorted((TREE / "jails").glob("*.yaml"))}


def counts_guesses():
    """The jails that ban and do nothing else: those against strangers."""
    then = {name: text[text.rindex("\nthen:"):] for name, text in shipped().items() if "\nthen:" in text}
    return [name for name, text in then.items() if "ban:" in text and "contain" not in text and "notify" not in text]


def conf(work, name, **keys):
    path = work / f"{name}.yaml"
    path.write_text(json.dumps({"table": "bench", "jail_dirs": [], **keys}))
    return path


def guesses_only(work):
    others = {name: "off" for name in shipped() if name not in counts_guesses()}
    return conf(work, "guesses", jails=others)


def everything(work):
    return conf(work, "everything")


def status(pid, name):
    with contextlib.suppress(OSError):
        m = re.search(rf"^{name}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)
        return int(m.group(1)) if m else 0
    return 0


def family(pid):
    """The process and all below it."""
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{found[-1]}/task"):
                todo += map(int, pathlib.Path(f"/proc/{found[-1]}/task/{task}/children").read_text().split())
    return found


def cpu_of(pids):
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def last_pid():
    """Grows by one for each process and thread that starts in this pid namespace."""
    return int(pathlib.Path("/proc/loadavg").read_text().split()[-1])


def tool(name, *args):
    return run([*INSIDE, TOOLS / name, *args], cwd=TOOLS, capture_output=True, text=True, check=False).stdout.strip()


def wait_for(done, timeout=120, step=0.01):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if done():
            return time.monotonic()
        time.sleep(step)
    raise TimeoutError


class Daemon:
    """bailiffd over a log of its own, its state on the disk; each a new one."""

    made = 0

    def __init__(self, work, disk, name, **keys):
        Daemon.made += 1
        name = f"{name}-{Daemon.made}"
        self.log = work / f"{name}.live"
        self.log.touch()
        self.state = disk / f"state-{name}"
        self.file = conf(work, name, state=str(self.state), run=str(work / f"run-{name}"),
                         logs={"mail": {"files": [str(self.log)]}}, **keys)
        self.err = work / f"{name}.err"
        self.launch()
        self.ready()

    def launch(self):
        self.process = subprocess.Popen(strings([*INSIDE, BUILD / "bailiffd", "-c", self.file, "-f"]),
                                        stderr=open(self.err, "ab"))

    def ready(self):
        try:
            wait_for(lambda: self.cli("status"), 60, 0.05)
        except TimeoutError:
            raise SystemExit(self.err.read_text()[-2000:]) from None

    def cli(self, *args):
        p = run([BUILD / "bailiff", "-c", self.file, "--json", *args], capture_output=True, check=False, text=True)
        return json.loads(p.stdout) if p.returncode == 0 else None

    def append(self, data):
        with open(self.log, "ab") as f:
            f.write(data)

    def ledger(self, sql):
        db = sqlite3.connect(f"file:{self.state / 'engine' / 'ledger.db'}?mode=ro", uri=True)
        try:
            return db.execute(sql).fetchone()[0]
        finally:
            db.close()

    def pids(self):
        return family(self.process.pid)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def teardown(self):
        run([*INSIDE, BUILD / "bailiffd", "-c", self.file, "--teardown"], stderr=subprocess.DEVNULL, check=False)

    def end(self):
        self.stop()
        self.teardown()
