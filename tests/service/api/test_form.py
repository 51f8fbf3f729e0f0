"""Forms: what a browser or curl sends is read, and no bytes raise anything but a ServiceError."""

import time

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.form import MAX_FIELDS, Part, read_form
from service.errors import ServiceError

KIND = "multipart/form-data; boundary=x"


def part(disposition: str, data: bytes = b"data") -> bytes:
    return b"--x\r\nContent-Disposition: " + disposition.encode() + b"\r\n\r\n" + data + b"\r\n"


def refused(body: bytes, kind: str = KIND, most: int = 4) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        read_form(body, kind, most)
    return caught.value


@given(
    st.lists(st.binary(max_size=300), min_size=1, max_size=4),
    st.dictionaries(st.text("abc", min_size=1), st.text("déf, 1"), max_size=4),
)
def test_what_another_library_writes_is_read(files: list[bytes], fields: dict[str, str]) -> None:
    request = httpx.Request(
        "POST",
        "http://service",
        data=fields,
        files=[("files", (f"é{i}.png", data)) for i, data in enumerate(files)],
    )
    parts = read_form(request.read(), request.headers["content-type"], 4)
    assert [p for p in parts if p.filename is None] == [
        Part(name, None, value.encode()) for name, value in fields.items()
    ]
    assert [(p.filename, p.data) for p in parts if p.filename] == [
        (f"é{i}.png", data) for i, data in enumerate(files)
    ]


@pytest.mark.parametrize(
    ("body", "kind", "word"),
    [
        (b"", "multipart/form-data", "boundary"),
        (b"", KIND, "cut short"),
        (b"anything", KIND, "cannot be read"),
        (part('form-data; name="a"; filename="b"')[:-2], KIND, "cut short"),
        (part('form-data; name="a"'), KIND, "cut short"),
        (part("form-data") + b"--x--\r\n", KIND, "no name"),
        (b"--x\r\n\r\nb\r\n--x--\r\n", KIND, "no name"),
        (b"", "multipart/form-data; boundary=" + "y" * 300, "cannot be read"),
    ],
)
def test_what_is_no_form_is_refused_with_the_reason(body: bytes, kind: str, word: str) -> None:
    error = refused(body, kind)
    assert (error.status, error.code) == (422, "form")
    assert word in error.detail


def test_more_files_or_fields_than_allowed_are_refused() -> None:
    file, field = part('form-data; name="f"; filename="a"'), part('form-data; name="f"')
    end = b"--x--\r\n"
    assert len(read_form(4 * file + MAX_FIELDS * field + end, KIND, 4)) == 4 + MAX_FIELDS
    assert refused(5 * file + end).status == 413
    assert refused((MAX_FIELDS + 1) * field + end).status == 422


@given(st.binary(max_size=60), st.binary(max_size=60), st.text(st.characters(max_codepoint=255), max_size=40))
def test_hostile_forms_raise_nothing_but_a_service_error(before: bytes, after: bytes, kind: str) -> None:
    for body in (before, part('form-data; name="a"') + before, b"--x\r\n" + before + b"\r\n\r\n" + after):
        for content_type in (KIND, f"multipart/form-data; {kind}"):
            try:
                read_form(body + b"--x--\r\n", content_type, 4)
            except ServiceError as error:
                outcome = error.status
            else:
                outcome = 422
            assert outcome == 422


def test_four_megabytes_of_near_boundaries_take_no_time() -> None:
    near = b"\r\n--" + b"b" * 69
    body = b"--" + b"b" * 70 + b'\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n'
    body += near * (4_000_000 // len(near)) + b"\r\n--" + b"b" * 70 + b"--\r\n"
    start = time.process_time()
    (part,) = read_form(body, "multipart/form-data; boundary=" + "b" * 70, 4)
    assert time.process_time() - start < 0.2  # a parser that looks at each byte takes seconds
    assert len(part.data) == 4_000_000 // len(near) * len(near)


def test_a_part_with_endless_headers_is_refused() -> None:
    body = b"--x\r\nA: " + b"a" * 5000 + b"\r\n\r\ndata\r\n--x--\r\n"
    assert "headers" in refused(body).detail
