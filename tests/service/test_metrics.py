"""Requests, images and executions are counted apart."""

import json
import re

import httpx
from fastapi import FastAPI

from service.metrics import Metrics
from tests.service.conftest import ROOT

LABELS = 'model="tiny",role="generator",version="1"'


def test_images_and_executions_are_counted_apart() -> None:
    metrics = Metrics()
    observer = metrics.observer("tiny", 1, "generator")
    observer.ran(64, 0.002)
    observer.ran(3, 0.0001)
    text = metrics.render().decode()
    assert f"mnist_gan_executions_total{{{LABELS}}} 2.0" in text
    assert f"mnist_gan_images_total{{{LABELS}}} 67.0" in text
    assert f'mnist_gan_batch_images_bucket{{le="4.0",{LABELS}}} 1.0' in text
    assert f"mnist_gan_run_seconds_sum{{{LABELS}}} 0.0021" in text


def test_failures_have_reasons() -> None:
    metrics = Metrics()
    observer = metrics.observer("tiny", 1, "generator")
    observer.failed(5)
    for reason in ("cancelled", "deadline", "inference-failed"):
        observer.dropped(reason, 2)
    text = metrics.render().decode()
    name = 'mnist_gan_failed_images_total{model="tiny",reason="%s",role="generator",version="1"} %.1f'
    assert name % ("cancelled", 2) in text
    assert name % ("deadline", 2) in text
    assert name % ("inference-failed", 7) in text


async def test_gauges_are_read_when_asked(app: FastAPI) -> None:
    metrics, pool = app.state.metrics, app.state.registry.pool
    pool.admit(3)
    assert b"mnist_gan_queue_images 3.0" in metrics.render()
    pool.admit(1)
    assert b"mnist_gan_queue_images 4.0" in metrics.render()
    assert b"mnist_gan_queue_images_limit 1024.0" in metrics.render()
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


async def test_the_time_in_the_queue_is_summed(app: FastAPI, client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await client.get("/generate?model=tiny&version=1")
    text = app.state.metrics.render().decode()
    assert f"mnist_gan_queue_seconds_count{{{LABELS}}} 3.0" in text
    (seconds,) = re.findall(rf"mnist_gan_queue_seconds_sum{{{LABELS}}} (\S+)", text)
    assert 0 < float(seconds) < 3
