"""`ha witness`: one small process that votes in many clusters and runs nothing.

Owns: how a cluster is added to the witness of this machine and removed from it,
and what is shown of it. What the process does is `runtime.witness`'s.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from ha_core import commands
from ha_core.cli import votes
from ha_core.cli.machine import (
    checked_name,
    given_links,
    is_free,
    make_directories,
    read_token,
    require_free,
    write_secret,
)
from ha_core.cli.options import Options, run, verb
from ha_core.client import Client
from ha_core.config.kinds import show_place
from ha_core.config.model import Address
from ha_core.errors import ConnectError, HaError, RefusedError
from ha_core.ids import LinkName, NodeName
from ha_core.keyring import parse_ring
from ha_core.layout import Layout
from ha_core.quorum.held_back import is_held_back
from ha_core.runtime import launch, witness as process
from ha_core.runtime.admission import ask_in, wished_places
from ha_core.runtime.invitation import Invitation, parse_token
from ha_core.runtime.nodefile import parse_place, read_node_file
from ha_core.runtime.peers import endpoints
from ha_core.runtime.witness_member import fault_file
from ha_core.snapshot import ClusterSnapshot

FIRST_PORT: Final = 6940
PORTS: Final = 4 * process.CLUSTERS_MAX
"""Each cluster gets the first free port from there on, on each link."""
VOTES_S: Final = 15.0
REACHED_S: Final = 2.0
END_S: Final = 15.0
POLL_S: Final = 0.05
_label = click.argument("cluster", metavar="CLUSTER")


@click.group("witness")
def witness() -> None:
    """Vote in many clusters from one small machine, and run nothing there.

    Two nodes cannot know whether the other one is dead or only out of reach; a witness decides.
    On the machine that is to be one, once for each cluster:

    \b
      ha witness add TOKEN      TOKEN is what 'ha token' prints on a node

    Losing the witness alone stops no service.
    """


@witness.command("run")
@click.option("--foreground/--quiet", default=True, help="Log to standard error too (the default).")
@verb
def run_witness(options: Options, foreground: bool) -> None:
    """Run the witness of this machine: what the service manager starts.

    It votes in every cluster that was added, and looks again at SIGHUP.
    """
    words = [sys.executable, "-m", "ha_core.runtime.witness"]
    words += ["--root", str(options.root.absolute())] if options.root else []
    words += ["--foreground"] if foreground else []
    os.execv(sys.executable, words)  # the same program, without the command line


@witness.command()
@click.argument("token", metavar="TOKEN")
@click.option("--node", "name", help="Its name there; by default this machine's host name.")
@click.option(
    "--address",
    "addresses",
    multiple=True,
    metavar="[LINK=]HOST[:PORT]",
    help="Where it listens on a link; by default on every link that it can reach.",
)
@click.option("--as", "label", help="What this machine calls the cluster; by default its name.")
@click.option("--start/--no-start", "is_started", default=True, help="Start the witness too.")
@verb
def add(
    options: Options,
    token: str,
    name: str | None,
    addresses: tuple[str, ...],
    label: str | None,
    is_started: bool,
) -> None:
    """Let the witness of this machine vote in one more cluster.

    'ha token' prints TOKEN there. Everything else happens by itself: the cluster takes it in, and
    counts its vote once it has all that is final, and a second node votes.
    """
    directory, node_name = process.directory_of(options.root), checked_name(name)
    there = process.layouts(directory)
    if len(there) >= process.CLUSTERS_MAX:
        text = f"this witness serves {len(there)} clusters, at most {process.CLUSTERS_MAX}"
        raise RefusedError("busy", f"{text}: use a witness on another machine")
    if label is not None:
        _require_new(checked_name(label), there)
    invitation = parse_token(read_token(token))
    places = _places(invitation, given_links(addresses), there)
    welcome = run(ask_in(invitation, node_name, places, witness=True))
    cluster_id = parse_ring(welcome.ring, "the cluster's answer").cluster_id
    layout = Layout(directory / (label or _free_label(welcome.cluster, cluster_id, there)))
    make_directories(layout)
    layout.etc.chmod(0o700)
    write_secret(layout.keyring_file, welcome.ring)
    write_secret(layout.node_file, welcome.node_file)
    chosen = layout.etc.parent.name
    if is_started:
        _look_again(options.root, directory)
    seen = run(_votes(layout, node_name)) if is_started else None
    text = f"this witness votes in cluster {chosen} as {node_name}"
    is_waiting = seen is not None and _is_held_back(seen, node_name)
    if is_waiting:
        text = f"this witness will vote in cluster {chosen} as {node_name}, once two nodes do"
    elif not is_started:
        text = f"this witness will vote in cluster {chosen} as {node_name}: ha witness run"
    elif seen is None:
        text = f"cluster {chosen} has taken {node_name} in, but its vote does not count yet"
        text += ": see 'ha witness list'"
    value = {"code": "done", "cluster": chosen, "node": node_name, "places": places}
    warning = votes.when_two(seen) if seen is not None else ""
    is_voting = seen is not None and not is_waiting
    options.show({**value, "votes": is_voting, "warning": warning}, text)
    if warning and not options.as_json:
        click.echo(f"warning: {warning}", err=True)


@witness.command("list")
@verb
def list_clusters(options: Options) -> None:
    """Show the clusters of this machine's witness. Do they have quorum, does its vote count?"""
    directory = process.directory_of(options.root)
    pid = launch.holder_of(process.lock_file(directory), launch.WITNESS)
    rows = [run(_row(label, layout)) for label, layout in process.layouts(directory).items()]
    head = (
        f"the witness runs (process {pid})" if pid else "the witness does not run: ha witness run"
    )
    lines = [head, *(row.line() for row in rows)]
    if not rows:
        lines.append(
            "it votes in no cluster: 'ha token' on a node, then here 'ha witness add TOKEN'"
        )
    value = {"running": pid is not None, "pid": pid, "clusters": [row.value() for row in rows]}
    options.show(value, "\n".join(lines))


