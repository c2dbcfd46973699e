"""Heartbeat's configuration (`ha.cf`, `haresources`, `authkeys`) turned into ours.

Owns: the way from files to YAML and notes. Opens no file: it is given their
texts. Public: `import_directory`, `Imported`, and which files it wants.
"""

from dataclasses import dataclass
from typing import Final

from ha_core.config.check import check
from ha_core.config.heartbeat import authkeys, haresources
from ha_core.config.heartbeat.convert import Draft, general_notes
from ha_core.config.heartbeat.ha_cf import HaCf
from ha_core.config.heartbeat.lines import AUTHKEYS, HA_CF, HARESOURCES
from ha_core.config.render import render
from ha_core.errors import ConfigError

__all__ = ["AUTHKEYS", "FILES_READ", "RESOURCE_D", "Imported", "import_directory"]

FILES_READ: Final = (HA_CF, HARESOURCES, AUTHKEYS)
"""Files whose text is wanted; of all others the name is enough."""
RESOURCE_D: Final = "resource.d/"
TOLD_MAX: Final = 5
"""How many files a refusal names."""


@dataclass(frozen=True, slots=True)
class Imported:
    """Our YAML, and what its reader should know: `FILE:LINE: …` where a line is the cause."""

    yaml_text: str
    notes: tuple[str, ...]


def import_directory(files: dict[str, str], name: str = "the directory") -> Imported:
    """Return what a directory with these files means here; names are relative to it, which a
    refusal calls `name`.

    Raises:
        ConfigError: there is no `ha.cf`, or no node in it.
    """
    if HA_CF not in files:
        names = sorted(files)
        there = ", ".join(names[:TOLD_MAX]) or "no file"
        more = f" and {len(names) - TOLD_MAX} more" if len(names) > TOLD_MAX else ""
        text = f"there is no {HA_CF} in {name}, which holds {there}{more}"
        raise ConfigError(f"{text}; allowed: Heartbeat's /etc/ha.d")
    ha_cf = HaCf.read(files[HA_CF])
    draft, lines = Draft(), []
    if ha_cf.has_crm:
        draft.notes.append(
            f"{HA_CF}: its resources are in a CIB (crm on), which 'ha import cib' reads; "
            f"{HARESOURCES} is ignored, as Heartbeat ignores it then"
        )
    elif HARESOURCES in files:
        lines = list(haresources.read(files[HARESOURCES]))
    else:
        draft.notes.append(f"{HARESOURCES}: is not there: no resources")
    own = {name.removeprefix(RESOURCE_D) for name in files if name.startswith(RESOURCE_D)}
    found = draft.build(ha_cf, lines, own)
    faults = check(found)
    assert not faults, faults
    notes = [*ha_cf.notes, *draft.notes]
    if AUTHKEYS in files:
        notes.append(authkeys.note(files[AUTHKEYS]))
    notes += [f"fill in {item}" for item in draft.fill_in]
    notes += general_notes(ha_cf, found)
    return Imported(_head(draft.fill_in) + render(found), tuple(notes))


def _head(fill_in: list[str]) -> str:
    """Return comments for the top of the file: what must be done before it is applied."""
    lines = ["# Made from Heartbeat's ha.cf and haresources by 'ha import heartbeat'."]
    if fill_in:
        lines += ["# To be filled in:", *(f"#   {item}" for item in fill_in)]
    return "".join(f"{line}\n" for line in lines)
