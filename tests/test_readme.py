"""The README cannot rot: its curl lines run against the shipped models, its tables are checked."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from service import digits
from service.app import create_app
from service.settings import Settings
from tests.service.conftest import Server, start_server

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DIGITS = re.findall(r"^digits .*$", README, re.MULTILINE)
PYTHON = re.findall(r"^```python\n(.*?)```", README, re.MULTILINE | re.DOTALL)
CURL = re.findall(r"^curl .*$", README, re.MULTILINE)


@pytest.fixture(scope="module")
def shipped() -> Iterator[Server]:
    with start_server(ROOT / "models", DEFAULT_MODEL="cgan") as server:
        yield server


def curl(line: str, port: int, folder: Path) -> httpx.Response:
    """Does what curl would: the machine that runs the tests may have none."""
    words = shlex.split(line)[1:]
    method, data, form, out, url = "GET", None, None, None, ""
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "-d":
            data = words.pop(0)
        elif word == "-F":
            name, _, file = words.pop(0).partition("=@")
            form = {name: (file, (folder / file).read_bytes())}
        elif word == "-o":
            out = folder / words.pop(0)
        else:
            url = "http://" + word.replace("localhost:8000", f"127.0.0.1:{port}")
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if data else {}
    answer = httpx.request(method, url, content=data, files=form, headers=kind, timeout=20)
    if out:
        out.write_bytes(answer.content)
    return answer


def test_every_curl_line_works_in_order(shipped: Server, tmp_path: Path) -> None:
    assert len(CURL) == 8
    for line in CURL:
        answer = curl(line, shipped.port, tmp_path)
        assert answer.status_code == 200, f"{line}\n{answer.text}"
    for picture in tmp_path.iterdir():
        with Image.open(picture) as opened:
            assert (opened.format or "").lower() == picture.suffix[1:]
    assert {path.name for path in tmp_path.iterdir()} == {
        "seven.png",
        "year.png",
        "sixty-four.png",
        "walk.gif",
    }


def test_every_digits_line_works(shipped: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIGITS_URL", shipped.url)
    assert len(DIGITS) == 3
    for line in DIGITS:
        assert digits.main(shlex.split(line.replace("60000", "600"))[1:]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"year.png", "digits.png", "synthetic"}


def test_every_python_block_runs(shipped: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(PYTHON) == 1
    for block in PYTHON:
        exec(block.replace("http://127.0.0.1:8000", shipped.url), {})
    assert float(capsys.readouterr().out)


def test_the_first_two_commands_are_make_targets() -> None:
    blocks = re.findall(r"```\n(.*?)```", README, re.DOTALL)
    assert blocks[0].strip() == "make serve"
    assert blocks[1].strip() == "make test"


def test_the_table_of_endpoints_is_the_api() -> None:
    app = create_app(Settings(models_dir=ROOT / "models"))
    served = {
        (method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods
    }
    listed = set()
    for methods, paths in re.findall(r"^\| ((?:GET|POST)) (/[^|]*) \|", README, re.MULTILINE):
        listed |= {(methods, path.strip()) for path in paths.split(",")}
    own_document = {("GET", "/docs"), ("GET", "/openapi.json")}
    # A picture, told by /models/{name}'s own text; and what a path under /v2 is for one version.
    not_listed = {("GET", "/models/{name}/preview.png")}
    not_listed |= {(method, path) for method, path in served if "/versions/" in path}
    assert listed - own_document == served - not_listed


def test_the_table_of_models_is_what_is_shipped() -> None:
    listed = set(re.findall(r"^\| \[?`([a-z0-9_]+)`\]?", README, re.MULTILINE))
    assert listed == {path.parent.parent.name for path in ROOT.glob("models/*/*/manifest.json")}


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
