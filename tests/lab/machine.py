"""Networks, mail servers and attackers for tests that run inside `lab run`.

A test makes a Net, starts daemons in its server's network namespace and plays
the strangers from others.  Whatever waits here waits for an event, with a
deadline, and raises TimeoutError when that has passed.

    with Net("test_guess") as net, Dovecot(net.server), Postfix(net.server):
        stranger = net.host("stranger", "203.0.113.9")
        assert smtp_login(stranger, SERVER, 587, "joe", "wrong") == 535
        wait_log(r"\\[203\\.0\\.113\\.9\\]: SASL PLAIN authentication failed")
"""
import base64
import concurrent.futures
import contextlib
import ctypes
import email.message
import email.utils
import imaplib
import ipaddress
import json
import os
import pathlib
import re
import select
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import threading
import time

SERVER, SERVER6 = "192.0.2.1", "2001:db8:0:1::1"
ROUTER, ROUTER6 = "192.0.2.254", "2001:db8:0:1::fe"
LAN = [ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("2001:db8:0:1::/64")]
HOSTNAME = "mail.example.com"
LOCAL_DOMAIN = "example.com"            # its users are Unix users
PORTS = {"smtp": 25, "submission": 587, "smtps": 465}

MAIL_LOG = pathlib.Path("/var/log/mail.log")
DOVECOT_LOG = pathlib.Path("/var/log/dovecot.log")
VMAIL = pathlib.Path("/var/vmail")
CERT, KEY = "/etc/ssl/lab.pem", "/etc/ssl/lab.key"
VIRTUAL_MAP, VIRTUAL_DOMAINS = "/etc/postfix-virtual", "/etc/postfix-virtual-domains"
PID_FILE = "/run/dovecot/master.pid"
PASSWD_FILE, DENY_FILE = "/etc/dovecot/users", "/etc/dovecot/deny"
SASL_PORT, FILTER_PORT, REINJECT_PORT = 12345, 10025, 10026

CLONE_NEWNET = 0x40000000
POLL_S = 0.01
libc = ctypes.CDLL(None, use_errno=True)


# Waiting and running

def wait_for(predicate, timeout=10, what=""):
    """Give the first true value of predicate()."""
    end = time.monotonic() + timeout
    while not (value := predicate()):
        if time.monotonic() > end:
            raise TimeoutError(what or f"{predicate} stayed {value!r} for {timeout} s")
        time.sleep(POLL_S)
    return value


def wait_log(pattern, path=MAIL_LOG, start=0, timeout=10):
    """Give the first line from byte `start` on that the pattern is found in."""
    regex = re.compile(pattern)

    def search():
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as f:
            f.seek(start)
            for line in f.read().decode(errors="backslashreplace").splitlines():
                if regex.search(line):
                    return line
        return None
    return wait_for(search, timeout, f"no line with {pattern!r} in {path}")


def size(path=MAIL_LOG):
    """How long a log is, as a `start` for wait_log; 0 if it is not there yet."""
    return os.path.getsize(path) if os.path.exists(path) else 0


def run(argv, **kw):
    """subprocess.run that captures text and raises with the program's own words."""
    kw = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True,
          "errors": "backslashreplace", "check": True, "timeout": 60, **kw}
    try:
        return subprocess.run([str(a) for a in argv], **kw)
    except subprocess.CalledProcessError as e:
        raise RuntimeError(f"{e}\n{e.stdout}{e.stderr}") from None


def parallel(work, items, workers=40):
    """[work(item) for item in items], many at a time."""
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, items))


def age(path):
    """Postfix waits two seconds before it reads a main.cf that is brand-new."""
    before = time.time() - 60
    os.utime(path, (before, before))


def gone(pid):
    return not os.path.exists(f"/proc/{pid}")


# The network

