"""A whole host as files in a folder: /proc with processes, mount tables, control groups."""

import os
import shutil
from pathlib import Path

from underpin_agent.collection import build_context
from underpin_agent.containers import collect_containers

HOST = {
    "time": 4026531834,
    "cgroup": 4026531835,
    "pid": 4026531836,
    "user": 4026531837,
    "uts": 4026531838,
    "ipc": 4026531839,
    "mnt": 4026531832,
    "net": 4026531833,
}
KTHREAD_FLAGS, USER_FLAGS = 0x0020_8040, 0x0040_0100
CONTAINER_ID = "0123456789ab" + "c" * 52
OTHER_ID = "fedcba987654" + "d" * 52
HOST_MOUNTS = (
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
    "23 22 0:21 / /proc rw - proc proc rw",
    "24 22 0:22 / /sys rw - sysfs sysfs rw",
    "25 22 0:24 / /run rw shared:5 - tmpfs tmpfs rw,size=1024k",
)
V2_MOUNT = "30 24 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
V1_MOUNTS = tuple(
    "%d 24 0:%d / /sys/fs/cgroup/%s rw - cgroup cgroup rw,%s" % (31 + n, 31 + n, name, name)
    for n, name in enumerate(("memory", "cpu", "pids", "devices", "cpuset", "freezer", "blkio"))
)
ROOT_CAPS = "000001ffffffffff"
DOCKER_CAPS = "00000000a80425fb"
CONTAINER_MOUNTS = (
    "60 50 0:60 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/l/A:/l/B,upperdir=/u",
    "61 60 0:61 / /proc rw,nosuid,nodev,noexec - proc proc rw",
    "62 60 0:62 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755",
    "63 62 0:63 / /dev/shm rw,nosuid,nodev,noexec - tmpfs shm rw,size=65536k",
    "64 60 0:64 / /sys ro,nosuid,nodev,noexec - sysfs sysfs ro",
    "65 61 0:61 /sys /proc/sys ro,nosuid,nodev,noexec - proc proc rw",
)


