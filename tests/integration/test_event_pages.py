"""Events for people: on the host's page and in the REST API, in words, with what is missing."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.models import Event, EventDay, EventGap, EventSpool, Host, HostLive
from tests.support.joined import Estate, enrolled_agent, make_estate
from tests.support.wire_agent import WireAgent
from workbench.core.models import Role

pytestmark = pytest.mark.django_db
BODY = {"facts": {"name": "host-a"}, "unknowns": []}
IDENTITY = {"facts": {"id": "c" * 64, "name": "web", "state": "running"}, "unknowns": []}
POSTURE = {"facts": {"no_new_privileges": True}, "unknowns": []}


@pytest.fixture
def estate() -> Estate:
    return make_estate()


@pytest.fixture
def agent(estate: Estate) -> WireAgent:
    agent = enrolled_agent(estate)
    answer = agent.index({"host": BODY}, {"c1": (IDENTITY, POSTURE)}, number=1)
    assert answer.status == 200, answer
    return agent


@pytest.fixture
def host(agent: WireAgent) -> Host:
    return Host.unscoped.get(pk=agent.host_id)


def add(host: Host, seq: int, kind: str, *, minutes: int = 0, **more: Any) -> Event:
    now = timezone.now()
    spool, _ = EventSpool.objects.get_or_create(
        host=host, epoch="a" * 16, begun_at=host.enrolled_at
    )
    return Event.unscoped.create(
        workspace_id=host.workspace_id,
        host=host,
        spool=spool,
        seq=seq,
        kind=kind,
        event_class="A",
        stream="agent",
        at=now - timedelta(minutes=minutes),
        **more,
    )


def page(client: Client, host: Host, query: str = "") -> str:
    return client.get(reverse("host", args=[host.pk]) + query).content.decode()


def test_events_are_in_words_newest_first_and_linked_to_their_container(
    estate: Estate, host: Host
) -> None:
    add(host, 1, "agent.start", minutes=9)
    add(host, 2, "container.start", minutes=5, container_key="c1")
    keys = {"what": {"attributes": {"section": "kernel", "keys": ["release", "cmdline"]}}}
    add(host, 3, "facts.changed", minutes=1, count=4, details=keys)
    text = page(estate.browser(), host)
    words = ["Facts changed", "kernel: release, cmdline", "Container started", "Agent started"]
    places = [text.index(word, text.index('id="events"')) for word in words]
    assert places == sorted(places)
    assert "4 times" in text
    container = reverse("container", args=[host.containers.get().pk])
    assert container in text[text.index("Container started") :]


def test_a_page_has_fifty_and_the_rest_follows(estate: Estate, host: Host) -> None:
    for seq in range(1, 61):
        add(host, seq, "login.open", minutes=seq)
    client = estate.browser()
    assert page(client, host).count("<td>Login</td>") == 50
    assert page(client, host, "?page=2").count("<td>Login</td>") == 10


def test_a_time_without_watching_and_an_image_are_told(estate: Estate, host: Host) -> None:
    times = {"from": "2026-11-23T22:00:00Z", "to": "2026-11-23T22:05:00Z"}
    what = {"reason": "the agent did not run", "attributes": times}
    add(host, 1, "agent.gap", details={"what": what})
    where = {"image_reference": "shop/web:1.4", "container_name": "web"}
    add(host, 2, "container.die", details={"where": where}, container_key="gone")
    text = page(estate.browser(), host)
    assert "the agent did not run, 2026-11-23T22:00:00Z to 2026-11-23T22:05:00Z" in text
    assert "shop/web:1.4" in text


def test_a_gap_is_said_plainly(estate: Estate, host: Host) -> None:
    spool = add(host, 1, "agent.start").spool
    now = timezone.now()
    for first, last, reason in [(2, 13, "missing"), (20, 20, "full"), (30, 34, "x.unknown")]:
        EventGap.objects.create(
            host=host, spool=spool, first=first, last=last, reason=reason, at=now
        )
    text = page(estate.browser(), host)
    assert "12 events missing" in text
    assert "They have not arrived." in text
    assert "1 event missing" in text
    assert "It had no room on the host." in text
    assert "They will not arrive." in text


def test_who_logged_in_is_for_administrators_and_analysts(estate: Estate, host: Host) -> None:
    who = {"who": {"user": "anna", "remote_address": "192.0.2.7"}}
    add(host, 1, "login.open", details=who)
    for role in Role:
        is_shown = role in {Role.ADMIN, Role.ANALYST}
        client = estate.browser(role)
        assert ("anna from 192.0.2.7" in page(client, host)) is is_shown
        answer = client.get(reverse("api:host-events", args=[host.pk])).json()
        assert ("who" in answer["results"][0]["details"]) is is_shown


def test_hostile_details_are_text(estate: Estate, host: Host) -> None:
    bad = "<script>alert(1)</script>"
    what = {"reason": bad, "attributes": {"keys": [bad, 1, {}], "section": {"a": 1}}}
    details = {"what": what, "where": {"container_name": [bad]}, "who": "nobody"}
    add(host, 1, "facts.changed", details=details, container_key="none")
    add(host, 2, "login.fail", details={"who": [1]})
    add(host, 3, "agent.degraded", details={"what": {"attributes": {"sections": "x"}}})
    text = page(estate.browser(), host)
    assert bad not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(130, "2 minutes ahead"), (-10_000, "2 hours behind"), (10 * 86_400, "10 days ahead")],
)
def test_a_clock_that_is_wrong_by_two_minutes_is_said(
    estate: Estate, host: Host, seconds: int, words: str
) -> None:
    HostLive.objects.update(clock_skew_seconds=120)
    assert "clock is" not in page(estate.browser(), host)
    HostLive.objects.update(clock_skew_seconds=seconds)
    assert f"clock is {words}" in page(estate.browser(), host)


def test_events_that_were_only_counted_are_said(estate: Estate, host: Host) -> None:
    today = timezone.now().date()
    EventDay.objects.create(host=host, day=today, only_counted={"facts.changed": 7, "x": 1})
    assert "8 more of today were counted" in page(estate.browser(), host)


def test_the_api_lists_events_by_kind_and_container(estate: Estate, host: Host) -> None:
    add(host, 1, "container.start", minutes=3, container_key="c1")
    add(host, 2, "container.start", minutes=2, container_key="c2")
    add(host, 3, "agent.start", minutes=1)
    client, url = estate.browser(), reverse("api:host-events", args=[host.pk])
    assert next(row["kind"] for row in client.get(url).json()["results"]) == "agent.start"
    assert client.get(url + "?kind=container.start").json()["count"] == 2
    assert client.get(url + "?container=c2").json()["count"] == 1
    assert client.post(url, {}, content_type="application/json").status_code in {403, 405}


def test_events_of_another_workspace_are_not_found(host: Host) -> None:
    add(host, 1, "agent.start")
    stranger = make_estate("Others").browser()
    assert stranger.get(reverse("api:host-events", args=[host.pk])).status_code == 404


def test_the_page_takes_the_same_queries_however_many_events(
    estate: Estate, host: Host, django_assert_max_num_queries: Any
) -> None:
    client = estate.browser()
    add(host, 1, "container.start", container_key="c1")
    with django_assert_max_num_queries(60) as few:
        page(client, host)
    for seq in range(2, 200):
        add(host, seq, "container.start", container_key="c1")
    with django_assert_max_num_queries(60) as many:
        page(client, host)
    assert len(many) == len(few)
