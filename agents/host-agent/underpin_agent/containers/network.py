"""Interfaces, attachments, routes and listening sockets of one container."""

import socket
import struct

from ..reading import ReadFailed
from .isolation import PTRACE

SYSCTLS = ("net.vsock.ns_mode",)
ENGINE_RESOLVER = "127.0.0.11"
MAX_LISTENING = 500
DEFAULT_BRIDGES = {"docker0", "podman0", "cni-podman0"}
LISTEN, UNCONNECTED = "0A", "07"  # include/net/tcp_states.h
TABLES = (
    ("tcp", LISTEN),
    ("tcp6", LISTEN),
    ("udp", UNCONNECTED),
    ("udp6", UNCONNECTED),
)
NEEDS = "the right to enter network namespaces (CAP_SYS_ADMIN)"


def gather(material, answers):
    """All rows; ``answers`` is a ``network_namespaces.Networks``."""
    answer = answers.get(material.found.key, {})
    if "links" in answer:
        host_links = answers.get("host", {}).get("links")
        bridges = _bridges(host_links)
        shared = material.posture.facts.get("namespaces", {}).get("network", {}).get("is_host")
        rows = [link for link in answer["links"] if not link["loopback"]]
        interfaces = [_interface(link, bridges, on_host=bool(shared)) for link in rows]
        material.put("network.interfaces", sorted(interfaces, key=lambda row: row["name"]))
        if host_links is None:
            material.missing("network.interfaces[].bridge", "the host's links are not readable")
        material.put("network.sysctl", answer["sysctl"])
        _attachments(material, [] if shared else rows, bridges)
    else:
        for name in ("interfaces", "sysctl", "attachments"):
            error = answer.get("error", "")
            material.missing("network." + name, "its namespace may not be entered", error, NEEDS)
    _default_route(material)
    _listening(material)


def _bridges(host_links):
    """``{ifindex of a host link: name of the bridge it is a port of}``."""
    names = {link["index"]: link["name"] for link in host_links or []}
    return {link["index"]: names.get(link["master"], "") for link in host_links or []}


def _bridge_of(link, bridges, *, on_host):
    if on_host:
        return bridges.get(link["index"], "")
    return bridges.get(link["peer"], "") if link["kind"] == "veth" else ""


def _interface(link, bridges, *, on_host):
    accept = link["accept_ra"]
    return {
        "name": link["name"],
        "kind": link["kind"],
        "physical": link["physical"],
        "bridge": _bridge_of(link, bridges, on_host=on_host),
        "ipv6_disabled": link["disable_ipv6"] in (None, "1"),  # no folder: no IPv6 at all
        "accept_router_advertisements": "<absent>" if accept is None else accept,
    }


def _attachments(material, links, bridges):
    networks, found = material.claim.networks, []
    by_address = {link["address"]: link for link in links}
    for name, (address, network_id) in sorted((networks or {}).items()):
        link = by_address.pop(address.lower(), None)
        bridge = _bridge_of(link, bridges, on_host=False) if link else ""
        found.append(_attachment(bridge, name, material.view.networks().get(network_id)))
    # Links nobody claims: no runtime does, or the namespace is another container's.
    left = {_bridge_of(link, bridges, on_host=False) for link in by_address.values()}
    for bridge in sorted(left - {"", *(row["bridge"] for row in found)}):
        network = material.view.networks().get(bridge) or {}
        found.append(_attachment(bridge, network.get("Name"), network))
    material.put("network.attachments", found)
    claim = material.claim
    if all("internal" in row for row in found):
        return
    if not all("network" in row for row in found):
        name = "network.attachments[].network"
        material.missing(name, claim.reason, claim.errno, claim.needs)
    material.missing(
        "network.attachments[].internal", "no runtime API", "", "read access to the runtime socket"
    )


def _attachment(bridge, name, network):
    internal = (network or {}).get("Internal")
    row = {"bridge": bridge, "default_bridge": bridge in DEFAULT_BRIDGES or name == "bridge"}
    if name is not None:
        row["network"] = str(name)
    if internal is not None:
        row["internal"] = bool(internal)
    return row


def _default_route(material):
    try:
        routes = [line.split() for line in material.read("net/route").split("\n")[1:]]
    except ReadFailed as failure:
        material.failed("network.default_route", failure)
        return
    four = any(len(row) > 7 and row[1] == row[7] == "00000000" for row in routes)
    material.put("network.default_route", four or _default_route_six(material))


