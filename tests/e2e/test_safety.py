# SPDX-License-Identifier: GPL-2.0-or-later
"""What is never banned, whatever a jail or a hand says, and that it is said."""
import os
import pathlib
import socket
import struct
import subprocess

import pytest

import machine
from daemon import Bailiff
from machine import wait_for

JAIL = """
about: a test's own
log: mail
match:
  - 'bad <ip>$'
limit: {count: 1, per: ip, within: 10m}
then:
  - ban: {for: 10m, scope: all%s}
"""


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "mail.log"
    path.touch()
    return path


def guard(ns, log, jail=JAIL % "", **more):
    return Bailiff(ns, {"logs": {"mail": {"prefer": "files", "files": [str(log)], "trust": True}},
                        "jails": {"auto": False, "own": "on"}, **more}, jails={"own": jail})


def offend(log, addr):
    now = subprocess.run(["date", "+%b %e %H:%M:%S"], capture_output=True, text=True, check=True)
    with open(log, "a", encoding="ascii") as f:
        f.write(f"{now.stdout.strip()} mail app[1]: bad {addr}\n")


def refused(bailiff, log, addr, why):
    """A jail's ban is refused with this reason, and so is one by hand."""
    offend(log, addr)
    bailiff.wait_log(f"refused order=ban .*{why}")
    done = bailiff.command("ban", addr if ":" not in addr else addr + "/128", "--scope", "all")
    assert done.returncode == 1
    assert why in done.stderr
    assert addr not in bailiff.banned()


def test_loopback_own_and_gateway(net, log):
    with guard(net.server, log) as bailiff:
        refused(bailiff, log, "127.0.0.53", "loopback")
        refused(bailiff, log, "::1", "loopback")
        refused(bailiff, log, "fe80::77", "link-local")
        refused(bailiff, log, machine.SERVER, "this host's own address")
        refused(bailiff, log, machine.SERVER6, "this host's own address")
        refused(bailiff, log, machine.ROUTER, "a gateway")


def test_replay_bans_nobody_who_is_allowed(net, tmp_path):
    """Nor does it tell of bans that would be narrowed to the host as if they were not."""
    old = tmp_path / "old.log"
    for addr in ("192.0.2.9", "10.9.9.9", "203.0.113.9", "2001:db8:7::9", "2001:db8:8::9"):
        offend(old, addr)
    rig = Bailiff(net.server, {"jails": {"auto": False, "own": "on"},
                               "allow": ["192.0.2.0/24", "2001:db8:7::1"]}, jails={"own": JAIL % ""})
    told = {v["subject"]: [a["target"] for a in v["actions"]] for v in rig.replay(old)}
    assert told == {"192.0.2.9": [], "10.9.9.9": [], "203.0.113.9": ["203.0.113.9"],
                    "2001:db8:7::/64": ["2001:db8:7::9"], "2001:db8:8::/64": ["2001:db8:8::/64"]}


def test_own_addresses_are_followed(net, log):
    with guard(net.server, log) as bailiff:
        net.server.ip("addr add 192.0.2.77/24 dev " + device(net.server))
        refused(bailiff, log, "192.0.2.77", "this host's own address")
        net.server.ip("addr del 192.0.2.77/24 dev " + device(net.server))
        wait_for(lambda: bailiff.command("ban", "192.0.2.77").returncode == 0, 10)


def device(ns):
    return ns.run(["sh", "-c", "ip -o -4 addr show scope global | awk '{print $2; exit}'"]).stdout.strip()


def test_resolver(net, log):
    conf = pathlib.Path("/etc/resolv.conf")
    before = conf.read_text()
    conf.write_text("nameserver 198.51.100.53\n")
    try:
        with guard(net.server, log) as bailiff:
            refused(bailiff, log, "198.51.100.53", "a resolver")
    finally:
        conf.write_text(before)


def test_allowed_address_prefix_and_name(net, log):
    machine.write_hosts({"203.0.113.20": "office.example.org"})
    with guard(net.server, log, allow=["198.51.100.7", "203.0.113.128/25", "2001:db8:77::/48",
                                       "office.example.org"]) as bailiff:
        refused(bailiff, log, "198.51.100.7", "198.51.100.7 is allowed")
        refused(bailiff, log, "203.0.113.200", "203.0.113.128/25 is allowed")
        refused(bailiff, log, "2001:db8:77::5", "2001:db8:77::/48 is allowed")
        wait_for(lambda: bailiff.command("ban", "203.0.113.20").returncode == 1, 10, "the name is not known yet")
        refused(bailiff, log, "203.0.113.20", "203.0.113.20 is allowed")
        offend(log, "203.0.113.21")
        bailiff.wait_ban("203.0.113.21")


def test_allow_by_hand_reaches_the_kernel_and_stays(net, log):
    stranger = net.host("stranger", "198.51.100.9")
    with net.server.listen(machine.SERVER, 2525) as listener, guard(net.server, log) as bailiff:
        assert stranger.can_connect(machine.SERVER, 2525)
        offend(log, "198.51.100.9")
        bailiff.wait_ban("198.51.100.9")
        assert not stranger.can_connect(machine.SERVER, 2525, timeout=1)
        bailiff.cli("allow", "198.51.100.9", "--reason", "a customer calls")
        assert stranger.can_connect(machine.SERVER, 2525)
        bailiff.restart()
        assert stranger.can_connect(machine.SERVER, 2525)
        bailiff.cli("disallow", "198.51.100.9")
        assert not stranger.can_connect(machine.SERVER, 2525, timeout=1)
        assert listener


