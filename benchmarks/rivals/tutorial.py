"""FastAPI as its tutorial writes it: pydantic models in and out, plain functions in the thread pool."""

from typing import Annotated

import numpy as np
from fastapi import Body, FastAPI, Response
from model import Model, grid, in_json, png, read
from pydantic import BaseModel, Field

app = FastAPI()
model = Model()


class Request(BaseModel):
    n: int = Field(1, ge=1, le=256)
    format: str = "json"


class Image(BaseModel):
    b64_json: str


class Images(BaseModel):
    images: list[Image]


class Score(BaseModel):
    score: float


@app.post("/generate", response_model=Images)
def generate(request: Request) -> object:
    images = model.generate(request.n)
    if request.format == "png":
        return Response(png(grid(images)), media_type="image/png")
    return in_json(images)


@app.post("/score", response_model=Score)
def score(data: Annotated[bytes, Body(media_type="image/png")]) -> object:
    return {"score": float(model.score(np.stack([read(data)]))[0])}
