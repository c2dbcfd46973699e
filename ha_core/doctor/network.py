"""Findings about links, clocks, versions and load: what nodes tell of themselves and each other.

Owns: these checks. Pure.
"""

from collections.abc import Iterator
from typing import Final

from ha_core.doctor.facts import Examined, Told
from ha_core.doctor.findings import Finding, Severity, ok
from ha_core.figures import NodeFigures
from ha_core.ids import Millis
from ha_core.observed import LinkStanding
from ha_core.snapshot import ClusterSnapshot

LINKS = "links"
CLOCKS = "clocks"
VERSIONS = "versions"
LOAD = "load"
REACH = "reach"
LOSS_PERMILLE_MAX: Final = 20
"""More than that is no accident on a wired network."""
CLOCK_NOTICE_MS: Final[Millis] = 500
CLOCK_WARNING_MS: Final[Millis] = 5_000
"""So far apart, events are told in another order than they happened in."""
LATE_MIN: Final = 10
"""Late heartbeats since the daemon began; a few come with every restart."""
MEMORY_PERMILLE_MIN: Final = 50
LOAD_FACTOR_MAX: Final = 4


def links(examined: Examined) -> Iterator[Finding]:
    """Yield links that are down, lose frames or come and go, and nodes with one link alone."""
    seen = examined.snapshot
    if seen is None or len(seen.nodes) < 2:
        return
    found: list[Finding] = []
    configured = seen.configuration.links
    if len(configured) < 2:
        name = configured[0].name if configured else "the only link"
        why = "one cable, switch or driver that fails parts the nodes, and services stop or move"
        cure = "give every node an address on a second network in the file, then: ha apply FILE"
        text = f"the nodes hear each other over one link alone ({name})"
        found.append(Finding(Severity.WARNING, LINKS, "", text, why, cure))
    there = set(examined.online)
    known = [item for item in _standings(examined, seen) if {item.node, item.peer} <= there]
    for item in known:
        found += _link(item)
    ways = {(item.node, item.peer) for item in known}
    well = f"every node hears every other one over {len(configured)} links"
    if len(ways) < len(there) * (len(there) - 1):
        well = f"of the ways between nodes that have told of theirs ({len(ways)}) none is down"
    yield from found or [ok(LINKS, well)]


def _standings(examined: Examined, seen: ClusterSnapshot) -> Iterator[LinkStanding]:
    """Yield what all nodes have told of their links, and what this one knows of its own."""
    told = {(item.node, item.peer, item.link) for item in examined.links}
    yield from examined.links
    for link in seen.links:
        if (seen.local, link.peer, link.link) not in told:
            reason = link.history[-1].reason if link.history else ""
            yield LinkStanding(
                seen.local,
                link.peer,
                link.link,
                link.up,
                loss_permille=link.loss_permille,
                reason=reason,
            )


def _link(item: LinkStanding) -> Iterator[Finding]:
    name = f"{item.link} from {item.peer} to {item.node}"
    cure = f"look at cables, switch and firewall between both; 'ha links --history' on {item.node}"
    if not item.up:
        why = "it is no spare for the others any more"
        reason = f" ({item.reason})" if item.reason else ""
        yield Finding(Severity.WARNING, LINKS, item.link, f"{name} is down{reason}", why, cure)
    elif item.flaps:
        why = "every time it goes, the other links must carry all; with one link a node is lost"
        yield Finding(Severity.WARNING, LINKS, item.link, f"{name} comes and goes", why, cure)
    elif item.loss_permille > LOSS_PERMILLE_MAX:
        why = "heartbeats that are lost look like a node that dies"
        text = f"{name} loses {item.loss_permille / 10:g} % of its frames"
        yield Finding(Severity.NOTICE, LINKS, item.link, text, why, cure)


def reach(examined: Examined) -> Iterator[Finding]:
    """Yield what the nodes do not reach of the world outside, or that nobody looks."""
    seen = examined.snapshot
    if seen is None or not seen.resources:
        return
    targets = seen.configuration.ping.targets
    if not targets:
        why = (
            "a node that loses its network to the clients keeps its services, and nobody sees them"
        )
        cure = "name a router as a ping target in the file ('ping'), then: ha apply FILE"
        text = "no node looks whether it still reaches its clients' network"
        yield Finding(Severity.NOTICE, REACH, "", text, why, cure)
        return
    found = []
    for node in seen.nodes:
        known = node.connectivity
        if known is not None and (known.missed or known.fault):
            missed = ", ".join(known.missed)
            text = f"{node.name} does not reach {missed}"
            if known.fault:
                text = f"what {node.name} reaches is not known: {known.fault}"
            why = "its services may have no clients there"
            cure = f"mend the network of {node.name}, or the ping target"
            found.append(Finding(Severity.WARNING, REACH, node.name, text, why, cure))
    yield from found or [ok(REACH, "every node reaches all ping targets")]


