"""POST /score: what the discriminator says of uploaded pictures."""

import asyncio
import binascii
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from service.api import sampling, state
from service.api.body import media_type, read_body
from service.api.form import read_form, too_many_files
from service.api.generate import RESPONSES
from service.api.openapi import BareRoute, json_response, query_parameters, reference
from service.api.sampling import Images, Labels
from service.engine.registry import Model
from service.errors import ServiceError, fields_of, invalid
from service.imaging.decode import Decoded, ImageLimits, decode, looks_small
from service.manifest import CLASSES
from service.schemas import ImageScore, ScoreOptions, ScoreRequest, ScoreResponse
from service.settings import Settings

router = APIRouter(tags=["images"], route_class=BareRoute)

INLINE_FILES = 4
"""So many small pictures are decoded on the event loop: a thread would cost more than it gives."""
# A generated 7: an example must fit into the page that shows it.
EXAMPLE = (
    "iVBORw0KGgoAAAANSUhEUgAAABwAAAAcCAAAAABXZoBIAAAA5ElEQVR4XmMYeoBVlhG3i9lufX15apOxAL+QMCcrMx"
    "OaKuFzv/78/frh2buPH15+u6SOLMXAwMCkUHHz3a8fv//++ff/dyuyDITBKNaYk1lufeH/L00QFwtgZAz4e4cFXRTG"
    "YTry7wxOp7O/+deDXYaBgUH0xx9v7DIMDAyBfz9xYpdhYGDc/W8jTivZvvwuwiXJmPznmxFWGQYGBomHv2txaiz9+U"
    "ERqwwDAwNr4Z934eiRAuMI3vj7MpSVAStgOvb/bzCmMIRr+uf/L3kQAxso//e/E0MQxhN9eAKXP0DxjSYHAMRKSit4"
    "9fGcAAAAAElFTkSuQmCC"
)
UPLOAD = {
    # First, so that it is what /docs shows: a form's example would need a file at hand.
    "application/json": {"schema": reference(ScoreRequest), "example": {"images": [EXAMPLE]}},
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["files"],
            "properties": {
                "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
                "label": {"type": "integer", "minimum": 0, "maximum": 9},
            },
        }
    },
    "image/png": {"schema": {"type": "string", "format": "binary"}},
}


class Upload(NamedTuple):
    """One file as it came."""

    name: str | None
    data: bytes


@router.post(
    "/score",
    summary="Score pictures with the discriminator",
    responses={**RESPONSES, 200: json_response(ScoreResponse, "A score for each picture, in order.")},
    openapi_extra={
        "requestBody": {"required": True, "content": UPLOAD},
        "parameters": query_parameters(ScoreOptions),
    },
)
async def score(request: Request) -> Response:
    """Takes a form with `files`, one picture as the body, or JSON with base64. The score is relative to the
    model's own generator: the log-odds that a picture is one of MNIST's digits rather than generated."""
    watch = sampling.Stopwatch()
    limits = state.settings(request)
    uploads, options = await _uploads(request, limits)
    model = state.registry(request).get(options.model, options.version)
    if model.discriminator is None:
        raise sampling.refuse("model", f"{model.manifest.name} has no discriminator: choose another model")
    labels = _labels(model, options, len(uploads))
    rows = CLASSES if model.manifest.conditional and labels is None else 1
    sampling.check_room(request, rows * len(uploads))
    until = sampling.deadline(request)
    decoded = await _decoded(uploads, options, limits, until)
    watch.mark("decode")
    images = np.stack([one.image for one in decoded])
    values, likeliest = await _scores(model, images, labels, until)
    watch.mark("run")
    manifest = model.manifest
    assert manifest.score is not None
    threshold = manifest.score.threshold
    if labels is not None and manifest.score.label_threshold is not None:
        threshold = manifest.score.label_threshold
    answer = ScoreResponse(
        model=manifest.name,
        version=manifest.version,
        scores=[
            ImageScore(
                file=uploads[i].name,
                logit=value,
                probability=_sigmoid(value) if manifest.score.kind == "logit" else None,
                threshold=threshold,
                label=None if labels is None else int(labels[i]),
                likeliest_label=None if likeliest is None else int(likeliest[i]),
                preprocessing=decoded[i].steps,
            )
            for i, value in enumerate(values.tolist())
        ],
        timings=watch.marks,
    )
    return Response(answer.model_dump_json(), media_type="application/json")


async def _scores(
    model: Model, images: Images, labels: Labels | None, until: float
) -> tuple[np.ndarray[Any, np.dtype[np.float32]], Labels | None]:
    """Scores [n]; for a conditional model without labels, over all ten (the logsumexp of its joint logits)
    with the label [n] whose score is highest."""
    if labels is not None or not model.manifest.conditional:
        return await sampling.scores(model, images, labels, until), None
    n = len(images)
    every = np.tile(np.arange(CLASSES, dtype=np.int64), n)
    joint = await sampling.scores(model, images.repeat(CLASSES, 0), every, until)
    table = joint.reshape(n, CLASSES)
    return np.logaddexp.reduce(table, axis=1), table.argmax(1)


