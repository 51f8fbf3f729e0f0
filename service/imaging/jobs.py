"""The work on images that a request may ask for, in a form that a worker process can do.

A job is a call without arguments that returns byte strings: `functools.partial` of a function at the top of a
module, which pickles. Its answer is plain bytes on purpose: a worker decodes untrusted files, so the service
never unpickles what comes back from one.
"""

from collections.abc import Callable, Sequence

import numpy as np

from service.imaging import encode
from service.imaging.decode import Decoded, ImageLimits, decode, decode_mask
from service.imaging.encode import Pixels
from service.mnist import SIDE

Job = Callable[[], list[bytes]]


def decode_image(data: bytes, limits: ImageLimits, fit: bool | None, invert: bool | None) -> list[bytes]:
    """`decode`, as the bytes of the image and then each of its steps; `decoded` reads them."""
    found = decode(data, limits, fit=fit, invert=invert)
    return [found.image.tobytes(), *(step.encode() for step in found.steps)]


def decoded(answer: Sequence[bytes]) -> Decoded:
    """Read the answer of `decode_image`."""
    return Decoded(_image(answer[0]), [step.decode() for step in answer[1:]])


def mask(data: bytes, limits: ImageLimits) -> list[bytes]:
    """`decode_mask`, as bytes that are 1 where a pixel is missing."""
    return [decode_mask(data, limits).tobytes()]


def pngs(images: Pixels, scale: int) -> list[bytes]:
    """Each of [n, h, w] as a PNG, every pixel a square of `scale` pixels."""
    return [encode.png(image, scale) for image in images]


def grid(images: Pixels, columns: int | None, scale: int) -> list[bytes]:
    """All of [n, h, w] as one PNG."""
    return [encode.png(encode.grid(images, columns), scale)]


def framed_pngs(lines: Pixels, width: int, height: int) -> list[bytes]:
    """Each of [n, h, w] as a PNG of this size, in the middle of a black frame."""
    return [encode.png(encode.framed(line, width, height)) for line in lines]


def npy(images: Pixels) -> list[bytes]:
    """The array as numpy.load reads it."""
    return [encode.npy(images)]


def zip_of_pngs(images: Pixels, names: Sequence[str], scale: int) -> list[bytes]:
    """Each of [n, h, w] as a PNG under its name in one archive."""
    return [encode.zip_of_pngs(images, names, scale)]


def gif(images: Pixels, frame_ms: int, scale: int) -> list[bytes]:
    """[n, h, w] as an animation that repeats."""
    return [encode.gif(images, frame_ms, scale)]


def webp(images: Pixels, frame_ms: int, scale: int) -> list[bytes]:
    """[n, h, w] as an animation that repeats."""
    return [encode.webp(images, frame_ms, scale)]


def _image(data: bytes) -> Pixels:
    return np.frombuffer(data, np.uint8).reshape(SIDE, SIDE)
