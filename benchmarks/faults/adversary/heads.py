"""Request lines and headers: targets of every form, long queries, and headers that are odd or many."""

import itertools
import string

from benchmarks.faults.adversary.draws import Chance, often, size, weighted

HEADER_BYTES = 32_768
METHODS = [
    b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT", b"PATCH", b"get", b"X",
]  # fmt: skip
PATHS = [
    b"/generate", b"/score", b"/encode", b"/classify", b"/models", b"/v2", b"/", b"/docs", b"/docs/",
    b"/metrics",
]  # fmt: skip
NAMES = [
    b"Host", b"Connection", b"Content-Length", b"Transfer-Encoding", b"Content-Type", b"Content-Encoding",
    b"Expect", b"Upgrade", b"Accept", b"Accept-Encoding", b"If-None-Match", b"X-Request-ID", b"Range", b"TE",
    b"X-Forwarded-For", b"Authorization", b"X-API-Key", b"Cookie", b"traceparent", b"Origin",
    b"HTTP2-Settings", b"X",
]  # fmt: skip
VALUES = [
    b"", b"a", b"0", b"8", b"-1", b"+8", b"8, 8", b"9" * 30, b"chunked", b"chunked, chunked", b"identity",
    b"close", b"keep-alive", b"Upgrade", b"Upgrade, HTTP2-Settings", b"h2c", b"websocket", b"100-continue",
    b"gzip", b"br", b"application/json", b"multipart/form-data", b"multipart/form-data; boundary=x", b"*/*",
    b"*", b"a.example:80", b"a@b:c", b"[::1]:x", b"http://a/", b"127.0.0.1:99999", b"bytes=0-1,2-3",
    b"Bearer x", b"\xff\xfe", b"\t \t", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01",
]  # fmt: skip
FIELDS = [b"n", b"seed", b"labels", b"scale", b"format", b"directions", b"model", b"columns", b"truncation"]


def request_line(chance: Chance) -> bytes:
    """A method, a target in one of the four forms of RFC 9112, and a version."""
    method = chance.choice(METHODS) if often(chance, 0.95) else b"A" * size(chance, 40_000)
    path = chance.choice(PATHS)
    target = weighted(
        chance,
        [
            (6, path + b"?" + query(chance)),
            (2, path),
            (1, b"http://a.example" + path),
            (1, b"a.example:80"),
            (1, b"*"),
            (1, b"/" + chance.choice([b"a/", b"../", b"%2e%2e/", b"%00", b"//", b"%"]) * size(chance, 5_000)),
            (1, b""),
        ],
    )
    version = weighted(
        chance, [(9, b"HTTP/1.1"), (1, b"HTTP/1.0"), (1, b"HTTP/2.0"), (1, b"HTTP/1.1x"), (1, b"")]
    )
    return method + b" " + target + b" " + version + b"\r\n"


def query(chance: Chance) -> bytes:
    """Few fields or as many as fit: of different names, of one name, of lists, of escapes."""
    room = size(chance, HEADER_BYTES - 200, 10)
    unit = chance.choice(
        [b"&", b"=", b"a&", b"%41", b"%", b"+", b";", b"n=1&", b"labels=7&", b"labels=7,", b"a:1,"]
    )
    shape = weighted(chance, [(3, "names"), (2, "repeated"), (2, "list"), (3, "valid")])
    if shape == "names":
        words = itertools.product(string.ascii_letters.encode(), repeat=3)
        return b"&".join(bytes(word) for word in itertools.islice(words, room // 4))
    if shape == "repeated":
        return unit * (room // len(unit))
    if shape == "list":
        item = chance.choice([b"7", b"", b"a:1", b":", b"99", b"x" * 50])
        return chance.choice([b"labels=", b"directions=", b"label="]) + b",".join(
            [item] * (room // (len(item) + 1))
        )
    values = [
        b"1",
        b"7",
        b"png",
        b"json",
        b"npy",
        b"zip",
        b"0.5",
        b"cgan",
        b"dcgan",
        b"-1",
        b"NaN",
        b"9" * 99,
    ]
    return b"&".join(chance.choice(FIELDS) + b"=" + chance.choice(values) for _ in range(size(chance, 8)))


def header_lines(chance: Chance) -> list[bytes]:
    """A few odd headers; or one of them many times, or with a long value, or folded."""
    lines = [chance.choice(NAMES) + b": " + chance.choice(VALUES) for _ in range(size(chance, 6))]
    room = size(chance, HEADER_BYTES + 10_000)
    name, value = chance.choice(NAMES), chance.choice(VALUES)
    line = name + b": " + value
    form = weighted(
        chance, [(4, "few"), (2, "many"), (2, "long"), (1, "folded"), (1, "names"), (1, "no colon")]
    )
    if form == "many":
        lines += [line] * (room // (len(line) + 2))
    elif form == "long":
        unit = chance.choice(
            [value + b",", b"a", b",", b'"x",', b"gzip;q=0.5,", b"10.0.0.1, ", b" ", b";a=b"]
        )
        lines.append(name + b": " + unit * (room // len(unit)))
    elif form == "folded":
        lines += [line, *[chance.choice([b" a", b"\ta", b"  "])] * (room // 4)]
    elif form == "names":
        lines += [b"X-%d: a" % number for number in range(room // 12)]
    elif form == "no colon":
        lines.append(chance.choice([b"a", b"a b: c", b": a", b"a\x00b: c", b"\xff: a", b"a : b"]))
    return lines
