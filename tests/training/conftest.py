"""Real digits for the training tests: a few hundred from tests/mnist, all of MNIST with MNIST_DIR set."""

import os
from pathlib import Path

import pytest
import torch

from training import data
from training.data import Digits

# The networks of the tests are tiny. Several threads gain nothing, and when another process keeps a core busy
# they wait for each other: the tests of the theory then take minutes instead of seconds.
torch.set_num_threads(1)

FEW = Path(__file__).parent.parent / "mnist"


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Run torch on one thread: on small tensors several threads mostly wait for each other, and on a busy
    machine that makes a test ten times slower."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def digits() -> Digits:
    return data.load("train", verify=True) if os.environ.get("MNIST_DIR") else few("train")


@pytest.fixture(scope="session")
def test_digits() -> Digits:
    return data.load("t10k", verify=True) if os.environ.get("MNIST_DIR") else few("t10k")


def few(split: str) -> Digits:
    return data.load(split, FEW, verify=False)
