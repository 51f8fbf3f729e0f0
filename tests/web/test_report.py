"""A run's report in Chromium, opened from disk."""

from pathlib import Path

import pytest

from tests.training.test_report import run_of
from tests.web.conftest import Watched
from training import report


@pytest.fixture
def opened(watched: Watched, tmp_path: Path) -> Watched:
    path = report.write(run_of(tmp_path))
    watched.page.goto(path.as_uri())
    return watched


def test_it_opens_from_disk_without_complaint_or_request(opened: Watched) -> None:
    assert opened.complaints == []
    fetched = [url for url in opened.requests if not url.startswith("data:")]
    assert fetched == [opened.page.url]


def test_every_curve_is_drawn_and_read_off(opened: Watched) -> None:
    page = opened.page
    assert page.locator("section h2").all_inner_texts() == [
        "Fréchet distance",
        "Shares of the digits",
        "What the discriminator says",
        "Losses",
        "discriminator/r1",
    ]
    assert page.locator("svg path").count() == 1 + 10 + 2 + 2 + 1
    assert all(len(path.get_attribute("d")) > 20 for path in page.locator("svg path").all())
    assert "7" in page.locator(".legend").nth(1).inner_text()


def test_the_scrubber_goes_through_the_pictures_with_the_keyboard(opened: Watched) -> None:
    page = opened.page
    picture, step = page.locator("#picture"), page.locator("#step")

    def marker() -> float:
        return float(page.locator("line.now").first.get_attribute("x1"))

    assert step.inner_text() == "40 steps"
    last, at = picture.get_attribute("src"), marker()
    page.keyboard.press("ArrowLeft")
    assert step.inner_text() == "30 steps"
    assert picture.get_attribute("src") != last
    assert marker() < at
    page.keyboard.press("Home")
    assert step.inner_text() == "10 steps"
    page.keyboard.press("ArrowLeft")
    assert step.inner_text() == "10 steps"
    page.keyboard.press("End")
    assert (step.inner_text(), picture.get_attribute("src")) == ("40 steps", last)
    page.locator("#frame").fill("1")
    assert step.inner_text() == "20 steps"
    assert page.evaluate("document.getElementById('picture').naturalWidth") == 280


def test_space_plays_to_the_end(opened: Watched) -> None:
    page = opened.page
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.wait_for_function("() => document.getElementById('step').textContent === '40 steps'")
    page.wait_for_function("() => document.getElementById('play').textContent === 'Play'")


def test_it_follows_the_system_s_dark_mode(opened: Watched) -> None:
    page = opened.page
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(colour) != light


def test_it_fits_a_telephone(opened: Watched) -> None:
    opened.page.set_viewport_size({"width": 360, "height": 740})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360
