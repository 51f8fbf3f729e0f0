"""Caching and conditional requests (RFC 9110, 9111): who may keep an answer, and who has it already."""

from starlette.requests import Request

from service.api import state


def audience(request: Request) -> str:
    """Who may keep what a GET gave: "public", any cache on the way; "private", the caller's own alone, where
    callers need a key, since another would give it to those without."""
    return "private" if state.settings(request).api_keys else "public"


def matches(header: str, etag: str) -> bool:
    """If-None-Match's weak comparison (13.1.2) of its value, "" where there is none, with a strong ETag."""
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return etag in tags or header.strip() == "*"
