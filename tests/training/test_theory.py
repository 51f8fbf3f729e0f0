"""The game in one dimension, held against what is known of it in closed form."""

import io
from pathlib import Path

import pytest
import torch
from PIL import Image

from training import theory, theory_pictures
from training.theory import Course, Game, Pushes, State, X


@pytest.fixture(scope="module")
def played() -> list[State]:
    return list(theory.play(Game(), rounds=200))


def test_p_data_is_a_density_and_its_quantiles_are_its_own() -> None:
    density = theory.data_density(X)
    assert float(density.sum() * (X[1] - X[0])) == pytest.approx(1, abs=1e-3)
    middle = theory.data_quantile(torch.tensor([0.25, 0.5, 0.75]))
    below = [float(density[x > X].sum() * (X[1] - X[0])) for x in middle]
    assert below == pytest.approx([0.25, 0.5, 0.75], abs=0.01)


def test_the_density_of_samples_is_theirs() -> None:
    shares = (torch.arange(1000) + 0.5) / 1000
    again = theory.sample_density(theory.data_quantile(shares))
    assert float((again - theory.data_density(X)).abs().max()) < 0.02


def test_the_best_d_is_a_half_where_the_densities_are_equal() -> None:
    p = theory.data_density(X)
    assert torch.allclose(theory.best_discriminator(p, p), torch.tensor(0.5))
    assert torch.allclose(theory.best_discriminator(p, 3 * p)[p > 1e-3], torch.tensor(0.25), atol=1e-4)


def test_d_trained_on_two_fixed_densities_is_near_d_star(played: list[State]) -> None:
    ready = theory.four_states(played)[1]
    assert (ready.opening, ready.step) == (theory.OPENING, 0)
    where = theory.data_density(X) > 0.02
    assert float((ready.d - ready.best)[where].abs().max()) < 0.05


def test_the_four_states_are_the_paper_s(played: list[State]) -> None:
    untrained, ready, moved, end = theory.four_states(played)
    wrong = [float((state.d - state.best).abs().mean()) for state in (untrained, ready)]
    assert wrong[1] < wrong[0] / 4
    assert torch.equal(untrained.p_g, ready.p_g)
    # G went up D's slope, that is, towards the data, and is not there yet.
    p_data = theory.data_density(X)
    apart = [float((state.p_g - p_data).abs().mean()) for state in (ready, moved, end)]
    assert apart[0] > 1.2 * apart[1] > 5 * apart[2]
    assert ready.doubt > 0.4
    assert end.doubt <= 0.05


def test_k_can_be_too_small_and_too_large() -> None:
    small, enough, large = (theory.course(k, 400) for k in (1, 10, 200))
    assert small.spent == enough.spent == large.spent == list(range(0, 401, 20))
    assert enough.distance[-1] < 0.3
    assert large.distance[-1] > 0.9 * large.distance[0]
    assert min(small.distance[-10:]) > 0.5


def test_minimax_pushes_less_the_better_d_is_and_non_saturating_more() -> None:
    found = theory.pushes(200)
    assert found.fooled[-1] < 0.02
    assert found.size["minimax"][-1] < found.size["minimax"][1] / 2
    assert found.size["non_saturating"][-1] > 50 * found.size["minimax"][-1]


def test_the_two_losses_push_as_their_derivatives_say() -> None:
    game = Game(start=theory.FAR)
    torch.manual_seed(1)
    sample = game.generator(theory.stratified()).detach().requires_grad_(True)
    logit = game.discriminator(sample)
    (slope,) = torch.autograd.grad(logit.sum(), sample)
    d = torch.sigmoid(logit.detach())
    for loss, factor in (("minimax", d), ("non_saturating", 1 - d)):
        torch.manual_seed(1)
        push = game.gradient("minimax" if loss == "minimax" else "non_saturating")
        assert torch.allclose(push, factor * slope, atol=1e-5)


def test_the_pictures_are_written_and_the_animation_is_small(tmp_path: Path) -> None:
    state = Game().look(0, 0)
    four = [state, state, state._replace(step=12), state._replace(step=500)]
    courses = [Course(k, [0, 20], [3.0, 1.0]) for k in (1, 10, 300)]
    pushed = Pushes([0, 10], [0.5, 0.1], {"minimax": [1.0, 0.1], "non_saturating": [1.0, 2.0]})
    theory_pictures.write(tmp_path, four, courses, pushed)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "game.webp",
        "gradients.png",
        "k.png",
        "states.png",
    ]
    with Image.open(io.BytesIO((tmp_path / "game.webp").read_bytes())) as game:
        assert getattr(game, "n_frames", 1) == 3, "equal pictures in a row are one"
    with Image.open(tmp_path / "states.png") as states:
        assert states.width > 800
        assert len(states.convert("RGB").getcolors(1 << 16) or []) > 10


def test_play_shows_more_of_the_beginning() -> None:
    seen = [state.step for state in theory.play(Game(k=1), opening=2, rounds=60)]
    assert seen[:3] == [0, 0, 0]
    assert [step for step in seen if step] == [*range(4, 41, 4), 45, 60]
