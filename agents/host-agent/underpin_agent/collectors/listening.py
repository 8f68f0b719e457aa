"""``network.listening[]`` and abstract sockets of the host's network namespace."""

import os
import re

from ..reading import Absent, ReadFailed
from .gathering import capped
from .sockets import LISTEN, UNCONNECTED, is_loopback, parse_inet

_CAP = 500
_MAX_BYTES = 16_777_216
_TABLES = (("tcp", LISTEN), ("tcp6", LISTEN), ("udp", UNCONNECTED), ("udp6", UNCONNECTED))
_AUTOBOUND = re.compile(r"@[0-9a-f]{5}\Z")  # unix(7): the kernel's own choice of a name
_RANDOM = re.compile(r"(?<=dbus-)[A-Za-z0-9]{6,}|[0-9a-f]{8,}|\d+")


def gather(gathering, context):
    """Store listening and abstract_sockets, read through PID 1 so that the host's are shown."""
    host = context.host
    try:
        found = _listening(host)
    except ReadFailed as failure:
        gathering.failed("listening", failure)
    else:
        owners = _owners(context, {inode for _, _, inode in found})
        _store_rows(gathering, found, owners)
    gathering.fact("abstract_sockets", lambda: abstract_names(_read(host, "unix")))


def _read(host, name):
    try:
        return host.read("/proc/1/net/" + name, _MAX_BYTES)
    except ReadFailed:
        return host.read("/proc/self/net/" + name, _MAX_BYTES)


def _listening(host):
    """``[(protocol, Inet, inode)]``; UDP only outside the range for outgoing traffic."""
    low, high = _outgoing_range(host)
    found = []
    for name, state in _TABLES:
        try:
            rows = parse_inet(_read(host, name))
        except Absent:
            continue  # built without IPv6
        for one in rows:
            is_answer = name.startswith("udp") and low <= one.port <= high
            if one.state == state and not is_answer:
                found.append((name[:3], one, one.inode))
    return found


def _outgoing_range(host):
    try:
        low, high = host.line("/proc/sys/net/ipv4/ip_local_port_range").split()
    except (ReadFailed, ValueError):
        return 32_768, 60_999
    return int(low), int(high)


def _owners(context, wanted):
    """``{inode: command}`` by one pass over the descriptors of the host's processes."""
    owners, home = {}, context.discovery.host_inodes.get("network")
    for process in context.processes:
        if len(owners) == len(wanted):
            break
        if process.kernel_thread or process.namespaces.get("network", home) != home:
            continue
        for inode in _held(context.host, process.pid) & wanted:
            owners.setdefault(inode, process.comm)
    return owners


def _held(host, pid):
    found = set()
    try:
        with host.folder("/proc/%d/fd" % pid) as folder:
            for name in os.listdir(folder.fd):
                target = _target(folder, name)
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    except (ReadFailed, OSError):
        pass  # it ended, or may not be inspected: its sockets stay without an owner
    return found


def _target(folder, name):
    try:
        return folder.link(name)
    except Absent:
        return ""  # closed meanwhile: the others still count


def listeners_of(context, command):
    """Addresses on which programs of that name listen for TCP. Raises ReadFailed."""
    tcp = [(one, inode) for protocol, one, inode in _listening(context.host) if protocol == "tcp"]
    owners = _owners(context, {inode for _, inode in tcp})
    return sorted({one.address for one, inode in tcp if owners.get(inode) == command})


def _store_rows(gathering, found, owners):
    rows = {}
    for protocol, one, inode in found:
        row = {
            "protocol": protocol,
            "address": one.address,
            "port": one.port,
            "loopback": is_loopback(one.address),
        }
        if inode in owners:
            row["command"] = owners[inode]
        else:
            gathering.missing("listening[].command", "owner not found", needs="CAP_SYS_PTRACE")
        rows[protocol, one.port, one.address, row.get("command", "")] = row
    ordered = [rows[key] for key in sorted(rows)]
    gathering.store("listening", capped(gathering, "listening", ordered, _CAP))


def abstract_names(text):
    """Distinct names with ``@`` of a /proc/<pid>/net/unix table, random parts as ``*``."""
    found = set()
    for line in text.splitlines()[1:]:
        fields = line.split(None, 7)
        if len(fields) == 8 and fields[7].startswith("@"):
            found.add(stable_name(fields[7]))
    return sorted(found)


def stable_name(name):
    """The name with what differs between two starts replaced: numbers, ids, random words."""
    if _AUTOBOUND.match(name):
        return "@*"
    return _RANDOM.sub("*", name)
