"""Signing in: one-time links, passwords under a limit that holds in parallel, workspaces."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.support.joined import make_estate
from workbench.core.accounts import limiter, one_time
from workbench.core.accounts.bootstrap import installation_open
from workbench.core.accounts.client_address import client_address
from workbench.core.models import AuditEntry, Membership, Role, User, Workspace

pytestmark = pytest.mark.django_db

PASSWORD = "a long and honest passphrase"


def person(email: str = "ana@example.org") -> User:
    user = User.objects.create_user(email, PASSWORD)
    workspace = Workspace.objects.create(name="w")
    Membership.objects.create(user=user, workspace=workspace, role=Role.ANALYST)
    return user


def sign_in(client: Client, password: str, email: str = "ana@example.org"):
    return client.post(reverse("account_login"), {"login": email, "password": password})


def test_the_first_start_makes_one_administrator_and_a_link_that_works_once() -> None:
    now = timezone.now()
    first, second = installation_open(now=now), installation_open(now=now)
    assert first.membership == second.membership
    assert User.objects.count() == 1
    assert AuditEntry.objects.of(first.membership.workspace).count() == 1
    client, link = Client(), reverse("one-time-login", args=[first.secret])
    assert client.get(link).status_code == 200
    assert client.get(reverse("overview")).status_code == 302, "looking at the link signs nobody in"
    assert client.post(link).status_code == 302
    assert client.get(reverse("overview")).status_code == 200
    assert Client().post(link).status_code == 410


@pytest.mark.parametrize("fault", ["expired", "used", "unknown", "disabled"])
def test_a_link_that_does_not_hold_signs_nobody_in(fault: str) -> None:
    user, now = person(), timezone.now()
    made = now - timedelta(hours=25) if fault == "expired" else now
    secret = one_time.make(user, now=made)
    if fault == "used":
        one_time.use(secret, now=now)
    if fault == "disabled":
        User.objects.update(is_active=False)
    client = Client()
    answer = client.post(reverse("one-time-login", args=["x" if fault == "unknown" else secret]))
    assert answer.status_code == 410
    assert client.get(reverse("overview")).status_code == 302


def test_a_right_password_signs_in() -> None:
    person()
    client = Client()
    assert sign_in(client, PASSWORD).status_code == 302
    assert client.get(reverse("overview")).status_code == 200


def test_a_wrong_password_and_an_unknown_person_look_the_same() -> None:
    person()
    wrong = sign_in(Client(), "wrong").content.decode()
    unknown = sign_in(Client(), "wrong", email="nobody@example.org").content.decode()
    message = "The email address and/or password you specified are not correct."
    assert message in wrong
    assert message in unknown


def test_a_right_password_over_the_limit_is_refused() -> None:
    person()
    for _ in range(limiter.MAX_PER_NAME):
        sign_in(Client(), "wrong")
    client = Client()
    answer = sign_in(client, PASSWORD)
    assert answer.status_code != 302
    assert client.get(reverse("overview")).status_code == 302


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "9.9.9.9", "127.0.0.1"),
        (1, "9.9.9.9", "9.9.9.9"),
        (1, "1.1.1.1, 9.9.9.9", "9.9.9.9"),
        (2, "1.1.1.1, 9.9.9.9, 10.0.0.1", "9.9.9.9"),
        (2, "9.9.9.9", "127.0.0.1"),
        (1, "", "127.0.0.1"),
    ],
)
def test_only_our_own_proxies_are_believed(
    settings, rf, proxies: int, forwarded: str, expected: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    request = rf.get("/", headers={"X-Forwarded-For": forwarded})
    assert client_address(request) == expected


def test_nobody_signs_up_by_themselves() -> None:
    answer = Client().post(
        reverse("account_signup"),
        {"email": "x@example.org", "password1": PASSWORD, "password2": PASSWORD},
    )
    assert answer.status_code < 500
    assert not User.objects.filter(email="x@example.org").exists()


def test_a_person_can_only_choose_their_own_workspace() -> None:
    mine, other = make_estate("mine"), make_estate("other")
    client = mine.browser(Role.ANALYST)
    refused = client.post(reverse("choose-workspace"), {"workspace": str(other.workspace.pk)})
    assert refused.status_code == 404
    Membership.objects.create(
        user=mine.members[Role.ANALYST].user, workspace=other.workspace, role=Role.REVIEWER
    )
    assert "Change" in client.get(reverse("overview")).content.decode()
    client.post(reverse("choose-workspace"), {"workspace": str(other.workspace.pk)})
    page = client.get(reverse("overview"))
    assert page.context["caller"].workspace == other.workspace
    assert page.context["caller"].membership.role == Role.REVIEWER


@pytest.mark.django_db(transaction=True)
def test_parallel_attempts_are_counted_one_by_one() -> None:
    counts: list[int] = []

    def attempt() -> None:
        try:
            counts.append(limiter.count_attempt("name:ana"))
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counts) == list(range(1, 21))
