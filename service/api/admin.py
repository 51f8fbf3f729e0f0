"""What only an administrator may do: change which models are served."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.access import no_key, presented
from service.api import models, state
from service.api.openapi import SECURITY, BareRoute, json_response, problems
from service.errors import ServiceError


class AdminRoute(BareRoute):
    """A route that answers nobody but who brings one of ADMIN_KEYS: `APIRouter(route_class=AdminRoute)`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            demand_admin(request)
            return await endpoint(request)

        return guarded


def demand_admin(request: Request) -> None:
    """ServiceError 403 `admin-off` where there are no ADMIN_KEYS; 401 `no-key` for a request that brings no
    key, 403 `not-admin` for one that brings another."""
    keys = state.of(request).admin_keys
    if not keys:
        raise ServiceError(
            403, "admin-off", "nobody may do this here: the service was started without ADMIN_KEYS"
        )
    if keys.find(request.scope) is None:
        if not presented(request.scope):
            raise no_key()
        raise ServiceError(403, "not-admin", "this needs one of ADMIN_KEYS")


router = APIRouter(prefix="/admin", tags=["operations"], route_class=AdminRoute)


@router.post(
    "/reload",
    summary="Serve what the models' folder holds now",
    responses={
        200: json_response(models.ModelList, "All of it is served."),
        **problems(
            e401="No key was sent.",
            e403="This is no admin key, or the service has none.",
            e409="Some of it is bad, and what was served before goes on; GET /models lists what and why.",
        ),
    },
    openapi_extra={"security": SECURITY},
)
async def reload(request: Request) -> Response:
    """As SIGHUP does: every bundle that is new or changed is proved, then all are swapped at once. Requests
    go on meanwhile."""
    registry = state.registry(request)
    refused = [one for one in await registry.aside(registry.reload) if one.state == "refused"]
    if refused:
        more = f" (and {len(refused) - 1} more, see /models)" if len(refused) > 1 else ""
        raise ServiceError(409, "bundle-refused", refused[0].reason + more)
    return await models.models(request)
