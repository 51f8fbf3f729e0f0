"""A real Chromium by playwright: `make test-web` installs and runs; without playwright these are skipped.

CHROMIUM names the browser's executable; else it is looked for, and last playwright's own is taken.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from benchmarks.chromium import chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="make test-web installs playwright")
    with playwright.sync_playwright() as running:
        # Without the sandbox, which needs rights that a container does not give.
        browser = running.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Watched:
    """A page and what went wrong on it."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings of the console, and exceptions."""
    requests: list[str] = field(default_factory=list)
    """Every address that was fetched."""


@pytest.fixture
def watched(browser: Any) -> Iterator[Watched]:
    """A new page, 1200x900, whose complaints and requests are collected."""
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    seen = Watched(page)
    page.on("console", lambda message: seen.complaints.append(message.text))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("request", lambda request: seen.requests.append(request.url))
    yield seen
    page.close()
