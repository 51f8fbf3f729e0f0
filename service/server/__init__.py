"""HTTP server of the service: uvicorn, with limits on everything that a client can do to a connection.

uvicorn alone has no limit on headers or connections, waits forever for the rest of a request and for the
reader of an answer, does not tell a handler that its client left, and refuses new connections as soon as it
gets SIGTERM.
"""

from service.server.lifecycle import Server

__all__ = ["Server"]
