"""The models that are served: found in a folder, proved, and published in one step."""

import asyncio
import logging
import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from service.engine.backlog import Bounds
from service.engine.batcher import Batcher
from service.engine.bundle import Bundle, History, load_bundle, unchanged
from service.engine.folders import find_bundles
from service.engine.landscape import Landscape
from service.engine.loading import load_all
from service.engine.memory import give_back
from service.engine.pool import CLOSE_S, Pool
from service.engine.proof import Prover
from service.engine.refusal import BundleError
from service.engine.runs import Runs
from service.engine.session import Provider, ProviderError
from service.engine.workers import Workers
from service.errors import ServiceError
from service.manifest import Manifest

log = logging.getLogger(__name__)

Changed = TypeVar("Changed")


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
    landscapes: Mapping[str, Landscape]
    """Of those directions that bend, by name."""
    generator: Batcher
    discriminator: Batcher | None
    encoder: Batcher | None
    classifier: Batcher | None
    state: Literal["ready"] = "ready"


@dataclass(frozen=True)
class Unserved:
    """What the models' folder holds and is not served as it lies there, and why."""

    name: str | None
    """None: the folder itself cannot be read."""
    version: int | None
    """None: all of the model."""
    state: Literal["refused", "unloaded"]
    """refused: it is bad, and an earlier load of the same version, if there was one, is still served.
    unloaded: somebody asked for that."""
    reason: str
    """For callers: the file within the models' folder, and what is wrong with it."""


class Catalog(NamedTuple):
    """What is served at one moment; never changed, only replaced."""

    models: Mapping[str, Mapping[int, Model]]
    unserved: tuple[Unserved, ...] = ()


