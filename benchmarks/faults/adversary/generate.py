"""Cases by number: each is drawn from its own generator, so that any of them can be made again alone."""

import random
from collections.abc import Callable

from benchmarks.faults.adversary import http, images, structure
from benchmarks.faults.adversary.case import Case
from benchmarks.faults.adversary.draws import weighted

GRAMMARS: list[tuple[float, Callable[[random.Random], Case]]] = [
    (4, http.generate),
    (4, images.generate),
    (3, structure.generate),
]


def case(seed: int, number: int) -> Case:
    """The case of this number; the same seed and number always give the same bytes."""
    chance = random.Random(f"{seed}/{number}")
    return weighted(chance, GRAMMARS)(chance)
