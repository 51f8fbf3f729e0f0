"""Only PNGs that cannot be expensive are decoded without a worker."""

import struct
import zlib

import numpy as np
import pytest

from service.imaging import encode
from service.imaging.plain_png import is_plain_png
from tests.service.imaging.pictures import saved, seven

PLAIN = encode.png(seven())
IDAT = PLAIN.index(b"IDAT") - 4


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunks(*chunks: bytes) -> bytes:
    """A plain PNG with these chunks before its pixels."""
    return PLAIN[:IDAT] + b"".join(chunks) + PLAIN[IDAT:]


@pytest.mark.parametrize(
    "data",
    [
        PLAIN,
        saved(seven()),
        saved(np.zeros((64, 64, 3), np.uint8)),
        with_chunks(chunk(b"gAMA", bytes(4)), chunk(b"sRGB", bytes(1))),
    ],
)
def test_small_pngs_are_plain(data: bytes) -> None:
    assert is_plain_png(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PLAIN[:8],
        PLAIN[:20],
        saved(seven(), "JPEG"),
        encode.png(np.zeros((65, 28), np.uint8)),
        encode.png(np.zeros((28, 65), np.uint8)),
        encode.png(np.zeros((0, 28), np.uint8)),
        with_chunks(chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(1 << 20)))),
        with_chunks(chunk(b"eXIf", bytes(100))),
        with_chunks(chunk(b"IHDR", struct.pack(">IIBBBBB", 2000, 2000, 8, 0, 0, 0, 0))),
        PLAIN[:8] + chunk(b"gAMA", bytes(4)) + PLAIN[8:],
        with_chunks(*[chunk(b"gAMA", bytes(4))] * 900),
        PLAIN + bytes(16_384),
    ],
    ids=[
        "empty", "signature", "half a header", "jpeg", "tall", "wide", "no height", "profile", "exif",
        "second header", "header is not first", "many chunks", "long",
    ],
)  # fmt: skip
def test_everything_else_goes_to_a_worker(data: bytes) -> None:
    assert not is_plain_png(data)


def test_sixteen_chunks_behind_the_header_are_plain_and_seventeen_are_not() -> None:
    gamma = chunk(b"gAMA", bytes(4))  # with IDAT and IEND two more
    assert is_plain_png(with_chunks(*[gamma] * 14))
    assert not is_plain_png(with_chunks(*[gamma] * 15))
