# SPDX-License-Identifier: GPL-2.0-or-later
"""Each process holds what docs/privileges.md says, and no more."""
import os
import pathlib
import re
import subprocess

import pytest

from daemon import BUILD, TREE, Bailiff, name_of

FALLBACK = {"bailiff": "65011", "bailiff-engine": "65012", "root": "0"}


@pytest.fixture
def bailiff(net, tmp_path):
    log = tmp_path / "mail.log"
    log.touch()
    with Bailiff(net.server, {"logs": {"mail": {"prefer": "files", "files": [str(log)]}}}) as bailiff:
        bailiff.followed = str(log)
        yield bailiff


def documented():
    text = (TREE / "docs" / "privileges.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:bailiff)\S*) \| (.*) \|$", text.split("<!-- table: status -->")[1], re.M)
    return {name: dict(zip(("Uid", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp"), cells.split(" | ")))
            for name, cells in rows}


def status(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return dict(re.findall(r"^(\w+):[ \t]*(.*)$", text, re.M))


def processes(bailiff):
    return {name_of(p): p for p in bailiff.ns.pids() if name_of(p).startswith("bailiff")}


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


def links(pid):
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            pass
    return found


def test_engine_holds_no_other_descriptor(bailiff):
    """Its log, its state, its channel, its page; no netlink, no configuration file."""
    state = str(bailiff.dir / "state" / "engine")
    for link in links(processes(bailiff)["bailiff-engine"]).values():
        assert re.match(r"socket:|anon_inode:|/memfd:bailiff|pipe:|/dev/null|/dev/pts", link) or \
            link.startswith(state) or link in (str(bailiff.log), bailiff.followed), link


def test_runner_holds_no_netlink(bailiff):
    pid = processes(bailiff)["bailiff-runner"]
    inodes = {m.group(1) for link in links(pid).values() if (m := re.match(r"socket:\[(\d+)\]", link))}
    netlink = {line.split()[-1] for line in
               pathlib.Path(f"/proc/{pid}/net/netlink").read_text(encoding="ascii").splitlines()[1:]}
    assert not inodes & netlink


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
