"""How a model learned: its curves over the steps of training, and its samples at some of them."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from service.api.models import PARAMETERS, REFUSALS, asked, cached
from service.api.openapi import BareRoute, json_response
from service.engine.bundle import History
from service.errors import ServiceError
from service.manifest import History as Entry

router = APIRouter(tags=["models"], route_class=BareRoute)


class HistoryCurves(BaseModel):
    """At most 200 points of each curve."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    steps: list[int]
    """The steps of training at which the points lie."""
    curves: dict[str, list[float | None]]
    """Losses and figures by name, a value or null for each step: `frechet_distance` and `share_of_0` to
    `share_of_9` are of the samples, the others of the phases of training."""
    frames: list[int]
    """The steps of the pictures in /models/{name}/history.webp, from top to bottom."""


@router.get(
    "/models/{name}/history",
    summary="How a model learned",
    responses={200: json_response(HistoryCurves, "Its curves and the steps of its pictures."), **REFUSALS},
    openapi_extra={"parameters": PARAMETERS},
)
async def curves(request: Request) -> Response:
    """Losses, Fréchet distance and class shares over the steps of training."""
    history, entry = _told(request)
    return cached(request, history.curves, entry.curves.sha256, "application/json")


@router.get(
    "/models/{name}/history.webp",
    summary="Samples while a model learned",
    responses={200: {"description": "WebP.", "content": {"image/webp": {}}}, **REFUSALS},
    openapi_extra={"parameters": PARAMETERS},
)
async def frames(request: Request) -> Response:
    """Ten by ten samples of the same latents, 280x280 pixels, for each of the history's frames, one below the
    other."""
    history, entry = _told(request)
    return cached(request, history.frames, entry.frames.sha256, "image/webp")


def _told(request: Request) -> tuple[History, Entry]:
    """The files of the history and what the manifest says of them."""
    model = asked(request)
    entry = model.manifest.history
    if model.history is None or entry is None:
        raise ServiceError(404, "no-history", "this model came without the record of its training")
    return model.history, entry
