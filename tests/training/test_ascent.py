import torch

from training.ascent import Ascent, SmoothMlp


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
