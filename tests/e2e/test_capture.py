# SPDX-License-Identifier: GPL-2.0-or-later
"""What an engine can do that is in a stranger's hands.

hostile_engine.c takes the engine's place, with the engine's descriptors, user
and rights, and says whatever a test thinks of. Nothing but refusals may
follow: no protected account and no allowed address is touched, and the
firewall goes on serving.
"""
import contextlib
import ipaddress
import os
import pathlib
import random
import re
import shutil
import socket
import struct
import time

import pytest

import machine
from daemon import BUILD, MAIL_SOURCE, TREE, Bailiff
from machine import ROUTER, SERVER, SERVER6, wait_for

ALLOWED, STRANGER = "192.0.2.7", "203.0.113.9"
MINUTE, HOUR = 60_000, 3_600_000
FOREVER = 2 ** 63 - 1
NO_JAIL, ANY_SCOPE = 0xffff, 0xffff
CHANNEL_FD, LISTEN_FD, STATE_FD = 3, 5, 7      # src/wire/engine.h

JAILS = {
    "a-ban": """\
log: mail
match: ['<ip> <user>']
limit: {count: 1, per: ip, within: 1m}
then:
  - ban: {for: 10m, max: 1h, grow: 2, scope: mail}
""",
    "b-lock": """\
log: mail
match: ['<ip> <user>']
limit: {count: 1, per: user, within: 1m}
then:
  - lock
""",
    "c-run": """\
log: mail
match: ['<ip> <user>']
limit: {count: 1, per: user, within: 1m}
then:
  - run: [touch, '{dir}/ran-<user>']
"""}
HOLD_BYTES = int(re.search(r"sizeof\(struct order_hold\) == (\d+)",
                           (TREE / "include/bailiff/order.h").read_text(encoding="ascii"))[1]) - 296
BAN, LOCK, RUN = 0, 1, 2            # these jails' indices: names in order


def enum(header, name):
    """The members of a C enum, by their names."""
    text = (TREE / header).read_text(encoding="ascii")
    body = re.search(rf"enum {name} {{(.*?)}};", text, re.S)[1]
    value, found = -1, {}
    for member, given in re.findall(r"^\s*([A-Z_]+)(?: = (\d+))?,?", body, re.M):
        value = int(given) if given else value + 1
        found[member] = value
    return found


ORDER = enum("include/bailiff/order.h", "order_type")
ORIGIN = enum("include/bailiff/order.h", "order_origin")
STATUS = enum("include/bailiff/order.h", "outcome_status")
MSG = enum("src/wire/engine.h", "message_type")
BANS = [f"ORDER_{n}" for n in ("BAN", "UNBAN", "ALLOW", "DISALLOW", "RELOAD", "TEARDOWN", "CUT")]
HOLDS = ["ORDER_HOLD", "ORDER_QUEUE_HOLD", "ORDER_QUEUE_RELEASE", "ORDER_QUEUE_PURGE"]
ACCOUNTS = [n for n in ORDER if n not in (*BANS, *HOLDS, "ORDER_NONE", "ORDER_TYPES", "ORDER_RUN",
                                          "ORDER_NOTIFY")]
NAMELESS = [n for n in ORDER if n.startswith("ORDER_QUEUE_")]    # whose mail it is, is not said


def now():
    return int(time.time() * 1000)


def addr(text):
    net = ipaddress.ip_network(text)
    return net.network_address.packed.ljust(16, b"\0") + bytes([net.version, net.prefixlen])


def head(kind, origin="JAIL", jail=NO_JAIL, action=0, ident=None):
    head.next += 1
    return struct.pack("<QHHHH", ident or head.next, ORDER.get(kind, kind),
                       ORIGIN.get(f"ORIGIN_{origin}", origin), jail, action)


head.next = 1000


def ban(target=STRANGER, *, scope=1, until=None, host=None, kind="ORDER_BAN", jail=BAN, raw=None, **kw):
    until = now() + 10 * MINUTE if until is None else until
    at = raw or addr(target)
    return (head(kind, jail=jail, **kw) + at + struct.pack("<HIq", scope, 0, until) +
            (addr(host) if host else at) + bytes(6))


