"""`ha lab`: a whole cluster on this machine, to look at, to break and to throw away.

Owns: the verbs and their options. What they do is `cluster`'s and `machines`'.
"""

import asyncio
import functools
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import click

from ha_core.cli.options import Options, verb
from ha_core.client import Client
from ha_core.errors import RefusedError, StoreError
from ha_core.lab import cluster, machines, processes, report, state, watch
from ha_core.lab.plan import NODES_MAX
from ha_core.lab.signals import interruptible, undisturbed
from ha_core.lab.state import Lab, LabNode

ONLINE_S: Final = 30.0
_HERE: Final = ("online", "standby", "maintenance")
_Command = Callable[..., None]


def lab_verb(function: _Command) -> _Command:
    """Give a command --dir and what all verbs have; files of others are explained."""

    @click.option(
        "--dir",
        "directory",
        type=click.Path(file_okay=False, path_type=Path),
        help="Directory of the lab. Default: one of this user's.",
    )
    @verb
    @functools.wraps(function)
    def wrapper(options: Options, directory: Path | None, **arguments: object) -> None:
        place = directory.resolve() if directory else state.default_directory()
        try:
            function(options, place, **arguments)
        except OSError as fault:
            where = fault.filename or place
            raise StoreError(f"{where}: {fault.strerror}; is the lab in {place} yours?") from fault

    return wrapper


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the nodes of the lab that begin so; nothing where there is no lab."""
    try:
        found = state.read(ctx.params.get("directory") or state.default_directory())
    except StoreError:
        return []
    return [item.name for item in found.nodes if item.name.startswith(incomplete)] if found else []


_nodes = click.argument(
    "nodes", nargs=-1, metavar="NODE...", required=True, shell_complete=_complete
)
_only = click.option(
    "--only",
    metavar="NAME",
    help="Only this daemon (had, guardian or ha-cimd) or the processes of this resource.",
)


@click.group()
def lab() -> None:
    """Make a cluster on this machine, break it, and remove it.

    Nodes live on loopback addresses and need no rights, or in network namespaces of
    their own (--netns, as root). Every node has its own processes and its own --root.
    """


@lab.command()
@click.option("--nodes", type=click.IntRange(1, NODES_MAX), help="Default: as in the file, or 3.")
@click.option("--netns", is_flag=True, help="Each node in its own network namespace (root).")
@click.option("--wbem/--no-wbem", default=True, help="Run a WBEM server on each node (default).")
@click.option(
    "--wbem-port",
    type=click.IntRange(1, 65_534),
    help="HTTP port of the first WBEM server, the next is for HTTPS. Default: any free ones.",
)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Configuration (YAML) to run. Default: a small web site with its database.",
)
@click.option(
    "--dead-after",
    "dead_after_ms",
    type=click.IntRange(100, 600_000),
    help="Milliseconds of silence after which a node counts as dead.",
)
@click.option("--watch", "is_watched", is_flag=True, help="Show what happens; Ctrl-C removes it.")
@lab_verb
def up(
    options: Options,
    directory: Path,
    nodes: int | None,
    netns: bool,
    wbem: bool,
    wbem_port: int | None,
    config: Path | None,
    dead_after_ms: int | None,
    is_watched: bool,
) -> None:
    """Make a lab. Done when its cluster is quorate and has placed what can be placed.

    The lab moves a configuration to addresses of its own: where nodes listen, service
    addresses of class 'address', and paths below /srv (see docs/lab.md).
    """
    wishes = cluster.Wishes(
        directory, nodes, config, netns, wbem, wbem_port if wbem else None, dead_after_ms
    )
    with interruptible():
        try:
            raised = cluster.up(wishes)
        except KeyboardInterrupt:
            text = "interrupted: nothing of the lab is left"
            raise RefusedError("interrupted", text) from None
        if is_watched:
            _watch_to_the_end(options, raised)
            return
    _tell(options, raised, is_own_end=False)


def _tell(options: Options, raised: cluster.Raised, *, is_own_end: bool) -> None:
    for note in raised.notes:
        click.echo(f"note: {note}", err=True)
    value = report.lab_value(raised.lab, processes.scan(raised.lab.directory))
    configuration = raised.snapshot.configuration
    options.show(value, report.how_to(raised.lab, configuration, is_own_end=is_own_end))


def _watch_to_the_end(options: Options, raised: cluster.Raised) -> None:
    lab = raised.lab
    try:
        if sys.stdout.isatty() and not options.as_json:
            heading = report.how_to(lab, raised.snapshot.configuration, is_own_end=True)
            show = watch.screen(heading)
        else:
            _tell(options, raised, is_own_end=True)
            show = watch.json_lines() if options.as_json else watch.lines()
        asyncio.run(watch.Watcher(lab, show).run())
    except BrokenPipeError:
        watch.silence()
    except KeyboardInterrupt:
        pass  # its ordinary end
    finally:
        with undisturbed():
            if state.is_kept(lab):
                cluster.down(lab.directory)
    if not options.as_json:
        click.echo(f"\nthe lab in {lab.directory} is removed")


@lab.command()
@lab_verb
def down(options: Options, directory: Path) -> None:
    """Remove a lab. Its processes, directories and namespaces go, also after crashes."""
    with undisturbed():
        was_there = cluster.down(directory)
    text = f"the lab in {directory} is removed" if was_there else f"no lab in {directory}"
    options.show({"code": "done", "dir": str(directory), "removed": was_there}, text)


@lab.command()
@lab_verb
def status(options: Options, directory: Path) -> None:
    """Show the lab's nodes, their processes, and the faults in force."""
    known = state.known(directory)
    found = processes.scan(directory)
    options.show(report.lab_value(known, found), report.status_text(known, found))


