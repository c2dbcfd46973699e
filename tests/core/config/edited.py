"""A configuration that tests edit."""

from ha_core import commands
from ha_core.config.change import apply_command
from ha_core.config.check import check
from ha_core.config.model import (
    Configuration,
    Origin,
)
from ha_core.config.parse import parse_text
from ha_core.ids import NodeName, ResourceId

N1, N2, W = NodeName("n1"), NodeName("n2"), NodeName("w")
WEB, IP, DB, SHOP = (ResourceId(name) for name in ("web", "ip", "db", "shop"))
BASE = parse_text(
    """
links: {ring0: }
nodes:
  n1: {addresses: {ring0: 192.0.2.1}}
  n2: {addresses: {ring0: 192.0.2.2}}
  w: {addresses: {ring0: 192.0.2.3}, witness: true}
resources:
  ip: {agent: lsb:ip}
  web: {agent: lsb:web, target_role: stopped}
  db: {agent: lsb:db}
  shop: {group: [ip, web]}
constraints:
  here: {location: shop, node: n1, score: 10}
  near: {colocation: db, with: shop, score: 5}
fence_devices:
  pdu: {agent: "fence:fence_apc", targets: [n1, n2]}
""",
    "base.yaml",
)


STARTS = {N1: 4, N2: 7}


def after(*given_commands: commands.Command) -> Configuration:
    """Return BASE after the commands, which must leave it without faults."""
    found = BASE
    for command in given_commands:
        found = apply_command(found, command, STARTS)
        assert check(found) == ()
    return found


def commanded(found: Configuration) -> dict[str, tuple[str, str, int, Origin]]:
    """Return the locations that commands made."""
    return {
        item.id: (item.resource, item.node, item.score, item.origin)
        for item in found.locations
        if item.origin is not Origin.ADMINISTRATOR
    }
