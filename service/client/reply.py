"""What the service replies: an answer, a refusal, or nothing, the connection being lost."""

import httpx

from service.client.calls import Answer, Call

Reply = httpx.Response | httpx.TransportError


class DigitsError(Exception):
    """The service refused, or failed; `code` is what a program should look at."""

    def __init__(self, status: int, code: str, detail: str, request_id: str | None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.request_id = request_id


def read(call: Call[Answer], reply: Reply) -> Answer:
    """The answer. Raises DigitsError for a refusal, and the error that kept a reply from coming."""
    if isinstance(reply, httpx.TransportError):
        raise reply
    if reply.is_success:
        return call.read(reply)
    try:
        problem = reply.json()
        code, detail = str(problem["code"]), str(problem["detail"])
    except (ValueError, TypeError, KeyError):
        # A proxy in between, perhaps.
        code, detail = "http", f"{reply.status_code} {reply.reason_phrase}"
    raise DigitsError(reply.status_code, code, detail, reply.headers.get("x-request-id"))
