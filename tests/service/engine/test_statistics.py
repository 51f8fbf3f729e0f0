"""Statistics: requests, images and runs, counted apart."""

from service.engine.statistics import Histogram, Statistics, Tally


def test_a_tally_counts_and_adds() -> None:
    tally = Tally()
    tally.add(3)
    tally.add(4)
    assert (tally.count, tally.ns) == (2, 7)


def test_a_histogram_counts_up_to_and_with_each_bound() -> None:
    histogram = Histogram((0.001, 0.01))
    for ns in (0, 1_000_000, 1_000_001, 10_000_000, 10_000_001, 3_000_000_000):
        histogram.add(ns)
    assert histogram.counts == [2, 2, 2]
    assert (histogram.count, histogram.ns) == (6, 3_022_000_002)


def test_histograms_merge() -> None:
    one, other = Histogram((0.001,)), Histogram((0.001,))
    one.add(5)
    other.add(7)
    other.add(2_000_000)
    one.merge(other)
    assert (one.counts, one.ns) == ([2, 1], 2_000_012)
    assert (other.counts, other.ns) == ([1, 1], 2_000_007)


def test_a_run_counts_for_each_request_that_it_serves_but_once_as_execution() -> None:
    statistics = Statistics()
    statistics.ran(requests=3, images=8, seconds=0.5)
    statistics.ran(requests=1, images=8, seconds=0.25)
    statistics.ran(requests=1, images=1, seconds=0.25)
    assert (statistics.inferences, statistics.runs.count) == (17, 3)
    assert statistics.compute_ns == 2_000_000_000
    assert statistics.batches == {8: Tally(2, 750_000_000), 1: Tally(1, 250_000_000)}
    assert (statistics.runs.ns, statistics.runs.counts[-2:]) == (1_000_000_000, [3, 0])
    assert statistics.last_ms > 1_700_000_000_000
