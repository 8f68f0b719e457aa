"""Containers from the kernel alone: what counts as one, whose processes, and who leads."""

import pytest
from underpin_agent import namespaces
from underpin_agent.discovery import container_id, discover
from underpin_agent.processes import parse_cgroup, read_processes
from underpin_agent.reading import Host

from tests.host_agent.tree import CONTAINER_ID, HOST, HOST_MOUNTS, OTHER_ID, Tree


def found(tree):
    host = Host(str(tree.folder))
    discovery = discover(host, read_processes(host))
    return discovery, {one.key: one for one in discovery.containers}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/docker/" + CONTAINER_ID, CONTAINER_ID),
        ("/system.slice/docker-%s.scope" % CONTAINER_ID, CONTAINER_ID),
        ("/machine.slice/libpod-%s.scope/container" % CONTAINER_ID, CONTAINER_ID),
        ("/kubepods/burstable/podab/%s" % CONTAINER_ID, CONTAINER_ID),
        ("/kubepods.slice/cri-containerd-%s.scope" % CONTAINER_ID, CONTAINER_ID),
        ("/../../docker/%s/init.scope" % CONTAINER_ID, CONTAINER_ID),
        ("/docker/%s/docker/%s" % (OTHER_ID, CONTAINER_ID), CONTAINER_ID),
        ("/machine.slice/libpod-conmon-%s.scope" % CONTAINER_ID, ""),
        ("/crio-conmon-%s.scope" % CONTAINER_ID, ""),
        ("/docker/" + CONTAINER_ID[:63], ""),
        ("/docker/" + CONTAINER_ID + "e", ""),
        ("/system.slice/ssh.service", ""),
    ],
)
def test_the_last_id_in_the_control_group_names_the_container(path, expected):
    assert container_id([((), path)]) == expected


def test_an_id_in_any_hierarchy_counts():
    rows = parse_cgroup("4:memory:/docker/%s\n1:name=systemd:/\n0::/\n" % CONTAINER_ID)
    assert container_id(rows) == CONTAINER_ID


def test_a_container_is_found_without_any_runtime(tree):
    tree.container(100)
    discovery, containers = found(tree)
    assert list(containers) == [CONTAINER_ID[:12]]
    assert containers[CONTAINER_ID[:12]].leader.pid == 100
    assert containers[CONTAINER_ID[:12]].supervisor is None
    assert discovery.reference_kind == "kthreadd"


def test_a_zombie_is_no_process_of_a_container(tree):
    tree.container(100)
    cgroup = "/docker/" + CONTAINER_ID
    tree.process(101, "dead", cgroup=cgroup, state="Z", namespaces={"pid": 4026539999})
    _discovery, containers = found(tree)
    assert [one.pid for one in containers[CONTAINER_ID[:12]].processes] == [100]


def test_a_container_without_group_is_found_by_its_ancestry(tree):
    argv = ("/usr/bin/conmon", "-c", CONTAINER_ID, "-n", "web", "-b", "/bundle")
    tree.process(90, "conmon", argv=argv)
    tree.container(100, shim=90, cgroup="/")
    tree.process(101, "worker", ppid=100, namespaces={"pid": 4026533000, "mnt": 4026533001})
    _discovery, containers = found(tree)
    only = containers[CONTAINER_ID[:12]]
    assert (only.how, only.id, only.supervisor.argument("-n")) == ("ancestry", CONTAINER_ID, "web")
    assert sorted(one.pid for one in only.processes) == [100, 101]


def test_a_process_that_left_its_group_still_belongs_to_its_container(tree):
    tree.shim(90)
    tree.container(100, shim=90)
    tree.process(101, "escaped", ppid=100, cgroup="/", namespaces={"mnt": 4026533001})
    _discovery, containers = found(tree)
    assert sorted(one.pid for one in containers[CONTAINER_ID[:12]].processes) == [100, 101]


def test_the_runtime_before_it_enters_is_no_container(tree):
    tree.shim(90)
    tree.process(100, "runc", ppid=90)
    _discovery, containers = found(tree)
    assert containers == {}


def test_a_program_inside_that_calls_itself_conmon_supervises_nothing(tree):
    tree.container(100)
    argv = ("conmon", "-c", OTHER_ID)
    cgroup = "/docker/" + CONTAINER_ID
    tree.process(101, "conmon", ppid=100, argv=argv, cgroup=cgroup)
    tree.process(102, "x", ppid=101, cgroup="/", namespaces={"mnt": 4026533001})
    _discovery, containers = found(tree)
    assert OTHER_ID[:12] not in containers


def test_namespaces_alone_make_a_container_of_nobody(tree):
    tree.process(100, "rogue", namespaces={"mnt": 4026533000, "net": 4026533001})
    tree.mounts(100, "60 50 8:1 / / rw - ext4 /dev/sda1 rw")
    _discovery, containers = found(tree)
    assert containers["ns-4026533000"].how == "namespaces"


def test_one_private_namespace_is_stray_and_no_container(tree):
    tree.process(100, "sandboxed", namespaces={"net": 4026533001})
    tree.process(101, "mounts", namespaces={"mnt": 4026533002})
    tree.process(102, "plain")
    discovery, containers = found(tree)
    assert containers == {}
    seen = {one.comm: discovery.private(one) for one in discovery.stray}
    assert seen == {"sandboxed": ["network"], "mounts": ["mount"]}


def test_a_process_that_entered_a_container_is_foreign_not_a_container(tree):
    tree.container(100)
    own = {"mnt": 4026533001, "pid": 4026533000}
    tree.process(200, "nsenter", namespaces=own)
    discovery, containers = found(tree)
    only = containers[CONTAINER_ID[:12]]
    assert list(containers) == [CONTAINER_ID[:12]]
    assert [one.pid for one in only.foreign] == [200]
    assert [one.comm for one in discovery.stray] == ["nsenter"]


