#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes a log whose accounts are known to be honest or stolen.

    generate.py [--seed N] [--days N] [--scale N] DIRECTORY

DIRECTORY/mail.log, labels.json ({account or address: {kind, thief, since}}) and
country.mmdb. The same seed writes the same bytes. The last day is a month's.
"""
import argparse
import datetime
import json
import pathlib
import random
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import mmdb                                                         # noqa: E402
from server import COUNTRIES, Server                                # noqa: E402
from thieves import Thieves                                         # noqa: E402

END = int(datetime.datetime(2026, 7, 1, tzinfo=datetime.timezone.utc).timestamp())
HONEST = [("office_user", 12), ("mobile_user", 3), ("traveller", 3), ("two_families", 1), ("webmail_user", 8),
          ("forgetful", 3), ("fetched", 2)]
THIEVES = ["fast_forged", "fast_own", "fast_ours", "at_home", "botnet", "slow_botnet", "two_countries", "drip",
           "drip_own", "below", "patient", "letters", "reader", "brute", "spray", "distributed"]


def generate(directory, seed=1, days=4, scale=1):
    rng = random.Random(seed)
    server = Server(rng)
    people = Thieves(server, rng, END - days * 86400, days)
    for kind, n in HONEST:
        for _ in range(n * scale):
            getattr(people, kind)()
    for kind in ("scanner", "crm", "smarthost", "list_owner", "trusted"):
        getattr(people, kind)()
    people.invoices(4, 600)
    people.invoices(8, 250)
    people.newsletter(12, 2500, "news")
    people.newsletter(15, 900, "offers")
    people.inbound(400 * days * scale)
    for kind in THIEVES:
        for _ in range(scale):
            getattr(people, kind)()
    directory.mkdir(parents=True, exist_ok=True)
    server.write(directory / "mail.log")
    (directory / "labels.json").write_text(json.dumps(people.labels, indent=1, sort_keys=True) + "\n")
    mmdb.write(directory / "country.mmdb", {net: {"country": {"iso_code": code}} for net, code in COUNTRIES.items()})
    return people.labels


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--days", type=int, default=4)
    ask.add_argument("--scale", type=int, default=1)
    ask.add_argument("directory", type=pathlib.Path)
    args = ask.parse_args()
    generate(args.directory, args.seed, args.days, args.scale)


if __name__ == "__main__":
    main()
