"""Typed access to what create_app put on the application, for handlers."""

from typing import cast

from starlette.requests import Request

from service.engine.registry import Registry
from service.settings import Settings


def registry(request: Request) -> Registry:
    """The models that are served."""
    return cast(Registry, request.app.state.registry)


def settings(request: Request) -> Settings:
    """The limits in force."""
    return cast(Settings, request.app.state.settings)
