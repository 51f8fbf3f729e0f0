"""A server that is measured: started on a free port of loopback, waited for, weighed and ended."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.ports import free_port
from benchmarks.workload import Workload
from service.engine.threads import available_threads

ROOT = Path(__file__).parents[1]
START_S = 90
END_S = 5
MARK = "BENCHMARK_RUN"
"""A variable in the environment of every process that belongs to a server: children inherit it."""


@dataclass(frozen=True)
class Server:
    """How to start it. `{port}` in the command is where it shall listen."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    processes: int = 1
    """So many copies, each on a port of its own."""
    folder: Path = ROOT
    asked: Mapping[Workload, Workload] = field(default_factory=dict)
    """What it is asked in place of a workload that it cannot read."""


@dataclass(frozen=True)
class Running:
    ports: Sequence[int]
    start_s: float
    """From the start of the first process to the first answer."""
    mark: str

    def memory_mb(self) -> float:
        """Resident memory of all its processes; pages that they share count in each."""
        return sum(_resident(pid) for pid in _marked(self.mark))

    def cpu_s(self) -> float:
        """Processor time that all its processes have used: what a busy neighbour changes least."""
        return sum(_used(pid) for pid in _marked(self.mark))


@contextlib.contextmanager
def running(server: Server, first: Workload) -> Iterator[Running]:
    """The server, once it answers this workload; ended with the block. RuntimeError, with what it said, where
    it does not start."""
    mark = uuid.uuid4().hex
    ports = [free_port() for _ in range(server.processes)]
    with tempfile.TemporaryFile() as log:
        processes: list[subprocess.Popen[bytes]] = []
        started = time.monotonic()
        try:
            for port in ports:
                processes.append(
                    subprocess.Popen(
                        [part.replace("{port}", str(port)) for part in server.command],
                        cwd=server.folder,
                        env=os.environ | server.environment | {MARK: mark},
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                    )
                )
            for port, process in zip(ports, processes, strict=True):
                while not _answers(port, first):
                    if process.poll() is not None or time.monotonic() - started > START_S:
                        log.seek(0)
                        said = log.read().decode(errors="replace")[-3000:]
                        raise RuntimeError(f"{server.name} did not start:\n{said}")
                    time.sleep(0.01)
            yield Running(ports, time.monotonic() - started, mark)
        finally:
            _end(mark)
            for process in processes:
                process.wait()


def ours(name: str, models: Path, default: str, processes: int = 1) -> Server:
    """This service, without an access log, as the others; several processes share the threads."""
    command = [sys.executable, "-m", "service", "serve", "--port", "{port}", "--models-dir", str(models)]
    threads = max(1, available_threads() // processes)
    given = {
        "DEFAULT_MODEL": default,
        "ACCESS_LOG": "false",
        "PROVIDER": "cpu",
        "DRAIN_DELAY_S": "0",
        "THREADS": str(threads),
    }
    return Server(name, command, given, processes)


@contextlib.contextmanager
def folder_of(bundles: Iterable[Path]) -> Iterator[Path]:
    """A folder of models that holds these bundles alone: <name>/<version> of each path."""
    with tempfile.TemporaryDirectory() as folder:
        for bundle in bundles:
            shutil.copytree(bundle, Path(folder, bundle.parent.name, bundle.name))
        yield Path(folder)


def newest(model: str) -> Path:
    """The newest bundle of the models that ship."""
    return max((ROOT / "models" / model).glob("[0-9]*"), key=lambda path: int(path.name))


def echo() -> Server:
    """A bare ASGI application: what uvicorn alone can do here and now."""
    command = [sys.executable, "-m", "uvicorn", "benchmarks.echo:app", "--port", "{port}"]
    return Server("bare ASGI echo", [*command, "--no-access-log", "--log-level", "warning"])


def _answers(port: int, workload: Workload) -> bool:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{workload.path}",
        workload.body,
        {"Content-Type": workload.content_type},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _marked(mark: str) -> list[int]:
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def _resident(pid: int) -> float:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    return 0.0


def _used(pid: int) -> float:
    with contextlib.suppress(OSError):
        # Fields 14 and 15; the second is the command's name in brackets, which may hold spaces.
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _end(mark: str) -> None:
    """Asks its processes to end, and ends those that do not."""
    for sig, patience in ((signal.SIGTERM, END_S), (signal.SIGKILL, END_S)):
        for pid in _marked(mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)
        until = time.monotonic() + patience
        while _marked(mark) and time.monotonic() < until:
            time.sleep(0.05)
