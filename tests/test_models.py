"""Every bundle in models/, as it is shipped: proved, deterministic, and answering every endpoint."""

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnxruntime as ort
import pytest
import torch
from numpy.typing import NDArray

from service.engine.bundle import load_bundle
from service.engine.landscape import read_landscape
from service.engine.latent import draw
from service.manifest import CLASSES, Direction, Manifest
from service.settings import Settings
from tests.service.api.pictures import of_json
from tests.service.conftest import Server, start_server
from tests.training.conftest import few
from training import classifier, course, recipes
from training.attributes import ATTRIBUTES
from training.course import Straight
from training.landscape import Slope
from training.served import Served

ROOT = Path(__file__).parents[1]
MODELS = ROOT / "models"
BUNDLES = sorted(path.parent for path in MODELS.glob("*/*/manifest.json"))


def manifest_of(folder: Path) -> Manifest:
    return Manifest.model_validate_json((folder / "manifest.json").read_bytes())


def way(folder: Path, direction: Direction) -> course.Way:
    """Where the service would move z."""
    if direction.vector is not None:
        return Straight(torch.tensor(direction.vector))
    entry = direction.landscape
    assert entry is not None
    content = (folder / entry.file).read_bytes()
    return Slope(entry, content, read_landscape(content, entry))


LATER = {"sgan": ("classifier_share", "dense_judge"), "vae_2d": ("contrast",)}
"""Settings that came after the paper's runs, which are as they were with the value of AS_WRITTEN."""
AS_WRITTEN = [folder for folder in BUNDLES if manifest_of(folder).as_written]
TAUGHT = [folder for folder in BUNDLES if manifest_of(folder).config.get("negatives")]
SAMPLES = 1_000
every_bundle = pytest.mark.parametrize("folder", BUNDLES, ids=lambda path: f"{path.parent.name}-{path.name}")

Array = NDArray[Any]


