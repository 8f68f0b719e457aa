"""Bodies that nobody uses go; bodies that anybody uses or used stay."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents.facts.canonical import canonical_bytes, digest
from agents.models import Blob
from agents.services.blob_sweep import blobs_sweep
from tests.support.joined import client_post, enrolled_agent, make_estate
from tests.support.wire_agent import WireAgent

pytestmark = pytest.mark.django_db


def body(**facts: Any) -> dict[str, Any]:
    return {"facts": facts, "unknowns": []}


@pytest.fixture
def agent() -> WireAgent:
    return enrolled_agent(make_estate())


def junk(agent: WireAgent, count: int) -> set[str]:
    """Bodies that are sent and never named in an index."""
    raws = [canonical_bytes(body(junk=place)) for place in range(count)]
    message = json.dumps({"blobs": {digest(raw): raw.decode() for raw in raws}}).encode()
    answer = client_post("/i/v1/blobs", message, {"Authorization": agent.authorization()})
    assert answer.body == {"stored": count, "bad": []}
    return {digest(raw) for raw in raws}


def test_only_what_no_host_ever_linked_is_deleted(agent: WireAgent) -> None:
    unused = junk(agent, 1_100)
    containers = {"c1": (body(id="1"), body(cpus=1)), "c2": (body(id="2"), body(cpus=1))}
    agent.index({"kernel": body(release="1")}, containers, number=1)
    agent.index({"kernel": body(release="2")}, {}, number=2)
    linked = set(Blob.objects.exclude(digest__in=unused).values_list("digest", flat=True))
    assert len(linked) == 5
    later = timezone.now() + timedelta(days=2, hours=1)
    assert blobs_sweep(later) == 1_100
    assert set(Blob.objects.values_list("digest", flat=True)) == linked
    assert blobs_sweep(later) == 0


def test_what_was_sent_a_moment_ago_waits_for_its_index(agent: WireAgent) -> None:
    junk(agent, 3)
    assert blobs_sweep(timezone.now() + timedelta(days=1)) == 0
    assert Blob.objects.count() == 3
