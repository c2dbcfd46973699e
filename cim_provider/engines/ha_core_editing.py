"""Edits given to Beatkeeper's cluster: the way of `ha apply`, by whoever asks over the port.

Owns: when an edit is tried again. It is made to the configuration in force and given with that
revision, so that no change of anybody else is lost: who was overtaken makes his edit anew to what
is in force then, unless he has named the revision that he means.
"""

from typing import Final

from cim_provider.edits import Edit, EditError
from cim_provider.engines.ha_core_edits import edited
from ha_core.client import Client
from ha_core.commands import Apply, Outcome
from ha_core.ids import Millis
from ha_core.snapshot import ClusterSnapshot

TRIES_MAX: Final = 40
"""Of several servers one is overtaken by each of the others, now and again by the same."""
LOOKS_MAX: Final = 20
LOOK_MS: Final[Millis] = 500
"""A node learns of a revision a moment after the coordinator has it: it is waited for so often."""


async def give(client: Client, snapshot: ClusterSnapshot, edit: Edit, author: str) -> Outcome:
    """Give an edit, made to the configuration of the snapshot or of a newer one.

    Raises HaError: the cluster cannot be asked, or the daemon refuses.
    """
    if edit.base is not None and edit.base > snapshot.revision:
        snapshot = await _newer(client, snapshot)
    for _ in range(TRIES_MAX):
        revision = snapshot.revision
        if edit.base not in (None, revision):
            text = f"the configuration is at revision {revision}, not {edit.base}: look again"
            return Outcome("stale", text)
        try:
            wanted = edited(snapshot.configuration, edit.changes)
        except EditError as fault:
            # What is seen here may be a moment old.
            newer = await client.snapshot()
            if newer.revision == revision:
                return Outcome(fault.code, str(fault))
            snapshot = newer
            continue
        if wanted == snapshot.configuration:
            return Outcome(text="nothing changes", revision=revision)
        outcome = await client.command(Apply(wanted, edit.reason, revision), author=author)
        if outcome.code != "stale" or edit.base is not None:
            return outcome
        snapshot = await _newer(client, snapshot)
    return Outcome("stale", "others change the configuration all the time: try again")


async def _newer(client: Client, old: ClusterSnapshot) -> ClusterSnapshot:
    """Return a snapshot with a newer revision, or the newest after a while."""
    found = await client.snapshot()
    for _ in range(LOOKS_MAX):
        if found.revision > old.revision:
            break
        await client.changed(found.version, LOOK_MS)
        found = await client.snapshot()
    return found
