"""The contract, held by every recipe: a new file in training/recipes/ is tested by being there."""

import dataclasses
import inspect
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.training.small import smaller
from training import recipes
from training.data import Digits
from training.errors import TrainingError
from training.recipe import Config, Recipe
from training.run import Run
from training.trainer import Intervals, fit, objective, take_step

STEPS = 4
QUIET = Intervals(log=1, picture=1000, save=1000)
every_recipe = pytest.mark.parametrize("name", recipes.names())


def small(name: str, seed: int = 0) -> Config:
    settings = smaller(name) | {"steps": STEPS, "batch_size": 32, "ema": 0.9, "seed": seed}
    return recipes.config_class(name)(**settings)


def train(name: str, digits: Digits, folder: Path, config: Config) -> dict[str, Tensor]:
    torch.manual_seed(config.seed)
    recipe = fit(recipes.recipe_class(name)(config), digits, Run(folder), QUIET)
    assert recipe is not None
    return {key: value.clone() for key, value in recipe.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@every_recipe
def test_two_runs_are_bit_identical_and_another_seed_is_not(
    name: str, digits: Digits, tmp_path: Path
) -> None:
    one = train(name, digits, tmp_path / "one", small(name))
    two = train(name, digits, tmp_path / "two", small(name))
    other = train(name, digits, tmp_path / "other", small(name, seed=1))
    assert same(one, two)
    assert not same(one, other)


@every_recipe
def test_resuming_after_an_interrupt_gives_the_weights_of_an_unbroken_run(
    name: str, digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken = train(name, digits, tmp_path / "unbroken", small(name))
    run = Run(tmp_path / "broken")
    torch.manual_seed(0)
    with monkeypatch.context() as patch:
        interrupt_at(patch, step=STEPS // 2)
        assert fit(recipes.recipe_class(name)(small(name)), digits, run, QUIET) is None
    assert run.lines()[-1]["step"] == STEPS // 2
    torch.manual_seed(12345)  # what a fresh process begins with must not matter
    resumed = fit(recipes.recipe_class(name)(small(name)), digits, run, QUIET)
    assert resumed is not None
    assert same(unbroken, resumed.state_dict())
    assert [line["step"] for line in run.lines()] == list(range(1, STEPS + 1))


def interrupt_at(patch: pytest.MonkeyPatch, step: int) -> None:
    """Sends this process SIGINT, as Ctrl-C does, while the given step (from 1) is being logged."""
    log = Run.log

    def log_and_interrupt(run: Run, at: int, figures: dict[str, float]) -> None:
        log(run, at, figures)
        if at == step - 1:
            os.kill(os.getpid(), signal.SIGINT)

    patch.setattr(Run, "log", log_and_interrupt)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("gan", {"seed": -1}, "seed is -1: give one from 0 to 4294967295"),
        ("gan", {"seed": 1 << 32}, "seed is 4294967296"),
        ("gan", {"steps": 0}, "steps is 0: give 1 or more"),
        ("gan", {"batch_size": 0}, "batch_size is 0"),
        ("sgan", {"labels": 54_220}, "up to 54,210"),
        ("sgan", {"labels": 0}, "labels is 0: give a multiple of 10"),
        ("sgan", {"labels": 105}, "labels is 105"),
        ("ebm", {"buffer": 127}, "buffer is 127: it is to hold a batch of 128"),
        ("cgan", {"conv_judge": 0, "dense_judge": False}, "needs conv_judge"),
    ],
)
def test_settings_that_nothing_can_be_trained_with_are_refused(
    name: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        recipes.recipe_class(name)(recipes.config_class(name)(**settings))


@every_recipe
def test_each_phase_changes_only_its_own_players(name: str, digits: Digits) -> None:
    torch.manual_seed(0)
    recipe = recipes.recipe_class(name)(small(name))
    for phase in recipe.phases():
        players = {id(p) for group in phase.optimizer.param_groups for p in group["params"]}
        before = {key: value.detach().clone() for key, value in recipe.named_parameters()}
        take_step(phase, objective(recipe, phase, digits.minibatch(32, 0, 0)), 0)
        changed = {key for key, value in recipe.named_parameters() if not torch.equal(before[key], value)}
        own = {key for key, value in recipe.named_parameters() if id(value) in players}
        assert changed
        assert changed <= own


@every_recipe
def test_the_paper_is_named_and_its_own_settings_train(name: str, digits: Digits, tmp_path: Path) -> None:
    recipe = recipes.recipe_class(name)
    document = inspect.getmodule(recipe).__doc__ or ""
    arxiv = recipe.paper.url.rpartition("/")[2]
    assert arxiv in document, "the docstring names the paper's arXiv id"
    assert f"python -m training train {name}" in document
    config = dataclasses.replace(recipes.as_written(name), steps=2, batch_size=32)
    assert train(name, digits, tmp_path, config)


@every_recipe
def test_exports_have_the_contract_s_shapes(name: str) -> None:
    recipe: Recipe = recipes.recipe_class(name)(small(name)).eval()
    label = (torch.tensor([0, 3, 9]),) if recipe.conditional else ()
    exports = recipe.exports()
    image = exports["generator"](torch.zeros(3, recipe.latent_dim), *label)
    assert image.shape == (3, 1, 28, 28)
    assert image.abs().max() <= 1
    if "discriminator" in exports:
        assert exports["discriminator"](image, *label).shape == (3,)
        assert recipe.score is not None
    if "encoder" in exports:
        assert exports["encoder"](image).shape == (3, recipe.latent_dim)
    if "classifier" in exports:
        assert exports["classifier"](image).shape == (3, 10)


@every_recipe
def test_a_score_does_not_depend_on_the_batch_it_is_served_in(name: str, digits: Digits) -> None:
    recipe: Recipe = recipes.recipe_class(name)(small(name)).eval()
    if "discriminator" not in recipe.exports():
        assert recipe.score is None
        return
    judge = recipe.exports()["discriminator"].eval()
    batch = digits.minibatch(32, 0, 0)
    label = (batch.label,) if recipe.conditional else ()
    together = judge(batch.image, *label)
    alone = torch.cat([judge(batch.image[i : i + 1], *(y[i : i + 1] for y in label)) for i in range(32)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
