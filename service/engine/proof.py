"""Tests bundles in a process of its own, which can be ended whatever a network does.

A network may loop for ever, take all memory or crash, and onnxruntime cannot be interrupted inside a node.
The service loads a new or changed bundle only after this process has loaded and tested it.

The process reads folders from standard input and writes an answer to each, one JSON text per line. It ends
when its standard input does, so that it never outlives the service.
"""

import contextlib
import json
import os
import queue
import selectors
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any, cast

from service.engine.bundle import load_bundle
from service.engine.refusal import BundleError, late
from service.engine.session import Provider, ProviderError

ROOT = Path(__file__).parents[2]
START_S = 60.0
"""Most seconds for the process to start in, before the time of the first bundle begins."""
ANSWER_BYTES = 64 * 1024


class Prover:
    """Tests bundles one after the other, each for at most `timeout_s` seconds. `close` may be called from
    another thread; everything else belongs to one thread."""

    def __init__(self, provider: Provider, timeout_s: float) -> None:
        self._provider = provider
        self._timeout_s = timeout_s
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._lock = threading.Lock()

    def prove(self, folder: Path) -> str:
        """Return the sha256 of the manifest of a bundle that passed; raise as `load_bundle` otherwise."""
        child = self._child or self._start(folder)
        try:
            cast(IO[bytes], child.stdin).write(json.dumps(str(folder)).encode() + b"\n")
            found = _answer(child, self._timeout_s)
        except TimeoutError:
            self.end()
            raise BundleError(folder, late(self._timeout_s)) from None
        except (EOFError, BrokenPipeError):
            code = self.end()
            raise BundleError(folder, f"ended the process of its self-test ({code})") from None
        if "digest" in found:
            return str(found["digest"])
        if "wrong" in found:
            raise BundleError(Path(found["path"]), found["wrong"])
        raise ProviderError(found["provider"])

    def end(self) -> str:
        """End the process, and tell how it ended; the next `prove` starts another one."""
        with self._lock:
            child, self._child = self._child, None
        if child is None:
            return ""
        child.kill()
        code = child.wait()
        for pipe in (child.stdin, child.stdout):
            cast(IO[bytes], pipe).close()
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def close(self) -> None:
        """Kill the process, and start none again; a `prove` that goes on fails."""
        with self._lock:
            self._closed = True
            if self._child is not None:
                self._child.kill()

    def _start(self, folder: Path) -> subprocess.Popen[bytes]:
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        with self._lock:
            if self._closed:
                raise BundleError(folder, "was not tested: the service is shutting down")
            self._child = child = subprocess.Popen(
                [sys.executable, "-m", __name__, self._provider],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=os.environ | {"PYTHONPATH": path},
            )
        try:
            _answer(child, START_S)
        except (TimeoutError, EOFError):
            code = self.end()
            raise BundleError(folder, f"was not tested: the process for it did not start ({code})") from None
        return child


def _answer(child: subprocess.Popen[bytes], seconds: float) -> dict[str, Any]:
    """Read the next line of the process; TimeoutError, or EOFError if it ended or wrote something else."""
    pipe = cast(IO[bytes], child.stdout)
    until = time.monotonic() + seconds
    data = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while not data.endswith(b"\n"):
            if not selector.select(max(0.0, until - time.monotonic())):
                raise TimeoutError
            chunk = pipe.read(ANSWER_BYTES)
            data += chunk
            if not chunk:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(1)  # Its own end says more than that it was killed.
                raise EOFError
            if len(data) > ANSWER_BYTES:
                raise EOFError
    try:
        return dict(json.loads(data))
    except ValueError:
        raise EOFError from None


def _test(folder: Path, provider: Provider) -> dict[str, str]:
    try:
        return {"digest": load_bundle(folder, provider).digest}
    except BundleError as error:
        return {"path": str(error.path), "wrong": error.wrong}
    except ProviderError as error:
        return {"provider": str(error)}


def _read(folders: queue.SimpleQueue[Path]) -> None:
    for line in sys.stdin:
        folders.put(Path(json.loads(line)))
    os._exit(0)


def main() -> None:
    """Answer until standard input ends."""
    out = os.fdopen(os.dup(1), "w")
    # Only answers reach the pipe, whatever libraries print.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    folders: queue.SimpleQueue[Path] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(folders,), daemon=True).start()
    answer: dict[str, str] = {}
    while True:
        print(json.dumps(answer), file=out, flush=True)
        answer = _test(folders.get(), cast(Provider, sys.argv[1]))


if __name__ == "__main__":
    main()
