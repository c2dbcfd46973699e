"""Whatever stands in a CIB's attributes: a plan or a fault, never a trace-back, always the same."""

import re
from typing import Final

from hypothesis import given, settings, strategies as st

from ha_core.errors import ConfigError
from ha_core.policy.cib.read import read_cib
from ha_core.policy.engine.plan import plan
from tests.core.policy.reading.cibs import (
    NOW,
    cib,
    history,
    meta,
    operation,
    pairs,
    primitive,
    transient,
)

OPERATIONS: Final = (
    '<operations><op id="m" name="monitor" interval="10s" on-fail="block"/></operations>'
)
RICH: Final = cib(
    primitive("a", meta("am", failure_timeout="10min", migration_threshold="2") + OPERATIONS)
    + f'<group id="g">{primitive("b")}{primitive("c", meta("cm", allow_migrate="true"))}</group>'
    + f'<clone id="k">{meta("km", promotable="true", clone_max="2", interleave="true")}'
    + f"{primitive('d', agent='Stateful')}</clone>"
    + '<primitive id="f" class="stonith" type="fence_dummy"/>',
    '<rsc_location id="l1" rsc="a" node="n1" score="100" role="Started"/>'
    '<rsc_location id="l2" rsc-pattern="^[ab]"><rule id="r" score="5" boolean-op="or">'
    '<expression id="e" attribute="rack" operation="eq" value="x" type="string"/>'
    '<date_expression id="t" operation="in_range" start="2023-01-01">'
    '<duration id="u" months="24"/></date_expression></rule></rsc_location>'
    '<rsc_colocation id="c1" rsc="a" with-rsc="k" score="INFINITY" with-rsc-role="Promoted"/>'
    '<rsc_order id="o1" first="k" then="a" first-action="promote" then-action="start"/>'
    '<rsc_order id="o2" kind="Serialize"><resource_set id="s1" sequential="false">'
    '<resource_ref id="b"/><resource_ref id="a"/></resource_set></rsc_order>'
    '<rsc_ticket id="t1" rsc="g" ticket="x" loss-policy="fence"/>',
    options={"stonith-enabled": "true", "no-quorum-policy": "demote"},
    inside={"n1": pairs("instance_attributes", {"rack": "x", "standby": "off"})},
    transients={"n1": transient(**{"fail-count-a#monitor_10000": "2", "master-d": "10"})},
    histories={
        "n1": history("a", operation("a", "start"), operation("a", "monitor", rc=7, interval=10000))
        + history("d", operation("d", "promote"))
        + history("c", operation("c", "start"), operation("c", "migrate_to", call=2)),
        "n2": history("d", operation("d", "monitor", rc=7))
        + history("gone", operation("gone", "start", status=-1, expected=0)),
    },
    status='<tickets><ticket_state id="x" granted="false"/></tickets>',
).decode()
VALUES: Final = list(re.finditer(r'"([^"]*)"', RICH))
ODD: Final = [
    *("", "0", "1", "-1", "7", "193", "INFINITY", "-INFINITY", "true", "false", "nothing", "²"),
    *("a", "b", "d:0", "d:9", "g", "k", "n1", "Promoted", "Stopped", "start", "stop", "promote"),
    *("10s", "P1Y", "9" * 400, "9" * 5000, "(a+)+$", "[", "2023-13-45", str(NOW), "member"),
    *("block", "fence", "standby", "demote", "stop_only", "monitor", "migrate_from", "serialize"),
]


def planned(text: str) -> dict[str, object] | None:
    """Return the plan; None if the CIB is at fault."""
    try:
        problem = read_cib(text.encode())
    except ConfigError:
        return None
    return plan(problem).as_value()


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(VALUES) - 1), st.sampled_from(ODD)), min_size=1, max_size=6
    )
)
def test_any_values_lead_to_a_plan_or_to_faults(changes: list[tuple[int, str]]) -> None:
    text = RICH
    for position, value in sorted(dict(changes).items(), reverse=True):
        found = VALUES[position]
        text = text[: found.start(1)] + value + text[found.end(1) :]
    assert planned(text) == planned(text)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(RICH)), st.integers(1, 400))
def test_a_cib_with_a_hole_leads_to_a_plan_or_to_faults(start: int, length: int) -> None:
    text = RICH[:start] + RICH[start + length :]
    assert planned(text) == planned(text)


def test_the_whole_cib_is_planned_without_a_remark() -> None:
    value = planned(RICH)
    assert value is not None
    assert value["placement"]
    assert value["left_out"] == []
