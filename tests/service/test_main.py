"""The command line: help, exit codes, and what it prints."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from service.__main__ import main
from service.settings import Settings
from tests.service.bundles import endless_to_load, replace_role, write_bundle, write_endless
from tests.service.conftest import ROOT, free_port, start_server


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


@pytest.mark.parametrize("command", ["serve", "check-models", "openapi"])
def test_without_onnxruntime_the_extra_is_named(tmp_path: Path, command: str) -> None:
    write_bundle(tmp_path, "tiny")
    blocked = "import sys, runpy; sys.modules['onnxruntime'] = None; sys.argv = sys.argv[1:];"
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{blocked} runpy.run_module('service', run_name='__main__')",
            "service",
            command,
        ],
        cwd=ROOT,
        env=os.environ | {"MODELS_DIR": str(tmp_path), "DEFAULT_MODEL": "tiny"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert result.returncode == 3
    assert result.stderr.splitlines() == [
        "error: onnxruntime is not installed: pip install '.[cpu]', or '.[cuda]' for NVIDIA GPUs"
    ]


@pytest.mark.parametrize("name", ["x" * 300, "/".join(["x" * 200] * 30)])
@pytest.mark.parametrize("command", ["serve", "check-models"])
def test_a_folder_with_too_long_a_name_is_an_error(command: str, name: str) -> None:
    result = run(command, "--models-dir", f"/tmp/{name}")
    assert result.returncode == 3
    (line,) = result.stderr.splitlines()
    assert line.endswith("cannot be read (File name too long): set MODELS_DIR")


def test_a_folder_that_is_no_model_does_not_prevent_the_start(tmp_path: Path) -> None:
    write_bundle(tmp_path, "tiny")
    (tmp_path / "lost+found").mkdir()
    with start_server(tmp_path, DEFAULT_MODEL="tiny") as server:
        assert httpx.get(f"{server.url}/generate").status_code == 200
        assert server.stop() == 0
        assert server.process.stdout is not None
        lines = [json.loads(line) for line in server.process.stdout]
    (warning,) = [line for line in lines if line["level"] == "warning"]
    assert "lost+found" in warning["message"]


def unending(models_dir: Path, *, loading: bool) -> Path:
    """A bundle whose loading, or whose self-test, takes minutes or more."""
    if not loading:
        return write_endless(models_dir, "endless")
    folder = write_bundle(models_dir, "endless", roles=("generator",))
    replace_role(folder, "generator", endless_to_load())
    return folder


@pytest.mark.parametrize("loading", [False, True])
@pytest.mark.parametrize("command", ["serve", "check-models"])
def test_a_bundle_that_never_ends_is_refused_with_code_3(tmp_path: Path, command: str, loading: bool) -> None:
    folder = unending(tmp_path, loading=loading)
    result = run(
        command, MODELS_DIR=str(tmp_path), DEFAULT_MODEL="endless", PROVIDER="cpu", PROOF_TIMEOUT_S="1"
    )
    assert result.returncode == 3
    said = result.stderr if command == "serve" else result.stdout
    assert f"{folder}: did not finish its self-test within 1 s" in said
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("sig", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_start_that_hangs(tmp_path: Path, sig: signal.Signals, code: int) -> None:
    unending(tmp_path, loading=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "serve"],
        cwd=ROOT,
        env=os.environ | {"MODELS_DIR": str(tmp_path), "DEFAULT_MODEL": "endless", "PROVIDER": "cpu"},
        stderr=subprocess.PIPE,
    )
    try:
        until = time.monotonic() + 60
        while used(process.pid) < 3 and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(sig)
        assert process.wait(10) == code
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("loading", [False, True])
def test_sigterm_ends_a_service_whose_reload_hangs(tmp_path: Path, loading: bool) -> None:
    write_bundle(tmp_path, "tiny")
    with start_server(tmp_path, DEFAULT_MODEL="tiny") as server:
        unending(tmp_path, loading=loading)
        server.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 30
        while not (found := descendants(server.process.pid)) and time.monotonic() < until:
            time.sleep(0.02)
        assert found
        assert server.stop() == 0
        assert not any(Path(f"/proc/{child}").exists() for child in found)


def descendants(pid: int) -> list[int]:
    """The processes that a process started."""
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def used(pid: int) -> float:
    """The CPU seconds of a process: more than its imports take once it loads what never ends."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