def _default_route_six(material):
    try:
        rows = [line.split() for line in material.read("net/ipv6_route").split("\n")]
    except ReadFailed:
        return False
    return any(
        len(row) > 9 and row[0] == "0" * 32 and row[1] == "00" and row[9] != "lo" for row in rows
    )


def address_of(text):
    """``"10.0.0.1"`` or ``"::1"`` of the hexadecimal words of /proc/net/tcp and tcp6."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return socket.inet_ntop(family, struct.pack("=%dI" % len(words), *words))


def parse_sockets(text, state):
    """``[(address, port, inode)]`` of the rows in ``state``."""
    rows = []
    for line in text.split("\n")[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == state:
            address, _, port = fields[1].partition(":")
            rows.append((address_of(address), int(port, 16), int(fields[9])))
    return rows


def is_loopback(address):
    """True for 127.0.0.0/8, ::1 and its IPv4-mapped form."""
    return address.startswith(("127.", "::ffff:127.")) or address == "::1"


def _bound(material):
    """``{inode: (address, port)}`` of listening sockets; UDP of the ephemeral range is traffic."""
    first = _ephemeral_start(material.host)
    found = {}
    used = _used(material)
    for name, state in TABLES:
        if used is not None and not used.get(name):
            continue
        try:
            text = _table(material, name)
        except ReadFailed as failure:
            if failure.errno_name == "ENOENT":
                continue  # a kernel without IPv6
            raise
        for address, port, inode in parse_sockets(text, state):
            if address != ENGINE_RESOLVER and not (state == UNCONNECTED and port >= first):
                found[inode] = (address, port)
    return found


def _table(material, name):
    """The text of one table, read once per namespace: reading it is what costs."""
    inode = material.leader.namespaces.get("network")
    if inode is None:
        return material.read("net/" + name)
    if (inode, name) not in material.view.socket_tables:
        material.view.socket_tables[inode, name] = material.read("net/" + name)
    return material.view.socket_tables[inode, name]


def _used(material):
    """``{table: sockets in use}`` of this namespace, or None.

    Reading ``tcp`` walks the hash table of the whole host (2.4 ms on a 24 GiB machine) even where
    the namespace has no socket; the counters cost nothing.
    """
    found = {}
    try:
        for name in ("net/sockstat", "net/sockstat6"):
            for line in material.read(name).split("\n"):
                words = line.split()
                if len(words) > 2 and words[1] == "inuse":
                    found[words[0].rstrip(":").lower()] = int(words[2])
    except (ReadFailed, ValueError):
        return None
    return found


def _ephemeral_start(host):
    try:
        return int(host.line("/proc/sys/net/ipv4/ip_local_port_range").split()[0])
    except (ReadFailed, ValueError, IndexError):
        return 32_768


def _listening(material):
    facts = material.posture.facts
    try:
        bound = _bound(material)
    except ReadFailed as failure:
        material.failed("network.listening", failure)
        return
    owners, failure = _owners(material)
    alone = _alone(material, facts)
    if failure is not None and not alone:
        material.failed("network.listening", failure, PTRACE)
        return
    ordered = _socket_rows(bound, owners, alone=alone)
    material.put("network.listening", ordered[:MAX_LISTENING])
    if len(ordered) > MAX_LISTENING:
        material.missing("network.listening", "truncated")
    if any("command" not in row for row in ordered):
        why = "no process of the container holds it"
        name = "network.listening[].command"
        material.missing(name, why, failure.errno_name if failure else "", PTRACE)
    if ordered:
        material.missing("network.listening[].tls", "ports are not probed")


def _socket_rows(bound, owners, *, alone):
    """Rows of ``listening[]``; a shared namespace also shows sockets of others: not counted."""
    rows = {}
    for inode, (address, port) in bound.items():
        command = owners.get(inode)
        if command is None and not alone:
            continue
        row = {"address": address, "port": port, "loopback": is_loopback(address)}
        if command is not None:
            row["command"] = command
        rows[(address, port, command or "")] = row
    return [rows[key] for key in sorted(rows)]


def _owners(material):
    rows, failure, _cut = material.descriptors()
    owners = {
        int(text[8:-1]): process.comm
        for process, _number, text in rows
        if text.startswith("socket:[")
    }
    return owners, failure


def _alone(material, facts):
    """True when no other container and not the host use this network namespace."""
    if facts.get("namespaces", {}).get("network", {}).get("is_host") is not False:
        return False
    own = material.leader.namespaces.get("network")
    others = material.view.context.discovery.containers
    return not any(
        one is not material.found and one.leader.namespaces.get("network") == own for one in others
    )
