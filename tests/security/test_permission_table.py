"""The permission table: complete, deny by default, and held for every role on every route."""

import uuid

import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse

from tests.security.routes import all_routes
from tests.support.joined import NOW, Estate, make_estate
from workbench.core.access import tokens
from workbench.core.access.principals import Principal
from workbench.core.access.table import ROUTES, allowed
from workbench.core.models import Role

ABSENT = uuid.UUID(int=0)


def test_every_route_is_listed() -> None:
    missing = sorted(
        f"{r.name or '(no name)'}  {r.pattern}" for r in all_routes() if r.name not in ROUTES
    )
    assert not missing, "add to workbench/core/access/table.py:\n" + "\n".join(missing)


def test_every_listed_route_exists() -> None:
    names = {route.name for route in all_routes()}
    listed = {name.split(" ")[-1] for name in ROUTES}
    assert sorted(listed - names) == []


def test_an_unlisted_route_is_for_nobody() -> None:
    assert allowed("no-such-route", method="GET") == frozenset()


def member_routes() -> list[str]:
    """Routes that belong to roles, by name."""
    closed = {Principal.ANYONE, Principal.SIGNED_IN, Principal.AGENT}
    return sorted(name for name, who in ROUTES.items() if not who & closed and " " not in name)


def address(name: str) -> str:
    """A URL of the route with ids that do not exist."""
    for arguments in ({}, {"pk": ABSENT}, {"check_id": "NO-SUCH-01"}):
        try:
            return reverse(name, kwargs=arguments)
        except NoReverseMatch:
            continue
    message = f"tell the test how to reverse {name}"
    raise AssertionError(message)


@pytest.fixture
def estate(db: None) -> Estate:
    return make_estate()


@pytest.mark.parametrize("name", member_routes())
def test_a_stranger_is_sent_away(name: str, db: None) -> None:
    response = Client().get(address(name))
    if name.startswith("api:"):
        assert response.status_code == 401
        assert response.json()["error"]["code"] == "unauthenticated"
    else:
        assert response.status_code == 302
        assert response["Location"].startswith("/account/login/")


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
@pytest.mark.parametrize("role", list(Role))
def test_roles_get_what_the_table_says(estate: Estate, role: Role, method: str) -> None:
    client = estate.browser(role)
    for name in member_routes():
        response = getattr(client, method)(address(name))
        may = Principal(role) in allowed(name, method=method.upper())
        assert response.status_code < 500, name
        if may:
            assert response.status_code != 403, name
        else:
            assert response.status_code == 403, name


def test_a_person_without_a_workspace_sees_nothing(estate: Estate) -> None:
    client = estate.browser(Role.ADMIN)
    estate.members[Role.ADMIN].delete()
    for name in member_routes():
        assert client.get(address(name)).status_code == 403, name


def test_a_disabled_person_is_a_stranger(estate: Estate) -> None:
    client = estate.browser(Role.ADMIN)
    user = estate.members[Role.ADMIN].user
    user.is_active = False
    user.save(update_fields=["is_active"])
    assert client.get(reverse("hosts")).status_code == 302


def api(token: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {token}"})


def test_an_api_token_has_the_rights_of_its_person_at_this_moment(estate: Estate) -> None:
    membership = estate.members[Role.ANALYST]
    _, text = tokens.make(membership, name="ci", now=NOW, days=3650)
    ask = {"path": reverse("api:report-list"), "content_type": "application/json", "data": {}}
    assert api(text).post(**ask).status_code == 202
    membership.role = Role.REMEDIATION_OWNER
    membership.save(update_fields=["role"])
    assert api(text).post(**ask).status_code == 403
    assert api(text).get(reverse("api:host-list")).status_code == 200


@pytest.mark.parametrize("change", ["expired", "revoked", "disabled", "other secret", "no member"])
def test_a_token_that_does_not_hold_is_refused(estate: Estate, change: str) -> None:
    membership = estate.members[Role.ANALYST]
    token, text = tokens.make(membership, name="ci", now=NOW, days=3650)
    assert api(text).get(reverse("api:host-list")).status_code == 200
    if change == "expired":
        token.expires_at = NOW.replace(year=2020)
        token.save(update_fields=["expires_at"])
    if change == "revoked":
        token.revoked_at = NOW
        token.save(update_fields=["revoked_at"])
    if change == "disabled":
        membership.user.is_active = False
        membership.user.save(update_fields=["is_active"])
    if change == "no member":
        membership.delete()
    if change == "other secret":
        text = text[:-1] + ("a" if text[-1] != "a" else "b")
    assert api(text).get(reverse("api:host-list")).status_code in {401, 403}


def test_a_token_opens_no_page(estate: Estate) -> None:
    _, text = tokens.make(estate.members[Role.ADMIN], name="ci", now=NOW, days=3650)
    assert api(text).get(reverse("hosts")).status_code == 302


def test_a_browser_session_must_pass_the_csrf_check_at_the_api(estate: Estate) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(
        estate.members[Role.ADMIN].user,
        backend="allauth.account.auth_backends.AuthenticationBackend",
    )
    answer = client.post(reverse("api:report-list"), {}, content_type="application/json")
    assert answer.status_code == 403
