import dataclasses
import itertools
from pathlib import Path

import pytest
import torch

from tests.training.conftest import few
from training import recipes
from training.data import Digits, scale
from training.recipe import Batch, Losses, Phase
from training.recipes.gan import Config, Gan
from training.run import Run
from training.trainer import ROWS, DivergedError, Intervals, annealed, fit, is_pictured, sample, step_seed

SMALL = Config(steps=3, batch_size=16, ema=0.9)


def test_the_rate_is_held_then_falls_linearly_to_its_end() -> None:
    assert annealed(0.0, 0.5, 0.02) == annealed(0.5, 0.5, 0.02) == 1.0
    assert annealed(0.75, 0.5, 0.02) == pytest.approx(0.51)
    assert annealed(1.0, 0.5, 0.02) == pytest.approx(0.02)


def test_a_loss_that_is_no_number_stops_with_its_phase_and_step(tmp_path: Path) -> None:
    class Diverging(Gan):
        def generate(self, batch: Batch) -> Losses:
            losses = super().generate(batch)
            return {"loss": losses["loss"] * float("nan")} if batch.step == 1 else losses

    with pytest.raises(DivergedError, match=r"generator/loss is nan at step 1"):
        fit(Diverging(SMALL), few("train"), Run(tmp_path))


def test_the_average_is_what_is_returned_and_follows_the_weights_slowly(tmp_path: Path) -> None:
    torch.manual_seed(0)
    recipe = Gan(SMALL)
    first = next(recipe.generator.parameters()).detach().clone()
    averaged = fit(recipe, few("train"), Run(tmp_path))
    assert isinstance(averaged, Gan)
    assert averaged is not recipe
    raw_moved = (next(recipe.generator.parameters()) - first).abs().mean()
    average_moved = (next(averaged.generator.parameters()) - first).abs().mean()
    assert 0 < average_moved < raw_moved


class Recorded(Gan):
    """Records the learning rates, the labels and two random numbers of each of the generator's steps."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.turns: list[Phase] = []
        self.rates: list[list[float]] = []
        self.labels: list[list[int]] = []
        self.noise: list[list[float]] = []

    def phases(self) -> list[Phase]:
        self.turns = super().phases()
        return self.turns

    def generate(self, batch: Batch) -> Losses:
        self.rates.append([group["lr"] for turn in self.turns for group in turn.optimizer.param_groups])
        self.labels.append(batch.label.tolist())
        self.noise.append(torch.rand(2).tolist())
        return super().generate(batch)


def recorded(config: Config, folder: Path, digits: Digits | None = None) -> Recorded:
    """Train a recipe that always begins with the same weights."""
    torch.manual_seed(0)
    recipe = Recorded(config)
    torch.manual_seed(1 + len(folder.name))  # fit itself must not depend on this
    fit(recipe, digits or few("train"), Run(folder), Intervals(log=1000, picture=1000, save=1000))
    return recipe


def test_every_player_s_rate_falls_after_anneal_from(tmp_path: Path) -> None:
    config = Config(steps=8, batch_size=16, learning_rate=1e-3, anneal_from=0.5, anneal_to=0.2)
    factors = [1, 1, 1, 1, 1, 0.8, 0.6, 0.4]
    rates = recorded(config, tmp_path).rates
    assert [rate for step in rates for rate in step] == pytest.approx(
        [1e-3 * factor for factor in factors for _ in ("discriminator", "generator")]
    )


def test_the_seed_decides_the_minibatches_the_noise_and_so_the_weights(tmp_path: Path) -> None:
    runs = [
        recorded(dataclasses.replace(SMALL, seed=seed), tmp_path / name)
        for seed, name in ((0, "one"), (0, "again"), (1, "other"))
    ]
    one, again, other = runs
    assert one.labels == again.labels
    assert one.noise == again.noise
    assert not any(a == b for a, b in zip(one.labels, other.labels, strict=True))
    assert not any(a == b for a, b in zip(one.noise, other.noise, strict=True))
    assert len({tuple(noise) for noise in one.noise + other.noise}) == 6, "no two steps draw the same"
    weights = [torch.cat([p.detach().flatten() for p in recipe.parameters()]) for recipe in runs]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_seeds_share_no_step_s_random_numbers() -> None:
    """In runs of a million steps; torch's generator on the CPU reads 32 bits of its seed."""
    begins = sorted(step_seed(seed, 0) for seed in range(100))
    assert min(after - before for before, after in itertools.pairwise(begins)) > 1_000_000
    assert begins[-1] + 1_000_000 < 1 << 32
    assert [step_seed(0, step) for step in (0, 1, 70_000)] == [0, 1, 70_000]
    assert step_seed((1 << 32) - 1, 7) < 1 << 32


