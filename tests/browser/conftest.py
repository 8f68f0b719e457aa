"""Fixtures of the browser tests: an estate, and a desk that looks at it."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from assessments.services.reports import report_request
from tests.browser.desk import WATCH_POLICY, Desk, Opened, complain
from tests.support.estate import Estate, new_estate


@pytest.fixture
def estate() -> Estate:
    made = new_estate("Platform security", now=timezone.now())
    made.host("edge-07")
    made.host("pay-01", sample="hardened")
    report_request(made.caller, title="Third quarter", now=made.now)
    return made


@pytest.fixture
def desk(browser: Browser, live_server: LiveServer, estate: Estate) -> Iterator[Opened]:
    contexts = []

    def opened(*, width: int = 1440, theme: str = "light", signed_in: bool = True) -> Desk:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if theme == "dark" else "light",
            permissions=["clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        context.add_init_script(WATCH_POLICY)
        if signed_in:
            client = Client()
            client.force_login(estate.admin.user)
            cookie = client.cookies["sessionid"].value
            context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda entry: complain(entry.type, entry.text, complaints))
        return Desk(page, live_server.url, estate, complaints)

    yield opened
    for context in contexts:
        context.close()
