"""Counts the ONNX files with one flipped bit that onnxruntime loads without an error.

    python -m benchmarks corrupted

Each file is a shipped network with one bit of one byte flipped. Loading happens in another process, because a
spoilt file may end it. The count depends on the release of onnxruntime, not on the machine's speed.
"""

import argparse
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import onnxruntime

from benchmarks.machine import machine
from benchmarks.server import ROOT
from benchmarks.table import table

OUTCOMES = ("loaded without an error", "refused by onnxruntime", "ended the process")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks corrupted", description=__doc__)
    parser.add_argument("--files", type=int, default=300, help="[300]")
    parser.add_argument("--seed", type=int, default=1, help="[1]")
    given = parser.parse_args(arguments)
    networks = sorted((ROOT / "models").glob("*/*/*.onnx"))
    counts = outcomes(flipped(networks, given.files, given.seed))
    print(machine())
    print("## corrupted")
    print(table(["files", *OUTCOMES], [[str(given.files), *(str(counts[name]) for name in OUTCOMES)]]))


def flipped(networks: Sequence[Path], files: int, seed: int) -> Iterator[bytes]:
    """Yield so many of the networks, drawn at random, each with one bit flipped."""
    draw = random.Random(seed)
    for _ in range(files):
        data = bytearray(draw.choice(networks).read_bytes())
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        yield bytes(data)


def outcomes(files: Iterator[bytes]) -> Counter[str]:
    """Count what onnxruntime makes of each file."""
    counts: Counter[str] = Counter()
    pool = _pool()
    for data in files:
        try:
            counts[OUTCOMES[0] if pool.submit(loads, data).result() else OUTCOMES[1]] += 1
        except BrokenProcessPool:
            counts[OUTCOMES[2]] += 1
            pool = _pool()
    pool.shutdown()
    return counts


def loads(data: bytes) -> bool:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception:  # onnxruntime's errors have no common base of their own.
        return False
    return True


def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))
