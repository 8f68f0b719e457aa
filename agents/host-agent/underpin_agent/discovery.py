"""Containers from the kernel alone, without asking any runtime (facts.md section 3)."""

import re

from . import mountinfo, namespaces
from .reading import ReadFailed
from .record import Record

ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
CONMON_SCOPE = re.compile(r"(?:libpod|crio)-conmon-[0-9a-f]{64}")
KEY_DIGITS, ID_DIGITS = 12, 64
MAX_CONTAINERS = 800  # whose digests fit one index request
KEY = re.compile("[0-9a-f]{%d}" % KEY_DIGITS)
NETWORK = re.compile(r"net:\[\d+\]")
PARTNERS = ("pid", "network", "ipc", "uts")
SERVICE = re.compile(r"/(?:system|user)\.slice/(?:[^/]+/)*[^/]+\.service$")
NAMED_NETWORKS = ("/run/netns/", "/var/run/netns/")  # ip-netns(8)


class Supervisor(Record):
    """A containerd-shim or conmon with what its arguments say about its container."""

    process: object
    kind: str  # "shim" or "conmon"
    arguments: list
    folder: str  # working directory: the bundle of a shim

    def argument(self, *names):
        """The value after the first of ``names`` (``-id``, ``--id``), or ``""``."""
        for index, word in enumerate(self.arguments[:-1]):
            if word in names:
                return self.arguments[index + 1]
        return ""

    @property
    def container_id(self):
        """Id in the arguments; a shim that serves a pod names the sandbox only."""
        return self.argument("-id", "--id") if self.kind == "shim" else self.argument("-c", "--cid")


class Found(Record):
    """One container: its processes without zombies, and how the kernel showed it."""

    key: str
    id: str  # "" when only namespaces show it
    how: str  # "cgroup", "ancestry" or "namespaces"
    processes: list = list
    foreign: list = list  # in its mount namespace, not of its group
    leader: object = None
    supervisor: object = None


class Discovery(Record):
    """``stray`` holds processes of no container with a private namespace.

    ``unreadable`` counts user processes of no known container whose namespace links could not be
    read, so that nobody takes a short list of containers or strays for a complete one. PID 1 is
    not counted: it is the host.
    """

    reference_kind: str
    host_inodes: dict
    containers: list
    stray: list
    unreadable: int

    def private(self, process):
        """Sorted namespace types in which ``process`` differs from the host."""
        return private_types(process, self.host_inodes)


def private_types(process, host_inodes):
    """Types whose inode is known on both sides and differs."""
    return sorted(
        kind
        for kind, inode in process.namespaces.items()
        if kind in host_inodes and host_inodes[kind] != inode
    )


def container_id(cgroups):
    """The last group of 64 hex digits in any cgroup path, or ``""``; monitors do not count."""
    for _controllers, path in cgroups:
        if len(path) <= ID_DIGITS:
            continue  # most paths of the host
        found = ID.findall(CONMON_SCOPE.sub("", path))
        if found:
            return found[-1]
    return ""


def supervisors(processes):
    """``{pid: Supervisor}``. A process in a container may take such a name: it does not count."""
    found = {}
    for process in processes:
        kind = _supervisor_kind(process.comm)
        usable = kind and not process.kernel_thread and not process.zombie
        if usable and not container_id(process.cgroups):
            found[process.pid] = Supervisor(process, kind, process.arguments(), process.folder())
    return found


def _supervisor_kind(comm):
    if comm.startswith("containerd-shim"):
        return "shim"
    return "conmon" if comm in ("conmon", "conmonrs") else ""


def discover(host, processes):
    """The ``Discovery`` of one process table."""
    kind, inodes = namespaces.reference(host)
    named = named_networks(host)
    return classify(processes, supervisors(processes), kind, inodes, named=named)


def named_networks(host):
    """Inodes of the network namespaces that an administrator gave a name."""
    try:
        mounts = mountinfo.read_host_mounts(host)
    except ReadFailed:
        return frozenset()
    roots = [one.root for one in mounts if one.point.startswith(NAMED_NETWORKS)]
    return frozenset(int(root[5:-1]) for root in roots if NETWORK.fullmatch(root))


