"""The protocol between the service and its image workers: framed messages over a stream socket.

To the worker: processor seconds and seconds that the job may take, then the pickled job. From the worker: a
verdict, then byte strings. Imports nothing of either side.
"""

import struct

REQUEST = struct.Struct(">ddQ")
"""Limits in processor seconds and in seconds, and the length of the job that follows."""
ANSWER = struct.Struct(">cdI")
"""A verdict, the processor seconds that the job took, and how many byte strings follow."""
LENGTH = struct.Struct(">Q")
"""Precedes each byte string."""

DONE, REFUSED, FAILED = b"d", b"r", b"f"
"""The job's answer; an ImageError as its code and detail; a bug as its traceback."""
MAX_STRINGS = 1024
MAX_BYTES = 64 * 1024 * 1024
"""The service takes no more than this from a worker, which a hostile image may have taken over."""


def pack(verdict: bytes, processor_s: float, strings: list[bytes]) -> bytes:
    """Return an answer as it goes over the socket."""
    parts = [ANSWER.pack(verdict, processor_s, len(strings))]
    for string in strings:
        parts += (LENGTH.pack(len(string)), string)
    return b"".join(parts)
