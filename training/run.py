"""A run's folder: config.json, metrics.jsonl, samples/*.png and checkpoint.pt (and TensorBoard's files)."""

import dataclasses
import json
import math
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
        self._config = folder / "config.json"
        self._metrics = folder / "metrics.jsonl"
        self._samples = folder / "samples"
        self._board: Board | None = None

    def begin(self, recipe: str, config: Config, step: int) -> float:
        """Writes config.json, drops what a killed run logged and pictured after its last checkpoint (at
        `step`), and returns the seconds that the kept part took."""
        self._samples.mkdir(parents=True, exist_ok=True)
        if step < config.steps or not self._config.exists():  # a finished run's device is where it ran
            facts = {
                "recipe": recipe,
                "config": dataclasses.asdict(config),
                "threads": torch.get_num_threads(),
                "processes": distributed.COUNT,
                "device": _device_name(),
            }
            self._replace(self._config, json.dumps(facts, indent=2).encode())
        for pictured, path in self.pictures().items():
            if pictured > step:
                path.unlink()
        kept = self.lines(step)
        self._replace(self._metrics, "".join(json.dumps(line) + "\n" for line in kept).encode())
        self._board = Board(self.folder / "tensorboard", step)
        return kept[-1]["seconds"] if kept else 0.0

    def read_config(self) -> dict[str, Any]:
        """config.json: the recipe's name, its config, the thread count, the device."""
        if not self._config.is_file():
            raise RunError(f"{self._config} is missing: name the folder of a training run, such as runs/gan")
        begun: dict[str, Any] = json.loads(self._config.read_text())
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

    def pictures(self, until: float = math.inf) -> dict[int, Path]:
        """The sample pictures up to this step by their steps, in order."""
        found = {int(path.stem): path for path in self._samples.glob("[0-9]*.png")}
        return {step: path for step, path in sorted(found.items()) if step <= until}

    def lines(self, until: float = math.inf) -> list[dict[str, float]]:
        """The log up to this step. A last line that a kill cut short is left out."""
        if not self._metrics.exists():
            return []
        whole = [json.loads(line) for line in self._metrics.read_text().splitlines() if line.endswith("}")]
        return [line for line in whole if line["step"] <= until]

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
