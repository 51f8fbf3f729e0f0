import torch

from training.recipes.vae_2d import Config, Vae2d


def test_contrast_draws_nearer_to_the_most_probable_picture() -> None:
    torch.manual_seed(0)
    mean, served = Vae2d(Config(contrast=1.0)), Vae2d(Config(contrast=10.0))
    served.load_state_dict(mean.state_dict())
    z = torch.randn(16, 2)
    with torch.no_grad():
        of_mean, of_served = (recipe.exports()["generator"](z) for recipe in (mean, served))
        # A pixel is on with probability (1 + tanh a) / 2, so that the mode is a's sign.
        logits = mean.decoder(mean.flow(z)).view(-1, 1, 28, 28)
    torch.testing.assert_close(of_mean, logits.tanh())
    torch.testing.assert_close(of_served, (10 * logits).tanh())
    mode = logits.sign()
    assert (of_served - mode).abs().mean() < 0.8 * (of_mean - mode).abs().mean()
