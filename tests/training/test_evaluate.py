"""Evaluation of bundles: every figure is explained, real digits are at the floor, manifests stay whole."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from service.engine.latent import draw
from service.manifest import Manifest, Metric
from tests.service.bundles import LATENT, write_bundle
from tests.training.conftest import few
from training import leaderboard, recipes
from training.as_written import measure
from training.evaluate import Yardstick, evaluate, evaluate_all, record, summarise
from training.graph import session
from training.metrics.catalogue import CATALOGUE
from training.run import Run
from training.served import BundleError, Served, read_manifest
from training.trainer import fit

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def yardstick() -> Yardstick:
    return Yardstick(few("train"), few("t10k"), samples=200, draws=2)


@pytest.fixture(autouse=True)
def short_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time generators for milliseconds, not for a second: no test depends on the speed."""
    timed = Served.microseconds
    monkeypatch.setattr(Served, "microseconds", lambda served, batch: timed(served, batch, seconds=0.005))


def test_every_figure_of_every_kind_of_bundle_is_explained(yardstick: Yardstick, tmp_path: Path) -> None:
    conditional = evaluate(write_bundle(tmp_path, "cgan", conditional=True), yardstick)
    whole = evaluate(
        write_bundle(tmp_path, "sgan", roles=("generator", "discriminator", "encoder", "classifier")),
        yardstick,
    )
    bare = evaluate(write_bundle(tmp_path, "ae", roles=("generator",)), yardstick)
    assert set(conditional) | set(whole) == set(CATALOGUE)
    assert "label_accuracy" not in whole
    assert {"auc_generated", "auc_noise", "reconstruction_error", "classifier_accuracy"}.isdisjoint(bare)
    for metrics in (conditional, whole, bare):
        assert all(metrics[name].floor is not None for name in yardstick.floor if name in metrics)
        assert metrics["frechet_distance"].spread is not None


def test_noise_is_far_from_digits_and_digits_are_at_the_floor(yardstick: Yardstick, tmp_path: Path) -> None:
    noise = evaluate(write_bundle(tmp_path, "noise"), yardstick)
    real = yardstick.measure(few("train").image[:200], few("train").label[:200])
    floor = yardstick.floor
    assert noise["frechet_distance"].value > 5 * floor["frechet_distance"]
    assert noise["recall"].value < 0.1 < floor["recall"]
    assert noise["pieces"].value > 1.2 > floor["pieces"]
    assert real["frechet_distance"] == pytest.approx(floor["frechet_distance"], rel=0.5)
    assert real["label_accuracy"] > 0.97
    assert sum(real[f"share_of_{digit}"] for digit in range(10)) == pytest.approx(1)
    assert real["near_copies"] == 1


def test_a_dropped_digit_shows(yardstick: Yardstick) -> None:
    digits = few("train")
    without = digits.image[digits.label != 4][:200]
    figures = yardstick.measure(without, None)
    assert figures["share_of_4"] < 0.02
    assert figures["class_kl"] > 2 * yardstick.floor["class_kl"]
    assert figures["frechet_distance"] > 1.2 * yardstick.floor["frechet_distance"]
    assert "label_accuracy" not in figures


def test_evaluating_twice_gives_the_same_figures(yardstick: Yardstick, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path, "gan")
    one, two = evaluate(bundle, yardstick), evaluate(bundle, yardstick)
    timed = {"microseconds_per_image", "microseconds_alone"}
    assert {k: v for k, v in one.items() if k not in timed} == {
        k: v for k, v in two.items() if k not in timed
    }


def scores(bundle: Path, image: Images) -> Floats:
    """The bundle's own discriminator, straight in onnxruntime."""
    found: Floats = session((bundle / "discriminator.onnx").read_bytes()).run(None, {"image": image})[0]
    return found


def won(positive: Floats, negative: Floats) -> float:
    """The share of pairs in which the positive scores higher, by counting."""
    return float((positive[:, None] > negative).mean() + (positive[:, None] == negative).mean() / 2)


