"""Bodies: bounded while they stream in, and whatever they hold, never an unexpected exception."""

import gzip
import zlib
from collections.abc import Iterable
from types import SimpleNamespace
from unittest.mock import ANY

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from service.api.body import SMALL_BYTES, decompressed, json_body, media_type, read_body
from service.budget import Budget
from service.errors import ServiceError, problem
from service.settings import Settings


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    n: int = 1
    x: float = 0.0
    text: str = ""
    rows: list[list[float]] = []


class Sender:
    """A request whose body arrives in these chunks; counts how many were taken."""

    def __init__(self, chunks: Iterable[bytes], headers: dict[str, str] | None = None) -> None:
        self.chunks = list(chunks)
        self.taken = 0
        pairs = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        self.request = Request({"type": "http", "method": "POST", "headers": pairs}, self.receive)

    async def receive(self) -> Message:
        self.taken += 1
        if self.taken > len(self.chunks):
            return {"type": "http.disconnect"}
        more = self.taken < len(self.chunks)
        return {"type": "http.request", "body": self.chunks[self.taken - 1], "more_body": more}


async def refused(data: bytes, headers: dict[str, str] | None = None) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await json_body(Sender([data], headers).request, Body, 1 << 20)
    problem(caught.value, "id")
    return caught.value


async def test_chunks_are_joined() -> None:
    assert await read_body(Sender([b"ab", b"", b"cd"]).request, 4) == b"abcd"
    assert await read_body(Sender([b""]).request, 4) == b""


async def test_a_declared_length_past_the_limit_is_refused_unread() -> None:
    sender = Sender([b"12345"], {"Content-Length": "5"})
    with pytest.raises(ServiceError) as caught:
        await read_body(sender.request, 4)
    assert caught.value.status == 413
    assert sender.taken == 0


async def test_a_chunked_body_is_refused_as_soon_as_it_is_too_long() -> None:
    sender = Sender([b"123", b"45", b"6", b"7"])
    with pytest.raises(ServiceError) as caught:
        await read_body(sender.request, 4)
    assert caught.value.status == 413
    assert sender.taken == 2


@pytest.mark.parametrize("length", ["-1", "x", "9" * 400, "²"])
async def test_a_nonsensical_length_is_no_crash(length: str) -> None:
    reading = read_body(Sender([b"1"], {"Content-Length": length}).request, 4)
    if length.startswith("9"):
        with pytest.raises(ServiceError):
            await reading
    else:
        assert await reading == b"1"


