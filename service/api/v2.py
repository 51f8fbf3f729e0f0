"""The Open Inference Protocol under /v2: what is served, whether it is ready, and what it has done.

Every network of a bundle is a model here: `cgan` is its generator, `cgan.discriminator` its discriminator.
/v2/models/{name}/infer is in `v2_infer`, /v2/repository in `v2_repository`. https://github.com/kserve/open-inference-protocol
"""

import re
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, NamedTuple

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from service import __version__
from service.api import state
from service.api.openapi import BareRoute, json_response, reference
from service.api.ops import NO_STORE
from service.api.ops import ready as service_ready
from service.api.tensors import DATATYPES
from service.engine.batcher import Batcher
from service.engine.bundle import contract
from service.engine.registry import Model, Registry
from service.engine.session import Port
from service.engine.statistics import Histogram, Tally
from service.errors import ServiceError
from service.manifest import RoleName

router = APIRouter(prefix="/v2", tags=["open inference protocol"], route_class=BareRoute)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

EXTENSIONS = ["binary_tensor_data", "model_configuration", "model_repository", "parameters", "statistics"]
PLATFORM = "onnxruntime_onnx"


class InferenceError(BaseModel):
    """Every error under /v2."""

    error: str


class Live(BaseModel):
    live: bool


class Ready(BaseModel):
    ready: bool


class ServerMetadata(BaseModel):
    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    name: str
    datatype: str
    shape: list[int]
    """-1 is the batch."""


class ModelMetadata(BaseModel):
    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ModelConfig(BaseModel):
    """Triton's configuration of a model."""

    name: str
    platform: str
    backend: str
    max_batch_size: int
    """0, Triton's word for shapes that name the batch themselves."""
    input: list[dict[str, Any]]
    output: list[dict[str, Any]]


class ModelStatistics(BaseModel):
    """Triton's statistics: requests, inferences (images) and executions (runs) since the network
    was loaded, by any endpoint."""

    model_stats: list[dict[str, Any]]


