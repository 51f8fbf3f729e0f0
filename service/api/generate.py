"""POST and GET /generate: images from a seed."""

import hashlib
from functools import partial
from typing import Any

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from service.api import image_work, sampling, state
from service.api.answer import file_answer, headers_of, json_answer, members, stills
from service.api.body import json_body
from service.api.caching import audience, matches
from service.api.openapi import BareRoute, json_response, problems, query_parameters, request_body
from service.api.query import read_query
from service.engine.latent import any_seed, draw, seeds_of, truncate
from service.engine.registry import Model
from service.errors import ServiceError, fields_of, invalid, of_query
from service.imaging import jobs
from service.schemas import GenerateQuery, GenerateRequest, GenerateResponse

router = APIRouter(tags=["images"], route_class=BareRoute)

_QUERY_FIELDS = fields_of(GenerateQuery)

Checked = tuple[int, sampling.Labels | None]
"""How many images, and their labels where they were given."""
YEAR_S = 365 * 24 * 3600
PICTURES: dict[str, Any] = {
    "image/png": {},
    "application/zip": {},
    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: json_response(GenerateResponse, "The images, in the format that was asked for."),
    **problems(
        e404="No such model or version.",
        e413="The body is too large.",
        e422="A field is wrong; the answer names it and the fix.",
        e503="The queue is full: try again after Retry-After seconds.",
        e504="The deadline passed.",
    ),
}
RESPONSES[200]["content"] |= PICTURES
EXAMPLES = {
    "Four digits": {"n": 4, "seed": 7},
    "The digits that you ask for, as one picture": {
        "labels": [2, 0, 2, 6],
        "seed": 7,
        "columns": 4,
        "scale": 4,
        "format": "png",
    },
    "Typical ones, with what the discriminator says": {
        "n": 4,
        "seed": 7,
        "truncation": 0.7,
        "return_scores": True,
    },
    "An unconditional model": {"model": "dcgan", "n": 16, "seed": 7, "format": "png"},
}


@router.post(
    "/generate",
    summary="Images from a seed",
    responses=RESPONSES,
    openapi_extra=request_body(GenerateRequest, EXAMPLES),
)
async def generate(request: Request) -> Response:
    """Image i is drawn from seed + i alone: the same seed gives the same bytes, whatever n and whatever else
    is running."""
    asked = await json_body(request, GenerateRequest, state.settings(request).json_body_bytes)
    model = state.registry(request).get(asked.model, asked.version)
    return await _answer(request, model, asked, _checked(model, asked), headers_of(model))


