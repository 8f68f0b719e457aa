"""How fast events are stored: through the real service on PostgreSQL, as 200 hosts would send.

Each host delivers batches of one spool, in turns: 100 events, as after an hour, and 1,000, as after
an outage. One connection, fsync on, one transaction per batch. Beside it what the door costs
before: reading and checking the JSON body. A batch again, as after a lost reply, is the last row.
"""

import json
import os
import secrets
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.serving.rows import line
from tests.support import postgres, process

HOSTS, MONO = 200, 10_000_000
SMALL, LARGE = 100, 1_000
BUDGET_ROWS_PER_SECOND = 20_000  # target 13 of the protocol


class Rate(NamedTuple):
    """How fast by the clock, and what a row costs whatever else the machine does."""

    rows_per_second: float
    cpu_microseconds: float


def main() -> None:
    """Print one JSON line per number."""
    folder = Path(tempfile.mkdtemp(prefix="up-"))
    folder.chmod(0o711)
    password = secrets.token_hex(12)
    with postgres.running(folder / "pg", port=process.free_port(), password=password) as server:
        os.environ["UNDERPIN_DATABASE"] = server.create_database("events")
        os.environ["UNDERPIN_REDIS"] = ""
        os.environ["DJANGO_SETTINGS_MODULE"] = "workbench.settings.test"
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        measure()


def measure() -> None:
    """Small batches, large ones, the door, and repetitions."""
    from agents.services import event_rows

    hosts = made_hosts()
    # The day's bound would turn most of the large batches into counts.
    vars(event_rows)["MAX_DAY_ROWS"] = vars(event_rows)["MAX_DAY_ROWS_CLASS_A"] = 10**9
    small = rate(hosts, size=SMALL, first=1)
    line("events stored, 100 a batch", small.rows_per_second, "rows/s", None)
    line("CPU a row here and in PostgreSQL, 100 a batch", small.cpu_microseconds, "µs", None)
    large = rate(hosts, size=LARGE, first=SMALL + 1)
    name = "events stored, 1,000 a batch"
    line(name, large.rows_per_second, "rows/s", None, at_least=BUDGET_ROWS_PER_SECOND)
    line("CPU a row here and in PostgreSQL, 1,000 a batch", large.cpu_microseconds, "µs", None)
    line("events through the door, before they are stored", door_rate(), "events/s", None)
    again = rate(hosts[:50], size=LARGE, first=1)
    line("events sent again and skipped", again.rows_per_second, "rows/s", None)


def made_hosts() -> list[object]:
    """Hosts of one workspace."""
    from django.utils import timezone

    from agents.models import Host, HostLive
    from workbench.core.models import Workspace

    workspace = Workspace.objects.create(name="bench")
    hosts = [Host(workspace=workspace, name=f"h{one}") for one in range(HOSTS)]
    Host.unscoped.bulk_create(hosts)
    HostLive.objects.bulk_create(HostLive(host=host, last_seen=timezone.now()) for host in hosts)
    return [host.pk for host in hosts]


def batch(size: int, first: int) -> bytes:
    """The body of one request: starts and deaths with names, and changed facts."""
    events = []
    for seq in range(first, first + size):
        event: dict[str, object] = {
            "seq": seq,
            "id": f"{seq:032x}",
            "kind": ("container.start", "container.die", "facts.changed")[seq % 3],
            "class": "AAB"[seq % 3],
            "stream": "cgroup",
            "mono_ms": MONO - seq,
            "boot_id": "3f2c9a01",
            "at": "2026-11-23T22:00:00Z",
            "where": {
                "container": f"{seq % 50:012x}",
                "container_name": f"shop-web-{seq % 50}",
                "runtime": "docker",
                "image_reference": "registry.example.org/shop/web:1.4",
                "cgroup_path": f"/system.slice/docker-{seq % 50:064x}.scope",
            },
        }
        if seq % 3 == 2:
            event["what"] = {"attributes": {"section": "container", "keys": ["posture"]}}
        events.append(event)
    head = {"v": 1, "epoch": "00000000000000ab", "from": first, "acked": 0, "boot": "3f2c9a01"}
    clocks = {"mono_ms": MONO, "sent_ms": int(time.time() * 1000)}
    return json.dumps({**head, **clocks, "ev": events, "drop": []}).encode()


def rate(hosts: list[object], *, size: int, first: int) -> Rate:
    """What ``events_take`` makes of one batch of each host."""
    import uuid

    from agents.api.ingest_events import EVENTS_LIMITS
    from agents.facts.event_wire import SentEvents
    from agents.services.event_store import events_take
    from workbench.core.door.decode import decode

    message = decode(batch(size, first), shape=SentEvents, limits=EVENTS_LIMITS)
    now = datetime.now(tz=UTC)
    begun, used = time.perf_counter(), time.process_time() + backend_cpu()
    for host in hosts:
        assert isinstance(host, uuid.UUID)
        reply = events_take(host, message, now=now)
        assert not reply.is_behind, reply
    cpu = time.process_time() + backend_cpu() - used
    rows = size * len(hosts)
    return Rate(rows / (time.perf_counter() - begun), cpu * 1e6 / rows)


def backend_cpu() -> float:
    """CPU seconds of the database's process that serves this one."""
    from django.db import connection

    connection.ensure_connection()
    stat = Path(f"/proc/{connection.connection.info.backend_pid}/stat").read_text()
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def door_rate() -> float:
    """Events per second through the decoder."""
    from agents.api.ingest_events import EVENTS_LIMITS
    from agents.facts.event_wire import SentEvents
    from workbench.core.door.decode import decode

    raw = batch(LARGE, 1)
    begun = time.perf_counter()
    for _ in range(10):
        decode(raw, shape=SentEvents, limits=EVENTS_LIMITS)
    return 10 * LARGE / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
