"""POST /score: what the discriminator says of uploaded pictures."""

from typing import Any

import numpy as np
from fastapi import APIRouter
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from service.api import sampling, state
from service.api.answer import picture
from service.api.generate import RESPONSES
from service.api.openapi import BareRoute, json_response
from service.api.sampling import Images, Labels
from service.api.upload import EXAMPLE, decode_uploads, documentation, read_uploads
from service.engine.registry import Model
from service.manifest import CLASSES
from service.schemas import ScoreOptions, ScoreRequest, ScoreResponse

router = APIRouter(tags=["images"], route_class=BareRoute)

EXAMPLES = {"A generated 7": {"images": [EXAMPLE]}}
FORM = {"label": {"type": "integer", "minimum": 0, "maximum": 9}}


@router.post(
    "/score",
    summary="Score pictures with the discriminator",
    responses={**RESPONSES, 200: json_response(ScoreResponse, "A score for each picture, in order.")},
    openapi_extra=documentation(ScoreOptions, ScoreRequest, EXAMPLES, FORM),
)
async def score(request: Request) -> Response:
    """Takes a form with `files`, one picture as the body, or JSON with base64. The score is relative to the
    model's own generator: the log-odds that a picture is one of MNIST's digits rather than generated."""
    watch = sampling.Stopwatch()
    limits = state.settings(request)
    uploads, options = await read_uploads(request, limits, ScoreOptions, ScoreRequest)
    model = state.registry(request).get(options.model, options.version)
    discriminator = sampling.network(request, model, "discriminator")
    labels = sampling.given_labels(model, options.label, len(uploads), "label")
    every_label = labels is None and "label" in discriminator.inputs
    rows = CLASSES if every_label else 1
    until = sampling.deadline(request)
    discriminator.check_room(rows * len(uploads))
    decoded = await decode_uploads(request, uploads, options, until)
    watch.mark("decode")
    images = np.stack([one.image for one in decoded])
    likeliest = None
    if every_label:
        values, likeliest = await _over_labels(model, images, until)
    else:
        values = await sampling.scores(model, images, labels, until)
    watch.mark("run")
    manifest = model.manifest
    assert manifest.score is not None
    threshold = manifest.score.threshold
    if labels is not None and manifest.score.label_threshold is not None:
        threshold = manifest.score.label_threshold
    scores = [
        {
            "file": uploads[i].name,
            "preprocessing": decoded[i].steps,
            "image": picture(images[i]) if options.return_images else None,
            "logit": value,
            "probability": _sigmoid(value) if manifest.score.kind == "logit" else None,
            "threshold": threshold,
            "label": None if labels is None else int(labels[i]),
            "likeliest_label": None if likeliest is None else int(likeliest[i]),
        }
        for i, value in enumerate(values.tolist())
    ]
    answer = {"model": manifest.name, "version": manifest.version, "scores": scores, "timings": watch.marks}
    return Response(to_json(answer, inf_nan_mode="null"), media_type="application/json")


async def _over_labels(
    model: Model, images: Images, until: float
) -> tuple[np.ndarray[Any, np.dtype[np.float32]], Labels]:
    """Scores [n] over all ten labels (the logsumexp of the joint logits), and the label [n] whose own is
    highest."""
    n = len(images)
    every = np.tile(np.arange(CLASSES, dtype=np.int64), n)
    joint = await sampling.scores(model, images.repeat(CLASSES, 0), every, until)
    table = joint.reshape(n, CLASSES)
    return np.logaddexp.reduce(table, axis=1), table.argmax(1)


def _sigmoid(logit: float) -> float:
    return float(1 / (1 + np.exp(-np.float64(logit)))) if logit > -700 else 0.0
