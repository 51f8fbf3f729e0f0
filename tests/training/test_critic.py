import pytest
import torch

from training.critic import Critic
from training.errors import TrainingError


def test_a_critic_is_the_sum_of_its_nets_or_either_alone() -> None:
    image = torch.randn(4, 1, 28, 28)
    critic = Critic(4, minibatch_deviation=False, strokes_weight=3.0)
    assert critic.strokes is not None
    assert critic.whole is not None
    torch.testing.assert_close(critic(image), 3 * critic.strokes(image) + critic.whole(image))
    for alone in (Critic(0, minibatch_deviation=False), Critic(4, minibatch_deviation=False, dense=False)):
        assert (alone.strokes is None) != (alone.whole is None)
        assert alone(image).shape == (4,)
    with pytest.raises(TrainingError, match="critic_channels"):
        Critic(0, minibatch_deviation=False, dense=False)
