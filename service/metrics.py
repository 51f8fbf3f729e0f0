"""The service's metrics for Prometheus. Requests, images and runs of networks are counted separately.

Requests are counted here, and networks count for themselves, in plain integers. They become text only in a
scrape, so that a request pays for no more than an addition.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import generate_latest

from service.engine.registry import Registry
from service.engine.statistics import Histogram, Statistics
from service.exposition import Exposition, labels

REQUEST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Counts requests, and renders all metrics of one application.

    `lost_lines` gives the number of lost log lines of each stream. `scrape` repeats its last answer for
    `cache_s` seconds.
    """

    def __init__(self, lost_lines: Callable[[], Mapping[str, int]] = dict, cache_s: float = 0.0) -> None:
        self._requests: dict[tuple[str, str, int], Histogram] = {}
        self._failures: dict[str, int] = {}
        self._lost_lines = lost_lines
        self._models: Registry | None = None
        self._ready: Callable[[], bool] = lambda: False
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        self._cache_s = cache_s
        self._cached = b""
        self._cached_until = 0.0

    def answered(self, method: str, route: str, status: int, ns: int) -> None:
        """Count a request that ended. `route` is a template, never a path as sent: series must be few."""
        key = method, route, status
        histogram = self._requests.get(key)
        if histogram is None:
            histogram = self._requests[key] = Histogram(REQUEST_S)
        histogram.add(ns)

    def failed(self, code: str) -> None:
        """Count a request that was refused or failed, by the code of its error."""
        self._failures[code] = self._failures.get(code, 0) + 1

    def watch(self, models: Registry, ready: Callable[[], bool]) -> None:
        """Read the models and the readiness with each rendering, so that a reload needs to tell nobody."""
        self._models, self._ready = models, ready

    def scrape(self) -> bytes:
        """Return the metrics as they were at most `cache_s` seconds ago."""
        now = time.monotonic()
        if now >= self._cached_until:
            self._cached = self.render()
            self._cached_until = now + self._cache_s
        return self._cached

    def render(self) -> bytes:
        """Return the metrics as they are now."""
        out = Exposition()
        out.family("mnist_gan_ready", "gauge", "Whether readiness answers 200.")
        out.sample("mnist_gan_ready", "", self._ready())
        self._render_requests(out)
        out.family("mnist_gan_log_lines_lost_total", "counter", "Log lines that were not written, by stream.")
        for stream, count in self._lost_lines().items():
            out.sample("mnist_gan_log_lines_lost_total", labels({"stream": stream}), count)
        if self._models is not None:
            _render_networks(out, self._models)
            _render_models(out, self._models)
            _render_queues(out, self._models)
        return generate_latest(self._process) + out.render()

    def _render_requests(self, out: Exposition) -> None:
        out.family("mnist_gan_requests_total", "counter", "HTTP requests answered.")
        of_route: dict[str, Histogram] = {}
        for (method, route, status), histogram in self._requests.items():
            which = labels({"method": method, "route": route, "status": status})
            out.sample("mnist_gan_requests_total", which, histogram.count)
            of_route.setdefault(route, Histogram(REQUEST_S)).merge(histogram)
        out.family(
            "mnist_gan_request_seconds", "histogram", "From a request's headers to the end of its answer."
        )
        for route, histogram in of_route.items():
            _seconds(out, "mnist_gan_request_seconds", labels({"route": route}), histogram)
        out.family("mnist_gan_failures_total", "counter", "Requests refused or failed, by error code.")
        for code, count in self._failures.items():
            out.sample("mnist_gan_failures_total", labels({"code": code}), count)


