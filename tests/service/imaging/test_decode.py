"""Decoding: a picture means what its sender sees, and no bytes raise anything but a ImageError."""

import io
import struct
import warnings
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageOps

from service.imaging import encode
from service.imaging.decode import Decoded, ImageLimits, decode, decode_mask
from service.imaging.errors import ImageError
from tests.service.imaging.pictures import LIMITS, Pixels, saved, seven

SEVEN = seven()
BIG = encode.enlarge(SEVEN, 5)
"""140x140, so that it is taken for a drawing."""


def read(data: bytes, fit: bool | None = None, invert: bool | None = None) -> Decoded:
    return decode(data, LIMITS, fit=fit, invert=invert)


def refused(data: bytes, limits: ImageLimits = LIMITS) -> ImageError:
    with pytest.raises(ImageError) as caught:
        decode(data, limits)
    return caught.value


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@given(hnp.arrays(np.uint8, (28, 28)))
def test_a_grey_28x28_png_passes_byte_for_byte(image: Pixels) -> None:
    decoded = read(encode.png(image))
    np.testing.assert_array_equal(decoded.image, image)
    assert decoded.steps == []


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP"])
def test_lossless_formats_give_the_same_pixels(kind: str) -> None:
    np.testing.assert_array_equal(read(saved(SEVEN, kind)).image, SEVEN)


def test_lossless_webp_and_colour_png_of_a_grey_picture() -> None:
    colour = Image.fromarray(SEVEN).convert("RGB")
    for data in (saved(colour, "WEBP", lossless=True), saved(colour)):
        decoded = read(data)
        np.testing.assert_array_equal(decoded.image, SEVEN)
        assert decoded.steps == ["colour to grey"]


def test_a_jpeg_is_nearly_the_same() -> None:
    np.testing.assert_allclose(read(saved(SEVEN, "JPEG", quality=95)).image.astype(int), SEVEN, atol=24)


def test_an_inverted_28x28_image_stays_inverted_unless_asked() -> None:
    dark_on_light = encode.png(255 - SEVEN)
    np.testing.assert_array_equal(read(dark_on_light).image, 255 - SEVEN)
    turned = read(dark_on_light, invert=True)
    np.testing.assert_array_equal(turned.image, SEVEN)
    assert turned.steps == ["inverted"]


def test_a_16_bit_png_is_scaled_and_not_clipped() -> None:
    deep = np.arange(784, dtype=np.uint16).reshape(28, 28) * 83
    decoded = read(saved(deep))
    np.testing.assert_array_equal(decoded.image, np.round(deep / 257).astype(np.uint8))
    assert decoded.steps == ["16 bits scaled to 8"]
    np.testing.assert_array_equal(read(saved(SEVEN.astype(np.uint16) * 257)).image, SEVEN)


