"""The adversary's grammars: reproducible, and neither always valid nor always invalid."""

import io
import json
import random
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import httptools
import pytest
from PIL import Image
from pydantic import ValidationError

from benchmarks.faults.adversary import http
from benchmarks.faults.adversary.case import Case
from benchmarks.faults.adversary.forms import form
from benchmarks.faults.adversary.generate import case
from benchmarks.faults.adversary.images import FILE_BYTES, bmp, gif, jpeg, picture, png, sniffed, tiff, webp
from benchmarks.faults.adversary.json_text import FIELDS, any_json, endpoint_json
from benchmarks.faults.adversary.tensors import tensors
from service.api.form import read_form
from service.api.tensors import parse
from service.errors import ServiceError
from service.schemas import GenerateRequest

CONTAINERS = [png, jpeg, gif, webp, bmp, tiff, sniffed]
PRINT_DIGEST = """
from hashlib import sha256
from benchmarks.faults.adversary.generate import case
print(sha256(b"".join(b"".join(case(5, n).pieces) for n in range(40))).hexdigest())
"""


def outcomes(times: int, attempt: Callable[[random.Random], object], *errors: type[Exception]) -> set[bool]:
    """Collect the outcomes of the attempts: True for a success, False for a failure."""
    seen = set()
    for number in range(times):
        try:
            attempt(random.Random(number))
            seen.add(True)
        except errors:
            seen.add(False)
    return seen


def test_a_seed_and_a_number_give_the_same_case_in_every_process() -> None:
    data = b"".join(b"".join(case(5, n).pieces) for n in range(40))
    other = subprocess.run([sys.executable, "-c", PRINT_DIGEST], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == sha256(data).hexdigest()
    assert case(5, 11) == case(5, 11)
    assert len({case(seed, 11).pieces for seed in range(10)}) == 10


def test_a_saved_case_is_loaded_as_it_was(tmp_path: Path) -> None:
    for number in range(20):
        case(1, number).save(tmp_path / "a.case")
        assert Case.load(tmp_path / "a.case") == case(1, number)


def test_cases_are_of_all_kinds_and_bounded() -> None:
    cases = [case(1, number) for number in range(300)]
    assert {one.label.partition(":")[0] for one in cases} >= {
        "http",
        "png",
        "jpeg",
        "json",
        "form",
        "tensors",
    }
    assert {one.ending for one in cases} == {"read", "half-close", "close", "ignore"}
    assert max(one.size for one in cases) < 7_000_000
    assert sum(one.heavy for one in cases) < 30


def test_requests_are_valid_and_invalid() -> None:
    class Complete:
        def on_message_complete(self) -> None:
            complete.append(True)

    complete: list[bool] = []

    def attempt(chance: random.Random) -> None:
        httptools.HttpRequestParser(Complete()).feed_data(b"".join(http.generate(chance).pieces))

    errors = httptools.HttpParserError, httptools.HttpParserUpgrade
    assert outcomes(200, attempt, *errors) == {True, False}
    assert complete


@pytest.mark.parametrize("container", CONTAINERS)
def test_files_are_valid_and_invalid(container: object, recwarn: pytest.WarningsRecorder) -> None:
    def attempt(chance: random.Random) -> None:
        label, data = container.generate(chance)  # type: ignore[attr-defined]
        assert label.startswith(container.__name__.rpartition(".")[2])  # type: ignore[attr-defined]
        with Image.open(io.BytesIO(data)) as opened:
            if opened.width * opened.height > 100_000 or len(data) > 50_000:
                raise ValueError("not decoded here: it may take long")
            opened.load()

    assert outcomes(60, attempt, Exception) == {True, False}


def test_files_stay_within_the_limit_of_an_upload() -> None:
    assert max(len(picture(random.Random(number))[1]) for number in range(200)) <= FILE_BYTES


@pytest.mark.parametrize("path", sorted(FIELDS))
def test_every_endpoint_gets_valid_json(path: str) -> None:
    texts = [
        text
        for number in range(300)
        for got, text, _ in [endpoint_json(random.Random(number))]
        if got == path
    ]
    assert texts
    assert any(isinstance(json.loads(text), dict) for text in texts if is_json(text))


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def test_fields_are_right_and_wrong() -> None:
    def attempt(chance: random.Random) -> None:
        path, text, _ = endpoint_json(chance)
        GenerateRequest.model_validate_json(text if path == "/generate" else "{}")

    assert outcomes(200, attempt, ValidationError) == {True, False}


def test_json_of_any_shape_is_text_of_about_the_length_that_is_wanted() -> None:
    lengths = [len(any_json(random.Random(number), 10_000)[1]) for number in range(100)]
    assert min(lengths) > 1_000
    assert max(lengths) < 100_000


def test_forms_are_valid_and_invalid() -> None:
    def attempt(chance: random.Random) -> None:
        _, boundary, body = form(chance)
        read_form(body[:200_000], f"multipart/form-data; boundary={boundary}", 64)

    assert outcomes(60, attempt, ServiceError) == {True, False}


def test_tensors_are_valid_and_invalid() -> None:
    def attempt(chance: random.Random) -> None:
        _, _, body, length = tensors(chance)
        parse(body, None if length is None else str(length), 2**20)

    assert outcomes(200, attempt, ServiceError, OverflowError, ValueError) == {True, False}
