"""A run's folder: config.json, metrics.jsonl, samples/*.png and checkpoint.pt (and TensorBoard's files)."""

import dataclasses
import json
import os
import platform
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from training import distributed
from training.board import Board
from training.errors import TrainingError
from training.recipe import Config


class RunError(TrainingError):
    """A folder that is not a run's; the message names the fix."""


class Run:
    """Where one training run writes; made when missing, continued when there is a checkpoint."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkpoint = folder / "checkpoint.pt"
        self._metrics = folder / "metrics.jsonl"
        self._samples = folder / "samples"
        self._board: Board | None = None

    def begin(self, recipe: str, config: Config, step: int) -> float:
        """Writes config.json, drops what a killed run logged after its last checkpoint (at `step`), and
        returns the seconds that the kept part took."""
        self._samples.mkdir(parents=True, exist_ok=True)
        facts = {"recipe": recipe, "config": dataclasses.asdict(config), "threads": torch.get_num_threads()}
        facts["processes"] = distributed.COUNT
        facts["device"] = _device_name()
        self._replace(self.folder / "config.json", json.dumps(facts, indent=2).encode())
        kept = [line for line in self.lines() if line["step"] <= step]
        self._replace(self._metrics, "".join(json.dumps(line) + "\n" for line in kept).encode())
        self._board = Board(self.folder / "tensorboard", step)
        return kept[-1]["seconds"] if kept else 0.0

    def read_config(self) -> dict[str, Any]:
        """config.json: the recipe's name, its config, the thread count, the device."""
        path = self.folder / "config.json"
        if not path.is_file():
            raise RunError(f"{path} is missing: name the folder of a training run, such as runs/gan")
        begun: dict[str, Any] = json.loads(path.read_text())
        return begun

    def log(self, step: int, figures: dict[str, float]) -> None:
        """Appends one line to metrics.jsonl, and tells TensorBoard if it is there."""
        with self._metrics.open("a") as file:
            file.write(json.dumps({"step": step, **figures}) + "\n")
        if self._board:
            self._board.log(step, figures)

    def picture(self, step: int, images: Tensor, columns: int = 10) -> None:
        """Writes images [n, 1, 28, 28] in [-1, 1] as one grid, samples/<step>.png."""
        grid = to_grid(images, columns)
        path = self._samples / f"{step:07d}.png"
        temporary = path.with_name(f".{path.name}.partial")
        Image.fromarray(grid.cpu().numpy()).save(temporary, format="png")
        os.replace(temporary, path)

    def pictures(self) -> dict[int, Path]:
        """The sample pictures so far by their steps, in order."""
        found = {int(path.stem): path for path in self._samples.glob("[0-9]*.png")}
        return dict(sorted(found.items()))

    def lines(self) -> list[dict[str, float]]:
        """The log so far. A last line that a kill cut short is left out."""
        if not self._metrics.exists():
            return []
        return [json.loads(line) for line in self._metrics.read_text().splitlines() if line.endswith("}")]

    @staticmethod
    def _replace(path: Path, content: bytes) -> None:
        temporary = path.with_name(f".{path.name}.partial")
        temporary.write_bytes(content)
        os.replace(temporary, path)


def _device_name() -> str:
    device = torch.get_default_device()
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"{platform.machine()} CPU"


def to_levels(images: Tensor) -> Tensor:
    """[-1, 1] to uint8, as an exported generator rounds."""
    return ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def to_grid(images: Tensor, columns: int) -> Tensor:
    """[n, 1, 28, 28] in [-1, 1] to one uint8 picture [rows * 28, columns * 28], n = rows * columns."""
    levels = to_levels(images)
    rows = len(levels) // columns
    tiles = levels[: rows * columns].view(rows, columns, 28, 28)
    return tiles.transpose(1, 2).reshape(rows * 28, columns * 28)
