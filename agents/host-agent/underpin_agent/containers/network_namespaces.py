"""Facts that only a process inside a network namespace can read.

``/proc/<pid>/root/proc/sys/net`` and ``/sys/class/net`` may show the reader's namespace, so the
reading thread enters each namespace with setns(2), asks rtnetlink(7), reads the settings and comes
back. In the daemon this happens in a child only.
"""

import errno
import os
import socket
import struct

CLONE_NEWNET = 0x4000_0000
RTM_GETLINK, RTM_NEWLINK, NLMSG_DONE, NLMSG_ERROR = 18, 16, 3, 2  # linux/rtnetlink.h
NLM_F_REQUEST_DUMP = 0x301
IFLA_ADDRESS, IFLA_IFNAME, IFLA_LINK, IFLA_MASTER, IFLA_LINKINFO = 1, 3, 5, 10, 18
IFLA_PARENT_DEV_NAME, IFLA_INFO_KIND = 56, 1
ARPHRD_LOOPBACK = 772
WALL_SECONDS = 5.0


class Networks:
    """Answers of network namespaces: ``{"links": […], "sysctl": {…}}`` or ``{"error": errno name}``
    for a container's key or ``"host"``; each namespace is entered once."""

    def __init__(self, context, sysctls):
        self._context = context
        self._sysctls = sysctls
        self._leaders = {one.key: one.leader for one in context.discovery.containers}
        self._answers = {}  # by inode, or by key where links are not readable
        self._enter = None

    def get(self, key, default=None):
        """The answer for ``key``, ``default`` for a key that nobody knows."""
        leader = self._leaders.get(key)
        if leader is None and key != "host":
            return default
        pid = leader.pid if leader is not None else _on_host(self._context)
        path = "%s/proc/%d/ns/net" % (self._context.host.root.rstrip("/"), pid)
        inodes = self._context.discovery.host_inodes if leader is None else leader.namespaces
        name = inodes.get("network", key)
        if name not in self._answers:
            self._answers[name] = self.ask(path)
        return self._answers[name]

    def ask(self, path):
        """The answer of the namespace file ``path``."""
        try:
            if self._enter is None:
                self._enter = entering()
            return answer(self._enter, path, self._sysctls)
        except OSError as error:
            return {"error": errno.errorcode.get(error.errno, str(error.errno))}


def _on_host(context):
    """A process in the host's network: any that lives in it, else PID 1."""
    wanted = context.discovery.host_inodes.get("network")
    for process in context.processes:
        if wanted is not None and process.namespaces.get("network") == wanted:
            return process.pid
    return 1


def answer(enter, path, sysctls):
    """Links and settings of the namespace file ``path``. Raises OSError."""
    flags = os.O_RDONLY | os.O_CLOEXEC
    own = os.open("/proc/self/ns/net", flags)
    try:
        enter(own)  # who may not come back must not leave
        fd = os.open(path, flags)
        try:
            enter(fd)
        finally:
            os.close(fd)
        try:
            return {"links": links(), "sysctl": {name: _sysctl(name) for name in sysctls}}
        finally:
            _return(enter, own)
    finally:
        os.close(own)


def _return(enter, own):
    """Back home. Facts read from a wrong namespace would be lies: better none at all."""
    try:
        enter(own)
    except OSError as error:
        raise SystemExit("cannot leave a network namespace: %s" % error) from None


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
