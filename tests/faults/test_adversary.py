"""The adversary's measuring: it reports each fault of a server whose faults are known, and nothing else."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.faults.adversary import run
from benchmarks.faults.adversary.case import Case
from benchmarks.faults.adversary.limits import Excess, excesses
from benchmarks.faults.adversary.measure import Cost, Meter
from benchmarks.faults.containers import post_json
from benchmarks.faults.process import Service
from benchmarks.ports import free_port

STUB = Path(__file__).with_name("stub.py")


@contextmanager
def stub_service(folder: Path) -> Iterator[tuple[Service, Path]]:
    port, log = free_port(), folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, str(STUB), str(port)], stdout=out, stderr=out)
    service = Service(process, port, log)
    try:
        until = time.monotonic() + 30
        while True:
            try:
                service.get("/")
                break
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.02)
        yield service, log
    finally:
        process.kill()
        process.wait()


def case_of(word: str, **fields: bool) -> Case:
    return Case(f"stub: {word}", (post_json("/", [word], "Connection: close"),), **fields)  # type: ignore[arg-type]


async def kinds(meter: Meter, case: Case) -> set[str]:
    return {excess.kind for excess in excesses((case,), await meter.cost(case))}


@pytest.mark.anyio
async def test_each_fault_of_a_server_is_measured(tmp_path: Path) -> None:
    with stub_service(tmp_path) as (service, log):
        meter = Meter(service, log)
        await meter.calibrate()
        assert "main" in await kinds(meter, case_of("burn"))
        assert "children" in await kinds(meter, case_of("child"))
        assert "stall" in await kinds(meter, case_of("sleep"))
        assert "status" in await kinds(meter, case_of("fail"))
        assert {"log", "traceback"} <= await kinds(meter, case_of("shout"))
        assert not {"main", "children", "status", "log"} & await kinds(meter, case_of("nothing"))
        assert (await meter.cost(case_of("log"))).log == b'{"path": "/"}\n'
        heavy = await kinds(meter, case_of("burn", heavy=True))
        assert "main" not in heavy
        assert "stall" in heavy
        assert "death" in await kinds(meter, case_of("die"))
        await meter.probe.close()


@pytest.mark.anyio
@pytest.mark.parametrize("ending", ["read", "half-close", "close", "ignore"])
async def test_a_case_ends_however_it_is_sent(ending: str, tmp_path: Path) -> None:
    unfinished = post_json("/", ["nothing"])[:-3]
    with stub_service(tmp_path) as (service, log):
        meter = Meter(service, log)
        cost = await meter.cost(Case("stub", (unfinished,), ending=ending))  # type: ignore[arg-type]
        assert cost.alive
        await meter.probe.close()


@pytest.mark.anyio
async def test_a_run_confirms_saves_and_replays_what_it_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "generated", lambda seed, n: case_of("burn" if n in (1, 3, 4, 5) else "nothing"))

    monkeypatch.setattr(run, "PER_LABEL", 1)
    monkeypatch.setattr(run, "LEAST_MINUTES", 0)  # only processor time counts, however busy the machine is

    def launch() -> object:
        return stub_service(tmp_path)

    finding = await run.run(launch, 0.08, 7, tmp_path / "cases")  # type: ignore[arg-type]
    burnt = [text for text in finding.lost if "seed 7 case 1," in text and "stub: burn" in text]
    assert burnt
    assert any("more of main: stub: burn" in text for text in finding.lost)
    path = tmp_path / "cases" / "seed-7-case-1.case"
    assert Case.load(path) == case_of("burn")
    replayed = await run.replay(launch, path)  # type: ignore[arg-type]
    assert replayed.lost


def test_the_limits_count_bytes_requests_and_legitimate_work() -> None:
    small, large = Case("a", (b"x" * 100,)), Case("a", (b"x" * 500_000,))
    assert {one.kind for one in excesses((small,), Cost(main_s=0.03))} == {"main"}
    assert not excesses((large,), Cost(main_s=0.4))
    assert not excesses((Case("a", (b"IHDR" * 32,)),), Cost(main_s=0.05))
    assert excesses((Case("a", (b"IHDR" * 999,)),), Cost(main_s=0.12))
    assert not excesses((Case("a", (b"x",), requests=3),), Cost(main_s=0.05))
    assert not excesses((small, small), Cost(main_s=0.03))
    assert not excesses((Case("a", (b"x",), heavy=True),), Cost(main_s=9, children_s=9))
    assert {one.kind for one in excesses((small,), Cost(children_s=0.5))} == {"children"}
    assert not excesses((small,), Cost(children_s=0.4))
    assert [one.text for one in excesses((small,), Cost(statuses=[200, 500, 501, 503, 504]))] == [
        "answered 500"
    ]
    assert excesses((small,), Cost(alive=False)) == [Excess("death", "the process ended")]


def test_the_log_is_json_and_short() -> None:
    small = Case("a", (b"x",))
    assert not excesses((small,), Cost(log=b'{"a": 1}\n{"b": 2}\n'))
    assert {one.kind for one in excesses((small,), Cost(log=b"Warning: x\n"))} == {"log"}
    assert {one.kind for one in excesses((small,), Cost(log=b'{"a": "' + b"x" * 9_000 + b'"}'))} == {
        "log size"
    }
