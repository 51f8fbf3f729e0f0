"""Evaluation of bundles: every figure is explained, real digits are at the floor, manifests stay whole."""

import dataclasses
from pathlib import Path

import pytest
import torch

from service.manifest import Manifest, Metric
from tests.service.bundles import write_bundle
from tests.training.conftest import few
from training import leaderboard, recipes
from training.as_written import measure
from training.evaluate import Yardstick, evaluate, evaluate_all, record, summarise
from training.metrics.catalogue import CATALOGUE
from training.run import Run
from training.served import BundleError, read_manifest
from training.trainer import fit


@pytest.fixture(scope="module")
def yardstick() -> Yardstick:
    return Yardstick(few("train"), few("t10k"), samples=200, draws=2)


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
