"""Copies are found, and unseen digits are not taken for them."""

import torch

from tests.training.conftest import few
from training.metrics.copies import near_copies, thresholds


def test_the_training_digits_are_copies_and_new_ones_are_not() -> None:
    train, test = few("train"), few("t10k")
    threshold = thresholds(train.image, test.image, test.label)
    assert threshold.shape == (10,)
    assert near_copies(train.image, train.label, train.image, threshold) == 1
    assert near_copies(test.image, test.label, train.image, threshold) < 0.05


def test_a_copy_with_a_little_noise_is_still_one() -> None:
    train, test = few("train"), few("t10k")
    threshold = thresholds(train.image, test.image, test.label)
    noise = torch.randint(0, 10, train.image.shape, generator=torch.Generator().manual_seed(0))
    noisy = (train.image + noise).clamp(max=255).to(torch.uint8)
    assert near_copies(noisy, train.label, train.image, threshold) > 0.99


def test_each_class_has_the_share_that_its_threshold_leaves() -> None:
    """Two kinds of points, one of them ten times as far from training: one in a hundred of each is near."""
    blank = torch.zeros(1, 28, 28, dtype=torch.uint8)
    test = torch.zeros(2000, 28, 28, dtype=torch.uint8)
    label = torch.arange(2000) % 10
    test[:, 0, 0] = torch.where(label < 5, 10, 100) + torch.arange(2000) // 10 % 100
    threshold = thresholds(blank, test, label)
    assert (threshold[5:] > 5 * threshold[:5]).all()
    assert near_copies(test, label, blank, threshold) == 0.01
