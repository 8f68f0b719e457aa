"""Socket tables of one network namespace (proc_pid_net(5))."""

import ipaddress
import struct
from collections import namedtuple

LISTEN = "0A"  # TCP_LISTEN, include/net/tcp_states.h
UNCONNECTED = "07"  # what a bound UDP socket shows

Inet = namedtuple("Inet", "address port state inode")


def parse_inet(text):
    """Rows of /proc/<pid>/net/{tcp,tcp6,udp,udp6}; inode is text."""
    rows = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10:
            continue
        address, _, port = fields[1].partition(":")
        rows.append(Inet(address_text(address), int(port, 16), fields[3], fields[9]))
    return rows


def address_text(digits):
    """``127.0.0.1`` of ``0100007F``: groups of 32 bits, each in the byte order of the machine."""
    raw = bytes.fromhex(digits)
    packed = b"".join(
        struct.pack("!I", struct.unpack_from("=I", raw, at)[0]) for at in range(0, len(raw), 4)
    )
    address = ipaddress.ip_address(packed)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def is_loopback(address):
    """127/8 and ::1."""
    return ipaddress.ip_address(address).is_loopback
