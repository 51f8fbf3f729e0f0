"""Every recipe's bundle, as `train` and `export` make it: complete, loaded by the service, and computing what
the averaged weights compute in torch."""

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from service.engine.bundle import Bundle, load_bundle
from service.engine.latent import draw
from service.manifest import RoleName
from tests.training.conftest import few
from tests.training.small import smaller
from training import recipes
from training.export import export, trained
from training.recipe import Config, Recipe
from training.run import Run
from training.trainer import Intervals, fit

EXTRA = {"manifest.json", "preview.png", "history.json", "history.webp"}
DECAY = 0.5
Weights = dict[str, Tensor]


class Recording(Run):
    """A run that keeps the weights of a recipe after each step."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        super().__init__(folder)
        self.recipe = recipe
        self.seen: list[Weights] = []

    def log(self, step: int, figures: dict[str, float]) -> None:
        super().log(step, figures)
        self.seen.append({key: value.clone() for key, value in self.recipe.state_dict().items()})


@dataclass
class Exported:
    """A bundle, and what it was made of."""

    folder: Path
    config: Config
    steps: list[Weights]
    """The weights after each step."""
    bundle: Bundle
    """The bundle as the service has it."""

    @property
    def averaged(self) -> Weights:
        """The exponential moving average of the weights, computed here."""
        average = dict(self.steps[0])
        for weights in self.steps[1:]:
            for key, value in weights.items():
                if value.is_floating_point():
                    average[key] = DECAY * average[key] + (1 - DECAY) * value
        return average

    def networks(self, weights: Weights) -> dict[RoleName, torch.nn.Module]:
        """What the recipe exports with these weights, rounded to float16 where they are stored so."""
        recipe = recipes.recipe_class(self.bundle.manifest.recipe)(self.config)
        recipe.load_state_dict(weights)
        networks = {role: copy.deepcopy(one).eval() for role, one in recipe.eval().exports().items()}
        for network in networks.values():
            for weight in network.parameters():
                if weight.numel() > 1024:
                    weight.data = weight.data.half().float()
        return networks


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Exported]:
    """Each recipe by name, exported once, whatever the order of the tests."""
    return cache(lambda name: make(name, tmp_path_factory.mktemp(name)))


@pytest.fixture(params=recipes.names())
def exported(request: pytest.FixtureRequest, made: Callable[[str], Exported]) -> Exported:
    return made(request.param)


def make(name: str, folder: Path) -> Exported:
    """Train a recipe for three steps, and export it from its run's folder as the command does."""
    torch.manual_seed(0)
    settings = smaller(name) | {"steps": 3, "batch_size": 32, "ema": DECAY, "learning_rate": 3e-3}
    config = recipes.config_class(name)(**settings)
    recipe = recipes.recipe_class(name)(config)
    run = Recording(folder / "run", recipe)
    assert fit(recipe, few("train"), run, Intervals(log=1, picture=1000, save=1000)) is not None
    assert len(run.seen) == 3
    written = export(trained(run)[1], name, folder / "models", few("t10k"), run)
    assert written == folder / "models" / name / "1"
    return Exported(written, config, run.seen, load_bundle(written, "cpu"))


def feeds(one: Exported, role: RoleName) -> dict[str, NDArray[Any]]:
    """Twelve latents as the service draws them, or digits; labels where the network reads them."""
    manifest = one.bundle.manifest
    if role == "generator":
        z, label = draw(range(50, 62), manifest.latent_dim, manifest.prior, manifest.conditional)
        return {"z": z} if label is None else {"z": z, "label": label}
    given = {"image": few("t10k").image[:12].numpy(), "label": few("t10k").label[:12].numpy()}
    return {name: given[name] for name in one.bundle.sessions[role].inputs}


