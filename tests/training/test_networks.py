import math

import torch
from torch import nn

from training.networks import (
    Ascent,
    Flow,
    GaussianEncoder,
    MinibatchDeviation,
    SmoothMlp,
    WithFlow,
    reparameterise,
    settle_batch_norm,
)


def test_deviation_is_zero_for_a_collapsed_batch_and_grows_with_variety() -> None:
    layer = MinibatchDeviation(group=4)
    collapsed = layer(torch.ones(8, 5))[:, -1]
    varied = layer(torch.randn(8, 5))[:, -1]
    assert collapsed.max() < 1e-3
    assert varied.min() > 0.1


def test_deviation_is_the_mean_standard_deviation_within_each_group() -> None:
    features = torch.randn(8, 5)
    column = MinibatchDeviation(group=4)(features)[:, -1]
    for group in range(2):
        members = features[group::2]
        expected = members.std(0, correction=0).mean()
        torch.testing.assert_close(column[group::2], expected.expand(4), atol=1e-4, rtol=1e-4)


def test_in_eval_the_deviation_is_the_running_one_whatever_the_batch() -> None:
    layer = MinibatchDeviation(group=4, momentum=1.0)
    seen = layer(torch.randn(4, 5))[0, -1]
    layer.eval()
    assert torch.equal(layer(torch.zeros(1, 5))[0, -1], layer.running)
    torch.testing.assert_close(layer.running, seen)


def test_settled_batch_norm_has_the_statistics_of_what_it_was_shown() -> None:
    norm = nn.BatchNorm1d(3)
    shown = torch.randn(4, 100, 3) * 5 + 2
    settle_batch_norm(norm, iter([(batch,) for batch in shown]))
    torch.testing.assert_close(norm.running_mean, shown.flatten(0, 1).mean(0), atol=1e-4, rtol=1e-4)
    assert norm.momentum == 0.1


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


def test_a_flow_inverts_itself_and_knows_by_how_much_it_stretches() -> None:
    torch.manual_seed(0)
    flow = Flow(5, couplings=3, hidden=8).double()
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, 0, 0.3)
    z = torch.randn(4, 5, dtype=torch.double)
    code = flow(z)
    back, log_det = flow.inverse(code)
    torch.testing.assert_close(back, z)
    for row in range(4):
        one = code[row].detach().requires_grad_()
        (inverse,), _ = flow.inverse(one[None])
        jacobian = torch.stack([torch.autograd.grad(value, one, retain_graph=True)[0] for value in inverse])
        torch.testing.assert_close(log_det[row], torch.linalg.slogdet(jacobian)[1])
    normal = -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)
    torch.testing.assert_close(flow.log_density(code), normal + log_det)


def test_an_encoder_with_its_flow_answers_the_z_that_generates_its_code() -> None:
    flow = Flow(4, couplings=2, hidden=8)
    torch.nn.init.normal_(flow.shift)
    encoder = GaussianEncoder(4, 8)
    image = torch.randn(2, 1, 28, 28)
    torch.testing.assert_close(flow(WithFlow(encoder, flow)(image)), encoder(image))


def test_the_hand_written_gradient_is_autograd_s() -> None:
    torch.manual_seed(0)
    score = SmoothMlp(784, 16, 8).double()
    image = torch.randn(3, 1, 28, 28, dtype=torch.double, requires_grad=True)
    (expected,) = torch.autograd.grad(score(image).sum(), image)
    torch.testing.assert_close(score.gradient(image.detach()), expected)


def test_an_ascent_raises_the_score_and_stays_within_an_image_s_range() -> None:
    torch.manual_seed(0)
    score = SmoothMlp(784, 16, 8)
    z = torch.rand(6, 784) * 4 - 2
    ascent = Ascent(score, steps=10, stride=1.0, settle=0.1, reach=0.02, brightest=0.5)
    begin, image = ascent.begin(z), ascent(z)
    assert begin.min() == -1
    assert begin.max() == 0.5
    assert image.abs().max() <= 1
    assert (image - begin).abs().max() <= 10 * 0.02 + 1e-5
    assert (score(image) > score(begin)).all()
