"""Writes images into responses: JSON with base64 PNGs joined by hand, or one binary file."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from pydantic_core import to_json
from starlette.responses import Response

from service.api.sampling import Images
from service.engine.registry import Model
from service.imaging import encode, jobs
from service.imaging.jobs import Job

MEDIA = {
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "npy": "application/octet-stream",
    "zip": "application/zip",
}


def members(pngs: Sequence[bytes], **columns: Sequence[Any] | None) -> bytes:
    """One JSON object an image, separated by commas: its PNG, and of each given column its i-th value."""
    given = [(b',"%b":' % name.encode(), values) for name, values in columns.items() if values is not None]
    out = []
    for i, png in enumerate(pngs):
        extra = b"".join([name + to_json(values[i]) for name, values in given])
        out.append(b'{"b64_json":"%b"%b}' % (base64.b64encode(png), extra))
    return b",".join(out)


def picture(image: Images) -> str:
    """base64 of the PNG of one image [28, 28]."""
    return base64.b64encode(encode.png(image)).decode()


def json_answer(
    head: Mapping[str, Any], images: bytes, timings: Mapping[str, float] | None, headers: Mapping[str, str]
) -> Response:
    """head's members, then the `images` as `members` wrote them, then the timings."""
    end = b"" if timings is None else b',"timings":' + to_json(timings)
    body = b'%b,"images":[%b]%b}' % (to_json(head)[:-1], images, end)
    return Response(body, media_type="application/json", headers=headers)


def file_answer(content: bytes, kind: str, name: str, headers: Mapping[str, str]) -> Response:
    """A picture shown in place; an archive or array offered for saving under `name`."""
    disposition = "inline" if kind in ("png", "gif", "webp") else "attachment"
    extra = {"Content-Disposition": f'{disposition}; filename="{name}.{kind}"'}
    return Response(content, media_type=MEDIA[kind], headers={**headers, **extra})


def stills(
    images: Images, kind: Literal["png", "npy", "zip"], scale: int, columns: int | None, names: Iterable[str]
) -> Job:
    """Return the job that writes one file of all the images: a grid, an array, or an archive of PNGs under
    these file names."""
    if kind == "png":
        return partial(jobs.grid, images, columns, scale)
    if kind == "npy":
        return partial(jobs.npy, images)
    return partial(jobs.zip_of_pngs, images, list(names), scale)


def headers_of(model: Model) -> dict[str, str]:
    """What a binary answer says of its model."""
    return {"X-Model": model.manifest.name, "X-Model-Version": str(model.manifest.version)}
