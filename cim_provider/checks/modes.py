"""What each mode of the plug-in asks a WBEM server, and what it makes of the answer.

Owns: the requests, the first figure of each mode (which thresholds are compared
with), and how states of health become those of a plug-in.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import pywbem

from cim_provider.checks.findings import CheckError, Figure, Finding, Found, State

CLUSTER_DATA: Final = (
    *("ElementName", "OperationalStatus", "StatusDescriptions", "HealthState", "Votes"),
    *("VotesNeededForQuorum", "NodesTotal", "NodesOnline", "NodesUnclean", "ResourcesTotal"),
    *("ResourcesRunning", "ResourcesFailed", "ResourcesBlocked", "PendingActions", "QuorumOutlook"),
)
"""What is asked of the cluster, whatever the mode."""
_STATE_DATA: Final = ("ElementName", "HealthState", "StatusDescriptions")
_REDUNDANCY: Final = {2: State.OK, 3: State.WARNING, 4: State.WARNING, 5: State.CRITICAL}
_Names: TypeAlias = frozenset[str]


def _health(instance: pywbem.CIMInstance) -> State:
    health = instance.get("HealthState")
    if health is None or int(health) == 0:
        return State.UNKNOWN
    return State.OK if health < 10 else State.WARNING if health < 20 else State.CRITICAL


def _sentence(instance: pywbem.CIMInstance) -> str:
    return "; ".join(dict.fromkeys(instance.get("StatusDescriptions") or ("it says nothing",)))


def _finding(instance: pywbem.CIMInstance, name: str) -> Finding:
    return Finding(name, _health(instance), _sentence(instance))


def _number(instance: pywbem.CIMInstance, name: str) -> int | None:
    value = instance.get(name)
    return None if value is None else int(value)


def _chosen(
    instances: Iterable[pywbem.CIMInstance], key: str, only: _Names, what: str
) -> dict[str, pywbem.CIMInstance]:
    """Return the instances by name, those that are asked for. Raises `CheckError`."""
    found = {str(each[key]): each for each in instances}
    missing = sorted(only - found.keys())
    if missing:
        there = ", ".join(sorted(found)[:20]) or "none"
        raise CheckError(f"there is no {what} {', '.join(missing)}: there are {there}")
    return {name: each for name, each in found.items() if name in (only or found)}


def _counted(findings: Sequence[Finding], what: str) -> str:
    ill = [each.name for each in findings if each.state is not State.OK]
    if not ill:
        return f"{len(findings)} {what}, all as they should be"
    more = f" and {len(ill) - 5} more" if len(ill) > 5 else ""
    return f"{len(ill)} of {len(findings)} {what} not as they should be: {', '.join(ill[:5])}{more}"


def _cluster(client: pywbem.WBEMConnection, cluster: pywbem.CIMInstance, only: _Names) -> Found:
    votes, needed = _number(cluster, "Votes"), _number(cluster, "VotesNeededForQuorum")
    spare = None if votes is None or needed is None else votes - needed
    nodes, resources = _number(cluster, "NodesTotal"), _number(cluster, "ResourcesTotal")
    figures = (
        Figure("votes_spare", spare),
        Figure("nodes_online", _number(cluster, "NodesOnline"), highest=nodes),
        Figure("nodes_unclean", _number(cluster, "NodesUnclean"), highest=nodes),
        Figure("resources_running", _number(cluster, "ResourcesRunning"), highest=resources),
        Figure("resources_failed", _number(cluster, "ResourcesFailed"), highest=resources),
        Figure("resources_blocked", _number(cluster, "ResourcesBlocked"), highest=resources),
        Figure("actions_pending", _number(cluster, "PendingActions")),
    )
    name = str(cluster["ElementName"])
    outlook = Finding("votes", State.OK, str(cluster.get("QuorumOutlook") or "unknown"))
    finding = _finding(cluster, name)
    return Found((finding, outlook), figures, f"{name}: {finding.text}")


def _nodes(client: pywbem.WBEMConnection, cluster: pywbem.CIMInstance, only: _Names) -> Found:
    names = ["Name", "EnabledState", "RunningResources", *_STATE_DATA]
    told = client.EnumerateInstances("HA_ClusterNode", PropertyList=names)
    chosen = _chosen(told, "Name", only, "node")
    findings = tuple(_finding(each, name) for name, each in chosen.items())
    away = sum(each.get("EnabledState") not in (2, 5) for each in chosen.values())
    running = tuple(
        Figure(f"{name}_resources", len(each["RunningResources"]))
        for name, each in chosen.items()
        if each.get("RunningResources") is not None
    )
    figures = (Figure("unavailable", away, highest=len(chosen)), *running)
    return Found(findings, figures, _counted(findings, "nodes"))


def _resources(client: pywbem.WBEMConnection, cluster: pywbem.CIMInstance, only: _Names) -> Found:
    names = ["Id", "FailCount", "Enabled", *_STATE_DATA]
    told = client.EnumerateInstances("HA_ClusterResource", PropertyList=names)
    told = [each for each in told if each.get("Enabled") != "false"]  # those are drafts
    chosen = _chosen(told, "Id", only, "resource")
    findings = tuple(_finding(each, name) for name, each in chosen.items())
    counts = [_number(each, "FailCount") or 0 for each in chosen.values()]
    ill = sum(each.state is not State.OK for each in findings)
    figures = (
        Figure("failures", max(counts, default=0)),
        Figure("not_well", ill, highest=len(findings)),
    )
    return Found(findings, figures, _counted(findings, "resources"))


def _redundancy(client: pywbem.WBEMConnection, cluster: pywbem.CIMInstance, only: _Names) -> Found:
    names = ["ElementName", "RedundancyStatus", "RedundancyDescription"]
    more = [*names, "ResourceId", "SpareNames"]
    told = client.EnumerateInstances("HA_ResourceRedundancySet", PropertyList=more)
    chosen = _chosen(told, "ResourceId", only, "resource with a redundancy set of its own:")
    healths = {
        str(each["Id"]): _health(each)
        for each in client.EnumerateInstances(
            "HA_ClusterResource", PropertyList=["Id", "HealthState"]
        )
    }
    told = [] if only else client.EnumerateInstances("HA_NodeRedundancySet", PropertyList=names)
    findings = [_of_set(each, "nodes", State.UNKNOWN) for each in told]
    # A set of something that is stopped as wanted has nothing to keep up.
    findings += (
        _of_set(each, name, healths.get(name, State.UNKNOWN)) for name, each in chosen.items()
    )
    kept = [
        each for each in chosen.values() if each.get("RedundancyStatus") and each.get("SpareNames")
    ]
    active = [each for each in chosen.values() if each.get("RedundancyStatus")]
    fewest = min((len(each.get("SpareNames") or ()) for each in active), default=None)
    figures = (
        Figure("spares", fewest),
        Figure("with_spare", len(kept), highest=len(active)),
    )
    return Found(tuple(findings), figures, _counted(findings, "redundancy sets"))


def _of_set(instance: pywbem.CIMInstance, name: str, otherwise: State) -> Finding:
    state = _REDUNDANCY.get(int(instance.get("RedundancyStatus") or 0), otherwise)
    return Finding(name, state, str(instance.get("RedundancyDescription") or "it says nothing"))


def _tickets(client: pywbem.WBEMConnection, cluster: pywbem.CIMInstance, only: _Names) -> Found:
    told = client.EnumerateInstances(
        "HA_Ticket", PropertyList=["Id", "Granted", "IsStandby", *_STATE_DATA]
    )
    chosen = _chosen(told, "Id", only, "ticket")
    findings = tuple(_finding(each, name) for name, each in chosen.items())
    absent = sum(not each.get("Granted") for each in chosen.values())
    standby = sum(bool(each.get("IsStandby")) for each in chosen.values())
    figures = (
        Figure("not_granted", absent, highest=len(chosen)),
        Figure("standby", standby, highest=len(chosen)),
    )
    granted = f"{len(chosen) - absent} of {len(chosen)} tickets granted to this site"
    return Found(findings, figures, granted)


def _links(client: pywbem.WBEMConnection, cluster: pywbem.CIMInstance, only: _Names) -> Found:
    names = ["LinkName", "NodeName", "LinkState", "LossPermille", *_STATE_DATA]
    told = client.EnumerateInstances("HA_HeartbeatLink", PropertyList=names)
    links = {str(each["LinkName"]) for each in told}
    missing = sorted(only - links)
    if missing:
        there = ", ".join(sorted(links)) or "none"
        raise CheckError(f"there is no link {', '.join(missing)}: there are {there}")
    chosen = [each for each in told if str(each["LinkName"]) in (only or links)]
    findings = tuple(_finding(each, f"{each['NodeName']} {each['LinkName']}") for each in chosen)
    down = sum(each.get("LinkState") == 3 for each in chosen)
    losses = [each["LossPermille"] for each in chosen if each.get("LossPermille") is not None]
    figures = (
        Figure("down", down, highest=len(chosen)),
        Figure("loss_permille_max", max(map(int, losses), default=None), highest=1000),
    )
    return Found(findings, figures, _counted(findings, "links"))


_Mode = Callable[[pywbem.WBEMConnection, pywbem.CIMInstance, _Names], Found]
MODES: Final[Mapping[str, tuple[_Mode, str]]] = {
    "cluster": (_cluster, "the cluster; thresholds: votes that may still be lost (votes_spare)"),
    "node": (_nodes, "nodes; thresholds: nodes that take no resources (unavailable)"),
    "resource": (_resources, "resources; thresholds: largest count of failures (failures)"),
    "redundancy": (_redundancy, "reserve; thresholds: fewest spare nodes of a resource (spares)"),
    "tickets": (_tickets, "tickets; thresholds: tickets that are not here (not_granted)"),
    "links": (_links, "links; thresholds: links over which nothing is heard (down)"),
}
"""Every mode, and what it looks at."""
