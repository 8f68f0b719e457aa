"""What all containers of one host share, read once per collection."""

import re

from .. import derive, mountinfo, namespaces
from ..collectors.bridges import bridge_networks
from ..collectors.engine_api import get_json
from ..collectors.engines import find_engines
from ..enrichment import docker
from ..reading import ReadFailed
from .control_groups import GroupTree
from .host_sockets import listening_runtime_sockets

NUMBER = re.compile(r"\d+")
SESSION = re.compile(r" _ses\.([0-9a-f]{64}):")
COLUMNS = re.compile(r"\s{2,}")


class HostView:
    """The host's side of every comparison. Reading failures leave ``None`` or empty values."""

    def __init__(self, context):
        self.context = context
        self.host = context.host
        self.mounts = _or(lambda: mountinfo.read_host_mounts(self.host), [])
        self.devices = derive.shared_devices(self.mounts)
        self.mounts_of = {}  # device: its mounts on the host
        for mount in self.mounts:
            self.mounts_of.setdefault(mount.device, []).append(mount)
        outside = self._outside()
        self.engines = docker.engines(self.host, outside)
        self.stores = tuple(sorted({engine.data_root.rstrip("/") for engine in self.engines}))
        self.groups = GroupTree(self.host, self.mounts)
        self.kernel = self._kernel()
        self.filesystems = self._filesystems()
        self.online_cpus = cpu_list(
            _or(lambda: self.host.line("/sys/devices/system/cpu/online"), "")
        )
        self.boot_time = self._boot_time()
        self.majors, self.misc = self._device_names()
        self.session_keyrings = self._session_keyrings()
        self.init_limits = _or(lambda: parse_limits(self.host.read("/proc/1/limits")), {})
        self.sockets, self.sockets_failure = listening_runtime_sockets(self.host, outside)
        if self.sockets is not None and self.sockets_failure is not None:
            told = (path for engine in find_engines(context) for path in engine.sockets)
            self.sockets = sorted({*self.sockets, *told})
        self.docker_networks = None  # asked for by networks()
        self.scan_seconds = 0.0  # CPU that walks through containers took in this collection
        self.socket_tables = {}  # (network namespace, table): text
        self.own_user_initial = self._own_user_initial()

    def networks(self):
        """``{network id or bridge: network}`` of docker; asked only when a container has one."""
        if self.docker_networks is None:
            self.docker_networks = {}
            for engine in find_engines(self.context):
                if engine.kind == "docker" and engine.sockets:
                    self.docker_networks.update(_asked_networks(self.host, engine.sockets[0]))
        return self.docker_networks

    def inspected(self, container_id):
        """``(pid of the engine, its answer)`` of the first docker engine that knows the id."""
        for engine in find_engines(self.context):
            if engine.kind == "docker" and engine.sockets:
                path = "/containers/%s/json" % container_id
                found = _or(lambda: get_json(self.host, engine.sockets[0], path), None)  # noqa: B023 called at once
                if found is not None:
                    return engine.processes[0].pid, found
        return 0, None

    def runtime_key(self, claim):
        """The key of the runtime that claims a container: several may be of one kind."""
        if claim.engine_pid:
            for engine in find_engines(self.context):
                if claim.engine_pid in (process.pid for process in engine.processes):
                    return engine.key
        return claim.runtime

    def _outside(self):
        """Processes of no container: one inside may call itself dockerd and lie about its files."""
        containers = self.context.discovery.containers
        inside = {process.pid for found in containers for process in found.processes}
        return [process for process in self.context.processes if process.pid not in inside]

    def age_seconds(self, process):
        """Seconds since the process started."""
        return self.context.processes.age_seconds(process)

    def _kernel(self):
        release = _or(lambda: self.host.line("/proc/sys/kernel/osrelease"), "")
        return tuple(int(number) for number in NUMBER.findall(release)[:2])

    def _filesystems(self):
        text = _or(lambda: self.host.read("/proc/filesystems"), "")
        return {line.split("\t")[-1] for line in text.split("\n")}

    def _boot_time(self):
        for line in _or(lambda: self.host.lines("/proc/stat", 4_194_304), []):
            if line.startswith("btime "):
                return int(line.split()[1])
        return None

    def _device_names(self):
        majors, kind = {}, "c"
        for line in _or(lambda: self.host.lines("/proc/devices"), []):
            if line.startswith("Block"):
                kind = "b"
            parts = line.split()
            if len(parts) == 2 and parts[0].isdigit():
                majors.setdefault((kind, int(parts[0])), parts[1])
        rows = (line.split() for line in _or(lambda: self.host.lines("/proc/misc"), []))
        misc = {int(row[0]): row[1] for row in rows if len(row) == 2 and row[0].isdigit()}
        return majors, misc

    def _session_keyrings(self):
        """Container ids with a session keyring of the runtime, or None when keys are not shown."""
        try:
            text = self.host.read("/proc/keys", 4_194_304)
        except ReadFailed:
            return None
        return set(SESSION.findall(text))

    def _own_user_initial(self):
        own = namespaces.links(self.host, "self").get("user")
        known = self.context.discovery.host_inodes.get("user")
        return own is None or known is None or own == known


def _asked_networks(host, socket_path):
    try:
        rows = get_json(host, socket_path, "/networks")
    except ReadFailed:
        return {}
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return {**{str(row.get("Id")): row for row in rows}, **bridge_networks(rows)}


def _or(read, default):
    try:
        return read()
    except ReadFailed:
        return default


def cpu_list(text):
    """``[0, 1, 2, 5]`` of ``0-2,5`` (cpuset(7), list format)."""
    found = set()
    for part in text.replace("\n", "").split(","):
        first, _, last = part.strip().partition("-")
        if first.isdigit():
            found.update(range(int(first), int(last if last.isdigit() else first) + 1))
    return sorted(found)


def parse_limits(text):
    """``{name: (soft, hard)}`` of ``/proc/<pid>/limits``; None is unlimited."""
    found = {}
    for line in text.split("\n")[1:]:
        parts = COLUMNS.split(line.strip())
        if len(parts) >= 3:
            found[parts[0]] = tuple(int(word) if word.isdigit() else None for word in parts[1:3])
    return found
