"""A real Chromium without a screen, driven by Playwright; it reaches this machine only."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from tests.support import tools

FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No name but the local ones resolves: pages and the browser itself stay on this machine.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


def flags() -> list[str]:
    """Chromium's own sandbox refuses to run as root."""
    return [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else list(FLAGS)


@contextmanager
def running() -> Iterator[Browser]:
    """A browser of the system (Playwright's own download is not used).

    Raises:
        tools.MissingProgramError: when there is no Chromium.
    """
    program = tools.CHROMIUM.require()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags())
        try:
            yield browser
        finally:
            browser.close()
