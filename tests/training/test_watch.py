import pytest
import torch

from tests.training.conftest import few
from training.data import scale
from training.watch import Watch


def test_other_real_digits_are_nearer_than_noise_and_the_digits_themselves_nearest() -> None:
    digits = few("train")
    watch = Watch(digits)
    same = watch.figures(scale(digits.image))
    other = watch.figures(scale(few("t10k").image))
    noise = watch.figures(torch.rand(200, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    assert same["frechet_distance"] == pytest.approx(0, abs=1e-3)
    assert same["frechet_distance"] < other["frechet_distance"] < noise["frechet_distance"] / 5


def test_shares_are_those_of_the_samples_digits() -> None:
    digits = few("train")
    sevens = Watch(digits).figures(scale(digits.image[digits.label == 7]))
    assert sevens["share_of_7"] > 0.95
    assert sum(sevens[f"share_of_{digit}"] for digit in range(10)) == pytest.approx(1)


def test_no_random_number_is_drawn() -> None:
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    Watch(few("train")).figures(torch.zeros(3, 1, 28, 28))
    assert torch.equal(torch.rand(2), expected)


def test_labels_come_in_the_proportions_of_real_digits() -> None:
    digits = few("train")
    assert torch.equal(Watch(digits, samples=40).label, digits.label[:40])
    assert len(Watch(digits).label) == len(digits)
