"""What all of them share: the networks in onnxruntime with its defaults, numpy, Pillow. GENERATOR and
DISCRIMINATOR are the paths of the ONNX files."""

import base64
import io
import math
import os
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image


class Model:
    """`threads` of onnxruntime; 0 is its default, one for each core."""

    def __init__(self, threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._generator = onnxruntime.InferenceSession(os.environ["GENERATOR"], options)
        self._discriminator = onnxruntime.InferenceSession(os.environ["DISCRIMINATOR"], options)
        inputs = {value.name: value for value in self._generator.get_inputs()}
        self._latent = inputs["z"].shape[1]
        self._conditional = "label" in inputs
        self._labelled = len(self._discriminator.get_inputs()) > 1

    def generate(self, n: int) -> Any:
        """uint8 [n, 28, 28]."""
        feeds = {"z": np.random.standard_normal((n, self._latent)).astype(np.float32)}
        if self._conditional:
            feeds["label"] = np.random.randint(0, 10, n)
        return self._generator.run(None, feeds)[0]

    def score(self, images: Any) -> Any:
        """float32 [n] of uint8 [n, 28, 28]; under label 0, where the network wants one."""
        feeds = {"image": images}
        if self._labelled:
            feeds["label"] = np.zeros(len(images), np.int64)
        return self._discriminator.run(None, feeds)[0]


def png(image: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    return out.getvalue()


def grid(images: Any) -> Any:
    """uint8 [h, w] of a square number of images."""
    columns = math.isqrt(len(images))
    rows = [np.concatenate(list(images[i : i + columns]), axis=1) for i in range(0, len(images), columns)]
    return np.concatenate(rows, axis=0)


def in_json(images: Any) -> dict[str, Any]:
    return {"images": [{"b64_json": base64.b64encode(png(image)).decode()} for image in images]}


def read(data: bytes) -> Any:
    """uint8 [28, 28]."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("L"))
