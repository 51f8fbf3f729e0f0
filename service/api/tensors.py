"""Tensors of the Open Inference Protocol: in JSON, or raw behind it (the binary tensor data extension).

A body is JSON, then the raw tensors in the order in which the JSON names them; the header
Inference-Header-Content-Length says where the JSON ends. Raw tensors are little-endian and row-major.
https://github.com/kserve/open-inference-protocol
"""

import asyncio
import json
import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from service.api.body import validated
from service.engine.session import Array
from service.errors import ServiceError
from service.schemas import MAX_IMAGES

DTYPES: dict[str, np.dtype[Any]] = {
    "FP32": np.dtype("<f4"),
    "INT64": np.dtype("<i8"),
    "UINT8": np.dtype("u1"),
}
DATATYPES = {dtype.name: name for name, dtype in DTYPES.items()}
"""The protocol's names of numpy's types."""
HEADER_LENGTH = "Inference-Header-Content-Length"
PIECE_NUMBERS = 16 * 28 * 28
"""So many numbers are written in one turn of the event loop, which takes about a millisecond."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class InputParameters(_Part):
    binary_data_size: Annotated[int, Field(ge=0)] | None = None


class InferInput(_Part):
    """A tensor that is given."""

    name: str
    shape: Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(max_length=8)]
    datatype: str
    parameters: InputParameters = InputParameters()
    data: list[Any] | None = None


class OutputParameters(_Part):
    binary_data: bool | None = None


class InferOutput(_Part):
    """A tensor that is asked for."""

    name: str
    parameters: OutputParameters = OutputParameters()


class InferParameters(_Part):
    binary_data_output: bool = False
    """Whether outputs come raw unless they say otherwise."""
    timeout: Annotated[int, Field(gt=0, lt=2**63)] | None = None
    """Microseconds that the answer may take, if that is less than the service's own deadline."""


class InferRequest(_Part):
    """A request to infer, as the Open Inference Protocol has it. Other parameters than these are refused."""

    max_items: ClassVar[int] = 262_144

    id: Annotated[str, Field(max_length=128)] | None = None
    model_name: str | None = None
    """KServe's client says it here too; the path's counts."""
    model_version: str | None = None
    """The same."""
    parameters: InferParameters = InferParameters()
    inputs: Annotated[list[InferInput], Field(min_length=1, max_length=8)]
    outputs: Annotated[list[InferOutput], Field(max_length=8)] | None = None


def parse(
    body: bytes, header_length: str | None, json_limit: int, numbers_max: int = 2**31
) -> tuple[InferRequest, dict[str, Array]]:
    """Return the request, and its inputs by name.

    Raises ServiceError 422 for a body that the protocol does not allow or an input of more than `numbers_max`
    numbers, and 413 for more than `json_limit` bytes of JSON.
    """
    size = len(body)
    if header_length is not None:
        if not re.fullmatch(r"[0-9]{1,20}", header_length) or int(header_length) > size:
            raise wrong(f"{HEADER_LENGTH} must be a number of bytes, at most the body's {size:,}")
        size = int(header_length)
    if size > json_limit:
        raise ServiceError(413, "body-too-large", f"the JSON exceeds {json_limit:,} bytes: send raw tensors")
    asked = validated(body[:size], InferRequest)
    raw = memoryview(body)[size:]
    tensors: dict[str, Array] = {}
    for given in asked.inputs:
        if given.name in tensors:
            raise _wrong_input(given, "give it once")
        # A size of 0 hides no others: numpy multiplies them all the same, and overflows.
        if math.prod(size or 1 for size in given.shape) > numbers_max:
            raise _wrong_input(
                given, f"its shape has more than {numbers_max:,} numbers: send 1 to {MAX_IMAGES} rows"
            )
        length = given.parameters.binary_data_size
        if length is None:
            tensors[given.name] = _from_json(given)
        else:
            tensors[given.name] = _from_raw(given, raw[:length])
            raw = raw[length:]
    if len(raw):
        raise wrong(f"{len(raw):,} bytes are left over after the inputs")
    return asked, tensors