class Namespace:
    """A network namespace with a name; `addresses` are its own, as strings."""

    def __init__(self, name, addresses=()):
        self.name = name
        self.addresses = list(addresses)
        self.path = f"/run/netns/{name}"
        run(["ip", "netns", "add", name])
        # Addresses are there at once: nobody else could have them.
        self.sysctl("net.ipv6.conf.default.accept_dad", 0)
        self.ip("link set lo up")

    def __str__(self):
        return self.name

    @property
    def ip4(self):
        return next(a for a in self.addresses if ":" not in a)

    @property
    def ip6(self):
        return next(a for a in self.addresses if ":" in a)

    def ip(self, *commands):
        """Run `ip` commands, one string each, as one batch."""
        run(["ip", "-n", self.name, "-batch", "-"], input="\n".join(commands) + "\n")

    def sysctl(self, key, value):
        with self.entered():
            pathlib.Path("/proc/thread-self/root/proc/sys", key.replace(".", "/")).write_text(
                str(value), encoding="ascii")

    def argv(self, argv):
        return ["nsenter", f"--net={self.path}", "--", *map(str, argv)]

    def run(self, argv, **kw):
        return run(self.argv(argv), **kw)

    def popen(self, argv, **kw):
        return subprocess.Popen(self.argv(argv), **kw)

    @contextlib.contextmanager
    def entered(self):
        """Let this thread make its sockets in the namespace; they stay there."""
        with open("/proc/thread-self/ns/net", "rb") as before, open(self.path, "rb") as here:
            setns(here)
            try:
                yield self
            finally:
                setns(before)

    def connect(self, host, port, timeout=10, source=None):
        """A TCP connection, from the address `source` if given."""
        with self.entered():
            return socket.create_connection((host, port), timeout,
                                            (source, 0) if source else None)

    def can_connect(self, host, port, timeout=2, source=None):
        try:
            self.connect(host, port, timeout, source).close()
        except OSError:
            return False
        return True

    def listen(self, address, port):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.entered():
            return socket.create_server((address, port), family=family)

    def pids(self):
        out = run(["ip", "netns", "pids", self.name]).stdout
        return [int(p) for p in out.split() if int(p) != os.getpid()]

    def remove(self):
        """End what still runs in it, then the namespace itself."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not self.pids(), what=f"{self.name} is still in use")
        run(["ip", "netns", "del", self.name])


def setns(file):
    if libc.setns(file.fileno(), CLONE_NEWNET) < 0:
        raise OSError(ctypes.get_errno(), "setns")


class Net:
    """A server on a LAN, the router of that LAN, and the internet behind it.

    `server` is the namespace NAME; the others are NAME-router and NAME-HOST.
    """

    def __init__(self, name):
        self.name = name
        self.hosts = []
        self.router = self.add("router", [])
        for key in "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding":
            self.router.sysctl(key, 1)
        self.router.ip("link add lan type bridge mcast_snooping 0",
                       f"addr add {ROUTER}/24 dev lan",
                       f"addr add {ROUTER6}/64 dev lan nodad", "link set lan up")
        self.server = self.host("", SERVER, SERVER6)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def add(self, name, addresses):
        host = Namespace(f"{self.name}-{name}" if name else self.name, addresses)
        self.hosts.append(host)
        return host

    def host(self, name, *addresses):
        """Add a host, a neighbour on the LAN or, by its addresses, far away.

        A far one can have a prefix: it then speaks from any address in it
        that is given as `source`.
        """
        networks = [ipaddress.ip_network(a) for a in addresses]
        host = self.add(name, [str(n.network_address) for n in networks])
        port = f"veth{len(self.hosts)}"
        self.router.ip(f"link add {port} type veth peer name eth0 netns {host.name}",
                       f"link set {port} up")
        host.ip("link set eth0 up")
        lan = [any(n.version == l.version and n.subnet_of(l) for l in LAN) for n in networks]
        if any(lan):
            assert all(lan), f"{addresses}: on the LAN or not"
            self.join_lan(host, port)
        else:
            self.join_internet(host, port, networks)
        return host

    def join_lan(self, host, port):
        self.router.ip(f"link set {port} master lan")
        for a in host.addresses:
            width, gateway = (64, ROUTER6) if ":" in a else (24, ROUTER)
            host.ip(f"addr add {a}/{width} dev eth0 {'nodad' if ':' in a else ''}",
                    f"route replace default via {gateway} dev eth0")

    def join_internet(self, host, port, networks):
        """A link of its own, where link-local addresses are the next hops."""
        self.router.ip(f"addr add fe80::1/64 dev {port} nodad")
        host.ip("addr add fe80::2/64 dev eth0 nodad", "route add default via fe80::1 dev eth0",
                "route add 0.0.0.0/0 via inet6 fe80::1 dev eth0")
        for n in networks:
            if n.num_addresses == 1:
                host.ip(f"addr add {n} dev eth0 {'nodad' if n.version == 6 else ''}")
            else:
                host.ip(f"route add local {n} dev lo")
                host.sysctl("net.ipv6.ip_nonlocal_bind", 1)
            self.router.ip(f"route add {n} via inet6 fe80::2 dev {port}")

    def close(self):
        for host in reversed(self.hosts):
            host.remove()
        self.hosts.clear()


def nft_list(ns):
    """The rule set of a namespace, as nft's JSON objects."""
    out = json.loads(ns.run(["nft", "-j", "list", "ruleset"]).stdout)
    return [o for o in out["nftables"] if "metainfo" not in o]


