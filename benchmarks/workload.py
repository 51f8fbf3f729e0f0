"""What clients ask: the same bytes of every server that is measured."""

from dataclasses import dataclass, replace
from pathlib import Path

# A 7 of models/cgan, saved by Pillow. What a PNG costs depends on what it shows: never noise.
SEVEN = Path(__file__).with_name("seven.png").read_bytes()


@dataclass(frozen=True)
class Workload:
    """One POST, asked again and again."""

    name: str
    path: str
    content_type: str
    body: bytes
    images: int
    """In each answer or question."""


def grid(n: int) -> Workload:
    """n images as one PNG."""
    return Workload(f"grid of {n}", "/generate", "application/json", b'{"n": %d, "format": "png"}' % n, n)


W1 = Workload("W1", "/generate", "application/json", b'{"n": 1, "format": "json"}', 1)
"""One image, as base64 of a PNG in JSON."""
W2 = replace(grid(64), name="W2")
W2_OWN_PATH = replace(W2, path="/grid", body=b'{"n": 64}')
"""For servers where what a path answers is one type."""
W3 = Workload("W3", "/score", "image/png", SEVEN, 1)
"""The score of one uploaded PNG."""
W3_FORM = replace(
    W3,
    content_type="multipart/form-data; boundary=limit",
    body=b'--limit\r\nContent-Disposition: form-data; name="image"; filename="seven.png"\r\n'
    b"Content-Type: image/png\r\n\r\n" + SEVEN + b"\r\n--limit--\r\n",
)
"""For servers that take files in forms only."""
