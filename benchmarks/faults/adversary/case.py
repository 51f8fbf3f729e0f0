"""One generated attack: the bytes of a connection, and the way in which they are sent."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

Ending = Literal["read", "half-close", "close", "ignore"]
"""After the last byte: read the answers; the same after closing this side only; leave; never read."""


@dataclass(frozen=True)
class Case:
    label: str
    """The grammar and its production. Findings with the same label count as one kind."""
    pieces: tuple[bytes, ...]
    pause_s: float = 0.0
    """Between two pieces."""
    ending: Ending = "read"
    requests: int = 1
    """The number of requests in the bytes; each may cost the fixed part of the allowance."""
    heavy: bool = False
    """True if the request legitimately asks for much work, so that its processor time is no finding."""

    @property
    def size(self) -> int:
        return sum(map(len, self.pieces))

    def save(self, path: Path) -> None:
        """Write a line of JSON, then the bytes as they are sent."""
        head = {
            "label": self.label,
            "lengths": [len(piece) for piece in self.pieces],
            "pause_s": self.pause_s,
            "ending": self.ending,
            "requests": self.requests,
            "heavy": self.heavy,
        }
        path.write_bytes(json.dumps(head).encode() + b"\n" + b"".join(self.pieces))

    @classmethod
    def load(cls, path: Path) -> Self:
        first, _, data = path.read_bytes().partition(b"\n")
        head = json.loads(first)
        pieces, start = [], 0
        for length in head.pop("lengths"):
            pieces.append(data[start : start + length])
            start += length
        return cls(pieces=tuple(pieces), **head)
