"""BMP files: headers of every kind, palettes, and run-length codes that ask for far more than they hold."""

import struct

from benchmarks.faults.adversary.draws import Chance, often, size, weighted
from benchmarks.faults.adversary.images.common import dimensions

LIMIT = 1_000_000
HEADERS = [12, 40, 52, 56, 64, 108, 124]
BITS = [1, 4, 8, 16, 24, 32]
RLE8, RLE4 = 1, 2


def generate(chance: Chance) -> tuple[str, bytes]:
    width, height = dimensions(chance)
    header = weighted(chance, [(6, 40), *((1, kind) for kind in HEADERS)])
    rle = often(chance, 0.5) and header != 12
    bits, compression = chance.choice(BITS), 0
    if rle:
        bits, compression = chance.choice([(8, RLE8), (4, RLE4)])
    elif often(chance, 0.2):
        compression = chance.randrange(7)
    colours = chance.choice([0, 2, 16, 256, 257, 60_000]) if bits <= 8 else 0
    palette = bytes(colours * (3 if header == 12 else 4))
    stride = (width * bits + 31) // 32 * 4
    pixels = _codes(chance) if rle else bytes(min(LIMIT, max(0, stride * height)))
    if often(chance, 0.1):
        height = -height
    start = 14 + header + len(palette)
    if often(chance, 0.1):
        start = chance.choice([0, 14, 54, 2**31])
    file = struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start % 2**32)
    info = _info(header, width, height, bits, compression, colours)
    name = f"{'RLE' if rle else 'plain'}, header of {header}"
    return f"bmp: {name}", file + info + palette + pixels


def _info(header: int, width: int, height: int, bits: int, compression: int, colours: int) -> bytes:
    if header == 12:
        return struct.pack("<IHHHH", 12, width % 65_536, abs(height) % 65_536, 1, bits)
    sides = (side if abs(side) < 2**31 else 2**31 - 1 for side in (width, height))
    head = struct.pack("<IiiHHIIiiII", header, *sides, 1, bits, compression, 0, 0, 0, colours, 0)
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0)
    return (head + masks + bytes(124))[:header]


def _codes(chance: Chance) -> bytes:
    """Run-length codes: runs, ends of lines, jumps, literal bytes, and the end."""
    codes = [
        b"\x01\x00",
        b"\xff\x07",
        b"\x00\x00",
        b"\x00\x02\xff\xff",
        b"\x00\x02\x01\x00",
        b"\x00\x04\x01\x02\x03\x04",
    ]
    count = size(chance, LIMIT // 4)
    if often(chance, 0.5):
        out = b"".join(chance.choice(codes) for _ in range(min(count, 5_000)))
    else:
        out = chance.choice(codes) * count
    return out[:LIMIT] + (b"\x00\x01" if often(chance, 0.5) else b"")
