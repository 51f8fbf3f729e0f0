"""The critic of the Wasserstein GANs: it says of an image how real it is, by a number without bounds."""

from torch import Tensor, nn

from training.errors import TrainingError
from training.networks import dense_judge, judged, strided


class Critic(nn.Module):
    """f(x) [batch] of images [batch, 1, 28, 28]: what is said of the digit's strokes, and of the whole.

    A convolutional net of so many `channels`, none for 0, and a fully connected one, if `dense`; of both the
    sum, the first times `strokes_weight`. TrainingError if neither is left.
    """

    def __init__(
        self,
        channels: int,
        minibatch_deviation: bool,
        *,
        dense: bool = True,
        batch_norm: bool = False,
        strokes_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if not channels and not dense:
            raise TrainingError("A critic without its fully connected net needs critic_channels.")
        self.strokes: nn.Module | None = None
        self.whole: nn.Module | None = None
        if channels:
            last = judged(36 * channels, minibatch_deviation)
            self.strokes = nn.Sequential(*strided(channels, batch_norm), *last)
        if dense:
            self.whole = dense_judge(minibatch_deviation)
        self.strokes_weight = strokes_weight

    def forward(self, image: Tensor) -> Tensor:
        value: Tensor
        if self.strokes is None:
            assert self.whole is not None
            value = self.whole(image)
        elif self.whole is None:
            value = self.strokes(image)
        else:
            value = self.whole(image) + self.strokes_weight * self.strokes(image)
        return value
