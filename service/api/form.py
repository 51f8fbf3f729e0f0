"""Reads multipart forms (RFC 7578) from a body that is in memory already, so that no file touches a disk."""

from collections.abc import Container
from typing import NamedTuple

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from service.errors import ServiceError

MAX_FIELDS = 16
_MAX_NAME = 255


class Part(NamedTuple):
    """One field of a form; a file where it has a file name."""

    name: str
    filename: str | None
    data: bytes


def read_form(body: bytes, content_type: str, most_files: int, fields: Container[str] = ()) -> list[Part]:
    """The form's parts in order. ServiceError 413 for more files, 422 for more fields or what is no form.

    A file named as one of `fields` counts as a field.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not boundary:
        raise _broken("its Content-Type names no boundary")
    reader = _Reader(most_files, fields)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": reader.part_begin,
                "on_header_field": reader.header_field,
                "on_header_value": reader.header_value,
                "on_header_end": reader.header_end,
                "on_headers_finished": reader.headers_finished,
                "on_part_data": reader.part_data,
                "on_part_end": reader.part_end,
                "on_end": reader.end,
            },
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise _broken(str(error)[:200]) from None
    if not reader.complete:
        raise _broken("it is cut short")
    return reader.parts


class _Reader:
    """Collects what the parser calls out, and refuses at once where there is too much: a part may be tiny."""

    def __init__(self, most_files: int, fields: Container[str]) -> None:
        self.parts: list[Part] = []
        self.complete = False
        self._most_files = most_files
        self._fields = fields
        self._files = 0
        self._field = b""
        self._value = b""
        self._disposition = b""
        self._name = ""
        self._filename: str | None = None
        self._data: list[bytes] = []

    def part_begin(self) -> None:
        self._disposition = b""
        self._data = []

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value
        self._field = self._value = b""

    def headers_finished(self) -> None:
        options = parse_options_header(self._disposition)[1]
        if b"name" not in options:
            raise _broken("a part has no name")
        self._name = options[b"name"].decode("utf-8", "replace")[:_MAX_NAME]
        filename = options.get(b"filename")
        self._filename = None if filename is None else filename.decode("utf-8", "replace")[:_MAX_NAME]
        self._files += filename is not None and self._name not in self._fields
        if self._files > self._most_files:
            raise too_many_files(self._most_files)
        if len(self.parts) - self._files >= MAX_FIELDS:
            raise _broken(f"it has more than {MAX_FIELDS} fields")

    def part_data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def part_end(self) -> None:
        self.parts.append(Part(self._name, self._filename, b"".join(self._data)))

    def end(self) -> None:
        self.complete = True


def too_many_files(most: int) -> ServiceError:
    return ServiceError(413, "too-many-files", f"more than {most} pictures: send them in parts")


def _broken(reason: str) -> ServiceError:
    return ServiceError(422, "form", f"the form cannot be read: {reason}")