@witness.command()
@_label
@click.option(
    "--force",
    is_flag=True,
    help="Forget the cluster without asking it; tell it by 'ha node remove' on a node.",
)
@verb
def remove(options: Options, cluster: str, force: bool) -> None:
    """Take this machine's vote out of CLUSTER, and forget the cluster.

    With its last cluster ends a witness that 'add' has started.
    """
    directory = process.directory_of(options.root)
    there = process.layouts(directory)
    layout = there.get(cluster)
    if layout is None:
        known = ", ".join(there) or "none"
        raise RefusedError("not-found", f"this witness has no cluster {cluster!r}; it has: {known}")
    name = read_node_file(layout.node_file).name
    warning = "" if force else run(_part(layout))
    layout.node_file.unlink()
    if launch.signal_holder(process.lock_file(directory), launch.WITNESS, signal.SIGHUP):
        run(_ended(layout))
    shutil.rmtree(directory / cluster)
    text = f"this witness votes in cluster {cluster} no more"
    if not process.layouts(directory) and launch.end_unneeded_witness(
        process.lock_file(directory), END_S
    ):
        text += "; it was the last one, and the witness has ended"
    if force:
        text += f"; on a node of it: ha node remove {name}"
    options.show({"code": "done", "cluster": cluster, "node": name, "warning": warning}, text)
    if warning and not options.as_json:
        click.echo(f"warning: {warning}", err=True)


# --- adding --------------------------------------------------------------------------------


def _places(
    invitation: Invitation, given: dict[str, str], there: dict[str, Layout]
) -> dict[str, str]:
    """Return where to listen on each link: on a free port of its own, where none is given."""
    wished = wished_places(invitation, given)
    if not given:
        reached = [link for link, place in invitation.places if _is_reached(link, place)]
        # If nobody answers, asking to be let in says so in better words.
        wished = {link: wished[link] for link in reached or list(wished)[:1]}
    else:
        wished = {link: wished[link] for link in given}
    taken = {
        (item.host, item.port)
        for layout in there.values()
        for file in [read_node_file(layout.node_file)]
        for item in endpoints(file.seeds, file.name)
    }
    found = {}
    for link, place in wished.items():
        wanted = parse_place(link, place, f"--address {link}")
        has_port = link in given and parse_place(link, given[link], "--address").port
        port = wanted.port if has_port else _free_port(wanted.link, wanted.host, taken)
        require_free([Address(wanted.link, wanted.host, port)])
        taken.add((wanted.host, port))
        found[link] = show_place(wanted.host, port)
    return found


def _is_reached(link: str, place: str) -> bool:
    there = parse_place(link, place, "token")
    try:
        with socket.create_connection((there.host, there.port), REACHED_S):
            return True
    except OSError:
        return False


def _free_port(link: LinkName, host: str, taken: set[tuple[str, int]]) -> int:
    """Return the first port of the witness's range that nobody uses."""
    for port in range(FIRST_PORT, FIRST_PORT + PORTS):
        if (host, port) not in taken and is_free(Address(link, host, port)):
            return port
    text = f"no port from {FIRST_PORT} to {FIRST_PORT + PORTS - 1} is free on {host}"
    raise RefusedError("busy", f"{text}: name one with --address {link}=HOST:PORT")