def test_a_palette_means_its_colours() -> None:
    picture = Image.fromarray(SEVEN // 255)
    picture.putpalette([255, 255, 255, 0, 0, 0])
    np.testing.assert_array_equal(read(saved(picture)).image, np.where(SEVEN == 255, 0, 255))
    assert read(saved(picture)).steps == ["palette to grey"]


def test_one_bit_is_black_and_white() -> None:
    picture = Image.fromarray(SEVEN).point(lambda value: 255 * (value > 127)).convert("1")
    np.testing.assert_array_equal(read(saved(picture)).image, np.where(SEVEN > 127, 255, 0))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_over_black(mode: str) -> None:
    white = Image.new(mode, (28, 28), "white")
    white.putalpha(Image.fromarray(SEVEN))
    decoded = read(saved(white))
    np.testing.assert_array_equal(decoded.image, SEVEN)
    assert decoded.steps == ["transparency over black"]


def test_an_opaque_alpha_channel_changes_nothing() -> None:
    decoded = read(saved(Image.fromarray(SEVEN).convert("RGBA")))
    np.testing.assert_array_equal(decoded.image, SEVEN)
    assert decoded.steps == ["colour to grey"]


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_a_colour_declared_transparent_is_over_black(mode: str) -> None:
    picture = Image.fromarray(SEVEN).convert(mode)
    index = picture.getpixel((14, 3)) if mode == "P" else 0
    transparent = (0, 0, 0) if mode == "RGB" else index
    np.testing.assert_array_equal(read(saved(picture, transparency=transparent)).image, SEVEN)


def test_black_ink_on_transparent_paper_is_ink() -> None:
    drawing = Image.new("RGBA", (140, 140), "black")
    drawing.putalpha(Image.fromarray(BIG))
    decoded = read(saved(drawing))
    np.testing.assert_array_equal(decoded.image, SEVEN)
    assert decoded.steps[0] == "black on transparent: its opacity is the ink"
    assert read(saved(drawing), invert=False).steps[1] == "blank: no ink found"


def test_cmyk_means_its_colours() -> None:
    picture = Image.fromarray(SEVEN).convert("RGB").convert("CMYK")
    decoded = read(saved(picture, "JPEG", quality=95))
    np.testing.assert_allclose(decoded.image.astype(int), SEVEN, atol=24)
    assert decoded.steps == ["colour to grey"]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_only_the_first_frame_of_an_animation_counts(kind: str) -> None:
    frames = [Image.fromarray(SEVEN), Image.fromarray(255 - SEVEN)]
    options = {"lossless": True} if kind == "WEBP" else {}
    decoded = read(saved(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    np.testing.assert_array_equal(decoded.image, SEVEN)
    assert decoded.steps[0] == "first frame of an animation"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_picture_upright(orientation: int) -> None:
    """Pillow's own transposition, which knows nothing of our table, is what a viewer shows."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(SEVEN, "PNG", exif=exif)
    with Image.open(io.BytesIO(data)) as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture))
    decoded = read(data)
    np.testing.assert_array_equal(decoded.image, expected)
    assert ("turned upright as EXIF says" in decoded.steps) == (orientation > 1)


def test_other_sizes_are_fitted_and_inverted_as_they_need() -> None:
    for data in (encode.png(BIG), encode.png(255 - BIG)):
        np.testing.assert_array_equal(read(data).image, SEVEN)
    assert read(encode.png(255 - BIG)).steps[0] == "inverted: the ink is darker than the border"
    assert "inverted" not in " ".join(read(encode.png(BIG)).steps)


def test_a_drawing_off_centre_and_small_is_fitted_and_centred() -> None:
    canvas = np.zeros((300, 400), np.uint8)
    canvas[10:150, 230:370] = BIG
    decoded = read(encode.png(canvas))
    np.testing.assert_array_equal(decoded.image, SEVEN)
    assert decoded.steps[-1] == "centred by mass"


def test_switches_overrule_what_is_automatic() -> None:
    np.testing.assert_array_equal(read(encode.png(BIG), fit=False).image, SEVEN)
    np.testing.assert_array_equal(read(encode.png(255 - BIG), fit=False, invert=False).image, 255 - SEVEN)
    np.testing.assert_array_equal(read(encode.png(255 - BIG), fit=False).image, SEVEN)
    moved = np.roll(SEVEN, (-2, 3), (0, 1))
    np.testing.assert_array_equal(read(encode.png(moved), fit=True).image, SEVEN)
    np.testing.assert_array_equal(read(encode.png(255 - moved), fit=True).image, SEVEN)


@pytest.mark.parametrize("level", [0, 7, 128, 255])
@pytest.mark.parametrize("size", [(28, 28), (1, 1), (50, 3), (3, 50)])
def test_a_blank_image_is_no_reason_to_fail(level: int, size: tuple[int, int]) -> None:
    for fit in (None, True, False):
        for invert in (None, True, False):
            assert read(encode.png(np.full(size, level, np.uint8)), fit, invert).image.shape == (28, 28)
    if size != (28, 28):
        blank = read(encode.png(np.full(size, level, np.uint8)))
        assert not blank.image.any()
        assert blank.steps == ["blank: no ink found"]


@pytest.mark.parametrize("data", [b"", b"a text file\n", b"<svg/>", b"%PDF-1.7", saved(SEVEN, "TIFF")])
def test_what_is_no_image_we_read_is_refused(data: bytes) -> None:
    error = refused(data)
    assert error.code == "not-an-image"
    assert "PNG, JPEG, GIF, WebP or BMP" in error.detail


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
def test_a_file_cut_short_is_refused(kind: str) -> None:
    data = saved(BIG, kind)
    assert refused(data[: len(data) // 2]).code == "broken-image"


def test_a_damaged_png_is_refused() -> None:
    data = bytearray(encode.png(SEVEN))
    data[60] ^= 0xFF
    assert refused(bytes(data)).code == "broken-image"


def test_sizes_beyond_the_limits_are_refused_before_decoding() -> None:
    small = ImageLimits(file_bytes=200, pixels=1000)
    too_long = refused(bytes(201), small)
    assert too_long.code == "image-too-large"
    assert "200 bytes" in too_long.detail
    too_wide = refused(encode.png(np.zeros((32, 32), np.uint8)), small)
    assert too_wide.code == "image-too-large"
    assert "1,000 pixels" in too_wide.detail
    decode(encode.png(np.zeros((31, 32), np.uint8)), small)


@pytest.mark.parametrize("side", [2_001, 9_500, 13_500, 60_000])
def test_a_decompression_bomb_is_refused_for_its_header(side: int) -> None:
    """Below Pillow's limit, between its warning and its error, and above both."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))
    assert refused(data).code == "image-too-large"


def test_a_bomb_in_a_text_chunk_is_refused() -> None:
    bomb = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(64 << 20), 9))
    plain = encode.png(SEVEN)
    error = refused(plain[:33] + bomb + plain[33:])
    assert error.code == "broken-image"


def many_scans() -> bytes:
    """A progressive JPEG of 1600x1600 pixels with a thousand scans."""
    data = saved(Image.new("L", (1600, 1600)), "JPEG", progressive=True)
    scan = data[data.rfind(b"\xff\xda") : -2]
    return data[:-2] + 1000 * scan + b"\xff\xd9"


def as_mpo(jpeg: bytes) -> bytes:
    """The JPEG with a multi-picture segment that lists it twice, so that Pillow calls it MPO."""
    entries = b"".join(struct.pack("<IIIHH", 0, len(jpeg), 0, 0, 0) for _ in range(2))
    fields = struct.pack("<HHI4s", 0xB000, 7, 4, b"0100") + struct.pack("<HHII", 0xB001, 4, 1, 2)
    fields += struct.pack("<HHII", 0xB002, 7, len(entries), 50)
    table = b"II*\0" + struct.pack("<IH", 8, 3) + fields + bytes(4) + entries
    segment = b"MPF\0" + table
    return jpeg[:2] + b"\xff\xe2" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


@pytest.mark.parametrize("change", [bytes, as_mpo], ids=["jpeg", "mpo"])
def test_a_jpeg_of_a_thousand_scans_is_refused_before_decoding(change: Callable[[bytes], bytes]) -> None:
    assert "scans" in refused(change(many_scans())).detail


def test_a_multi_picture_jpeg_is_decoded_as_a_jpeg_is() -> None:
    jpeg = saved(encode.enlarge(SEVEN, 70), "JPEG")
    with Image.open(io.BytesIO(as_mpo(jpeg))) as picture:
        assert picture.format == "MPO"
    np.testing.assert_array_equal(read(as_mpo(jpeg)).image, read(jpeg).image)


def test_a_refused_header_leaves_nothing_behind() -> None:
    """Python remembers each text of a warning, so a warning that names the size would leak."""
    header = struct.pack(">IIBBBBB", 60_001, 60_001, 8, 0, 0, 0, 0)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        refused(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header))
    assert heard == []


