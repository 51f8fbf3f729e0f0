"""Ways across a plane of latents, up the slope of a trait that was measured all over it.

Where z has two dimensions, which digit it is, how it leans and how thick it is share them, and what leans a 3
makes a 4 thicker: no straight line means one thing everywhere. A way that bends with the place can (as in
WarpedGANSpace, Tzelepis et al. 2021, arXiv 2109.13357). With t the trait at z, it follows

    dz / da = grad t / (|grad t|^2 + flat),

along which t grows by 1 for each unit of the amount a, and z rests where there is nothing to climb.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from service import manifest

Floats = NDArray[np.float64]

FLAT = 0.1
"""Of the mean squared slope: one that is well below is none."""
STEPS = 16
"""Of the midpoint method, for the whole way."""
MAX_SIDE = 1024
LEVELS = 65_535


class Landscape:
    """A trait over the square [-reach, reach]^2, which is as flat as at its edge beyond it.

    `height` [k, k] is the trait at z = (-reach + 2 reach column / (k - 1), the same of the row).
    """

    def __init__(self, height: Floats, reach: float) -> None:
        self._reach = reach
        self._last = len(height) - 1
        self._step = 2 * reach / self._last
        by_row, by_column = np.gradient(height, self._step)
        slope = np.stack([by_column, by_row], -1)
        squared = np.square(slope).sum(-1, keepdims=True)
        velocity = slope / (squared + max(FLAT * squared.mean(), np.finfo(np.float64).tiny))
        self._velocity = velocity.astype(np.float32)  # of several to a model, which stays in memory

    def climb(self, z: Floats, amount: float) -> Floats:
        """z [n, 2] after this much of the way; down for a negative amount."""
        stride = amount / STEPS
        for _ in range(STEPS):
            z = z + stride * self._at(z + stride / 2 * self._at(z))
        return z

    def _at(self, z: Floats) -> Floats:
        """The velocity at z, between its four nearest points."""
        place = ((z + self._reach) / self._step).clip(0, self._last)
        corner = np.minimum(place.astype(np.intp), self._last - 1)
        right, down = (place - corner).T[:, :, None]
        column, row = corner.T
        v = self._velocity
        upper = (1 - right) * v[row, column] + right * v[row, column + 1]
        lower = (1 - right) * v[row + 1, column] + right * v[row + 1, column + 1]
        out: Floats = (1 - down) * upper + down * lower
        return out


def read_landscape(data: bytes, entry: manifest.Landscape) -> Landscape:
    """The landscape in the PNG that `entry` tells of; ValueError where it is none."""
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.mode != "I;16" or image.width != image.height or not 2 <= image.width <= MAX_SIDE:
                raise ValueError(f"is no square of 16-bit greys, 2 to {MAX_SIDE} a side")
            grey = np.asarray(image, np.float64)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError) as error:
        raise ValueError(f"is no PNG that can be read: {error}") from None
    return Landscape(entry.low + (entry.high - entry.low) * grey / LEVELS, entry.reach)
