"""OpenAI's images API under /v1, so that its clients work unchanged: a prompt's number is what is drawn."""

import base64
import re
import time
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from service.api import image_work, sampling, state
from service.api.body import json_body
from service.api.openapi import BareRoute, json_response, reference, request_body
from service.engine.latent import any_seed, draw, seeds_of
from service.engine.registry import Model
from service.errors import ServiceError
from service.imaging import encode, jobs
from service.manifest import SIDE
from service.schemas import MAX_IMAGES, MAX_PIXELS, Seed

router = APIRouter(prefix="/v1", tags=["openai"], route_class=BareRoute)

EXAMPLES = {
    "One digit": {"prompt": "a handwritten 7", "seed": 42},
    "A number, large": {"prompt": "2026", "n": 2, "size": "512x256", "seed": 42},
}


class ImagesRequest(BaseModel):
    """What OpenAI's clients send. A field that would change nothing here is refused, not ignored."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True)

    prompt: Annotated[str, Field(max_length=1000)]
    """Holds one number, whose digits are drawn side by side: "7", "a handwritten 42"."""
    model: Annotated[str, Field(max_length=64)] | None = None
    """A name from /v1/models; the default model if left out."""
    n: Annotated[int, Field(ge=1, le=MAX_IMAGES)] | None = None
    """How many images; 1 if left out."""
    size: Annotated[str, Field(pattern=r"^(auto|[1-9][0-9]{1,3}x[1-9][0-9]{1,3})$")] | None = None
    """Width x height: every pixel becomes a square as large as fits, in the middle, on black. Left out or
    auto: 28 pixels a digit, byte for byte as /generate has them."""
    seed: Seed | None = None
    """Not in OpenAI's API: the same seed gives the same images. Random if left out; the answer says it."""
    response_format: Literal["b64_json"] | None = None
    """No files are kept, so there are no URLs to give."""
    output_format: Literal["png"] | None = None
    quality: Literal["auto", "standard"] | None = None
    user: Annotated[str, Field(max_length=1000)] | None = None
    """Your name for an end user. Nothing is done with it."""


class Picture(BaseModel):
    b64_json: str
    seed: int
    """That of its first digit: alone it gives this image again."""


class ImagesResponse(BaseModel):
    created: int
    model: str
    seed: int
    data: list[Picture]


class ModelObject(BaseModel):
    id: str
    object: Literal["model"] = "model"
    # Bundles carry no date, and clients insist on one.
    created: int = 0
    owned_by: str = "mnist-gan-service"


class ModelObjects(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelObject]


class OpenAIProblem(BaseModel):
    message: str
    type: Literal["invalid_request_error", "server_error"]
    param: str | None
    code: str


class OpenAIError(BaseModel):
    """Every error under /v1."""

    error: OpenAIProblem


def _errors(**descriptions: str) -> dict[int | str, dict[str, Any]]:
    content = {"application/json": {"schema": reference(OpenAIError)}}
    return {
        int(status.removeprefix("e")): {"description": text, "content": content}
        for status, text in descriptions.items()
    }


@router.post(
    "/images/generations",
    summary="Images of a number",
    responses={
        200: json_response(ImagesResponse, "The images, as base64 PNGs."),
        **_errors(
            e400="The prompt has no number, or a field is wrong; the answer names the fix.",
            e404="No such model.",
            e413="The body is too large.",
            e503="The queue is full: try again after Retry-After seconds.",
            e504="The deadline passed.",
        ),
    },
    openapi_extra=request_body(ImagesRequest, EXAMPLES),
)
async def generations(request: Request) -> Response:
    """Digit i of image j is drawn from seed + j * digits + i, as GET /generate draws with `labels`."""
    asked = await json_body(request, ImagesRequest, state.settings(request).json_body_bytes)
    model = state.registry(request).get(asked.model)
    manifest = model.manifest
    if not manifest.conditional:
        raise sampling.refuse(
            "model",
            f"{manifest.name} cannot be told what to draw; choose one of {', '.join(_names(request))}",
        )
    digits = _digits(asked.prompt)
    if len(digits) > MAX_IMAGES:
        raise sampling.refuse("prompt", f"it has {len(digits)} digits: {MAX_IMAGES} are the most")
    n = asked.n or 1
    rows = n * len(digits)
    if rows > MAX_IMAGES:
        raise sampling.refuse("n", f"{rows} digits altogether are more than {MAX_IMAGES}: lower n")
    width, height = _size(asked.size, len(digits))
    if n * width * height > MAX_PIXELS:
        raise sampling.refuse("size", f"{n} such images exceed {MAX_PIXELS:,} pixels: lower n or size")
    model.generator.check_room(rows)
    until = sampling.deadline(request)
    seed = any_seed() if asked.seed is None else asked.seed
    seeds = seeds_of(seed, rows)
    z, _ = draw(seeds, manifest.latent_dim, manifest.prior, conditional=False)
    images = await sampling.run(model, z, np.tile(np.array(digits, np.int64), n), until)

    job = partial(jobs.framed_pngs, encode.lines(images, len(digits)), width, height)
    pngs = await image_work.encode(request, job, until, pixels=n * width * height)
    data = [
        Picture(b64_json=base64.b64encode(png).decode(), seed=seeds[i * len(digits)])
        for i, png in enumerate(pngs)
    ]
    answer = ImagesResponse(created=int(time.time()), model=manifest.name, seed=seed, data=data)
    return Response(answer.model_dump_json(), media_type="application/json")


@router.get(
    "/models",
    summary="Models that draw what a prompt says",
    responses={200: json_response(ModelObjects, "The conditional models.")},
)
async def models(request: Request) -> Response:
    """The others draw what they like: /models lists all."""
    found = ModelObjects(data=[ModelObject(id=name) for name in _names(request)])
    return Response(found.model_dump_json(), media_type="application/json")


@router.get(
    "/models/{model}",
    summary="One of them",
    responses={200: json_response(ModelObject, "The model."), **_errors(e404="No such model.")},
    openapi_extra={
        "parameters": [
            {"name": "model", "in": "path", "required": True, "schema": {"type": "string"}, "example": "cgan"}
        ]
    },
)
async def model(request: Request) -> Response:
    """Whether a model is served that draws what a prompt says."""
    name, names = request.path_params["model"], _names(request)
    if name not in names:
        raise ServiceError(404, "unknown-model", f"there is no such model; there are {', '.join(names)}")
    return Response(ModelObject(id=name).model_dump_json(), media_type="application/json")


def _names(request: Request) -> list[str]:
    """The models whose newest version is conditional."""
    registry = state.registry(request)
    newest: dict[str, Model] = {}
    for model in registry.models():
        newest.setdefault(model.manifest.name, model)
    return [name for name, model in newest.items() if model.manifest.conditional]


def _digits(prompt: str) -> list[int]:
    """Of the prompt's one number; 400 where there is none, or a second."""
    numbers = re.findall(r"[0-9]+", prompt)
    if not numbers:
        raise sampling.refuse("prompt", 'name a number in digits, like "7" or "a handwritten 42"')
    if len(numbers) > 1:
        raise sampling.refuse("prompt", f"it has {len(numbers)} numbers: name one")
    return [int(digit) for digit in numbers[0]]


def _size(size: str | None, digits: int) -> tuple[int, int]:
    """Width and height in pixels; 400 where the digits do not fit."""
    if size in (None, "auto"):
        return digits * SIDE, SIDE
    width, height = (int(side) for side in str(size).split("x"))
    if width < digits * SIDE or height < SIDE:
        raise sampling.refuse("size", f"{digits} digits need at least {digits * SIDE}x{SIDE}")
    return width, height