async def compose(
    head: Mapping[str, Any], name: str, output: Array, *, raw: bool
) -> tuple[bytes, int | None]:
    """Return the body of an answer, with `head`'s members and the output, and the length of its JSON if the
    output follows raw, else None."""
    datatype = DATATYPES[output.dtype.name]
    entry: dict[str, Any] = {"name": name, "datatype": datatype, "shape": list(output.shape)}
    if not raw:
        text = json.dumps({**head, "outputs": [entry]})
        end = len("}]}")
        return f'{text[:-end]}, "data": [{await _numbers(output)}]}}]}}'.encode(), None
    tail = output.astype(DTYPES[datatype], copy=False).tobytes()
    entry["parameters"] = {"binary_data_size": len(tail)}
    written = json.dumps({**head, "outputs": [entry]}).encode()
    return written + tail, len(written)


async def _numbers(output: Array) -> str:
    """Return the numbers as JSON, separated by commas, and let other requests run between pieces of them."""
    flat = output.ravel()
    pieces = []
    for start in range(0, flat.size, PIECE_NUMBERS):
        if start:
            await asyncio.sleep(0)
        pieces.append(json.dumps(flat[start : start + PIECE_NUMBERS].tolist())[1:-1])
    return ", ".join(pieces)


def wrong(detail: str) -> ServiceError:
    """422 for a request that the protocol has otherwise."""
    return ServiceError(422, "invalid", detail)


def _dtype(given: InferInput) -> np.dtype[Any]:
    if given.datatype not in DTYPES:
        raise _wrong_input(given, f"the datatypes here are {', '.join(DTYPES)}")
    return DTYPES[given.datatype]


def _from_raw(given: InferInput, raw: memoryview) -> Array:
    dtype = _dtype(given)
    wanted = math.prod(given.shape) * dtype.itemsize
    said = given.parameters.binary_data_size
    if given.data is not None:
        raise _wrong_input(given, "give data or binary_data_size, not both")
    if said != wanted:
        raise _wrong_input(given, f"shape and datatype make {wanted:,} bytes, not {said:,}")
    if len(raw) != wanted:
        raise _wrong_input(given, f"of its {wanted:,} bytes {len(raw):,} came")
    # Behind JSON of any length it may lie at an odd address, which networks need not bear.
    return np.require(np.frombuffer(raw, dtype), requirements="A").reshape(given.shape)


def _from_json(given: InferInput) -> Array:
    """Numbers as one flat list, or nested as the shape is."""
    dtype = _dtype(given)
    if given.data is None:
        raise _wrong_input(given, "give data or binary_data_size")
    flat = given.data
    if flat and isinstance(flat[0], list):
        for size in given.shape[1:]:
            if not all(isinstance(part, list) and len(part) == size for part in flat):
                raise _wrong_input(given, "data is not nested as its shape says")
            flat = [item for part in flat for item in part]
    wanted = math.prod(given.shape)
    if len(flat) != wanted:
        raise _wrong_input(given, f"its shape needs {wanted:,} numbers, not {len(flat):,}")
    # Types first: numpy would make room for the longest string as often as there are items, and cut 2.5 to 2.
    kinds, what = ({int, float}, "numbers") if dtype.kind == "f" else ({int}, "integers")
    if not {type(item) for item in flat} <= kinds:
        raise _wrong_input(given, f"{given.datatype} data is a list of {what}")
    try:
        with np.errstate(over="raise"):
            return np.array(flat, dtype).reshape(given.shape)
    except (OverflowError, FloatingPointError):
        raise _wrong_input(given, f"a number is too large for {given.datatype}") from None


def _wrong_input(given: InferInput, detail: str) -> ServiceError:
    return wrong(f"input {given.name[:100]}: {detail}")
