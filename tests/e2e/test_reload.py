# SPDX-License-Identifier: GPL-2.0-or-later
"""A new configuration while lines come: none is lost, and a broken one breaks nothing."""
import json
import signal
import time

import machine
import stream
from daemon import Bailiff, Failed
from stream import GUESS, Log, address, refused
from test_rotation import (JAILS, LINES, LOG, RATE, Logrotate, Writer, assert_once,
                           bailiff_on)

RELOADS = 6


def change(bailiff, **keys):
    """Write bailiff.yaml with these keys set; what it was before."""
    before = json.loads(bailiff.file.read_text())
    bailiff.configure({**before, **keys})
    return before


def states(bailiff):
    return {j["jail"]: j["state"] for j in stream.status(bailiff)["jails"]}


def generation(bailiff):
    return bailiff.text().count("engine speaks generation=")


def test_under_load(ns):
    """By signal and by command in turns, each with a configuration that differs."""
    with bailiff_on(ns) as bailiff:
        writer = Writer()
        for n in range(RELOADS):
            time.sleep(LINES / RATE / (RELOADS + 1))
            times = bailiff.times_ready()
            change(bailiff, tracked_max=100000 + n)
            if n % 2:
                bailiff.cli("reload")
            else:
                bailiff.process.send_signal(signal.SIGHUP)
            bailiff.wait_ready(times + 1)
        writer.wait()
        assert_once(bailiff, [address(i) for i in range(LINES)])
        assert generation(bailiff) == RELOADS + 1
        assert "is lost" not in bailiff.text()


def test_hangups_in_a_row(ns):
    """The last one counts, also when it comes while a reload is under way."""
    with bailiff_on(ns) as bailiff, Log(LOG) as log:
        change(bailiff, jails=stream.jails_on(*JAILS, once=False))
        bailiff.reload()
        for n in range(10):
            change(bailiff, jails=stream.jails_on(*JAILS, once=n == 9))
            bailiff.process.send_signal(signal.SIGHUP)

        def settled():
            try:        # who asks at the moment of the switch is told that it is not known
                return states(bailiff)["once"] == "on"
            except Failed:
                return False
        machine.wait_for(settled)
        log.write(refused(time.time(), address(1)))
        stream.wait_verdicts(bailiff, 1)


def test_under_load_with_rotation_and_bans(ns, tmp_path):
    """Rotations and reloads at once; what is banned stays banned all the time."""
    with bailiff_on(ns) as bailiff:
        writer = Writer()
        rotate = Logrotate(tmp_path, "create", "compress", "delaycompress", hup=writer.pid)
        bailiff.cli("ban", "203.0.113.9", "--for", "1h")
        for n in range(RELOADS):
            time.sleep(LINES / RATE / (2 * RELOADS + 1))
            rotate()
            time.sleep(LINES / RATE / (2 * RELOADS + 1) * (n % 2))
            bailiff.reload()
            assert "203.0.113.9" in stream.in_kernel(ns)
        writer.wait()
        assert_once(bailiff, [address(i) for i in range(LINES)])


def guess(count, **more):
    return {**GUESS, "limit": {"count": count, "per": "ip", "within": "10m"}, **more}


def test_changes_apply(ns):
    """Limits, jails, logs and scopes follow; what was counted before counts on."""
    other = LOG.with_name("other.log")
    with Log(LOG) as log, Bailiff(ns, {"jails": stream.jails_on("guess")},
                                  jails={"guess": guess(5)}) as bailiff:
        log.write(*[refused(time.time(), "203.0.113.1")] * 3)
        stream.caught_up(bailiff, LOG)
        bailiff.add_jails({"guess": guess(4), "more": {**guess(1), "log": "new"}})
        logs = json.loads(bailiff.file.read_text())["logs"]
        change(bailiff, jails=stream.jails_on("guess", "more"),
               logs={**logs, "new": {"files": [str(other)], "scope": "web"}})
        bailiff.reload()
        assert stream.in_kernel(ns) == []
        log.write(refused(time.time(), "203.0.113.1"))
        bailiff.wait_ban("203.0.113.1")
        other.write_bytes(refused(time.time(), "203.0.113.2"))
        bailiff.wait_ban("203.0.113.2")

        change(bailiff, jails=stream.jails_on("more", guess=False))
        bailiff.reload()
        assert sorted(stream.in_kernel(ns)) == ["203.0.113.1", "203.0.113.2"]
        log.write(*[refused(time.time(), "203.0.113.3")] * 9)
        other.write_bytes(other.read_bytes() + refused(time.time(), "203.0.113.4"))
        bailiff.wait_ban("203.0.113.4")
        assert "203.0.113.3" not in stream.in_kernel(ns)
        assert len(stream.verdicts(bailiff)) == 3
    other.unlink()


