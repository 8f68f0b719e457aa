"""An agent shut in a container describes itself and the machine, and nothing as the host's."""

import pytest
from underpin_agent import namespaces
from underpin_agent.collection import collect_sections
from underpin_agent.reading import Host
from underpin_agent.standpoint import shut_in

from tests.host_agent.hosts.building import Machine

INITIAL = namespaces.WELL_KNOWN["pid"]
HOST_ROOT = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
CONTAINER_ROOT = "90 80 0:51 / / rw - overlay overlay rw\n"


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def at_slash(machine):
    """The host door of an agent that looks at ``/``, served from a folder."""
    host = Host(str(machine.folder))

    class AtSlash:
        root = "/"
        read, link, line = host.read, host.link, host.line

    return AtSlash()


def test_an_own_pid_namespace_shuts_the_agent_in(machine):
    machine.own_namespaces(pid=4026532200)
    host = Host(str(machine.folder))
    assert "PID namespace" in shut_in(host, "well-known")
    assert shut_in(host, "kthreadd") == "", "the host's /proc is mounted below the root"


def test_the_initial_pid_namespace_does_not(machine):
    machine.own_namespaces(pid=INITIAL)
    assert shut_in(Host(str(machine.folder)), "well-known") == ""


def test_the_files_of_a_container_are_not_the_hosts(machine):
    machine.own_namespaces(pid=INITIAL).write("/proc/1/mountinfo", HOST_ROOT)
    machine.write("/proc/self/mountinfo", CONTAINER_ROOT)
    assert "file system of a container" in shut_in(at_slash(machine), "kthreadd")
    assert shut_in(Host(str(machine.folder)), "kthreadd") == "", "--root names the host's files"


def test_a_service_with_a_protected_view_of_the_same_files_is_on_the_host(machine):
    machine.own_namespaces(pid=INITIAL).write("/proc/1/mountinfo", HOST_ROOT)
    machine.write(
        "/proc/self/mountinfo", HOST_ROOT.replace("22 1", "190 180").replace("rw -", "ro -")
    )
    assert shut_in(at_slash(machine), "kthreadd") == ""


def test_a_shut_in_agent_reports_errors_instead_of_its_own_files(machine):
    context = machine.context()
    context.shut_in = "the agent runs in a PID namespace of its own"
    sections = collect_sections(context)
    told = {name for name, body in sections.items() if "error" not in body}
    assert told == {"agent", "platform"}
    assert sections["host"]["needs"].startswith("the host's file system")
