"""Image files that cost far more to decode than to send."""

import io
import struct
import zlib

from PIL import Image

from benchmarks.faults.containers import (
    PNG_SIGNATURE,
    bmp,
    ifd,
    jpeg_segment,
    jpeg_segments,
    png,
    png_chunk,
    png_header,
)

BITMAP_WIDTH = 4_000_000
SCANS_SIDE = 1_999
"""4 megapixels, the most that an upload may have by default."""
TAGS = 65_535
_MP_INDEX = [
    (0xB000, 7, 4, b"0100"),
    (0xB001, 4, 1, struct.pack(">I", 2)),
    (0xB002, 7, 32, struct.pack(">I", 8 + 2 + 3 * 12 + 4)),
]
"""The index of two images: its version, their number, and the offset of their entries."""


def rle_bitmap() -> bytes:
    """A BMP of 122 bytes: one pixel of a row of four million, then the end of the line."""
    return bmp(BITMAP_WIDTH, 1, b"\x01\x00\x00\x00", compression=1, palette=bytes(16 * 4))


def jpeg_of_scans(size: int) -> bytes:
    """A progressive JPEG of `size` bytes, nearly all of them scans of a whole empty picture, with a segment
    for which Pillow calls it an MPO."""
    out = io.BytesIO()
    Image.new("L", (SCANS_SIDE, SCANS_SIDE)).save(out, "JPEG", progressive=True)
    start, *middle, end = jpeg_segments(out.getvalue())
    index = jpeg_segment(0xE2, b"MPF\x00" + ifd(_MP_INDEX, data=bytes(32)))
    scan = middle[-1]
    repeats = max(0, size - len(index) - len(out.getvalue())) // len(scan)
    return b"".join([start, index, *middle, *[scan] * repeats, end])


def png_of_profiles(count: int = 900) -> bytes:
    """A 28x28 PNG with so many colour profiles; each unpacks to the megabyte that Pillow allows."""
    profile = png_chunk(b"iCCP", b"a\x00\x00" + zlib.compress(bytes(1_000_000), 9))
    return png(*[profile] * count)


def tags(count: int = TAGS) -> bytes:
    """EXIF data whose entries are all larger than it, which Pillow warns of one by one."""
    return ifd([(tag, 2, 2**24, bytes(4)) for tag in range(count)])


def png_of_tags() -> bytes:
    return png(png_chunk(b"eXIf", tags()))


def jpeg_of_tags() -> bytes:
    """EXIF data in as many segments as it takes; Pillow joins them."""
    data, room = tags(), 65_000
    out = io.BytesIO()
    Image.new("L", (28, 28)).save(out, "JPEG")
    start, *rest = jpeg_segments(out.getvalue())
    parts = [data[i : i + room] for i in range(0, len(data), room)]
    return b"".join([start, *(jpeg_segment(0xE1, b"Exif\x00\x00" + part) for part in parts), *rest])


def webp_of_tags() -> bytes:
    """EXIF data in the chunk that WebP has for it."""
    out = io.BytesIO()
    Image.new("L", (28, 28)).save(out, "WEBP", exif=b"Exif\x00\x00" + tags())
    return out.getvalue()


def oversized_png(number: int) -> bytes:
    """A PNG that claims over 90 megapixels, and another size for each number below 10,000."""
    header = png_header(9_500 + number % 100, 9_500 + number // 100)
    return PNG_SIGNATURE + header + png_chunk(b"IDAT", zlib.compress(bytes(99)))
