"""Ways up a landscape, where the slope is known; and files that are none."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.engine.landscape import FLAT, Landscape, read_landscape
from service.manifest import Landscape as Entry

REACH, SIDE = 2.0, 41
LINE = np.linspace(-REACH, REACH, SIDE)
X, Y = np.meshgrid(LINE, LINE)
ENTRY = Entry(file="landscape-x.png", sha256="0" * 64, bytes=1, reach=REACH, low=-2.0, high=2.0)


def png(grey: NDArray[np.uint8 | np.uint16]) -> bytes:
    content = io.BytesIO()
    Image.fromarray(grey).save(content, "PNG")
    return content.getvalue()


def test_an_even_slope_is_climbed_straight_and_by_as_much_as_is_asked() -> None:
    z = np.array([[0.0, 0.0], [0.31, -1.2]])
    step = 1 / 3 / (1 + FLAT)
    assert Landscape(3 * X, REACH).climb(z, 1.0) - z == pytest.approx(np.array([[step, 0]] * 2))
    assert Landscape(-3 * Y, REACH).climb(z, -1.5) - z == pytest.approx(np.array([[0, 1.5 * step]] * 2))
    assert (Landscape(0 * X, REACH).climb(z, 1.0) == z).all()


def test_where_it_is_flat_z_rests_and_each_row_goes_its_own_way() -> None:
    hill = Landscape(-20 * (X**2 + Y**2), REACH)
    z = np.array([[0.0, 0.0], [0.5, 0.0], [0.0, -0.5], [-0.3, 0.4]])
    up = hill.climb(z, 1.0)
    assert up[0] == pytest.approx([0, 0], abs=1e-9)
    assert (np.linalg.norm(up[1:], axis=1) < np.linalg.norm(z[1:], axis=1)).all()
    assert up[1, 1] == pytest.approx(0, abs=1e-9)
    assert [hill.climb(row[None], 1.0)[0] for row in z] == pytest.approx(up)


def test_down_is_the_way_back_and_nothing_is_the_way_of_nothing() -> None:
    hills = Landscape(4 * np.sin(2 * X) + 3 * np.cos(X + 2 * Y), REACH)
    z = np.random.RandomState(0).uniform(-1.5, 1.5, (50, 2))
    assert hills.climb(hills.climb(z, 0.5), -0.5) == pytest.approx(z, abs=0.02)
    assert (hills.climb(z, 0.0) == z).all()


def test_beyond_the_square_the_slope_is_that_of_its_edge() -> None:
    far = np.array([[1e6, -1e6], [REACH, 0.0], [-REACH, -REACH]])
    assert Landscape(3 * X, REACH).climb(far, 1.0) - far == pytest.approx(
        np.array([[1 / 3 / (1 + FLAT), 0]] * 3), abs=1e-6
    )


def test_a_file_spans_from_low_to_high_with_columns_along_the_first_coordinate() -> None:
    grey = np.round((X + REACH) / (2 * REACH) * 65_535).astype(np.uint16)
    z = np.zeros((1, 2))
    there = read_landscape(png(grey), ENTRY).climb(z, 1.0)
    assert there == pytest.approx(np.array([[1 / (1 + FLAT), 0]]), abs=1e-3)


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"no picture", "is no PNG"),
        (png(np.zeros((8, 8), np.uint8)), "16-bit"),
        (png(np.zeros((8, 9), np.uint16)), "square"),
        (png(np.zeros((1, 1), np.uint16)), "square"),
        (png(np.zeros((1025, 1025), np.uint16)), "1024"),
        (png(np.random.RandomState(0).randint(0, 65_535, (9, 9)).astype(np.uint16))[:60], "is no PNG"),
    ],
    ids=["text", "8 bits", "oblong", "a point", "large", "cut short"],
)
def test_what_is_no_landscape_is_refused(data: bytes, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        read_landscape(data, ENTRY)