class Registry:
    """Models by name and version. What `get` sees changes by the swap of one reference, never in between.

    `reload`, `load` and `unload` read and test bundles, which takes a second or more: on an event loop, call
    them by `aside`. Requests go on meanwhile, and those that hold a model that was replaced end on it; then
    its memory is freed.
    """

    def __init__(
        self,
        models_dir: Path,
        default: str,
        *,
        provider: Provider,
        threads: int,
        max_batch: int,
        queue_images: int,
        queue_s: float = math.inf,
        run_limit_s: float = math.inf,
        proof_timeout_s: float = 60.0,
    ) -> None:
        """Load every bundle of the folder, each in at most `proof_timeout_s` seconds.

        Raises BundleError for the first that is bad, for a missing folder and for an unknown default, and
        ProviderError if CUDA is demanded and missing.
        """
        self.default = default
        self.pool = Pool(threads, Bounds(queue_images, queue_s), run_limit_s)
        self.changes = {"done": 0, "refused": 0}
        """How many changes served all that they found, and how many refused some of it."""
        self._models_dir = models_dir
        self._changer = Workers(1, "change")
        self._runs = Runs(proof_timeout_s)
        self._prover = Prover(provider, proof_timeout_s)
        folders = find_bundles(models_dir)
        known = {folder.parent.name for folder in folders}
        if default not in known:
            names = ", ".join(sorted(known))
            raise BundleError(
                models_dir, f"has no model {default!r}, the default: set DEFAULT_MODEL to one of {names}"
            )

        def read(folder: Path, digest: str | None = None) -> Model:
            return _model(load_bundle(folder, provider, self._runs, digest), self.pool, max_batch)

        self._read = read
        self._runs.watch()
        try:
            self._catalog = Catalog(_by_name(load_all(folders, read, threads, proof_timeout_s)))
        except BaseException:
            self._runs.close()
            raise

    async def aside(self, change: Callable[[], Changed]) -> Changed:
        """Run `change`, such as `reload`, in a thread and return its result. Changes happen one after the
        other, in a thread of their own: those that wait hold none of the threads that requests need."""
        future: Future[Changed] = Future()

        def work() -> None:
            try:
                future.set_result(change())
            except BaseException as error:
                future.set_exception(error)

        future.set_running_or_notify_cancel()
        self._changer.submit(work)
        return await asyncio.wrap_future(future)

    def reload(self) -> tuple[Unserved, ...]:
        """Serves what the folder holds now, as a restart would, and gives what was refused.

        A version that did not change keeps its sessions and statistics. One that is bad now goes on as it
        was, if it was served. A model that would be gone for a bad new version goes on as it was, and so does
        the default in any case, and everything if the folder cannot be read.
        """
        return self._change(self._reload)

    def load(self, name: str) -> tuple[Unserved, ...]:
        """The same for one model: every version of it that the folder holds, also after `unload`.

        ServiceError 404 `unknown-model` where the folder holds none of this name.
        """
        return self._change(lambda: self._load(name))

    def unload(self, name: str) -> None:
        """Stops serving all versions of a model, until `load` or `reload`.

        ServiceError 404 `unknown-model` where it is not served, 409 `default-model` for the default one.
        """
        self._change(lambda: self._unload(name))

    @property
    def unserved(self) -> tuple[Unserved, ...]:
        """What the last changes refused or unloaded."""
        return self._catalog.unserved

    def get(self, name: str | None = None, version: int | None = None) -> Model:
        """The default model without a name, the newest version without one; ServiceError 404 otherwise."""
        models = self._catalog.models
        versions = models.get(self.default if name is None else name)
        if versions is None:
            raise _unknown(models)
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
            for _, versions in sorted(self._catalog.models.items())
            for version in sorted(versions, reverse=True)
        ]

    def versions(self, name: str) -> list[int]:
        """What versions of this model there are, the newest first; none of one that is not served."""
        return sorted(self._catalog.models.get(name, ()), reverse=True)

    def close(self) -> None:
        """End all runs and changes. A thread that is stuck in onnxruntime is left to end with the process."""
        self._runs.close()
        self._prover.close()
        self._changer.close(CLOSE_S)
        self.pool.close()

    def _change(self, change: Callable[[], tuple[Unserved, ...]]) -> tuple[Unserved, ...]:
        """Once it is over, nothing here holds what was replaced any more."""
        try:
            return change()
        finally:
            self._prover.end()
            give_back()

    def _reload(self) -> tuple[Unserved, ...]:
        held = self._catalog.models
        try:
            folders = find_bundles(self._models_dir)
        except BundleError as error:
            return self._keep(error)
        models, unserved = self._renew(folders)
        found: dict[str, Mapping[int, Model]] = {**_by_name(models)}
        if self.default not in {folder.parent.name for folder in folders}:
            reason = "the default model is gone from the models' folder"
            unserved.append(Unserved(self.default, None, "refused", reason))
        for one in unserved:
            if one.name is not None and one.name in held and one.name not in found:
                found[one.name] = held[one.name]
        return self._publish(found, unserved)

    def _load(self, name: str) -> tuple[Unserved, ...]:
        before = self._catalog
        try:
            folders = [folder for folder in find_bundles(self._models_dir) if folder.parent.name == name]
        except BundleError as error:
            return self._keep(error)
        if not folders:
            raise ServiceError(404, "unknown-model", "the models' folder holds no such model")
        models, unserved = self._renew(folders)
        others = [one for one in before.unserved if one.name not in (None, name)]
        self._publish({**before.models, **_by_name(models)}, others + unserved)
        return tuple(unserved)

    def _keep(self, error: BundleError) -> tuple[Unserved, ...]:
        """Everything as it is: the folder itself cannot be read."""
        before = self._catalog
        refusal = self._refusal(None, None, error)
        self._publish(before.models, [*(one for one in before.unserved if one.name is not None), refusal])
        return (refusal,)

    def _unload(self, name: str) -> tuple[Unserved, ...]:
        before = self._catalog
        if name not in before.models:
            raise _unknown(before.models)
        if name == self.default:
            raise ServiceError(
                409, "default-model", "the default model answers requests that name none: it has to stay"
            )
        gone = [Unserved(name, version, "unloaded", "unloaded") for version in before.models[name]]
        models = {key: versions for key, versions in before.models.items() if key != name}
        return self._publish(models, [one for one in before.unserved if one.name != name] + gone)

    def _renew(self, folders: list[Path]) -> tuple[list[Model], list[Unserved]]:
        """Load these folders one after the other, because requests need the processors too. Those that are
        new or changed are tested in another process first."""
        models: list[Model] = []
        unserved: list[Unserved] = []
        for folder in folders:
            name, version = folder.parent.name, int(folder.name)
            held = self._catalog.models.get(name, {}).get(version)
            try:
                if held and unchanged(folder, held.manifest, held.digest):
                    models.append(held)
                else:
                    models.append(self._read(folder, self._prover.prove(folder)))
            except (BundleError, ProviderError) as error:
                unserved.append(self._refusal(name, version, error))
                if held:
                    models.append(held)
        return models, unserved

    def _refusal(self, name: str | None, version: int | None, error: Exception) -> Unserved:
        log.error("refused: %s", error)
        reason = error.within(self._models_dir) if isinstance(error, BundleError) else str(error)
        return Unserved(name, version, "refused", reason)

    def _publish(
        self, models: Mapping[str, Mapping[int, Model]], unserved: list[Unserved]
    ) -> tuple[Unserved, ...]:
        catalog = Catalog(models, tuple(unserved))
        refused = sum(one.state == "refused" for one in unserved)
        self.changes["refused" if refused else "done"] += 1
        self._catalog = catalog
        log.info("serving %d models, %d versions refused", len(models), refused)
        return catalog.unserved


def _unknown(models: Mapping[str, object]) -> ServiceError:
    return ServiceError(
        404, "unknown-model", f"there is no such model; there are {', '.join(sorted(models))}"
    )


def _by_name(models: Iterable[Model]) -> dict[str, dict[int, Model]]:
    found: dict[str, dict[int, Model]] = {}
    for model in models:
        found.setdefault(model.manifest.name, {})[model.manifest.version] = model
    return found


def _model(bundle: Bundle, pool: Pool, max_batch: int) -> Model:
    manifest = bundle.manifest
    batchers = {
        role: Batcher(session, pool, max_batch=max_batch, inputs=session.inputs, cost=bundle.costs[role])
        for role, session in bundle.sessions.items()
    }
    return Model(
        manifest,
        bundle.digest,
        bundle.sessions["generator"].provider,
        bundle.exact,
        bundle.preview,
        bundle.history,
        bundle.landscapes,
        batchers["generator"],
        batchers.get("discriminator"),
        batchers.get("encoder"),
        batchers.get("classifier"),
    )