@pytest.mark.parametrize(
    ("height", "reduced"), [(1023, "400x1023"), (1024, "200x512"), (1535, "200x768"), (1600, "134x534")]
)
def test_pictures_from_1024_pixels_are_averaged_down_by_a_whole_number(height: int, reduced: str) -> None:
    steps = read(encode.png(np.full((height, 400), 200, np.uint8)), fit=False).steps
    assert steps[0].startswith(f"scaled from {reduced} to ")


def test_a_large_jpeg_is_decoded_at_a_quarter_of_its_size() -> None:
    data = saved(np.full((2048, 2048), 200, np.uint8), "JPEG")
    limits = ImageLimits(file_bytes=1 << 20, pixels=1 << 22)
    assert decode(data, limits, fit=False).steps == ["scaled from 512x512 to 28x28"]


def test_a_jpeg_may_have_40_scans() -> None:
    """Markers after the end of the picture count too: they cost nothing, but are not told apart."""
    data = saved(BIG, "JPEG")
    read(data + 39 * b"\xff\xda")
    assert "more than 40 scans" in refused(data + 40 * b"\xff\xda").detail
    read(encode.png(BIG) + 100 * b"\xff\xda")


def test_the_limits_are_still_allowed() -> None:
    data = encode.png(np.zeros((30, 30), np.uint8))
    decode(data, ImageLimits(file_bytes=len(data), pixels=900))
    assert refused(data, ImageLimits(file_bytes=len(data) - 1, pixels=900)).code == "image-too-large"
    assert refused(data, ImageLimits(file_bytes=len(data), pixels=899)).code == "image-too-large"


