"""Small CIBs, each with one claim about its actions, held against an installed crm_simulate."""

import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from ha_core.policy.cib.read import read_cib
from ha_core.policy.engine.plan import plan

CRM_SIMULATE = shutil.which("crm_simulate")
pytestmark = pytest.mark.skipif(
    CRM_SIMULATE is None, reason="crm_simulate is not installed (package pacemaker-cli-utils)"
)

NOTHING = "f2317cad3d54cec5d7d7aa7d0bf35cf8"
"""The digest of no parameters at all."""
REPEATED = "4811cef7f7f94e3a35a70be7916cb2fd"
"""The same for a recurring operation, with the default timeout."""
COMPARED = {"start", "stop", "promote", "demote", "migrate_to", "migrate_from"} | {
    "monitor",
    "cancel",
    "notify",
    "delete",
    "clear_failcount",
    "stonith",
    "do_shutdown",
}
NAMES = {"stonith": "fence", "do_shutdown": "shutdown"}


def primitive(name: str, body: str = "") -> str:
    return (
        f'<primitive id="{name}" class="ocf" provider="pacemaker" type="Dummy">{body}</primitive>'
    )


def meta(owner: str, **options: str) -> str:
    pairs = "".join(
        f'<nvpair id="{owner}-{name}" name="{name.replace("_", "-")}" value="{value}"/>'
        for name, value in options.items()
    )
    return f'<meta_attributes id="{owner}-meta">{pairs}</meta_attributes>'


def entry(name: str, task: str, call: int, rc: int = 0, interval: int = 0, last: str = "") -> str:
    expected = 0 if (rc and task != "monitor") or interval else rc
    key = f"{call}:1:{expected}:11111111-2222-3333-4444-555555555555"
    ident = last or (f"{name}_{task}_{interval}" if interval else f"{name}_last_0")
    return (
        f'<lrm_rsc_op id="{ident}" operation_key="{name}_{task}_{interval}" operation="{task}" '
        f'crm_feature_set="3.16.1" transition-key="{key}" transition-magic="0:{rc};{key}" '
        f'call-id="{call}" rc-code="{rc}" op-status="0" interval="{interval}" '
        f'op-digest="{REPEATED if interval else NOTHING}" last-rc-change="1699999000"/>'
    )


def ran(name: str, *entries: str) -> str:
    return (
        f'<lrm_resource id="{name}" class="ocf" provider="pacemaker" type="Dummy">'
        f"{''.join(entries)}</lrm_resource>"
    )


def up(name: str) -> str:
    return ran(name, entry(name, "start", 1))


def down(name: str) -> str:
    return ran(name, entry(name, "monitor", 1, rc=7))


def failed(name: str) -> str:
    last = f"{name}_last_failure_0"
    return ran(name, entry(name, "start", 1), entry(name, "monitor", 2, 7, 10000, last=last))


def cib(resources: str, constraints: str, histories: tuple[str, ...], *, standby: str = "") -> str:
    nodes, states = "", ""
    for number, history in enumerate(histories, 1):
        extra = ""
        if standby == f"n{number}":
            extra = f'<instance_attributes id="n{number}-a"><nvpair id="n{number}-s" '
            extra += 'name="standby" value="on"/></instance_attributes>'
        nodes += f'<node id="{number}" uname="n{number}">{extra}</node>'
        states += (
            f'<node_state id="{number}" uname="n{number}" in_ccm="true" crmd="online" '
            f'join="member" expected="member"><lrm id="{number}"><lrm_resources>{history}'
            "</lrm_resources></lrm></node_state>"
        )
    return (
        '<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" epoch="1" num_updates="1" '
        'admin_epoch="0" have-quorum="1" dc-uuid="1" execution-date="1700000000"><configuration>'
        '<crm_config><cluster_property_set id="o"><nvpair id="o-s" name="stonith-enabled" '
        f'value="false"/></cluster_property_set></crm_config><nodes>{nodes}</nodes>'
        f"<resources>{resources}</resources><constraints>{constraints}</constraints>"
        f"</configuration><status>{states}</status></cib>"
    )


def order(first: str, then: str, more: str = "") -> str:
    return f'<rsc_order id="o-{first}-{then}" first="{first}" then="{then}" {more}/>'


def near(name: str, node: str) -> str:
    return f'<rsc_location id="l-{name}" rsc="{name}" node="{node}" score="1000"/>'


