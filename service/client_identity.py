"""The client that a request counts for, wherever a limit applies to each client by itself."""

import ipaddress
from functools import lru_cache

from starlette.types import Scope

_ADDRESS_CHARACTERS = 64
"""Longest address that is kept; longer ones are no addresses and are cut."""
_CACHED_ADDRESSES = 4096
"""Addresses whose identity is remembered, since parsing one takes microseconds."""


def client_of(scope: Scope, proxies: int) -> str:
    """Return the name of the client: its API key's name, else its address.

    `proxies` is the number of trusted proxies in front. Each appends the address of its own client to
    X-Forwarded-For, so the client is that many entries from the right; anyone can write the entries to the
    left of it. Without such an entry the client is the peer of the connection.
    """
    if "key" in scope["state"]:
        return f"key {scope['state']['key']}"
    forwarded = _forwarded(scope, proxies) if proxies else ""
    if forwarded:
        return _identity(forwarded)
    return _identity(scope["client"][0][:_ADDRESS_CHARACTERS]) if scope.get("client") else ""


def _forwarded(scope: Scope, proxies: int) -> str:
    """Return the entry of X-Forwarded-For that the outermost trusted proxy wrote; "" if there is none."""
    lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    # Split from the right: a client may send thousands of entries of its own.
    entries = b",".join(lines).rsplit(b",", proxies)[-proxies:]
    if len(entries) < proxies:
        return ""
    return entries[0].strip().decode("latin-1")[:_ADDRESS_CHARACTERS]


@lru_cache(_CACHED_ADDRESSES)
def _identity(address: str) -> str:
    """Return an IPv4 address without its port, and the /64 network of an IPv6 address.

    One household or machine is given a whole /64. Text that is no address is its own identity.
    """
    host = address
    if address.startswith("["):
        host = address[1:].partition("]")[0]
    elif address.count(":") == 1:
        host = address.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped or ipaddress.ip_network((int(parsed), 64), strict=False))
    return host
