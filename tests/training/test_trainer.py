import dataclasses
from pathlib import Path

import pytest
import torch

from tests.training.conftest import few
from training import recipes
from training.recipe import Batch, Losses
from training.recipes.gan import Config, Gan
from training.run import Run
from training.trainer import ROWS, DivergedError, Intervals, annealed, fit, is_pictured, sample

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
