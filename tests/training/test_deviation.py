from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from training import recipes
from training.data import Digits
from training.deviation import ClassDeviation, MinibatchDeviation
from training.recipe import Recipe
from training.trainer import objective


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


def test_class_deviation_is_the_mean_standard_deviation_within_each_class() -> None:
    torch.manual_seed(0)
    features, label = torch.randn(12, 5), torch.tensor([0, 1, 2] * 4)
    column = ClassDeviation(4)(features, label)[:, -1]
    for one in range(3):
        members = features[label == one]
        expected = members.std(0, correction=0).mean()
        torch.testing.assert_close(column[label == one], expected.expand(4), atol=1e-4, rtol=1e-4)


def test_class_deviation_sees_collapsed_classes_where_classes_differ() -> None:
    label = torch.arange(32) % 4
    features = 10 * torch.eye(4)[label]
    assert MinibatchDeviation()(features)[:, -1].min() > 1
    assert ClassDeviation(4)(features, label)[:, -1].max() < 1e-3


def test_in_eval_a_class_has_its_running_deviation_and_an_absent_one_keeps_its_own() -> None:
    torch.manual_seed(0)
    layer = ClassDeviation(3, momentum=1.0)
    layer.running.fill_(7)
    label = torch.tensor([0, 2] * 4)
    seen = layer(torch.randn(8, 5), label)[:2, -1]
    layer.eval()
    alone = [layer(torch.zeros(1, 5), torch.tensor([one]))[0, -1] for one in range(3)]
    torch.testing.assert_close(torch.stack(alone), torch.stack([seen[0], torch.tensor(7.0), seen[1]]))


def test_class_deviation_passes_finite_gradients_with_a_class_absent_and_one_alone() -> None:
    torch.manual_seed(0)
    features = torch.randn(4, 5, requires_grad=True)
    ClassDeviation(3)(features, torch.tensor([0, 0, 0, 1]))[:, -1].sum().backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()
    assert features.grad[:3].abs().min() > 0


def watched(name: str, seen: Callable[[Tensor], None]) -> Recipe:
    """A fresh recipe whose deviations show what they give, in minibatches of 32."""
    torch.manual_seed(0)
    recipe = recipes.recipe_class(name)(recipes.config_class(name)(batch_size=32))
    for module in recipe.modules():
        if isinstance(module, MinibatchDeviation | ClassDeviation):
            module.register_forward_hook(lambda _module, _given, out: seen(out))
    return recipe


@pytest.mark.parametrize("name", recipes.names())
def test_what_a_player_learns_from_a_deviation_does_not_cancel(name: str, digits: Digits) -> None:
    """Real and generated images of one minibatch would have the same, and D would learn nothing from it."""
    given: list[Tensor] = []
    recipe = watched(name, given.append)
    for phase in recipe.phases():
        given.clear()
        loss = objective(recipe, phase, digits.minibatch(32, 0, 0))["loss"]
        for out in given:
            gradient = torch.autograd.grad(loss, out, retain_graph=True, allow_unused=True)[0]
            if gradient is not None:
                column, each = out[:, -1], gradient[:, -1].float()
                told = (column.unsqueeze(1) == column).float() @ each  # by all that share a deviation
                assert told.abs().max() >= each.abs().max()


def test_the_decoder_of_vae_gan_is_judged_by_two_minibatches(digits: Digits) -> None:
    """Reconstructions vary as digits do: among them, samples that are all alike would go unseen."""
    sizes: set[int] = set()
    recipe = watched("vae_gan", lambda out: sizes.add(len(out)))
    for phase in recipe.phases():
        objective(recipe, phase, digits.minibatch(32, 0, 0))
    assert sizes == {32}
