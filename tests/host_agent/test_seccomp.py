"""The system call filter: what the OCI bundle says ends in ALLOW, whatever the arguments are."""

import json

import pytest
from underpin_agent.containers.seccomp import (
    AF_ALG,
    AF_VSOCK,
    RISKY,
    allowed_without_filter,
    socket_allowed,
)

KEY = "0123456789ab"


def profile(*rules, default="SCMP_ACT_ERRNO"):
    return {"defaultAction": default, "syscalls": list(rules)}


def rule(*names, action="SCMP_ACT_ALLOW", args=()):
    return {"names": list(names), "action": action, "args": list(args)}


def argument(op, value, index=0):
    return {"index": index, "op": op, "value": value}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (profile(), False),
        (profile(default="SCMP_ACT_ALLOW"), True),
        (profile(default="SCMP_ACT_LOG"), True),
        (profile(rule("mount")), True),
        (profile(rule("mount", action="SCMP_ACT_LOG")), True),
        (profile(rule("mount", args=[argument("SCMP_CMP_EQ", 1)])), False),
        (profile(rule("mount", action="SCMP_ACT_KILL"), default="SCMP_ACT_ALLOW"), False),
        (
            profile(
                rule("mount", action="SCMP_ACT_ERRNO", args=[argument("SCMP_CMP_EQ", 1)]),
                default="SCMP_ACT_ALLOW",
            ),
            True,
        ),
        (profile(rule("umount")), False),
        ({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": None}, True),
    ],
)
def test_a_call_is_allowed_when_no_argument_decides(found, expected):
    assert allowed_without_filter(found, "mount") is expected


@pytest.mark.parametrize(
    ("found", "vsock", "alg"),
    [
        (profile(rule("socket")), True, True),
        (profile(), False, False),
        (profile(rule("socket", args=[argument("SCMP_CMP_NE", AF_VSOCK)])), False, True),
        (profile(rule("socket", args=[argument("SCMP_CMP_LT", AF_ALG)])), False, False),
        (
            profile(
                rule("socket", args=[argument("SCMP_CMP_LT", AF_ALG)]),
                rule("socket", args=[argument("SCMP_CMP_EQ", 39)]),
                rule("socket", args=[argument("SCMP_CMP_GT", AF_VSOCK)]),
            ),
            False,
            False,
        ),
        (
            profile(
                rule("socket", action="SCMP_ACT_ERRNO", args=[argument("SCMP_CMP_EQ", AF_VSOCK)]),
                default="SCMP_ACT_ALLOW",
            ),
            False,
            True,
        ),
        (profile(rule("socket", args=[argument("SCMP_CMP_EQ", 1, index=1)])), True, True),
    ],
)
def test_address_families_are_judged_by_the_first_argument(found, vsock, alg):
    assert (socket_allowed(found, AF_VSOCK), socket_allowed(found, AF_ALG)) == (vsock, alg)


def test_no_filter_leaves_every_risky_call_open(tree):
    tree.container(100, seccomp=0)
    found = tree.containers()[KEY]["seccomp"]
    assert (found["weakest_mode"], found["risky_allowed"]) == (0, sorted(RISKY))
    assert found["vsock_allowed"]
    assert found["alg_allowed"]


def test_one_process_without_filter_decides_for_all(tree):
    tree.shim(90)
    tree.write("/bundle/config.json", json.dumps({"linux": {"seccomp": profile()}}))
    tree.container(100, shim=90, seccomp=2)
    tree.process(101, "bare", ppid=100, cgroup="/docker/" + KEY + "c" * 52, seccomp=0)
    assert tree.containers()[KEY]["seccomp"]["weakest_mode"] == 0
    assert "mount" in tree.containers()[KEY]["seccomp"]["risky_allowed"]


def test_the_bundle_answers_for_an_active_filter(tree):
    tree.shim(90)
    found = {"linux": {"seccomp": profile(rule("mount", "read"))}}
    tree.write("/bundle/config.json", json.dumps(found))
    tree.container(100, shim=90, seccomp=2)
    found = tree.containers()[KEY]["seccomp"]
    assert (found["source"], found["risky_allowed"]) == ("oci", ["mount"])


def test_an_active_filter_without_bundle_is_unknown_not_closed(tree):
    tree.container(100, seccomp=2)
    found = tree.containers()[KEY]
    assert "risky_allowed" not in found["seccomp"]
    assert "seccomp.risky_allowed" in found["unknown"]
    assert "seccomp.vsock_allowed" in found["unknown"]
