"""The MNIST digits: fetched, verified, parsed, and cut into minibatches.

One uint8 tensor in memory and no DataLoader: the images are 47 MB, and a minibatch is one indexing call.
"""

import gzip
import hashlib
import os
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.errors import TrainingError
from training.recipe import Batch

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


class Checksums(NamedTuple):
    """sha256 of a file as mirrored (gzip) and of its content, which is the same from every source."""

    gzip: str
    content: str


FILES = {
    "train-images-idx3-ubyte": Checksums(
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train-labels-idx1-ubyte": Checksums(
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images-idx3-ubyte": Checksums(
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t10k-labels-idx1-ubyte": Checksums(
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}


class DataError(TrainingError):
    """Files that are missing or not what they should be; the message names the file and the fix."""


@dataclass(frozen=True)
class Digits:
    """Labelled digits: `image` uint8 [n, 28, 28], 255 is ink; `label` int64 [n]."""

    image: Tensor
    label: Tensor

    def __len__(self) -> int:
        return len(self.label)

    def to(self, device: torch.device) -> "Digits":
        """The same digits in that device's memory, where minibatches are then cut."""
        return Digits(self.image.to(device), self.label.to(device))

    def minibatch(self, batch_size: int, seed: int, index: int, step: int = 0) -> Batch:
        """The `index`-th minibatch of the endless shuffled stream: a pure function of its arguments.

        Each epoch is one permutation without repeats; the remainder that fills no batch is left out.
        """
        if batch_size > len(self):
            raise DataError(f"batch size {batch_size} is larger than the data set ({len(self)} digits)")
        epoch, position = divmod(index, len(self) // batch_size)
        order = _permutation(len(self), seed, epoch)
        chosen = order[position * batch_size : (position + 1) * batch_size].to(self.label.device)
        return Batch(scale(self.image[chosen]), self.label[chosen], step)


def scale(image: Tensor) -> Tensor:
    """uint8 [n, 28, 28] to float32 [n, 1, 28, 28] in [-1, 1], as tanh puts them out."""
    return image.unsqueeze(1).float() / 127.5 - 1


@lru_cache(maxsize=2)
def _permutation(n: int, seed: int, epoch: int) -> Tensor:
    order = np.random.default_rng([seed, epoch]).permutation(n)
    return torch.from_numpy(order)


def load(split: str, data_dir: Path | None = None, *, verify: bool = True) -> Digits:
    """The digits of `split` ("train", 60,000, or "t10k", 10,000).

    From `data_dir`, else the folder that MNIST_DIR names, else a cache that is filled from the mirrors.
    Files may be gzipped or not. With `verify` (turned off for other data in the same format) the content
    must be MNIST's own, by sha256.
    """
    image = _parse(_content(f"{split}-images-idx3-ubyte", data_dir, verify), f"{split}-images-idx3-ubyte")
    label = _parse(_content(f"{split}-labels-idx1-ubyte", data_dir, verify), f"{split}-labels-idx1-ubyte")
    if image.ndim != 3 or image.shape[1:] != (28, 28) or label.shape != image.shape[:1]:
        raise DataError(f"{split}: images {image.shape} and labels {label.shape} are not MNIST's shapes")
    return Digits(torch.from_numpy(image), torch.from_numpy(label.astype(np.int64)))


def _content(name: str, data_dir: Path | None, verify: bool) -> bytes:
    if data_dir:
        path = _find(name, data_dir, "leave out --data-dir")
    elif named := os.environ.get("MNIST_DIR"):
        path = _find(name, Path(named), "unset MNIST_DIR")
    else:
        path = _fetch(name)
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); delete it and fetch it again") from error
    if verify and hashlib.sha256(content).hexdigest() != FILES[name].content:
        raise DataError(f"{path}: not MNIST's {name} (its sha256 differs); delete it and fetch it again")
    return content


def _find(name: str, data_dir: Path, fix: str) -> Path:
    for candidate in (data_dir / f"{name}.gz", data_dir / name):
        if candidate.is_file():
            return candidate
    raise DataError(f"{data_dir}: has neither {name}.gz nor {name}; {fix} to download them")


def _fetch(name: str) -> Path:
    import pooch  # here, so that a run on files at hand does not pay for its import

    failures = []
    for mirror in MIRRORS:
        try:
            return Path(
                pooch.retrieve(
                    f"{mirror}{name}.gz",
                    known_hash=f"sha256:{FILES[name].gzip}",
                    fname=f"{name}.gz",
                    path=pooch.os_cache("mnist-gan-service"),
                    progressbar=True,
                )
            )
        except (OSError, ValueError) as error:
            failures.append(f"{mirror}: {error}")
    raise DataError(
        f"{name}.gz could not be fetched; put MNIST's four files into a folder and name it with --data-dir"
        " or MNIST_DIR\n" + "\n".join(failures)
    )


def _parse(content: bytes, name: str) -> NDArray[np.uint8]:
    """An IDX file's array: two zero bytes, type 8 (uint8), rank, big-endian dimensions, then the data."""
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise DataError(f"{name}: not an IDX file of unsigned bytes")
    rank = content[3]
    header = 4 + 4 * rank
    if len(content) < header:
        raise DataError(f"{name}: its header is cut short")
    shape = struct.unpack(f">{rank}I", content[4:header])
    if len(content) - header != int(np.prod(shape)):
        raise DataError(f"{name}: holds {len(content) - header} bytes where its header says {shape}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy()
