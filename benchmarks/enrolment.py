"""How fast hosts join: through the real HTTP server, on PostgreSQL, one request after another.

The budget is for one core, so the rate is per second of the server's CPU; the rate on the clock,
with PostgreSQL and the client on the same two cores, is a row without a budget.
"""

import hashlib
import json
import os
import secrets
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.serving.client import Connections, post
from benchmarks.serving.database import migrated
from benchmarks.serving.rows import line
from benchmarks.serving.server import serving

HOSTS, TOKENS, CONNECTIONS = 600, 60, 4
BUDGET_A_SECOND = 200  # target 11; Fleet Server's limit is 100/s, 50,000 took it 44 minutes


def main() -> None:
    """Print one JSON line per number."""
    folder = Path(tempfile.mkdtemp(prefix="up-"))
    with migrated(folder):
        requests = [application(token) for token in enrolment_tokens() * (HOSTS // TOKENS)]
        with (
            serving("workbench.wsgi:application", folder=folder, environment=os.environ) as server,
            Connections(server.port, CONNECTIONS) as connections,
        ):
            statuses = connections.ask_all(requests[:20])
            cpu, begun = server.cpu_seconds(), time.perf_counter()
            statuses += connections.ask_all(requests[20:])
            took, cpu = time.perf_counter() - begun, server.cpu_seconds() - cpu
            assert dict(statuses) == {"201": HOSTS}, statuses
            usable(connections, application(enrolment_tokens()[0]))
    count = HOSTS - 20
    line("enrolments per second of one core", count / cpu, "1/s", None, at_least=BUDGET_A_SECOND)
    line("enrolments per second by the clock", count / took, "1/s", None)


def usable(connections: Connections, request: bytes) -> None:
    """From the first byte of /enrol to the answer to the first heartbeat."""
    begun = time.perf_counter()
    wire = connections.sockets[0]
    wire.sendall(request)
    answer = json.loads(wire.recv(65_536).partition(b"\r\n\r\n")[2])
    body = json.dumps({"v": 1, "b": "0", "n": 1, "d": ""}).encode()
    token = f"Bearer k1.{answer['host_id']}.{'A' * 43}.{answer['tag']}"
    wire.sendall(post("/i/v1/hb", body, token=token))
    assert wire.recv(65_536).startswith(b"HTTP/1.1 20"), "the new host was refused"
    line("from enrolment to the first answer", time.perf_counter() - begun, "s", 1.0)


def enrolment_tokens() -> list[str]:
    """As many as it takes to keep below the rate of each."""
    from agents.models import EnrolmentToken
    from agents.services.enrolment_tokens import token_make
    from workbench.core.access.request import Caller
    from workbench.core.accounts.bootstrap import installation_open

    now = datetime.now(tz=UTC)
    membership = installation_open(now=now).membership
    caller = Caller(membership.user, membership)
    mode = EnrolmentToken.Mode.AUTO
    return [
        token_make(caller, name=f"t{n}", days=1, max_uses=1_000, mode=mode, now=now)[1]
        for n in range(TOKENS)
    ]


def application(token: str) -> bytes:
    """One host that joins; its secret is 32 zero bytes."""
    hashed = hashlib.sha256(bytes(32)).hexdigest()
    body = {"v": 1, "token": token, "nonce": secrets.token_hex(8), "secret_hash": hashed}
    more = {"name": "bench", "fp": {"machine_id": secrets.token_hex(32)}, "agent": "0.1.0"}
    return post("/i/v1/enrol", json.dumps({**body, **more}).encode())


if __name__ == "__main__":
    main()
