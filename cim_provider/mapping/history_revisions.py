"""HA_ConfigurationRevision: the revisions of the configuration that are still kept.

Owns: its path and properties. The texts are those of `ha history`, secrets left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cim_provider.mapping.rows import ClassRow, Column, Ref, class_row
from cim_provider.mapping.states import plain
from cim_provider.mapping.times import cim_datetime
from cim_provider.mapping.world import World
from cim_provider.views.history import RevisionView

REVISION_CLASS: Final = "HA_ConfigurationRevision"
_PREFIX: Final = "LinuxHA:rev:"


@dataclass(frozen=True, slots=True)
class _Revision:
    revision: RevisionView
    is_current: bool


def revision_ref(number: int) -> Ref:
    """Return the name of a revision."""
    return Ref(REVISION_CLASS, (("InstanceID", f"{_PREFIX}{number}"),))


def _revisions(world: World) -> Iterator[_Revision]:
    known = world.view.history.revisions
    return (_Revision(each, each is known[-1]) for each in known)


def summary(revision: RevisionView) -> str:
    """Return in one line what a revision changed."""
    if revision.changes is None:
        return "the oldest revision that is kept"
    if not revision.changes:
        return "nothing was changed"
    more = len(revision.changes) - 1
    rest = f", and {more} more" if more else ""
    return f"{plain(revision.changes[0].strip())}{rest}"


def _title(subject: _Revision) -> str:
    return f"Revision {subject.revision.revision}"


def _diff(subject: _Revision) -> str | None:
    changes = subject.revision.changes
    return None if changes is None else "\n".join(changes)


_COLUMNS: Final[tuple[Column[_Revision], ...]] = (
    Column("ElementName", "number of the revision", _title),
    Column("Caption", "number of the revision", lambda s: f"Revision.{s.revision.revision}"),
    Column("Description", "what it changed", lambda s: summary(s.revision)),
    Column("Revision", "number of the revision", lambda s: s.revision.revision),
    Column("Author", "who made it", lambda s: plain(s.revision.author)),
    Column("Reason", "why", lambda s: plain(s.revision.reason)),
    Column("Time", "when", lambda s: cim_datetime(s.revision.wall_ms)),
    Column("Summary", "first change and how many more", lambda s: summary(s.revision)),
    Column("DiffText", "lines of ha history", _diff),
    Column("IsCurrent", "whether it is the newest", lambda s: s.is_current),
)

ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(
        REVISION_CLASS,
        ("InstanceID",),
        _revisions,
        lambda s: revision_ref(s.revision.revision),
        _COLUMNS,
    ),
)
"""The class of this module."""
