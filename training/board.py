"""TensorBoard's copy of the log, where the package is installed: `tensorboard --logdir runs`."""

from pathlib import Path
from typing import Any


class Board:
    """Writes every figure as a scalar; does nothing without TensorBoard."""

    def __init__(self, folder: Path, step: int) -> None:
        """`step` is where the run begins or goes on: what was logged after it is hidden."""
        self._writer: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        self._writer = SummaryWriter(str(folder), purge_step=step + 1)

    def log(self, step: int, figures: dict[str, float]) -> None:
        if self._writer:
            for name, value in figures.items():
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        if self._writer:
            self._writer.close()
