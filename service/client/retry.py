"""Which calls are made again, and after how long."""

import random
import time
from email.utils import parsedate_to_datetime

import httpx

from service.client.reply import Reply

BUSY = (429, 502, 503)
FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 30.0


def passes(reply: Reply) -> bool:
    """Whether what hindered this call may be over soon."""
    return isinstance(reply, httpx.TransportError) or reply.status_code in BUSY


def wait_s(reply: Reply, attempt: int) -> float:
    """Retry-After in seconds or as a date (RFC 9110); without one twice as long each time, and by chance a
    little less, so that clients that failed together do not come back together."""
    said = reply.headers.get("retry-after", "").strip() if isinstance(reply, httpx.Response) else ""
    if said.isdecimal():
        return min(float(said[:9]), LONGEST_WAIT_S)
    try:
        until = parsedate_to_datetime(said).timestamp() - time.time()
    except ValueError:
        until = FIRST_WAIT_S * 2**attempt * random.uniform(0.5, 1)
    return min(max(until, 0), LONGEST_WAIT_S)
