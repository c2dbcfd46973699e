"""A lab from nothing to a cluster whose services run, and back to nothing.

Owns: the order of steps of `ha lab up` and `down`. Whatever happens on the way
up, an interruption included, nothing of it stays behind.
"""

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import yaml

import ha_core
from ha_core import commands
from ha_core.cli import goals
from ha_core.cli.admission import found_node
from ha_core.cli.options import read_text
from ha_core.client import Client
from ha_core.config.model import Address, AgentClass, Configuration
from ha_core.config.parse import parse_text
from ha_core.errors import ConfigError, ConnectError, HaError, RefusedError, StoreError
from ha_core.keyring import CLUSTER_ID_BYTES, KEY_BYTES, first_ring, render_ring
from ha_core.lab import machines, network, places, plan, processes, state
from ha_core.lab.processes import CIMD, HAD
from ha_core.lab.signals import undisturbed
from ha_core.lab.state import Lab, LabNode, Moved, Place
from ha_core.layout import Layout
from ha_core.snapshot import ClusterSnapshot

WBEM_USER: Final = "lab"
PLACED_S: Final = 60.0
PLACED_NODE_S: Final = 3.0
"""How long a lab may take to settle, and how much longer for each of its nodes."""
STUCK_S: Final = 3.0
"""A cluster that rests short of its plan for so long waits for a person."""
STOPPED_S: Final = 20.0
TOLD_S: Final = 2.0
"""So long a node is asked why the lab does not come up."""
POLL_MS: Final = 1_000
_TRACELESS: Final = (AgentClass.PROCESS, AgentClass.ADDRESS)
"""Nothing of these outlives the node's processes."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for; `config` None takes the demo's configuration."""

    directory: Path
    nodes: int | None = None
    config: Path | None = None
    netns: bool = False
    wbem: bool = True
    wbem_port: int | None = None
    dead_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Raised:
    """A lab that is up, its cluster as it was then, and what the user should know."""

    lab: Lab
    snapshot: ClusterSnapshot
    notes: tuple[str, ...]


def demo_configuration() -> Path:
    """Return the demo's configuration: of the checkout, or of the installed package."""
    package = Path(ha_core.__file__).parent
    for directory in (package / "etc_data", package.parent / "etc"):
        if (path := directory / "demo.yaml").is_file():
            return path
    raise ConfigError("demo.yaml is not installed with Beatkeeper: name a --config FILE")


def up(wishes: Wishes) -> Raised:
    """Make a lab and wait until its cluster is quorate and has placed what can be placed.

    Raises: HaError: it cannot be made; what was begun is removed.
    """
    config = wishes.config or demo_configuration()
    wanted = parse_text(read_text(config), str(config))
    if wishes.dead_after_ms is not None:
        options = replace(wanted.options, dead_after_ms=wishes.dead_after_ms)
        wanted = replace(wanted, options=options)
    wanted, notes = plan.with_nodes(wanted, wishes.nodes)
    if wishes.netns and os.geteuid() != 0:
        raise RefusedError("denied", "--netns makes network namespaces: run it as root")
    notes += _make_room(wishes.directory)
    made = _take(wishes.directory)
    is_up = False
    try:
        lab, configuration = _planned(wishes, wanted, made)
        state.begin(lab)
        _furnish(lab, configuration, config)
        snapshot = asyncio.run(_settled(lab))
        is_up = True
        return Raised(lab, snapshot, notes + snapshot.faults)
    finally:
        if not is_up:
            with undisturbed():
                remove(wishes.directory, made)


async def _cut_off(lab: Lab) -> str:
    """Return what the cluster says of a node that its fence devices were to cut off, or nothing."""
    for node in lab.nodes:
        with suppress(HaError, TimeoutError):
            async with asyncio.timeout(TOLD_S), Client(lab.root(node.name)) as client:
                for event in await client.recent_events():
                    if event.kind == "fence-wanted":
                        return f"{event.text}, as {event.why}"
    return ""


def _make_room(directory: Path) -> tuple[str, ...]:
    """Remove what a lab that runs no more left there. Raises RefusedError if one runs."""
    known = state.read(directory) is not None
    if processes.scan(directory):
        cure = f"end it with 'ha lab down --dir {directory}', or name another --dir"
        raise RefusedError("busy", f"a lab runs in {directory} already: {cure}")
    if not known:
        return ()
    down(directory)
    return (f"what an earlier lab had left in {directory} was removed",)


