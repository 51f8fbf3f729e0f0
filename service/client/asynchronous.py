"""The client for asyncio."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, Unpack

import httpx

from service import schemas
from service.client import calls
from service.client.calls import Answer, Call, End, Images, Upload
from service.client.reply import Reply, read
from service.client.retry import passes, wait_s


class AsyncClient:
    """What Client is, for asyncio: every call is awaited."""

    def __init__(
        self,
        url: str = calls.URL,
        *,
        key: str | None = None,
        retries: int = 4,
        timeout: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._retries = retries
        self._http = httpx.AsyncClient(
            base_url=url, timeout=timeout, transport=transport, headers=calls.headers(key)
        )

    async def generate(self, **asked: Unpack[calls.Told]) -> schemas.GenerateResponse:
        return await self.ask(calls.generate(**asked))

    async def picture(self, **asked: Unpack[calls.Picture]) -> bytes:
        """A file: one PNG of all images, a zip of a PNG each, or their array as npy."""
        return await self.ask(calls.picture(**asked))

    async def array(self, **asked: Unpack[calls.Generate]) -> Images:
        """uint8 [n, 28, 28]."""
        return await self.ask(calls.array(**asked))

    async def decode(
        self, latents: Sequence[Sequence[float]], **asked: Unpack[calls.Decode]
    ) -> schemas.DecodeResponse:
        return await self.ask(calls.decode(latents, **asked))

    async def interpolate(
        self, start: End, end: End, **asked: Unpack[calls.Interpolate]
    ) -> schemas.InterpolateResponse:
        return await self.ask(calls.interpolate(start, end, **asked))

    async def animate(self, start: End, end: End, **asked: Unpack[calls.Animate]) -> bytes:
        """A GIF, or a WebP or a strip in PNG."""
        return await self.ask(calls.animate(start, end, **asked))

    async def score(self, pictures: Sequence[Upload], **asked: Unpack[calls.Score]) -> schemas.ScoreResponse:
        return await self.ask(calls.score(pictures, **asked))

    async def classify(
        self, pictures: Sequence[Upload], **asked: Unpack[calls.Prepared]
    ) -> schemas.ClassifyResponse:
        return await self.ask(calls.classify(pictures, **asked))

    async def encode(
        self, pictures: Sequence[Upload], **asked: Unpack[calls.Encode]
    ) -> schemas.EncodeResponse:
        return await self.ask(calls.encode(pictures, **asked))

    async def models(self) -> dict[str, Any]:
        return await self.ask(calls.models())

    async def model(self, name: str) -> dict[str, Any]:
        return await self.ask(calls.model(name))

    async def ask(self, call: Call[Answer]) -> Answer:
        """The answer; DigitsError for a refusal, httpx.TransportError where there is no connection."""
        for attempt in range(self._retries + 1):
            reply = await self._once(call)
            if attempt == self._retries or not passes(reply):
                break
            await asyncio.sleep(wait_s(reply, attempt))
        return read(call, reply)

    async def _once(self, call: Call[Answer]) -> Reply:
        try:
            return await self._http.request(call.method, call.path, json=call.body)
        except httpx.TransportError as error:
            return error

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