def _render_networks(out: Exposition, models: Registry) -> None:
    """Render the counts of each loaded network; they begin again when it is replaced."""
    networks = list(_networks(models))
    out.family("mnist_gan_executions_total", "counter", "Runs of a network, whatever their size.")
    for _, which, held in networks:
        out.sample("mnist_gan_executions_total", which, held.runs.count)
    out.family("mnist_gan_images_total", "counter", "Images that networks made or read.")
    for _, which, held in networks:
        out.sample("mnist_gan_images_total", which, held.inferences)
    out.family("mnist_gan_batch_images", "histogram", "Images per run.")
    for _, which, held in networks:
        counts = _sizes(held)
        out.histogram("mnist_gan_batch_images", which, _texts(IMAGES), counts, held.inferences)
    out.family("mnist_gan_run_seconds", "histogram", "Seconds per run.")
    for _, which, held in networks:
        _seconds(out, "mnist_gan_run_seconds", which, held.runs)
    out.family("mnist_gan_queue_seconds", "histogram", "From the queue to the first run, per request.")
    for _, which, held in networks:
        _seconds(out, "mnist_gan_queue_seconds", which, held.queue)
    out.family("mnist_gan_failed_images_total", "counter", "Images admitted to the queue but not delivered.")
    for names, _, held in networks:
        for reason, count in held.undelivered.items():
            out.sample("mnist_gan_failed_images_total", labels({**names, "reason": reason}), count)


def _networks(models: Registry) -> Iterator[tuple[dict[str, object], str, Statistics]]:
    """Yield the labels of each loaded network, also as text, and its statistics."""
    for model in models.models():
        for role in model.manifest.roles:
            names = {"model": model.manifest.name, "role": role, "version": model.manifest.version}
            yield names, labels(names), getattr(model, role).statistics


def _render_models(out: Exposition, models: Registry) -> None:
    out.family("mnist_gan_model_info", "gauge", "1 for every model served.")
    for model in models.models():
        which = {
            "digest": model.digest,
            "exact": str(model.exact).lower(),
            "model": model.manifest.name,
            "provider": model.provider,
            "version": model.manifest.version,
        }
        out.sample("mnist_gan_model_info", labels(which), 1)
    out.family(
        "mnist_gan_model_refused",
        "gauge",
        "1 for every version that the last reload refused; no version: the model, or the whole folder.",
    )
    for one in models.unserved:
        if one.state == "refused":
            refused = labels({"model": one.name or "", "version": one.version or ""})
            out.sample("mnist_gan_model_refused", refused, 1)
    out.family("mnist_gan_reloads_total", "counter", "Reloads, loads and unloads of models.")
    for outcome, count in models.changes.items():
        out.sample("mnist_gan_reloads_total", labels({"outcome": outcome}), count)


def _render_queues(out: Exposition, models: Registry) -> None:
    queues = [getattr(model, role).backlog for model in models.models() for role in model.manifest.roles]
    out.family("mnist_gan_queue_images", "gauge", "Images waiting or running, over all networks.")
    out.sample("mnist_gan_queue_images", "", sum(queue.images for queue in queues))
    out.family("mnist_gan_queue_images_limit", "gauge", "QUEUE_IMAGES, for each network.")
    out.sample("mnist_gan_queue_images_limit", "", models.pool.bounds.images)
    out.family(
        "mnist_gan_queue_work_seconds", "gauge", "Measured work waiting or running, over all networks."
    )
    out.sample("mnist_gan_queue_work_seconds", "", sum(queue.seconds for queue in queues))
    out.family(
        "mnist_gan_queue_fill",
        "gauge",
        "Share of QUEUE_IMAGES or QUEUE_S that the fullest queue of a network uses.",
    )
    out.sample("mnist_gan_queue_fill", "", max((queue.fill for queue in queues), default=0))


def _seconds(out: Exposition, name: str, which: str, histogram: Histogram) -> None:
    out.histogram(name, which, _texts(histogram.bounds_s), histogram.counts, histogram.ns / 1e9)


def _sizes(held: Statistics) -> list[int]:
    """Return the number of runs in each bucket of IMAGES, and above them."""
    counts = [0] * (len(IMAGES) + 1)
    for size, tally in held.batches.items():
        counts[bisect_left(IMAGES, size)] += tally.count
    return counts


@lru_cache
def _texts(bounds: tuple[float, ...]) -> tuple[str, ...]:
    """Return the upper bounds of buckets as Prometheus' clients write them."""
    return tuple(str(float(bound)) for bound in bounds)
