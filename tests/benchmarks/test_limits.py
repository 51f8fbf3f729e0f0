"""The parts alone, in a tiny form."""

import pytest

from benchmarks import limits
from benchmarks.server import newest
from benchmarks.stopwatch import interleaved, kernel


def test_the_networks_have_a_row_for_each_number_of_threads() -> None:
    lines = limits.networks([newest("gan")], 1, 0.01).splitlines()
    assert len(lines) == 2 + 2 * 2
    assert all(cell.strip() != "0" for line in lines[2:] for cell in line.split("|")[3:-1])


def test_the_command_runs(capsys: pytest.CaptureFixture[str]) -> None:
    limits.main(["--quick", "--models", "gan"])
    printed = capsys.readouterr().out
    assert "gan" in printed
    assert "| bare ASGI echo, requests/s |" in printed


def test_the_parts_are_told_in_microseconds() -> None:
    text = limits.parts(newest("gan"), 1, 0.005)
    assert "| PNG of a digit, here |" in text
    assert "reading an uploaded digit" in text


@pytest.mark.parametrize("threads", [1, 2])
def test_each_work_is_timed_in_each_round(threads: int) -> None:
    found, calibration = interleaved({"kernel": kernel, "nothing": lambda: None}, 2, 0.01, threads)
    assert [len(rates) for rates in (*found.values(), calibration)] == [2, 2, 2]
    assert min(found["kernel"]) > 0
