"""Facts of one container over a host tree: what is read, and what stays unknown with a reason."""

import json
import os

import pytest
from underpin_agent import collection
from underpin_agent.containers import devices, isolation, mounts, settings

from tests.host_agent.tree import (
    CONTAINER_ID,
    CONTAINER_MOUNTS,
    HOST,
    HOST_MOUNTS,
    OTHER_ID,
    ROOT_CAPS,
    V1_MOUNTS,
)

KEY = CONTAINER_ID[:12]
CGROUP = "/docker/" + CONTAINER_ID


def only(tree):
    return tree.containers()[KEY]


def test_a_container_nobody_claims_is_reported_as_that(tree):
    tree.container(100)
    found = only(tree)
    assert (found["runtime"], found["runtime_reference"]) == ("unknown", "none")
    assert "no runtime claims" in found["unknown"]["name"]
    assert "name" not in found
    assert found["started_at"] == "2023-11-14T22:13:21Z"


def test_nothing_a_runtime_knows_is_guessed(tree):
    tree.container(100)
    found = only(tree)
    for name in (
        "restart.policy",
        "health.defined",
        "log.driver",
        "terminal",
        "declared.privileged",
    ):
        assert name in found["unknown"]
    assert not {"restart", "health", "terminal", "declared"} & set(found)


# ---- namespaces and ids -----------------------------------------------------------------------


def test_namespaces_are_compared_with_the_hosts(tree):
    tree.container(100, namespaces={"net": HOST["net"], "ipc": HOST["ipc"]})
    found = only(tree)["namespaces"]
    assert found["network"]["is_host"]
    assert found["ipc"]["is_host"]
    assert not found["pid"]["is_host"]
    assert found["user"]["is_host"]


def test_a_type_without_reference_is_unknown(tree):
    for folder in ("proc/2", "proc/1"):
        (tree.folder / folder / "stat").unlink()
    (tree.folder / "proc/1/ns/pid").unlink()
    tree.write("/proc/sys/kernel/osrelease", "5.10.0")
    tree.container(100)
    found = only(tree)
    assert "mount" not in found["namespaces"]
    assert "namespaces.mount.is_host" in found["unknown"]
    assert found["namespaces"]["pid"]["is_host"] is False


def test_ids_are_those_of_every_settled_process(tree):
    tree.container(100, uids=(1000,) * 4, ns_pids=(100, 1))
    tree.process(101, "w", ppid=100, cgroup=CGROUP, uids=(33, 33, 0, 33), gids=(5,) * 4)
    found = only(tree)["ids"]
    assert (found["host_uids"], found["host_gids"]) == ([0, 33, 1000], [0, 5])
    assert found["root_on_host"]


def test_a_mapped_root_is_root_inside_only(tree):
    tree.container(100, uids=(231072,) * 4, namespaces={"user": 4026539000})
    tree.write("/proc/100/uid_map", "0 231072 65536\n")
    found = only(tree)
    assert found["user_namespace"]["initial"] is False
    assert found["ids"]["root_inside"]
    assert not found["ids"]["root_on_host"]


def test_a_child_namespace_that_maps_every_id_is_not_the_initial_one(tree):
    tree.container(100, namespaces={"user": 4026539000})
    assert only(tree)["user_namespace"]["initial"] is False


def test_overflow_ids_everywhere_mean_a_wrong_viewpoint(tree):
    tree.container(100, uids=(65534,) * 4)
    found = only(tree)
    assert "ids" not in found
    assert "ids" in found["unknown"]


def test_a_process_that_just_starts_is_not_judged(tree):
    """The runtime enters with all rights of the host for some milliseconds."""
    tree.container(100)
    young = 100_000 * os.sysconf("SC_CLK_TCK") - 10
    tree.process(101, "runc:[2:INIT]", ppid=90, cgroup=CGROUP, caps=ROOT_CAPS, start=young)
    found = only(tree)
    assert "CAP_SYS_ADMIN" not in found["capabilities"]["effective"]
    assert [row["command"] for row in found["processes"]] == ["app"]


def test_capabilities_are_the_union_and_new_privileges_the_intersection(tree):
    tree.container(100, caps="0" * 16, nnp=1)
    tree.process(101, "w", ppid=100, cgroup=CGROUP, caps="0000000000200000")
    found = only(tree)
    assert found["capabilities"]["effective"] == ["CAP_SYS_ADMIN"]
    assert found["no_new_privileges"] is False


