"""Read-only questions over netlink(7)."""

import os
import socket
import struct

from ..reading import named_failure

NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 0x01, 0x04, 0x300
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_HEADER = struct.Struct("=IHHII")
_TIMEOUT_SECONDS = 1.0
_MAX_BYTES = 16_777_216


def ask(protocol, kind, flags, payload=b""):
    """``[(type, payload)]`` of all answers. Raises ReadFailed with the error of the kernel."""
    path = "netlink %d" % protocol
    try:
        with socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol
        ) as one:
            one.settimeout(_TIMEOUT_SECONDS)
            one.bind((0, 0))
            size = _HEADER.size + len(payload)
            one.send(_HEADER.pack(size, kind, flags | NLM_F_REQUEST, 1, 0) + payload)
            return _answers(one, bool(flags & NLM_F_DUMP))
    except socket.timeout:
        raise named_failure(path, OSError(110, "timed out")) from None
    except OSError as error:
        raise named_failure(path, error) from None


def _answers(one, is_dump):
    found, total = [], 0
    while total < _MAX_BYTES:
        part, (sender, _groups) = one.recvfrom(1 << 17)
        if sender != 0:
            continue  # only the kernel has port 0: another process may send to ours
        total += len(part)
        for kind, payload in messages(part):
            if kind == _NLMSG_DONE:
                return found
            if kind == _NLMSG_ERROR:
                _raise_error(payload)
                return found
            found.append((kind, payload))
            if not is_dump:
                return found
    return found


def _raise_error(payload):
    number = -struct.unpack_from("=i", payload)[0] if len(payload) >= 4 else 0
    if number:
        raise OSError(number, os.strerror(number))


def messages(data):
    """``(type, payload)`` of each message in one datagram."""
    at = 0
    while at + _HEADER.size <= len(data):
        size, kind, _flags, _number, _port = _HEADER.unpack_from(data, at)
        if size < _HEADER.size or at + size > len(data):
            return
        yield kind, data[at + _HEADER.size : at + size]
        at += size + 3 & ~3


def attributes(data):
    """``[(type, content)]`` of netlink attributes; flags in the type are removed."""
    at, found = 0, []
    while at + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, at)
        if size < 4 or at + size > len(data):
            break
        found.append((kind & 0x3FFF, data[at + 4 : at + size]))
        at += size + 3 & ~3
    return found
