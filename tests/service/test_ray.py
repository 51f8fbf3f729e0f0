"""What runs on Ray says how to get Ray, where there is none; tests/ray tests the rest."""

import importlib
import sys
from pathlib import Path

import pytest

from service.digits import FAILED, main
from tests.service.conftest import Server


@pytest.fixture(autouse=True)
def _no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the package is not installed."""
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "service.ray_app", raising=False)


def test_the_application_names_its_extra() -> None:
    with pytest.raises(ImportError, match=r"pip install '\.\[cpu,ray\]'"):
        importlib.import_module("service.ray_app")


def test_the_command_names_its_extra(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dataset", "--n", "20", "--ray", "--url", server.url, "-o", str(tmp_path)]) == FAILED
    assert "error: --ray needs more packages: pip install '.[client,ray]'" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--shard", "--tasks"])
def test_what_is_said_of_shards_goes_with_ray(option: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["dataset", option, "20", "-o", str(tmp_path)])
    assert caught.value.code == 2
