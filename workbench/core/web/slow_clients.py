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
    """The reads that go on in this process: thread, deadline, address of the sender."""

    def __init__(self, *, seconds: float) -> None:
        self.seconds = seconds
        self._reading: dict[int, tuple[float, str]] = {}
        self._start = threading.Lock()

    def watch(self) -> None:
        """Start the watching thread, once per process and not before it serves."""
        if self._start.acquire(blocking=False):
            threading.Thread(target=self._watch, name="slow-clients", daemon=True).start()

    def body(self, stream: Any, *, address: str) -> "WatchedBody":
        """``stream`` under the deadline; ``address`` is the sender's, as the server saw it."""
        return WatchedBody(stream, self, address)

    def begin(self, address: str, *, deadline: float) -> None:
        """Note that this thread waits for ``address``."""
        self._reading[threading.get_ident()] = (deadline, address)

    def end(self) -> None:
        """Note that it does not any more."""
        self._reading.pop(threading.get_ident(), None)

    def overdue(self, *, now: float) -> set[str]:
        """Addresses that should have sent their body by now."""
        reads = list(self._reading.values())
        return {address for deadline, address in reads if deadline < now}

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            late = self.overdue(now=time.monotonic())
            if late:
                cut_off(late)


class WatchedBody:
    """A request body (PEP 3333) whose reads must be over by one common deadline."""

    __slots__ = ("_address", "_deadline", "_stream", "_watcher")

    def __init__(self, stream: Any, watcher: SlowClients, address: str) -> None:
        self._stream, self._watcher, self._address = stream, watcher, address
        self._deadline = 0.0

    def read(self, *size: int) -> bytes:
        """As the stream's; less than asked for once the sender is cut off."""
        return self._read(self._stream.read, size)

    def readline(self, *size: int) -> bytes:
        """As the stream's."""
        return self._read(self._stream.readline, size)

    def _read(self, read: Any, size: tuple[int, ...]) -> bytes:
        self._deadline = self._deadline or time.monotonic() + self._watcher.seconds
        self._watcher.begin(self._address, deadline=self._deadline)
        try:
            got: bytes = read(*size)
        finally:
            self._watcher.end()
        return got


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