@router.get(
    "/generate",
    summary="A picture from a seed, for <img src>",
    responses={**RESPONSES, 304: {"description": "The picture that you have is the one (If-None-Match)."}},
    openapi_extra={"parameters": query_parameters(GenerateQuery, {"seed": 7, "n": 16})},
)
async def generate_picture(request: Request) -> Response:
    """The fields of POST in the query; lists as repeated fields or with commas, directions as name:amount.
    With a seed the answer can be cached, for good when the version is given too."""
    asked = _query(request)
    model = state.registry(request).get(asked.model, asked.version)
    try:
        checked = _checked(model, asked)
    except ServiceError as error:
        raise of_query(error) from None
    headers = headers_of(model)
    if asked.seed is None:
        headers["Cache-Control"] = "no-store"
        return await _answer(request, model, asked, checked, headers)
    headers |= _caching(request, model, asked)
    # Looked at only where the answer would be 200 without it (RFC 9110, 13.2.1).
    if matches(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return await _answer(request, model, asked, checked, headers)


async def _answer(
    request: Request, model: Model, asked: GenerateRequest, checked: Checked, headers: dict[str, str]
) -> Response:
    watch = sampling.Stopwatch()
    manifest = model.manifest
    n, labels = checked
    model.generator.check_room(n)
    until = sampling.deadline(request)
    seed = any_seed() if asked.seed is None else asked.seed
    seeds = seeds_of(seed, n)
    z, drawn = draw(seeds, manifest.latent_dim, manifest.prior, manifest.conditional)
    labels = drawn if labels is None else labels
    if asked.truncation != 1:
        z = truncate(z, asked.truncation)
    z = sampling.moved(model, z, asked.directions)
    watch.mark("draw")
    images = await sampling.run(model, z, labels, until)
    kind = asked.format
    scores = (
        await sampling.scores(model, images, labels, until)
        if asked.return_scores and kind == "json"
        else None
    )
    watch.mark("run")
    digits = None if labels is None else labels.tolist()
    headers = headers | {"X-Seed": str(seed)}
    pixels = images.size * asked.scale**2
    if kind != "json":
        names = (
            f"{i:03d}_seed_{s}" + (f"_label_{digits[i]}" if digits else "") + ".png"
            for i, s in enumerate(seeds)
        )
        job = stills(images, kind, asked.scale, asked.columns, names)
        (content,) = await image_work.encode(request, job, until, pixels=pixels)
        return file_answer(content, kind, f"{manifest.name}-{seed}", headers)
    latents = z.tolist() if asked.return_latents else None
    values = None if scores is None else scores.tolist()
    pngs = await image_work.encode(request, partial(jobs.pngs, images, asked.scale), until, pixels=pixels)
    written = members(pngs, seed=seeds, label=digits, score=values, latent=latents)
    watch.mark("encode")
    head = {"model": manifest.name, "version": manifest.version, "seed": seed}
    cacheable = isinstance(asked, GenerateQuery)
    return json_answer(head, written, None if cacheable else watch.marks, headers)


def _checked(model: Model, asked: GenerateRequest) -> Checked:
    """ServiceError 422 for what this model cannot do."""
    n = asked.n or len(asked.labels or [0])
    labels = sampling.given_labels(model, asked.labels, n)
    sampling.check_scale(n, asked.scale, asked.format, asked.columns)
    sampling.check_directions(model, asked.directions)
    for extra in ("return_latents", "return_scores"):
        if getattr(asked, extra) and asked.format != "json":
            raise sampling.refuse(extra, f"only format json can hold them, not {asked.format}: leave it out")
    if asked.return_scores and model.discriminator is None:
        raise sampling.refuse("return_scores", f"{model.manifest.name} has no discriminator: leave it out")
    return n, labels


def _query(request: Request) -> GenerateQuery:
    """Read the query. Lists are split at commas, and directions at colons too."""
    fields: dict[str, Any] = {}
    for name, values in read_query(
        request.scope["query_string"], _QUERY_FIELDS, ("labels", "directions")
    ).items():
        if name == "labels":
            parts = [part for value in values for part in value.split(",")]
            fields[name] = parts if len(parts) > 1 else parts[0]
        elif name == "directions":
            pairs = [part.partition(":") for value in values for part in value.split(",") if part]
            fields[name] = {key: amount for key, _, amount in pairs}
        else:
            fields[name] = values[0]
    try:
        return GenerateQuery.model_validate(fields, strict=False)
    except ValidationError as error:
        raise invalid(error, "query", _QUERY_FIELDS) from None


def _caching(request: Request, model: Model, asked: GenerateQuery) -> dict[str, str]:
    """A strong ETag of the model's digest, the provider (whose bytes may differ) and the query."""
    query = asked.model_dump_json(exclude={"model", "version"})
    key = f"{model.digest} {model.provider} {query}".encode("utf-8", "surrogatepass")
    fixed = asked.version is not None and asked.model is not None
    age = f"max-age={YEAR_S}, immutable" if fixed else "max-age=0, must-revalidate"
    return {
        "ETag": f'"{hashlib.sha256(key).hexdigest()[:32]}"',
        "Cache-Control": f"{audience(request)}, {age}",
    }
