"""CIBs in few words for tests: a cluster of two or more nodes, and what is in it."""

from collections.abc import Iterable, Mapping

from ha_core.policy.cib.read import read_cib
from ha_core.policy.engine.problem import Problem

NOW = 1_700_000_000
"""Tuesday, 2023-11-14 22:13:20 UTC."""
MARK = "11111111-2222-3333-4444-555555555555"
NO_PARAMETERS = "f2317cad3d54cec5d7d7aa7d0bf35cf8"
EVERY = "4811cef7f7f94e3a35a70be7916cb2fd"
"""Digests of no parameters, without and with the default timeout (of recurring operations)."""
STATE = 'in_ccm="true" crmd="online" join="member" expected="member"'


def pairs(tag: str, values: Mapping[str, str], name: str = "") -> str:
    """Return a block of name-value pairs."""
    block = name or f"{tag}-{'-'.join(values)}"
    inner = "".join(
        f'<nvpair id="{block}-{key}" name="{key}" value="{value}"/>'
        for key, value in values.items()
    )
    return f'<{tag} id="{block}">{inner}</{tag}>'


def meta(name: str = "", **values: str) -> str:
    """Return meta attributes."""
    options = {key.replace("_", "-"): value for key, value in values.items()}
    return pairs("meta_attributes", options, name)


def primitive(name: str, inner: str = "", agent: str = "Dummy") -> str:
    """Return a primitive."""
    kind = f'class="ocf" provider="pacemaker" type="{agent}"'
    return f'<primitive id="{name}" {kind}>{inner}</primitive>'


def operation(
    resource: str,
    task: str,
    *,
    rc: int = 0,
    call: int = 1,
    interval: int = 0,
    expected: int | None = None,
    status: int | None = None,
    changed: int = NOW - 1000,
    name: str = "",
    more: str = "",
) -> str:
    """Return one entry of a history."""
    if expected is None:
        expected = rc if rc in (0, 7, 8) else 0
    if status is None:
        status = 0 if rc == expected else 4
    key = f"{call}:1:{expected}:{MARK}"
    digest = EVERY if interval else NO_PARAMETERS
    told = "" if "op-digest" in more else f'op-digest="{digest}"'
    return (
        f'<lrm_rsc_op id="{name or f"{resource}_{task}_{call}"}" operation="{task}"'
        f' operation_key="{resource}_{task}_{interval}" transition-key="{key}"'
        f' transition-magic="{status}:{rc};{key}" call-id="{call}" rc-code="{rc}"'
        f' op-status="{status}" interval="{interval}" last-rc-change="{changed}" {told} {more}/>'
    )


def history(resource: str, *operations: str, agent: str = "Dummy", more: str = "") -> str:
    """Return the history of one resource on one node."""
    kind = f'class="ocf" provider="pacemaker" type="{agent}" {more}'
    return f'<lrm_resource id="{resource}" {kind}>{"".join(operations)}</lrm_resource>'


def node_state(
    number: int, name: str, histories: str = "", state: str = STATE, transient: str = ""
) -> str:
    """Return what is known of a node."""
    return (
        f'<node_state id="{number}" uname="{name}" {state}>{transient}'
        f'<lrm id="{number}"><lrm_resources>{histories}</lrm_resources></lrm></node_state>'
    )


def transient(**values: str) -> str:
    """Return transient attributes; in names, `__` stands for `-`."""
    found = {key.replace("__", "-"): value for key, value in values.items()}
    return f"<transient_attributes>{pairs('instance_attributes', found)}</transient_attributes>"


def cib(
    resources: str = "",
    constraints: str = "",
    *,
    histories: Mapping[str, str] | None = None,
    transients: Mapping[str, str] | None = None,
    states: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
    nodes: Iterable[str] = ("n1", "n2"),
    inside: Mapping[str, str] | None = None,
    more: str = "",
    status: str = "",
    head: str = "",
) -> bytes:
    """Return a CIB; without other options there is no fencing."""
    found = {"stonith-enabled": "false", **(options or {})}
    described = told = ""
    for number, name in enumerate(nodes, 1):
        described += f'<node id="{number}" uname="{name}">{(inside or {}).get(name, "")}</node>'
        told += node_state(
            number,
            name,
            (histories or {}).get(name, ""),
            (states or {}).get(name, STATE),
            (transients or {}).get(name, ""),
        )
    return (
        f'<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" epoch="1" num_updates="0"'
        f' admin_epoch="0" have-quorum="1" dc-uuid="1" execution-date="{NOW}" {head}>'
        f"<configuration><crm_config>{pairs('cluster_property_set', found, 'options')}</crm_config>"
        f"<nodes>{described}</nodes><resources>{resources}</resources>"
        f"<constraints>{constraints}</constraints>{more}</configuration>"
        f"<status>{told}{status}</status></cib>"
    ).encode()


def read(*arguments: str, **keywords: object) -> Problem:
    """Return the question that a CIB of these parts asks."""
    return read_cib(cib(*arguments, **keywords))  # type: ignore[arg-type]
