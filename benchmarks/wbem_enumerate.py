"""How dear EnumerateInstances of 20 resources is, beside a bare h11 server with fixed bytes.

The servers run in processes of their own and are asked over one kept connection
each, in turns, by the same client that only counts bytes. `wbem` answers from a
cluster that rests; `restless` from one that has changed since every last
request, so that each answer is made anew. Prints one JSON line; exits with 1 if
the ratio of the medians of `wbem` and `bare` is above the bound.

    python benchmarks/wbem_enumerate.py [--requests 500] [--rounds 6]
"""

import argparse
import asyncio
import json
import multiprocessing
import socket
import statistics
import sys
import tempfile
import time
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import h11

sys.path.insert(0, str(Path(__file__).parents[1]))

from cim_provider.engine import ClusterView, EngineState, InstanceView, NodeView, PrimitiveView
from cim_provider.engines.memory import MemoryEngine
from cim_provider.mapping.operations import Mapping
from cim_provider.mapping.world import ServerIdentity
from cim_provider.schema import load_schema
from cim_provider.server.service import schema_texts
from tests.cim.server.harness import read_reply, request, serving

RATIO_MAX = 3.0
RESOURCES = 20


class RestlessEngine(MemoryEngine):
    """A cluster that has changed whenever it is looked at."""

    async def view(self) -> ClusterView:
        self.become()
        return await super().view()


def cluster() -> ClusterView:
    return ClusterView(
        version="",
        engine=EngineState.RUNNING,
        name="benchmark",
        product_version="1.0.0",
        local_node="n1",
        quorate=True,
        nodes=tuple(NodeView(f"n{n}", "online") for n in range(3)),
        primitives=tuple(
            PrimitiveView(
                *(f"resource-{n:02}", "ocf", "heartbeat", "Dummy", "started", (f"n{n % 3}",)),
                instances=(InstanceView(f"n{n % 3}", "started", started_wall_ms=1),),
                why="it has the highest score there",
            )
            for n in range(RESOURCES)
        ),
    )


def serve_wbem(pipe: Pipe) -> None:
    _serve(pipe, MemoryEngine(cluster()))


def serve_restless(pipe: Pipe) -> None:
    _serve(pipe, RestlessEngine(cluster()))


def _serve(pipe: Pipe, engine: MemoryEngine) -> None:
    mapping = Mapping(load_schema(schema_texts()), engine, ServerIdentity())
    with (
        tempfile.TemporaryDirectory() as directory,
        serving(Path(directory), performer=mapping) as served,
    ):
        pipe.send(served.http_port)
        pipe.recv()


def serve_bare(pipe: Pipe) -> None:
    content: bytes = pipe.recv()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        http = h11.Connection(h11.SERVER)
        headers = [("Content-Length", str(len(content)))]
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data(await reader.read(65_536))
            elif isinstance(event, h11.EndOfMessage):
                parts = (
                    http.send(h11.Response(status_code=200, headers=headers)),
                    http.send(h11.Data(data=content)),
                    http.send(h11.EndOfMessage()),
                )
                writer.write(b"".join(part or b"" for part in parts))
                await writer.drain()
                http.start_next_cycle()
            elif isinstance(event, h11.ConnectionClosed):
                writer.close()
                return

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        async with server:
            await asyncio.get_running_loop().run_in_executor(None, pipe.recv)

    asyncio.run(run())


def ask(stream: socket.socket, data: bytes, answer_bytes: int, count: int) -> list[float]:
    """Return how long each request took, in seconds."""
    taken = []
    for _ in range(count):
        start = time.perf_counter()
        stream.sendall(data)
        missing = answer_bytes
        while missing:
            missing -= len(stream.recv(262_144))
        taken.append(time.perf_counter() - start)
    return taken


def measure(ports: dict[str, int], requests: int, rounds: int) -> dict[str, float]:
    """Return the median of each server in microseconds; the servers take turns."""
    data = request("1001")
    streams = {name: socket.create_connection(("127.0.0.1", port)) for name, port in ports.items()}
    sizes = {}
    for name, stream in streams.items():
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream.sendall(data)
        sizes[name] = size_of_answer(stream)
    taken: dict[str, list[float]] = {name: [] for name in streams}
    for _ in range(rounds):
        for name, stream in streams.items():
            taken[name] += ask(stream, data, sizes[name], requests)
    for stream in streams.values():
        stream.close()
    return {name: round(statistics.median(times) * 1e6, 1) for name, times in taken.items()}


def size_of_answer(stream: socket.socket) -> int:
    """Return the bytes of one whole answer, its head included."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += stream.recv(65_536)
    top, _, rest = data.partition(b"\r\n\r\n")
    lines = dict(line.lower().split(b":", 1) for line in top.split(b"\r\n")[1:])
    length = int(lines[b"content-length"])
    missing = length - len(rest)
    while missing:
        missing -= len(stream.recv(65_536))
    return len(top) + 4 + length


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=6)
    options = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    pipes, processes, ports = [], [], {}
    content = b""
    for name, target in (
        ("wbem", serve_wbem),
        ("restless", serve_restless),
        ("bare", serve_bare),
    ):
        here, there = spawn.Pipe()
        process = spawn.Process(target=target, args=(there,))
        process.start()
        processes.append(process)
        pipes.append(here)
        if name == "bare":
            here.send(content)
        ports[name] = here.recv()
        if name == "wbem":
            with socket.create_connection(("127.0.0.1", ports[name])) as stream:
                stream.sendall(request("1001"))
                content = read_reply(stream).body
    found = measure(ports, options.requests, options.rounds)
    for pipe, process in zip(pipes, processes, strict=True):
        pipe.send("stop")
        process.join(10)
    ratio = found["wbem"] / found["bare"]
    result = {
        "resources": RESOURCES,
        "bytes": len(content),
        **found,
        "ratio": round(ratio, 2),
        "ratio_max": RATIO_MAX,
        "ratio_restless": round(found["restless"] / found["bare"], 2),
    }
    print(json.dumps(result))
    return 0 if ratio <= RATIO_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
