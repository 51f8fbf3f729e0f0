"""The digit classifier whose features and opinions the metrics use.

An ordinary convolutional net with ordinary training: small random affine changes of the digits, a rate that
falls to zero, averaged weights, and no look at the test digits before the end. Figures in the features of
other weights cannot be compared, so these are part of the source; `python -m training classifier` made them.
"""

import dataclasses
import hashlib
import io
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.data import Digits, scale
from training.errors import TrainingError
from training.progress import bar

CLASSES = 10
FEATURES = 128
WEIGHTS = Path(__file__).with_name("classifier.pt")


class ClassifierError(TrainingError):
    """Weights that are missing or not what they should be; the message names the fix."""


@dataclass(frozen=True)
class Config:
    """How the classifier is trained."""

    epochs: int = 20
    """Passes over the training digits."""
    batch_size: int = 125
    """Digits per step."""
    learning_rate: float = 2e-3
    """AdamW's step size, after a warm-up over the first tenth of the steps and before it falls to zero."""
    weight_decay: float = 0.02
    """AdamW's decay of the weights."""
    smoothing: float = 0.05
    """Share of each target that is spread over all ten classes (arXiv 1512.00567, section 7)."""
    rotation: float = 12.0
    """Digits are turned by up to so many degrees."""
    shift: float = 2.0
    """Digits are moved by up to so many pixels, either way."""
    stretch: float = 0.1
    """Digits are scaled by up to this share, and sheared by as much."""
    ema: float = 0.998
    """Decay of the exponential moving average of the weights, which is what is kept."""
    seed: int = 0
    """Of the initial weights, the order of the digits and their changes."""


class Opinion(NamedTuple):
    """What the classifier sees in images."""

    features: Tensor
    """float32 [n, 128]: the last hidden layer."""
    logits: Tensor
    """float32 [n, 10]."""

    @property
    def label(self) -> Tensor:
        """int64 [n]: the likeliest digit."""
        return self.logits.argmax(1)


class Classifier(nn.Module):
    """Images [n, 1, 28, 28] in [-1, 1] to features and logits."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_block(1, 32, 1),
            *_block(32, 32, 2),
            *_block(32, 64, 1),
            *_block(64, 64, 2),
            *_block(64, 128, 2),
            nn.Flatten(),
            nn.Linear(128 * 4 * 4, FEATURES),
            nn.ReLU(),
        )
        self.head = nn.Linear(FEATURES, CLASSES)

    def forward(self, image: Tensor) -> Opinion:
        features = self.body(image)
        return Opinion(features, self.head(features))

    @torch.no_grad()
    def judge(self, image: Tensor, batch: int = 500) -> Opinion:
        """The opinion of uint8 images [n, 28, 28], computed in batches."""
        self.eval()
        parts = [self(scale(image[i : i + batch])) for i in range(0, len(image), batch)]
        return Opinion(torch.cat([p.features for p in parts]), torch.cat([p.logits for p in parts]))


def _block(fan_in: int, fan_out: int, stride: int) -> list[nn.Module]:
    convolution = nn.Conv2d(fan_in, fan_out, 3, stride, 1, bias=False)
    return [convolution, nn.BatchNorm2d(fan_out), nn.ReLU()]


def train(digits: Digits, config: Config) -> Classifier:
    """A classifier of `digits`; the same for the same config and number of threads."""
    torch.manual_seed(config.seed)
    classifier = Classifier()
    decay = get_ema_multi_avg_fn(config.ema)  # type: ignore[no-untyped-call]
    average = AveragedModel(classifier, multi_avg_fn=decay, use_buffers=True)
    optimizer = torch.optim.AdamW(
        classifier.parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    steps = config.epochs * (len(digits) // config.batch_size)
    with bar(steps * config.batch_size, "images") as progress:
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * _rate(step / steps)
            batch = digits.minibatch(config.batch_size, config.seed, step)
            with torch.autocast("cpu", torch.bfloat16):
                logits = classifier(distort(batch.image, config)).logits
            loss = functional.cross_entropy(logits.float(), batch.label, label_smoothing=config.smoothing)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            average.update_parameters(classifier)
            progress.update(config.batch_size)
            if step % 50 == 0:
                progress.set_postfix(loss=f"{float(loss.detach()):.3g}", refresh=False)
    return cast(Classifier, average.module).eval()


def _rate(progress: float) -> float:
    """Linear up over the first tenth of the run, then linear down to zero."""
    return progress / 0.1 if progress < 0.1 else (1 - progress) / 0.9


def distort(image: Tensor, config: Config) -> Tensor:
    """Each image [n, 1, 28, 28] turned, moved, scaled and sheared by its own small random amounts."""
    n = len(image)
    turn, scale_x, scale_y, shear, move_x, move_y = (torch.rand(6, n) * 2 - 1).unbind()
    turn = turn * torch.pi / 180 * config.rotation
    cos, sin = turn.cos(), turn.sin()
    scale_x, scale_y = 1 + scale_x * config.stretch, 1 + scale_y * config.stretch
    # Grid coordinates run from -1 to 1, so a pixel is 2/28.
    move = config.shift / 14
    row_x = torch.stack([scale_x * cos, scale_x * (shear * config.stretch * cos - sin), move_x * move], 1)
    row_y = torch.stack([scale_y * sin, scale_y * (shear * config.stretch * sin + cos), move_y * move], 1)
    grid = functional.affine_grid(torch.stack([row_x, row_y], 1), list(image.shape), align_corners=False)
    # Outside is paper, which is -1, and grid_sample fills with 0.
    return functional.grid_sample(image + 1, grid, align_corners=False) - 1


def accuracy(classifier: Classifier, digits: Digits) -> float:
    """Share of digits that are classified rightly."""
    return float((classifier.judge(digits.image).label == digits.label).float().mean())


def train_and_save(train_digits: Digits, test: Digits, config: Config, path: Path = WEIGHTS) -> float:
    """Trains, writes the weights and, beside them as JSON, how they came to be; returns the test accuracy."""
    began = time.monotonic()
    classifier = train(train_digits, config)
    seconds = time.monotonic() - began
    right = accuracy(classifier, test)
    content = io.BytesIO()
    torch.save(classifier.state_dict(), content)
    facts = {
        "sha256": hashlib.sha256(content.getvalue()).hexdigest(),
        "test_accuracy": round(right, 4),
        "config": dataclasses.asdict(config),
        "seconds": round(seconds),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    _replace(path, content.getvalue())
    _replace(path.with_suffix(".json"), (json.dumps(facts, indent=2) + "\n").encode())
    return right


def load(path: Path = WEIGHTS) -> Classifier:
    """The trained classifier, in eval mode."""
    try:
        content, facts = path.read_bytes(), read_facts(path)
    except OSError as error:
        raise ClassifierError(f"{error.filename}: {error.strerror}; restore it with git checkout") from None
    if hashlib.sha256(content).hexdigest() != facts["sha256"]:
        raise ClassifierError(f"{path}: its sha256 is not the one in {path.stem}.json; restore both with git")
    classifier = Classifier()
    classifier.load_state_dict(torch.load(io.BytesIO(content), weights_only=True))
    return classifier.eval()


def read_facts(path: Path = WEIGHTS) -> dict[str, Any]:
    """How the weights came to be."""
    facts: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    return facts


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_bytes(content)
    os.replace(temporary, path)
