"""`make demo`: a cluster loses the machine that serves its web site, and the site goes on.

Owns: the script of the demonstration. Everything it says is looked at, from
outside, while it says it: by the `ha` command, by a web client and by a WBEM
client. Whatever is not as it should be ends it with exit code 1.
"""

import asyncio
import http.client
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, cast

import click
import pywbem

from ha_core.client import Client
from ha_core.errors import HaError
from ha_core.lab import cluster, machines, processes, report
from ha_core.lab.signals import interruptible, undisturbed
from ha_core.lab.state import Lab, LabNode
from ha_core.snapshot import ClusterSnapshot

RESOURCE: Final = "web"
PORT: Final = 18080
ADDRESS: Final = "site-ip"
PATIENCE_S: Final = 20.0
CIM_S: Final = 5.0
VISIT_S: Final = 0.25
PAUSE_S: Final = 0.005


class _WbemClient(Protocol):
    """What is used of the library, which has no types."""

    url: str

    def EnumerateInstances(self, name: str) -> list[pywbem.CIMInstance]: ...

    def AssociatorNames(self, path: object, *, AssocClass: str) -> list[pywbem.CIMInstanceName]: ...


class NotSoError(Exception):
    """Something that the demonstration shows is not so."""


class Visitor(threading.Thread):
    """Asks for the web site's page over and over, and notes who answered when."""

    def __init__(self, host: str) -> None:
        super().__init__(name="visitor", daemon=True)
        self._host = host
        self._ending = threading.Event()
        self._heard = threading.Condition()
        self.node = ""
        self.text = ""
        self.owners: list[str] = []
        """Who answered, one after the other."""
        self.answers = 0
        self.silence_ms = 0
        """The longest time between two answers."""

    def run(self) -> None:
        """Visit until told to end."""
        last = time.monotonic()
        while not self._ending.wait(PAUSE_S):
            try:
                node, text = visit(self._host)
            except (OSError, http.client.HTTPException):
                continue
            now = time.monotonic()
            with self._heard:
                if node != self.node:
                    self.owners.append(node)
                self.node, self.text = node, text
                self.answers += 1
                self.silence_ms = max(self.silence_ms, round((now - last) * 1000))
                self._heard.notify_all()
            last = now

    def wait_for(self, is_so: Callable[[], bool]) -> bool:
        """Wait until it is so after some answer; return whether that came in time."""
        with self._heard:
            return self._heard.wait_for(is_so, PATIENCE_S)

    def end(self) -> None:
        """Make no more visits."""
        self._ending.set()
        self.join()


def visit(host: str) -> tuple[str, str]:
    """Ask for the page once; return the node that answered, and what it said."""
    connection = http.client.HTTPConnection(host, PORT, timeout=VISIT_S)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        text = answer.read().decode().strip()
        if answer.status != http.client.OK:
            raise http.client.HTTPException(text)
        return answer.headers["X-Node"], text
    finally:
        connection.close()


def say(text: str) -> None:
    """Print one step of the script."""
    click.echo(f"\n{click.style(text, bold=True)}")


def require(is_so: bool, text: str) -> None:
    """End the demonstration unless it is so. Raises NotSoError."""
    if not is_so:
        raise NotSoError(text)


