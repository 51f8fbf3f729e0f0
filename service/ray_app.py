"""The service on a Ray cluster: `serve run --working-dir . service.ray_app:app`. Needs the extra `ray`.

Every replica is the same application from the same factory; Ray's proxies take the place of `service.server`.
Settings come from the environment of that command, and go with the application to where its replicas run.
"""

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from service.app import create_app
from service.settings import Settings

try:
    from ray import serve
    from ray.serve import Application
    from ray.serve.config import AutoscalingConfig
except ImportError:
    raise ImportError("service.ray_app needs more packages: pip install '.[cpu,ray]'") from None


class Arguments(BaseModel):
    """What may follow the name: `serve run service.ray_app:app max_replicas=4`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    min_replicas: int = Field(default=1, ge=1)
    max_replicas: int = Field(default=8, ge=1)
    cpus: int = Field(default=1, ge=1)
    """Of each replica: what Ray sets aside for it, and how many runs of a network go on at once."""
    target: float = Field(default=16, gt=0)
    """Requests waiting or running in each replica that Ray aims at, by starting and ending replicas."""


def app(arguments: Arguments) -> Application:
    """What `serve run` starts."""
    settings = Settings()
    settings = settings.model_copy(update={"threads": settings.threads or arguments.cpus})

    def build() -> FastAPI:
        return create_app(settings)

    replica = serve.deployment(
        serve.ingress(build)(),
        name="service",
        ray_actor_options={"num_cpus": arguments.cpus},
        # Ray hands a replica five requests at a time unless told otherwise, and no batch would ever fill.
        # Here the limit is the replica's own queue of images, which refuses in the service's words.
        max_ongoing_requests=settings.queue_images,
        max_queued_requests=settings.queue_images,
        autoscaling_config=AutoscalingConfig(
            min_replicas=arguments.min_replicas,
            max_replicas=arguments.max_replicas,
            target_ongoing_requests=arguments.target,
        ),
        graceful_shutdown_timeout_s=settings.drain_timeout_s,
    )
    return replica.bind()
