"""A guard for the tests: a connection to anywhere but this machine is an error."""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class OutsideConnectionError(AssertionError):
    """A test tried to leave the machine."""


def is_local(family: int, address: Any) -> bool:
    """Whether a connection to ``address`` stays on this machine."""
    if family not in {socket.AF_INET, socket.AF_INET6}:
        return True
    host = str(address[0])
    if host in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def only_loopback() -> Iterator[None]:
    """Refuse ``connect`` and ``connect_ex`` to other machines while inside.

    Raises:
        OutsideConnectionError: at the connection, inside the code that tried it.
    """
    plain = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex")}

    def guarded(name: str) -> Any:
        def connect(self: socket.socket, address: Any) -> Any:
            if not is_local(self.family, address):
                message = f"a test connects to {address!r}; tests reach the loopback only"
                raise OutsideConnectionError(message)
            return plain[name](self, address)

        return connect

    try:
        for name in plain:
            setattr(socket.socket, name, guarded(name))
        yield
    finally:
        for name, method in plain.items():
            setattr(socket.socket, name, method)
