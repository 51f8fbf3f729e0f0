"""Connected pieces of hand-made pictures."""

import torch
from torch import Tensor

from training.data import Digits
from training.metrics.catalogue import CATALOGUE
from training.metrics.pieces import connected_pieces


def picture(*ink: tuple[int, int], level: int = 255) -> Tensor:
    image = torch.zeros(28, 28, dtype=torch.uint8)
    for row, column in ink:
        image[row, column] = level
    return image


def test_pieces_are_counted_image_by_image() -> None:
    line = picture(*[(row, 14) for row in range(4, 24)])
    images = torch.stack(
        [
            picture(),
            line,
            picture((3, 3), (20, 20)),
            picture((5, 5), (6, 6)),
            picture((5, 5), (5, 7), (7, 5), (7, 7)),
            line,
        ]
    )
    assert connected_pieces(images).tolist() == [0, 1, 2, 1, 4, 1]


def test_ink_that_touches_the_edge_does_not_run_into_the_next_image() -> None:
    full = torch.full((3, 28, 28), 255, dtype=torch.uint8)
    assert connected_pieces(full).tolist() == [1, 1, 1]


def test_faint_ink_is_paper() -> None:
    """Ink is a level above 64, as the leaderboard's legend says."""
    faint, dark = picture((9, 9), level=64), picture((9, 9), level=65)
    assert connected_pieces(torch.stack([faint, dark])).tolist() == [0, 1]
    assert connected_pieces(torch.stack([faint, faint])).tolist() == [0, 0], "the last image may be blank"
    assert "level above 64" in CATALOGUE["pieces"].meaning


def test_a_real_digit_is_one_piece(test_digits: Digits) -> None:
    pieces = connected_pieces(test_digits.image).double()
    assert 1 <= float(pieces.mean()) < 1.03
