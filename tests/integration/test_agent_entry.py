"""The agents' way in as the HTTP server meets it: few headers, deny by default, errors as JSON."""

import io
import json
from collections.abc import Iterable
from typing import Any

import pytest
from django.db import OperationalError
from django.http import HttpResponse

from tests.support.joined import enrolled_agent, make_estate
from tests.support.wire_agent import Answer, WireAgent
from workbench.core.access import table
from workbench.core.web import agent_entry

VIEWS = agent_entry._view
Reply = tuple[str, dict[str, str], bytes]


def rest(_environ: agent_entry.Environ, start: agent_entry.StartResponse) -> Iterable[bytes]:
    start("200 OK", [("X-Who", "django")])
    return [b"page"]


@pytest.fixture(autouse=True)
def forget_views() -> Iterable[None]:
    yield
    VIEWS.cache_clear()


def ask(path: str, raw: bytes = b"", *, method: str = "POST", token: str = "") -> Reply:
    told: list[Any] = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(raw)),
        "HTTP_AUTHORIZATION": token,
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(raw),
    }
    parts = agent_entry.AgentEntry(rest)(environ, lambda *words: told.extend(words))
    return told[0], dict(told[1]), b"".join(parts)


def entry_post(path: str, raw: bytes, headers: Any) -> Answer:
    status, _, body = ask(path, raw, token=headers.get("Authorization", ""))
    return Answer(int(status[:3]), json.loads(body) if body else None)


@pytest.mark.django_db(transaction=True)
def test_an_unchanged_heartbeat_is_answered_without_any_header() -> None:
    agent = WireAgent(entry_post)
    agent.host_id, agent.tag, agent.secret = known_agent()
    body = json.dumps({"v": 1, "b": "00000000", "n": 1, "d": "", "q": 0}).encode()
    assert ask("/i/v1/hb", body, token=agent.authorization()) == ("204 No Content", {}, b"")


def known_agent() -> tuple[str, str, bytes]:
    agent = enrolled_agent(make_estate())
    return agent.host_id, agent.tag, agent.secret


@pytest.mark.django_db(transaction=True)
def test_an_agent_joins_and_reports_through_the_entry() -> None:
    agent = WireAgent(entry_post)
    agent.host_id, agent.tag, agent.secret = known_agent()
    assert agent.index({"host": {"facts": {}, "unknowns": []}}, number=1).status == 200
    assert agent.heartbeat(root="0" * 64).body == {"need": "index"}


def test_every_other_address_is_left_to_django() -> None:
    assert ask("/hosts/") == ("200 OK", {"X-Who": "django"}, b"page")


def test_a_content_type_that_django_fails_on_does_not_reach_it() -> None:
    seen: list[str] = []

    def note(environ: agent_entry.Environ, start: agent_entry.StartResponse) -> Iterable[bytes]:
        seen.append(environ["CONTENT_TYPE"])
        return rest(environ, start)

    environ: dict[str, object] = {"PATH_INFO": "/", "wsgi.input": io.BytesIO()}
    environ["CONTENT_TYPE"] = "application/json; charset*=klingon''x"
    agent_entry.AgentEntry(note)(environ, lambda *_: None)
    assert seen == ["application/x-unreadable"]


def test_an_unknown_address_and_a_bad_token_are_answered_in_json() -> None:
    status, headers, body = ask("/i/v1/nothing")
    assert (status[:3], headers["Content-Type"]) == ("404", "application/json")
    status, _, body = ask("/i/v1/hb", b"{}", token="Bearer x")
    assert (status[:3], json.loads(body)["e"]) == ("401", "unknown")


def test_a_route_that_the_table_does_not_list_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(table.ROUTES, "ingest:heartbeat")
    VIEWS.cache_clear()
    assert ask("/i/v1/hb", b"{}", token="Bearer x")[0].startswith("403")


def test_a_database_that_is_away_is_503_and_not_500(monkeypatch: pytest.MonkeyPatch) -> None:
    def view(_request: object) -> HttpResponse:
        raise OperationalError

    monkeypatch.setattr(agent_entry, "_view", lambda *_: view)
    status, headers, body = ask("/i/v1/index")
    assert status.startswith("503")
    assert 5 <= int(headers["Retry-After"]) <= 60
    assert json.loads(body)["e"] == "unavailable"


def test_a_fault_of_ours_is_a_500_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def view(_request: object) -> HttpResponse:
        message = "the inner secret"
        raise RuntimeError(message)

    monkeypatch.setattr(agent_entry, "_view", lambda *_: view)
    status, _, body = ask("/i/v1/index")
    assert status.startswith("500")
    assert b"secret" not in body
