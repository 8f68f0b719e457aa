"""An agent that does not clean its facts: the server does, and keeps their digests."""

import gzip

import pytest

from agents.models import Blob
from tests.support.joined import enrolled_agent, make_estate

pytestmark = pytest.mark.django_db
SECRET = "ghp_abcdefghijklmnop0123456789"


def stored() -> str:
    return "".join(gzip.decompress(bytes(blob.body)).decode() for blob in Blob.objects.all())


def test_a_secret_in_a_fact_is_not_stored() -> None:
    agent = enrolled_agent(make_estate())
    sections = {"kernel": {"facts": {"release": f"6.1 token={SECRET}"}, "unknowns": []}}
    reply = agent.index(sections, number=1)
    assert (reply.status, reply.body["need"]) == (200, [])
    assert SECRET not in stored()
    assert "redacted:" in stored()


def test_a_body_without_secrets_is_kept_byte_for_byte() -> None:
    agent = enrolled_agent(make_estate())
    sections = {"kernel": {"unknowns": [], "facts": {"release": "6.1"}}}
    agent.index(sections, number=1)
    assert stored() == '{"facts":{"release":"6.1"},"unknowns":[]}'
