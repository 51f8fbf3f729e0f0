"""Documents endpoints that read their request themselves.

Handlers take a bare `Request`, so FastAPI cannot derive their schema: these helpers do, from the same
pydantic models that validate. A model that is mentioned becomes a component of the document.
"""

import warnings
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import Response

from service.errors import PROBLEM_JSON

SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"header": []}]
"""A key, in one of the two ways to send it."""

_REF = "#/components/schemas/{model}"
_mentioned: dict[str, type[BaseModel]] = {}


class FieldProblem(BaseModel):
    """One field that was refused."""

    loc: list[str | int]
    msg: str
    type: str


class Problem(BaseModel):
    """Every error of the API (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    """Stable and machine-readable."""
    detail: str
    """A sentence that names the fix."""
    errors: list[FieldProblem] | None = None
    request_id: str | None = None


class BareRoute(APIRoute):
    """A route whose endpoint takes the Request and returns the Response: nothing is solved or serialised.

    `APIRouter(route_class=BareRoute)`; FastAPI's own machinery halves the requests per second.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        # Of a route that says nothing, FastAPI documents that it answers JSON.
        super().__init__(path, endpoint, **options | {"response_class": Response})
        if self.methods and "GET" in self.methods:
            self.methods.add("HEAD")  # RFC 9110, 9.1; the server leaves the body out.

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return endpoint


def reference(model: type[BaseModel]) -> dict[str, Any]:
    """A `$ref` to the model, which becomes a component of the document."""
    known = _mentioned.setdefault(model.__name__, model)
    if known is not model:
        raise ValueError(f"two schemas are named {model.__name__}: {known.__module__}, {model.__module__}")
    return {"$ref": _REF.format(model=model.__name__)}


def request_body(
    model: type[BaseModel], examples: dict[str, Any], *, required: bool = True
) -> dict[str, Any]:
    """`openapi_extra` of an endpoint that reads JSON: `examples` maps a summary to a value."""
    named = {
        f"example{number}": {"summary": summary, "value": value}
        for number, (summary, value) in enumerate(examples.items(), 1)
    }
    content = {"application/json": {"schema": reference(model), "examples": named}}
    return {"requestBody": {"required": required, "content": content}}


def query_parameters(model: type[BaseModel], examples: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """`openapi_extra["parameters"]` of an endpoint that reads the model's fields from its query."""
    schema = model.model_json_schema(ref_template=_REF)
    reference(model)
    parameters = []
    for name, field in schema["properties"].items():
        parameter = {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", []),
            "schema": {key: value for key, value in field.items() if key != "description"},
        }
        if "description" in field:
            parameter["description"] = field["description"]
        if examples and name in examples:
            parameter["example"] = examples[name]
        parameters.append(parameter)
    return parameters


def problems(**descriptions: str) -> dict[int | str, dict[str, Any]]:
    """`responses` for errors: `problems(e404="no such model")`."""
    schema = {"schema": reference(Problem)}
    return {
        int(status.removeprefix("e")): {"description": text, "content": {PROBLEM_JSON: schema}}
        for status, text in descriptions.items()
    }


def json_response(model: type[BaseModel], description: str) -> dict[str, Any]:
    """One entry of `responses`: JSON of this model."""
    return {"description": description, "content": {"application/json": {"schema": reference(model)}}}


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document: the routes, with every mentioned model among its components."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Duplicate Operation ID")  # HEAD's is GET's
        out: dict[str, Any] = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
        )
    for path in out["paths"].values():
        path.pop("head", None)
    _, schemas = models_json_schema(
        [(model, "validation") for model in _mentioned.values()], ref_template=_REF
    )
    out.setdefault("components", {})["securitySchemes"] = SCHEMES
    if app.state.settings.api_keys:
        out["security"] = SECURITY
    components = out["components"].setdefault("schemas", {})
    # FastAPI adds its own 422 to any route with a parameter; ours are problems.
    for name in ("HTTPValidationError", "ValidationError"):
        components.pop(name, None)
    components.update(schemas.get("$defs", {}))
    return out
