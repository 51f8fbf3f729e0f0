"""The playground at /: a page, its modules and its style, served as they lie in service/web/."""

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.api.caching import matches
from service.api.openapi import BareRoute
from service.errors import ServiceError

router = APIRouter(route_class=BareRoute, include_in_schema=False)

FOLDER = Path(__file__).parents[1] / "web"
PICTURES = Path(__file__).parents[1] / "pictures"
"""What a page loads only when a reader comes to it, as large as it is."""
MEDIA = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
# Nothing but our own files runs or is shown; blob: is what the page itself made. Trusted types: a string that
# became markup would be an error, so no answer can inject any.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Kept by browsers, and asked for again with the ETag: page and modules are always of one release.
    "Cache-Control": "no-cache",
}


_IMPORT = re.compile(r'^import .*"\./([a-z]+\.js)"', re.MULTILINE)


class Asset(NamedTuple):
    """One file as it is sent."""

    content: bytes
    headers: dict[str, str]


@cache
def assets() -> dict[str, Asset]:
    """Every file of the page by its name. The page itself names all modules that it starts with, so that a
    browser asks for them at once instead of each when another imports it."""
    found = {
        path.name: _asset(path.read_bytes(), MEDIA[path.suffix])
        for path in (*FOLDER.iterdir(), *PICTURES.iterdir())
        if path.suffix in MEDIA
    }
    found["index.html"].headers["Link"] = ", ".join(
        f"<web/{name}>; rel=modulepreload" for name in needed("app.js")
    )
    return found


def needed(first: str) -> list[str]:
    """A module and those that it imports, directly or not; without those that wait until a view opens."""
    found = [first]
    for name in found:
        imported = _IMPORT.findall((FOLDER / name).read_text())
        found += [other for other in imported if other not in found]
    return found


@router.get("/")
async def index(request: Request) -> Response:
    """The page."""
    return _answer(request, assets()["index.html"])


@router.get("/web/{file}")
async def file(request: Request) -> Response:
    """What the page is made of. Looked up by name, never joined into a path."""
    asset = assets().get(request.path_params["file"])
    if asset is None:
        raise ServiceError(404, "not-found", "the page has no such file")
    return _answer(request, asset)


def _asset(content: bytes, media: str) -> Asset:
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return Asset(content, HEADERS | {"Content-Type": media, "ETag": etag})


def _answer(request: Request, asset: Asset) -> Response:
    if matches(request.headers.get("if-none-match", ""), asset.headers["ETag"]):
        return Response(status_code=304, headers=asset.headers)
    return Response(asset.content, headers=asset.headers)
