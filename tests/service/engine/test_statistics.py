"""Statistics: requests, images and runs, counted apart."""

from service.engine.statistics import Statistics, Tally


def test_a_tally_counts_and_adds() -> None:
    tally = Tally()
    tally.add(3)
    tally.add(4)
    assert (tally.count, tally.ns) == (2, 7)


def test_a_run_counts_for_each_request_that_it_serves_but_once_as_execution() -> None:
    statistics = Statistics()
    statistics.ran(requests=3, images=8, seconds=0.5)
    statistics.ran(requests=1, images=8, seconds=0.25)
    statistics.ran(requests=1, images=1, seconds=0.25)
    assert (statistics.inferences, statistics.executions) == (17, 3)
    assert statistics.compute_ns == 2_000_000_000
    assert statistics.batches == {8: Tally(2, 750_000_000), 1: Tally(1, 250_000_000)}
    assert statistics.last_ms > 1_700_000_000_000
