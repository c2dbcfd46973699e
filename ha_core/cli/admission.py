"""`ha init`, `token`, `join`, `leave`, `start`, `stop`: how machines become a cluster, and cease
to.

Owns: the files of a node (key ring, node file, first database). A half-made
node is taken back: whoever is refused finds the machine as it was.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

from ha_core import commands
from ha_core.cli import votes
from ha_core.cli.change import current
from ha_core.cli.machine import (
    checked_name,
    forget,
    given_links,
    make_directories,
    own_host,
    read_token,
    refuse_second,
    require_free,
    taken_back_if_refused,
    write_secret,
)
from ha_core.cli.options import Options, run, verb
from ha_core.client import Client
from ha_core.config.kinds import show_place
from ha_core.config.model import Address, Configuration, Link, Node, Options as ClusterOptions
from ha_core.coordinator.desk import NO_QUORUM
from ha_core.errors import ConfigError, ConnectError, HaError, RefusedError
from ha_core.ids import LinkName, NodeName
from ha_core.keyring import CLUSTER_ID_BYTES, KEY_BYTES, first_ring, render_ring
from ha_core.layout import Layout
from ha_core.replication.entries import ConfigurationChange, Snapshot
from ha_core.runtime import launch
from ha_core.runtime.admission import VALID_S, ask_in, invite, wished_places
from ha_core.runtime.disk import Store
from ha_core.runtime.home import settle
from ha_core.runtime.invitation import parse_token
from ha_core.runtime.nodefile import parse_place, read_node_file, render_node_file
from ha_core.runtime.peers import endpoints
from ha_core.snapshot import ClusterSnapshot

FORGETS: Final = "cim_provider.server.leaving"
"""The provider's module that forgets users; the cluster goes without the provider."""
DRAIN_S: Final = 60.0
ONLINE_S: Final = 10.0
GLANCE_S: Final = 2.0
"""A daemon that is about to end is asked for a warning's sake, and not waited for."""
_node_option = click.option(
    "--node", "name", help="Name of this node; by default this machine's host name."
)
_address_option = click.option(
    "--address",
    "addresses",
    multiple=True,
    metavar="[LINK=]HOST[:PORT]",
    help="Where this node listens on a link; may be given once for each link.",
)
_start_option = click.option(
    "--start/--no-start", "is_started", default=True, help="Start the daemon too (the default)."
)


@click.command()
@_node_option
@_address_option
@click.option("--cluster", default="beatkeeper", show_default=True, help="Name of the cluster.")
@click.option(
    "--dead-after",
    "dead_after_ms",
    type=click.IntRange(100, 600_000),
    default=1000,
    show_default=True,
    help="Milliseconds of silence after which a node counts as dead.",
)
@_start_option
@verb
def init(
    options: Options,
    name: str | None,
    addresses: tuple[str, ...],
    cluster: str,
    dead_after_ms: int,
    is_started: bool,
) -> None:
    """Make a new cluster with this machine as its first node, and print a token for the next."""
    layout, node_name = Layout(options.root), checked_name(name)
    refuse_second(layout)
    links = given_links(addresses) or {"ring0": own_host()}
    configuration = Configuration(
        name=cluster,
        options=ClusterOptions(dead_after_ms=dead_after_ms),
        nodes=(_as_node(node_name, links),),
        links=tuple(Link(LinkName(link)) for link in sorted(links)),
    )
    if is_started:
        require_free(
            Address(item.link, item.host, item.port)
            for item in endpoints(configuration, NodeName(node_name))
        )
    with taken_back_if_refused(layout):
        ring = render_ring(
            first_ring(secrets.token_bytes(CLUSTER_ID_BYTES), secrets.token_bytes(KEY_BYTES))
        )
        forget_in_server(options)
        found_node(layout, node_name, configuration, ring)
        if is_started:
            launch.start(layout)
    token = _invite(layout, node_name, configuration, VALID_S)
    root = f" --root {options.root}" if options.root else ""
    text = (
        f"cluster {cluster} has its first node, {node_name}\n"
        f"on the next machine, within an hour:\n  ha join {token}\n"
        f"see it with:\n  ha{root} status"
    )
    options.show({"code": "done", "node": node_name, "cluster": cluster, "token": token}, text)


