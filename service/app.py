"""Wires settings, models, endpoints and middleware into the ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi_swagger import patch_fastapi
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from service import __version__, traces
from service.access import Guard, Keys
from service.access_log import AccessLog
from service.api import (
    admin,
    classify,
    decode,
    encode,
    generate,
    history,
    interpolate,
    models,
    openai,
    ops,
    score,
    v2,
    v2_infer,
    v2_repository,
    web,
)
from service.api.openapi import document
from service.api.state import State
from service.budget import Budget
from service.engine.memory import GiveBackSoon
from service.engine.registry import Registry
from service.engine.threads import available_threads
from service.handlers import CatchAll, install
from service.imaging.workers import ImageWorkers
from service.logs import ProcessLogs
from service.metrics import Metrics
from service.middleware import EXPOSED_HEADERS, Envelope, Refusals
from service.rate import Buckets, RateLimit
from service.settings import Settings
from service.shortcut import Shortcut

PARTS = (
    generate,
    decode,
    interpolate,
    score,
    encode,
    classify,
    models,
    history,
    v2,
    v2_infer,
    v2_repository,
    openai,
    ops,
    admin,
    web,
)


class App(FastAPI):
    """FastAPI whose document holds the models that our endpoints validate by themselves."""

    # Starlette declares a class of its own, whose every attribute is a call.
    state: State  # type: ignore[assignment]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As Starlette's: FastAPI's looks for telemetry in the environment, three times for each request."""
        scope["app"] = self
        if self.middleware_stack is None:
            self.middleware_stack = self.build_middleware_stack()
        await self.middleware_stack(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """The layers that were added and those that routes need: no more, since each costs every request.

        FastAPI would put three around them, of which ours do the work: the last resort (CatchAll), a limit of
        bodies and traces.
        """
        stack: ASGIApp = AsyncExitStackMiddleware(self.router)
        stack = ExceptionMiddleware(stack, handlers=self.exception_handlers)
        for layer, arguments, options in reversed(self.user_middleware):
            stack = layer(stack, *arguments, **options)
        return stack

    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            self.openapi_schema = document(self)
        return self.openapi_schema


def create_app(settings: Settings, registry: Registry | None = None, logs: ProcessLogs | None = None) -> App:
    """The application. It loads the models when it starts, unless they are given; a bad bundle is then a
    BundleError. `logs` are those of the process, if it has opened them already."""
    logs = logs or ProcessLogs(settings.log_buffer_bytes)
    metrics = Metrics(logs.lost, settings.metrics_cache_s)
    body_memory = _body_memory(settings)
    image_workers = _image_workers(settings, body_memory)
    access_log = AccessLog(logs.stdout.write) if settings.access_log else None
    state = State(
        settings,
        metrics,
        Keys(settings.admin_keys),
        image_workers,
        body_memory,
        GiveBackSoon(),
        Refusals(metrics, access_log),
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        state.models = registry or load_models(settings)
        metrics.watch(state.models, lambda: not state.draining)
        yield
        image_workers.close()
        state.models.close()

    app = App(
        title="MNIST generative models",
        version=__version__,
        summary="Handwritten digits from trained generative adversarial networks.",
        lifespan=lifespan,
        redirect_slashes=False,  # The redirect would name whatever host the client has sent.
        redoc_url=None,
        docs_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.state = state
    for part in PARTS:
        app.include_router(part.router)
    # /docs with its scripts served from here: FastAPI's own page loads them from another host.
    patch_fastapi(app, redirect_from_root_to_docs=False)
    install(app)
    # Added last is outermost. Refusals and the catch-all's 500 are for pages of allowed origins to read too,
    # and a preflight brings no key: CORS comes before both. What is off is not there, and costs nothing.
    app.add_middleware(Shortcut, routes=[route for part in PARTS for route in part.router.routes])
    app.add_middleware(CatchAll)
    if settings.rate_limit:
        buckets = Buckets(settings.rate_limit, settings.rate_burst)
        app.add_middleware(RateLimit, buckets=buckets, proxies=settings.trusted_proxies)
    if settings.api_keys:
        keys = Keys([*settings.api_keys, *settings.admin_keys])
        app.add_middleware(Guard, keys=keys, metrics_open=settings.metrics_open)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "HEAD", "POST"],
            allow_headers=["*"],  # OpenAI's client alone adds nine of its own.
            expose_headers=EXPOSED_HEADERS,
        )
    if settings.traces:
        app.add_middleware(traces.Traced, tracer=traces.exporting())
    app.add_middleware(Envelope, metrics=metrics, access_log=access_log)
    return app


def _body_memory(settings: Settings) -> Budget:
    """One client may always send one body of the largest kind."""
    total = settings.body_memory_bytes
    largest = max(settings.json_body_bytes, settings.score_body_bytes, settings.infer_body_bytes)
    return Budget(total, max(largest, int(total * settings.client_share)))


def _image_workers(settings: Settings, body_memory: Budget) -> ImageWorkers:
    total = settings.image_requests
    requests = Budget(total, max(1, int(total * settings.client_share)))
    count = settings.image_workers or max(2, available_threads())
    return ImageWorkers(count, requests, body_memory, settings.score_pixels)


def load_models(settings: Settings) -> Registry:
    """Every bundle of MODELS_DIR, proved; BundleError or ProviderError say what is wrong."""
    return Registry(
        settings.models_dir,
        settings.default_model,
        provider=settings.provider,
        threads=settings.threads or available_threads(),
        max_batch=settings.max_batch,
        queue_images=settings.queue_images,
        queue_s=settings.queue_s,
        run_limit_s=settings.deadline_s,
        proof_timeout_s=settings.proof_timeout_s,
    )
