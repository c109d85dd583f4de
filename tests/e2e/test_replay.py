# SPDX-License-Identifier: GPL-2.0-or-later
"""`replay` and the daemon: the same lines, the same verdicts, on every run."""
import gzip
import json
import time

import pytest

import machine
import stream
from daemon import Bailiff
from stream import DAY, HOUR, Log, line, stamp

# Shipped jails with their own limits, and what those don't use.
JAILS = {
    "grows": {
        "about": "longer each time", "log": "mail", "program": "app", "match": ["refused <ip>$"],
        "limit": {"count": 4, "per": "ip", "within": "20m"},
        "then": [{"ban": {"for": "15m", "grow": 2, "max": "6h", "scope": "mail"}}]},
    "pairs": {
        "about": "a subject of two captures", "log": "mail", "program": "app",
        "match": ["<ip> as <user>$"],
        "limit": {"count": 3, "per": ["ip", "user"], "within": "30m"},
        "then": [{"ban": {"for": "10m", "scope": "mail"}}]},
    "many-names": {
        "about": "different values", "log": "mail", "program": "app", "match": ["<ip> as <user>$"],
        "limit": {"distinct": "user", "count": 6, "per": "ip", "within": "2h"},
        "then": [{"ban": {"for": "1h", "scope": "mail"}}]},
    "volume": {
        "about": "sums over a conversation", "log": "mail", "program": "app",
        "thread": {"by": "qid", "keep": "1h"},
        "match": [{"remember": "<qid>: from <ip> by <user>$"}, {"count": "<qid>: size=<size>$"}],
        "limit": {"sum": "size", "over": 5000, "per": "user", "within": "1h"},
        "then": [{"ban": {"whom": "seen", "for": "30m", "scope": "mail"}}, "notify"]},
    "not-alone": {
        "about": "an amount, and something with it", "log": "mail", "program": "app", "match": ["<ip> as <user>$"],
        "limit": {"count": 3, "per": "user", "within": "30m", "alone": 40,
                  "with": ["new_network", {"distinct": "ip", "over": 3}]},
        "then": ["notify"]},
    "share": {
        "about": "a share of hits", "log": "mail", "program": "app",
        "match": [{"match": "refused <ip>$", "part": True}, "<ip> as "],
        "limit": {"ratio": 0.6, "count": 5, "per": "ip", "within": "1h"}, "then": []},
    "gauge": {
        "about": "a number that is too high", "log": "mail", "program": "app", "match": ["<qid>: size=<size>$"],
        "limit": {"level": "size", "over": 1800, "under": 400, "per": "qid"}, "then": []},
    "weighed": {
        "about": "weights by place and names", "log": "mail", "program": "app", "match": ["<ip> as <user>$"],
        "active": {"hours": "02:00-23:00"},
        "limit": {"count": 8, "per": "ip", "within": "2h", "known": 0.5, "spread": {"accounts": 3, "weight": 2}},
        "then": [{"ban": {"for": "5m", "scope": "mail"}}]},
    "risk": {
        "about": "signals add up", "log": "verdicts", "score": {"not-alone": 30, "volume": 40, "pairs": 25},
        "limit": {"score": 70, "per": "user", "within": "6h"}, "then": ["notify"]},
    "process": {
        "about": "lines of one process, some of them longer than what is matched", "log": "mail", "program": "app",
        "thread": {"by": "pid", "keep": "1h"},
        "match": [{"remember": "refused <ip>$"}, {"count": "good day to <user>$", "each": True}],
        "limit": {"count": 3, "per": "ip", "within": "2h"}, "then": [{"ban": {"for": "5m", "scope": "mail"}}]},
    "watched": {
        "about": "only watched", "log": "mail", "program": "app", "mode": "shadow",
        "match": ["refused <ip>$"], "limit": {"count": 10, "per": "ip", "within": "1h"},
        "then": [{"ban": {"for": "1h", "scope": "all"}}]},
}
CONFIG = {
    # One log: two that are read in bursts of hours are no picture of two that grow side by side.
    "jails": {**stream.jails_on(*JAILS, "postfix-sasl"), "watched": "shadow",
              "sshd": {"log": "mail"}, "sasl-burst": {"limit": {"count": 8, "alone": 8}},
              "recidive": {"limit": {"count": 3, "within": "6h"}}},
    "accounts": {"act": "propose", "local_domains": [machine.LOCAL_DOMAIN]},
    "notify": {"mail": "off", "digest": "off"},
    "classes": {"busy": {"members": ["info", "a*"], "limits": {"volume": {"over": 9000}, "pairs": {"count": 5}}}},
    "snapshot_every": "1s",
}


def syslog(when):
    t = time.localtime(when)
    return time.strftime("%b ", t) + f"{t.tm_mday:2d}" + time.strftime(" %H:%M:%S", t)


