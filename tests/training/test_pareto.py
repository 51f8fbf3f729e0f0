"""Which points are on the front."""

from training import pareto


def test_the_front_is_what_no_other_point_beats_in_both() -> None:
    cheap, good, beaten, equal_but_dearer = (1.0, 9.0), (5.0, 2.0), (6.0, 3.0), (7.0, 2.0)
    assert pareto.front([beaten, good, equal_but_dearer, cheap]) == [3, 1]
    assert pareto.front([good, good]) == [0]