def test_the_supervisors_child_leads_even_when_another_is_older(tree):
    tree.shim(90)
    tree.container(100, shim=90, start=500)
    cgroup = "/docker/" + CONTAINER_ID
    tree.process(99, "older", ppid=1, cgroup=cgroup, start=10, ns_pids=(99, 7))
    _discovery, containers = found(tree)
    assert containers[CONTAINER_ID[:12]].leader.pid == 100


def test_an_exec_session_does_not_lead(tree):
    tree.shim(90)
    tree.container(100, shim=90, start=500)
    cgroup = "/docker/" + CONTAINER_ID
    tree.process(120, "sh", ppid=90, cgroup=cgroup, start=900, ns_pids=(120, 9))
    _discovery, containers = found(tree)
    assert containers[CONTAINER_ID[:12]].leader.pid == 100


def test_a_key_of_an_id_that_is_no_hexadecimal_is_the_mount_namespace(tree):
    tree.shim(90, container_id="demo", namespace="default")
    tree.container(100, shim=90, cgroup="/default/demo")
    _discovery, containers = found(tree)
    assert [(key, one.id) for key, one in containers.items()] == [("ns-4026533001", "demo")]


# ---- reference namespaces ---------------------------------------------------------------------


def test_kernel_threads_are_the_first_reference(tree):
    """Trap 1: links of PID 1 can be unreadable even for root, those of a kernel thread are not."""
    kind, inodes = namespaces.reference(Host(str(tree.folder)))
    assert (kind, inodes["pid"], inodes["mount"]) == ("kthreadd", HOST["pid"], HOST["mnt"])


def test_without_kernel_thread_pid_1_counts_only_in_the_initial_namespace(tmp_path):
    tree = Tree(tmp_path / "a")
    (tree.folder / "proc/2/stat").unlink()
    assert namespaces.reference(Host(str(tree.folder)))[0] == "pid1"


def test_the_init_of_a_container_is_no_reference(tmp_path):
    tree = Tree(tmp_path / "a")
    (tree.folder / "proc/2/stat").unlink()
    link = tree.folder / "proc/1/ns/pid"
    link.unlink()
    link.symlink_to("pid:[4026532999]")
    kind, inodes = namespaces.reference(Host(str(tree.folder)))
    assert (kind, inodes["pid"], inodes["mount"]) == ("well-known", 4026531836, 4026531832)


def test_mount_and_network_numbers_are_fixed_only_since_6_18():
    assert "mount" not in namespaces.well_known("6.17.9-generic")
    assert namespaces.well_known("6.18.0")["network"] == 4026531833


def test_pid_2_of_a_container_is_not_taken_for_a_kernel_thread(tmp_path):
    tree = Tree(tmp_path / "a")
    stat = tree.folder / "proc/2/stat"
    stat.write_text(stat.read_text().replace(str(0x0020_8040), str(0x0040_0100)))
    assert namespaces.reference(Host(str(tree.folder)))[0] == "pid1"


# ---- hostile names ----------------------------------------------------------------------------

HOSTILE = ["a) S 1 (b", "x\ny", "\x1b[31m", "\u202eevil", "a b", "()", "=1+1", "\x0b0::/docker"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_command_name_moves_no_field(tree, name):
    tree.process(300, name)
    host = Host(str(tree.folder))
    process = read_processes(host).get(300)
    assert (process.comm, process.ppid, process.start_ticks) == (name, 1, 300)


def test_a_command_name_that_is_no_text_is_shown_in_hexadecimal(tree):
    tree.process(300, "x")
    path = tree.folder / "proc/300/stat"
    path.write_bytes(path.read_bytes().replace(b"(x)", b"(\xff\xfe)"))
    assert read_processes(Host(str(tree.folder))).get(300).comm == "\\xff\\xfe"


def test_a_line_break_of_unicode_in_a_group_name_adds_no_row():
    rows = parse_cgroup("0::/a\u20281:memory:/docker/%s\n" % CONTAINER_ID)
    assert len(rows) == 1


SHIELDED = {"mnt": 4026537001, "net": 4026537002, "uts": 4026537003}


@pytest.mark.parametrize(
    ("cgroup", "more", "contained"),
    [
        ("/system.slice/systemd-hostnamed.service", {}, False),
        ("/system.slice/system-app.slice/app@1.service", {}, False),
        ("/system.slice/app.service", {"pid": 4026537004}, True),
        ("/system.slice/app.service", {"user": 4026537004}, True),
        ("/user.slice/user-0.slice/session-1.scope", {}, True),
        ("/machine.slice/app.service/payload", {}, True),
        ("/", {}, True),
    ],
)
def test_a_shielded_service_of_the_host_is_no_container(tree, cgroup, more, contained):
    """PrivateTmp=, PrivateNetwork= and ProtectHostname= make three namespaces."""
    tree.process(100, "svc", cgroup=cgroup, namespaces={**SHIELDED, **more})
    discovery, containers = found(tree)
    assert list(containers) == (["ns-4026537001"] if contained else [])
    assert [one.pid for one in discovery.stray] == ([] if contained else [100])


@pytest.mark.parametrize(("network", "contained"), [(4026537002, False), (4026537009, True)])
def test_a_program_in_a_named_network_is_no_container(tree, network, contained):
    """``ip netns exec`` enters the network and mounts /sys anew."""
    named = "40 25 0:4 net:[4026537002] /run/netns/blue rw shared:9 - nsfs nsfs rw"
    tree.mounts(1, *HOST_MOUNTS, named)
    tree.process(100, "ping", namespaces={"mnt": 4026537001, "net": network})
    _discovery, containers = found(tree)
    assert bool(containers) is contained
