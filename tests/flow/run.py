#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`bailiff top` and `trace` over a log, against a plain awk script and the
generator's own words. No root, no daemon: BAILIFF_BUILD names the programs."""
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("BAILIFF_BUILD", HERE.parents[1] / "build"))
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent))
import mail_log  # noqa: E402
import mmdb      # noqa: E402

FIGURES = ("msgs", "rcpts", "bytes", "addresses", "bounces")
failures = []


def bailiff(*argv, status=0, stdin=None):
    done = subprocess.run([BUILD / "bailiff", *argv], capture_output=True, text=True, check=False, stdin=stdin)
    if done.returncode != status:
        failures.append(f"bailiff {' '.join(map(str, argv))}: status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def by_bailiff(what, *logs, **more):
    out = json.loads(bailiff("--json", "top", what, "--limit", "100000", *logs, **more) or "{}")
    return {r["name"]: tuple(r[f] for f in FIGURES) for r in out.get("rows", ())}


def by_awk(what, log):
    out = subprocess.run(["awk", "-v", f"what={what}", "-f", HERE / "top.awk", log],
                         capture_output=True, text=True, check=True).stdout
    return {f[0]: tuple(map(int, f[1:])) for f in (line.split("\t") for line in out.splitlines())}


def same(name, got, want):
    if got == want:
        return
    if not isinstance(want, dict):
        failures.append(f"{name}: {got}, wanted {want}")
        return
    wrong = [k for k in sorted(set(got) | set(want)) if got.get(k) != want.get(k)]
    failures.append(f"{name}: {len(wrong)} of {len(want)} differ: "
                    + "; ".join(f"{k}: {got.get(k)}, awk says {want.get(k)}" for k in wrong[:5]))


def check_top(work, text):
    log, zipped, parts = work / "mail.log", work / "mail.log.gz", [work / "a.log", work / "b.log"]
    log.write_text(text)
    zipped.write_bytes(gzip.compress(text.encode()))
    lines = text.splitlines(keepends=True)
    parts[0].write_text("".join(lines[: len(lines) // 3]))
    parts[1].write_text("".join(lines[len(lines) // 3:]))
    for what in ("users", "senders", "clients", "domains"):
        want = by_awk(what, log)
        if len(want) < 5:
            failures.append(f"{what}: awk found only {len(want)}")
        same(what, by_bailiff(what, log), want)
        same(f"{what} of .gz", by_bailiff(what, zipped), want)
        # The newer part first: the times of lines say what is first.
        same(f"{what} of two parts", by_bailiff(what, f"mail={parts[1]}", parts[0]), want)
        with open(log, encoding="ascii") as f:
            same(f"{what} of -", by_bailiff(what, "-", stdin=f), want)
    for by in FIGURES:
        rows = json.loads(bailiff("--json", "top", "--by", by, "--limit", "7", log))["rows"]
        counts = [r[by] for r in rows]
        if counts != sorted(counts, reverse=True) or len(counts) != 7:
            failures.append(f"--by {by}: {counts} is not sorted")


def check_since(work, text):
    """--since counts what began so long before the last that did."""
    log, end = work / "mail.log", work / "end.log"
    began = [i for i, line in enumerate(text.splitlines())
             if "smtpd[" in line and ": client=" in line or "pickup[" in line]
    lines = text.splitlines(keepends=True)
    out = json.loads(bailiff("--json", "top", "--since", "1h", log))
    newest = out["until"]
    first = next(i for i in began if stamp_of(lines[i]) >= newest - 3600)
    end.write_text("".join(lines[first:]))
    same("--since 1h", {r["name"]: r["msgs"] for r in out["rows"]},
         {r["name"]: r["msgs"] for r in json.loads(bailiff("--json", "top", end))["rows"]})


def stamp_of(line):
    return mail_log.datetime.datetime.fromisoformat(line.split()[0]).timestamp()


BURST = '''about: messages
log: mail
program: 'postfix*'
match: ['<qid>: client=<host>\\[<ip>\\], sasl_method=PLAIN, sasl_username=<user>$']
limit: {count: 100, per: user, within: 10m}
then: [notify]
'''
RCPTS = '''about: recipients
log: mail
program: 'postfix*'
thread: {by: qid, keep: 1d}
match:
  - remember: '<qid>: client=<host>\\[<ip>\\], sasl_method=PLAIN, sasl_username=<user>$'
  - count: '<qid>: from=<<sender>>, size=\\d+, nrcpt=<nrcpt> \\(queue active\\)$'
limit: {sum: nrcpt, over: 1000, per: user, within: 1h, alone: 5000, with: [foreign_sender]}
then: [notify]
'''


def usual(hits, within, share=0.999):
    """Of {user: [(time, amount)]}: the percentile of what lay in a window, and each user's most."""
    steps, most = {}, {}
    for user, seen in hits.items():
        for i, (t, _) in enumerate(seen):
            lies = sum(n for at, n in seen[:i + 1] if at >= t - within)
            key = user, int(t * 1000) // (within * 1000)
            steps[key] = max(steps.get(key, 0), lies)
            most[user] = max(most.get(user, 0), lies)
    values = sorted(steps.values())
    return values[-(-len(values) * int(share * 1000) // 1000) - 1], most


def rounded(n):
    unit = 1
    while n // unit >= 100:
        unit *= 10
    return -(-n // unit) * unit


def check_suggest(work):
    """What accounts did, counted here the long way."""
    jails, conf, log = work / "jails", work / "suggest.yaml", work / "suggest.log"
    jails.mkdir()
    (jails / "burst.yaml").write_text(BURST)
    (jails / "rcpts.yaml").write_text(RCPTS)
    conf.write_text(f"jail_dirs: [{jails}]\njails: {{auto: off, burst: on, rcpts: on}}\n"
                    "classes: {news: {members: [u7@example.org], limits: {burst: {count: 500}}}}\n")
    w, r, burst, rcpts = mail_log.Writer(5), mail_log.random.Random(5), {}, {}

    def submit(t, user, n):
        qid = f"4F{len(w.lines):06X}"
        w.say(t, "postfix/submission/smtpd", f"{qid}: client=x[203.0.113.9], sasl_method=PLAIN, sasl_username={user}")
        w.say(t, "postfix/qmgr", f"{qid}: from=<{user}>, size=900, nrcpt={n} (queue active)")
        burst.setdefault(user, []).append((t, 1))
        rcpts.setdefault(user, []).append((t, n))
    for i in range(3000):
        for _ in range(1 + int(r.paretovariate(1.1)) % 30):
            submit(1794000000 + i * 300 + r.random() * 290, f"u{r.randrange(40)}@example.org", r.choice([1, 1, 2, 9]))
    for i in range(400):
        submit(1794500000 + i * 0.5, "thief@example.org", 20)
    w.lines.sort()
    for seen in (*burst.values(), *rcpts.values()):
        seen.sort()
    log.write_text("".join(text + "\n" for _, _, text in w.lines))

    out = json.loads(bailiff("-c", conf, "--json", "suggest", log))
    by_jail = {j["jail"]: j for j in out["jails"] if j["class"] is None}
    news = {j["jail"]: j for j in out["jails"] if j["class"] == "news"}
    value, most = usual({"u7@example.org": burst.pop("u7@example.org")}, 600)
    same("suggest for a class", [news["burst"][k] for k in ("usual", "accounts", "limit", "suggest")],
         [value, 1, 500, rounded(max(3 * value, 50))])
    same("suggest for a class, without a limit of its own", news["rcpts"]["limit"], 1000)
    del rcpts["u7@example.org"]
    for name, hits, within, limit in (("burst", burst, 600, 100), ("rcpts", rcpts, 3600, 1000)):
        j, (value, most) = by_jail[name], usual(hits, within)
        same(f"suggest {name}", (j["usual"], j["most"], j["accounts"], j["limit"]), (value, max(most.values()), len(most), limit))
        same(f"suggest {name}: limit", j["suggest"], rounded(3 * value))
        same(f"suggest {name}: fired", {a["user"] for a in j["fired"]["first"]}, {"thief@example.org"})
        reached = {u for u, n in most.items() if n >= rounded(3 * value) + (name == "rcpts")}
        same(f"suggest {name}: reached", {a["user"] for a in j["reached"]["first"]}, reached)
    same("suggest alone", by_jail["rcpts"]["suggest_alone"], rounded(5 * by_jail["rcpts"]["suggest"]))
    # as it is printed, it is a configuration
    shown = bailiff("-c", conf, "suggest", log)
    conf.write_text(f"jail_dirs: [{jails}]\n" + shown.replace("  news:\n", "  news:\n    members: [u7@example.org]\n"))
    bailiff("-c", conf, "check")


def check_trace(work):
    log = work / "life.log"
    w = mail_log.Writer(1)
    w.say(1e9, "postfix/submission/smtpd", "4F1C2: client=home.example[203.0.113.9], sasl_method=PLAIN, sasl_username=Joe@example.org")
    w.say(1e9 + 1, "postfix/cleanup", "4F1C2: message-id=<a.1@example.org>")
    w.say(1e9 + 1, "postfix/qmgr", "4F1C2: from=<joe@example.org>, size=812, nrcpt=2 (queue active)")
    w.say(1e9 + 2, "postfix/smtpd", "4F1C3: client=localhost[127.0.0.1]")
    w.say(1e9 + 2, "postfix/cleanup", "4F1C3: message-id=<a.1@example.org>")
    w.say(1e9 + 2, "postfix/qmgr", "4F1C3: from=<joe@example.org>, size=1200, nrcpt=2 (queue active)")
    for rcpt in ("x@isp.example", "y@isp.example"):
        w.say(1e9 + 3, "postfix/smtp", f"4F1C2: to=<{rcpt}>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/0/1, "
              "dsn=2.0.0, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 4F1C3)")
    w.say(1e9 + 3, "postfix/qmgr", "4F1C2: removed")
    w.say(1e9 + 4, "postfix/smtp", "4F1C3: to=<x@isp.example>, relay=mx[198.51.100.7]:25, delay=1, delays=0/0/0/1, "
          "dsn=5.1.1, status=bounced (host mx[198.51.100.7] said: 550 \x1b[31mno)")
    for day in range(3):
        w.say(1e9 + 4 + day * 86400, "postfix/qmgr", "4F1C3: from=<joe@example.org>, size=1200, nrcpt=1 (queue active)")
        w.say(1e9 + 5 + day * 86400, "postfix/smtp", "4F1C3: to=<y@isp.example>, relay=none, delay=1, delays=0/0/0/1, "
              "dsn=4.4.1, status=deferred (connect to mx[198.51.100.7]:25: Connection timed out)")
    w.say(2e9, "postfix/smtpd", "4F1C2: client=unknown[203.0.113.10]")      # the id, years later
    log.write_text("".join(text + "\n" for _, _, text in w.lines))

    out = json.loads(bailiff("--json", "trace", "joe@example.org", log))
    m = out["messages"][0]
    want = {"id": "4F1C2", "user": "joe@example.org", "addr": "203.0.113.9", "client": "home.example", "size": 812,
            "nrcpt": 2, "message_id": "a.1@example.org", "sent": 0, "bounced": 1, "deferred": 1, "removed": 1e9 + 3}
    same("trace", {k: m[k] for k in want}, want)
    same("trace: parts", [p["id"] for p in m["parts"]], ["4F1C3"])
    same("trace: deliveries", [(d["id"], d["rcpt"], d["status"], d["tries"]) for d in m["deliveries"]],
         [("4F1C2", "x@isp.example", "sent", 1), ("4F1C2", "y@isp.example", "sent", 1),
          ("4F1C3", "x@isp.example", "bounced", 1), ("4F1C3", "y@isp.example", "deferred", 3)])
    for text, n in (("4F1C2", 2), ("4F1C3", 1), ("<a.1@example.org>", 1), ("a.1@example.org", 1)):
        same(f"trace {text}", json.loads(bailiff("--json", "trace", text, log))["found"], n)
    shown = bailiff("trace", "4F1C3", log)
    if "\x1b" in shown or "\\x1B[31mno" not in shown:
        failures.append(f"trace: what a server answered is not escaped: {shown}")
    bailiff("trace", "nobody@example.org", log, status=1)
    bailiff("top", "--by", "colour", log, status=2)
    bailiff("top", work / "none.log", status=1)


def check_countries(work):
    """Addresses that the database does not know are in no country."""
    log, conf = work / "mail.log", work / "bailiff.yaml"
    mmdb.write(work / "country.mmdb", {"203.0.113.0/26": {"country": {"iso_code": "DE"}},
                                       "203.0.113.64/27": {"country": {"iso_code": "AT"}}})
    conf.write_text(f"country: {work}/country.mmdb\n")
    rows = json.loads(bailiff("-c", conf, "--json", "top", "--by", "countries", log))["rows"]
    same("countries", {r["countries"] for r in rows if r["msgs"] > 60}, {2})
    conf.write_text("country: off\n")
    bailiff("-c", conf, "top", "--by", "countries", log, status=1)
    rows = json.loads(bailiff("-c", conf, "--json", "top", log))["rows"]
    same("no countries", {r["countries"] for r in rows}, {None})


def main():
    with tempfile.TemporaryDirectory() as d:
        work = pathlib.Path(d)
        text = mail_log.make(7, 6000)
        check_top(work, text)
        check_since(work, text)
        check_countries(work)
        check_trace(work)
        check_suggest(work)
    for f in failures:
        print(f, file=sys.stderr)
    print(f"top, trace and suggest against plain means over {text.count(chr(10))} lines: "
          f"{'the same' if not failures else f'{len(failures)} differ'}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