def nft_elements(ns, table="bailiff"):
    """{set name: [address or prefix]} of a table of a namespace."""
    def text(elem):
        if isinstance(elem, dict) and "elem" in elem:
            elem = elem["elem"]["val"]
        if isinstance(elem, dict) and "prefix" in elem:
            elem = "{addr}/{len}".format(**elem["prefix"])
        return elem
    sets = (o["set"] for o in nft_list(ns) if "set" in o and o["set"]["table"] == table)
    return {s["name"]: [text(e) for e in s.get("elem", [])] for s in sets}


def write_hosts(names):
    """Names of addresses, both ways: {address: name}; for Postfix, before start."""
    lines = {"127.0.0.1": "localhost", "::1": "localhost",
             SERVER: HOSTNAME, SERVER6: HOSTNAME, **names}
    pathlib.Path("/etc/hosts").write_text(
        "".join(f"{a} {n}\n" for a, n in lines.items()), encoding="ascii")


# Users and their mail

def add_user(name, password):
    """A Unix user with a home, who can log in and get mail."""
    run(["useradd", "--create-home", "--shell", "/bin/sh", name])
    set_password(name, password)


def set_password(name, password):
    run(["chpasswd"], input=f"{name}:{password}\n")


def delete_user(name):
    run(["userdel", "--force", "--remove", name], check=False)


def add_virtual(address, password):
    """A mailbox without a Unix user; its domain is any but LOCAL_DOMAIN."""
    user, domain = address.split("@")
    with open(PASSWD_FILE, "a", encoding="ascii") as f:
        f.write(f"{address}:{{PLAIN}}{password}\n")
    for path, line in ((VIRTUAL_MAP, f"{address} {domain}/{user}/Maildir/\n"),
                       (VIRTUAL_DOMAINS, f"{domain} ok\n")):
        with open(path, "a", encoding="ascii") as f:
            f.write(line)
        run(["postmap", "-w", f"lmdb:{path}"])


