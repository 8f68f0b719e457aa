"""What one host costs the wire: a virtual day of the real agent's delivery at the real server.

TLS over the loopback interface; the agent's clock is told, so that a day takes seconds. Bytes are
those that the kernel counts for the connection (tcp(7), TCP_INFO), plus 52 for the headers of every
segment; segments are taken to be as short as on Ethernet.
"""

import math
import os
import secrets
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "agents/host-agent"))

from underpin_agent.client import Client
from underpin_agent.delivery import Delivery
from underpin_agent.enrolment import Identity
from underpin_agent.heartbeat import Standing
from underpin_agent.index import build_index
from underpin_agent.state import State

from benchmarks.serving.rows import line
from benchmarks.serving.server import Server, serving
from tests.host_agent import certificates
from tests.unit.facts.sample_documents import load, parts_of, sections_of

ROOT = Path(__file__).resolve().parent.parent
CONTAINERS, IMAGES, CHANGES = 50, 10, 7
INTERVAL_SECONDS, BEATS_A_DAY = 60.0, 1_440
HEADER_BYTES, SEGMENT_BYTES = 52, 1_448
KB, MB = 1_000, 1_000_000
# Targets 5 to 7 of the protocol, and what there is to beat.
IDLE_MB = 0.75  # node_exporter every 15 s 66 MB, Netdata's child 900 MB
REQUESTS = 1_440  # Wazuh 5: 8,640; Fleet: 18,720
FIRST_KB, KNOWN_KB, CHANGE_KB = 24, 8, 1.5  # Wazuh 5 sends the whole module again


class CountingClient(Client):  # type: ignore[misc] # the agent's modules carry no types
    """The agent's client, with what its connection carried and how often it asked."""

    def __init__(self, server: str, *, ca_file: str) -> None:
        super().__init__(server, ca_file=ca_file)
        self.requests = 0

    def _ask(self, request: bytes) -> Any:
        self.requests += 1
        return super()._ask(request)

    def wire_bytes(self) -> int:
        """Bytes both ways so far, with headers."""
        raw = self._connection.raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
        acked, received = struct.unpack_from("=QQ", raw, 120)
        segments = sum(struct.unpack_from("=II", raw, 136))
        long = math.ceil(acked / SEGMENT_BYTES) + math.ceil(received / SEGMENT_BYTES)
        return int(acked + received + HEADER_BYTES * max(segments, 1.5 * long))


class Host:
    """One agent: enrolled, with a collection that it delivers."""

    def __init__(self, client: CountingClient, folder: Path, token: str, *, samples: Any) -> None:
        self.client, self.now = client, 0.0
        state = State(str(folder))
        state.open()
        identity = enrolled(client, token)
        numbers = iter(range(1, 10_000_000))
        self.delivery = Delivery(
            client, state, identity, "3f2c9a01", numbers, samples=samples,
            clock=lambda: self.now, wall=lambda: 1_800_000_000 + self.now,
        )  # fmt: skip

    def beat(self, index: Any) -> None:
        """One round; the clock goes on by an interval."""
        outcome = self.delivery.deliver(index)
        assert outcome.standing is Standing.FINE, outcome
        self.now += INTERVAL_SECONDS

    def cost(self, index: Any) -> tuple[int, int]:
        """Bytes and requests of one round."""
        before, asked = self.client.wire_bytes(), self.client.requests
        self.beat(index)
        return self.client.wire_bytes() - before, self.client.requests - asked


class Rows:
    """A sampler with a row for every report: only the number of requests is looked at."""

    is_empty = False

    def waiting(self) -> list[dict[str, str]]:
        """One row; none right after one was taken."""
        is_empty, self.is_empty = self.is_empty, False
        return [] if is_empty else [{"k": "row"}]

    def sent(self, _rows: list[dict[str, str]]) -> None:
        """Taken."""
        self.is_empty = True


def enrolled(client: CountingClient, token: str) -> Identity:
    """The identity that the server gives."""
    import base64
    import hashlib
    import json

    secret = secrets.token_bytes(32)
    hashed = hashlib.sha256(secret).hexdigest()
    body = {"v": 1, "token": token, "nonce": secrets.token_hex(8), "secret_hash": hashed}
    reply = client.post("/enrol", json.dumps({**body, "name": "bench"}).encode())
    assert reply.status == 201, (reply.status, reply.body)
    text = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    host_id, tag = reply.body["host_id"], reply.body["tag"]
    return Identity(server="", host_id=host_id, secret=text, tag=tag)


