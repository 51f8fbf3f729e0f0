"""What the parts can do alone, so that a figure of the service has its limit next to it.

    python -m benchmarks limits

onnxruntime on a model's networks by batch and threads; a bare ASGI echo; PNG, base64 and JSON.
"""

import argparse
import base64
import io
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from pydantic_core import to_json

from benchmarks.driver import drive
from benchmarks.machine import machine
from benchmarks.server import echo, newest, running
from benchmarks.stopwatch import Work, interleaved, median
from benchmarks.table import count, table
from benchmarks.workload import SEVEN, W1
from service.engine import latent
from service.engine.session import Array, Session
from service.imaging import encode
from service.imaging.decode import ImageLimits, decode
from service.manifest import CLASSES

BATCHES = (1, 16, 64)
THREADS = (1, 2)
CLIENTS = (1, 16, 64)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks limits", description=__doc__)
    parser.add_argument("--models", nargs="+", default=["cgan", "dcgan", "gan"], help="[cgan dcgan gan]")
    parser.add_argument("--rounds", type=int, default=3, help="[3]")
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement [0.5]")
    parser.add_argument("--quick", action="store_true", help="one round of moments: does it run at all?")
    given = parser.parse_args(arguments)
    rounds, seconds = (1, 0.02) if given.quick else (given.rounds, given.seconds)
    print(f"{machine()}\n")
    print("## networks")
    print(networks([newest(model) for model in given.models], rounds, seconds))
    print("\n## parts")
    print(parts(newest(given.models[0]), rounds, seconds))
    print("\n## echo")
    print(bare_echo(rounds, 0.2 if given.quick else 2))


def networks(bundles: Sequence[Path], rounds: int, seconds: float) -> str:
    """Images/s of each generator and discriminator, as many Python threads on one session of one thread."""
    rows = []
    for threads in THREADS:
        works = {
            (bundle, role, batch): partial(session.run, feeds(session, batch))
            for bundle in bundles
            for role in ("generator", "discriminator")
            for session in [Session((bundle / f"{role}.onnx").read_bytes(), "cpu")]
            for batch in BATCHES
        }
        named: dict[str, Work] = {f"{b.parent.name} {b.name} {r}|{n}": w for (b, r, n), w in works.items()}
        found, _ = interleaved(named, rounds, seconds, threads)
        for bundle in bundles:
            for role in ("generator", "discriminator"):
                name = f"{bundle.parent.name} {bundle.name} {role}"
                rates = [median(found[f"{name}|{batch}"]) * batch for batch in BATCHES]
                rows.append([name, str(threads), *map(count, rates)])
    head = ["images/s of onnxruntime", "threads", *(f"batch {batch}" for batch in BATCHES)]
    return table(head, sorted(rows))


def parts(bundle: Path, rounds: int, seconds: float) -> str:
    """Microseconds of what else a request is made of."""
    session = Session((bundle / "generator.onnx").read_bytes(), "cpu")
    images = session.run(feeds(session, 64))
    one, grid, png = images[0], encode.grid(images), encode.png(images[0])
    answer = {"model": "cgan", "version": 1, "seed": 7, "images": [{"seed": 7, "label": 7}]}
    limits = ImageLimits(1 << 20, 1 << 20)
    state = np.random.RandomState(0)
    works: dict[str, Work] = {
        "PNG of a digit, Pillow": lambda: Image.fromarray(one).save(io.BytesIO(), "PNG"),
        "PNG of a digit, here": lambda: encode.png(one),
        "PNG of a grid of 64, Pillow": lambda: Image.fromarray(grid).save(io.BytesIO(), "PNG"),
        "PNG of a grid of 64, here": lambda: encode.png(grid),
        "64 digits as JSON of lists": lambda: json.dumps(images.tolist()),
        "64 digits as base64": lambda: base64.b64encode(images.tobytes()),
        "base64 of a digit's PNG": lambda: base64.b64encode(png),
        "JSON of an answer's head, json": lambda: json.dumps(answer),
        "JSON of an answer's head, pydantic_core": lambda: to_json(answer),
        "reading an uploaded digit, Pillow alone": lambda: np.asarray(
            Image.open(io.BytesIO(SEVEN)).convert("L")
        ),
        "reading an uploaded digit, here, with all checks": lambda: decode(SEVEN, limits),
        "a new RandomState": lambda: np.random.RandomState(7),
        "RandomState.seed": lambda: state.seed(7),
        "a label, RandomState.randint": lambda: state.randint(0, CLASSES),
        "a label, here": lambda: latent.digit(state),
    }
    found, calibration = interleaved(works, rounds, seconds)
    rows = [
        [name, count(1e6 / median(rates)), f"{median(calibration) / median(rates):.3f}"]
        for name, rates in found.items()
    ]
    return table(["", "µs", "of a 256x256 matrix product"], rows)


def bare_echo(rounds: int, seconds: float) -> str:
    """Requests/s that uvicorn can do with an application that does nothing."""
    found: dict[int, list[float]] = {clients: [] for clients in CLIENTS}
    with running(echo(), W1) as up:
        for _ in range(rounds):
            for clients in CLIENTS:
                found[clients].append(drive(up.ports, W1, clients, seconds).per_second)
    head = ["", *(f"{clients} clients" for clients in CLIENTS)]
    return table(head, [["bare ASGI echo, requests/s", *(count(median(found[c])) for c in CLIENTS)]])


def feeds(session: Session, batch: int) -> dict[str, Array]:
    """Inputs of the session: latents from N(0, 1), digits in turn, and pictures of the seven."""
    draw = np.random.default_rng(0)
    seven = np.asarray(Image.open(io.BytesIO(SEVEN)))
    made: dict[str, Array] = {
        "label": np.arange(batch) % CLASSES,
        "image": np.repeat(seven[None], batch, axis=0),
    }
    if "z" in session.inputs:
        made["z"] = draw.standard_normal((batch, session.inputs["z"].shape[1] or 1), dtype=np.float32)
    return {name: made[name] for name in session.inputs}