def in_torch(network: torch.nn.Module, role: RoleName, given: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """The network's values; a generator's as levels from 0 to 255, not rounded."""
    first, *label = (torch.from_numpy(value) for value in given.values())
    with torch.no_grad():
        if role == "generator":
            value: Tensor = (network(first, *label).squeeze(1) + 1) * 127.5
        else:
            value = network(first.float().unsqueeze(1) / 127.5 - 1, *label)
    return value.numpy()


def test_a_bundle_is_complete_and_names_its_files(exported: Exported) -> None:
    folder, manifest = exported.folder, exported.bundle.manifest
    assert {f"{role}.onnx" for role in manifest.roles} | EXTRA == {path.name for path in folder.iterdir()}
    assert [path.name for path in folder.parent.iterdir()] == ["1"], "nothing half-written is left"
    for role in manifest.roles.values():
        content = (folder / role.file).read_bytes()
        assert hashlib.sha256(content).hexdigest() == role.sha256
        assert len(content) == role.bytes
        assert str(Path.cwd()).encode() not in content, "no source path of this machine"
        onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    assert exported.bundle.exact, "the self-test gives the bytes of this very machine"


def test_what_is_served_are_the_averaged_weights(exported: Exported) -> None:
    networks, raw = exported.networks(exported.averaged), exported.networks(exported.steps[-1])
    assert set(exported.bundle.sessions) == set(networks)
    differ = []
    for role, session in exported.bundle.sessions.items():
        given = feeds(exported, role)
        got = session.run(given).astype(np.float64)
        expected, unaveraged = (in_torch(each[role], role, given) for each in (networks, raw))
        # Levels are rounded, and the weights of rewritten convolutions are rounded once more.
        bound = 0.75 if role == "generator" else 1e-3 * max(1.0, np.abs(expected).max())
        assert got.shape == expected.shape
        assert np.abs(got - expected).max() <= bound, role
        differ.append(np.abs(unaveraged - expected).max() > 3 * bound)
    assert all(differ), "the last raw weights give other values, which would be seen"


def test_the_self_tests_allow_no_more_than_rounding(exported: Exported) -> None:
    golden = exported.bundle.manifest.golden
    assert golden.generator.level_tolerance <= 2
    for role in set(exported.bundle.sessions) - {"generator"}:
        values = getattr(golden, role)
        assert values.tolerance <= 1e-3 * max(1.0, np.abs(values.values).max()), role


def any_label(one: Exported, image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Scores of images without a label: log sum_y exp of a conditional discriminator's logits."""
    session = one.bundle.sessions["discriminator"]
    if not one.bundle.manifest.conditional:
        return session.run({"image": image}).astype(np.float64)
    each = [session.run({"image": image, "label": np.full(len(image), y)}) for y in range(10)]
    total: NDArray[np.float64] = np.log(np.exp(np.array(each, np.float64)).sum(0))
    return total


def accuracy(real: NDArray[np.float64], generated: NDArray[np.float64], threshold: float) -> float:
    """Balanced accuracy of calling real what scores at least the threshold."""
    return float((real >= threshold).mean() + (generated < threshold).mean()) / 2


def test_thresholds_and_quantiles_are_those_of_real_and_generated_digits(exported: Exported) -> None:
    manifest, score = exported.bundle.manifest, exported.bundle.manifest.score
    if "discriminator" not in exported.bundle.sessions:
        assert score is None
        return
    assert score is not None
    digits = few("t10k")
    real_image, real_label = digits.image.numpy(), digits.label.numpy()
    z, label = draw(range(len(digits)), manifest.latent_dim, manifest.prior, manifest.conditional)
    labelled = {} if label is None else {"label": label}
    made = exported.bundle.sessions["generator"].run({"z": z, **labelled})

    real, generated = any_label(exported, real_image), any_label(exported, made)
    assert score.real_quantiles == pytest.approx(np.quantile(real, [0.05, 0.5, 0.95]), abs=1e-4)
    assert score.generated_quantiles == pytest.approx(np.quantile(generated, [0.05, 0.5, 0.95]), abs=1e-4)
    assert abs(score.real_quantiles[1] - score.generated_quantiles[1]) > 1e-3
    told = {score.threshold: (real, generated)}
    if label is None:
        assert score.label_threshold is None
    else:
        session = exported.bundle.sessions["discriminator"]
        with_label = (
            session.run({"image": real_image, "label": real_label}).astype(np.float64),
            session.run({"image": made, "label": label}).astype(np.float64),
        )
        assert score.label_threshold is not None
        told[score.label_threshold] = with_label
    assert len(told) == (1 if label is None else 2)
    for threshold, (of_real, of_generated) in told.items():
        scores = np.concatenate([of_real, of_generated])
        best = max(accuracy(of_real, of_generated, float(each)) for each in scores)
        # A threshold is one of the scores; rounding may put that score on either side.
        last_bits = 1e-5 * scores.std()
        near = [accuracy(of_real, of_generated, threshold + shift) for shift in (-last_bits, 0, last_bits)]
        assert max(near) == pytest.approx(best, abs=1e-9)
        assert best > 0.55
