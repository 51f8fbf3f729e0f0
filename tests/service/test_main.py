"""The command line: help, exit codes, and what it prints."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from service.__main__ import main
from service.settings import Settings
from tests.service.bundles import write_bundle
from tests.service.conftest import ROOT, free_port


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_help_lists_every_setting_with_flag_variable_and_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["serve", "--help"])
    assert caught.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for name, field in Settings.model_fields.items():
        default = "none" if field.default == [] else field.default
        assert f"--{name.replace('_', '-')} VALUE" in text
        assert f"[{name.upper()}, default: {default}]" in text


@pytest.mark.parametrize("arguments", [[], ["fly"], ["serve", "--no-such-flag", "1"]])
def test_wrong_usage_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_nonsensical_setting_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", "x"]) == 2
    assert "error: PORT (--port): " in capsys.readouterr().err


def test_openapi_prints_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["openapi"]) == 0
    assert "/models" in json.loads(capsys.readouterr().out)["paths"]


def test_check_models_says_a_line_for_each(models_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-models", "--models-dir", str(models_dir), "--provider", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert all(line.startswith("good ") and "self-test to the byte" in line for line in lines)


def test_check_models_names_every_bad_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_bundle(tmp_path, "good")
    for name in ("bad", "worse"):
        (write_bundle(tmp_path, name) / "generator.onnx").unlink()
    assert main(["check-models", "--models-dir", str(tmp_path)]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["bad", "good", "bad"]
    assert "bad/1/generator.onnx: No such file" in lines[0]


def test_check_models_of_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-models", "--models-dir", str(tmp_path / "none")]) == 3
    assert "set MODELS_DIR" in capsys.readouterr().err


def test_serve_refuses_a_corrupted_bundle_with_code_3(tmp_path: Path) -> None:
    path = write_bundle(tmp_path, "tiny") / "generator.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    result = run("serve", "--models-dir", str(tmp_path), "--default-model", "tiny", PROVIDER="cpu")
    assert result.returncode == 3
    assert result.stderr.startswith(f"error: {path}: is corrupted or was replaced: its sha256 is ")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"MODELS_DIR": "/no/such/folder"}, "set MODELS_DIR"),
        ({"DEFAULT_MODEL": "nope"}, "set DEFAULT_MODEL to one of tiny, tiny_bare"),
        ({"PROVIDER": "cuda"}, "PROVIDER=cpu"),
    ],
)
def test_serve_refuses_what_it_cannot_serve_with_code_3(
    models_dir: Path, environment: dict[str, str], words: str
) -> None:
    result = run("serve", **({"MODELS_DIR": str(models_dir), "DEFAULT_MODEL": "tiny"} | environment))
    assert result.returncode == 3
    assert result.stderr.startswith("error: ")
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_that_is_taken_is_an_error(models_dir: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        result = run(
            "serve", "--port", str(port), MODELS_DIR=str(models_dir), DEFAULT_MODEL="tiny", PROVIDER="cpu"
        )
    assert result.returncode == 3
    assert "address already in use" in result.stderr
