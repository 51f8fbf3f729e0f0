"""From a trained recipe to a bundle, models/<name>/<version>/: complete or not there at all."""

import base64
import dataclasses
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from PIL import Image

from service.engine.latent import draw
from service.manifest import (
    CLASSES,
    NAME,
    Golden,
    GoldenSamples,
    GoldenValues,
    Manifest,
    Role,
    RoleName,
    Score,
    Training,
)
from training import checkpoint, graph, history, recipes
from training.data import Digits
from training.graph import ExportError
from training.recipe import Recipe
from training.run import Run

GOLDEN = 4
SCORED = 5_000
LICENCE = "MIT; trained on MNIST (LeCun, Cortes, Burges), CC BY-SA 3.0"

Labels = NDArray[np.int64] | None
Images = NDArray[np.uint8]


def export(
    recipe: Recipe, name: str, models: Path, test: Digits, run: Run, version: int | None = None
) -> Path:
    """Writes the bundle of a trained `recipe` and returns its folder.

    `test` are the held-out digits that the score's threshold is set on. The folder is filled under a hidden
    name and then renamed, so that a server never sees half a bundle. Raises FileExistsError for a version
    that is there already, ExportError for a name or version that no bundle can have.
    """
    if not re.fullmatch(NAME, name):
        raise ExportError(f"name is {name!r}: give up to 64 of a-z, 0-9 and . _ -, the first of a-z or 0-9")
    if version is not None and version < 1:
        raise ExportError(f"version is {version}: give 1 or more, or leave out --version for the next")
    recipe.eval()
    number = version if version is not None else newest(models / name) + 1
    target = models / name / str(number)
    if target.exists():
        raise FileExistsError(
            f"{target} exists; a version is never rewritten: leave out --version for the next"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    hidden = Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
    try:
        contents = {
            role: graph.to_onnx(role, module, recipe.latent_dim, _labelled(role, recipe))
            for role, module in recipe.exports().items()
        }
        step = checkpoint.step(run.checkpoint)
        learned = history.files(run, step)
        manifest = _describe(recipe, name, number, contents, test, facts(run, step))
        manifest = manifest.model_copy(update={"history": history.entry(learned)})
        for role, content in contents.items():
            (hidden / f"{role}.onnx").write_bytes(content)
        for file, content in learned.items():
            (hidden / file).write_bytes(content)
        _preview(recipe, contents["generator"]).save(hidden / "preview.png", optimize=True)
        (hidden / "manifest.json").write_text(manifest.model_dump_json(indent=1) + "\n")
        hidden.chmod(0o755)
        os.rename(hidden, target)
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        raise
    return target


def trained(run: Run) -> tuple[str, Recipe]:
    """The name of the run's recipe, and the recipe with the weights to export."""
    begun = run.read_config()
    name: str = begun["recipe"]
    recipe = recipes.recipe_class(name)(recipes.config_class(name)(**begun["config"]))
    return name, checkpoint.averaged(run.checkpoint, recipe)


def newest(folder: Path) -> int:
    """The largest version in a model's folder, 0 if there is none."""
    versions = [int(path.name) for path in folder.glob("[0-9]*") if path.name.isdigit()]
    return max(versions, default=0)


def facts(run: Run, step: int) -> Training:
    """How a run went until its checkpoint at `step`, from its config and its log."""
    last = run.lines(step)[-1]
    begun = run.read_config()
    return Training(
        images=int(last["images"]),
        seconds=round(last["seconds"], 1),
        device=begun["device"],
        threads=begun["threads"],
        seed=begun["config"]["seed"],
        libraries={
            "torch": torch.__version__,
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
            "numpy": np.__version__,
        },
    )


def _labelled(role: RoleName, recipe: Recipe) -> bool:
    return recipe.conditional and role in ("generator", "discriminator")


def _describe(
    recipe: Recipe, name: str, version: int, contents: dict[RoleName, bytes], test: Digits, training: Training
) -> Manifest:
    generate = _runner(contents["generator"])
    z, labels = _latents(recipe, range(GOLDEN))
    images = generate(_feeds("z", z, labels))
    golden: dict[str, Any] = {
        "generator": GoldenSamples(
            z=z.tolist(),
            labels=None if labels is None else labels.tolist(),
            images=_base64(images),
            sha256=hashlib.sha256(images.tobytes()).hexdigest(),
        )
    }
    real = test.image[:GOLDEN].numpy()
    for role, content in contents.items():
        if role != "generator":
            known = test.label[:GOLDEN].numpy() if _labelled(role, recipe) else None
            values = _runner(content)(_feeds("image", real, known)).reshape(GOLDEN, -1)
            golden[role] = GoldenValues(
                images=_base64(real),
                labels=None if known is None else known.tolist(),
                values=values.tolist(),
                tolerance=1e-3 * max(1.0, float(np.abs(values).max())),
            )
    return Manifest(
        name=name,
        version=version,
        title=recipe.title,
        summary=recipe.summary,
        paper=recipe.paper,
        recipe=type(recipe).__module__.rpartition(".")[2],
        config=dataclasses.asdict(recipe.config),
        latent_dim=recipe.latent_dim,
        prior=recipe.prior,
        conditional=recipe.conditional,
        score=_score(recipe, contents, test),
        roles={
            role: Role(file=f"{role}.onnx", sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
            for role, content in contents.items()
        },
        golden=Golden(**golden),
        training=training,
        licence=LICENCE,
    )


def _score(recipe: Recipe, contents: dict[RoleName, bytes], test: Digits) -> Score | None:
    if "discriminator" not in contents or recipe.score is None:
        return None
    n = min(SCORED, len(test))
    real, real_labels = test.image[:n].numpy(), test.label[:n].numpy()
    z, labels = _latents(recipe, range(n))
    generated = _runner(contents["generator"])(_feeds("z", z, labels))
    discriminate = _runner(contents["discriminator"])

    def any_label(images: Images) -> NDArray[np.float32]:
        """The score over all labels: logsumexp of the joint logits of a conditional discriminator."""
        if not recipe.conditional:
            return discriminate({"image": images})
        every = [discriminate({"image": images, "label": np.full(len(images), y)}) for y in range(CLASSES)]
        return np.asarray(np.logaddexp.reduce(every), np.float32)

    of_real, of_generated = any_label(real), any_label(generated)
    told = None
    if labels is not None:
        told = best_threshold(
            discriminate({"image": real, "label": real_labels}),
            discriminate({"image": generated, "label": labels}),
        )
    return Score(
        kind=recipe.score,
        threshold=best_threshold(of_real, of_generated),
        label_threshold=told,
        real_quantiles=_quantiles(of_real),
        generated_quantiles=_quantiles(of_generated),
    )


def best_threshold(real: NDArray[np.float32], generated: NDArray[np.float32]) -> float:
    """Return the largest score that maximises balanced accuracy (Youden's J), real at or above it."""
    scores = np.concatenate([real, generated])
    order = np.argsort(-scores, kind="stable")
    is_real = np.concatenate([np.ones(len(real)), np.zeros(len(generated))])[order]
    gain = np.cumsum(is_real) / len(real) - np.cumsum(1 - is_real) / len(generated)
    # A threshold can only lie after the last of equal scores.
    last = np.append(np.diff(scores[order]) != 0, True)
    return float(scores[order][last][np.argmax(gain[last])])


def _quantiles(scores: NDArray[np.float32]) -> tuple[float, float, float]:
    low, middle, high = (round(float(q), 4) for q in np.quantile(scores, [0.05, 0.5, 0.95]))
    return low, middle, high


def _latents(recipe: Recipe, seeds: range) -> tuple[NDArray[np.float32], Labels]:
    """z and labels exactly as the service draws them for these seeds."""
    return draw(seeds, recipe.latent_dim, recipe.prior, recipe.conditional)


def _feeds(name: str, value: NDArray[Any], labels: Labels) -> dict[str, NDArray[Any]]:
    return {name: value} if labels is None else {name: value, "label": labels}


def _runner(content: bytes) -> Callable[[dict[str, NDArray[Any]]], NDArray[Any]]:
    """Runs a graph in batches small enough for memory."""
    run = graph.session(content)

    def in_batches(feeds: dict[str, NDArray[Any]]) -> NDArray[Any]:
        n = len(next(iter(feeds.values())))
        parts = [run.run(None, {k: v[i : i + 250] for k, v in feeds.items()})[0] for i in range(0, n, 250)]
        return np.concatenate(parts)

    return in_batches


def _preview(recipe: Recipe, generator: bytes) -> Image.Image:
    """Ten by ten samples of seeds 0 to 99; a conditional model's rows are the digits 0 to 9."""
    z, labels = _latents(recipe, range(100))
    if labels is not None:
        labels = np.repeat(np.arange(CLASSES), 10)
    tiles = _runner(generator)(_feeds("z", z, labels)).reshape(10, 10, 28, 28)
    return Image.fromarray(tiles.swapaxes(1, 2).reshape(280, 280))


def _base64(images: Images) -> str:
    return base64.b64encode(images.tobytes()).decode()