def account(name, kind="ORDER_LOCK", *, ref=0, at=None, jail=LOCK, **kw):
    name = name if isinstance(name, bytes) else name.encode()
    return (head(kind, jail=jail, **kw) +
            struct.pack("<Qq", ref, now() if at is None else at) + name.ljust(256, b"\0"))


def about_user3(kind, **kw):
    """An order on an account, or on mail, as well formed as a captured engine can make it."""
    name = "" if kind in NAMELESS else "user3"
    order = account(name, kind, ref=0 if kind in HOLDS else 1000, **kw)
    return order + struct.pack("<II", 0, 0) + bytes(HOLD_BYTES) if kind in HOLDS else order


def run(values, *, undo=0, length=None, jail=RUN, **kw):
    return (head("ORDER_RUN", jail=jail, **kw) +
            struct.pack("<II", undo, len(values) if length is None else length) +
            values.ljust(2048, b"\0"))


def mail(subject=b"x", body=b"x\n", *, length=None, alert=0, user=b"", **kw):
    return (head("ORDER_NOTIFY", **kw) +
            struct.pack("<IIQ", len(body) if length is None else length, alert, 0) +
            subject.ljust(128, b"\0") + user.ljust(256, b"\0") + body.ljust(16384, b"\0"))


def message(kind, body=b"", count=0):
    return struct.pack("<HHI", MSG.get(kind, kind), 0, count) + body


class Hostile(Bailiff):
    """bailiffd with our own engine beside it, and the socket it is led by."""

    def __init__(self, ns, program, config=None):
        super().__init__(ns, {"allow": [ALLOWED, "198.51.100.0/24"],
                              "accounts": {"act": "yes", "protect": ["root", "boss"]},
                              "helpers": {"sendmail": ["/bin/true"]},
                              "jails": {"auto": False, **dict.fromkeys(JAILS, True)},
                              **(config or {})})
        self.add_jails({n: t.replace("{dir}", str(self.dir)) for n, t in JAILS.items()})
        self.bin = self.dir / "bin"
        self.bin.mkdir()
        for name in "bailiffd", "bailiff":
            shutil.copy(BUILD / name, self.bin)
        shutil.copy(program, self.bin / "bailiff-engine")
        self.bailiffd[0] = self.bin / "bailiffd"
        with ns.entered():
            self.door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.door.bind("\0bailiff-hostile-engine")
        self.door.listen(8)
        self.door.settimeout(30)
        self.engine = None

    def start(self, wait=True):
        super().start(wait=False)
        self.next_engine()
        if wait:
            self.ready()

    def next_engine(self):
        """The one that is started in place of the last."""
        if self.engine:
            self.engine.close()
        self.engine, _ = self.door.accept()
        self.engine.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.engine.settimeout(10)

    def ready(self):
        times = self.times_ready()
        self.say(message("MSG_READY"))
        while self.hear()[0] != MSG["MSG_GO"]:
            pass
        self.say(message("MSG_PONG"))    # what was to be restored is
        self.wait_ready(times + 1)

    def close(self):
        if self.process:                 # one that hears nothing would be waited for
            self.kill9("engine")
        super().close()
        self.door.close()

    # ---- what the engine says and hears

    def tell(self, text, fds=()):
        if fds:
            socket.send_fds(self.engine, [text], fds)
        else:
            self.engine.send(text)

    def say(self, frame, fds=()):
        self.tell(b"S" + frame, fds)

    def hear(self):
        """The next message: type, body, how many descriptors came with it."""
        packet = self.engine.recv(1 << 18)
        if not packet:
            raise EOFError("the engine was ended")
        return struct.unpack_from("<H", packet, 1)[0], packet[9:], packet[0]

    def outcomes(self, *orders):
        """What became of these, in their order: (status, text)."""
        ids = [struct.unpack_from("<Q", o)[0] for o in orders]
        found = {}
        while not all(i in found for i in ids):
            kind, body, _ = self.hear()
            for at in range(0, len(body) if kind == MSG["MSG_OUTCOMES"] else 0, 136):
                ident, _, status, _ = struct.unpack_from("<QHHi", body, at)
                text = body[at + 34:at + 136].split(b"\0")[0].decode()
                name = next(k for k, v in STATUS.items() if v == status)
                found[ident] = (name.removeprefix("OUTCOME_"), text)
        return [found[i] for i in ids]

    def order(self, order, fds=(), own=None):
        """Say this; what became of it."""
        frame = message("MSG_ORDERS", order)
        if own is None:
            self.say(frame, fds)
        else:
            self.tell(b"A" + bytes([own]) + frame)
        return self.outcomes(order)[0]

    def replaced(self):
        """bailiffd ended this engine; the next one speaks and is obeyed."""
        with pytest.raises((EOFError, ConnectionResetError)):
            while True:
                self.hear()
        self.next_engine()
        self.ready()
        assert self.order(ban("203.0.113.200"))[0] == "DONE"

    def emergency(self, line):
        """Root's own socket; the answer and how long it took."""
        start = time.monotonic()
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(30)
            sock.connect(str(self.dir / "run/bailiffd.sock"))
            sock.send(line.encode() + b"\n")
            return sock.recv(256).decode().strip(), time.monotonic() - start


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    out = tmp_path_factory.mktemp("hostile") / "bailiff-engine"
    out.parent.chmod(0o755)
    machine.run(["gcc", "-std=gnu11", "-D_GNU_SOURCE", f"-I{TREE}/include", f"-I{TREE}/src", "-O1",
                 "-Wall", "-Wextra", "-o", out, TREE / "tests/e2e/hostile_engine.c"])
    return out


