"""Prometheus objects. Requests, images and executions (runs of a network) are counted apart, like Triton."""

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import generate_latest

from service.engine.registry import Model

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
        self._queue = Gauge("mnist_gan_queue_images", "Images waiting or running.", registry=registry)
        self._ready = Gauge("mnist_gan_ready", "Whether readiness answers 200.", registry=registry)
        self._info = Gauge(
            "mnist_gan_model_info",
            "1 for every model served.",
            ("model", "version", "provider", "digest", "exact"),
            registry=registry,
        )

    def observer(self, model: str, version: int, role: str) -> RoleMetrics:
        return RoleMetrics(self, model, version, role)

    def watch(self, queue: Callable[[], int], ready: Callable[[], bool]) -> None:
        """Gauges are read when they are asked for."""
        self._queue.set_function(queue)
        self._ready.set_function(ready)

    def publish(self, model: Model) -> None:
        manifest = model.manifest
        self._info.labels(
            manifest.name, str(manifest.version), model.provider, model.digest, str(model.exact).lower()
        ).set(1)

    def render(self) -> bytes:
        return generate_latest(self._registry)
