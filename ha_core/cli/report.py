"""`ha report`: everything for a post-mortem in one file.

Owns: the verb, the times that it takes, and reading what only this machine has: logs, and the
secrets that must not stand in the report.
"""

import json
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import click

from ha_core.cli import reasons
from ha_core.cli.look import Whole, look
from ha_core.cli.look_machine import log_files
from ha_core.cli.options import Options, run, verb
from ha_core.cli.report_archive import packed, write_new
from ha_core.cli.report_pages import Gathered, composed, summary
from ha_core.cli.report_timeline import Range, settled
from ha_core.config.model import Configuration
from ha_core.config.secrets import is_secret_file
from ha_core.doctor.examine import examine
from ha_core.errors import HaError, RefusedError
from ha_core.ids import Millis
from ha_core.keyring import parse_ring
from ha_core.layout import Layout

MIB: Final = 1024 * 1024
SIZE_MIB: Final = 64
LOG_BYTES_MAX: Final = 4 * MIB
"""Of each log its newest part: what the daemon itself keeps of one file."""
LOGS_MAX: Final = 64
WHYS_MAX: Final = 200
WHY_S: Final = 30.0
"""So long reasons are sought; with thousands of resources that takes minutes."""
SECRET_BYTES_MAX: Final = 4096
_AGO: Final = re.compile(r"([0-9]{1,9})(s|m|min|h|d)", re.ASCII)
_AGO_S: Final = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}
_FORMS: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_LOG_TIME: Final = "%Y-%m-%d %H:%M:%S,%f"


class Moment(click.ParamType[int]):
    """A moment: how long ago (2h, 30m), a time of today, or a date with a time."""

    name = "moment"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return milliseconds of the wall clock."""
        text, now = str(value).strip().replace("T", " "), datetime.now().astimezone()
        ago = _AGO.fullmatch(text)
        if ago is not None:
            return _wall_ms(now - timedelta(seconds=int(ago[1]) * _AGO_S[ago[2]]))
        today = f"{now:%Y-%m-%d} {text}"
        for words in (text, today):
            for form in _FORMS:
                try:
                    return _wall_ms(datetime.strptime(words, form))
                except ValueError:
                    continue
        try:
            return _wall_ms(datetime.fromisoformat(str(value).strip()))
        except ValueError:
            cure = "write 2h (ago), 21:30, 2026-11-26, '2026-11-26 21:30:05' or 2026-11-26T20:30Z"
            self.fail(f"{text[:40]!r} is no time; {cure}", param, ctx)


def _wall_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


@click.command()
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Where it is written; '-': standard output. Default: a new file here.",
)
@click.option("--since", metavar="TIME", type=Moment(), help="Events and logs from then on.")
@click.option("--until", metavar="TIME", type=Moment(), help="Events and logs until then.")
@click.option(
    "--incident",
    default="",
    metavar="ID",
    help="What belongs to this incident, and a minute around it; 'last': the newest.",
)
@click.option(
    "--max-mib",
    type=click.IntRange(1, 1024),
    default=SIZE_MIB,
    show_default=True,
    help="So large at most, before it is compressed; what is too much is named in the index.",
)
@verb
def report(
    options: Options,
    output: Path | None,
    since: int | None,
    until: int | None,
    incident: str,
    max_mib: int,
) -> None:
    """Gather everything for a post-mortem in one archive (tar.gz), secrets hidden.

    Configuration and its revisions, status, events, a timeline, the reasons of 'ha why', what 'ha
    doctor' finds, what every node tells of itself, and the logs of this node. INDEX.txt in it says
    what is where. TIME is 2h (ago), 21:30 (of today), or '2026-11-26 21:30:05'.
    """
    if since is not None and until is not None and since > until:
        raise click.UsageError("--until is before --since: nothing lies between them")
    whole = run(look(options.root))
    asked = settled(Range(since, until, incident), whole.seen.events)
    gathered = _gathered(Layout(options.root), whole, asked, max_mib * MIB)
    made = composed(whole, examine(whole.examined), gathered, asked, max_mib * MIB)
    data = packed(made.name, made.pages, whole.examined.at_wall_ms // 1000)
    if str(output) == "-":
        _to_standard_output(data)
        return
    path = output if output is not None else Path(f"{made.name}.tar.gz")
    write_new(path, data)
    value = {
        "code": "done",
        "file": str(path),
        "bytes": len(data),
        "files": [page.path for page in made.pages],
        "nodes": dict(made.nodes),
        "left_out": list(made.left_out),
    }
    options.show(value, f"{path}: {summary(made, len(data))}")


def _to_standard_output(data: bytes) -> None:
    if sys.stdout.isatty():
        raise click.UsageError("an archive is no text for a terminal: write it to a file")
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _gathered(layout: Layout, whole: Whole, asked: Range, bytes_max: int) -> Gathered:
    """Read logs and secrets; what cannot be read is told in the index."""
    faults: list[str] = []
    logs = dict(_logs(layout, asked, bytes_max, faults))
    whys = dict(_whys(whole, faults))
    return Gathered(logs, whys, tuple(_secrets(layout, whole)), tuple(faults))


def _logs(layout: Layout, asked: Range, room: int, faults: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the newest part of each log; no more is read than would fit into the report."""
    try:
        files = log_files(layout)
    except OSError as fault:
        faults.append(f"logs of this node: {fault.filename}: {fault.strerror}")
        return
    for path in files[:LOGS_MAX]:
        name = f"log/{path.name}" if path.parent.name == "log" else path.name
        try:
            with path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                most = min(LOG_BYTES_MAX, room)
                file.seek(max(size - most, 0))
                raw = file.read(most)
        except OSError as fault:
            faults.append(f"{path}: {fault.strerror}")
            continue
        lines = raw.decode("utf-8", "replace").splitlines(keepends=True)
        room -= len(raw)
        if size > most:
            lines = lines[1:]
            faults.append(f"{path}: all but its newest {most // 1024} KiB")
        text = "".join(line for line in lines if _is_of(line, asked))
        if text:
            yield name, text
    faults += [f"{path}: more than {LOGS_MAX} logs" for path in files[LOGS_MAX:]]


