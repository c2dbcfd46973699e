"""Where a node's memory lives: a copied disk is noticed before it says a word.

Owns: the note `lib/home` that ties a node's database to one machine, one
file and the keys of one cluster. A node that is cloned with its disk would vote
a second time and be taken for the original; no message could tell the two apart
for certain. So the copy does not start, and the original never hears of it. So
it is with keys copied from another cluster: its members would take this node's
log for theirs.
"""

import hashlib
import json
from pathlib import Path
from typing import Final

from ha_core.errors import ConfigError, ConnectError
from ha_core.keyring import parse_ring
from ha_core.layout import Layout

MACHINE_FILES: Final = {
    "machine": Path("/etc/machine-id"),
    "hardware": Path("/sys/class/dmi/id/product_uuid"),
}
"""What tells machines apart. Source: machine-id(5); only root may read the hardware's own, which
a cloned virtual machine does not share.
"""
GONE: Final = "the original is gone for certain"


def home_file(layout: Layout) -> Path:
    """Return the note's place."""
    return layout.lib / "home"


def require_home(layout: Layout) -> None:
    """Raise ConfigError if this node's database is a copy, or was moved here.

    Where the database is gone there is no memory that could have been copied.
    """
    note = home_file(layout)
    if not layout.store.exists():
        note.unlink(missing_ok=True)
        return
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError) as fault:
        raise ConfigError(f"{note} cannot be read ({fault}): remove it, if {GONE}") from None
    own = _home(layout)
    differing = [what for what, value in own.items() if known.get(what, value) != value]
    if not differing:
        return
    if "cluster" in differing:
        raise ConfigError(
            f"{layout.keyring_file} is of another cluster than {layout.store}: with foreign keys"
            " this node would lead, or follow, members of both; put its own key ring back, or"
            " remove the database and 'ha join'"
        )
    where = "at another place of this machine" if differing == ["file"] else "on another machine"
    raise ConfigError(
        f"{layout.store} was made {where}: a node that exists twice would own things twice, so"
        f" this one does not start; remove the copy and 'ha join' anew, or, if {GONE},"
        " 'ha start --moved'"
    )


def keep_home(layout: Layout) -> None:
    """Write the note if there is none, or one that says less: this is the first start."""
    note = home_file(layout)
    if not note.exists() or _home(layout).keys() - json.loads(note.read_text(encoding="utf-8")):
        settle(layout)


def settle(layout: Layout) -> None:
    """Take this place for the node's home from now on."""
    if not layout.store.exists():
        raise ConnectError(f"there is no database at {layout.store}: 'ha join' makes one")
    new = home_file(layout).with_suffix(".new")
    new.write_text(json.dumps(_home(layout)) + "\n", encoding="utf-8")
    new.replace(home_file(layout))


def _home(layout: Layout) -> dict[str, str]:
    """Return what names this machine, the database's file and its cluster, at every start."""
    found = {"file": str(layout.store.stat().st_ino)}
    if layout.keyring_file.exists():
        text = layout.keyring_file.read_text(encoding="utf-8")
        found["cluster"] = parse_ring(text, str(layout.keyring_file)).cluster_id.hex()
    for what, path in MACHINE_FILES.items():
        try:
            raw = path.read_bytes().strip()
        except OSError:
            continue  # not there, or not for this user: then it decides nothing
        if raw:
            found[what] = hashlib.blake2b(raw, digest_size=8).hexdigest()
    return found
