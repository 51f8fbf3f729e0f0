"""TIFF files, which the service refuses: directories that are long, loop, or lie."""

import struct

from benchmarks.faults.adversary.draws import Chance, often, size
from benchmarks.faults.adversary.images.common import dimensions, exif, saved, some_size
from benchmarks.faults.containers import ifd

LIMIT = 1_000_000


def generate(chance: Chance) -> tuple[str, bytes]:
    if often(chance, 0.3):
        return "tiff: saved", saved("TIFF", chance.choice(["L", "RGB", "1"]), some_size(chance))[:LIMIT]
    if often(chance, 0.3):
        return "tiff: tags", exif(chance)
    width, height = dimensions(chance)
    compression = chance.choice([1, 2, 5, 7, 8, 32_773, 50_000])
    values = {
        256: width, 257: height, 258: 8, 259: compression, 262: 1, 273: 200, 277: 1, 278: max(1, height),
        279: width * height, 322: 16, 323: 16,
    }  # fmt: skip
    entries = [(tag, 4, 1, struct.pack(">I", value % 2**32)) for tag, value in values.items()]
    data = bytearray(ifd(entries, data=bytes(size(chance, LIMIT))))
    if often(chance, 0.3):
        # The offset of the next directory is that of the first: a loop.
        data[10 + 12 * len(entries) : 14 + 12 * len(entries)] = struct.pack(">I", 8)
    return "tiff: directory", bytes(data)
