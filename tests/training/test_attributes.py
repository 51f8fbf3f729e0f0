"""Attributes measured on drawn shapes whose slant, width and height are known."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from training import attributes

FINE = 8
"""Shapes are drawn so many times larger, then averaged: their edges are grey."""


def drawn(inside: NDArray[np.bool_]) -> Tensor:
    """An image [1, 28, 28] of a shape drawn on a fine grid."""
    level = inside.reshape(28, FINE, 28, FINE).mean((1, 3))
    return torch.from_numpy((255 * level).round().astype(np.uint8)).unsqueeze(0)


def grid() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x to the right and y up, in pixels from the middle."""
    at = (np.arange(28 * FINE) + 0.5) / FINE - 14
    return at[None, :], -at[:, None]


def bar(width: float, height: float, slant: float = 0.0, across: float = 0.0, up: float = 0.0) -> Tensor:
    """A parallelogram: each row is `width` wide, and stands `slant` to the right for each pixel up."""
    x, y = grid()
    x, y = x - across, y - up
    return drawn((np.abs(x - slant * y) < width / 2) & (np.abs(y) < height / 2))


def ring(radius: float, stroke: float) -> Tensor:
    x, y = grid()
    return drawn(np.abs(np.hypot(x, y) - radius) < stroke / 2)


@pytest.mark.parametrize("slant", [-0.5, -0.1, 0.0, 0.3, 0.6])
def test_slant_is_that_of_the_shape_wherever_it_stands(slant: float) -> None:
    assert attributes.slant(bar(4, 18, slant, across=2, up=-1)) == pytest.approx([slant], abs=0.01)


@pytest.mark.parametrize(("width", "height"), [(3, 20), (12, 18), (10.5, 7)])
def test_width_and_height_are_those_of_a_rectangle(width: float, height: float) -> None:
    """To a third of a pixel: within one, nobody knows where the ink is."""
    assert attributes.width(bar(width, height)) == pytest.approx([width], abs=0.33)
    assert attributes.height(bar(width, height)) == pytest.approx([height], abs=0.33)


def test_a_slant_changes_neither_width_nor_height() -> None:
    upright, leaning = bar(8, 16), bar(8, 16, slant=0.5)
    assert attributes.width(leaning) == pytest.approx(attributes.width(upright), rel=0.02)
    assert attributes.height(leaning) == pytest.approx(attributes.height(upright), rel=0.02)


@pytest.mark.parametrize("stroke", [1.5, 2.0, 3.0, 4.0])
def test_stroke_width_is_that_of_a_ring(stroke: float) -> None:
    """A ring has no ends; what is left is that the outline is measured on a grid."""
    assert attributes.stroke_width(ring(8, stroke)) == pytest.approx([stroke], rel=0.08)


def test_stroke_width_does_not_depend_on_the_size_of_what_is_drawn() -> None:
    small, large = attributes.stroke_width(ring(5, 2.5)), attributes.stroke_width(ring(10, 2.5))
    assert small == pytest.approx(large, rel=0.02)


def test_top_heaviness_is_the_skewness_of_the_rows() -> None:
    even = attributes.top_heaviness(bar(6, 16))
    assert even == pytest.approx([0], abs=1e-6)
    triangle = drawn((np.abs(grid()[0]) < (grid()[1] + 9) / 3) & (np.abs(grid()[1]) < 9))
    # Of a triangle that stands on its point: 2 sqrt(2) / 5.
    assert attributes.top_heaviness(triangle) == pytest.approx([0.5657], abs=0.02)
    assert attributes.top_heaviness(triangle.flip(1)) == pytest.approx([-0.5657], abs=0.02)


def test_grey_is_a_part_of_ink() -> None:
    """Half as dark, the same shape: as wide and high and slanted."""
    dark = bar(6, 16, 0.2)
    for name in ("slant", "width", "height", "top_heaviness", "stroke_width"):
        measure = attributes.ATTRIBUTES[name]
        assert measure(dark // 2) == pytest.approx(measure(dark), rel=0.02, abs=0.01), name


def test_a_blank_image_measures_nothing_and_images_are_measured_one_by_one() -> None:
    blank = torch.zeros(1, 28, 28, dtype=torch.uint8)
    assert torch.equal(attributes.measure(blank), torch.zeros(1, len(attributes.ATTRIBUTES)).double())
    images = torch.cat([bar(4, 18, 0.3), blank, ring(8, 2)])
    together = attributes.measure(images)
    assert together.shape == (3, len(attributes.ATTRIBUTES))
    for i in range(3):
        assert torch.allclose(together[i], attributes.measure(images[i : i + 1])[0])