def network(folder: Path, role: str, threads: int = 1) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(
        (folder / f"{role}.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]
    )


def latents(manifest: Manifest, n: int) -> dict[str, Array]:
    z, labels = draw(range(n), manifest.latent_dim, manifest.prior, manifest.conditional)
    return {"z": z} if labels is None else {"z": z, "label": labels}


def scores(folder: Path, manifest: Manifest, images: Array) -> Array:
    """As /score has them without a label."""
    judge = network(folder, "discriminator")
    if not manifest.conditional:
        return np.asarray(judge.run(None, {"image": images})[0])
    labels = (np.full(len(images), y, np.int64) for y in range(CLASSES))
    joint = [judge.run(None, {"image": images, "label": label})[0] for label in labels]
    return np.asarray(np.logaddexp.reduce(joint))


def auc(positive: Array, negative: Array) -> float:
    """The chance that a positive scores above a negative."""
    return float(
        (positive[:, None] > negative[None]).mean() + (positive[:, None] == negative[None]).mean() / 2
    )


def test_the_default_model_is_shipped_and_all_of_them_are_small() -> None:
    assert Settings().default_model in {folder.parent.name for folder in BUNDLES}
    assert sum(path.stat().st_size for path in MODELS.rglob("*") if path.is_file()) < 60_000_000


@pytest.mark.parametrize("folder", AS_WRITTEN, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_the_paper_s_figures_are_of_what_train_paper_trains(folder: Path) -> None:
    manifest = manifest_of(folder)
    recorded = manifest.as_written.config if manifest.as_written else {}
    written = dataclasses.asdict(recipes.as_written(manifest.recipe))
    later = {name: written[name] for name in LATER.get(manifest.recipe, ())}
    assert later | recorded == written


@every_bundle
def test_it_passes_its_self_test(folder: Path) -> None:
    bundle = load_bundle(folder, "cpu")
    assert bundle.manifest.name == folder.parent.name
    assert bundle.preview is not None


@every_bundle
@pytest.mark.parametrize("threads", [1, 2])
def test_what_a_network_says_of_a_row_does_not_depend_on_its_batch(folder: Path, threads: int) -> None:
    manifest = manifest_of(folder)
    digits = few("t10k")
    for role in manifest.roles:
        if role == "generator":
            feeds = latents(manifest, 64)
        else:
            feeds = {"image": digits.image[:64].numpy()}
            if manifest.conditional and role == "discriminator":
                feeds["label"] = digits.label[:64].numpy()
        run = network(folder, role, threads)
        (together,) = run.run(None, feeds)
        for batch in (1, 2, 3, 7, 32):
            parts = [
                run.run(None, {name: rows[i : i + batch] for name, rows in feeds.items()})[0]
                for i in range(0, 64, batch)
            ]
            assert np.array_equal(np.concatenate(parts), together), role


@every_bundle
def test_its_samples_vary_and_have_the_ink_of_digits(folder: Path) -> None:
    (images,) = network(folder, "generator").run(None, latents(manifest_of(folder), 200))
    assert len({image.tobytes() for image in images}) == 200
    real = few("t10k").image.numpy()
    assert abs(images.mean() - real.mean()) < 0.2 * real.mean()
    assert images.std(0).mean() > 0.7 * real.std(0).mean()


@every_bundle
def test_all_ten_digits_are_there_and_are_those_that_were_asked_for(folder: Path) -> None:
    images, labels = Served(folder).generate(range(SAMPLES))
    read = classifier.load().judge(images).label
    shares = torch.bincount(read, minlength=CLASSES) / SAMPLES
    assert shares.min() >= 0.05
    assert shares.max() <= 0.17
    if labels is not None:
        assert (read == labels).float().mean() >= 0.97


@every_bundle
def test_its_directions_are_named_measured_and_pictured(folder: Path) -> None:
    manifest = manifest_of(folder)
    named = {direction.name: direction for direction in manifest.directions}
    assert len(named) == len(manifest.directions)
    assert {"slant", "stroke_width"} <= set(named)
    if manifest.conditional:
        assert len([one for one in named.values() if one.found and one.found.method == "regression"]) >= 5
    for direction in manifest.directions:
        low, high = direction.range
        assert low <= 0 < high
        found = direction.found
        assert found is not None
        assert found.correlation >= 0.9
        assert found.kept >= (0.95 if manifest.conditional else 0.75)
        if not found.trait.startswith("digit_"):
            assert max(found.moves, key=found.moves.__getitem__) == found.trait
        picture = (folder / found.picture.file).read_bytes()
        assert hashlib.sha256(picture).hexdigest() == found.picture.sha256


@every_bundle
def test_slant_and_stroke_width_do_what_they_say_and_leave_digits_what_they_are(folder: Path) -> None:
    """What the manifest says of them, measured again in a few images of other seeds."""
    manifest = manifest_of(folder)
    judge = classifier.load()
    served = Served(folder)
    z, labels = served.draw(range(700, 740))
    for direction in manifest.directions:
        if direction.name in ("slant", "stroke_width"):
            images = course.along(served, z, labels, way(folder, direction), (*direction.range, 0.0))
            measured = ATTRIBUTES[direction.name](images).reshape(40, 3)
            assert (measured[:, 1] > measured[:, 0]).double().mean() >= 0.9
            read = judge.judge(images).label.reshape(40, 3)
            stay = read[:, 2] if labels is None else labels
            kept = (read[:, :2] == stay.unsqueeze(1)).double().mean()
            assert kept >= (0.9 if manifest.conditional else 0.6)


@every_bundle
def test_its_discriminator_is_not_collapsed_to_one_answer(folder: Path) -> None:
    manifest = manifest_of(folder)
    if "discriminator" not in manifest.roles:
        assert manifest.score is None
        return
    of_digits = scores(folder, manifest, few("t10k").image.numpy())
    assert of_digits.std() > 1e-3


@pytest.mark.parametrize("folder", TAUGHT, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_its_discriminator_tells_digits_from_what_is_none(folder: Path) -> None:
    """Where that was part of its training (training/negatives.py)."""
    manifest = manifest_of(folder)
    digits = few("t10k").image.numpy()
    noise = np.random.default_rng(0).integers(0, 256, digits.shape, dtype=np.uint8)
    of_digits = scores(folder, manifest, digits)
    assert auc(of_digits, scores(folder, manifest, noise)) >= 0.99
    assert auc(of_digits, scores(folder, manifest, 255 - digits)) >= 0.95


@pytest.fixture(scope="module")
def shipped() -> Iterator[Server]:
    with start_server(MODELS, DEFAULT_MODEL="cgan") as server:
        yield server


@every_bundle
def test_it_answers_every_endpoint(folder: Path, shipped: Server) -> None:
    manifest = manifest_of(folder)
    named: dict[str, Any] = {"model": manifest.name, "version": manifest.version}
    label = {"labels": 3} if manifest.conditional else {}
    with httpx.Client(base_url=shipped.url) as http:
        made = http.post("/generate", json={**named, "n": 3, "seed": 5, "return_latents": True})
        images = of_json(made)
        for i in range(3):
            alone = of_json(http.post("/generate", json={**named, "seed": 5 + i}))
            assert np.array_equal(alone[0], images[i])
        tiles = made.json()["images"]
        labels = [tile["label"] for tile in tiles] if manifest.conditional else None
        given = {**named, "latents": [tile["latent"] for tile in tiles]}
        decoded = http.post("/decode", json=given if labels is None else {**given, "labels": labels})
        assert np.array_equal(of_json(decoded), images)
        walk = http.post("/interpolate", json={**named, **label, "from": 1, "to": 2, "steps": 4})
        assert len(of_json(walk)) == 4
        if "discriminator" in manifest.roles:
            scored = http.post("/score", json={**named, "images": [tiles[0]["b64_json"]]})
            assert len(scored.json()["scores"]) == 1
        assert http.get(f"/models/{manifest.name}").json()["manifest"]["name"] == manifest.name


def test_bent_directions_are_climbed_one_after_the_other_as_the_model_names_them(shipped: Server) -> None:
    folder = next(folder for folder in BUNDLES if folder.parent.name == "vae_2d")
    held = load_bundle(folder, "cpu").landscapes
    moves = {"stroke_width": -1.5, "slant": 1.0}
    asked = {"model": "vae_2d", "n": 3, "seed": 5, "return_latents": True}
    with httpx.Client(base_url=shipped.url) as http:

        def latents(**more: Any) -> Array:
            answer = http.post("/generate", json=asked | more).json()
            return np.array([image["latent"] for image in answer["images"]])

        start, moved = latents(), latents(directions=moves)
        assert np.array_equal(moved, latents(directions=dict(reversed(moves.items()))))
        refused = http.post("/generate", json=asked | {"directions": {"slant": 9}})
    names = [one.name for one in manifest_of(folder).directions]
    assert names.index("slant") < names.index("stroke_width")
    climbed = held["slant"].climb(start, moves["slant"])
    climbed = held["stroke_width"].climb(climbed, moves["stroke_width"])
    assert moved == pytest.approx(climbed, abs=1e-4)
    assert abs(moved - start).max() > 0.01
    assert (refused.status_code, "slant goes from" in refused.text) == (422, True)
