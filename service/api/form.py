"""Reads multipart forms (RFC 7578) from a body that is in memory already, so that no file touches a disk.

The body is searched for its boundary in one pass of `bytes.find`; a parser that looks at each byte in Python
takes seconds for a body of near-boundaries.
"""

from collections.abc import Container
from typing import NamedTuple

from python_multipart.multipart import parse_options_header

from service.errors import ServiceError

MAX_FIELDS = 16
MAX_BOUNDARY_BYTES = 70
"""RFC 2046, 5.1.1."""
MAX_PART_HEADER_BYTES = 4096
_MAX_NAME = 255


class Part(NamedTuple):
    """One field of a form; a file where it has a file name."""

    name: str
    filename: str | None
    data: bytes


def read_form(body: bytes, content_type: str, most_files: int, fields: Container[str] = ()) -> list[Part]:
    """Return the form's parts in order.

    Raises ServiceError 413 for more than `most_files` files, 422 for more than MAX_FIELDS fields or a body
    that is no form. A file named as one of `fields` counts as a field.
    """
    parts: list[Part] = []
    files = 0
    delimiter = _delimiter(content_type)
    # The first delimiter may begin the body, without the line end that belongs to it elsewhere.
    start = len(delimiter) - 2 if body.startswith(delimiter[2:]) else _after(body, delimiter, 0)
    while not body.startswith(b"--", start):
        start = _line_end(body, start)
        end = body.find(delimiter, start)
        if end < 0:
            raise _broken("it is cut short")
        part = _part(body, start, end)
        parts.append(part)
        files += part.filename is not None and part.name not in fields
        if files > most_files:
            raise too_many_files(most_files)
        if len(parts) - files > MAX_FIELDS:
            raise _broken(f"it has more than {MAX_FIELDS} fields")
        start = end + len(delimiter)
    return parts


def too_many_files(most: int) -> ServiceError:
    """The refusal of more than `most` files."""
    return ServiceError(413, "too-many-files", f"more than {most} pictures: send them in parts")


def _delimiter(content_type: str) -> bytes:
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not boundary:
        raise _broken("its Content-Type names no boundary")
    if len(boundary) > MAX_BOUNDARY_BYTES:
        raise _broken(f"its boundary is longer than {MAX_BOUNDARY_BYTES} bytes")
    return b"\r\n--" + boundary


def _after(body: bytes, delimiter: bytes, start: int) -> int:
    """The position after the next delimiter."""
    found = body.find(delimiter, start)
    if found < 0:
        raise _broken("it is cut short, or its boundary is not that of its Content-Type")
    return found + len(delimiter)


def _line_end(body: bytes, start: int) -> int:
    """The position after the line end that must follow a delimiter; blanks may precede it (RFC 2046)."""
    end = body.find(b"\r\n", start, start + MAX_PART_HEADER_BYTES)
    if end < 0 or body[start:end].strip(b" \t"):
        raise _broken("a boundary does not end its line")
    return end


def _part(body: bytes, start: int, end: int) -> Part:
    """The part between two delimiters; it starts with the line end of the first."""
    head_end = body.find(b"\r\n\r\n", start, min(end, start + MAX_PART_HEADER_BYTES))
    if head_end < 0:
        raise _broken(f"a part has no end of its headers within {MAX_PART_HEADER_BYTES:,} bytes")
    options = parse_options_header(_disposition(body[start:head_end]))[1]
    if b"name" not in options:
        raise _broken("a part has no name")
    name = options[b"name"].decode("utf-8", "replace")[:_MAX_NAME]
    filename = options.get(b"filename")
    return Part(
        name,
        None if filename is None else filename.decode("utf-8", "replace")[:_MAX_NAME],
        body[head_end + 4 : end],
    )


def _disposition(head: bytes) -> bytes:
    """The value of Content-Disposition among a part's headers; empty if there is none."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-disposition":
            return value.strip()
    return b""


def _broken(reason: str) -> ServiceError:
    return ServiceError(422, "form", f"the form cannot be read: {reason}")
