"""GIF files: frames, extensions, palettes, and data in tiny blocks."""

import struct

from benchmarks.faults.adversary.draws import Chance, often, rearranged, size, weighted
from benchmarks.faults.adversary.images.common import dimensions, saved, some_size, xmp

LIMIT = 1_000_000


def generate(chance: Chance) -> tuple[str, bytes]:
    width, height = some_size(chance)
    screen = (min(65_535, side) for side in (dimensions(chance) if often(chance, 0.3) else (width, height)))
    palette = chance.choice([0, 1, 7])
    flags = 0x80 | palette if often(chance, 0.8) else 0
    head = b"GIF89a" + struct.pack("<HHBBB", *screen, flags, 0, 0) + (bytes(6 << palette) if flags else b"")
    name, extra = _extension(chance)
    frame = _frame(chance, width, height)
    frames = size(chance, max(1, LIMIT // len(frame) // 2)) if often(chance, 0.4) else 1
    extras = size(chance, max(1, LIMIT // len(extra) // 2)) if often(chance, 0.4) else 1
    pieces = [head, *[extra] * extras, *[frame] * frames, b"\x3b"]
    change, pieces = rearranged(chance, pieces, LIMIT)
    return f"gif: {name}, {'frames' if frames > 1 else 'one frame'}, {change}", b"".join(pieces)


def _frame(chance: Chance, width: int, height: int) -> bytes:
    """An image block; its place and its size may be outside of the screen, and its blocks may be tiny."""
    data = saved("GIF", "L", (width, height))
    at = data.index(b"\x2c", 13 + 3 * (2 << (data[10] & 7)))
    place: tuple[int, ...] = (0, 0, width, height)
    if often(chance, 0.2):
        place = (chance.choice([0, 65_535]), 0, *(min(65_535, side) for side in dimensions(chance)))
    flags = 0x40 if often(chance, 0.2) else 0
    head = b"\x2c" + struct.pack("<HHHHB", *place, flags)
    codes = weighted(chance, [(9, data[at + 10 : at + 11]), (1, bytes([chance.randrange(14)]))])
    blocks = data[at + 11 : -1]
    if often(chance, 0.2):
        content = _joined(blocks)[:100_000]
        step = size(chance, 255)
        blocks = _blocks(content, step)
    return head + codes + blocks


def _joined(blocks: bytes) -> bytes:
    out, at = [], 0
    while blocks[at]:
        out.append(blocks[at + 1 : at + 1 + blocks[at]])
        at += 1 + blocks[at]
    return b"".join(out)


def _blocks(content: bytes, step: int) -> bytes:
    parts = (content[at : at + step] for at in range(0, len(content), step))
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\x00"


def _extension(chance: Chance) -> tuple[str, bytes]:
    content = bytes(size(chance, 100_000))
    step = chance.choice([1, 255])
    kinds = {
        "control": b"\x21\xf9\x04"
        + struct.pack("<BHB", chance.randrange(256), chance.choice([0, 65_535]), 0)
        + b"\x00",
        "comment": b"\x21\xfe" + _blocks(content, step),
        "loop": b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00",
        "XMP": b"\x21\xff\x0bXMP DataXMP" + _blocks(xmp(chance), 255),
        "profile": b"\x21\xff\x0bICCRGBG1012" + _blocks(content, step),
        "plain text": b"\x21\x01\x0c" + bytes(12) + _blocks(content, step),
        "unknown": b"\x21\x77" + _blocks(content, step),
        "padding": b"\x00" * size(chance, 100_000),
    }
    name = chance.choice(sorted(kinds))
    return name, kinds[name]
