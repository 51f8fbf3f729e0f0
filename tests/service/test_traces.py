"""A span per request, where they are wanted; nothing of it where not."""

import builtins
import json
import subprocess
import sys
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from service import traces
from service.app import create_app
from service.log_writer import finish
from service.logs import ProcessLogs
from service.settings import Settings
from service.traces import TracesError, exporting
from tests.service.conftest import ROOT

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What an application that traces sends from here on."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(traces, "exporting", lambda: provider.get_tracer("test"))
    return exporter


async def ask(
    settings: Settings, path: str, logs: ProcessLogs | None = None, **headers: str
) -> httpx.Response:
    app = create_app(settings.model_copy(update={"traces": True}), logs=logs)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.get(path, headers=headers)


def only(spans: InMemorySpanExporter) -> tuple[ReadableSpan, dict[str, Any]]:
    (span,) = spans.get_finished_spans()
    return span, dict(span.attributes or {})


async def test_a_request_is_a_span(settings: Settings, spans: InMemorySpanExporter) -> None:
    answer = await ask(settings, "/models/tiny")
    span, attributes = only(spans)
    assert span.name == "GET /models/{name}"
    assert attributes == {
        "http.request.method": "GET",
        "http.route": "/models/{name}",
        "http.response.status_code": 200,
        "url.path": "/models/tiny",
        "mnist_gan.request_id": answer.headers["x-request-id"],
    }


async def test_it_is_within_the_callers_trace(settings: Settings, spans: InMemorySpanExporter) -> None:
    await ask(settings, "/models", traceparent=f"00-{TRACE}-b7ad6b7169203331-01")
    span, _ = only(spans)
    assert span.context is not None
    assert span.parent is not None
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"


async def test_a_refusal_tells_its_code_and_is_no_failure(
    settings: Settings, spans: InMemorySpanExporter
) -> None:
    await ask(settings, "/models/nope")
    span, attributes = only(spans)
    assert (attributes["http.response.status_code"], attributes["mnist_gan.error_code"]) == (
        404,
        "unknown-model",
    )
    assert span.status.status_code is StatusCode.UNSET


async def test_a_path_that_does_not_exist_is_named_by_its_method(
    settings: Settings, spans: InMemorySpanExporter
) -> None:
    await ask(settings, "/nowhere")
    assert only(spans)[0].name == "GET"


async def test_the_access_log_names_the_trace(
    settings: Settings, spans: InMemorySpanExporter, capfd: pytest.CaptureFixture[str]
) -> None:
    logs = ProcessLogs(settings.log_buffer_bytes)
    logging = settings.model_copy(update={"access_log": True})
    await ask(logging, "/models", logs, traceparent=f"00-{TRACE}-b7ad6b7169203331-01")
    finish([logs.stdout])
    assert json.loads(capfd.readouterr().out)["trace_id"] == TRACE


def test_without_the_packages_the_fix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("opentelemetry.sdk"):
            raise ImportError(name)
        return load(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(TracesError, match=r"pip install '\.\[traces\]'"):
        exporting()


def test_without_the_setting_nothing_is_imported() -> None:
    program = (
        "import sys; from service.app import create_app; from service.settings import Settings\n"
        "app = create_app(Settings(access_log=False))\n"
        "print(any('Traced' in str(layer.cls) for layer in app.user_middleware))\n"
        "print('opentelemetry.sdk' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]
