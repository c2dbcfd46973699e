"""What `ha lab` says: JSON for programs, sentences for people.

Owns: the words and the JSON's names, an interface that other programs rely on:
fields are added, never changed.
"""

import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from ha_core.cli.amounts import amount
from ha_core.config.model import AgentClass, Configuration
from ha_core.lab.machines import daemons_of, missing
from ha_core.lab.processes import HAD, KEEPER, Process
from ha_core.lab.state import Lab, LabNode, default_directory
from ha_core.layout import Layout

Found = Mapping[Path, tuple[Process, ...]]


def lab_value(lab: Lab, found: Found) -> dict[str, object]:
    """Return what `ha lab up --json` and `ha lab status --json` print."""
    return {
        "dir": str(lab.directory),
        "mode": "netns" if lab.namespaces else "loopback",
        "nodes": {node.name: node_value(lab, node, found) for node in lab.nodes},
        "wbem": [_wbem_value(lab, node) for node in lab.nodes if node.https_port],
        "services": [
            {"resource": item.resource, "address": item.address, "given": item.given}
            for item in lab.moved
        ],
        "shared": str(lab.shared),
    }


def node_value(lab: Lab, node: LabNode, found: Found) -> dict[str, object]:
    """Return what the JSON says of one node."""
    here = found.get(lab.root(node.name), ())
    return {
        "root": str(lab.root(node.name)),
        "address": node.places[0].host,
        "addresses": {
            place.link: {"host": place.host, "port": place.port} for place in node.places
        },
        "control": str(Layout(lab.root(node.name)).control_socket),
        "namespace": f"{lab.namespaces}-{node.name}" if lab.namespaces else None,
        "state": node_state(node, here),
        "faults": faults(lab, node, here),
        "pids": [item.pid for item in here],
        "roles": {str(item.pid): item.role for item in here},
    }


def _wbem_value(lab: Lab, node: LabNode) -> dict[str, object]:
    return {
        "node": node.name,
        "http": f"http://{node.wbem_host}:{node.http_port}",
        "https": f"https://{node.wbem_host}:{node.https_port}",
        "user": lab.user,
        "password": lab.password,
        "ca": str(certificate(lab, node)),
    }


def certificate(lab: Lab, node: LabNode) -> Path:
    """Return the certificate to trust for the node's WBEM server."""
    return Layout(lab.root(node.name)).etc / "cimd" / "certificate.pem"


def node_state(node: LabNode, here: Iterable[Process]) -> str:
    """Return `running`, `frozen`, `down` (nothing runs), or `partly` (a daemon is missing)."""
    items = [item for item in here if item.role != KEEPER]
    if not items:
        return "down"
    if any(item.role == HAD and item.is_stopped for item in items):
        return "frozen"
    return "partly" if missing(items, daemons_of(node)) else "running"


def faults(lab: Lab, node: LabNode, here: Iterable[Process]) -> list[str]:
    """Return the faults in force on the node, in words."""
    items = list(here)
    found = []
    match node_state(node, items):
        case "down":
            found.append("power is off")
        case "partly":
            found += [f"{daemon} does not run" for daemon in missing(items, daemons_of(node))]
    stopped = sorted({item.role for item in items if item.is_stopped and item.role != KEEPER})
    if stopped:
        found.append(f"frozen: {', '.join(stopped)}")
    if node.name in lab.isolated:
        found.append("isolated from the other nodes")
    return found


def status_text(lab: Lab, found: Found) -> str:
    """Return what `ha lab status` prints for people."""
    kind = "network namespaces" if lab.namespaces else "loopback"
    lines = [f"lab in {lab.directory}, {amount(len(lab.nodes), 'node')} on {kind}"]
    width = max(len(node.name) for node in lab.nodes)
    for node in lab.nodes:
        here = found.get(lab.root(node.name), ())
        pids = ", ".join(f"{item.role} {item.pid}" for item in here if item.role != KEEPER)
        troubles = "; ".join(faults(lab, node, here))
        text = f"  {node.name.ljust(width)}  {node_state(node, here).ljust(7)}  {pids or '-'}"
        lines.append(f"{text}  [{troubles}]" if troubles else text)
    return "\n".join(lines)


def how_to(lab: Lab, configuration: Configuration, *, is_own_end: bool) -> str:
    """Return how to look at the lab and how to break it, as commands to paste.

    `is_own_end`: the command that prints this ends the lab itself.
    """
    first, last = lab.nodes[0], lab.nodes[-1]
    ha, at = program(), _at(lab.directory)
    root = shlex.quote(str(lab.root(first.name)))
    rows = [("status", f"{ha} --root {root} status"), ("", f"{ha} lab status{at}")]
    rows.append(("events", f"{ha} --root {root} events --follow"))
    rows += _addresses(configuration)
    if first.https_port:
        rows += _wbem_rows(lab, first)
    rows.append(("break it", f"{ha} lab kill {first.name}{at}"))
    rows.append(("", f"{ha} lab freeze {first.name}{at}"))
    rows.append(("", f"{ha} lab isolate {last.name}{at}"))
    rows.append(("mend it", f"{ha} lab restart {first.name}{at}"))
    rows.append(("", f"{ha} lab heal{at}"))
    rows.append(("end it", "Ctrl-C" if is_own_end else f"{ha} lab down{at}"))
    width = max(len(name) for name, _ in rows)
    count = amount(len(lab.nodes), "node")
    title = f"cluster {configuration.name}: {count} below {lab.directory}"
    return "\n".join([title, "", *(f"  {name.ljust(width)}  {text}" for name, text in rows)])


def program() -> str:
    """Return how this user can call `ha` from where they are."""
    own = Path(sys.argv[0]).absolute()
    found = shutil.which("ha")
    if own.name != "ha" or (found is not None and Path(found).resolve() == own.resolve()):
        return "ha"
    here = Path.cwd()
    is_below = here != Path("/") and own.is_relative_to(here)
    return shlex.quote(str(own.relative_to(here) if is_below else own))


def _at(directory: Path) -> str:
    """Return the option that names the lab, unless it is where commands look anyway."""
    is_default = directory == default_directory()
    return "" if is_default else f" --dir {shlex.quote(str(directory))}"


def _addresses(configuration: Configuration) -> Iterable[tuple[str, str]]:
    """Yield where services answer: descriptions with a URL, else the ports that they listen on."""
    for item in configuration.primitives:
        ready = dict(item.parameters).get("ready_port", "")
        if "://" in item.description:
            yield item.id, item.description
        elif item.agent.agent_class is AgentClass.PROCESS and ready:
            yield item.id, f"listens at {ready}"


def _wbem_rows(lab: Lab, node: LabNode) -> Iterable[tuple[str, str]]:
    access = f"{lab.user}:{lab.password}@{node.wbem_host}"
    namespace = "root/cimv2:HA_PrimitiveResource"
    yield "wbem", f"wbemcli ein 'http://{access}:{node.http_port}/{namespace}'"
    ca = shlex.quote(str(certificate(lab, node)))
    yield "", f"wbemcli -cacert {ca} ei 'https://{access}:{node.https_port}/{namespace}'"


def roles(items: Iterable[Process]) -> str:
    """Return the roles of processes and their numbers, for a sentence."""
    return ", ".join(f"{item.role} {item.pid}" for item in items if item.role != KEEPER)
