"""One server with indications as a process of its own, over a cluster that is a file.

Owns: the program that `test_kills` runs and kills, and the hand that starts it.
Its cluster is `state.json` of the directory, which all servers of it read: the
description of one resource, and the states of the nodes. Alerts come as lines
of JSON on standard input; each line is answered by one when nothing can be lost.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from queue import Empty, Queue

from cim_provider.engines.memory import MemoryEngine
from tests.cim.indications.rig import Node
from tests.cim.mapping.views import cluster

READY = "ready"
ROOT = Path(__file__).resolve().parents[3]


def write_state(directory: Path, description: str, **states: str) -> None:
    """Let the cluster be so, whole or not at all."""
    fresh = directory / "state.new"
    fresh.write_text(json.dumps({"description": description, "states": states}))
    os.replace(fresh, directory / "state.json")


def become(engine: MemoryEngine, text: str, known: str) -> str:
    """Let the engine show what the file says; return what it shows."""
    if text != known:
        state = json.loads(text)
        view = engine._view  # the engine is a fake of ours, and this its hand
        primitives = (
            replace(view.primitives[0], description=state["description"]),
            *view.primitives[1:],
        )
        nodes = tuple(
            replace(node, state=state["states"].get(node.name, node.state)) for node in view.nodes
        )
        engine.become(primitives=primitives, nodes=nodes)
    return text


def say(line: str) -> None:
    """Write a line for whoever started this."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def serve(directory: Path, name: str) -> None:
    """Run until standard input ends or SIGTERM comes."""
    engine, loop = MemoryEngine(cluster()), asyncio.get_running_loop()
    file = directory / "state.json"
    shown = become(engine, file.read_text(), "")
    node = Node(engine, directory, name)
    lines: asyncio.Queue[str] = asyncio.Queue()
    threading.Thread(
        target=lambda: [loop.call_soon_threadsafe(lines.put_nowait, line) for line in sys.stdin],
        daemon=True,
    ).start()
    stopping = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    say(READY)
    while not stopping.is_set():
        shown = become(engine, file.read_text(), shown)
        try:
            async with asyncio.timeout(0.02):
                line = await lines.get()
        except TimeoutError:
            continue
        await node.alert(*json.loads(line))
        say(json.dumps({"holds": node.keeper.is_holder}))
    await node.stop()


class Process:
    """A server of the directory, running."""

    def __init__(self, directory: Path, name: str) -> None:
        self.name = name
        log = os.open(directory / f"{name}.log", os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cim.indications.process", str(directory), name],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        os.close(log)
        self._answers: Queue[str] = Queue()
        self.holds = False
        """Whether it delivered when it was asked last."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._answers.get(timeout=60).strip() == READY

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)

    def alert(self, *texts: str) -> bool:
        """Raise alerts; return whether the server said that they are safe."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(texts) + "\n")
            self._process.stdin.flush()
            self.holds = bool(json.loads(self._answers.get(timeout=10))["holds"])
        except (BrokenPipeError, Empty, ValueError):
            return False
        return True

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._close(20)

    def _close(self, seconds: float) -> None:
        self._process.wait(seconds)
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def stop(self) -> None:
        """End it in order."""
        self._process.terminate()
        self._close(20)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2]))
