"""Triton's model repository under /v2/repository: what the models' folder holds, and serving it or not.

A bundle is loaded and unloaded whole, by its own name: `cgan` takes `cgan.discriminator` with it.
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_model_repository.md
"""

import json
from typing import Any, Literal, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from service.api import state
from service.api.admin import AdminRoute
from service.api.body import read_body, validated
from service.api.openapi import SECURITY, BareRoute, reference, request_body
from service.api.v2 import errors, parameters, served
from service.errors import ServiceError

router = APIRouter(prefix="/v2/repository", tags=["open inference protocol"], route_class=BareRoute)

Body = TypeVar("Body", bound=BaseModel)


class IndexRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)

    ready: bool = False
    """Leaves out what is not served."""


class IndexEntry(BaseModel):
    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE"]
    reason: str


class LoadParameters(BaseModel):
    """Triton's own, a configuration or files in place of the folder's, are refused: they are no bundle."""

    model_config = ConfigDict(extra="forbid", strict=True)


class LoadRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    parameters: LoadParameters = LoadParameters()


class UnloadParameters(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)

    unload_dependents: bool = False
    """No model depends on another."""


class UnloadRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    parameters: UnloadParameters = UnloadParameters()


@router.post(
    "/index",
    summary="What is in the repository",
    responses={
        200: {
            "description": "Every network that is served, and every version that is not, with the reason.",
            "content": {"application/json": {"schema": {"type": "array", "items": reference(IndexEntry)}}},
        },
        **errors(400, 413),
    },
    openapi_extra=request_body(IndexRequest, {"All": {}}, required=False),
)
async def index(request: Request) -> Response:
    """Every network of every version with its state."""
    asked = await _body(request, IndexRequest)
    registry = state.registry(request)
    entries = [
        IndexEntry(name=one.name, version=one.version, state="READY", reason="") for one in served(registry)
    ]
    if not asked.ready:
        entries += [
            IndexEntry(name=one.name, version=str(one.version or ""), state="UNAVAILABLE", reason=one.reason)
            for one in registry.unserved
            if one.name is not None and not _is_served(entries, one.name, one.version)
        ]
    return Response(json.dumps([vars(one) for one in entries]), media_type="application/json")


admin = APIRouter(route_class=AdminRoute)


def _documentation(body: type[BaseModel], *statuses: int) -> dict[str, Any]:
    return {
        "responses": {200: {"description": "Done; no body."}, **errors(400, 401, 403, *statuses, 413)},
        "openapi_extra": {
            "parameters": parameters(version=False, example="vae"),
            "security": SECURITY,
            **request_body(body, {"As it is": {}}),
        },
    }


@admin.post(
    "/models/{name}/load", summary="Serve a model, or it anew", **_documentation(LoadRequest, 404, 409)
)
async def load(request: Request) -> Response:
    """Proves every version that the models' folder holds of it and serves them; requests go on meanwhile."""
    await _body(request, LoadRequest)
    registry = state.registry(request)
    name = request.path_params["name"]
    refused = await registry.aside(lambda: registry.load(name))
    if refused:
        raise ServiceError(409, "bundle-refused", refused[0].reason)
    return Response()


@admin.post(
    "/models/{name}/unload", summary="Serve a model no longer", **_documentation(UnloadRequest, 404, 409)
)
async def unload(request: Request) -> Response:
    """Every version and network of it, until it is loaded again; requests under way end on it."""
    await _body(request, UnloadRequest)
    registry, name = state.registry(request), request.path_params["name"]
    await registry.aside(lambda: registry.unload(name))
    return Response()


router.include_router(admin)


def _is_served(entries: list[IndexEntry], name: str, version: int | None) -> bool:
    """Whether an earlier load of the version still is, so that the index has it already."""
    return (name, str(version)) in {(one.name, one.version) for one in entries}


async def _body(request: Request, model: type[Body]) -> Body:
    body = await read_body(request, state.settings(request).json_body_bytes)
    return validated(body or b"{}", model)
