"""The models that are served: found in a folder, proved, and published in one step."""

import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from service.engine.batcher import Batcher, Observer, Pool
from service.engine.bundle import Bundle, BundleError, History, load_bundle
from service.engine.session import Provider
from service.errors import ServiceError
from service.manifest import NAME, Manifest, RoleName

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Model:
    """One version of a model, ready to be asked."""

    manifest: Manifest
    digest: str
    """sha256 of the bytes of manifest.json."""
    provider: str
    """Where it runs: "cuda" or "cpu"."""
    exact: bool
    """Whether its self-test gave the very bytes of the exporting machine, or differed by some levels."""
    preview: bytes | None
    """PNG of samples."""
    history: History | None
    """How it learned."""
    generator: Batcher
    discriminator: Batcher | None
    encoder: Batcher | None
    classifier: Batcher | None
    state: Literal["ready"] = "ready"


ObserverFactory = Callable[[str, int, RoleName], Observer]


class Registry:
    """Models by name and version. What `get` sees changes by the swap of one reference, never in between."""

    def __init__(self, models: dict[str, dict[int, Model]], default: str, pool: Pool) -> None:
        self.default = default
        self.pool = pool
        self._models = models

    @classmethod
    def load(
        cls,
        models_dir: Path,
        default: str,
        *,
        provider: Provider,
        threads: int,
        max_batch: int,
        queue_images: int,
        observer: ObserverFactory,
    ) -> Self:
        """Every bundle of the folder. BundleError for the first that is bad, for a missing folder and for an
        unknown default; ProviderError where CUDA is demanded and not to be had."""
        folders = find_bundles(models_dir)
        if default not in {folder.parent.name for folder in folders}:
            known = ", ".join(sorted({folder.parent.name for folder in folders})) or "none at all"
            raise BundleError(
                models_dir, f"has no model {default!r}, the default: set DEFAULT_MODEL to one of {known}"
            )
        with ThreadPoolExecutor(threads) as executor:
            bundles = list(executor.map(lambda folder: load_bundle(folder, provider), folders))
        pool = Pool(threads, queue_images)
        models: dict[str, dict[int, Model]] = {}
        for bundle in bundles:
            manifest = bundle.manifest
            models.setdefault(manifest.name, {})[manifest.version] = _model(bundle, pool, max_batch, observer)
        return cls(models, default, pool)

    def get(self, name: str | None = None, version: int | None = None) -> Model:
        """The default model without a name, the newest version without one; ServiceError 404 otherwise."""
        versions = self._models.get(self.default if name is None else name)
        if versions is None:
            raise ServiceError(
                404, "unknown-model", f"there is no such model; there are {', '.join(sorted(self._models))}"
            )
        if version is None:
            return versions[max(versions)]
        if version not in versions:
            known = ", ".join(map(str, sorted(versions)))
            raise ServiceError(
                404, "unknown-version", f"there is no such version of this model; there are {known}"
            )
        return versions[version]

    def models(self) -> list[Model]:
        """All versions of all models, by name, the newest first."""
        return [
            versions[version]
            for _, versions in sorted(self._models.items())
            for version in sorted(versions, reverse=True)
        ]

    def versions(self, name: str) -> list[int]:
        """What versions of this model there are, the newest first."""
        return sorted(self._models[name], reverse=True)

    def close(self) -> None:
        """Ends the threads, once the runs they are at are over."""
        self.pool.close()


def find_bundles(models_dir: Path) -> list[Path]:
    """The folders <name>/<integer version>, sorted. What is hidden (an unfinished export) or a file (a
    leaderboard) is passed over; a folder that is neither is a BundleError."""
    if not models_dir.is_dir():
        raise BundleError(models_dir, "is not a folder: set MODELS_DIR to the folder that holds the models")
    found = []
    for model in _folders(models_dir):
        if not re.fullmatch(NAME, model.name):
            raise BundleError(model, f"is not a model's name, which matches {NAME}")
        for version in _folders(model):
            if not re.fullmatch(r"[1-9][0-9]{0,8}", version.name):
                raise BundleError(version, "is not a version: those are folders named 1, 2, 3, ...")
            found.append(version)
    if not found:
        raise BundleError(models_dir, "holds no models: train one, or set MODELS_DIR to where they are")
    return found


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise BundleError(parent, error.strerror or "cannot be read") from None


def _model(bundle: Bundle, pool: Pool, max_batch: int, observer: ObserverFactory) -> Model:
    manifest = bundle.manifest
    batchers = {
        role: Batcher(
            session,
            pool,
            observer(manifest.name, manifest.version, role),
            max_batch=max_batch,
            inputs=session.inputs,
        )
        for role, session in bundle.sessions.items()
    }
    return Model(
        manifest,
        bundle.digest,
        bundle.sessions["generator"].provider,
        bundle.exact,
        bundle.preview,
        bundle.history,
        batchers["generator"],
        batchers.get("discriminator"),
        batchers.get("encoder"),
        batchers.get("classifier"),
    )
