"""The playground in Chromium: a server with the shipped models, a page that is watched, and its pixels."""

import io
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.service.conftest import ROOT, Server, start_server
from tests.web.conftest import Watched

Images = NDArray[np.uint8]

WAIT_MS = 20_000
# By way of a copy: Chromium warns of canvases that are read again and again.
_PIXELS = """canvases => canvases.map(one => {
    const copy = new OffscreenCanvas(one.width, one.height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(one, 0, 0);
    const { data } = copy.getImageData(0, 0, one.width, one.height);
    return Array.from({ length: one.width * one.height }, (_, i) => data[4 * i]);
})"""


@pytest.fixture(scope="session")
def shipped() -> Iterator[Server]:
    with start_server(ROOT / "models", DEFAULT_MODEL="cgan") as server:
        yield server


class Playground:
    """The page at one server. What it complained of in the console is in `complaints`."""

    def __init__(self, watched: Watched, url: str) -> None:
        self.page = watched.page
        self.page.set_default_timeout(WAIT_MS)
        self.complaints = watched.complaints
        self.url = url

    def open(self, fragment: str = "") -> Any:
        """Goes to this view and state, from scratch, and gives the page."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.url}/{fragment}")
        self.page.locator("main h2").wait_for()
        return self.page

    def pixels(self, selector: str) -> Images:
        """What the canvases show, uint8 [n, pixels of one]."""
        return np.array(self.page.locator(selector).evaluate_all(_PIXELS), np.uint8)

    def until_shown(self, selector: str, images: Images) -> None:
        """Waits until the canvases show these images [n, 28, 28], byte for byte."""
        wanted = images.reshape(len(images), -1).tolist()
        script = f"""([selector, wanted]) => {{
            const shown = ({_PIXELS})([...document.querySelectorAll(selector)]);
            return JSON.stringify(shown) === JSON.stringify(wanted);
        }}"""
        self.page.wait_for_function(script, arg=[selector, wanted])

    def ask(self, path: str, **body: Any) -> httpx.Response:
        answer = httpx.post(f"{self.url}/{path}", json=body, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer

    def images(self, path: str, **body: Any) -> Images:
        """The images [n, 28, 28] that the API gives for this body."""
        content = self.ask(path, **body, format="npy").content
        return np.asarray(np.load(io.BytesIO(content)), np.uint8)

    def download(self, button: str) -> bytes:
        """The file that this button saves."""
        with self.page.expect_download() as caught:
            self.page.get_by_role("button", name=button, exact=True).first.click()
        return bytes(caught.value.path().read_bytes())


@pytest.fixture
def playground(watched: Watched, shipped: Server) -> Iterator[Playground]:
    """At the shipped models; at the end, the console must have been silent."""
    opened = Playground(watched, shipped.url)
    yield opened
    assert not opened.complaints, opened.complaints
