"""Latents: what a seed means never changes, and paths hold no surprises."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from service.engine.latent import (
    Prior,
    draw,
    lerp,
    method_for,
    path,
    seeds_of,
    shift,
    slerp,
    truncate,
)

SEED = st.integers(0, 2**32 - 1)
PRIOR = st.sampled_from(["normal", "uniform"])
COORDINATE = st.floats(-100, 100, width=32)


def pairs() -> st.SearchStrategy[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Two vectors of the same length; related ones (equal, opposite, zero) among them."""
    vectors = st.integers(1, 8).flatmap(lambda d: hnp.arrays(np.float32, d, elements=COORDINATE))
    factors = st.sampled_from([0.0, 1.0, -1.0, 0.5, -2.0])
    related = st.tuples(vectors, factors).map(lambda p: (p[0], p[0] * np.float32(p[1])))
    any_two = hnp.arrays(np.float32, st.tuples(st.just(2), st.integers(1, 8)), elements=COORDINATE)
    return related | any_two.map(lambda both: (both[0], both[1]))


def test_seeds_count_on_from_zero_after_the_last() -> None:
    assert seeds_of(7, 3) == [7, 8, 9]
    assert seeds_of(2**32 - 2, 4) == [2**32 - 2, 2**32 - 1, 0, 1]


@given(SEED, PRIOR, st.integers(1, 100))
def test_the_stream_is_that_of_numpys_random_state(seed: int, prior: Prior, width: int) -> None:
    z, labels = draw([seed], width, prior, True)
    state = np.random.RandomState(seed)
    expected = state.standard_normal(width) if prior == "normal" else state.uniform(-1, 1, width)
    np.testing.assert_array_equal(z[0], expected.astype(np.float32))
    assert labels is not None
    assert labels[0] == state.randint(0, 10, dtype=np.int64)


def test_what_seed_7_means_is_written_down() -> None:
    z, labels = draw([7], 4, "normal", True)
    np.testing.assert_allclose(z, [[1.6905257, -0.46593737, 0.03282016, 0.40751628]], rtol=1e-6)
    assert labels is not None
    assert labels.dtype == np.int64
    assert labels.tolist() == [8]
    uniform, none = draw([7], 4, "uniform", False)
    np.testing.assert_allclose(uniform, [[-0.84738342, 0.55983758, -0.12318155, 0.44693034]], rtol=1e-6)
    assert none is None


@given(seed=SEED, n=st.integers(1, 20), d=st.integers(1, 130), prior=PRIOR, conditional=st.booleans())
def test_each_row_is_its_own_seeds(seed: int, n: int, d: int, prior: Prior, conditional: bool) -> None:
    z, labels = draw(seeds_of(seed, n), d, prior, conditional)
    assert z.dtype == np.float32
    assert z.shape == (n, d)
    for i, own in enumerate(seeds_of(seed, n)):
        alone, label = draw([own], d, prior, conditional)
        np.testing.assert_array_equal(z[i], alone[0])
        assert (label is None) == (labels is None)
        if label is not None and labels is not None:
            assert label[0] == labels[i]
    if prior == "uniform":
        assert np.abs(z).max() <= 1


def test_z_is_the_same_whether_a_label_is_drawn_or_not() -> None:
    np.testing.assert_array_equal(draw([3], 9, "normal", True)[0], draw([3], 9, "normal", False)[0])


def test_threads_do_not_disturb_each_other() -> None:
    seeds = [seeds_of(1000 * i, 64) for i in range(16)]
    alone = [draw(each, 100, "normal", True)[0] for each in seeds]
    with ThreadPoolExecutor(8) as executor:
        together = list(executor.map(lambda each: draw(each, 100, "normal", True)[0], seeds))
    np.testing.assert_array_equal(alone, together)


def test_labels_are_all_drawn_about_equally_often() -> None:
    _, labels = draw(range(5000), 3, "normal", True)
    assert labels is not None
    counts = np.bincount(labels, minlength=10)
    assert counts.min() > 420
    assert counts.max() < 580


def test_truncation_scales_and_one_changes_nothing() -> None:
    z, _ = draw([1, 2], 5, "normal", False)
    np.testing.assert_array_equal(truncate(z, 1.0), z)
    np.testing.assert_allclose(truncate(z, 0.5), z / 2)


def test_shift_adds_every_direction() -> None:
    z = np.array([[1, 2], [3, 4]], np.float32)
    out = shift(z, [([1, 0], 2.0), ([0.5, 1], -1.0)])
    np.testing.assert_array_equal(out, np.array([[2.5, 1], [4.5, 3]], np.float32))
    assert out.dtype == np.float32
    np.testing.assert_array_equal(shift(z, []), z)


@pytest.mark.parametrize(
    ("prior", "d", "expected"),
    [("normal", 100, "slerp"), ("normal", 2, "lerp"), ("uniform", 100, "lerp"), ("normal", 3, "slerp")],
)
def test_auto(prior: Prior, d: int, expected: str) -> None:
    assert method_for(prior, d) == expected


def test_lerp_is_the_line() -> None:
    np.testing.assert_allclose(lerp([0, 0], [2, 4], [0, 0.5, 1]), [[0, 0], [1, 2], [2, 4]])


def test_slerp_turns_at_constant_speed_and_scales_linearly() -> None:
    out = slerp([1, 0], [0, 3], [0, 1 / 3, 1])
    np.testing.assert_allclose(out[1], 5 / 3 * np.array([np.cos(np.pi / 6), np.sin(np.pi / 6)]))
    np.testing.assert_allclose(out[[0, 2]], [[1, 0], [0, 3]], atol=1e-12)


def test_slerp_between_opposites_goes_round() -> None:
    out = slerp([0, 2, 0], [0, -2, 0], np.linspace(0, 1, 5))
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), 2)


@given(ends=pairs(), steps=st.integers(2, 9))
def test_slerp_is_finite_and_its_norm_is_between(
    ends: tuple[NDArray[np.float32], NDArray[np.float32]], steps: int
) -> None:
    a, b = ends
    out = slerp(a, b, np.linspace(0, 1, steps))
    assert np.isfinite(out).all()
    np.testing.assert_allclose(out[[0, -1]], [a, b], atol=1e-4)
    longest = max(np.linalg.norm(a.astype(float)), np.linalg.norm(b.astype(float)))
    assert np.linalg.norm(out, axis=1).max() <= longest * (1 + 1e-6)


@pytest.mark.parametrize("method", ["slerp", "lerp"])
def test_a_path_includes_both_ends_exactly_and_a_loop_repeats_neither(method: str) -> None:
    (a, b), _ = draw([1, 2], 50, "normal", False)
    one_way = path(a, b, 5, "slerp" if method == "slerp" else "lerp", False)
    there_and_back = path(a, b, 5, "slerp" if method == "slerp" else "lerp", True)
    np.testing.assert_array_equal(one_way[[0, -1]], [a, b])
    assert one_way.dtype == np.float32
    assert one_way.shape == (5, 50)
    np.testing.assert_array_equal(there_and_back, one_way[[0, 1, 2, 3, 4, 3, 2, 1]])
    np.testing.assert_array_equal(path(a, b, 2, "lerp", True), [a, b])