def day_of_lines(rng, begin, end, n=12000, form=stamp):
    """Many strangers, some of them stubborn, and the honest among them."""
    strangers = [f"203.0.113.{i}" for i in range(1, 60)] + [
        f"2001:db8:{i:x}:{k:x}::{rng.randrange(1, 1 << 16):x}" for i in range(1, 9) for k in range(4)]
    names = ["joe", "Ann", "ann@example.com", "info", "admin", "root", "o'hara", "m\xfcller"]
    kinds = [
        ("app", lambda ip, who, q: f"refused {ip}"),
        ("app", lambda ip, who, q: f"{ip} as {who}"),
        ("app", lambda ip, who, q: f"{q}: from {ip} by {who}"),
        ("app", lambda ip, who, q: f"{q}: size={rng.randrange(10, 2000)}"),
        ("postfix/smtpd", lambda ip, who, q: f"warning: unknown[{ip}]: SASL LOGIN authentication "
                                             f"failed: UGFzc3dvcmQ6"),
        ("postfix/smtpd", lambda ip, who, q: f"{q}: client=unknown[{ip}], sasl_method=PLAIN, "
                                             f"sasl_username={who}"),
        ("sshd", lambda ip, who, q: f"Failed password for {who} from {ip} port 22 ssh2"),
        ("app", lambda ip, who, q: f"good day to {who}"),
        ("app", lambda ip, who, q: f"good day to {who:x<{rng.randrange(200, 6000)}}"),
    ]
    out = []
    for i in range(n):
        when = begin + (end - begin) * i / n
        # The stubborn come in bouts.
        at = int(rng.paretovariate(0.9)) + int(when / HOUR) * 7
        program, text = kinds[rng.randrange(len(kinds))]
        queue = f"4F{i // 60:06X}"
        told = text(strangers[at % len(strangers)], names[int(rng.paretovariate(1)) % len(names)], queue)
        out.append(f"{form(when)} mx {program}[{i // 9 % 400}]: {told}\n".encode("latin-1"))
    return out


def recorded(bailiff):
    """The ledger's verdicts as `replay --json` tells them."""
    rows = stream.ledger(bailiff, "SELECT v.jail, v.subject, v.at_ms, v.mode, v.actions, e.lines"
                                  " FROM verdicts v LEFT JOIN evidence e USING (id) ORDER BY v.id")
    return [(jail, subject, at, ("", "shadow")[mode == 1],
             [(a["do"], a["target"], a["for"] or None) for a in json.loads(actions)],
             [e["line"] if isinstance(e, dict) else e for e in json.loads(lines)])
            for jail, subject, at, mode, actions, lines in rows]


def told(verdicts):
    return [(v["jail"], stream.subject_text(v["subject"]), round(v["time"] * 1000),
             v.get("mode", ""), [(a["do"], a["target"], a["for"]) for a in v["actions"]],
             [e["line"] if isinstance(e, dict) else e for e in v["evidence"]])
            for v in verdicts]


@pytest.mark.parametrize("form", [stamp, syslog], ids=["iso", "syslog"])
def test_live_and_replay(ns, form):
    rng, now = stream.seed(), time.time()
    lines = day_of_lines(rng, now - 2 * DAY, now - 60, form=form)
    with Log(machine.MAIL_LOG) as log, Bailiff(ns, CONFIG, jails=JAILS) as bailiff:
        stream.wait_snapshot(bailiff)
        at = 0
        while at < len(lines):
            n = rng.randrange(1, 900)
            log.write(*lines[at:at + n])
            at += n
        want = told(bailiff.replay(f"mail={machine.MAIL_LOG}"))
        # sasl-burst needs more than what each day brings
        assert {v[0] for v in want} - {"sasl-burst"} == set(JAILS) | {"postfix-sasl", "sshd", "recidive"}
        assert {v[3] for v in want} == {"", "shadow"}
        stream.wait_verdicts(bailiff, len(want))
        stream.caught_up(bailiff, machine.MAIL_LOG)
        got = recorded(bailiff)
        for g, w in zip(got, want):
            assert g == w
        assert len(got) == len(want)


def test_live_with_deaths_and_replay(ns):
    """What is remembered (earlier verdicts, threads, networks) comes over deaths, too."""
    rng, now = stream.seed(), time.time()
    lines = day_of_lines(rng, now - 2 * DAY, now - 60)
    cuts = sorted(rng.sample(range(len(lines)), 5))
    with Log(machine.MAIL_LOG) as log, Bailiff(ns, CONFIG, jails=JAILS) as bailiff:
        before, at = stream.wait_snapshot(bailiff), 0
        for n, cut in enumerate(cuts):
            log.write(*lines[at:cut])
            at = cut
            if n % 2:
                before = stream.wait_snapshot(bailiff, before)
            bailiff.kill9()
            bailiff.ended()
            bailiff.start()
        log.write(*lines[at:])
        want = [v[:5] for v in told(bailiff.replay(f"mail={machine.MAIL_LOG}"))]
        stream.wait_verdicts(bailiff, len(want))
        stream.caught_up(bailiff, machine.MAIL_LOG)
        got = [v[:5] for v in recorded(bailiff)]
        for g, w in zip(got, want):
            assert g == w
        assert len(got) == len(want)