@click.command()
@click.option(
    "--minutes",
    type=click.IntRange(1, 10_080),
    default=60,
    show_default=True,
    help="How long it is good.",
)
@click.option("--node", "name", default="", help="Good for a node of this name alone.")
@verb
def token(options: Options, minutes: int, name: str) -> None:
    """Print a token with which one more machine can join."""
    layout = Layout(options.root)
    snapshot = run(current(options))
    if not snapshot.quorate:
        raise RefusedError("no-quorum", NO_QUORUM.text)
    word = _invite(layout, snapshot.local, snapshot.configuration, minutes * 60, name)
    options.show({"code": "done", "token": word}, word)


@click.command()
@click.argument("token", metavar="TOKEN")
@_node_option
@_address_option
@click.option("--port", type=click.IntRange(1, 65_535), help="Port for links not given.")
@click.option(
    "--witness",
    "is_witness",
    is_flag=True,
    help="Only vote, and run no resources; 'ha witness add' makes a smaller one.",
)
@_start_option
@verb
def join(
    options: Options,
    token: str,
    name: str | None,
    addresses: tuple[str, ...],
    port: int | None,
    is_witness: bool,
    is_started: bool,
) -> None:
    """Make this machine a node of the cluster whose 'ha init' or 'ha token' printed TOKEN.

    As an argument others on this machine can see it while it is used; with - for TOKEN it is
    read from standard input.
    """
    layout, node_name = Layout(options.root), checked_name(name)
    refuse_second(layout)
    invitation = parse_token(read_token(token))
    places = wished_places(invitation, given_links(addresses), port)
    if is_started:
        require_free(_as_node(node_name, places).addresses)
    welcome = run(ask_in(invitation, node_name, places, witness=is_witness))
    with taken_back_if_refused(layout):
        forget_in_server(options)
        make_directories(layout)
        write_secret(layout.keyring_file, welcome.ring)
        write_secret(layout.node_file, welcome.node_file)
        if is_started:
            _start_joined(layout, node_name)
    seen = run(_comes_online(layout, node_name)) if is_started else None
    text = f"{node_name} is a {'witness' if is_witness else 'node'} of the cluster now"
    if not is_started:
        text += "; start it with 'ha start'"
    elif seen is None:
        text += ", but has not heard of it yet: see 'ha status'"
    value = {"code": "done", "node": node_name, "revision": welcome.revision}
    _show(
        options, {**value, "online": seen is not None}, text, votes.when_two(seen) if seen else ""
    )


@click.command()
@click.option(
    "--force",
    is_flag=True,
    help="Forget the cluster without asking it; tell it by 'ha node remove' on another node.",
)
@verb
def leave(options: Options, force: bool) -> None:
    """Take this node out of its cluster for good: move its services away, then forget the
    cluster.
    """
    layout = Layout(options.root)
    pid = launch.running_pid(layout)
    seen = _seen(options, pid)
    if force and seen is not None and (trap := votes.when_forgotten(seen)):
        raise RefusedError("unsafe", trap)
    name = read_node_file(layout.node_file).name if force else run(_leave(options))
    if pid is not None and not launch.stop(layout, pid):
        raise ConnectError(f"had (process {pid}) did not end; end it, then remove {layout.etc}")
    forget(layout)
    note = forget_in_server(options)
    if force:
        text = f"{name} knows no cluster any more; on another node"
        text += "" if seen is not None and seen.quorate else ", once the others have quorum"
        _show(options, {"code": "done", "node": name}, f"{text}: ha node remove {name}{note}", "")
        return
    warning = votes.when_removed(seen) if seen is not None else ""
    _show(options, {"code": "done", "node": name}, f"{name} has left the cluster{note}", warning)


@click.command()
@click.option(
    "--moved",
    "is_moved",
    is_flag=True,
    help="Say that its disk was moved here, and that nothing runs at its old place any more.",
)
@verb
def start(options: Options, is_moved: bool) -> None:
    """Start this node's daemon in the background."""
    layout = Layout(options.root)
    name = read_node_file(layout.node_file).name
    if launch.running_pid(layout) is not None:
        options.show({"code": "done", "node": name}, f"{name} runs already")
        return
    if is_moved:
        settle(layout)
    launch.start(layout)
    options.show({"code": "done", "node": name}, f"{name} runs")


@click.command()
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0.1, 3600),
    default=launch.END_S,
    show_default=True,
    help="How many seconds to wait at most.",
)
@verb
def stop(options: Options, timeout_s: float) -> None:
    """Stop this node's daemon: its services move to other nodes first."""
    layout = Layout(options.root)
    pid = launch.running_pid(layout)
    if pid is None:
        options.show({"code": "done"}, "it does not run")
        return
    seen = _seen(options, pid)
    if not launch.stop(layout, pid, timeout_s):
        text = f"had (process {pid}) still runs after {timeout_s:g} s, and goes on ending"
        raise RefusedError("timeout", f"{text}: see 'ha status'")
    warning = votes.when_stopped(seen) if seen is not None else ""
    _show(options, {"code": "done"}, "stopped", warning)


