"""The playground when the service is slow, refuses, is away and comes back; and late answers."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.service.conftest import ROOT, Server, start_server
from tests.web.conftest import Watched
from tests.web.playground import Playground, shipped

__all__ = ["shipped"]

GRID = ".tiles canvas"


def held(page: Any, wanted: Callable[[str], bool]) -> list[Any]:
    """Holds back every /generate whose body is `wanted`; the list fills with what to let go."""
    waiting: list[Any] = []

    def hold(route: Any) -> None:
        if wanted(route.request.post_data or ""):
            waiting.append(route)
        else:
            route.continue_()

    page.route("**/generate", hold)
    return waiting


def test_a_late_answer_does_not_overwrite_a_newer_one(watched: Watched, shipped: Server) -> None:
    playground = Playground(watched, shipped.url)
    page = playground.open("#sample?n=10")
    waiting = held(page, lambda body: '"seed":111' in body)
    seed = page.get_by_label("Seed", exact=True)
    seed.fill("111")
    page.wait_for_timeout(300)
    seed.fill("222")
    newer = playground.images("generate", seed=222, labels=[*range(10)])
    playground.until_shown(GRID, newer)
    assert len(waiting) == 1
    assert any(request.failure for request in [waiting[0].request]), "the older request was aborted"
    waiting[0].continue_()
    page.wait_for_timeout(300)
    playground.until_shown(GRID, newer)
    assert watched.complaints == []


def test_a_service_that_wants_a_key_is_given_one(watched: Watched) -> None:
    with start_server(ROOT / "models", DEFAULT_MODEL="cgan", API_KEYS="a-key-that-nobody-guesses") as server:
        playground = Playground(watched, server.url)
        page = watched.page
        page.goto(f"{server.url}/#sample?n=10")
        box = page.get_by_label("This service wants a key")
        for key in ("wrong", "a-key-that-nobody-guesses"):
            box.fill(key)
            box.press("Enter")
        page.locator(GRID).nth(9).wait_for()
        assert not page.locator("dialog").is_visible()
        page.reload()
        page.locator(GRID).nth(9).wait_for()
        assert not page.locator("dialog").is_visible()
        assert "a-key" not in page.url
        refused = [text for text in playground.complaints if "401" not in text]
        # Only that the refusals were refusals, and a request made ahead without the key.
        assert not [text for text in refused if "preload" not in text], refused


def test_a_slider_that_is_dragged_asks_at_a_measured_pace(watched: Watched, shipped: Server) -> None:
    playground = Playground(watched, shipped.url)
    page = playground.open("#steer")
    page.get_by_text("The first coordinates of z").click()
    page.get_by_role("slider", name="z0", exact=True).wait_for()
    page.wait_for_load_state("networkidle")
    before = len(watched.requests)
    page.evaluate("""async () => {
        const slider = document.querySelector("[aria-label=z0]");
        for (let i = 0; i < 100; i++) {
            slider.value = -3 + i / 20;
            slider.dispatchEvent(new Event("input"));
            await new Promise((done) => setTimeout(done, 4));
        }
    }""")
    page.wait_for_load_state("networkidle")
    assert 2 <= len(watched.requests) - before <= 30


def test_a_slow_service_is_waited_for_and_said_to_be_slow(watched: Watched, shipped: Server) -> None:
    playground = Playground(watched, shipped.url)
    page = playground.open("#sample?n=10")
    waiting = held(page, lambda body: '"seed":5' in body)
    page.get_by_label("Seed", exact=True).fill("5")
    page.get_by_text("Still waiting for the service").wait_for()
    assert page.locator(".tiles").get_attribute("aria-busy") == "true"
    waiting[0].continue_()
    playground.until_shown(GRID, playground.images("generate", seed=5, labels=[*range(10)]))
    assert page.locator("#notice").inner_text() == ""
    assert watched.complaints == []


def test_a_busy_service_is_asked_again_when_it_says(watched: Watched, shipped: Server) -> None:
    playground = Playground(watched, shipped.url)
    page = playground.open("#sample?n=10")
    refusals = [503, 504]

    def busy(route: Any) -> None:
        if refusals:
            status = refusals.pop(0)
            route.fulfill(
                status=status,
                headers={"Retry-After": "2"},
                content_type="application/problem+json",
                body='{"detail": "the queue is full"}',
            )
        else:
            route.continue_()

    page.route("**/generate", busy)
    page.get_by_label("Seed", exact=True).fill("6")
    page.get_by_text("The service says: the queue is full. Trying again in 2 s.").wait_for()
    page.get_by_role("button", name="Try now").click()
    playground.until_shown(GRID, playground.images("generate", seed=6, labels=[*range(10)]))
    assert page.locator("#notice").inner_text() == ""


def test_what_is_refused_for_good_is_not_asked_again(watched: Watched, shipped: Server) -> None:
    playground = Playground(watched, shipped.url)
    page = playground.open("#sample?n=10")
    asked = []

    def refuse(route: Any) -> None:
        asked.append(route)
        route.fulfill(status=422, content_type="application/problem+json", body='{"detail": "<b>no</b>"}')

    page.route("**/generate", refuse)
    page.get_by_label("Seed", exact=True).fill("7")
    page.get_by_text("The service says: <b>no</b>.").wait_for()
    page.wait_for_timeout(1500)
    assert len(asked) == 1
    assert page.get_by_role("button", name="Try now").count() == 0


def test_a_service_that_was_away_comes_back(watched: Watched) -> None:
    with start_server(ROOT / "models", DEFAULT_MODEL="cgan") as first:
        playground = Playground(watched, first.url)
        page = playground.open("#sample?n=10")
        wanted = playground.images("generate", seed=1, labels=[*range(10)])
        playground.until_shown(GRID, wanted)
        first.stop()
        page.get_by_label("Another seed").click()
        page.get_by_text("The service cannot be reached.").wait_for()
        assert np.array_equal(playground.pixels(GRID).reshape(wanted.shape), wanted), "the last picture stays"
        link = page.url
        with start_server(ROOT / "models", first.port, DEFAULT_MODEL="cgan"):
            page.wait_for_function(
                "() => document.getElementById('notice').textContent === ''", timeout=30_000
            )
            seed = int(page.get_by_label("Seed", exact=True).input_value())
            playground.until_shown(GRID, playground.images("generate", seed=seed, labels=[*range(10)]))
    assert link.startswith(first.url)
    assert all("ERR_CONNECTION" in complaint or "ERR_EMPTY" in complaint for complaint in watched.complaints)