@pytest.fixture
def users():
    """Accounts: one under protect, some like any other."""
    names = ["boss", *(f"user{n}" for n in range(7))]
    for name in names:
        machine.add_user(name, "sesame")
    yield names
    for name in names:
        machine.delete_user(name)


@pytest.fixture
def hostile(net, program, users):
    with Hostile(net.server, program) as it:
        yield it


def shadow():
    return pathlib.Path("/etc/shadow").read_text(encoding="ascii")


def admins_socket():
    """What only root's own connection can give: a socket whose peer is root."""
    return socket.socketpair(socket.AF_UNIX)


def test_what_it_could_do_as_the_jails_it_has(hostile):
    """The frame of all that follows: orders within a jail's reach are done."""
    assert hostile.order(ban()) == ("DONE", "")
    assert STRANGER in hostile.banned()
    assert hostile.order(account("user0"))[0] == "DONE"
    assert machine.run(["passwd", "-S", "user0"]).stdout.split()[1] == "L"
    assert hostile.order(run(b"user\0user1\0"))[0] == "DONE"
    assert (hostile.dir / "ran-user1").exists()
    here, there = admins_socket()
    assert hostile.order(ban(kind="ORDER_UNBAN", origin="HAND"), fds=[there.fileno()])[0] == "DONE"
    assert STRANGER not in hostile.banned()
    here.close()
    there.close()


