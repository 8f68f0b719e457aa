"""Derived fields: each rule of the fact catalogue, and each trap that it avoids."""

import pytest
from underpin_agent import derive
from underpin_agent.mountinfo import covering, parse, unescape

ID = "ab" * 32
OTHER = "cd" * 32


def mount(line):
    return parse(line)[0]


HOST = parse(
    "\n".join(
        [
            "22 1 8:1 / / rw - ext4 /dev/sda1 rw",
            "23 22 0:21 / /proc rw - proc proc rw",
            "24 22 0:22 / /sys rw - sysfs sysfs rw",
            "25 22 0:23 / /dev rw - devtmpfs dev rw",
            "26 25 0:24 / /dev/shm rw - tmpfs tmpfs rw",
            "27 22 0:25 / /run rw - tmpfs tmpfs rw",
            "28 22 8:1 /srv/data /mnt/data rw - ext4 /dev/sda1 rw",
            "29 22 0:99 / /var/lib/docker/containers/%s/mounts/shm rw - tmpfs shm rw" % ID,
        ]
    )
)


# ---- capabilities and ids ---------------------------------------------------------------------


def test_capabilities_are_names_because_full_masks_differ_per_kernel():
    """Trap 4."""
    assert derive.capability_names(1 << 21) == ["CAP_SYS_ADMIN"]
    full_old, full_new = (1 << 38) - 1, (1 << 41) - 1
    assert set(derive.capability_names(full_new)) - set(derive.capability_names(full_old)) == {
        "CAP_PERFMON",
        "CAP_BPF",
        "CAP_CHECKPOINT_RESTORE",
    }


def test_a_capability_newer_than_the_agent_keeps_its_number():
    assert derive.capability_names(1 << 45) == ["CAP_45"]


def test_the_bounding_set_is_reachable_unless_no_process_can_gain_privileges():
    reach = derive.reachable_capabilities
    assert reach(["CAP_KILL"], ["CAP_CHOWN"], no_new_privileges=False) == ["CAP_CHOWN", "CAP_KILL"]
    assert reach(["CAP_KILL"], ["CAP_CHOWN"], no_new_privileges=True) == ["CAP_KILL"]


def test_root_inside_is_the_host_id_behind_0():
    rows = [
        {"inside": 1, "host_start": 5, "length": 9},
        {"inside": 0, "host_start": 7, "length": 1},
    ]
    assert derive.host_id_of_root(rows) == 7
    assert derive.host_id_of_root(rows[:1]) is None


@pytest.mark.parametrize(
    ("uids", "changed", "expected"),
    [
        ([0, 1000], {}, True),
        ([1000], {}, True),  # set-id files were not searched
        ([1000], {"set_id_files": []}, False),
        ([1000], {"set_id_files": ["/bin/su"]}, True),
        ([1000], {"no_new_privileges": True}, False),
        ([1000], {"bounding": ["CAP_CHOWN"]}, False),
        ([1000], {"initial": False}, False),
        ([0], {"initial": False}, True),
    ],
)
def test_root_on_the_host_runs_or_can_be_reached(uids, changed, expected):
    usual = {
        "initial": True,
        "no_new_privileges": False,
        "bounding": ["CAP_SETUID"],
        "set_id_files": None,
    }
    assert derive.root_on_host(uids, **{**usual, **changed}) is expected


# ---- mounts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("60 1 8:1 /etc /x rw - ext4 /dev/sda1 rw", "/etc"),
        ("60 1 8:1 / /x rw - ext4 /dev/sda1 rw", "/"),
        ("60 1 8:1 /srv/data/a /x rw - ext4 /dev/sda1 rw", "/mnt/data/a"),
        ("60 1 8:1 /srv/database /x rw - ext4 /dev/sda1 rw", "/srv/database"),
        ("60 1 0:25 /docker.sock /x rw - tmpfs tmpfs rw", "/run/docker.sock"),
        ("60 1 0:77 / /x rw - overlay overlay rw", ""),
        ("60 1 8:1 /gone//deleted /x rw - ext4 /dev/sda1 rw", "/gone"),
    ],
)
def test_the_host_path_is_translated_by_device_and_longest_root(line, expected):
    assert derive.host_path(mount(line), HOST) == expected


def role(line, path=None, kind="dir", empty=False, own_id=ID):
    one = mount(line)
    path = derive.host_path(one, HOST) if path is None else path
    return derive.mount_role(one, path=path, kind=kind, empty=empty, own_id=own_id)


DOCKER = "/var/lib/docker"