def test_what_the_discriminator_tells_apart_is_counted_in_pairs(yardstick: Yardstick, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path, "gan")
    metrics = evaluate(bundle, yardstick)
    test, train = few("t10k").image[:200].numpy(), few("train").image.numpy()
    real = scores(bundle, test)
    noise = torch.randint(0, 256, test.shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    generate = session((bundle / "generator.onnx").read_bytes())
    drawn = [
        won(real, scores(bundle, generate.run(None, {"z": z})[0]))
        for z in (
            draw(range(200), LATENT, "normal", False)[0],
            draw(range(200, 400), LATENT, "normal", False)[0],
        )
    ]
    expected = {
        "auc_generated": sum(drawn) / 2,
        "auc_noise": won(real, scores(bundle, noise.numpy())),
        "auc_inverted": won(real, scores(bundle, 255 - test)),
        "auc_train": won(scores(bundle, train), real),
    }
    assert {name: metrics[name].value for name in expected} == pytest.approx(expected, abs=1e-4)
    assert all(abs(expected[name] - 0.5) > 0.005 for name in ("auc_generated", "auc_noise", "auc_inverted"))
    assert abs(drawn[0] - drawn[1]) > 0.001, "the draws are of different samples"
    assert metrics["auc_generated"].spread == pytest.approx(abs(drawn[0] - drawn[1]) / 2**0.5, abs=1e-4)


def test_reconstruction_and_classes_are_measured_on_the_bundle_s_own_networks(
    yardstick: Yardstick, tmp_path: Path
) -> None:
    bundle = write_bundle(tmp_path, "all", roles=("generator", "encoder", "classifier"))
    metrics = evaluate(bundle, yardstick)
    digits = few("t10k")
    image = digits.image[:200].numpy()
    z = session((bundle / "encoder.onnx").read_bytes()).run(None, {"image": image})[0]
    again = session((bundle / "generator.onnx").read_bytes()).run(None, {"z": z})[0]
    error = np.square((again.astype(float) - image) / 255).mean()
    assert error > 0.01
    assert metrics["reconstruction_error"].value == pytest.approx(error, rel=1e-3)
    logits = session((bundle / "classifier.onnx").read_bytes()).run(None, {"image": image})[0]
    right = (logits.argmax(1) == digits.label[:200].numpy()).mean()
    assert metrics["classifier_accuracy"].value == pytest.approx(right, abs=1e-4)
    assert metrics["classifier_accuracy"].floor == pytest.approx(yardstick.accuracy, abs=1e-4)


def test_the_floor_is_the_mean_over_disjoint_draws_of_training_digits(yardstick: Yardstick) -> None:
    known = {image.numpy().tobytes(): row for row, image in enumerate(few("train").image)}
    draws = [yardstick.drawn(number) for number in range(2)]
    rows = [{known[image.numpy().tobytes()] for image in digits.image} for digits in draws]
    assert len(rows[0]) == len(rows[1]) == 200
    assert rows[0].isdisjoint(rows[1])
    assert max(rows[0] | rows[1]) < 512 - 512 // 6, "the last sixth is kept for Parzen's sigma"
    for digits in draws:
        row = known[digits.image[7].numpy().tobytes()]
        assert digits.label[7] == few("train").label[row]
    one, other = (yardstick.measure(digits.image, digits.label) for digits in draws)
    for name in ("frechet_distance", "recall", "label_accuracy", "parzen"):
        assert yardstick.floor[name] == pytest.approx((one[name] + other[name]) / 2, rel=1e-3)
    assert one["frechet_distance"] != other["frechet_distance"]


def test_a_conditional_model_is_asked_for_the_labels_of_real_digits(
    yardstick: Yardstick, tmp_path: Path
) -> None:
    bundle = write_bundle(tmp_path, "cgan", conditional=True)
    generate = session((bundle / "generator.onnx").read_bytes())
    right = []
    for number in range(2):
        label = yardstick.drawn(number).label
        z, _ = draw(range(200 * number, 200 * number + 200), LATENT, "normal", True)
        image = generate.run(None, {"z": z, "label": label.numpy()})[0]
        seen = yardstick.judge.judge(torch.from_numpy(image)).label
        right.append(float((seen == label).double().mean()))
    found = evaluate(bundle, yardstick)["label_accuracy"]
    assert found.value == pytest.approx(sum(right) / 2, abs=1e-4)


def test_figures_are_recorded_without_touching_the_rest(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path, "gan")
    before = Manifest.model_validate_json((bundle / "manifest.json").read_bytes())
    files = sorted(bundle.iterdir())
    record(bundle, metrics={"recall": Metric(value=0.5, floor=0.9, spread=0.01)})
    after = Manifest.model_validate_json((bundle / "manifest.json").read_bytes())
    assert after.metrics == {"recall": Metric(value=0.5, floor=0.9, spread=0.01)}
    assert after.model_copy(update={"metrics": before.metrics}) == before
    assert sorted(bundle.iterdir()) == files
    with pytest.raises(BundleError, match="missing"):
        record(tmp_path, metrics={})


def test_the_leaderboard_has_every_model_s_newest_version_best_first(
    yardstick: Yardstick, tmp_path: Path
) -> None:
    write_bundle(tmp_path, "gan", 2)
    write_bundle(tmp_path, "gan", 10)
    write_bundle(tmp_path, "cgan", conditional=True)
    old = (tmp_path / "gan" / "2" / "manifest.json").read_bytes()
    evaluate_all(tmp_path, yardstick)
    assert (tmp_path / "gan" / "2" / "manifest.json").read_bytes() == old
    written = {
        path.parent: Manifest.model_validate_json(path.read_bytes()).metrics["frechet_distance"].value
        for path in (tmp_path / "gan" / "10" / "manifest.json", tmp_path / "cgan" / "1" / "manifest.json")
    }
    rows = [line for line in (tmp_path / "README.md").read_text().splitlines() if line.startswith("|")]
    assert len({row.count("|") for row in rows}) == 1
    assert rows[2].startswith("| real digits |")
    best, worst = sorted(written, key=lambda bundle: written[bundle])
    assert f"({best.relative_to(tmp_path)})" in rows[3]
    assert f"({worst.relative_to(tmp_path)})" in rows[4]
    for name in ("leaderboard.png", "cost.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    names = ["README.md", "cgan", "cost.png", "gan", "leaderboard.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_the_paper_s_own_settings_have_a_row_of_their_own(yardstick: Yardstick, tmp_path: Path) -> None:
    name, run = "gan", Run(tmp_path / "run")
    torch.manual_seed(0)
    config = dataclasses.replace(recipes.as_written(name), steps=2, batch_size=32)
    assert fit(recipes.recipe_class(name)(config), few("train"), run) is not None
    bundle = write_bundle(tmp_path / "models", name)
    record(bundle, metrics=evaluate(bundle, yardstick), as_written=measure(run, yardstick))
    written = read_manifest(bundle).as_written
    assert written is not None
    assert written.config["r1_gamma"] == 0
    assert written.training.images == 64
    served, paper = leaderboard.table([read_manifest(bundle)])[3:]
    assert served.startswith("| [`gan`](gan/1)")
    assert paper.startswith("| `gan` as its paper has it |")
    assert format(written.metrics["frechet_distance"].value, ".2f") in paper


def test_every_column_of_the_table_is_a_figure_that_is_explained() -> None:
    assert set(leaderboard.COLUMNS) <= set(CATALOGUE)


def test_summary_is_mean_and_spread_beside_the_floor() -> None:
    metrics = summarise([{"recall": 0.1, "kid": 1.0}, {"recall": 0.3, "kid": 1.0}], {"recall": 0.9})
    assert metrics["recall"] == Metric(value=0.2, floor=0.9, spread=0.14142)
    assert metrics["kid"] == Metric(value=1, floor=None, spread=0)
    assert summarise([{"recall": 1 / 3}], {})["recall"] == Metric(value=0.33333)
