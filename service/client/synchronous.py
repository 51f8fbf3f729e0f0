"""The client that waits for each answer."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, Unpack

import httpx

from service import schemas
from service.client import calls
from service.client.calls import Answer, Call, End, Images, Upload
from service.client.reply import Reply, read
from service.client.retry import passes, wait_s


class Client:
    """Asks the service; to be used as a context, or closed. One client may serve several threads.

    `key` is one of the service's API_KEYS, where it has any.
    """

    def __init__(
        self,
        url: str = calls.URL,
        *,
        key: str | None = None,
        retries: int = 4,
        timeout: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._retries = retries
        self._http = httpx.Client(
            base_url=url, timeout=timeout, transport=transport, headers=calls.headers(key)
        )

    def generate(self, **asked: Unpack[calls.Told]) -> schemas.GenerateResponse:
        return self.ask(calls.generate(**asked))

    def picture(self, **asked: Unpack[calls.Picture]) -> bytes:
        """A file: one PNG of all images, a zip of a PNG each, or their array as npy."""
        return self.ask(calls.picture(**asked))

    def array(self, **asked: Unpack[calls.Generate]) -> Images:
        """uint8 [n, 28, 28]."""
        return self.ask(calls.array(**asked))

    def decode(
        self, latents: Sequence[Sequence[float]], **asked: Unpack[calls.Decode]
    ) -> schemas.DecodeResponse:
        return self.ask(calls.decode(latents, **asked))

    def interpolate(
        self, start: End, end: End, **asked: Unpack[calls.Interpolate]
    ) -> schemas.InterpolateResponse:
        return self.ask(calls.interpolate(start, end, **asked))

    def animate(self, start: End, end: End, **asked: Unpack[calls.Animate]) -> bytes:
        """A GIF, or a WebP or a strip in PNG."""
        return self.ask(calls.animate(start, end, **asked))

    def score(self, pictures: Sequence[Upload], **asked: Unpack[calls.Score]) -> schemas.ScoreResponse:
        return self.ask(calls.score(pictures, **asked))

    def classify(
        self, pictures: Sequence[Upload], **asked: Unpack[calls.Prepared]
    ) -> schemas.ClassifyResponse:
        return self.ask(calls.classify(pictures, **asked))

    def encode(self, pictures: Sequence[Upload], **asked: Unpack[calls.Encode]) -> schemas.EncodeResponse:
        return self.ask(calls.encode(pictures, **asked))

    def models(self) -> dict[str, Any]:
        return self.ask(calls.models())

    def model(self, name: str) -> dict[str, Any]:
        return self.ask(calls.model(name))

    def ask(self, call: Call[Answer]) -> Answer:
        """The answer; DigitsError for a refusal, httpx.TransportError where there is no connection."""
        for attempt in range(self._retries + 1):
            reply = self._once(call)
            if attempt == self._retries or not passes(reply):
                break
            time.sleep(wait_s(reply, attempt))
        return read(call, reply)

    def _once(self, call: Call[Answer]) -> Reply:
        try:
            return self._http.request(call.method, call.path, json=call.body)
        except httpx.TransportError as error:
            return error

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
