"""The pages of a report: what each holds, and the index that says where it is.

Owns: which pages there are, their names, and what is left out of a report that would be too large.
Writes no file. Every page passes through the mask before anybody sees it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import click
import msgspec

from ha_core.cli import doctor, view
from ha_core.cli.amounts import amount
from ha_core.cli.look import Whole
from ha_core.cli.report_timeline import Range, timeline
from ha_core.config.difference import diff
from ha_core.config.masking import Mask, masked, secrets_of
from ha_core.config.render import render
from ha_core.doctor.findings import Finding
from ha_core.ids import NodeName
from ha_core.journal import JournalEvent
from ha_core.replication.entries import ConfigurationChange
from ha_core.snapshot import ClusterSnapshot

INDEX: Final = "INDEX.txt"
REVISIONS_MAX: Final = 20
"""Of the newest revisions the whole text; what each of the others changed is in the history."""
_NAME: Final = re.compile(r"[^\w.-]")


@dataclass(frozen=True, slots=True)
class Page:
    """One file of the report; `what` is its line in the index."""

    path: str
    text: str
    what: str
    rank: int = 0
    """What is too much goes by rank: the highest first, and of one rank the last."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was read beside the cluster: logs by their name, answers of `ha why`, what failed."""

    logs: Mapping[str, str]
    whys: Mapping[str, str]
    secrets: tuple[str, ...] = ()
    """Beside those in the configurations: keys, and what stands in files of secrets."""
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All pages, the index first."""

    name: str
    """Of the directory that they are in."""
    pages: tuple[Page, ...]
    left_out: tuple[str, ...]
    nodes: Mapping[str, str]
    """What there is of each node, in words."""


def composed(
    whole: Whole, findings: Sequence[Finding], gathered: Gathered, asked: Range, bytes_max: int
) -> Report:
    """Return the report; its pages have at most `bytes_max` bytes together, before compression."""
    seen = whole.seen
    secrets = [secret for change in seen.revisions for secret in secrets_of(change.configuration)]
    if seen.snapshot is not None:
        secrets += secrets_of(seen.snapshot.configuration)
    mask = Mask((*secrets, *gathered.secrets))
    events = tuple(event for event in seen.events if asked.holds(event.at_wall_ms))
    made = [
        *_first(whole, findings, events, asked),
        *_cluster(whole, events, gathered),
        *_nodes(whole),
        *_here(whole, gathered),
    ]
    hidden = [replace(page, text=mask.text(click.unstyle(page.text))) for page in made]
    kept, left_out = fitting(hidden, bytes_max)
    nodes = _of_nodes(whole)
    words = _index(whole, kept, (*left_out, *gathered.faults), nodes, asked)
    index = Page(INDEX, mask.text(words), "this page")
    return Report(_directory(whole), (index, *kept), (*left_out, *gathered.faults), nodes)


def fitting(pages: Sequence[Page], bytes_max: int) -> tuple[list[Page], list[str]]:
    """Return the pages that fit together, in their order, and a sentence for each that does not."""
    room, taken = bytes_max, set()
    for place, page in sorted(enumerate(pages), key=lambda item: (item[1].rank, item[0])):
        size = len(page.text.encode())
        if size <= room:
            room -= size
            taken.add(place)
    kept = [page for place, page in enumerate(pages) if place in taken]
    lost = [page for place, page in enumerate(pages) if place not in taken]
    whole = f"the report may have {bytes_max // 1024} KiB"
    return kept, [f"{page.path}: {len(page.text.encode()) // 1024} KiB; {whole}" for page in lost]


def _directory(whole: Whole) -> str:
    seen, moment = (
        whole.seen.snapshot,
        datetime.fromtimestamp(whole.examined.at_wall_ms / 1000, UTC),
    )
    names = [seen.configuration.name] if seen is not None else []
    names.append(_local(whole))
    words = [_file(name) for name in names]
    return "-".join(("beatkeeper-report", *words, moment.strftime("%Y%m%dT%H%M%SZ")))


def _file(name: str) -> str:
    """Return a name as a file may bear it: no separator, no dot in front."""
    return _NAME.sub("_", name)[:100].lstrip(".") or "_"


def _first(
    whole: Whole, findings: Sequence[Finding], events: Sequence[JournalEvent], asked: Range
) -> Iterator[Page]:
    text = timeline(events, asked, None)
    yield Page("timeline.txt", text, "what happened, in order, with the incidents: read this first")
    words = doctor.text(whole.examined, findings, is_verbose=True)
    what = "what ha doctor found when the report was made: faults, reasons, cures"
    yield Page("findings.txt", f"{words}\n", what)
    yield Page("findings.json", _json(doctor.value(whole.examined, findings)), "the same")


def _cluster(whole: Whole, events: Sequence[JournalEvent], gathered: Gathered) -> Iterator[Page]:
    seen = whole.seen.snapshot
    if seen is not None:
        yield from _status(seen, whole.examined.at_wall_ms)
    revisions = whole.seen.revisions
    if revisions:
        what = "who changed the configuration when, why and how"
        yield Page("cluster/history.txt", _history(revisions), what)
    lines = _lines(view.event_value(event) for event in events)
    yield Page("cluster/events.jsonl", lines, "the events of the timeline, one object a line", 1)
    for name, text in gathered.whys.items():
        yield Page(f"cluster/why/{_file(name)}.txt", text, f"why {name} is where it is", 1)
    for change in revisions[-REVISIONS_MAX:]:
        what = f"the configuration of revision {change.revision}"
        text = render(masked(change.configuration))
        yield Page(f"cluster/revisions/{change.revision:06}.yaml", text, what, 2)


def _status(seen: ClusterSnapshot, at_wall_ms: int) -> Iterator[Page]:
    what = "ha status when the report was made, not at the time of the incident"
    yield Page("cluster/status.txt", f"{view.status_text(seen, at_wall_ms)}\n", what)
    yield Page("cluster/status.json", _json(view.status_value(seen)), "the same")
    what = f"the configuration in force, revision {seen.revision}"
    yield Page("cluster/configuration.yaml", render(masked(seen.configuration)), what)


def _history(revisions: Sequence[ConfigurationChange]) -> str:
    lines: list[str] = []
    before: ConfigurationChange | None = None
    for change in revisions:
        moment = datetime.fromtimestamp(change.at_wall_ms // 1000, UTC)
        reason = f": {change.reason}" if change.reason else ""
        stamp = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
        lines.append(f"{change.revision:>6}  {stamp}  {change.author}{reason}")
        if before is not None:
            differences = diff(before.configuration, change.configuration)
            lines += [f"        {line}" for line in differences]
        before = change
    return "\n".join(lines) + "\n"


def _nodes(whole: Whole) -> Iterator[Page]:
    """Yield what each node has told of itself, those that are away included."""
    for name in _names(whole):
        results = [each for each in whole.seen.results if each.node == name]
        links = [each for each in whole.seen.links if each.node == name]
        told = next((each for each in whole.seen.told if each.figures.node == name), None)
        if told is not None:
            age = "" if told.is_fresh else ", as told earlier: it does not answer now"
            what = f"version, load, memory and counters of {name}{age}"
            yield Page(f"nodes/{_file(name)}/figures.json", _json(_plain(told.figures)), what)
        if results:
            what = f"the last result of each operation on {name}, with the agent's last lines"
            lines = _lines(map(_plain, results))
            yield Page(f"nodes/{_file(name)}/operations.jsonl", lines, what, 1)
        if links:
            what = f"how {name} hears the others"
            yield Page(f"nodes/{_file(name)}/links.jsonl", _lines(map(_plain, links)), what, 1)


def _here(whole: Whole, gathered: Gathered) -> Iterator[Page]:
    """Yield what only this machine has."""
    local = _file(_local(whole))
    machine = _json(_plain(whole.examined.machine))
    yield Page(f"nodes/{local}/machine.json", machine, "files, rights, room and processes here")
    for name, text in gathered.logs.items():
        what = f"the newest lines of {name}"
        rank = 2 if name.startswith("had.log") else 3
        yield Page(f"nodes/{local}/logs/{_file(name.replace('/', '-'))}", text, what, rank)


def _local(whole: Whole) -> str:
    seen = whole.seen.snapshot
    return seen.local if seen is not None else whole.examined.machine.node or "this-machine"


def _names(whole: Whole) -> list[NodeName]:
    seen = whole.seen.snapshot
    known = [node.name for node in seen.nodes] if seen is not None else []
    return sorted({*known, *(each.figures.node for each in whole.seen.told)})


def _of_nodes(whole: Whole) -> dict[str, str]:
    """Return for each node what the report has of it, and where the rest is."""
    seen = whole.seen.snapshot
    if seen is None:
        return {}
    fresh = {each.figures.node for each in whole.seen.told if each.is_fresh}
    found: dict[str, str] = {}
    for node in seen.nodes:
        if node.name == seen.local:
            found[node.name] = "everything: the report was made here"
        elif node.name in fresh:
            found[node.name] = (
                "what it tells over the cluster's protocol: figures, last results, links, events;"
                " its logs are on it: make a report there, too"
            )
        else:
            found[node.name] = (
                f"it is {node.state} and told nothing now: what it had told before, and its events"
            )
    return found


def _index(
    whole: Whole,
    pages: Sequence[Page],
    left_out: Sequence[str],
    nodes: Mapping[str, str],
    asked: Range,
) -> str:
    seen = whole.seen.snapshot
    made = datetime.fromtimestamp(whole.examined.at_wall_ms // 1000, UTC)
    cluster = f"node {_local(whole)}, whose daemon does not answer"
    if seen is not None:
        cluster = f"cluster {seen.configuration.name}, made on {seen.local}"
    lines = [
        f"REPORT of {cluster}, {made.strftime('%Y-%m-%d %H:%M:%S')} UTC",
        f"  by ha {whole.examined.program}; about {_about(asked)}",
        "  secrets of the configuration, keys and what looks like a password are (hidden);",
        "  names, addresses and the words of services are not: look through it before you share it",
    ]
    if whole.seen.fault:
        lines += ["", "WHAT THE DAEMON DID NOT TELL", f"  {whole.seen.fault}"]
    if nodes:
        lines += ["", "NODES", *(f"  {name:<12}  {words}" for name, words in nodes.items())]
    lines += ["", "PAGES", *(f"  {page.path:<44}  {page.what}" for page in pages)]
    lines += ["", "LEFT OUT", *([f"  {each}" for each in left_out] or ["  nothing"])]
    return "\n".join(lines) + "\n"


def _about(asked: Range) -> str:
    if asked.since_wall_ms is None and asked.until_wall_ms is None:
        return "all that is kept"
    ends = [
        f"{word} {datetime.fromtimestamp(at // 1000, UTC).strftime('%Y-%m-%d %H:%M:%S')} UTC"
        for word, at in (("from", asked.since_wall_ms), ("until", asked.until_wall_ms))
        if at is not None
    ]
    incident = f" (incident {asked.incident})" if asked.incident else ""
    return f"{' '.join(ends)}{incident}"


def _plain(value: object) -> object:
    return msgspec.to_builtins(value)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _lines(values: Iterable[object]) -> str:
    return "".join(f"{json.dumps(value, ensure_ascii=False)}\n" for value in values)


def summary(made: Report, size: int) -> str:
    """Return what `ha report` says of a report."""
    count = amount(len(made.pages), "file")
    rest = f"; {len(made.left_out)} left out, see {INDEX}" if made.left_out else ""
    return f"{count}, {max(size // 1024, 1)} KiB{rest}"
