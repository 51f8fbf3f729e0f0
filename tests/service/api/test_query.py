"""The fields of a query: read in one pass, and refused at the first that is wrong."""

import itertools
import string
import time
from collections.abc import Callable
from urllib.parse import parse_qsl

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.query import MOST_FIELDS, read_query
from service.errors import ServiceError

HEADER_BYTES = 32_000
CPU_S = 0.2
"""A tenth of what 9,111 names took when each was looked up anew. The client's own work counts too, and a busy
machine slows it."""


class Anything:
    """A collection that holds every name."""

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> "Anything":
        return self

    def __next__(self) -> str:
        raise StopIteration

    def __len__(self) -> int:
        return 0


def names() -> str:
    """Return as many different short names as a query can hold."""
    pairs = ("".join(pair) for pair in itertools.product(string.ascii_letters + string.digits, repeat=3))
    return "&".join(pairs)[:HEADER_BYTES]


@given(st.text("ab=&+%4é\xff", max_size=40))
def test_it_reads_what_the_standard_library_reads(text: str) -> None:
    wanted: dict[str, list[str]] = {}
    for name, value in parse_qsl(text.encode().decode("latin-1"), keep_blank_values=True):
        wanted.setdefault(name, []).append(value)
    assert read_query(text.encode(), Anything(), Anything()) == wanted


def test_bytes_that_are_not_utf_8_are_replaced() -> None:
    assert read_query(b"a=%ff%C3%A9", ["a"]) == {"a": ["\ufffdé"]}


def test_nothing_behind_the_first_unknown_name_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []

    def unquote(text: str) -> str:
        decoded.append(text)
        return text

    monkeypatch.setattr("service.api.query.unquote", unquote)
    with pytest.raises(ServiceError) as caught:
        read_query(b"seed=1&aa=2&bb=3&cc", ["seed"])
    assert decoded == ["seed", "1", "aa", "2"]
    assert caught.value.detail == "query.aa: there is no such field, but seed"
    assert caught.value.errors == [
        {
            "loc": ["query", "aa"],
            "msg": "there is no such field, but seed",
            "type": "extra_forbidden",
        }
    ]


def test_a_field_is_given_once_unless_it_may_repeat() -> None:
    assert read_query(b"labels=1&labels=2", ["labels"], ["labels"]) == {"labels": ["1", "2"]}
    with pytest.raises(ServiceError, match=r"query\.seed: give it once"):
        read_query(b"seed=1&seed=2&other", ["seed"])


@pytest.mark.parametrize("separators", [MOST_FIELDS - 1, MOST_FIELDS])
def test_the_number_of_fields_is_bounded(separators: int) -> None:
    query = b"&" * separators
    if separators < MOST_FIELDS:
        assert read_query(query, []) == {}
    else:
        with pytest.raises(ServiceError, match="more than 1,000 fields: send fewer"):
            read_query(query, [])


@pytest.mark.parametrize(
    "query",
    [
        names,
        lambda: "labels=1&" * (HEADER_BYTES // 9),
        lambda: "labels=" + "1," * (HEADER_BYTES // 2 - 4),
        lambda: "directions=" + ",".join(f"{i}:x" for i in range(4000)),
        lambda: "&" * HEADER_BYTES,
        lambda: "seed=" + "%31" * (HEADER_BYTES // 3 - 2),
        lambda: "%61" * (HEADER_BYTES // 3),
        lambda: "a" * HEADER_BYTES,
    ],
    ids=["names", "repeated", "labels", "directions", "empty", "encoded value", "encoded name", "long name"],
)
async def test_no_query_of_32_kb_holds_up_the_loop(
    client: httpx.AsyncClient, query: Callable[[], str]
) -> None:
    """9,111 names took 2 s."""
    url = f"/generate?{query()}"
    seconds = []
    for _ in range(3):
        start = time.process_time()
        answer = await client.get(url)
        seconds.append(time.process_time() - start)
        assert answer.status_code == 422
    assert min(seconds) < CPU_S
