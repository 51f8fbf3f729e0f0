"""What the service can be asked: each call's path, its body with its types, and how its answer is read."""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypedDict, TypeVar, Unpack

import httpx
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from service import __version__
from service.imaging.encode import png
from service.schemas import (
    ClassifyResponse,
    DecodeResponse,
    EncodeResponse,
    GenerateResponse,
    InterpolateResponse,
    ScoreResponse,
)

URL = "http://127.0.0.1:8000"

Answer = TypeVar("Answer")
Model = TypeVar("Model", bound=BaseModel)
Images = NDArray[np.uint8]
Format = Literal["png", "npy", "zip"]
Upload = bytes | Path | Images
"""An image file's bytes, its path, or its pixels, uint8 [28, 28] with 255 for ink."""


class Asked(TypedDict, total=False):
    """What is meant by each stands in /docs."""

    model: str
    version: int
    directions: Mapping[str, float]
    scale: int


class Generate(Asked, total=False):
    n: int
    seed: int
    labels: int | Sequence[int]
    truncation: float


class Picture(Generate, total=False):
    format: Format
    columns: int


class Told(Generate, total=False):
    return_latents: bool
    return_scores: bool


class Decode(Asked, total=False):
    labels: int | Sequence[int]
    return_scores: bool


class Interpolate(Asked, total=False):
    steps: int
    method: Literal["auto", "slerp", "lerp"]
    loop: bool
    labels: int | Sequence[int]


class Animate(Interpolate, total=False):
    format: Literal["png", "gif", "webp"]
    frame_ms: int


class Prepared(TypedDict, total=False):
    model: str
    version: int
    fit: bool | None
    invert: bool | None
    return_images: bool


class Score(Prepared, total=False):
    label: int | Sequence[int]


class Encode(Score, total=False):
    reconstruct: bool
    mask: Upload
    rounds: int


End = int | Sequence[float]
"""Of an interpolation: a seed, or a latent vector."""


@dataclass(frozen=True)
class Call(Generic[Answer]):
    """A request, and how its answer is read."""

    method: str
    path: str
    read: Callable[[httpx.Response], Answer]
    body: Mapping[str, Any] | None = None


def generate(**asked: Unpack[Told]) -> Call[GenerateResponse]:
    return Call("POST", "/generate", _typed(GenerateResponse), asked)


def picture(**asked: Unpack[Picture]) -> Call[bytes]:
    return Call("POST", "/generate", _content, {"format": "png", **asked})


def array(**asked: Unpack[Generate]) -> Call[Images]:
    return Call("POST", "/generate", _npy, {**asked, "format": "npy"})


def decode(latents: Sequence[Sequence[float]], **asked: Unpack[Decode]) -> Call[DecodeResponse]:
    return Call("POST", "/decode", _typed(DecodeResponse), {"latents": latents, **asked})


def interpolate(start: End, end: End, **asked: Unpack[Interpolate]) -> Call[InterpolateResponse]:
    return Call("POST", "/interpolate", _typed(InterpolateResponse), {"from": start, "to": end, **asked})


def animate(start: End, end: End, **asked: Unpack[Animate]) -> Call[bytes]:
    return Call("POST", "/interpolate", _content, {"from": start, "to": end, "format": "gif", **asked})


def score(pictures: Sequence[Upload], **asked: Unpack[Score]) -> Call[ScoreResponse]:
    return Call("POST", "/score", _typed(ScoreResponse), {"images": _uploads(pictures), **asked})


def classify(pictures: Sequence[Upload], **asked: Unpack[Prepared]) -> Call[ClassifyResponse]:
    return Call("POST", "/classify", _typed(ClassifyResponse), {"images": _uploads(pictures), **asked})


def encode(pictures: Sequence[Upload], **asked: Unpack[Encode]) -> Call[EncodeResponse]:
    mask = {"mask": _upload(asked["mask"])} if "mask" in asked else {}
    body = {"images": _uploads(pictures), **asked, **mask}
    return Call("POST", "/encode", _typed(EncodeResponse), body)


def models() -> Call[dict[str, Any]]:
    return Call("GET", "/models", _json)


def model(name: str) -> Call[dict[str, Any]]:
    return Call("GET", f"/models/{name}", _json)


def headers(key: str | None) -> dict[str, str]:
    """Those of every call; `key` is one of the service's API_KEYS."""
    said = {"User-Agent": f"mnist-gan-service/{__version__}"}
    return said if key is None else said | {"Authorization": f"Bearer {key}"}


def _content(response: httpx.Response) -> bytes:
    return response.content


def _npy(response: httpx.Response) -> Images:
    images: Images = np.load(io.BytesIO(response.content), allow_pickle=False)
    return images


def _json(response: httpx.Response) -> dict[str, Any]:
    answer: dict[str, Any] = response.json()
    return answer


def _typed(model: type[Model]) -> Callable[[httpx.Response], Model]:
    return lambda response: model.model_validate_json(response.content)


def _uploads(pictures: Sequence[Upload]) -> list[str]:
    return [_upload(one) for one in pictures]


def _upload(one: Upload) -> str:
    """base64 of the image file."""
    data = one.read_bytes() if isinstance(one, Path) else one if isinstance(one, bytes) else png(one)
    return base64.b64encode(data).decode()
