"""Random draws that all grammars use."""

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

Chance = random.Random


def size(chance: Chance, most: int, least: int = 1) -> int:
    """A number between the two whose logarithm is uniform: small ones are as likely as large ones."""
    return min(most, int(least * (most / least) ** chance.random() + 0.5))


def weighted(chance: Chance, choices: Sequence[tuple[float, T]]) -> T:
    """One of the choices, each with a weight."""
    return chance.choices([choice for _, choice in choices], [weight for weight, _ in choices])[0]


def often(chance: Chance, share: float) -> bool:
    """True in this share of the draws."""
    return chance.random() < share


def rearranged(chance: Chance, pieces: Sequence[bytes], limit: int) -> tuple[str, list[bytes]]:
    """The pieces of a file between its first and its last after one random change, and the change's name. The
    result has about `limit` bytes at most."""
    first, *middle, last = pieces
    change = weighted(chance, [(4, "unchanged"), (4, "repeated"), (2, "reordered"), (2, "dropped")])
    if change == "repeated" and middle:
        one = chance.choice(middle)
        room = max(1, (limit - sum(map(len, pieces))) // max(1, len(one)))
        at = chance.randrange(len(middle))
        middle[at:at] = [one] * size(chance, min(room, 100_000))
    elif change == "reordered":
        chance.shuffle(middle)
    elif change == "dropped" and middle:
        del middle[chance.randrange(len(middle))]
    return change, [first, *middle, last]


def damaged(chance: Chance, data: bytes) -> tuple[str, bytes]:
    """The bytes after one random damage, and its name."""
    changes: list[tuple[str, Callable[[Chance, bytearray], None]]] = [
        ("cut", _cut),
        ("flipped", _flip),
        ("followed by bytes", _extend),
        ("with bytes in it", _insert),
    ]
    name, change = chance.choice(changes)
    out = bytearray(data)
    if out:
        change(chance, out)
    return name, bytes(out)


def _cut(chance: Chance, out: bytearray) -> None:
    del out[chance.randrange(len(out)) :]


def _extend(chance: Chance, out: bytearray) -> None:
    out.extend(chance.randbytes(size(chance, 10_000)))


def _flip(chance: Chance, out: bytearray) -> None:
    for _ in range(size(chance, 20)):
        # Headers are at the front, and decide most.
        at = chance.randrange(len(out) if often(chance, 0.5) else min(len(out), 64))
        out[at] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, out[at] ^ 1 << chance.randrange(8)])


def _insert(chance: Chance, out: bytearray) -> None:
    at = chance.randrange(len(out))
    out[at:at] = chance.choice([b"\x00", b"\xff", b"a", b"\n"]) * size(chance, 10_000)
