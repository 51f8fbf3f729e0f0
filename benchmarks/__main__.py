"""python -m benchmarks COMMAND: measures something and prints a table; `--help` after a command tells more.

A command is the module of this name beside this one, with `main(arguments)`.
"""

import argparse
import importlib
import sys

COMMANDS = {
    "limits": "what the parts can do alone: onnxruntime, a bare ASGI echo, encoders, JSON",
    "load": "this service under load, in one process and in two",
    "peers": "the same workloads on what people would use instead",
    "training": "images per second of our loop and of plain PyTorch scripts",
    "growth": "throughput, latency and memory against n, clients, models and processes",
    "page": "how soon the playground shows its first digits, in Chromium",
    "faults": "tries to break the service: overload, faults, hostile input; tells what was lost",
    "corrupted": "how many ONNX files with a flipped bit onnxruntime loads without an error",
    "write": "runs benchmarks and writes their figures into the pages",
    "replicas": "what is lost when replicas behind nginx are killed or replaced; needs a Docker engine",
}


def main() -> None:
    listing = "\n".join(f"  {name:10} {text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"{__doc__}\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND")
    name = parser.parse_args(sys.argv[1:2]).command
    importlib.import_module(f"benchmarks.{name}").main(sys.argv[2:])


if __name__ == "__main__":
    main()
