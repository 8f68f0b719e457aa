"""``runtimes[]``: who reaches an engine, over unix sockets and over the network."""

import ipaddress
import posixpath
import stat

from ..reading import Absent, ReadFailed
from .sockets import LISTEN, is_loopback, parse_inet
from .unix_sockets import socket_inodes


def gather(row, context, engine):
    """Store sockets and tcp_listeners."""
    if engine.sockets_failure is None:
        row.store("sockets", socket_rows(row, context.host, engine.sockets))
    else:
        row.failed("sockets", engine.sockets_failure)
    if engine.kind == "podman" and not engine.processes:
        row.store("tcp_listeners", [])
        return
    row.fact("tcp_listeners", lambda: tcp_listeners(context.host, engine))


def socket_rows(row, host, paths):
    """Owner and reach of each listening socket."""
    names, rows = group_names(host), []
    for path in paths:
        item = row.item("sockets")
        item.store("path", path)
        try:
            info = host.stat(path)
            closed = any(not mode & stat.S_IXOTH for mode in _parent_modes(host, path))
        except ReadFailed as failure:
            item.failed("uid", failure)
            continue
        item.store("uid", info.st_uid)
        item.store("gid", info.st_gid)
        if info.st_gid in names:
            item.store("group", names[info.st_gid])
        else:
            item.missing("group", "no group of the host has that number")
        # connect(2) needs the write bit only (unix(7)).
        item.store("group_read_write", bool(info.st_mode & stat.S_IWGRP))
        item.store("other_read_write", bool(info.st_mode & stat.S_IWOTH) and not closed)
        rows.append(item.facts)
    return rows


def _parent_modes(host, path):
    folder = posixpath.dirname(path)
    while folder not in ("/", ""):
        yield host.stat(folder).st_mode
        folder = posixpath.dirname(folder)


def group_names(host):
    """``{gid: name}`` of /etc/group; empty when it cannot be read."""
    try:
        rows = [line.split(":") for line in host.lines("/etc/group")]
    except ReadFailed:
        return {}
    return {int(row[2]): row[0] for row in reversed(rows) if len(row) > 2 and row[2].isdigit()}


def tcp_listeners(host, engine):
    """The TCP addresses the engine was told to serve and really listens on. Raises ReadFailed."""
    ports = configured_ports(engine)
    if not ports:
        return []
    found = set()
    for process in engine.processes:
        inodes = socket_inodes(host, process.pid)
        for name in ("tcp", "tcp6"):
            for one in _table(host, process.pid, name):
                if one.state == LISTEN and one.inode in inodes and one.port in ports:
                    found.add((one.address, one.port))
    tls = _tls(engine)
    return [
        {
            "address": address,
            "port": port,
            "loopback": is_loopback(address),
            "tls": tls[0],
            "verifies_clients": tls[1],
        }
        for address, port in sorted(found)
    ]


def _table(host, pid, name):
    try:
        return parse_inet(host.read("/proc/%d/net/%s" % (pid, name), 8_388_608))
    except Absent:
        if name == "tcp":
            raise
        return []  # built or started without IPv6


def configured_ports(engine):
    """Ports of ``tcp://`` addresses among the engine's settings; 2375 or 2376 without a number."""
    default = 2376 if _tls(engine)[0] else 2375
    addresses = engine.all_of("host", "hosts") if engine.kind == "docker" else []
    if engine.kind == "podman":
        words = [word for process in engine.processes for word in process.arguments()]
        addresses = [word for word in words if word.startswith("tcp:")]
    if engine.kind == "containerd":
        addresses = ["tcp://" + str(engine.file.get("grpc.tcp_address") or "")]
    ports = set()
    for address in addresses:
        scheme, _, rest = address.partition("://")
        if scheme == "tcp" and (rest or engine.kind == "docker"):
            number = rest.partition("/")[0].rpartition(":")[2]
            ports.add(int(number) if number.isdigit() else default)
    return ports


def _tls(engine):
    """``(encrypted, clients verified)`` of the TCP door: ``--tlsverify`` implies ``--tls``."""
    if engine.kind == "containerd":
        encrypted = bool(engine.file.get("grpc.tcp_tls_cert"))
        return encrypted, encrypted and bool(engine.file.get("grpc.tcp_tls_ca"))
    verifies = engine.switch("tlsverify", default=False)
    return verifies or engine.switch("tls", default=False), verifies


def is_off_loopback(address):
    """Whether ``host:port`` is reachable from elsewhere; an empty host means everywhere."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"
