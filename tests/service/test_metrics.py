"""Requests, images and executions are counted apart."""

import json
import re
import time

import httpx
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.engine.registry import Model
from service.metrics import Metrics
from service.settings import Settings
from tests.service.conftest import ROOT

LABELS = 'model="tiny",role="generator",version="1"'


def value(app: FastAPI, series: str) -> float:
    """Of one series of the metrics, as Prometheus reads them."""
    lines = app.state.metrics.render().decode().splitlines()
    (found,) = [line for line in lines if line.startswith(series + " ")]
    return float(found.removeprefix(series))


async def test_images_and_executions_are_counted_apart(app: FastAPI) -> None:
    statistics = app.state.registry.get("tiny", 1).generator.statistics
    statistics.ran(requests=5, images=64, seconds=0.002)
    statistics.ran(requests=1, images=3, seconds=0.0001)
    assert value(app, f"mnist_gan_executions_total{{{LABELS}}}") == 2
    assert value(app, f"mnist_gan_images_total{{{LABELS}}}") == 67
    for le, runs in {"2.0": 0, "4.0": 1, "32.0": 1, "64.0": 2, "+Inf": 2}.items():
        assert value(app, f'mnist_gan_batch_images_bucket{{le="{le}",{LABELS}}}') == runs
    assert value(app, f"mnist_gan_batch_images_sum{{{LABELS}}}") == 67
    for le, runs in {"0.0001": 1, "0.001": 1, "0.0025": 2, "+Inf": 2}.items():
        assert value(app, f'mnist_gan_run_seconds_bucket{{le="{le}",{LABELS}}}') == runs
    assert value(app, f"mnist_gan_run_seconds_sum{{{LABELS}}}") == pytest.approx(0.0021)


async def test_failures_have_reasons(app: FastAPI) -> None:
    undelivered = app.state.registry.get("tiny", 1).generator.statistics.undelivered
    undelivered["deadline"] += 2
    undelivered["inference-failed"] += 7
    for reason, images in {"cancelled": 0, "deadline": 2, "inference-failed": 7}.items():
        series = (
            f'mnist_gan_failed_images_total{{model="tiny",reason="{reason}",role="generator",version="1"}}'
        )
        assert value(app, series) == images


async def test_requests_are_counted_by_route_and_status(app: FastAPI, client: httpx.AsyncClient) -> None:
    for n in (1, 2, "many"):
        await client.post("/generate", json={"model": "tiny", "n": n})
    await client.get("/generate?model=tiny")
    for method, status, requests in (("POST", 200, 2), ("POST", 422, 1), ("GET", 200, 1)):
        series = f'mnist_gan_requests_total{{method="{method}",route="/generate",status="{status}"}}'
        assert value(app, series) == requests
    assert value(app, 'mnist_gan_request_seconds_bucket{le="+Inf",route="/generate"}') == 4
    assert value(app, 'mnist_gan_failures_total{code="invalid"}') == 1


async def test_gauges_are_read_when_asked(app: FastAPI) -> None:
    metrics, model = app.state.metrics, app.state.registry.get("tiny", 2)
    model.generator.backlog.admit(512)
    assert value(app, "mnist_gan_queue_images") == 512
    model.encoder.backlog.admit(1)
    assert value(app, "mnist_gan_queue_images") == 513
    assert value(app, "mnist_gan_queue_images_limit") == 1024
    assert value(app, "mnist_gan_queue_fill") == 0.5
    model.generator.cost.first_s = model.generator.cost.row_s = 5 / 1024
    assert value(app, "mnist_gan_queue_work_seconds") == pytest.approx(2.5, rel=0.01)
    assert b"mnist_gan_ready 1.0" in metrics.render()
    app.state.draining = True
    assert b"mnist_gan_ready 0.0" in metrics.render()


async def test_the_dashboard_asks_for_metrics_that_there_are(client: httpx.AsyncClient) -> None:
    dashboard = json.loads((ROOT / "deploy/grafana/dashboards/service.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = set(re.findall(r"\b(?:mnist_gan|process)_[a-z_]+", " ".join(queries)))
    there = set(re.findall(r"^# TYPE (\S+) ", (await client.get("/metrics")).text, re.MULTILINE))
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked} <= there
    assert len(asked) > 15


async def test_the_time_in_the_queue_is_a_histogram(app: FastAPI, client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await client.get("/generate?model=tiny&version=1")
    assert value(app, f"mnist_gan_queue_seconds_count{{{LABELS}}}") == 3
    assert value(app, f'mnist_gan_queue_seconds_bucket{{le="+Inf",{LABELS}}}') == 3
    assert 0 < value(app, f"mnist_gan_queue_seconds_sum{{{LABELS}}}") < 3


def test_lost_log_lines_are_counted_by_stream() -> None:
    text = Metrics(lambda: {"stdout": 3, "stderr": 0}).render()
    assert b'mnist_gan_log_lines_lost_total{stream="stdout"} 3.0' in text
    assert b'mnist_gan_log_lines_lost_total{stream="stderr"} 0.0' in text


def test_a_scrape_repeats_the_last_one_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    metrics = Metrics(cache_s=1.0)
    series = b'mnist_gan_failures_total{code="x"} %d.0'
    metrics.failed("x")
    assert series % 1 in metrics.scrape()
    metrics.failed("x")
    now[0] += 0.99
    assert series % 1 in metrics.scrape()
    assert series % 2 in metrics.render()
    now[0] += 0.01
    assert series % 2 in metrics.scrape()


def test_without_a_cache_every_scrape_is_fresh() -> None:
    metrics = Metrics(cache_s=0)
    before = metrics.scrape()
    metrics.failed("x")
    assert metrics.scrape() != before


async def test_the_endpoint_caches_for_as_long_as_the_setting_says(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"metrics_cache_s": 60}))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client,
    ):
        first = (await client.get("/metrics")).text
        assert (await client.get("/metrics")).text == first


async def test_a_scrape_of_a_hundred_networks_holds_the_loop_for_a_moment(app: FastAPI) -> None:
    """With an object for each sample it took 30 ms."""
    registry = app.state.registry
    (model, *_) = registry.models()

    class Many:
        unserved, changes, pool = registry.unserved, registry.changes, registry.pool

        def models(self) -> list[Model]:
            return [model] * (100 // len(model.manifest.roles))

    app.state.metrics.watch(Many(), lambda: True)
    seconds = []
    for _ in range(5):
        start = time.process_time()
        text = app.state.metrics.render()
        seconds.append(time.process_time() - start)
    assert text.count(b"\n") > 4000
    assert min(seconds) < 0.015
