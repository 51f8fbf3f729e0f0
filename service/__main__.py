"""Command line: `python -m service {serve,check-models,openapi}`."""

import argparse
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from types import FrameType
from typing import Any, NoReturn

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from service.engine.workers import any_alive
from service.settings import Settings

USAGE, CANNOT_START = 2, 3
"""Exit codes: a setting that makes no sense; bundles or a provider that cannot be used."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and gives its exit code."""
    options = vars(parser().parse_args(arguments))
    command = options.pop("command")
    try:
        settings = Settings(**options)
    except ValidationError as error:
        for field in error.errors(include_url=False):
            name = str(field["loc"][0])
            print(f"error: {name.upper()} (--{_flag(name)}): {field['msg']}", file=sys.stderr)
        return USAGE
    try:
        return {"serve": serve, "check-models": check_models, "openapi": openapi}[command](settings)
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise
        print(
            "error: onnxruntime is not installed: pip install '.[cpu]', or '.[cuda]' for NVIDIA GPUs",
            file=sys.stderr,
        )
        return CANNOT_START


def serve(settings: Settings) -> int:
    """Serve until a signal ends it."""
    # Process 1 of a container ignores signals without a handler.
    signal.signal(signal.SIGTERM, _end_at_once)
    if hasattr(signal, "SIGHUP"):
        # It reloads the models once they are served. Until then it would end the process.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from service import logs
    from service.app import create_app, load_models
    from service.server import Server

    streams = logs.ProcessLogs(settings.log_buffer_bytes)
    logs.configure(settings.log_level, streams.stderr)
    registry = _or_reason(lambda: load_models(settings))
    app = registry and _or_reason(lambda: create_app(settings, registry, streams))
    if app is None:
        return CANNOT_START
    Server(app, settings).run()
    return 0


def check_models(settings: Settings) -> int:
    """Test every bundle, even after a bad one, and print a line for each."""
    from service.engine.bundle import load_bundle
    from service.engine.folders import find_bundles
    from service.engine.loading import load_all
    from service.engine.refusal import BundleError
    from service.engine.runs import Runs
    from service.engine.session import ProviderError

    folders = _or_reason(lambda: find_bundles(settings.models_dir))
    if folders is None:
        return CANNOT_START
    code = 0
    for folder in folders:
        runs = Runs()
        load = partial(load_bundle, provider=settings.provider, runs=runs)
        try:
            (bundle,) = load_all([folder], load, 1, settings.proof_timeout_s)
        except (BundleError, ProviderError) as error:
            print(f"bad  {error}")
            code = CANNOT_START
        else:
            provider = bundle.sessions["generator"].provider
            exactly = "to the byte" if bundle.exact else "within its tolerance"
            roles = ", ".join(bundle.sessions)
            print(f"good {folder}: {roles} on {provider}; self-test {exactly}; digest {bundle.digest[:12]}")
        finally:
            runs.close()
    return code


def openapi(settings: Settings) -> int:
    """Prints the API's description."""
    from service.app import create_app

    print(json.dumps(create_app(settings).openapi(), indent=2))
    return 0


def parser() -> argparse.ArgumentParser:
    """Every setting is a flag of `serve` and `check-models`; a flag that is given beats the environment."""
    top = argparse.ArgumentParser(
        prog="python -m service",
        description="Serves trained generative models of handwritten digits over HTTP.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serving = commands.add_parser(
        "serve",
        help="serve the models",
        description="Serves the models. Each setting is a flag or the environment variable named with it.",
    )
    checking = commands.add_parser(
        "check-models",
        help="verify every bundle and exit",
        description="Verifies every bundle: digests, inputs, outputs, self-test. Exit code 3 if one is bad.",
    )
    commands.add_parser("openapi", help="print the API's OpenAPI document as JSON")
    for name, field in Settings.model_fields.items():
        _add(serving, name, field)
        if name in ("models_dir", "provider", "proof_timeout_s"):
            _add(checking, name, field)
    return top


def _add(to: argparse.ArgumentParser, name: str, field: FieldInfo) -> None:
    text = " ".join((field.description or "").split()).replace("%", "%%")
    default = field.default if field.default != [] else "none"
    to.add_argument(
        f"--{_flag(name)}",
        dest=name,
        default=argparse.SUPPRESS,
        metavar="VALUE",
        help=f"{text} [{name.upper()}, default: {default}]",
    )


def _flag(name: str) -> str:
    return name.replace("_", "-")


def _or_reason(load: Any) -> Any:
    """What `load` gives; None, and the reason on standard error, where the service cannot start."""
    from service.engine.refusal import BundleError
    from service.engine.session import ProviderError
    from service.traces import TracesError

    try:
        return load()
    except (BundleError, ProviderError, TracesError) as error:
        print(f"error: {error}", file=sys.stderr)
        return None


def _end_at_once(number: int, _frame: FrameType | None) -> None:
    """End a process that does not serve yet; the server replaces this handler."""
    os._exit(128 + number)


def leave() -> NoReturn:
    """Run the command and end the process, also when threads are stuck in onnxruntime: the interpreter would
    otherwise wait for them, or crash in them."""
    try:
        code = main()
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    if any_alive():
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    leave()
