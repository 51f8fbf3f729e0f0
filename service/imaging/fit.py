"""Brings a drawing into the form that MNIST's digits have: white on black, 20x20, centred by mass in 28x28.

Pure functions of uint8 arrays; each says what it did in `steps`.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.mnist import SIDE

Pixels = NDArray[np.uint8]

BOX = 20
"""The longer side of a digit in MNIST."""
CENTRE = 14
"""Where the centre of mass of MNIST's digits lies in rows and columns, to the nearest pixel."""
_FAINTEST = 8
"""Less contrast than this, of 255, is a blank sheet."""
_LEAST_IN_NOISE = 32
"""In a noisy picture, what is fainter than this is no ink when cropping, but a trace of JPEG or paper."""


def inverted(grey: Pixels) -> Pixels:
    return 255 - grey


def looks_inverted(grey: Pixels) -> bool:
    """Whether the ink is darker than the paper. The border shows the paper; the extreme further from it is
    ink."""
    paper = int(np.median(_border(grey)))
    return paper - int(grey.min()) > int(grey.max()) - paper


def fitted(grey: Pixels, steps: list[str], *, noisy: bool = False) -> Pixels:
    """[h, w] light on dark to [28, 28]: paper made black, cropped to the ink, the longer side scaled to 20,
    the strongest ink made white, its centre of mass moved to (14, 14). A blank sheet stays blank.

    `noisy` says that faint traces are no ink, as in a JPEG; uneven paper is noticed and treated so too.
    """
    black, uneven = _black_level(grey)
    peak = int(grey.max())
    if peak - black < _FAINTEST:
        steps.append("blank: no ink found")
        return np.zeros((SIDE, SIDE), np.uint8)
    ink = np.clip(grey.astype(np.float32) - black, 0, None) * (255 / (peak - black))
    if (black, peak) != (0, 255):
        steps.append(f"levels {black} to {peak} stretched to 0 to 255")
    is_ink = ink >= (_LEAST_IN_NOISE if noisy or uneven else 1)
    rows, columns = np.flatnonzero(is_ink.any(axis=1)), np.flatnonzero(is_ink.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    small = _resized(ink[top:bottom, left:right].round().astype(np.uint8), BOX)
    height, width = grey.shape
    steps.append(
        f"cropped to the ink, {right - left}x{bottom - top} of {width}x{height},"
        f" and fitted to {small.shape[1]}x{small.shape[0]}"
    )
    # Thin strokes become faint when they shrink; those of MNIST are white.
    small = (small * (255 / max(1, int(small.max())))).round().astype(np.uint8)
    steps.append("centred by mass")
    return _centred(small)


def whole(grey: Pixels, steps: list[str]) -> Pixels:
    """[h, w] to [28, 28], nothing cropped, with black bars where it is not square."""
    small = _resized(grey, SIDE)
    out = np.zeros((SIDE, SIDE), np.uint8)
    height, width = small.shape
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    out[top : top + height, left : left + width] = small
    if grey.shape != (SIDE, SIDE):
        steps.append(f"scaled from {grey.shape[1]}x{grey.shape[0]} to {width}x{height}")
    return out


def _border(grey: Pixels) -> Pixels:
    """The outermost pixels, [2 * (h + w)]."""
    return np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])


def _black_level(grey: Pixels) -> tuple[int, bool]:
    """What becomes black: nearly all of the border, since a photographed sheet is never evenly lit, but at
    most half of the contrast, since a stroke may run off the edge. And whether the border was uneven."""
    border = _border(grey)
    paper = int(np.median(border))
    level = min(int(np.percentile(border, 90)), paper + (int(grey.max()) - paper) // 2)
    return level, level > paper


def _resized(image: Pixels, longer: int) -> Pixels:
    """With the longer side of that length, proportions kept, antialiased."""
    height, width = image.shape
    factor = longer / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    # Averages over areas when shrinking, so a digit that was enlarged by squares comes back as it was.
    filter_ = Image.Resampling.BOX if factor <= 1 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(image).resize(size, filter_))


def _centred(small: Pixels) -> Pixels:
    """On a black [28, 28], the centre of mass at (14, 14) as nearly as whole pixels and the edges allow."""
    mass = small.astype(np.float64)
    height, width = small.shape
    y = (mass.sum(axis=1) @ np.arange(height)) / mass.sum()
    x = (mass.sum(axis=0) @ np.arange(width)) / mass.sum()
    top = int(np.clip(round(CENTRE - y), 0, SIDE - height))
    left = int(np.clip(round(CENTRE - x), 0, SIDE - width))
    out = np.zeros((SIDE, SIDE), np.uint8)
    out[top : top + height, left : left + width] = small
    return out
