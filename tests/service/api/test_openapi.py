"""The OpenAPI document: complete, consistent, and with problems as the only errors."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, Field

from service.api.openapi import query_parameters, reference, request_body


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


async def test_every_reference_resolves(app: FastAPI) -> None:
    document = app.openapi()
    names = {reference.removeprefix("#/components/schemas/") for reference in references(document)}
    assert names <= set(document["components"]["schemas"])
    assert {"Problem", "ModelList", "ModelDetail"} <= names


async def test_errors_are_those_of_their_api_and_nothing_else(app: FastAPI) -> None:
    document = app.openapi()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                media_type = "application/json" if " /v" in name else "application/problem+json"
                assert list(response["content"]) == [media_type], (name, status)


async def test_every_operation_is_described(app: FastAPI) -> None:
    for name, operation in operations(app.openapi()):
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name


async def test_every_parameter_of_a_path_is_documented(app: FastAPI) -> None:
    for name, operation in operations(app.openapi()):
        documented = {item["name"] for item in operation.get("parameters", []) if item["in"] == "path"}
        assert documented == {part[1:-1] for part in name.split("/") if part.startswith("{")}, name


async def test_the_document_is_served(client: httpx.AsyncClient, app: FastAPI) -> None:
    assert (await client.get("/openapi.json")).json() == json.loads(json.dumps(app.openapi()))


class Asked(BaseModel):
    """A request of this test."""

    n: int = Field(default=1, ge=1, description="How many.")
    name: str


def test_a_request_body_refers_to_its_model_and_shows_examples() -> None:
    body = request_body(Asked, {"One": {"name": "a"}, "Two": {"n": 2, "name": "b"}})["requestBody"]
    content = body["content"]["application/json"]
    assert content["schema"] == {"$ref": "#/components/schemas/Asked"}
    assert [example["value"]["name"] for example in content["examples"].values()] == ["a", "b"]


def test_query_parameters_are_the_models_fields() -> None:
    n, name = query_parameters(Asked, {"name": "cgan"})
    assert (n["name"], n["in"], n["required"], n["description"]) == ("n", "query", False, "How many.")
    assert n["schema"]["minimum"] == 1
    assert (name["required"], name["example"]) == (True, "cgan")


def test_two_models_of_one_name_are_refused() -> None:
    reference(Asked)
    with pytest.raises(ValueError, match="two schemas are named Asked"):
        reference(type("Asked", (BaseModel,), {"__annotations__": {"m": int}}))


async def test_no_answer_is_documented_as_json_of_nothing(app: FastAPI) -> None:
    for name, operation in operations(app.openapi()):
        for status, response in operation["responses"].items():
            assert response.get("content", {}).get("application/json") != {"schema": {}}, (name, status)


@pytest.mark.parametrize("path", ["/score", "/encode", "/classify"])
async def test_uploads_are_documented_in_all_three_forms(client: httpx.AsyncClient, path: str) -> None:
    """Clients are generated from this, and /docs shows its examples."""
    body = (await client.get("/openapi.json")).json()["paths"][path]["post"]["requestBody"]
    assert body["required"] is True
    assert list(body["content"]) == ["application/json", "multipart/form-data", "image/png"]
    given, form, picture = body["content"].values()
    assert given["schema"]["$ref"].startswith("#/components/schemas/")
    assert next(iter(given["examples"])) == "example1"
    assert all(set(example) == {"summary", "value"} for example in given["examples"].values())
    assert all("images" in example["value"] for example in given["examples"].values())
    binary = {"type": "string", "format": "binary"}
    assert (form["schema"]["type"], form["schema"]["required"]) == ("object", ["files"])
    assert form["schema"]["properties"]["files"] == {"type": "array", "items": binary}
    assert picture["schema"] == binary


async def test_what_interpolate_answers_is_documented(client: httpx.AsyncClient) -> None:
    answers = (await client.get("/openapi.json")).json()["paths"]["/interpolate"]["post"]["responses"]
    assert set(answers["200"]["content"]) == {"application/json", "image/png", "image/gif", "image/webp"}
    assert {"404", "413", "422", "503", "504"} <= set(answers)
