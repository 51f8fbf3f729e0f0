"""Every recipe minimises what its paper says: value and gradients, against independent transcriptions."""

import copy

import pytest
import torch
from torch import Tensor

from tests.training.conftest import few
from tests.training.objectives import formula
from tests.training.objectives.draws import Draws
from tests.training.objectives.formula import Case
from training import recipes
from training.data import scale
from training.recipe import Batch, Phase, Recipe
from training.trainer import objective

BATCH = 32
WRITTEN = [name for name in recipes.names() if formula.exists(name)]
"""Recipes without a formula fail in the first test."""
CASES = [(name, case) for name in WRITTEN for case in formula.read(name).cases]
TURNS = [
    (name, case, turn)
    for name, case in CASES
    for turn in formula.read(name).turns
    if turn not in formula.read(name).cases[case].without
]


def build(name: str, case: Case) -> Recipe:
    """Return a recipe away from where it is initialised, so that no term or gradient is zero by symmetry."""
    torch.manual_seed(0)
    config = recipes.config_class(name)(batch_size=BATCH, **case.settings)
    recipe = recipes.recipe_class(name)(config)
    with torch.no_grad():
        for parameter in recipe.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return recipe


def minibatch(step: int) -> Batch:
    """Real digits, at least three of each class."""
    digits = few("train")
    rows = [(digits.label == i % 10).nonzero()[i // 10, 0] for i in range(BATCH)]
    return Batch(scale(digits.image[rows]), digits.label[rows], step)


def phase_of(recipe: Recipe, turn: str) -> Phase:
    return {phase.name: phase for phase in recipe.phases()}[turn]


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_has_a_formula(name: str) -> None:
    formula.read(name)


def test_a_recipe_without_a_formula_is_told_what_to_write() -> None:
    with pytest.raises(AssertionError, match=r"write tests/training/objectives/papers/lsgan\.py with TURNS"):
        formula.read("lsgan")


@pytest.mark.parametrize(("name", "case"), CASES)
def test_the_phases_are_the_formula_s_and_take_as_many_steps(name: str, case: str) -> None:
    written = formula.read(name)
    recipe = build(name, written.cases[case])
    turns = {key: turn for key, turn in written.turns.items() if key not in written.cases[case].without}
    expected = {key: getattr(recipe.config, turn.repeats or "", 1) for key, turn in turns.items()}
    assert {phase.name: phase.repeats for phase in recipe.phases()} == expected


@pytest.mark.parametrize(("name", "case", "turn"), TURNS)
def test_loss_and_gradients_are_the_paper_s(name: str, case: str, turn: str) -> None:
    written = formula.read(name)
    chosen = written.cases[case]
    recipe = build(name, chosen)
    twin = copy.deepcopy(recipe)
    phase = phase_of(recipe, turn)
    with Draws() as draws:
        loss = objective(recipe, phase, minibatch(chosen.step))["loss"]
    torch.autograd.backward(loss)
    expected = written.turns[turn].loss(twin, minibatch(chosen.step), draws)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)
    players = written.turns[turn].players
    gradients = gradients_of(expected, twin, players)
    silent = {player for player in players if not any(g.any() for g in gradients[player].values())}
    assert silent == set(chosen.idle) & set(players), "the formula gives these players no gradient"
    compare_gradients(recipe, gradients)
    check_descent(recipe, phase)


def gradients_of(value: Tensor, recipe: Recipe, players: tuple[str, ...]) -> dict[str, dict[str, Tensor]]:
    """Return the gradient of every parameter of each player, by name."""
    gradients: dict[str, dict[str, Tensor]] = {}
    for player in players:
        weights = {key: p for key, p in recipe.named_parameters() if key.split(".")[0] == player}
        found = torch.autograd.grad(
            value, list(weights.values()), retain_graph=True, allow_unused=True, materialize_grads=True
        )
        gradients[player] = dict(zip(weights, found, strict=True))
    return gradients


def compare_gradients(recipe: Recipe, expected: dict[str, dict[str, Tensor]]) -> None:
    """Compare the gradients in `recipe` with those of its players; nothing else may have one."""
    for key, parameter in recipe.named_parameters():
        player = key.split(".")[0]
        if player not in expected:
            assert parameter.grad is None, f"{key} belongs to another player and has a gradient"
            continue
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        largest = max(float(one.abs().max()) for one in expected[player].values())
        torch.testing.assert_close(
            gradient,
            expected[player][key].float(),
            rtol=2e-3,
            atol=2e-4 * largest,
            msg=f"the gradient of {key} is not the formula's",
        )


def check_descent(recipe: Recipe, phase: Phase) -> None:
    """Check that the optimizer moves the players against their gradient, not along it."""
    before = {key: value.detach().clone() for key, value in recipe.named_parameters()}
    phase.optimizer.step()
    moved = sum(
        float(((value.detach() - before[key]) * value.grad).sum())
        for key, value in recipe.named_parameters()
        if value.grad is not None
    )
    assert moved < 0