def _seen(options: Options, pid: int | None) -> ClusterSnapshot | None:
    """Return the cluster as the daemon sees it; None if it does not run, or does not say."""
    if pid is None:
        return None
    try:
        return run(_glance(options))
    except (HaError, TimeoutError):
        return None


async def _glance(options: Options) -> ClusterSnapshot:
    async with asyncio.timeout(GLANCE_S):
        return await current(options)


def _show(options: Options, value: dict[str, object], text: str, warning: str) -> None:
    """Print the result; on standard error what it means for the others, as JSON with it."""
    options.show({**value, "warning": warning}, text)
    if warning and not options.as_json:
        click.echo(f"warning: {warning}", err=True)


def forget_in_server(options: Options) -> str:
    """Have the WBEM server forget the users and the certificate of an earlier cluster.

    Returns what to say of it. Raises: ConfigError: they cannot be removed, and would have a way
    into the next cluster.
    """
    if find_spec(FORGETS.partition(".")[0]) is None:
        return ""
    forgets: Callable[[Path | None], Sequence[str] | str] = import_module(FORGETS).forget_cluster
    told = forgets(options.root)
    if isinstance(told, str):
        raise ConfigError(told)
    return "".join(f"\n{sentence}" for sentence in told)


def found_node(layout: Layout, name: str, configuration: Configuration, ring: str) -> None:
    """Make the files of one of the first nodes of a new cluster. All begin with equal snapshots."""
    make_directories(layout)
    first = ConfigurationChange(
        1, configuration, "ha init", "first configuration", time.time_ns() // 1_000_000
    )
    write_secret(layout.keyring_file, ring)
    write_secret(layout.node_file, render_node_file(NodeName(name), configuration))
    store = Store.open(layout.store)
    try:
        store.bootstrap(Snapshot(1, 1, (first,)))
    finally:
        store.close()


def _start_joined(layout: Layout, name: str) -> None:
    try:
        launch.start(layout)
    except ConnectError as fault:
        cure = f"'ha join' again with another token, or 'ha node remove {name}' there"
        raise ConnectError(f"{fault}\nthe cluster counts {name} in already: {cure}") from None


async def _comes_online(layout: Layout, name: str) -> ClusterSnapshot | None:
    """Wait a while until the cluster has taken note of the new node; return how it looks then."""
    end = time.monotonic() + ONLINE_S
    async with Client(layout.root) as client:
        while time.monotonic() < end:
            snapshot = await client.snapshot()
            if any(node.name == name and node.state == "online" for node in snapshot.nodes):
                return snapshot
            await client.changed(snapshot.version, 500)
    return None


async def _leave(options: Options) -> str:
    """Drain this node and have the cluster remove it; return its name."""
    async with Client(options.root) as client:
        snapshot = await client.snapshot()
        name = snapshot.local
        if len(snapshot.configuration.nodes) > 1:
            await _give(client, commands.SetStandby(name, True))
            await _drained(client, name)
            await _give(client, commands.RemoveNode(name))
        return name


async def _give(client: Client, command: commands.Command) -> None:
    outcome = await client.command(command)
    if not outcome.ok:
        raise RefusedError(outcome.code, outcome.text)


async def _drained(client: Client, name: NodeName) -> None:
    end, running = time.monotonic() + DRAIN_S, list[str]()
    while time.monotonic() < end:
        snapshot = await client.snapshot()
        running = [item.id for item in snapshot.resources if name in item.nodes]
        busy = [action for action in snapshot.pending if action.endswith(f" on {name}")]
        if not running and not busy:
            return
        await client.changed(snapshot.version, 1000)
    raise RefusedError("timeout", f"{name} still runs {', '.join(running)}: see 'ha status'")


def _invite(
    layout: Layout, name: str, configuration: Configuration, valid_s: int, invited: str = ""
) -> str:
    places = tuple(
        (str(item.link), show_place(item.host, item.port))
        for item in endpoints(configuration, NodeName(name))
    )
    return invite(layout.invitations, places, valid_s, invited)


def _as_node(name: str, links: dict[str, str]) -> Node:
    found: list[Address] = [
        parse_place(link, place, f"--address {link}") for link, place in sorted(links.items())
    ]
    return Node(NodeName(name), tuple(found))