def test_broken_at_reload(ns):
    """The running configuration stays, and who asked is told where the mistake is."""
    with Log(LOG) as log, Bailiff(ns, {"jails": stream.jails_on("guess")},
                                  jails={"guess": GUESS}) as bailiff:
        good = bailiff.file.read_text()
        places = f"state: {bailiff.dir}/state\nrun: {bailiff.dir}/run\n"
        for text in "jails: [", "tabel: x\n", "allow: [300.1.1.1]\n", "set_size: many\n":
            bailiff.file.write_text(places + text, encoding="utf-8")
            said = bailiff.cli("reload", status=1)
            assert "bailiff.yaml:" in said, said
            before = bailiff.text().count("error: reload refused")
            bailiff.process.send_signal(signal.SIGHUP)
            machine.wait_for(lambda: bailiff.text().count("error: reload refused") == before + 1)
        bailiff.file.unlink()
        assert "No such file" in bailiff.cli("reload", status=1)
        bailiff.file.write_text(good, encoding="utf-8")
        assert generation(bailiff) == 1
        log.write(*[refused(time.time(), "203.0.113.1")] * 5)
        bailiff.wait_ban("203.0.113.1")
        bailiff.reload()
        assert generation(bailiff) == 2


def test_what_takes_a_restart(ns):
    with Bailiff(ns, {"jails": stream.jails_on("guess")}, jails={"guess": GUESS}) as bailiff:
        for key, value in {"table": "other", "state": "/var/lib/x", "run": "/run/x"}.items():
            start = machine.size(bailiff.log)
            good = change(bailiff, **{key: value})
            bailiff.process.send_signal(signal.SIGHUP)
            bailiff.wait_log("error: .*table:, state: and run: change with a restart only", start)
            bailiff.configure(good)
        assert generation(bailiff) == 1


def test_broken_at_start(ns):
    """The last good configuration is used, and said."""
    with Log(LOG) as log, Bailiff(ns, {"jails": stream.jails_on("guess")},
                                  jails={"guess": GUESS}) as bailiff:
        bailiff.stop()
        good = bailiff.file.read_text()
        # What is broken still says where its state is.
        bailiff.file.write_text(f"state: {bailiff.dir}/state\nrun: {bailiff.dir}/run\n"
                                f"table: bailiff\njails: {{guess: {{limit: 7}}, auto: off}}\n"
                                f"nonsense: 1\n", encoding="utf-8")
        bailiff.start()
        bailiff.wait_log("error: .*bailiff.yaml:5:1: unknown key 'nonsense'")
        bailiff.wait_log("error: the configuration is broken; the last good one, kept in .*, is used")
        assert any("last good" in s for s in bailiff.heard())
        assert any("last good" in w for w in stream.status(bailiff)["warnings"])
        log.write(*[refused(time.time(), "203.0.113.1")] * 5)
        bailiff.wait_ban("203.0.113.1")

        # A reload of what is whole again ends that.
        bailiff.file.write_text(good, encoding="utf-8")
        bailiff.reload()
        assert "last good" not in bailiff.heard()[-1]
        assert not any("last good" in w for w in stream.status(bailiff)["warnings"])


def test_broken_at_first_start(ns):
    """Nothing to fall back on: it ends, and says why."""
    bailiff = Bailiff(ns, "state: {dir}/state\nrun: {dir}/run\nnonsense: 1\n")
    try:
        bailiff.start(wait=False)
        assert bailiff.ended() == 1
        assert "bailiff.yaml:3:1: unknown key 'nonsense'" in bailiff.text()
    finally:
        bailiff.close()


def test_one_bad_jail(ns):
    """It is refused and named, at start and at reload; the others guard."""
    bad = {"wrong-key": {**GUESS, "limmit": 3}, "wrong-regex": {**GUESS, "match": ["refused (<ip>$"]},
           "wrong-name": {**GUESS, "match": ["refused <adress>$"]},
           "wrong-test": {**GUESS, "tests": [{"line": "accepted 203.0.113.9", "hit": {"ip": "203.0.113.9"}}]}}
    with Log(LOG) as log, Bailiff(ns, {"jails": stream.jails_on("guess", *bad)},
                                  jails={"guess": GUESS, **bad}) as bailiff:
        for name in bad:
            bailiff.wait_log(rf"error: .*{name}.yaml:\d+:\d+: .*\(jail {name} is refused\)")
            assert any(f"{name}.yaml:" in w for w in stream.status(bailiff)["warnings"])
            assert states(bailiff).get(name, "refused") == "refused"
        assert states(bailiff)["guess"] == "on"
        log.write(*[refused(time.time(), "203.0.113.1")] * 5)
        bailiff.wait_ban("203.0.113.1")

        # Two are mended, the good one is broken: what is banned stays.
        bailiff.add_jails({"wrong-key": GUESS, "wrong-test": GUESS, "guess": bad["wrong-regex"]})
        bailiff.reload()
        assert states(bailiff).get("guess", "refused") == "refused"
        assert (states(bailiff)["wrong-key"], states(bailiff)["wrong-test"]) == ("on", "on")
        log.write(*[refused(time.time(), "203.0.113.2")] * 5)
        bailiff.wait_ban("203.0.113.2")
        assert sorted(stream.in_kernel(ns)) == ["203.0.113.1", "203.0.113.2"]
