"""What can be named in a digit and measured in its pixels: how it leans, how thick its strokes are.

Pure functions of uint8 images [n, 28, 28], 255 is ink, to float64 [n]. None has a threshold: a grey pixel is
a part of ink, so that what moves by a tenth of a pixel is measured to have moved. All are 0 for an empty
image.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def slant(image: Tensor) -> Tensor:
    """How far the digit leans to the right: pixels to the right for each pixel up, by second moments.

    x = a - slant * y is the line through the ink with the least squared distance along x.
    """
    moments = _Moments(image)
    return -_ratio(moments.xy, moments.yy)


def stroke_width(image: Tensor) -> Tensor:
    """The mean width of the strokes in pixels: twice the ink over the length of its outline.

    A stroke much longer than wide has an outline of twice its length. The outline's length is the total
    variation, which by the coarea formula is the mean length of the outlines at all levels of grey.
    """
    return _ratio(2 * _ink(image), _outline(image))


def height(image: Tensor) -> Tensor:
    """In pixels: that of the evenly inked rectangle with the same second moment, sqrt(12) deviations."""
    return (12 * _Moments(image).yy).sqrt()


def width(image: Tensor) -> Tensor:
    """The same across, once the digit is put upright: what slant adds to its extent is not width."""
    moments = _Moments(image)
    upright = moments.xx - _ratio(moments.xy.square(), moments.yy)
    return (12 * upright).clamp_min(0).sqrt()


def top_heaviness(image: Tensor) -> Tensor:
    """How much more of the ink is high up: the skewness of its rows, 0 for an image as heavy below."""
    moments = _Moments(image)
    return _ratio(moments.yyy, moments.yy**1.5)


ATTRIBUTES: dict[str, Callable[[Tensor], Tensor]] = {
    measure.__name__: measure for measure in (slant, stroke_width, width, height, top_heaviness)
}


def measure(image: Tensor) -> Tensor:
    """Every attribute of images [n, 28, 28], in `ATTRIBUTES`' order: float64 [n, attributes]."""
    return torch.stack([attribute(image) for attribute in ATTRIBUTES.values()], 1)


class _Moments:
    """Central moments of where the ink is, each float64 [n]; x to the right and y down, in pixels."""

    def __init__(self, image: Tensor) -> None:
        weight = image.double()
        weight = _ratio(weight, weight.sum((1, 2), keepdim=True))
        rows, columns = weight.sum(2), weight.sum(1)
        y = torch.arange(image.shape[1], dtype=torch.float64)
        x = torch.arange(image.shape[2], dtype=torch.float64)
        y = y - (rows * y).sum(1, keepdim=True)
        x = x - (columns * x).sum(1, keepdim=True)
        self.xx = (columns * x.square()).sum(1)
        self.yy = (rows * y.square()).sum(1)
        self.xy = torch.einsum("nyx,ny,nx->n", weight, y, x)
        self.yyy = (rows * y**3).sum(1)


def _ink(image: Tensor) -> Tensor:
    """The inked area in pixels."""
    return image.double().sum((1, 2)) / 255


def _outline(image: Tensor) -> Tensor:
    """Total variation: the mean over each pixel's four corners of the gradient's length there."""
    level = torch.nn.functional.pad(image.double() / 255, (1, 1, 1, 1))
    right, down = level.diff(dim=2), level.diff(dim=1)
    total = torch.zeros(len(image), dtype=torch.float64)
    for x in (right[:, 1:, :], right[:, :-1, :]):
        for y in (down[:, :, 1:], down[:, :, :-1]):
            total += (x.square() + y.square()).sqrt().sum((1, 2))
    return total / 4


def _ratio(above: Tensor, below: Tensor) -> Tensor:
    """above / below, 0 where below is 0."""
    return torch.where(below > 0, above / torch.where(below > 0, below, 1), 0)