def test_process_rows_name_what_deviates_and_no_pid(tree):
    tree.container(100, ns_pids=(100, 1))
    own = {"mnt": 4026533001, "ipc": 4026533002, "uts": 4026533003, "net": 4026533004}
    tree.process(
        101, "nested", ppid=100, cgroup=CGROUP, tracer=5, caps=ROOT_CAPS,
        namespaces={**own, "pid": 4026535555},
    )  # fmt: skip
    rows = {row["command"]: row for row in only(tree)["processes"]}
    assert rows["nested"]["namespace_drift"] == ["pid"]
    assert rows["nested"]["traced"]
    assert "CAP_SYS_ADMIN" in rows["nested"]["extra_capabilities"]
    assert rows["app"]["extra_capabilities"] == []


def test_equal_processes_are_one_row(tree):
    tree.container(100)
    for pid in range(200, 240):
        tree.process(pid, "worker", ppid=100, cgroup=CGROUP)
    assert len([r for r in only(tree)["processes"] if r["command"] == "worker"]) == 1


def test_no_module_answers_with_einval(tree):
    """Trap 11: attr/current is then an error, not an empty text; a tree shows it as absent."""
    tree.container(100)
    assert only(tree)["security_module"] == {"label": "", "confined": False}


@pytest.mark.parametrize(
    ("text", "label", "confined", "categories"),
    [
        ("docker-default (enforce)\n", "docker-default", True, ""),
        ("docker-default (complain)\n", "docker-default", False, ""),
        ("unconfined\n", "", False, ""),
        (
            "system_u:system_r:container_t:s0:c1,c22\0",
            "system_u:system_r:container_t:s0",
            True,
            "c1,c22",
        ),
        ("system_u:system_r:spc_t:s0\0", "system_u:system_r:spc_t:s0", False, ""),
    ],
)
def test_labels_of_security_modules(tree, text, label, confined, categories):
    tree.container(100)
    tree.write("/proc/100/attr/current", text)
    tree.write("/sys/fs/selinux/enforce", "1")
    found = only(tree)
    assert found["security_module"] == {"label": label, "confined": confined}
    assert found["selinux_categories"] == categories


def test_a_permissive_module_confines_nothing(tree):
    tree.container(100)
    tree.write("/proc/100/attr/current", "system_u:system_r:container_t:s0:c1,c2\0")
    tree.write("/sys/fs/selinux/enforce", "0")
    assert only(tree)["security_module"]["confined"] is False


# ---- mounts -----------------------------------------------------------------------------------


def with_mounts(tree, *lines, **more):
    return tree.container(100, mounts=(*CONTAINER_MOUNTS, *lines), **more)


def rows_of(found):
    return {row["point"]: row for row in found["mounts"]}


def test_a_writable_bind_of_etc_is_seen(tree):
    with_mounts(tree, "70 60 8:1 /etc /host-etc rw - ext4 /dev/sda1 rw")
    row = rows_of(only(tree))["/host-etc"]
    assert (row["role"], row["host_path"], row["sensitive"]) == ("host", "/etc", "etc")
    assert (row["read_only"], row["host_superblock"]) == (False, True)


def test_sub_mounts_of_a_bind_are_marked(tree):
    lines = ("70 60 8:1 / /host ro - ext4 d rw", "71 70 0:25 / /host/run rw - tmpfs t rw")
    with_mounts(tree, *lines)
    row = rows_of(only(tree))["/host/run"]
    assert row["under_host_bind"]
    assert not row["read_only"]


def test_posture_is_equal_for_replicas_and_holds_no_id(tree):
    bind = "70 60 8:1 /var/lib/docker/containers/%s/hosts /etc/hosts rw - ext4 d rw"
    for pid, one in ((100, CONTAINER_ID), (200, OTHER_ID)):
        tree.container(
            pid, container_id=one, cgroup="/docker/" + one, start=50,
            mounts=(*CONTAINER_MOUNTS, bind % one),
        )  # fmt: skip
    first, second = collection.collect_containers(tree.context())
    assert first["identity"] != second["identity"]
    assert first["posture"] == second["posture"]
    text = json.dumps(first["posture"])
    assert CONTAINER_ID not in text
    assert OTHER_ID not in text


