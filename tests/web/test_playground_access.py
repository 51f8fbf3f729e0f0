"""The playground for everyone: axe, keyboard, all sizes of screens, dark mode, little motion, and at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.page import first_digits_ms
from tests.service.conftest import Server
from tests.web.conftest import Watched
from tests.web.playground import Playground, playground, shipped

__all__ = ["playground", "shipped"]

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
VIEWS = ["sample?n=30&picked=2:1,3:2", "write", "walk?at=0.5", "steer", "compare", "score", "learn"]
MOST_REQUESTS = 22
"""Until the first digits are there; the page has no build step that would join its files."""


def settled(page: Any) -> None:
    page.wait_for_load_state("networkidle")
    page.wait_for_function("() => !document.querySelector('[aria-busy=true]')")


@pytest.fixture
def unguarded(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A page in which a test may run scripts of its own in spite of the policy, in this colour scheme."""
    context = browser.new_context(bypass_csp=True, color_scheme=request.param, reduced_motion="reduce")
    yield context.new_page()
    context.close()


@pytest.mark.skipif(not AXE.exists(), reason="make test-web installs axe-core")
@pytest.mark.parametrize("unguarded", ["light", "dark"], indirect=True)
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_serious(unguarded: Any, shipped: Server, view: str) -> None:
    unguarded.goto(f"{shipped.url}/#{view}")
    settled(unguarded)
    if view == "score":
        unguarded.get_by_role("button", name="One of its own").click()
        unguarded.get_by_label("What the score depends on").wait_for()
        settled(unguarded)
    unguarded.get_by_text("For developers").click()
    unguarded.evaluate(AXE.read_text())
    found = unguarded.evaluate("axe.run()")["violations"]
    told = [f"{one['id']}: {one['help']}: {[node['html'] for node in one['nodes']][:3]}" for one in found]
    assert not [
        text for one, text in zip(found, told, strict=True) if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("width", [360, 768, 1280, 2560, 3840])
@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_wider_than_the_window(playground: Playground, view: str, width: int) -> None:
    playground.page.set_viewport_size({"width": width, "height": 800})
    page = playground.open(f"#{view}")
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_pixels_are_squares_of_whole_size_where_there_is_room(playground: Playground) -> None:
    for width in (360, 1280, 2560):
        playground.page.set_viewport_size({"width": width, "height": 800})
        page = playground.open("#sample?n=10")
        settled(page)
        size = page.locator(".tiles canvas").first.evaluate("one => [one.clientWidth, one.clientHeight]")
        assert size[0] == size[1]
        assert size[0] % 28 == 0
        assert (
            page.locator(".tiles canvas").first.evaluate("one => getComputedStyle(one).imageRendering")
            == "pixelated"
        )


def test_every_view_is_reached_by_the_keyboard_alone(playground: Playground) -> None:
    page = playground.open()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the digits"
    for name in ("Sample", "Write"):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == name
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Write", exact=True).wait_for()
    assert page.locator("nav [aria-current=page]").inner_text() == "Write"


def test_little_motion_is_honoured(playground: Playground) -> None:
    playground.page.emulate_media(reduced_motion="reduce")
    page = playground.open("#walk")
    settled(page)
    assert page.get_by_role("button", name="Play").is_visible()
    assert page.get_by_label("Position between A and B").input_value() == "0"


def test_dark_mode_is_the_system_s(playground: Playground) -> None:
    page = playground.open()
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(colour) != light


def test_nothing_comes_from_elsewhere(playground: Playground, watched: Any) -> None:
    for view in VIEWS:
        settled(playground.open(f"#{view}"))
    assert all(url.startswith((playground.url, "blob:", "data:", "about:")) for url in watched.requests)


def test_the_first_digits_take_few_requests(playground: Playground, watched: Watched) -> None:
    """Count requests, which a busy machine does not change. `python -m benchmarks page` measures time."""
    first_digits_ms(playground.page, f"{playground.url}/", navigations=1)
    paths = [url.removeprefix(playground.url) for url in watched.requests if url.startswith(playground.url)]
    files = [path for path in paths if path.startswith("/web/")]
    assert sorted(set(paths) - set(files)) == ["/", "/generate", "/models", "/models/cgan"]
    assert len(paths) == len(set(paths)) <= MOST_REQUESTS