NOT_BANNED = {
    "allowed address": (dict(target=ALLOWED), "is allowed"),
    "in an allowed network": (dict(target="198.51.100.9"), "is allowed"),
    "loopback": (dict(target="127.0.0.1"), "never banned"),
    "loopback of IPv6": (dict(target="::1"), "never banned"),
    "unspecified": (dict(target="0.0.0.0"), "never banned"),
    "multicast": (dict(target="224.0.0.1"), "never banned"),
    "link-local": (dict(target="fe80::/64", host="fe80::1"), "link-local.*never banned"),
    "own address": (dict(target=SERVER), "own address"),
    "own address of IPv6": (dict(target=SERVER6), "own address"),
    "own address behind its /64": (dict(target="2001:db8:0:1::/64", host=SERVER6), "own address"),
    "gateway": (dict(target=ROUTER), "gateway"),
    "private": (dict(target="10.1.2.3"), "private"),
    "CGNAT": (dict(target="100.64.1.1"), "private"),
    "wider than the jail": (dict(target="203.0.113.0/24", host=STRANGER), "wider"),
    "wider than the jail, IPv6": (dict(target="2001:db8::/48", host="2001:db8::9"), "wider"),
    "everything": (dict(target="0.0.0.0/0", host=STRANGER), "wider|never banned"),
    "longer than the jail": (dict(until="+2h"), "longer"),
    "for good": (dict(until=FOREVER), "longer"),
    "another scope": (dict(scope=2), "scope"),
    "scope all": (dict(scope=0), "scope"),
    "no such scope": (dict(scope=77), "no such scope"),
    "any scope": (dict(scope=ANY_SCOPE), "no such scope"),
    "no such jail": (dict(jail=9), "no such jail"),
    "no jail": (dict(jail=NO_JAIL), "no such jail"),
    "no such action": (dict(action=1), "no such jail or action"),
    "a jail that does not ban": (dict(jail=LOCK), "no ban"),
    "a host outside its prefix": (dict(target="203.0.113.9/32", host="203.0.113.8"), "does not hold"),
    "by hand": (dict(origin="HAND"), "no admin"),
    "ledger: allowed": (dict(origin="LEDGER", target=ALLOWED), "is allowed"),
    "ledger: own": (dict(origin="LEDGER", target=SERVER), "own address"),
    "ledger: for good": (dict(origin="LEDGER", until=FOREVER, jail=NO_JAIL), "no jail"),
    "ledger: all ports": (dict(origin="LEDGER", scope=0, jail=NO_JAIL), "no jail"),
    "ledger: private": (dict(origin="LEDGER", target="10.1.2.3"), "no jail"),
    "ledger: /16": (dict(origin="LEDGER", target="203.0.0.0/16", host=STRANGER), "no jail"),
}


def test_bans_beyond_any_jail(hostile):
    assert hostile.order(ban("203.0.113.77"))[0] == "DONE"
    before = hostile.banned()
    for name, (how, why) in NOT_BANNED.items():
        if how.get("until") == "+2h":
            how = {**how, "until": now() + 2 * HOUR}
        status, text = hostile.order(ban(**how))
        assert status == "REFUSED" and re.search(why, text), f"{name}: {status} {text}"
    assert hostile.banned() == before
    # All at once, among good ones: each has its own answer.
    rows = [ban(**{**how, "until": now() + MINUTE}) for how, _ in NOT_BANNED.values()
            if "until" not in how]
    good = [ban(f"203.0.113.{n}") for n in range(100, 110)]
    mixed = [x for pair in zip(rows, good) for x in pair]
    hostile.say(message("MSG_ORDERS", b"".join(mixed)))
    assert [o[0] for o in hostile.outcomes(*mixed)] == ["REFUSED", "DONE"] * 10
    assert hostile.banned() == before | {f"203.0.113.{n}" for n in range(100, 110)}


def test_protected_by_hand_and_prefixes_around_it(hostile):
    """A prefix is narrowed where it covers something protected, as for a jail."""
    here, there = admins_socket()
    allow = ban("203.0.113.50", kind="ORDER_ALLOW", origin="HAND", until=FOREVER)
    assert hostile.order(allow, fds=[there.fileno()])[0] == "DONE"
    assert hostile.order(account("user2", "ORDER_PROTECT", origin="HAND"),
                         fds=[there.fileno()])[0] == "DONE"
    # What follows in an allow's own frame is judged by the list as it is then.
    frame = [ban("203.0.113.51", kind="ORDER_ALLOW", origin="HAND", until=FOREVER), ban(ALLOWED), ban("203.0.113.51")]
    hostile.say(message("MSG_ORDERS", b"".join(frame)), fds=[there.fileno()])
    assert [o[0] for o in hostile.outcomes(*frame)] == ["DONE", "REFUSED", "REFUSED"]
    here.close()
    there.close()
    status, text = hostile.order(ban("203.0.113.50"))
    assert status == "REFUSED" and "allowed by hand" in text
    status, text = hostile.order(account("user2"))
    assert status == "REFUSED" and "protected" in text
    assert hostile.order(ban("203.0.113.50", kind="ORDER_DISALLOW", origin="HAND"))[0] == "REFUSED"


