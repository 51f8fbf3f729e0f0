"""Class balance and the classifier's opinion, where the answer is plain."""

import math

import pytest
import torch

from training.metrics import classes

SURE = 50.0


def logits(label: torch.Tensor) -> torch.Tensor:
    return SURE * torch.nn.functional.one_hot(label, 10).float()


def test_balanced_classes() -> None:
    label = torch.arange(10).repeat(7)
    assert classes.shares(label).tolist() == pytest.approx([0.1] * 10)
    assert classes.kl_to_uniform(classes.shares(label)) == pytest.approx(0, abs=1e-12)
    assert classes.mnist_score(logits(label)) == pytest.approx(10)


def test_one_class_is_all_that_is_left() -> None:
    label = torch.full((30,), 4)
    assert classes.shares(label).tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]
    assert classes.kl_to_uniform(classes.shares(label)) == pytest.approx(math.log(10))
    assert classes.mnist_score(logits(label)) == pytest.approx(1)


def test_half_of_the_classes_dropped() -> None:
    label = torch.arange(5).repeat(4)
    assert classes.kl_to_uniform(classes.shares(label)) == pytest.approx(math.log(2))
    assert classes.mnist_score(logits(label)) == pytest.approx(5)


def test_indecision_scores_one() -> None:
    none = torch.zeros(20, 10)
    assert classes.confidence(none) == pytest.approx(0.1)
    assert classes.mnist_score(none) == pytest.approx(1)
    assert classes.confidence(logits(torch.arange(10))) == pytest.approx(1)


def test_label_accuracy_is_the_share_as_asked() -> None:
    seen = torch.tensor([1, 2, 3, 4])
    assert classes.label_accuracy(logits(seen), torch.tensor([1, 2, 3, 9])) == 0.75
