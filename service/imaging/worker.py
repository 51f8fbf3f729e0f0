"""An image worker: a process that decodes uploads and encodes large answers, one job at a time.

    python -m service.imaging.worker FD MEMORY_BYTES

The service talks to it over the socket FD. A process, because only a process can be ended in the middle of a
decoder: the kernel ends it when a job has used its processor time or its time, whatever it is doing. It runs
at low priority, with bounded memory, and writes nothing to the service's log.
"""

import contextlib
import io
import logging
import os
import pickle
import resource
import signal
import socket
import sys
import time
import traceback
import warnings

from service.imaging.errors import ImageError
from service.imaging.jobs import Job
from service.imaging.wire import DONE, FAILED, REFUSED, REQUEST, pack

NICENESS = 10
"""Below the service itself, which answers other clients meanwhile."""


def main() -> None:
    """Do jobs until the service closes the socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the service decides.
    warnings.simplefilter("ignore")
    logging.disable()
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    memory_bytes = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with (
        contextlib.suppress(BrokenPipeError, ConnectionResetError),  # The service may leave at any time.
        socket.socket(fileno=int(sys.argv[1])) as connection,
        connection.makefile("rwb") as stream,
    ):
        serve(stream)


def serve(stream: io.BufferedRWPair) -> None:
    """Answer each job on the stream."""
    while head := stream.read(REQUEST.size):
        processor_s, wall_s, size = REQUEST.unpack(head)
        job = pickle.loads(stream.read(size))
        # The default action of both signals ends the process, also inside C code.
        signal.setitimer(signal.ITIMER_PROF, processor_s)
        signal.setitimer(signal.ITIMER_REAL, wall_s)
        answer = perform(job)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        stream.write(answer)
        stream.flush()


def perform(job: Job) -> bytes:
    """Return the packed answer of a job, whatever it raises."""
    begun = time.process_time()
    try:
        verdict, strings = DONE, job()
    except ImageError as error:
        verdict, strings = REFUSED, [error.code.encode(), error.detail.encode("utf-8", "replace")]
    except Exception:
        verdict, strings = FAILED, [traceback.format_exc().encode("utf-8", "replace")]
    return pack(verdict, time.process_time() - begun, strings)


if __name__ == "__main__":
    main()