def sockets_that_are_no_admins(hostile):
    """What a captured engine can get hold of, to send along with an order."""
    yield "nothing", {}
    for name, fd in ("the listening socket", LISTEN_FD), ("its channel", CHANNEL_FD), \
            ("the state directory", STATE_FD):
        yield name, {"own": fd}
    with open("/dev/null", "rb") as null:
        yield "/dev/null", {"fds": [null.fileno()]}
    here, there = admins_socket()
    here.close()
    yield "a connection that root has left", {"fds": [there.fileno()]}
    there.close()
    for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
        with socket.socket(socket.AF_INET, kind) as sock:
            yield f"an IP socket {kind}", {"fds": [sock.fileno()]}
    with strangers_socket() as sock:
        yield "a stranger's connection", {"fds": [sock.fileno()]}


@contextlib.contextmanager
def strangers_socket():
    """A connection whose peer is a user without any right."""
    here, there = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        pair = socket.socketpair()
        socket.send_fds(there, [b"x"], [pair[0].fileno()])
        here.close()
        there.recv(1)
        os._exit(0)
    there.close()
    _, fds, _, _ = socket.recv_fds(here, 1, 1)
    with socket.socket(fileno=fds[0]) as sock:
        yield sock
    here.close()
    os.waitpid(pid, 0)


def test_orders_that_only_an_admin_may_give(hostile):
    hostile.order(ban("203.0.113.77"))
    before, accounts = hostile.banned(), shadow()
    for name, how in sockets_that_are_no_admins(hostile):
        for kind in [n for n in BANS if n != "ORDER_BAN"]:
            status, text = hostile.order(ban("203.0.113.77", kind=kind, origin="HAND"), **how)
            assert status == "REFUSED", f"{kind} with {name}: {status} {text}"
        for kind in [*ACCOUNTS, *HOLDS]:
            status, text = hostile.order(about_user3(kind, origin="HAND"), **how)
            assert status == "REFUSED", f"{kind} with {name}: {status} {text}"
        assert hostile.order(run(b"user\0user3\0", undo=1, origin="HAND"), **how)[0] == "REFUSED"
        assert hostile.order(ban("203.0.113.78", origin="HAND"), **how)[0] == "REFUSED"
    for origin in "JAIL", "LEDGER":
        for kind in [n for n in BANS if n not in ("ORDER_BAN", "ORDER_CUT")]:
            assert hostile.order(ban("203.0.113.77", kind=kind, origin=origin))[0] == "REFUSED"
        for kind in [n for n in (*ACCOUNTS, *HOLDS) if n != "ORDER_LOCK"]:
            status, text = hostile.order(about_user3(kind, origin=origin))
            assert status == "REFUSED", f"{kind} as {origin}: {status} {text}"
    assert (hostile.banned(), shadow()) == (before, accounts)
    assert hostile.emergency("status")[0].startswith("ok")


def test_accounts_that_nobody_may_lock(hostile):
    accounts = shadow()
    for name in ("root", "boss", "daemon", "postfix", "nobody-of-this-name", "Boss", "BOSS", "",
                 "../../etc/passwd", "-l", "user4\nroot", "user4 root", "user4:x", "user4@example.org",
                 b"\xff\xfe", "u" * 255):
        status, text = hostile.order(account(name))
        assert status in ("REFUSED", "FAILED"), f"{name}: {status} {text}"
    for how, why in ((dict(jail=BAN), "no lock"), (dict(jail=NO_JAIL), "no lock"),
                     (dict(action=1), "no lock"), (dict(at=now() - 2 * HOUR), "older"),
                     (dict(origin="LEDGER"), "admin")):
        status, text = hostile.order(account("user4", **how))
        assert status == "REFUSED" and why in text, f"{how}: {text}"
    assert shadow() == accounts
    # The rate holds, whoever asks: five in an hour, and no sixth.
    states = [hostile.order(account(f"user{n}"))[0] for n in range(7)]
    assert states == ["DONE"] * 5 + ["REFUSED"] * 2
    assert machine.run(["passwd", "-S", "user6"]).stdout.split()[1] == "P"
    # An undo of what it did itself is an admin's to give.
    assert hostile.order(account("user0", "ORDER_UNDO", ref=head.next - 6))[0] == "REFUSED"


