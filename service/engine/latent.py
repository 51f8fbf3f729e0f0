"""Latent vectors: drawn from seeds, moved along directions, and paths between two of them.

Image i of a request with seed s comes from seed s + i alone. Pure functions of numpy arrays.
"""

import random
import threading
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.manifest import CLASSES

Floats = NDArray[np.float32]
Prior = Literal["normal", "uniform"]
Method = Literal["slerp", "lerp"]

SEEDS = 2**32
"""Seeds are 0 to SEEDS - 1, and count on from 0 after the last."""

_NEGLIGIBLE = 1e-9
_local = threading.local()
_random = random.Random()  # seeded by the system, for each process that starts


def any_seed() -> int:
    """A seed for who gave none. No secret: whoever gets the images is told it."""
    return _random.getrandbits(32)


def seeds_of(seed: int, n: int) -> list[int]:
    """The seeds of a request's n images."""
    return [(seed + i) % SEEDS for i in range(n)]


def draw(
    seeds: Sequence[int], latent_dim: int, prior: Prior, conditional: bool
) -> tuple[Floats, NDArray[np.int64] | None]:
    """z float32 [n, latent_dim] and, for a conditional model, label int64 [n], each row from its seed alone.

    The label comes after z from the same stream, so z does not depend on whether a caller gives labels.
    numpy's RandomState is frozen for ever (NEP 19): a seed means the same image in every release.
    """
    if not hasattr(_local, "state"):
        _local.state = np.random.RandomState()  # One per thread: reseeding costs less than making one.
    state: np.random.RandomState = _local.state
    z = np.empty((len(seeds), latent_dim))
    labels = np.empty(len(seeds), np.int64) if conditional else None
    for i, seed in enumerate(seeds):
        state.seed(seed)
        z[i] = state.standard_normal(latent_dim) if prior == "normal" else state.random_sample(latent_dim)
        if labels is not None:
            labels[i] = digit(state)
    if prior == "uniform":
        z *= 2  # state.uniform(-1, 1), bit by bit, for all rows together
        z -= 1
    return z.astype(np.float32), labels


def digit(state: np.random.RandomState) -> int:
    """Return state.randint(0, CLASSES) by its algorithm: of 4 bits at a time, the first that are a digit.

    `python -m benchmarks limits` measures both.
    """
    raw = state._bit_generator.random_raw
    while (value := raw() & 15) >= CLASSES:
        pass
    return int(value)


def truncate(z: Floats, psi: float) -> Floats:
    """psi * z: nearer to the prior's centre, so more typical and less varied images (psi in (0, 1])."""
    return z * np.float32(psi)


def shift(z: Floats, moves: Iterable[tuple[ArrayLike, float]]) -> Floats:
    """z + the sum of amount * vector over all moves; z is float32 [n, d], each vector [d]."""
    total = z.astype(np.float64)
    for vector, amount in moves:
        total += amount * np.asarray(vector, np.float64)
    return total.astype(np.float32)


def method_for(prior: Prior, latent_dim: int) -> Method:
    """What `auto` means. A normal z in many dimensions has a norm near sqrt(d), which slerp keeps and lerp
    does not (White 2016, arXiv:1609.04468); a uniform z fills a cube, and a plane has no such shell."""
    return "slerp" if prior == "normal" and latent_dim > 2 else "lerp"


def lerp(a: ArrayLike, b: ArrayLike, t: ArrayLike) -> NDArray[np.float64]:
    """The straight line from a [d] to b [d] at t [steps] in [0, 1]: float64 [steps, d]."""
    start, end, weight = (np.asarray(value, np.float64) for value in (a, b, t))
    return (1 - weight)[:, None] * start + weight[:, None] * end


def slerp(a: ArrayLike, b: ArrayLike, t: ArrayLike) -> NDArray[np.float64]:
    """From a [d] to b [d] at t [steps]: the direction turns at constant speed, the norm changes linearly.

    Opposite directions turn through the coordinate axis furthest from them. Where there is no direction (a
    zero vector) or no way round (opposite ones in one dimension), the line.
    """
    start, end, weight = (np.asarray(value, np.float64) for value in (a, b, t))
    norms = np.linalg.norm(start), np.linalg.norm(end)
    if min(norms) < _NEGLIGIBLE:
        return lerp(start, end, weight)
    along, target = start / norms[0], end / norms[1]
    cosine = along @ target
    across = target - cosine * along
    sine = np.linalg.norm(across)
    angle = np.arctan2(sine, cosine)
    if sine < _NEGLIGIBLE:
        if cosine < 0 and len(start) == 1:
            return lerp(start, end, weight)
        across = np.eye(len(start))[np.argmin(np.abs(along))]
        across -= (across @ along) * along
        # In one dimension nothing is across; the angle is then 0, and so is this.
        sine = np.linalg.norm(across) or np.float64(1)
    turns = weight[:, None] * angle
    direction = np.cos(turns) * along + np.sin(turns) * across / sine
    out: NDArray[np.float64] = ((1 - weight) * norms[0] + weight * norms[1])[:, None] * direction
    return out


def path(a: Floats, b: Floats, steps: int, method: Method, loop: bool) -> Floats:
    """float32 [steps, d] from a to b, both included exactly; with `loop` also the way back, without repeating
    either end: [2 * steps - 2, d]."""
    t = np.linspace(0, 1, steps)
    out = (slerp if method == "slerp" else lerp)(a, b, t).astype(np.float32)
    out[0], out[-1] = a, b
    return np.concatenate([out, out[-2:0:-1]]) if loop else out
