# SPDX-License-Identifier: GPL-2.0-or-later
"""The same work by others, from Debian's packages, in the laboratory (tests/lab)."""
import pathlib
import re
import shutil
import subprocess
import time

from common import (BUILD, ENGINE, LAB, TOOLS, cpu, cpu_of, everything, family, genlog, guesses_only, last_pid, log_of,
                    run, say, strings, tool, wait_for)
from live import percentiles

PARTS = BUILD / "bench" / "peers"
SSHGUARD = PARTS / "usr/libexec/sshguard/sshg-parser"
F2B = pathlib.Path("/usr/bin/fail2ban-server")
JAILS = {"sshd": "sshd", "postfix": "postfix[mode=aggressive]", "dovecot": "dovecot"}


def fetch():
    """sshguard's parser, out of its package; it is not installed, so nothing starts."""
    if SSHGUARD.exists() or not shutil.which("apt-get"):
        return
    PARTS.mkdir(parents=True, exist_ok=True)
    done = run(["apt-get", "-q", "download", "sshguard"], cwd=PARTS, check=False, capture_output=True)
    for deb in PARTS.glob("sshguard_*.deb"):
        files = run(["dpkg-deb", "--fsys-tarfile", deb], check=False, capture_output=True).stdout
        run(["tar", "-xC", PARTS, "./usr/libexec/sshguard/sshg-parser"], input=files, check=False, capture_output=True)
    if not SSHGUARD.exists():
        say(f"sshguard left out: {done.stderr.decode()[-200:].strip()}")


class Fail2ban:
    """Its server with its own filters, over a log of ours."""

    def __init__(self, log, action):
        self.messages = log.with_suffix(".f2b")
        self.messages.write_text("")
        pathlib.Path("/etc/fail2ban/jail.d").mkdir(parents=True, exist_ok=True)
        for old in pathlib.Path("/etc/fail2ban/jail.d").glob("*.conf"):
            old.unlink()
        text = f"[DEFAULT]\nmaxretry = 5\nfindtime = 600\nbantime = 600\nlogpath = {log}\nbackend = auto\naction = {action}\n"
        for name, filter_ in JAILS.items():
            text += f"[{name}]\nenabled = true\nfilter = {filter_}\nlogpath = {log}\nbackend = auto\naction = {action}\n"
        pathlib.Path("/etc/fail2ban/jail.local").write_text(text)
        pathlib.Path("/var/run/fail2ban").mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(strings([F2B, "-f", "--logtarget", self.messages, "start"]),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: self.said(r"Jail '\S+' started") >= len(JAILS), 60, 0.1)

    def said(self, pattern):
        return len(re.findall(pattern, self.messages.read_text(errors="replace")))

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


def last_words():
    """Lines of one address that each of the jails finds, to tell that all before was read."""
    when = time.strftime("%Y-%m-%dT%H:%M:%S.000000+00:00", time.gmtime())
    texts = ["sshd[7]: Failed password for root from 203.0.113.77 port 7 ssh2",
             "postfix/smtpd[7]: warning: unknown[203.0.113.77]: SASL LOGIN authentication failed: UGFzc3dvcmQ6",
             "dovecot[7]: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<x>, method=PLAIN, "
             "rip=203.0.113.77, lip=192.0.2.1, TLS, session=<x>"]
    return "".join(f"{when} mx {text}\n" for text in texts).encode()


def row_peers(work, _disk):
    size = "3M"
    path = genlog(work / "peers.log", "-b", size, "-a", 2, "-A", 200, "-T", int(time.time()) - 60)
    bytes_, long = path.stat().st_size, log_of(work, 2)
    mine, all_ = (long.stat().st_size / cpu([*ENGINE, "-c", file, "replay", long]) / 1e6
                  for file in (guesses_only(work), everything(work)))
    for name, wanted, measure in (("fail2ban's server with postfix, dovecot, sshd", 300, by_fail2ban),
                                  ("fail2ban-regex with postfix", 300, by_regex),
                                  ("sshguard's parser", 15, by_sshguard)):
        speed, why = measure(work, path, bytes_)
        if not speed:
            yield f"against {name}", f"{wanted} times", "left out", why
        else:
            yield (f"against {name}", f"{wanted} times", f"{mine / speed:,.0f} times as fast with the jails that ban, "
                   f"{all_ / speed:,.0f} with all", f"{speed:.2f} MB a CPU second of such lines; bailiff {mine:.0f} and {all_:.0f}")


def by_fail2ban(work, path, bytes_):
    if not LAB or not F2B.exists():
        return None, "fail2ban is not here (it comes with the laboratory, as root)"
    log = work / "fail2ban.log"
    log.write_bytes(b"")
    server = Fail2ban(log, "")
    try:
        used = cpu_of(family(server.process.pid))
        with open(log, "ab") as f:
            f.write(path.read_bytes() + last_words())
        found = [r"\[%s\] Found 203\.0\.113\.77" % name for name in JAILS]
        wait_for(lambda: all(map(server.said, found)), 90, 0.2)
        return bytes_ / (cpu_of(family(server.process.pid)) - used) / 1e6, ""
    except TimeoutError:
        return None, "fail2ban's server did not read it in 90 s"
    finally:
        server.stop()


def by_regex(work, path, bytes_):
    if not LAB or not shutil.which("fail2ban-regex"):
        return None, "fail2ban-regex is not here"
    part = work / "regex.log"
    part.write_bytes(path.read_bytes()[:1000000].rsplit(b"\n", 1)[0] + b"\n")
    t = cpu(["fail2ban-regex", part, "postfix[mode=aggressive]"], runs=1)
    return part.stat().st_size / t / 1e6, ""


def by_sshguard(_work, path, bytes_):
    if not SSHGUARD.exists():
        return None, "sshguard's parser is not here (apt-get download sshguard)"
    return bytes_ / cpu([SSHGUARD], stdin=path) / 1e6, ""


def row_peerlive(work, _disk):
    if not LAB or not F2B.exists():
        yield "fail2ban's server live", "", "left out", "fail2ban is not here"
        return
    log, many = work / "live.log", 300
    log.write_bytes(b"")
    server = Fail2ban(log, "nftables[type=allports]")
    try:
        p = percentiles(tool("latency", "one", "-t", 20000, log, 8))
        yield ("fail2ban's server: log write to element", "", f"p50 {p[0] / 1000:.0f} ms, max {p[3] / 1000:.0f} ms, {p[4]} lost",
               "its own nftables action")
        data = run([TOOLS / "genlog", "-B", 5, "-A", many, "-6", 0, "-T", int(time.time())], capture_output=True).stdout
        before, start = last_pid(), time.monotonic()
        with open(log, "ab") as f:
            f.write(data)
        text = tool("latency", "sum", "f2b-table", many + 8 - max(p[4], 0), 120)
        if not text:
            yield f"fail2ban's server: {many} attackers at once", "", "left out", "not all came in 120 s"
            return
        took = float(text.split()[0]) - start
        yield (f"fail2ban's server: {many} attackers at once", "", f"{took:.1f} s to the last element",
               f"{took / many * 1000:.0f} ms an attacker, {last_pid() - before:,} processes and threads started")
    finally:
        server.stop()