async def test_a_client_that_leaves_amid_its_body_is_noticed() -> None:
    sender = Sender([b"1", b"2"])
    sender.chunks = [b"1"]

    async def receive() -> Message:
        sender.taken += 1
        return (
            {"type": "http.request", "body": b"1", "more_body": True}
            if sender.taken == 1
            else {"type": "http.disconnect"}
        )

    with pytest.raises(ClientDisconnect):
        await read_body(Request({"type": "http", "headers": []}, receive), 4)


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "application/json",
        "Application/JSON; charset=UTF-8",
        'application/json; charset="utf-8"',
        "application/vnd.api+json",
        "application/x-www-form-urlencoded",
    ],
)
async def test_json_is_read(content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    assert (await json_body(Sender([b'{"n": 3}'], headers).request, Body, 100)).n == 3


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"n=3",
        b"{",
        b"[]",
        b"null",
        b'{"n": 1} x',
        b'{"n": 1.5}',
        b'{"x": NaN}',
        b'{"x": Infinity}',
        b'{"x": -Infinity}',
        b'{"x": 1e400}',
        b'{"n": 1e400}',
        b'{"n": ' + b"1" * 6000 + b"}",
        b'{"x": ' + b"1" * 6000 + b"}",
        b'{"text": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"text": "\xff"}',
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        '{"n": 1}'.encode("utf-16"),
        '{"n": 1}'.encode("utf-32"),
        b"[" * 100_000,
        b'{"rows":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"unknown": 1}',
        b"\x00",
    ],
)
async def test_what_is_no_such_json_is_422(data: bytes) -> None:
    error = await refused(data, {"Content-Type": "application/json"})
    assert error.status == 422
    assert error.errors


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "image/png"},
        {"Content-Type": "text/html"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_another_content_type_charset_or_encoding_is_422(headers: dict[str, str]) -> None:
    assert (await refused(b"{}", headers)).status == 422


@given(st.binary(max_size=200))
async def test_any_bytes_are_a_model_or_422(data: bytes) -> None:
    try:
        Body.model_validate_json(data)
    except ValidationError:
        assert (await refused(data)).status == 422
    else:
        await json_body(Sender([data]).request, Body, 1 << 20)


def test_media_type_drops_parameters_and_case() -> None:
    assert media_type({"content-type": "Image/PNG; q=1"}) == "image/png"
    assert media_type({}) == ""


@given(st.binary(max_size=100), st.sampled_from(["", "identity", "gzip", "deflate"]))
def test_a_body_is_as_it_was_before_its_encoding(data: bytes, encoding: str) -> None:
    encoded = {"gzip": gzip.compress(data), "deflate": zlib.compress(data)}.get(encoding, data)
    assert decompressed(encoded, encoding, 100) == data


@given(st.binary(max_size=50), st.sampled_from(["gzip", "deflate", "br"]))
def test_any_compressed_bytes_are_a_body_or_a_refusal(data: bytes, encoding: str) -> None:
    with pytest.raises(ServiceError) as caught:
        decompressed(b"\x00" + data, encoding, 100)
    assert caught.value.status == 422


def test_no_more_than_the_limit_is_decompressed() -> None:
    bomb = gzip.compress(b"\x00" * 1_000_000)
    with pytest.raises(ServiceError) as caught:
        decompressed(bomb, "gzip", 1000)
    assert caught.value.status == 413
    assert decompressed(gzip.compress(b"\x00" * 1000), "gzip", 1000) == b"\x00" * 1000


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b'{"rows": [' + b"[]," * 16_400 + b"[]]}", "items"),
        (b'{"rows": [' + b"[" * 16_400, "lists and objects"),
        (b'{"text": "' + b'"' * 16_400, "quotation marks"),
    ],
)
async def test_json_of_too_many_parts_is_refused_before_it_is_parsed(data: bytes, what: str) -> None:
    error = await refused(data)
    assert error.errors == [{"loc": ["body"], "msg": ANY, "type": "too_long"}]
    assert what in error.detail


class Memory:
    """An application with this much memory for bodies, as `read_body` sees it."""

    def __init__(self, total: int, per_client: int) -> None:
        self.state = SimpleNamespace(
            body_memory=Budget(total, per_client), settings=Settings(), give_back_soon=lambda: None
        )


def arriving(memory: Memory, chunks: int) -> Sender:
    """A body of so many chunks of 64 kB and a byte."""
    sender = Sender([bytes(SMALL_BYTES + 1)] * chunks)
    sender.request.scope.update(app=memory, state={}, client=("127.0.0.1", 1))
    return sender


@pytest.mark.parametrize(
    ("total", "per_client", "status"), [(100_000, 100_000, 429), (100_000, 200_000, 503)]
)
async def test_large_bodies_are_bounded_together(total: int, per_client: int, status: int) -> None:
    memory = Memory(total, per_client)
    with pytest.raises(ServiceError) as caught:
        await read_body(arriving(memory, 3).request, 1 << 20)
    assert (caught.value.status, caught.value.headers["Retry-After"]) == (status, "1")
    assert memory.state.body_memory.used == 0


async def test_a_large_body_gives_its_memory_back() -> None:
    memory = Memory(1 << 20, 1 << 20)
    assert len(await read_body(arriving(memory, 3).request, 1 << 20)) == 3 * (SMALL_BYTES + 1)
    assert memory.state.body_memory.used == 0
