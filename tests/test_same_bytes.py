"""The same digits by every way, from each of two replicas; tests/ray adds those that need Ray."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.same_bytes import PIXELS, ROWS, native, native_row
from tests.service.api.pictures import Images
from tests.service.conftest import Server, start_server

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def replicas() -> Iterator[tuple[Server, Server]]:
    models = ROOT / "models"
    with (
        start_server(models, DEFAULT_MODEL="cgan") as one,
        start_server(models, DEFAULT_MODEL="cgan") as other,
    ):
        yield one, other


@pytest.fixture(scope="module")
def wanted(replicas: tuple[Server, Server]) -> tuple[Images, bytes]:
    """Of the first replica: ten images, and one PNG of them."""
    return native(replicas[0].url), native_row(replicas[0].url)


def test_two_replicas_answer_alike(replicas: tuple[Server, Server], wanted: tuple[Images, bytes]) -> None:
    assert wanted[0].shape == (10, 28, 28)
    assert len({image.tobytes() for image in wanted[0]}) == 10
    np.testing.assert_array_equal(native(replicas[1].url), wanted[0])
    assert native_row(replicas[1].url) == wanted[1]


@pytest.mark.parametrize("way", PIXELS)
def test_the_same_pixels(
    replicas: tuple[Server, Server], wanted: tuple[Images, bytes], way: str, tmp_path: Path
) -> None:
    np.testing.assert_array_equal(PIXELS[way](replicas[1].url, tmp_path), wanted[0])


@pytest.mark.parametrize("way", ROWS)
def test_the_same_file(
    replicas: tuple[Server, Server], wanted: tuple[Images, bytes], way: str, tmp_path: Path
) -> None:
    assert ROWS[way](replicas[1].url, tmp_path) == wanted[1]
