"""Writes grey uint8 images, 0 black and 255 white, as PNG, npy, zip, GIF and WebP.

Deterministic: the same pixels give the same bytes. PNG is written by hand, as a header and one deflate
stream, because Pillow takes longer (`python -m benchmarks limits` measures both).
"""

import io
import math
import struct
import zipfile
import zlib
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from isal import isal_zlib
from numpy.lib import format as npy_format
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

_number = struct.Struct(">I").pack
# 1 January 1980 is the earliest that a zip can say: a real date would make equal requests differ.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3


def png(image: Pixels, scale: int = 1) -> bytes:
    """[h, w] as an 8-bit grey PNG (RFC 2083), every pixel a square of scale x scale."""
    image = enlarge(image, scale)
    height, width = image.shape
    # Each row begins with its filter's number; 0 is none.
    rows = np.zeros((height, width + 1), np.uint8)
    rows[:, 1:] = image
    return b"".join((_head(width, height), _chunk(b"IDAT", isal_zlib.compress(rows, level=1)), _END))


@lru_cache(maxsize=64)
def _head(width: int, height: int) -> bytes:
    """Signature and header."""
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return b"%b%b%b%b" % (_number(len(data)), kind, data, _number(zlib.crc32(data, zlib.crc32(kind))))


_END = _chunk(b"IEND", b"")


def enlarge(images: Pixels, scale: int) -> Pixels:
    """[..., h, w] to [..., h * scale, w * scale]: every pixel a square, none blended."""
    if scale == 1:
        return images
    return images.repeat(scale, axis=-2).repeat(scale, axis=-1)


def tiling(n: int, columns: int | None = None) -> tuple[int, int]:
    """Rows and columns of n tiles: near square unless `columns` is given, never wider than n."""
    across = min(n, columns or math.ceil(math.sqrt(n)))
    return math.ceil(n / across), across


def grid(images: Pixels, columns: int | None = None) -> Pixels:
    """[n, h, w] in reading order as one [H, W] without gaps: tiles lie at multiples of h and w.

    Laid out as `tiling` says; what is left of the last row is black.
    """
    n, height, width = images.shape
    down, across = tiling(n, columns)
    tiles = np.zeros((down * across, height, width), np.uint8)
    tiles[:n] = images
    in_rows = tiles.reshape(down, across, height, width).swapaxes(1, 2)
    return np.ascontiguousarray(in_rows.reshape(down * height, across * width))


def lines(images: Pixels, length: int) -> Pixels:
    """[n * length, h, w] as n pictures [n, h, length * w], each `length` tiles side by side."""
    _, height, width = images.shape
    return images.reshape(-1, length, height, width).swapaxes(1, 2).reshape(-1, height, length * width)


def framed(image: Pixels, width: int, height: int) -> Pixels:
    """[h, w] in the middle of a black [height, width], every pixel a square as large as fits."""
    large = enlarge(image, min(height // image.shape[0], width // image.shape[1]))
    out = np.zeros((height, width), np.uint8)
    top, left = (height - large.shape[0]) // 2, (width - large.shape[1]) // 2
    out[top : top + large.shape[0], left : left + large.shape[1]] = large
    return out


def npy(images: Pixels) -> bytes:
    """The array as numpy.load reads it."""
    out = io.BytesIO()
    npy_format.write_array(out, np.ascontiguousarray(images), allow_pickle=False)
    return out.getvalue()


def zip_of_pngs(images: Pixels, names: Iterable[str], scale: int = 1) -> bytes:
    """[n, h, w] as n PNGs under these names; stored, since a PNG is compressed already."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for image, name in zip(images, names, strict=True):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = _UNIX
            info.external_attr = 0o644 << 16
            archive.writestr(info, png(image, scale))
    return out.getvalue()


def gif(frames: Pixels, frame_ms: int, scale: int = 1) -> bytes:
    """[n, h, w] as a GIF that repeats for ever. GIF counts in 10 ms, so `frame_ms` is rounded to that; equal
    neighbours become one frame that stays for longer."""
    return _animation(frames, "GIF", round(frame_ms, -1), scale, optimize=False)


def webp(frames: Pixels, frame_ms: int, scale: int = 1) -> bytes:
    """[n, h, w] as a lossless WebP that repeats for ever."""
    return _animation(frames, "WEBP", frame_ms, scale, lossless=True, quality=0, method=0)


def _animation(frames: Pixels, kind: str, frame_ms: int, scale: int, **options: bool | int) -> bytes:
    # Enlarged one at a time: all of them at once would be megabytes. WebP knows no grey, so Pillow must be
    # handed RGB or it would do so itself, for each frame, twice.
    pictures = (
        Image.fromarray(enlarge(frame, scale)).convert("RGB" if kind == "WEBP" else "L") for frame in frames
    )
    first = next(pictures)
    out = io.BytesIO()
    first.save(out, kind, save_all=True, append_images=pictures, duration=frame_ms, loop=0, **options)
    return out.getvalue()
