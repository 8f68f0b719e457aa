"""The hosts' pages in a real browser: every state accessible, many changed by keyboard alone."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from agents.models import Agent, Host, HostLive
from tests.browser.desk import AXE_OPTIONS, SIZES, Desk, Opened
from tests.support.estate import Estate, new_estate

pytestmark = pytest.mark.django_db(transaction=True)
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LOOKS = [("wide", "dark"), ("narrow", "light")]  # the other pairs: test_pages_browser


@pytest.fixture
def estate() -> Estate:
    """Three small hosts: the pages are about hosts, not about their findings."""
    made = new_estate("Platform security", now=timezone.now())
    for name in ("edge-01", "edge-02", "edge-03"):
        host = Host.unscoped.create(workspace=made.workspace, name=name, labels={"env": "prod"})
        HostLive.objects.create(host=host, last_seen=made.now)
        Agent.objects.create(host=host, secret_hash=name, enrol_nonce=name)
    return made


def assert_good(sitting: Desk, what: str) -> None:
    """No axe violation, nothing beyond the edge of the window, no complaint."""
    problems = Axe().run(sitting.page, options=AXE_OPTIONS).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in problems] == [], what
    assert sitting.page.evaluate(WIDE) <= 0, what
    sitting.assert_quiet()


def put_into(state: str, host: Host) -> None:
    """Make the rows say so."""
    now = timezone.now()
    live = HostLive.objects.filter(host=host)
    Host.unscoped.filter(pk=host.pk).update(state="active")
    live.update(last_seen=now)
    Agent.objects.filter(host=host).update(revoked_at=now if state == "revoked" else None)
    if state in {"pending", "forked", "retired"}:
        Host.unscoped.filter(pk=host.pk).update(state=state, retired_at=now)
    if state == "forked":
        live.update(boot="aaaa1111", rival_boot="bbbb2222", forked_at=now)
    if state == "silent":
        live.update(last_seen=now - timedelta(hours=3))
    if state == "rolled back":
        live.update(rolled_back_at=now, spool="memory")


SAYS = {
    "pending": "waits for approval",
    "forked": "Two machines report",
    "silent": "Silent since",
    "revoked": "was taken back",
    "rolled back": "set back to a snapshot",
    "retired": "was retired",
}


@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_every_state_of_a_host_is_accessible_and_fits(
    desk: Opened, estate: Estate, size: str, theme: str
) -> None:
    sitting = desk(width=SIZES[size], theme=theme)
    host = Host.objects.of(estate.workspace).get(name="edge-01")
    for state, words in SAYS.items():
        put_into(state, host)
        sitting.open(reverse("host", args=[host.pk]))
        expect(sitting.page.locator(".note").first).to_contain_text(words)
        for summary in sitting.page.locator("main summary").all():
            summary.click()
        assert_good(sitting, state)


@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_adding_and_changing_hosts_is_accessible_and_fits(
    desk: Opened, estate: Estate, size: str, theme: str
) -> None:
    sitting = desk(width=SIZES[size], theme=theme)
    put_into("pending", Host.objects.of(estate.workspace).get(name="edge-02"))
    sitting.open("/hosts/")
    sitting.page.get_by_label("Every host on this page").check()
    assert_good(sitting, "list")
    sitting.page.get_by_role("button", name="Retire…").click()
    expect(sitting.page.get_by_role("heading", name="Retire 3 hosts?")).to_be_visible()
    assert_good(sitting, "question")
    sitting.open("/enrol/")
    sitting.page.get_by_label("Labels for them").fill("env=prod")
    sitting.page.get_by_label("Only from these networks").fill("10.2.0.0/16")
    sitting.page.get_by_role("button", name="Make a token").click()
    for summary in sitting.page.locator("main summary").all():
        summary.click()
    assert_good(sitting, "token")


def test_hosts_are_chosen_and_labelled_by_keyboard_alone(desk: Opened, estate: Estate) -> None:
    sitting = desk()
    sitting.open("/hosts/?sort=name")
    press = sitting.page.keyboard.press
    sitting.page.get_by_label("Choose edge-01").focus()
    press("Space")
    press("Tab")
    for _ in range(20):
        if sitting.page.evaluate("document.activeElement.getAttribute('aria-label')") == (
            "Choose edge-02"
        ):
            break
        press("Tab")
    press("Space")
    expect(sitting.page.locator("[data-chosen]")).to_have_text("2 chosen")
    sitting.page.get_by_label("Label", exact=True).last.focus()
    sitting.page.keyboard.type("rack=4")
    press("Tab")
    press("Enter")
    expect(sitting.page.get_by_text("2 hosts changed.")).to_be_visible()
    rows = Host.objects.of(estate.workspace).order_by("name")
    assert ["rack" in row.labels for row in rows] == [True, True, False]
    sitting.assert_quiet()


def test_hosts_are_chosen_and_retired_without_a_script(
    browser: Browser, live_server: LiveServer, estate: Estate
) -> None:
    client = Client()
    client.force_login(estate.admin.user)
    context = browser.new_context(java_script_enabled=False)
    cookie = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/hosts/?label=env%3Dprod")
    page.get_by_text("Change hosts").click()
    page.get_by_label("All 3 hosts that match").check()
    page.get_by_role("button", name="Retire…").click()
    page.get_by_role("button", name="Retire").click()
    assert page.get_by_text("3 hosts retired.").is_visible()
    assert "label=env%3Dprod" in page.url
    assert not Host.objects.of(estate.workspace).exclude(state="retired").exists()
    context.close()
