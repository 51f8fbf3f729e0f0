"""Files of the formats that Pillow recognises and the service refuses."""

from benchmarks.faults.adversary.draws import Chance, often, size
from benchmarks.faults.adversary.images.common import saved, some_size

LIMIT = 1_000_000
SAVED = [
    "ICO",
    "PPM",
    "TGA",
    "DIB",
    "PCX",
    "SGI",
    "IM",
    "DDS",
    "MSP",
    "SPIDER",
    "EPS",
    "MPO",
    "JPEG2000",
]
MODES = {"MSP": "1", "SPIDER": "F"}
MAGIC = {
    "PSD": b"8BPS\x00\x01" + bytes(6) + b"\x00\x03\x00\x00\x00\x1c\x00\x00\x00\x1c\x00\x08\x00\x03",
    "FLI": bytes(4) + b"\x11\xaf" + bytes(122),
    "FITS": b"SIMPLE  =                    T" + b" " * 50,
    "XPM": b"/* XPM */\n",
    "XBM": b"#define a_width 28\n#define a_height 28\nstatic char a_bits[] = {",
    "ICNS": b"icns\x7f\xff\xff\xffic07\x7f\xff\xff\xff",
    "WMF": b"\xd7\xcd\xc6\x9a\x00\x00" + bytes(100),
    "AVIF": b"\x00\x00\x00\x20ftypavif\x00\x00\x00\x00avifmif1miaf",
    "QOI": b"qoif\x00\x00\x00\x1c\x00\x00\x00\x1c\x04\x00",
    "BLP": b"BLP2\x01\x00\x00\x00" + bytes(140),
    "CUR": b"\x00\x00\x02\x00\x01\x00" + bytes(16),
    "PIXAR": b"\x80\xe8\x00\x00" + bytes(600),
    "SUN": b"\x59\xa6\x6a\x95\x00\x00\x00\x1c\x00\x00\x00\x1c\x00\x00\x00\x08" + bytes(16),
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
}


def generate(chance: Chance) -> tuple[str, bytes]:
    if often(chance, 0.6):
        kind = chance.choice(SAVED)
        shape = (28, 28) if kind in ("ICO", "MSP", "SPIDER", "JPEG2000") else some_size(chance)
        return f"sniffed: {kind}", saved(kind, MODES.get(kind, "L" if kind != "EPS" else "RGB"), shape)[
            :LIMIT
        ]
    kind = chance.choice(sorted(MAGIC))
    unit = chance.choice([b"\x00", b"\xff", b"a", b"\n", b"# a\n", b"0 "])
    return f"sniffed: {kind}", MAGIC[kind] + unit * (size(chance, LIMIT) // len(unit))
