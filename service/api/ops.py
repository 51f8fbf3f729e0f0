"""For those who run the service: liveness, readiness, metrics."""

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from service.api import state
from service.api.openapi import BareRoute, json_response, problems
from service.errors import ServiceError
from service.exposition import CONTENT_TYPE

router = APIRouter(tags=["operations"], route_class=BareRoute)

NO_STORE = {"Cache-Control": "no-store"}


class Health(BaseModel):
    status: str


@router.get("/health/live", summary="Is the process alive?", responses={200: json_response(Health, "It is.")})
async def live(request: Request) -> Response:
    """200 as long as the event loop turns. Not a reason to send traffic: ask /health/ready for that."""
    return Response(b'{"status":"live"}', media_type="application/json", headers=NO_STORE)


@router.get(
    "/health/ready",
    summary="Should it be sent requests?",
    responses={200: json_response(Health, "It should."), **problems(e503="Starting, or shutting down.")},
)
async def ready(request: Request) -> Response:
    """200 once all models are loaded, 503 from the moment that the process is told to end."""
    held = state.of(request)
    if held.draining or held.models is None:
        raise ServiceError(
            503, "not-ready", "starting or shutting down", headers=NO_STORE | {"Retry-After": "1"}
        )
    return Response(b'{"status":"ready"}', media_type="application/json", headers=NO_STORE)


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    responses={200: {"description": "Text exposition format.", "content": {"text/plain": {}}}},
)
async def metrics(request: Request) -> Response:
    """Requests, images and executions; queue; batch sizes and latencies; failures by code; models."""
    return Response(state.of(request).metrics.scrape(), headers={"Content-Type": CONTENT_TYPE} | NO_STORE)
