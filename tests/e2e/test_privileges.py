# SPDX-License-Identifier: GPL-2.0-or-later
"""Each process holds what docs/privileges.md says, and no more."""
import fnmatch
import json
import os
import pathlib
import re
import subprocess
import time

import pytest

from daemon import BUILD, TREE, Bailiff, name_of
from machine import wait_for

FALLBACK = {"bailiff": "65011", "bailiff-engine": "65012", "root": "0"}


@pytest.fixture
def bailiff(net, tmp_path):
    log = tmp_path / "mail.log"
    log.touch()
    with Bailiff(net.server, {"logs": {"mail": {"prefer": "files", "files": [str(log)]}}}) as bailiff:
        bailiff.followed = str(log)
        yield bailiff


def documented():
    fields = ("Uid", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp")
    return {name: dict(zip(fields, cells)) for name, *cells in rows("status")}


def status(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return dict(re.findall(r"^(\w+):[ \t]*(.*)$", text, re.M))


def processes(bailiff):
    """By name; the eldest of each, for a command that is about to run bears its parent's name."""
    eldest = {}
    for pid in sorted(bailiff.ns.pids()):
        eldest.setdefault(name_of(pid), pid)
    return {name: pid for name, pid in eldest.items() if name.startswith("bailiff")}


def test_status_is_as_documented(bailiff):
    want, found = documented(), processes(bailiff)
    assert set(want) == set(found) == {"bailiffd", "bailiff-engine", "bailiff-runner"}
    for name, pid in found.items():
        is_ = status(pid)
        for field, value in want[name].items():
            if value == "what it was given":
                assert int(is_[field], 16) == int(status(os.getpid())[field], 16)
            elif field == "Uid":
                assert set(is_["Uid"].split()) == {FALLBACK[value]}, name
            else:
                assert is_[field] == value, (name, field)
        for field in ("CapInh", "CapAmb"):
            assert int(is_[field], 16) == 0
        if name != "bailiff-runner":
            assert is_["Groups"].strip() == ""


def rows(table):
    """The cells of a table of docs/privileges.md, a list a row."""
    text = (TREE / "docs" / "privileges.md").read_text(encoding="utf-8")
    lines = text.split(f"<!-- table: {table} -->\n")[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def sockets(pid, kind):
    """The inodes of /proc/net/KIND."""
    column = {"unix": 6, "netlink": -1}.get(kind, 9)
    lines = pathlib.Path(f"/proc/{pid}/net/{kind}").read_text(encoding="ascii").splitlines()[1:]
    return {line.split()[column] for line in lines}


def opened(pid):
    """What a process has open; of sockets their family."""
    families = {inode: kind for kind in ("unix", "netlink", "tcp", "tcp6", "udp", "udp6", "raw")
                for inode in sockets(pid, kind)}
    found = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            link = os.readlink(f"/proc/{pid}/fd/{fd}").removesuffix(" (deleted)")
        except FileNotFoundError:       # closed meanwhile
            continue
        inode = re.match(r"socket:\[(\d+)\]", link)
        if int(fd) > 2:
            found.add(families[inode[1]] if inode else link)
    # Pipes to a command are there while it runs.
    return {f for f in found if not f.startswith("pipe:")} - {"anon_inode:[eventpoll]", "anon_inode:[eventfd]"}


def test_descriptors_are_as_documented(bailiff):
    places = {"STATE": bailiff.dir / "state", "RUN": bailiff.dir / "run", "BIN": BUILD,
              "LOG": bailiff.followed}
    want = {}
    for process, what, _ in rows("descriptors"):
        name = re.sub("^[A-Z]+", lambda m: str(places.get(m[0], m[0])), what)
        want.setdefault(process, []).append(name)
    for process, pid in processes(bailiff).items():
        have = opened(pid)
        for name in have:
            assert any(fnmatch.fnmatchcase(name, w) for w in want[process]), (process, name)
        for name in want[process]:
            assert any(fnmatch.fnmatchcase(h, name) for h in have), (process, name)


def test_what_holds_for_all(bailiff):
    own = {n: os.readlink(f"/proc/{bailiff.process.pid}/ns/{n}") for n in os.listdir("/proc/self/ns")}
    for process, pid in processes(bailiff).items():
        for name, is_ in own.items():
            assert os.readlink(f"/proc/{pid}/ns/{name}") == is_, (process, name)
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
        assert re.search(r"^Max core file size +0 +0 ", limits, re.M)
        # The files of one that cannot be traced or dumped are root's.
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0, process
        code = pathlib.Path(f"/proc/{pid}/maps").read_text(encoding="ascii")
        assert not re.search(r"^\S+ .wx", code, re.M), process
    engine = processes(bailiff)["bailiff-engine"]
    assert os.readlink(f"/proc/{engine}/cwd") == str(bailiff.dir / "state/engine")
    assert pathlib.Path(f"/proc/{engine}/environ").read_bytes() == b"PATH=/nonexistent\0LC_ALL=C\0"


def test_places(bailiff):
    state = bailiff.dir / "state"
    for name, user in ("engine", "bailiff-engine"), ("monitor", "bailiff"), ("runner", "root"):
        st = (state / name).stat()
        assert (st.st_mode & 0o7777, str(st.st_uid)) == (0o700, FALLBACK[user]), name
    for name, mode in ("bailiffd.sock", 0o600), ("control.sock", 0o666):
        st = (bailiff.dir / "run" / name).stat()
        assert (st.st_mode & 0o7777, st.st_uid) == (mode, 0), name


TELL = """\
#!/usr/bin/python3 -I
import json, os, sys
fds = {}
for fd in os.listdir("/proc/self/fd"):
    try:
        fds[int(fd)] = os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        pass
with open(sys.argv[1] + ".new", "w") as f:
    json.dump({"fds": fds, "env": dict(os.environ), "cwd": os.getcwd(), "argv": sys.argv[2:],
               "session": os.getsid(0) == os.getpid(), "uid": os.getuid()}, f)
os.rename(sys.argv[1] + ".new", sys.argv[1])
"""
TOLD = """\
log: mail
match: ['tell <ip> <user>']
limit: {count: 1, per: ip, within: 1m}
then:
  - run: [{dir}/tell, {dir}/told, '<ip>', '$(touch {dir}/shell)']
"""


def test_what_a_command_gets(bailiff):
    """No descriptor, no shell, and an environment of two words."""
    program = bailiff.dir / "tell"
    program.write_text(TELL, encoding="ascii")
    program.chmod(0o755)
    bailiff.add_jails({"told": TOLD.replace("{dir}", str(bailiff.dir))})
    bailiff.reload()
    with open(bailiff.followed, "a", encoding="ascii") as log:
        log.write(time.strftime("%b %d %H:%M:%S mx x[1]: tell 203.0.113.9 joe\n"))
    wait_for((bailiff.dir / "told").exists, what=bailiff.text())
    told = json.loads((bailiff.dir / "told").read_text(encoding="ascii"))
    assert told["argv"] == ["203.0.113.9", f"$(touch {bailiff.dir}/shell)"]
    assert told["env"] == {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C", "LC_CTYPE": "C.UTF-8"}
    assert (told["cwd"], told["session"], told["uid"]) == ("/", True, 0)
    assert told["fds"]["0"] == "/dev/null" and told["fds"]["1"].startswith("pipe:")
    assert set(told["fds"]) == {"0", "1", "2"}
    assert not (bailiff.dir / "shell").exists()


def test_unit_is_as_documented():
    unit = (TREE / "init/bailiff.service.in").read_text(encoding="utf-8")
    there = dict(re.findall(r"^(\w+)=(.*)$", unit, re.M))
    table = {name: word for name, word, _ in rows("unit")}
    for name, word in table.items():
        if word == "no":
            assert name not in there, name
        else:
            assert name in there and (word == "yes" or there[name] == word), name
    closing = [n for n in there if re.match("(Protect|Private|Restrict|Lock|SystemCall|Memory|Cap|NoNew)", n)]
    assert set(closing) - set(table) <= {"RestartPreventExitStatus", "SystemCallErrorNumber"}


@pytest.mark.parametrize("program, without", [
    ("bailiffd", ["libpcre2", "libsqlite", "libjansson"]),
    ("bailiff-engine", ["libnftnl", "libmnl"]),
    ("bailiff", ["libnftnl", "libmnl", "libpcre2", "libsqlite"]),
])
def test_the_linker_keeps_the_promise(program, without):
    needs = subprocess.run(["readelf", "-d", BUILD / program], capture_output=True, text=True,
                           check=True).stdout
    for library in without:
        assert library not in needs
