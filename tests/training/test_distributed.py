"""Real processes, by torchrun: together they do what one does alone, and one of them writes."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from training import distributed, recipes
from training.recipe import Config, GanConfig
from training.recipes import wgan
from training.run import Run

# The first test also waits for all recipes to be trained, twice.
pytestmark = pytest.mark.timeout(900)

ROOT = Path(__file__).parents[2]
TORCHRUN = ("-m", "torch.distributed.run", "--nproc-per-node", "2")
SHARE = ("-m", "tests.training.share")


def python(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Starts it as a group of its own, as a shell does."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], code: int = 0) -> str:
    printed, _ = process.communicate(timeout=600)
    assert process.returncode == code, printed
    return printed


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Every recipe, trained by one process and by two."""
    folder = tmp_path_factory.mktemp("shared")
    one = python(*SHARE, str(folder / "one"), *recipes.names())
    two = python(*TORCHRUN, *SHARE, str(folder / "two"), *recipes.names())
    finish(one)
    finish(two)
    return folder / "one", folder / "two"


@pytest.mark.parametrize("name", recipes.names())
def test_two_processes_have_the_losses_of_one(name: str, folders: tuple[Path, Path]) -> None:
    """Also with batch norm, minibatch deviation, penalties on gradients, a replay buffer, few labels."""
    one, two = (Run(folder / name).lines() for folder in folders)
    assert len(one) == len(two) > 1
    ends = {path.read_text() for path in (folders[1] / name).glob("digest-*")}
    assert len(ends) == 1, "the processes end with different weights"
    for alone, together in zip(one, two, strict=True):
        assert alone.keys() == together.keys()
        for figure in alone.keys() - {"seconds"}:
            assert math.isclose(alone[figure], together[figure], rel_tol=1e-6, abs_tol=1e-6), figure


def test_log_pictures_and_checkpoint_are_written_once(folders: tuple[Path, Path]) -> None:
    _, two = folders
    steps = [line["step"] for line in Run(two / "gan").lines()]
    assert steps == list(range(1, 13))
    assert json.loads((two / "gan/config.json").read_text())["processes"] == 2
    assert {path.name for path in (two / "gan").iterdir()} >= {"checkpoint.pt", "metrics.jsonl", "samples"}
    assert not list((two / "gan").rglob(".*partial"))


def test_ctrl_c_saves_and_the_same_command_goes_on(tmp_path: Path) -> None:
    process = python(*TORCHRUN, *SHARE, str(tmp_path), "gan", GAN_STEPS="1000000")
    run = Run(tmp_path / "gan")
    try:
        until = time.monotonic() + 300
        while not run.lines() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        process.kill()
    done = run.lines()[-1]["step"]
    assert done < 1_000_000
    # Not by one process alone: its sums are rounded otherwise.
    alone = python(*SHARE, str(tmp_path), "gan", GAN_STEPS="1000000")
    assert "processes was 2 and is 1" in finish(alone, 1)
    assert run.lines()[-1]["step"] == done


def test_settings_that_count_images_of_a_step_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "COUNT", 4)
    shared = distributed.share(wgan.Config(batch_size=64, generator_batch=256, n_critic=5))
    assert (shared.batch_size, shared.generator_batch, shared.n_critic) == (16, 64, 5)
    assert distributed.share(GanConfig(negatives=32)).negatives == 8
    with pytest.raises(distributed.SharesError, match="batch_size is 30, which 4 processes cannot share"):
        distributed.share(Config(batch_size=30))