class Served(NamedTuple):
    """One network of one version."""

    model: Model
    role: RoleName
    batcher: Batcher

    @property
    def name(self) -> str:
        name = self.model.manifest.name
        return name if self.role == "generator" else f"{name}.{self.role}"

    @property
    def version(self) -> str:
        return str(self.model.manifest.version)

    @property
    def ports(self) -> tuple[dict[str, Port], dict[str, Port]]:
        """Inputs and outputs."""
        return contract(self.model.manifest, self.role)


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses` for the errors of these statuses."""
    text = {
        400: "The request is wrong; the answer names the fix.",
        401: "No key was sent.",
        403: "This is no admin key, or the service has none.",
        404: "No such model or version.",
        409: "The default model stays; or the bundle is bad, and what was served before goes on.",
        413: "The body is too large.",
        503: "The queue is full or the service is not ready: try again after Retry-After seconds.",
        504: "The deadline passed.",
    }
    content = {"application/json": {"schema": reference(InferenceError)}}
    return {status: {"description": text[status], "content": content} for status in statuses}


def parameters(*, version: bool, example: str = "cgan") -> list[dict[str, Any]]:
    """The path's, for the document."""
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}, "example": example}
    number = {"name": "version", "in": "path", "required": True, "schema": {"type": "string"}, "example": "1"}
    return [name, number] if version else [name]


def served(registry: Registry) -> Iterator[Served]:
    """Every network of every version of every model."""
    for model in registry.models():
        for role in model.manifest.roles:
            yield Served(model, role, getattr(model, role))


def find(request: Request) -> Served:
    """The network that the path names: the newest version that has it, unless the path says which."""
    name, version = request.path_params["name"], request.path_params.get("version")
    if version is not None and not re.fullmatch(r"[0-9]{1,9}", version, re.ASCII):
        raise ServiceError(404, "unknown-version", "a version is a number")
    return find_by_name(state.registry(request), name, None if version is None else int(version))


def find_by_name(registry: Registry, name: str, version: int | None) -> Served:
    every = list(served(registry))
    # A bundle may be called like another one's network: then the bundle is meant.
    found = sorted((one for one in every if one.name == name), key=lambda one: one.role != "generator")
    if not found:
        known = ", ".join(dict.fromkeys(one.name for one in every))
        raise ServiceError(404, "unknown-model", f"there is no such model; there are {known}")
    for one in found:
        if version in (None, one.model.manifest.version):
            return one
    known = ", ".join(one.version for one in found)
    raise ServiceError(404, "unknown-version", f"there is no such version of {name}; there are {known}")


@router.get(
    "/health/live",
    summary="Is the process alive?",
    responses={200: json_response(Live, "It is.")},
)
async def live(request: Request) -> Response:
    """200 as long as the event loop turns."""
    return Response(Live(live=True).model_dump_json(), media_type="application/json", headers=NO_STORE)


@router.get(
    "/health/ready",
    summary="Should it be sent requests?",
    responses={200: json_response(Ready, "It should."), **errors(503)},
)
async def ready(request: Request) -> Response:
    """200 once all models are loaded, 503 from the moment that the process is told to end."""
    await service_ready(request)
    return Response(Ready(ready=True).model_dump_json(), media_type="application/json", headers=NO_STORE)


@router.get("", summary="The server", responses={200: json_response(ServerMetadata, "Name and extensions.")})
async def server(request: Request) -> Response:
    """Name, version and the extensions of the protocol that are spoken."""
    return _json(ServerMetadata(name="mnist-gan-service", version=__version__, extensions=EXTENSIONS))


STATISTICS: dict[int | str, dict[str, Any]] = {
    200: json_response(ModelStatistics, "Of each network that is meant.")
}


@router.get("/models/stats", summary="Statistics of all models", responses=STATISTICS)
async def all_statistics(request: Request) -> Response:
    """Requests, inferences and executions of every network since it was loaded, in Triton's form."""
    return _json(ModelStatistics(model_stats=[_statistics(one) for one in served(state.registry(request))]))


def _of_model(path: str, **documentation: Any) -> Callable[[Handler], Handler]:
    """Registers a handler of /models/{name}, and of /models/{name}/versions/{version}, with this path."""

    def register(handler: Handler) -> Handler:
        for versioned in (False, True):
            where = "/versions/{version}" if versioned else ""
            router.get(
                f"/models/{{name}}{where}{path}",
                openapi_extra={"parameters": parameters(version=versioned)},
                **documentation,
            )(handler)
        return handler

    return register


@_of_model(
    "", summary="One model", responses={200: json_response(ModelMetadata, "Its tensors."), **errors(404)}
)
async def metadata(request: Request) -> Response:
    """Versions, inputs and outputs of a network. A generator takes `seed`, INT64 [-1], in place of `z`: row i
    is then drawn from seed i, as /generate draws."""
    one = find(request)
    inputs, outputs = one.ports
    every = [other.version for other in served(state.registry(request)) if other.name == one.name]
    return _json(
        ModelMetadata(
            name=one.name,
            versions=every,
            platform=PLATFORM,
            inputs=_tensors(inputs),
            outputs=_tensors(outputs),
        )
    )


@_of_model(
    "/ready",
    summary="Is a model ready?",
    responses={200: {"description": "It is; no body."}, **errors(404, 503)},
)
async def model_ready(request: Request) -> Response:
    """200 for every model that is served, until the service is told to end."""
    await service_ready(request)
    find(request)
    return Response(headers=NO_STORE)


@_of_model(
    "/config",
    summary="A model's configuration",
    responses={200: json_response(ModelConfig, "As Triton writes it."), **errors(404)},
)
async def config(request: Request) -> Response:
    """The tensors again, in the words of Triton's configuration."""
    one = find(request)
    inputs, outputs = ([_configured(tensor) for tensor in _tensors(ports)] for ports in one.ports)
    return _json(
        ModelConfig(
            name=one.name,
            platform=PLATFORM,
            backend="onnxruntime",
            max_batch_size=0,
            input=inputs,
            output=outputs,
        )
    )


@_of_model("/stats", summary="Statistics of a model", responses={**STATISTICS, **errors(404)})
async def statistics(request: Request) -> Response:
    """Requests, inferences and executions of one network since it was loaded, in Triton's form."""
    return _json(ModelStatistics(model_stats=[_statistics(find(request))]))


def _json(answer: BaseModel) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json")


def _tensors(ports: dict[str, Port]) -> list[TensorMetadata]:
    return [
        TensorMetadata(
            name=name,
            datatype=DATATYPES[port.dtype],
            shape=[-1 if size is None else size for size in port.shape],
        )
        for name, port in ports.items()
    ]


def _configured(tensor: TensorMetadata) -> dict[str, Any]:
    return {"name": tensor.name, "data_type": f"TYPE_{tensor.datatype}", "dims": tensor.shape}


def _statistics(one: Served) -> dict[str, Any]:
    """Triton's accounting. What a run spends on gathering its rows belongs to compute_infer here; handing
    results out takes no time worth counting."""
    held = one.batcher.statistics
    answered = held.success.count
    nothing = _tally(Tally())
    return {
        "name": one.name,
        "version": one.version,
        "last_inference": held.last_ms,
        "inference_count": held.inferences,
        "execution_count": held.runs.count,
        "inference_stats": {
            "success": _tally(held.success),
            "fail": _tally(held.fail),
            "queue": _tally(held.queue),
            "compute_input": _tally(Tally(answered)),
            "compute_infer": _tally(Tally(answered, held.compute_ns)),
            "compute_output": _tally(Tally(answered)),
            "cache_hit": nothing,
            "cache_miss": nothing,
        },
        "batch_stats": [
            {
                "batch_size": size,
                "compute_input": _tally(Tally(tally.count)),
                "compute_infer": _tally(tally),
                "compute_output": _tally(Tally(tally.count)),
            }
            for size, tally in sorted(held.batches.items())
        ],
    }


def _tally(tally: Tally | Histogram) -> dict[str, int]:
    return {"count": tally.count, "ns": tally.ns}
