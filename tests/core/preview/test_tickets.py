"""A ticket with loss policy `fence`: what its loss is foreseen to do, and what is said of it."""

from dataclasses import replace

from ha_core.cli import reasons
from ha_core.commands import Apply, SetTicket
from ha_core.config.model import AgentClass, AgentRef, FenceDevice
from ha_core.fencing.rules import cut_limit_ms
from ha_core.ids import NodeName, ResourceId
from ha_core.preview.foresee import Preview, foresee
from ha_core.snapshot import ClusterSnapshot, TicketSummary
from ha_core.status import FencingStatus
from tests.cli.picture import snapshot_of
from tests.core.policy import case

N1, N2, N3 = NodeName("n1"), NodeName("n2"), NodeName("n3")
WEB = ResourceId("web")
TEXT = """
nodes n1 n2 n3
primitive web
depends web on east loss=fence
on n1 web started
on n2 web stopped
on n3 web stopped
"""
PLUG = FenceDevice("plug", "fence:fence_dummy", targets=(N1, N2))


def picture(*devices: FenceDevice, granted: bool = True) -> ClusterSnapshot:
    made = snapshot_of(case.read(TEXT))
    dummy = replace(made.configuration.primitives[0], agent=AgentRef(AgentClass.OCF, "x", "Dummy"))
    configuration = replace(made.configuration, fence_devices=devices, primitives=(dummy,))
    ticket = TicketSummary("east", granted, False, 0, "ann", "", (WEB,))
    return replace(made, configuration=configuration, tickets=(ticket,))


def revoked(snapshot: ClusterSnapshot) -> Preview:
    return foresee(snapshot, SetTicket("east", granted=False), 0)


def test_revoking_is_foreseen_to_stop_it_and_to_cut_its_node_off() -> None:
    preview = revoked(picture(PLUG))
    assert [(str(step.key.kind), step.key.node) for step in preview.steps] == [("stop", N1)]
    limit_ms = cut_limit_ms(PLUG)
    assert preview.moments == (
        (0, "n1 is to be cut off: ticket east is not granted here, and web ran there"),
        (limit_ms, "plug has proved that n1 is off"),
    )
    assert preview.assumed[:2] == (
        f"fence device plug cuts n1 off within {limit_ms} ms",
        "'loss: fence' of ticket east acts as stop on n3: no fence device ends it",
    )


def test_revoking_without_a_device_is_foreseen_to_stop_it_and_says_so() -> None:
    preview = revoked(picture())
    assert [str(step.key.kind) for step in preview.steps] == ["stop"]
    assert preview.moments == ()
    text = "'loss: fence' of ticket east acts as stop on n1, n2, n3: no fence device ends them"
    assert preview.assumed[0] == text


def test_ticket_in_standby_cuts_nobody_off_in_a_preview_either() -> None:
    preview = foresee(picture(PLUG), SetTicket("east", standby=True), 0)
    assert preview.moments == ()
    assert [str(step.key.kind) for step in preview.steps] == ["stop"]


def test_a_change_of_the_configuration_that_cuts_a_node_off_says_so_beforehand() -> None:
    snapshot = picture(PLUG, granted=False)
    wanted = snapshot.configuration
    preview = foresee(
        replace(snapshot, configuration=replace(wanted, tickets=())), Apply(wanted, "r", 0), 0
    )
    assert [text for _, text in preview.moments][1:] == ["plug has proved that n1 is off"]


def test_why_names_the_policy_and_the_node_that_is_being_cut_off() -> None:
    reason = "ticket east is not granted here, and web ran there"
    cutting = FencingStatus(N1, 1, "cutting", "plug", N2, reason)
    (answer,) = reasons.explain(replace(picture(PLUG, granted=False), fencing=(cutting,)), "web")
    assert answer.reasons[-3:] == (
        "ticket east has 'loss: fence': nodes that run it are cut off",
        "'loss: fence' of ticket east acts as stop on n3: no fence device ends it",
        f"n1 is to be cut off: {reason}",
    )


def test_why_is_silent_on_the_policy_while_the_ticket_is_here() -> None:
    (answer,) = reasons.explain(picture(PLUG), "web")
    assert "cut off" not in "".join(answer.reasons)


def test_missing_device_is_noticed_before_a_ticket_is_lost() -> None:
    text = "'loss: fence' of ticket east acts as stop on n1, n2, n3: no fence device ends them"
    assert text in snapshot_of(case.read(TEXT)).notices
    assert snapshot_of(case.read(TEXT.replace(" loss=fence", ""))).notices == ()
