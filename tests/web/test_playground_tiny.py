"""The playground with models unlike the shipped ones: named directions, two dimensions, a generator alone."""

from collections.abc import Iterator

import numpy as np
import pytest

from tests.service import bundles
from tests.service.bundles import rewrite_manifest, write_bundle
from tests.service.conftest import Server, start_server
from tests.web.conftest import Watched
from tests.web.playground import Playground


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """tiny, the default, with the direction `ink`; flat, of two dimensions. Neither takes labels."""
    folder = tmp_path_factory.mktemp("models")
    write_bundle(folder, "tiny", roles=("generator",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundles, "LATENT", 2)
        rewrite_manifest(write_bundle(folder, "flat", roles=("generator",)), directions=[])
    with start_server(folder, DEFAULT_MODEL="tiny") as server:
        yield server


@pytest.fixture
def playground(watched: Watched, tiny: Server) -> Iterator[Playground]:
    opened = Playground(watched, tiny.url)
    yield opened
    assert not opened.complaints, opened.complaints


def test_a_named_direction_is_pulled(playground: Playground) -> None:
    page = playground.open("#steer?seed=4")
    start = playground.images("generate", seed=4)
    playground.until_shown("[aria-label=Steered]", start)
    page.get_by_role("slider", name="Ink").fill("3")
    playground.until_shown(
        "[aria-label=Steered]", playground.images("generate", seed=4, directions={"ink": 3.0})
    )
    amounts = [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]
    along = [playground.images("generate", seed=4, directions={"ink": amount})[0] for amount in amounts]
    playground.until_shown(".direction canvas", np.stack(along))
    again = playground.open("#steer?seed=4&moves=ink:-1.5")
    playground.until_shown(
        "[aria-label=Steered]", playground.images("generate", seed=4, directions={"ink": -1.5})
    )
    assert again.get_by_role("slider", name="Ink").input_value() == "-1.5"


def test_two_dimensions_are_mapped_whole(playground: Playground) -> None:
    page = playground.open("#walk?model=flat&at=0.5")
    page.get_by_role("heading", name="The whole latent space").wait_for()
    digit = "[aria-label='The digit at this point']"
    playground.until_shown(digit, playground.images("decode", model="flat", latents=[[0.0, 0.0]]))
    page.get_by_role("slider", name="Map of latent space").press("Shift+ArrowLeft")
    page.get_by_text("x -0.60, y 0.00").wait_for()
    playground.until_shown(digit, playground.images("decode", model="flat", latents=[[-0.6, 0.0]]))
    middle = [(2 * k + 1) / 12 - 1 for k in range(12)]
    latents = [[round(3 * x, 4), round(-3 * y, 4)] for y in middle for x in middle]
    sea = playground.images("decode", model="flat", latents=latents)
    shown = playground.pixels(".map canvas").reshape(12, 28, 12, 28).swapaxes(1, 2).reshape(144, 28, 28)
    assert np.array_equal(shown, sea)


def test_what_no_model_can_do_is_said(playground: Playground) -> None:
    page = playground.open("#write")
    page.get_by_text("No model is served that can be asked for a digit.").wait_for()
    page = playground.open("#score")
    page.get_by_role("button", name="One of its own").click()
    page.get_by_text("No model is served that reads pictures.").wait_for()
    page = playground.open("#learn")
    page.get_by_text("came without a record of its training.").wait_for()
    page = playground.open("#compare")
    assert page.locator("article").nth(1).inner_text().startswith("Tiny ")


def test_a_link_with_nonsense_shows_the_defaults(playground: Playground) -> None:
    playground.open(
        "#sample?seed=abc&n=1e9&labels=x&truncation=-1&picked=a:b&model=%3Cb%3E&moves=__proto__:1"
    )
    playground.until_shown(".tiles canvas", playground.images("generate", seed=1, n=60))
