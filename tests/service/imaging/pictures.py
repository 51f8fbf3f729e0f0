"""A digit to draw with, and pictures of it in the formats that people send."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.imaging.decode import ImageLimits

Pixels = NDArray[np.uint8]
LIMITS = ImageLimits(file_bytes=1 << 20, pixels=4_000_000)


def seven() -> Pixels:
    """A 7 as MNIST has them: [28, 28], 20 rows high, centre of mass at (14, 14), grey at its edges."""
    image = np.zeros((28, 28), np.uint8)
    image[5:8, 8:20] = 255
    for row in range(8, 25):
        x = 18 - (row - 8) // 2
        image[row, x - 2 : x + 1] = 255
        image[row, x - 3] = 90
    y, x = centre(image)
    return np.roll(image, (14 - y, 14 - x), (0, 1))


def centre(image: Pixels) -> tuple[int, int]:
    """Row and column of the centre of mass, rounded."""
    mass = image.astype(float)
    y, x = mass.sum(axis=1) @ np.arange(len(mass)), mass.sum(axis=0) @ np.arange(mass.shape[1])
    return round(y / mass.sum()), round(x / mass.sum())


def saved(image: Image.Image | NDArray[Any], kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(out, kind, **options)
    return out.getvalue()