def clocks(examined: Examined) -> Iterator[Finding]:
    """Yield nodes whose clocks differ from this one's, and a clock that nobody keeps."""
    seen = examined.snapshot
    found: list[Finding] = []
    compared = 0
    for told in examined.told:
        if seen is None or told.figures.node == seen.local or not told.is_fresh:
            continue
        compared += 1
        found += _clock(told, seen.local)
    if examined.machine.is_clock_kept is False:
        why = "it drifts away from the others: times in events, logs and certificates go wrong"
        cure = "start chrony, ntpd or systemd-timesyncd on it"
        text = "no time service keeps this machine's clock"
        found.append(Finding(Severity.NOTICE, CLOCKS, "", text, why, cure))
    newest = examined.events[-1] if examined.events else None
    if newest is not None and newest.at_wall_ms > examined.at_wall_ms + CLOCK_WARNING_MS:
        why = "logs of several nodes cannot be put in order by their times"
        ahead = _span(newest.at_wall_ms - examined.at_wall_ms)
        text = f"the newest event, of {newest.node}, has a time that is {ahead} ahead"
        cure = f"compare the clocks of {newest.node} and this machine: timedatectl"
        found.append(Finding(Severity.WARNING, CLOCKS, newest.node, text, why, cure))
    well = "this machine's clock is kept by a time service, as far as can be told"
    if compared:
        well = f"the clocks of all nodes that were asked agree within {_span(CLOCK_NOTICE_MS)}"
    yield from found or [ok(CLOCKS, well)]


def _clock(told: Told, local: str) -> Iterator[Finding]:
    """The node measured itself between both moments: only what lies outside is a difference."""
    at_ms, name = told.figures.at_wall_ms, told.figures.node
    behind_ms, ahead_ms = told.asked_wall_ms - at_ms, at_ms - told.answered_wall_ms
    apart_ms = max(behind_ms, ahead_ms)
    if apart_ms < CLOCK_NOTICE_MS:
        return
    word = "behind" if behind_ms > 0 else "ahead of"
    severity = Severity.WARNING if apart_ms >= CLOCK_WARNING_MS else Severity.NOTICE
    why = (
        "no lease depends on it, but ends of moves, bans and standby, date rules, certificates and"
        " the times in events do"
    )
    text = f"the clock of {name} is at least {_span(apart_ms)} {word} that of {local}"
    cure = f"start a time service on both (chrony, ntpd); on {name}: timedatectl"
    yield Finding(severity, CLOCKS, name, text, why, cure)


def _span(length_ms: Millis) -> str:
    if length_ms < 1000:
        return f"{length_ms} ms"
    seconds = length_ms // 1000
    for size, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {word}"
    return f"{seconds} s"


def versions(examined: Examined) -> Iterator[Finding]:
    """Yield nodes of another version, and nodes that did not tell theirs."""
    found: list[Finding] = []
    if examined.daemon and examined.daemon != examined.program:
        why = "the daemon still runs what was installed before"
        cure = "restart it when that suits you; its services move away: ha stop, then ha start"
        text = f"the daemon is version {examined.daemon}, this program {examined.program}"
        found.append(Finding(Severity.NOTICE, VERSIONS, "", text, why, cure))
    fresh = [told.figures for told in examined.told if told.is_fresh]
    by_version: dict[str, list[str]] = {}
    for figures in fresh:
        by_version.setdefault(f"{figures.product} (protocol {figures.protocol})", []).append(
            figures.node
        )
    if len(by_version) > 1:
        parts = [f"{', '.join(names)}: {version}" for version, names in sorted(by_version.items())]
        why = "they work together, but nothing that the older ones do not know can be used"
        cure = "upgrade the others as well, one node at a time (docs/install.md)"
        text = f"the nodes run different versions: {'; '.join(parts)}"
        found.append(Finding(Severity.NOTICE, VERSIONS, "", text, why, cure))
    # A witness of many clusters tells no figures.
    hosts = set(examined.online) & set(examined.hosts)
    silent = sorted(hosts - {figures.node for figures in fresh})
    if examined.told and silent:
        why = "its clock, version, agents and load were not looked at"
        cure = "ask again; if it stays so, run 'ha doctor' there"
        text = f"{', '.join(silent)} told nothing of itself just now"
        found.append(Finding(Severity.NOTICE, VERSIONS, ", ".join(silent), text, why, cure))
    if fresh:
        yield from found or [ok(VERSIONS, f"all nodes run {next(iter(by_version))}")]
    else:
        yield from found


def load(examined: Examined) -> Iterator[Finding]:
    """Yield nodes with little memory, a long queue, or heartbeats that come late."""
    fresh = [told.figures for told in examined.told if told.is_fresh]
    found = [each for figures in fresh for each in _load(figures)]
    if fresh:
        yield from found or [ok(LOAD, "no node is short of memory or processors")]


def _load(figures: NodeFigures) -> Iterator[Finding]:
    name, total = figures.node, figures.memory_bytes
    if total and figures.memory_available_bytes * 1000 < total * MEMORY_PERMILLE_MIN:
        left = figures.memory_available_bytes // (1024 * 1024)
        why = "the kernel may kill a service, or the node slows down until it is lost"
        text = f"{name} has {left} MiB of memory left"
        cure = f"move something away from {name} (ha resource move), or give it more"
        yield Finding(Severity.WARNING, LOAD, name, text, why, cure)
    five_milli = figures.load_milli[1]
    if figures.cpus and five_milli > 1000 * LOAD_FACTOR_MAX * figures.cpus:
        why = "agents take longer than their limits, and then count as failed"
        text = f"{name} has a load of {five_milli / 1000:.1f} on {figures.cpus} processors"
        cure = f"find out what runs there, or move something away from {name}"
        yield Finding(Severity.NOTICE, LOAD, name, text, why, cure)
    if figures.beats_late >= LATE_MIN and figures.beats_late * 1000 > figures.beats_received:
        why = "a little more, and a node that is well counts as lost"
        text = f"{name} heard heartbeats after half of the dead time {figures.beats_late} times"
        cure = "find out what holds the nodes or the network up, or raise 'dead_after'"
        yield Finding(Severity.NOTICE, LOAD, name, text, why, cure)
