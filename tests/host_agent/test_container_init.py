"""How the first process of a container takes the stop signal."""

import os

import pytest
from underpin_agent.containers import settings

from tests.host_agent.test_containers import only
from tests.host_agent.tree import HOST


@pytest.mark.parametrize(
    ("masks", "expected"),
    [
        ({}, "default"),
        ({"caught": "0000000000004000"}, "handler"),
        ({"ignored": "0000000000004000"}, "ignored"),
    ],
)
def test_what_init_does_with_the_stop_signal(tree, masks, expected):
    tree.container(100, **masks)
    tree.write("/proc/100/task/100/syscall", "35 0x1 0x2\n")
    assert only(tree)["init"]["sigterm"] == expected


@pytest.mark.parametrize("blocked", ["0000000000004000", "0000000000000000"])
def test_an_init_in_sigtimedwait_may_show_the_signal_as_not_blocked(tree, blocked):
    """do_sigtimedwait (kernel/signal.c) takes the waited signals out of the mask meanwhile."""
    tree.container(100, blocked=blocked)
    number = settings.SIGTIMEDWAIT[os.uname().machine]
    tree.write("/proc/100/task/100/syscall", "%s 0x1 0x2\n" % number)
    assert only(tree)["init"]["sigterm"] == "sigwait"


def test_the_first_process_is_pid_one_only_in_a_namespace_of_its_own(tree):
    tree.container(100)
    assert only(tree)["init"]["pid_one"] is True


def test_a_container_in_the_hosts_pid_namespace_has_no_pid_one(tree):
    tree.container(100, ns_pids=(100,), namespaces={"pid": HOST["pid"]})
    assert only(tree)["init"]["pid_one"] is False


def test_an_init_that_waits_has_no_handler_bit(tree):
    """Trap 16."""
    tree.container(100, blocked="0000000000004000")
    number = settings.SIGTIMEDWAIT[os.uname().machine]
    tree.write("/proc/100/task/100/syscall", "%s 0x1 0x2\n" % number)
    assert only(tree)["init"]["sigterm"] == "sigwait"
    tree.write("/proc/100/task/100/syscall", "35 0x1 0x2\n")
    assert only(tree)["init"]["sigterm"] == "ignored"


def test_how_init_waits_is_unknown_when_it_cannot_be_seen(tree):
    tree.container(100, blocked="0000000000004000")
    found = only(tree)
    assert "sigterm" not in found["init"]
    assert "init.sigterm" in found["unknown"]
