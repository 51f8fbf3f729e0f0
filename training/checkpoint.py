"""Saves and restores everything that the next step depends on, so that resuming is exact."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from training import distributed
from training.errors import TrainingError
from training.recipe import Config, Recipe


class CheckpointError(TrainingError):
    """A checkpoint that cannot be resumed; the message names the file and the fix."""


def save(
    path: Path, step: int, config: Config, modules: dict[str, nn.Module], optimizers: dict[str, Optimizer]
) -> None:
    """Writes to a temporary name, then renames: a reader sees the old checkpoint or the new, never half."""
    state = {
        "step": step,
        "config": dataclasses.asdict(config),
        "threads": torch.get_num_threads(),
        "processes": distributed.COUNT,
        "device": torch.get_default_device().type,
        "modules": {name: module.state_dict() for name, module in modules.items()},
        "optimizers": {name: optimizer.state_dict() for name, optimizer in optimizers.items()},
    }
    temporary = path.with_name(f".{path.name}.partial")
    torch.save(state, temporary)
    os.replace(temporary, path)


def read(path: Path) -> dict[str, Any]:
    """The saved state as written by `save`."""
    if not path.exists():
        raise CheckpointError(f"{path} is missing: the run has saved none yet; wait, or end it with Ctrl-C")
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location=torch.get_default_device())
    except Exception as error:  # torch raises many kinds for a damaged file
        raise CheckpointError(f"{path}: cannot be read ({error}); delete it to start over") from error
    return state


def step(path: Path) -> int:
    """The step it was taken after."""
    taken: int = read(path)["step"]
    return taken


def averaged(path: Path, recipe: Recipe) -> Recipe:
    """The recipe with the weights to export: the averaged ones, or the raw ones where EMA is off."""
    state = read(path)
    if recipe.config.ema:
        prefix = "module."  # AveragedModel holds its copy under this name, beside a counter
        average = state["modules"]["average"]
        weights = {k.removeprefix(prefix): v for k, v in average.items() if k.startswith(prefix)}
    else:
        weights = state["modules"]["recipe"]
    recipe.load_state_dict(weights)
    return recipe


def restore(
    path: Path, config: Config, modules: dict[str, nn.Module], optimizers: dict[str, Optimizer]
) -> int:
    """Loads a checkpoint into `modules` and `optimizers` and returns the step it was taken after.

    Refuses a changed config, number of threads or processes, or kind of device: the rest of the run would not
    be the run that was begun.
    """
    state = read(path)
    was, now = state["config"], dataclasses.asdict(config)
    changed = [
        f"{k} was {was.get(k)!r} and is {now.get(k)!r}"
        for k in sorted(was.keys() | now.keys())
        if was.get(k) != now.get(k)
    ]
    here = {"threads": torch.get_num_threads(), "processes": distributed.COUNT}
    changed += [f"{k} was {state.get(k, 1)} and is {n}" for k, n in here.items() if state.get(k, 1) != n]
    device = torch.get_default_device().type
    began_on = state.get("device", device)  # older checkpoints do not say
    if began_on != device:
        changed.append(f"device was {began_on} and is {device}")
    if changed:
        raise CheckpointError(
            f"{path}: begun with other settings ({'; '.join(changed)}); resume with the same ones,"
            " or start over in another folder with --run-dir (--runs-dir of semisupervised)"
        )
    for name, module in modules.items():
        module.load_state_dict(state["modules"][name])
    for name, optimizer in optimizers.items():
        optimizer.load_state_dict(state["optimizers"][name])
    step: int = state["step"]
    return step