def reset_mail():
    """No virtual users, no delivered mail, no logs: as before the first test."""
    if run(["getent", "passwd", "vmail"], check=False).returncode:
        run(["useradd", "--system", "--home-dir", VMAIL, "--shell", "/usr/sbin/nologin", "vmail"])
    for path in VMAIL, "/root/Maildir":
        shutil.rmtree(path, ignore_errors=True)
    VMAIL.mkdir()
    shutil.chown(VMAIL, "vmail", "vmail")
    pathlib.Path(PASSWD_FILE).write_text("", encoding="ascii")
    for path, text in ((VIRTUAL_MAP, ""), (VIRTUAL_DOMAINS, ""),
                       ("/etc/aliases", "postmaster: root\n")):
        pathlib.Path(path).write_text(text, encoding="ascii")
        run(["postalias" if text else "postmap", f"lmdb:{path}"])
    for path in MAIL_LOG, DOVECOT_LOG:
        path.unlink(missing_ok=True)


def mailbox(user):
    """Where the mail of a Unix user or a virtual address is delivered."""
    if "@" in user:
        name, domain = user.split("@")
        return VMAIL / domain / name / "Maildir"
    return pathlib.Path(os.path.expanduser(f"~{user}")) / "Maildir"


def delivered(user):
    """The texts of the messages in a mailbox, oldest first."""
    files = [p for d in ("new", "cur") for p in mailbox(user).glob(d + "/*")]
    return [p.read_text(errors="backslashreplace")
            for p in sorted(files, key=lambda p: p.stat().st_mtime_ns)]


def wait_mail(user, count=1, timeout=10):
    """Wait until that many messages are in a mailbox; give their texts."""
    return wait_for(lambda: len(m := delivered(user)) >= count and m, timeout,
                    f"{user} has not got {count} messages")


def make_certificate():
    if not os.path.exists(CERT):
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj",
             f"/CN={HOSTNAME}", "-keyout", KEY, "-out", CERT])


# Daemons

class Daemon:
    """start() comes back when it serves, stop() when it is gone."""

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def restart(self):
        self.stop()
        self.start()


