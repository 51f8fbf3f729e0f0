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


def block(top: int, left: int, bottom: int, right: int) -> tuple[slice, slice]:
    return np.s_[top:bottom, left:right]


def drawn(height: int, width: int, paper: int = 0) -> Pixels:
    return np.full((height, width), paper, np.uint8)


def test_a_square_fills_the_20_pixels_in_the_middle() -> None:
    canvas = drawn(90, 70)
    canvas[block(3, 50, 13, 60)] = 255
    expected = drawn(28, 28)
    expected[block(4, 4, 24, 24)] = 255
    np.testing.assert_array_equal(fitted(canvas, []), expected)


def test_proportions_are_kept() -> None:
    canvas = drawn(60, 60)
    canvas[block(30, 10, 40, 50)] = 255
    expected = drawn(28, 28)
    expected[block(12, 4, 17, 24)] = 255
    np.testing.assert_array_equal(fitted(canvas, []), expected)
    np.testing.assert_array_equal(fitted(canvas.T, []), expected.T)


def test_a_line_of_one_pixel_stays_a_line() -> None:
    canvas = drawn(100, 100)
    canvas[:, 40] = 255
    out = fitted(canvas, [])
    assert np.flatnonzero(out.any(axis=0)).tolist() == [14]
    assert np.count_nonzero(out[:, 14]) == 20


def test_the_centre_of_mass_and_not_of_the_box_is_centred() -> None:
    """An L of 20x20: its mass lies low and left, 15 rows and 4 columns into the box."""
    canvas = drawn(28, 28)
    canvas[block(0, 0, 20, 4)] = canvas[block(16, 0, 20, 20)] = 255
    out = fitted(canvas, [])
    mass = out / out.sum()
    assert float((mass.sum(axis=1) * np.arange(28)).sum()) == pytest.approx(14, abs=0.5)
    assert float((mass.sum(axis=0) * np.arange(28)).sum()) == pytest.approx(14, abs=0.5)
    assert np.argwhere(out).min(axis=0).tolist() == [1, 8]


def test_a_digit_stays_inside_the_picture() -> None:
    """Faint ink reaches 20 pixels from where nearly all of the mass is."""
    canvas = drawn(20, 20)
    canvas[0, 0] = canvas[19, 19] = 10
    canvas[block(18, 18, 20, 20)] = 255
    assert np.argwhere(fitted(canvas, [])).min(axis=0).tolist() == [0, 0]
    assert np.argwhere(fitted(canvas[::-1, ::-1], [])).max(axis=0).tolist() == [27, 27]


@pytest.mark.parametrize("paper", [0, 100])
def test_less_than_8_levels_of_contrast_are_a_blank_sheet(paper: int) -> None:
    for contrast, blank in ((7, True), (8, False)):
        canvas = drawn(40, 40, paper)
        canvas[10:20, 10:20] += np.uint8(contrast)
        steps: list[str] = []
        assert bool(fitted(canvas, steps).any()) is not blank
        assert (steps == ["blank: no ink found"]) is blank


@pytest.mark.parametrize(("noisy", "least"), [(False, 1), (True, 32)])
def test_the_faintest_ink_that_is_not_cropped(noisy: bool, least: int) -> None:
    for level, size in ((least - 1, "20x20"), (least, "20x36")):
        canvas = drawn(60, 60)
        canvas[20:40, 20:40] = 255
        canvas[4, 30] = level
        steps: list[str] = []
        fitted(canvas, steps, noisy=noisy)
        assert steps[0].startswith(f"cropped to the ink, {size} of 60x60")


def test_faint_ink_is_a_share_of_the_contrast() -> None:
    """Of 100 levels, 13 are 33 of 255 and 12 are 31, where less than 32 is noise."""
    for level, size in ((112, "20x20"), (113, "20x36")):
        canvas = drawn(60, 60, 100)
        canvas[20:40, 20:40] = 200
        canvas[4, 30] = level
        steps: list[str] = []
        fitted(canvas, steps, noisy=True)
        assert steps[1].startswith(f"cropped to the ink, {size} of 60x60")