def test_undo_of_what_was_never_done(hostile):
    """Even with an admin's connection at hand: the runner's journal decides."""
    accounts = shadow()
    here, there = admins_socket()
    for ref in 0, 1, 999_999, 2 ** 64 - 1:
        status, text = hostile.order(account("", "ORDER_UNDO", origin="HAND", ref=ref),
                                     fds=[there.fileno()])
        assert status == "REFUSED" and "did nothing" in text
    # An id that was another order's is no way to have it again.
    assert hostile.order(account("user5", ident=77))[0] == "DONE"
    status, text = hostile.order(account("user6", ident=77))
    assert status == "REFUSED" and "another order" in text
    here.close()
    there.close()
    assert [l for l in shadow().splitlines() if not l.startswith("user5:")] == \
        [l for l in accounts.splitlines() if not l.startswith("user5:")]


def test_values_of_commands(hostile):
    for values in (b"", b"user\0", b"ip\0203.0.113.9\0", b"user\0root\0", b"user\0boss\0",
                   b"user\0../../evil\0", b"user\0a b\0", b"user\0-x\0", b"user\0\0",
                   b"user\0" + b"u" * 1500 + b"\0"):
        with contextlib.suppress(EOFError):
            status, text = hostile.order(run(values))
            assert status == "REFUSED", f"{values}: {status} {text}"
            continue
        hostile.next_engine()            # half a pair is nonsense
        hostile.ready()
    assert hostile.order(run(b"user\0user1\0", jail=BAN))[0] == "REFUSED"
    assert hostile.order(run(b"user\0user1\0", jail=NO_JAIL))[0] == "REFUSED"
    assert not list(hostile.dir.glob("ran-*"))


def test_mail_is_not_a_weapon(hostile):
    """Thirty an hour, of which ten are for accounts: mails about anything else keep none of those back."""
    states = [hostile.order(mail(b"Subject\r\nBcc: x@example.org"))[0] for _ in range(30)]
    assert states.count("DONE") == 20 and set(states[20:]) == {"REFUSED"}
    states = [hostile.order(mail(user=b"user3"))[0] for _ in range(20)]
    assert states.count("DONE") == 10 and set(states[10:]) == {"REFUSED"}


def test_files_it_was_never_given(hostile):
    """It asks for rotated parts of logs that are none."""
    for log, path in (0, "/etc/shadow"), (0, "/etc/../etc/passwd"), (99, "/var/log/mail.log"), \
            (0, ""), (0, "shadow"):
        hostile.say(struct.pack("<HHI", MSG["MSG_FIND"], 0, 1) +
                    struct.pack("<HHHHQ32x", log, 0, 0, 0, 7) + path.encode().ljust(256, b"\0"))
        while (heard := hostile.hear())[0] != MSG["MSG_FOUND"]:
            pass
        assert heard[2] == 0


