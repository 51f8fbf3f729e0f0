"""The playground is served: page, modules, style, with headers that let nothing else run."""

import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.api.web import FOLDER, MEDIA, PICTURES, needed

pytestmark = pytest.mark.anyio

MOST_BYTES = 80_000
FILES = sorted(path.name for path in FOLDER.iterdir())


async def test_the_page_is_at_the_root(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    parts = re.findall(r'(?:src|href)="([^"#]+)"', answer.text)
    assert "web/app.js" in parts
    assert "web/style.css" in parts
    for part in parts:
        assert (await client.get(f"/{part}")).status_code == 200, part


@pytest.mark.parametrize("name", FILES)
async def test_every_file_is_served_as_it_lies(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/web/{name}")
    assert answer.content == (FOLDER / name).read_bytes()
    assert answer.headers["content-type"] == MEDIA[Path(name).suffix]


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
async def test_every_module_that_a_module_names_is_there(name: str) -> None:
    named = re.findall(r'(?:from|import\() ?"\./([^"]+)"', (FOLDER / name).read_text())
    assert set(named) <= set(FILES)


async def test_the_page_names_the_modules_that_it_starts_with(client: httpx.AsyncClient) -> None:
    named = re.findall(r"<web/([^>]+)>; rel=modulepreload", (await client.get("/")).headers["link"])
    assert named == needed("app.js")
    assert len(named) == len(set(named))
    assert {"app.js", "sample.js", "tiles.js", "pixels.js"} <= set(named)
    assert not {"walk.js", "score.js", "picked.js"} & set(named), "these wait until they are wanted"


async def test_the_game_s_animation_is_served_beside_the_page(client: httpx.AsyncClient) -> None:
    answer = await client.get("/web/game.webp")
    assert answer.content == (PICTURES / "game.webp").read_bytes()
    assert answer.headers["content-type"] == "image/webp"
    assert 'loading: "lazy"' in (FOLDER / "learn.js").read_text()


def test_the_whole_page_is_small() -> None:
    assert sum((FOLDER / name).stat().st_size for name in FILES) < MOST_BYTES


async def test_nothing_of_another_host_and_no_inline_code_may_run(client: httpx.AsyncClient) -> None:
    for path in ("/", "/web/app.js"):
        headers = (await client.get(path)).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers.get_list("x-frame-options") == ["DENY"]
    page = (await client.get("/")).text
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=", page)
    assert "//" not in re.sub(r"<!--.*?-->", "", page)


async def test_a_browser_that_has_a_file_is_told_so(client: httpx.AsyncClient) -> None:
    first = await client.get("/web/app.js")
    assert first.headers["cache-control"] == "no-cache"
    etag = first.headers["etag"]
    again = await client.get("/web/app.js", headers={"If-None-Match": f'"other", W/{etag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert (await client.get("/", headers={"If-None-Match": etag})).status_code == 200


@pytest.mark.parametrize("path", ["/web/nothing.js", "/web/..%2Fapp.py", "/web/.hidden", "/web/"])
async def test_there_is_nothing_else(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


async def test_the_page_is_no_part_of_the_api_document(app: FastAPI) -> None:
    assert not [path for path in app.openapi()["paths"] if path == "/" or path.startswith("/web")]


async def test_a_head_request_gives_the_headers(client: httpx.AsyncClient) -> None:
    answer = await client.head("/")
    assert answer.status_code == 200
    assert answer.headers["etag"] == (await client.get("/")).headers["etag"]
