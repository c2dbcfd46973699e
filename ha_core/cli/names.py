"""Names that the shell completes: of resources, groups and nodes of the running cluster.

Owns: the arguments that take such names. A daemon that does not answer at once
completes nothing, and never shows an error in the middle of typing.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import click

from ha_core.cli.options import chosen_root
from ha_core.client import Client
from ha_core.errors import HaError
from ha_core.snapshot import ClusterSnapshot

PATIENCE_S: Final = 1.0

_Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def _resources(snapshot: ClusterSnapshot) -> Iterable[str]:
    yield from (item.id for item in snapshot.resources)
    yield from (group.id for group in snapshot.configuration.groups)
    yield from (clone.id for clone in snapshot.configuration.clones)


def _nodes(snapshot: ClusterSnapshot) -> Iterable[str]:
    yield from (item.name for item in snapshot.nodes)


def _tickets(snapshot: ClusterSnapshot) -> Iterable[str]:
    yield from (item.name for item in snapshot.tickets)


def _completing(names: Callable[[ClusterSnapshot], Iterable[str]]) -> _Complete:
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        try:
            snapshot = asyncio.run(_ask(ctx))
        except (HaError, TimeoutError):
            return []
        return sorted(name for name in names(snapshot) if name.startswith(incomplete))

    return complete


async def _ask(ctx: click.Context) -> ClusterSnapshot:
    with ctx.scope():
        root = ctx.params.get("root") or chosen_root()
    async with asyncio.timeout(PATIENCE_S), Client(root) as cluster:
        return await cluster.snapshot()


complete_nodes: Final = _completing(_nodes)
resource_argument: Final = click.argument(
    "resource", metavar="RESOURCE", shell_complete=_completing(_resources)
)
ticket_argument: Final = click.argument(
    "ticket", metavar="TICKET", shell_complete=_completing(_tickets)
)
node_argument: Final = click.argument("node", metavar="NODE", shell_complete=complete_nodes)
