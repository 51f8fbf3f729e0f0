"""Prometheus objects. Requests, images and executions (runs of a network) are counted apart, like Triton."""

from collections.abc import Callable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from service.engine.registry import Registry

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
RUN_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)
IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
NETWORK = ("model", "version", "role")


class RoleMetrics:
    """Hears what a network's batcher did; label values are looked up once, not per run."""

    def __init__(self, metrics: "Metrics", model: str, version: int, role: str) -> None:
        labels = (model, str(version), role)
        self._executions = metrics.executions.labels(*labels)
        self._images = metrics.images.labels(*labels)
        self._batch = metrics.batch_images.labels(*labels)
        self._seconds = metrics.run_seconds.labels(*labels)
        self._failed = metrics.failed_images.labels(*labels, "inference-failed")
        self._dropped = {
            reason: metrics.failed_images.labels(*labels, reason)
            for reason in ("cancelled", "deadline", "inference-failed")
        }

    def ran(self, images: int, seconds: float) -> None:
        self._executions.inc()
        self._images.inc(images)
        self._batch.observe(images)
        self._seconds.observe(seconds)

    def failed(self, images: int) -> None:
        self._failed.inc(images)

    def dropped(self, reason: str, images: int) -> None:
        self._dropped[reason].inc(images)


class RegistryCollector(Collector):
    """What the registry holds at the moment of asking, so that a reload needs to tell nobody."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        registry = self._registry
        labels = ("model", "version", "provider", "digest", "exact")
        info = GaugeMetricFamily("mnist_gan_model_info", "1 for every model served.", labels=labels)
        refused = GaugeMetricFamily(
            "mnist_gan_model_refused",
            "1 for every version that the last reload refused; no version: the model, or the whole folder.",
            labels=("model", "version"),
        )
        waits = SummaryMetricFamily(
            "mnist_gan_queue_seconds", "From the queue to the first run, per request.", labels=NETWORK
        )
        for model in registry.models():
            name, version = model.manifest.name, str(model.manifest.version)
            info.add_metric([name, version, model.provider, model.digest, str(model.exact).lower()], 1)
            for role in model.manifest.roles:
                tally = getattr(model, role).statistics.queue
                waits.add_metric([name, version, role], tally.count, tally.ns / 1e9)
        for one in registry.unserved:
            if one.state == "refused":
                refused.add_metric([one.name or "", str(one.version or "")], 1)
        reloads = CounterMetricFamily(
            "mnist_gan_reloads", "Reloads, loads and unloads of models.", labels=("outcome",)
        )
        for outcome, count in registry.changes.items():
            reloads.add_metric([outcome], count)
        queue = GaugeMetricFamily(
            "mnist_gan_queue_images", "Images waiting or running.", registry.pool.images
        )
        limit = GaugeMetricFamily("mnist_gan_queue_images_limit", "QUEUE_IMAGES.", registry.pool.limit)
        yield from (info, refused, waits, reloads, queue, limit)


class Metrics:
    """All of the service's metrics, in a registry of their own so that applications do not share them."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # A second series per counter that no dashboard reads.
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "mnist_gan_requests", "HTTP requests answered.", ("method", "route", "status"), registry=registry
        )
        self.request_seconds = Histogram(
            "mnist_gan_request_seconds",
            "From a request's headers to the end of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=registry,
        )
        self.failures = Counter(
            "mnist_gan_failures", "Requests refused or failed, by error code.", ("code",), registry=registry
        )
        self.executions = Counter(
            "mnist_gan_executions", "Runs of a network, whatever their size.", NETWORK, registry=registry
        )
        self.images = Counter(
            "mnist_gan_images", "Images that networks made or read.", NETWORK, registry=registry
        )
        self.batch_images = Histogram(
            "mnist_gan_batch_images", "Images per run.", NETWORK, buckets=IMAGES, registry=registry
        )
        self.run_seconds = Histogram(
            "mnist_gan_run_seconds", "Seconds per run.", NETWORK, buckets=RUN_SECONDS, registry=registry
        )
        self.failed_images = Counter(
            "mnist_gan_failed_images",
            "Images admitted to the queue but not delivered.",
            (*NETWORK, "reason"),
            registry=registry,
        )
        self._ready = Gauge("mnist_gan_ready", "Whether readiness answers 200.", registry=registry)

    def observer(self, model: str, version: int, role: str) -> RoleMetrics:
        return RoleMetrics(self, model, version, role)

    def watch(self, registry: Registry, ready: Callable[[], bool]) -> None:
        """What these say is read when the metrics are asked for."""
        self._registry.register(RegistryCollector(registry))
        self._ready.set_function(ready)

    def render(self) -> bytes:
        return generate_latest(self._registry)
