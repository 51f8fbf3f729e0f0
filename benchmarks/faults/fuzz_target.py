"""Coverage-guided fuzzing of what reads strangers' bytes; run in .venv-hostile, which has atheris.

    .venv-hostile/bin/python -m benchmarks.faults.fuzz_target decoder -runs=500000 -timeout=60

libFuzzer ends the process at the first exception that is no refusal, and at an input that takes over a
second: of the processor, since a busy machine may stop anything for that long.
"""

import contextlib
import io
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import atheris
import numpy as np

with atheris.instrument_imports(include=["service", "PIL"]):
    from PIL import Image

    from service.api.body import decompressed
    from service.api.tensors import parse
    from service.errors import ServiceError
    from service.imaging.decode import ImageLimits, decode
    from service.imaging.errors import ImageError

LIMITS = ImageLimits(1024 * 1024, 4_000_000)
LONGEST_S = 1.0
JSON_BYTES = 1024 * 1024


def decoder(data: bytes) -> None:
    """An uploaded picture."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        decode(data, LIMITS)


def parser(data: bytes) -> None:
    """A body of /v2: the first byte says its encoding, the next two where its JSON ends."""
    encoding = ("", "", "gzip", "deflate")[data[0] % 4] if data else ""
    length = int.from_bytes(data[1:3])
    body = decompressed(data[3:], encoding, JSON_BYTES)
    parse(body, str(length) if length else None, JSON_BYTES)


def pictures() -> list[bytes]:
    """One small picture of each format and mode."""
    found = []
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP"):
        for mode in ("L", "RGB", "P", "RGBA", "1"):
            out = io.BytesIO()
            try:
                Image.fromarray(np.arange(784, dtype=np.uint8).reshape(28, 28)).convert(mode).save(out, kind)
            except OSError:  # Not every format has every mode.
                continue
            found.append(out.getvalue())
    return found


def bodies() -> list[bytes]:
    """JSON tensors, raw tensors."""
    given = {"name": "z", "datatype": "FP32", "shape": [1, 2]}
    raw = {**given, "parameters": {"binary_data_size": 8}}
    plain = json.dumps({"id": "a", "inputs": [{**given, "data": [0.5, 1]}], "outputs": [{"name": "image"}]})
    mixed = json.dumps({"inputs": [raw], "parameters": {"binary_data_output": True, "timeout": 9}})
    header = bytes([0]) + len(mixed).to_bytes(2)
    return [bytes(3) + plain.encode(), header + mixed.encode() + bytes(8)]


TARGETS: dict[str, tuple[Callable[[bytes], None], Callable[[], list[bytes]]]] = {
    "decoder": (decoder, pictures),
    "parser": (parser, bodies),
}


def main() -> None:
    target, seeds = TARGETS[sys.argv.pop(1)]

    def one(data: bytes) -> None:
        start = time.process_time()
        with contextlib.suppress(ServiceError, ImageError):
            target(data)
        if time.process_time() - start > LONGEST_S:
            raise RuntimeError(f"took {time.process_time() - start:.1f} s of the processor")

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds()):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([*sys.argv, corpus], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
