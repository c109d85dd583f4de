#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What speed must not change, and what no line and no pattern may cost.

    tests/jails/bounds.py [ENGINE]

  difference  replay finds in real, shipped and made-up logs exactly what the
              plain way finds (--reference: each pattern alone, interpreted)
  hostile     a pattern that backtracks without end is cut off and named with
              its place, and its neighbours in the same log find what they did

The worst lines for the shipped jails are tests/unit/engine/match/worst_test.c's.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parent.parent
CORPUS = TREE.parent / "shared" / "corpus" / "real-lines.jsonl"
ENGINE = sys.argv[1] if len(sys.argv) > 1 else str(TREE / "build" / "bailiff-engine")

DEAR = """about: written without thinking
log: mail
program: 'postfix*'
match:
  - '(?:[a-z]+)*[0-9]'
  - 'warning: (?:\\S+\\s?)+ never <ip>$'
limit: {count: 1, per: ip, within: 10m}
then: [{ban: {for: 10m, scope: mail}}]
"""


def replay(conf, *args):
    return subprocess.run([ENGINE, "--offline", "-c", str(conf), *map(str, args)], capture_output=True,
                          timeout=300, check=False, text=True, errors="surrogateescape")


def totals(stderr):
    return [line for line in stderr.splitlines() if not line.startswith("bailiff: ")]


def corpus(tmp):
    """Every line there is in the tree and beside it, as one log."""
    lines = []
    for path in sorted((HERE / "lines").glob("*.txt")):
        lines += [line for line in path.read_text().splitlines() if line and line[0] not in "#>"]
    for path in sorted((TREE / "jails").glob("*.yaml")):
        text = path.read_text()
        lines += [f"Aug 21 10:11:12 mx {program}[1]: {line}" for line in
                  (found.replace("''", "'") for found in re.findall(r"line: '(.*)'$", text, re.M))
                  for program in ("postfix/smtpd", "postfix/qmgr", "postfix/smtp", "dovecot", "sshd")]
    if CORPUS.exists():
        for row in map(json.loads, CORPUS.read_text().splitlines()):
            lines.append(f"Aug 21 10:11:12 mx {row['program']}[1]: {row['line']}" if "program" in row else row["line"])
    path = tmp / "corpus.log"
    path.write_text("\n".join(lines) + "\n", errors="surrogateescape")
    return path


def generated(tmp):
    subprocess.run(["cc", "-O1", "-o", tmp / "genlog", TREE / "tests/bench/genlog.c"], check=True)
    for seed, attack, form in ((1, 2, "iso"), (2, 50, "syslog"), (3, 30, "mixed")):
        path = tmp / f"made{seed}.log"
        with open(path, "wb") as f:
            subprocess.run([tmp / "genlog", "-s", str(seed), "-n", "30000", "-a", str(attack), "-t", form,
                            "-A", "300", "-6", "30"], stdout=f, check=True)
        yield path


def test_difference(tmp, conf):
    failed = 0
    for log in [corpus(tmp), *generated(tmp)]:
        plain = replay(conf, "--reference", "--json", "replay", log)
        fast = replay(conf, "--json", "replay", log)
        plain_sum, fast_sum = (totals(replay(conf, *how, "replay", log).stderr) for how in (["--reference"], []))
        same = plain.returncode == fast.returncode == 0 and plain.stdout == fast.stdout and plain_sum == fast_sum
        print(f"difference: {log.name}: {len(fast.stdout.splitlines())} verdicts, "
              f"{len(fast_sum) - 1} sums of hits: {'the same' if same else 'DIFFERENT'}")
        failed += not same
        for one, other in zip(plain_sum, fast_sum):
            if one != other:
                print(f"    plain {one}\n    fast  {other}")
    return failed


def attack(n):
    return (f"2026-08-21T10:00:{n // 100 % 60:02}.000000+00:00 mx postfix/smtpd[7]: warning: unknown[198.51.100.{n % 20}]: "
            "SASL LOGIN authentication failed: UGFzc3dvcmQ6")


def test_hostile(tmp, conf):
    (tmp / "jails").mkdir()
    dear = tmp / "dear.yaml"
    dear.write_text(json.dumps({"jail_dirs": [str(tmp / "jails")], "jails": {"dear": "on"}}))
    (tmp / "jails" / "dear.yaml").write_text(DEAR)
    clean, bad = tmp / "clean.log", tmp / "bad.log"
    clean.write_text("".join(attack(n) + "\n" for n in range(2000)))
    bad.write_text("".join(f"{attack(n)}\n2026-08-21T10:00:{n // 100 % 60:02}.000000+00:00 mx postfix/smtpd[7]: {'a' * 3000}!\n"
                           for n in range(2000)))
    want, got = (replay(c, "--json", "replay", log) for c, log in ((conf, clean), (dear, bad)))
    subjects = [[(v["jail"], v["subject"], v["time"]) for v in map(json.loads, r.stdout.splitlines())] for r in (want, got)]
    named = re.findall(r"jail dear: the pattern at \S*dear\.yaml:(\d+):\d+ ran into its match limit on (\d+) lines", got.stderr)
    good = subjects[0] == subjects[1] and len(subjects[0]) == 20 and dict(named).get("5")
    print(f"hostile: 2000 lines that backtrack: {'cut off and named, neighbours as before' if good else 'WRONG'}")
    if not good:
        print(got.stderr, len(subjects[0]), len(subjects[1]))
    return 0 if good else 1


def main():
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        conf = tmp / "bailiff.yaml"
        conf.write_text(json.dumps({"jail_dirs": []}))
        return 1 if test_difference(tmp, conf) + test_hostile(tmp, conf) else 0


if __name__ == "__main__":
    sys.exit(main())
