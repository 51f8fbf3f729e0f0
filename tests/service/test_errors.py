"""The error and its RFC 9457 rendering."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from service.errors import ServiceError, answer, fields_of, invalid, problem


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    n: int
    names: list[str] = []


def refusal(data: str) -> ServiceError:
    with pytest.raises(ValidationError) as caught:
        Body.model_validate_json(data)
    return invalid(caught.value, "body")


def test_problem_has_the_members_of_rfc_9457() -> None:
    error = ServiceError(404, "unknown-model", "there is no such model", headers={"A": "b"})
    assert json.loads(problem(error, "id1")) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "code": "unknown-model",
        "detail": "there is no such model",
        "request_id": "id1",
    }
    assert "request_id" not in json.loads(problem(error))


def test_a_status_without_a_phrase_is_rendered() -> None:
    assert json.loads(problem(ServiceError(499, "x", "y")))["title"] == "Error"


def test_every_refused_field_is_listed_with_its_place() -> None:
    error = refusal('{"n": "x", "names": ["a", 1], "extra": 1}')
    assert error.status == 422
    assert error.errors is not None
    assert [field["loc"] for field in error.errors] == [
        ["body", "n"],
        ["body", "names", 1],
        ["body", "extra"],
    ]
    assert error.detail.startswith("body.n: ")
    assert "2 more" in error.detail


def test_the_refused_value_is_not_repeated() -> None:
    rendered = problem(refusal('{"n": "' + "secret" * 100 + '"}'))
    assert b"secret" not in rendered


def test_a_long_name_is_cut() -> None:
    assert len(problem(refusal('{"n": 1, "' + "k" * 10_000 + '": 1}'))) < 1000


@given(st.text(st.characters(exclude_categories=())), st.integers(400, 599))
def test_any_text_gives_ascii_json(text: str, status: int) -> None:
    error = ServiceError(status, "code", text, errors=[{"loc": ["body", text], "msg": text, "type": "t"}])
    rendered: dict[str, Any] = json.loads(problem(error).decode("ascii"))
    assert rendered["detail"] == text


def test_an_unknown_field_is_told_the_nearest_or_all() -> None:
    assert fields_of(Body) == ["n", "names"]
    with pytest.raises(ValidationError) as caught:
        Body.model_validate_json('{"n": 1, "nams": [], "zzz": 1}')
    errors = invalid(caught.value, "body", fields_of(Body)).errors
    assert errors is not None
    assert [error["msg"] for error in errors] == [
        "there is no such field; did you mean names?",
        "there is no such field, but n, names",
    ]
    assert errors[0]["loc"] == ["body", "nams"]


def test_an_error_reads_as_its_api_has_it() -> None:
    error = ServiceError(422, "invalid", "n: wrong", errors=[{"loc": ["body", "n"], "msg": "x", "type": "t"}])
    assert answer(error, "/generate", "id") == (422, "application/problem+json", problem(error, "id"))
    status, media_type, body = answer(error, "/v2/models/x/infer", "id")
    assert (status, media_type, json.loads(body)) == (400, "application/json", {"error": "n: wrong"})
    assert answer(error, "/v2")[0] == 400
    assert answer(error, "/v22")[1] == "application/problem+json"
    status, media_type, body = answer(error, "/v1/images/generations", "id")
    members = {"message": "n: wrong", "type": "invalid_request_error", "param": "n", "code": "invalid"}
    assert (status, media_type, json.loads(body)) == (400, "application/json", {"error": members})
    full = json.loads(answer(ServiceError(503, "queue-full", "later"), "/v1/models")[2])["error"]
    assert (full["type"], full["param"]) == ("server_error", None)


def test_a_thousand_mistakes_are_counted_and_not_listed() -> None:
    class Wants(BaseModel):
        numbers: list[int]

    with pytest.raises(ValidationError) as caught:
        Wants(numbers=["x"] * 1001)  # type: ignore[list-item]
    error = invalid(caught.value, "body")
    assert (error.status, error.detail, error.errors) == (422, "body: it is wrong in 1,001 places", None)
