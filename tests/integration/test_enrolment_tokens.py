"""Enrolment tokens with a scope: which hosts they let in, from where, and what they give them."""

from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.utils import timezone

from agents.models import EnrolmentToken, Host
from agents.services.enrolment import host_enrol
from agents.services.enrolment_tokens import Scope, token_make, token_revoke
from tests.support.estate import Estate, application, new_estate
from tests.support.joined import client_post
from tests.support.wire_agent import Answer, WireAgent
from workbench.core.errors import Forbidden, Invalid, NotFound

pytestmark = pytest.mark.django_db


@pytest.fixture
def estate() -> Estate:
    return new_estate("Platform security", now=timezone.now())


def token_for(estate: Estate, **scope: Any) -> str:
    return token_make(
        estate.caller,
        name="rack 4",
        days=1,
        max_uses=9,
        mode="auto",
        now=estate.now,
        scope=Scope(**scope),
    )[1]


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("10.2.255.9", True),
        ("::ffff:10.2.0.9", True),
        ("10.3.0.1", False),
        ("2001:db8:0:1::5", True),
        ("2001:db9::5", False),
        ("", False),
        ("unknown", False),
    ],
)
def test_a_token_works_from_its_networks_only(estate: Estate, address: str, may: bool) -> None:
    secret = token_for(estate, networks=["10.2.0.0/16", "2001:db8::/48"])
    wanted = replace(application("edge-01", token=secret), address=address)
    if may:
        assert host_enrol(wanted, now=estate.now).host.name == "edge-01"
    else:
        with pytest.raises(Forbidden):
            host_enrol(wanted, now=estate.now)
        assert not Host.unscoped.exists()
        assert EnrolmentToken.unscoped.get().uses == 0


@pytest.mark.parametrize(
    ("header", "proxies", "status"),
    [
        ("10.2.0.9", 1, 201),
        ("10.2.0.9", 0, 403),  # without a proxy the header is only the client's word
        ("10.2.0.9, 192.0.2.7", 1, 403),
        ("192.0.2.7, 10.2.0.9", 1, 201),
    ],
)
def test_the_address_of_a_host_is_the_one_our_proxy_saw(
    estate: Estate, settings: LazySettings, header: str, proxies: int, status: int
) -> None:
    settings.TRUSTED_PROXIES = proxies
    secret = token_for(estate, networks=["10.2.0.0/16"])

    def post(path: str, raw: bytes, headers: Mapping[str, str]) -> Answer:
        return client_post(path, raw, {**headers, "X-Forwarded-For": header})

    assert WireAgent(post).enrol(secret).status == status


@pytest.mark.parametrize(
    "scope",
    [
        {"networks": ["10.2.0.0/33"]},
        {"networks": ["edge"]},
        {"networks": ["10.2.0.0/16"] * 3 + [f"10.{n}.0.0/16" for n in range(21)]},
        {"labels": {"a b": "x"}},
        {"labels": {"sensitivity": "secret"}},
    ],
)
def test_a_scope_that_cannot_be_makes_no_token(estate: Estate, scope: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        token_for(estate, **scope)
    assert not EnrolmentToken.unscoped.exists()


def test_the_command_makes_tokens_with_a_scope() -> None:
    said = ("--label=env=prod", "--label=rack=4", "--network=10.2.3.4/16", "--mode=approve")
    call_command("make_enrolment_token", *said, stdout=StringIO())
    token = EnrolmentToken.unscoped.get()
    assert (token.labels, token.networks) == ({"env": "prod", "rack": "4"}, ["10.2.0.0/16"])
    assert token.mode == "approve"
    with pytest.raises(CommandError, match="no network"):
        call_command("make_enrolment_token", "--network=edge", stdout=StringIO())


def test_a_token_of_a_neighbour_is_not_found(estate: Estate) -> None:
    token_for(estate)
    other = new_estate("Neighbour", now=estate.now)
    with pytest.raises(NotFound):
        token_revoke(other.caller, EnrolmentToken.unscoped.get().pk, now=estate.now)
    assert EnrolmentToken.unscoped.get().revoked_at is None


def test_a_host_cannot_give_itself_labels_that_checks_read(estate: Estate) -> None:
    _, secret = token_make(
        estate.caller,
        name="rack 4",
        days=1,
        max_uses=1,
        mode="auto",
        now=estate.now,
        scope=Scope(labels={"owner": "payments"}),
    )
    said = {"criticality": "batch", "owner": "nobody", "rack": "4"}
    host = host_enrol(replace(application("a", token=secret), labels=said), now=estate.now).host
    assert host.labels == {"rack": "4", "owner": "payments"}
