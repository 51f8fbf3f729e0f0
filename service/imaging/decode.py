"""Opens what strangers send: the only place where untrusted bytes become pixels.

Formats are those allowed here, the size is checked before a pixel is decoded, and whatever Pillow raises on
hostile bytes becomes a refusal. What a picture is then made into is `fit`'s business. Bounds on time and
memory are the workers' business (`workers`): no check of the bytes can foresee what a decoder does with them.
"""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, UnidentifiedImageError, WebPImagePlugin
from PIL.JpegImagePlugin import JpegImageFile

from service.imaging.errors import ImageError
from service.imaging.fit import fitted, inverted, looks_inverted, whole
from service.mnist import SIDE

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
_READABLE = "PNG, JPEG, GIF, WebP or BMP"

WORKING_SIDE = 512
"""Larger pictures are averaged down to about this before anything else: the result has 28 pixels a side."""

# Decoders are registered by import; without this one the first WebP would make Pillow import all of them.
assert WebPImagePlugin

# `_grey` has a bound of its own. Pillow's warning would name each size, and Python keeps every text that it
# has warned with.
Image.MAX_IMAGE_PIXELS = None

# Every scan of a progressive JPEG passes over the whole picture, and one can be a dozen bytes: a megabyte
# could take minutes. Encoders write about ten; a thumbnail in the metadata may add its own.
_MAX_SCANS = 40
_START_OF_SCAN = b"\xff\xda"

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """The largest file and picture that is decoded."""

    file_bytes: int
    pixels: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded image in the form that the networks take, and the steps that led to it."""

    image: NDArray[np.uint8]
    """[28, 28], 0 is paper and 255 is ink."""
    steps: list[str]
    """Each change of the picture, in order; empty for a grey 28x28 image, which passes byte for byte."""


def decode(
    data: bytes, limits: ImageLimits, *, fit: bool | None = None, invert: bool | None = None
) -> Decoded:
    """One image of at most `limits`; ImageError where it is larger, or no image.

    None means automatic. A 28x28 image is then shown as it is: it is in MNIST's form already, and dark on
    light is what its sender means. Any other size is taken for a drawing: cropped to its ink, fitted to
    20x20 and centred by mass as MNIST's digits were, after inverting it if its ink is darker than its paper.
    `fit=True` treats a 28x28 image so too; `fit=False` only scales the whole picture.
    """
    steps: list[str] = []
    grey, is_mnist_size, lossy = _opened(data, limits, steps, keep_dark_ink=invert is None)
    as_it_is = is_mnist_size and not fit
    if invert or (invert is None and not as_it_is and looks_inverted(grey)):
        grey = inverted(grey)
        steps.append("inverted" if invert else "inverted: the ink is darker than the border")
    if as_it_is:
        return Decoded(grey, steps)
    image = whole(grey, steps) if fit is False else fitted(grey, steps, noisy=lossy)
    return Decoded(image, steps)


def decode_mask(data: bytes, limits: ImageLimits) -> NDArray[np.bool_]:
    """[28, 28], True where the picture is rather white than black. ImageError as `decode`, and where it is
    not 28x28 or has no white in it."""
    white = _opened(data, limits, [], keep_dark_ink=False, mnist_size_only=True)[0] >= 128
    if not white.any():
        raise ImageError("mask-empty", "no pixel of it is white: make white what is missing")
    return white


def _opened(
    data: bytes,
    limits: ImageLimits,
    steps: list[str],
    *,
    keep_dark_ink: bool,
    mnist_size_only: bool = False,
) -> tuple[NDArray[np.uint8], bool, bool]:
    """Return the result of `_grey`; ImageError for whatever it raises."""
    if len(data) > limits.file_bytes:
        raise ImageError("image-too-large", f"the file exceeds {limits.file_bytes:,} bytes")
    try:
        return _grey(data, limits, steps, keep_dark_ink=keep_dark_ink, mnist_size_only=mnist_size_only)
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError("not-an-image", f"this is no image: send {_READABLE}") from None
    except Exception as error:
        # Pillow promises no set of exceptions: a broken file has raised OSError, SyntaxError, ValueError,
        # struct.error, IndexError, EOFError, zlib.error, OverflowError, ...
        reason = str(error)[:200] or type(error).__name__
        raise ImageError("broken-image", f"the image is broken or cut short: {reason}") from None


def _grey(
    data: bytes, limits: ImageLimits, steps: list[str], *, keep_dark_ink: bool, mnist_size_only: bool
) -> tuple[NDArray[np.uint8], bool, bool]:
    """The picture as uint8 [h, w], whether it was 28x28, and whether its format blurs pixels."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        _check_size(picture, limits)
        # By class, not by name: Pillow calls a JPEG with an MPF segment "MPO", and decodes it as a JPEG.
        is_jpeg = isinstance(picture, JpegImageFile)
        lossy = is_jpeg or picture.format == "WEBP"
        is_mnist_size = picture.size == (SIDE, SIDE)
        if mnist_size_only and not is_mnist_size:
            raise ImageError("mask-size", f"it must be {SIDE}x{SIDE}, as the pictures that networks see")
        if is_jpeg:
            if data.count(_START_OF_SCAN) > _MAX_SCANS:
                raise ImageError("broken-image", f"the JPEG has more than {_MAX_SCANS} scans: save it anew")
            # Decodes at a half, a quarter or an eighth of the size where that is enough.
            picture.draft(None, (WORKING_SIDE, WORKING_SIDE))
        if getattr(picture, "is_animated", False):
            steps.append("first frame of an animation")
        picture.load()
        _check_size(picture, limits)
        orientation = _orientation(picture)
        grey = _one_channel(picture, steps, keep_dark_ink=keep_dark_ink and not is_mnist_size)
    longest = max(grey.size)
    if longest >= 2 * WORKING_SIDE:
        grey = grey.reduce(longest // WORKING_SIDE)
    if orientation in _TURNS:
        grey = grey.transpose(_TURNS[orientation])
        steps.append("turned upright as EXIF says")
    return np.asarray(grey), is_mnist_size, lossy


def _one_channel(picture: Image.Image, steps: list[str], *, keep_dark_ink: bool) -> Image.Image:
    """Mode L: deep colours scaled, colours weighted, transparency over black."""
    if picture.mode.startswith("I"):
        # convert("L") would clip: everything above 255 of 65,535 white.
        deep = np.clip(np.asarray(picture), 0, 65_535).astype(np.uint32)
        steps.append("16 bits scaled to 8")
        return Image.fromarray(((deep * 255 + 32_895) >> 16).astype(np.uint8))
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        opacity = rgba.getchannel("A")
        if opacity.getextrema() != (255, 255):
            over_black = ImageChops.multiply(rgba.convert("RGB").convert("L"), opacity)
            if keep_dark_ink and over_black.getextrema() == (0, 0) and not _is_even(opacity):
                steps.append("black on transparent: its opacity is the ink")
                return opacity
            steps.append("transparency over black")
            return over_black
        picture = rgba
    if picture.mode == "L":
        return picture
    if picture.mode == "1":
        return picture.convert("L")
    steps.append("palette to grey" if picture.mode == "P" else "colour to grey")
    return picture.convert("RGB").convert("L")


def _is_even(picture: Image.Image) -> bool:
    return len(set(picture.getextrema())) == 1


def _orientation(picture: Image.Image) -> int | None:
    try:
        value = picture.getexif().get(_ORIENTATION)
    except Exception:  # Metadata may be garbage around a sound picture.
        return None
    return value if isinstance(value, int) else None


def _check_size(picture: Image.Image, limits: ImageLimits) -> None:
    """Raise ImageError for more pixels than `limits` allows. Decoding may change the size in the header."""
    if picture.width * picture.height > limits.pixels:
        raise ImageError("image-too-large", f"the image exceeds {limits.pixels:,} pixels: scale it down")
