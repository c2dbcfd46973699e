"""The servers that are measured, each in a process of its own: ours, and bare aiohttp.

Ours is the service as `ha-cimd` runs it, with the real schema, TLS and users,
over a cluster in memory. Lines on standard input change that cluster.

    python servers.py wbem DIRECTORY RESOURCES [CHANGES_PER_SECOND]
    python servers.py bare FILE...
    python servers.py secure CERTIFICATE KEY FILE...
    python servers.py turns FILE...
"""

import asyncio
import json
import ssl
import sys
from itertools import cycle
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

USER = ("bench", "a password that nobody guesses")
CLASS = "HA_PrimitiveResource"


def serve_bare(
    files: list[str], *, in_turn: bool = False, context: ssl.SSLContext | None = None
) -> None:
    """Answer a POST to /N with the bytes of the Nth file, or any with the next one's.

    With a context, over TLS.
    """
    from aiohttp import web

    bodies = {f"/{n}": Path(file).read_bytes() for n, file in enumerate(files)}
    turns = cycle(bodies)

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        body = bodies[next(turns) if in_turn else request.path]
        return web.Response(body=body, content_type="application/xml")

    async def run() -> None:
        application = web.Application()
        application.router.add_post("/{number}", answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        _ready({"https" if context else "http": runner.addresses[0][1]})
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await runner.cleanup()

    asyncio.run(run())


def serve_wbem(directory: Path, resources: int, changes_per_s: float) -> None:
    """Serve a cluster of so many resources."""
    from cim_provider.server.lean import load_pywbem

    load_pywbem()
    from cim_provider.engines.memory import MemoryEngine
    from cim_provider.server.layout import ServerLayout
    from cim_provider.server.roles import Role
    from cim_provider.server.service import Service, make_performer
    from cim_provider.server.settings import Settings
    from cim_provider.server.tuning import give_back_large_blocks
    from cim_provider.server.users import User, UserFile, hash_password

    give_back_large_blocks()
    layout = ServerLayout(directory)
    layout.users_file.parent.mkdir(parents=True, exist_ok=True)
    UserFile(layout.users_file).put(User(USER[0], hash_password(USER[1].encode()), Role.OPERATE))
    engine = MemoryEngine(cluster(resources))

    async def change() -> None:
        count = 0
        while changes_per_s:
            await asyncio.sleep(1 / changes_per_s)
            count += 1
            engine.change_primitive("resource-0001", why=f"change {count}")

    async def run() -> None:
        settings = Settings(http_port=0, https_port=0, bind=("127.0.0.1",))
        service, stopping = await Service.open(settings, layout), asyncio.Event()
        loop = asyncio.get_running_loop()
        changing = loop.create_task(change())
        serving = loop.create_task(service.run(make_performer(engine, "localhost"), "x", stopping))
        ports = {scheme: int(url.rsplit(":", 1)[1]) for scheme, url in service.urls().items()}
        _ready({**ports, "certificate": str(layout.certificate_file)})
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            engine.change_primitive("resource-0001", why=line.strip())
            _ready({})
        stopping.set()
        changing.cancel()
        await serving

    asyncio.run(run())


def cluster(resources: int):
    """Return a cluster of three nodes that runs so many resources."""
    from cim_provider.engine import (
        ClusterView,
        EngineState,
        InstanceView,
        NodeView,
        PrimitiveView,
    )

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
                *(f"resource-{n:04}", "ocf", "heartbeat", "Dummy", "started", (f"n{n % 3}",)),
                instances=(InstanceView(f"n{n % 3}", "started", started_wall_ms=1),),
                why="it has the highest score there",
            )
            for n in range(resources)
        ),
    )


def _ready(state: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(state) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    kind, *rest = sys.argv[1:]
    if kind in ("bare", "turns"):
        serve_bare(rest, in_turn=kind == "turns")
    elif kind == "secure":
        secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        secure.load_cert_chain(*rest[:2])
        serve_bare(rest[2:], context=secure)
    else:
        serve_wbem(Path(rest[0]), int(rest[1]), float(rest[2]) if rest[2:] else 0.0)
