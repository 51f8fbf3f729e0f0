import hashlib
import io
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from training import history
from training.recipe import Config
from training.run import Run


def run_of(folder: Path, steps: int, pictures: list[int]) -> Run:
    """A run that logged at each step, with a Fréchet distance at every tenth."""
    run = Run(folder)
    run.begin("gan", Config(), 0)
    for step in range(1, steps + 1):
        measured = {"frechet_distance": 100.0 / step} if step % 10 == 0 else {}
        run.log(step, {"generator/loss": float(step), **measured, "seconds": 1.0, "images": 2.0})
    for step in pictures:
        run.picture(step, torch.full((100, 1, 28, 28), step / 1000))
    return run


def test_a_short_log_is_kept_as_it_is(tmp_path: Path) -> None:
    shown = history.read(run_of(tmp_path, 20, [10, 20]))
    assert shown.steps == list(range(1, 21))
    assert list(shown.curves) == ["generator/loss", "frechet_distance"]
    assert shown.curves["generator/loss"] == [float(step) for step in shown.steps]
    assert shown.curves["frechet_distance"] == [None] * 9 + [10.0] + [None] * 9 + [5.0]
    assert shown.frames == [10, 20]


def test_a_long_log_is_thinned_to_means_and_keeps_its_end(tmp_path: Path) -> None:
    shown = history.read(run_of(tmp_path, 1001, []), points=200)
    assert len(shown.steps) == len(shown.curves["generator/loss"]) == 200
    assert shown.steps[-1] == 1001
    first = shown.steps[0]
    assert shown.curves["generator/loss"][0] == (1 + first) / 2
    measured = [value for value in shown.curves["frechet_distance"] if value is not None]
    assert len(measured) == 100


@pytest.mark.parametrize(("steps", "most"), [([1, 2, 3], 3), (list(range(100)), 24)])
def test_pictures_are_spread_with_the_first_and_the_last(steps: list[int], most: int) -> None:
    chosen = history.spread(steps, most)
    assert len(chosen) == min(most, len(steps))
    assert chosen == sorted(set(chosen))
    assert (chosen[0], chosen[-1]) == (steps[0], steps[-1])


def test_frames_lie_below_each_other(tmp_path: Path) -> None:
    run = run_of(tmp_path, 2, [1, 1000])
    contents = history.files(run)
    assert json.loads(contents["history.json"])["frames"] == [1, 1000]
    with Image.open(io.BytesIO(contents["history.webp"])) as strip:
        assert strip.size == (280, 560)
        grey = strip.convert("L")
    assert min(grey.crop((0, 280, 280, 560)).tobytes()) > 200 > max(grey.crop((0, 0, 280, 280)).tobytes())
    entry = history.entry(contents)
    assert entry.frames.bytes == len(contents["history.webp"])
    assert entry.curves.sha256 == hashlib.sha256(contents["history.json"]).hexdigest()


def test_as_many_pictures_are_kept_as_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(tmp_path, 2, [])
    for step in range(3):
        run.picture(step, torch.rand(100, 1, 28, 28, generator=torch.Generator().manual_seed(step)) * 2 - 1)
    monkeypatch.setattr(history, "FRAMES", (3, 2))
    # In qualities 80 and 25 two of these take 93 and 63 kB, three 138 and 95.
    monkeypatch.setattr(history, "QUALITIES", (80, 25))
    monkeypatch.setattr(history, "FRAME_BYTES", 80_000)
    assert history.as_webp(run, [0, 1, 2]) is None
    contents = history.files(run)
    assert json.loads(contents["history.json"])["frames"] == [0, 2]
    assert len(contents["history.webp"]) <= 80_000


def test_a_run_without_log_or_pictures_gives_an_empty_record(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin("gan", Config(), 0)
    shown = history.read(run)
    assert (shown.steps, shown.curves, shown.frames) == ([], {}, [])
