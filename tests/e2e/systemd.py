# SPDX-License-Identifier: GPL-2.0-or-later
"""A systemd with a journal of its own, for units as they are installed.

It is the first process of a pid namespace inside the laboratory, in the
network of a server of machine.py, in a control group that is removed with it.
It knows the units that are named and nothing of the host's.

    with System(net.server, ["/usr/local/lib/systemd/system/bailiff.service"]) as system:
        system.ctl("start", "bailiff")
        assert system.show("bailiff", "ActiveState") == "active"
"""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import machine
from machine import wait_for

DEBIAN = pathlib.Path("/lib/systemd/system")
NEEDED = ["basic.target", "sysinit.target", "shutdown.target", "umount.target", "final.target",
          "sockets.target", "systemd-journald.service", "systemd-journald.socket",
          "systemd-journald-dev-log.socket"]
TARGET = ("[Unit]\nDefaultDependencies=no\nWants=systemd-journald.socket "
          "systemd-journald-dev-log.socket systemd-journald.service\n")
# Only the version 2 hierarchy: it is there on every kernel that bailiff knows.
BOOT = """
mount -t cgroup2 none /sys/fs/cgroup
exec env container=lab SYSTEMD_UNIT_PATH={units} /lib/systemd/systemd --system \
    --unit=lab.target --show-status=no
"""


class System(machine.Daemon):
    """units     paths of unit files, or names of Debian's"""

    def __init__(self, ns, units):
        self.ns = ns
        self.units = pathlib.Path(tempfile.mkdtemp(prefix="units-", dir="/run"))
        self.units.chmod(0o755)
        self.groups = pathlib.Path(tempfile.mkdtemp(prefix="cgroup-", dir="/run"))
        self.group = self.groups / f"bailiff-lab-{os.getpid()}"
        self.process = None
        self.pid = 0
        (self.units / "lab.target").write_text(TARGET, encoding="ascii")
        for unit in [*NEEDED, *units]:
            shutil.copy(DEBIAN / unit, self.units)

    def start(self):
        machine.run(["mount", "-t", "cgroup2", "none", self.groups])
        self.group.mkdir()
        with open(self.units / "boot.log", "wb") as log:
            self.process = self.ns.popen(
                ["sh", "-c", f"echo $$ > {self.group}/cgroup.procs; exec unshare --pid --fork "
                 "--mount --cgroup --mount-proc --propagation private sh -c "
                 f"'{BOOT.format(units=self.units)}'"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.pid = wait_for(self.first_process, what="no process of systemd")
        wait_for(lambda: self.run(["systemctl", "is-system-running"], check=False)
                 .stdout.strip() == "running", 20, f"systemd does not run: {self.boot_log()}")

    def boot_log(self):
        return (self.units / "boot.log").read_text(errors="backslashreplace")

    def first_process(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"systemd ended: {self.boot_log()}")
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return int(pathlib.Path(path).read_text(encoding="ascii") or 0)

    def stop(self):
        """The end of its first process is that of all the others."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.process.wait(20)
        for root, dirs, _ in os.walk(self.group, topdown=False):
            for name in dirs:
                os.rmdir(os.path.join(root, name))
        wait_for(self.remove_group, what="the control group is still in use")
        machine.run(["umount", self.groups])
        shutil.rmtree("/run/log/journal", ignore_errors=True)

    def remove_group(self):
        try:
            self.group.rmdir()
        except OSError:
            return False
        return True

    def run(self, argv, **kw):
        return machine.run(["nsenter", "-t", self.pid, "-m", "-p", "-C", "-n", "--", *argv], **kw)

    def ctl(self, *args, check=True):
        """systemctl; what it and the journal say is in the error."""
        done = self.run(["systemctl", *args], check=False, timeout=200)
        if check and done.returncode:
            raise RuntimeError(f"systemctl {' '.join(args)}: {done.stderr}{self.journal()}")
        return done

    def show(self, unit, key):
        return self.run(["systemctl", "show", "-P", key, unit]).stdout.strip()

    def journal(self, *args):
        return self.run(["journalctl", "-q", "--no-pager", *args]).stdout
