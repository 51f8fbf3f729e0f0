"""Building blocks of image files and uploads, for inputs that no image library would write."""

import base64
import json
import struct
import zlib
from collections.abc import Sequence

from benchmarks.faults.wire import request

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JSON = "Content-Type: application/json"


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int, depth: int = 8, colour: int = 0, interlace: int = 0) -> bytes:
    """The IHDR chunk; `colour` is PNG's colour type, 0 is grey."""
    return png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def png(*ancillary: bytes, width: int = 28, height: int = 28) -> bytes:
    """A valid black grey PNG with these chunks between its header and its pixels."""
    pixels = png_chunk(b"IDAT", zlib.compress(bytes((width + 1) * height)))
    header = png_header(width, height)
    return PNG_SIGNATURE + header + b"".join(ancillary) + pixels + png_chunk(b"IEND", b"")


def jpeg_segment(marker: int, data: bytes) -> bytes:
    """A JPEG marker segment with its length."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpeg_segments(data: bytes) -> list[bytes]:
    """A JPEG cut into the start marker, one piece for each segment, and the end marker. The piece of a scan
    includes its entropy-coded data."""
    pieces, start = [data[:2]], 2
    while data[start + 1] != 0xD9:
        end = start + 2 + int.from_bytes(data[start + 2 : start + 4])
        if data[start + 1] == 0xDA:
            while data[end] != 0xFF or data[end + 1] == 0 or 0xD0 <= data[end + 1] <= 0xD7:
                end += 1
        pieces.append(data[start:end])
        start = end
    return [*pieces, data[start:]]


def ifd(entries: Sequence[tuple[int, int, int, bytes]], order: str = ">", data: bytes = b"") -> bytes:
    """A TIFF header with one directory of (tag, type, count, four bytes of value or offset), then `data`."""
    head = (b"MM\x00*" if order == ">" else b"II*\x00") + struct.pack(f"{order}I", 8)
    body = struct.pack(f"{order}H", len(entries))
    body += b"".join(
        struct.pack(f"{order}HHI", tag, kind, count) + value for tag, kind, count, value in entries
    )
    return head + body + bytes(4) + data


def bmp(
    width: int, height: int, pixels: bytes, *, bits: int = 8, compression: int = 0, palette: bytes = b""
) -> bytes:
    """A BMP with a BITMAPINFOHEADER; compression 1 is RLE8, 2 is RLE4."""
    start = 14 + 40 + len(palette)
    header = struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 0, 0, len(palette) // 4, 0)
    return header + info + palette + pixels


def post_json(path: str, body: object, *headers: str) -> bytes:
    """A request with a JSON body."""
    return request("POST", path, json.dumps(body).encode(), JSON, *headers)


def post_form(path: str, files: Sequence[bytes], fields: dict[str, str] | None = None) -> bytes:
    """A request with a multipart form: the files in the field `files`, and text fields."""
    parts = [f'name="{name}"\r\n\r\n{value}'.encode() for name, value in (fields or {}).items()]
    parts += [f'name="files"; filename="{n}"\r\n\r\n'.encode() + data for n, data in enumerate(files)]
    body = b"".join(b"--x\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts)
    return request("POST", path, body + b"--x--\r\n", "Content-Type: multipart/form-data; boundary=x")


def post_image(path: str, data: bytes, kind: str = "png") -> bytes:
    """A request whose body is one image."""
    return request("POST", path, data, f"Content-Type: image/{kind}")


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()