@pytest.mark.parametrize(
    ("line", "kind", "expected"),
    [
        ("60 1 0:77 / / rw - overlay overlay rw", "dir", "rootfs"),
        ("60 1 8:1 /etc /x rw - ext4 d rw", "dir", "host"),
        ("60 1 8:1 /x.sock /x rw - ext4 d rw", "socket", "socket"),
        ("60 1 0:23 /kvm /dev/kvm rw - devtmpfs d rw", "device", "device"),
        ("60 1 0:88 /null /proc/keys rw - tmpfs t rw", "null", "mask"),
        ("60 1 0:88 / /x rw - proc proc rw", "dir", "kernelfs"),
        ("60 1 0:88 / /dev/pts rw - devpts d rw", "dir", "kernelfs"),
        ("60 1 0:88 / /nfs rw - nfs4 s:/x rw", "dir", "remote"),
        ("60 1 0:88 / /ssh rw - fuse.sshfs s:/x rw", "dir", "remote"),
        ("60 1 0:88 / /scratch rw - tmpfs t rw", "dir", "tmpfs"),
        ("60 1 0:25 / /hostrun rw - tmpfs t rw", "dir", "host"),
        ("60 1 8:1 %s/volumes/v/_data /data rw - ext4 d rw" % DOCKER, "dir", "volume"),
        ("60 1 8:1 %s/volumes /data rw - ext4 d rw" % DOCKER, "dir", "host"),
        (
            "60 1 8:1 %s/containers/%s/hosts /etc/hosts rw - ext4 d rw" % (DOCKER, ID),
            "file",
            "runtime",
        ),
        ("60 1 8:1 /p/vfs-containers/%s/userdata/x /x rw - ext4 d rw" % ID, "file", "runtime"),
        (
            "60 1 8:1 /p/vfs-containers/%s/userdata/hosts /etc/hosts rw - ext4 d rw" % OTHER,
            "file",
            "runtime",
        ),
        ("60 1 8:1 /p/vfs-containers/%s/userdata /x rw - ext4 d rw" % OTHER, "dir", "host"),
        ("60 1 8:1 %s/containers/%s /other rw - ext4 d rw" % (DOCKER, OTHER), "dir", "host"),
        ("60 1 8:1 %s/containers /all rw - ext4 d rw" % DOCKER, "dir", "host"),
    ],
)
def test_the_role_of_a_mount(line, kind, expected):
    assert role(line, kind=kind) == expected


def test_an_empty_read_only_tmpfs_masks_a_kernel_path_only():
    assert role("60 1 0:88 / /sys/firmware ro - tmpfs t ro", empty=True) == "mask"
    assert role("60 1 0:88 / /sys/firmware ro - tmpfs t ro", empty=False) == "tmpfs"
    assert role("60 1 0:88 / /srv/x ro - tmpfs t ro", empty=True) == "tmpfs"


def test_the_engines_own_shm_is_a_runtime_file_and_no_host_memory():
    """Trap 10: compare paths, not only superblocks."""
    own = "60 1 0:99 / /dev/shm rw - tmpfs shm rw"
    assert role(own) == "runtime"
    assert "0:99" not in derive.shared_devices(HOST)
    host = "60 1 0:24 / /dev/shm rw - tmpfs tmpfs rw"
    assert (role(host), derive.host_path(mount(host), HOST)) == ("host", "/dev/shm")
    assert "0:24" in derive.shared_devices(HOST)


def test_another_containers_shm_at_another_place_is_a_host_path():
    assert role("60 1 0:99 / /spy rw - tmpfs shm rw", own_id=OTHER) == "host"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "root"),
        ("/etc", "etc"),
        ("/etc/ssl", "etc"),
        ("/etcetera", ""),
        ("/root/.ssh", "home"),
        ("/home/a", "home"),
        ("/usr/bin", "system"),
        ("/lib64", "system"),
        ("/libx32/a", "system"),
        ("/etc/kubernetes/pki", "kubernetes"),
        ("/var/lib/kubelet", "kubelet"),
        ("/var/lib/docker/overlay2", "storage"),
        ("/big/store/overlay2", "storage"),
        ("/var/log/audit", "logs"),
        ("/run/dbus", "run"),
        ("/dev/shm", "shm"),
        ("/dev/sda", "dev"),
        ("/tmp", "tmp"),
        ("/sys/fs/cgroup", "sys"),
        ("/proc", "proc"),
        ("/srv", ""),
        ("/var", "storage"),
        ("/big", "storage"),
        ("", ""),
    ],
)
def test_the_class_of_a_host_path(path, expected):
    assert derive.sensitive_class(path, "host", ["/big/store"]) == expected


@pytest.mark.parametrize("role_name", ["rootfs", "volume", "runtime", "tmpfs", "mask"])
def test_a_containers_own_storage_is_not_sensitive(role_name):
    assert derive.sensitive_class("/var/lib/docker/x", role_name) == ""


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("", "private"),
        (" master:3", "slave"),
        (" shared:3", "shared"),
        (" shared:3 master:1", "shared"),
    ],
)
def test_propagation(tags, expected):
    """Trap 6: what the host mounts later appears inside through slave propagation."""
    one = mount("60 1 8:1 / /x rw%s - ext4 d rw" % tags)
    assert derive.propagation(one) == expected


def test_a_read_only_bind_leaves_its_sub_mounts_writable():
    """Trap 5."""
    table = parse("60 1 8:1 / /host ro - ext4 d rw\n61 60 0:25 / /host/run rw - tmpfs t rw")
    assert [(one.point, one.read_only) for one in table] == [("/host", True), ("/host/run", False)]


def test_a_read_only_superblock_makes_a_mount_read_only():
    assert mount("60 1 8:1 / /x rw - ext4 d ro").read_only


