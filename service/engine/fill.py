"""Fills in missing pixels with an encoder and a generator.

The known pixels stay, the missing ones are taken from the reconstruction, again and again:
x <- known + missing * G(E(x)) (Rezende, Mohamed, Wierstra 2014, arXiv:1401.4082, appendix F). With the
encoder's mean in place of a sample it is deterministic.
"""

from collections.abc import Awaitable, Callable

import numpy as np
from numpy.typing import NDArray

from service.engine.latent import Floats

Images = NDArray[np.uint8]


async def fill(
    images: Images,
    missing: NDArray[np.bool_],
    rounds: int,
    latent_dim: int,
    encode: Callable[[Images], Awaitable[Floats]],
    generate: Callable[[Floats], Awaitable[Images]],
) -> tuple[Images, Floats]:
    """uint8 [n, 28, 28] whose pixels where `missing` [28, 28] is False are those of `images`, and their z.

    What `images` have at the missing pixels has no part in it. They begin as those of G(0), the most typical
    image: from blank paper, which says that there is no ink, the results were further from the real digits.
    """
    z = np.zeros((len(images), latent_dim), np.float32)
    for _ in range(rounds + 1):
        filled = np.where(missing, await generate(z), images)
        z = await encode(filled)
    return filled, z
