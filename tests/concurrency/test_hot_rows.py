"""Many hosts with one fresh image at once: no deadlock, every body stored once (row 22)."""

import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.utils import timezone

from agents.models import Blob, ContainerFacts, HostSection
from agents.services.blobs import store
from agents.services.index import IndexMessage, index_take
from tests.support.joined import Estate, enrolled_agent, make_estate
from tests.support.wire_agent import index_message

SESSIONS, ROUNDS, BODIES = 16, 4, 24
pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


def body(**facts: Any) -> dict[str, Any]:
    return {"facts": facts, "unknowns": []}


@pytest.fixture
def estate() -> Estate:
    return make_estate()


@pytest.fixture
def impatient() -> Iterator[None]:
    """PostgreSQL looks for deadlocks after 20 ms instead of a second, in this database."""
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{name}" SET deadlock_timeout = 20')
    connection.close()
    yield
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{name}" RESET deadlock_timeout')


def at_once(work: list[Callable[[], None]]) -> list[OperationalError]:
    """Run all of it in threads that begin together; what the database refused."""
    start, refused = threading.Barrier(len(work)), []

    def run(one: Callable[[], None]) -> None:
        try:
            start.wait(20)
            one()
        except OperationalError as error:
            refused.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return refused


def test_hosts_with_one_fresh_image_do_not_deadlock(estate: Estate, impatient: None) -> None:
    agents = [enrolled_agent(estate, name=f"host-{place}") for place in range(SESSIONS)]
    for number in range(1, ROUNDS + 1):
        shared = {f"c{n}": body(posture=n, round=number) for n in range(BODIES)}
        work = []
        for place, agent in enumerate(agents):
            names = list(shared)
            random.Random(place).shuffle(names)
            containers = {name: (body(id=name, round=number), shared[name]) for name in names}
            message = as_message({"kernel": body(release=str(number))}, containers, number)
            work.append(lambda agent=agent, m=message: take(agent.host_id, m))
        assert at_once(work) == []
    assert Blob.objects.count() == ROUNDS * (2 * BODIES + 1)
    assert ContainerFacts.objects.filter(valid_to=None).count() == SESSIONS * BODIES
    assert HostSection.objects.filter(valid_to=None).count() == SESSIONS


def take(host_id: str, message: IndexMessage) -> None:
    assert index_take(host_id, message, now=timezone.now()).need == []


def as_message(sections: Any, containers: Any, number: int) -> IndexMessage:
    raw, bodies = index_message(sections, containers, number=number)
    texts = {name: text.encode() for name, text in bodies.items()}
    rows = [tuple(row) for row in raw["containers"]]
    return IndexMessage(number, raw["root"], raw["sections"], rows, texts)


def test_the_same_rows_in_any_order_would_deadlock(estate: Estate, impatient: None) -> None:
    """The twin: what the sorting is for."""

    def unsorted(seed: int) -> None:
        digests = [f"{number:064x}" for number in range(BODIES)]
        random.Random(seed).shuffle(digests)
        with transaction.atomic():
            for digest in digests:
                store(estate.workspace, {digest: b"{}"}, now=timezone.now())

    refused = at_once([lambda seed=seed: unsorted(seed) for seed in range(SESSIONS)])
    assert any("deadlock" in str(error) for error in refused)
