"""Which resource agents are installed on this machine, and what they say of themselves.

Owns: the list, looked at anew now and then, and each agent's description, asked for once. Only
agents of the list are ever run, one at a time; nothing of it is in the way of an operation.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from typing import Final

from ha_core.agents import heartbeat, lsb, ocf
from ha_core.config.model import AgentClass, AgentRef, Primitive
from ha_core.errors import ConfigError, RefusedError
from ha_core.figures import AgentTold
from ha_core.ids import ResourceId
from ha_core.runtime.operations_agents import MissingError, print_metadata

AGE_S: Final = 60.0
"""Directories are looked at again after so long."""
AGENTS_MAX: Final = 1000
_BUILT_IN: Final = {
    AgentClass.PROCESS: AgentTold("process", "A command that the daemon's guardian supervises"),
    AgentClass.ADDRESS: AgentTold("address", "A service address on an interface of the node"),
}


class Agents:
    """The agents of one machine; `root` is that of the OCF agents."""

    def __init__(
        self,
        root: str = ocf.DEFAULT_ROOT,
        scripts: str = lsb.DIRECTORY,
        old: str = heartbeat.DIRECTORIES[0],
    ) -> None:
        self._root = root
        self._places = ((AgentClass.LSB, scripts), (AgentClass.HEARTBEAT, old))
        self._names: tuple[str, ...] = ()
        self._looked_s: float | None = None
        self._known: dict[str, AgentTold] = {each.name: each for each in _BUILT_IN.values()}
        self._turn = asyncio.Lock()

    def names(self) -> tuple[str, ...]:
        """Return the names, sorted, at most 1,000; reads directories, so it is called in a thread.

        The agents of Beatkeeper itself are among them.
        """
        now_s = time.monotonic()
        if self._looked_s is None or now_s - self._looked_s >= AGE_S:
            found = sorted({*_BUILT_IN, *self._found()})
            self._names, self._looked_s = tuple(found[:AGENTS_MAX]), now_s
        return self._names

    def _found(self) -> Iterator[str]:
        for provider in _entries(f"{self._root}/resource.d"):
            for program in _programs(f"{self._root}/resource.d/{provider}"):
                yield f"{AgentClass.OCF}:{provider}:{program}"
        for kind, directory in self._places:
            for program in _programs(directory):
                yield f"{kind}:{program}"

    async def describe(self, name: str) -> AgentTold:
        """Return what an installed agent says of itself; others than OCF agents say nothing.

        Of one that does not answer properly, `short` says so.

        Raises: RefusedError: it is not installed.
        """
        async with self._turn:
            known = self._known.get(name)
            if known is not None:
                return known
            if name not in await asyncio.to_thread(self.names):
                raise RefusedError("not-found", f"agent {name[:80]!r} is not installed here")
            self._known[name] = told = await self._ask(name)
            return told

    async def _ask(self, name: str) -> AgentTold:
        kind, *rest = name.split(":")
        if kind != AgentClass.OCF:
            return AgentTold(name)
        provider, program = rest
        asked = Primitive(ResourceId("agent"), AgentRef(AgentClass.OCF, provider, program))
        try:
            described, xml = await print_metadata(asked, self._root)
        except (MissingError, ConfigError, OSError) as fault:
            return AgentTold(name, f"it does not describe itself: {fault}"[:400])
        return AgentTold(
            name,
            described.short,
            described.version,
            tuple(each.name for each in described.parameters),
            xml.decode("utf-8", "replace"),
        )


def _entries(directory: str) -> list[str]:
    """Return the plain names in a directory; of one that cannot be read none."""
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    return [name for name in names if not name.startswith(".") and ":" not in name]


def _programs(directory: str) -> list[str]:
    return [
        name
        for name in _entries(directory)
        if os.path.isfile(path := f"{directory}/{name}") and os.access(path, os.X_OK)
    ]
