"""A deadline for request bodies: whoever sends too slowly is cut off.

The HTTP server reads a body when we ask for it, for as long as the sender likes, and a thread waits
meanwhile. Every read is therefore noted; one watching thread finds the overdue ones and shuts the
connections of their senders. Behind a proxy that buffers bodies this never happens.
"""

import contextlib
import os
import socket
import threading
import time
from typing import Any, Final

LOOK_SECONDS: Final = 0.25


class SlowClients:
    """The reads that go on in this process: by thread, the deadline and the sender's address."""

    def __init__(self, *, seconds: float) -> None:
        self.seconds = seconds
        self.reading: dict[int, tuple[float, str]] = {}
        self.is_watching = False

    def watch(self) -> None:
        """Start the watching thread, in the process that serves; two threads do no harm."""
        self.is_watching = True
        threading.Thread(target=self._watch, name="slow-clients", daemon=True).start()

    def overdue(self, *, now: float) -> set[str]:
        """Addresses that should have sent their body by now."""
        reads = list(self.reading.values())
        return {address for deadline, address in reads if deadline < now}

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            late = self.overdue(now=time.monotonic())
            if late:
                cut_off(late)


class WatchedBody:
    """A request body (PEP 3333) whose reads must be over by one common deadline.

    ``address`` is the sender's, as the server saw it.
    """

    __slots__ = ("_address", "_deadline", "_stream", "_watcher")

    def __init__(self, stream: Any, watcher: SlowClients, address: str) -> None:
        self._stream, self._watcher, self._address = stream, watcher, address
        self._deadline = 0.0

    def read(self, *size: int) -> bytes:
        """As the stream's; less than asked for once the sender is cut off."""
        got: bytes = self._within(self._stream.read, size)
        return got

    def readline(self, *size: int) -> bytes:
        """As the stream's."""
        got: bytes = self._within(self._stream.readline, size)
        return got

    def _within(self, read: Any, size: tuple[int, ...]) -> Any:
        self._deadline = self._deadline or time.monotonic() + self._watcher.seconds
        reading, me = self._watcher.reading, threading.get_ident()
        reading[me] = (self._deadline, self._address)
        try:
            return read(*size)
        finally:
            del reading[me]


def cut_off(addresses: set[str]) -> None:
    """Shut every connection that one of ``addresses`` has to this process's server.

    All of them, since the server does not say which one carries the overdue body.
    """
    ports = set()
    found = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(name))) as one:
            if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                ports.add(one.getsockname()[1])
            elif one.family in {socket.AF_INET, socket.AF_INET6}:
                peer = one.getpeername()[0].removeprefix("::ffff:")
                if peer in addresses:
                    found.append((one.getsockname()[1], one.dup()))
    for port, one in found:
        with one, contextlib.suppress(OSError):
            if port in ports:
                one.shutdown(socket.SHUT_RDWR)
