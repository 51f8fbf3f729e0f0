"""Request targets and Host headers (RFC 9112, 3.2). Pure functions on bytes."""

import re

from service.errors import ServiceError

# RFC 3986, 3.2.2 and 3.2.3: an IP literal or a registered name that is not empty, then an optional port.
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]*)?")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)([^#]*)", re.IGNORECASE)


def check_host(host: bytes) -> None:
    """Raise ServiceError 400 unless `host` is a valid value of the Host header."""
    if _HOST.fullmatch(host.strip(b" \t")) is None:
        raise ServiceError(
            400, "bad-host", "the Host header must be a host name or address with an optional port"
        )


def origin_form(method: bytes, target: bytes) -> tuple[bytes, bytes | None]:
    """Convert a request target to path and query, and the host that an absolute URL names.

    ServiceError 501 for CONNECT, 400 for a target that has no path. `OPTIONS *` becomes `OPTIONS /`.
    """
    if method == b"CONNECT":
        raise ServiceError(501, "connect", "CONNECT is not supported: this service is not a proxy")
    if target.startswith(b"/"):
        return target, None
    if target == b"*" and method == b"OPTIONS":
        return b"/", None
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or _HOST.fullmatch(absolute[1]) is None:
        raise ServiceError(
            400, "bad-target", "the request target must be a path that begins with / or an http URL"
        )
    rest = absolute[2]
    return rest if rest.startswith(b"/") else b"/" + rest, absolute[1]
