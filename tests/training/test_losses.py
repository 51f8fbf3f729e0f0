import math

import pytest
import torch

from training import losses
from training.networks import reparameterise


def test_at_the_optimum_of_the_game_the_loss_is_log_four() -> None:
    """With D = 1/2 everywhere, V(D, G) = -log 4 (Goodfellow et al. 2014, theorem 1)."""
    logits = torch.zeros(5)
    assert losses.discriminator_loss(logits, logits).item() == pytest.approx(math.log(4))


def test_the_losses_are_the_paper_s_formulas() -> None:
    real, fake = torch.tensor([0.3, -1.0]), torch.tensor([2.0, -0.5])
    d_real, d_fake = torch.sigmoid(real), torch.sigmoid(fake)
    expected = -(d_real.log().mean() + (1 - d_fake).log().mean())
    torch.testing.assert_close(losses.discriminator_loss(real, fake), expected)
    torch.testing.assert_close(losses.minimax(fake), (1 - d_fake).log().mean())
    torch.testing.assert_close(losses.non_saturating(fake), -d_fake.log().mean())


def test_minimax_saturates_where_d_is_sure_and_non_saturating_does_not() -> None:
    logit = torch.tensor([-8.0], requires_grad=True)
    (vanished,) = torch.autograd.grad(losses.minimax(logit), logit)
    (strong,) = torch.autograd.grad(losses.non_saturating(logit), logit)
    assert abs(vanished.item()) < 1e-3
    assert abs(strong.item()) > 0.99


def test_both_generator_losses_pull_the_logit_up() -> None:
    for loss in losses.GENERATOR_LOSSES.values():
        logit = torch.zeros(1, requires_grad=True)
        (gradient,) = torch.autograd.grad(loss(logit), logit)
        assert gradient.item() < 0


def test_r1_of_a_linear_discriminator_is_its_squared_weight() -> None:
    weight = torch.tensor([3.0, 4.0])
    image = torch.randn(6, 2, requires_grad=True)
    assert losses.r1(image, image @ weight).item() == pytest.approx(25.0)


def test_several_judges_count_by_their_shares_and_are_penalised_alike() -> None:
    logits = torch.tensor([[2.0, -0.5], [0.0, 1.0]])
    one, other = (losses.non_saturating(logit) for logit in logits)
    torch.testing.assert_close(losses.shared([0.25, 0.75], logits), 0.25 * one + 0.75 * other)
    image = torch.randn(6, 2, requires_grad=True)
    scores = torch.stack([image @ torch.tensor([3.0, 4.0]), image @ torch.tensor([0.0, 1.0])])
    assert losses.r1_of_each(image, scores).item() == pytest.approx(13.0)


def test_wasserstein_is_the_difference_of_means_and_the_generator_climbs_the_critic() -> None:
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.5, -0.5])
    assert losses.wasserstein(real, fake).item() == pytest.approx(-2.0)
    assert losses.critic_value(fake).item() == pytest.approx(0.0)
    assert losses.critic_value(real).item() == pytest.approx(-2.0)


def test_the_gradient_penalty_is_zero_for_slope_one_and_grows_both_ways() -> None:
    real, fake = torch.randn(6, 1, 2, 2), torch.randn(6, 1, 2, 2)
    weight = torch.ones(4) / 2  # of norm 1

    def penalty(slope: float) -> float:
        return losses.gradient_penalty(lambda image: slope * (image.flatten(1) @ weight), real, fake).item()

    assert penalty(1.0) == pytest.approx(0.0, abs=1e-6)
    assert penalty(3.0) == pytest.approx(4.0, rel=1e-4)
    assert penalty(0.25) == pytest.approx(0.5625, rel=1e-4), "a slope below 1 costs as well"