def _take(directory: Path) -> tuple[Path, ...]:
    """Make the directory, and those that it lies in; return what was made, the innermost first.

    Raises: RefusedError: it holds something, or cannot be made.
    """
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    try:
        directory.mkdir(mode=0o711, parents=True)
        return tuple(missing)
    except FileExistsError:
        # Never written into, if somebody else made it: in /tmp that could be anybody.
        if not directory.is_dir() or directory.stat().st_uid != os.geteuid():
            raise RefusedError("denied", f"{directory} is not a directory of yours") from None
        if any(directory.iterdir()):
            raise RefusedError("busy", f"{directory} is not empty: name a new --dir") from None
        return ()
    except OSError as fault:
        text = f"{directory} cannot be made ({fault.strerror}): name another --dir"
        raise RefusedError("denied", text) from fault


def _planned(
    wishes: Wishes, wanted: Configuration, made: tuple[Path, ...]
) -> tuple[Lab, Configuration]:
    """Choose addresses and ports, and move the configuration to them."""
    names, host_address = "", ""
    if wishes.netns:
        names = network.names_for(wishes.directory)
        block, listening = places.network_block(wanted, network.taken())
        host_address = block.host()
    else:
        block, listening = places.loopback_block(wanted)
    addresses = tuple(
        Moved(resource, given, block.service(number))
        for number, (resource, given) in enumerate(plan.services(wanted))
    )
    ports: tuple[tuple[int, int], ...] = ((0, 0),) * len(wanted.nodes)
    if wishes.wbem and wishes.netns:
        first = wishes.wbem_port
        pair = (places.WBEM_HTTP, places.WBEM_HTTPS) if first is None else (first, first + 1)
        ports = (pair,) * len(wanted.nodes)
    elif wishes.wbem:
        ports = places.wbem_ports(len(wanted.nodes), wishes.wbem_port)
    nodes = tuple(
        _lab_node(node.name, listening[node.name], pair, is_loopback=not wishes.netns)
        for node, pair in zip(wanted.nodes, ports, strict=True)
    )
    lab = Lab(
        directory=wishes.directory,
        made=made,
        nodes=nodes,
        moved=addresses,
        namespaces=names,
        host_address=host_address,
        user=WBEM_USER if wishes.wbem else "",
        password=secrets.token_urlsafe(18) if wishes.wbem else "",
    )
    return lab, plan.moved(wanted, listening, addresses, lab.shared)


def _lab_node(
    name: str, listening: tuple[Address, ...], ports: tuple[int, int], *, is_loopback: bool
) -> LabNode:
    found = tuple(Place(item.link, item.host, item.port) for item in listening)
    host = "127.0.0.1" if is_loopback else found[0].host
    return LabNode(name, found, host, *ports)


def _furnish(lab: Lab, configuration: Configuration, config: Path) -> None:
    """Make networks, files and daemons."""
    if lab.namespaces:
        network.build(lab)
        for node in lab.nodes:
            network.add(lab, node, is_plugged=True)
    share(lab, config)
    ring = render_ring(
        first_ring(secrets.token_bytes(CLUSTER_ID_BYTES), secrets.token_bytes(KEY_BYTES))
    )
    for node in lab.nodes:
        found_node(Layout(lab.root(node.name)), node.name, configuration, ring)
    if lab.password:
        _prepare_wbem(lab)
    try:
        machines.start(lab, [(node, HAD) for node in lab.nodes])
        machines.start(lab, [(node, CIMD) for node in lab.nodes if node.https_port])
    except ConnectError as fault:
        told = asyncio.run(_cut_off(lab))
        if not told:
            raise
        cure = (
            f"is this machine too busy for dead_after ({configuration.options.dead_after_ms} ms)?"
            " --dead-after sets it"
        )
        raise ConnectError(f"{fault}; its own cluster ended it: {told}; {cure}") from fault


def share(lab: Lab, config: Path) -> None:
    """Make the lab's /srv: a copy of the directory beside the configuration that has its name.

    The lab itself is left out of it, which may be that very directory, or lie in it.
    """
    lab.shared.mkdir()
    lab.shared.chmod(0o755)  # services may run as other users
    beside = config.resolve().with_suffix("")
    if not config.suffix or not beside.is_dir() or beside == lab.directory:
        return

    def is_lab(directory: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(directory, name) == lab.directory]

    shutil.copytree(beside, lab.shared / beside.name, ignore=is_lab)


def _prepare_wbem(lab: Lab) -> None:
    """Give every node's WBEM server its ports and the lab's user."""
    first: Path | None = None
    for node in lab.nodes:
        etc = Layout(lab.root(node.name)).etc
        settings = {
            "http_port": node.http_port,
            "https_port": node.https_port,
            "bind": [node.wbem_host],
            # The networks of a lab are of this machine.
            "clear_text": True,
        }
        (etc / "cimd.yaml").write_text(yaml.safe_dump(settings))
        if first is None:
            first = etc / "cimd"
            _set_password(lab, lab.root(node.name))
        else:
            shutil.copytree(first, etc / "cimd")


