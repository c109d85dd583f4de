# SPDX-License-Identifier: GPL-2.0-or-later
"""Countries and systems of addresses: databases that come, go and are damaged."""
import contextlib
import os
import sys
import time

import pytest
import stream
from daemon import TREE, Bailiff
from stream import Log

sys.path.insert(0, str(TREE / "tests"))
import mmdb                                                     # noqa: E402

LOG = "/var/log/geo.log"
COUNTRIES = {"192.0.2.0/24": {"country": {"iso_code": "DE"}},
             "203.0.113.0/24": {"country_code": "FR"}}
SYSTEMS = {"203.0.113.0/24": {"autonomous_system_number": 64500}}
JAILS = {
    "countries": {
        "about": "two countries for one account", "log": "app", "match": ["login <user> from <ip>$"],
        "limit": {"distinct": "country", "count": 2, "per": "user", "within": "1m"},
        "then": ["contain", "notify"]},
    "systems": {
        "about": "guesses from one system", "log": "app", "match": ["guess from <ip>$"],
        "limit": {"count": 3, "per": ["ip", "asn"], "within": "1m"},
        "then": [{"ban": {"for": "1h", "scope": "mail"}}]},
}


@pytest.fixture
def bailiff(ns):
    made = Bailiff(ns, jails=JAILS)
    # A directory that only root enters: bailiffd opens, the engine reads.
    (made.dir / "geo").mkdir(0o700)
    made.configure({"country": str(made.dir / "geo/country"), "asn": str(made.dir / "geo/asn"),
                    "logs": {"app": {"files": [LOG], "trust": True}},
                    "jails": stream.jails_on(*JAILS), "notify": {"mail": "off", "digest": "off"}})
    mmdb.write(made.dir / "geo/country", COUNTRIES)
    mmdb.write(made.dir / "geo/asn", SYSTEMS)
    with made:
        yield made


def said(text):
    return stream.line(time.time(), text)


def states(bailiff):
    return {j["jail"]: (j["state"], j.get("why") or "") for j in stream.status(bailiff)["jails"]}


def test_counted_and_told(bailiff):
    with Log(LOG) as log:
        log.write(said("login joe from 192.0.2.1"), said("login joe from 192.0.2.200"),
                  said("login eva from 10.0.0.1"), said("login eva from 192.0.2.7"),
                  *(said(f"guess from {a}") for a in ["203.0.113.9"] * 3 + ["198.51.100.9"] * 3),
                  said("login joe from 203.0.113.5"))
        incident = bailiff.wait_incident("joe")
        bailiff.wait_ban("203.0.113.9")
    assert [i["subject"] for i in bailiff.cli("incidents", json=True) if i["jail"] == "countries"] == ["joe"]
    assert bailiff.banned() == {"203.0.113.9"}
    why = bailiff.cli("why", "203.0.113.9", json=True)
    assert (why["country"], why["asn"], why["bans"][0]["country"]) == ("FR", 64500, "FR")
    assert "country" not in bailiff.cli("why", "10.0.0.1", json=True, status=1)
    text = bailiff.cli("why", "203.0.113.9")
    assert "FR" in text and "64500" in text
    assert bailiff.cli("show", incident["id"], json=True)["subject"] == "joe"
    # Over the same log, offline.
    assert {(v["jail"], str(v["subject"])) for v in bailiff.replay(f"app={LOG}")} == {
        ("countries", "joe"), ("systems", str({"ip": "203.0.113.9", "asn": "64500"}))}


def test_refused_and_back(bailiff):
    """Missing, damaged, of other things, off: said with the key and the place; the others run."""
    place = bailiff.dir / "geo/country"
    os.rename(place, bailiff.dir / "geo/away")
    bailiff.reload()
    assert states(bailiff)["countries"] == ("refused", "it needs a database of countries: bailiff check")
    assert states(bailiff)["systems"][0] == "on"
    assert f"('country' in bailiff.yaml), and there is none: looked for {place} (jail countries is refused)" \
        in bailiff.text()
    for content, words in ((b"nonsense", "is damaged or none"), (mmdb.database(SYSTEMS), "tells of none")):
        place.write_bytes(content)
        done = bailiff.command("check")
        assert done.returncode == 1 and f"and {place} {words}" in done.stderr, done
        bailiff.reload()
        assert states(bailiff)["countries"][0] == "refused"
    done = bailiff.command("jail", "countries", "on")
    assert done.returncode == 1 and "bailiff check" in done.stderr
    # Put back by rename: noticed by itself, and a new engine takes it.
    times = bailiff.times_ready()
    os.rename(bailiff.dir / "geo/away", place)
    bailiff.wait_ready(times + 1)
    assert "country: the database has changed: a new engine takes it" in bailiff.text()
    assert states(bailiff)["countries"] == ("on", "")
    assert bailiff.command("check").returncode == 0


