"""python -m training as a person runs it: its own process, its own exit code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from training import recipes

GAN = str(max((Path(__file__).parents[2] / "models" / "gan").glob("[0-9]*")))


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-m", "training", *arguments],
        cwd=cwd,
        env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin", "COLUMNS": "120", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_list_names_every_system_with_its_paper(tmp_path: Path) -> None:
    done = run("list", cwd=tmp_path)
    assert done.returncode == 0
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert sorted(lines) == recipes.names()
    for name, line in lines.items():
        assert recipes.recipe_class(name).paper.url in line


def test_help_explains_every_setting_of_a_recipe(tmp_path: Path) -> None:
    done = run("train", "gan", "--help", cwd=tmp_path)
    assert done.returncode == 0
    for word in ("--latent-dim", "--generator-loss {non_saturating,minimax}", "--run-dir", "--paper"):
        assert word in done.stdout


def test_paper_takes_the_paper_s_settings(tmp_path: Path) -> None:
    helped = run("train", "gan", "--paper", "--help", cwd=tmp_path).stdout
    at = helped.index("--r1-gamma")
    assert "(default: 0.0)" in helped[at : at + 250]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "gan", "--data-dir", "nowhere"), "leave out --data-dir"),
        (("train", "gan", "--device", "cuda"), "leave out --device cuda"),
        (("train", "gan", "--seed", "-1"), "seed is -1: give one from 0"),
        (("export", "nowhere"), "config.json is missing"),
        (("evaluate", "--all", "--models-dir", "nowhere"), "name that of the bundles with --models-dir"),
        (("evaluate", "nowhere/manifest.json"), "name a bundle's folder"),
        (("evaluate", GAN, "--as-written", "nowhere"), "config.json is missing"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_fix(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_recipe_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    done = run("train", "began", cwd=tmp_path)
    assert done.returncode == 2
    assert "gan" in done.stderr


def test_a_run_s_config_is_on_disk(tmp_path: Path) -> None:
    from training.run import Run

    Run(tmp_path).begin("gan", recipes.config_class("gan")(), 0)
    assert json.loads((tmp_path / "config.json").read_text())["recipe"] == "gan"
