import sys
from pathlib import Path
from types import ModuleType

import pytest

from training.board import Board
from training.recipe import Config
from training.run import Run


class Recorder:
    """Stands in for TensorBoard's writer."""

    def __init__(self, folder: str, purge_step: int) -> None:
        self.began: tuple[str, int] = (folder, purge_step)
        self.scalars: list[tuple[str, float, int]] = []

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.scalars.append((name, value, step))


def test_scalars_are_written_where_tensorboard_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Recorder] = []

    def writer(folder: str, purge_step: int) -> Recorder:
        made.append(Recorder(folder, purge_step))
        return made[-1]

    module = ModuleType("torch.utils.tensorboard")
    module.__dict__["SummaryWriter"] = writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    run = Run(tmp_path)
    run.begin("gan", Config(), 40)
    run.log(50, {"generator/loss": 0.5})
    assert made[0].began == (str(tmp_path / "tensorboard"), 41)
    assert made[0].scalars == [("generator/loss", 0.5, 50)]


def test_without_tensorboard_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    Board(tmp_path / "board", 0).log(1, {"loss": 1.0})
    assert not (tmp_path / "board").exists()