def clone(name: str, member: str, **options: str) -> str:
    return f'<clone id="{name}">{meta(name, **options)}{member}</clone>'


A, B, C = primitive("a"), primitive("b"), primitive("c")
GROUP = f'<group id="g">{A}{B}{C}</group>'
MOVABLE = primitive("m", meta("m", allow_migrate="true"))
WATCHED = primitive("w", '<operations><op id="w-m" name="monitor" interval="10s"/></operations>')
STOPPED_A = primitive("a", meta("a", target_role="Stopped"))
R, S = primitive("r"), primitive("s")

CASES = {
    "a restart carries over": cib(
        A + B, order("a", "b"), (failed("a") + down("b"), up("b") + down("a"))
    ),
    "an optional ordering does not": cib(
        A + B, order("a", "b", 'kind="Optional"'), (failed("a") + down("b"), up("b") + down("a"))
    ),
    "a first that cannot start stops the second": cib(
        STOPPED_A + B, order("a", "b"), (down("a") + up("b"),)
    ),
    "a one-way ordering leaves a running second": cib(
        STOPPED_A + B, order("a", "b", 'symmetrical="false"'), (down("a") + up("b"),)
    ),
    "a failed member restarts those after it": cib(GROUP, "", (up("a") + failed("b") + up("c"),)),
    "a member that starts anew stops those after it": cib(
        GROUP, "", (up("a") + down("b") + up("c"),)
    ),
    "a new instance restarts all of the next clone": cib(
        clone("k", R) + clone("j", S), order("k", "j"), (up("r") + up("s"), down("r") + up("s"))
    ),
    "an interleaved one only on its node": cib(
        clone("k", R) + clone("j", S, interleave="true"),
        order("k", "j"),
        (up("r") + up("s"), down("r") + up("s")),
    ),
    "too few instances hold up what follows": cib(
        clone("k", R, clone_min="2") + B, order("k", "b"), (down("r") + down("b"),)
    ),
    "instances are told of a start": cib(clone("k", R, notify="true"), "", (up("r"), down("r"))),
    "instances are told of a stop": cib(
        clone("k", R, notify="true", clone_max="1"), "", (up("r"), up("r"))
    ),
    "a standby migrates": cib(MOVABLE, "", (up("m"), down("m")), standby="n1"),
    "what follows a migration stops before it": cib(
        MOVABLE + B,
        order("m", "b") + near("m", "n2") + near("b", "n2"),
        (up("m") + up("b"), down("m") + down("b")),
    ),
    "a first that moves forbids a migration": cib(
        MOVABLE + B,
        order("b", "m") + near("m", "n2") + near("b", "n2"),
        (up("m") + up("b"), down("m") + down("b")),
    ),
    "what is active twice stops and starts": cib(A, near("a", "n1"), (up("a"), up("a"))),
    "a removed resource goes, with its entry": cib(A, "", (up("a") + up("old"),)),
    "a monitor is begun after a start": cib(WATCHED, "", (down("w"),)),
    "a monitor that is not configured ends": cib(
        A, "", (ran("a", entry("a", "start", 1), entry("a", "monitor", 2, 0, 10000)),)
    ),
    "what is not known is probed": cib(A, "", (down("a"), "")),
    "a clone is probed once a node": cib(clone("k", R), "", ("", "")),
    "what must not meet does not overlap": cib(
        A + B,
        near("a", "n2") + '<rsc_colocation id="x" rsc="b" with-rsc="a" score="-INFINITY"/>',
        (up("a") + down("b"), down("a") + up("b")),
    ),
}


def watched(*operations: str) -> str:
    ops = "".join(f'<op id="a-{i}" name="monitor" {one}/>' for i, one in enumerate(operations))
    return primitive("a", f"<operations>{ops}</operations>")


def with_option(name: str, value: str, text: str) -> str:
    option = f'<nvpair id="o-x" name="{name}" value="{value}"/>'
    return text.replace('<nvpair id="o-s"', option + '<nvpair id="o-s"')


def action_order(first: str, then: str) -> str:
    return order("a", "b", f'first-action="{first}" then-action="{then}"')


def unfencing(history: str) -> str:
    options = meta("f", provides="unfencing")
    device = f'<primitive id="f" class="stonith" type="fence_dummy">{options}</primitive>'
    needy = primitive("a", meta("a", requires="unfencing"))
    text = cib(device + needy + B, "", (history, down("a") + down("b")))
    return text.replace(
        'name="stonith-enabled" value="false"', 'name="stonith-enabled" value="true"'
    )


