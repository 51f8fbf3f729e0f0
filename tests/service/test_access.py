"""Keys: every route of the application needs one, but for those that are listed here."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from service import access
from service.access import Keys, is_open, presented
from service.app import create_app
from service.middleware import SECURITY_HEADERS
from service.settings import Settings

KEYS = ["the-first-key-of-two", "the-other-key-of-two"]
ADMIN = "the-key-of-administrators"
OPEN = {
    "/health/live",
    "/health/ready",
    "/v2/health/live",
    "/v2/health/ready",
    "/",
    "/web/{file}",
    "/docs",
    "/openapi.json",
    "/swagger/swagger-ui-bundle.js",
    "/swagger/swagger-ui.css",
    "/swagger/favicon-32x32.png",
}
ADMINISTRATION = ("/admin/", "/v2/repository/models/")


@asynccontextmanager
async def started(settings: Settings, **changes: Any) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    for name in ("api_keys", "admin_keys"):
        changes[name] = [SecretStr(key) for key in changes.get(name, [])]
    app = create_app(settings.model_copy(update=changes))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            yield app, client


@pytest.fixture
async def guarded(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application with keys of both kinds."""
    async with started(settings, api_keys=KEYS, admin_keys=[ADMIN]) as (_, client):
        yield client


def walk(routes: list[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Method and path of every route, whatever it hangs on."""
    for route in routes:
        if hasattr(route, "original_router"):
            yield from walk(route.original_router.routes, prefix + route.include_context.prefix)
        else:
            for method in route.methods:
                yield method, prefix + route.path


async def test_every_route_needs_a_key_unless_it_is_listed(settings: Settings) -> None:
    async with started(settings, api_keys=KEYS) as (app, client):
        routes = list(walk(app.routes))
        assert {("POST", "/generate"), ("GET", "/metrics"), ("POST", "/admin/reload")} <= set(routes)
        assert {path for path in app.openapi()["paths"]} <= {path for _, path in routes}
        for method, path in routes:
            answer = await client.request(method, path.replace("{", "").replace("}", ""))
            assert (answer.status_code == 401) is (path not in OPEN), (method, path, answer.status_code)


async def test_so_does_a_path_that_does_not_exist(guarded: httpx.AsyncClient) -> None:
    answer = await guarded.get("/nowhere")
    assert (answer.status_code, answer.json()["code"]) == (401, "no-key")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "path",
    [
        "/web",
        "/docs/",
        "/docsx",
        "/swagger",
        "/health/live/",
        "/HEALTH/LIVE",
        "/%2e/models",
        "//models",
        "/metrics",
    ],
)
async def test_a_path_that_resembles_an_open_one_needs_a_key(guarded: httpx.AsyncClient, path: str) -> None:
    answer = await guarded.get(httpx.URL("http://service", raw_path=path.encode()))
    assert (answer.status_code, answer.json()["code"]) == (401, "no-key")


# Encoded, since httpx removes plain dots: the application sees /web/../models.
@pytest.mark.parametrize("path", ["/web/%2e%2e/models", "/web/..%2fmodels", "/swagger/%2e%2e/models"])
async def test_an_open_folder_leads_nowhere_else(guarded: httpx.AsyncClient, path: str) -> None:
    """Such a path needs no key, and is no route: with a key it is not found either."""
    url = httpx.URL("http://service", raw_path=path.encode())
    for headers in ({}, {"X-API-Key": KEYS[0]}):
        answer = await guarded.get(url, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize("key", [*KEYS, ADMIN])
@pytest.mark.parametrize(
    ("header", "form"),
    [("Authorization", "Bearer {}"), ("Authorization", "bearer  {} "), ("X-API-Key", "{}")],
)
async def test_each_of_several_keys_opens(
    guarded: httpx.AsyncClient, key: str, header: str, form: str
) -> None:
    assert (await guarded.get("/models", headers={header: form.format(key)})).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {KEYS[0]}"},
        {"Authorization": KEYS[0]},
        {"X-API-Key": ""},
        {"X-API-Key": KEYS[0][:-1]},
        {"X-API-Key": KEYS[0] + "x"},
        {"X-API-Key": KEYS[0].upper()},
        {"X-API-Key": ",".join(KEYS)},
        {"Cookie": f"X-API-Key={KEYS[0]}"},
    ],
)
async def test_anything_else_does_not(guarded: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await guarded.get("/models", headers=headers)
    assert answer.status_code == 401
    assert KEYS[0] not in answer.text


async def test_another_key_of_the_same_name_does_not() -> None:
    """A key is named by the first 8 hexadecimal digits of its digest, which these two share."""
    held, other = "key-number-65898", "key-number-76523"
    digests = [hashlib.sha256(key.encode()).hexdigest() for key in (held, other)]
    assert digests[0][:8] == digests[1][:8] == "c4342355"
    keys = Keys([SecretStr(held)])
    assert keys.find({"headers": [(b"x-api-key", held.encode())]}) == "c4342355"
    assert keys.find({"headers": [(b"x-api-key", other.encode())]}) is None


async def test_bytes_that_are_no_text_are_no_key(guarded: httpx.AsyncClient) -> None:
    assert (await guarded.get("/models", headers=[(b"X-API-Key", b"\xff\x80")])).status_code == 401


@pytest.mark.parametrize("place", range(32))
def test_every_byte_of_a_digest_is_compared(monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    """Two digests that differ in one byte alone cannot be had from real keys."""
    digests = {b"known": bytes(32), b"given": bytes(place) + b"\x01" + bytes(31 - place)}
    monkeypatch.setattr(access, "_digest", digests.__getitem__)
    keys = Keys([SecretStr("known")])
    assert keys.find({"headers": [(b"x-api-key", b"known")]}) == "00000000"
    assert keys.find({"headers": [(b"x-api-key", b"given")]}) is None


@pytest.mark.parametrize(("headers", "status"), [({}, 401), ({"X-API-Key": KEYS[0]}, 429)])
async def test_refusals_have_the_security_headers(
    settings: Settings, headers: dict[str, str], status: int
) -> None:
    async with started(settings, api_keys=KEYS, rate_limit=0.01, rate_burst=1) as (_, client):
        await client.get("/models", headers=headers)
        answer = await client.get("/models", headers=headers)
        assert answer.status_code == status
        for name, value in SECURITY_HEADERS:
            assert answer.headers[name.decode()] == value.decode()


async def test_a_refusal_speaks_the_words_of_its_api(guarded: httpx.AsyncClient) -> None:
    assert (await guarded.get("/v2/models/stats")).json()["error"].startswith("this needs a key")
    assert (await guarded.get("/v1/models")).json()["error"]["code"] == "no-key"


async def test_metrics_are_open_where_the_setting_says_so(settings: Settings) -> None:
    async with started(settings, api_keys=KEYS, metrics_open=True) as (_, client):
        assert (await client.get("/metrics")).status_code == 200
        assert (await client.get("/models")).status_code == 401


async def test_only_an_admin_key_administers(settings: Settings) -> None:
    async with started(settings, api_keys=KEYS, admin_keys=[ADMIN]) as (app, client):
        paths = [(m, p) for m, p in walk(app.routes) if p.startswith(ADMINISTRATION)]
        assert ("POST", "/admin/reload") in paths
        for method, path in paths:
            path = path.replace("{", "").replace("}", "")
            answer = await client.request(method, path, headers={"X-API-Key": KEYS[0]})
            assert answer.status_code == 403, path
            answer = await client.request(method, path, headers={"X-API-Key": ADMIN})
            assert answer.status_code not in (401, 403), path


async def test_with_no_admin_key_nobody_administers(settings: Settings) -> None:
    """Also where no caller needs a key."""
    for changes in ({}, {"api_keys": KEYS}):
        async with started(settings, **changes) as (app, client):
            for method, path in walk(app.routes):
                if path.startswith(ADMINISTRATION):
                    path = path.replace("{", "").replace("}", "")
                    answer = await client.request(method, path, headers={"X-API-Key": KEYS[0]})
                    assert answer.status_code == 403, path


async def test_admin_keys_alone_close_nothing_else(settings: Settings) -> None:
    async with started(settings, admin_keys=[ADMIN]) as (_, client):
        assert (await client.get("/models")).status_code == 200
        assert (await client.post("/admin/reload")).status_code == 401
        assert (await client.post("/admin/reload", headers={"X-API-Key": KEYS[0]})).status_code == 403


async def test_a_page_of_an_allowed_origin_may_send_a_key_and_read_the_refusal(settings: Settings) -> None:
    origin = {"Origin": "https://digits.example"}
    async with started(settings, api_keys=KEYS, cors_origins=[origin["Origin"]]) as (_, client):
        asked = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,x-api-key",
        }
        assert (await client.options("/generate", headers=origin | asked)).status_code == 200
        answer = await client.get("/models", headers=origin)
        assert answer.status_code == 401
        assert answer.headers["access-control-allow-origin"] == origin["Origin"]


async def test_the_document_asks_for_a_key_where_one_is_needed(settings: Settings) -> None:
    async with started(settings, api_keys=KEYS) as (app, _):
        assert app.openapi()["security"] == [{"bearer": []}, {"header": []}]
    async with started(settings) as (app, _):
        assert "security" not in app.openapi()


def test_a_key_is_named_by_its_digest_and_never_shown(settings: Settings) -> None:
    keys = Keys([SecretStr(key) for key in KEYS])
    names = [keys.find({"headers": [(b"x-api-key", key.encode())]}) for key in KEYS]
    assert len(set(names)) == 2
    assert all(name and len(name) == 8 and name not in key for name, key in zip(names, KEYS, strict=True))
    assert KEYS[0] not in repr(settings.model_copy(update={"api_keys": [SecretStr(KEYS[0])]}))


def test_every_key_that_is_sent_is_tried() -> None:
    headers = [(b"authorization", b"Bearer a"), (b"x-api-key", b"b"), (b"x-api-key", b"c")]
    assert presented({"headers": headers}) == [b"a", b"b", b"c"]


def test_no_prefix_of_an_open_path_is_open() -> None:
    assert not is_open("/health/livex")
    assert not is_open("/docsx")
    assert not is_open("")
