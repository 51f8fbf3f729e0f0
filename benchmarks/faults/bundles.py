"""Bundles that are wrong never serve, whatever is wrong with them; a service that meets them goes on."""

import asyncio
import json
import random
import shutil
import tempfile
from pathlib import Path

from benchmarks.faults.finding import Figure, Finding
from benchmarks.faults.mutations import MUTATIONS, copy, mutate, read_manifest, write_manifest
from benchmarks.faults.process import MODELS, Service, serving
from benchmarks.faults.wire import Connection, request

BATCH = 22
FIRST = 1000
"""The version that mutants begin at: newer than any that is shipped, so that they would be what is served."""


async def mutants(count: int, models_dir: Path = MODELS, seed: int = 1) -> Finding:
    """Each mutant is a new version of a shipped bundle in the folder of a service that is told to reload."""
    chance = random.Random(seed)
    good = sorted(path.parent for path in models_dir.glob("*/*/manifest.json"))
    lost: list[str] = []
    kinds = list(MUTATIONS)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for bundle in good:
            copy(bundle, root / bundle.parent.name / bundle.name)
        with serving(root, DEFAULT_MODEL=good[0].parent.name, LOG_LEVEL="error") as service:
            expected = _served(service)
            lost += _control(service, good, root, expected)
            for start in range(0, count, BATCH):
                made = {}
                for number in range(start, min(start + BATCH, count)):
                    bundle = chance.choice([one for one in good if len(list(one.glob("*.onnx"))) > 1])
                    to = root / bundle.parent.name / str(FIRST + number)
                    copy(bundle, to)
                    kind = kinds[number % len(kinds)]
                    mutate(to, kind, chance)
                    made[to] = kind
                lost += await asyncio.to_thread(_met, service, made, expected)
                for to in made:
                    shutil.rmtree(to)
            log = service.log() if service.alive else ""
    lost += [f"a traceback in the log: {log[log.index('Traceback') :][:500]}"] if "Traceback" in log else []
    return Finding(
        "bundles with a fault",
        f"{count} mutations of shipped files, of {len(kinds)} kinds: none served",
        lost,
    )


def _control(service: Service, good: list[Path], root: Path, expected: set[tuple[str, int]]) -> list[str]:
    """Without a mutation the copy is served: what is refused later is refused for its fault."""
    copies = [root / bundle.parent.name / str(FIRST + i) for i, bundle in enumerate(good[:3])]
    for bundle, to in zip(good, copies, strict=False):
        copy(bundle, to)
    status, _ = service.get("/admin/reload", post=True)
    served = _served(service)
    for to in copies:
        shutil.rmtree(to)
    service.get("/admin/reload", post=True)
    wanted = expected | {(to.parent.name, int(to.name)) for to in copies}
    return [] if (status, served) == (200, wanted) else [f"a good copy was not served: {status}, {served}"]


def _met(service: Service, made: dict[Path, str], expected: set[tuple[str, int]]) -> list[str]:
    """What is wrong with how the service took these mutants."""
    status, text = service.get("/admin/reload", post=True)
    if not service.alive:
        return [f"the process ended, {service.process.returncode}, with {', '.join(made.values())}"]
    lost = [] if status == 409 else [f"the reload was answered {status}: {text[:200]}"]
    listed = json.loads(service.get("/models")[1])
    served = {(model["name"], model["version"]) for model in listed["models"]}
    lost += [f"served: {kind}" for to, kind in made.items() if (to.parent.name, int(to.name)) in served]
    if not expected <= served:
        lost.append(f"gone: {expected - served}")
    refused = {(one["name"], one["version"]) for one in listed["unserved"]}
    lost += [
        f"not told: {kind}" for to, kind in made.items() if (to.parent.name, int(to.name)) not in refused
    ]
    if service.get("/generate?seed=1")[0] != 200:
        lost.append("the service makes no images any more")
    return lost


def _served(service: Service) -> set[tuple[str, int]]:
    listed = json.loads(service.get("/models")[1])["models"]
    return {(model["name"], model["version"]) for model in listed}


async def reloads(times: int, clients: int = 4, models_dir: Path = MODELS) -> Finding:
    """Every model is replaced again and again, and every tenth time a bad version lies there too, while
    clients compare what they get with what they got at first."""
    lost: list[str] = []
    answered, running = 0, True
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "models"
        shutil.copytree(models_dir, root)
        bundles = sorted(path.parent for path in root.glob("*/*/manifest.json"))
        names = sorted({bundle.parent.name for bundle in bundles})
        with serving(root, DEFAULT_MODEL=names[0]) as service:

            async def client(number: int) -> None:
                nonlocal answered
                connection = await Connection.to(service.port)
                seen: dict[str, bytes] = {}
                while running:
                    name = names[(number + answered) % len(names)]
                    answer = await connection.ask(
                        request("GET", f"/generate?model={name}&seed={number}&n=9&format=npy")
                    )
                    answered += 1
                    if answer.status != 200:
                        lost.append(f"answered {answer.status}: {answer.body[:100]!r}")
                    elif seen.setdefault(name, answer.body) != answer.body:
                        lost.append(f"other bytes of {name} for the same seed")
                connection.close()

            clients_running = [asyncio.ensure_future(client(number)) for number in range(clients)]
            await asyncio.sleep(1)
            before = service.rss()
            for number in range(times):
                for bundle in bundles:
                    write_manifest(bundle, read_manifest(bundle) | {"summary": f"Reloaded {number} times."})
                bad = root / names[-1] / str(FIRST)
                wanted = 409 if number % 10 == 9 else 200
                if wanted == 409:
                    copy(bundles[-1], bad)
                    mutate(bad, "byte changed", random.Random(number))
                status, text = await asyncio.to_thread(service.get, "/admin/reload", post=True)
                if status != wanted:
                    lost.append(f"reload {number} was answered {status}: {text[:200]}")
                if f"Reloaded {number} times." not in service.get(f"/models/{names[0]}")[1]:
                    lost.append(f"reload {number} changed nothing")
                shutil.rmtree(bad, ignore_errors=True)
            grown = service.rss() - before
            running = False
            await asyncio.gather(*clients_running)
    return Finding(
        "hot reload",
        f"{times} reloads of {len(bundles)} models amid {answered:,} requests, each tenth with a bad version",
        lost,
        [Figure("memory", grown, 60, " MB")],
    )