@pytest.fixture
def offline(ns, tmp_path):
    """A bailiff that is not started, a log, and what it replays to."""
    now = time.time()
    lines = day_of_lines(stream.seed(), now - 2 * DAY, now - 60, n=6000)
    bailiff = Bailiff(ns, CONFIG, jails=JAILS)
    whole = tmp_path / "whole.log"
    whole.write_bytes(b"".join(lines))
    yield bailiff, lines, whole, output(bailiff, f"mail={whole}")
    bailiff.close()


def output(bailiff, *args, **kw):
    return bailiff.cli("replay", "--json", *args, **kw)


def test_same_on_every_run(offline):
    bailiff, _, whole, want = offline
    assert want.count("\n") > 100
    assert all(output(bailiff, f"mail={whole}") == want for _ in range(3))
    assert output(bailiff, whole) == want           # for every log that a jail names
    # Neither who runs it nor what stands in the ledger has a share in it.
    as_nobody = machine.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                             bailiff.bin / "bailiff", "-c", bailiff.file, "replay", "--json", "-"],
                            input=whole.read_text(encoding="latin-1"), encoding="latin-1", text=None)
    assert as_nobody.stdout == want


@pytest.mark.parametrize("how", ["gz", "zst", "stdin", "stdin.gz"])
def test_compressed(offline, tmp_path, how):
    bailiff, _, whole, want = offline
    data = whole.read_bytes()
    packed = {"gz": gzip.compress, "zst": stream.zstd, "stdin": bytes, "stdin.gz": gzip.compress}[how](data)
    if how.startswith("stdin"):
        done = bailiff.command("replay", "--json", "mail=-", input=packed, text=None, errors=None)
        assert (done.returncode, done.stdout.decode()) == (0, want)
        return
    path = tmp_path / f"log.{how}"
    path.write_bytes(packed)
    assert output(bailiff, f"mail={path}") == want


def test_damaged_compression(offline, tmp_path):
    """What came before is told, and that there was damage."""
    bailiff, _, whole, want = offline
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(whole.read_bytes())[:-3000])
    done = bailiff.command("replay", "--json", f"mail={path}")
    assert done.returncode == 1 and "damaged compressed data; what came before was read" in done.stderr
    assert done.stdout and want.startswith(done.stdout)


@pytest.mark.parametrize("deal", ["in a row", "in turns"])
def test_parts(offline, tmp_path, deal):
    """Several LOGs are parts of one, merged by time, in whatever order they are named."""
    bailiff, lines, _, want = offline
    if deal == "in a row":
        dealt = [lines[:1000], lines[1000:4500], lines[4500:]]
    else:
        dealt = [lines[k::3] for k in range(3)]
    names = []
    for n, (part, pack) in enumerate(zip(dealt, (bytes, gzip.compress, stream.zstd))):
        path = tmp_path / f"part{n}"
        path.write_bytes(pack(b"".join(part)))
        names.append(f"mail={path}")
    for order in names, names[::-1], [names[1], names[2], names[0]]:
        assert output(bailiff, *order) == want


def test_two_logs(ns, tmp_path):
    """Each named for its own log: a jail sees the lines of its logs only."""
    now = time.time()
    jail = {**JAILS["grows"], "limit": {"count": 1, "per": "ip", "within": "1m"}}
    jails = {"a": {**jail, "log": "mail"}, "b": {**jail, "log": "auth"}, "c": {**jail, "log": ["mail", "auth"]}}
    paths = [tmp_path / "x", tmp_path / "y"]
    for n, path in enumerate(paths):
        path.write_bytes(line(now - 10 + n, f"refused 203.0.113.{n}"))
    with_paths = [f"mail={paths[0]}", f"auth={paths[1]}"]
    bailiff = Bailiff(ns, {"jails": stream.jails_on(*jails)}, jails=jails)
    try:
        got = sorted((v["jail"], v["subject"]) for v in bailiff.replay(*with_paths))
        assert got == [("a", "203.0.113.0"), ("b", "203.0.113.1"), ("c", "203.0.113.0"),
                       ("c", "203.0.113.1")]
        # Unnamed, it stands for both; jail c, which names both, sees it once.
        got = sorted((v["jail"], v["subject"]) for v in bailiff.replay(paths[0]))
        assert got == [(j, "203.0.113.0") for j in "abc"]
    finally:
        bailiff.close()


