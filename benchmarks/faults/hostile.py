"""Requests made to hurt: each is refused within a second, in words that show nothing of the inside."""

import asyncio
import base64
import gzip
import io
import json
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from benchmarks.faults.containers import JSON, PNG_SIGNATURE, png_chunk
from benchmarks.faults.finding import Figure, Finding
from benchmarks.faults.process import MODELS, ROOT, serving
from benchmarks.faults.wire import GENERATE, Connection, request

LONGEST_S = 1.0
SECRETS = (b"Traceback", b"site-packages", b".py", str(ROOT).encode(), b"/tmp/")


def requests() -> Iterator[tuple[str, bytes]]:
    """What it is, and its bytes."""
    numbers = ["NaN", "Infinity", "-Infinity", "1e400", "9" * 6000, "-1", "1.5", '"1"', "null ]", "0x10"]
    for field in ("n", "seed", "truncation", "labels", "directions", "scale"):
        for number in numbers:
            yield f"{field} {number[:9]}", _json("/generate", f'{{"{field}": {number}}}'.encode())
    for path, member in (
        ("/generate", "n"),
        ("/decode", "latents"),
        ("/interpolate", "from"),
        ("/score", "images"),
    ):
        for name, value in _values():
            yield f"{name} in {path}", _json(path, f'{{"{member}": '.encode() + value + b"}")
            yield f"{name} for {path}", _json(path, value)
    for name, body in _encodings():
        yield name, _json("/generate", body)
        yield f"{name} for /v2", _json("/v2/models/cgan/infer", body)
    for encoding in ("gzip", "deflate", "br", "gzip, gzip"):
        yield (
            f"a {encoding} bomb",
            _json("/v2/models/cgan/infer", _bomb(encoding), f"Content-Encoding: {encoding}"),
        )
        yield f"a {encoding} body", _json("/generate", _bomb(encoding), f"Content-Encoding: {encoding}")
    for name, picture in _pictures():
        yield name, request("POST", "/score", picture, "Content-Type: image/png")
        text = base64.b64encode(picture)
        yield f"{name}, base64", _json("/score", b'{"images": ["' + text + b'"]}')
        yield f"{name}, in a form", _form(picture)
    for shape in ([2**31 - 1], [-1], [2**62, 2**62], [0], [1] * 9, []):
        tensor = {"name": "z", "datatype": "FP32", "shape": shape, "data": [0.0]}
        yield f"shape {shape}", _json("/v2/models/cgan/infer", json.dumps({"inputs": [tensor]}).encode())
    for length in ("-1", "9" * 30, "1e3", "\xb2"):
        header = f"Inference-Header-Content-Length: {length}"
        yield f"{header[:40]}", _json("/v2/models/cgan/infer", b"{}", header)
    for path in ("/models/..%2f..%2fetc%2fpasswd", "/web/..%2fapp.py", "/models/%00", "/models/%ed%a0%80"):
        yield path, request("GET", path)
    yield "a query of 7,000 fields", request("GET", "/generate?" + "a=1&" * 7_000)
    yield (
        "a form of 100,000 fields",
        request("POST", "/score", b"a=1&" * 100_000, "Content-Type: application/x-www-form-urlencoded"),
    )
    yield (
        "a form without an end",
        request("POST", "/score", b"--x\r\n" * 9, "Content-Type: multipart/form-data; boundary=x"),
    )


async def refused(times: int, models_dir: Path = MODELS) -> Finding:
    """Each of the requests, so many times; between them the service must go on making images."""
    lost: list[str] = []
    slowest, asked = (0.0, ""), list(requests())
    with serving(models_dir) as service:
        for _ in range(times):
            for name, data in asked:
                connection = await Connection.to(service.port)
                start = time.perf_counter()
                try:
                    async with asyncio.timeout(20):
                        answer = await connection.ask(data)
                except (OSError, EOFError) as error:
                    lost.append(f"{name}: no answer, {error!r}")
                    continue
                finally:
                    connection.close()
                slowest = max(slowest, (time.perf_counter() - start, name))
                if not 400 <= answer.status < 500:
                    lost.append(f"{name}: answered {answer.status}")
                lost += [
                    f"{name}: the answer shows {secret!r}" for secret in SECRETS if secret in answer.body
                ]
            connection = await Connection.to(service.port)
            if (await connection.ask(GENERATE)).status != 200:
                lost.append("the service makes no images any more")
            connection.close()
        if "Traceback" in service.log():
            lost.append("a traceback in the log")
    return Finding(
        "hostile requests",
        f"{times} times {len(asked)} kinds: image, text-chunk and gzip bombs, deep JSON, long integers, NaN,"
        " 1e400, lone surrogates, wrong encodings: 4xx",
        lost,
        [Figure(f"slowest refusal ({slowest[1]})", slowest[0], LONGEST_S, " s", timing=True)],
    )


def _values() -> list[tuple[str, bytes]]:
    return [
        ("deep lists", b"[" * 100_000),
        ("deep closed lists", b"[" * 100_000 + b"]" * 100_000),
        ("deep objects", b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
        ("a long integer", b"9" * 6_000),
        ("a lone surrogate", b'"\\ud800"'),
        ("a long string", b'"' + b"a" * 900_000 + b'"'),
        ("many lists", b"[" + b"[]," * 200_000 + b"[]]"),
        ("nothing", b""),
    ]


def _encodings() -> list[tuple[str, bytes]]:
    text = '{"n": "\u00e9"}'
    return [
        (f"JSON in {name}", text.encode(name)) for name in ("utf-16", "utf-32", "latin-1", "utf-8-sig")
    ] + [
        ("bytes that are no text", b'{"n": "\xff\xfe\xed\xa0\x80"}'),
        ("a null byte", b'{"n"\x00: 1}'),
        ("60,000 unknown fields", json.dumps({f"x{n}": n for n in range(60_000)}).encode()),
    ]


def _bomb(encoding: str) -> bytes:
    """100 MB of nothing."""
    data = bytes(100_000_000)
    if encoding == "gzip, gzip":
        return gzip.compress(gzip.compress(data))
    return gzip.compress(data) if encoding == "gzip" else zlib.compress(data)


def _pictures() -> list[tuple[str, bytes]]:
    huge = struct.pack(">IIBBBBB", 65_535, 65_535, 8, 0, 0, 0, 0)
    small = struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0)
    text = b"Comment\x00\x00" + zlib.compress(bytes(64_000_000), 9)
    pixels = zlib.compress(bytes(29 * 28))
    gif = io.BytesIO()
    gif.write(b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0) + bytes(6) + b"\x2c")
    return [
        (
            "an image bomb",
            PNG_SIGNATURE + png_chunk(b"IHDR", huge) + png_chunk(b"IDAT", zlib.compress(bytes(10_000_000))),
        ),
        (
            "a text-chunk bomb",
            PNG_SIGNATURE + png_chunk(b"IHDR", small) + png_chunk(b"zTXt", text) + png_chunk(b"IDAT", pixels),
        ),
        ("a GIF bomb", gif.getvalue()),
        ("no image", b"x" * 1000),
        ("half a PNG", (PNG_SIGNATURE + png_chunk(b"IHDR", small) + png_chunk(b"IDAT", pixels))[:50]),
        ("a picture over the limit", PNG_SIGNATURE + bytes(2_000_000)),
    ]


def _json(path: str, body: bytes, *headers: str) -> bytes:
    return request("POST", path, body, JSON, *headers)


def _form(picture: bytes) -> bytes:
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    return request(
        "POST", "/score", head + picture + b"\r\n--x--\r\n", "Content-Type: multipart/form-data; boundary=x"
    )
