"""What create_app put on the application, typed, for handlers.

Every request asks for `registry` and `settings`, so these read them with no call in between.
"""

from dataclasses import dataclass

from starlette.requests import Request

from service.access import Keys
from service.budget import Budget
from service.client_identity import client_of
from service.engine.memory import GiveBackSoon
from service.engine.registry import Registry
from service.imaging.workers import ImageWorkers
from service.metrics import Metrics
from service.middleware import Refusals
from service.settings import Settings


@dataclass(slots=True)
class State:
    """All that an application holds: `app.state`, in place of Starlette's."""

    settings: Settings
    metrics: Metrics
    admin_keys: Keys
    image_workers: ImageWorkers
    body_memory: Budget
    """Bytes of large request bodies while they arrive or are decoded."""
    give_back_soon: GiveBackSoon
    """Returns the memory of large bodies to the system."""
    refusals: Refusals
    """Records what the server refuses before it reaches the application."""
    models: Registry | None = None
    """The models, once they are loaded."""
    draining: bool = False
    """Whether the process was told to end."""

    @property
    def registry(self) -> Registry:
        """The models, for whoever runs only when they are loaded."""
        assert self.models is not None
        return self.models


def of(request: Request) -> State:
    """All of it."""
    found: State = request.scope["app"].state
    return found


def registry(request: Request) -> Registry:
    """The models that are served."""
    held: Registry = request.scope["app"].state.models
    return held


def client(request: Request) -> str:
    """The client that the request counts for: its key, else its address."""
    return client_of(request.scope, settings(request).trusted_proxies)


def settings(request: Request) -> Settings:
    """The limits in force."""
    limits: Settings = request.scope["app"].state.settings
    return limits
