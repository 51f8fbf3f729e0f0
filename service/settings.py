"""Every limit and default of the service, read from the environment.

The name of a setting's variable is the field's name in capitals, without a prefix; `python -m service serve`
has a flag of the same name. A field's docstring is its help and its documentation.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Key = Annotated[SecretStr, Field(min_length=16)]

KIB = 1024
MIB = 1024 * 1024


class Settings(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, use_attribute_docstrings=True)

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for every interface."""
    port: int = Field(default=8000, ge=0, le=65535)
    """TCP port; 0 takes a free one and logs it."""

    models_dir: Path = Path("models")
    """Folder with the bundles, as <name>/<version>/manifest.json."""
    proof_timeout_s: float = Field(default=60.0, gt=0, le=3600)
    """Most seconds that a bundle may take to load and pass its self-test; past it the bundle is refused."""
    default_model: str = "cgan"
    """The model that answers a request which names none."""
    provider: Literal["auto", "cuda", "cpu"] = "auto"
    """Where networks run. auto: CUDA if it initialises, else the processor; cuda: CUDA or no start at all."""
    threads: int = Field(default=0, ge=0, le=1024)
    """How many runs of a network go on at once; 0 takes the container's CPU quota."""
    busy_poll_us: int = Field(default=100, ge=0, le=100_000)
    """Microseconds after each answer in which the process looks for the next request instead of sleeping:
    who asks from the same machine, one request after the other, then waits for no waking. 0: none."""

    max_batch: int = Field(default=64, ge=1, le=4096)
    """Most images in one run of a network; a larger request is split."""
    queue_images: int = Field(default=1024, ge=1)
    """Most images waiting or running for one network; past it the answer is 503 with Retry-After."""
    queue_s: float = Field(default=5.0, gt=0, le=3600)
    """Most seconds of measured work waiting or running for one network; past it the answer is 503 with
    Retry-After. An empty queue admits any request of up to QUEUE_IMAGES."""
    deadline_s: float = Field(default=10.0, gt=0, le=3600)
    """Seconds that a request may take before the answer is 504. A single run of a network that takes longer
    is ended."""

    json_body_bytes: int = Field(default=1 * MIB, ge=1)
    """Largest JSON body."""
    latent_limit: float = Field(default=100.0, gt=0, allow_inf_nan=False)
    """Largest absolute value of a latent coordinate that a caller may send."""
    score_body_bytes: int = Field(default=4 * MIB, ge=1)
    """Largest body of /score, /encode and /classify."""
    score_files: int = Field(default=64, ge=1)
    """Most images in one request to /score, /encode or /classify."""
    score_file_bytes: int = Field(default=1 * MIB, ge=1)
    """Largest image file sent to /score, /encode or /classify."""
    score_pixels: int = Field(default=4_000_000, ge=1)
    """Most pixels of an image sent to /score, /encode or /classify, checked before it is decoded."""
    image_workers: int = Field(default=0, ge=0, le=256)
    """Processes that decode uploads and encode large answers; 0 takes the container's CPU quota, at least 2.
    One client never occupies all of them."""
    image_cpu_s: float = Field(default=0.25, gt=0, allow_inf_nan=False)
    """Processor seconds that decoding the images of a request may take, plus 1 ms for each kB of their files;
    past it the answer is 422."""
    image_requests: int = Field(default=256, ge=1)
    """Most requests that have image work waiting or running; past it the answer is 503 with Retry-After."""
    body_memory_bytes: int = Field(default=256 * MIB, ge=1)
    """Most bytes of large request bodies in memory while they arrive or are decoded, over all requests; past
    it the answer is 503 with Retry-After."""
    client_share: float = Field(default=0.25, gt=0, le=1)
    """Share of IMAGE_REQUESTS and of BODY_MEMORY_BYTES that one client, that is one key, else one address,
    may have; past it the answer is 429 with Retry-After."""
    infer_body_bytes: int = Field(default=4 * MIB, ge=1)
    """Largest body of /v2/models/.../infer, and the most that a compressed one may become."""

    header_bytes: int = Field(default=32 * KIB, ge=1 * KIB)
    """Most bytes of request line and headers together; past it the answer is 431."""
    header_timeout_s: float = Field(default=10.0, gt=0)
    """Seconds within which a connection must have sent its request's headers."""
    body_timeout_s: float = Field(default=30.0, gt=0)
    """Seconds within which a request's body must have arrived, counted from its headers."""
    write_timeout_s: float = Field(default=20.0, gt=0)
    """Seconds within which a client must take all of its answer that waits to be sent, or 64 KiB of it; past
    it the connection is cut."""
    unsent_bytes: int = Field(default=256 * MIB, ge=1)
    """Most bytes of answers that wait for their readers, over all connections; past it the readers that take
    longest are cut."""
    max_connections: int = Field(default=4096, ge=1)
    """Most connections at a time; past it a new one is answered 503 with Retry-After. Lowered at the start
    where the system allows this process fewer open files."""
    keep_alive_s: int = Field(default=65, ge=1)
    """Seconds that an idle connection is kept; more than the 60 that proxies in front use."""
    drain_delay_s: float = Field(default=2.0, ge=0)
    """On SIGTERM: seconds in which readiness says 503 while new connections are still served, so that a
    load balancer can take note. SIGINT (Ctrl-C) skips it."""
    drain_timeout_s: int = Field(default=15, ge=1)
    """On SIGTERM or SIGINT, after the delay: seconds that requests under way get to finish."""

    api_keys: Annotated[list[Key], NoDecode] = []
    """Keys that callers must bring, separated by commas, of 16 characters or more; several, so that they can
    be replaced one by one. None: no caller needs a key. Better set in the environment than by the flag, which
    other users of the machine can see."""
    admin_keys: Annotated[list[Key], NoDecode] = []
    """Keys for reloading, loading and unloading models, which open everything else too. None: nobody may."""
    metrics_open: bool = False
    """Whether /metrics answers without a key although there are API_KEYS."""
    rate_limit: float = Field(default=0.0, ge=0, le=1e6)
    """Most requests per second of one client, that is one key, else one address; past it the answer is 429
    with Retry-After. 0: no limit."""
    rate_burst: int = Field(default=20, ge=1)
    """How many requests a client that was quiet may make at once before RATE_LIMIT holds."""
    trusted_proxies: int = Field(default=0, ge=0)
    """How many proxies of your own stand in front and add to X-Forwarded-For, so that RATE_LIMIT tells
    clients apart behind them."""

    cors_origins: Annotated[list[str], NoDecode] = []
    """Origins whose pages may call the API from a browser, separated by commas; * allows all."""
    access_log: bool = True
    """One JSON line per request on standard output."""
    traces: bool = False
    """Whether to send OpenTelemetry traces, a span per request, to where OTEL_EXPORTER_OTLP_ENDPOINT and
    OpenTelemetry's other variables say. Needs the extra `traces`."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe message that is logged on standard error."""
    log_buffer_bytes: int = Field(default=1 * MIB, ge=4 * KIB)
    """Most bytes of log lines that wait to be written, for each of standard output and standard error. Lines
    past it are lost, and counted in mnist_gan_log_lines_lost_total; requests never wait for a log."""
    metrics_cache_s: float = Field(default=1.0, ge=0, le=60)
    """Seconds for which /metrics repeats its last answer, so that frequent scrapes cost little. 0: never."""

    @field_validator("cors_origins", "api_keys", "admin_keys", mode="before")
    @classmethod
    def _commas(cls, value: object) -> object:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @field_validator("api_keys", "admin_keys", mode="before")
    @classmethod
    def _some_keys(cls, value: object) -> object:
        """Refuse a list without keys: it may be a secret that failed to expand, and opens the service."""
        if isinstance(value, str) and value and not value.replace(",", "").strip():
            raise ValueError("holds only commas or blanks; set it to keys, or to nothing for no keys")
        return value
