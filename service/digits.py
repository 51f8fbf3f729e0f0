"""The command `digits`: pictures and data sets from a running service.

digits 2026 -o year.png
digits --model dcgan -n 64 --grid
digits dataset --n 60000 -o synthetic/
digits dataset --n 10_000_000 --ray -o synthetic/
"""

import argparse
import asyncio
import io
import os
import re
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import httpx
from tqdm import tqdm

from service import dataset, ray_data, shards
from service.client import URL, AsyncClient, Client, DigitsError, Format, Picture

FAILED, INTERRUPTED = 1, 130
SCALE = 4
SHARD, TASKS = 100_000, 4
KINDS: dict[str, Format] = {".png": "png", ".npy": "npy", ".zip": "zip"}
"""What a file's name says; any other name is a folder for a PNG each."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and gives its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Not argparse's own subcommands: a number may stand where their name would.
    is_dataset = given[:1] == ["dataset"]
    options = dataset_options(given[1:]) if is_dataset else draw_parser().parse_args(given)
    try:
        return make_dataset(options) if is_dataset else draw(options)
    except DigitsError as error:
        reason = error.detail
    except httpx.TransportError as error:
        reason = f"no answer from {options.url} ({error}): is the service running? Try make serve, or --url"
    except (dataset.DatasetError, OSError) as error:
        reason = str(error)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here" if is_dataset else "stopped", file=sys.stderr)
        return INTERRUPTED
    print(f"error: {reason}", file=sys.stderr)
    return FAILED


def draw(options: argparse.Namespace) -> int:
    """Pictures of a number, or of what the model likes."""
    number: str | None = options.number
    out: Path = options.output or _default_output(options)
    asked: Picture = {"scale": options.scale, "format": KINDS.get(out.suffix, "zip")}
    if options.model is not None:
        asked["model"] = options.model
    if options.seed is not None:
        asked["seed"] = options.seed
    if number is None:
        asked["n"] = options.n
    else:
        asked["labels"] = [int(digit) for digit in number] * options.n
        asked["columns"] = len(number)
    with Client(options.url, key=_key()) as client:
        content = client.picture(**asked)
    if out.suffix in KINDS:
        out.write_bytes(content)
    else:
        zipfile.ZipFile(io.BytesIO(content)).extractall(out)
    print(out)
    return 0


def make_dataset(options: argparse.Namespace) -> int:
    """MNIST's two files, of generated digits, or a folder with the two for each shard."""
    print(_make_shards(options) if options.ray else asyncio.run(_make_files(options)))
    return 0


async def _make_files(options: argparse.Namespace) -> Path:
    async with _client(options) as client:
        wanted = await _wanted(client, options)
        with _bar(wanted) as bar:
            return await dataset.write(client, options.output, wanted, bar.update)


def _make_shards(options: argparse.Namespace) -> Path:
    async def plan() -> dataset.Plan:
        async with _client(options) as client:
            return await _wanted(client, options)

    out: Path = options.output
    wanted = asyncio.run(plan())
    missing = [s for s in shards.begin(out, wanted, options.shard or SHARD) if not s.folder.exists()]
    with _bar(wanted) as bar:
        bar.update(wanted.n - sum(shard.plan.n for shard in missing))
        # No cluster is needed where nothing is.
        if missing:
            for n in ray_data.make(missing, options.url, _key(), options.tasks or TASKS):
                bar.update(n)
    return out


def _client(options: argparse.Namespace) -> AsyncClient:
    return AsyncClient(options.url, key=_key(), retries=10)


async def _wanted(client: AsyncClient, options: argparse.Namespace) -> dataset.Plan:
    return await dataset.plan(client, options.n, options.seed, options.split, options.model)


def _bar(wanted: dataset.Plan) -> "tqdm[NoReturn]":
    return tqdm(total=wanted.n, unit="image", desc=f"{wanted.model} {wanted.version}")


def dataset_options(arguments: Sequence[str]) -> argparse.Namespace:
    """What was asked for; a usage error where it does not go together."""
    parser = dataset_parser()
    options = parser.parse_args(arguments)
    if not options.ray and (options.shard or options.tasks):
        parser.error("--shard and --tasks go with --ray")
    return options


def draw_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="digits",
        description="Draws digits. `digits dataset --help` tells how to write a whole data set.",
    )
    parser.add_argument("number", nargs="?", type=_number, help="what to draw, like 2026; conditional models")
    parser.add_argument("-o", "--output", type=Path, help="NAME.png, .npy, .zip, or a folder for a PNG each")
    parser.add_argument("-n", type=_count, default=1, metavar="N", help="how many; of a number, how often")
    parser.add_argument("--grid", action="store_true", help="all in one picture: short for -o digits.png")
    parser.add_argument("--seed", type=_seed, help="the same seed gives the same images")
    parser.add_argument("--scale", type=int, default=SCALE, help="pixels become squares of so many")
    _add_common(parser)
    return parser


def dataset_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="digits dataset",
        description="Writes a data set in MNIST's format, each digit equally often. Run again, it goes on.",
    )
    parser.add_argument("--n", type=_count, default=60_000, metavar="N", help="how many images [60000]")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the folder")
    parser.add_argument("--seed", type=_seed, default=0, help="image i is drawn from seed + i [0]")
    parser.add_argument("--split", choices=("train", "t10k"), default="train", help="how the files begin")
    parser.add_argument("--ray", action="store_true", help="in shards, by a Ray cluster that sees the folder")
    parser.add_argument("--shard", type=_count, metavar="N", help=f"images of a shard, with --ray [{SHARD}]")
    parser.add_argument("--tasks", type=_count, metavar="N", help=f"shards at once, with --ray [{TASKS}]")
    _add_common(parser)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", help="a name from /models; the service's default if left out")
    parser.add_argument("--url", default=os.environ.get("DIGITS_URL", URL), help="the service [DIGITS_URL]")
    parser.epilog = "DIGITS_KEY in the environment is the key of a service that wants one."


def _key() -> str | None:
    """From the environment alone: a key on a command line is read by everybody who lists processes."""
    return os.environ.get("DIGITS_KEY")


def _default_output(options: argparse.Namespace) -> Path:
    if options.number is not None:
        return Path(f"{options.number}.png")
    return Path("digits.png" if options.grid or options.n == 1 else "digits")


def _number(text: str) -> str:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no number: give digits, like 2026")
    return text


def _count(text: str) -> int:
    if not (re.fullmatch("[0-9]+(_[0-9]+)*", text) and 1 <= int(text) <= 2**32):
        raise argparse.ArgumentTypeError(f"{text!r} is not a count from 1 to {2**32}")
    return int(text)


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < 2**32):
        raise argparse.ArgumentTypeError(f"{text!r} is not a seed from 0 to {2**32 - 1}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