def test_only_formats_that_blur_count_as_noisy() -> None:
    """A trace of 20 levels is no ink where a format may have made it."""
    picture = np.zeros((40, 40), np.uint8)
    picture[10:30, 18:22] = 255
    picture[2, 2] = 20
    for kind, options, cropped in (
        ("PNG", {}, "20x28"),
        ("BMP", {}, "20x28"),
        ("GIF", {}, "20x28"),
        ("WEBP", {"lossless": True}, "4x20"),
    ):
        steps = read(saved(picture, kind, **options)).steps
        assert any(step.startswith(f"cropped to the ink, {cropped} of") for step in steps), (kind, steps)


def test_large_pictures_shrink_without_losing_the_digit() -> None:
    large = encode.enlarge(SEVEN, 70)
    np.testing.assert_allclose(read(encode.png(255 - large)).image.astype(int), SEVEN, atol=40)
    np.testing.assert_allclose(read(saved(large, "JPEG")).image.astype(int), SEVEN, atol=60)


SEEDS = [
    encode.png(SEVEN),
    saved(Image.fromarray(BIG).convert("RGBA")),
    saved(BIG.astype(np.uint16) * 257),
    saved(Image.fromarray(BIG).convert("P")),
    saved(BIG, "JPEG"),
    saved(Image.fromarray(BIG).convert("CMYK"), "JPEG", progressive=True),
    saved(BIG, "GIF", save_all=True, append_images=[Image.fromarray(255 - BIG)]),
    saved(BIG, "WEBP"),
    encode.webp(np.stack([SEVEN, 255 - SEVEN]), 50),
    saved(BIG, "BMP"),
]


@given(
    data=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
    kept=st.floats(0.1, 1),
    tail=st.binary(max_size=8),
    fit=st.none() | st.booleans(),
)
def test_hostile_bytes_raise_nothing_but_an_image_error(
    data: bytes, edits: list[tuple[float, int]], kept: float, tail: bytes, fit: bool | None
) -> None:
    hostile = bytearray(data)
    for where, value in edits:
        # Squared, so that headers are hit more often than pixels.
        hostile[int(len(hostile) * where**2)] = value
    sent = bytes(hostile[: int(len(hostile) * kept)]) + tail
    try:
        decoded = decode(sent, LIMITS, fit=fit)
    except ImageError as refusal:
        outcome = refusal
    else:
        assert decoded.image.shape == (28, 28)
        assert decoded.image.dtype == np.uint8
        return
    assert outcome.code in ("image-too-large", "not-an-image", "broken-image")
    assert len(outcome.detail) < 400


@given(st.binary(max_size=200))
def test_random_bytes_are_no_image(data: bytes) -> None:
    assert refused(data).code == "not-an-image"


def test_a_mask_is_true_where_it_is_rather_white_whatever_its_mode() -> None:
    grey = np.full((28, 28), 127, np.uint8)
    grey[3, 4] = 128
    for data in (saved(grey), saved(Image.fromarray(grey).convert("RGB")), saved(grey, "BMP")):
        np.testing.assert_array_equal(decode_mask(data, LIMITS), grey == 128)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (saved(np.full((14, 14), 255, np.uint8)), "mask-size"),
        (saved(np.full((900, 900), 255, np.uint8))[:60], "mask-size"),  # told before a pixel is decoded
        (saved(np.zeros((28, 28), np.uint8)), "mask-empty"),
        (b"text", "not-an-image"),
        (saved(SEVEN)[:-30], "broken-image"),
        (b"\x00" * (LIMITS.file_bytes + 1), "image-too-large"),
    ],
)
def test_a_mask_that_says_nothing_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode_mask(data, LIMITS)
    assert caught.value.code == code