BAD_ORDERS = {
    "no type": lambda: head(0) + bytes(56),
    "an unknown type": lambda: head(99) + bytes(56),
    "half a head": lambda: head("ORDER_BAN")[:9],
    "cut": lambda: ban()[:-1],
    "a byte too many": lambda: ban(ALLOWED) + b"x",
    "an unknown origin": lambda: ban(origin=3),
    "no family": lambda: ban(raw=bytes(18)),
    "an unknown family": lambda: ban(raw=addr(STRANGER)[:16] + bytes([9, 32])),
    "33 bits of IPv4": lambda: ban(raw=addr(STRANGER)[:16] + bytes([4, 33])),
    "129 bits of IPv6": lambda: ban(raw=addr("2001:db8::1")[:16] + bytes([6, 129])),
    "bits beyond the prefix": lambda: ban(raw=addr(STRANGER)[:16] + bytes([4, 24])),
    "IPv4 that is written as IPv6": lambda: ban(raw=addr("::ffff:127.0.0.1")),
    "an end before the epoch": lambda: ban(until=-1),
    "a name without an end": lambda: account(b"a" * 256),
    "evidence before the epoch": lambda: account("user0", at=-1),
    "values that are longer than themselves": lambda: run(b"user\0user0\0", length=4096),
    "a value without an end": lambda: run(b"user\0user0", length=10),
    "a subject without an end": lambda: mail(b"x" * 128),
    "a body that is longer than itself": lambda: mail(length=20000),
    "a body with a NUL": lambda: mail(body=b"a\0b"),
}
NONSENSE = {
    **{name: lambda make=make: message("MSG_ORDERS", make()) for name, make in BAD_ORDERS.items()},
    "nothing but half a head": lambda: b"\1\0\0",
    "an unknown message": lambda: message(77),
    "bailiffd's own word": lambda: message("MSG_GO"),
    "ready once more": lambda: message("MSG_READY"),
    "stopped, unasked": lambda: message("MSG_STOPPED"),
    "a pong with a tail": lambda: message("MSG_PONG", b"x"),
    "fewer questions than it says": lambda: message("MSG_ASK", bytes(32), 2),
    "no questions": lambda: message("MSG_ASK", b"", 0),
    "more questions than memory": lambda: message("MSG_ASK", bytes(32), 2 ** 27 + 1),
    "an unknown question": lambda: message("MSG_ASK", struct.pack("<QHH20x", 1, 9, 0), 1),
    "a question about no scope": lambda: message("MSG_ASK", struct.pack("<QHH20x", 1, 0, 999), 1),
    "a short search": lambda: message("MSG_FIND", bytes(10), 1),
    "a search without an end": lambda: message("MSG_FIND", bytes(48) + b"a" * 256, 1),
    "more than a frame holds": lambda: message("MSG_ORDERS", bytes(140_000)),
}


def chunks(names, n):
    names = list(names)
    return [names[i:i + n] for i in range(0, len(names), n)]


@pytest.mark.parametrize("names", chunks(NONSENSE, 3), ids=lambda names: names[0])
def test_nonsense_ends_the_engine(net, program, users, names):
    """Three a daemon: an engine that dies again and again is waited for longer."""
    with Hostile(net.server, program) as hostile:
        hostile.order(ban("203.0.113.77"))
        before, accounts = hostile.banned(), shadow()
        for name in names:
            hostile.say(NONSENSE[name]())
            try:
                hostile.replaced()
            except BaseException:
                print(f"after {name}:\n{hostile.text()}")
                raise
        assert hostile.text().count("broken or captured") == len(names)
        assert hostile.banned() == before | {"203.0.113.200"} and shadow() == accounts


def test_it_speaks_before_its_turn(net, program, users):
    hostile = Hostile(net.server, program)
    try:
        hostile.start(wait=False)
        hostile.say(message("MSG_ORDERS", ban()))
        hostile.replaced()
        assert STRANGER not in hostile.banned()
        # Descriptors that nobody asked for, and more than one.
        with open("/dev/null", "rb") as null:
            hostile.say(message("MSG_ORDERS", ban()), [null.fileno()] * 2)
            hostile.replaced()
    finally:
        hostile.close()


def test_its_page_is_not_believed(hostile):
    """What bailiffd reads there after a death holds any number."""
    for page in b"\xff" * 64, struct.pack("<IHH", 1, 0, 0xfff0) + b"\xff" * 40:
        hostile.tell(b"P" + page)
        with contextlib.suppress(BrokenPipeError):
            hostile.tell(b"D")
        hostile.replaced()
    assert "overflow" not in hostile.text()


