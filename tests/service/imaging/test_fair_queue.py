"""Clients take turns, whatever order they came in."""

from hypothesis import given
from hypothesis import strategies as st

from service.imaging.fair_queue import FairQueue


def always(_client: str) -> bool:
    return True


def test_clients_take_turns() -> None:
    queue: FairQueue[int] = FairQueue()
    for number in range(4):
        queue.push("many", number)
    queue.push("one", 10)
    order = []
    while found := queue.pop(always):
        order.append(found)
    assert order == [("many", 0), ("one", 10), ("many", 1), ("many", 2), ("many", 3)]


def test_a_client_that_may_not_run_keeps_its_place() -> None:
    queue: FairQueue[int] = FairQueue()
    queue.push("a", 1)
    queue.push("b", 2)
    assert queue.pop(lambda client: client != "a") == ("b", 2)
    assert queue.pop(lambda client: client != "a") is None
    assert queue.pop(always) == ("a", 1)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers()), max_size=30), st.data())
def test_every_item_comes_out_once_in_the_order_of_its_client(
    items: list[tuple[str, int]], data: st.DataObject
) -> None:
    queue: FairQueue[tuple[int, int]] = FairQueue()
    numbered = [(client, (number, value)) for number, (client, value) in enumerate(items)]
    for client, item in numbered:
        queue.push(client, item)
    removed = [pair for pair in numbered if data.draw(st.booleans())]
    for client, item in removed:
        queue.remove(client, item)
        queue.remove(client, item)
    out = []
    while found := queue.pop(always):
        out.append(found)
    for client in "abc":
        assert [one for one in out if one[0] == client] == [
            one for one in numbered if one[0] == client and one not in removed
        ]
