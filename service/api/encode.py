"""POST /encode: pictures to latent vectors, and back; with a mask, missing pixels filled in."""

import numpy as np
from fastapi import APIRouter
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from service.api import image_work, sampling, state
from service.api.answer import picture
from service.api.generate import RESPONSES
from service.api.openapi import BareRoute, json_response
from service.api.sampling import Images, Labels
from service.api.upload import (
    EXAMPLE,
    decode_uploads,
    documentation,
    read_uploads,
    unbase64,
)
from service.engine.batcher import Batcher
from service.engine.fill import fill
from service.engine.latent import Floats
from service.engine.registry import Model
from service.errors import ServiceError
from service.schemas import EncodeOptions, EncodeRequest, EncodeResponse, ImageEncoding

router = APIRouter(tags=["images"], route_class=BareRoute)

ROUNDS = 20
# The lower half of 28x28 in white.
LOWER_HALF = picture(np.array([[0] * 28] * 14 + [[255] * 28] * 14, np.uint8))
EXAMPLES = {
    "A 7 to its latent vector, and back": {"model": "vae", "images": [EXAMPLE], "reconstruct": True},
    "Its lower half is missing": {"model": "vae", "images": [EXAMPLE], "mask": LOWER_HALF},
}
FORM = {"mask": {"type": "string", "format": "binary"}, "reconstruct": {"type": "boolean"}}


@router.post(
    "/encode",
    summary="Latent vectors of pictures; missing pixels filled in",
    responses={**RESPONSES, 200: json_response(EncodeResponse, "An encoding of each picture, in order.")},
    openapi_extra=documentation(EncodeOptions, EncodeRequest, EXAMPLES, FORM),
)
async def encode(request: Request) -> Response:
    """Takes a form with `files`, one picture as the body, or JSON with base64, for models with an encoder.
    With a `mask`, its white pixels are taken from the reconstruction `rounds` times over, all others kept."""
    watch = sampling.Stopwatch()
    limits = state.settings(request)
    uploads, options = await read_uploads(request, limits, EncodeOptions, EncodeRequest)
    model = state.registry(request).get(options.model, options.version)
    encoder = sampling.network(request, model, "encoder")
    labels = _labels(model, encoder, options, len(uploads))
    until = sampling.deadline(request)
    missing = await _missing(request, options, until)
    encoder.check_room(len(uploads))
    decoded = await decode_uploads(request, uploads, options, until)
    watch.mark("decode")

    async def latents_of(images: Images) -> Floats:
        given = {"label": labels} if labels is not None and "label" in encoder.inputs else {}
        return await encoder.submit({"image": images, **given}, until)

    async def images_of(z: Floats) -> Images:
        return await sampling.run(model, z, labels, until)

    images = np.stack([one.image for one in decoded])
    filled = None
    if missing is None:
        z = await latents_of(images)
    else:
        rounds = options.rounds or ROUNDS
        width = model.manifest.latent_dim
        filled, z = await fill(images, missing, rounds, width, latents_of, images_of)
    back = await images_of(z) if options.reconstruct else None
    watch.mark("run")
    answer = EncodeResponse(
        model=model.manifest.name,
        version=model.manifest.version,
        encodings=[
            ImageEncoding(
                file=uploads[i].name,
                latent=latent,
                reconstruction=None if back is None else picture(back[i]),
                filled=None if filled is None else picture(filled[i]),
                preprocessing=decoded[i].steps,
                image=picture(images[i]) if options.return_images else None,
            )
            for i, latent in enumerate(z.tolist())
        ],
        timings=watch.marks,
    )
    return Response(answer.model_dump_json(), media_type="application/json")


async def _missing(request: Request, options: EncodeOptions, until: float) -> NDArray[np.bool_] | None:
    """[28, 28], True where a pixel is missing; None without a mask."""
    if options.mask is None:
        if options.rounds is not None:
            raise sampling.refuse("rounds", "without a mask nothing is refilled: send one, or no rounds")
        return None
    try:
        return await image_work.decode_mask(request, unbase64(options.mask, "mask"), until)
    except ServiceError as error:
        detail = f"mask: {error.detail.removeprefix('mask: ')}"
        raise ServiceError(error.status, error.code, detail, headers=error.headers) from None


def _labels(model: Model, encoder: Batcher, options: EncodeOptions, n: int) -> Labels | None:
    """Labels [n] of a conditional model; 422 where a network of it needs them and none were given."""
    labels = sampling.given_labels(model, options.label, n, "label")
    generates = options.reconstruct or options.mask is not None
    if labels is None and ("label" in encoder.inputs or (generates and model.manifest.conditional)):
        raise sampling.refuse(
            "label", f"{model.manifest.name} is conditional: say which digits the pictures are"
        )
    return labels