def classify(processes, known_supervisors, kind, inodes, *, named=frozenset()):
    """The pure part of ``discover``; ``named`` as ``named_networks``."""
    found, rest, unreadable = {}, [], 0
    for process in processes:
        if process.kernel_thread or process.zombie:
            continue
        if not _claimed(process, processes, known_supervisors, found):
            unreadable += process.namespaces_denied and process.pid != 1
            rest.append((process, _outermost(process, processes, inodes)))
    stray = _by_namespaces(rest, found, inodes, known_supervisors, named)
    containers = sorted(found.values(), key=lambda one: one.key)
    for container in containers:
        _choose_leader(container, processes, known_supervisors)
    return Discovery(kind, inodes, containers, stray, unreadable)


def _claimed(process, processes, known_supervisors, found):
    """Put the process into its container by control group, else by ancestry."""
    identity, how, first = container_id(process.cgroups), "cgroup", process
    if not identity:
        identity, first = _id_by_ancestry(process, processes, known_supervisors)
        how = "ancestry"
    key = _key(identity, first)
    if not key:
        return False
    container = found.setdefault(key, Found(key, identity, how))
    container.processes.append(process)
    return True


def _key(identity, process):
    short = identity[:KEY_DIGITS]
    if KEY.fullmatch(short):
        return short
    inode = process.namespaces.get("mount")
    return "ns-%d" % inode if identity and inode else ""  # a key must never be shared


def _id_by_ancestry(process, processes, known_supervisors):
    """Of the nearest ancestor whose parent is a supervisor: its own id, else the argument; and
    that ancestor, whose mount namespace is the container's."""
    chain = [process, *processes.ancestors(process)]
    for child, parent in zip(chain, chain[1:]):
        supervisor = known_supervisors.get(parent.pid)
        if supervisor is None:
            continue
        if not _entered(child, parent):
            break  # the runtime itself (runc, crun) before it becomes the container
        return container_id(child.cgroups) or supervisor.container_id, child
    return "", process


def _entered(child, supervisor):
    """True when the child has left the mount namespace of its supervisor. Without the right to
    see that, a PID namespace below the supervisor's proves it too."""
    mine, its = child.namespaces.get("mount"), supervisor.namespaces.get("mount")
    if mine is None or its is None:
        return len(child.ns_pids) > len(supervisor.ns_pids) > 0
    return mine != its


def _outermost(process, processes, inodes):
    """The first process of a private PID namespace on the way up from ``process``: programs that
    shield themselves inside a system container (LXC, nspawn) belong to that container."""
    own, first = process.namespaces.get("pid"), process
    if own is None or own == inodes.get("pid"):
        return process
    for parent in processes.ancestors(process):
        if parent.namespaces.get("pid") != own:
            break
        first = parent
    return first


def _by_namespaces(rest, found, inodes, known_supervisors, named):
    """Containers that only namespaces show; what is left with a private namespace is stray."""
    owned = {}
    for container in found.values():
        for process in container.processes:
            owned.setdefault(process.namespaces.get("mount"), container)
    owned.pop(inodes.get("mount"), None)
    owned.pop(None, None)
    stray = []
    for process, first in rest:
        private = private_types(process, inodes)
        mount = process.namespaces.get("mount")
        if mount in owned and "mount" in private:
            owned[mount].foreign.append(process)
            stray.append(process)
        elif (
            _looks_contained(private)
            and process.pid not in known_supervisors
            and not _of_the_host(process, private, named)
        ):
            key = "ns-%d" % first.namespaces.get("mount", mount)
            found.setdefault(key, Found(key, "", "namespaces")).processes.append(process)
        elif private:
            stray.append(process)
    return stray


def _looks_contained(private):
    return "mount" in private and any(kind in private for kind in PARTNERS)


def _of_the_host(process, private, named):
    """True for what only shields a program of the host: options of a systemd service such as
    PrivateTmp= with ProtectHostname= (systemd.exec(5)), and ``ip netns exec``, which mounts /sys
    anew. Both keep the host's processes and users in sight."""
    if "pid" in private or "user" in private:
        return False
    if any(SERVICE.search(path) for _controllers, path in process.cgroups):
        return True
    return set(private) <= {"mount", "network"} and process.namespaces.get("network") in named


def _choose_leader(container, processes, known_supervisors):
    """The supervisor's child, else the process that is PID 1 inside, else the oldest."""
    members = sorted(container.processes, key=lambda one: (one.start_ticks, one.pid))
    children = [one for one in members if one.ppid in known_supervisors]
    inits = [one for one in members if len(one.ns_pids) > 1 and one.ns_pids[-1] == 1]
    both = [one for one in children if one in inits]
    container.leader = (both or children or inits or members)[0]
    for one in [container.leader, *processes.ancestors(container.leader)]:
        if one.ppid in known_supervisors:
            container.supervisor = known_supervisors[one.ppid]
            return