def test_allow_by_hand_ends(net, log):
    """A ban that stood all the while counts again, though nothing else happens."""
    stranger = net.host("stranger", "198.51.100.9")
    with net.server.listen(machine.SERVER, 2525) as listener, guard(net.server, log) as bailiff:
        bailiff.cli("ban", "198.51.100.9", "--scope", "all")
        bailiff.cli("allow", "198.51.100.44", "--for", "1h")
        bailiff.cli("allow", "198.51.100.9", "--for", "1s")
        wait_for(lambda: machine.nft_elements(net.server)["allow4"] == ["198.51.100.44"], 20)
        assert not stranger.can_connect(machine.SERVER, 2525, timeout=1)
        assert listener


def test_allow_keeps_what_opens_after_it(net, log):
    """Connections of banned addresses are closed a little later; not those of who was let in meanwhile."""
    stranger, other = net.host("stranger", "198.51.100.9"), net.host("other", "198.51.100.10")
    with net.server.listen(machine.SERVER, 2525) as listener, guard(net.server, log) as bailiff:
        with other.connect(machine.SERVER, 2525) as closed:
            bailiff.cli("ban", "198.51.100.8/30", "--scope", "all")
            bailiff.cli("allow", "198.51.100.9")
            with stranger.connect(machine.SERVER, 2525) as kept:
                closed.settimeout(10)
                with pytest.raises(ConnectionResetError):
                    closed.recv(1)
                kept.sendall(b"x")
                listener.accept()       # the other's
                assert listener.accept()[0].recv(1) == b"x"


def test_private_only_where_asked(net, log):
    with guard(net.server, log) as bailiff:
        offend(log, "10.1.2.3")
        bailiff.wait_log("refused order=ban .*private")
        assert "10.1.2.3" not in bailiff.banned()
        bailiff.cli("ban", "10.1.2.3")
        bailiff.wait_ban("10.1.2.3")
    with guard(net.server, log, JAIL % "" + "ban_private: yes\n") as bailiff:
        offend(log, "10.1.2.4")
        bailiff.wait_ban("10.1.2.4")


def test_prefix_is_narrowed_to_the_host(net, log):
    with guard(net.server, log, JAIL % ", v4: 24", allow=["203.0.113.5"]) as bailiff:
        offend(log, "203.0.113.9")
        bailiff.wait_ban("203.0.113.9")
        assert "203.0.113.0/24" not in bailiff.banned()
        offend(log, "198.51.100.9")
        bailiff.wait_ban("198.51.100.0/24")
        said = bailiff.cli("ban", "203.0.113.77/24")
        assert "narrowed to the host" in said
        bailiff.wait_ban("203.0.113.77")
        assert "203.0.113.0/24" not in bailiff.banned()
        done = bailiff.command("ban", "203.0.113.5/24")
        assert done.returncode == 1
        assert "203.0.113.5 is allowed" in done.stderr


def write_utmp(user, addr, pid):
    """utmp(5): one USER_PROCESS entry."""
    entry = struct.pack("<hxxi32s4s32s256shhiii4s12x20x", 7, pid, b"pts/0", b"ts/0", user.encode(), b"",
                        0, 0, 0, 0, 0, socket.inet_aton(addr))
    with open("/run/utmp", "wb") as f:
        f.write(entry)


def test_peer_of_a_live_admin_session(net, log):
    try:
        with guard(net.server, log) as bailiff:
            write_utmp("root", "198.51.100.44", os.getpid())
            refused(bailiff, log, "198.51.100.44", "the peer of a live admin session")
            offend(log, "198.51.100.45")
            bailiff.wait_ban("198.51.100.45")
    finally:
        os.unlink("/run/utmp")


def test_jail_that_was_watched_first(net, log):
    """In shadow by its file, on by hand: it bans now."""
    with guard(net.server, log, JAIL % "" + "mode: shadow\n", jails={"auto": False, "own": "shadow"}) as bailiff:
        offend(log, "203.0.113.7")
        bailiff.wait_log("verdict .*subject=203.0.113.7 .*mode=shadow")
        assert bailiff.banned() == set()
        bailiff.cli("jail", "own", "on")
        offend(log, "203.0.113.8")
        bailiff.wait_ban("203.0.113.8")


def test_account_that_was_watched_first(net, log):
    """What crossed a limit in shadow or in a pause is acted on when it does so again later."""
    jail = ("about: a test's own\nlog: mail\nmatch:\n  - 'sent by <user> from <ip>$'\n"
            "limit: {count: 1, per: user, within: 10m}\nthen: [contain]\n")

    def send(user):
        now = subprocess.run(["date", "+%b %e %H:%M:%S"], capture_output=True, text=True, check=True)
        with open(log, "a", encoding="ascii") as f:
            f.write(f"{now.stdout.strip()} mail app[1]: sent by {user} from 203.0.113.9\n")

    with guard(net.server, log, jail, jails={"auto": False, "own": "shadow"},
               accounts={"act": "propose"}, notify={"mail": "off"}) as bailiff:
        send("joe")
        bailiff.wait_log("verdict .*subject=joe .*mode=shadow")
        bailiff.cli("jail", "own", "on")
        bailiff.cli("pause", "1h")
        send("ann")
        bailiff.wait_log("verdict .*subject=ann .*mode=shadow")
        bailiff.cli("pause", "0s")
        for user in ("joe", "ann"):
            send(user)
            bailiff.wait_log(f"verdict .*subject={user} .*mode=on")