class Tree:
    """Files below ``folder``; what is not written is absent on that host."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.write("/proc/sys/kernel/osrelease", "6.18.0\n")
        self.write("/proc/uptime", "100000.00 1.00\n")
        self.write("/proc/stat", "cpu 1 2 3\nbtime 1700000000\n")
        self.write("/sys/devices/system/cpu/online", "0-3\n")
        self.kernel_thread(2, "kthreadd")
        self.process(1, "init", ppid=0)
        self.mounts(1, *HOST_MOUNTS, V2_MOUNT)

    def write(self, path, text=""):
        """A file with its folders."""
        target = self.folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
        return target

    def link(self, path, target):
        """A symbolic link with its folders."""
        place = self.folder / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)

    def mounts(self, pid, *lines):
        """The mount table of one process."""
        self.write("/proc/%d/mountinfo" % pid, "\n".join(lines) + "\n")

    def kernel_thread(self, pid, comm, links=True):
        """A kernel thread with the host's namespaces."""
        self.write("/proc/%d/stat" % pid, stat_line(pid, comm, flags=KTHREAD_FLAGS))
        if links:
            self._namespaces(pid, HOST)

    def process(self, pid, comm, *, ppid=1, cgroup="/", namespaces=None, **more):
        """A user process. ``cgroup`` is a v2 path or the whole text of the file; ``namespaces``
        changes inodes of the host; ``more`` goes to ``status_text``, ``argv``, ``cwd``, ``state``,
        ``start``."""
        state, start = more.pop("state", "S"), more.pop("start", pid)
        argv, cwd = more.pop("argv", (comm,)), more.pop("cwd", "/")
        self.write("/proc/%d/stat" % pid, stat_line(pid, comm, ppid=ppid, state=state, start=start))
        text = cgroup if ":" in cgroup else "0::%s\n" % cgroup
        self.write("/proc/%d/cgroup" % pid, text)
        self.write("/proc/%d/cmdline" % pid, "\0".join(argv) + "\0")
        self.write("/proc/%d/status" % pid, status_text(pid, comm, **more))
        self.link("/proc/%d/cwd" % pid, cwd)
        (self.folder / "proc" / str(pid) / "fd").mkdir(exist_ok=True)
        kinds = {**HOST, **(namespaces or {})}
        if state == "Z":
            kinds = {"pid": kinds["pid"]}
        self._namespaces(pid, kinds)

    def container(
        self, pid, *, container_id=CONTAINER_ID, shim=None, mounts=CONTAINER_MOUNTS, **more
    ):
        """The first process of a container with namespaces of its own and an empty root."""
        more.setdefault("cgroup", "/docker/" + container_id)
        base = 4026532000 + pid * 10
        own = {kind: base + n for n, kind in enumerate(("pid", "mnt", "ipc", "uts", "net"))}
        more["namespaces"] = {**own, **more.get("namespaces", {})}
        more.setdefault("ns_pids", (pid, 1))
        self.process(pid, more.pop("comm", "app"), ppid=shim or 1, **more)
        self.mounts(pid, *mounts)
        for name, text in (
            ("uid_map", "         0          0 4294967295\n"),
            ("setgroups", "allow\n"),
            ("limits", LIMITS),
            ("oom_score_adj", "0\n"),
        ):
            self.write("/proc/%d/%s" % (pid, name), text)
        root = self.folder / "proc" / str(pid) / "root"
        root.mkdir(exist_ok=True)
        return root

    def remove(self, pid):
        """End a process."""
        shutil.rmtree(self.folder / "proc" / str(pid))

    def shim(self, pid, container_id=CONTAINER_ID, namespace="moby", bundle="/bundle"):
        """A containerd-shim whose working folder is ``bundle``."""
        argv = ("/usr/bin/containerd-shim-runc-v2", "-namespace", namespace, "-id", container_id)
        self.process(pid, "containerd-shim", argv=argv, cwd=bundle)
        (self.folder / bundle.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def context(self):
        """The context of one collection over this tree."""
        return build_context(str(self.folder))

    def containers(self):
        """``{key: all facts of the container}``, and under ``"unknown"`` ``{path: reason}``."""
        found = {}
        for row in collect_containers(self.context()):
            unknowns = row["identity"]["unknowns"] + row["posture"]["unknowns"]
            facts = {**row["identity"]["facts"], **row["posture"]["facts"]}
            facts["unknown"] = {entry["path"][13:]: entry["reason"] for entry in unknowns}
            found[row["key"]] = facts
        return found

    def _namespaces(self, pid, kinds):
        folder = self.folder / "proc" / str(pid) / "ns"
        folder.mkdir(parents=True, exist_ok=True)
        for kind, inode in kinds.items():
            os.symlink("%s:[%d]" % (kind, inode), folder / kind)


def stat_line(pid, comm, *, ppid=1, state="S", flags=USER_FLAGS, start=None):
    """``/proc/<pid>/stat`` with the fields the agent reads."""
    rest = [state, ppid, pid, pid, 0, -1, flags, *[0] * 12, start if start is not None else pid]
    return "%d (%s) %s 0 0\n" % (pid, comm, " ".join(map(str, rest)))


def status_text(pid, comm, **more):
    """``/proc/<pid>/status``; ``more``: ``uids``, ``caps``, ``nnp``, ``seccomp``, ``ns_pids`` …"""
    uids = more.get("uids", (0, 0, 0, 0))
    caps = more.get("caps", DOCKER_CAPS)
    rows = {
        "Name": comm,
        "TracerPid": more.get("tracer", 0),
        "Uid": "\t".join(map(str, uids)),
        "Gid": "\t".join(map(str, more.get("gids", (0, 0, 0, 0)))),
        "Groups": "",
        "NSpid": "\t".join(map(str, more.get("ns_pids", (pid,)))),
        "SigBlk": more.get("blocked", "0" * 16),
        "SigIgn": more.get("ignored", "0" * 16),
        "SigCgt": more.get("caught", "0" * 16),
        "CapInh": "0" * 16,
        "CapPrm": caps,
        "CapEff": caps,
        "CapBnd": more.get("bounding", caps),
        "CapAmb": "0" * 16,
        "NoNewPrivs": more.get("nnp", 0),
        "Seccomp": more.get("seccomp", 0),
        "Speculation_Store_Bypass": "thread vulnerable",
        "Cpus_allowed_list": more.get("cpus", "0-3"),
        "Mems_allowed_list": "0",
    }
    return "".join("%s:\t%s\n" % row for row in rows.items())


LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max core file size        0                    unlimited            bytes
Max processes             1000                 1000                 processes
Max open files            1024                 524288               files
Max locked memory         65536                65536                bytes
"""
