"""A small HTTP server whose faults are known, run as `python stub.py PORT`.

A body with "burn" costs 300 ms of processor time, "child" costs a child process 600 ms, "sleep" holds the
event loop for 300 ms, "fail" is answered 500, "shout" logs a line that is not JSON, "log" logs two that
are, one of them for a probe, "die" ends the process.
"""

import asyncio
import os
import subprocess
import sys
import time

BURN = "import time\nwhile time.process_time() < 0.6: pass"


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while head := await reader.readuntil(b"\r\n\r\n"):
        length = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        body = await reader.readexactly(int(length[0].partition(b":")[2])) if length else b""
        act(body)
        status = b"500 Wrong" if b"fail" in body else b"200 OK"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
        if b"close" in head.lower():
            writer.close()
            return


def act(body: bytes) -> None:
    until = time.process_time() + 0.3
    while b"burn" in body and time.process_time() < until:
        pass
    if b"sleep" in body:
        time.sleep(0.3)
    if b"child" in body:
        subprocess.run([sys.executable, "-c", BURN], check=True)
    if b"shout" in body:
        print("Traceback (most recent call last):", flush=True)  # noqa: T201
    if b"log" in body:
        print('{"path": "/health/live"}\n{"path": "/"}', flush=True)  # noqa: T201
    if b"die" in body:
        os._exit(1)


async def main() -> None:
    server = await asyncio.start_server(_quietly, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


async def _quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await handle(reader, writer)
    except (OSError, EOFError, ValueError):
        writer.close()


if __name__ == "__main__":
    asyncio.run(main())
