"""The digit classifier: its training, its weights and what it says of real digits."""

import hashlib
import json
import os
from pathlib import Path

import pytest
import torch

from tests.training.conftest import few
from training import classifier
from training.classifier import WEIGHTS, Classifier, ClassifierError, Config, distort
from training.data import Digits, scale

QUICK = Config(epochs=1, batch_size=64)


def test_the_weights_are_small_and_the_ones_described() -> None:
    facts = classifier.read_facts()
    assert WEIGHTS.stat().st_size < 2_000_000
    assert hashlib.sha256(WEIGHTS.read_bytes()).hexdigest() == facts["sha256"]
    assert facts["test_accuracy"] >= 0.993


def test_knows_digits_that_it_was_not_trained_on(test_digits: Digits) -> None:
    right = classifier.accuracy(classifier.load(), test_digits)
    assert right >= 0.98
    if os.environ.get("MNIST_DIR"):
        assert right == pytest.approx(classifier.read_facts()["test_accuracy"], abs=2e-4)


def test_an_opinion_does_not_depend_on_company() -> None:
    image = few("t10k").image[:7]
    judge = classifier.load()
    together, apart = judge.judge(image), judge.judge(image, batch=2)
    assert together.features.shape == (7, classifier.FEATURES)
    assert together.logits.shape == (7, 10)
    assert torch.allclose(together.logits, apart.logits, atol=1e-4)
    assert together.label.tolist() == apart.label.tolist()


def test_training_twice_gives_the_same_weights() -> None:
    digits = Digits(few("train").image[:192], few("train").label[:192])
    one, two = (classifier.train(digits, QUICK).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_training_learns() -> None:
    config = Config(epochs=8, batch_size=64, ema=0.8)
    assert classifier.accuracy(classifier.train(few("train"), config), few("t10k")) > 0.6


def test_what_is_saved_is_loaded_and_described(tmp_path: Path) -> None:
    path = tmp_path / "classifier.pt"
    right = classifier.train_and_save(few("train"), few("t10k"), QUICK, path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["classifier.json", "classifier.pt"]
    assert classifier.accuracy(classifier.load(path), few("t10k")) == pytest.approx(right)
    assert json.loads((tmp_path / "classifier.json").read_text())["config"]["epochs"] == 1


def test_other_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "classifier.pt"
    with pytest.raises(ClassifierError, match="restore it"):
        classifier.load(path)
    path.write_bytes(WEIGHTS.read_bytes()[:-1])
    path.with_suffix(".json").write_bytes(WEIGHTS.with_suffix(".json").read_bytes())
    with pytest.raises(ClassifierError, match="sha256"):
        classifier.load(path)


def test_distortion_is_small_and_different_for_each() -> None:
    torch.manual_seed(0)
    image = scale(few("train").image[:1]).expand(50, 1, 28, 28)
    changed = distort(image, Config())
    assert changed.shape == image.shape
    assert -1.001 <= float(changed.min()) < float(changed.max()) <= 1.001
    assert len({tuple(one.flatten().tolist()) for one in changed}) == 50
    ink, was = (changed + 1).sum((1, 2, 3)), (image + 1).sum((1, 2, 3))
    assert ((ink / was - 1).abs() < 0.5).all()


def test_no_distortion_changes_nothing() -> None:
    image = scale(few("train").image[:5])
    still = distort(image, Config(rotation=0, shift=0, stretch=0))
    assert torch.allclose(still, image, atol=1e-5)


def test_the_network_reads_single_images() -> None:
    assert Classifier().judge(torch.zeros(1, 28, 28, dtype=torch.uint8)).label.shape == (1,)
