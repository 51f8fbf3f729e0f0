"""One image worker as the service sees it: a child process and the socket to it."""

import asyncio
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple, Self

from service.imaging.errors import ImageCode, ImageError
from service.imaging.jobs import Job
from service.imaging.wire import ANSWER, DONE, LENGTH, MAX_BYTES, MAX_STRINGS, REFUSED, REQUEST

ROOT = Path(__file__).parents[2]
# glibc would keep the memory of a large image for the next one.
ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "131072",
    "MALLOC_TRIM_THRESHOLD_": "131072",
}
GRACE_S = 1.0
"""A worker ends itself this much after the deadline, should the service not have ended it by then."""

log = logging.getLogger(__name__)


class Done(NamedTuple):
    """The end of a job."""

    strings: list[bytes]
    processor_s: float
    """Seconds of processor time that it took."""


class JobFailed(Exception):
    """A worker raised an exception that is a bug; the message is its traceback."""


class WorkerProcess:
    """A running worker, which does one job at a time. `alive` is False once it can do no more."""

    def __init__(
        self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.alive = True
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, memory_bytes: int) -> Self:
        """Start a process that may use so much memory. It takes its first job once its imports are done.

        Raises OSError if there can be no more processes.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-m", "service.imaging.worker", str(theirs.fileno()), str(memory_bytes)],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=os.environ | ENVIRONMENT | {"PYTHONPATH": _python_path()},
                )
        except OSError:
            ours.close()
            raise
        reader, writer = await asyncio.open_connection(sock=ours)
        return cls(process, reader, writer)

    async def do(self, job: Job, seconds: float, processor_s: float) -> Done:
        """Return the job's byte strings and its processor time.

        Raises ImageError if the job refuses the image or uses more than `processor_s` of the processor,
        TimeoutError after `seconds`, JobFailed for a bug. The process ends when the job does not: on a limit,
        and when the caller is cancelled.
        """
        try:
            async with asyncio.timeout(seconds):
                return await self._ask(job, seconds, processor_s)
        except (ImageError, JobFailed):
            raise
        except (TimeoutError, asyncio.CancelledError):
            self.kill()
            raise
        except (EOFError, OSError):
            self.kill()
            raise await self._cause() from None

    def kill(self) -> None:
        """End the process at once."""
        if self.alive:
            self.alive = False
            self._writer.close()
            # Waiting takes the dead process out of the system's table. It may take some milliseconds.
            threading.Thread(target=self._end, daemon=True).start()

    async def _ask(self, job: Job, seconds: float, processor_s: float) -> Done:
        pickled = pickle.dumps(job)
        self._writer.writelines((REQUEST.pack(processor_s, seconds + GRACE_S, len(pickled)), pickled))
        await self._writer.drain()
        verdict, used_s, count = ANSWER.unpack(await self._reader.readexactly(ANSWER.size))
        strings: list[bytes] = []
        room = MAX_BYTES
        if count > MAX_STRINGS:
            raise EOFError
        for _ in range(count):
            (size,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
            room -= size
            if room < 0:
                raise EOFError
            strings.append(await self._reader.readexactly(size))
        if verdict == DONE:
            return Done(strings, used_s)
        if verdict == REFUSED:
            code: ImageCode
            code, detail = strings[0].decode(), strings[1].decode()  # type: ignore[assignment]
            raise ImageError(code, detail)
        raise JobFailed(strings[0].decode("utf-8", "replace"))

    def _end(self) -> None:
        # A process that ended by itself is not sent a signal: Popen looks first.
        self._process.kill()
        self._process.wait()

    async def _cause(self) -> ImageError:
        """Tell why the process ended in the middle of a job."""
        while (status := self._process.poll()) is None:
            await asyncio.sleep(0.002)
        if status == -signal.SIGPROF:
            return ImageError(
                "image-too-costly",
                "it takes too much processor time to decode: send fewer images, or save it as a plain PNG",
            )
        log.error("an image worker ended with status %s", status)
        return ImageError("broken-image", "the image is broken: its decoder failed")


def _python_path() -> str:
    """Where the worker finds this very package, whatever the working directory is."""
    given = os.environ.get("PYTHONPATH")
    return os.pathsep.join([str(ROOT), *([given] if given else [])])
