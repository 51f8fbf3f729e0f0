"""POST /decode: images of given latent vectors."""

from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.api import image_work, sampling, state
from service.api.answer import file_answer, headers_of, json_answer, members, stills
from service.api.body import json_body
from service.api.generate import PICTURES, RESPONSES
from service.api.openapi import BareRoute, json_response, request_body
from service.imaging import jobs
from service.schemas import DecodeRequest, DecodeResponse

router = APIRouter(tags=["images"], route_class=BareRoute)

EXAMPLES = {
    "The most typical 7 (the centre of latent space)": {"latents": [[0.0] * 64], "labels": 7},
    "The centre of an unconditional model's": {"model": "dcgan", "latents": [[0.0] * 100], "format": "png"},
}
OK = json_response(DecodeResponse, "The images, in the format that was asked for.")
OK["content"] |= PICTURES


@router.post(
    "/decode",
    summary="Images of latent vectors",
    responses={**RESPONSES, 200: OK},
    openapi_extra=request_body(DecodeRequest, EXAMPLES),
)
async def decode(request: Request) -> Response:
    """Image i is the generator's output for vector i."""
    asked = await json_body(request, DecodeRequest, state.settings(request).json_body_bytes)
    model = state.registry(request).get(asked.model, asked.version)
    manifest = model.manifest
    watch = sampling.Stopwatch()
    n = len(asked.latents)
    labels = sampling.given_labels(model, asked.labels, n)
    if labels is None and manifest.conditional:
        raise sampling.refuse(
            "labels", f"{manifest.name} is conditional: say which digit each vector is to be"
        )
    sampling.check_scale(n, asked.scale, asked.format, asked.columns)
    sampling.check_directions(model, asked.directions)
    z = sampling.moved(
        model, sampling.given_latents(request, model, asked.latents, "latents"), asked.directions
    )
    until = sampling.deadline(request)
    watch.mark("draw")
    images = await sampling.run(model, z, labels, until)
    kind = asked.format
    scores = (
        await sampling.scores(model, images, labels, until)
        if asked.return_scores and kind == "json"
        else None
    )
    watch.mark("run")
    headers = headers_of(model)
    pixels = images.size * asked.scale**2
    if kind != "json":
        names = (f"{i:03d}.png" for i in range(n))
        job = stills(images, kind, asked.scale, asked.columns, names)
        (content,) = await image_work.encode(request, job, until, pixels=pixels)
        return file_answer(content, kind, manifest.name, headers)
    digits = None if labels is None else labels.tolist()
    values = None if scores is None else scores.tolist()
    pngs = await image_work.encode(request, partial(jobs.pngs, images, asked.scale), until, pixels=pixels)
    written = members(pngs, label=digits, score=values)
    watch.mark("encode")
    head = {"model": manifest.name, "version": manifest.version}
    return json_answer(head, written, watch.marks, headers)
