"""Recognises PNGs that are cheap to decode by their structure alone."""

START = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"
"""Signature, and length and kind of the header. Another header behind it would replace its size."""
HEADER_END = 33
MAX_BYTES = 16_384
MAX_SIDE = 64
MAX_CHUNKS = 16
# Pixels, and metadata of a few bytes. Text, profiles and EXIF may decompress to megabytes.
_KINDS = frozenset(
    kind.encode()
    for kind in ["PLTE", "tRNS", "IDAT", "IEND", "gAMA", "cHRM", "sRGB", "sBIT", "bKGD", "pHYs", "tIME"]
)
_FRAME_BYTES = 12
"""Length, kind and checksum of a chunk."""


def is_plain_png(data: bytes) -> bool:
    """Return whether `data` is a PNG that takes less time to decode than handing it to a worker does.

    It is at most 64x64 pixels and 16 kB, and has one header and at most 16 more chunks, of kinds that cannot
    expand.
    """
    if len(data) > MAX_BYTES or not data.startswith(START):
        return False
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        return False
    position = HEADER_END
    for _ in range(MAX_CHUNKS):
        if data[position + 4 : position + 8] not in _KINDS:
            return False
        position += int.from_bytes(data[position : position + 4]) + _FRAME_BYTES
        if position >= len(data):
            return True
    return False
