"""Facts that only a process inside a network namespace can read.

``/proc/<pid>/root/proc/sys/net`` and ``/sys/class/net`` may show the reader's namespace, so one
forked child enters each namespace with setns(2), asks rtnetlink(7), reads the settings and writes
one JSON line per namespace into a pipe. The agent itself never changes its namespace.
"""

import errno
import json
import os
import select
import signal
import socket
import struct
import time

CLONE_NEWNET = 0x4000_0000
RTM_GETLINK, RTM_NEWLINK, NLMSG_DONE, NLMSG_ERROR = 18, 16, 3, 2  # linux/rtnetlink.h
NLM_F_REQUEST_DUMP = 0x301
IFLA_ADDRESS, IFLA_IFNAME, IFLA_LINK, IFLA_MASTER, IFLA_LINKINFO = 1, 3, 5, 10, 18
IFLA_PARENT_DEV_NAME, IFLA_INFO_KIND = 56, 1
ARPHRD_LOOPBACK = 772
MAX_ANSWER = 4_194_304
WALL_SECONDS = 5.0


def read_namespaces(paths, sysctls):
    """``{key: {"links": […], "sysctl": {…}} or {"error": errno name}}`` for ``{key: path}``.

    ``paths`` are namespace files such as ``/proc/4242/ns/net``. A key without answer (the child
    died or took over five seconds) is missing.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(reader, writer, paths, sysctls)
    os.close(writer)
    try:
        text = _read_all(reader)
    finally:
        os.close(reader)
        _end(pid)
    found = {}
    for line in text.split(b"\n"):
        try:
            key, answer = json.loads(line)
        except ValueError:
            continue
        found[key] = answer
    return found


def _child(reader, writer, paths, sysctls):
    status = 1
    try:
        os.close(reader)
        signal.alarm(int(WALL_SECONDS))
        enter = entering()
        for key, path in paths.items():
            line = json.dumps([key, _answer(enter, path, sysctls)]).encode() + b"\n"
            while line:
                line = line[os.write(writer, line) :]
        status = 0
    finally:
        os._exit(status)


def _answer(enter, path, sysctls):
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            enter(fd)
        finally:
            os.close(fd)
        return {"links": links(), "sysctl": {name: _sysctl(name) for name in sysctls}}
    except OSError as error:
        return {"error": errno.errorcode.get(error.errno, str(error.errno))}


def entering():
    """``setns(fd, CLONE_NEWNET)``; ctypes is the only way before Python 3.12."""
    if hasattr(os, "setns"):
        return lambda fd: os.setns(fd, CLONE_NEWNET)
    import ctypes  # noqa: PLC0415 one megabyte that only the child pays

    library = ctypes.CDLL(None, use_errno=True)

    def enter(fd):
        if library.setns(fd, CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    return enter


def links():
    """Links of the present network namespace with their IPv6 settings."""
    found = []
    for row in parse_links(_dump()):
        folder = "net/ipv6/conf/%s/" % row["name"]
        row["disable_ipv6"] = _setting(folder + "disable_ipv6")
        row["accept_ra"] = _setting(folder + "accept_ra")
        found.append(row)
    return found


def _dump():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as door:
        door.settimeout(WALL_SECONDS)
        body = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, 0, 0, 0)
        head = struct.pack("=IHHII", 16 + len(body), RTM_GETLINK, NLM_F_REQUEST_DUMP, 1, 0)
        door.send(head + body)
        parts = []
        while True:
            part = door.recv(262_144)
            parts.append(part)
            if any(kind in (NLMSG_DONE, NLMSG_ERROR) for kind, _body in messages(part)):
                return b"".join(parts)


def messages(raw):
    """``(type, body)`` of each netlink message (netlink(7))."""
    while len(raw) >= 16:
        length, kind = struct.unpack_from("=IH", raw)
        if length < 16 or length > len(raw):
            return
        yield kind, raw[16:length]
        raw = raw[(length + 3) & ~3 :]


def attributes(raw):
    """``{type: bytes}`` of route attributes."""
    found = {}
    while len(raw) >= 4:
        length, kind = struct.unpack_from("=HH", raw)
        if length < 4 or length > len(raw):
            break
        found[kind & 0x3FFF] = raw[4:length]
        raw = raw[(length + 3) & ~3 :]
    return found


def parse_links(raw):
    """Rows of RTM_NEWLINK messages."""
    rows = []
    for kind, body in messages(raw):
        if kind != RTM_NEWLINK or len(body) < 16:
            continue
        hardware, index = struct.unpack_from("=HI", body, 2)
        found = attributes(body[16:])
        info = attributes(found.get(IFLA_LINKINFO, b""))
        kind_name = info.get(IFLA_INFO_KIND, b"").rstrip(b"\0").decode("ascii", "replace")
        loopback = hardware == ARPHRD_LOOPBACK
        rows.append(
            {
                "name": found.get(IFLA_IFNAME, b"")
                .rstrip(b"\0")
                .decode("utf-8", "backslashreplace"),
                "index": index,
                "kind": kind_name,
                "loopback": loopback,
                # Every virtual link has a kind; hardware drivers register none (rtnl_link_ops).
                "physical": IFLA_PARENT_DEV_NAME in found or (not kind_name and not loopback),
                "peer": _integer(found.get(IFLA_LINK)),
                "master": _integer(found.get(IFLA_MASTER)),
                "address": found.get(IFLA_ADDRESS, b"").hex(":"),
            }
        )
    return rows


def _integer(raw):
    return struct.unpack("=I", raw)[0] if raw and len(raw) == 4 else 0


def _sysctl(name):
    value = _setting(name.replace(".", "/"))
    return "<absent>" if value is None else value


def _setting(path):
    try:
        with open("/proc/sys/" + path) as file:
            return " ".join(file.read(4096).split())
    except OSError:
        return None


def _read_all(reader):
    parts, size, end = [], 0, time.monotonic() + WALL_SECONDS
    while size < MAX_ANSWER:
        ready, _, _ = select.select([reader], [], [], max(0.0, end - time.monotonic()))
        part = os.read(reader, 65_536) if ready else b""
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _end(pid):
    done, _status = os.waitpid(pid, os.WNOHANG)
    if done == 0:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
