"""Who creates, changes and deletes attributes of nodes, options of the cluster and fencing levels.

Owns: what their properties mean as edits.
"""

from dataclasses import dataclass

from cim_provider.edits import SetFenceLevel, SetNodeAttribute, SetOption
from cim_provider.mapping.catalog import refuse
from cim_provider.mapping.rows import Ref
from cim_provider.mapping.settings_attributes import NODE_ATTRIBUTE_CLASS, OPTION_CLASS
from cim_provider.mapping.settings_operations import LEVEL_CLASS
from cim_provider.mapping.world import World
from cim_provider.mapping.write_desk import Desk, key, required
from cim_provider.mapping.write_settings import value_of
from cim_provider.mapping.write_words import text
from cim_provider.mapping.writing import Given
from cim_provider.wbem.errors import Status


@dataclass(frozen=True, slots=True)
class NodeAttributeWriter:
    """Writes HA_NodeAttributes."""

    desk: Desk

    def name(self, given: Given, world: World) -> Ref:
        """See `Writer`."""
        node = required(given, NODE_ATTRIBUTE_CLASS, "NodeName")
        name = required(given, NODE_ATTRIBUTE_CLASS, "Name")
        return Ref(NODE_ATTRIBUTE_CLASS, (("Id", f"{node}-{name}"), ("NodeName", node)))

    async def create(self, ref: Ref, given: Given, author: str) -> None:
        """See `Writer`."""
        if given.get("IsTransient") is True:
            refuse(Status.NOT_SUPPORTED, "transient attributes are measured by the cluster")
        await self._put(ref, value_of(given, NODE_ATTRIBUTE_CLASS), author, given)

    async def modify(self, ref: Ref, changes: Given, author: str) -> None:
        """See `Writer`."""
        if "Value" in changes:
            await self._put(ref, value_of(changes, NODE_ATTRIBUTE_CLASS), author, changes)

    async def delete(self, ref: Ref, author: str) -> None:
        """See `Writer`."""
        await self._put(ref, None, author, {})

    async def _put(self, ref: Ref, value: str | None, author: str, given: Given) -> None:
        node, stem = key(ref, "NodeName"), f"{key(ref, 'NodeName')}-"
        if not key(ref, "Id").startswith(stem):
            refuse(Status.FAILED, "it is measured by the cluster, and not configured")
        name = key(ref, "Id").removeprefix(stem)
        what = f"attribute {name} of node {node} {'deleted' if value is None else 'set'} over WBEM"
        await self.desk.give((SetNodeAttribute(node, name, value),), what, author, given)


@dataclass(frozen=True, slots=True)
class OptionWriter:
    """Writes HA_ClusterProperty."""

    desk: Desk

    def name(self, given: Given, world: World) -> Ref:
        """See `Writer`."""
        name = required(given, OPTION_CLASS, "Name", "Id")
        return Ref(OPTION_CLASS, (("Id", name.replace(".", "-")),))

    def replaces(self, ref: Ref, world: World) -> bool:
        """See `Replacing`: an option that is not set is set by making it."""
        known = world.view.settings.option.get(key(ref, "Id"))
        return known is not None and not known.is_set

    async def create(self, ref: Ref, given: Given, author: str) -> None:
        """See `Writer`."""
        await self._put(ref, value_of(given, OPTION_CLASS), author, given)

    async def modify(self, ref: Ref, changes: Given, author: str) -> None:
        """See `Writer`: NULL returns to what holds where nothing is set."""
        if "Value" in changes:
            value = changes["Value"]
            await self._put(ref, None if value is None else str(value), author, changes)

    async def delete(self, ref: Ref, author: str) -> None:
        """See `Writer`: the option stays, and is no longer set."""
        await self._put(ref, None, author, {})

    async def _put(self, ref: Ref, value: str | None, author: str, given: Given) -> None:
        known = (await self.desk.view()).settings.option.get(key(ref, "Id"))
        if known is None:
            refuse(Status.INVALID_PARAMETER, f"there is no option {key(ref, 'Id')[:64]!r}")
        what = f"option {known.name} {'unset' if value is None else 'set'} over WBEM"
        await self.desk.give((SetOption(known.name, value),), what, author, given)


@dataclass(frozen=True, slots=True)
class LevelWriter:
    """Writes HA_FencingLevel."""

    desk: Desk

    def name(self, given: Given, world: World) -> Ref:
        """See `Writer`."""
        name = str(given.get("Id") or "").strip()
        if not name:
            level = required(given, LEVEL_CLASS, "Level")
            name = f"{level}:{required(given, LEVEL_CLASS, 'Target')}"
        return Ref(LEVEL_CLASS, (("Id", name),))

    async def create(self, ref: Ref, given: Given, author: str) -> None:
        """See `Writer`."""
        level, target = _level(ref)
        if given.get("Target") not in (None, target) or given.get("Level") not in (None, level):
            refuse(Status.INVALID_PARAMETER, f"Id {key(ref, 'Id')} is not Level:Target")
        await self._put(ref, given, author, "set")

    async def modify(self, ref: Ref, changes: Given, author: str) -> None:
        """See `Writer`."""
        if "Devices" in changes:
            await self._put(ref, changes, author, "changed")

    async def delete(self, ref: Ref, author: str) -> None:
        """See `Writer`: the levels behind it move up."""
        level, target = _level(ref)
        what = f"fencing level {level} of {target} deleted over WBEM"
        await self.desk.give((SetFenceLevel(target, level, ()),), what, author)

    async def _put(self, ref: Ref, given: Given, author: str, done: str) -> None:
        level, target = _level(ref)
        devices = given.get("Devices")
        if not isinstance(devices, tuple) or not devices:
            refuse(Status.INVALID_PARAMETER, f"{LEVEL_CLASS}.Devices is missing or empty")
        what = f"fencing level {level} of {target} {done} over WBEM"
        change = SetFenceLevel(target, level, tuple(map(text, devices)))
        await self.desk.give((change,), what, author, given)


def _level(ref: Ref) -> tuple[int, str]:
    level, colon, target = key(ref, "Id").partition(":")
    if not colon or not level.isdecimal() or len(level) > 3:
        refuse(Status.INVALID_PARAMETER, f"{LEVEL_CLASS}.Id is LEVEL:NODE, such as 1:n1")
    return int(level), target