def test_sources_with_ids_travel_with_the_identity(tree):
    with_mounts(tree, "70 60 8:1 /var/lib/docker/volumes/v/_data /data rw - ext4 d rw")
    found = only(tree)
    assert found["mount_sources"]["/data"] == "/var/lib/docker/volumes/v/_data"
    assert "host_path" not in rows_of(found)["/data"]


def test_credentials_in_mount_options_stay_on_the_host(tree):
    with_mounts(
        tree,
        "70 60 0:77 / /share rw - cifs //srv/x rw,username=bob,password=hunter2,sec=ntlmssp",
    )
    text = json.dumps(only(tree))
    assert "hunter2" not in text
    assert "bob" not in text
    assert rows_of(only(tree))["/share"]["super_options"] == ["rw", "sec=ntlmssp"]


def test_writable_private_memory_is_listed_with_its_bound(tree):
    with_mounts(tree, "70 60 0:78 / /a rw - tmpfs t rw,size=1m", "71 60 0:79 / /b rw - tmpfs t rw")
    rows = {row["path"]: row["sized"] for row in only(tree)["tmpfs"]}
    assert rows == {"/dev": True, "/dev/shm": True, "/a": True, "/b": False}


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("size=64m", 64 << 20),
        ("size=65536k", 64 << 20),
        ("size=5", 5),
        ("nr_blocks=2", 8192),
        ("x", None),
    ],
)
def test_sizes_of_tmpfs(option, expected):
    assert mounts.size_option(("rw", option)) == expected


def test_the_size_of_shared_memory(tree):
    root = with_mounts(tree)
    (root / "dev/shm").mkdir(parents=True)
    assert only(tree)["shared_memory_bytes"] == 64 << 20


def test_layers_are_named_without_the_containers_own(tree):
    for short, layer in (("A", "own-init"), ("B", "base1")):
        tree.link("/l/" + short, "../%s/diff" % layer)
    tree.container(100)
    found = only(tree)["root_filesystem"]
    assert found == {"read_only": False, "type": "overlay", "lower_layers": ["base1"]}


# ---- ways out ---------------------------------------------------------------------------------


def test_a_runtime_socket_is_found_at_any_path(tree):
    tree.process(80, "dockerd")
    tree.link("/proc/80/fd/3", "socket:[777]")
    tree.write(
        "/proc/1/net/unix",
        "Num RefCount\n0: 2 0 00010000 0001 01 777 /srv/odd.name\n"
        "0: 2 0 00010000 0001 01 778 /srv/other\n",
    )
    target = tree.write("/srv/odd.name")
    root = with_mounts(tree, "70 60 8:1 /srv /inside ro - ext4 d rw")
    (root / "inside").mkdir()
    os.link(target, root / "inside/odd.name")
    assert only(tree)["runtime_sockets"] == [
        {"host_path": "/srv/odd.name", "container_path": "/inside/odd.name"}
    ]


def test_a_socket_that_another_mount_covers_is_out_of_reach(tree):
    tree.write("/proc/1/net/unix", "h\n0: 2 0 00010000 0001 01 777 /run/docker.sock\n")
    tree.write("/run/docker.sock")
    root = with_mounts(tree, "70 60 8:1 / /host ro - ext4 d rw")
    (root / "host/run").mkdir(parents=True)
    assert only(tree)["runtime_sockets"] == []


def test_sockets_are_unknown_without_the_hosts_table(tree):
    tree.container(100)
    assert "runtime_sockets" in only(tree)["unknown"]


def test_a_daemon_inside_a_container_is_not_the_hosts(tree):
    tree.container(100)
    tree.process(101, "dockerd", ppid=100, cgroup=CGROUP, argv=("dockerd", "--data-root", "/evil"))
    tree.write("/evil/containers/%s/config.v2.json" % CONTAINER_ID, '{"Name": "/innocent"}')
    tree.write("/evil/containers/%s/hostconfig.json" % CONTAINER_ID, "{}")
    found = only(tree)
    assert "name" not in found
    assert found["runtime_reference"] == "none"


