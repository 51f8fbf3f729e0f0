"""POST /v2/models/{name}/infer: the Open Inference Protocol's inference, on any network of any bundle."""

import math
import re
import time
from typing import Any

import numpy as np
from fastapi import APIRouter
from isal import isal_zlib
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from service.api import sampling, state
from service.api.body import decompressed, read_body
from service.api.openapi import BareRoute, json_response, reference
from service.api.tensors import DATATYPES, HEADER_LENGTH, InferRequest, compose, parse, wrong
from service.api.v2 import Served, errors, find, parameters
from service.engine.latent import SEEDS, draw
from service.engine.session import Array
from service.manifest import CLASSES
from service.schemas import MAX_IMAGES

router = APIRouter(prefix="/v2", tags=["open inference protocol"], route_class=BareRoute)

LEAST_COMPRESSED = 1024
_WINDOW_BITS = {"gzip": 31, "deflate": 15}

EXAMPLES = {
    "Three digits from their seeds": {
        "inputs": [
            {"name": "seed", "datatype": "INT64", "shape": [3], "data": [7, 8, 9]},
            {"name": "label", "datatype": "INT64", "shape": [3], "data": [2, 0, 6]},
        ]
    },
    "The centre of latent space": {
        "id": "centre",
        "inputs": [
            {"name": "z", "datatype": "FP32", "shape": [1, 64], "data": [0.0] * 64},
            {"name": "label", "datatype": "INT64", "shape": [1], "data": [7]},
        ],
        "outputs": [{"name": "image"}],
    },
}
RAW = {"schema": {"type": "string", "format": "binary"}}


class OutputTensor(BaseModel):
    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, int] | None = None
    """`binary_data_size`, where the tensor follows raw."""
    data: list[float] | None = None
    """Row-major."""


class InferResponse(BaseModel):
    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


def _documentation(*, version: bool) -> dict[str, Any]:
    named = {
        f"example{number}": {"summary": summary, "value": value}
        for number, (summary, value) in enumerate(EXAMPLES.items(), 1)
    }
    content = {
        "application/json": {"schema": reference(InferRequest), "examples": named},
        "application/octet-stream": RAW,
    }
    header = {
        "name": HEADER_LENGTH,
        "in": "header",
        "required": False,
        "schema": {"type": "integer", "minimum": 0},
        "description": "How many bytes of the body are JSON; raw tensors follow.",
    }
    return {
        "requestBody": {"required": True, "content": content},
        "parameters": [*parameters(version=version), header],
    }


_OK = json_response(InferResponse, "The output; raw behind the JSON where that was asked for.")
_OK["content"]["application/octet-stream"] = RAW
RESPONSES = {200: _OK, **errors(400, 404, 413, 503, 504)}


@router.post(
    "/models/{name}/infer",
    summary="Run a network",
    responses=RESPONSES,
    openapi_extra=_documentation(version=False),
)
@router.post(
    "/models/{name}/versions/{version}/infer",
    summary="Run a network",
    responses=RESPONSES,
    openapi_extra=_documentation(version=True),
)
async def infer(request: Request) -> Response:
    """At most 256 rows; bodies may be gzip or deflate, and so is the answer to who accepts it. A generator
    takes `seed` in place of `z`, and a conditional one then draws the labels that it is not given."""
    limits = state.settings(request)
    one = find(request)
    body = await read_body(request, limits.infer_body_bytes)
    encoding = request.headers.get("content-encoding", "").strip().lower()
    body = decompressed(body, encoding, limits.infer_body_bytes)
    widths = [math.prod(size or 1 for size in port.shape) for port in one.ports[0].values()]
    numbers_max = MAX_IMAGES * max(widths)
    asked, tensors = parse(body, request.headers.get(HEADER_LENGTH), limits.json_body_bytes, numbers_max)
    ((name, _),) = one.ports[1].items()
    raw = _is_raw(asked, name)
    until = sampling.deadline(request)
    if asked.parameters.timeout is not None:
        until = min(until, time.monotonic() + asked.parameters.timeout / 1e6)
    feeds = _feeds(request, one, tensors)
    output = await one.batcher.submit(feeds, until)
    head = {"model_name": one.name, "model_version": one.version}
    if asked.id is not None:
        head["id"] = asked.id

    return _answer(*await compose(head, name, output, raw=raw), _accepted(request))


