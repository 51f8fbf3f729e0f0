"""Parses the requests of a connection, with limits on what is neither body nor worth keeping.

llhttp's parser is fed in small slices: one read may hold thousands of tiny requests, and for each of them
uvicorn makes several objects.
"""

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from service.errors import ServiceError
from service.server.target import check_host, origin_form

if TYPE_CHECKING:
    from service.server.config import Config

SLICE_BYTES = 4096
"""Bytes parsed before the number of waiting requests is checked: at most about 200 requests."""

FRAMING_PER_BODY_BYTE = 16
"""Most bytes of chunk headers per byte of body; a chunk of one byte needs 5."""

_FRAMING_HEADERS = (b"connection", b"content-length", b"transfer-encoding")


class Phase(Enum):
    """Part of a request that is arriving."""

    NOTHING = 0
    HEAD = 1
    BODY = 2


NOTHING, HEAD, BODY = Phase  # Looking members up in an Enum costs every header.


class _Discarded(Exception):
    """Stops the parser: the connection takes no more requests."""


class RequestReader(HttpToolsProtocol):
    """uvicorn's protocol up to the complete request.

    Everything except the body counts against HEADER_BYTES: the head, empty lines before it, trailers (which
    are dropped) and chunk headers between two pieces of body. While requests wait for earlier answers,
    the rest of what was read stays unparsed.
    """

    config: "Config"

    def __init__(
        self,
        config: "Config",
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._phase = NOTHING
        self._unparsed: bytes | memoryview = b""
        self._discarding = False
        """No further request is served; what arrives is ignored."""
        self._host: bytes | None = None
        self._valid_host: bytes | None = None
        """Last Host that was checked: a connection rarely has more than one."""
        self._slice = 0
        """Bytes in the slice that is being parsed."""
        self._fresh = 0
        """Bytes of the slice that may belong to the part now arriving: 0 once another part ended in it."""
        self._received = 0
        """Bytes that arrived since the request now arriving began, or since the last one ended."""
        self._body_in_slice = 0
        self._body = 0
        self._framing = 0
        self._gap = 0
        """Bytes of framing since the last byte of body."""
        self._trailers = 0
        self._ignoring_upgrade = False
        self._resuming = False

    def refuse(self, error: ServiceError) -> None:
        """Answer with `error` in place of the request now arriving, and close the connection."""
        raise NotImplementedError

    def data_parsed(self) -> None:
        """React to what `data_received` has found."""
        raise NotImplementedError

    # Bytes

    def data_received(self, data: bytes) -> None:
        if self._discarding:
            return
        self._unset_keepalive_if_required()
        if self._unparsed:  # This arrived before reading was paused.
            self._unparsed = b"".join((self._unparsed, data))
        elif len(data) <= SLICE_BYTES:
            self._parse(data)
        else:
            self._unparsed = data
            self._parse_more()
        self.data_parsed()

    def _parse_more(self) -> None:
        """Parse what was read until a request has to wait for its turn."""
        view, at = memoryview(self._unparsed), 0
        while at < len(view) and not (self.pipeline or self._discarding):
            self._parse(view[at : at + SLICE_BYTES])
            at += SLICE_BYTES
        self._unparsed = b"" if self._discarding or at >= len(view) else view[at:]

    def _parse(self, data: bytes | memoryview) -> None:
        self._slice = self._fresh = len(data)
        self._received += self._slice
        self._body_in_slice = 0
        try:
            while True:
                try:
                    self.parser.feed_data(data)
                    break
                except httptools.HttpParserUpgrade as upgrade:
                    data = data[upgrade.args[0] :]
                self._ignore_upgrade()
        except httptools.HttpParserError as error:
            cause = error.__context__  # Exception of a callback.
            if isinstance(cause, ServiceError):
                self.refuse(cause)
            elif not self._discarding:
                self.refuse(_malformed(error))
        else:
            if self._received and not self._discarding:
                self._check_sizes()

    def _ignore_upgrade(self) -> None:
        """Continue with the body of a request whose Upgrade header is ignored (RFC 9110, 7.8).

        The parser takes everything after such a head for another protocol and cannot be told otherwise. A new
        parser continues in its place; it first reads a head with the same framing.
        """
        scope = self.cycle.scope
        lines = [f"{scope['method']} / HTTP/{scope['http_version']}".encode()]
        lines += [name + b": " + value for name, value in scope["headers"] if name in _FRAMING_HEADERS]
        self._ignoring_upgrade = False
        self._resuming = True
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.parser.feed_data(b"\r\n".join((*lines, b"", b"")))

    def _should_upgrade(self) -> bool:
        return False

    def _check_sizes(self) -> None:
        """Refuse what has grown too large without an end in sight."""
        limit = self.config.settings.header_bytes
        if self._phase is not BODY:
            if self._received > limit:
                self.refuse(self.head_too_large() if self._phase is HEAD else _malformed("empty lines"))
        elif self._fresh:
            # A slice in which the head or another request ended is not counted: it is a small one.
            framing = self._fresh - self._body_in_slice
            self._framing += framing
            self._gap = 0 if self._body_in_slice else self._gap + framing
            if self._gap > limit or self._framing > limit + FRAMING_PER_BODY_BYTE * self._body:
                self.refuse(self._trailers_too_large())

    # Callbacks of the parser. An exception stops it; a ServiceError is the answer.

    def on_message_begin(self) -> None:
        if self._discarding:
            raise _Discarded
        super().on_message_begin()
        self._phase = HEAD
        self._host = None
        self._received = self._fresh

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._phase is BODY:
            self._trailers += len(name) + len(value) + 4
            if self._trailers > self.config.settings.header_bytes:
                raise self._trailers_too_large()
            return
        name = name.lower()
        if name == b"host":
            if self._host is not None:
                raise ServiceError(400, "bad-host", "send one Host header, not several")
            self._host = value
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._resuming:
            self._resuming = False
            self._phase = BODY
            return
        limit = self.config.settings.header_bytes
        # The slices may hold more than this head: count it exactly before refusing.
        if max(self._received, self._slice) > limit and self._head_bytes() > limit:
            raise self.head_too_large()
        if self._host is None or self._host != self._valid_host:
            self._check_host()
        upgrade = self.parser.should_upgrade()
        if upgrade or not self.url.startswith(b"/"):
            self._take_origin_form()
        super().on_headers_complete()
        self._phase = BODY
        self._ignoring_upgrade = upgrade
        self._fresh = self._body = self._framing = self._gap = self._trailers = 0
        if self.config.draining:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._body_in_slice += len(body)
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._ignoring_upgrade:
            return  # The parser thinks so; the body is still to come.
        super().on_message_complete()
        self._phase = NOTHING
        self._fresh = self._received = 0
        if not self.cycle.keep_alive:
            self._discarding = True

    def _check_host(self) -> None:
        if self._host is not None:
            check_host(self._host)
            self._valid_host = self._host
        elif self.parser.get_http_version() != "1.0":
            raise ServiceError(400, "bad-host", "send a Host header: HTTP/1.1 requires it")

    def _take_origin_form(self) -> None:
        """Serve an absolute URL by its path. The host in it replaces the Host header (RFC 9112, 3.2.2)."""
        self.url, host = origin_form(self.parser.get_method(), self.url)
        if host is not None:
            self.headers[:] = [(b"host", host), *(pair for pair in self.headers if pair[0] != b"host")]

    # Sizes

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def head_too_large(self) -> ServiceError:
        limit = self.config.settings.header_bytes
        return ServiceError(431, "headers-too-large", f"the headers exceed {limit:,} bytes")

    def _trailers_too_large(self) -> ServiceError:
        limit = self.config.settings.header_bytes
        return ServiceError(
            431, "headers-too-large", f"the trailers or chunk headers of the body exceed {limit:,} bytes"
        )


def _malformed(reason: object) -> ServiceError:
    return ServiceError(400, "bad-request", f"this is not HTTP/1.1: {reason}")
