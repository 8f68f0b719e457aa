"""Every page in a real browser: accessible in both themes and widths, quiet, without a mouse."""

import re
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from agents.models import Container
from assessments.models import Finding, Report, ReportState
from tests.browser.desk import AXE_OPTIONS, SIZES, Opened
from tests.support.estate import PASSWORD, Estate, new_estate

pytestmark = pytest.mark.django_db(transaction=True)


def addresses(estate: Estate) -> dict[str, str]:
    """One address per page of the product."""
    container = Container.objects.of(estate.workspace).get(name="legacy")
    rows = Finding.objects.of(estate.workspace)
    report = Report.objects.of(estate.workspace).get()
    names = ("overview", "hosts", "containers", "findings", "reports", "enrol", "api-tokens")
    names += ("agent-settings",)
    return {
        **{name: reverse(name) for name in names},
        "unknown": "/findings/?status=unknown",
        "narrowed": f"/findings/?host={container.host_id}&check=SEG-MNT-04",
        "nothing": "/findings/?q=nothing-has-this-name",
        "host": reverse("host", args=[container.host_id]),
        "container": reverse("container", args=[container.pk]),
        "finding": reverse("finding", args=[rows.get(check_id="SEG-MNT-04").pk]),
        "pair": reverse("finding", args=[rows.filter(target_kind="pair")[:1].get().pk]),
        "report": reverse("report", args=[report.pk]),
        "second factor": reverse("mfa_index"),
        "password": reverse("account_change_password"),
        "missing": "/nothing-here/",
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_every_page_is_accessible_quiet_and_fits(desk: Opened, theme: str, size: str) -> None:
    axe = Axe()
    sitting = desk(width=SIZES[size], theme=theme)
    found = []
    for name, path in addresses(sitting.estate).items():
        sitting.open(path)
        problems = axe.run(sitting.page, options=AXE_OPTIONS).response["violations"]
        found += [(name, one["id"], one["nodes"][0]["html"][:200]) for one in problems]
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert sitting.page.evaluate(wide) <= 0, name
        sitting.assert_quiet()
    assert found == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_sign_in_page_is_accessible_and_leads_in(desk: Opened, theme: str) -> None:
    sitting = desk(theme=theme, signed_in=False)
    sitting.open("/hosts/")
    assert Axe().run(sitting.page, options=AXE_OPTIONS).response["violations"] == []
    sitting.page.get_by_label("E-mail address").fill(sitting.estate.admin.user.email)
    sitting.page.get_by_label("Password").fill(PASSWORD)
    sitting.page.get_by_role("button", name="Sign in", exact=True).click()
    expect(sitting.page.get_by_role("heading", name="Hosts")).to_be_visible()
    sitting.assert_quiet()


def test_the_main_actions_are_reached_by_keyboard(desk: Opened) -> None:
    sitting = desk()
    sitting.open("/")
    sitting.page.keyboard.press("Tab")
    expect(sitting.page.get_by_role("link", name="Skip to content")).to_be_focused()
    reached = set()
    for _ in range(120):
        sitting.page.keyboard.press("Tab")
        reached.add(sitting.page.evaluate("document.activeElement.textContent.trim()"))
    for words in ("Findings", "Add a host", "Sign out", "See all findings", "edge-07"):
        assert words in reached
    assert sitting.page.locator(".matrix a").count() > 0
    assert {cell.inner_text() for cell in sitting.page.locator(".matrix a").all()} <= reached


def test_the_skip_link_goes_to_the_content(desk: Opened) -> None:
    sitting = desk()
    sitting.open("/hosts/")
    sitting.page.keyboard.press("Tab")
    sitting.page.keyboard.press("Enter")
    expect(sitting.page.locator("#main")).to_be_focused()


def test_a_slash_focuses_the_search_and_typing_filters(desk: Opened) -> None:
    sitting = desk()
    sitting.open("/findings/")
    before = sitting.page.locator("#count").inner_text()
    sitting.page.keyboard.press("/")
    sitting.page.keyboard.type("core_pattern")
    expect(sitting.page.locator("#count")).not_to_have_text(before)
    expect(sitting.page).to_have_url(re.compile(r"q=core_pattern"))
    expect(sitting.page.get_by_role("searchbox")).to_be_focused()
    shown = sitting.page.locator("#count").inner_text()
    sitting.page.reload()
    assert sitting.page.locator("#count").inner_text() == shown
    sitting.page.go_back()
    expect(sitting.page.locator("#count")).to_have_text(before)
    sitting.assert_quiet()


def test_every_filter_works_without_a_script(browser: Browser, live_server: LiveServer) -> None:
    estate = new_estate("Without script", now=timezone.now())
    estate.host("edge-07")
    client = Client()
    client.force_login(estate.admin.user)
    context = browser.new_context(java_script_enabled=False)
    cookie = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/findings/")
    page.get_by_label("Risk").select_option("5")
    page.get_by_role("button", name="Apply").click()
    assert "level=5" in page.url
    assert page.locator("tbody .level").all_inner_texts()
    assert set(page.locator("tbody .level").all_inner_texts()) == {"Very high"}
    context.close()


def test_the_theme_is_switched_and_kept(desk: Opened) -> None:
    sitting = desk()
    sitting.open("/")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = sitting.page.evaluate(ground)
    sitting.page.get_by_role("button", name="Switch to the dark theme").click()
    dark = sitting.page.evaluate(ground)
    assert dark != light
    sitting.open("/hosts/")
    assert sitting.page.evaluate(ground) == dark
    sitting.assert_quiet()


def test_times_are_shown_in_the_zone_of_the_reader(
    browser: Browser, live_server: LiveServer, estate: Estate
) -> None:
    client = Client()
    client.force_login(estate.admin.user)
    context = browser.new_context(timezone_id="Asia/Kathmandu")
    cookie = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    page = context.new_page()
    page.goto(live_server.url + addresses(estate)["host"])
    shown = page.locator("dd time[data-show=full]").first
    local = timezone.now().astimezone(ZoneInfo("Asia/Kathmandu"))
    assert f"{local.day} {local:%b %Y}" in shown.inner_text()
    assert (shown.get_attribute("title") or "").endswith("UTC")
    context.close()


def test_a_token_is_made_and_its_line_copied(desk: Opened) -> None:
    sitting = desk()
    sitting.open("/enrol/")
    sitting.page.get_by_label("Name").fill("rack 4")
    sitting.page.get_by_role("button", name="Make a token").click()
    sitting.page.locator("[data-copy=install-service]").click()
    copied = sitting.page.evaluate("navigator.clipboard.readText()")
    assert copied == sitting.page.locator("#install-service").inner_text().strip()
    assert "--token ue_" in copied
    assert Axe().run(sitting.page, options=AXE_OPTIONS).response["violations"] == []
    sitting.assert_quiet()


def test_hosts_appear_by_themselves(desk: Opened) -> None:
    sitting = desk()
    sitting.open("/enrol/")
    expect(sitting.page.locator("#arrivals")).not_to_contain_text("new-01")
    sitting.estate.host("new-01", sample="hardened")
    expect(sitting.page.locator("#arrivals")).to_contain_text("new-01", timeout=8_000)
    sitting.assert_quiet()


def test_a_report_shows_its_progress_until_it_is_ready(desk: Opened) -> None:
    sitting = desk()
    rows = Report.objects.of(sitting.estate.workspace)
    sitting.open(reverse("report", args=[rows.get().pk]))
    expect(sitting.page.get_by_role("progressbar")).to_be_visible()
    rows.update(state=ReportState.RENDERING, progress=40)
    expect(sitting.page.locator("#progress")).to_contain_text("40 %", timeout=5_000)
    rows.update(state=ReportState.READY, progress=100, pdf=b"%PDF-1.7 test")
    expect(sitting.page.get_by_role("link", name="Download the PDF")).to_be_visible(timeout=5_000)
    with sitting.page.expect_download() as download:
        sitting.page.get_by_role("link", name="Download the PDF").click()
    assert download.value.suggested_filename == "underpin-report-1 Third quarter.pdf"
    sitting.assert_quiet()