def test_every_minibatch_is_full_in_every_epoch(tmp_path: Path) -> None:
    """Of 50 digits an epoch makes two minibatches of 20: the ten that are left fill none."""
    digits = Digits(few("train").image[:50], few("train").label[:50])
    labels = recorded(dataclasses.replace(SMALL, steps=4, batch_size=20), tmp_path, digits).labels
    assert [len(label) for label in labels] == [20] * 4


def test_a_minibatch_is_the_digits_as_they_are() -> None:
    digits = few("train")
    batch = digits.minibatch(32, seed=0, index=3)
    for image, label in zip(batch.image, batch.label, strict=True):
        row = int((scale(digits.image) == image).flatten(1).all(1).nonzero()[0, 0])
        assert digits.label[row] == label


def test_the_average_is_exponential_from_the_first_step_on(tmp_path: Path) -> None:
    torch.manual_seed(0)
    recipe, seen = Gan(dataclasses.replace(SMALL, steps=4, ema=0.7)), []

    class Recording(Run):
        def log(self, step: int, figures: dict[str, float]) -> None:
            super().log(step, figures)
            seen.append(torch.cat([p.detach().flatten() for p in recipe.parameters()]))

    averaged = fit(recipe, few("train"), Recording(tmp_path), Intervals(log=1, picture=1000, save=1000))
    assert averaged is not None
    expected = seen[0]
    for weights in seen[1:]:
        expected = 0.7 * expected + 0.3 * weights
    got = torch.cat([p.detach().flatten() for p in averaged.parameters()])
    torch.testing.assert_close(got, expected)
    assert (got - seen[-1]).abs().max() > 1e-4


def test_sampling_is_repeatable_and_leaves_the_random_state_alone() -> None:
    recipe = Gan(SMALL)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, two = sample(recipe, ROWS), sample(recipe, ROWS)
    assert torch.equal(one, two)
    assert torch.equal(torch.rand(3), expected)


def test_conditional_samples_are_rows_zero_to_nine() -> None:
    seen = {}

    class Spy(torch.nn.Module):
        def forward(self, z: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
            seen["label"] = label
            return torch.zeros(len(z), 1, 28, 28)

    recipe = recipes.recipe_class("cgan")(recipes.config_class("cgan")())
    recipe.generator = Spy()
    sample(recipe, ROWS)
    assert seen["label"].tolist() == [row for row in range(10) for _ in range(10)]


def test_k_discriminator_steps_each_see_a_fresh_minibatch(tmp_path: Path) -> None:
    seen = []

    class Watched(Gan):
        def discriminate(self, batch: Batch) -> Losses:
            seen.append((batch.step, batch.label.tolist()))
            return super().discriminate(batch)

    fit(Watched(Config(steps=2, batch_size=16, k=3)), few("train"), Run(tmp_path))
    assert [step for step, _ in seen] == list(range(6))
    assert len({tuple(labels) for _, labels in seen}) == 6


def test_pictured_steps_are_logged_with_the_quality_of_their_samples(tmp_path: Path) -> None:
    run = Run(tmp_path)
    fit(Gan(SMALL), few("train"), run, Intervals(log=5, picture=2, save=1000))
    lines = run.lines()
    assert [line["step"] for line in lines] == list(run.pictures()) == [1, 2, 3]
    for line in lines:
        assert line["frechet_distance"] > 0
        assert sum(line[f"share_of_{digit}"] for digit in range(10)) == pytest.approx(1)


def test_r1_is_logged_as_it_was_last_measured_and_quality_where_it_was(tmp_path: Path) -> None:
    run = Run(tmp_path)
    config = dataclasses.replace(SMALL, steps=6, r1_every=4)
    fit(Gan(config), few("train"), run, Intervals(log=1, picture=4, save=1000))
    lines = run.lines()
    first, *_, last = r1 = [line["discriminator/r1"] for line in lines]
    assert r1 == [first] * 4 + [last] * 2
    assert first != last
    assert [line["step"] for line in lines if "frechet_distance" in line] == [1, 2, 4, 6]
    assert [line["step"] for line in lines if "share_of_7" in line] == [1, 2, 4, 6]


def test_early_steps_are_pictured_more_often() -> None:
    pictured = [step for step in range(1, 3001) if is_pictured(step, 1000)]
    assert pictured == [15, 31, 62, 125, 250, 500, 1000, 2000, 3000]


def test_watching_changes_no_weight(tmp_path: Path) -> None:
    weights = []
    for often in (1, 1000):
        torch.manual_seed(0)
        fit(recipe := Gan(SMALL), few("train"), Run(tmp_path / str(often)), Intervals(picture=often))
        weights.append(recipe.state_dict())
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
