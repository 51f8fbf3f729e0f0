"""Every recipe's bundle, from a few steps of training: complete, self-contained and what torch computes."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from service.manifest import Manifest
from tests.training.conftest import few
from training import graph, recipes
from training.export import best_threshold, export, trained
from training.graph import ExportError
from training.run import Run
from training.trainer import fit

EXTRA = {"manifest.json", "preview.png", "history.json", "history.webp"}


def bundle(name: str, folder: Path) -> Path:
    torch.manual_seed(0)
    config = recipes.config_class(name)(steps=2, batch_size=32, ema=0.5)
    run = Run(folder / "run")
    recipe = fit(recipes.recipe_class(name)(config), few("train"), run)
    assert recipe is not None
    return export(recipe, name, folder / "models", few("t10k"), run)


def test_exporting_again_is_the_next_version_with_the_same_bytes(tmp_path: Path) -> None:
    one = bundle("gan", tmp_path / "a")
    torch.manual_seed(0)
    two = bundle("gan", tmp_path / "b")
    assert (one / "generator.onnx").read_bytes() == (two / "generator.onnx").read_bytes()
    run = Run(tmp_path / "a" / "run")
    recipe = recipes.recipe_class("gan")(recipes.config_class("gan")())
    second = export(recipe, "gan", tmp_path / "a" / "models", few("t10k"), run)
    assert second.name == "2"
    with pytest.raises(FileExistsError, match="never rewritten"):
        export(recipe, "gan", tmp_path / "a" / "models", few("t10k"), run, version=2)


def test_what_a_killed_run_did_after_its_checkpoint_is_not_told(tmp_path: Path) -> None:
    bundle("gan", tmp_path)
    run = Run(tmp_path / "run")
    run.log(7, {"generator/loss": 1.0, "seconds": 1e6, "images": 7 * 32})
    run.picture(7, torch.zeros(100, 1, 28, 28))
    folder = export(trained(run)[1], "gan", tmp_path / "models", few("t10k"), run)
    manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
    assert manifest.training.images == 2 * 32
    assert manifest.training.seconds < 1e6
    history = json.loads((folder / "history.json").read_text())
    assert max(history["steps"]) == max(history["frames"]) == 2


def test_a_failed_export_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise ExportError("no")

    monkeypatch.setattr(graph, "to_onnx", fail)
    with pytest.raises(ExportError):
        bundle("gan", tmp_path)
    assert list((tmp_path / "models" / "gan").iterdir()) == []


@pytest.mark.parametrize(("name", "version"), [("My GAN", None), ("", None), ("gan\n", None), ("gan", 0)])
def test_a_name_that_no_bundle_can_have_is_refused_before_anything_is_done(
    tmp_path: Path, name: str, version: int | None
) -> None:
    recipe = recipes.recipe_class("gan")(recipes.config_class("gan")())
    with pytest.raises(ExportError, match=r"(name|version) is .*: give "):
        export(recipe, name, tmp_path / "models", few("t10k"), Run(tmp_path), version)
    assert not (tmp_path / "models").exists()


def test_large_weights_are_stored_as_float16_and_computed_with_as_float32(tmp_path: Path) -> None:
    folder = bundle("gan", tmp_path)
    model = onnx.load(folder / "generator.onnx")
    large = [weight for weight in model.graph.initializer if np.prod(weight.dims) > graph.SMALL]
    assert large
    assert {weight.data_type for weight in large} == {onnx.TensorProto.FLOAT16}
    cast = {
        node.output[0]
        for node in model.graph.node
        if node.op_type == "Cast" and node.input[0] in {w.name for w in large}
    }
    used = {name for node in model.graph.node if node.op_type in ("Gemm", "MatMul") for name in node.input}
    assert cast <= used
    assert len(cast) == len(large)


class Blend(nn.Module):
    """A generator whose images leak into each other through the batch."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(z.mean() + z[:, :1]).view(-1, 1, 1, 1).expand(-1, 1, 28, 28)


def test_a_generator_whose_images_depend_on_their_company_is_refused() -> None:
    with pytest.raises(ExportError, match="depends on its batch"):
        graph.to_onnx("generator", Blend(), latent_dim=2, labelled=False)


class Drifting(nn.Module):
    """A network whose exported graph computes `factor` times what torch computes."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.linear = nn.Linear(784, 1)
        self.factor = factor

    def forward(self, image: Tensor) -> Tensor:
        value: Tensor = 10 + self.linear(image.flatten(1)).squeeze(1)
        return self.factor * value if torch.compiler.is_exporting() else value


class DriftingLevels(nn.Module):
    """A generator whose exported graph is brighter by so many of 255 levels."""

    def __init__(self, levels: float) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, z: Tensor) -> Tensor:
        grey = (z[:, :1] / 10).clamp(-0.5, 0.5).view(-1, 1, 1, 1).expand(-1, 1, 28, 28)
        return grey + self.levels / 127.5 if torch.compiler.is_exporting() else grey


def test_a_graph_that_computes_something_else_than_torch_is_refused() -> None:
    """By a part in a hundred, or by two levels; a part in ten thousand is rounding."""
    with pytest.raises(ExportError, match="discriminator: differs from torch by"):
        graph.to_onnx("discriminator", Drifting(1.01), latent_dim=2, labelled=False)
    with pytest.raises(ExportError, match="generator: differs from torch by 2"):
        graph.to_onnx("generator", DriftingLevels(2), latent_dim=2, labelled=False)
    graph.to_onnx("discriminator", Drifting(1.0001), latent_dim=2, labelled=False)


def test_the_threshold_separates_what_can_be_separated() -> None:
    real = np.array([2.0, 3.0, 5.0], np.float32)
    generated = np.array([-1.0, 0.0, 1.0], np.float32)
    assert best_threshold(real, generated) == 2.0
    mixed = np.array([2.5, 0.0, -3.0], np.float32)
    assert best_threshold(real, mixed) == 2.0


def test_of_several_best_thresholds_the_largest_is_taken() -> None:
    real, generated = np.array([1.0, 3.0], np.float32), np.array([2.0, 0.0], np.float32)
    assert best_threshold(real, generated) == 3.0


def test_equal_scores_cannot_be_split_by_a_threshold() -> None:
    one = np.array([1.0, 1.0], np.float32)
    assert best_threshold(one, one) == 1.0
