"""One training run on several processes: `torchrun --nproc-per-node 2 -m training train NAME`.

Every process holds the whole model and a share of each minibatch: process r of w has its rows r, r + w, ...,
so that what is a block or a strided group of the minibatch's rows is one of each share's. Gradients are
averaged by hand: torch's DistributedDataParallel breaks on batch norm and on second derivatives. Inside
`as_one` what is drawn, averaged or gathered is of the whole minibatch, so that the losses are those that one
process would have, but for the order of sums. With one process nothing here does anything.
"""

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, get_type_hints

import torch
from torch import Tensor, distributed
from torch.overrides import TorchFunctionMode

from training.errors import TrainingError
from training.recipe import Batch, Config, Images

COUNT = int(os.environ.get("WORLD_SIZE", "1"))
"""How many processes train, by torchrun's word."""
RANK = int(os.environ.get("RANK", "0"))
ON_THIS_MACHINE = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
FIRST = RANK == 0
"""Whether this is the process that writes."""

AnyConfig = TypeVar("AnyConfig", bound=Config)
_as_one = False


class SharesError(TrainingError):
    """A minibatch that cannot be dealt to so many processes; the message names the fix."""


def begin(device: str) -> str:
    """Meets the other processes; gives the device that is this one's."""
    if COUNT == 1:
        return device
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return device


def end() -> None:
    """Leaves the other processes."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def share(config: AnyConfig) -> AnyConfig:
    """The config of one process's share: every setting that counts images of a step is divided."""
    settings = get_type_hints(type(config), include_extras=True)
    counts = {name: getattr(config, name) for name, kind in settings.items() if kind == Images}
    for name, count in counts.items():
        if count % COUNT:
            raise SharesError(f"{name} is {count}, which {COUNT} processes cannot share: take a multiple")
    return dataclasses.replace(config, **{name: count // COUNT for name, count in counts.items()})


def deal(batch: Batch) -> Batch:
    """This process's rows."""
    return Batch(batch.image[RANK::COUNT], batch.label[RANK::COUNT], batch.step)


@contextmanager
def as_one() -> Iterator[None]:
    """While a step's objective is computed and differentiated, by all processes at the same time."""
    global _as_one
    if COUNT == 1:
        yield
        return
    _as_one = True
    try:
        with _Draws():
            yield
    finally:
        _as_one = False


def is_shared() -> bool:
    """Whether the rows at hand are a share of the minibatch's."""
    return _as_one


def row_numbers(rows: Tensor) -> Tensor:
    """Which rows [n] of the whole minibatch those are."""
    mine = torch.arange(len(rows))
    return mine * COUNT + RANK if _as_one else mine


def whole(rows: Tensor) -> Tensor:
    """The rows of all processes, in the minibatch's order; without gradients."""
    if not _as_one:
        return rows
    shares = [torch.empty_like(rows) for _ in range(COUNT)]
    distributed.all_gather(shares, rows.detach().contiguous())
    return torch.stack(shares, 1).flatten(0, 1)


def mean(value: Tensor) -> Tensor:
    """The mean over processes; differentiable, also twice."""
    if not _as_one:
        return value
    summed: Tensor = _Sum.apply(value)  # type: ignore[no-untyped-call]
    return summed / COUNT


def average_gradients(optimizer: torch.optim.Optimizer) -> None:
    """Gives each parameter the mean of its gradients: that of the mean of the processes' losses."""
    if COUNT == 1:
        return
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= COUNT
    parts = torch.split(flat, [gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def average(figures: Mapping[str, float]) -> dict[str, float]:
    """The means over processes, of what each process has under the same names."""
    if COUNT == 1:
        return dict(figures)
    values = torch.tensor(list(figures.values()), dtype=torch.float64)
    distributed.all_reduce(values)
    return dict(zip(figures, (values / COUNT).tolist(), strict=True))


def any_of(said: bool) -> bool:
    """Whether any process says so: what one of them decides, all must."""
    return average({"said": float(said)})["said"] > 0


class _Sum(torch.autograd.Function):
    """The sum over processes. Each one's loss depends on it, so its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        summed = value.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        summed: Tensor = _Sum.apply(gradient)  # type: ignore[no-untyped-call]
        return summed


class _Draws(TorchFunctionMode):
    """Draws random rows for all processes, which have the same random state, and keeps this one's."""

    def __torch_function__(
        self, func: Callable[..., Tensor], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in (torch.randn_like, torch.rand_like):
            like = args[0].new_empty(len(args[0]) * COUNT, *args[0].shape[1:])
            return func(like, *args[1:], **kwargs)[RANK::COUNT]
        if func in (torch.randn, torch.rand):
            rows, *rest = args[0] if isinstance(args[0], tuple | list) else args
            return func(rows * COUNT, *rest, **kwargs)[RANK::COUNT]
        if func is torch.randint:
            *limits, (rows, *rest) = args
            return func(*limits, (rows * COUNT, *rest), **kwargs)[RANK::COUNT]  # type: ignore[call-overload]
        if func is torch.randperm:
            return func(*args, **kwargs)[RANK::COUNT]
        return func(*args, **kwargs)
