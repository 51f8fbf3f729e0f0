"""A trait measured all over a plane of latents: the landscape that a bundle carries for a bent direction."""

import hashlib
import io
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from service import manifest
from service.engine.landscape import LEVELS, Landscape, read_landscape
from training import traits
from training.classifier import Classifier
from training.sensitivity import SPREAD
from training.served import Served
from training.traits import ATTRIBUTES

REACH = 4.0
"""Standard deviations of a coordinate of z each way: 1 in 8,000 lies beyond."""
SIDE = 289
"""Points each way, 36 to a standard deviation: half as many miss how fast digits change on the plane."""


class Slope(NamedTuple):
    """The way up a landscape, as it is served: with what the file rounds."""

    entry: manifest.Landscape
    content: bytes
    landscape: Landscape

    def move(self, z: Tensor, amount: float) -> Tensor:
        """z float64 [n, 2] after this much of the way."""
        return torch.from_numpy(self.landscape.climb(z.numpy(), amount))


def survey(served: Served, judge: Classifier, spread: Tensor) -> Tensor:
    """Every attribute, in its standard deviations `spread`, on the grid: float64 [attributes, SIDE, SIDE]."""
    line = torch.linspace(-1, 1, SIDE) * _reach(served)
    rows = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)
    height = torch.stack([traits.read(judge, served.decode(row, None)).trait for row in rows]) / spread
    return height[..., :ATTRIBUTES].permute(2, 0, 1)


def slope(served: Served, name: str, height: Tensor) -> Slope:
    """The way up this height [SIDE, SIDE], and its file."""
    low, high = float(height.min()), float(height.max())
    content = _png(((height - low) / (high - low) * LEVELS).round().numpy().astype(np.uint16))
    digest = hashlib.sha256(content).hexdigest()
    entry = manifest.Landscape(
        file=f"landscape-{name.replace('_', '-')}-{digest[:8]}.png",
        sha256=digest,
        bytes=len(content),
        reach=_reach(served),
        low=low,
        high=high,
    )
    return Slope(entry, content, read_landscape(content, entry))


def _reach(served: Served) -> float:
    return REACH * SPREAD[served.manifest.prior]


def _png(grey: NDArray[np.uint16]) -> bytes:
    content = io.BytesIO()
    Image.fromarray(grey).save(content, "PNG", optimize=True)
    return content.getvalue()
