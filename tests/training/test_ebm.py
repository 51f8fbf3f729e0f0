"""The replay buffer of the energy-based model."""

import torch

from training.recipes.ebm import Config, Ebm


def test_found_images_take_the_places_of_their_starts_in_the_buffer() -> None:
    torch.manual_seed(0)
    recipe = Ebm(Config(batch_size=8, buffer=20, climb=2, fresh=0.0))
    before = recipe.chains.clone()
    found = recipe.negatives(8)
    replaced = (recipe.chains != before).flatten(1).any(1)
    assert replaced.sum() == 8
    for image in found:
        place = (recipe.chains == image).flatten(1).all(1).nonzero().item()
        # Two steps of at most 0.1 a pixel, and some noise, from the image that was there.
        assert (image - before[place]).abs().max() < 0.25


def test_served_climbs_start_from_noise_and_the_buffer_s_climbs_from_where_they_ended() -> None:
    torch.manual_seed(0)
    for fresh, near in ((0.0, True), (1.0, False)):
        recipe = Ebm(Config(batch_size=8, buffer=8, climb=2, fresh=fresh))
        recipe.chains.fill_(1.0)
        assert bool((recipe.negatives(8) > 0.5).all()) == near
