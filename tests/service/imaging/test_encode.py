"""Encoders: pixel for pixel what was given, in files that others can read, the same bytes every time."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from service.imaging import encode

Pixels = NDArray[np.uint8]


def digits(n: int, side: int = 28) -> Pixels:
    return np.random.RandomState(0).randint(0, 256, (n, side, side), np.uint8)


def opened(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "L"
        return np.asarray(image)


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=70)), st.integers(1, 5))
def test_a_png_holds_exactly_these_pixels(image: Pixels, scale: int) -> None:
    np.testing.assert_array_equal(
        opened(encode.png(image, scale)), np.kron(image, np.ones((scale, scale), np.uint8))
    )


def test_a_png_of_a_view_into_a_larger_array() -> None:
    image = digits(2)[1].T[::2]
    np.testing.assert_array_equal(opened(encode.png(image)), image)


@given(st.integers(1, 40), st.none() | st.integers(1, 50))
def test_every_tile_of_a_grid_can_be_cut_out(n: int, columns: int | None) -> None:
    images = digits(n, 3)
    whole = encode.grid(images, columns)
    down, across = whole.shape[0] // 3, whole.shape[1] // 3
    assert (down - 1) * across < n <= down * across
    for i, image in enumerate(images):
        y, x = 3 * (i // across), 3 * (i % across)
        np.testing.assert_array_equal(whole[y : y + 3, x : x + 3], image)
    assert whole.astype(int).sum() == images.astype(int).sum()


@pytest.mark.parametrize(
    ("n", "columns", "shape"),
    [(16, None, (112, 112)), (1, None, (28, 28)), (5, None, (56, 84)), (10, 5, (56, 140)), (3, 9, (28, 84))],
)
def test_a_grid_is_near_square_or_as_asked(n: int, columns: int | None, shape: tuple[int, int]) -> None:
    assert encode.grid(digits(n), columns).shape == shape


def test_npy_is_what_numpy_loads() -> None:
    images = digits(3)
    np.testing.assert_array_equal(np.load(io.BytesIO(encode.npy(images)), allow_pickle=False), images)


def test_a_zip_holds_a_png_under_each_name() -> None:
    images = digits(3)
    names = ["a.png", "b.png", "c.png"]
    data = encode.zip_of_pngs(images, names, 2)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == names
        for name, image in zip(names, images, strict=True):
            np.testing.assert_array_equal(opened(archive.read(name)), encode.enlarge(image, 2))
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert data == encode.zip_of_pngs(images, names, 2)


@pytest.mark.parametrize(("write", "kind"), [(encode.gif, "GIF"), (encode.webp, "WEBP")])
@pytest.mark.parametrize("scale", [1, 3])
def test_an_animation_shows_exactly_these_frames_for_ever(write: object, kind: str, scale: int) -> None:
    frames = digits(5)
    assert callable(write)
    data = write(frames, 120, scale)
    with Image.open(io.BytesIO(data)) as film:
        assert film.format == kind
        assert film.info["loop"] == 0
        shown = []
        for frame in ImageSequence.Iterator(film):
            shown.append(np.asarray(frame.convert("L")))
            assert frame.info["duration"] == 120
    np.testing.assert_array_equal(shown, encode.enlarge(frames, scale))
    assert data == write(frames, 120, scale)


@pytest.mark.parametrize("write", [encode.gif, encode.webp])
def test_a_film_of_equal_frames_is_still_a_picture(write: object) -> None:
    assert callable(write)
    with Image.open(io.BytesIO(write(np.repeat(digits(1), 3, axis=0), 50))) as film:
        np.testing.assert_array_equal(np.asarray(film.convert("L")), digits(1)[0])


def test_enlarging_by_one_copies_nothing() -> None:
    images = digits(2)
    assert encode.enlarge(images, 1) is images
    assert encode.enlarge(images, 4).shape == (2, 112, 112)


@given(hnp.arrays(np.uint8, (6, 3, 2)), st.sampled_from([1, 2, 3, 6]))
def test_lines_put_tiles_side_by_side(images: Pixels, length: int) -> None:
    lines = encode.lines(images, length)
    for i, line in enumerate(lines):
        np.testing.assert_array_equal(line, np.hstack(list(images[i * length : (i + 1) * length])))


@given(hnp.arrays(np.uint8, (3, 2), elements=st.integers(1, 255)), st.integers(2, 30), st.integers(3, 30))
def test_a_frame_is_as_large_as_asked_and_holds_the_picture(image: Pixels, width: int, height: int) -> None:
    framed = encode.framed(image, width, height)
    assert framed.shape == (height, width)
    scale = min(height // 3, width // 2)
    rows, columns = np.flatnonzero(framed.any(axis=1)), np.flatnonzero(framed.any(axis=0))
    inner = framed[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    np.testing.assert_array_equal(inner, encode.enlarge(image, scale))
    assert abs(rows[0] - (height - 1 - rows[-1])) <= 1
    assert abs(columns[0] - (width - 1 - columns[-1])) <= 1
