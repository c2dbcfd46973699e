"""A full walk of 16 nodes and 1,000 resources by pywbem, as a ratio to the same bytes from a file.

`ha-cimd` runs as it is installed, over the control socket of a stand-in that tells of a made-up
cluster (`large`). The walk enumerates every class that has objects of its own, associations
included. The same client then asks a bare server that gives the same bytes for the same requests.
Also measured: memory and processor time of `ha-cimd` for one change of such a cluster, with and
without a subscription, and how long one resource takes to read while it changes.

    python benchmarks/wbem/walk.py [--rounds 3] [--slow 10]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pywbem
from asking import get_request
from load import Client
from servers import USER

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
NAMESPACES = ("root/cimv2", "interop")
RATIO_MAX, CHANGE_MS_MAX, DELAY_MS_MAX = 1.2, 50.0, 20.0
CHANGES = 10
REST_S = 1.0


class Child:
    """A process that says a line when it is ready, and one for each line that it is given."""

    def __init__(self, *command: str, ready: bytes = b"", where: str = "stdout") -> None:
        pipes = {"stdin": subprocess.PIPE, where: subprocess.PIPE}
        self.process = subprocess.Popen([sys.executable, *command], cwd=ROOT, **pipes)
        self.watched = psutil.Process(self.process.pid)
        self._told = getattr(self.process, where)
        self.first = self.line()
        while not self.first.startswith(ready):
            self.first = self.line()

    def line(self) -> bytes:
        """Return its next line."""
        line = self._told.readline()
        assert line, f"it ended: {self.process.wait()}"
        return line

    def tell(self, text: str = "") -> bytes:
        """Give it a line and return what it says to that."""
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()
        return self.line()

    def used_s(self) -> float:
        """Return the processor time that it has used."""
        return sum(self.watched.cpu_times()[:2])

    def megabytes(self) -> float:
        """Return how much memory it has in use."""
        return self.watched.memory_info().rss / 1e6

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.communicate(timeout=30)


@contextmanager
def cimd(root: Path, *numbers: str):
    """Run `ha-cimd` over a stand-in for the daemon; yield both and the port."""
    from cim_provider.server.layout import ServerLayout
    from cim_provider.server.roles import Role
    from cim_provider.server.users import User, UserFile, hash_password

    layout = ServerLayout(root)
    layout.users_file.parent.mkdir(parents=True, exist_ok=True)
    password = hash_password(USER[1].encode())
    UserFile(layout.users_file).put(User(USER[0], password, Role.ADMINISTER))
    daemon = Child("benchmarks/wbem/daemon.py", str(root), *numbers)
    options = f"run --root {root} --http-port 0 --https-port 0 --bind 127.0.0.1".split()
    command = ("-m", "cim_provider.server.daemon", *options)
    server = Child(*command, ready=b"READY", where="stderr")
    try:
        url = next(each for each in server.first.decode().split() if each.startswith("http:"))
        yield daemon, server, url
    finally:
        server.stop()
        daemon.stop()


def connection(url: str) -> pywbem.WBEMConnection:
    """Return a client."""
    return pywbem.WBEMConnection(url, USER, default_namespace=NAMESPACES[0], timeout=300)


def concrete(client: pywbem.WBEMConnection) -> list[tuple[str, str]]:
    """Return the classes that have objects of their own, with their namespaces."""
    found = []
    for namespace in NAMESPACES:
        own: set[str] = set()
        for top in client.EnumerateClassNames(namespace):
            for path in client.EnumerateInstanceNames(top, namespace):
                own.add(path.classname)
        found += [(namespace, name) for name in sorted(own)]
    return found


def walk(url: str, classes: list[tuple[str, str]]) -> dict[str, float]:
    """Return how long the enumeration of each class took, in seconds."""
    client, taken = connection(url), {}
    for namespace, name in classes:
        begin_s = time.perf_counter()
        client.EnumerateInstances(name, namespace)
        taken[f"{namespace}:{name}"] = time.perf_counter() - begin_s
    client.close()
    return taken


def recorded(url: str, classes: list[tuple[str, str]], directory: Path) -> list[Path]:
    """Write down the answers of a walk; return the files in its order."""
    client, files = connection(url), []
    client.debug = True
    for number, (namespace, name) in enumerate(classes):
        client.EnumerateInstances(name, namespace)
        files.append(directory / f"{number}.xml")
        raw = client.last_raw_reply
        files[-1].write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    client.close()
    return files


def measure_walks(
    url: str, daemon: Child, server: Child, options: argparse.Namespace, result: dict
) -> tuple[float, float]:
    """Return the ratio of a walk after a change, by time and by processors; print the slowest."""
    classes = concrete(connection(url))
    with tempfile.TemporaryDirectory() as directory:
        files = recorded(url, classes, Path(directory))
        size = sum(file.stat().st_size for file in files)
        bare = Child("benchmarks/wbem/servers.py", "turns", *map(str, files))
        plain = f"http://127.0.0.1:{json.loads(bare.first)['http']}"
        ratios, used, ours, fixed = [], [], {}, {}
        for _ in range(options.rounds):
            daemon.tell()
            time.sleep(REST_S)
            ours, ours_s = _walked(url, classes, server)
            fixed, fixed_s = _walked(plain, classes, bare)
            ratios.append(sum(ours.values()) / sum(fixed.values()))
            used.append(ours_s / fixed_s)
        bare.stop()
    for name in sorted(ours, key=lambda each: fixed[each] - ours[each])[: options.slow]:
        print(f"    {name:48} {ours[name]:7.3f} s, from a file {fixed[name]:7.3f} s")
    result["walk"] = {
        "classes": len(classes),
        "bytes": size,
        "seconds": round(sum(ours.values()), 2),
        "ratios": [round(each, 3) for each in ratios],
        "by_processor": [round(each, 3) for each in used],
    }
    return statistics.median(ratios), statistics.median(used)


def _walked(
    url: str, classes: list[tuple[str, str]], server: Child
) -> tuple[dict[str, float], float]:
    """Return how long each class took, and the processor time of client and server."""
    before_s = time.process_time() + server.used_s()
    taken = walk(url, classes)
    return taken, time.process_time() + server.used_s() - before_s


def measure_change(daemon: Child, server: Child, port: int) -> tuple[float, float]:
    """Return the processor time of one change, and the longest read beside some, in ms."""
    client = Client(port, get_request("resource-0007"), None)
    client.measure()
    time.sleep(REST_S)
    before_s = server.used_s()
    time.sleep(CHANGES * REST_S)
    idle_s = server.used_s() - before_s
    before_s, taken = server.used_s(), []
    for _ in range(CHANGES):
        daemon.tell()
        time.sleep(REST_S)
    used_ms = (server.used_s() - before_s - idle_s) / CHANGES * 1e3
    for _ in range(CHANGES):
        daemon.tell()
        end_s = time.perf_counter() + REST_S / 2
        while (begin_s := time.perf_counter()) < end_s:
            client.measure()
            taken.append(time.perf_counter() - begin_s)
    client.stream.close()
    return used_ms, max(taken) * 1e3


def subscribe(url: str) -> None:
    """Ask for all changes of resources and nodes; nobody is there to take them."""
    manager = pywbem.WBEMSubscriptionManager("walk")
    server = pywbem.WBEMServer(connection(url))
    known = manager.add_server(server)
    destination = manager.add_destination(
        known, "http://127.0.0.1:9", owned=True, destination_id="walk"
    )
    query = "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA CIM_ManagedElement"
    filter_ = manager.add_filter(
        known, "root/cimv2", query, query_language="DMTF:CQL", owned=True, filter_id="walk"
    )
    manager.add_subscriptions(known, filter_.path, destination.path)


def main() -> int:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slow", type=int, default=10, help="classes that are shown")
    parser.add_argument("--nodes", type=int, default=16)
    parser.add_argument("--resources", type=int, default=1000)
    options = parser.parse_args()
    rows: list[tuple[str, float, float | None]] = []
    result: dict[str, object] = {"load": os.getloadavg()[0]}
    numbers = (str(options.nodes), str(options.resources))
    with (
        tempfile.TemporaryDirectory() as directory,
        cimd(Path(directory), *numbers) as (daemon, server, url),
    ):
        port = int(url.rsplit(":", 1)[1])
        time.sleep(REST_S)
        rows.append(("memory before any request, MB", server.megabytes(), None))
        used_ms, delay_ms = measure_change(daemon, server, port)
        rows.append(("processor time of one change, ms", used_ms, CHANGE_MS_MAX))
        rows.append(("one resource beside changes: longest, ms", delay_ms, DELAY_MS_MAX))
        ratio, used = measure_walks(url, daemon, server, options, result)
        rows.append(("walk, to the same bytes from a file", ratio, RATIO_MAX))
        rows.append(("the same by processor time", used, RATIO_MAX))
        rows.append(("memory after it, MB", server.megabytes(), None))
        subscribe(url)
        time.sleep(REST_S)
        used_ms, delay_ms = measure_change(daemon, server, port)
        rows.append(("one change with a subscription, ms", used_ms, CHANGE_MS_MAX))
        rows.append(("one resource then: longest, ms", delay_ms, DELAY_MS_MAX))
    missed = 0
    for name, value, goal in rows:
        is_met = goal is None or value <= goal
        missed += not is_met
        aim = "" if goal is None else f"   <= {goal:g}{'' if is_met else '   MISSED'}"
        print(f"{name:48} {value:10.2f}{aim}")
    print(json.dumps(result))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
