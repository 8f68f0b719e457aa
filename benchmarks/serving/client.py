"""A client that costs little: raw requests over kept connections, answers counted by status."""

import socket
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

REPLY_BYTES = 65_536


@dataclass
class Connections:
    """Kept connections to a server on this machine."""

    port: int
    count: int
    sockets: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> "Connections":
        for _ in range(self.count):
            made = socket.create_connection(("127.0.0.1", self.port), timeout=30)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets.append(made)
        return self

    def __exit__(self, *_: object) -> None:
        for made in self.sockets:
            made.close()

    def ask_all(self, requests: Sequence[bytes]) -> Counter[str]:
        """Send ``requests``, as many at once as there are connections; how often each status."""
        seen: Counter[str] = Counter()
        for start in range(0, len(requests), self.count):
            part = requests[start : start + self.count]
            for made, raw in zip(self.sockets, part, strict=False):
                made.sendall(raw)
            for made, _ in zip(self.sockets, part, strict=False):
                seen[made.recv(REPLY_BYTES)[9:12].decode()] += 1
        return seen

    def seconds_each(self, requests: Sequence[bytes]) -> list[float]:
        """How long each of ``requests`` took, one after the other on the first connection."""
        found = []
        for raw in requests:
            begun = time.perf_counter()
            self.sockets[0].sendall(raw)
            self.sockets[0].recv(REPLY_BYTES)
            found.append(time.perf_counter() - begun)
        return found


def post(path: str, body: bytes, *, token: str = "") -> bytes:
    """One request as an agent sends it."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "User-Agent: underpin-agent/0.1.0"]
    lines += [f"Authorization: {token}"] if token else []
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body