def _require_new(label: str, there: dict[str, Layout]) -> None:
    if label in there:
        text = f"this witness has a cluster {label!r} already"
        raise RefusedError("busy", f"{text}: choose another name with --as, or remove it first")


def _free_label(cluster: str, cluster_id: bytes, there: dict[str, Layout]) -> str:
    """Return what to call the cluster here; of two that have one name, the later gets its id."""
    for layout in there.values():
        ring = parse_ring(layout.keyring_file.read_text(), str(layout.keyring_file))
        if ring.cluster_id == cluster_id:
            name = read_node_file(layout.node_file).name
            text = f"this witness votes in that cluster already, as {name}"
            raise RefusedError("busy", f"{text}: 'ha node remove' the one just added")
    if cluster and cluster not in there:
        return cluster
    return f"{cluster or 'cluster'}-{cluster_id.hex()[:8]}"


def _look_again(root: Path | None, directory: Path) -> None:
    if not launch.signal_holder(process.lock_file(directory), launch.WITNESS, signal.SIGHUP):
        launch.start_witness(root, directory)


async def _votes(layout: Layout, name: str) -> ClusterSnapshot | None:
    """Wait a while until the vote counts, or would but for a second node; return how the cluster
    looks then.
    """
    end = time.monotonic() + VOTES_S
    while time.monotonic() < end:
        with contextlib.suppress(ConnectError):
            async with Client(layout.root) as client:
                while time.monotonic() < end:
                    snapshot = await client.snapshot()
                    online = [n for n in snapshot.nodes if n.name == name and n.state == "online"]
                    if any(n.voter or _is_held_back(snapshot, name) for n in online):
                        return snapshot
                    await client.changed(snapshot.version, 500)
        await asyncio.sleep(POLL_S)  # its socket is not there yet, and nobody says when it will be
    return None


def _is_held_back(snapshot: ClusterSnapshot, name: str) -> bool:
    """Return whether the witness has no vote because no second node votes."""
    return is_held_back(snapshot.configuration, NodeName(name))


# --- showing and removing ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Row:
    """One cluster as the list shows it."""

    cluster: str
    node: str
    state: str
    text: str
    coordinator: str | None = None
    votes: str = ""

    def line(self) -> str:
        seen = f"{self.votes}, coordinator {self.coordinator}" if self.votes else ""
        return f"  {self.cluster}  as {self.node}  {self.state}  {seen or self.text}".rstrip()

    def value(self) -> dict[str, object]:
        return {
            "cluster": self.cluster,
            "node": self.node,
            "state": self.state,
            "text": self.text,
            "coordinator": self.coordinator,
            "votes": self.votes,
        }


async def _row(label: str, layout: Layout) -> _Row:
    name = read_node_file(layout.node_file).name
    try:
        async with Client(layout.root) as client:
            snapshot = await client.snapshot()
    except HaError as fault:
        path = fault_file(layout)
        text = path.read_text(encoding="utf-8") if path.exists() else str(fault)
        return _Row(label, name, "down", text)
    own = next((node for node in snapshot.nodes if node.name == name), None)
    votes_seen = f"{snapshot.votes} of {snapshot.votes_expected} votes"
    if own is None:
        return _Row(label, name, "waits", "the cluster has not been heard of yet")
    if not snapshot.quorate:
        return _Row(label, name, "no-quorum", snapshot.faults[0] if snapshot.faults else "")
    state = "votes" if own.voter else "learns"
    if _is_held_back(snapshot, own.name):
        state = "held-back"  # until a second node votes
    return _Row(label, name, state, "", snapshot.coordinator, votes_seen)


async def _part(layout: Layout) -> str:
    """Have the cluster remove this witness; return what that means for its votes."""
    async with Client(layout.root) as client:
        snapshot = await client.snapshot()
        outcome = await client.command(commands.RemoveNode(snapshot.local))
        if not outcome.ok:
            cure = "bring it back to a quorum, or forget it with --force"
            raise RefusedError(outcome.code, f"{outcome.text} ({cure})")
        return votes.when_removed(snapshot)


async def _ended(layout: Layout) -> None:
    for _ in range(int(END_S / POLL_S)):
        if not layout.control_socket.exists():
            return
        await asyncio.sleep(POLL_S)  # another process has no event that could be waited for
