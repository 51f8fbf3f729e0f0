"""Health, metrics and the documentation."""

import re

import httpx
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from service.app import create_app
from service.settings import Settings


async def test_alive_and_ready(client: httpx.AsyncClient) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"


async def test_draining_is_alive_but_not_ready(app: FastAPI, client: httpx.AsyncClient) -> None:
    app.state.draining = True
    assert (await client.get("/health/live")).status_code == 200
    answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, "not-ready")
    assert answer.headers["retry-after"] == "1"


async def test_before_the_models_are_loaded_it_is_not_ready(settings: Settings) -> None:
    transport = httpx.ASGITransport(create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/health/ready")).status_code == 503


async def test_metrics_are_prometheus_text(client: httpx.AsyncClient) -> None:
    await client.get("/models")
    await client.get("/nowhere")
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    requests = {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for sample in families["mnist_gan_requests"].samples
    }
    assert requests == {("/models", "200"): 1, ("other", "404"): 1}
    models = [sample.labels["model"] for sample in families["mnist_gan_model_info"].samples]
    assert sorted(models) == ["tiny", "tiny", "tiny_bare", "tiny_cond", "tiny_critic"]
    assert families["mnist_gan_queue_images"].samples[0].value == 0
    assert families["mnist_gan_ready"].samples[0].value == 1


async def test_the_documentation_is_served_whole(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    parts = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(parts) == 3
    for part in parts:
        assert part.startswith("http://service/"), "nothing of the page comes from elsewhere"
        assert (await client.get(part)).status_code == 200


def test_on_a_real_server(http: httpx.Client) -> None:
    assert http.get("/health/live").json() == {"status": "live"}
    assert http.get("/health/ready").json() == {"status": "ready"}
    assert "mnist_gan_requests_total" in http.get("/metrics").text
    assert http.get("/").headers["content-type"].startswith("text/html")