def _set_password(lab: Lab, root: Path) -> None:
    """Hand the password over by standard input: command lines are seen by everybody."""
    command = [sys.executable, "-m", machines.WBEM_MODULE, "passwd", "--root", str(root), lab.user]
    done = subprocess.run(
        command, input=f"{lab.password}\n", capture_output=True, text=True, cwd="/", check=False
    )
    if done.returncode:
        raise ConnectError(f"the WBEM user was not made: {done.stderr.strip()}")


async def _settled(lab: Lab) -> ClusterSnapshot:
    """Wait until the cluster is complete and quorate and has placed what it can."""
    clock = asyncio.get_running_loop().time
    patience_s = PLACED_S + PLACED_NODE_S * len(lab.nodes)
    deadline = clock() + patience_s
    resting_since: float | None = None
    async with Client(lab.root(lab.nodes[0].name)) as client:
        while True:
            snapshot = await client.snapshot()
            progress = goals.placed(snapshot)
            is_whole = snapshot.quorate and all(
                node.state not in ("left", "suspect", "lost") for node in snapshot.nodes
            )
            if is_whole and progress.reached:
                return snapshot
            now = clock()
            is_resting = is_whole and progress.stuck
            resting_since = (resting_since or now) if is_resting else None
            if resting_since is not None and now - resting_since >= STUCK_S:
                return snapshot
            if now >= deadline:
                text = "" if snapshot.quorate else "the cluster has no quorum: "
                text += " ".join(snapshot.faults) or progress.text
                raise RefusedError("timeout", f"not settled after {patience_s:g} s: {text}")
            await client.changed(snapshot.version, POLL_MS)


def down(directory: Path) -> bool:
    """End the lab in that directory and remove every trace; return whether there was any.

    Raises: HaError: something of it cannot be removed.
    """
    lab = state.read(directory)
    if lab is not None and lab.directory != directory:
        raise StoreError(f"{directory / state.FILE} is of a lab in {lab.directory}: remove it")
    if lab is not None:
        _stop_what_leaves_traces(lab)
    return remove(directory, () if lab is None else lab.made)


def remove(directory: Path, made: tuple[Path, ...]) -> bool:
    """Kill what runs and remove namespaces and files; return whether there was anything.

    Of the directories that the lab made, those go which hold nothing of others.
    """
    is_known = (directory / state.FILE).exists()
    living = processes.scan(directory)
    processes.kill(lambda: _everything(directory))
    beginning = network.names_for(directory)
    is_network = network.is_left(beginning) and bool(network.demolish(beginning))
    for name in _own_names(directory):
        path = directory / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for path in made:
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    return bool(is_known or living or is_network)


def _everything(directory: Path) -> tuple[processes.Process, ...]:
    found = processes.scan(directory)
    return tuple(item for items in found.values() for item in items)


def _own_names(directory: Path) -> list[str]:
    """Return what the lab made in its directory; the file that says so goes last."""
    lab = state.read(directory)
    nodes = [node.name for node in lab.nodes] if lab is not None else []
    return [*nodes, state.SHARED, state.LOCK, state.NEW, state.FILE]


def _stop_what_leaves_traces(lab: Lab) -> None:
    """Have the cluster stop everything if agents of other programs run there.

    What they change on the machine (mounts, addresses, files) would outlive their processes.
    """
    living = processes.scan(lab.directory)
    for node in lab.nodes:
        daemons = [item for item in living.get(lab.root(node.name), ()) if item.role == HAD]
        if daemons and not daemons[0].is_stopped:
            try:
                if asyncio.run(_stopped(lab.root(node.name))):
                    return
            except (HaError, TimeoutError):
                continue  # this node cannot help; another may


async def _stopped(root: Path) -> bool:
    """Stop everything if there is need to; return whether nothing of it runs any more."""
    async with asyncio.timeout(STOPPED_S), Client(root) as client:
        snapshot = await client.snapshot()
        classes = {item.agent.agent_class for item in snapshot.configuration.primitives}
        if classes.issubset(_TRACELESS):
            return True
        if not snapshot.quorate:
            return False
        nodes = tuple(replace(item, standby=True) for item in snapshot.configuration.nodes)
        wanted = replace(snapshot.configuration, nodes=nodes)
        await client.command(commands.Apply(wanted, "the lab ends"))
        while any(item.nodes for item in snapshot.resources):
            await client.changed(snapshot.version, POLL_MS)
            snapshot = await client.snapshot()
        return True
