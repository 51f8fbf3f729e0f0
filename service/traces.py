"""OpenTelemetry traces: a span per request. Not in the chain unless TRACES is set."""

from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import __version__

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

NAME = "mnist-gan-service"


class TracesError(Exception):
    """Traces were asked for and cannot be had; the message names the fix."""


class Traced:
    """A span for each request, within the trace that its `traceparent` names; the access log says which."""

    def __init__(self, app: ASGIApp, tracer: "Tracer") -> None:
        # Imported only here: starting without traces must not pay for it.
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._app = app
        self._tracer = tracer
        self._kind = trace.SpanKind.SERVER
        self._failed = trace.Status(trace.StatusCode.ERROR)
        self._extract = TraceContextTextMapPropagator().extract

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        with self._tracer.start_as_current_span(
            scope["method"], self._extract(headers), self._kind, record_exception=False
        ) as span:
            scope["state"]["trace_id"] = f"{span.get_span_context().trace_id:032x}"

            async def watched(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        span.set_status(self._failed)
                await send(message)

            try:
                await self._app(scope, receive, watched)
            finally:
                route = getattr(scope.get("route"), "path", None)
                if route is not None:
                    span.update_name(f"{scope['method']} {route}")
                    span.set_attribute("http.route", route)
                span.set_attribute("http.request.method", scope["method"])
                span.set_attribute("url.path", scope["path"])
                for name in ("request_id", "error_code"):
                    if name in scope["state"]:
                        span.set_attribute(f"mnist_gan.{name}", scope["state"][name])


def exporting() -> "Tracer":
    """A tracer that sends spans to where OTEL_EXPORTER_OTLP_ENDPOINT and OpenTelemetry's other variables say.

    TracesError where the extra `traces` is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise TracesError("TRACES needs more packages: pip install '.[traces]', or unset it") from None
    resource = Resource.create({SERVICE_NAME: NAME, SERVICE_VERSION: __version__})
    # It ends what it has left when the process ends.
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer(NAME, __version__)
