"""The bounds on what waits for one network."""

import math

import pytest

from service.engine.backlog import Backlog, Bounds
from service.engine.cost import Cost
from service.errors import ServiceError


def refused(backlog: Backlog, images: int) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        backlog.check(images)
    return caught.value


def test_images_are_bounded_exactly() -> None:
    backlog = Backlog(Bounds(100), Cost())
    backlog.check(60)
    backlog.admit(60)
    backlog.check(40)
    backlog.admit(40)
    assert (refused(backlog, 1).status, refused(backlog, 1).code) == (503, "queue-full")
    backlog.release(1)
    backlog.check(1)


def test_measured_work_is_bounded() -> None:
    backlog = Backlog(Bounds(1000, seconds=2.0), Cost(0.125, 0.125))
    backlog.admit(8)
    backlog.check(8)
    assert refused(backlog, 9).code == "queue-full"


def test_an_empty_queue_admits_a_request_of_any_cost() -> None:
    backlog = Backlog(Bounds(256, seconds=2.0), Cost(0.125, 0.125))
    backlog.check(256)
    backlog.admit(256)
    assert refused(backlog, 1).code == "queue-full"


def test_more_images_than_the_bound_are_422_even_if_it_is_full() -> None:
    backlog = Backlog(Bounds(10), Cost())
    assert (refused(backlog, 11).status, refused(backlog, 11).code) == (422, "more-than-queue")
    backlog.admit(10)
    assert refused(backlog, 11).status == 422


@pytest.mark.parametrize(("row_s", "seconds"), [(0.0, "1"), (0.001, "1"), (0.25, "3")])
def test_retry_after_is_the_measured_wait_in_whole_seconds_from_1(row_s: float, seconds: str) -> None:
    backlog = Backlog(Bounds(10, math.inf), Cost(row_s, row_s))
    backlog.admit(10)
    assert refused(backlog, 1).headers == {"Retry-After": seconds}


def test_the_fill_is_the_larger_share() -> None:
    backlog = Backlog(Bounds(100, seconds=1.0), Cost(0.02, 0.02))
    backlog.admit(10)
    assert backlog.fill == pytest.approx(0.2)
    assert Backlog(Bounds(100, seconds=1.0), Cost()).fill == 0
