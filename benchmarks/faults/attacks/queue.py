"""Attacks on the queue and on what follows it: requests that are valid, and cost much."""

import asyncio
import itertools

from benchmarks.faults.attacks.attacker import Attacker
from benchmarks.faults.containers import post_json
from benchmarks.faults.wire import request
from service.settings import Settings

ANIMATIONS_PER_S = 15
ANIMATION = {"from": 1, "to": 2, "steps": 128, "loop": True, "scale": 9, "format": "webp"}
SLOW_CLIENTS = 8
LATE_S = 1.0
"""Past DEADLINE_S, for sending the answer."""


async def animations(attacker: Attacker) -> None:
    """Large animations at a fixed rate, whether earlier ones are answered or not."""
    data = post_json("/interpolate", ANIMATION)
    deadline_s = Settings.model_fields["deadline_s"].default
    tasks: set[asyncio.Task[None]] = set()

    async def once() -> None:
        answer = await attacker.ask(data)
        if answer is not None and answer.status == 200 and answer.seconds > deadline_s + LATE_S:
            attacker.wrong["answered 200 past DEADLINE_S"] += 1

    while True:
        task = asyncio.create_task(once())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await asyncio.sleep(1 / ANIMATIONS_PER_S)


async def costly_models(attacker: Attacker) -> None:
    """Eight clients of the model that costs most per image."""
    sizes = itertools.cycle([64, 128, 192, 256])
    seeds = itertools.count()
    await attacker.loops(
        SLOW_CLIENTS,
        lambda: attacker.ask(
            request("GET", f"/generate?model=ebm&format=npy&n={next(sizes)}&seed={next(seeds)}")
        ),
    )
