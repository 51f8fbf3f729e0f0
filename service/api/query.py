"""Reads the fields of a query string in one pass, and stops at the first one that is wrong.

Starlette's `QueryParams.getlist` walks over all fields for each name: seconds for a query of 32 kB.
"""

from collections.abc import Collection, Iterator
from urllib.parse import unquote

from service.errors import ServiceError, invalid_fields, no_such_field

MOST_FIELDS = 1000
"""Most fields of a query, empty ones included. No endpoint can use more than about 350."""


def read_query(
    query: bytes, known: Collection[str], repeatable: Collection[str] = ()
) -> dict[str, list[str]]:
    """Return the values of each field of a raw query string, in the order in which they were sent.

    Only the names in `repeatable` may be given more than once. Raise ServiceError 422 for the first field
    that is not `known`, for a field that is given twice, and for more than MOST_FIELDS fields.
    """
    fields: dict[str, list[str]] = {}
    for name, value in _pairs(query):
        if name not in known:
            problem = {"loc": [name], "msg": no_such_field(name, known), "type": "extra_forbidden"}
            raise invalid_fields([problem], "query")
        if name not in fields:
            fields[name] = [value]
        elif name in repeatable:
            fields[name].append(value)
        else:
            raise ServiceError(422, "invalid", f"query.{name}: give it once")
    return fields


def _pairs(query: bytes) -> Iterator[tuple[str, str]]:
    """Yield name and value of each field, decoded like `urllib.parse.parse_qsl(keep_blank_values=True)`.

    Lazy, unlike parse_qsl: nothing behind the first wrong field is split or decoded.
    """
    text = query.decode("latin-1")
    start = 0
    for _ in range(MOST_FIELDS):
        end = text.find("&", start)
        field = text[start:] if end < 0 else text[start:end]
        if field:
            name, _, value = field.replace("+", " ").partition("=")
            yield unquote(name), unquote(value)
        if end < 0:
            return
        start = end + 1
    raise ServiceError(422, "invalid", f"query: there are more than {MOST_FIELDS:,} fields: send fewer")