@lab.command()
@_nodes
@_only
@lab_verb
def kill(options: Options, directory: Path, nodes: tuple[str, ...], only: str | None) -> None:
    """Kill nodes like a power cut. All that runs on them dies at once, services as well."""
    with state.alone(directory):
        known, chosen = _chosen(directory, nodes)
        at_wall = time.time()
        if only is None:
            killed = machines.cut_power(known, chosen)
        else:
            killed = {node.name: machines.kill_only(known, node, only) for node in chosen}
    texts = [
        f"{name}: killed {report.roles(items) or 'nothing, it was down'}"
        for name, items in killed.items()
    ]
    _show(options, known, chosen, texts, killed=_pids(killed), at=at_wall)


@lab.command()
@_nodes
@_only
@click.option("--wait/--no-wait", "is_waiting", default=True, help="Wait until it is online.")
@lab_verb
def restart(
    options: Options,
    directory: Path,
    nodes: tuple[str, ...],
    only: str | None,
    is_waiting: bool,
) -> None:
    """Bring nodes back. What does not run is started; a node that runs is killed first."""
    with state.alone(directory):
        known, chosen = _chosen(directory, nodes)
        for node in chosen:
            _restart(known, node, only)
    if is_waiting and only in (None, processes.HAD):
        asyncio.run(_online(known, [node for node in chosen if node.name not in known.isolated]))
    _show(options, known, chosen, [f"{node.name} is back" for node in chosen])


def _restart(known: Lab, node: LabNode, only: str | None) -> None:
    daemons = machines.daemons_of(node)
    if only is not None and only not in daemons:
        text = f"'{only}' is not started by the lab, only {' and '.join(daemons)}"
        raise RefusedError("not-found", f"{text}: had looks after its guardian and its resources")
    here = processes.of(known.root(node.name))
    if only is not None:
        processes.kill(lambda: _of_role(known, node, only))
        machines.start(known, [(node, only)])
    elif not here or not machines.missing(here, daemons):
        machines.cut_power(known, [node])
        machines.power_up(known, node, daemons)
    else:
        machines.start(known, [(node, item) for item in machines.missing(here, daemons)])


