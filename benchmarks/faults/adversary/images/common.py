"""Sizes of pictures, and metadata that every container can carry."""

import functools
import io
import struct
from typing import Any

from PIL import Image

from benchmarks.faults.adversary.draws import Chance, often, size, weighted
from benchmarks.faults.containers import ifd

PIXELS = 4_000_000
METADATA_BYTES = 900_000


def dimensions(chance: Chance, most: int = PIXELS) -> tuple[int, int]:
    """Width and height: mostly small, sometimes as large as is allowed, square or extreme."""
    form = weighted(chance, [(6, "28"), (4, "small"), (2, "square"), (2, "wide"), (2, "tall"), (1, "over")])
    if form == "28":
        return 28, 28
    if form == "small":
        return size(chance, 200), size(chance, 200)
    if form == "over":
        return chance.choice(
            [(2**16 - 1, 2**16 - 1), (2_001, 2_001), (2**31 - 1, 1), (0, 28), (10_000, 9_000)]
        )
    pixels = size(chance, most, 10_000)
    if form == "square":
        return int(pixels**0.5), int(pixels**0.5)
    return (pixels, 1) if form == "wide" else (1, pixels)


@functools.lru_cache(maxsize=64)
def saved(kind: str, mode: str, shape: tuple[int, int], frames: int = 1, **options: Any) -> bytes:
    """A picture of one colour in a format that Pillow writes; several frames where it is an animation."""
    out = io.BytesIO()
    pictures = [Image.new(mode, shape, frame % 2 and "white") for frame in range(frames)]
    more: dict[str, Any] = {"save_all": True, "append_images": pictures[1:]} if frames > 1 else {}
    pictures[0].save(out, kind, **more, **options)
    return out.getvalue()


def some_size(chance: Chance) -> tuple[int, int]:
    """One of a few shapes, so that saved pictures can be cached."""
    return weighted(
        chance,
        [
            (6, (28, 28)),
            (2, (64, 48)),
            (2, (500, 500)),
            (1, (1999, 1999)),
            (1, (16_000, 240)),
            (1, (1, 16_000)),
        ],
    )


def exif(chance: Chance) -> bytes:
    """A TIFF directory with few or many entries; their types, counts and offsets may lie, and it may loop."""
    order = chance.choice("<>")
    count = size(chance, 65_535)
    kind = chance.choice([1, 2, 3, 4, 5, 7, 9, 10, 12, 13, 0, 99])
    many = chance.choice([1, 0, 2, 100, 2**16, 2**24, 2**32 - 1])
    offset = chance.choice([8, 0, 50, 2**31 - 1])
    first = chance.choice([0, 256, 0x8769, 0x8825])
    value = struct.pack(f"{order}I", offset)
    entries = [((first + n) % 65_536, kind, many, value) for n in range(count)]
    if often(chance, 0.3):
        entries = [(0x0112, 3, 1, struct.pack(f"{order}HH", chance.randrange(12), 0)), *entries[:-1]]
    return ifd(entries, order, bytes(size(chance, 1_000)))[:METADATA_BYTES]


def xmp(chance: Chance) -> bytes:
    unit = chance.choice([b"<a>", b"<x:xmpmeta ", b"<rdf:li>", b"&amp;", b"a", b'tiff:Orientation="6" '])
    return b"<x:xmpmeta>" + unit * (size(chance, METADATA_BYTES) // len(unit))
