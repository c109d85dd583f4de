# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line against an engine of our own making.

Exit statuses, JSON shapes, hostile answers, and every way in which nobody
answers. Needs neither root nor the laboratory:

    python3 tests/e2e/test_ctl.py

What only root can do (the emergency socket) or only root can undo (being
refused by a file's mode) is skipped for others.
"""
import json
import os
import pathlib
import pty
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

TREE = pathlib.Path(__file__).resolve().parents[2]
BAILIFF = os.environ.get("BAILIFF", str(TREE / "build" / "bailiff"))
NOW = time.time()

BAN = {"addr": "192.0.2.7", "jail": "postfix-sasl", "since": NOW - 62, "until": NOW + 540,
       "scope": "mail", "reason": "5 hits", "packets": 3, "bytes": 180}
STATUS = {
    "ok": True, "version": "0.1.0", "engine": {"pid": 7, "since": NOW - 3600},
    "sources": [{"log": "mail", "kind": "file", "path": "/var/log/mail.log",
                 "state": "following", "error": None, "lines": 100, "hits": 5, "lag": 500}],
    "jails": [{"jail": "postfix-sasl", "state": "on", "why": None, "hits": 5, "tracked": 1,
               "verdicts": 1, "bans": 1}],
    "firewall": {"table": "bailiff", "owned": True, "persistent": True, "wanted": 2,
                 "in_kernel": 1, "dropped_packets": 3, "dropped_bytes": 180, "healed": 0,
                 "last_flush": ""},
    "ledger": {"ok": True, "error": None, "waiting": 0},
    "tracked": {"subjects": 1, "threads": 0, "forgotten": 0, "bytes": 4096},
    "paused_until": None, "warnings": ["bailiff.yaml:3:1: something"]}
EVIL = "joe\x1b]0;owned\x07\n192.0.2.9 is no longer banned\u202e\x9b31m\x7f\0"


class Server(threading.Thread):
    """Answers each connection's first line by a function of the request."""

    def __init__(self, path, answer):
        super().__init__(daemon=True)
        self.path, self.requests, self.answer = path, [], answer
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(str(path))
        os.chmod(path, 0o666)
        self.sock.listen(8)
        self.start()

    def run(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            with conn, conn.makefile("rb") as lines:
                line = lines.readline()
                self.requests.append(line.decode().rstrip("\n"))
                try:
                    for part in self.answer(line):
                        conn.sendall(part)
                except OSError:
                    pass

    def close(self):
        """Once or more often."""
        if self.sock.fileno() >= 0:
            self.sock.shutdown(socket.SHUT_RDWR)
            self.sock.close()
            os.unlink(self.path)
        self.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="bailiff-ctl-")
        self.addCleanup(shutil.rmtree, self.dir)
        os.chmod(self.dir, 0o755)
        self.path = pathlib.Path(self.dir)
        self.conf = self.path / "bailiff.yaml"
        self.conf.write_text(f"run: {self.dir}\njail_dirs: []\n", encoding="utf-8")
        # What is told relative to now is told from this test's now.
        now = time.time()
        BAN.update(since=now - 62, until=now + 540)
        STATUS["engine"]["since"] = now - 3600

    def serve(self, answer, name="control.sock"):
        server = Server(self.path / name, answer)
        self.addCleanup(server.close)
        return server

    def engine(self, answer):
        """An engine that always says this."""
        return self.serve(lambda _: [json.dumps(answer).encode() + b"\n"])

    def run_it(self, *args, conf=None, **more):
        p = subprocess.run([BAILIFF, "-c", str(conf or self.conf), *args], text=True,
                           capture_output=True, timeout=90, check=False,
                           errors="surrogateescape", **more)
        for crash in ("runtime error", "Sanitizer"):
            self.assertNotIn(crash, p.stderr)
        self.assertGreaterEqual(p.returncode, 0)
        return p

    def expect(self, status, *args, **more):
        p = self.run_it(*args, **more)
        self.assertEqual(p.returncode, status, p.stdout + p.stderr)
        for text in (p.stdout, p.stderr):
            bad = [c for c in text if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160]
            self.assertEqual(bad, [], text)
        if status:
            self.assertNotEqual(p.stderr, "")
        return p


class Shapes(Case):
    def test_bans_is_an_array(self):
        engine = self.engine({"ok": True, "bans": [BAN]})
        p = self.expect(0, "bans", "--json", "--jail", "postfix-sasl")
        self.assertEqual(list(json.loads(p.stdout)[0]), list(BAN))
        self.assertAlmostEqual(json.loads(p.stdout)[0]["until"], BAN["until"], places=3)
        self.assertEqual(json.loads(engine.requests[0]), {"cmd": "bans", "jail": "postfix-sasl"})

    def test_bans_for_people(self):
        self.engine({"ok": True, "bans": [BAN, dict(BAN, addr="2001:db8::/64", until=None)]})
        p = self.expect(0, "bans")
        lines = p.stdout.splitlines()
        self.assertTrue(lines[0].startswith("ADDRESS        JAIL"))
        self.assertRegex(lines[1], r"^192\.0\.2\.7      postfix-sasl  mail   \d+s ago .* in [89]m \(")
        self.assertIn("for good", lines[2])

    def test_nobody(self):
        self.engine({"ok": True, "bans": []})
        self.assertEqual(self.expect(0, "bans").stdout, "nobody is banned\n")
        self.assertEqual(self.expect(0, "--json", "bans").stdout, "[]\n")

    def test_lists_and_objects(self):
        rows = [("locks", [], "locks", []), ("incidents", [], "incidents", []),
                ("show", ["17"], "incident", {"id": 17}), ("status", ["x"], "jail", {"jail": "x"})]
        for command, args, key, value in rows:
            with self.subTest(command), self.engine({"ok": True, key: value}):
                p = self.expect(0, command, *args, "--json")
                self.assertEqual(json.loads(p.stdout), value)
                self.expect(0, command, *args)

    def test_status(self):
        self.engine(STATUS)
        got = json.loads(self.expect(0, "status", "--json").stdout)
        self.assertNotIn("ok", got)
        self.assertEqual(got["firewall"], STATUS["firewall"])
        text = self.expect(0, "status").stdout
        for want in ("bailiff 0.1.0, engine 7, started 1h ago", "Warning: bailiff.yaml:3:1",
                     "2 bans are wanted, the kernel holds 1", "/var/log/mail.log", "500 B",
                     "postfix-sasl  on", "In the kernel:"):
            self.assertIn(want, text)

    def test_why(self):
        answer = {"ok": True, "subject": "192.0.2.7", "bans": [BAN], "quiet": [],
                  "counts": [{"jail": "sshd", "amount": 3, "limit": 5, "within": 600}],
                  "lines": [{"time": NOW, "jail": "sshd", "line": "Failed password \\x1B"}],
                  "verdicts": []}
        self.engine(answer)
        text = self.expect(0, "why", "192.0.2.7").stdout
        self.assertIn("Failed password \\x1B", text)
        self.assertRegex(text, r"sshd +3 +5 +10m")
        self.assertEqual(json.loads(self.expect(0, "why", "--json", "x").stdout)["subject"], "192.0.2.7")

    def test_why_nothing(self):
        self.engine({"ok": True, "subject": "x", "bans": [], "quiet": [], "counts": [],
                     "lines": [], "verdicts": []})
        self.assertIn("nothing is known", self.expect(1, "why", "x").stderr)

    def test_ban_says(self):
        engine = self.engine({"ok": True, "addr": "2001:db8::/64", "scope": "all", "until": time.time() + 3600,
                              "said": "2001:db8::1: its /64 is banned"})
        p = self.expect(0, "banip", "2001:db8::1", "--for", "1h", "--reason", "x y")
        self.assertRegex(p.stdout, r"^2001:db8::/64 is banned, scope all; it ends in (1h|60m|59m)")
        self.assertIn("its /64 is banned", p.stdout)
        self.assertEqual(json.loads(engine.requests[0]),
                         {"cmd": "ban", "addr": "2001:db8::1", "for": 3600, "reason": "x y"})

    def test_unban_says(self):
        self.engine({"ok": True, "unbanned": ["192.0.2.7"], "n": 1})
        self.assertEqual(self.expect(0, "unbanip", "192.0.2.7").stdout,
                         "192.0.2.7 is no longer banned\n")

    def test_the_rest_says_something(self):
        self.engine({"ok": True, "addr": "192.0.2.7", "until": None, "jail": "sshd",
                     "mode": "off", "user": "joe"})
        for args in (["allow", "192.0.2.7"], ["disallow", "192.0.2.7"], ["protect", "joe"],
                     ["jail", "sshd", "off"], ["pause", "0"], ["reload"], ["teardown"],
                     ["unlock", "joe"], ["resolve", "3"]):
            with self.subTest(args[0]):
                self.assertNotEqual(self.expect(0, *args).stdout, "")
                self.assertIsInstance(json.loads(self.expect(0, *args, "--json").stdout), dict)

    def test_watch(self):
        events = [{"event": "ban", "addr": "192.0.2.7", "time": NOW, "text": "a b"},
                  {"event": "note", "text": EVIL}]
        self.serve(lambda _: [b'{"ok":true}\n', *(json.dumps(e).encode() + b"\n" for e in events)])
        p = self.expect(1, "watch")
        self.assertRegex(p.stdout.splitlines()[0], r'^..:..:.. ban +addr=192.0.2.7 text="a b"$')
        self.assertEqual(len(p.stdout.splitlines()), 2)
        self.assertIn("the engine ended", p.stderr)
        p = self.expect(1, "watch", "--json")
        self.assertEqual([json.loads(line)["event"] for line in p.stdout.splitlines()], ["ban", "note"])


class Statuses(Case):
    def test_steps(self):
        rows = [("done", 0), ("refused", 1), ("failed", 1), ("unknown", 1), ("proposed", 1)]
        for word, status in rows:
            answer = {"ok": True, "user": "joe", "incident": 17, "steps": [
                {"do": "lock", "target": "joe", "status": word, "text": "because"}]}
            with self.subTest(word), self.engine(answer):
                p = self.run_it("lock", "joe")
                self.assertEqual(p.returncode, status)
                self.assertRegex(p.stdout, f"lock +joe +{word} +because")
                self.assertEqual(self.run_it("contain", "joe", "--dry-run").returncode, 0)

    def test_steps_before_a_failure_are_told(self):
        self.engine({"ok": False, "error": "not all was done", "status": 1, "steps": [
            {"do": "unban", "target": "192.0.2.7", "status": "done", "text": ""},
            {"do": "undo", "target": "joe", "status": "refused", "text": "old password"}]})
        p = self.expect(1, "undo", "17")
        self.assertRegex(p.stdout, r"unban +192\.0\.2\.7 +done")
        self.assertIn("not all was done", p.stderr)

    def test_refusals(self):
        for status in (1, 2):
            answer = {"ok": False, "error": "127.0.0.1 is loopback", "status": status}
            with self.subTest(status), self.engine(answer):
                p = self.expect(status, "ban", "127.0.0.1")
                self.assertEqual(p.stdout, "")
                self.assertIn("127.0.0.1 is loopback", p.stderr)

    def test_usage(self):
        rows = ["", "nonsense", "ban", "ban 300.1.1.1", "ban 1.2.3.4 --for 5", "unban",
                "unban 1.2.3.4 --all", "jail x maybe", "bans --nonsense", "show x", "--nonsense"]
        for row in rows:
            with self.subTest(row):
                self.expect(2, *row.split())

    def test_too_long(self):
        self.expect(2, "ban", "192.0.2.7", "--reason", "x" * 70000)

    def test_help(self):
        words = self.expect(0, "--commands").stdout
        for line in words.splitlines():
            name = line.split()[0]
            with self.subTest(name):
                self.assertIn(f"usage: bailiff {name}", self.expect(0, name, "--help").stdout)
                self.expect(0, "help", name)
                self.assertIn(f"  {name} ", self.expect(0, "--help").stdout)
        self.expect(0, "--version")


class Hostile(Case):
    def test_strings(self):
        ban = dict(BAN, addr=EVIL, jail=EVIL, reason=EVIL, scope=EVIL, until=EVIL, packets=EVIL)
        answer = {"ok": True, "bans": [ban], "locks": [{"user": EVIL}], "subject": EVIL,
                  "incidents": [{"subject": EVIL, "orders": {EVIL.replace("\0", ""): EVIL}}],
                  "incident": {"subject": EVIL, "evidence": [EVIL], "orders": [{"what": EVIL}]},
                  "steps": [{"do": EVIL, "status": EVIL, "text": EVIL}], "said": EVIL,
                  "addr": EVIL, "scope": EVIL, "unbanned": [EVIL], "n": 1, "warnings": [EVIL],
                  "version": EVIL, "sources": [{"path": EVIL}], "lines": [{"line": EVIL}]}
        self.engine(answer)
        for args in (["bans"], ["locks"], ["incidents"], ["show", "1"], ["status"], ["why", "x"],
                     ["ban", "192.0.2.7"], ["unban", "192.0.2.7"], ["lock", "joe"], ["reload"]):
            with self.subTest(args[0]):
                text = self.expect(0, *args).stdout
                self.assertNotIn("\n192.0.2.9 is no longer banned", text)
                self.assertIn("\\x1B]0;owned", text)
                text = self.expect(0, *args, "--json").stdout
                self.assertTrue(text.isascii())
                self.assertIn("owned", json.dumps(json.loads(text)))

    def test_error(self):
        self.engine({"ok": False, "error": EVIL, "status": 1})
        self.assertEqual(len(self.expect(1, "bans").stderr.splitlines()), 1)

    def test_odd_answers(self):
        rows = [b"\n", b"nonsense\n", b"[]\n", b"{\n", b'{"ok":true\n', b"\xff\xfe\n", b"null\n",
                b'{"ok":1}\n', b"{}\n", b'{"ok":true}', b"", b"[" * 100000 + b"\n"]
        for row in rows:
            with self.subTest(row[:20]), self.serve(lambda _, row=row: [row]):
                self.expect(1, "ban", "192.0.2.7")

    def test_odd_types(self):
        for value in (None, 7, 1e308, -1e308, "x", [], [[]], {}, [None, 3, {}], True):
            answer = {"ok": True}
            for key in ("bans", "locks", "incidents", "incident", "jail", "jails", "sources",
                        "firewall", "engine", "ledger", "tracked", "warnings", "subject", "lines",
                        "counts", "quiet", "verdicts", "until", "addr", "scope", "said", "steps",
                        "unbanned", "n", "user", "paused_until", "mode"):
                answer[key] = value
            commands = (["bans"], ["locks"], ["incidents"], ["show", "1"], ["status"], ["why", "x"],
                        ["ban", "192.0.2.7"], ["unban", "192.0.2.7"], ["lock", "joe"],
                        ["pause", "1h"], ["jail", "x", "on"], ["allow", "192.0.2.7"])
            with self.engine(answer):
                for args in commands:
                    with self.subTest(f"{args[0]} {value!r}"):
                        self.assertIn(self.run_it(*args).returncode, (0, 1))

    def test_many_bans(self):
        self.engine({"ok": True, "bans": [dict(BAN, addr=f"10.0.{i >> 8}.{i & 255}")
                                          for i in range(20000)]})
        self.assertEqual(len(self.expect(0, "bans").stdout.splitlines()), 20001)
        self.assertEqual(len(json.loads(self.expect(0, "bans", "--json").stdout)), 20000)


class Nobody(Case):
    def test_not_running(self):
        p = self.expect(1, "status")
        self.assertIn("no bailiffd runs: there is no", p.stderr)
        self.assertIn(f"bailiffd -c {self.conf} --teardown", p.stderr)

    def test_no_directory(self):
        self.conf.write_text(f"run: {self.dir}/nowhere\njail_dirs: []\n", encoding="utf-8")
        self.assertIn("no bailiffd runs", self.expect(1, "unban", "192.0.2.7").stderr)

    def test_stale_socket(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(str(self.path / "control.sock"))
        self.assertIn("left by one that has ended", self.expect(1, "bans").stderr)

    def test_silence(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(str(self.path / "control.sock"))
            s.listen(1)
            start = time.monotonic()
            p = self.expect(1, "bans")
            self.assertTrue(4.5 < time.monotonic() - start < 10)
        self.assertIn("no answer from the engine", p.stderr)

    def test_full_queue(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(str(self.path / "control.sock"))
            s.listen(0)
            others = []
            for _ in range(4):
                other = socket.socket(socket.AF_UNIX)
                other.setblocking(False)
                self.addCleanup(other.close)
                others.append(other)
                try:
                    other.connect(str(self.path / "control.sock"))
                except BlockingIOError:
                    break
            self.assertIn("no answer from the engine", self.expect(1, "bans").stderr)

    def test_turned_away(self):
        """The engine says why and closes before it has read anything."""
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(str(self.path / "control.sock"))
            s.listen(1)

            def turn_away():
                conn, _ = s.accept()
                with conn:
                    conn.sendall(b'{"ok":false,"error":"permission denied: root","status":1}\n')

            for delay in (0, 0.2):
                t = threading.Thread(target=turn_away)
                t.start()
                time.sleep(delay)
                self.assertIn("permission denied: root", self.expect(1, "bans").stderr)
                t.join()

    def test_permission(self):
        """Root is let in by any mode: it asks as nobody, by a copy that nobody can reach."""
        self.engine({"ok": True, "bans": []})
        more = {}
        program = shutil.copy(BAILIFF, self.path / "bailiff")
        os.chmod(self.path / "control.sock", 0o600)
        if os.geteuid() == 0:
            more = {"user": 65534, "group": 65534, "extra_groups": []}
        else:
            os.chmod(self.path / "control.sock", 0)
        p = subprocess.run([program, "-c", str(self.conf), "bans"], text=True, capture_output=True,
                           check=False, timeout=30, **more)
        self.assertEqual(p.returncode, 1)
        self.assertIn("no permission", p.stderr)
        self.assertIn("bailiff-admin", p.stderr)

    def test_long_path(self):
        deep = self.path / ("d" * 100) / ("e" * 100)
        deep.mkdir(parents=True)
        self.conf.write_text(f"run: {deep}\njail_dirs: []\n", encoding="utf-8")
        self.assertIn("no bailiffd runs", self.expect(1, "bans").stderr)


class Configuration(Case):
    def test_broken_file(self):
        self.engine({"ok": True, "bans": []})
        for text in (f"nonsense: [\nrun: {self.dir}\n", f"run: {self.dir}\nnonsense: 1\n",
                     f"run: {self.dir}\n\tx: 1\n"):
            with self.subTest(text):
                self.conf.write_text(text, encoding="utf-8")
                p = self.expect(0, "bans")
                self.assertIn("does not load", p.stderr)

    def test_relative(self):
        self.engine({"ok": True, "bans": []})
        self.conf.write_text("run: .\njail_dirs: []\n", encoding="utf-8")
        self.assertEqual(self.expect(0, "bans").stderr, "")

    def test_missing_file_reaches_nobody(self):
        p = self.expect(1, "teardown", conf=self.path / "missing.yaml")
        self.assertIn("No such file", p.stderr)


class Offline(Case):
    """replay, test and check become the engine beside the program, argv as it is."""

    def setUp(self):
        super().setUp()
        self.program = shutil.copy(BAILIFF, self.path / "bailiff")
        engine = self.path / "bailiff-engine"
        engine.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 7\n", encoding="utf-8")
        engine.chmod(0o755)

    def offline(self, *args):
        return subprocess.run([self.program, *args], text=True, capture_output=True, check=False,
                              timeout=30)

    def test_argv(self):
        p = self.offline("-c", "f.yaml", "--json", "replay", "--year", "2026", "mail=a b;$(id)", "-")
        self.assertEqual(p.stdout.splitlines(), ["--offline", "-c", "f.yaml", "--json", "replay",
                                                 "--year", "2026", "mail=a b;$(id)", "-"])
        self.assertEqual(p.returncode, 7)

    def test_own_help(self):
        self.assertIn("usage: bailiff check", self.offline("check", "--help").stdout)

    def test_too_many(self):
        self.assertEqual(self.offline("replay", *["x"] * 2000).returncode, 2)


@unittest.skipUnless(os.geteuid() == 0, "only root may use the emergency socket")
class Emergency(Case):
    def bailiffd(self, answers):
        """bailiffd without an engine: its control socket takes, and nobody reads."""
        said = iter(answers)
        return self.serve(lambda _: [next(said).encode() + b"\n"], "bailiffd.sock")

    def test_unban(self):
        d = self.bailiffd(["ok 2"])
        p = self.expect(0, "unban", "::ffff:192.0.2.7")
        self.assertEqual(d.requests, ["unban 192.0.2.7"])
        self.assertIn("is no longer banned", p.stdout)
        self.assertIn("the engine is down", p.stderr)

    def test_unban_json(self):
        self.bailiffd(["ok 2"])
        self.assertEqual(json.loads(self.expect(0, "unban", "--all", "--json").stdout),
                         {"emergency": True, "unbanned": [], "n": 2})

    def test_network_of_a_host(self):
        d = self.bailiffd(["none", "ok 1"])
        self.expect(0, "unban", "2001:db8::1")
        self.assertEqual(d.requests, ["unban 2001:db8::1", "unban 2001:db8::/64"])

    def test_not_banned(self):
        self.bailiffd(["none"] * 2)
        self.assertIn("192.0.2.7 is not banned", self.expect(1, "unban", "192.0.2.7").stderr)

    def test_error(self):
        self.bailiffd(["error \x1b[2J"])
        self.assertIn("error \\x1B[2J", self.expect(1, "unban", "192.0.2.7").stderr)

    def test_teardown(self):
        d = self.bailiffd(["ok"])
        self.expect(0, "teardown")
        self.assertEqual(d.requests, ["teardown"])

    def test_not_these(self):
        d = self.bailiffd([])
        for args in (["ban", "192.0.2.7"], ["unban", "--jail", "x"], ["bans"]):
            self.assertIn("no bailiffd runs", self.expect(1, *args).stderr)
        self.assertEqual(d.requests, [])

    def test_engine_dies_while_asked(self):
        self.serve(lambda _: [])
        d = self.bailiffd(["ok 1"])
        self.expect(0, "unban", "192.0.2.7")
        self.assertEqual(d.requests, ["unban 192.0.2.7"])

    def test_engine_down_is_said(self):
        self.serve(lambda _: [])
        self.bailiffd(["ok engine=down runner=up"])
        self.assertIn("its engine is down", self.expect(1, "bans").stderr)

    def test_silent_engine(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(str(self.path / "control.sock"))
            s.listen(1)
            d = self.bailiffd(["ok 1"])
            start = time.monotonic()
            self.expect(0, "unban", "192.0.2.7")
            self.assertTrue(4.5 < time.monotonic() - start < 10)
        self.assertEqual(d.requests, ["unban 192.0.2.7"])

    def test_a_no_is_final(self):
        """An engine that refuses is up: nobody goes round it."""
        self.engine({"ok": False, "error": "it lies in 192.0.2.0/24", "status": 1})
        d = self.bailiffd(["ok 1"])
        self.assertIn("192.0.2.0/24", self.expect(1, "unban", "192.0.2.7").stderr)
        self.assertEqual(d.requests, [])


class Colours(Case):
    def on_terminal(self, **env):
        self.engine({"ok": True, "jail": {"jail": "x", "state": "on"}})
        pid, fd = pty.fork()
        if pid == 0:
            os.environ.pop("NO_COLOR", None)
            os.environ.update(env, TERM="xterm")
            os.execv(BAILIFF, [BAILIFF, "-c", str(self.conf), "status", "x"])
        out = b""
        try:
            while chunk := os.read(fd, 4096):
                out += chunk
        except OSError:		# EIO: the other side has ended
            pass
        os.close(fd)
        os.waitpid(pid, 0)
        return out

    def test_terminal(self):
        self.assertIn(b"\x1b[32mon\x1b[0m", self.on_terminal())

    def test_no_color(self):
        self.assertNotIn(b"\x1b", self.on_terminal(NO_COLOR="1"))


if __name__ == "__main__":
    unittest.main()
