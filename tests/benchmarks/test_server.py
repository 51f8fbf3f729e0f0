"""What is measured is started, weighed and ended."""

import sys
from pathlib import Path

import pytest

from benchmarks import server
from benchmarks.driver import Failed, drive
from benchmarks.server import Running, Server, echo, folder_of, newest, running
from benchmarks.workload import W1, W3


def test_a_server_is_ended_with_its_block() -> None:
    with running(echo(), W1) as up:
        assert up.start_s > 0
        assert up.memory_mb() > 5
        assert drive(up.ports, W1, 2, 0.1).requests > 0
        assert server._marked(up.mark)
    assert not server._marked(up.mark)


def test_copies_have_a_port_each(tiny: Server) -> None:
    twice = Server("two", echo().command, processes=2)
    with running(twice, W1) as up:
        assert len(set(up.ports)) == 2
        assert len(server._marked(up.mark)) == 2
        assert drive(up.ports, W1, 4, 0.1).failed == 0


def test_processor_time_grows_with_load(bare: Running) -> None:
    before = bare.cpu_s()
    drive(bare.ports, W1, 4, 0.3)
    assert bare.cpu_s() > before


def test_what_does_not_start_says_why() -> None:
    broken = Server("broken", [sys.executable, "-c", "raise SystemExit('no luck')"])
    with pytest.raises(RuntimeError, match="no luck"), running(broken, W1):
        pass


def test_errors_are_no_figures(service: Running) -> None:
    with pytest.raises(Failed, match="W3"):
        drive(service.ports, W3, 1, 0.1)


def test_a_folder_holds_the_bundles_that_were_named() -> None:
    bundle = newest("gan")
    with folder_of([bundle]) as models:
        assert [path.relative_to(models) for path in models.glob("*/*")] == [Path("gan", bundle.name)]
    assert not models.exists()


def test_a_command_that_is_not_there_is_named() -> None:
    with (
        pytest.raises(FileNotFoundError, match="no-such-server"),
        running(Server("x", ["no-such-server"]), W1),
    ):
        pass
