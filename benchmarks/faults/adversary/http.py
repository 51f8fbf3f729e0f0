"""The grammar of HTTP/1.1 connections: request lines, headers, chunks, pipelines, and ways to send them."""

from collections.abc import Callable

from benchmarks.faults.adversary.case import Case, Ending
from benchmarks.faults.adversary.draws import Chance, damaged, often, size, weighted
from benchmarks.faults.adversary.heads import HEADER_BYTES, header_lines, request_line

BODY = b'{"n": 1}'
CHEAP = [
    b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /generate?labels=7&seed=1 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /models HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /generate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n"
    + BODY,
]
"""Requests that cost about a millisecond."""
PIPELINED = 300
CHUNKS = 20_000
TRAILER_BYTES = 500_000


def generate(chance: Chance) -> Case:
    """One connection."""
    productions: list[tuple[float, tuple[str, Callable[[Chance], tuple[bytes, int]]]]] = [
        (3, ("request line", _line)),
        (4, ("headers", _headers)),
        (4, ("chunks", _chunks)),
        (2, ("pipeline", _pipeline)),
        (1, ("damaged", _damaged)),
        (1, ("bytes", _bytes)),
    ]
    name, production = weighted(chance, productions)
    data, requests = production(chance)
    pieces, pause_s = _sent(chance, data)
    endings: list[tuple[float, Ending]] = [(8, "read"), (1, "half-close"), (1, "close"), (1, "ignore")]
    ending = weighted(chance, endings)
    return Case(f"http: {name}, {ending}", pieces, pause_s, ending, requests)


def _line(chance: Chance) -> tuple[bytes, int]:
    return request_line(chance) + b"Host: a\r\nConnection: close\r\n\r\n", 1


def _headers(chance: Chance) -> tuple[bytes, int]:
    line = b"%s /generate HTTP/1.1\r\n" % chance.choice([b"GET", b"POST", b"HEAD"])
    close = [b"Connection: close"] if often(chance, 0.7) else []
    lines = [*header_lines(chance), *close]
    if often(chance, 0.8):
        lines.insert(chance.randrange(len(lines) + 1), b"Host: a")
    return line + b"\r\n".join(lines) + b"\r\n\r\n" + (BODY if often(chance, 0.7) else b""), 2


def _chunks(chance: Chance) -> tuple[bytes, int]:
    """A chunked body: pieces of one byte, extensions, leading zeros, wrong sizes, and trailers."""
    body = weighted(
        chance, [(4, BODY), (2, b" " * size(chance, CHUNKS) + BODY), (1, b"x" * size(chance, 10**6))]
    )
    least = 1 if len(body) <= CHUNKS else 1_000
    step = size(chance, len(body), least)
    out = [b"POST /generate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"]
    out.append(b"Connection: close\r\n" if often(chance, 0.7) else b"")
    out.append(b"Transfer-Encoding: %s\r\n\r\n" % weighted(chance, [(9, b"chunked"), (1, b"gzip, chunked")]))
    form = weighted(chance, [(6, b"%x"), (1, b"%X"), (1, b"000%x"), (1, b"0x%x"), (1, b"%d"), (1, b"-%x")])
    extension = b""
    if often(chance, 0.3):
        extension = b";" + chance.choice([b"a=b", b'a="b"', b" ", b";" * 99, b"x" * size(chance, 4_000)])
    for start in range(0, len(body), step):
        chunk = body[start : start + step]
        out.append(form % len(chunk) + extension + b"\r\n" + chunk + b"\r\n")
    if often(chance, 0.9):
        out.append(weighted(chance, [(9, b"0\r\n"), (1, b"0" * size(chance, 5_000) + b"\r\n")]))
        out += _trailers(chance)
        out.append(b"\r\n" if often(chance, 0.9) else b"")
    return b"".join(out), 1


def _trailers(chance: Chance) -> list[bytes]:
    """Some of them, or so many that they exceed every limit."""
    if often(chance, 0.5):
        return []
    room = TRAILER_BYTES if often(chance, 0.1) else HEADER_BYTES
    value = b"a" * size(chance, 1_000)
    names = chance.choice([b"X-%d", b"X-Request-ID", b"Content-Length", b"X-Forwarded-For", b"Host"])
    count = size(chance, max(1, room // (len(value) + 20)))
    return [(names % n if b"%" in names else names) + b": " + value + b"\r\n" for n in range(count)]


def _pipeline(chance: Chance) -> tuple[bytes, int]:
    count = size(chance, PIPELINED)
    parts = [chance.choice(CHEAP) for _ in range(count)]
    if often(chance, 0.3):
        parts.insert(chance.randrange(count), damaged(chance, chance.choice(CHEAP))[1])
    if often(chance, 0.2):
        parts.insert(chance.randrange(count), _chunks(chance)[0])
    return b"".join(parts), len(parts)


def _damaged(chance: Chance) -> tuple[bytes, int]:
    return damaged(chance, chance.choice(CHEAP))[1], 2


def _bytes(chance: Chance) -> tuple[bytes, int]:
    """No HTTP at all: noise, a TLS greeting, the preface of HTTP/2, line ends."""
    noise = [
        chance.randbytes(size(chance, 100_000)),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(200),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + chance.randbytes(50),
        b"\r\n" * size(chance, 50_000),
        b"\n" * size(chance, 50_000),
        b"\x00" * size(chance, 50_000),
    ]
    return chance.choice(noise), 1


def _sent(chance: Chance, data: bytes) -> tuple[tuple[bytes, ...], float]:
    """All at once, or in a few pieces, with a pause of at most a few milliseconds."""
    if often(chance, 0.8) or len(data) < 2:
        return (data,), 0.0
    cuts = sorted(chance.randrange(len(data)) for _ in range(size(chance, 10)))
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    return tuple(piece for piece in pieces if piece), chance.choice([0.0, 0.001, 0.005])
