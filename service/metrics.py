"""What Prometheus reads. Requests, images and executions (runs of a network) are counted apart, like Triton.

Nothing of prometheus_client runs while a request does: requests are counted here and networks count for
themselves, in plain integers, and all of it is put into words when it is asked for.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from service.engine.registry import Registry
from service.engine.statistics import Histogram, Statistics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REQUEST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
NETWORK = ("model", "version", "role")


class Metrics(Collector):
    """All of the service's metrics, in a registry of their own so that applications do not share them."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, int], Histogram] = {}
        self._failures: dict[str, int] = {}
        self._models: Registry | None = None
        self._ready: Callable[[], bool] = lambda: False
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(self)

    def answered(self, method: str, route: str, status: int, ns: int) -> None:
        """A request's end. `route` is a template, never a path as sent: series must be few."""
        key = method, route, status
        histogram = self._requests.get(key)
        if histogram is None:
            histogram = self._requests[key] = Histogram(REQUEST_S)
        histogram.add(ns)

    def failed(self, code: str) -> None:
        """A request that was refused or failed, with the code of its error."""
        self._failures[code] = self._failures.get(code, 0) + 1

    def watch(self, models: Registry, ready: Callable[[], bool]) -> None:
        """What these say is read when the metrics are asked for, so that a reload needs to tell nobody."""
        self._models, self._ready = models, ready

    def render(self) -> bytes:
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("mnist_gan_ready", "Whether readiness answers 200.", self._ready())
        yield from self._of_requests()
        if self._models is not None:
            yield from _of_networks(self._models)
            yield from _of_models(self._models)
            yield from _of_queues(self._models)

    def _of_requests(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "mnist_gan_requests", "HTTP requests answered.", labels=("method", "route", "status")
        )
        seconds = HistogramMetricFamily(
            "mnist_gan_request_seconds",
            "From a request's headers to the end of its answer.",
            labels=("route",),
        )
        of_route: dict[str, Histogram] = {}
        for (method, route, status), histogram in self._requests.items():
            requests.add_metric([method, route, str(status)], histogram.count)
            of_route.setdefault(route, Histogram(REQUEST_S)).merge(histogram)
        for route, histogram in of_route.items():
            _add(seconds, [route], histogram)
        failures = CounterMetricFamily(
            "mnist_gan_failures", "Requests refused or failed, by error code.", labels=("code",)
        )
        for code, count in self._failures.items():
            failures.add_metric([code], count)
        yield from (requests, seconds, failures)


def _of_networks(models: Registry) -> Iterator[Metric]:
    """What each network that is loaded has done since it was: its counts begin again when it is replaced."""
    executions = CounterMetricFamily(
        "mnist_gan_executions", "Runs of a network, whatever their size.", labels=NETWORK
    )
    images = CounterMetricFamily("mnist_gan_images", "Images that networks made or read.", labels=NETWORK)
    sizes = HistogramMetricFamily("mnist_gan_batch_images", "Images per run.", labels=NETWORK)
    runs = HistogramMetricFamily("mnist_gan_run_seconds", "Seconds per run.", labels=NETWORK)
    waits = HistogramMetricFamily(
        "mnist_gan_queue_seconds", "From the queue to the first run, per request.", labels=NETWORK
    )
    undelivered = CounterMetricFamily(
        "mnist_gan_failed_images",
        "Images admitted to the queue but not delivered.",
        labels=(*NETWORK, "reason"),
    )
    for model in models.models():
        for role in model.manifest.roles:
            labels = [model.manifest.name, str(model.manifest.version), role]
            held: Statistics = getattr(model, role).statistics
            executions.add_metric(labels, held.runs.count)
            images.add_metric(labels, held.inferences)
            sizes.add_metric(labels, _sizes(held), held.inferences)
            _add(runs, labels, held.runs)
            _add(waits, labels, held.queue)
            for reason, count in held.undelivered.items():
                undelivered.add_metric([*labels, reason], count)
    yield from (executions, images, sizes, runs, waits, undelivered)


def _of_models(models: Registry) -> Iterator[Metric]:
    info = GaugeMetricFamily(
        "mnist_gan_model_info",
        "1 for every model served.",
        labels=("model", "version", "provider", "digest", "exact"),
    )
    for model in models.models():
        name, version = model.manifest.name, str(model.manifest.version)
        info.add_metric([name, version, model.provider, model.digest, str(model.exact).lower()], 1)
    refused = GaugeMetricFamily(
        "mnist_gan_model_refused",
        "1 for every version that the last reload refused; no version: the model, or the whole folder.",
        labels=("model", "version"),
    )
    for one in models.unserved:
        if one.state == "refused":
            refused.add_metric([one.name or "", str(one.version or "")], 1)
    reloads = CounterMetricFamily(
        "mnist_gan_reloads", "Reloads, loads and unloads of models.", labels=("outcome",)
    )
    for outcome, count in models.changes.items():
        reloads.add_metric([outcome], count)
    yield from (info, refused, reloads)


def _of_queues(models: Registry) -> Iterator[Metric]:
    queues = [getattr(model, role).backlog for model in models.models() for role in model.manifest.roles]
    yield GaugeMetricFamily(
        "mnist_gan_queue_images",
        "Images waiting or running, over all networks.",
        sum(queue.images for queue in queues),
    )
    yield GaugeMetricFamily(
        "mnist_gan_queue_images_limit", "QUEUE_IMAGES, for each network.", models.pool.bounds.images
    )
    yield GaugeMetricFamily(
        "mnist_gan_queue_work_seconds",
        "Measured work waiting or running, over all networks.",
        sum(queue.seconds for queue in queues),
    )
    yield GaugeMetricFamily(
        "mnist_gan_queue_fill",
        "Share of QUEUE_IMAGES or QUEUE_S that the fullest queue of a network uses.",
        max((queue.fill for queue in queues), default=0),
    )


def _add(family: HistogramMetricFamily, labels: list[str], histogram: Histogram) -> None:
    family.add_metric(labels, _buckets(histogram.bounds_s, histogram.counts), histogram.ns / 1e9)


def _sizes(held: Statistics) -> list[tuple[str, float]]:
    counts = [0] * (len(IMAGES) + 1)
    for size, tally in held.batches.items():
        counts[bisect_left(IMAGES, size)] += tally.count
    return _buckets(IMAGES, counts)


def _buckets(bounds: tuple[float, ...], counts: list[int]) -> list[tuple[str, float]]:
    """Each upper bound with how many are not above it, the last of them infinite."""
    names = [*map(str, map(float, bounds)), "+Inf"]
    return list(zip(names, accumulate(counts), strict=True))
