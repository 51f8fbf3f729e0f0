"""The refusal that image decoding raises. Imports nothing, so that an image worker starts quickly."""

from typing import Literal

ImageCode = Literal[
    "image-too-large", "not-an-image", "broken-image", "image-too-costly", "mask-size", "mask-empty"
]


class ImageError(Exception):
    """An uploaded image is refused.

    `code` is a stable slug for programs, `detail` a sentence that names the fix.
    """

    def __init__(self, code: ImageCode, detail: str) -> None:
        super().__init__(detail)
        self.code: ImageCode = code
        self.detail = detail
