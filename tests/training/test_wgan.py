"""Weight clipping: after each step of the critic all of its weights are within [-c, c]."""

import torch

from tests.training.conftest import few
from training.recipes.wgan import AS_WRITTEN, Config, Wgan
from training.trainer import objective, take_step


def test_the_critic_s_step_clips_all_of_its_weights_and_the_generator_s_step_none() -> None:
    torch.manual_seed(0)
    recipe = Wgan(Config(batch_size=16, generator_batch=16, clip=0.02, critic_channels=4))
    for phase in recipe.phases():
        for parameter in recipe.parameters():
            torch.nn.init.uniform_(parameter, -1, 1)
        take_step(phase, objective(recipe, phase, few("train").minibatch(16, 0, 0)), 0)
        assert all(float(weight.detach().abs().max()) > 0.02 for weight in recipe.generator.parameters())
        for name, weight in recipe.critic.named_parameters():
            if phase.name == "critic":
                assert weight.abs().max() == torch.tensor(0.02), name
            else:
                assert weight.abs().max() > 0.02, name


def test_the_bound_is_the_paper_s() -> None:
    """Algorithm 1 of arXiv 1701.07875 has c = 0.01."""
    assert Config().clip == AS_WRITTEN.clip == 0.01
