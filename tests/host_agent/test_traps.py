"""The 32 traps of the facts (section 8): which test proves that the agent does not step into each.

A trap that no other module is about is proven here.
"""

import ast
import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest
import underpin_agent
from underpin_agent.collection import collect
from underpin_agent.containers import network_namespaces

from tests.host_agent.hosts.estate import docker_hybrid
from tests.host_agent.test_golden_hosts import collected
from tests.host_agent.tree import CONTAINER_ID
from tests.support import process

HERE = Path(__file__).parent
SOURCES = sorted(Path(underpin_agent.__file__).parent.rglob("*.py"))
OWN = "test_traps.py::"

PROOFS = {
    1: "test_discovery.py::test_kernel_threads_are_the_first_reference",
    2: "test_discovery.py::test_a_zombie_is_no_process_of_a_container",
    3: "test_network.py::test_settings_of_a_namespace_that_may_not_be_entered_are_unknown",
    4: "test_derive.py::test_capabilities_are_names_because_full_masks_differ_per_kernel",
    5: "test_derive.py::test_a_read_only_bind_leaves_its_sub_mounts_writable",
    6: "test_derive.py::test_propagation",
    7: "test_derive.py::test_writability_is_a_matter_of_mount_flags_not_of_asking",
    8: "test_file_scan.py::test_what_is_mounted_into_the_container_is_not_its_own",
    9: "test_network.py::test_the_engines_resolver_is_no_service_of_the_container",
    10: "test_derive.py::test_the_engines_own_shm_is_a_runtime_file_and_no_host_memory",
    11: "test_containers.py::test_no_module_answers_with_einval",
    12: "test_containers.py::test_a_missing_key_proves_nothing_in_a_child_namespace",
    13: "test_collect_platform.py::test_a_guest_leaves_out_what_describes_the_virtual_machine",
    14: OWN + "test_trap_14_a_visible_node_and_its_rules_are_two_facts",
    15: OWN + "test_trap_15_a_network_of_a_child_user_namespace_is_not_the_hosts_to_administer",
    16: "test_container_init.py::test_an_init_that_waits_has_no_handler_bit",
    17: "test_collect_kernel.py::test_the_command_line_ends_at_a_lone_double_dash",
    18: "test_collect_host.py::test_hidepid_is_an_option_of_the_hosts_proc",
    19: OWN + "test_trap_19_kills_are_never_read_from_failcnt",
    20: "test_limits.py::test_a_parent_limits_although_the_own_file_says_unlimited",
    21: "test_sampling_replay.py::test_the_peak_between_two_looks_is_in_the_row",
    22: OWN + "test_trap_22_no_event_descriptor_is_taken_for_a_kill",
    23: "test_limits.py::test_weights_are_compared_with_siblings_and_never_converted",
    24: "test_containers.py::test_kinds_of_devices_go_by_numbers_and_the_hosts_names",
    25: OWN + "test_trap_25_namespaces_are_entered_without_a_call_that_old_pythons_lack",
    26: "test_reading.py::test_an_absolute_link_stays_inside",
    27: "test_reading.py::test_a_mount_that_may_hang_is_not_entered",
    28: "test_collect_runtimes.py::test_the_socket_a_daemon_listens_on_is_the_truth",
    29: "test_enrichment.py::test_an_old_container_keeps_the_log_options_of_its_creation",
    30: OWN + "test_trap_30_a_label_is_never_taken_for_what_the_engine_says",
    31: "test_collect_accounts.py::test_login_records_that_go_back_or_are_cut_are_not_whole",
    32: OWN + "test_trap_32_a_hybrid_host_is_a_fact_and_no_error",
}


def test_all_32_traps_have_a_proof():
    assert list(PROOFS) == list(range(1, 33))


@pytest.mark.parametrize("number", PROOFS)
def test_the_named_proof_exists(number):
    file, _, name = PROOFS[number].partition("::")
    tree = ast.parse((HERE / file).read_text())
    assert name in {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}


def mentions(pattern):
    """Names of the agent's modules whose program, not its comments, matches ``pattern``."""
    found = []
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        words = {one.value for one in ast.walk(tree) if isinstance(one, ast.Constant)}
        words |= {one.attr for one in ast.walk(tree) if isinstance(one, ast.Attribute)}
        texts = (one for one in words if isinstance(one, str) and "\n" not in one)
        if any(re.search(pattern, text) for text in texts):
            found.append(path.name)
    return found