def ha(*words: str) -> None:
    """Show an `ha` command and what it prints. Raises NotSoError if it fails."""
    click.echo(f"$ ha {' '.join(words)}")
    command = [sys.executable, "-m", "ha_core.cli.main", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    click.echo(done.stdout + done.stderr, nl=False)
    require(done.returncode == 0, f"the command ends with {done.returncode}")


def wbem(lab: Lab, node: LabNode) -> _WbemClient:
    """Return a WBEM client of that node's server, over HTTPS, which checks its certificate."""
    url = f"https://{node.wbem_host}:{node.https_port}"
    client = pywbem.WBEMConnection(  # type: ignore[no-untyped-call]  # it has no types
        url,
        (lab.user, lab.password),
        default_namespace="root/cimv2",
        ca_certs=str(report.certificate(lab, node)),
        timeout=int(PATIENCE_S),
    )
    # A bundle named in the environment would win over the lab's certificate.
    client.session.trust_env = False
    return cast(_WbemClient, client)


def show_in_cim(lab: Lab, asked: LabNode, where: str, online: list[str]) -> None:
    """Print what CIM says of services and nodes.

    Raises: NotSoError: the web service is hosted elsewhere, or other nodes are online.
    """
    client = wbem(lab, asked)
    deadline = time.monotonic() + CIM_S
    while True:
        lines, seen = look(client)
        # The server follows its daemon: what that one has just said may take a moment here.
        if seen == (where, online) or time.monotonic() > deadline:
            break
        time.sleep(PAUSE_S)
    click.echo(f"  WBEM at {client.url}, root/cimv2, says:")
    click.echo("\n".join(lines))
    require(seen == (where, online), f"CIM says {seen[0]} and {', '.join(seen[1])}")


def look(client: _WbemClient) -> tuple[list[str], tuple[str, list[str]]]:
    """Return what CIM says, in lines; where the web service is; and which nodes are online."""
    lines, where = [], ""
    for resource in client.EnumerateInstances("HA_PrimitiveResource"):
        hosts = client.AssociatorNames(resource.path, AssocClass="HA_HostedResource")
        names = ", ".join(path["Name"] for path in hosts)
        lines.append(f"  {resource['Id']:<10} {resource['ResourceStatus']:<10} {names}")
        where = names if resource["Id"] == RESOURCE else where
    nodes = client.EnumerateInstances("HA_ClusterNode")
    lines += [f"  node {node['Name']:<5} {', '.join(node['StatusDescriptions'])}" for node in nodes]
    return lines, (where, sorted(node["Name"] for node in nodes if node["OnLine"] == "True"))


async def seen_by(root: Path, is_so: Callable[[ClusterSnapshot], bool]) -> None:
    """Wait until a node sees the cluster so. Raises NotSoError if that takes too long."""
    try:
        async with asyncio.timeout(PATIENCE_S), Client(root) as client:
            while not is_so(snapshot := await client.snapshot()):
                await client.changed(snapshot.version, cluster.POLL_MS)
    except TimeoutError:
        raise NotSoError(f"the node in {root} does not see it after {PATIENCE_S:g} s") from None


def is_settled(snapshot: ClusterSnapshot, lost: str = "") -> bool:
    """Return whether all nodes but the lost one are online and all resources are started."""
    states = {node.name: node.state for node in snapshot.nodes}
    return (
        snapshot.quorate
        and all(item.state == "started" for item in snapshot.resources)
        and all((state == "online") != (name == lost) for name, state in states.items())
    )


def play(lab: Lab, visitor: Visitor) -> None:
    """Show it all. Raises NotSoError where something is not so."""
    names = sorted(node.name for node in lab.nodes)
    say("2. The cluster, seen from the command line")
    ha("--root", str(lab.root(lab.nodes[0].name)), "status")

    say("3. A visitor of the web site, and the same cluster seen by a WBEM client")
    visitor.start()
    require(visitor.wait_for(lambda: visitor.answers > 0), "the web site does not answer")
    owner = visitor.node
    click.echo(f"  the web site says: {visitor.text}")
    show_in_cim(lab, lab.node(owner), owner, names)

    others = [node for node in lab.nodes if node.name != owner]
    say(f"4. {owner} loses its power: SIGKILL to all that runs there, at once")
    killed = machines.cut_power(lab, [lab.node(owner)])
    click.echo(f"  killed: {report.roles(killed[owner])}")
    came = visitor.wait_for(lambda: visitor.node != owner)
    require(came, f"nobody answers in {owner}'s place after {PATIENCE_S:g} s")
    heir = visitor.node
    click.echo(f"  the same address says: {visitor.text}")
    click.echo(f"  silence for the visitor: {visitor.silence_ms} ms")

    say("5. What the other nodes say, on the command line and in CIM")
    for node in others:
        asyncio.run(seen_by(lab.root(node.name), lambda seen: is_settled(seen, owner)))
    ha("--root", str(lab.root(heir)), "status")
    ha("--root", str(lab.root(heir)), "why", RESOURCE)
    left = sorted(node.name for node in others)
    for node in others:
        show_in_cim(lab, node, heir, left)

    say(f"6. {owner} comes back; the site stays where it is")
    machines.power_up(lab, lab.node(owner), machines.daemons_of(lab.node(owner)))
    for node in lab.nodes:
        asyncio.run(seen_by(lab.root(node.name), is_settled))
    ha("--root", str(lab.root(owner)), "status")
    show_in_cim(lab, lab.node(owner), heir, names)
    require(visitor.owners == [owner, heir], f"the site was answered by {visitor.owners}")


def demonstrate(directory: Path) -> None:
    """Make the lab, show it, and remove it. Raises NotSoError, HaError."""
    visitor: Visitor | None = None
    say("1. A cluster of three nodes on this machine")
    began = time.monotonic()
    lab = cluster.up(cluster.Wishes(directory, nodes=3)).lab
    click.echo(f"  up after {time.monotonic() - began:.1f} s, in {directory}")
    try:
        host = next(item.address for item in lab.moved if item.resource == ADDRESS)
        visitor = Visitor(host)
        play(lab, visitor)
    finally:
        with undisturbed():
            if visitor is not None and visitor.ident is not None:
                visitor.end()
            cluster.down(directory)
    require(not processes.scan(directory), "something of the lab still runs")
    require(not directory.exists(), f"{directory} is still there")
    say("7. The cluster is gone, and nothing of it is left")


@click.command()
def main() -> None:
    """Show a failover, end to end; exit code 1 if anything is not as it is said."""
    began = time.monotonic()
    try:
        with interruptible(), tempfile.TemporaryDirectory(prefix="beatkeeper-demo-") as place:
            demonstrate(Path(place).resolve() / "lab")
    except (NotSoError, HaError, pywbem.Error) as fault:
        click.echo(f"NOT SO: {fault}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        click.echo("interrupted: nothing of the lab is left", err=True)
        sys.exit(1)
    click.echo(f"All of it was so ({time.monotonic() - began:.0f} s).")


if __name__ == "__main__":
    main()