def test_remount_needs_admin_mount_and_no_module(tree):
    tree.write("/proc/sys/kernel/core_pattern", "core")
    tree.write("/proc/filesystems", "nodev\tcgroup\n")
    tree.container(100, caps=ROOT_CAPS, seccomp=0)
    found = only(tree)["escape_controls"]
    assert {"control": "core_pattern", "path": "(remount)", "reachable": True} in found
    assert {"control": "release_agent", "path": "(remount)", "reachable": True} in found
    tree.write("/proc/100/attr/current", "docker-default (enforce)\n")
    assert only(tree)["escape_controls"] == []


def test_masks_and_read_only_paths(tree):
    root = with_mounts(tree, "70 61 0:80 / /proc/acpi ro - tmpfs t ro")
    for path in ("proc/acpi", "proc/sys", "proc/kcore/x", "sys/firmware"):
        (root / path).mkdir(parents=True)
    found = only(tree)["kernel_paths"]
    assert found["/proc/acpi"] == "masked"
    assert found["/proc/sys"] == "readonly"
    assert found["/proc/kcore"] == "exposed"
    assert found["/sys/firmware"] == "readonly"
    assert found["/proc/keys"] == "absent"


def test_a_mask_with_content_masks_nothing(tree):
    root = with_mounts(tree, "70 61 0:80 / /proc/acpi ro - tmpfs t ro")
    (root / "proc/acpi/left").mkdir(parents=True)
    assert only(tree)["kernel_paths"]["/proc/acpi"] == "readonly"


def test_the_null_device_of_the_host_leads_nowhere(tree):
    """A detached exec gets its standard input from outside."""
    tree.container(100)
    tree.link("/proc/100/fd/0", "/dev/null")
    tree.write("/proc/100/fdinfo/0", "pos:\t0\nflags:\t02\nmnt_id:\t24\n")
    tree.write("/elsewhere/null")
    tree.link("/proc/100/fd/1", "/elsewhere/null")
    tree.write("/proc/100/fdinfo/1", "pos:\t0\nflags:\t02\nmnt_id:\t24\n")
    assert only(tree)["leaked_descriptors"] == [{"target": "/elsewhere/null"}]


def test_a_descriptor_on_a_mount_of_the_host_leaked(tree):
    tree.container(100)
    for number, target, mount in (
        (0, "/dev/null", 62),
        (7, "/sys/fs/cgroup", 24),
        (8, "pipe:[1]", 9),
    ):
        tree.link("/proc/100/fd/%d" % number, target)
        tree.write("/proc/100/fdinfo/%d" % number, "pos:\t0\nflags:\t02\nmnt_id:\t%d\n" % mount)
    assert only(tree)["leaked_descriptors"] == [{"target": "/sys/fs/cgroup"}]


# ---- devices ----------------------------------------------------------------------------------


def test_the_rules_of_version_1_are_read_from_the_group(tree):
    tree.mounts(1, *HOST_MOUNTS, *V1_MOUNTS)
    cgroup = "1:devices:%s\n2:memory:%s\n" % (CGROUP, CGROUP)
    tree.write("/sys/fs/cgroup/devices%s/devices.list" % CGROUP, "c *:* m\nb 8:0 rwm\n")
    tree.container(100, cgroup=cgroup)
    found = only(tree)["device_rules"]
    assert (found["source"], found["allow_all"]) == ("cgroup-v1", False)
    assert {"type": "b", "numbers": "8:0", "access": "rwm"} in found["rules"]


def test_the_rules_of_version_2_come_from_the_bundle_or_are_unknown(tree):
    tree.container(100)
    assert "device_rules" in only(tree)["unknown"]


@pytest.mark.parametrize(
    ("entries", "allow_all", "included"),
    [
        ([{"allow": False, "access": "rwm"}], False, ("c", "1:3", "rwm")),
        ([{"allow": True, "access": "rwm"}], True, ("a", "*:*", "rwm")),
        (
            [
                {"allow": False},
                {"allow": True, "type": "b", "major": 8, "minor": 0, "access": "rw"},
            ],
            False,
            ("b", "8:0", "rw"),
        ),
        ([{"allow": True, "access": "rwm"}, {"allow": False}], False, ("b", "*:*", "m")),
    ],
)
def test_bundle_rules_are_applied_in_order(entries, allow_all, included):
    rules = devices.bundle_rules(entries)
    assert (("a", "*:*", "rwm") in rules) is allow_all
    assert included in rules


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        (("c", 1, 1), "mem"),
        (("c", 1, 11), "kmsg"),
        (("c", 1, 3), "other"),
        (("c", 10, 58), "kvm"),
        (("c", 10, 59), "other"),
        (("c", 13, 64), "input"),
        (("c", 4, 64), "serial"),
        (("c", 4, 1), "other"),
        (("c", 202, 0), "msr"),
        (("b", 8, 0), "other"),
    ],
)
def test_kinds_of_devices_go_by_numbers_and_the_hosts_names(numbers, expected):
    """Trap 24: misc minors are dynamic."""
    majors, misc = {("c", 13): "input", ("b", 8): "sd"}, {58: "kvm", 59: "rfkill"}
    assert devices.device_kind(*numbers, majors=majors, misc=misc) == expected


