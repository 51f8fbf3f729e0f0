"""The comparison trains the same net with and without the GAN, and its table says what came of it."""

from pathlib import Path

import pytest
import torch

from training import leaderboard, semisupervised, trainer
from training.data import Digits
from training.recipes.sgan import Classifier, Config, Sgan
from training.semisupervised import Comparison, Trial

TINY = Config(steps=2, batch_size=32, labelled_batch=16)
COMPARISON = Comparison(
    steps=9,
    trials=[
        Trial(labels=1000, seed=0, gan=0.02, alone=0.08),
        Trial(labels=100, seed=0, gan=0.05, alone=0.20),
        Trial(labels=1000, seed=1, gan=0.04, alone=0.10),
        Trial(labels=100, seed=1, gan=0.07, alone=0.24),
    ],
)


def test_the_table_has_means_and_deviations() -> None:
    _, _, hundred, thousand = semisupervised.table(COMPARISON)
    assert hundred == "| 100 | 6.0% ± 1.4% | 22.0% ± 2.8% | 2 |"
    assert thousand == "| 1,000 | 3.0% ± 1.4% | 9.0% ± 1.4% | 2 |"


def test_the_leaderboard_shows_it() -> None:
    page = leaderboard.page([], COMPARISON)
    assert "| 100 | 6.0% ± 1.4% | 22.0% ± 2.8% | 2 |" in page
    assert "trained for 9 steps (`python -m training semisupervised --steps 9`)" in page
    assert "a variant of `sgan` that is not shipped" in page
    assert "few labels" not in leaderboard.page([])


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    models = tmp_path / "models"
    assert semisupervised.read(models) is None
    semisupervised.write(models, COMPARISON)
    assert semisupervised.read(models) == COMPARISON
    assert [path.name for path in models.iterdir()] == [semisupervised.FILE]


def test_the_error_is_the_share_of_wrong_digits(digits: Digits) -> None:
    recipe = Sgan(Config())

    class Always(Classifier):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.eye(10)[3].expand(len(image), 10)

    recipe.discriminator.classifier = Always(channels=4, minibatch_deviation=False)
    threes = float((digits.label == 3).float().mean())
    assert semisupervised.error(recipe, digits) == pytest.approx(1 - threes)


def test_both_nets_of_a_trial_learn_the_same_labels(
    digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(semisupervised, "LABELS", (20,))
    monkeypatch.setattr(semisupervised, "SEEDS", (0, 1))
    compared = semisupervised.compare(TINY, digits, digits, tmp_path)
    assert compared is not None
    assert [(trial.labels, trial.seed) for trial in compared.trials] == [(20, 0), (20, 1)]

    known = {
        path.name: torch.load(path / "checkpoint.pt")["modules"]["recipe"]["known_image"]
        for path in tmp_path.iterdir()
    }
    assert torch.equal(known["20-0-gan"], known["20-0-alone"])
    assert not torch.equal(known["20-0-gan"], known["20-1-gan"])

    def refuse(*_: object) -> None:
        raise AssertionError("what is trained already is trained again")

    monkeypatch.setattr(trainer, "take_step", refuse)
    assert semisupervised.compare(TINY, digits, digits, tmp_path) == compared
