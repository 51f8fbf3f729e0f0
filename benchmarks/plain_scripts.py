"""Training as the much-copied scripts have it: nets, loop and DataLoader, in fp32 and without an average.

`gan` is multilayer perceptrons on 28x28; `dcgan` upsamples to 32x32 and convolves 3x3 there. Written anew in
the manner of those scripts, for their speed; what they learn is of no interest here.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

LATENT = 100


class Digits(Dataset[tuple[Tensor, int]]):
    """One digit at a time, scaled to [-1, 1] when it is asked for, as transforms do."""

    def __init__(self, images: Tensor, labels: Tensor, side: int) -> None:
        self._images, self._labels, self._side = images, labels, side

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        image = self._images[i].float().div(255).sub(0.5).div(0.5)
        if self._side != image.shape[-1]:
            image = nn.functional.interpolate(image[None, None], self._side, mode="bilinear")[0]
        return image.reshape(1, self._side, self._side), int(self._labels[i])


class View(nn.Module):
    """Reshapes all but the first axis."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self._shape = shape

    def forward(self, x: Tensor) -> Tensor:
        return x.view(len(x), *self._shape)


def perceptrons() -> tuple[nn.Module, nn.Module]:
    layers: list[nn.Module] = [nn.Linear(LATENT, 128), nn.LeakyReLU(0.2)]
    for width in (256, 512, 1024):
        layers += [nn.Linear(width // 2, width), nn.BatchNorm1d(width), nn.LeakyReLU(0.2)]
    generator = nn.Sequential(*layers, nn.Linear(1024, 784), nn.Tanh(), View(1, 28, 28))
    hidden = [nn.Linear(784, 512), nn.LeakyReLU(0.2), nn.Linear(512, 256), nn.LeakyReLU(0.2)]
    return generator, nn.Sequential(nn.Flatten(), *hidden, nn.Linear(256, 1), nn.Sigmoid())


def convolutions() -> tuple[nn.Module, nn.Module]:
    layers: list[nn.Module] = [nn.Linear(LATENT, 128 * 64), View(128, 8, 8), nn.BatchNorm2d(128)]
    for before, after in ((128, 128), (128, 64)):
        layers += [nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 3, padding=1)]
        layers += [nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
    generator = nn.Sequential(*layers, nn.Conv2d(64, 1, 3, padding=1), nn.Tanh())
    layers = []
    for before, after in ((1, 16), (16, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.LeakyReLU(0.2), nn.Dropout2d(0.25)]
        layers += [nn.BatchNorm2d(after)] if before > 1 else []
    return generator, nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 4, 1), nn.Sigmoid())


def steps(kind: str, images: Tensor, labels: Tensor, batch: int = 64) -> Iterator[int]:
    """Trains for ever; after every step, how many images it read."""
    side = 32 if kind == "dcgan" else 28
    generator, discriminator = convolutions() if kind == "dcgan" else perceptrons()
    loader = DataLoader(Digits(images, labels, side), batch_size=batch, shuffle=True)
    loss = nn.BCELoss()
    by_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    by_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    while True:
        for real, _ in loader:
            valid, fake = torch.ones(len(real), 1), torch.zeros(len(real), 1)
            by_g.zero_grad()
            made = generator(torch.randn(len(real), LATENT))
            g_loss = loss(discriminator(made), valid)
            g_loss.backward()
            by_g.step()
            by_d.zero_grad()
            d_loss = (loss(discriminator(real), valid) + loss(discriminator(made.detach()), fake)) / 2
            d_loss.backward()
            by_d.step()
            d_loss.item(), g_loss.item()  # The scripts print both at every step.
            yield len(real)
