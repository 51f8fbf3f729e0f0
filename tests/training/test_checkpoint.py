import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

from training import checkpoint
from training.checkpoint import CheckpointError
from training.recipe import Config


def saved(tmp_path: Path, config: Config) -> tuple[Path, nn.Linear, torch.optim.Optimizer]:
    network = nn.Linear(2, 2)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, 5, config, {"network": network}, {"phase": optimizer})
    return path, network, optimizer


def test_weights_and_optimizer_state_come_back(tmp_path: Path) -> None:
    path, network, optimizer = saved(tmp_path, Config())
    fresh = nn.Linear(2, 2)
    other = torch.optim.Adam(fresh.parameters())
    assert checkpoint.restore(path, Config(), {"network": fresh}, {"phase": other}) == 5
    assert torch.equal(fresh.weight, network.weight)
    old, new = optimizer.state_dict()["state"][0], other.state_dict()["state"][0]
    assert torch.equal(old["exp_avg_sq"], new["exp_avg_sq"])
    assert torch.load(path)["device"] == "cpu"
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_changed_config_is_refused_by_name(tmp_path: Path) -> None:
    path, network, optimizer = saved(tmp_path, Config())
    changed = dataclasses.replace(Config(), batch_size=7)
    with pytest.raises(CheckpointError, match="batch_size was 256 and is 7"):
        checkpoint.restore(path, changed, {"network": network}, {"phase": optimizer})


def test_another_thread_count_is_refused(tmp_path: Path) -> None:
    path, network, optimizer = saved(tmp_path, Config())
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        with pytest.raises(CheckpointError, match="threads was"):
            checkpoint.restore(path, Config(), {"network": network}, {"phase": optimizer})
    finally:
        torch.set_num_threads(threads)


def test_another_device_is_refused_where_the_checkpoint_says_its_own(tmp_path: Path) -> None:
    path, network, optimizer = saved(tmp_path, Config())
    state = torch.load(path)
    state["device"] = "cuda"
    torch.save(state, path)
    with pytest.raises(CheckpointError, match="device was cuda and is cpu"):
        checkpoint.restore(path, Config(), {"network": network}, {"phase": optimizer})
    del state["device"]  # as older ones are
    torch.save(state, path)
    assert checkpoint.restore(path, Config(), {"network": network}, {"phase": optimizer}) == 5


def test_a_run_that_has_saved_nothing_is_told_apart_from_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt is missing: the run has saved none yet"):
        checkpoint.read(tmp_path / "checkpoint.pt")


def test_a_damaged_file_names_itself_and_the_fix(tmp_path: Path) -> None:
    path, _, _ = saved(tmp_path, Config())
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt: cannot be read"):
        checkpoint.read(path)
