"""JPEG files: segments in every order and number, scans, restarts, metadata, and the index of an MPO."""

import struct

from benchmarks.faults.adversary.draws import Chance, often, rearranged, size, weighted
from benchmarks.faults.adversary.images.common import dimensions, exif, saved, some_size, xmp
from benchmarks.faults.containers import ifd, jpeg_segment, jpeg_segments

LIMIT = 1_000_000
ROOM = 65_500


def generate(chance: Chance) -> tuple[str, bytes]:
    mode = chance.choice(["L", "RGB", "CMYK"])
    progressive = often(chance, 0.5)
    data = saved("JPEG", mode, some_size(chance), progressive=progressive)
    start, *middle, end = jpeg_segments(data)
    label = "jpeg: progressive" if progressive else "jpeg: sequential"
    if often(chance, 0.5):
        name, extra = _metadata(chance)
        room = max(1, (LIMIT - len(data)) // sum(map(len, extra)))
        middle[:0] = extra * (size(chance, room) if often(chance, 0.5) else 1)
        label += f", {name}"
    if often(chance, 0.3):
        label += ", MPO"
        middle.insert(0, _index(chance))
    if often(chance, 0.4):
        label += ", scans"
        scans = [piece for piece in middle if piece[1] == 0xDA]
        scan = chance.choice(scans)
        middle += [scan] * size(chance, max(1, (LIMIT - len(data)) // len(scan)))
    if often(chance, 0.2):
        label += ", another frame header"
        middle = [_frame(chance, piece) if 0xC0 <= piece[1] <= 0xC2 else piece for piece in middle]
    change, pieces = rearranged(chance, [start, *middle, end], LIMIT)
    if often(chance, 0.05):
        pieces = [b"\xff" * size(chance, 10_000) + piece for piece in pieces]
    return f"{label}, {change}", b"".join(pieces)


def _metadata(chance: Chance) -> tuple[str, list[bytes]]:
    """Segments that are no part of the picture, and their name."""
    kinds = [
        "EXIF",
        "XMP",
        "ICC",
        "Photoshop",
        "JFIF",
        "Adobe",
        "comment",
        "APP9",
        "restarts",
        "tables",
        "lines",
    ]
    name = chance.choice(kinds)
    if name == "EXIF":
        return name, _parts(0xE1, b"Exif\x00\x00", exif(chance))
    if name == "XMP":
        return name, _parts(0xE1, b"http://ns.adobe.com/xap/1.0/\x00", xmp(chance))
    if name == "ICC":
        count = chance.choice([1, 255, 0])
        return name, [jpeg_segment(0xE2, b"ICC_PROFILE\x00\x01%c" % count + bytes(size(chance, ROOM)))]
    if name == "Photoshop":
        block = b"8BIM" + struct.pack(
            ">HBBI", chance.choice([0x03ED, 0x0404, 1]), 0, 0, chance.choice([0, 16, 2**31])
        )
        return name, [jpeg_segment(0xED, b"Photoshop 3.0\x00" + (block + bytes(16)) * size(chance, 2_000))]
    fixed = {
        "JFIF": (0xE0, b"JFIF\x00\x01\x01\x01\x00\x00\xff\xff\x00\x00"),
        "Adobe": (0xEE, b"Adobe\x00\x64\x00\x00\x00\x00%c" % chance.randrange(4)),
        "comment": (0xFE, b"a" * size(chance, ROOM)),
        "APP9": (0xE9, bytes(size(chance, ROOM))),
        "restarts": (0xDD, struct.pack(">H", chance.choice([0, 1, 65_535]))),
        "tables": (0xDB, b"\x00" + bytes([chance.choice([0, 1, 255])]) * 64),
        "lines": (0xDC, struct.pack(">H", chance.choice([0, 1, 65_535]))),
    }
    return name, [jpeg_segment(*fixed[name])]


def _parts(marker: int, head: bytes, data: bytes) -> list[bytes]:
    """Data in as many segments as it takes."""
    return [
        jpeg_segment(marker, head + data[at : at + ROOM - 50]) for at in range(0, len(data) or 1, ROOM - 50)
    ]


def _index(chance: Chance) -> bytes:
    """The multi-picture index, of a right or of another number of pictures."""
    count = weighted(chance, [(4, 2), (1, 1), (1, 0), (1, 1_000), (1, 2**32 - 1)])
    entries = [
        (0xB000, 7, 4, b"0100"),
        (0xB001, 4, 1, struct.pack(">I", count)),
        (0xB002, 7, 16 * min(count, 2_000), struct.pack(">I", 50)),
    ]
    return jpeg_segment(0xE2, b"MPF\x00" + ifd(entries, data=bytes(16 * min(count, 2_000))))


def _frame(chance: Chance, piece: bytes) -> bytes:
    """The frame header with another size, precision, sampling or number of components."""
    width, height = (number % 65_536 for number in dimensions(chance))
    out = bytearray(piece)
    change = chance.choice(["size", "precision", "sampling", "kind"])
    if change == "size":
        out[5:9] = struct.pack(">HH", height, width)
    elif change == "precision":
        out[4] = chance.choice([0, 12, 16, 255])
    elif change == "sampling":
        out[11] = chance.choice([0x00, 0x44, 0x14, 0x41, 0xFF])
    else:
        out[1] = chance.choice([0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA])
    return bytes(out)
