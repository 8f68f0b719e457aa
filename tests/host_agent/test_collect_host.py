"""The agent and host sections: who collected, and which machine it was."""

import hashlib
import hmac

import pytest
from underpin_agent.collectors import agent, host

from tests.host_agent.hosts.building import INODES, ROOT_MOUNT, Machine, body

V1 = "31 22 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"
V2 = "32 22 0:29 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"


@pytest.fixture
def machine(tmp_path):
    return (
        Machine(tmp_path)
        .own_namespaces()
        .files(
            **{
                "/proc/sys/kernel/hostname": "node-7\n",
                "/proc/sys/kernel/random/boot_id": "3f2c9a01-0000-4000-8000-000000000000\n",
                "/proc/1/comm": "systemd\n",
                "/etc/machine-id": "0123456789abcdef0123456789abcdef\n",
                "/etc/os-release": '# a comment\nID=debian\nVERSION_ID="13"\n',
                "/proc/cgroups": "#subsys_name\tid\tnum\tenabled\ncpu\t1\t2\t1\nmisc\t0\t1\t0\n",
            }
        )
    )


def test_the_machine_id_leaves_the_host_only_keyed(machine):
    facts, _ = body(host.collect, machine.context(salt=b"workspace"))
    raw = "0123456789abcdef0123456789abcdef"
    keyed = hmac.new(b"workspace", raw.encode(), hashlib.sha256).hexdigest()
    assert facts["machine_id_hmac"] == keyed
    assert raw not in str(facts)


@pytest.mark.parametrize(
    ("content", "salt", "reason"),
    [
        ("uninitialized\n", b"x", "the machine has no id yet"),
        ("", b"x", "the machine has no id yet"),
        ("0123456789abcdef", b"", "not enrolled: no workspace salt yet"),
    ],
)
def test_a_machine_without_id_or_salt_is_unknown(machine, content, salt, reason):
    machine.write("/etc/machine-id", content)
    facts, unknowns = body(host.collect, machine.context(salt=salt))
    assert "machine_id_hmac" not in facts
    assert unknowns["host.machine_id_hmac"] == reason


def test_the_name_is_read_in_the_hosts_namespace_only(machine):
    assert body(host.collect, machine.context())[0]["name"] == "node-7"
    machine.at("/proc/self/ns/uts").unlink()
    machine.link("/proc/self/ns/uts", "uts:[4026532999]")
    _, unknowns = body(host.collect, machine.context())
    assert unknowns["host.name"] == "the agent is not in the host's UTS namespace"
    machine.write("/etc/hostname", "from-file\n")
    assert body(host.collect, machine.context())[0]["name"] == "from-file"


@pytest.mark.parametrize(
    ("lines", "mode"),
    [([V2], "v2"), ([V1], "v1"), ([V1, V2.replace("/cgroup ", "/cgroup/unified ")], "hybrid")],
)
def test_the_cgroup_mode_follows_from_the_mounted_kinds(machine, lines, mode):
    machine.mounts(ROOT_MOUNT, *lines)
    assert body(host.collect, machine.context())[0]["cgroup"]["mode"] == mode


def test_controllers_are_those_of_both_trees(machine):
    machine.mounts(ROOT_MOUNT, V1, V2.replace("/cgroup ", "/cgroup/unified "))
    machine.write("/sys/fs/cgroup/unified/cgroup.controllers", "io pids\n")
    machine.write("/sys/fs/cgroup/memory/release_agent", "/tmp/x\n")
    facts, _ = body(host.collect, machine.context())
    assert facts["cgroup"]["controllers"] == ["cpu", "io", "pids"]
    assert facts["cgroup"]["release_agents"] == [{"controller": "memory", "value": "/tmp/x"}]


def test_an_unreadable_release_agent_keeps_its_row_without_a_value(machine):
    machine.mounts(ROOT_MOUNT, V1).broken("/sys/fs/cgroup/memory/release_agent")
    facts, unknowns = body(host.collect, machine.context())
    assert facts["cgroup"]["release_agents"] == [{"controller": "memory"}]
    assert "host.cgroup.release_agents[].value" in unknowns


def test_without_any_tree_the_mode_is_unknown(machine):
    facts, unknowns = body(host.collect, machine.context())
    assert "cgroup" not in facts
    assert unknowns["host.cgroup"] == "no control group tree is mounted"


@pytest.mark.parametrize(
    ("options", "value"),
    [("rw", "0"), ("rw,hidepid=invisible", "invisible"), ("rw,hidepid=2,gid=4", "2")],
)
def test_hidepid_is_an_option_of_the_hosts_proc(machine, options, value):
    machine.mounts(ROOT_MOUNT, "23 22 0:5 / /proc rw - proc proc " + options)
    assert body(host.collect, machine.context())[0]["proc_hidepid"] == value


def test_the_oldest_os_release_place_is_used_last(machine):
    machine.at("/etc/os-release").unlink()
    machine.write("/usr/lib/os-release", "ID=arch\n")
    facts, unknowns = body(host.collect, machine.context())
    assert facts["os"] == {"id": "arch"}
    assert unknowns["host.os.version"] == "a rolling release names no version"


def test_a_namespace_that_is_not_the_hosts_is_false(machine):
    machine.at("/proc/self/ns/net").unlink()
    machine.link("/proc/self/ns/net", "net:[4026532111]")
    facts, _ = body(agent.collect, machine.context())
    assert facts["initial_namespaces"]["network"] is False
    assert facts["initial_namespaces"]["pid"] is True


def test_a_type_the_reference_lacks_is_unknown(machine):
    known = {kind: inode for kind, inode in INODES.items() if kind != "mount"}
    facts, unknowns = body(agent.collect, machine.context(inodes=known))
    assert "mount" not in facts["initial_namespaces"]
    assert unknowns["agent.initial_namespaces.mount"] == "the host's own one is not known"


@pytest.mark.parametrize(
    ("uid", "held", "word"),
    [
        (0, ["CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN", "CAP_SYS_PTRACE"], "root"),
        (0, ["CAP_SYS_PTRACE"], "ptrace"),
        (0, [], "unprivileged"),
        (1000, ["CAP_DAC_READ_SEARCH"], "read-search"),
        (1000, ["CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE"], "ptrace"),
        (1000, [], "unprivileged"),
    ],
)
def test_the_level_follows_from_what_is_held(uid, held, word):
    assert agent.level(uid, held) == word


def test_capabilities_are_names_and_new_ones_keep_their_number():
    assert agent.capability_names(1 << 21 | 1 << 2 | 1 << 45) == [
        "CAP_45",
        "CAP_DAC_READ_SEARCH",
        "CAP_SYS_ADMIN",
    ]
    assert len(agent.CAPABILITIES) == 41


def test_the_archive_is_digested_and_sources_are_not(tmp_path):
    archive = tmp_path / "agent.pyz"
    archive.write_bytes(b"program")
    inside = str(archive / "underpin_agent" / "collectors" / "agent.py")
    assert agent.own_digest(inside) == hashlib.sha256(b"program").hexdigest()
    _, unknowns = body(agent.collect, Machine(tmp_path / "m").own_namespaces().context())
    assert unknowns["agent.binary_sha256"] == "runs from sources, not from a released archive"


def test_options_that_are_not_set_are_off(machine):
    facts, _ = body(agent.collect, machine.context(options={"tls_probe": True, "other": True}))
    assert facts["options"]["tls_probe"] is True
    assert facts["options"]["content_scan"] is False
    assert "other" not in facts["options"]
