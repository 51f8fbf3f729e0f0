from pathlib import Path

import pytest
import torch
from PIL import Image

import training.run
from training.recipe import Config
from training.run import Run, RunError, to_grid


def test_lines_past_the_checkpoint_are_dropped_on_resume(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin("gan", Config(), 0)
    for step in (1, 2, 3):
        run.log(step, {"seconds": step * 10.0})
    assert run.begin("gan", Config(), 2) == 20.0
    assert [line["step"] for line in run.lines()] == [1, 2]


def test_pictures_past_the_checkpoint_are_dropped_on_resume(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin("gan", Config(), 0)
    for step in (15, 31, 62):
        run.picture(step, torch.zeros(10, 1, 28, 28))
    run.begin("gan", Config(), 31)
    assert list(run.pictures()) == [15, 31]


def test_a_finished_run_keeps_the_device_that_it_ran_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training.run, "_device_name", lambda: "H200")
    run = Run(tmp_path)
    run.begin("gan", Config(steps=8), 0)
    monkeypatch.setattr(training.run, "_device_name", lambda: "CPU")
    run.begin("gan", Config(steps=8), 8)
    assert run.read_config()["device"] == "H200"
    run.begin("gan", Config(steps=8), 4)
    assert run.read_config()["device"] == "CPU"


def test_a_log_line_cut_short_by_a_kill_is_left_out(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin("gan", Config(), 0)
    run.log(1, {"seconds": 1.0})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "seco')
    assert [line["step"] for line in run.lines()] == [1]


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"config\.json is missing"):
        Run(tmp_path).read_config()


def test_a_grid_puts_images_in_reading_order() -> None:
    images = torch.full((4, 1, 28, 28), -1.0)
    images[1] = 1.0
    grid = to_grid(images, columns=2)
    assert grid.shape == (56, 56)
    assert grid[:28, 28:].float().mean() == 255
    assert grid.float().mean() == 255 / 4


def test_a_picture_is_written_whole_under_its_step(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin("gan", Config(), 0)
    run.picture(30, torch.zeros(20, 1, 28, 28), columns=10)
    files = list((tmp_path / "samples").iterdir())
    assert [file.name for file in files] == ["0000030.png"]
    with Image.open(files[0]) as picture:
        assert picture.size == (280, 56)
