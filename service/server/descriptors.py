"""Open files that the system allows this process: each connection is one."""

import logging

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

RESERVED = 128
"""Open files kept for everything except connections: models, logs, pipes of the event loop."""

log = logging.getLogger(__name__)


def allowed_connections(wanted: int) -> int:
    """Raise the limit of open files as far as possible; return how many connections of `wanted` it allows."""
    if resource is None:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = max(soft, wanted + RESERVED) if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < target:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
            soft = target
        except (OSError, ValueError):
            log.warning("the limit of open files stays at %d", soft)
    if soft == resource.RLIM_INFINITY or soft >= wanted + RESERVED:
        return wanted
    allowed = max(1, soft - RESERVED)
    log.warning(
        "MAX_CONNECTIONS is lowered from %d to %d: the system allows this process %d open files",
        wanted,
        allowed,
        soft,
    )
    return allowed