def test_garbage(net, program, users):
    """Any bytes, in all lengths: an answer or an end, and bailiffd goes on."""
    dice = random.Random(1)
    accounts = shadow()
    for _ in range(3):
        with Hostile(net.server, program) as hostile:
            main = hostile.pid("monitor")
            for _ in range(3):
                body = dice.randbytes(dice.choice([1, 8, 9, 80, 4096, 131_072]))
                hostile.say(dice.choice([body, message("MSG_ORDERS", body),
                                         message("MSG_ASK", body, len(body) // 32)]))
                with contextlib.suppress(TimeoutError):
                    hostile.replaced()
            assert hostile.pid("monitor") == main
    assert shadow() == accounts


def test_flood(hostile, net):
    """100,000 orders that are refused, and nobody who reads the answers."""
    stranger = net.host("stranger", STRANGER)
    listener = net.server.listen(SERVER, 25)
    assert hostile.order(ban())[0] == "DONE"
    assert not stranger.can_connect(SERVER, 25, timeout=0.5)
    rows = [ban(ALLOWED), ban(SERVER), ban(until=FOREVER), account("root"),
            ban(kind="ORDER_UNBAN", origin="HAND")]
    frame = message("MSG_ORDERS", b"".join(rows * 200))
    hostile.tell(b"F" + struct.pack("<I", 100) + frame)
    answer, took = hostile.emergency("unban 203.0.113.9")
    assert answer == "ok 1"
    print(f"an unban took {took:.3f} s while 100,000 orders came in")
    assert took < 10
    assert stranger.can_connect(SERVER, 25, timeout=2)
    listener.close()
    # It is heard again after that, and what it asked for was not done.
    hostile.engine.settimeout(60)
    while hostile.order(ban("203.0.113.10")) != ("DONE", ""):
        pass
    assert hostile.banned() == {"203.0.113.10"}
    rss = int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(
        f"/proc/{hostile.pid('monitor')}/status").read_text(encoding="ascii"))[1])
    assert rss < 150_000, f"bailiffd holds {rss} kB"


def test_commands_wanted_and_not(net, program, users, tmp_path):
    """Commands of logs are root's, and a second apart, however often the engine changes its mind."""
    runs, script = tmp_path / "runs", tmp_path / "prog"
    script.write_text(f"#!/bin/sh\necho x >> {runs}\n", encoding="ascii")
    script.chmod(0o755)
    logs = {"mail": MAIL_SOURCE, "app": {"command": [str(script)], "interval": "1h"}}
    with Hostile(net.server, program, {"logs": logs}) as hostile:
        start = time.monotonic()
        while time.monotonic() < start + 3:
            hostile.say(message("MSG_WANT", struct.pack("<4Q", *[2 ** 64 - 1] * 4)))
            time.sleep(0.01)
            hostile.say(message("MSG_WANT", bytes(32)))
        assert hostile.order(ban())[0] == "DONE"
        assert 1 <= len(runs.read_text(encoding="ascii").split()) <= 4


def test_it_cannot_reach_roots_own_socket(hostile):
    """The emergency socket is root's by its mode, and asks who connects."""
    path = hostile.dir / "run/bailiffd.sock"
    st = path.stat()
    assert (st.st_uid, st.st_mode & 0o777) == (0, 0o600)
    pid = os.fork()
    if pid == 0:
        os.setresuid(65012, 65012, 65012)
        try:
            socket.socket(socket.AF_UNIX).connect(str(path))
            os._exit(1)
        except PermissionError:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_it_does_not_listen(hostile):
    """It asks for descriptors, which cannot wait in a queue, and takes nothing."""
    assert hostile.order(ban())[0] == "DONE"
    search = struct.pack("<HHIHHHHQ32x", MSG["MSG_FIND"], 0, 1, 0, 0, 0, 0, 7)
    hostile.tell(b"X")
    for _ in range(100):
        hostile.say(message("MSG_ORDERS", ban(ALLOWED) * 1000))
    hostile.say(search + b"/etc/shadow".ljust(256, b"\0"))
    hostile.wait_log("cannot look for rotated parts", timeout=30)
    answer, took = hostile.emergency("unban 203.0.113.9")
    assert answer == "ok 1" and took < 10
