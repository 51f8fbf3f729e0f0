"""One connection: when it may answer, how long its client may take, and how it ends."""

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from service.errors import ServiceError
from service.handlers import CLIENT_CLOSED_REQUEST
from service.server.flow import Flow
from service.server.half_close import HalfClose
from service.server.reader import BODY, HEAD, NOTHING, Phase, RequestReader
from service.server.refusal import raw_answer
from service.server.sender import Sending
from service.server.write_deadline import WriteDeadline

if TYPE_CHECKING:
    from service.server.config import Config

LINGER_S = 1.0
"""Seconds in which a refused client may read its answer before the connection is closed."""


class Connection(RequestReader):
    """A connection with deadlines for head, body and answer.

    Deadlines of reading count from the start of a head or body, so that trickling bytes does not help. A
    request that comes in one piece and an answer that leaves at once, as nearly all do, cost no timer.
    """

    flow: Flow

    def __init__(
        self,
        config: "Config",
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._timer: asyncio.TimerHandle | None = None
        self._timed = NOTHING
        self._running: tuple[RequestResponseCycle, asyncio.Task[None]] | None = None
        self._refusal: ServiceError | None = None
        """Answer that waits for those of earlier requests."""
        self._half_close: HalfClose | None = None
        self._write_deadline: WriteDeadline

    @property
    def _answering(self) -> bool:
        """True if a request was parsed whose answer is not complete. Answers go out in order."""
        return self.cycle is not None and not self.cycle.response_complete

    # Begin and end

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = Flow(transport)
        seconds = self.config.settings.write_timeout_s
        self._write_deadline = WriteDeadline(
            self.loop, transport, seconds, self.config.unsent, self._reader_too_slow
        )
        if len(self.connections) > self.config.max_connections:
            self._discarding = True
            full = ServiceError(
                503,
                "too-many-connections",
                "the service has too many connections; retry after the Retry-After interval",
                headers={"Retry-After": "1"},
            )
            self._send_refusal(full)
            transport.close()
        else:
            self._arm(HEAD)
        self.config.drain_accept_queue()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection if whole requests wait for their answers: the client may still read them."""
        if self._phase is BODY or not self._answering:
            return False
        self._disarm()
        self._discarding = True
        self._half_close = HalfClose(self.loop, self.transport, self._probe, self.transport.abort)
        return True

    def _probe(self) -> None:
        assert self._running is not None
        cycle, _ = self._running
        if cycle.scope["http_version"] == "1.1" and not cycle.response_started:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._write_deadline.cancel()
        if self._half_close is not None:
            self._half_close.cancel()
        super().connection_lost(exc)
        self.pipeline.clear()
        self._stop_handler(ServiceError(CLIENT_CLOSED_REQUEST, "client-left", "the client left"))

    def shutdown(self) -> None:
        """Close an idle connection; one that was never used may have its first request on the way."""
        if self.cycle is None:
            self.loop.call_later(LINGER_S, super().shutdown)
        else:
            super().shutdown()

    def cut(self, error: ServiceError) -> None:
        """End now. A client that has nothing of its answer yet gets `error`."""
        if self._answering and self._running is not None:
            self._stop_handler(error)
            if not self._running[0].response_started:
                self._write(error, self._running[0].scope["path"])
        self.transport.abort()

    def _stop_handler(self, error: ServiceError) -> None:
        """Cancel the running handler, if there is one. Its request is logged with `error`."""
        if self._running is not None:
            cycle, task = self._running
            if not cycle.response_complete and not task.done():
                cycle.scope["state"].setdefault("cut", error)
                cycle.disconnected = True
                task.cancel()

    # Requests

    def data_parsed(self) -> None:
        if self._discarding or self.transport.is_closing():
            return
        if self.pipeline or self._unparsed:
            self.flow.hold()
            self._disarm()  # The client cannot be late while nothing is read.
        elif self._phase is not NOTHING:
            self._arm(self._phase)
        elif not self._answering:
            self._arm(HEAD)  # Empty lines, for which the keep-alive timer was stopped.

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self._phase is NOTHING and self._timer is not None:
            self._disarm()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Start a handler as uvicorn does, and keep its task, to be cancelled when the client leaves."""
        if cycle.scope["method"] != "HEAD":
            app = Sending(app, cycle)
        task = self.loop.create_task(cycle.run_asgi(app))
        self._running = (cycle, task)
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    # Answers

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.config.busy_poll is not None:
            self.config.busy_poll.begin(self.loop)
        self._write_deadline.watch()
        if self._discarding or self.flow.held:
            self._continue()

    def _continue(self) -> None:
        """Parse what waited for earlier answers; after the last one send the refusal, or close."""
        if self.transport.is_closing():
            return
        if self._unparsed and not self.pipeline:
            self._unset_keepalive_if_required()
            self._parse_more()
            self.data_parsed()
        if self.flow.held and not (self.pipeline or self._unparsed):
            self.flow.release()
            if self._phase is not NOTHING:
                self._arm(self._phase)
        if self._answering:
            return
        if self._refusal is not None:
            self._send_refusal_and_close(self._refusal)
        elif self._half_close is not None:
            self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_deadline.watch()

    def _reader_too_slow(self) -> None:
        error = ServiceError(CLIENT_CLOSED_REQUEST, "too-slow-reader", "the client did not read its answer")
        if not self._answering:
            self.config.refusals.cut(error.code)
        self._stop_handler(error)
        self.transport.abort()

    # Refusals

    def refuse(self, error: ServiceError) -> None:
        self._discarding = True
        self._unparsed = b""
        self._disarm()
        if self._phase is BODY:
            # Its handler may be scheduled without having run yet: what has not run cannot be logged.
            self.loop.call_soon(self._refuse_in_body, error)
        elif self._answering:
            self._refusal = error
        else:
            self._send_refusal_and_close(error)

    def _refuse_in_body(self, error: ServiceError) -> None:
        """Answer a request that has a handler by now, unless the handler has answered it."""
        if self.transport.is_closing():
            return
        if self.pipeline:  # It is the newest of those that wait, and no handler has seen it.
            self.pipeline.popleft()
            self.cycle = self.pipeline[0][0] if self.pipeline else self._running[0]  # type: ignore[index]
            self._refusal = error
        elif not self._answering or self.cycle.response_started:
            self.transport.close()
        else:
            self._stop_handler(error)
            self._write(error, self.cycle.scope["path"])
            self._linger()

    def _send_refusal_and_close(self, error: ServiceError) -> None:
        self._refusal = None
        self._unset_keepalive_if_required()
        self._send_refusal(error)
        self._linger()

    def _send_refusal(self, error: ServiceError) -> None:
        """Answer, log and count a request that no handler has seen."""
        path = getattr(self, "url", b"").partition(b"?")[0].decode("latin-1")
        self._write(error, path)
        self.config.refusals.refused(self.client[0] if self.client else None, error.status, error.code)

    def _write(self, error: ServiceError, path: str) -> None:
        head = self.parser.get_method() == b"HEAD"
        self.transport.write(raw_answer(error, path, self.server_state.default_headers, head=head))
        self._write_deadline.watch()

    def _linger(self) -> None:
        """Close later: closing with bytes unread resets the connection, and the client may lose its answer
        (RFC 9112, 9.6)."""
        self.transport.write_eof()
        if self._half_close is not None:
            self.transport.close()
        else:
            self._timer = self.loop.call_later(LINGER_S, self.transport.close)

    # Deadlines of reading

    def _arm(self, phase: Phase) -> None:
        if self._timed is phase:
            return
        self._disarm()
        limits = self.config.settings
        seconds = limits.header_timeout_s if phase is HEAD else limits.body_timeout_s
        self._timed = phase
        self._timer = self.loop.call_later(seconds, self._late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._timed = NOTHING

    def _late(self) -> None:
        if self._phase is NOTHING:
            self.transport.close()  # No request has begun, so there is nothing to answer.
            return
        part = "headers" if self._phase is HEAD else "body"
        self.refuse(ServiceError(408, "too-slow", f"the {part} did not arrive in time"))