def test_mount_points_with_odd_characters_are_read_as_they_are():
    assert unescape(r"/a\040b\011c\134d") == "/a b\tc\\d"
    assert mount(r"60 1 8:1 / /a\040b rw - ext4 d rw").point == "/a b"


def test_the_last_of_two_mounts_at_one_point_covers():
    table = parse("60 1 8:1 / /x rw - ext4 d rw\n61 60 8:2 / /x ro - ext4 d ro")
    assert covering(table, "/x/y").mount_id == 61


# ---- kernel paths and escape controls ---------------------------------------------------------

PROC = [
    "60 1 0:60 / / rw - overlay o rw",
    "61 60 0:61 / /proc rw - proc proc rw",
    "62 61 0:61 /sys /proc/sys ro - proc proc rw",
    "63 61 0:62 /null /proc/keys rw - tmpfs t rw",
    "64 60 0:64 / /sys ro - sysfs s ro",
]


@pytest.mark.parametrize(
    ("path", "exists", "expected"),
    [
        ("/proc/acpi", False, "absent"),
        ("/proc/keys", True, "masked"),
        ("/proc/sys", True, "readonly"),
        ("/proc/interrupts", True, "exposed"),
        ("/sys/firmware", True, "readonly"),
    ],
)
def test_the_state_of_a_kernel_path(path, exists, expected):
    table = parse("\n".join(PROC))
    assert derive.kernel_path_state(path, table, exists=exists, masks={"/proc/keys"}) == expected


def controls(lines, exists=lambda path: True):
    return derive.escape_control_paths(parse("\n".join(lines)), exists)


def test_a_covering_read_only_mount_protects_the_controls_below_it():
    assert controls(PROC) == [("sysrq_trigger", "/proc/sysrq-trigger")]


def test_writability_is_a_matter_of_mount_flags_not_of_asking():
    """Trap 7: write tests by programs say yes for root."""
    lines = [*PROC, "65 60 0:65 / /sys2 ro - sysfs s rw", "66 60 0:66 / /sys3 rw - sysfs s rw"]
    assert ("uevent_helper", "/sys3/kernel/uevent_helper") in controls(lines)
    assert ("uevent_helper", "/sys2/kernel/uevent_helper") not in controls(lines)


def test_controls_are_found_wherever_proc_is_mounted():
    lines = [*PROC, "67 60 0:61 / /deep/hproc rw - proc proc rw"]
    assert ("core_pattern", "/deep/hproc/sys/kernel/core_pattern") in controls(lines)


def test_a_control_that_the_kernel_lacks_is_no_way_out():
    lines = [*PROC, "67 60 0:61 / /hproc rw - proc proc rw"]
    found = controls(lines, exists=lambda path: "modprobe" not in path)
    assert not [row for row in found if row[0] == "modprobe"]


def test_a_group_below_the_root_has_no_release_agent():
    lines = ["60 1 0:60 / / rw - overlay o rw", "61 60 0:70 /docker/x /cg rw - cgroup c rw,memory"]
    assert controls(lines) == []
    lines[1] = "61 60 0:70 / /cg rw - cgroup c rw,memory"
    assert controls(lines) == [("release_agent", "/cg/release_agent")]


def test_a_bind_of_one_control_file_counts():
    lines = [PROC[0], "61 60 0:61 /sys/kernel/core_pattern /cp rw - proc proc rw"]
    assert controls(lines) == [("core_pattern", "/cp")]


@pytest.mark.parametrize(
    ("control", "on_host", "kernel", "admin", "expected"),
    [
        ("core_pattern", True, (6, 1), False, True),
        ("core_pattern", False, (6, 1), True, False),
        ("release_agent", True, (5, 16), False, True),
        ("release_agent", True, (5, 17), False, False),
        ("release_agent", True, (6, 1), True, True),
        ("release_agent", False, (5, 4), True, False),
    ],
)
def test_a_control_is_reachable_with_the_rights_for_it(control, on_host, kernel, admin, expected):
    found = derive.control_reachable(control, on_host=on_host, kernel=kernel, admin_initial=admin)
    assert found is expected


# ---- limits and logs --------------------------------------------------------------------------


def test_the_smallest_limit_of_the_path_holds():
    """Trap 20: the own file says unlimited while a parent limits."""
    rows = [("/a/b", None), ("/a", 100), ("/", None)]
    assert derive.minimum_over_path(rows) == (100, "/a")
    assert derive.minimum_over_path([("/a", 7), ("/", 9)]) == (7, "/a")
    assert derive.minimum_over_path([("/", None)]) == (None, "")


@pytest.mark.parametrize(
    ("driver", "options", "expected"),
    [
        ("json-file", {}, False),
        ("json-file", {"max-size": "10m"}, True),
        ("json-file", {"max-size": "-1"}, False),
        ("local", {}, True),
        ("journald", {}, True),
        ("gelf", {}, True),
        ("k8s-file", {}, False),
        ("k8s-file", {"max-size": "1000"}, True),
        ("homemade", {}, None),
    ],
)
def test_which_logs_rotate(driver, options, expected):
    assert derive.log_rotates(driver, options) is expected
