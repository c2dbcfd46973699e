"""OCF resource agents: where one lies, how it is called, and what its answer means.

Owns: path, environment, exit codes and exit reasons. Runs nothing. Source:
OCF Resource Agent API 1.1 (and 1.0, whose agents it serves too); Pacemaker
Administration, "OCF Resource Agents".
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ha_core.agents import variables
from ha_core.agents.output import REASON_CHARACTERS_MAX, last_line
from ha_core.config.model import Primitive
from ha_core.effects import RunOperation
from ha_core.errors import ConfigError

DEFAULT_ROOT: Final = "/usr/lib/ocf"
EXIT_REASON_PREFIX: Final = "ocf-exit-reason:"
API_MAJOR: Final = "1"
API_MINOR: Final = "1"
SEARCH_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FEATURE_SET: Final = "3.19.0"
"""The CRM feature set whose variables agents find here; some ask before they use them."""

SUCCESS: Final = 0
GENERIC: Final = 1
ARGUMENTS: Final = 2
UNIMPLEMENTED: Final = 3
PERMISSION: Final = 4
NOT_INSTALLED: Final = 5
NOT_CONFIGURED: Final = 6
NOT_RUNNING: Final = 7
MEANINGS: Final = MappingProxyType(
    {
        0: "done, or running",
        1: "failed",
        2: "an argument or parameter is wrong on this node",
        3: "the agent does not implement the action",
        4: "not permitted",
        5: "something that it needs is not installed",
        6: "a parameter is wrong on every node",
        7: "cleanly stopped",
        8: "running, promoted",
        9: "failed, possibly promoted",
        190: "running, but with trouble ahead",
        191: "running promoted, but with trouble ahead",
    }
)
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-")


@dataclass(frozen=True, slots=True)
class Place:
    """What is this node's own: root of agents, scratch directory, log of agents, node name."""

    root: str = DEFAULT_ROOT
    scratch: str = "/run/resource-agents"
    log: str = "/dev/null"
    node: str = ""
    tools: str = ""
    """Directory of the programs by which agents speak to their cluster; empty: there is none."""
    values: str = ""
    """Where those programs keep what agents say."""


def meaning(exit_code: int) -> str:
    """Return what an exit code says, in words."""
    return MEANINGS.get(exit_code, "failed with a code of its own")


def path(root: str, primitive: Primitive) -> str:
    """Return the agent's path.

    Raises:
        ConfigError: provider or type could lead out of the agents' directory.
    """
    agent = primitive.agent
    for part, what in ((agent.provider, "provider"), (agent.type, "type")):
        require_plain(part, f"resource '{primitive.id}': agent {what}")
    return f"{root}/resource.d/{agent.provider}/{agent.type}"


def require_plain(name: str, what: str) -> None:
    """Refuse a name that is more than one plain path component.

    Raises:
        ConfigError: it is empty, begins with a dot, or has other characters than `A-Za-z0-9._+-`.
    """
    if not name or name.startswith(".") or not _PLAIN.issuperset(name):
        raise ConfigError(f"{what} is '{name}', expected letters, digits and . _ + - only")


def environment(operation: RunOperation, place: Place) -> dict[str, str]:
    """Return the whole environment of an agent: nothing is inherited from the daemon."""
    primitive = operation.primitive
    given = {f"OCF_RESKEY_{name}": value for name, value in primitive.parameters}
    return given | {
        "PATH": SEARCH_PATH,
        "LC_ALL": "C",
        "OCF_ROOT": place.root,
        "OCF_RA_VERSION_MAJOR": API_MAJOR,
        "OCF_RA_VERSION_MINOR": API_MINOR,
        "OCF_RESOURCE_INSTANCE": primitive.id,
        "OCF_RESOURCE_TYPE": primitive.agent.type,
        "OCF_RESOURCE_PROVIDER": primitive.agent.provider,
        "OCF_CHECK_LEVEL": str(operation.depth),
        "OCF_EXIT_REASON_PREFIX": EXIT_REASON_PREFIX,
        "OCF_RESKEY_crm_feature_set": FEATURE_SET,
        "OCF_RESKEY_CRM_meta_name": operation.action,
        "OCF_RESKEY_CRM_meta_interval": str(operation.interval_ms),
        "OCF_RESKEY_CRM_meta_timeout": str(operation.timeout_ms),
        "OCF_RESKEY_CRM_meta_on_node": place.node,
        **variables.of_clone(primitive.copy),
        **variables.of_operation(operation, place.node),
        **cluster_environment(place),
        **_tools(place),
    }


def _tools(place: Place) -> dict[str, str]:
    if not place.tools:
        return {}
    path = f"{place.tools}:{SEARCH_PATH}"
    return {"PATH": path, "HA_SBIN_DIR": place.tools, "BEATKEEPER_VALUES": place.values}


def cluster_environment(place: Place) -> dict[str, str]:
    """Return the variables that shell helpers of all agent families read."""
    return {
        "HA_RSCTMP": place.scratch,
        "HA_LOGFACILITY": "none",
        "HA_LOGFILE": place.log,
        "HA_DEBUGLOG": place.log,
        "HA_CURHOST": place.node,
    }


def exit_reason(errors: str) -> str:
    """Return the agent's own reason: its last marked line, else its last line of errors.

    Source: OCF Resource Agent API 1.1, "Exit reasons".
    """
    marked = [line for line in errors.splitlines() if line.startswith(EXIT_REASON_PREFIX)]
    if marked:
        return marked[-1][len(EXIT_REASON_PREFIX) :].strip()[:REASON_CHARACTERS_MAX]
    return last_line(errors)
