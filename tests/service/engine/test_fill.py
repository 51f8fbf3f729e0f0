"""Filling: known pixels stay, missing ones come from the reconstruction of the round before."""

import asyncio

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from service.engine.fill import Images, fill
from service.engine.latent import Floats

WIDTH = 2


async def encode(images: Images) -> Floats:
    """The mean over each half's pixels."""
    means: Floats = images.reshape(len(images), WIDTH, -1).mean(axis=2, dtype=np.float32)
    return means


async def generate(z: Floats) -> Images:
    """Each half in a grey halfway between its coordinate and white."""
    grey = ((z + 255) / 2).astype(np.uint8)
    return grey.repeat(28 * 28 // WIDTH, axis=1).reshape(-1, 28, 28)


def filled(images: Images, missing: np.ndarray[tuple[int, int], np.dtype[np.bool_]], rounds: int) -> Images:
    return asyncio.run(fill(images, missing, rounds, WIDTH, encode, generate))[0]


IMAGES = hnp.arrays(np.uint8, (2, 28, 28))
MASK = hnp.arrays(np.bool_, (28, 28))


@given(IMAGES, MASK, st.integers(1, 3))
def test_known_pixels_stay_and_hidden_ones_have_no_part(
    images: Images, missing: np.ndarray[tuple[int, int], np.dtype[np.bool_]], rounds: int
) -> None:
    out = filled(images, missing, rounds)
    np.testing.assert_array_equal(out[:, ~missing], images[:, ~missing])
    np.testing.assert_array_equal(out, filled(np.where(missing, 7, images).astype(np.uint8), missing, rounds))


def test_each_round_takes_the_reconstruction_of_the_one_before() -> None:
    missing = np.zeros((28, 28), np.bool_)
    missing[:14] = True
    images = np.zeros((1, 28, 28), np.uint8)
    # The upper half starts at G(0) = 127, then goes halfway to white in each round.
    levels = [int(filled(images, missing, rounds)[0, 0, 0]) for rounds in range(3)]
    assert levels == [127, 191, 223]


def test_the_latent_is_that_of_the_filled_picture() -> None:
    missing = np.zeros((28, 28), np.bool_)
    missing[:14] = True
    images = np.full((1, 28, 28), 10, np.uint8)
    out, z = asyncio.run(fill(images, missing, 2, WIDTH, encode, generate))
    np.testing.assert_array_equal(z, asyncio.run(encode(out)))
