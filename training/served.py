"""A bundle's exported networks, run as the service runs them: what is measured is what is served."""

import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor

from service.engine.latent import draw
from service.manifest import CLASSES, Manifest, RoleName
from training import graph
from training.errors import TrainingError

BATCH = 250


class BundleError(TrainingError):
    """A folder that holds no bundle; the message names it."""


class Served:
    """The networks of models/<name>/<version>/ in onnxruntime, by default on one thread of the processor.

    Images are uint8 tensors [n, 28, 28], labels int64 [n].
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        self._sessions = {
            role: graph.session((folder / part.file).read_bytes(), threads)
            for role, part in self.manifest.roles.items()
        }

    def has(self, role: RoleName) -> bool:
        return role in self._sessions

    def generate(self, seeds: range, label: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """The images of these seeds and, from a conditional model, labels: `label`, or the seeds' own."""
        z, drawn = self.draw(seeds)
        label = drawn if label is None or drawn is None else label
        return self.decode(z, label), label

    def draw(self, seeds: range) -> tuple[Tensor, Tensor | None]:
        """z float32 [n, latent_dim] and labels, as the service draws them."""
        manifest = self.manifest
        z, label = draw(seeds, manifest.latent_dim, manifest.prior, manifest.conditional)
        return torch.from_numpy(z), None if label is None else torch.from_numpy(label)

    def decode(self, z: Tensor, label: Tensor | None) -> Tensor:
        """The images of latent vectors."""
        return self._run("generator", {"z": z, "label": label})

    def encode(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Latent vectors of images."""
        return self._run("encoder", {"image": image, "label": label})

    def classify(self, image: Tensor) -> Tensor:
        """Class logits [n, 10]."""
        return self._run("classifier", {"image": image})

    def score(self, image: Tensor) -> Tensor:
        """The score [n]; a conditional discriminator's over all labels, logsumexp of the joint logits."""
        if not self.manifest.conditional:
            return self._run("discriminator", {"image": image})
        every = [
            self._run("discriminator", {"image": image, "label": torch.full((len(image),), digit)})
            for digit in range(CLASSES)
        ]
        return torch.stack(every).logsumexp(0)

    def microseconds(self, batch: int, seconds: float = 1.0) -> float:
        """What one image costs the generator in batches of this size: the best run of about a second's."""
        z, label = self.draw(range(batch))
        self.decode(z, label)
        best, end = float("inf"), time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            self.decode(z, label)
            best = min(best, time.perf_counter() - began)
        return best / batch * 1e6

    def _run(self, role: RoleName, given: dict[str, Tensor | None]) -> Tensor:
        """Feeds the network what it reads of `given`, in batches."""
        session = self._sessions[role]
        feeds: dict[str, NDArray[np.generic]] = {}
        for port in session.get_inputs():
            value = given[port.name]
            if value is None:
                raise BundleError(f"{self.folder}: its {role} needs a label")
            feeds[port.name] = value.numpy()
        n = len(next(iter(feeds.values())))
        parts = [
            session.run(None, {name: value[i : i + BATCH] for name, value in feeds.items()})[0]
            for i in range(0, n, BATCH)
        ]
        return torch.from_numpy(np.concatenate(parts))


def read_manifest(folder: Path) -> Manifest:
    """What the bundle says of itself."""
    path = folder / "manifest.json"
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(f"{path} is missing: name a bundle's folder, such as models/gan/1") from None
    except ValidationError as error:
        raise BundleError(f"{path}: {error.error_count()} mistakes, the first: {error.errors()[0]}") from None