def test_trap_14_a_visible_node_and_its_rules_are_two_facts(tree):
    root = tree.container(100)
    (root / "dev").mkdir()
    os.mknod(root / "dev/kvm", 0o666 | 0o020000, os.makedev(10, 232))
    tree.write("/proc/misc", "232 kvm\n")
    tree.write("/proc/devices", "Character devices:\n 10 misc\n")
    found = tree.containers()[CONTAINER_ID[:12]]
    assert [(row["path"], row["kind"]) for row in found["device_nodes"]] == [("/dev/kvm", "kvm")]
    assert "device_rules" not in found  # what the rules allow is not known here, and not guessed
    assert "device_rules" in found["unknown"]


def test_trap_15_a_network_of_a_child_user_namespace_is_not_the_hosts_to_administer():
    command = ["unshare", "--fork", "--kill-child", "--user", "--map-root-user", "--net"]
    command += ["--mount", "--pid", "--uts", "--mount-proc", "sleep", "100000"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as parent:
        try:
            posture = posture_of(child_of(parent.pid))
        finally:
            parent.kill()
    assert "CAP_NET_ADMIN" in posture["capabilities"]["effective"]
    assert posture["user_namespace"]["initial"] is False
    assert posture["network_namespace_owner_initial"] is False


def child_of(pid):
    """The number of the only child, as soon as it runs its program."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        children = Path("/proc/%d/task/%d/children" % (pid, pid)).read_text().split()
        if children and Path("/proc/%s/comm" % children[0]).read_text() == "sleep\n":
            return children[0]
        time.sleep(process.POLL_SECONDS)
    raise AssertionError(pid)


def posture_of(pid):
    key = "ns-%d" % os.stat("/proc/%s/ns/mnt" % pid).st_ino
    (row,) = (row for row in collect()["containers"] if row["key"] == key)
    return row["posture"]["facts"]


def test_trap_19_kills_are_never_read_from_failcnt():
    """It stays 0 for real kills; the engine's own flag is wrong in both directions."""
    assert mentions("failcnt") == []
    assert mentions(r"^oom_kills?$")


def test_trap_22_no_event_descriptor_is_taken_for_a_kill():
    """The one of version 1 also fires when the group is removed: only counters are read."""
    assert mentions(r"eventfd|event_control") == []


def test_trap_25_namespaces_are_entered_without_a_call_that_old_pythons_lack(monkeypatch):
    """``os.setns`` came with Python 3.12."""
    monkeypatch.delattr(os, "setns", raising=False)
    enter = network_namespaces.entering()
    fd = os.open("/dev/null", os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="Invalid argument"):
            enter(fd)  # the kernel itself was asked
    finally:
        os.close(fd)


def test_trap_30_a_label_is_never_taken_for_what_the_engine_says(tree):
    """Whoever starts a container chooses its labels, also ones that are called like settings."""
    labels = {
        "name": "of-label",
        "image": "of-label",
        "execID": "x",
        "exitCode": "0",
        "signal": "9",
    }
    folder = "/var/lib/docker/containers/" + CONTAINER_ID
    state = {"Name": "/web", "Image": "sha256:1", "Config": {"Image": "shop/web", "Labels": labels}}
    tree.write(folder + "/config.v2.json", json.dumps(state))
    tree.write(folder + "/hostconfig.json", json.dumps({"RestartPolicy": {"Name": "no"}}))
    tree.shim(90)
    tree.container(100, shim=90)
    found = tree.containers()[CONTAINER_ID[:12]]
    assert (found["name"], found["image_reference"]) == ("web", "shop/web")
    assert "of-label" not in json.dumps(found)


def test_trap_32_a_hybrid_host_is_a_fact_and_no_error(tmp_path):
    """crun refuses such hosts: a finding about the host, not a failure of the agent."""
    found = collected(tmp_path / "host", docker_hybrid)
    assert found["sections"]["host"]["facts"]["cgroup"]["mode"] == "hybrid"
    assert not [name for name, body in found["sections"].items() if "error" in body]
    (container,) = found["containers"]
    assert container["posture"]["facts"]["cgroup"]["version"] == 1
