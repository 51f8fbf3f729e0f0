"""LitServe: one API for each path, requests batched. Bodies are JSON or a form, so pictures come in a form.

WORKERS is the number of processes for each API, TIMEOUT the seconds that a batch waits to fill (LitServe's
default is 0), and FAST_QUEUE=1 selects its ZeroMQ queue.
"""

import os
import sys
from typing import Any

import litserve
import numpy as np
from fastapi import Request, Response
from model import Model, grid, in_json, png, read


class Generate(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.model = Model(threads=1)

    def decode_request(self, request: dict[str, Any]) -> dict[str, Any]:
        return request

    def batch(self, inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return inputs

    def predict(self, asked: list[dict[str, Any]]) -> list[Any]:
        images = self.model.generate(sum(one["n"] for one in asked))
        ends = np.cumsum([one["n"] for one in asked])[:-1]
        return list(zip(asked, np.split(images, ends), strict=True))

    def unbatch(self, output: list[Any]) -> list[Any]:
        return output

    def encode_response(self, output: Any) -> Any:
        asked, images = output
        if asked["format"] == "png":
            return Response(png(grid(images)), media_type="image/png")
        return in_json(images)


class Score(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.model = Model(threads=1)

    def decode_request(self, request: Request) -> Any:
        form: Any = request  # What a form's fields come as.
        return read(form["image"].file.read())

    def predict(self, images: Any) -> Any:
        return self.model.score(np.asarray(images))

    def encode_response(self, score: Any) -> dict[str, float]:
        return {"score": float(score)}


if __name__ == "__main__":
    timeout = float(os.environ["TIMEOUT"])
    apis = [
        api(api_path=path, max_batch_size=16, batch_timeout=timeout)
        for api, path in ((Generate, "/generate"), (Score, "/score"))
    ]
    workers, fast = int(os.environ["WORKERS"]), os.environ["FAST_QUEUE"] == "1"
    server = litserve.LitServer(apis, accelerator="cpu", workers_per_device=workers, fast_queue=fast)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False)