class Postfix(Daemon):
    """A Postfix of its own making in a namespace, with an empty queue.

    options         main.cf settings over those below
    ports           {"smtp" | "submission" | "smtps": port} to serve
    instance        name of a second instance beside the first one, such as
                    "out": postfix-out in logs and directories, ports of its own
    sasl_access     a table, such as lmdb:/etc/postfix/access, that
                    check_sasl_access asks on submission and smtps
    content_filter  mail from the clients goes through a filter and comes back
    syslog          log by syslog (see Rsyslog), not to MAIL_LOG by postlogd

    smtpd runs in a chroot, as on Debian.
    """

    def __init__(self, ns, *, options=None, ports=None, instance="", sasl_access="",
                 content_filter=False, syslog=False):
        self.ns = ns
        self.name = "postfix" + ("-" + instance if instance else "")
        self.etc = pathlib.Path("/etc", self.name)
        self.queue = pathlib.Path("/var/spool", self.name)
        self.data = pathlib.Path("/var/lib", self.name)
        self.instance = instance
        self.ports = PORTS if ports is None else ports
        self.sasl_access = sasl_access
        self.filter = Filter(ns) if content_filter else None
        self.options = {
            "compatibility_level": "3.6",
            "myhostname": HOSTNAME,
            "mydestination": f"{LOCAL_DOMAIN}, {HOSTNAME}, localhost",
            "myorigin": LOCAL_DOMAIN,
            "mynetworks": "127.0.0.0/8 [::1]/128",
            "inet_interfaces": "all",
            "inet_protocols": "all",
            "queue_directory": self.queue,
            "data_directory": self.data,
            "syslog_name": self.name,
            "home_mailbox": "Maildir/",
            "recipient_delimiter": "+",
            "alias_maps": "lmdb:/etc/aliases",
            "alias_database": "lmdb:/etc/aliases",
            "biff": "no",
            "smtp_host_lookup": "native",
            "smtputf8_enable": "no",
            "virtual_mailbox_base": VMAIL,
            "virtual_mailbox_domains": f"lmdb:{VIRTUAL_DOMAINS}",
            "virtual_mailbox_maps": f"lmdb:{VIRTUAL_MAP}",
            "virtual_uid_maps": "static:" + run(["id", "-u", "vmail"]).stdout.strip(),
            "virtual_gid_maps": "static:" + run(["id", "-g", "vmail"]).stdout.strip(),
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": f"inet:127.0.0.1:{SASL_PORT}",
            "smtpd_tls_cert_file": CERT,
            "smtpd_tls_key_file": KEY,
            "smtpd_tls_security_level": "may",
            "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, "
                                        "reject_unauth_destination",
            **({} if syslog else {"maillog_file": MAIL_LOG}),
            **(options or {}),
        }
        make_certificate()
        self.write()

    def write(self):
        for d in self.etc, self.queue, self.data:
            d.mkdir(exist_ok=True)
        shutil.chown(self.data, "postfix")
        for entry in self.queue.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        (self.etc / "main.cf").write_text(
            "".join(f"{k} = {v}\n" for k, v in self.options.items()), encoding="ascii")
        (self.etc / "master.cf").write_text(self.master_cf(), encoding="ascii")
        age(self.etc / "main.cf")
        if self.instance:
            for name in "dynamicmaps.cf", "postfix-files":
                if not (self.etc / name).exists():
                    (self.etc / name).symlink_to(f"/etc/postfix/{name}")
            run(["postconf", "-e", f"alternate_config_directories={self.etc}"])
            age("/etc/postfix/main.cf")

    def master_cf(self):
        access = f"check_sasl_access,{self.sasl_access}," if self.sasl_access else ""
        clients = [f"smtpd_recipient_restrictions={access}permit_sasl_authenticated,reject"]
        if self.filter:
            clients.append(f"content_filter=smtp:[127.0.0.1]:{FILTER_PORT}")
        services = {
            "smtp": [],
            "submission": [f"syslog_name={self.name}/submission", *clients],
            "smtps": [f"syslog_name={self.name}/smtps", "smtpd_tls_wrappermode=yes", *clients],
        }
        rows = [(f"{port} inet n - y - - smtpd", services[name])
                for name, port in self.ports.items()]
        if self.filter:
            rows.append((f"127.0.0.1:{REINJECT_PORT} inet n - y - - smtpd",
                         ["content_filter=", "smtpd_sasl_auth_enable=no",
                          "receive_override_options=no_unknown_recipient_checks",
                          "smtpd_authorized_xforward_hosts=127.0.0.0/8"]))
        rows += [(line, []) for line in """\
pickup unix n - y 60 1 pickup
cleanup unix n - y - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - y 1000? 1 tlsmgr
rewrite unix - - y - - trivial-rewrite
bounce unix - - y - 0 bounce
defer unix - - y - 0 bounce
trace unix - - y - 0 bounce
verify unix - - y - 1 verify
flush unix n - y 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - y - - smtp
relay unix - - y - - smtp
showq unix n - y - - showq
error unix - - y - - error
retry unix - - y - - error
discard unix - - y - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - y - - lmtp
anvil unix - - y - 1 anvil
scache unix - - y - 1 scache
postlog unix-dgram n - n - 1 postlogd
""".splitlines()]
        return "".join(f"{line}\n" + "".join(f"  -o {o}\n" for o in options)
                       for line, options in rows)

    def command(self, *argv, **kw):
        """Run one of Postfix's programs on this instance: command("postqueue", "-p")."""
        return self.ns.run([argv[0], "-c", self.etc, *argv[1:]], **kw)

    def start(self):
        if self.filter:
            self.filter.start()
        script = "/usr/lib/postfix/configure-instance.sh"      # fills the chroot
        run([script, "-"], env={**os.environ, "MAIL_CONFIG": str(self.etc)})
        self.command("postfix", "start", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        pid = (self.queue / "pid/master.pid").read_text(encoding="ascii").strip()
        self.command("postfix", "abort", check=False)
        wait_for(lambda: gone(pid), what=f"{self.name} does not stop")
        if self.filter:
            self.filter.stop()

    def reload(self):
        self.command("postfix", "reload")

    def queue_list(self):
        """postqueue -j: one dict a message."""
        out = self.command("postqueue", "-j").stdout
        return [json.loads(line) for line in out.splitlines()]

    def access(self, entries):
        """Make sasl_access's lmdb table say this: {"joe": "REJECT stolen"}."""
        kind, path = self.sasl_access.split(":", 1)
        pathlib.Path(path).write_text(
            "".join(f"{k} {v}\n" for k, v in entries.items()), encoding="ascii")
        run(["postmap", f"{kind}:{path}"])


class Filter(Daemon):
    """A content filter: hands each message back to Postfix as it came."""

    def __init__(self, ns):
        self.ns = ns
        self.socket = None

    def start(self):
        self.socket = self.ns.listen("127.0.0.1", FILTER_PORT)
        threading.Thread(target=self.serve, args=(self.socket,), daemon=True).start()

    def serve(self, server):
        with contextlib.suppress(OSError):      # stop() shuts the socket down
            while True:
                client, _ = server.accept()
                threading.Thread(target=self.relay, args=(client,), daemon=True).start()

    def relay(self, client):
        with client, self.ns.connect("127.0.0.1", REINJECT_PORT) as back:
            other = {client: back, back: client}
            with contextlib.suppress(OSError):
                while True:
                    for s in select.select(list(other), [], [])[0]:
                        data = s.recv(65536)
                        if not data:
                            return
                        other[s].sendall(data)

    def stop(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Dovecot(Daemon):
    """imap, pop3, lmtp, managesieve, and the SASL of Postfix.

    deny            names in DENY_FILE may not log in (the file is made empty)
    failure_delay   seconds until a failure is answered; Dovecot's own is 2
    penalty         slow down addresses that fail, as Dovecot does by itself
    settings        more of dovecot.conf
    syslog          log by syslog, not to DOVECOT_LOG
    """

    def __init__(self, ns, *, deny=False, failure_delay=0, penalty=False, settings="",
                 syslog=False):
        self.ns = ns
        self.pid = None
        make_certificate()
        if deny:
            pathlib.Path(DENY_FILE).write_text("", encoding="ascii")
            os.chmod(DENY_FILE, 0o640)
            shutil.chown(DENY_FILE, "root", "dovecot")
        pathlib.Path("/etc/pam.d/dovecot").write_text(
            "auth required pam_unix.so nodelay\naccount required pam_unix.so\n",
            encoding="ascii")
        pathlib.Path("/etc/dovecot/dovecot.conf").write_text("\n".join([
            "protocols = imap pop3 lmtp sieve",
            "listen = *, ::",
            "base_dir = /run/dovecot",
            f"log_path = {'syslog' if syslog else DOVECOT_LOG}",
            "mail_location = maildir:~/Maildir",
            "disable_plaintext_auth = no",
            f"ssl_cert = <{CERT}",
            f"ssl_key = <{KEY}",
            "auth_mechanisms = plain login",
            f"auth_failure_delay = {failure_delay} secs",
            f"passdb {{\n driver = passwd-file\n deny = yes\n args = {DENY_FILE}\n}}"
            if deny else "",
            f"passdb {{\n driver = passwd-file\n args = {PASSWD_FILE}\n}}",
            "passdb {\n driver = pam\n}",
            f"userdb {{\n driver = passwd-file\n args = {PASSWD_FILE}\n"
            f" default_fields = uid=vmail gid=vmail home={VMAIL}/%d/%n\n}}",
            "userdb {\n driver = passwd\n}",
            f"service auth {{\n inet_listener {{\n  address = 127.0.0.1\n  port = {SASL_PORT}\n"
            " }\n}",
            "" if penalty else "service anvil {\n unix_listener anvil-auth-penalty {\n"
                               "  mode = 0\n }\n}",
            settings, ""]), encoding="ascii")

    def start(self):
        self.ns.run(["dovecot"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # It listens already; the file is written by the daemon it has become.
        self.pid = int(wait_for(lambda: os.path.exists(PID_FILE) and
                                pathlib.Path(PID_FILE).read_text(encoding="ascii")))

    def stop(self):
        """At once: a clean end takes Dovecot a second, and one that is busy takes its time."""
        pids = [str(self.pid), *pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(
            encoding="ascii").split()]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        wait_for(lambda: all(map(gone, pids)), what=f"dovecot does not stop: {pids}")
        os.unlink(PID_FILE)

    def reload(self):
        run(["doveadm", "reload"])


class Rsyslog(Daemon):
    """/dev/log to MAIL_LOG and /var/log/auth.log, as Debian's rsyslog does.

    traditional     stamps without year and zone, as before Debian 12
    """

    def __init__(self, *, traditional=False):
        self.process = None
        stamp = "RSYSLOG_TraditionalFileFormat" if traditional else "RSYSLOG_FileFormat"
        self.config = pathlib.Path("/etc/rsyslog-lab.conf")
        self.config.write_text(f"""\
module(load="imuxsock")
input(type="imuxsock" socket="/var/spool/postfix/dev/log" createPath="on")
module(load="builtin:omfile" template="{stamp}" fileOwner="root" fileGroup="adm"
       fileCreateMode="0640")
mail.*           {MAIL_LOG}
auth,authpriv.*  /var/log/auth.log
""", encoding="ascii")

    def start(self):
        pid_file = "/run/rsyslogd-lab.pid"
        self.process = subprocess.Popen(["rsyslogd", "-n", "-f", self.config, "-i", pid_file])
        wait_for(lambda: os.path.exists("/dev/log"), what="no /dev/log")

    def rotate(self):
        """What logrotate tells it: open the files anew."""
        self.process.send_signal(signal.SIGHUP)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Journal(Daemon):
    """A journal file that grows by what a test writes into it."""

    BOOT = "9d1aaa27d60140bd96365438aad20286"

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.process = None
        self.written = 0

    def start(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            ["/lib/systemd/systemd-journal-remote", "-o", self.path, "-"],
            stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def write(self, message, program, *, unit="", pid=1, uid=0, when=None, **fields):
        """Add one entry; `when` is in epoch seconds, default now."""
        stamp = int((time.time() if when is None else when) * 1e6)
        entry = {"__REALTIME_TIMESTAMP": stamp, "__MONOTONIC_TIMESTAMP": 1 + self.written,
                 "_BOOT_ID": self.BOOT, "MESSAGE": message, "SYSLOG_IDENTIFIER": program,
                 "SYSLOG_PID": pid, "_PID": pid, "_UID": uid, "PRIORITY": 6,
                 "_TRANSPORT": "syslog", **({"_SYSTEMD_UNIT": unit} if unit else {}), **fields}
        self.process.stdin.write(b"".join(map(export_field, entry.items())) + b"\n")
        self.process.stdin.flush()
        self.written += 1

    def messages(self):
        """What stands in the file by now."""
        out = run(["journalctl", "--file", self.path, "-o", "cat", "-q"], check=False)
        return out.stdout.splitlines()

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)


def export_field(field):
    """One field as systemd's export format has it, binary if it must be."""
    key, value = field[0].encode(), field[1]
    data = value if isinstance(value, bytes) else str(value).encode()
    if b"\n" in data or isinstance(value, bytes):
        return key + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"
    return key + b"=" + data + b"\n"


# Clients: the attackers, the neighbours, the office

class Smtp(smtplib.SMTP):
    """An SMTP session from a namespace; TLS from the start on port 465."""

    def __init__(self, ns, host, port=25, *, timeout=10, source=None):
        self.ns, self.source = ns, source
        super().__init__(local_hostname="client.example.org", timeout=timeout)
        self._host = host
        try:
            code, text = self.connect(host, port)
            if code != 220:
                raise smtplib.SMTPConnectError(code, text)
            self.ehlo()
        except BaseException:
            self.close()
            raise

    def _get_socket(self, host, port, timeout):
        sock = self.ns.connect(host, port, timeout, self.source)
        if port == PORTS["smtps"]:
            context = ssl._create_unverified_context()
            sock = context.wrap_socket(sock, server_hostname=HOSTNAME)
        return sock

    def login(self, user, password):
        """AUTH PLAIN once, whatever comes of it; the reply's code."""
        token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        return self.docmd("AUTH", "PLAIN " + token)[0]

    def send(self, data):
        with contextlib.suppress(AttributeError):
            return super().send(data)
        raise smtplib.SMTPServerDisconnected("closed")

    def submit(self, sender, recipients, *, subject="hello", text="hello", headers=None):
        """One message; the code and text of the last reply, which is the first refusal."""
        message = email.message.EmailMessage()
        for key, value in {"From": sender, "To": ", ".join(recipients), "Subject": subject,
                           "Message-ID": email.utils.make_msgid(domain="client.example.org"),
                           **(headers or {})}.items():
            message[key] = value
        message.set_content(text)
        for step in (lambda: self.mail(sender), *(lambda r=r: self.rcpt(r) for r in recipients),
                     lambda: self.data(message.as_bytes())):
            code, reply = step()
            if code >= 400:
                self.rset()
                break
        return code, reply.decode(errors="backslashreplace")

    def alive(self, timeout=2):
        """Does the server still answer?"""
        try:
            self.sock.settimeout(timeout)
            return self.noop()[0] == 250
        except (OSError, AttributeError):
            return False


class Imap(imaplib.IMAP4):
    """An IMAP session from a namespace."""

    def __init__(self, ns, host, port=143, *, timeout=10, source=None):
        self.ns, self.source = ns, source
        super().__init__(host, port, timeout)

    def _create_socket(self, timeout):
        return self.ns.connect(self.host, self.port, timeout, self.source)

    def alive(self, timeout=2):
        try:
            self.sock.settimeout(timeout)
            return self.noop()[0] == "OK"
        except (OSError, imaplib.IMAP4.error):
            return False


def smtp_login(ns, host, port, user, password, **kw):
    """Try one password; the reply's code (235 good, 535 bad). OSError if cut off."""
    session = Smtp(ns, host, port, **kw)
    try:
        return session.login(user, password)
    finally:
        session.close()


def guess(ns, host=SERVER, port=587, user="joe", times=5, **kw):
    """Wrong passwords side by side, since each takes its time; the codes."""
    return parallel(lambda n: smtp_login(ns, host, port, user, f"wrong-{n}", **kw), range(times))


def hold_open_smtp(ns, host=SERVER, port=25, user=None, password=None, **kw):
    """An established session, logged in if there is a user; ask it alive()."""
    session = Smtp(ns, host, port, **kw)
    if user is not None and (code := session.login(user, password)) != 235:
        raise PermissionError(f"{user}: {code}")
    return session


def send_mail(ns, sender, recipients, *, host=SERVER, port=587, user=None, password=None,
              subject="hello", text="hello", headers=None, **kw):
    """Send one message in a session of its own; code and text of the last reply."""
    session = hold_open_smtp(ns, host, port, user, password, **kw)
    try:
        return session.submit(sender, recipients, subject=subject, text=text, headers=headers)
    finally:
        session.close()


def imap_session(ns, user, password, host=SERVER, port=143, **kw):
    """A session that is logged in; PermissionError if the password is wrong."""
    session = Imap(ns, host, port, **kw)
    try:
        session.login(user, password)
    except imaplib.IMAP4.error as e:
        session.shutdown()
        raise PermissionError(str(e)) from None
    return session
