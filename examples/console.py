"""A console for clusters that knows nothing but DMTF's standard classes.

It finds the clusters of a WBEM server through the interop namespace and the registered profiles,
draws nodes, services, health and redundancy, and restarts a service and watches the job to its
end. Everything is asked for by the names of the CIM schema, so it works with any server that
follows it. Needs pywbem. Source: DMTF CIM Schema 2.41, DSP1033 (profile registration).

    WBEM_PASSWORD=... python console.py https://node1:5989 --user admin
    WBEM_PASSWORD=... python console.py https://node1:5989 --user admin --restart web
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

import argparse
import getpass
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pywbem

INTEROP_NAMES: Final = ("interop", "root/interop", "root/PG_InterOp")
"""Where servers keep their profiles; the first that answers is taken."""
HEALTH: Final = {
    0: "unknown",
    5: "ok",
    10: "degraded",
    15: "minor failure",
    20: "major failure",
    25: "critical",
    30: "beyond repair",
}
REDUNDANCY: Final = {
    0: "unknown",
    2: "fully redundant",
    3: "degraded redundancy",
    4: "redundancy lost",
    5: "overall failure",
}
SPARES: Final = {2: "hot", 3: "cold"}
RESTARTS: Final = (11, 10)
"""Reset and reboot of RequestStateChange, whichever a service supports."""
JOB_STARTED: Final = 4096
JOB_DONE: Final = 7
JOB_ENDS: Final = {JOB_DONE: "completed", 8: "terminated", 9: "killed", 10: "failed"}
POLL_S: Final = 0.5
POLLS_MAX: Final = 1_200
"""A job that takes longer is left to go on by itself."""


class ConsoleError(Exception):
    """Something is not there, or was refused; the text says what."""


@dataclass(frozen=True)
class Element:
    """Anything that has a name and a state of health."""

    path: pywbem.CIMInstanceName
    name: str
    health: int
    text: str

    @property
    def line(self) -> str:
        """Return its state in one line."""
        return f"{self.name}: {HEALTH.get(self.health, self.health)}, {self.text}"


@dataclass(frozen=True)
class Service:
    """A service, and the names of the systems that it runs on."""

    element: Element
    hosts: tuple[str, ...]


@dataclass(frozen=True)
class RedundancySet:
    """Systems that do a job, and those that could."""

    name: str
    status: int
    members: tuple[str, ...]
    spares: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Cluster:
    """All that the console shows of one cluster."""

    element: Element
    nodes: tuple[Element, ...]
    services: tuple[Service, ...]
    sets: tuple[RedundancySet, ...]


# --- finding ---------------------------------------------------------------------------------


def interop_of(server: pywbem.WBEMConnection) -> str:
    """Return the name of the interop namespace. Raises ConsoleError if there is none."""
    for name in INTEROP_NAMES:
        try:
            server.EnumerateInstanceNames("CIM_RegisteredProfile", namespace=name)
        except pywbem.CIMError:
            continue
        return name
    raise ConsoleError(f"the server has none of the namespaces {', '.join(INTEROP_NAMES)}")


def clusters_of(server: pywbem.WBEMConnection) -> list[pywbem.CIMInstanceName]:
    """Return the paths of the clusters that any profile is about."""
    found: dict[pywbem.CIMInstanceName, None] = {}
    for profile in server.EnumerateInstanceNames(
        "CIM_RegisteredProfile", namespace=interop_of(server)
    ):
        for path in server.AssociatorNames(
            profile,
            AssocClass="CIM_ElementConformsToProfile",
            Role="ConformantStandard",
            ResultClass="CIM_Cluster",
        ):
            path.host = None
            found[path] = None
    return list(found)


def look(server: pywbem.WBEMConnection) -> list[Cluster]:
    """Return all clusters of a server as they are now."""
    return [_cluster(server, path) for path in clusters_of(server)]


def _cluster(server: pywbem.WBEMConnection, path: pywbem.CIMInstanceName) -> Cluster:
    def related(association: str, role: str, result: str) -> list[pywbem.CIMInstance]:
        found: list[pywbem.CIMInstance] = server.Associators(
            path, AssocClass=association, Role=role, ResultClass=result
        )
        return found

    own = {
        each.path for each in related("CIM_HostedService", "Antecedent", "CIM_ClusteringService")
    }
    return Cluster(
        _element(server.GetInstance(path)),
        tuple(map(_element, related("CIM_ComponentCS", "GroupComponent", "CIM_ComputerSystem"))),
        tuple(
            _service(server, each)
            for each in related("CIM_HostedService", "Antecedent", "CIM_Service")
            if each.path not in own
        ),
        tuple(
            _set(server, each)
            for each in related("CIM_HostedCollection", "Antecedent", "CIM_RedundancySet")
        ),
    )


def _element(instance: pywbem.CIMInstance) -> Element:
    texts = instance.get("StatusDescriptions") or ["no description"]
    return Element(instance.path, str(instance["ElementName"]), instance["HealthState"], texts[0])


def _service(server: pywbem.WBEMConnection, instance: pywbem.CIMInstance) -> Service:
    hosts: dict[str, None] = {}
    for element in server.AssociatorNames(instance.path, AssocClass="CIM_ConcreteIdentity"):
        hosts |= dict.fromkeys(_hosts(server, element))
    return Service(_element(instance), tuple(hosts))


def _hosts(server: pywbem.WBEMConnection, element: pywbem.CIMInstanceName) -> Iterator[str]:
    """Yield the names of the systems that an element, or a part of it, is on."""
    systems = server.Associators(
        element,
        AssocClass="CIM_HostedDependency",
        Role="Dependent",
        ResultClass="CIM_ComputerSystem",
        PropertyList=["ElementName"],
    )
    yield from (str(each["ElementName"]) for each in systems)
    for part in server.AssociatorNames(
        element, AssocClass="CIM_ConcreteComponent", Role="GroupComponent"
    ):
        yield from _hosts(server, part)


def _set(server: pywbem.WBEMConnection, instance: pywbem.CIMInstance) -> RedundancySet:
    members = server.Associators(
        instance.path,
        AssocClass="CIM_MemberOfCollection",
        Role="Collection",
        PropertyList=["ElementName"],
    )
    spares = {
        link["Antecedent"]: int(link["SpareStatus"])
        for link in server.References(instance.path, ResultClass="CIM_IsSpare")
    }
    names = {path: str(server.GetInstance(path)["ElementName"]) for path in spares}
    return RedundancySet(
        str(instance["ElementName"]),
        int(instance["RedundancyStatus"]),
        tuple(str(each["ElementName"]) for each in members),
        tuple((names[path], status) for path, status in spares.items()),
    )


# --- drawing ---------------------------------------------------------------------------------


def draw(cluster: Cluster) -> str:
    """Return the cluster as text: nodes with what runs on them, services, redundancy."""
    lines = [f"Cluster {cluster.element.line}", "", "Nodes"]
    for node in cluster.nodes:
        lines.append(f"  {node.line}")
        running = [each.element for each in cluster.services if node.name in each.hosts]
        lines += [f"    +-- {each.name}" for each in running]
    lines += ["", "Services"]
    for service in cluster.services:
        where = ", ".join(service.hosts) or "nowhere"
        lines.append(f"  {service.element.line} [{where}]")
    lines += ["", "Redundancy"]
    for each in cluster.sets:
        spares = ", ".join(f"{name} ({SPARES.get(how, how)})" for name, how in each.spares)
        members = ", ".join(each.members) or "nobody"
        tail = f"; spare: {spares}" if spares else ""
        lines.append(f"  {each.name}: {REDUNDANCY.get(each.status, each.status)}: {members}{tail}")
    return "\n".join(lines)


# --- doing -----------------------------------------------------------------------------------


def restart(
    server: pywbem.WBEMConnection,
    service: Service,
    say: Callable[[str], None],
    pause: Callable[[], None],
) -> bool:
    """Restart a service, watch the job to its end and tell how it goes; return whether it is done.

    Raises ConsoleError: the service cannot be restarted, or the request was refused.
    """
    path = service.element.path
    state = next((each for each in RESTARTS if each in _supported(server, path)), None)
    if state is None:
        raise ConsoleError(f"{service.element.name} does not say that it can be restarted")
    code, outputs = server.InvokeMethod(
        "RequestStateChange", path, RequestedState=pywbem.Uint16(state)
    )
    if code == 0:
        say(f"{service.element.name} is restarted")
        return True
    if code != JOB_STARTED:
        raise ConsoleError(f"{service.element.name}: {_meaning(server, path, int(code))}")
    return _watch(server, outputs["Job"], say, pause)


def _supported(server: pywbem.WBEMConnection, path: pywbem.CIMInstanceName) -> set[int]:
    """Return the states that may be asked for."""
    found = server.Associators(
        path,
        AssocClass="CIM_ElementCapabilities",
        ResultClass="CIM_EnabledLogicalElementCapabilities",
    )
    return {int(state) for each in found for state in each["RequestedStatesSupported"] or ()}


def _meaning(server: pywbem.WBEMConnection, path: pywbem.CIMInstanceName, code: int) -> str:
    """Return what a code of RequestStateChange means, by the class's own declaration."""
    declared = server.GetClass(path.classname, path.namespace, LocalOnly=False)
    qualifiers = declared.methods["RequestStateChange"].qualifiers
    words = dict(zip(qualifiers["ValueMap"].value, qualifiers["Values"].value, strict=True))
    return str(words.get(str(code), f"code {code}"))