def test_a_node_with_a_standard_name_and_other_numbers_is_not_standard(tree):
    if os.geteuid() != 0:
        pytest.skip("making a device node needs root")
    root = tree.container(100)
    (root / "dev").mkdir()
    os.mknod(root / "dev/null", 0o666 | 0o020000, os.makedev(1, 1))
    os.mknod(root / "dev/zero", 0o666 | 0o020000, os.makedev(1, 5))
    rows = {row["path"]: (row["kind"], row["standard"]) for row in only(tree)["device_nodes"]}
    assert rows == {"/dev/null": ("mem", False), "/dev/zero": ("other", True)}


# ---- init, log, origin ------------------------------------------------------------------------


def test_a_missing_key_proves_nothing_in_a_child_namespace(tree):
    """Trap 12."""
    row = "1 I--Q--- 1 perm 3f1b0000 0 0 keyring   _ses.%s: empty\n"
    tree.write("/proc/keys", row % OTHER_ID)
    tree.container(100, namespaces={"user": 4026539000})
    assert "own_session_keyring" in only(tree)["unknown"]


def test_an_own_session_keyring(tree):
    row = "1 I--Q--- 1 perm 3f1b0000 0 0 keyring   _ses.%s: empty\n"
    tree.write("/proc/keys", row % OTHER_ID)
    tree.container(100)
    tree.container(200, container_id=OTHER_ID)
    found = tree.containers()
    assert found[KEY]["own_session_keyring"] is False
    assert found[OTHER_ID[:12]]["own_session_keyring"] is True


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4m", 4 << 20), ("1048576", 1 << 20), ("2KiB", 2048), ("x", None), ("", None)],
)
def test_sizes_of_log_options(text, expected):
    assert settings.bytes_of(text) == expected


def test_hooks_outside_system_folders_are_not_trusted(tree):
    tree.shim(90)
    hooks = {"prestart": [{"path": "/opt/x/hook"}], "poststop": [{"path": "/usr/bin/ok"}]}
    tree.write("/bundle/config.json", json.dumps({"hooks": hooks}))
    tree.write("/usr/bin/ok").chmod(0o755)
    tree.container(100, shim=90)
    rows = {row["path"]: row["trusted"] for row in only(tree)["oci"]["hooks"]}
    assert rows["/opt/x/hook"] is False
    assert rows["/usr/bin/ok"] is (os.geteuid() == 0)


def test_a_step_that_breaks_costs_its_own_rows_and_says_so(tree, monkeypatch):
    def broken(_material):
        message = "boom"
        raise ValueError(message)

    monkeypatch.setattr(devices, "gather", broken)
    tree.container(100)
    (row,) = collection.collect_containers(tree.context())
    reasons = [entry["reason"] for entry in row["posture"]["unknowns"]]
    assert "the agent failed here: ValueError in devices" in reasons
    assert row["posture"]["facts"]["capabilities"]


def test_only_the_name_of_a_hidden_pid_namespace_proves_itself(tree):
    """Without the process inspection right two NSpid numbers still prove an own PID namespace."""
    tree.container(100)
    context = tree.context()
    process = context.processes.get(100)
    process.namespaces, process.namespaces_denied = {}, True
    (row,) = collection.collect_containers(context)
    assert row["posture"]["facts"]["namespaces"] == {"pid": {"is_host": False}}
    paths = [entry["path"] for entry in row["posture"]["unknowns"]]
    assert "containers[].namespaces.network.is_host" in paths
    assert isolation.PTRACE in json.dumps(row["posture"]["unknowns"])
