"""What is served: the list of models, one model's manifest, and its picture."""

import re
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from service.api import state
from service.api.caching import audience, matches
from service.api.openapi import BareRoute, json_response, problems
from service.engine.registry import Model
from service.errors import ServiceError
from service.manifest import NAME

router = APIRouter(tags=["models"], route_class=BareRoute)


class ModelSummary(BaseModel):
    """One version of a model."""

    name: str
    version: int
    title: str
    summary: str
    state: Literal["ready"]
    provider: Literal["cuda", "cpu"]
    """Where it runs."""
    default: bool
    """Whether it answers requests that name no model."""
    conditional: bool
    """Whether it takes labels."""
    latent_dim: int
    prior: Literal["normal", "uniform"]
    roles: list[str]
    directions: list[str]
    """Names of latent directions to steer along."""
    history: bool
    """Whether it tells how it learned, at /models/{name}/history."""
    digest: str
    """sha256 of its manifest."""


class UnservedModel(BaseModel):
    """What the models' folder holds and is not served as it lies there."""

    name: str | None
    """null: the folder itself cannot be read."""
    version: int | None
    """null: all of the model."""
    state: Literal["refused", "unloaded"]
    """refused: it is bad; what was served before goes on. unloaded: an administrator asked for that."""
    reason: str


class ModelList(BaseModel):
    models: list[ModelSummary]
    default: str
    unserved: list[UnservedModel]
    """What the last reload refused, and what was unloaded."""


class ModelDetail(ModelSummary):
    """One version of a model, with all that is known of it."""

    exact: bool
    """Whether the self-test at load gave the very bytes of the machine that exported the model."""
    versions: list[int]
    """All versions of this model, the newest first."""
    manifest: dict[str, Any]
    """As written at export, without the self-test's data."""


PARAMETERS = [
    {
        "name": "name",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": NAME},
        "example": "cgan",
    },
    {
        "name": "version",
        "in": "query",
        "required": False,
        "schema": {"type": "integer", "minimum": 1},
        "description": "The newest if left out.",
    },
]
REFUSALS = problems(e404="No such model or version.", e422="The version is no number.")


@router.get("/models", summary="What is served", responses={200: json_response(ModelList, "All models.")})
async def models(request: Request) -> Response:
    """Every version of every model, the newest first, with the provider in use."""
    registry = state.registry(request)
    listed = ModelList(
        models=[ModelSummary(**_summary(request, model)) for model in registry.models()],
        default=registry.default,
        unserved=[UnservedModel(**vars(one)) for one in registry.unserved],
    )
    return Response(listed.model_dump_json(), media_type="application/json")


@router.get(
    "/models/{name}",
    summary="One model",
    responses={200: json_response(ModelDetail, "The model, its manifest and metrics."), **REFUSALS},
    openapi_extra={"parameters": PARAMETERS},
)
async def model(request: Request) -> Response:
    """Manifest, measured quality with its limit, digest and provider of one model."""
    model = asked(request)
    detail = ModelDetail(
        **_summary(request, model),
        exact=model.exact,
        versions=state.registry(request).versions(model.manifest.name),
        manifest=model.manifest.model_dump(mode="json", exclude={"golden"}),
    )
    return Response(detail.model_dump_json(), media_type="application/json")


@router.get(
    "/models/{name}/preview.png",
    summary="A picture of samples",
    responses={200: {"description": "PNG.", "content": {"image/png": {}}}, **REFUSALS},
    openapi_extra={"parameters": PARAMETERS},
)
async def preview(request: Request) -> Response:
    """The picture that was made when the model was exported."""
    model = asked(request)
    if model.preview is None:
        raise ServiceError(404, "no-preview", "this model came without a picture")
    return cached(request, model.preview, model.digest, "image/png")


def cached(request: Request, content: bytes, digest: str, media_type: str) -> Response:
    """A file of a bundle, or 304 for a caller that has it."""
    etag = f'"{digest[:32]}"'
    headers = {"ETag": etag, "Cache-Control": f"{audience(request)}, max-age=300"}
    if matches(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def asked(request: Request) -> Model:
    """The model that path and query name."""
    version = request.query_params.get("version")
    if version is not None and not re.fullmatch(r"[0-9]{1,9}", version, re.ASCII):
        fields = [{"loc": ["query", "version"], "msg": "should be a whole number", "type": "int_parsing"}]
        raise ServiceError(422, "invalid", "query.version: should be a whole number", errors=fields)
    return state.registry(request).get(request.path_params["name"], None if version is None else int(version))


def _summary(request: Request, model: Model) -> dict[str, Any]:
    manifest = model.manifest
    registry = state.registry(request)
    return {
        "name": manifest.name,
        "version": manifest.version,
        "title": manifest.title,
        "summary": manifest.summary,
        "state": model.state,
        "provider": model.provider,
        "default": manifest.name == registry.default and model is registry.get(),
        "conditional": manifest.conditional,
        "latent_dim": manifest.latent_dim,
        "prior": manifest.prior,
        "roles": list(manifest.roles),
        "directions": [direction.name for direction in manifest.directions],
        "history": model.history is not None,
        "digest": model.digest,
    }
