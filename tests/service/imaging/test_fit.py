"""Fitting: a drawing takes the form of MNIST's digits, and one that has it already keeps it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from service.imaging.encode import enlarge
from service.imaging.fit import fitted, inverted, looks_inverted, whole
from tests.service.imaging.pictures import Pixels, centre, seven

ANY = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=60))


def extent(image: Pixels) -> int:
    """The longer side of what is not black."""
    return max(int(np.ptp(np.flatnonzero(image.any(axis=axis)))) + 1 for axis in (0, 1))


def test_a_digit_in_mnists_form_is_left_as_it_is() -> None:
    np.testing.assert_array_equal(fitted(seven(), []), seven())


@pytest.mark.parametrize("scale", [2, 3, 10])
def test_an_enlarged_digit_comes_back(scale: int) -> None:
    np.testing.assert_array_equal(fitted(enlarge(seven(), scale), []), seven())


@given(top=st.integers(0, 60), left=st.integers(0, 60))
def test_where_it_was_drawn_does_not_matter(top: int, left: int) -> None:
    canvas = np.zeros((88, 88), np.uint8)
    canvas[top : top + 28, left : left + 28] = seven()
    np.testing.assert_array_equal(fitted(canvas, []), seven())


@given(ANY)
def test_any_picture_gives_28x28_with_20_of_ink_or_none(image: Pixels) -> None:
    steps: list[str] = []
    out = fitted(image, steps)
    assert out.shape == (28, 28)
    assert out.dtype == np.uint8
    if steps == ["blank: no ink found"]:
        assert not out.any()
    else:
        assert out.max() == 255
        assert extent(out) <= 20
        y, x = centre(out)
        # Off by more only where 20x20 touches the edge of 28x28.
        assert abs(y - 14) <= 6
        assert abs(x - 14) <= 6


def test_faint_thin_strokes_become_white() -> None:
    canvas = np.zeros((200, 200), np.uint8)
    canvas[20:180, 99:101] = 60
    out = fitted(canvas, [])
    assert out.max() == 255
    assert np.count_nonzero(out.any(axis=1)) == 20


def test_uneven_paper_is_no_ink() -> None:
    """A photograph, its background brighter to one side and noisy."""
    noise = np.random.RandomState(0).randint(0, 12, (140, 140))
    shade = np.linspace(20, 60, 140)[:, None] + noise
    photo = np.where(enlarge(seven(), 5) > 127, 200, shade).astype(np.uint8)
    out = fitted(photo, [])
    assert np.abs(out.astype(int) - seven()).mean() < 8


def test_faint_traces_count_only_where_there_is_no_noise() -> None:
    canvas = np.zeros((40, 40), np.uint8)
    canvas[10:30, 18:22] = 255
    canvas[2, 2] = 20
    assert extent(fitted(canvas, [])) == 20
    steps: list[str] = []
    fitted(canvas, steps, noisy=True)
    assert steps[0].startswith("cropped to the ink, 4x20 of 40x40, and fitted to 4x20")
    steps.clear()
    fitted(canvas, steps)
    assert steps[0].startswith("cropped to the ink, 20x28 of 40x40, and fitted to 14x20")


def test_levels_are_reported() -> None:
    steps: list[str] = []
    fitted(seven() // 2 + 40, steps)
    assert steps[0] == "levels 40 to 167 stretched to 0 to 255"


def test_paper_is_what_the_border_shows() -> None:
    assert not looks_inverted(seven())
    assert looks_inverted(inverted(seven()))
    # A dim corner of a photographed sheet is no reason to take paper for ink.
    photo = np.where(seven() > 127, 20, 190).astype(np.uint8)
    photo[:, :3] = 170
    assert looks_inverted(photo)
    for level in (0, 128, 255):
        assert not looks_inverted(np.full((5, 5), level, np.uint8))


def test_whole_scales_without_cropping() -> None:
    steps: list[str] = []
    wide = np.full((10, 40), 200, np.uint8)
    out = whole(wide, steps)
    assert np.argwhere(out).min(axis=0).tolist() == [10, 0]
    assert np.argwhere(out).max(axis=0).tolist() == [16, 27]
    assert steps == ["scaled from 40x10 to 28x7"]
    np.testing.assert_array_equal(whole(enlarge(seven(), 4), []), seven())
    np.testing.assert_array_equal(whole(seven(), []), seven())
