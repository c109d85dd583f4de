"""End-to-end tests run inside the laboratory: see tests/lab/README.md."""
import os
import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "lab"))

import machine


def pytest_configure():
    if "BAILIFF_LAB" not in os.environ:
        raise pytest.UsageError("run me as: tests/lab/lab run -- python3 -m pytest tests/e2e")


@pytest.fixture
def net(request):
    """A server and room for others, in namespaces named after the test."""
    machine.reset_mail()
    with machine.Net(re.sub(r"\W+", "-", request.node.name).strip("-")) as net:
        yield net


@pytest.fixture
def joe():
    """A Unix user and his password."""
    machine.add_user("joe", "sesame")
    yield "joe"
    machine.delete_user("joe")


@pytest.fixture
def mail(net, joe):
    """Postfix and Dovecot on the server, with joe as a user."""
    with machine.Dovecot(net.server), machine.Postfix(net.server) as postfix:
        yield postfix


@pytest.fixture
def ns(request):
    """A namespace with nothing but lo, and no log: for what needs no mail server."""
    machine.MAIL_LOG.unlink(missing_ok=True)
    ns = machine.Namespace(re.sub(r"\W+", "-", request.node.name).strip("-"))
    yield ns
    ns.remove()
