"""A browser page with somebody signed in, and everything that the page complained about."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

from tests.support.estate import Estate

# WCAG 2.2 AA and what axe calls best practice.
AXE_OPTIONS = {"resultTypes": ["violations"]}
SIZES = {"wide": 1440, "narrow": 390}
WATCH_POLICY = """
window.blocked = [];
document.addEventListener("securitypolicyviolation", function (event) {
  window.blocked.push(event.violatedDirective + " " + event.blockedURI);
});
"""


@dataclass
class Desk:
    """A browser page signed in as an administrator, and everything the page complained about."""

    page: Page
    server: str
    estate: Estate
    complaints: list[str]

    def open(self, path: str) -> None:
        """Go there."""
        self.page.goto(self.server + path)

    def assert_quiet(self) -> None:
        """No script error, nothing blocked by the content security policy."""
        assert self.page.evaluate("window.blocked") == []
        assert self.complaints == []


Opened = Callable[..., Desk]


def complain(kind: str, words: str, complaints: list[str]) -> None:
    if kind in {"error", "warning"} and "status of 404" not in words:
        complaints.append(words)
