"""Derived fields of facts.md section 5 that the agent computes: pure functions, no reading."""

import re

from .mountinfo import below, covering

CAPABILITIES = (  # noqa: SIM905 forty words read better in rows
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
    "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO "
    "SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME "
    "SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG "
    "WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
).split()  # include/uapi/linux/capability.h, in the order of the bits

REMOTE = {
    *("nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "virtiofs", "lustre", "beegfs", "afs"),
    *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone"),
}
KERNEL_FILESYSTEMS = {
    *("proc", "sysfs", "cgroup", "cgroup2", "devpts", "devtmpfs", "mqueue", "debugfs", "tracefs"),
    *("securityfs", "selinuxfs", "bpf", "configfs", "efivarfs", "pstore", "binfmt_misc", "nsfs"),
    *("hugetlbfs", "fusectl", "rpc_pipefs", "resctrl", "autofs", "smackfs"),
}
FILESYSTEM_ROLES = {
    **dict.fromkeys(KERNEL_FILESYSTEMS, "kernelfs"),
    **dict.fromkeys(REMOTE, "remote"),
}
SENSITIVE = (
    *((store, "storage") for store in ("/var/lib/docker", "/var/lib/containers")),
    *((store, "storage") for store in ("/var/lib/containerd", "/var/lib/rancher")),
    ("/etc/kubernetes", "kubernetes"),
    ("/var/lib/kubelet", "kubelet"),
    ("/etc", "etc"),
    *((home, "home") for home in ("/home", "/root")),
    *((path, "system") for path in ("/usr", "/bin", "/sbin", "/boot", "/opt")),
    *((path, "system") for path in ("/lib", "/lib32", "/lib64", "/libx32")),
    ("/var/log", "logs"),
    *((path, "run") for path in ("/run", "/var/run")),
    ("/dev/shm", "shm"),  # noqa: S108 a class of host paths, not a file of this program
    *((path, "tmp") for path in ("/tmp", "/var/tmp")),  # noqa: S108 as above
    ("/proc", "proc"),
    ("/sys", "sys"),
    ("/dev", "dev"),
)
ENGINE_FILE = re.compile(
    r"/containers/[0-9a-f]{64}/|/\w+-containers/[0-9a-f]{64}/userdata|/sandboxes/[0-9a-f]{64}/"
    r"|/kubelet/pods/[^/]+/(?:etc-hosts$|containers/)"
)
# podman's is named after its driver
ENGINE_FOLDER = re.compile(r"/(?:(?:\w+-)?containers|sandboxes)/([0-9a-f]{64})(?=/)")
ENGINE_PRIVATE = re.compile(
    r"/(?:overlay2?|aufs|vfs|btrfs)/.*[0-9a-f]{64}|/io\.containerd\.|/netns/"
)
LIBRARIES = re.compile(r"/lib[^/]*(?:/|$)")
ENGINE_POINTS = {
    *("/etc/resolv.conf", "/etc/hostname", "/etc/hosts", "/dev/shm", "/run/.containerenv"),  # noqa: S108
    *("/run/secrets", "/dev/termination-log", "/dev/mqueue", "/run/.toolboxenv"),
}
ENGINE_INIT = {"/sbin/docker-init", "/dev/init", "/run/podman-init"}
VOLUME = re.compile(r"/volumes/(?:[^/]+/)+_data(?:/|$)|/kubelet/pods/[^/]+/volumes/")
LONG_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
CONTROLS = {
    "proc": {
        "core_pattern": "/sys/kernel/core_pattern",
        "modprobe": "/sys/kernel/modprobe",
        "poweroff_cmd": "/sys/kernel/poweroff_cmd",
        "sysrq": "/sys/kernel/sysrq",
        "sysrq_trigger": "/sysrq-trigger",
    },
    "sysfs": {"uevent_helper": "/kernel/uevent_helper"},
    "cgroup": {"release_agent": "/release_agent"},
    "binfmt_misc": {"binfmt_misc": "/register"},
}
UNSHARED_RELEASE_AGENT = (5, 17)  # since then its write needs SYS_ADMIN in the initial namespace


def capability_names(mask):
    """Sorted names of a capability mask; names compare across kernels, masks do not."""
    names, bit = [], 0
    while mask >> bit:
        if mask >> bit & 1:
            known = bit < len(CAPABILITIES)
            names.append("CAP_" + (CAPABILITIES[bit] if known else str(bit)))
        bit += 1
    return sorted(names)


def reachable_capabilities(effective, bounding, *, no_new_privileges):
    """Effective, plus the bounding set unless no process can gain privileges."""
    return sorted(set(effective) | (set() if no_new_privileges else set(bounding)))


def host_id_of_root(uid_map):
    """The host uid that uid 0 inside maps to, or None."""
    for row in uid_map:
        if row["inside"] == 0 and row["length"] > 0:
            return row["host_start"]
    return None


def root_on_host(uids, *, initial, no_new_privileges, bounding, set_id_files):
    """Host uid 0 runs, or a set-id file could give it. ``set_id_files`` None: not searched."""
    if 0 in uids:
        return True
    climb = initial and not no_new_privileges and "CAP_SETUID" in bounding
    return climb and (set_id_files is None or bool(set_id_files))


def host_path(mount, host_mounts):
    """Where the host sees ``mount``: longest root prefix on the device, then point and rest."""
    root = mount.root[: -len("//deleted")] if mount.root.endswith("//deleted") else mount.root
    best = None
    for one in host_mounts:
        fits = one.device == mount.device and below(root, one.root)
        if fits and (best is None or len(one.root) > len(best.root)):
            best = one
    if best is None:
        return ""
    rest = root[len(best.root.rstrip("/")) :].strip("/")
    return (best.point.rstrip("/") + ("/" + rest if rest else "")) or "/"


def shared_devices(host_mounts):
    """Devices of the host's own mounts. What an engine mounts for one container is not shared:
    its shm below the engine's folder only looks like host memory."""
    return {one.device for one in host_mounts if not _engine_private(one.point)}


def _engine_private(point):
    return bool(ENGINE_FILE.search(point + "/") or ENGINE_PRIVATE.search(point))


def mount_role(mount, *, path, kind, empty, own_id):
    """The role of one mount of a container.

    ``path`` is its host path, ``kind`` the node at its point (dir, file, socket, device, null),
    ``empty`` whether it is an empty folder. A tmpfs that no host mount shows is private.
    """
    if mount.point == "/":
        return "rootfs"
    if _is_mask(mount, kind=kind, empty=empty):
        return "mask"
    if kind in ("socket", "device", "null"):
        return "socket" if kind == "socket" else "device"
    if mount.filesystem in FILESYSTEM_ROLES:
        return FILESYSTEM_ROLES[mount.filesystem]
    if _is_engine_file(mount.point, path, own_id):
        return "runtime"
    if VOLUME.search(path):
        return "volume"
    return "tmpfs" if mount.filesystem in ("tmpfs", "ramfs") and not path else "host"


def _is_mask(mount, *, kind, empty):
    over_kernel = below(mount.point, "/proc") or below(mount.point, "/sys")
    if kind == "null":
        return mount.point != "/dev/null"
    return over_kernel and empty and mount.filesystem == "tmpfs" and mount.read_only


def _is_engine_file(point, path, own_id):
    if own_id and own_id in ENGINE_FOLDER.findall(path + "/"):
        return True
    return point in ENGINE_INIT or (point in ENGINE_POINTS and bool(ENGINE_FILE.search(path)))


def sensitive_class(path, role, stores=()):
    """The class of a host path, ``""`` when none; a folder that holds a store counts as one."""
    if role in ("rootfs", "mask", "runtime", "volume", "tmpfs", "remote") or not path:
        return ""
    if path == "/":
        return "root"
    table = (*((store, "storage") for store in stores), *SENSITIVE)
    inside = [(len(folder), name) for folder, name in table if below(path, folder)]
    if inside:
        return max(inside, key=lambda row: row[0])[1]
    if LIBRARIES.match(path):
        return "system"
    holds = [name for folder, name in table if below(folder, path)]
    return holds[0] if holds else ""


def propagation(mount):
    """private, shared or slave; a mount that is both passes its own mounts on: shared."""
    if any(tag.startswith("shared:") for tag in mount.tags):
        return "shared"
    return "slave" if any(tag.startswith("master:") for tag in mount.tags) else "private"


def without_ids(text):
    """64-digit ids replaced, so that replicas have equal text."""
    return LONG_ID.sub("<id>", text)


def kernel_path_state(path, mounts, *, exists, masks):
    """absent, masked, readonly or exposed; ``masks`` are the points of role mask."""
    if not exists:
        return "absent"
    cover = covering(mounts, path)
    if cover is not None and cover.point == path and path in masks:
        return "masked"
    return "readonly" if cover is not None and cover.read_only else "exposed"


def escape_control_paths(mounts, exists):
    """``[(control, path)]`` writable by mount flags; ``exists`` looks inside the container."""
    found = set()
    for mount in mounts:
        if mount.read_only:
            continue
        for control, inner in CONTROLS.get(mount.filesystem, {}).items():
            if not below(inner, mount.root):
                continue
            path = mount.point.rstrip("/") + inner[len(mount.root.rstrip("/")) :]
            if covering(mounts, path) is mount and exists(path):
                found.add((control, path))
    return sorted(found)


def control_reachable(control, *, on_host, kernel, admin_initial):
    """True when the container's rights suffice; ``admin_initial``: SYS_ADMIN, initial userns."""
    if control == "release_agent":
        return on_host and (kernel < UNSHARED_RELEASE_AGENT or admin_initial)
    return on_host


def minimum_over_path(values):
    """``(minimum, group)`` of ``[(group, value or None)]`` from the own group upwards."""
    best, holder = None, ""
    for group, value in values:
        if value is not None and (best is None or value < best):
            best, holder = value, group
    return best, holder


def log_rotates(driver, options):
    """True when the driver bounds its files; None for a driver the rule does not name."""
    if driver == "json-file":
        return options.get("max-size", "-1") not in ("", "-1")
    if driver == "k8s-file":
        return bool(options.get("max-size"))
    if driver in ("local", "journald", "none", "passthrough"):
        return True
    remote = ("syslog", "gelf", "fluentd", "awslogs", "splunk", "gcplogs", "logentries", "etwlogs")
    return True if driver in remote else None
