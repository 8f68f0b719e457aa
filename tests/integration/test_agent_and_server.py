"""The agent's own loop against the server: joined at the request, in virtual time."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, TestCase
from django.utils import timezone
from underpin_agent import loop
from underpin_agent.client import Reply
from underpin_agent.index import build_index
from underpin_agent.reading import Host as HostFiles
from underpin_agent.state import State

from agents.models import Agent, AgentConfig, Container, Host, HostSection
from agents.services.agent_config import agent_config_set
from agents.services.hosts import agent_restore, agent_revoke, agent_rotate, host_retire
from tests.support.joined import Estate, enrolment_secret, make_estate

pytestmark = pytest.mark.django_db
HOUR, DAY = 3600.0, 86_400.0


class Joined:
    """The agent's client without a network between."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def post(self, path: str, body: bytes, *, token: str = "", compress: bool = True) -> Reply:
        return self._ask("post", path, token, data=body, content_type="application/json")

    def get(self, path: str, *, token: str = "", etag: str = "") -> Reply:
        more = {"If-None-Match": f'"{etag}"'} if etag else {}
        return self._ask("get", path, token, headers=more)

    def _ask(self, method: str, path: str, token: str, **more: Any) -> Reply:
        self.asked.append(path)
        headers = {
            **more.pop("headers", {}),
            **({"Authorization": f"Bearer {token}"} if token else {}),
        }
        with TestCase.captureOnCommitCallbacks(execute=True):
            answer = getattr(Client(), method)("/i/v1" + path, headers=headers, **more)
        seconds = float(answer.headers.get("Retry-After", 0))
        return Reply(answer.status_code, json.loads(answer.content or b"null"), seconds)


class Facts:
    """A collector with given sections and containers."""

    def __init__(self) -> None:
        self.sections = {"kernel": {"release": "6.1.0"}, "host": {"name": "web-1"}}
        self.containers = ["a", "b"]
        self.configuration: Any = None

    def index(self, *, everything: bool = False) -> Any:
        body = {name: {"facts": facts, "unknowns": []} for name, facts in self.sections.items()}
        rows = [
            {
                "key": key,
                "identity": {"facts": {"id": key, "name": key}, "unknowns": []},
                "posture": {"facts": {"privileged": False}, "unknowns": []},
            }
            for key in self.containers
        ]
        return build_index({"sections": body, "containers": rows})

    def use_salt(self, salt: bytes) -> None:
        self.salt = salt

    def use_configuration(self, configuration: Any) -> None:
        self.configuration = configuration


class AtWork:
    """One agent with its clock."""

    def __init__(self, estate: Estate, folder: Path) -> None:
        (folder / "etc").mkdir()
        (folder / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
        self.now = 1_000.0
        self.client, self.facts = Joined(), Facts()
        self.state = State(str(folder / "state"))
        self.state.open()
        self.loop = loop.Loop(
            loop.Settings("http://127.0.0.1", token=enrolment_secret(estate.workspace)),
            client=self.client,
            state=self.state,
            host=HostFiles(str(folder)),
            collector=self.facts,
            clock=lambda: self.now,
            wall=lambda: self.now,
        )

    def work(self, seconds: float) -> list[str]:
        """Paths of the requests of so much time."""
        self.client.asked.clear()
        end = self.now + seconds
        while self.now < end:
            self.now += self.loop.cycle()
        return self.client.asked

    def secret(self) -> str:
        return str(self.state.read("identity.json")["secret"])


@pytest.fixture
def estate() -> Estate:
    return make_estate()


@pytest.fixture
def agent(estate: Estate, tmp_path: Path) -> AtWork:
    one = AtWork(estate, tmp_path)
    one.work(90)
    return one


def test_facts_arrive_and_a_change_travels_alone(agent: AtWork) -> None:
    host = Host.unscoped.get()
    assert host.facts_root == agent.facts.index().root
    agent.facts.sections["kernel"] = {"release": "6.1.1"}
    agent.facts.sections.pop("host")
    agent.facts.containers = ["b", "c"]
    assert agent.work(300).count("/index") == 1
    host.refresh_from_db()
    assert (host.facts_root, host.facts_number) == (agent.facts.index().root, 2)
    present = HostSection.objects.filter(valid_to=None).values_list("section", flat=True)
    assert set(present) == {"kernel"}
    keys = Container.unscoped.filter(host=host, gone_at=None).values_list("key", flat=True)
    assert set(keys) == {"b", "c"}


def test_the_daily_whole_index_confirms_what_is_there(agent: AtWork) -> None:
    before = Host.unscoped.get().facts_number
    agent.loop.interval = HOUR
    agent.work(3 * DAY)
    host = Host.unscoped.get()
    assert 2 <= host.facts_number - before <= 4
    assert HostSection.objects.count() == 2


def test_a_pushed_configuration_holds_at_the_agent(agent: AtWork, estate: Estate) -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        values = {"interval": 600, "options": {"tls_probe": True}}
        held = agent_config_set(estate.caller(), values, now=timezone.now())
    assert agent.work(1_800).count("/config") == 1
    assert agent.loop.interval == 600
    assert agent.facts.configuration.options == {"tls_probe": True}
    assert agent.loop.pushed.etag == held.etag


def test_a_configuration_that_the_agent_refuses_is_reported(agent: AtWork, estate: Estate) -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        agent_config_set(estate.caller(), {"interval": 600}, now=timezone.now())
    AgentConfig.objects.update(values={"interval": 5})
    assert agent.work(HOUR).count("/config") == 1
    assert agent.loop.interval == 60
    assert "interval must be" in Host.unscoped.get().flag


def test_a_key_is_renewed_on_demand(agent: AtWork, estate: Estate) -> None:
    old, host = agent.secret(), Host.unscoped.get()
    with TestCase.captureOnCommitCallbacks(execute=True):
        agent_rotate(estate.caller(), [host.pk], now=timezone.now())
    assert agent.work(600).count("/rotate") == 1
    assert agent.secret() != old
    row = Agent.objects.get()
    assert (row.next_secret_hash, row.rotate_asked_at) == ("", None)
    assert agent.work(600).count("/rotate") == 0


def test_a_revoked_agent_is_quiet_and_comes_back(agent: AtWork, estate: Estate) -> None:
    host, agent.loop.interval = Host.unscoped.get(), HOUR
    with TestCase.captureOnCommitCallbacks(execute=True):
        agent_revoke(estate.caller(), [host.pk], now=timezone.now())
    agent.facts.sections["kernel"] = {"release": "6.2.0"}
    asked = agent.work(DAY)
    assert set(asked) == {"/hb"}
    assert len(asked) <= 9
    with TestCase.captureOnCommitCallbacks(execute=True):
        agent_restore(estate.caller(), [host.pk], now=timezone.now())
    agent.work(10 * HOUR)
    host.refresh_from_db()
    assert host.facts_root == agent.facts.index().root


def test_a_retired_agent_erases_its_key(agent: AtWork, estate: Estate) -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        host_retire(estate.caller(), [Host.unscoped.get().pk], now=timezone.now())
    with pytest.raises(loop.Stop) as stopped:
        agent.work(600)
    assert stopped.value.code == 0
    assert not agent.state.read("identity.json")
