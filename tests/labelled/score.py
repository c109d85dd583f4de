#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How many of the thieves the shipped jails find, and whom they take for one.

    score.py [--seed N]... [--days N] [--scale N] [--engine FILE] [--check] [--into FILE]

Generates a log for each seed (generate.py), replays it with every shipped jail
and the defaults, and prints two Markdown tables: each jail's precision and
recall over the accounts (and the addresses banned), and what became of each
kind of thief. --into puts them into FILE between its two comments. --check is
for `make check`: no honest account may be touched, no address of an honest one
banned, and the kinds named in FOUND must be found.
"""
import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import generate                                                     # noqa: E402

TOUCHES = {"contain", "park", "deny", "lock", "kick", "hold"}

# What the defaults must do about a kind of thief: act on the account, or say something of it.
ACTED = {"fast, forged senders", "fast, the owner's sender, 50 recipients each", "fast, another of our own senders",
         "fast, from the owner's computer", "botnet, one message each", "botnet, one message in five minutes"}
TOLD = {"150 in ten minutes", "two countries at once", "drip, forged sender", "drip, the owner's sender"}
BEGIN, END = "<!-- made by: tests/labelled/score.py -->", "<!-- end -->"


def replay(engine, directory):
    (directory / "bailiff.yaml").write_text(
        f"jail_dirs: [{directory}/jails]\ncountry: {directory}/country.mmdb\nasn: off\n")
    (directory / "jails").mkdir()
    done = subprocess.run([str(engine), "--offline", "-c", str(directory / "bailiff.yaml"), "--json", "replay",
                           str(directory / "mail.log")], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"replay: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def sent_until(directory, account, since, until):
    """Messages the account handed in since it was stolen."""
    import datetime
    n = 0
    for line in open(directory / "mail.log", encoding="ascii"):
        if f"sasl_username={account}\n" in line:
            when = datetime.datetime.fromisoformat(line.split(" ", 1)[0]).timestamp()
            n += since <= when <= until
    return n


class Score:
    def __init__(self):
        self.right, self.wrong = collections.defaultdict(set), collections.defaultdict(set)
        self.acts, self.bans = set(), collections.defaultdict(lambda: [0, 0])
        self.thieves, self.kinds, self.complaints = 0, collections.defaultdict(list), []
        self.seen_jails = set()

    def add(self, engine, seed, days, scale):
        with tempfile.TemporaryDirectory() as tmp:
            directory = pathlib.Path(tmp) / "log"
            labels = generate.generate(directory, seed, days, scale)
            self.take(seed, labels, replay(engine, directory), directory)

    def take(self, seed, labels, verdicts, directory):
        accounts = {a: v for a, v in labels.items() if "@" in a}
        found = collections.defaultdict(list)
        for v in verdicts:
            self.judge(seed, v, labels, accounts, found)
        for account, label in accounts.items():
            if not label["thief"]:
                continue
            self.thieves += 1
            mine = sorted(found[account], key=lambda v: v["time"])
            acted = [v for v in mine if touches(v)]
            sent = sent_until(directory, account, label["since"], acted[0]["time"]) if acted else None
            self.kinds[label["kind"]].append((mine, acted, label["since"], sent))

    def judge(self, seed, v, labels, accounts, found):
        jail, who = v["jail"], v["subject"] if isinstance(v["subject"], str) else None
        self.seen_jails.add(jail)
        for a in v["actions"]:
            if a["do"] == "ban":
                guilty = labels.get(a["target"].split("/")[0], {}).get("guesser", False)
                self.bans[jail][0 if guilty else 1] += 1
                if not guilty:
                    self.complaints.append(f"seed {seed}: {jail} bans {a['target']}, which is nobody's")
        if touches(v):
            self.acts.add(jail)
        if who not in accounts or jail == "sasl-distributed":
            return
        label = accounts[who]
        if label["thief"] and v["time"] >= label["since"] - 1:       # times are whole milliseconds
            self.right[jail].add((seed, who))
            found[who].append(v)
            return
        self.wrong[jail].add((seed, who))
        if touches(v):
            self.complaints.append(f"seed {seed}: {jail} touches {who}, who is honest ({label['kind']})")

    def check(self):
        for kind, cases in self.kinds.items():
            for mine, acted, _, _ in cases:
                if kind in ACTED and not acted:
                    self.complaints.append(f"nothing is done about: {kind}")
                if kind in TOLD and not mine:
                    self.complaints.append(f"nobody is told of: {kind}")
        return self.complaints

    # ---- tables

    def jail_table(self):
        yield "| jail | does | thieves found | honest taken for one | precision | recall | addresses banned, right and wrong |"
        yield "|---|---|---|---|---|---|---|"
        for jail in sorted(set(self.right) | set(self.wrong) | set(self.bans)):
            right, wrong = len(self.right[jail]), len(self.wrong[jail])
            does = "acts" if jail in self.acts else "bans" if sum(self.bans[jail]) else "tells"
            bans = f"{self.bans[jail][0]}, {self.bans[jail][1]}" if sum(self.bans[jail]) else ""
            if right + wrong:
                yield (f"| `{jail}` | {does} | {right} of {self.thieves} | {wrong} | {right / (right + wrong):.2f} | "
                       f"{right / self.thieves:.2f} | {bans} |")
            else:
                yield f"| `{jail}` | {does} | | | | | {bans} |"
        touched = set().union(*(self.right[j] for j in self.acts))
        innocent = set().union(*(self.wrong[j] for j in self.acts))
        yield (f"| all that act | acts | {len(touched)} of {self.thieves} | {len(innocent)} | "
               f"{len(touched) / max(1, len(touched | innocent)):.2f} | {len(touched) / self.thieves:.2f} | |")

    def kind_table(self):
        yield "| kind of thief | acted on | after | messages until then | jails that spoke, the first first |"
        yield "|---|---|---|---|---|"
        for kind, cases in sorted(self.kinds.items()):
            acted = [c for c in cases if c[1]]
            after = sorted(c[1][0]["time"] - c[2] for c in acted)
            sent = sorted(c[3] for c in acted)
            jails = list(dict.fromkeys(v["jail"] for c in cases for v in c[0]))
            yield (f"| {kind} | {len(acted)} of {len(cases)} | {span(after[len(after) // 2]) if after else ''} | "
                   f"{sent[len(sent) // 2] if sent else ''} | {', '.join(f'`{j}`' for j in jails)} |")


def touches(v):
    return any(a["do"] in TOUCHES for a in v["actions"])


def span(seconds):
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def put_into(path, text):
    page = path.read_text(encoding="utf-8")
    made = re.compile(f"{re.escape(BEGIN)}\n.*?{re.escape(END)}", re.S)
    if not made.search(page):
        sys.exit(f"{path}: no '{BEGIN}'")
    path.write_text(made.sub(lambda m: f"{BEGIN}\n\n{text}\n{END}", page), encoding="utf-8")


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--seed", type=int, action="append")
    ask.add_argument("--days", type=int, default=4)
    ask.add_argument("--scale", type=int, default=1)
    ask.add_argument("--engine", type=pathlib.Path, default=TREE / "build" / "bailiff-engine")
    ask.add_argument("--check", action="store_true")
    ask.add_argument("--into", type=pathlib.Path)
    args = ask.parse_args()
    score = Score()
    for seed in args.seed or [1]:
        score.add(args.engine, seed, args.days, args.scale)
    text = "\n".join(score.jail_table()) + "\n\n" + "\n".join(score.kind_table()) + "\n"
    if args.into:
        put_into(args.into, text)
    elif not args.check:
        print(text)
    if args.check:
        complaints = score.check()
        for c in complaints:
            print("FAILED:", c)
        print(f"labelled: {score.thieves} thieves, {len(complaints)} complaints")
        sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
