"""A snapshot as people and programs read it: the table and the JSON of `ha status`.

Owns: the layout of both. Pure: snapshot in, values and text out. The JSON's
names are an interface that other programs rely on: fields are added, never changed.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Final

import click

from ha_core.ids import INFINITY
from ha_core.journal import JournalEvent
from ha_core.snapshot import (
    ClusterSnapshot,
    Commanded,
    LinkSummary,
    NodeSummary,
    ResourceSummary,
    TicketSummary,
)
from ha_core.status import Connectivity, FencingStatus

_COLOURS: Final = {
    "online": "green",
    "started": "green",
    "starting": "yellow",
    "stopping": "yellow",
    "standby": "yellow",
    "maintenance": "yellow",
    "suspect": "yellow",
    "unknown": "yellow",
    "failed": "red",
    "blocked": "red",
    "lost": "red",
}


def status_value(snapshot: ClusterSnapshot) -> dict[str, object]:
    """Return what `ha status --json` prints."""
    timers = snapshot.timers
    return {
        "name": snapshot.configuration.name,
        "local": snapshot.local,
        "version": snapshot.version,
        "revision": snapshot.revision,
        "coordinator": snapshot.coordinator,
        "term": snapshot.term,
        "quorate": snapshot.quorate,
        "electing": snapshot.electing,
        "votes": {
            "present": snapshot.votes,
            "expected": snapshot.votes_expected,
            "needed": snapshot.votes_needed,
        },
        "quorum": {
            "missing": list(snapshot.votes_missing),
            "outlook": snapshot.outlook,
            "awaited": list(snapshot.awaited),
        },
        "nodes": {node.name: _node_value(node) for node in snapshot.nodes},
        "resources": {item.id: _resource_value(item) for item in snapshot.resources},
        "groups": {group.id: list(group.members) for group in snapshot.configuration.groups},
        "clones": {clone.id: clone.member for clone in snapshot.configuration.clones},
        "tickets": {item.name: ticket_value(item) for item in snapshot.tickets},
        "moves": [_move_value(item) for item in snapshot.commanded],
        "pending": list(snapshot.pending),
        "faults": list(snapshot.faults),
        "notices": list(snapshot.notices),
        "fencing": [_fencing_value(item) for item in snapshot.fencing],
        "links": [link_value(link) for link in snapshot.links],
        "timers": {
            "dead_after_ms": timers.dead_after_ms,
            "beat_ms": timers.beat_ms,
            "coordinator_lease_ms": timers.coordinator_lease_ms,
            "run_lease_ms": timers.run_lease_ms,
        },
        "last_change": {
            "author": snapshot.last_author,
            "reason": snapshot.last_reason,
            "wall_ms": snapshot.last_change_wall_ms,
        },
    }


def standing(snapshot: ClusterSnapshot, *, is_measured: bool) -> dict[str, object]:
    """Return what must differ for a status to be worth showing again: no ages, no counts of views.

    `is_measured`: the loss of links is shown too.
    """
    ages = ("silent_ms", "since_ms") if is_measured else ("silent_ms", "since_ms", "loss_permille")
    value = status_value(snapshot)
    del value["version"]
    links = (link_value(link) for link in snapshot.links)
    value["links"] = [{k: v for k, v in link.items() if k not in ages} for link in links]
    return value


def _node_value(node: NodeSummary) -> dict[str, object]:
    return {
        "state": node.state,
        "witness": node.witness,
        "voter": node.voter,
        "unclean": node.unclean,
        "fenced_by": node.fenced_by,
        "generation": node.generation,
        "standby_until_wall_ms": node.standby_until_wall_ms,
        "connectivity": _connectivity_value(node.connectivity),
        "gates": {
            "kernel": node.gates.kernel,
            "no_kernel": node.gates.no_kernel,
            "watchdog_ms": node.gates.watchdog_ms,
            "no_watchdog": node.gates.no_watchdog,
        },
    }


def _fencing_value(item: FencingStatus) -> dict[str, object]:
    return {
        "node": item.node,
        "generation": item.generation,
        "stage": item.stage,
        "device": item.device,
        "executor": item.executor,
        "reason": item.reason,
        "fault": item.fault,
    }


def _connectivity_value(known: Connectivity | None) -> dict[str, object] | None:
    if known is None:
        return None
    return {"reached": list(known.reached), "missed": list(known.missed), "fault": known.fault}


def _resource_value(item: ResourceSummary) -> dict[str, object]:
    return {
        "state": item.state,
        "role": item.role,
        "nodes": list(item.nodes),
        "guard": item.guard,
        "takeover_wait_ms": item.takeover_wait_ms,
        "guard_text": item.guard_text,
        "shorter": list(item.shorter),
        "group": item.group,
        "managed": item.managed,
        "target": item.target,
        "fail_count": item.fail_count,
        "clone": item.clone,
        "promoted": list(item.promoted),
        "why": item.why,
    }


def ticket_value(item: TicketSummary) -> dict[str, object]:
    """Return what `ha status --json` and `ha ticket list --json` print for one ticket."""
    return {
        "granted": item.granted,
        "standby": item.standby,
        "changed_wall_ms": item.changed_wall_ms,
        "author": item.author,
        "reason": item.reason,
        "resources": list(item.resources),
    }


def ticket_text(item: TicketSummary) -> str:
    """Return what a ticket is, who said so, and what needs it, in one line."""
    state = "granted" if item.granted else "not granted"
    if item.granted and item.standby:
        state = "granted, in standby"
    words = f"{item.name}: {state}"
    if item.changed_wall_ms:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(item.changed_wall_ms / 1000))
        words += f" since {when}, by {item.author}"
        words += f" ({item.reason})" if item.reason else ""
    return f"{words}; needed by {', '.join(item.resources) or 'nothing'}"


def _move_value(item: Commanded) -> dict[str, object]:
    return {
        "resource": item.resource,
        "node": item.node,
        "origin": str(item.origin),
        "allowed": item.is_allowed,
        "expires_wall_ms": item.expires_wall_ms,
        "ends_with_node": item.ends_with_node,
        "promoted": item.promoted,
    }


def link_value(link: LinkSummary) -> dict[str, object]:
    """Return what `ha status --json` and `ha links --json` print for one link."""
    return {
        "peer": link.peer,
        "link": link.link,
        "up": link.up,
        "silent_ms": link.silent_ms,
        "since_ms": link.since_ms,
        "changes": link.changes,
        "loss_permille": link.loss_permille,
        "history": [
            {"wall_ms": moment.at_wall_ms, "up": moment.up, "reason": moment.reason}
            for moment in link.history
        ],
    }


_STAGES: Final = {
    "waiting": "to be cut off soon",
    "cutting": "being cut off",
    "proved": "proved to be off",
    "restoring": "being switched on",
    "resting": "could not be cut off, tried again",
}


def event_value(event: JournalEvent) -> dict[str, object]:
    """Return what `ha events --json` prints for one event."""
    return {
        "seq": event.seq,
        "time": event.at_wall_ms / 1000,
        "node": event.node,
        "kind": event.kind,
        "subject": event.subject,
        "text": event.text,
        "incident": event.incident,
        "why": event.why,
    }


def status_text(snapshot: ClusterSnapshot, at_wall_ms: int) -> str:
    """Return what `ha status` prints for people, of a snapshot of that moment."""
    sections = [
        list(_heading(snapshot)),
        _section("nodes", _node_rows(snapshot, at_wall_ms)),
        _section("resources", _resource_rows(snapshot)),
        _section("tickets", ([ticket_text(item)] for item in snapshot.tickets)),
        _section("moves and bans", _move_rows(snapshot, at_wall_ms)),
        _section("under way", ([text] for text in snapshot.pending)),
        _section("links down", _dead_links(snapshot, at_wall_ms)),
        _section("faults", ([click.style(text, fg="red")] for text in snapshot.faults)),
        _section("notices", ([click.style(text, fg="yellow")] for text in snapshot.notices)),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def _heading(snapshot: ClusterSnapshot) -> Iterable[str]:
    votes = f"{snapshot.votes} of {snapshot.votes_expected} votes, {snapshot.votes_needed} needed"
    if snapshot.quorate:
        state = click.style("quorate", fg="green")
    elif snapshot.electing:
        state = click.style("electing a coordinator", fg="yellow")
    else:
        state = click.style("no quorum", fg="red", bold=True)
    coordinator = snapshot.coordinator or "none"
    name = click.style(snapshot.configuration.name, bold=True)
    yield f"cluster {name}, seen from {snapshot.local}"
    yield f"  {state} ({votes}), coordinator {coordinator}"
    change = f"  revision {snapshot.revision}"
    if snapshot.last_author:
        change += f" by {snapshot.last_author}"
    if snapshot.last_reason:
        change += f": {snapshot.last_reason}"
    yield change


def _node_rows(snapshot: ClusterSnapshot, at_wall_ms: int) -> Iterable[Sequence[str]]:
    for node in snapshot.nodes:
        end_ms = node.standby_until_wall_ms
        notes = [
            *([] if end_ms is None else [f"standby until {moment(end_ms, at_wall_ms)}"]),
            *(["coordinator"] if node.name == snapshot.coordinator else []),
            *(["witness"] if node.witness else []),
            *([] if node.voter else ["no vote"]),
            *(["may still run something"] if node.unclean else []),
            *([f"cut off by {node.fenced_by}"] if node.fenced_by else []),
            *(_STAGES[item.stage] for item in snapshot.fencing if item.node == node.name),
            *_reach(node.connectivity),
        ]
        yield [node.name, node.state, ", ".join(notes)]


def _reach(known: Connectivity | None) -> Iterable[str]:
    if known is not None and known.fault:
        yield "cannot ping"
    elif known is not None:
        total = len(known.reached) + len(known.missed)
        yield f"reaches {len(known.reached)} of {total} ping targets"


def _resource_rows(snapshot: ClusterSnapshot) -> Iterable[Sequence[str]]:
    by_id = {item.id: item for item in snapshot.resources}
    whole = snapshot.configuration
    for clone in whole.clones:
        yield [f"{clone.id} ({'promotable ' if clone.promotable else ''}clone)"]
        inner = whole.group(clone.member)
        for member in inner.members if inner else (clone.member,):
            if member in by_id:
                yield _resource_row(by_id[member], indent="  ")
    cloned = {clone.member for clone in whole.clones}
    for group in whole.groups:
        if group.id in cloned:
            continue
        yield [f"{group.id} (group)"]
        for member in group.members:
            if member in by_id:
                yield _resource_row(by_id[member], indent="  ")
    for item in snapshot.resources:
        if item.group is None and item.clone is None:
            yield _resource_row(item)


def _resource_row(item: ResourceSummary, indent: str = "") -> Sequence[str]:
    notes = [
        *([] if item.managed else ["unmanaged"]),
        *(["to be stopped"] if item.target == "stopped" and item.state != "stopped" else []),
        *([failures(item.fail_count)] if item.fail_count else []),
    ]
    wait = item.takeover_wait_ms
    takeover = f"takeover after {wait} ms"
    if wait is None:
        takeover = "takeover by " + ("fencing" if item.guard == "fencing" else "an operator's word")
    guard = f"{'no guard' if item.guard == 'none' else item.guard}, {takeover}"
    nodes = [f"{n} (promoted)" if n in item.promoted else str(n) for n in item.nodes]
    return [indent + item.id, item.state, ", ".join(nodes) or "-", guard, ", ".join(notes)]


def failures(count: int) -> str:
    """Return how often it failed; a failed start counts as too often at once."""
    if count >= INFINITY:
        return "a start failed"
    return "1 failure" if count == 1 else f"{count} failures"


def _move_rows(snapshot: ClusterSnapshot, at_wall_ms: int) -> Iterable[Sequence[str]]:
    for item in snapshot.commanded:
        if item.expires_wall_ms is None or item.expires_wall_ms > at_wall_ms:
            where = f"{'to' if item.is_allowed else 'not on'} {item.node}"
            if item.promoted:
                where = f"{'' if item.is_allowed else 'not '}promoted on {item.node}"
            yield [item.resource, where, end_of(item, at_wall_ms)]


def end_of(item: Commanded, at_wall_ms: int) -> str:
    """Return when a move or ban is over, seen from that moment."""
    ends = []
    if item.expires_wall_ms is not None:
        ends.append(moment(item.expires_wall_ms, at_wall_ms))
    if item.ends_with_node:
        ends.append(f"{item.node} is lost or stops")
    return "until " + (", or until ".join(ends) or f"'ha resource clear {item.resource}'")


def _dead_links(snapshot: ClusterSnapshot, at_wall_ms: int) -> Iterable[Sequence[str]]:
    for link in snapshot.links:
        if not link.up:
            since = moment(at_wall_ms - link.silent_ms, at_wall_ms)
            yield [f"{link.link} to {link.peer}", f"silent since {since}"]


def moment(wall_ms: int, now_wall_ms: int) -> str:
    """Return the time of day, with its date if that is another one."""
    then, now = time.localtime(wall_ms / 1000), time.localtime(now_wall_ms / 1000)
    day = "" if then[:3] == now[:3] else "%Y-%m-%d "
    return time.strftime(f"{day}%H:%M:%S", then)


def _section(title: str, rows: Iterable[Sequence[str]]) -> list[str]:
    """Return title and aligned rows; nothing if there are no rows. Colours follow the state."""
    table = [list(row) for row in rows]
    if not table:
        return []
    columns = max(len(row) for row in table)
    widths = [
        max((len(row[column]) for row in table if column < len(row) - 1), default=0)
        for column in range(columns)
    ]
    lines = [click.style(title.upper(), bold=True)]
    for row in table:
        last = len(row) - 1
        cells = [_cell(text, widths[i] if i < last else 0) for i, text in enumerate(row)]
        lines.append(("  " + "  ".join(cells)).rstrip())
    return lines


def _cell(text: str, width: int) -> str:
    colour = _COLOURS.get(text)
    padding = " " * (width - len(text))
    return (click.style(text, fg=colour) if colour else text) + padding
