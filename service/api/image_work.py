"""Image work on behalf of a request: small work at once, all other work in the image workers."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request

from service.api import state
from service.budget import BudgetExceeded
from service.errors import ServiceError
from service.imaging import jobs
from service.imaging.decode import Decoded, ImageLimits
from service.imaging.errors import ImageError
from service.imaging.jobs import Job
from service.imaging.plain_png import is_plain_png
from service.imaging.worker_process import Done
from service.mnist import SIDE
from service.settings import Settings

INLINE_PIXELS = 256 * SIDE * SIDE
"""Answers of up to this many pixels are encoded on the event loop: a worker would cost more than it gives."""
INLINE_FILES = 8
"""So many small images are decoded in one turn of the event loop."""
PROCESSOR_S_PER_BYTE = 1e-6
"""Decoding the files of a request may take IMAGE_CPU_S and this for each of their bytes."""
LEAST_PROCESSOR_S = 0.01
"""The kernel measures in steps of some milliseconds, and takes 0 for no limit."""


@contextmanager
def admitted(request: Request, size: int) -> Iterator[None]:
    """Hold a place for the request in the image workers while it decodes or encodes.

    Raises ServiceError 429 when its client has all that a client may have there, 503 when no place is left.
    """
    workers = state.of(request).image_workers
    try:
        with workers.admit(state.client(request), size):
            yield
    except BudgetExceeded as error:
        if error.by_client:
            raise ServiceError(
                429,
                "too-much-image-work",
                "this client has too much image work in progress: wait for answers before sending more",
                headers={"Retry-After": "1"},
            ) from None
        raise ServiceError(
            503,
            "image-queue-full",
            "too much image work is waiting: try again shortly",
            headers={"Retry-After": "1"},
        ) from None


async def run(request: Request, job: Job, until: float, processor_s: float | None = None) -> Done:
    """Run a job in a worker, within `admitted`.

    `until` is on the clock of time.monotonic. Raises ServiceError 504 past it, 413 and 422 for an image that
    is refused, 503 where the system allows no more processes.
    """
    try:
        return await state.of(request).image_workers.run(state.client(request), job, until, processor_s)
    except TimeoutError:
        raise ServiceError(
            504, "deadline", "the deadline passed before the image work was done: ask for less"
        ) from None
    except ImageError as error:
        raise refusal(error) from None
    except OSError as error:
        raise ServiceError(
            503,
            "image-workers",
            f"no image worker can be started: {error.strerror}",
            headers={"Retry-After": "5"},
        ) from None


async def encode(request: Request, job: Job, until: float, *, pixels: int | None) -> list[bytes]:
    """Encode an answer: at once if it has few pixels, in a worker if it has many or `pixels` is None, as for
    animations. Raises as `admitted` and `run` do."""
    if pixels is not None and pixels <= INLINE_PIXELS:
        return job()
    with admitted(request, 0):
        return (await run(request, job, until)).strings


async def decode_all(
    request: Request, files: Sequence[bytes], *, fit: bool | None, invert: bool | None, until: float
) -> list[Decoded]:
    """Decode uploaded images one after the other. Raises as `admitted` and `run` do; the message of a refusal
    says which image it is about."""
    limits = image_limits(state.settings(request))
    decoder = _Decoder(request, files, until)
    found = []
    with decoder.admitted():
        for i, data in enumerate(files):
            job = partial(jobs.decode_image, data, limits, fit, invert)
            try:
                answer = await decoder.decode(i, job)
            except ServiceError as error:
                raise ServiceError(
                    error.status, error.code, f"picture {i}: {error.detail}", headers=error.headers
                ) from None
            found.append(jobs.decoded(answer))
            if i % INLINE_FILES == INLINE_FILES - 1:
                await asyncio.sleep(0)  # Other requests get a turn of the event loop.
    return found


async def decode_mask(request: Request, data: bytes, until: float) -> NDArray[np.bool_]:
    """Decode one mask [28, 28]. Raises as `admitted` and `run` do."""
    limits = image_limits(state.settings(request))
    decoder = _Decoder(request, [data], until)
    with decoder.admitted():
        (mask,) = await decoder.decode(0, partial(jobs.mask, data, limits))
    return np.frombuffer(mask, np.bool_).reshape(SIDE, SIDE)


def image_limits(settings: Settings) -> ImageLimits:
    """The largest file and image that is decoded."""
    return ImageLimits(settings.score_file_bytes, settings.score_pixels)


def refusal(error: ImageError) -> ServiceError:
    """The HTTP error for a refused image."""
    return ServiceError(413 if error.code == "image-too-large" else 422, error.code, error.detail)


class _Decoder:
    """Decodes the files of one request, which share an allowance of processor time."""

    def __init__(self, request: Request, files: Sequence[bytes], until: float) -> None:
        self._request = request
        self._until = until
        self._size = sum(map(len, files))
        self._plain = [is_plain_png(data) for data in files]
        self._left_s = state.settings(request).image_cpu_s + PROCESSOR_S_PER_BYTE * self._size

    def admitted(self) -> AbstractContextManager[None]:
        """Hold a place in the image workers if a file needs one."""
        return nullcontext() if all(self._plain) else admitted(self._request, self._size)

    async def decode(self, file: int, job: Job) -> Sequence[bytes]:
        """Run the job that decodes the file of this number, at once if it is a plain PNG."""
        if self._plain[file]:
            try:
                return job()
            except ImageError as error:
                raise refusal(error) from None
        done = await run(self._request, job, self._until, max(self._left_s, LEAST_PROCESSOR_S))
        self._left_s -= done.processor_s
        return done.strings
