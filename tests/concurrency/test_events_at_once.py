"""The same events on several connections at once: each is stored once, whoever is first."""

import json
import random
import threading
from collections import Counter

import pytest
from django.db import connection
from django.utils import timezone

from agents.models import Event, EventDay, EventGap, EventSpool
from tests.support.joined import client_post, enrolled_agent, make_estate
from tests.support.wire_agent import Answer, WireAgent

THREADS, BATCHES, SIZE = 6, 8, 25


def body(first: int, last: int) -> bytes:
    events = [
        {
            "seq": seq,
            "id": f"{seq:032x}",
            "kind": "container.start",
            "class": "A",
            "stream": "cgroup",
            "mono_ms": 1_000,
            "boot_id": "0" * 8,
        }
        for seq in range(first, last + 1)
    ]
    head = {"v": 1, "epoch": "0" * 15 + "7", "from": first, "acked": 0, "boot": "0" * 8}
    sent_ms = int(timezone.now().timestamp() * 1000)
    return json.dumps({**head, "mono_ms": 2_000, "sent_ms": sent_ms, "ev": events}).encode()


def deliver(agent: WireAgent, seed: int, answers: list[Answer]) -> None:
    """All batches in an order of its own, as a confused network would bring them."""
    order = list(range(BATCHES))
    random.Random(seed).shuffle(order)
    headers = {"Authorization": agent.authorization()}
    try:
        for one in order:
            raw = body(one * SIZE + 1, (one + 1) * SIZE)
            answers.append(client_post("/i/v1/events", raw, headers))
    finally:
        connection.close()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_same_events_on_several_connections_are_stored_once(settings) -> None:
    settings.AGENT_REQUESTS_PER_SECOND = 100_000
    agent = enrolled_agent(make_estate())
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=deliver, args=(agent, seed, answers)) for seed in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(answer.status for answer in answers) == {200: THREADS * BATCHES}
    numbers = sorted(Event.unscoped.values_list("seq", flat=True))
    assert numbers == list(range(1, BATCHES * SIZE + 1))
    assert EventSpool.objects.get().mark == BATCHES * SIZE
    assert not EventGap.objects.exists()
    assert EventDay.objects.get().counts == {"container.start": BATCHES * SIZE}
