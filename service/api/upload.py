"""Reads uploaded pictures, however they were sent: a form, one picture as the body, or JSON with base64."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from service.api import image_work
from service.api.body import media_type, read_body, validated
from service.api.form import read_form, too_many_files
from service.api.openapi import query_parameters, reference
from service.api.query import read_query
from service.errors import ServiceError, fields_of, invalid
from service.imaging.decode import Decoded
from service.schemas import UploadOptions, UploadRequest
from service.settings import Settings

Options = TypeVar("Options", bound=UploadOptions)

# A generated 7: an example must fit into the page that shows it.
EXAMPLE = (
    "iVBORw0KGgoAAAANSUhEUgAAABwAAAAcCAAAAABXZoBIAAAA5ElEQVR4XmMYeoBVlhG3i9lufX15apOxAL+QMCcrMx"
    "OaKuFzv/78/frh2buPH15+u6SOLMXAwMCkUHHz3a8fv//++ff/dyuyDITBKNaYk1lufeH/L00QFwtgZAz4e4cFXRTG"
    "YTry7wxOp7O/+deDXYaBgUH0xx9v7DIMDAyBfz9xYpdhYGDc/W8jTivZvvwuwiXJmPznmxFWGQYGBomHv2txaiz9+U"
    "ERqwwDAwNr4Z934eiRAuMI3vj7MpSVAStgOvb/bzCmMIRr+uf/L3kQAxso//e/E0MQxhN9eAKXP0DxjSYHAMRKSit4"
    "9fGcAAAAAElFTkSuQmCC"
)


class Upload(NamedTuple):
    """One file as it came."""

    name: str | None
    data: bytes


def documentation(
    options: type[Options],
    request: type[UploadRequest],
    examples: dict[str, Any],
    form: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """`openapi_extra` of an endpoint that takes uploads: `examples` maps a summary to a JSON body, `form` a
    field to its schema beside `files`."""
    named = {
        f"example{number}": {"summary": summary, "value": value}
        for number, (summary, value) in enumerate(examples.items(), 1)
    }
    files = {"type": "array", "items": {"type": "string", "format": "binary"}}
    content = {
        # First, so that it is what /docs shows: a form's example would need a file at hand.
        "application/json": {"schema": reference(request), "examples": named},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["files"],
                "properties": {"files": files, **(form or {})},
            }
        },
        "image/png": {"schema": {"type": "string", "format": "binary"}},
    }
    return {
        "requestBody": {"required": True, "content": content},
        "parameters": query_parameters(options),
    }


async def read_uploads(
    request: Request, limits: Settings, options: type[Options], body_type: type[UploadRequest]
) -> tuple[list[Upload], Options]:
    """The files, at least one, and what the query and the body say of them.

    `body_type` is the JSON body: `options` and the images. A file in the form goes to the images, or to the
    option that its field is named for. ServiceError 413 for too much, 422 for what is no upload.
    """
    query = read_query(request.scope["query_string"], fields_of(options))
    said: Options = _options(options, {name: values[0] for name, values in query.items()}, "query")
    body = await read_body(request, limits.score_body_bytes)
    kind = media_type(request.headers)
    also: BaseModel | None = None
    if kind == "multipart/form-data":
        uploads, fields = _form(request, body, limits, options)
        also = _options(options, fields, "form")
    # `curl -d` and `--data-binary` call any body a form; only JSON begins with a brace, no image does.
    elif kind == "application/json" or (not kind.startswith("image/") and body.lstrip()[:1] == b"{"):
        asked = validated(body, body_type)
        uploads = [Upload(None, unbase64(text, f"body.images.{i}")) for i, text in enumerate(asked.images)]
        also = asked
    else:
        uploads = [Upload(None, body)]
    if not any(upload.data for upload in uploads):
        raise ServiceError(422, "no-image", "send a picture: a form with `files`, an image body, or JSON")
    if len(uploads) > limits.score_files:
        raise too_many_files(limits.score_files)
    return uploads, said if also is None else _merged(said, also)


async def decode_uploads(
    request: Request, uploads: list[Upload], options: UploadOptions, until: float
) -> list[Decoded]:
    """All of them, as `options` say. ServiceError as `image_work.decode_all`."""
    files = [upload.data for upload in uploads]
    return await image_work.decode_all(request, files, fit=options.fit, invert=options.invert, until=until)


def unbase64(text: str, place: str) -> bytes:
    """The bytes; 422 that names the place for what is no base64."""
    # Browsers' readAsDataURL puts a header before the data.
    data = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return binascii.a2b_base64(data.encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ServiceError(422, "base64", f"{place}: is not base64") from None


def _form(
    request: Request, body: bytes, limits: Settings, options: type[UploadOptions]
) -> tuple[list[Upload], dict[str, str]]:
    uploads: list[Upload] = []
    fields: dict[str, str] = {}
    kind = request.headers.get("content-type", "")
    for part in read_form(body, kind, limits.score_files, options.model_fields):
        if part.filename is not None and part.name not in options.model_fields:
            uploads.append(Upload(part.filename, part.data))
        elif part.name in fields:
            raise ServiceError(422, "invalid", f"form.{part.name[:100]}: give it once")
        elif part.filename is not None:
            fields[part.name] = base64.b64encode(part.data).decode()
        else:
            fields[part.name] = part.data.decode("utf-8", "replace")
    return uploads, fields


def _options(options: type[Options], said: Mapping[str, str], where: str) -> Options:
    """From strings; labels may be several with commas."""
    fields: dict[str, Any] = dict(said)
    if "label" in said:
        fields["label"] = said["label"].split(",")
    try:
        return options.model_validate(fields, strict=False)
    except ValidationError as error:
        raise invalid(error, where, fields_of(options)) from None


def _merged(one: Options, other: BaseModel) -> Options:
    """What both say; 422 for what is said twice."""
    if twice := one.model_fields_set & other.model_fields_set:
        raise ServiceError(422, "invalid", f"{min(twice)}: say it in the query or in the body, not in both")
    said = {name: getattr(other, name) for name in other.model_fields_set & type(one).model_fields.keys()}
    return one.model_copy(update=said)
