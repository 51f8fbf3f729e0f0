"""The command `digits`, against a real server."""

from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from service.client import Client
from service.digits import FAILED, main
from tests.service.api.pictures import of_npy, tiles
from tests.service.conftest import Server, free_port


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIGITS_URL", server.url)


def native(server: Server, **body: object) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return of_npy(httpx.post(f"{server.url}/generate", json={"format": "npy", **body}).content)


def test_a_number_is_drawn_side_by_side(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["2026", "-o", "year.png", "--seed", "7"]) == 0
    assert capsys.readouterr().out == "year.png\n"
    wanted = native(server, labels=[2, 0, 2, 6], seed=7)
    np.testing.assert_array_equal(tiles(Path("year.png").read_bytes(), 4, scale=4), wanted)


def test_a_number_may_be_drawn_often_in_lines(server: Server) -> None:
    assert main(["42", "-n", "3", "--seed", "7", "--scale", "1"]) == 0
    wanted = native(server, labels=[4, 2] * 3, seed=7)
    np.testing.assert_array_equal(tiles(Path("42.png").read_bytes(), 2), wanted)


def test_a_grid_of_what_a_model_likes(server: Server) -> None:
    assert main(["--model", "tiny", "-n", "9", "--grid", "--seed", "1", "--scale", "1"]) == 0
    wanted = native(server, model="tiny", n=9, seed=1)
    np.testing.assert_array_equal(tiles(Path("digits.png").read_bytes(), 3), wanted)


def test_the_output_s_name_says_what_is_written(server: Server) -> None:
    wanted = native(server, n=3, seed=1)
    for out in ("a.npy", "a.zip", "folder"):
        assert main(["-n", "3", "--seed", "1", "--scale", "1", "-o", out]) == 0
    np.testing.assert_array_equal(np.load("a.npy"), wanted)
    assert Path("a.zip").read_bytes().startswith(b"PK")
    files = sorted(Path("folder").iterdir())
    np.testing.assert_array_equal(np.stack([np.asarray(Image.open(file)) for file in files]), wanted)


def test_a_dataset_and_again(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["dataset", "--n", "30", "-o", "synthetic", "--split", "t10k"]
    assert main(command) == main(command) == 0
    path = Path("synthetic/t10k-images-idx3-ubyte")
    assert path.stat().st_size == 16 + 30 * 784
    assert Path("synthetic/t10k-labels-idx1-ubyte").stat().st_size == 8 + 30
    captured = capsys.readouterr()
    assert captured.out == f"{path}\n" * 2
    assert "30/30" in captured.err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["7", "--model", "tiny"], "takes no labels"),
        (["--model", "began"], "there is no such model"),
        (["-n", "257"], "less than or equal to 256"),
        (["dataset", "-o", "x", "--model", "tiny"], "choose a conditional model"),
    ],
)
def test_a_refusal_is_one_line(arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == FAILED
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert word in error


def test_no_service_is_said_with_the_fix(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.client.retry.FIRST_WAIT_S", 0.0)
    assert main(["7", "--url", f"http://127.0.0.1:{free_port()}"]) == FAILED
    assert "is the service running?" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["seven"], ["7", "-n", "0"], ["--seed", "-1"], ["dataset"], ["٣"]])
def test_wrong_arguments_are_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_the_key_is_the_environment_s(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []

    class Noted(Client):
        def __init__(self, url: str, *, key: str | None) -> None:
            seen.append(key)
            super().__init__(url, key=key)

    monkeypatch.setattr("service.digits.Client", Noted)
    assert main(["7"]) == 0
    monkeypatch.setenv("DIGITS_KEY", "secret")
    assert main(["7"]) == 0
    assert seen == [None, "secret"]
