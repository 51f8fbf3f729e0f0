"""A client in Python, synchronous and asynchronous: `pip install ".[client]"`.

    with Client("http://127.0.0.1:8000") as digits:
        images = digits.array(labels=[2, 0, 2, 6], seed=7)  # uint8 [4, 28, 28]

Every call is a pure function of what it says, so it is made again where the service is busy (429, 503), a
proxy has lost the replica (502) or the connection broke, as late as Retry-After says; any other refusal is a
DigitsError with the service's own sentence.
"""

import asyncio
import base64
import io
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypedDict, TypeVar, Unpack

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

Answer = TypeVar("Answer")
Images = NDArray[np.uint8]
Format = Literal["png", "npy", "zip"]
Upload = bytes | Path | Images
"""An image file's bytes, its path, or its pixels, uint8 [28, 28] with 255 for ink."""

URL = "http://127.0.0.1:8000"
BUSY = (429, 502, 503)
FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 30.0


class DigitsError(Exception):
    """The service refused, or failed; `code` is what a program should look at."""

    def __init__(self, status: int, code: str, detail: str, request_id: str | None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.request_id = request_id


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


class Client:
    """Asks the service; to be used as a context, or closed. One client may serve several threads.

    `key` is one of the service's API_KEYS, where it has any.
    """

    def __init__(
        self,
        url: str = URL,
        *,
        key: str | None = None,
        retries: int = 4,
        timeout: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._retries = retries
        self._http = httpx.Client(base_url=url, timeout=timeout, transport=transport, headers=_headers(key))

    def generate(self, **asked: Unpack[Told]) -> GenerateResponse:
        return self.ask(generate(**asked))

    def picture(self, **asked: Unpack[Picture]) -> bytes:
        """A file: one PNG of all images, a zip of a PNG each, or their array as npy."""
        return self.ask(picture(**asked))

    def array(self, **asked: Unpack[Generate]) -> Images:
        """uint8 [n, 28, 28]."""
        return self.ask(array(**asked))

    def decode(self, latents: Sequence[Sequence[float]], **asked: Unpack[Decode]) -> DecodeResponse:
        return self.ask(decode(latents, **asked))

    def interpolate(self, start: End, end: End, **asked: Unpack[Interpolate]) -> InterpolateResponse:
        return self.ask(interpolate(start, end, **asked))

    def animate(self, start: End, end: End, **asked: Unpack[Animate]) -> bytes:
        """A GIF, or a WebP or a strip in PNG."""
        return self.ask(animate(start, end, **asked))

    def score(self, pictures: Sequence[Upload], **asked: Unpack[Score]) -> ScoreResponse:
        return self.ask(score(pictures, **asked))

    def classify(self, pictures: Sequence[Upload], **asked: Unpack[Prepared]) -> ClassifyResponse:
        return self.ask(classify(pictures, **asked))

    def encode(self, pictures: Sequence[Upload], **asked: Unpack[Encode]) -> EncodeResponse:
        return self.ask(encode(pictures, **asked))

    def models(self) -> dict[str, Any]:
        return self.ask(models())

    def model(self, name: str) -> dict[str, Any]:
        return self.ask(model(name))

    def ask(self, call: Call[Answer]) -> Answer:
        """The answer; DigitsError for a refusal, httpx.TransportError where there is no connection."""
        for attempt in range(self._retries + 1):
            last = attempt == self._retries
            try:
                response = self._http.request(call.method, call.path, json=call.body)
            except httpx.TransportError:
                if last:
                    raise
                time.sleep(_wait_s(None, attempt))
                continue
            if last or response.status_code not in BUSY:
                break
            time.sleep(_wait_s(response, attempt))
        return _read(call, response)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient:
    """The same for asyncio."""

    def __init__(
        self,
        url: str = URL,
        *,
        key: str | None = None,
        retries: int = 4,
        timeout: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._retries = retries
        self._http = httpx.AsyncClient(
            base_url=url, timeout=timeout, transport=transport, headers=_headers(key)
        )

    async def generate(self, **asked: Unpack[Told]) -> GenerateResponse:
        return await self.ask(generate(**asked))

    async def picture(self, **asked: Unpack[Picture]) -> bytes:
        """A file: one PNG of all images, a zip of a PNG each, or their array as npy."""
        return await self.ask(picture(**asked))

    async def array(self, **asked: Unpack[Generate]) -> Images:
        """uint8 [n, 28, 28]."""
        return await self.ask(array(**asked))

    async def decode(self, latents: Sequence[Sequence[float]], **asked: Unpack[Decode]) -> DecodeResponse:
        return await self.ask(decode(latents, **asked))

    async def interpolate(self, start: End, end: End, **asked: Unpack[Interpolate]) -> InterpolateResponse:
        return await self.ask(interpolate(start, end, **asked))

    async def animate(self, start: End, end: End, **asked: Unpack[Animate]) -> bytes:
        """A GIF, or a WebP or a strip in PNG."""
        return await self.ask(animate(start, end, **asked))

    async def score(self, pictures: Sequence[Upload], **asked: Unpack[Score]) -> ScoreResponse:
        return await self.ask(score(pictures, **asked))

    async def classify(self, pictures: Sequence[Upload], **asked: Unpack[Prepared]) -> ClassifyResponse:
        return await self.ask(classify(pictures, **asked))

    async def encode(self, pictures: Sequence[Upload], **asked: Unpack[Encode]) -> EncodeResponse:
        return await self.ask(encode(pictures, **asked))

    async def models(self) -> dict[str, Any]:
        return await self.ask(models())

    async def model(self, name: str) -> dict[str, Any]:
        return await self.ask(model(name))

    async def ask(self, call: Call[Answer]) -> Answer:
        """The answer; DigitsError for a refusal, httpx.TransportError where there is no connection."""
        for attempt in range(self._retries + 1):
            last = attempt == self._retries
            try:
                response = await self._http.request(call.method, call.path, json=call.body)
            except httpx.TransportError:
                if last:
                    raise
                await asyncio.sleep(_wait_s(None, attempt))
                continue
            if last or response.status_code not in BUSY:
                break
            await asyncio.sleep(_wait_s(response, attempt))
        return _read(call, response)

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _headers(key: str | None) -> dict[str, str]:
    said = {"User-Agent": f"mnist-gan-service/{__version__}"}
    return said if key is None else said | {"Authorization": f"Bearer {key}"}


def _wait_s(response: httpx.Response | None, attempt: int) -> float:
    """Retry-After in seconds or as a date (RFC 9110); without one twice as long each time, and by chance a
    little less, so that clients that failed together do not come back together."""
    said = response.headers.get("retry-after", "").strip() if response is not None else ""
    if said.isdecimal():
        return min(float(said[:9]), LONGEST_WAIT_S)
    try:
        until = parsedate_to_datetime(said).timestamp() - time.time()
    except ValueError:
        until = FIRST_WAIT_S * 2**attempt * random.uniform(0.5, 1)
    return min(max(until, 0), LONGEST_WAIT_S)


def _read(call: Call[Answer], response: httpx.Response) -> Answer:
    if response.is_success:
        return call.read(response)
    try:
        problem = response.json()
        code, detail = str(problem["code"]), str(problem["detail"])
    except (ValueError, TypeError, KeyError):
        # A proxy in between, perhaps.
        code, detail = "http", f"{response.status_code} {response.reason_phrase}"
    raise DigitsError(response.status_code, code, detail, response.headers.get("x-request-id"))


def _content(response: httpx.Response) -> bytes:
    return response.content


def _npy(response: httpx.Response) -> Images:
    images: Images = np.load(io.BytesIO(response.content), allow_pickle=False)
    return images


def _json(response: httpx.Response) -> dict[str, Any]:
    answer: dict[str, Any] = response.json()
    return answer


Model = TypeVar("Model", bound=BaseModel)


def _typed(model: type[Model]) -> Callable[[httpx.Response], Model]:
    return lambda response: model.model_validate_json(response.content)


def _uploads(pictures: Sequence[Upload]) -> list[str]:
    return [_upload(one) for one in pictures]


def _upload(one: Upload) -> str:
    """base64 of the image file."""
    data = one.read_bytes() if isinstance(one, Path) else one if isinstance(one, bytes) else png(one)
    return base64.b64encode(data).decode()
