import math

import torch

from training.networks import GaussianEncoder, reparameterise


def test_a_reparameterised_sample_has_the_encoder_s_moments_and_passes_gradients() -> None:
    mean = torch.full((4000, 2), 3.0, requires_grad=True)
    sample = reparameterise(mean, torch.full((4000, 2), -2.0))
    assert abs(sample.mean().item() - 3) < 0.05
    assert abs(sample.std().item() - math.exp(-1)) < 0.05
    (gradient,) = torch.autograd.grad(sample.sum(), mean)
    assert torch.equal(gradient, torch.ones_like(mean))


def test_the_encoder_answers_its_mean() -> None:
    encoder = GaussianEncoder(3, 8)
    image = torch.randn(2, 1, 28, 28)
    mean, log_variance = encoder.distribution(image)
    assert torch.equal(encoder(image), mean)
    assert log_variance.shape == (2, 3)
