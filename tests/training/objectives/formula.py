"""The contents of a recipe's formula file, and where it is."""

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from tests.training.objectives.draws import Draws
from training.recipe import Batch

PACKAGE = "tests.training.objectives.papers"


@dataclass(frozen=True)
class Turn:
    """One phase of a recipe as its paper has it."""

    players: tuple[str, ...]
    """The recipe's attributes that this phase trains: every parameter of these networks, and no other."""
    loss: Callable[[Any, Batch, Draws], Tensor]
    """The value that is minimised, of a recipe, a minibatch and the numbers that the recipe drew."""
    repeats: str | None = None
    """The setting that says how many steps of this phase come in a row; None for one step."""


@dataclass(frozen=True)
class Case:
    """Settings to compare the recipe and its formula with. Give every weight a size that shows."""

    settings: Mapping[str, Any]
    step: int = 0
    """The phase's step: some terms are added every so many steps only."""
    without: tuple[str, ...] = ()
    """Phases that these settings leave out."""
    idle: tuple[str, ...] = ()
    """Players whose gradient is zero with these settings."""


@dataclass(frozen=True)
class Formula:
    """The content of a formula file."""

    cases: dict[str, Case]
    turns: dict[str, Turn]


def exists(name: str) -> bool:
    """Say if the recipe `name` has a formula file."""
    return importlib.util.find_spec(f"{PACKAGE}.{name}") is not None


def read(name: str) -> Formula:
    """Return the formula of the recipe `name`; AssertionError, with what to write, if there is none."""
    assert exists(name), (
        f"the recipe {name} has no formula: write {PACKAGE.replace('.', '/')}/{name}.py with TURNS, a Turn"
        " for each phase (the networks that it trains, and its loss transcribed from the paper without"
        " training.losses), and CASES, the settings to test it with; papers/gan.py is an example"
    )
    module = importlib.import_module(f"{PACKAGE}.{name}")
    return Formula(module.CASES, module.TURNS)
