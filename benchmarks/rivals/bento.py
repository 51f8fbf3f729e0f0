"""BentoML: a service of two workers, each with networks of its own. What a method gives is one type, so the
grid has a path of its own; pictures come in a form."""

from typing import Any

import bentoml
import numpy as np
from model import Model, grid, in_json
from PIL import Image


@bentoml.service(workers=2, logging={"access": {"enabled": False}}, metrics={"enabled": False})
class Digits:
    def __init__(self) -> None:
        self.model = Model(threads=1)

    @bentoml.api(route="/generate")
    def generate(self, n: int = 1, format: str = "json") -> dict[str, Any]:
        return in_json(self.model.generate(n))

    @bentoml.api(route="/grid")
    def grid(self, n: int = 1) -> Image.Image:
        return Image.fromarray(grid(self.model.generate(n)))

    @bentoml.api(route="/score")
    def score(self, image: Image.Image) -> dict[str, float]:
        grey = np.asarray(image.convert("L"))
        return {"score": float(self.model.score(np.stack([grey]))[0])}
