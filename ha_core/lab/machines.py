"""The nodes of a lab as machines: power, cables, and daemons.

Owns: how a daemon of a node is started, and what each fault does: a power cut, a
freeze, cables pulled out. Knows nothing of founding a cluster (`cluster`) or of
how the network is made (`network`).
"""

import os
import shutil
import signal
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from ha_core.cli.options import ROOT_VARIABLE
from ha_core.errors import RefusedError
from ha_core.lab import network, processes
from ha_core.lab.processes import CIMD, GUARDIAN, HAD, KEEPER, Process
from ha_core.lab.state import Lab, LabNode
from ha_core.layout import Layout
from ha_core.runtime.daemon import CONNECTED, ISOLATED
from ha_core.runtime.launch import Starting

KEEPER_PROGRAM: Final = Path(__file__).with_name("keeper.py")
WBEM_MODULE: Final = "cim_provider.server.daemon"
AT_ONCE: Final = 8
"""So many daemons are started together: more would make each too slow to be ready in time."""
READY_S: Final = 60.0


def start(lab: Lab, wanted: Iterable[tuple[LabNode, str]]) -> None:
    """Start daemons, each given as node and `HAD` or `CIMD`, and wait until all are ready.

    Raises: ConnectError: one did not start; the text has its own words.
    """
    queue = list(wanted)
    while queue:
        batch, queue = queue[:AT_ONCE], queue[AT_ONCE:]
        begun: list[Starting] = []
        try:
            for node, daemon in batch:
                begun.append(_begin(lab, node, daemon))
            for starting in begun:
                starting.wait(READY_S)
        finally:
            for starting in begun:
                starting.close()


def _begin(lab: Lab, node: LabNode, daemon: str) -> Starting:
    root = lab.root(node.name)
    run = Layout(root).run
    run.mkdir(parents=True, exist_ok=True)
    environment = {key: value for key, value in os.environ.items() if key != ROOT_VARIABLE}
    environment[processes.MARK] = str(root)
    command = [sys.executable, "-m"]
    if daemon == HAD:
        is_cut = node.name in lab.isolated and not lab.namespaces
        links = ISOLATED if is_cut else CONNECTED
        command += ["ha_core.runtime.daemon", "--root", str(root), "--lab", links]
    else:
        command += [WBEM_MODULE, "run", "--root", str(root)]
    if daemon == HAD or lab.namespaces:
        command = [*_keeper(lab, node), *command]
    return Starting(command, run / f"{daemon}.stderr", f"{daemon} of {node.name}", environment)


def _keeper(lab: Lab, node: LabNode) -> list[str]:
    keeper = [sys.executable, "-I", "-S", str(KEEPER_PROGRAM)]
    if lab.namespaces:
        keeper += ["--namespace", str(network.namespace(lab, node.name)), "--host", node.name]
    return [*keeper, "--"]


def cut_power(lab: Lab, nodes: Collection[LabNode]) -> dict[str, tuple[Process, ...]]:
    """Kill everything on these nodes at once; return what was killed on each."""
    if lab.namespaces:
        for node in nodes:
            if network.has(lab, node):
                network.plug(lab, node, is_plugged=False)
    roots = {lab.root(node.name) for node in nodes}
    before = processes.scan(lab.directory)

    def living() -> tuple[Process, ...]:
        found = processes.scan(lab.directory)
        return tuple(item for root in sorted(roots) for item in found.get(root, ()))

    processes.kill(living)
    if lab.namespaces:
        for node in nodes:
            network.remove(lab, node)
    return {node.name: before.get(lab.root(node.name), ()) for node in nodes}


def power_up(lab: Lab, node: LabNode, daemons: Iterable[str]) -> None:
    """Boot the node: what a reboot clears is gone, and the daemons start."""
    run = Layout(lab.root(node.name)).run
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)
    if lab.namespaces:
        network.remove(lab, node)
        network.add(lab, node, is_plugged=node.name not in lab.isolated)
    start(lab, [(node, daemon) for daemon in daemons])


def kill_only(lab: Lab, node: LabNode, role: str) -> tuple[Process, ...]:
    """Kill one daemon of the node, or one resource's processes; return what was killed.

    Raises: RefusedError: nothing of that name runs there.
    """
    found = only(lab, node, role)
    processes.send(found, signal.SIGKILL)
    return found


def only(lab: Lab, node: LabNode, role: str) -> tuple[Process, ...]:
    """Return the processes of one daemon or resource. Raises RefusedError if there are none."""
    here = processes.of(lab.root(node.name))
    found = tuple(item for item in here if item.role in (role, f"resource:{role}"))
    if not found:
        roles = sorted({item.role.removeprefix("resource:") for item in here} - {KEEPER, "agent"})
        known = ", ".join(roles) or "nothing"
        raise RefusedError("not-found", f"no '{role}' runs on {node.name}, where {known} runs")
    return found


def freeze(lab: Lab, node: LabNode, role: str = "") -> tuple[Process, ...]:
    """Stop the node's processes in their tracks, or those of one role; return which.

    On loopback the guardian goes on: a frozen machine falls silent, but on this machine only
    the guardian can take a service's address back, which it does when the lease ends.
    """
    if role:
        found = only(lab, node, role)
        processes.send(found, signal.SIGSTOP)
        return found
    if lab.namespaces and network.has(lab, node):
        network.plug(lab, node, is_plugged=False)
    stopped: dict[int, Process] = {}
    while fresh := [item for item in _freezable(lab, node) if item.pid not in stopped]:
        processes.send(fresh, signal.SIGSTOP)
        stopped |= {item.pid: item for item in fresh}
    return tuple(stopped.values())


def _freezable(lab: Lab, node: LabNode) -> list[Process]:
    spared = () if lab.namespaces else (GUARDIAN,)
    return [item for item in processes.of(lab.root(node.name)) if item.role not in spared]


def thaw(lab: Lab, node: LabNode) -> tuple[Process, ...]:
    """Let the node's stopped processes go on; return which."""
    stopped = tuple(item for item in processes.of(lab.root(node.name)) if item.is_stopped)
    if lab.namespaces and node.name not in lab.isolated and network.has(lab, node):
        network.plug(lab, node, is_plugged=True)
    processes.send(stopped, signal.SIGCONT)
    return stopped


def isolate(lab: Lab, node: LabNode, *, is_isolated: bool) -> None:
    """Pull the node's cables out or plug them in; a node that is down is treated so at its start.

    On loopback only what its daemon sends to other nodes and hears from them is cut off.
    """
    if lab.namespaces:
        if network.has(lab, node):
            network.plug(lab, node, is_plugged=not is_isolated)
        return
    for daemon in processes.of(lab.root(node.name)):
        if daemon.role == HAD:
            if not processes.has_word(daemon, "--lab"):
                cure = f"'ha lab restart {node.name}' starts one that does"
                text = f"had of {node.name} was started by hand and takes no signals"
                raise RefusedError("failed", f"{text}: {cure}")
            processes.send([daemon], signal.SIGUSR1 if is_isolated else signal.SIGUSR2)


def missing(found: Iterable[Process], daemons: Iterable[str]) -> list[str]:
    """Return which of the daemons do not run."""
    here = {item.role for item in found}
    return [daemon for daemon in daemons if daemon not in here]


def daemons_of(node: LabNode) -> tuple[str, ...]:
    """Return the daemons that the lab starts on the node."""
    return (HAD, CIMD) if node.https_port else (HAD,)
