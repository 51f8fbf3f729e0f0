import torch
from torch import nn

from training.batch_norm import settle_batch_norm


def test_settled_batch_norm_has_the_statistics_of_what_it_was_shown() -> None:
    norm = nn.BatchNorm1d(3)
    shown = torch.randn(4, 100, 3) * 5 + 2
    settle_batch_norm(norm, iter([(batch,) for batch in shown]))
    torch.testing.assert_close(norm.running_mean, shown.flatten(0, 1).mean(0), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(norm.running_var, shown.var(1).mean(0), atol=1e-4, rtol=1e-4)
    assert norm.momentum == 0.1
