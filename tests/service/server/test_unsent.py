"""The bytes that wait for readers never exceed their bound for long."""

from dataclasses import dataclass

from service.server.unsent import Unsent


@dataclass(eq=False)
class Answer:
    unsent: int
    cut: bool = False

    def give_up(self) -> None:
        self.cut = True


def test_the_oldest_are_cut_until_there_is_room() -> None:
    all_of_them = Unsent(10)
    answers = [Answer(4), Answer(4), Answer(4)]
    for answer in answers:
        all_of_them.add(answer)
    assert [answer.cut for answer in answers] == [True, False, False]


def test_what_has_left_is_neither_counted_nor_cut() -> None:
    all_of_them = Unsent(10)
    left, waits, last = Answer(8), Answer(8), Answer(2)
    all_of_them.add(left)
    left.unsent = 0
    all_of_them.add(waits)
    all_of_them.add(last)
    assert [left.cut, waits.cut, last.cut] == [False] * 3
    all_of_them.discard(waits)
    more = Answer(9)
    all_of_them.add(more)
    assert (left.cut, last.cut, more.cut) == (False, True, False)


def test_an_answer_larger_than_the_bound_is_cut_itself() -> None:
    answer = Answer(11)
    Unsent(10).add(answer)
    assert answer.cut
