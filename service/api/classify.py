"""POST /classify: which digits uploaded pictures show, by a model's own classifier."""

import numpy as np
from fastapi import APIRouter
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from service.api import sampling, state
from service.api.answer import picture
from service.api.generate import RESPONSES
from service.api.openapi import BareRoute, json_response
from service.api.upload import EXAMPLE, decode_uploads, documentation, read_uploads
from service.schemas import ClassifyRequest, ClassifyResponse, ImageClass, UploadOptions

router = APIRouter(tags=["images"], route_class=BareRoute)

EXAMPLES = {"A generated 7": {"model": "sgan", "images": [EXAMPLE]}}


@router.post(
    "/classify",
    summary="Which digits pictures show",
    responses={**RESPONSES, 200: json_response(ClassifyResponse, "A class for each picture, in order.")},
    openapi_extra=documentation(UploadOptions, ClassifyRequest, EXAMPLES),
)
async def classify(request: Request) -> Response:
    """Takes a form with `files`, one picture as the body, or JSON with base64, for models with a classifier:
    those that learnt from few labels and many pictures without."""
    watch = sampling.Stopwatch()
    limits = state.settings(request)
    uploads, options = await read_uploads(request, limits, UploadOptions, ClassifyRequest)
    model = state.registry(request).get(options.model, options.version)
    classifier = sampling.network(request, model, "classifier")
    until = sampling.deadline(request)
    classifier.check_room(len(uploads))
    decoded = await decode_uploads(request, uploads, options, until)
    watch.mark("decode")
    logits = await classifier.submit({"image": np.stack([one.image for one in decoded])}, until)
    watch.mark("run")
    probabilities = softmax(logits)
    answer = ClassifyResponse(
        model=model.manifest.name,
        version=model.manifest.version,
        classifications=[
            ImageClass(
                file=uploads[i].name,
                label=int(logits[i].argmax()),
                probabilities=row,
                preprocessing=decoded[i].steps,
                image=picture(decoded[i].image) if options.return_images else None,
            )
            for i, row in enumerate(probabilities.tolist())
        ],
        timings=watch.marks,
    )
    return Response(answer.model_dump_json(), media_type="application/json")


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities [n, classes] of logits [n, classes]."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    odds = np.exp(shifted)
    out: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
    return out
