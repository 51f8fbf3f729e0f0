"""The clients in Python, which measure where wrk is not installed."""

import pytest

from benchmarks.clients import length, load, percentile, question
from benchmarks.server import Running
from benchmarks.workload import W1, W3, W3_FORM, Workload


def test_percentiles_are_values_that_were_seen() -> None:
    hundred = [float(n) for n in range(1, 101)]
    assert [percentile(hundred, p) for p in (50, 99, 100)] == [50, 99, 100]
    assert percentile([7.0], 50) == percentile([7.0], 99) == 7


def test_the_length_of_an_answer_is_what_its_head_says() -> None:
    assert length(b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 42\r\nC: d") == 42
    with pytest.raises(ValueError, match="not found"):
        length(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked")


@pytest.mark.parametrize("workload", [W1, W3, W3_FORM])
def test_a_question_says_how_long_it_is(workload: Workload) -> None:
    head, _, body = question(workload).partition(b"\r\n\r\n")
    assert length(head) == len(body) == len(workload.body)


async def test_all_answers_are_counted(bare: Running) -> None:
    seen = await load(list(bare.ports), W1, 3, 0.2)
    assert seen["requests"] >= 3
    assert seen["failed"] == 0
    assert 0 < seen["p50_ms"] <= seen["p99_ms"] <= 1000 * seen["seconds"]


async def test_errors_are_failures(service: Running) -> None:
    wrong = await load(list(service.ports), W3_FORM, 1, 0.1)
    assert wrong["failed"] == wrong["requests"] > 0
