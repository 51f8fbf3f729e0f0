"""The plain scripts train, and the table says by how much ours is faster."""

import itertools

import pytest
import torch

from benchmarks import plain_scripts
from benchmarks.training import report


@pytest.mark.parametrize("kind", ["gan", "dcgan"])
def test_a_plain_script_takes_steps_through_the_data(kind: str) -> None:
    images = torch.randint(0, 256, (10, 28, 28), dtype=torch.uint8)
    taken = list(itertools.islice(plain_scripts.steps(kind, images, torch.arange(10), batch=4), 4))
    assert taken == [4, 4, 2, 4]


NETS = {28: plain_scripts.perceptrons, 32: plain_scripts.convolutions}


@pytest.mark.parametrize("side", NETS)
def test_its_nets_fit_together(side: int) -> None:
    generator, discriminator = NETS[side]()
    images = generator(torch.randn(3, plain_scripts.LATENT))
    assert images.shape == (3, 1, side, side)
    assert discriminator(images).shape == (3, 1)


def test_the_report_compares_within_rounds() -> None:
    found = {"ours cgan": [1600.0, 3200.0], "plain cgan": [200.0, 400.0]}
    assert report(["cgan"], found).splitlines()[-1] == "| cgan | 2,400 | dcgan | 300 | 8.00x |"
