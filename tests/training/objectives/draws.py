"""Records random numbers, so that a formula can be computed with the numbers that a recipe drew."""

from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

KINDS: dict[Callable[..., Tensor], str] = {
    torch.randn: "normal",
    torch.randn_like: "normal",
    torch.rand: "uniform",
    torch.rand_like: "uniform",
    torch.randint: "integers",
    torch.randperm: "permutation",
}


class Draws(TorchFunctionMode):
    """Record every random tensor drawn inside `with`; return those of one shape in the order of drawing.

    Each tensor is returned once. AssertionError if the recipe drew fewer tensors than the formula needs.
    """

    def __init__(self) -> None:
        super().__init__()
        self._drawn: dict[tuple[str, tuple[int, ...]], deque[Tensor]] = defaultdict(deque)

    def __torch_function__(
        self, func: Callable[..., Tensor], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        value = func(*args, **(kwargs or {}))
        if func in KINDS:
            self._drawn[KINDS[func], tuple(value.shape)].append(value.detach().clone())
        return value

    def normal(self, *shape: int) -> Tensor:
        """Numbers from N(0, 1)."""
        return self._next("normal", shape)

    def uniform(self, *shape: int) -> Tensor:
        """Numbers from U(0, 1)."""
        return self._next("uniform", shape)

    def integers(self, *shape: int) -> Tensor:
        return self._next("integers", shape)

    def permutation(self, n: int) -> Tensor:
        return self._next("permutation", (n,))

    def _next(self, kind: str, shape: tuple[int, ...]) -> Tensor:
        drawn = self._drawn[kind, shape]
        assert drawn, f"the formula needs {kind} numbers of shape {list(shape)}, and the recipe drew no more"
        return drawn.popleft()
