"""The hosts' pages: lists and filters, changing many at once, and what is said of odd hosts."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.models import Agent, EnrolmentToken, Host, HostLive
from agents.selectors.program import is_older
from agents.services.agent_config import agent_config_set
from tests.support.estate import Estate, new_estate
from workbench.core.models import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def estate() -> Estate:
    return new_estate("Platform security", now=timezone.now())


@pytest.fixture
def admin(estate: Estate) -> Client:
    return browser_of(estate, Role.ADMIN)


def browser_of(estate: Estate, role: Role) -> Client:
    client = Client()
    member = estate.admin if role is Role.ADMIN else estate.member(role)
    client.force_login(member.user)
    return client


def make(estate: Estate, name: str, **fields: object) -> Host:
    """A host with an agent that was just heard."""
    host = Host.unscoped.create(workspace=estate.workspace, name=name, **fields)
    HostLive.objects.create(host=host, last_seen=estate.now)
    key = uuid.uuid4().hex
    Agent.objects.create(host=host, secret_hash=key, enrol_nonce=key)
    return host


def names_on(client: Client, **query: str) -> list[str]:
    text = client.get(reverse("hosts"), query).text
    return re.findall(r'<td class="name"><a href="[^"]+">([^<]+)</a>', text)


# ---- lists ------------------------------------------------------------------------------------


@pytest.fixture
def program(settings: LazySettings, tmp_path: Path) -> None:
    """The server hands out version 2.0.0."""
    settings.BASE_DIR = tmp_path
    (tmp_path / "dist").mkdir()
    with ZipFile(tmp_path / "dist" / "underpin-agent.pyz", "w") as archive:
        archive.writestr("underpin_agent/__init__.py", '__version__ = "2.0.0"\n')


@pytest.fixture
def zoo(estate: Estate, program: None) -> Estate:
    """One host of each state."""
    make(estate, "fine", agent_version="2.0.0")
    estate.silence(make(estate, "quiet"), for_=timedelta(minutes=9))
    make(estate, "waits", state="pending")
    make(estate, "twice", state="forked")
    make(estate, "gone", state="retired", retired_at=estate.now)
    make(estate, "small", facts_at=estate.now, agent_level="unprivileged")
    make(estate, "old", agent_version="1.9.12")
    Agent.objects.filter(host=make(estate, "barred")).update(revoked_at=estate.now)
    estate.silence(Host.unscoped.get(name="barred"), for_=timedelta(days=2))
    return estate


STATES = {
    "silent": ["quiet"],
    "pending": ["waits"],
    "forked": ["twice"],
    "retired": ["gone"],
    "degraded": ["small"],
    "outdated": ["old"],
    "revoked": ["barred"],
    "reporting": ["fine", "old", "small"],
    "": ["barred", "fine", "old", "quiet", "small", "twice", "waits"],
}


@pytest.mark.parametrize("state", list(STATES))
def test_each_state_lists_its_hosts(zoo: Estate, admin: Client, state: str) -> None:
    assert names_on(admin, state=state, sort="name") == STATES[state]


def test_the_choice_of_states_says_how_many_there_are(zoo: Estate, admin: Client) -> None:
    text = admin.get(reverse("hosts")).text
    for words in ("Silent (1)", "Reporting (3)", "Agent outdated (1)", "Key taken back (1)"):
        assert words in text
    assert "1 host waits for approval." in text
    assert "1 host waits for approval." in admin.get(reverse("enrol")).text


def test_hosts_are_found_by_label_criticality_and_token(estate: Estate, admin: Client) -> None:
    one = make(estate, "one", labels={"env": "prod", "rack": "4"}, criticality="high")
    make(estate, "two", labels={"env": "test"})
    make(estate, "three", labels={"note": "env=prod"})
    token = EnrolmentToken.unscoped.create(
        workspace=estate.workspace, name="rack", secret_hash="x", expires_at=estate.now
    )
    Agent.objects.filter(host=one).update(enrolled_with=token)
    assert names_on(admin, label="env", sort="name") == ["one", "two"]
    assert names_on(admin, label="env=prod") == ["one"]
    assert names_on(admin, label="env = test") == ["two"]
    assert names_on(admin, label="env__contains=prod") == []
    assert names_on(admin, criticality="high") == ["one"]
    assert names_on(admin, criticality="nonsense", sort="name") == ["one", "three", "two"]
    assert names_on(admin, token=str(token.pk)) == ["one"]
    assert f"{reverse('hosts')}?token={token.pk}" in admin.get(reverse("enrol")).text


@pytest.mark.parametrize("label", ["0", "=x", "a=%", "'", '"', "a.b[0]", "$", "-> 'a'", "x" * 300])
def test_an_odd_label_finds_nothing(estate: Estate, admin: Client, label: str) -> None:
    make(estate, "one", labels={"env": "prod"})
    assert names_on(admin, label=label) == []


def test_an_interval_that_agents_were_told_moves_silence(estate: Estate, admin: Client) -> None:
    host = make(estate, "slow")
    estate.silence(host, for_=timedelta(minutes=20))
    assert names_on(admin, state="silent") == ["slow"]
    agent_config_set(estate.caller, {"interval": 600}, now=estate.now)
    assert names_on(admin, state="silent") == []
    assert names_on(admin, state="reporting") == ["slow"]
    assert "Silent since" not in admin.get(reverse("host", args=[host.pk])).text


# ---- many at once -----------------------------------------------------------------------------


def send(client: Client, route: str, **fields: object) -> str:
    """What the page after the form says."""
    answer = client.post(reverse(route), fields, follow=True)
    assert answer.status_code == 200
    return str(answer.text)


def test_chosen_hosts_are_labelled(estate: Estate, admin: Client) -> None:
    hosts = [make(estate, f"h{number}") for number in range(3)]
    chosen = [str(host.pk) for host in hosts[:2]]
    assert "2 hosts changed" in send(
        admin, "hosts-assign", host=chosen, do="label", label="env=prod, rack=4"
    )
    assert "2 hosts changed" in send(admin, "hosts-assign", host=chosen, do="unlabel", label="rack")
    assert "it was so before" in send(
        admin, "hosts-assign", host=chosen, do="label", label="env=prod"
    )
    labels = {host.name: host.labels for host in Host.objects.of(estate.workspace)}
    assert labels == {"h0": {"env": "prod"}, "h1": {"env": "prod"}, "h2": {}}


def test_all_that_match_are_changed_on_every_page_of_the_list(
    estate: Estate, admin: Client
) -> None:
    for number in range(60):
        make(estate, f"h{number:02d}", labels={"env": "prod" if number < 55 else "test"})
    fields = {"scope": "matching", "query": "label=env%3Dprod&page=2", "do": "criticality"}
    text = send(admin, "hosts-assign", criticality="high", **fields)
    assert "55 hosts changed" in text
    assert Host.objects.of(estate.workspace).filter(criticality="high").count() == 55
    assert 'value="env=prod"' in text  # back on the list as it was narrowed


def test_nothing_chosen_is_said_and_changes_nothing(estate: Estate, admin: Client) -> None:
    make(estate, "h1")
    assert "Choose at least one host" in send(
        admin, "hosts-assign", do="criticality", criticality="high"
    )
    assert "Choose at least one host" in send(admin, "hosts-move", do="retire")
    assert "Write a label such as" in send(admin, "hosts-assign", do="label", label=" ")
    host = str(Host.objects.of(estate.workspace).get().pk)
    assert "as name=value" in send(admin, "hosts-assign", do="label", label="env", host=host)
    assert not Host.objects.of(estate.workspace).exclude(criticality="normal").exists()


def test_retiring_is_asked_for_again_and_the_number_must_still_be_right(
    estate: Estate, admin: Client
) -> None:
    make(estate, "h1", labels={"env": "old"})
    make(estate, "h2", labels={"env": "old"})
    fields = {"scope": "matching", "query": "label=env%3Dold", "do": "retire"}
    asked = send(admin, "hosts-move", **fields)
    assert "Retire 2 hosts?" in asked
    assert 'name="confirmed" value="2"' in asked
    make(estate, "h3", labels={"env": "old"})
    asked = send(admin, "hosts-move", confirmed="2", **fields)
    assert "Retire 3 hosts?" in asked
    assert "The list changed" in asked
    assert not Host.objects.of(estate.workspace).filter(state="retired").exists()
    assert "3 hosts retired" in send(admin, "hosts-move", confirmed="3", **fields)
    assert Host.objects.of(estate.workspace).filter(state="retired").count() == 3


def test_a_host_of_a_neighbour_among_the_chosen_is_not_found(estate: Estate, admin: Client) -> None:
    other = new_estate("Neighbour", now=estate.now)
    mine, foreign = make(estate, "mine"), make(other, "canary")
    for route, do in (
        ("hosts-assign", "label"),
        ("hosts-move", "retire"),
        ("hosts-move", "rotate"),
    ):
        for ids in ([foreign.pk], [mine.pk, foreign.pk], ["x"]):
            fields = {"host": [str(pk) for pk in ids], "do": do, "label": "a=b", "confirmed": "2"}
            answer = admin.post(reverse(route), fields)
            assert answer.status_code == 404
            assert "canary" not in answer.text
    assert {host.state for host in Host.unscoped.all()} == {"active"}
    assert not Host.unscoped.exclude(labels={}).exists()


@pytest.mark.parametrize(
    "query", ["q=%00", "q=%ed%a0%80", "page=-1", "state=x&level=y", "a" * 9_999]
)
def test_a_hostile_address_in_a_form_is_answered(estate: Estate, admin: Client, query: str) -> None:
    make(estate, "h1")
    fields = {"scope": "matching", "query": query, "do": "criticality", "criticality": "high"}
    assert admin.post(reverse("hosts-assign"), fields).status_code == 302


def test_analysts_say_how_critical_hosts_are_and_move_none(estate: Estate) -> None:
    host = make(estate, "h1", state="pending")
    analyst, reader = (browser_of(estate, role) for role in (Role.ANALYST, Role.REVIEWER))
    fields = {"host": str(host.pk), "do": "criticality", "criticality": "high"}
    assert "1 host changed" in send(analyst, "hosts-assign", **fields)
    assert analyst.post(reverse("hosts-move"), {"host": str(host.pk)}).status_code == 403
    assert reader.post(reverse("hosts-assign"), fields).status_code == 403
    for client, may_assign in ((analyst, True), (reader, False)):
        for address in (reverse("hosts"), reverse("host", args=[host.pk])):
            text = client.get(address).text
            assert (reverse("hosts-assign") in text) == may_assign
            assert reverse("hosts-move") not in text


# ---- one host ---------------------------------------------------------------------------------


def words_of(client: Client, host: Host) -> str:
    return str(client.get(reverse("host", args=[host.pk])).text)


@pytest.mark.parametrize("state", ["pending", "forked", "retired", "active"])
def test_nobody_is_led_to_a_page_they_may_not_open(estate: Estate, state: str) -> None:
    host = make(estate, "h1", state=state, facts_at=estate.now, agent_level="unprivileged")
    Agent.objects.filter(host=host).update(revoked_at=estate.now)
    for role, is_led in ((Role.ADMIN, state != "pending"), (Role.ANALYST, False)):
        text = words_of(browser_of(estate, role), host)
        page = text[text.index("<main") :]
        assert (f'href="{reverse("enrol")}"' in page) == is_led


def test_a_silent_host_says_since_when_and_what_to_check(estate: Estate, admin: Client) -> None:
    host = make(estate, "h1", facts_at=estate.now)
    estate.silence(host, for_=timedelta(hours=3))
    text = words_of(admin, host)
    since = estate.now - timedelta(hours=3) + timedelta(seconds=3 * 60 + 30)
    assert "Silent since" in text
    assert f'datetime="{since:%Y-%m-%dT%H:%M:%SZ}"' in text
    for command in ("systemctl status underpin-agent", "journalctl -u underpin-agent", "/health/"):
        assert command in text


def test_a_forked_host_names_the_boots_and_ends_by_a_button(estate: Estate, admin: Client) -> None:
    host = make(estate, "h1", state="forked")
    HostLive.objects.filter(host=host).update(
        boot="aaaa1111", rival_boot="bbbb2222", forked_at=estate.now, counter=9
    )
    text = words_of(admin, host)
    assert "Two machines report as this host" in text
    assert "aaaa1111" in text
    assert "bbbb2222" in text
    fields = {"host": str(host.pk), "origin": str(host.pk), "do": "resolve"}
    assert "Take facts again from h1?" in send(admin, "hosts-move", **fields)
    text = send(admin, "hosts-move", confirmed="1", **fields)
    assert "reports under its own identity again" in text
    assert "Two machines" not in text
    live = HostLive.objects.get(host=host)
    assert (live.boot, live.rival_boot, live.counter, live.forked_at) == ("", "", 0, None)


def test_a_waiting_host_is_let_in_from_its_page(estate: Estate, admin: Client) -> None:
    taken, host = make(estate, "taken"), make(estate, "h1", state="pending")
    Agent.objects.filter(host=host).update(claims=taken)
    text = words_of(admin, host)
    assert "This host waits for approval" in text
    assert "same fingerprint as" in text
    fields = {"host": str(host.pk), "origin": str(host.pk), "do": "approve"}
    assert "1 host let in" in send(admin, "hosts-move", **fields)
    host.refresh_from_db()
    assert host.state == "active"


def test_a_revoked_key_is_explained_and_let_hold_again(estate: Estate, admin: Client) -> None:
    host = make(estate, "h1", facts_at=estate.now)
    fields = {"host": str(host.pk), "origin": str(host.pk), "confirmed": "1"}
    text = send(admin, "hosts-move", do="revoke", **fields)
    assert "The key of this host was taken back" in text
    assert "Silent since" not in text
    text = send(admin, "hosts-move", do="restore", **fields)
    assert "The key of this host was taken back" not in text


def test_a_retired_host_keeps_its_page_and_offers_nothing(estate: Estate, admin: Client) -> None:
    host = estate.host("edge-01")
    Host.unscoped.filter(pk=host.pk).update(state="retired", retired_at=estate.now)
    text = words_of(admin, host)
    assert "This host was retired" in text
    assert "legacy" in text  # its containers are still told
    assert "outdated:" not in text
    for name in ("containers", "findings"):
        assert "legacy" in admin.get(reverse(name), {"host": str(host.pk)}).text
        assert "legacy" not in admin.get(reverse(name)).text
    assert reverse("hosts-move") not in text
    assert reverse("hosts-assign") not in text


def test_an_old_agent_is_told_from_a_changed_one(
    estate: Estate, admin: Client, program: None
) -> None:
    def of(version: str) -> Callable[[dict[str, dict[str, str]]], None]:
        return lambda document: document["agent"].update(version=version, binary_sha256="ab" * 32)

    old = words_of(admin, estate.host("old", sample="hardened", change=of("1.9.0")))
    assert "The agent is outdated: 1.9.0, while this server hands out 2.0.0" in old
    assert "not the file" not in old
    other = words_of(admin, estate.host("other", sample="hardened", change=of("2.0.0")))
    assert "outdated:" not in other
    assert "not the file that this server hands out" in other
    assert "ab" * 32 in other


@pytest.mark.parametrize(
    ("version", "than", "older"),
    [
        ("0.1.0", "0.2.0", True),
        ("0.9.0", "0.10.0", True),
        ("1.0.0", "1.0.0", False),
        ("1.1.0", "1.0.9", False),
        ("1.0.0-rc1", "1.0.0", False),
        ("²", "1.0", True),
        ("", "", False),
    ],
)
def test_versions_are_compared_by_number(version: str, than: str, older: bool) -> None:
    assert is_older(version, than=than) is older


def test_missing_facts_are_grouped_by_what_would_give_them(estate: Estate, admin: Client) -> None:
    text = words_of(admin, estate.host("h1", sample="no-runtime-api"))
    assert "read access to the runtime socket" in text
    fine = words_of(admin, estate.host("h2", sample="hardened"))
    assert "could not be read" not in fine


def test_labels_of_a_host_are_not_markup(estate: Estate, admin: Client) -> None:
    host = make(estate, "<b>h</b>", labels={"<i>": "<script>alert(1)</script>", "a&b": '"x"'})
    for address in (reverse("hosts"), reverse("host", args=[host.pk])):
        text = admin.get(address).text
        assert "<script>alert" not in text
        assert "<b>h" not in text