def collection(name: str) -> dict[str, Any]:
    """A host with 50 containers of 10 images, each image with a posture of its own."""
    document = load("as-found")
    parts = parts_of(document)
    sections = sections_of(document)
    sections["host"]["facts"] = {**sections["host"]["facts"], "hostname": name}
    return {
        "sections": sections,
        "containers": [container(parts, name, place) for place in range(CONTAINERS)],
    }


def container(parts: list[Any], name: str, place: int) -> dict[str, Any]:
    """One container; its posture is that of its image."""
    image = place % IMAGES
    part = parts[image % len(parts)]
    identity = {**part.identity["facts"], "name": f"{name}-{place}", "id": secrets.token_hex(32)}
    posture = {**part.posture["facts"], "image": f"registry.example/app-{image}:1.{image}"}
    return {
        "key": identity["id"][:12],
        "identity": {"facts": identity, "unknowns": []},
        "posture": {"facts": posture, "unknowns": []},
    }


def main() -> None:
    """Print one JSON line per number."""
    with tempfile.TemporaryDirectory(prefix="up-") as name, served(Path(name)) as (server, ca):
        folder, token = Path(name), enrolment_token(Path(name))

        def host(number: int, samples: Any = None) -> Host:
            client = CountingClient(f"https://127.0.0.1:{server.port}", ca_file=str(ca))
            return Host(client, folder / f"agent-{number}", token, samples=samples)

        syncs(host(1), host(2))
        idle(host(3))
        idle_with_samples(host(4, Rows()))


def syncs(first: Host, second: Host) -> None:
    """Target 7."""
    size, _ = first.cost(build_index(collection("one")))
    line("first sync, 50 containers of 10 unknown images", size / KB, "kB", FIRST_KB)
    other = collection("two")
    size, _ = second.cost(build_index(other))
    line("first sync, every image known", size / KB, "kB", KNOWN_KB)
    parts = parts_of(load("as-found"))
    beat, _ = second.cost(build_index(other))
    changes = []
    for place in range(CHANGES):
        other["containers"][place] = container(parts, "replaced", place)
        changes.append(second.cost(build_index(other)))
    # The middle one: how many acknowledgements the kernel sends is a matter of time.
    size, requests = sorted(changes)[CHANGES // 2]
    line("one container replaced, known image", (size - beat) / KB, "kB", CHANGE_KB)
    line("requests for it beside the heartbeat", requests - 1, "", 1)


def idle(host: Host) -> None:
    """Targets 5 and 6: a day in which nothing changes, the daily full index included."""
    index = build_index(collection("idle"))
    host.beat(index)
    before, asked = host.client.wire_bytes(), host.client.requests
    for _ in range(BEATS_A_DAY):
        host.beat(index)
    size = host.client.wire_bytes() - before
    line("idle wire, a day at 60 s, 50 containers", size / MB, "MB", IDLE_MB)
    requests = host.client.requests - asked
    line("requests of that day beside the heartbeats", requests - BEATS_A_DAY, "", None)
    line("heartbeats of that day", BEATS_A_DAY, "", REQUESTS)


def idle_with_samples(host: Host) -> None:
    """Target 6 with resource samples, which go every five minutes."""
    index = build_index(collection("idle"))
    host.beat(index)
    asked = host.client.requests
    for _ in range(BEATS_A_DAY):
        host.beat(index)
    line("requests of a day with resource samples", host.client.requests - asked, "", REQUESTS)


@contextmanager
def served(folder: Path) -> Iterator[tuple[Server, Path]]:
    """The product on SQLite behind TLS, and the file to trust."""
    environment = variables(folder)
    manage(environment, "migrate", "--verbosity", "0")
    _, pem = certificates.make(folder, "server")
    key = folder / "key.pem"
    key.write_text(pem.read_text().partition("-----END CERTIFICATE-----\n")[2])
    options = ["--ssl-certificate", str(pem), "--ssl-keyfile", str(key)]
    with serving(
        "workbench.wsgi:application", folder=folder, environment=environment, options=options
    ) as server:
        ssl.create_default_context(cafile=pem)
        yield server, pem


def variables(folder: Path) -> dict[str, str]:
    """Of a server with its own SQLite file."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "workbench.settings.test",
        "UNDERPIN_DATABASE": f"sqlite://{folder}/wire.sqlite3",
        "UNDERPIN_REDIS": "",
    }


def enrolment_token(folder: Path) -> str:
    """One for all hosts here."""
    return manage(variables(folder), "make_enrolment_token").strip()


def manage(environment: dict[str, str], *words: str) -> str:
    """Run one management command."""
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(
        command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


if __name__ == "__main__":
    main()
