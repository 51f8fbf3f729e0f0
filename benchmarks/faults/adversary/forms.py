"""Multipart forms: many parts, near-boundaries, long and repeated headers, and ends that are missing."""

from benchmarks.faults.adversary.draws import Chance, damaged, often, size, weighted
from benchmarks.faults.containers import png

FORM_BYTES = 4_000_000
FIELDS = ["files", "files", "files", "file", "label", "mask", "model", "x" * 300, ""]
HEADERS = [
    b"Content-Type: image/png",
    b"Content-Transfer-Encoding: base64",
    b"X: a",
    b"content-disposition: a",
]


def form(chance: Chance) -> tuple[str, str, bytes]:
    """The form's shape, its boundary and its bytes."""
    boundary = chance.choice("xY0-'") * size(chance, 70)
    mark = f"--{boundary}".encode()
    limit = size(chance, FORM_BYTES, 100)
    shape = weighted(
        chance,
        [
            (3, "parts"),
            (3, "near-boundaries"),
            (2, "headers"),
            (1, "preamble"),
            (1, "line ends"),
            (1, "noise"),
        ],
    )
    end = mark + b"--\r\n" if often(chance, 0.9) else b""
    if shape == "parts":
        one = _part(chance, mark, chance.choice([b"", b"7", png(), b"a" * 1000]))
        body = one * size(chance, limit // len(one) + 1)
    elif shape == "near-boundaries":
        near = b"\r\n" + mark
        unit = chance.choice(
            [near[:-1], near + b"y", near + b"\r", near + b"-", near + b"\ry", near + b" ", b"\r", b"\r\n"]
        )
        body = _part(chance, mark, unit * (limit // len(unit) + 1))
    elif shape == "headers":
        body = mark + b"\r\n" + _headers(chance, limit) + b"\r\n\r\na\r\n"
    elif shape == "preamble":
        body = (
            chance.choice([b"\r\n", b"a", b"-", b"--"]) * (limit // 2) + b"\r\n" + _part(chance, mark, png())
        )
    elif shape == "line ends":
        body = (mark + chance.choice([b"\n", b"\r", b" \t", b"\r\n\r\n"])) * (limit // (len(mark) + 2) + 1)
    else:
        body = _part(chance, mark, chance.randbytes(limit))
    body += end
    if often(chance, 0.15):
        change, body = damaged(chance, body)
        shape += f", {change}"
    return shape, boundary, body


def _part(chance: Chance, mark: bytes, data: bytes) -> bytes:
    name = chance.choice(FIELDS)
    filename = weighted(
        chance, [(4, '; filename="a.png"'), (2, ""), (1, "; filename*=utf-8''a"), (1, '; filename="')]
    )
    disposition = f'Content-Disposition: form-data; name="{name}"{filename}'.encode()
    extra = b"".join(b"\r\n" + chance.choice(HEADERS) for _ in range(chance.randrange(3)))
    return mark + b"\r\n" + disposition + extra + b"\r\n\r\n" + data + b"\r\n"


def _headers(chance: Chance, limit: int) -> bytes:
    """One long header, or many."""
    disposition = b'Content-Disposition: form-data; name="files"'
    unit = chance.choice(
        [b"; a=b", b'; filename="a"', b"; filename*0=a", b'"', b"\\", b"; ", b"a", b"%41", b";;="]
    )
    long = disposition + unit * (limit // len(unit))
    many = b"\r\n".join([chance.choice(HEADERS)] * (limit // 20 + 1))
    return chance.choice([long, disposition + b"\r\n" + many, b"X" * limit])
