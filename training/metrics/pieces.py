"""Connected pieces per image: the specks that the eye sees and a classifier's features do not."""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

INK = 64


def connected_pieces(image: Tensor) -> Tensor:
    """How many pieces the ink of each image [n, 28, 28] is in, int64 [n].

    Ink is a level above 64 of 255; pixels that touch, at a corner too, are one piece.
    """
    touching = np.zeros((3, 3, 3), np.uint8)
    touching[1] = 1  # within an image, never from one image to the next
    pieces, count = ndimage.label((image > INK).numpy(), touching)
    owner = np.zeros(count + 1, np.int64)
    found = np.nonzero(pieces)
    owner[pieces[found]] = found[0]
    return torch.from_numpy(np.bincount(owner[1:], minlength=len(image)))
