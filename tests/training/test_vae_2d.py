import torch

from training.recipes.vae_2d import Config, Vae2d


def test_contrast_draws_nearer_to_the_most_probable_picture() -> None:
    mean, served = Vae2d(Config(contrast=1.0)), Vae2d(Config(contrast=10.0))
    served.load_state_dict(mean.state_dict())
    z = torch.randn(16, 2)
    with torch.no_grad():
        of_mean, of_served = (recipe.exports()["generator"](z) for recipe in (mean, served))
        # A pixel is on with probability (1 + tanh a) / 2, so that the mode is a's sign.
        mode = mean.decoder(mean.flow(z)).view(-1, 1, 28, 28).sign()
    assert torch.equal(of_served.sign(), mode)
    assert (of_served - mode).abs().mean() < 0.8 * (of_mean - mode).abs().mean()
    torch.testing.assert_close(of_served.atanh(), 10 * of_mean.atanh())