def _is_of(line: str, asked: Range) -> bool:
    """Return whether a line of a log is of the time; one that bears no time is."""
    if (asked.since_wall_ms, asked.until_wall_ms) == (None, None) or not line.startswith("{"):
        return True
    at_wall_ms = _time_of(line)
    return at_wall_ms is None or asked.holds(at_wall_ms)


def _time_of(line: str) -> Millis | None:
    try:
        found = json.loads(line)
        return _wall_ms(datetime.strptime(str(found["time"]), _LOG_TIME))
    except (ValueError, KeyError, TypeError):
        return None


def _whys(whole: Whole, faults: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the answers of `ha why`, of those first that are not well."""
    seen = whole.seen.snapshot
    if seen is None:
        return
    order = sorted(seen.resources, key=lambda item: (item.state == "started", item.id))
    until_s = time.monotonic() + WHY_S
    for number, item in enumerate(order):
        if number >= WHYS_MAX or time.monotonic() > until_s:
            faults.append(f"cluster/why: {len(order) - number} more resources")
            return
        try:
            found = reasons.explain(seen, item.id, None, whole.examined.at_wall_ms)
        except RefusedError as fault:
            faults.append(f"cluster/why/{item.id}.txt: {fault}")
            continue
        text = "\n\n".join(reasons.text(each, with_scores=True) for each in found)
        yield item.id, f"{text}\n"


def _secrets(layout: Layout, whole: Whole) -> Iterator[str]:
    """Yield what this machine keeps secret, as far as this user may read it."""
    try:
        text = layout.keyring_file.read_text(encoding="utf-8")
        yield from (str(key) for key in dict(json.loads(text)["keys"]).values())
        ring = parse_ring(text, str(layout.keyring_file))
        yield from (key.secret.hex() for key in ring.keys)
    except (OSError, ValueError, KeyError, TypeError, HaError):
        pass  # who cannot read the keys has nothing that could tell them
    seen = whole.seen.snapshot
    revisions = [change.configuration for change in whole.seen.revisions]
    for configuration in (*revisions, *([seen.configuration] if seen is not None else [])):
        for path in _secret_files(configuration):
            try:
                with open(path, encoding="utf-8") as file:
                    yield file.read(SECRET_BYTES_MAX).strip()
            except (OSError, UnicodeDecodeError):
                continue  # it is of another node, or not for this user, nor for its logs


def _secret_files(configuration: Configuration) -> Iterable[str]:
    return dict.fromkeys(
        value
        for device in configuration.fence_devices
        for name, value in device.parameters
        if is_secret_file(name)
    )
