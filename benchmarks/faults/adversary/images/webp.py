"""WebP files: lossy, lossless and animated, with chunks of RIFF in every order and number."""

import struct

from benchmarks.faults.adversary.draws import Chance, often, rearranged, size
from benchmarks.faults.adversary.images.common import dimensions, exif, saved, some_size, xmp

LIMIT = 1_000_000
FRAMES = [1, 1, 2, 100]


def generate(chance: Chance) -> tuple[str, bytes]:
    shape = some_size(chance)
    frames = chance.choice(FRAMES) if shape == (28, 28) else 1
    mode = chance.choice(["RGB", "RGBA"])
    data = saved("WEBP", mode, _allowed(shape), frames, lossless=often(chance, 0.5))
    chunks = _chunks(data)
    name = "animation" if frames > 1 else "picture"
    if often(chance, 0.5):
        kind, extra = _extra(chance)
        name += f", {kind}"
        if chunks[0][:4] != b"VP8X":
            chunks.insert(0, chunk(b"VP8X", _extended(chance, *shape)))
        chunks += [extra] * (size(chance, max(1, LIMIT // len(extra))) if often(chance, 0.5) else 1)
    change, chunks = rearranged(chance, [*chunks, b""], LIMIT)
    body = b"WEBP" + b"".join(chunks)
    length = len(body) if often(chance, 0.9) else chance.choice([0, 4, 2**31, 2**32 - 1])
    return f"webp: {name}, {change}", b"RIFF" + struct.pack("<I", length) + body


def chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _allowed(shape: tuple[int, int]) -> tuple[int, int]:
    """WebP holds at most 16,383 pixels a side."""
    return min(shape[0], 16_383), min(shape[1], 16_383)


def _chunks(data: bytes) -> list[bytes]:
    out, at = [], 12
    while at < len(data):
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        out.append(data[at : end + end % 2])
        at = end + end % 2
    return out


def _extended(chance: Chance, width: int, height: int) -> bytes:
    """The extended header, of the right size or of another one."""
    if often(chance, 0.3):
        width, height = dimensions(chance)
    sides = (((max(1, side) - 1) % 2**24).to_bytes(3, "little") for side in (width, height))
    return bytes([chance.choice([0, 0x02, 0x08, 0x10, 0x2C, 0xFF]), 0, 0, 0]) + b"".join(sides)


def _extra(chance: Chance) -> tuple[str, bytes]:
    kinds = {
        "EXIF": exif(chance),
        "XMP ": xmp(chance),
        "ICCP": bytes(size(chance, 900_000)),
        "ALPH": bytes(size(chance, 100_000)),
        "ANIM": bytes(6),
        "ANMF": bytes(24),
        "XXXX": bytes(size(chance, 100_000)),
        "VP8 ": bytes(size(chance, 1_000)),
        "VP8L": b"\x2f" + chance.randbytes(size(chance, 1_000)),
    }
    name = chance.choice(sorted(kinds))
    return name, chunk(name.encode(), kinds[name])