EVERY = 'interval="10s"'
WHILE_STOPPED = 'interval="11s" role="Stopped"'
RUNS = ran("a", entry("a", "start", 1), entry("a", "monitor", 2, 0, 10000))
LEAVES_A = primitive("b", meta("b", target_role="Stopped"))

CASES |= {
    "a monitor of role Stopped runs elsewhere": cib(
        watched(EVERY, WHILE_STOPPED), "", (up("a"), down("a"))
    ),
    "and ends where the resource comes": cib(
        watched(EVERY, WHILE_STOPPED),
        near("a", "n2"),
        (RUNS, ran("a", entry("a", "monitor", 1, 7), entry("a", "monitor", 2, 7, 11000))),
    ),
    "other parameters restart": cib(watched(EVERY), "", (up("a").replace(NOTHING, "x" * 32),)),
    "other parameters of a monitor begin it anew": cib(
        watched(EVERY), "", (RUNS.replace(REPEATED, "y" * 32),)
    ),
    "another agent replaces the entry": cib(
        watched(EVERY), "", (up("a").replace('type="Dummy"', 'type="Other"'),)
    ),
    "also of what is stopped": cib(
        STOPPED_A, "", (down("a").replace('type="Dummy"', 'type="Other"'),)
    ),
    "maintenance ends monitors and still probes": with_option(
        "maintenance-mode", "true", cib(watched(EVERY) + clone("k", R), "", (RUNS, ""))
    ),
    "without probes things start at once": with_option(
        "enable-startup-probes", "false", cib(A + clone("k", R), "", ("", ""))
    ),
    "everything stops": with_option(
        "stop-all-resources",
        "true",
        cib(A + clone("k", R, notify="true"), "", (up("a") + up("r"), "")),
    ),
    "removed monitors may stay": with_option("stop-orphan-actions", "false", cib(A, "", (RUNS,))),
    "a stop before a start": cib(
        A + B, action_order("stop", "start") + near("a", "n2"), (up("a") + down("b"), down("a"))
    ),
    "a start before a stop": cib(
        A + LEAVES_A, action_order("start", "stop"), (down("a") + up("b"),)
    ),
    "a start that cannot be before a stop": cib(
        STOPPED_A + LEAVES_A, action_order("start", "stop"), (down("a") + up("b"),)
    ),
    "a node is unfenced first": unfencing(down("a") + down("b")),
    "an active resource is restarted around it": unfencing(up("a") + down("b")),
}


def wanted(text: str, folder: Path) -> set[tuple[str, str, str, str]]:
    """Return what crm_simulate would do."""
    source, graph = folder / "cib.xml", folder / "graph.xml"
    source.write_text(text)
    assert CRM_SIMULATE is not None
    subprocess.run(
        [CRM_SIMULATE, "-S", "-x", str(source), "-G", str(graph)],
        check=True,
        capture_output=True,
    )
    found = set()
    for element in ET.parse(graph).getroot().iterfind("./synapse/action_set/*"):
        task = element.get("operation")
        if element.tag not in ("rsc_op", "crm_event") or task not in COMPARED:
            continue
        resource = element.find("primitive")
        attributes = element.find("attributes")
        interval = "0" if attributes is None else attributes.get("CRM_meta_interval", "0")
        name = "" if resource is None else resource.get("id", "")
        node = element.get("on_node", "")
        shown = interval if task in ("monitor", "cancel") else "0"
        found.add((NAMES.get(task, task), name, node, shown))
    return found


def got(text: str) -> set[tuple[str, str, str, str]]:
    """Return what the engine would do."""
    actions = plan(read_cib(text.encode())).as_value()["actions"]
    assert isinstance(actions, list)
    return {
        (
            action["op"],
            (action["resource"] or "").partition(":")[0],
            action["node"],
            str(action.get("interval", 0)),
        )
        for action in actions
    }


@pytest.mark.parametrize("claim", CASES)
def test_the_reference_would_do_the_same(claim: str, tmp_path: Path) -> None:
    expected = wanted(CASES[claim], tmp_path)
    found = {("fence" if task == "unfence" else task, *more) for task, *more in got(CASES[claim])}
    assert found == expected