async def _decoded(
    uploads: list[Upload], options: ScoreOptions, limits: Settings, until: float
) -> list[Decoded]:
    """All of them, on the loop where that is short, else in a thread, which gives up at the deadline: a few
    kilobytes may hold four megapixels, sixty-four times."""
    bounds = ImageLimits(limits.score_file_bytes, limits.score_pixels)
    now = asyncio.get_running_loop().time

    def work() -> list[Decoded]:
        out = []
        for i, upload in enumerate(uploads):
            if now() > until:
                raise ServiceError(504, "deadline", f"the deadline passed at picture {i}: send fewer")
            try:
                out.append(decode(upload.data, bounds, fit=options.fit, invert=options.invert))
            except ServiceError as error:
                raise ServiceError(error.status, error.code, f"picture {i}: {error.detail}") from None
        return out

    if len(uploads) <= INLINE_FILES and all(looks_small(upload.data) for upload in uploads):
        return work()
    return await asyncio.to_thread(work)


async def _uploads(request: Request, limits: Settings) -> tuple[list[Upload], ScoreOptions]:
    """The files and what is said of them, however they were sent."""
    said: dict[str, Any] = {name: _single(request, name) for name in request.query_params}
    options = _options(said, "query")
    body = await read_body(request, limits.score_body_bytes)
    kind = media_type(request.headers)
    if kind == "multipart/form-data":
        uploads, fields = _form(request, body, limits)
        options = _merged(options, _options(fields, "form"))
    # `curl -d` and `--data-binary` call any body a form; only JSON begins with a brace, no image does.
    elif kind == "application/json" or (not kind.startswith("image/") and body.lstrip()[:1] == b"{"):
        try:
            asked = ScoreRequest.model_validate_json(body)
        except ValidationError as error:
            raise invalid(error, "body", fields_of(ScoreRequest)) from None
        uploads = [Upload(None, _unbase64(text, i)) for i, text in enumerate(asked.images)]
        options = _merged(options, asked)
    else:
        uploads = [Upload(None, body)]
    if not any(upload.data for upload in uploads):
        raise ServiceError(422, "no-image", "send a picture: a form with `files`, an image body, or JSON")
    if len(uploads) > limits.score_files:
        raise too_many_files(limits.score_files)
    return uploads, options


def _form(request: Request, body: bytes, limits: Settings) -> tuple[list[Upload], dict[str, str]]:
    uploads: list[Upload] = []
    fields: dict[str, str] = {}
    for part in read_form(body, request.headers.get("content-type", ""), limits.score_files):
        if part.filename is not None:
            uploads.append(Upload(part.filename, part.data))
        elif part.name in fields:
            raise ServiceError(422, "invalid", f"form.{part.name[:100]}: give it once")
        else:
            fields[part.name] = part.data.decode("utf-8", "replace")
    return uploads, fields


def _options(said: Mapping[str, str], where: str) -> ScoreOptions:
    """From strings; labels may be several with commas."""
    fields: dict[str, Any] = dict(said)
    if "label" in said:
        fields["label"] = said["label"].split(",")
    try:
        return ScoreOptions.model_validate(fields, strict=False)
    except ValidationError as error:
        raise invalid(error, where, fields_of(ScoreOptions)) from None


def _merged(one: ScoreOptions, other: ScoreOptions) -> ScoreOptions:
    """What both say; 422 for what is said twice."""
    if twice := one.model_fields_set & other.model_fields_set:
        raise ServiceError(422, "invalid", f"{min(twice)}: say it in the query or in the body, not in both")
    return other.model_copy(update={name: getattr(one, name) for name in one.model_fields_set})


def _single(request: Request, name: str) -> str:
    values = request.query_params.getlist(name)
    if len(values) > 1:
        raise ServiceError(422, "invalid", f"query.{name[:100]}: give it once")
    return values[0]


def _labels(model: Model, options: ScoreOptions, n: int) -> Labels | None:
    given = options.label
    if given is None:
        return None
    if not model.manifest.conditional:
        raise sampling.refuse("label", f"{model.manifest.name} takes no label: leave it out")
    if len(given) not in (1, n):
        raise sampling.refuse("label", f"{len(given)} labels for {n} pictures: give one, or one each")
    return sampling.given_labels(model, given, n)


def _unbase64(text: str, index: int) -> bytes:
    # Browsers' readAsDataURL puts a header before the data.
    data = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return binascii.a2b_base64(data.encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ServiceError(422, "base64", f"body.images.{index}: is not base64") from None


def _sigmoid(logit: float) -> float:
    return float(1 / (1 + np.exp(-np.float64(logit)))) if logit > -700 else 0.0