def test_replaced_in_place(bailiff):
    """What is cut short and written over under a running engine is its own copy still; then it is taken."""
    times = bailiff.times_ready()
    with Log(LOG) as log, open(bailiff.dir / "geo/country", "r+b") as database:     # not closed: not done yet
        database.truncate(0)
        engine = bailiff.pid("engine")
        log.write(said("login joe from 192.0.2.1"), said("login joe from 203.0.113.5"))
        bailiff.wait_incident("joe")
        assert bailiff.pid("engine") == engine
    mmdb.write(bailiff.dir / "geo/country", {"192.0.2.0/24": {"country": {"iso_code": "AT"}}})
    bailiff.wait_ready(times + 1)
    assert bailiff.cli("why", "192.0.2.1", json=True, status=1)["country"] == "AT"


@pytest.mark.parametrize("user, countries, want", [
    ("ann", "DE AT DE", False),             # home is one place
    ("ann", "AT FR", True),
    ("ann", "AT CH", False),                # home and CH are a pair
    ("ann", "CH FR", True),                 # both are fine with home, not with each other
    ("ann", "DE CH FR", True),              # a third: three places
    ("ann", "DE MS", False),                # a webmail cloud is no place
    ("ann", "MS FR", False),
    ("ann", "DE AT CH IT", True),
    ("joe", "DE AT", True),                 # in no class
    ("joe", "DE DE - DE", False),
    ("joe", "DE MS", True),
])
def test_classes(ns, tmp_path, user, countries, want):
    """home, pairs and ignore_asn of a class, over a log."""
    addresses = {"DE": "192.0.2.1", "AT": "192.0.2.65", "CH": "192.0.2.129", "FR": "203.0.113.1",
                 "IT": "203.0.113.65", "MS": "203.0.113.129", "-": "10.0.0.1"}
    nets = {c: f"{a.rsplit('.', 1)[0]}.{int(a.rsplit('.', 1)[1]) - 1}/26" for c, a in addresses.items()}
    mmdb.write(tmp_path / "country", {n: {"country": {"iso_code": "US" if c == "MS" else c}}
                                      for c, n in nets.items() if c != "-"})
    mmdb.write(tmp_path / "asn", {nets["MS"]: {"autonomous_system_number": 8075}})
    log = tmp_path / "old"
    log.write_bytes(b"".join(stream.line(1.7e9 + i, f"login {user} from {addresses[c]}")
                             for i, c in enumerate(countries.split())))
    with contextlib.closing(Bailiff(ns, jails=JAILS)) as made:
        made.configure({"country": str(tmp_path / "country"), "asn": str(tmp_path / "asn"),
                        "logs": {"app": {"files": [LOG]}}, "jails": stream.jails_on("countries"),
                        "classes": {"staff": {"members": ["ann"], "home": ["DE", "AT"], "ignore_asn": [8075],
                                              "pairs": [["DE", "CH"], ["FR", "AT"]] if countries == "CH FR"
                                              else [["CH", "DE"]]}}})
        assert bool(made.replay(f"app={log}")) == want


def test_away(ns, tmp_path):
    """country: {not: home}; what is in no country, or ignored, is not away."""
    jail = {"about": "away", "log": "app", "match": ["login <user> from <ip>$"], "country": {"not": "home"},
            "limit": {"count": 1, "per": "user", "within": "1m"}, "then": []}
    mmdb.write(tmp_path / "country", COUNTRIES)
    mmdb.write(tmp_path / "asn", {"203.0.113.128/25": {"asn": 8075}})
    log = tmp_path / "old"
    log.write_bytes(b"".join(stream.line(1.7e9, f"login {u} from {a}") for u, a in [
        ("home", "192.0.2.1"), ("away", "203.0.113.1"), ("cloud", "203.0.113.129"), ("inside", "10.0.0.1"),
        ("unknown", "198.51.100.1"), ("classless", "203.0.113.1")]))
    with contextlib.closing(Bailiff(ns, jails={"away": jail})) as made:
        made.configure({"country": str(tmp_path / "country"), "asn": str(tmp_path / "asn"),
                        "logs": {"app": {"files": [LOG]}}, "jails": stream.jails_on("away"),
                        "classes": {"staff": {"members": ["home", "away", "cloud", "inside", "unknown"],
                                              "home": ["DE"], "ignore_asn": [8075]}}})
        assert [v["subject"] for v in made.replay(f"app={log}")] == ["away"]
        made.configure({"country": str(tmp_path / "country"), "asn": "off",
                        "logs": {"app": {"files": [LOG]}}, "jails": stream.jails_on("away"),
                        "classes": {"staff": {"members": ["home"], "home": ["DE"], "ignore_asn": [8075]}}})
        assert "'ignore_asn' ignores nobody: it needs a database" in made.cli("check")