def test_class_file(ns, tmp_path):
    """Members come from a file, read with the configuration; what is wrong in it is told by its line."""
    path = tmp_path / "newsletters"
    path.write_text("# who sends much\nnews@example.com\n*@lists.example.com   # all of them\n")
    log = tmp_path / "log"
    now = time.time()
    log.write_bytes(b"".join(line(now - 60 + k, f"203.0.113.9 as {who}")
                             for k in range(5) for who in ("news@example.com", "x@lists.example.com", "joe@example.com")))
    jails = {"much": {"about": "much", "log": "mail", "program": "app", "match": ["<ip> as <user>$"],
                      "limit": {"count": 3, "per": "user", "within": "1h"}, "then": ["notify"]}}
    config = {"jails": stream.jails_on("much"),
              "classes": {"bulk": {"file": str(path), "limits": {"much": {"count": 5}}}}}
    bailiff = Bailiff(ns, config, jails=jails)
    try:
        got = [(v["subject"], v["made"]) for v in bailiff.replay(log)]
        assert got == [("joe@example.com", "3 within 1h"), ("news@example.com", "5 within 1h, limit of class bulk"),
                       ("x@lists.example.com", "5 within 1h, limit of class bulk")]
        path.write_text("news@example.com\n  300.1.1.1\n")
        done = bailiff.command("check")
        assert done.returncode == 1
        assert f"{path}:2:3: '300.1.1.1' is no account, no glob of accounts and no network" in done.stdout + done.stderr
        path.unlink()
        done = bailiff.command("check")
        assert done.returncode == 1 and f"cannot read {path}: No such file or directory" in done.stdout + done.stderr
    finally:
        bailiff.close()


def test_score_lists_its_signals(ns, tmp_path):
    """What made the sum: each signal with its weight, its jail and its line."""
    signal = {"about": "a signal", "log": "mail", "program": "app", "mode": "shadow",
              "limit": {"count": 2, "per": "user", "within": "1h"}, "then": []}
    jails = {"odd-hours": {**signal, "match": ["night <user>$"]}, "odd-place": {**signal, "match": ["abroad <user>$"]},
             "risk": {"about": "signals add up", "log": "verdicts", "score": {"odd-hours": 30, "odd-place": 50},
                      "limit": {"score": 80, "per": "user", "within": "1h"}, "then": ["notify"]}}
    now = time.time()
    log = tmp_path / "log"
    log.write_bytes(b"".join(line(now - 60 + k, text) for k, text in enumerate(
        ["night joe", "night joe", "abroad ann", "abroad joe", "abroad joe", "abroad ann"])))
    bailiff = Bailiff(ns, {"jails": {**stream.jails_on("risk"), "odd-hours": "shadow", "odd-place": "shadow"}}, jails=jails)
    try:
        risk = [v for v in bailiff.replay(log) if v["jail"] == "risk"]
        assert [(v["subject"], v["made"]) for v in risk] == [
            ("joe", "score 80 within 1h: odd-hours 30, odd-place 50")]
        assert [e.partition(": ")[0] for e in risk[0]["evidence"]] == ["odd-hours counts 30", "odd-place counts 50"]
        assert risk[0]["evidence"][0].endswith("night joe") and risk[0]["evidence"][1].endswith("abroad joe")
    finally:
        bailiff.close()


@pytest.mark.parametrize("accounts, mode, want", [
    ({"act": "yes"}, "on", (None, None)),
    ({"act": "propose"}, "on", ("account steps, as accounts.act is not yes", None)),
    ({"act": "no", "protect": ["joe"]}, "on", (None, "account steps, as the account is protected")),
    ({"act": "yes"}, "propose", ("all of it, as the jail's mode is propose", None)),
    ({"act": "no"}, "shadow", (None, None))])
def test_what_does_not_follow(ns, tmp_path, accounts, mode, want):
    """What the configuration holds back is told with the verdict."""
    log = tmp_path / "log"
    log.write_bytes(line(time.time() - 60, "went joe"))
    jail = {"about": "one", "log": "mail", "program": "app", "match": ["went <user>$"],
            "limit": {"count": 1, "per": "user", "within": "1h"}, "then": ["lock"]}
    bailiff = Bailiff(ns, {"accounts": accounts, "jails": {**stream.jails_on("one"), "one": mode}}, jails={"one": jail})
    try:
        verdict, = bailiff.replay(log)
        assert (verdict.get("proposed"), verdict.get("refused")) == want
        assert [a["do"] for a in verdict["actions"]] == ["lock"]
        said = bailiff.command("replay", log).stdout
        assert said.rstrip().endswith(f": {want[0] or want[1]})" if any(want) else "lock joe")
    finally:
        bailiff.close()