def _of_role(known: Lab, node: LabNode, role: str) -> tuple[processes.Process, ...]:
    return tuple(item for item in processes.of(known.root(node.name)) if item.role == role)


async def _online(known: Lab, nodes: Iterable[LabNode]) -> None:
    """Wait until the nodes are members again. Raises RefusedError if that takes too long."""
    for node in nodes:
        try:
            async with asyncio.timeout(ONLINE_S), Client(known.root(node.name)) as client:
                while True:
                    snapshot = await client.snapshot()
                    states = {item.name: item.state for item in snapshot.nodes}
                    if snapshot.quorate and states.get(snapshot.local) in _HERE:
                        break
                    await client.changed(snapshot.version, cluster.POLL_MS)
        except TimeoutError:
            text = f"{node.name} runs, but is not online after {ONLINE_S:g} s: see 'ha status'"
            raise RefusedError("timeout", text) from None


@lab.command()
@_nodes
@_only
@lab_verb
def freeze(options: Options, directory: Path, nodes: tuple[str, ...], only: str | None) -> None:
    """Stop all processes of nodes in their tracks, until 'heal'.

    On loopback the guardian goes on, which alone can take a service's address back there.
    """
    with state.alone(directory):
        known, chosen = _chosen(directory, nodes)
        at_wall = time.time()
        stopped = {node.name: machines.freeze(known, node, only or "") for node in chosen}
    texts = [f"{name}: stopped {report.roles(items)}" for name, items in stopped.items()]
    _show(options, known, chosen, texts, stopped=_pids(stopped), at=at_wall)


@lab.command()
@_nodes
@lab_verb
def isolate(options: Options, directory: Path, nodes: tuple[str, ...]) -> None:
    """Cut nodes off from the network, until 'heal'.

    With namespaces all cables are pulled out. On loopback only the traffic between the
    cluster's daemons is cut: clients still reach what runs there until its lease ends.
    """
    with state.alone(directory):
        known, chosen = _chosen(directory, nodes)
        at_wall = time.time()
        for node in chosen:
            machines.isolate(known, node, is_isolated=True)
        known = _with_isolated(known, {*known.isolated, *(node.name for node in chosen)})
    _show(options, known, chosen, [f"{node.name} is isolated" for node in chosen], at=at_wall)


@lab.command()
@click.argument("nodes", nargs=-1, metavar="[NODE]...", shell_complete=_complete)
@lab_verb
def heal(options: Options, directory: Path, nodes: tuple[str, ...]) -> None:
    """Undo 'freeze' and 'isolate' on these nodes, or on all."""
    with state.alone(directory):
        known, chosen = _chosen(directory, nodes)
        cut = known.isolated
        known = _with_isolated(known, set(cut) - {node.name for node in chosen})
        at_wall = time.time()
        healed = []
        for node in chosen:
            if node.name in cut:
                machines.isolate(known, node, is_isolated=False)
            if machines.thaw(known, node) or node.name in cut:
                healed.append(node)
    texts = [f"{node.name} is healed" for node in healed] or ["nothing was frozen or isolated"]
    _show(options, known, chosen, texts, at=at_wall)


def _with_isolated(known: Lab, names: Iterable[str]) -> Lab:
    changed = state.with_isolated(known, names)
    state.write(changed)
    return changed


def _chosen(directory: Path, names: tuple[str, ...]) -> tuple[Lab, list[LabNode]]:
    known = state.known(directory)
    if not names:
        return known, list(known.nodes)
    return known, [known.node(name) for name in dict.fromkeys(names)]


def _pids(items: dict[str, tuple[processes.Process, ...]]) -> dict[str, list[int]]:
    return {name: [item.pid for item in found] for name, found in items.items()}


def _show(
    options: Options, known: Lab, chosen: list[LabNode], texts: list[str], **more: object
) -> None:
    found = processes.scan(known.directory)
    nodes = {node.name: report.node_value(known, node, found) for node in chosen}
    value = {"code": "done", "dir": str(known.directory), "nodes": nodes, **more}
    options.show(value, "\n".join(texts))
