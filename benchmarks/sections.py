"""How fast changed facts are taken: whole indexes through the real service, on PostgreSQL.

200 hosts in turn, each with 25 sections of which all changed; once their bodies are known, as after
a kernel update everywhere, and once they are new.
"""

import json
import secrets
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.serving.database import migrated
from benchmarks.serving.rows import line

HOSTS, SECTIONS, BODY_BYTES = 200, 25, 1_500
BUDGET_A_SECOND = 10_000  # target 13; SQL alone was measured at 27,400


def main() -> None:
    """Print one JSON line per number."""
    with migrated(Path(tempfile.mkdtemp(prefix="up-"))):
        hosts = made()
        report("known bodies", hosts, number=1, shared=True)
        report("known bodies", hosts, number=2, shared=True)
        report("new bodies", hosts, number=3, shared=False)


def made() -> list[uuid.UUID]:
    """Hosts of one workspace."""
    from agents.models import Host, HostLive
    from workbench.core.models import Workspace

    now = datetime.now(tz=UTC)
    workspace = Workspace.objects.create(name="bench")
    hosts = [Host(workspace=workspace, name=f"h{n}", enrolled_at=now) for n in range(HOSTS)]
    Host.unscoped.bulk_create(hosts)
    HostLive.objects.bulk_create([HostLive(host=host, last_seen=now) for host in hosts])
    return [host.pk for host in hosts]


def report(what: str, hosts: list[uuid.UUID], *, number: int, shared: bool) -> None:
    """Each host sends one index; the first round only fills the tables."""
    from agents.facts.canonical import digest, root_digest
    from agents.services.index import IndexMessage, index_take

    def bodies(host: uuid.UUID) -> dict[str, bytes]:
        salt = f"{number}" if shared else f"{number}-{host}"
        noise = secrets.token_hex(BODY_BYTES // 2) if not shared else "a" * BODY_BYTES
        return {
            f"s{n}": json.dumps(
                {"facts": {"salt": salt, "n": n, "noise": noise}, "unknowns": []}
            ).encode()
            for n in range(SECTIONS)
        }

    messages = []
    for host in hosts:
        texts = bodies(host)
        named = {name: digest(raw) for name, raw in texts.items()}
        inline = {digest(raw): raw for raw in texts.values()}
        messages.append(IndexMessage(number, root_digest(dict(named), {}), named, [], inline))
    now = datetime.now(tz=UTC) + timedelta(seconds=number)
    begun, cpu = time.perf_counter(), time.process_time()
    for host, message in zip(hosts, messages, strict=True):
        assert index_take(host, message, now=now).need == []
    took, cpu = time.perf_counter() - begun, time.process_time() - cpu
    if number == 1:
        return
    count = HOSTS * SECTIONS
    line(f"sections per second, {what}", count / took, "1/s", None, at_least=BUDGET_A_SECOND)
    line(f"sections per second of one core, {what}", count / cpu, "1/s", None)


if __name__ == "__main__":
    main()
