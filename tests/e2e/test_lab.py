"""The laboratory itself: what the other tests take for granted."""
import hashlib
import os
import pathlib
import shutil
import subprocess

import pytest

import machine
from machine import SERVER, SERVER6

TREE = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize("port, tag", [(25, "smtpd"), (587, "submission/smtpd"),
                                       (465, "smtps/smtpd")])
def test_failed_login(net, mail, port, tag):
    stranger = net.host("stranger", "203.0.113.9", "2001:db8:66::9")
    assert machine.smtp_login(stranger, SERVER, port, "joe", "wrong") == 535
    assert machine.smtp_login(stranger, SERVER6, port, "joe", "wrong") == 535
    failed = r"postfix/%s\[\d+\]: warning: unknown\[%s\]: SASL PLAIN authentication failed"
    machine.wait_log(failed % (tag, "203.0.113.9"))
    machine.wait_log(failed % (tag, "2001:db8:66::9"))


def test_mail_is_delivered(net, mail):
    machine.add_virtual("eve@example.net", "sesame")
    office = net.host("office", "198.51.100.7")
    for sender, user in ("joe@example.com", "joe"), ("eve@example.net", "eve@example.net"):
        code, text = machine.send_mail(office, sender, ["joe@example.com", "eve@example.net"],
                                       user=user, password="sesame", subject=f"from {user}")
        assert code == 250, text
        machine.wait_log(rf"client=unknown\[198\.51\.100\.7\], sasl_method=PLAIN, "
                         rf"sasl_username={user}$")
    for mailbox in "joe", "eve@example.net":
        texts = machine.wait_mail(mailbox, 2)
        assert ["from joe" in texts[0], "from eve" in texts[1]] == [True, True]


def test_no_relay(net, mail):
    stranger = net.host("stranger", "203.0.113.9")
    code, text = machine.send_mail(stranger, "a@b.example", ["c@d.example"], port=25)
    assert (code, "Relay access denied" in text) == (554, True)


def test_imap(net, mail):
    office = net.host("office", "198.51.100.7")
    session = machine.imap_session(office, "joe", "sesame")
    assert session.alive()
    with pytest.raises(PermissionError):
        machine.imap_session(office, "joe", "wrong")
    session.logout()
    machine.wait_log(r"imap-login: .*Login: user=<joe>.*rip=198\.51\.100\.7",
                     machine.DOVECOT_LOG)
    machine.wait_log(r"auth failed, 1 attempts.*user=<joe>.*rip=198\.51\.100\.7",
                     machine.DOVECOT_LOG)


def test_open_session(net, mail):
    """A cut session is dead to its client, and a neighbour's is not."""
    stranger = net.host("stranger", "203.0.113.9")
    neighbour = net.host("neighbour", "192.0.2.7", "2001:db8:0:1::7")
    sessions = {ns: machine.hold_open_smtp(ns, SERVER, 587, "joe", "sesame")
                for ns in (stranger, neighbour)}
    assert all(s.alive() for s in sessions.values())
    net.server.run(["nft", "-f", "-"], input="""
        table inet bailiff {
            set s { type ipv4_addr; flags timeout; elements = { 203.0.113.9 timeout 1h } }
            chain c { type filter hook prerouting priority raw; ip saddr @s drop; }
        }""")
    assert machine.nft_elements(net.server) == {"s": ["203.0.113.9"]}
    assert not sessions[stranger].alive()
    assert sessions[neighbour].alive()
    assert not stranger.can_connect(SERVER, 25, timeout=1)
    assert neighbour.can_connect(SERVER6, 25)
    for session in sessions.values():
        session.close()


def test_many_addresses(net, mail):
    botnet = net.host("botnet", "198.51.100.0/24", "2001:db8:66::/48")
    for source, host in ("198.51.100.77", SERVER), ("2001:db8:66:7::7", SERVER6):
        assert machine.guess(botnet, host, times=2, source=source) == [535, 535]
        machine.wait_log(rf"unknown\[{source}\]: SASL PLAIN authentication failed")


def test_outgoing_mail(net, mail):
    """Our own mail gets to a host outside, by its address."""
    far = net.host("far", "203.0.113.9")
    sink = far.popen(["smtp-sink", "-u", "nobody", "203.0.113.9:25", "10"])
    machine.wait_for(lambda: net.server.can_connect("203.0.113.9", 25))
    code, text = machine.send_mail(net.server, "joe@example.com", ["x@[203.0.113.9]"],
                                   host="127.0.0.1", port=25)
    assert code == 250, text
    machine.wait_log(r"to=<x@\[203\.0\.113\.9\]>.*status=sent")
    sink.terminate()
    sink.wait()


