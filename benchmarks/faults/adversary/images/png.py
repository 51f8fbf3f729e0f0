"""PNG files: chunks in every order and number, bombs in text and profiles, interlacing, animation."""

import functools
import struct
import zlib

from benchmarks.faults.adversary.draws import Chance, often, rearranged, size, weighted
from benchmarks.faults.adversary.images.common import PIXELS, dimensions, exif, xmp
from benchmarks.faults.containers import PNG_SIGNATURE, png_chunk, png_header

LIMIT = 1_000_000
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16]}
BOMB_BYTES = 20_000_000


def generate(chance: Chance) -> tuple[str, bytes]:
    colour = chance.choice(sorted(CHANNELS))
    depth = chance.choice(DEPTHS[colour])
    width, height = dimensions(chance)
    interlace = int(often(chance, 0.2))
    header = png_header(width, height, depth, colour, interlace)
    pixels = _pixels(chance, width, height, CHANNELS[colour] * depth)
    name, extra = _ancillary(chance)
    count = size(chance, max(1, (LIMIT - len(pixels)) // len(extra)), 1) if often(chance, 0.6) else 1
    palette = [png_chunk(b"PLTE", bytes(3 * chance.choice([1, 2, 256, 257])))] if colour == 3 else []
    chunks = [header, *palette, *[extra] * count, *_split(chance, pixels), png_chunk(b"IEND", b"")]
    change, chunks = rearranged(chance, chunks, LIMIT)
    label = f"png: {name}, {change}"
    if often(chance, 0.15):
        label, at = f"{label}, lying", chance.randrange(len(chunks))
        chunks[at] = _lying(chance, chunks[at])
    return label, PNG_SIGNATURE + b"".join(chunks)


def _pixels(chance: Chance, width: int, height: int, bits: int) -> bytes:
    """Compressed rows of the right number, or of another one."""
    rows = (width * bits + 7) // 8 + 1
    length = rows * height if width * height <= PIXELS else 100_000
    kind = weighted(chance, [(8, "right"), (1, "few"), (1, "many")])
    length = {"right": length, "few": length // 2, "many": min(BOMB_BYTES, 2 * length + 1_000_000)}[kind]
    filters = chance.randrange(6) if length < 100_000 else 0
    if filters:
        return zlib.compress((bytes([filters]) + bytes(rows - 1)) * (length // rows))
    return _zeros(length)


@functools.lru_cache(maxsize=64)
def _zeros(length: int) -> bytes:
    return zlib.compress(bytes(length), 6)


def _split(chance: Chance, pixels: bytes) -> list[bytes]:
    """The pixels in one IDAT chunk, in some, or in one for each byte."""
    step = max(1, len(pixels) // size(chance, min(len(pixels), 20_000)))
    if often(chance, 0.6):
        step = len(pixels)
    return [png_chunk(b"IDAT", pixels[start : start + step]) for start in range(0, len(pixels), step)]


def _ancillary(chance: Chance) -> tuple[str, bytes]:
    """A chunk besides header, palette and pixels, and its name."""
    bomb = _zeros(size(chance, BOMB_BYTES, 10))
    kinds = {
        "tEXt": b"Comment\x00" + b"a" * size(chance, 100_000),
        "zTXt": b"Comment\x00\x00" + bomb,
        "iTXt": b"Comment\x00\x01\x00\x00\x00" + bomb,
        "iTXt of XMP": b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + xmp(chance),
        "iCCP": b"a\x00\x00" + bomb,
        "eXIf": exif(chance),
        "tRNS": bytes(chance.choice([1, 2, 6, 256, 300])),
        "gAMA": struct.pack(">I", chance.choice([0, 45_455, 2**32 - 1])),
        "cHRM": bytes(32),
        "sRGB": b"\x00",
        "pHYs": struct.pack(">IIB", 0, 2**32 - 1, 1),
        "tIME": bytes(7),
        "bKGD": bytes(6),
        "sPLT": b"a\x00\x08" + bytes(size(chance, 100_000)),
        "acTL": struct.pack(">II", chance.choice([0, 2, 2**31]), 0),
        "fcTL": struct.pack(">IIIIIHHBB", 0, 28, 28, 0, 0, 0, 0, 0, 0),
        "fdAT": bytes(4) + bomb[:1_000],
        "IHDR": struct.pack(">IIBBBBB", *dimensions(chance), 8, 0, 0, 0, 0),
        "vpAg": bytes(size(chance, 10_000)),
        "AAAA": bytes(5),
    }
    name = chance.choice(sorted(kinds))
    return name, png_chunk(name[:4].encode(), kinds[name])


def _lying(chance: Chance, chunk: bytes) -> bytes:
    """The chunk with another length or a wrong checksum."""
    if often(chance, 0.5):
        return chunk[:-4] + bytes(4)
    return struct.pack(">I", chance.choice([0, 1, len(chunk), 2**31 - 1, 2**32 - 1])) + chunk[4:]
