"""POST /interpolate: a path through latent space, as images or as an animation."""

from functools import partial
from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.api import image_work, sampling, state
from service.api.answer import file_answer, headers_of, json_answer, members
from service.api.body import json_body
from service.api.generate import RESPONSES
from service.api.openapi import BareRoute, json_response, request_body
from service.engine.latent import Floats, draw, method_for, path
from service.engine.registry import Model
from service.imaging import jobs
from service.schemas import InterpolateRequest, InterpolateResponse

router = APIRouter(tags=["images"], route_class=BareRoute)

EXAMPLES = {
    "From one 7 to another": {"from": 1, "to": 2, "steps": 8, "labels": 7},
    "An animation that closes": {
        "from": 1,
        "to": 2,
        "steps": 16,
        "loop": True,
        "labels": 3,
        "format": "gif",
        "scale": 4,
    },
    "A strip of an unconditional model's": {
        "model": "dcgan",
        "from": 1,
        "to": 2,
        "steps": 10,
        "format": "png",
    },
}
OK: dict[str, Any] = json_response(InterpolateResponse, "The images, or one picture or animation of them.")
OK["content"] |= {"image/png": {}, "image/gif": {}, "image/webp": {}}


@router.post(
    "/interpolate",
    summary="A path between two latent vectors",
    responses={**RESPONSES, 200: OK},
    openapi_extra=request_body(InterpolateRequest, EXAMPLES),
)
async def interpolate(request: Request) -> Response:
    """Both ends are exact: they are the images of the seeds or vectors that were given."""
    asked = await json_body(request, InterpolateRequest, state.settings(request).json_body_bytes)
    model = state.registry(request).get(asked.model, asked.version)
    manifest = model.manifest
    watch = sampling.Stopwatch()
    frames = 2 * asked.steps - 2 if asked.loop else asked.steps
    sampling.check_scale(frames, asked.scale)
    sampling.check_directions(model, asked.directions)
    start, drawn = _end(request, model, asked.from_, "from")
    goal, _ = _end(request, model, asked.to, "to")
    labels = sampling.given_labels(model, asked.labels, asked.steps)
    if labels is None and manifest.conditional:
        if drawn is None:
            raise sampling.refuse("labels", f"{manifest.name} is conditional: say which digit it is to be")
        labels = np.full(asked.steps, drawn, np.int64)
    if labels is not None and asked.loop:
        labels = np.concatenate([labels, labels[-2:0:-1]])
    method = method_for(manifest.prior, manifest.latent_dim) if asked.method == "auto" else asked.method
    z = sampling.moved(model, path(start, goal, asked.steps, method, asked.loop), asked.directions)
    watch.mark("draw")
    until = sampling.deadline(request)
    images = await sampling.run(model, z, labels, until)
    watch.mark("run")
    headers = headers_of(model)
    name = f"{manifest.name}-interpolation"
    pixels = images.size * asked.scale**2
    if asked.format == "png":
        job = partial(jobs.grid, images, len(images), asked.scale)
        (strip,) = await image_work.encode(request, job, until, pixels=pixels)
        return file_answer(strip, "png", name, headers)
    if asked.format != "json":
        animate = jobs.gif if asked.format == "gif" else jobs.webp
        job = partial(animate, images, asked.frame_ms, asked.scale)
        (film,) = await image_work.encode(request, job, until, pixels=None)
        return file_answer(film, asked.format, name, headers)
    digits = None if labels is None else labels.tolist()
    pngs = await image_work.encode(request, partial(jobs.pngs, images, asked.scale), until, pixels=pixels)
    written = members(pngs, label=digits, latent=z.tolist())
    watch.mark("encode")
    head = {"model": manifest.name, "version": manifest.version, "method": method}
    return json_answer(head, written, watch.marks, headers)


def _end(request: Request, model: Model, end: int | list[float], field: str) -> tuple[Floats, int | None]:
    """An end of the path [latent_dim]; with it the label that its seed draws, None for a vector."""
    manifest = model.manifest
    if isinstance(end, int):
        z, labels = draw([end], manifest.latent_dim, manifest.prior, manifest.conditional)
        return z[0], None if labels is None else int(labels[0])
    return sampling.given_latents(request, model, [end], field)[0], None
