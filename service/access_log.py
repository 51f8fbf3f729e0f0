"""The access log: one JSON line for each request, whichever layer answered it."""

import json
import time
from collections.abc import Callable

PATH_CHARACTERS = 200
"""Longest path that is logged; a client chooses it, so longer ones are cut."""


class AccessLog:
    """Formats the lines of the access log. `write` receives each as text that ends with a line feed."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._second = 0
        self._time = ""
        """Text of `_second`, shared by the lines of that second."""

    def write(
        self,
        *,
        request_id: str,
        client: str | None,
        method: str | None,
        path: str | None,
        status: int,
        size: int,
        ns: int,
        key: str | None = None,
        trace_id: str | None = None,
        code: str | None = None,
    ) -> None:
        """Log a request that ended. `size` is the bytes of the answer's body, `ns` the nanoseconds it took.

        A request that could not be parsed has no method and no path. `key` is the name of the API key, `code`
        that of the error.
        """
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._time = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
        line: dict[str, str | int | float | None] = {
            "time": self._time,
            "request_id": request_id,
            "client": client,
            "method": method,
            "path": None if path is None else path[:PATH_CHARACTERS],
            "status": status,
            "bytes": size,
            "ms": round(ns / 1e6, 3),
        }
        if key is not None:
            line["key"] = key
        if trace_id is not None:
            line["trace_id"] = trace_id
        if code is not None:
            line["code"] = code
        self._write(json.dumps(line) + "\n")