def _watch(
    server: pywbem.WBEMConnection,
    job: pywbem.CIMInstanceName,
    say: Callable[[str], None],
    pause: Callable[[], None],
) -> bool:
    told = ""
    for _ in range(POLLS_MAX):
        found = server.GetInstance(job)
        state = int(found["JobState"])
        text = f"{found['ElementName']}: {found['PercentComplete']} %, {found['JobStatus']}"
        if text != told:
            say(text)
            told = text
        if state in JOB_ENDS:
            say(f"{found['ElementName']}: {JOB_ENDS[state]}")
            return state == JOB_DONE
        pause()
    say("it takes long, and goes on without this console")
    return False


# --- the program -----------------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    """Run the console; return the exit code: 0 done, 1 not done, 2 wrong words."""
    parser = argparse.ArgumentParser(description="Shows the clusters of a WBEM server.")
    parser.add_argument("url", help="such as https://node1:5989")
    parser.add_argument("--user", default="", help="the password is that of WBEM_PASSWORD")
    parser.add_argument("--ca", help="file with the certificates that are trusted")
    parser.add_argument("--restart", metavar="SERVICE", help="restart a service, watch the job")
    asked = parser.parse_args(arguments)
    user = None
    if asked.user:
        user = (asked.user, os.environ.get("WBEM_PASSWORD") or getpass.getpass())
    try:
        with pywbem.WBEMConnection(asked.url, user, ca_certs=asked.ca, timeout=60) as server:
            if asked.ca:  # authorities that the environment names would win over it
                server.session.trust_env = False
            return _run(server, asked.restart)
    except (pywbem.Error, ConsoleError) as fault:
        sys.stderr.write(f"console: {fault}\n")
        return 1


def _run(server: pywbem.WBEMConnection, wanted: str | None) -> int:
    found = look(server)
    if not found:
        raise ConsoleError("no profile of this server is about a cluster")
    for cluster in found:
        print(draw(cluster))
    if wanted is None:
        return 0
    services = {each.element.name: each for cluster in found for each in cluster.services}
    if wanted not in services:
        raise ConsoleError(f"there is no service {wanted!r}, but {', '.join(services)}")
    is_done = restart(server, services[wanted], print, lambda: time.sleep(POLL_S))
    return 0 if is_done else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