def test_filter_and_access_map(net, joe):
    office = net.host("office", "198.51.100.7")
    with machine.Dovecot(net.server), \
            machine.Postfix(net.server, content_filter=True, sasl_access="lmdb:/etc/access",
                            options={"enable_long_queue_ids": "yes",
                                     "smtpd_client_port_logging": "yes"}) as postfix:
        postfix.access({})
        session = machine.hold_open_smtp(office, SERVER, 587, "joe", "sesame")
        code, text = session.submit("joe@example.com", ["joe@example.com"])
        assert code == 250, text
        line = machine.wait_log(r"status=sent \(250 .*queued as \w+\)")
        second = line.rsplit(" ", 1)[1].rstrip(")")
        assert second not in text and second in machine.wait_mail("joe")[0]
        machine.wait_log(r"client=unknown\[198\.51\.100\.7\]:\d+, sasl_method")
        postfix.access({"joe": "REJECT stolen"})
        code, text = session.submit("joe@example.com", ["joe@example.com"])
        assert (code, "stolen" in text) == (554, True)
        session.close()


def test_second_instance(net, mail):
    office = net.host("office", "198.51.100.7")
    with machine.Postfix(net.server, instance="out", ports={"submission": 1587}) as out:
        assert machine.smtp_login(office, SERVER, 1587, "joe", "wrong") == 535
        machine.wait_log(r"postfix-out/submission/smtpd\[\d+\]: warning: unknown\[198")
        assert out.queue_list() == []


@pytest.mark.parametrize("traditional", [False, True])
def test_syslog_and_deny(net, joe, traditional):
    office = net.host("office", "198.51.100.7")
    with machine.Rsyslog(traditional=traditional), \
            machine.Dovecot(net.server, deny=True, syslog=True), \
            machine.Postfix(net.server, syslog=True):
        assert machine.smtp_login(office, SERVER, 587, "joe", "sesame") == 235
        pathlib.Path(machine.DENY_FILE).write_text("joe\n", encoding="ascii")
        machine.wait_for(lambda: machine.smtp_login(office, SERVER, 587, "joe", "sesame") == 535)
        stamp = r"^\w{3} [ \d]\d \d\d:\d\d:\d\d mail " if traditional else r"^\d{4}-\d\d-\d\dT"
        machine.wait_log(stamp + r".*postfix/submission/smtpd\[\d+\]: warning: unknown\[198")
        machine.wait_log(stamp + r".*dovecot: ")


def test_journal_grows(tmp_path):
    with machine.Journal(tmp_path / "j" / "lab.journal") as journal:
        journal.write("one", "postfix/smtpd", unit="postfix@-.service")
        machine.wait_for(lambda: journal.messages() == ["one"])
        journal.write(b"t\xffo", "postfix/smtpd", unit="postfix@-.service")
        machine.wait_for(lambda: len(journal.messages()) == 2)


def fingerprint():
    files = [pathlib.Path(p) for p in ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/hosts",
                                       "/var/lib/dpkg/status")]
    return ([hashlib.sha256(f.read_bytes()).hexdigest() for f in files],
            subprocess.check_output(["nft", "list", "ruleset"]), os.listdir("/var/log"),
            os.listdir("/run"))


def test_host_is_untouched(tmp_path):
    """A lab within this one: here we see what its host sees of it."""
    work = [tmp_path / d for d in ("upper", "work", "root")]
    for d in work:
        d.mkdir()
    overlay = "lowerdir=/,upperdir={},workdir={}".format(*work)
    if subprocess.run(["mount", "-t", "overlay", "-o", overlay, "overlay", work[2]]).returncode:
        pytest.skip("the root is an overlay already, and overlays nest only twice")
    subprocess.run(["umount", work[2]], check=True)

    checkout = pathlib.Path("/var/tmp/checkout")
    shutil.copytree(TREE / "tests/lab", checkout / "tests/lab")
    (checkout / "build/lab").mkdir(parents=True)
    for image in (TREE / "build/lab").glob("image-*.tar"):
        shutil.copy(image, checkout / "build/lab")
    subprocess.run(["nft", "add", "table", "inet", "hosts-own"], check=True)
    before = fingerprint()
    try:
        inside = subprocess.run(
            [checkout / "tests/lab/lab", "run", "--name", "other.example.org", "--", "sh", "-ec",
             "useradd eve; echo eve:x | chpasswd; echo 192.0.2.9 x >> /etc/hosts;"
             "nft list ruleset; nft add table inet x; touch /run/x /var/log/x /home/x /tmp/x;"
             "hostname; exit 7"], stdout=subprocess.PIPE, text=True)
        assert (inside.stdout, inside.returncode) == ("other.example.org\n", 7)
        assert fingerprint() == before
    finally:
        subprocess.run(["nft", "delete", "table", "inet", "hosts-own"], check=True)
        shutil.rmtree(checkout)
