"""Ray Serve: two replicas, requests batched by serve.batch. Run with RAY_SERVE_THROUGHPUT_OPTIMIZED=1, and
with RAY_SERVE_ENABLE_HA_PROXY=1 where haproxy is installed."""

import signal
import sys
from typing import Any

import numpy as np
import ray
from model import Model, grid, in_json, png, read
from ray import serve
from ray.serve.config import HTTPOptions
from starlette.requests import Request
from starlette.responses import JSONResponse, Response


@serve.deployment(num_replicas=2, max_ongoing_requests=256, ray_actor_options={"num_cpus": 1})
class Digits:
    def __init__(self) -> None:
        self.model = Model(threads=1)

    @serve.batch(max_batch_size=16, batch_wait_timeout_s=0)
    async def generate(self, counts: list[int]) -> list[Any]:
        images = self.model.generate(sum(counts))
        return list(np.split(images, np.cumsum(counts)[:-1]))

    @serve.batch(max_batch_size=16, batch_wait_timeout_s=0)
    async def score(self, images: list[Any]) -> list[float]:
        return [float(score) for score in self.model.score(np.stack(images))]

    async def __call__(self, request: Request) -> Response:
        if request.url.path == "/score":
            return JSONResponse({"score": await self.score(read(await request.body()))})
        asked = await request.json()
        images = await self.generate(asked["n"])
        if asked["format"] == "png":
            return Response(png(grid(images)), media_type="image/png")
        return JSONResponse(in_json(images))


if __name__ == "__main__":
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    serve.start(http_options=HTTPOptions(host="127.0.0.1", port=int(sys.argv[1])))
    serve.run(Digits.bind())
    signal.pause()