def test_the_gradient_penalty_is_taken_between_real_and_fake_and_can_be_minimised() -> None:
    """f(x) = a/2 |x|^2 has the slope a |x|: the penalty and its derivative by a have a closed form."""
    torch.manual_seed(0)
    real, fake = torch.randn(300, 1, 2, 2), torch.randn(300, 1, 2, 2) + 3
    curvature = torch.tensor(0.3, requires_grad=True)
    seen: list[torch.Tensor] = []

    def critic(image: torch.Tensor) -> torch.Tensor:
        seen.append(image)
        return curvature / 2 * image.flatten(1).square().sum(1)

    penalty = losses.gradient_penalty(critic, real, fake)
    (between,) = (image.detach() for image in seen)
    share = ((between - real) / (fake - real)).flatten(1)
    middle = share.median(1, keepdim=True).values
    assert (share - middle).abs().median() < 1e-5, "a point is on the line from a real to a generated image"
    assert 0 <= middle.min() < 0.05
    assert 0.95 < middle.max() <= 1
    assert middle.std().item() == pytest.approx(12**-0.5, rel=0.1), "each image has a share of its own"

    size = between.flatten(1).norm(dim=1)
    slope = 0.3 * size
    assert slope.min() < 0.7 < 1.5 < slope.max()
    assert penalty.item() == pytest.approx((slope - 1).square().mean().item(), rel=1e-5)
    (derivative,) = torch.autograd.grad(penalty, curvature)
    assert derivative.item() == pytest.approx((2 * (slope - 1) * size).mean().item(), rel=1e-5)


def test_r1_can_be_minimised() -> None:
    """D(x) = a/2 |x|^2 has the slope a |x|: R1 is a^2 E|x|^2, and its derivative by a is 2 a E|x|^2."""
    curvature = torch.tensor(0.3, requires_grad=True)
    image = torch.randn(7, 1, 2, 2, requires_grad=True)
    squared = image.detach().square().sum((1, 2, 3)).mean().item()
    score = curvature / 2 * image.flatten(1).square().sum(1)
    for penalty, size in (
        (losses.r1(image, score), 1.0),
        (losses.r1_of_each(image, torch.stack([score, 3 * score])), (1 + 9) / 2),
    ):
        (derivative,) = torch.autograd.grad(penalty, curvature, retain_graph=True)
        assert penalty.item() == pytest.approx(size * 0.09 * squared, rel=1e-5)
        assert derivative.item() == pytest.approx(size * 0.6 * squared, rel=1e-5)


def test_entropy_is_that_of_torch_and_has_a_gradient_where_p_is_zero() -> None:
    p = torch.randn(4, 10).softmax(1)
    torch.testing.assert_close(losses.entropy(p), torch.distributions.Categorical(p).entropy())  # type: ignore[no-untyped-call]
    sure = torch.eye(3).requires_grad_()
    losses.entropy(sure).sum().backward()  # type: ignore[no-untyped-call]
    assert losses.entropy(sure).tolist() == [0, 0, 0]
    assert sure.grad is not None
    assert sure.grad.isfinite().all()


def test_kl_and_likelihoods_are_those_of_torch_s_distributions() -> None:
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    q = torch.distributions.Normal(mean, (log_variance / 2).exp())
    kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(torch.zeros(3), torch.ones(3)))
    torch.testing.assert_close(losses.kl_to_normal(mean, log_variance), kl.sum(1).mean())
    ink = torch.randint(2, (5, 4)).float()
    p = torch.rand(5, 4)
    bernoulli = (ink * p.log() + (1 - ink) * (1 - p).log()).sum(1).mean()
    torch.testing.assert_close(losses.bernoulli_nll(p.logit(), ink.view(5, 1, 2, 2) * 2 - 1), -bernoulli)


def test_the_sampled_kl_is_on_average_the_exact_one() -> None:
    torch.manual_seed(0)
    mean, log_variance = torch.randn(1, 3).expand(100_000, 3), torch.randn(1, 3).expand(100_000, 3)
    code = reparameterise(mean, log_variance)
    log_prior = -0.5 * (code.square() + math.log(2 * math.pi)).sum(1)
    sampled = losses.kl_to_sampled(code, mean, log_variance, log_prior)
    torch.testing.assert_close(sampled, losses.kl_to_normal(mean, log_variance), rtol=0.01, atol=0.01)


def test_the_gaussian_likelihood_is_that_of_the_best_sigma() -> None:
    image, mean = torch.randn(5, 1, 2, 2), torch.randn(5, 1, 2, 2)

    def nll(sigma: float) -> float:
        error = (image - mean).square().sum((1, 2, 3)).mean().item()
        return error / (2 * sigma**2) + 4 * math.log(sigma) + 2 * math.log(2 * math.pi)

    best = min(nll(float(sigma)) for sigma in torch.linspace(0.5, 3, 2501))
    constant = 2 * (math.log(2 * math.pi) + 1)
    assert losses.gaussian_nll(mean, image).item() + constant == pytest.approx(best, rel=1e-4)


def test_squared_error_sums_over_an_image_and_averages_over_the_batch() -> None:
    assert losses.squared_error(torch.zeros(3, 1, 2, 2), torch.ones(3, 1, 2, 2)).item() == pytest.approx(4.0)
