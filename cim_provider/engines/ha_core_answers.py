"""Questions of consoles, answered as `ha` answers them.

Owns: the answers. Their words are made by the command line's own text makers, so
that both say the same. The wall clock is read here: constraints and failures end
with time.
"""

import time

import yaml

from cim_provider.commands import Export, IfApplied, Plain, Told, Verify, WhatIf, WhyResource
from cim_provider.engines.ha_core_control import SOURCE
from cim_provider.engines.ha_core_secrets import disguised, masked, unmasked
from ha_core import commands
from ha_core.cli import plan, reasons
from ha_core.cli.amounts import amount
from ha_core.cli.options import to_json
from ha_core.config.cib import export_cib
from ha_core.config.model import TargetRole
from ha_core.config.parse import parse_text
from ha_core.config.render import render
from ha_core.ids import Millis, NodeName, ResourceId
from ha_core.preview.foresee import foresee
from ha_core.preview.suppose import NodeLost, ResourceFails, Supposition
from ha_core.quorum.outlook import outlook
from ha_core.snapshot import ClusterSnapshot


def told(question: Plain, snapshot: ClusterSnapshot) -> Told:
    """Return the answer, as `ha why`, `ha whatif` and `ha apply --dry-run` give it.

    Raises: ConfigError, RefusedError: what is asked of is not there, or is not acceptable.
    """
    if isinstance(question, WhyResource):
        found = reasons.explain(snapshot, question.resource, question.node or None, _now_ms())
        texts = [reasons.text(item, with_scores=True) for item in found]
        return Told("\n\n".join(texts), to_json([reasons.value(item) for item in found]))
    if isinstance(question, Verify):
        return _verified(question, snapshot)
    if isinstance(question, Export):
        return _exported(question, snapshot)
    what = _supposed(question, snapshot)
    seen = foresee(snapshot, what, _now_ms())
    text = plan.preview_text(seen, is_file=isinstance(question, IfApplied))
    return Told(text, to_json(plan.preview_value(seen)), seen.refusal)


def _supposed(question: IfApplied | WhatIf, snapshot: ClusterSnapshot) -> Supposition:
    if isinstance(question, IfApplied):
        given = disguised(parse_text(question.text, SOURCE))
        wanted = unmasked(given, snapshot.configuration)
        return commands.Apply(wanted, "", question.base)
    name, event = question.subject, question.event
    match question.kind, event:
        case "node", "lost":
            return NodeLost(NodeName(name))
        case "node", _:
            return commands.SetStandby(NodeName(name), True)
        case "ticket", "standby":
            return commands.SetTicket(name, standby=True)
        case "ticket", _:
            return commands.SetTicket(name, granted=event == "granted")
        case _, "fails" | "fails-often":
            return ResourceFails(ResourceId(name), event == "fails-often")
        case _, "moved":
            to = NodeName(question.node) if question.node else None
            return commands.Move(ResourceId(name), to)
        case _:
            return commands.SetTargetRole(ResourceId(name), TargetRole(event))


def _verified(question: Verify, snapshot: ClusterSnapshot) -> Told:
    """Say that a text is acceptable, and what it means for quorum; ConfigError names faults."""
    is_ours = bool(question.text.strip())
    wanted = parse_text(question.text, SOURCE) if is_ours else snapshot.configuration
    what = SOURCE if is_ours else f"revision {snapshot.revision}"
    resources = amount(len(wanted.primitives), "resource")
    lines = [f"{what} is valid: {amount(len(wanted.nodes), 'node')}, {resources}"]
    seen = outlook(wanted, frozenset(wanted.voters()), quorate=True)
    lines += [f"note: {seen.text}"] if seen.is_tight else []
    return Told("\n".join(lines), to_json(lines))


def _exported(question: Export, snapshot: ClusterSnapshot) -> Told:
    """Write down what is in force, with secrets masked as everywhere over WBEM."""
    known = masked(snapshot.configuration)
    if question.form == "cib":
        return Told(export_cib(known), "")
    text = render(known)
    if question.form == "json":
        return Told(to_json(yaml.safe_load(text)), "")
    return Told(text, "")


def _now_ms() -> Millis:
    return round(time.time() * 1000)
