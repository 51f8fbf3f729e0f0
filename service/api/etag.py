"""Conditional requests (RFC 9110): whether the caller has the very thing already."""


def matches(header: str, etag: str) -> bool:
    """If-None-Match's weak comparison (13.1.2) of its value, "" where there is none, with a strong ETag."""
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return etag in tags or header.strip() == "*"
