"""Fixtures for the tests of the host agent."""

import pytest
from underpin_agent import client as door
from underpin_agent.reading import Host
from underpin_agent.state import State

from tests.host_agent.server import running
from tests.host_agent.tree import Tree

MACHINE_ID = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def tree(tmp_path):
    """An empty host: kthreadd, PID 1, a version 2 control group tree."""
    return Tree(tmp_path / "host")


@pytest.fixture
def host(tree):
    """That host with a machine id and a boot id."""
    tree.write("/etc/machine-id", MACHINE_ID + "\n")
    tree.write("/proc/sys/kernel/random/boot_id", "3f2c9a01-aaaa-bbbb-cccc-000000000000\n")
    return Host(str(tree.folder))


@pytest.fixture
def server():
    """The fake server."""
    with running() as started:
        yield started


@pytest.fixture
def state(tmp_path):
    """An open state folder."""
    one = State(str(tmp_path / "state"))
    one.open()
    yield one
    one.close()


@pytest.fixture(autouse=True)
def close_clients(monkeypatch):
    """Whatever a test connected is closed after it."""
    opened, make = [], door.Client.__init__

    def note(self, *arguments, **more):
        make(self, *arguments, **more)
        opened.append(self)

    monkeypatch.setattr(door.Client, "__init__", note)
    yield
    for client in opened:
        client.close()