def test_the_crop_reaches_the_first_and_the_last_ink() -> None:
    canvas = drawn(50, 60)
    canvas[0, 7] = canvas[49, 30] = canvas[20, 2] = canvas[21, 59] = 255
    steps: list[str] = []
    fitted(canvas, steps)
    assert steps == ["cropped to the ink, 58x50 of 60x50, and fitted to 20x17", "centred by mass"]


@pytest.mark.parametrize(("bright", "levels"), [(9, None), (10, "6 to 255"), (11, "60 to 255")])
def test_nine_tenths_of_the_border_become_black(bright: int, levels: str | None) -> None:
    """The border of 25x25 counts 100 pixels: percentile 90 is 0.1 of the way from the 90th to the 91st."""
    canvas = drawn(25, 25)
    canvas[10:15, 10:15] = 255
    canvas[0, 1 : 1 + bright] = 60
    steps: list[str] = []
    fitted(canvas, steps)
    stretched = [step for step in steps if step.startswith("levels")]
    assert stretched == ([f"levels {levels} stretched to 0 to 255"] if levels else [])


def test_a_stroke_across_the_edge_takes_at_most_half_of_the_contrast() -> None:
    canvas = drawn(40, 40, 40)
    canvas[:, 15:25] = 240
    steps: list[str] = []
    out = fitted(canvas, steps)
    assert steps[0] == "levels 140 to 240 stretched to 0 to 255"
    assert out.max() == 255


def test_uneven_paper_is_treated_as_noise() -> None:
    canvas = drawn(40, 40)
    canvas[0, :20] = 30
    canvas[10:30, 15:25] = 255
    # 20 of 225 levels above the black level is 22 of 255, fainter than a noisy picture's ink.
    canvas[35, 20] = 50
    steps: list[str] = []
    fitted(canvas, steps)
    assert steps[:2] == [
        "levels 30 to 255 stretched to 0 to 255",
        "cropped to the ink, 10x20 of 40x40, and fitted to 10x20",
    ]


def test_levels_between_paper_and_ink_keep_their_place() -> None:
    canvas = drawn(40, 40, 50)
    canvas[block(10, 10, 30, 30)] = 150
    canvas[block(10, 10, 20, 30)] = 90
    out = fitted(canvas, [])
    # (90 - 50) / (150 - 50) of 255.
    assert sorted(set(out.ravel().tolist())) == [0, 102, 255]


def test_shrinking_averages_and_enlarging_is_smooth() -> None:
    stripes = drawn(40, 40)
    stripes[:, ::4] = stripes[:, 1::4] = 255
    stripes[:, 39] = 1
    out = fitted(stripes, [])
    row = out[10][out[10].argmax() :]
    assert row[:4].tolist() == [255, 0, 255, 0]
    step = drawn(10, 10, 255)
    step[:, 5:] = 55
    assert len(set(whole(step, [])[14].tolist())) > 2


def test_a_tie_between_light_and_dark_ink_is_light_ink() -> None:
    canvas = drawn(9, 9, 100)
    canvas[4, 4], canvas[4, 5] = 50, 150
    assert not looks_inverted(canvas)
    canvas[4, 4] = 49
    assert looks_inverted(canvas)


@pytest.mark.parametrize("edge", [np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]])
def test_paper_is_seen_on_all_four_sides(edge: slice) -> None:
    """Three sides are white with a black edge left over; any one of them may be missing."""
    canvas = drawn(20, 20, 255)
    canvas[5:15, 5:15] = 0
    canvas[edge] = 0
    assert looks_inverted(canvas)
    assert not looks_inverted(255 - canvas)


def test_bars_are_equal_on_both_sides() -> None:
    tall = whole(drawn(40, 20, 200), [])
    assert np.flatnonzero(tall.any(axis=0)).tolist() == list(range(7, 21))
    assert np.count_nonzero(tall.any(axis=1)) == 28


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