def _answer(body: bytes, json_length: int | None, encoding: str | None) -> Response:
    """Compressed where that is accepted and worth it; the header counts what was there before."""
    headers = {"Vary": "Accept-Encoding"}
    if json_length is not None:
        headers[HEADER_LENGTH] = str(json_length)
    if encoding is not None and len(body) >= LEAST_COMPRESSED:
        headers["Content-Encoding"] = encoding
        deflater = isal_zlib.compressobj(1, isal_zlib.DEFLATED, _WINDOW_BITS[encoding])
        body = deflater.compress(body) + deflater.flush()
    media_type = "application/json" if json_length is None else "application/octet-stream"
    return Response(body, media_type=media_type, headers=headers)


def _is_raw(asked: InferRequest, name: str) -> bool:
    """Whether the one output that there is comes raw; 422 where another one is asked for."""
    default = asked.parameters.binary_data_output
    if asked.outputs is None:
        return default
    if [output.name for output in asked.outputs] != [name]:
        raise wrong(f"outputs: the only output is {name}, once")
    said = asked.outputs[0].parameters.binary_data
    return default if said is None else said


def _feeds(request: Request, one: Served, tensors: dict[str, Array]) -> dict[str, Array]:
    """What the network is given, checked: names, types, shapes, equal rows, and values within bounds."""
    ports = dict(one.ports[0])
    manifest = one.model.manifest
    seeded = one.role == "generator" and "seed" in tensors
    if seeded:
        ports["seed"] = ports.pop("z")._replace(dtype="int64", shape=(None,))
    for name in tensors:
        if name not in ports:
            raise wrong(f"inputs: {one.name} has no {name[:100]!r}, but {', '.join(ports)}")
    for name, port in ports.items():
        shape = [-1 if size is None else size for size in port.shape]
        if name not in tensors:
            if seeded and name == "label":
                continue
            raise wrong(f"inputs: {name} is missing, {DATATYPES[port.dtype]} {shape}")
        given = tensors[name]
        if given.dtype.name != port.dtype or given.ndim != len(shape) or list(given.shape[1:]) != shape[1:]:
            raise wrong(
                f"input {name}: must be {DATATYPES[port.dtype]} {shape}, -1 for any number,"
                f" not {DATATYPES[given.dtype.name]} {list(given.shape)}"
            )
    rows = {len(given) for given in tensors.values()}
    if len(rows) != 1 or not 1 <= min(rows) <= MAX_IMAGES:
        raise wrong(f"inputs: give each the same number of rows, 1 to {MAX_IMAGES}")
    _check_values(request, tensors)
    if not seeded:
        return tensors
    one.batcher.check_room(min(rows))
    z, labels = draw(tensors["seed"].tolist(), manifest.latent_dim, manifest.prior, manifest.conditional)
    return {"z": z} if labels is None else {"z": z, "label": tensors.get("label", labels)}


def _check_values(request: Request, tensors: dict[str, Array]) -> None:
    limit = state.settings(request).latent_limit
    # Written so that NaN is beyond the limit.
    if "z" in tensors and not np.abs(tensors["z"]).max() <= limit:
        raise wrong(f"input z: a coordinate is beyond {limit:g}: latents come from N(0, 1) or [-1, 1]")
    for name, end in (("label", CLASSES), ("seed", SEEDS)):
        if name in tensors and not (tensors[name].min() >= 0 and tensors[name].max() < end):
            raise wrong(f"input {name}: goes from 0 to {end - 1}")


def _accepted(request: Request) -> str | None:
    """The encoding that the answer may have, the first of the caller's that is known; None for none."""
    for offer in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = (part.strip() for part in offer.partition(";"))
        if name in _WINDOW_BITS and not re.fullmatch(r"q=0(\.0*)?", weight):
            return name
    return None
