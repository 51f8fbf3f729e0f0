"""How much the features of a minibatch vary, for D to see a lack of variety (Karras et al. 2018, arXiv
1710.10196, section 3).

Taken on the last features, where it costs next to nothing, and appended to them as one more. In eval mode the
deviation is the running average over training, so that an image's score does not depend on the batch it is
served in.
"""

import torch
from torch import Tensor, nn

from training import distributed

EPSILON = 1e-8
"""Keeps the root's gradient finite where nothing varies."""


class MinibatchDeviation(nn.Module):
    """Features [batch, n] to [batch, n + 1]: their mean standard deviation within groups of the batch."""

    running: Tensor

    def __init__(self, group: int = 16, momentum: float = 0.01) -> None:
        super().__init__()
        self.group = group
        self.momentum = momentum
        self.register_buffer("running", torch.zeros(()))

    def forward(self, features: Tensor) -> Tensor:
        batch = features.shape[0]
        if not self.training:
            return torch.cat([features, self.running.to(features.dtype).expand(batch, 1)], 1)
        # Strided groups: image i is in group i mod (batch / group), so neighbours do not share one.
        group = self.group if batch % self.group == 0 else batch
        if batch % self.group and distributed.is_shared():
            raise distributed.SharesError(
                f"the minibatch deviation compares {self.group} images: take a batch_size that is a multiple"
                f" of {self.group} times the number of processes, or --no-minibatch-deviation"
            )
        grouped = features.float().view(group, batch // group, -1)
        # Not torch.var, which is slower over a leading dimension on the CPU.
        variance = (grouped - grouped.mean(0)).square().mean(0)
        deviation = (variance + EPSILON).sqrt().mean(1)
        with torch.no_grad():
            self.running.lerp_(distributed.mean(deviation.mean()), self.momentum)
        column = deviation.to(features.dtype).repeat(group).unsqueeze(1)
        return torch.cat([features, column], 1)


class ClassDeviation(nn.Module):
    """Features [batch, n] of images with labels [batch] to [batch, n + 1]: their mean standard deviation
    within the batch's images of the same class.

    A group of all classes varies mostly from class to class, which hides how much each class varies.
    """

    running: Tensor

    def __init__(self, classes: int, momentum: float = 0.01) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("running", torch.zeros(classes))

    def forward(self, features: Tensor, label: Tensor) -> Tensor:
        deviation = self.measure(features.float(), label) if self.training else self.running
        return torch.cat([features, deviation[label].to(features.dtype).unsqueeze(1)], 1)

    def measure(self, features: Tensor, label: Tensor) -> Tensor:
        """[classes], and remembered for those in the batch."""
        count = self._sums(torch.ones_like(features[:, :1]), label)
        divisor = torch.where(count > 0, count, 1)  # a class may be absent
        mean = self._sums(features, label) / divisor
        variance = self._sums((features - mean[label]).square(), label) / divisor
        deviation = (variance + EPSILON).sqrt().mean(1)
        with torch.no_grad():
            seen = torch.where(count[:, 0] > 0, deviation, self.running)
            self.running.lerp_(seen, self.momentum)
        return deviation

    def _sums(self, rows: Tensor, label: Tensor) -> Tensor:
        """[classes, n] of rows [batch, n] by class, over the number of processes that share them."""
        zeros = rows.new_zeros(len(self.running), rows.shape[1])
        return distributed.mean(zeros.index_add(0, label, rows))
