"""Attacks by request bodies that cost much to parse."""

import itertools

from benchmarks.faults.attacks.attacker import Attacker
from benchmarks.faults.containers import JSON, post_form, post_json
from benchmarks.faults.wire import request

FILE_BYTES = 1_048_000
EMPTY_IMAGES = 1_390_000
SHAPE = [0, 2_147_483_647, 2_147_483_647]


async def empty_images(attacker: Attacker) -> None:
    """JSON bodies with more than a million empty images."""
    body = b'{"images": [' + b",".join([b'""'] * EMPTY_IMAGES) + b"]}"
    data = request("POST", "/score", body, JSON)
    await attacker.loops(2, lambda: attacker.ask(data))


async def boundaries(attacker: Attacker) -> None:
    """Forms whose file is made of boundaries that are each followed by a wrong byte."""
    data = near_boundaries()
    await attacker.loops(2, lambda: attacker.ask(data))


def near_boundaries() -> bytes:
    """A request of four files, each as large as is allowed."""
    return post_form("/score", [b"\r\n--xy" * (FILE_BYTES // 6)] * 4)


async def shapes(attacker: Attacker) -> None:
    """Tensors without elements whose other dimensions overflow."""
    requests = itertools.cycle(
        post_json(f"/v2/models/{model}/infer", {"inputs": [tensor]}) for model, tensor in _tensors()
    )

    async def once() -> None:
        answer = await attacker.ask(next(requests))
        if answer is not None and answer.status != 400:
            attacker.wrong[f"answered {answer.status}"] += 1

    await attacker.loops(2, once)


def _tensors() -> list[tuple[str, dict[str, object]]]:
    kinds = [("z", "FP32"), ("seed", "INT64"), ("label", "INT64")]
    models = ["cgan", "dcgan"]
    return [
        (model, {"name": name, "datatype": kind, "shape": SHAPE, "data": []})
        for model in models
        for name, kind in kinds
    ]
