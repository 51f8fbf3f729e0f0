"""Which runs have the figures of a system as its paper has it."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tests.service.bundles import write_bundle
from training import as_written, checkpoint, recipes
from training.evaluate import record
from training.recipe import Config
from training.run import Run, RunError

PAPER = recipes.as_written("gan")


def bundle_of_gan(folder: Path) -> Path:
    bundle = write_bundle(folder, "gan")
    record(bundle, recipe="gan")
    return bundle


def trained(folder: Path, config: Config, steps: int, recipe: str = "gan") -> Run:
    """A run as it looks after so many steps."""
    run = Run(folder / "run")
    run.begin(recipe, config, 0)
    checkpoint.save(run.checkpoint, steps, config, {}, {})
    return run


def test_the_whole_run_of_the_paper_s_own_settings_is_taken(tmp_path: Path) -> None:
    as_written.check(trained(tmp_path, PAPER, PAPER.steps), bundle_of_gan(tmp_path))


@pytest.mark.parametrize(
    ("recipe", "changed", "steps", "message"),
    [
        ("dcgan", {}, 20_000, "a run of dcgan, where .* is one of gan; name the run of .* train gan --paper"),
        ("gan", {"ema": 0.999}, 20_000, "ema is 0.999 in place of 0.0.*; name the run of .* gan --paper"),
        ("gan", {"steps": 300}, 300, "steps is 300 in place of 20000"),
        ("gan", {}, 300, "has 300 of its 20,000 steps; train it to the end"),
    ],
)
def test_any_other_is_refused_with_the_fix(
    tmp_path: Path, recipe: str, changed: dict[str, Any], steps: int, message: str
) -> None:
    run = trained(tmp_path, dataclasses.replace(PAPER, **changed), steps, recipe)
    with pytest.raises(RunError, match=message):
        as_written.check(run, bundle_of_gan(tmp_path))
