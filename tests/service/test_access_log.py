"""The fields of an access log's line."""

import json
import time
from typing import Any

import pytest

from service.access_log import AccessLog


def logged(**changes: Any) -> dict[str, Any]:
    """The line of a request with these changes."""
    lines: list[str] = []
    request: dict[str, Any] = {
        "request_id": "me",
        "client": "1.2.3.4",
        "method": "GET",
        "path": "/x",
        "status": 200,
        "size": 5,
        "ns": 1_234_567,
    }
    AccessLog(lines.append).write(**request | changes)
    (line,) = lines
    assert line.endswith("}\n")
    entry: dict[str, Any] = json.loads(line)
    return entry


def test_a_line_says_milliseconds_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.9)
    assert logged() == {
        "time": "2023-11-14T22:13:20Z",
        "request_id": "me",
        "client": "1.2.3.4",
        "method": "GET",
        "path": "/x",
        "status": 200,
        "bytes": 5,
        "ms": 1.235,
    }


def test_what_a_request_does_not_have_is_left_out_or_null() -> None:
    assert "key" not in logged()
    assert logged(method=None, path=None, code="bad-request")["method"] is None
    assert logged(key="0123abcd", trace_id="t", code="c").items() >= {
        ("key", "0123abcd"),
        ("trace_id", "t"),
        ("code", "c"),
    }


def test_a_long_path_is_cut() -> None:
    assert logged(path="/" + "x" * 5000)["path"] == "/" + "x" * 199


def test_the_time_moves_on(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    log = AccessLog(lines.append)
    for now in (10.0, 10.9, 11.0):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        log.write(request_id="a", client=None, method="GET", path="/", status=200, size=0, ns=0)
    seconds = [json.loads(line)["time"][-3:] for line in lines]
    assert seconds == ["10Z", "10Z", "11Z"]
