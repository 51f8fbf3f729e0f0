import torch

from training.deviation import MinibatchDeviation


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
